//! The agent's own side: connections, one task each.

use std::future::Future;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::connection::{Connection, Gone, SocketFile};
use super::protocol::{
    Ask, Attach, Caller, FIRST_HEARTBEAT, HEARTBEAT, Holder, LONGEST_LINE, Live, Settled, Status, Tell, Want,
};
use super::store::{Answer, Lease, Store, Turn};
use crate::audit::{Delivery, Log, Record as Audit, Who};
use crate::error::{Error, ErrorKind};
use crate::hardening::Held;
use crate::host::{Host, Process, Stat};
use crate::session::{Pace, Record};
use crate::time::micros;

/// Connections at once. Each client has one for each session it waits for.
const MOST_CONNECTIONS: usize = 1024;
/// Sessions asked for in a second, for each account and region: STS allows 600 to all its callers together.
const RATE: f64 = 20.0;
/// Between looks at the clock: a machine that slept has not counted on.
const LOOK: Duration = Duration::from_secs(10);
/// Between records of refused connections.
const BETWEEN_REFUSALS: Duration = Duration::from_secs(10);
/// A client that has been told a session has nothing more to say for long.
const IDLE: Duration = Duration::from_secs(30);

/// How an agent is run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where its socket is; it ends when that is another's, or gone. `None` where somebody else keeps the socket.
    pub socket: Option<PathBuf>,
    /// It ends so long after its last client and its last live session.
    pub idle: Duration,
}

/// Keeps sessions and grants leases until it is stopped, or has been idle for long enough, or `shutdown`.
///
/// # Errors
/// [`crate::ErrorKind::Unavailable`] when the system gives no randomness for the key that seals sessions,
/// [`crate::ErrorKind::Config`] when `ROLECALL_KEY_MEMORY` says something else than `secret` or `locked`.
pub async fn serve(
    host: &Host,
    listener: UnixListener,
    options: Options,
    shutdown: impl Future<Output = ()>,
) -> Result<(), Error> {
    let server = Arc::new(Server {
        host: host.clone(),
        store: Store::new(key_memory(host)?)?,
        pace: Pace::of(RATE),
        clients: AtomicUsize::new(0),
        last_seen: Mutex::new(Instant::now()),
        stop: Notify::new(),
        log: Log::of(host),
        refused_at: Mutex::default(),
        started_at: host.now(),
    });
    let mut tasks = JoinSet::new();
    let mut shutdown = std::pin::pin!(shutdown);
    let mut look = std::pin::pin!(server.look_around(&options));
    loop {
        tokio::select! {
            () = &mut shutdown => break,
            () = server.stop.notified() => break,
            () = &mut look => break,
            Some(_) = tasks.join_next(), if !tasks.is_empty() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) if tasks.len() < MOST_CONNECTIONS => {
                    tasks.spawn(Arc::clone(&server).admit(stream));
                }
                // Over the cap they are closed without a word: their clients go on without the agent.
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "cannot accept a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            },
        }
    }
    // Nobody finds it from here on; who has found it already is told that it is gone.
    drop(listener);
    server.store.forget(None, host.now());
    tasks.shutdown().await;
    Ok(())
}

struct Server {
    host: Host,
    store: Arc<Store>,
    pace: Pace,
    clients: AtomicUsize,
    /// When there last was a client or a live session. On the clock that nobody sets: one that was set back would keep
    /// the agent for as long, and one that was set forward end it at once.
    last_seen: Mutex<Instant>,
    stop: Notify,
    log: Log,
    /// When a connection of another user's was last recorded as refused.
    refused_at: Mutex<Option<Instant>>,
    started_at: SystemTime,
}

impl Server {
    /// Lets go what has ended. Returns when the agent is to end: idle for long enough, or its socket is not its own any
    /// more, so that nobody could find it.
    async fn look_around(&self, options: &Options) {
        let socket = options.socket.as_deref().map(SocketFile::at);
        loop {
            sleep(LOOK.min(options.idle / 2)).await;
            let has_live = self.store.sweep(self.host.now());
            if socket.as_ref().is_some_and(|socket| !socket.is_still_there()) {
                tracing::info!("the agent's socket is gone, and so is the agent");
                return;
            }
            if has_live || self.clients.load(Ordering::SeqCst) > 0 {
                self.is_seen();
                continue;
            }
            let last_seen = *self.last_seen.lock().unwrap_or_else(PoisonError::into_inner);
            if last_seen.elapsed() >= options.idle {
                tracing::info!("nobody needs the agent any more");
                return;
            }
        }
    }

    fn is_seen(&self) {
        *self.last_seen.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    async fn admit(self: Arc<Self>, stream: UnixStream) {
        let end = match Connection::admit(stream, LONGEST_LINE) {
            Ok(end) => end,
            Err(Some(stranger)) => return self.refuse(stranger).await,
            Err(None) => return,
        };
        let _client = Client::of(Arc::clone(&self));
        Conversation { end, server: self }.run().await;
    }

    /// Another user's connection is closed without a word, and recorded. A flood of them fills no disk.
    async fn refuse(&self, process: Process) {
        let is_first = {
            let mut refused_at = self.refused_at.lock().unwrap_or_else(PoisonError::into_inner);
            let is_first = refused_at.is_none_or(|at| at.elapsed() >= BETWEEN_REFUSALS);
            if is_first {
                *refused_at = Some(Instant::now());
            }
            is_first
        };
        if is_first {
            let error = Error::new(ErrorKind::Denied, "another user's process");
            self.note(Audit::refuse(&error, &Who::from(process), Delivery::Agent))
                .await;
        }
    }

    /// Writes a record off the thread that all connections share, for it waits for the disk.
    async fn note(&self, record: Audit) {
        if self.log.is_on() {
            let log = self.log.clone();
            let _ = tokio::task::spawn_blocking(move || log.note(&record)).await;
        }
    }

    fn status(&self) -> Status {
        let (sessions, leases) = self.store.counts();
        Status {
            pid: std::process::id(),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            sessions,
            leases,
            clients: self.clients.load(Ordering::SeqCst).saturating_sub(1),
            started_at: micros(self.started_at),
            key_memory: self.store.held().name().to_owned(),
        }
    }
}

/// A client that is counted for as long as it is there.
struct Client(Arc<Server>);

impl Client {
    fn of(server: Arc<Server>) -> Self {
        server.clients.fetch_add(1, Ordering::SeqCst);
        Self(server)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.0.clients.fetch_sub(1, Ordering::SeqCst);
        self.0.is_seen();
    }
}

/// What is said on one connection.
struct Conversation {
    end: Connection,
    server: Arc<Server>,
}

impl Conversation {
    async fn run(mut self) {
        while let Ok(ask) = self.end.hear(IDLE).await {
            if self.answer(ask).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self, ask: Ask) -> Result<(), Gone> {
        let server = Arc::clone(&self.server);
        match ask {
            Ask::Peek(want) => {
                let want = want.bounded();
                let holder = self.holder(&want.who);
                let answer = server.store.peek(&want, &holder, server.host.now());
                self.tell_answer(answer).await
            }
            Ask::Acquire(want) => self.acquire(want.bounded()).await,
            Ask::Attach(attach) => self.attach(attach).await,
            Ask::Sessions => self.tell_live(server.store.live(server.host.now())).await,
            Ask::Forget(keys) => {
                let wiped = server.store.forget(keys.as_deref(), server.host.now());
                server.store.tell_wiped(keys.as_deref());
                self.note_wiped(wiped.len()).await;
                self.tell_live(wiped).await
            }
            Ask::Status => self.end.tell(&Tell::Status(server.status())).await,
            Ask::Stop => {
                let wiped = server.store.forget(None, server.host.now());
                self.note_wiped(wiped.len()).await;
                // Whether or not the other side waits for the answer.
                let told = self.end.tell(&Tell::Done).await;
                server.stop.notify_one();
                told.and(Err(Gone))
            }
            Ask::Settle(_) => {
                self.end
                    .tell(&Tell::Misunderstood {
                        why: "there is no lease on this connection".to_owned(),
                    })
                    .await?;
                Err(Gone)
            }
        }
    }

    async fn note_wiped(&self, count: usize) {
        let who = Who::from(self.end.process().clone());
        let record = Audit::wipe(count as u64, &who, Delivery::Agent);
        self.server.note(record).await;
    }

    fn holder(&self, caller: &Caller) -> Holder {
        let mut process = self.end.process().clone();
        // The kernel hides the executable of a hardened process; its own word is as good, for nothing depends on it.
        process.executable = process.executable.or_else(|| caller.executable.clone());
        Holder {
            process,
            caller: caller.clone(),
        }
    }

    /// One line each: all of them in one could be longer than a line may be.
    async fn tell_live(&mut self, live: Vec<Live>) -> Result<(), Gone> {
        for live in live {
            self.end.tell(&Tell::Live(Box::new(live))).await?;
        }
        self.end.tell(&Tell::Done).await
    }

    async fn tell_answer(&mut self, answer: Answer) -> Result<(), Gone> {
        let tell = match answer {
            Answer::Session(given) => Tell::Session(given),
            Answer::Refused(failure) => Tell::Refused(failure),
            Answer::Nothing | Answer::Lease(..) | Answer::Wait(..) => Tell::Nothing,
        };
        self.end.tell(&tell).await
    }

    async fn acquire(&mut self, want: Want) -> Result<(), Gone> {
        let server = Arc::clone(&self.server);
        let holder = self.holder(&want.who);
        loop {
            match server.store.acquire(&want, &holder, server.host.now()) {
                Answer::Lease(lease, valid) => {
                    return self.hold(&want, lease, valid).await;
                }
                Answer::Wait(whom, turn) => match self.wait(&want, whom, turn).await? {
                    Turn::Look => {}
                    Turn::Refused(failure) => {
                        let answer = server.store.refused(&want, failure, server.host.now());
                        return self.tell_answer(answer).await;
                    }
                    Turn::Yours(lease) => {
                        let now = server.host.now();
                        server.store.is_held_by(&lease, &holder, now);
                        let valid = server.store.valid(want.key, want.not.as_deref(), now);
                        return self.hold(&want, lease, valid).await;
                    }
                },
                answer => return self.tell_answer(answer).await,
            }
        }
    }

    /// Waits for the lease that somebody else holds, and says so again and again. Should they be stopped, it is taken away.
    async fn wait(
        &mut self,
        want: &Want,
        whom: Holder,
        mut turn: tokio::sync::oneshot::Receiver<Turn>,
    ) -> Result<Turn, Gone> {
        let mut heartbeat = FIRST_HEARTBEAT;
        loop {
            self.end.tell(&Tell::Wait(whom.clone())).await?;
            tokio::select! {
                biased;
                taken = &mut turn => return taken.map_err(|_| Gone),
                gone = self.end.end() => return Err(gone),
                () = sleep(std::mem::replace(&mut heartbeat, HEARTBEAT)) => {
                    let is_stopped = |holder: &Holder| Stat::of(holder.process.pid).is_some_and(|stat| stat.is_stopped);
                    self.server.store.revoke_if_stuck(want.key, self.server.host.now(), is_stopped);
                }
            }
        }
    }

    /// Grants the lease, and takes in what it brings.
    async fn hold(&mut self, want: &Want, lease: Lease, valid: Option<Record>) -> Result<(), Gone> {
        let server = Arc::clone(&self.server);
        let bucket = &want.about.account_and_region;
        // So many in a second, whoever they are for: the next one is told what everybody who waits is told.
        let mut turn = std::pin::pin!(server.pace.turn(bucket));
        let mut heartbeat = FIRST_HEARTBEAT;
        loop {
            tokio::select! {
                biased;
                () = &mut turn => break,
                gone = self.end.end() => return Err(gone),
                () = sleep(std::mem::replace(&mut heartbeat, HEARTBEAT)) => self.end.tell(&Tell::Paced).await?,
            }
        }
        self.end.tell(&Tell::Lease { valid }).await?;
        match self.end.hear(Duration::MAX).await? {
            Ask::Settle(Settled::Minted(record)) => {
                let kept = server
                    .store
                    .deposit(lease, &want.about, &record, server.host.now());
                match kept {
                    Ok(()) => self.end.tell(&Tell::Done).await,
                    Err(error) => {
                        let why = error.to_string();
                        self.end.tell(&Tell::Misunderstood { why }).await?;
                        Err(Gone)
                    }
                }
            }
            Ask::Settle(Settled::Failed(failure)) => {
                if failure.is_throttling() {
                    server.pace.slow_down(bucket);
                }
                server.store.fail(lease, &failure.bounded(), server.host.now());
                self.end.tell(&Tell::Done).await
            }
            _ => Err(Gone),
        }
    }

    /// Stays, and is told of wiped sessions.
    async fn attach(&mut self, attach: Attach) -> Result<(), Gone> {
        let attach = attach.bounded();
        let server = Arc::clone(&self.server);
        let holder = self.holder(&attach.who);
        let (id, mut wiped) = server.store.attach(attach, holder);
        let _detached = Detach {
            store: &server.store,
            id,
        };
        self.end.tell(&Tell::Done).await?;
        loop {
            tokio::select! {
                gone = self.end.end() => return Err(gone),
                keys = wiped.recv() => match keys {
                    Some(keys) => self.end.tell(&Tell::Wiped(keys)).await?,
                    None => return Err(Gone),
                },
            }
        }
    }
}

/// Detaches however the connection ends.
struct Detach<'a> {
    store: &'a Store,
    id: u64,
}

impl Drop for Detach<'_> {
    fn drop(&mut self) {
        self.store.detach(self.id);
    }
}

/// `ROLECALL_KEY_MEMORY`: `secret`, as it is anyway, or `locked`, on a machine that has to hibernate.
fn key_memory(host: &Host) -> Result<Held, Error> {
    match host.env("ROLECALL_KEY_MEMORY") {
        None | Some("secret") => Ok(Held::Secret),
        Some("locked") => Ok(Held::Locked),
        Some(other) => Err(Error::config(format!("ROLECALL_KEY_MEMORY is `{other}`"))
            .with_hint("It takes `secret`, which it is anyway, or `locked`, for a machine that hibernates.")),
    }
}

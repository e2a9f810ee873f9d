//! A client's side: finds the agent, starts it where it may, and asks it. Whatever goes wrong, the client goes on alone.

use std::fmt;
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::launch::Launch;
use super::protocol::{
    About, Ask, Attach, Caller, Failure, HEARTBEAT, Holder, LONGEST_LINE, Live, PATIENCE, Settled, Status,
    Tell, Want,
};
use super::wire::{Away, Stream, Talk, connected, reached, unexpected};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::session::{Record, Session, SessionKey};

/// A way to the agent of this user. Cheap to clone.
#[derive(Clone)]
pub struct Agent(Arc<Inner>);

struct Inner {
    host: Host,
    socket: PathBuf,
    launch: Option<Launch>,
    caller: Caller,
    /// That it is of no use is said once.
    has_told: AtomicBool,
    /// It did not answer: it is not asked again before this.
    mute_until: Mutex<Option<Instant>>,
}

/// How long an agent that did not answer is left alone: what can be done without it is not held up by it each time.
const MUTE: Duration = Duration::from_secs(30);
/// More sessions than an agent keeps.
const LONGEST_LIST: usize = 100_000;
const HINT: &str = "Commands work without it, only less shared; ROLECALL_AGENT=off turns it off.";

/// A session that the agent had.
#[derive(Debug)]
pub struct Peeked {
    /// The session.
    pub session: Session,
    /// It is time for a successor, and this asker is the one to get it: nobody else was told so.
    pub is_yours_to_renew: bool,
}

/// What the agent has for somebody who wants a session.
#[derive(Debug)]
pub enum Acquired {
    /// It had one, or somebody else has just got one.
    Session(Box<Peeked>),
    /// The asker gets it, and settles the lease; what is still valid is to be served should that fail.
    Lease(Lease, Option<Session>),
    /// Somebody else was refused it.
    Refused(Error),
    /// There is no agent to speak of: one is on one's own.
    Alone,
}

/// The right to get one session. It dies with its connection.
#[derive(Debug)]
pub struct Lease {
    stream: Stream,
}

/// A connection on which the agent says which sessions were wiped.
#[derive(Debug)]
pub struct Attachment {
    stream: Stream,
}

impl Agent {
    /// Whether there is to be an agent: `ROLECALL_AGENT=off` says no.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when `ROLECALL_AGENT` is neither `on` nor `off`.
    pub fn is_wanted(host: &Host) -> Result<bool, Error> {
        match host.env("ROLECALL_AGENT") {
            None | Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(other) => Err(Error::config(format!("ROLECALL_AGENT is `{other}`"))
                .with_hint("It takes `on`, which it is anyway, or `off`.")),
        }
    }

    /// The agent of this user, whether or not it runs.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no runtime directory to be had for its socket.
    pub fn of(host: &Host, caller: Caller) -> Result<Self, Error> {
        Ok(Self(Arc::new(Inner {
            socket: host.runtime_dir()?.join("agent.sock"),
            host: host.clone(),
            launch: None,
            caller,
            has_told: AtomicBool::new(false),
            mute_until: Mutex::default(),
        })))
    }

    /// The same, started where it does not run: `program` with `arguments` becomes the agent, with the listening socket as
    /// its standard input and next to nothing of this process's environment.
    #[must_use]
    pub fn started_by(self, program: PathBuf, arguments: &[&str]) -> Self {
        let it = self.0;
        Self(Arc::new(Inner {
            launch: Some(Launch::of(&it.host, "the agent", HINT, program, arguments)),
            host: it.host.clone(),
            socket: it.socket.clone(),
            caller: it.caller.clone(),
            has_told: AtomicBool::new(false),
            mute_until: Mutex::default(),
        }))
    }

    /// Where its socket is.
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// The session, if the agent has one that can be handed out now. Blocks for two seconds at most, needs no runtime, and
    /// starts no agent: where there is none there is no session either.
    pub fn peek(&self, key: SessionKey, about: &About) -> Option<Peeked> {
        self.look(Ask::Peek(self.want(key, None, false, about)))
    }

    /// Whether there is one that [`Agent::peek`] would give, and which; whoever looks does not use it, and is not told to
    /// renew it.
    pub fn glance(&self, key: SessionKey, about: &About) -> Option<Session> {
        let want = Want {
            is_glance: true,
            ..self.want(key, None, false, about)
        };
        self.look(Ask::Peek(want)).map(|peeked| peeked.session)
    }

    fn look(&self, ask: Ask) -> Option<Peeked> {
        let tell = self.talk(&ask).and_then(|mut talk| talk.hear(PATIENCE));
        match tell {
            Ok(Tell::Session(given)) => peeked(&given.record, given.is_yours_to_renew),
            Ok(_) => None,
            Err(away) => {
                self.told(&away);
                None
            }
        }
    }

    /// The session, or the lease to get it; waits for whoever is getting it. `not` is the access key id of one that is no
    /// help, `is_rejected` where AWS refuses it.
    pub async fn acquire(
        &self,
        key: SessionKey,
        not: Option<&str>,
        is_rejected: bool,
        about: &About,
        on_wait: impl Fn(&Holder),
    ) -> Acquired {
        let ask = Ask::Acquire(self.want(key, not, is_rejected, about));
        // One that ends just now is not there any more for the second try, and is started.
        for _ in 0..2 {
            match self.acquire_once(&ask, &on_wait).await {
                Ok(acquired) => return acquired,
                Err(away @ Away::Lost(_)) => self.told(&away),
                Err(away) => {
                    self.told(&away);
                    return Acquired::Alone;
                }
            }
        }
        Acquired::Alone
    }

    async fn acquire_once(&self, ask: &Ask, on_wait: &impl Fn(&Holder)) -> Result<Acquired, Away> {
        let agent = self.clone();
        // A full queue, and the lock of who starts it, may take their time: that is no time of the runtime's.
        let connected = tokio::task::spawn_blocking(move || agent.connect()).await;
        let connected = connected.map_err(|error| Away::Lost(error.to_string()))??;
        let mut stream = Stream::of(connected)?;
        stream.say(ask).await?;
        let mut patience = PATIENCE;
        loop {
            match stream.hear(patience).await? {
                Tell::Session(given) => {
                    let peeked = peeked(&given.record, given.is_yours_to_renew)
                        .ok_or_else(|| Away::Lost("it answered with half a session".to_owned()))?;
                    return Ok(Acquired::Session(Box::new(peeked)));
                }
                Tell::Lease { valid } => {
                    let valid = valid.as_ref().and_then(Session::from_record);
                    return Ok(Acquired::Lease(Lease { stream }, valid));
                }
                Tell::Wait(holder) => {
                    on_wait(&holder);
                    patience = 3 * HEARTBEAT;
                }
                Tell::Paced => patience = 3 * HEARTBEAT,
                Tell::Refused(failure) => return Ok(Acquired::Refused(failure.into_error())),
                other => return Err(unexpected(other)),
            }
        }
    }

    /// Stays connected, so that the agent lives as long as this process, shows it to people, and tells it what was wiped.
    /// `None` where there is no agent to speak of; none is started for it.
    pub async fn attach(&self, keys: &[SessionKey]) -> Option<Attachment> {
        let attach = Attach {
            keys: keys.to_vec(),
            who: self.0.caller.clone(),
        };
        let attached = async {
            let mut stream = Stream::of(self.open()?)?;
            stream.say(&Ask::Attach(attach)).await?;
            match stream.hear(PATIENCE).await? {
                Tell::Done => Ok(Attachment { stream }),
                other => Err(unexpected(other)),
            }
        };
        attached.await.map_err(|away: Away| self.told(&away)).ok()
    }

    /// What is live; `None` where no agent runs.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it does not answer, or is of another version.
    pub fn sessions(&self) -> Result<Option<Vec<Live>>, Error> {
        self.list(&Ask::Sessions)
    }

    /// Wipes these sessions at once, or all, wherever the agent reaches: in itself, and in who is attached. Says which it
    /// had; `None` where no agent runs.
    ///
    /// # Errors
    /// As [`Agent::sessions`].
    pub fn forget(&self, keys: Option<&[SessionKey]>) -> Result<Option<Vec<Live>>, Error> {
        self.list(&Ask::Forget(keys.map(<[SessionKey]>::to_vec)))
    }

    fn list(&self, ask: &Ask) -> Result<Option<Vec<Live>>, Error> {
        let listed = self.talk(ask).and_then(|mut talk| {
            let mut list = Vec::new();
            loop {
                match talk.hear(PATIENCE)? {
                    Tell::Live(live) if list.len() < LONGEST_LIST => list.push(*live),
                    Tell::Done => return Ok(list),
                    other => return Err(unexpected(other)),
                }
            }
        });
        match listed {
            Ok(list) => Ok(Some(list)),
            Err(Away::Absent) => Ok(None),
            Err(away) => Err(self.error(&away)),
        }
    }

    /// How the agent is; `None` where none runs.
    ///
    /// # Errors
    /// As [`Agent::sessions`].
    pub fn status(&self) -> Result<Option<Status>, Error> {
        self.command(&Ask::Status, |tell| match tell {
            Tell::Status(status) => Some(status),
            _ => None,
        })
    }

    /// Wipes everything and ends the agent; `None` where none runs.
    ///
    /// # Errors
    /// As [`Agent::sessions`].
    pub fn stop(&self) -> Result<Option<()>, Error> {
        self.command(&Ask::Stop, done)
    }

    /// Starts the agent, where it does not run.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it cannot be started.
    pub fn start(&self) -> Result<(), Error> {
        match (self.open(), &self.0.launch) {
            (Ok(_), _) => Ok(()),
            (Err(_), Some(launch)) => launch.start(&self.0.socket, &self.0.host),
            (Err(away), None) => Err(self.error(&away)),
        }
    }

    fn command<T>(&self, ask: &Ask, take: impl FnOnce(Tell) -> Option<T>) -> Result<Option<T>, Error> {
        let away = match self.talk(ask).and_then(|mut talk| talk.hear(PATIENCE)) {
            Ok(tell @ Tell::Misunderstood { .. }) => unexpected(tell),
            Ok(tell) => match take(tell) {
                Some(taken) => return Ok(Some(taken)),
                None => unexpected(Tell::Nothing),
            },
            Err(Away::Absent) => return Ok(None),
            Err(away) => away,
        };
        Err(self.error(&away))
    }

    fn want(&self, key: SessionKey, not: Option<&str>, is_rejected: bool, about: &About) -> Want {
        Want {
            key,
            not: not.map(str::to_owned),
            is_rejected,
            is_glance: false,
            about: about.clone(),
            who: self.0.caller.clone(),
        }
    }

    /// Says something over a connection of its own, without a runtime.
    fn talk(&self, ask: &Ask) -> Result<Talk, Away> {
        Talk::begin(self.open()?, ask, LONGEST_LINE)
    }

    /// A connection; the agent is started where it may be. Blocks for some seconds at most.
    fn connect(&self) -> Result<BlockingStream, Away> {
        self.is_heard()?;
        reached(&self.0.socket, self.0.launch.as_ref(), &self.0.host)
    }

    fn open(&self) -> Result<BlockingStream, Away> {
        self.is_heard()?;
        connected(&self.0.socket)
    }

    /// One that has just not answered is not asked again for a while.
    fn is_heard(&self) -> Result<(), Away> {
        let mute_until = *lock(&self.0.mute_until);
        match mute_until {
            Some(until) if Instant::now() < until => Err(Away::Mute),
            _ => Ok(()),
        }
    }

    /// Says once why there is no agent, where that is not as it should be.
    fn told(&self, away: &Away) {
        match away {
            Away::Absent => tracing::debug!("no agent runs"),
            Away::Lost(why) => tracing::debug!(why, "the agent was lost"),
            Away::Mute => {
                *lock(&self.0.mute_until) = Some(Instant::now() + MUTE);
                self.tell_once(away.why());
            }
            Away::Foreign(why) => {
                self.tell_once(&format!("{why}; `rolecall agent stop` of that release ends it"));
            }
            Away::Useless(why) => self.tell_once(why),
        }
    }

    fn tell_once(&self, why: &str) {
        if !self.0.has_told.swap(true, Ordering::Relaxed) {
            tracing::warn!("going on without the agent: {why}");
        }
    }

    fn error(&self, away: &Away) -> Error {
        let (socket, why) = (self.0.socket.display(), away.why());
        let error = Error::new(
            ErrorKind::Unavailable,
            format!("the agent at {socket} is of no use: {why}"),
        );
        match away {
            Away::Foreign(_) => error.with_hint("`rolecall agent stop` of that release ends it."),
            _ => error.with_hint(HINT),
        }
    }
}

impl fmt::Debug for Agent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Agent")
            .field("socket", &self.0.socket)
            .finish_non_exhaustive()
    }
}

impl Lease {
    /// Tells the agent what came of it. Whoever waits for the session has it then, or has what was refused.
    pub async fn settle(mut self, outcome: &Result<Session, Error>) {
        let settled = match outcome {
            Ok(session) => Settled::Minted(session.record()),
            Err(error) => Settled::Failed(Failure::of(error)),
        };
        // An agent that is gone has nobody left to tell.
        if self.stream.say(&Ask::Settle(settled)).await.is_ok() {
            let heard = self.stream.hear(PATIENCE).await;
            if !matches!(heard, Ok(Tell::Done)) {
                tracing::debug!(?heard, "the agent did not take in what it was told");
            }
        }
    }
}

impl Attachment {
    /// Which sessions were wiped; without a list, all. `None` when the agent is gone.
    pub async fn wiped(&mut self) -> Option<Option<Vec<SessionKey>>> {
        match self.stream.hear(Duration::MAX).await {
            Ok(Tell::Wiped(keys)) => Some(keys),
            _ => None,
        }
    }
}

fn peeked(record: &Record, is_yours_to_renew: bool) -> Option<Peeked> {
    Some(Peeked {
        session: Session::from_record(record)?,
        is_yours_to_renew,
    })
}

/// A panic elsewhere leaves nothing half-written there, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn done(tell: Tell) -> Option<()> {
    matches!(tell, Tell::Done).then_some(())
}

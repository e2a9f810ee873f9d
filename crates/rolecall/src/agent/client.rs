//! A client's side: finds the agent, starts it where it may, and asks it. Whatever goes wrong, the client goes on alone.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::net::sockopt::Timeout;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::launch::Launch;
use super::line::Lines;
use super::protocol::{
    About, Ask, Attach, Caller, Failure, Garbled, HEARTBEAT, Holder, Live, PATIENCE, Settled, Status, Tell,
    Want, read, written,
};
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
}

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

/// Why there is no agent to speak of.
#[derive(Debug)]
pub(super) enum Away {
    /// Nobody listens.
    Absent,
    /// Something is wrong with it, in words.
    Useless(String),
    /// It was there, and is gone or does not answer.
    Lost(String),
}

impl From<io::Error> for Away {
    fn from(error: io::Error) -> Self {
        Self::Lost(error.to_string())
    }
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
        })))
    }

    /// The same, started where it does not run: `program` with `arguments` becomes the agent, with the listening socket as
    /// its standard input and next to nothing of this process's environment.
    #[must_use]
    pub fn started_by(self, program: PathBuf, arguments: &[&str]) -> Self {
        let it = self.0;
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Self(Arc::new(Inner {
            launch: Some(Launch::of(&it.host, program, arguments)),
            host: it.host.clone(),
            socket: it.socket.clone(),
            caller: it.caller.clone(),
            has_told: AtomicBool::new(false),
        }))
    }

    /// Where its socket is.
    pub fn socket(&self) -> &Path {
        &self.0.socket
    }

    /// The session, if the agent has one that can be handed out now. Blocks for two seconds at most, needs no runtime, and
    /// starts no agent: where there is none there is no session either.
    pub fn peek(&self, key: SessionKey, about: &About) -> Option<Peeked> {
        let tell = self.ask_blocking(&Ask::Peek(self.want(key, None, false, about)));
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
                Err(away @ Away::Lost(_)) => tracing::debug!(?away, "the agent was lost"),
                Err(away) => {
                    self.told(&away);
                    return Acquired::Alone;
                }
            }
        }
        Acquired::Alone
    }

    async fn acquire_once(&self, ask: &Ask, on_wait: &impl Fn(&Holder)) -> Result<Acquired, Away> {
        let mut stream = self.connect()?;
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
                Tell::Refused(failure) => return Ok(Acquired::Refused(failure.into_error())),
                other => return Err(unexpected(other)),
            }
        }
    }

    /// Stays connected, so that the agent lives as long as this process, shows it to people, and tells it what was wiped.
    /// `None` where there is no agent to speak of; none is started for it.
    pub async fn attach(&self, keys: &[SessionKey], about: &About) -> Option<Attachment> {
        let attach = Attach {
            keys: keys.to_vec(),
            about: about.clone(),
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
        self.command(&Ask::Sessions, |tell| match tell {
            Tell::Sessions(live) => Some(live),
            _ => None,
        })
    }

    /// Wipes these sessions at once, or all, wherever the agent reaches: in itself, and in who is attached. `None` where no
    /// agent runs.
    ///
    /// # Errors
    /// As [`Agent::sessions`].
    pub fn forget(&self, keys: Option<&[SessionKey]>) -> Result<Option<()>, Error> {
        self.command(&Ask::Forget(keys.map(<[SessionKey]>::to_vec)), done)
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
            (Err(_), Some(launch)) => launch.start(&self.0.socket, &self.0.host, || self.open().is_ok()),
            (Err(away), None) => Err(self.error(&away)),
        }
    }

    fn command<T>(&self, ask: &Ask, take: impl FnOnce(Tell) -> Option<T>) -> Result<Option<T>, Error> {
        let away = match self.ask_blocking(ask) {
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
            about: about.clone(),
            who: self.0.caller.clone(),
        }
    }

    fn ask_blocking(&self, ask: &Ask) -> Result<Tell, Away> {
        let mut stream = self.open()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(&written(ask))?;
        let mut lines = Lines::new();
        loop {
            if let Some(line) = lines.next() {
                return understood(&line);
            }
            let space = lines
                .space()
                .map_err(|_| Away::Useless("its answer has no end".to_owned()))?;
            match stream.read(space)? {
                0 => return Err(Away::Lost("it closed the connection".to_owned())),
                length => lines.read(length),
            }
        }
    }

    /// A connection for a runtime; the agent is started where it may be.
    fn connect(&self) -> Result<Stream, Away> {
        let stream = match (self.open(), &self.0.launch) {
            (Err(Away::Absent), Some(launch)) => {
                launch
                    .start(&self.0.socket, &self.0.host, || self.open().is_ok())
                    .map_err(|error| Away::Useless(error.to_string()))?;
                self.open()?
            }
            (outcome, _) => outcome?,
        };
        Stream::of(stream)
    }

    fn open(&self) -> Result<BlockingStream, Away> {
        open(&self.0.socket)
    }

    /// Says once why there is no agent, where that is not as it should be.
    fn told(&self, away: &Away) {
        match away {
            Away::Absent => tracing::debug!("no agent runs"),
            Away::Lost(why) => tracing::debug!(why, "the agent was lost"),
            Away::Useless(why) => {
                if !self.0.has_told.swap(true, Ordering::Relaxed) {
                    tracing::warn!("going on without the agent: {why}");
                }
            }
        }
    }

    fn error(&self, away: &Away) -> Error {
        let why = match away {
            Away::Absent => "it does not run",
            Away::Useless(why) | Away::Lost(why) => why,
        };
        Error::new(
            ErrorKind::Unavailable,
            format!("the agent at {} is of no use: {why}", self.0.socket.display()),
        )
        .with_hint("Commands work without it, only less shared; ROLECALL_AGENT=off turns it off.")
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

/// A connection to somebody of our own user. Blocks for a second at most, where more want one than the agent can take.
pub(super) fn open(path: &Path) -> Result<BlockingStream, Away> {
    use rustix::net::{
        AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt,
    };

    let address = SocketAddrUnix::new(path).map_err(|_| {
        Away::Useless(format!(
            "the path of its socket, {}, is longer than a socket's may be; ROLECALL_RUNTIME_DIR names a shorter one",
            path.display()
        ))
    })?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(io::Error::from)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(Duration::from_secs(1)))
        .map_err(io::Error::from)?;
    match connect(&socket, &address) {
        Ok(()) => {}
        Err(rustix::io::Errno::NOENT | rustix::io::Errno::CONNREFUSED | rustix::io::Errno::NOTSOCK) => {
            return Err(Away::Absent);
        }
        Err(error) => return Err(io::Error::from(error).into()),
    }
    let stream = BlockingStream::from(socket);
    is_ours(&stream)?;
    Ok(stream)
}

#[derive(Debug)]
struct Stream {
    stream: UnixStream,
    lines: Lines,
}

impl Stream {
    fn of(stream: BlockingStream) -> Result<Self, Away> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream)?,
            lines: Lines::new(),
        })
    }

    async fn say(&mut self, ask: &Ask) -> Result<(), Away> {
        let line = written(ask);
        match timeout(PATIENCE, self.stream.write_all(&line)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Away::Lost("it does not read".to_owned())),
        }
    }

    async fn hear(&mut self, patience: Duration) -> Result<Tell, Away> {
        let hear = async {
            loop {
                if let Some(line) = self.lines.next() {
                    return understood(&line);
                }
                let space = self
                    .lines
                    .space()
                    .map_err(|_| Away::Useless("its answer has no end".to_owned()))?;
                match self.stream.read(space).await? {
                    0 => return Err(Away::Lost("it closed the connection".to_owned())),
                    length => self.lines.read(length),
                }
            }
        };
        timeout(patience, hear)
            .await
            .unwrap_or_else(|_| Err(Away::Lost("it does not answer".to_owned())))
    }
}

fn peeked(record: &Record, is_yours_to_renew: bool) -> Option<Peeked> {
    Some(Peeked {
        session: Session::from_record(record)?,
        is_yours_to_renew,
    })
}

fn done(tell: Tell) -> Option<()> {
    matches!(tell, Tell::Done).then_some(())
}

fn understood(line: &[u8]) -> Result<Tell, Away> {
    match read(line) {
        Ok(Tell::OtherVersion { speaks, release }) => Err(Away::Useless(format!(
            "it is rolecall {release} and speaks version {speaks} of their language, this is {}; \
             `rolecall agent stop` of that release ends it",
            env!("CARGO_PKG_VERSION")
        ))),
        Ok(tell) => Ok(tell),
        Err(Garbled::Version(version)) => Err(Away::Useless(format!(
            "it speaks version {version} of their language, this is {}; `rolecall agent stop` of that release ends it",
            super::protocol::VERSION
        ))),
        Err(Garbled::Nonsense(why)) => Err(Away::Useless(format!("it answered with {why}"))),
    }
}

fn unexpected(tell: Tell) -> Away {
    match tell {
        Tell::Misunderstood { why } => Away::Useless(format!("it did not understand: {why}")),
        _ => Away::Useless("it answered something else than what was asked".to_owned()),
    }
}

/// Nothing is said to another user's process, whatever it is that listens there.
#[cfg(target_os = "linux")]
fn is_ours(stream: &BlockingStream) -> Result<(), Away> {
    let peer = rustix::net::sockopt::socket_peercred(stream).map_err(io::Error::from)?;
    if peer.uid == rustix::process::geteuid() {
        return Ok(());
    }
    Err(Away::Useless(format!(
        "its socket belongs to user {}",
        peer.uid.as_raw()
    )))
}

/// Here only the directory says whose the socket is. Untested.
#[cfg(not(target_os = "linux"))]
fn is_ours(_stream: &BlockingStream) -> Result<(), Away> {
    Ok(())
}

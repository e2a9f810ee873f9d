//! The client's end of a connection, with a runtime and without.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream as BlockingStream;
use std::path::Path;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::{Instant, timeout};

use super::launch::Launch;
use super::line::Lines;
use super::protocol::{Ask, Garbled, LONGEST_LINE, PATIENCE, Tell, VERSION, read, written};
use crate::host::Host;

/// Why there is no agent to speak of.
#[derive(Debug)]
pub(super) enum Away {
    /// Nobody listens.
    Absent,
    /// It is of another release, in words.
    Foreign(String),
    /// Something is wrong with it, in words.
    Useless(String),
    /// It was there, and is gone.
    Lost(String),
    /// It is there, and does not answer.
    Mute,
}

impl From<io::Error> for Away {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            // As a socket's own timeout says it.
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Self::Mute,
            _ => Self::Lost(error.to_string()),
        }
    }
}

impl Away {
    /// In words.
    pub(super) fn why(&self) -> &str {
        match self {
            Self::Absent => "it does not run",
            Self::Mute => "it does not answer",
            Self::Foreign(why) | Self::Useless(why) | Self::Lost(why) => why,
        }
    }
}

/// A connection to whoever is behind a socket, started where it may be. Blocks for some seconds at most.
pub(super) fn reached(
    socket_path: &Path,
    launch: Option<&Launch>,
    host: &Host,
) -> Result<BlockingStream, Away> {
    match (connected(socket_path), launch) {
        (Err(Away::Absent), Some(launch)) => {
            let started = launch.start(socket_path, host);
            started.map_err(|error| Away::Useless(error.to_string()))?;
            connected(socket_path)
        }
        (outcome, _) => outcome,
    }
}

/// A connection to somebody of our own user. Blocks for two seconds at most, where more want one than the agent can take.
pub(super) fn connected(socket_path: &Path) -> Result<BlockingStream, Away> {
    let address = SocketAddrUnix::new(socket_path).map_err(|_| {
        Away::Useless(format!(
            "the path of its socket, {}, is longer than a socket's may be; ROLECALL_RUNTIME_DIR names a shorter one",
            socket_path.display()
        ))
    })?;
    let socket = socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(io::Error::from)?;
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(PATIENCE)).map_err(io::Error::from)?;
    match connect(&socket, &address) {
        Ok(()) => {}
        // Nobody, a socket that nobody listens on any more, or something else in its place.
        Err(Errno::NOENT | Errno::CONNREFUSED | Errno::NOTSOCK) => return Err(Away::Absent),
        Err(error @ (Errno::AGAIN | Errno::CONNRESET | Errno::INTR)) => {
            return Err(io::Error::from(error).into());
        }
        Err(error) => {
            return Err(Away::Useless(format!(
                "{}: {}",
                socket_path.display(),
                io::Error::from(error)
            )));
        }
    }
    let stream = BlockingStream::from(socket);
    is_ours(&stream)?;
    Ok(stream)
}

#[derive(Debug)]
pub(super) struct Stream {
    stream: UnixStream,
    lines: Lines,
}

impl Stream {
    pub(super) fn of(stream: BlockingStream) -> Result<Self, Away> {
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream: UnixStream::from_std(stream)?,
            lines: Lines::up_to(LONGEST_LINE),
        })
    }

    pub(super) async fn say(&mut self, ask: &Ask) -> Result<(), Away> {
        let line = written(ask);
        match timeout(PATIENCE, self.stream.write_all(&line)).await {
            Ok(written) => Ok(written?),
            Err(_) => Err(Away::Mute),
        }
    }

    pub(super) async fn hear(&mut self, patience: Duration) -> Result<Tell, Away> {
        let hear = async {
            loop {
                if let Some(line) = self.lines.next() {
                    return understood(&line);
                }
                let space = self.lines.space().map_err(|_| endless())?;
                match self.stream.read(space).await? {
                    0 => return Err(closed()),
                    length => self.lines.read(length),
                }
            }
        };
        timeout(patience, hear).await.unwrap_or(Err(Away::Mute))
    }
}

/// A conversation without a runtime.
pub(super) struct Talk {
    stream: BlockingStream,
    lines: Lines,
}

impl Talk {
    /// Begins one with somebody whose lines are no longer than this.
    pub(super) fn begin(stream: BlockingStream, ask: &impl Serialize, longest: usize) -> Result<Self, Away> {
        let mut talk = Self {
            stream,
            lines: Lines::up_to(longest),
        };
        talk.stream.set_write_timeout(Some(PATIENCE))?;
        talk.stream.write_all(&written(ask))?;
        Ok(talk)
    }

    /// The next line, however it comes: for so long at most.
    pub(super) fn hear<T: DeserializeOwned>(&mut self, patience: Duration) -> Result<T, Away> {
        let until = Instant::now() + patience;
        loop {
            if let Some(line) = self.lines.next() {
                return understood(&line);
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Away::Mute);
            }
            self.stream.set_read_timeout(Some(left))?;
            let space = self.lines.space().map_err(|_| endless())?;
            match self.stream.read(space)? {
                0 => return Err(closed()),
                length => self.lines.read(length),
            }
        }
    }
}

fn endless() -> Away {
    Away::Useless("its answer has no end".to_owned())
}

fn closed() -> Away {
    Away::Lost("it closed the connection".to_owned())
}

fn understood<T: DeserializeOwned>(line: &[u8]) -> Result<T, Away> {
    match read(line) {
        Ok(tell) => Ok(tell),
        Err(Garbled::Version(version, release)) => {
            let release = release.map_or_else(
                || "another release".to_owned(),
                |release| format!("rolecall {release}"),
            );
            Err(Away::Foreign(format!(
                "it is {release} and speaks version {version} of their language, this is {} and speaks version {VERSION}",
                env!("CARGO_PKG_VERSION")
            )))
        }
        Err(Garbled::Nonsense(why)) => Err(Away::Useless(format!("it answered with {why}"))),
    }
}

pub(super) fn unexpected(tell: Tell) -> Away {
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

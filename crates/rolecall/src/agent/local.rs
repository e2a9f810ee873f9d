//! Another process of ours behind a socket in the runtime directory, found, started and spoken to as the agent is.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::time::timeout;

use super::launch::Launch;
use super::line::Lines;
use super::protocol::{Garbled, PATIENCE, Tell, VERSION, read, written};
use super::wire::{Away, connected};
use crate::error::{Error, ErrorKind};
use crate::host::{Host, Process};

/// The longest line either side may say: an environment, and the sessions of a chain.
const LONGEST_LINE: usize = 1024 * 1024;

/// A way to a process of this user, whether or not it runs.
pub struct Local {
    host: Host,
    socket: PathBuf,
    what: &'static str,
    hint: &'static str,
    launch: Option<Launch>,
}

impl Local {
    /// The one behind the socket of that name in the runtime directory; `what` it is in words, and a hint for whoever
    /// cannot reach it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] when there is no runtime directory to be had for its socket.
    pub fn of(host: &Host, socket: &str, what: &'static str, hint: &'static str) -> Result<Self, Error> {
        Ok(Self {
            socket: host.runtime_dir()?.join(socket),
            host: host.clone(),
            what,
            hint,
            launch: None,
        })
    }

    /// The same, started where it does not run: see [`super::Agent::started_by`].
    #[must_use]
    pub fn started_by(mut self, program: PathBuf, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        self.launch = Some(Launch {
            what: self.what,
            hint: self.hint,
            ..Launch::of(&self.host, program, arguments)
        });
        self
    }

    /// Where its socket is.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Says something and hears the answer, for which it is waited so long; blocks. `None` where it does not run, and is not
    /// to be started.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] when it cannot be started, does not answer, or is of another version.
    pub fn ask<T: DeserializeOwned>(
        &self,
        ask: &impl Serialize,
        patience: Duration,
    ) -> Result<Option<T>, Error> {
        // One that ends just now is not there any more for the second try, and is started.
        let mut outcome = self.ask_once(ask, patience);
        if matches!(outcome, Err(Away::Lost(_))) {
            outcome = self.ask_once(ask, patience);
        }
        match outcome {
            Ok(answer) => Ok(Some(answer)),
            Err(Away::Absent) if self.launch.is_none() => Ok(None),
            Err(away) => Err(self.error(&away)),
        }
    }

    fn ask_once<T: DeserializeOwned>(&self, ask: &impl Serialize, patience: Duration) -> Result<T, Away> {
        let mut stream = match (connected(&self.socket), &self.launch) {
            (Err(Away::Absent), Some(launch)) => {
                launch
                    .start(&self.socket, &self.host, || connected(&self.socket).is_ok())
                    .map_err(|error| Away::Useless(error.to_string()))?;
                connected(&self.socket)?
            }
            (outcome, _) => outcome?,
        };
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(&written(ask))?;
        let mut lines = Lines::up_to(LONGEST_LINE);
        loop {
            if let Some(line) = lines.next() {
                return read(&line).map_err(|garbled| self.garbled(garbled));
            }
            let space = lines
                .space()
                .map_err(|_| Away::Useless("its answer has no end".to_owned()))?;
            match stream.read(space) {
                Ok(0) => return Err(Away::Lost("it closed the connection".to_owned())),
                Ok(length) => lines.read(length),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(Away::Useless("it does not answer".to_owned()));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn garbled(&self, garbled: Garbled) -> Away {
        Away::Useless(match garbled {
            Garbled::Version(version, _) => format!(
                "it is of another release and speaks version {version} of their language, this one version {VERSION}"
            ),
            Garbled::Nonsense(why) => format!("it answered with {why}"),
        })
    }

    fn error(&self, away: &Away) -> Error {
        let why = match away {
            Away::Absent => "it does not run",
            Away::Mute => "it does not answer",
            Away::Useless(why) | Away::Lost(why) => why,
        };
        let message = format!("{} at {} is of no use: {why}", self.what, self.socket.display());
        Error::new(ErrorKind::Unavailable, message).with_hint(self.hint)
    }
}

impl fmt::Debug for Local {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("socket", &self.socket)
            .finish_non_exhaustive()
    }
}

/// The other side's end of a connection.
#[derive(Debug)]
pub struct LocalConnection {
    stream: UnixStream,
    lines: Lines,
    process: Process,
}

impl LocalConnection {
    /// Takes a connection of our own user; of another it is closed without a word.
    pub fn admit(stream: UnixStream) -> Option<Self> {
        let peer = stream.peer_cred().ok()?;
        if peer.uid() != rustix::process::geteuid().as_raw() {
            tracing::warn!(uid = peer.uid(), "refused a connection of another user");
            return None;
        }
        let pid = peer
            .pid()
            .and_then(|pid| u32::try_from(pid).ok())
            .unwrap_or_default();
        Some(Self {
            stream,
            lines: Lines::up_to(LONGEST_LINE),
            process: Process::of(pid, peer.uid()),
        })
    }

    /// Who is on the other side.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What is asked. `None` when the connection is over: the other side is gone, slow, or is not understood, and has been
    /// told so.
    pub async fn hear<T: DeserializeOwned>(&mut self) -> Option<T> {
        let line = timeout(PATIENCE, async {
            loop {
                if let Some(line) = self.lines.next() {
                    return Some(line);
                }
                let space = self.lines.space().ok()?;
                match self.stream.read(space).await {
                    Ok(length @ 1..) => self.lines.read(length),
                    Ok(0) | Err(_) => return None,
                }
            }
        });
        let line = line.await.ok()??;
        match read(&line) {
            Ok(ask) => Some(ask),
            Err(Garbled::Version(..)) => {
                let release = env!("CARGO_PKG_VERSION").to_owned();
                let speaks = VERSION;
                self.tell(&Tell::OtherVersion { speaks, release }).await;
                None
            }
            Err(Garbled::Nonsense(why)) => {
                self.tell(&Tell::Misunderstood { why }).await;
                None
            }
        }
    }

    /// Answers; whether it was taken.
    pub async fn tell(&mut self, tell: &impl Serialize) -> bool {
        let line = written(tell);
        matches!(timeout(PATIENCE, self.stream.write_all(&line)).await, Ok(Ok(())))
    }
}

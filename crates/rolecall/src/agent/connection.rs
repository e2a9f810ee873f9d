//! The server's end of a connection, of the agent and of whoever else is behind a socket in the runtime directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::UCred;
use tokio::time::{Instant, timeout};
use zeroize::Zeroizing;

use super::line::Lines;
use super::protocol::{Garbled, PATIENCE, Tell, VERSION, read, written};
use crate::host::Process;

/// A connection to a process of our own user.
#[derive(Debug)]
pub struct Connection {
    stream: UnixStream,
    lines: Lines,
    process: Process,
}

/// The connection is over: the other side has gone, or said too much, too little, or too slowly.
#[derive(Debug)]
pub struct Gone;

impl Connection {
    /// Takes a connection of our own user, whose lines are no longer than this.
    ///
    /// # Errors
    /// Whose it is, where it is another user's and that can be told: it is closed without a word.
    pub fn admit(stream: UnixStream, longest_line: usize) -> Result<Self, Option<Process>> {
        let peer = stream.peer_cred().map_err(|_| None)?;
        let process = process(&stream, &peer);
        if peer.uid() != rustix::process::geteuid().as_raw() {
            tracing::warn!(uid = peer.uid(), "refused a connection of another user");
            return Err(Some(process));
        }
        Ok(Self {
            stream,
            lines: Lines::up_to(longest_line),
            process,
        })
    }

    /// Who is on the other side.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// What is said next, begun within `idle`. Who is not understood is told so.
    ///
    /// # Errors
    /// [`Gone`] when the connection is over.
    pub async fn hear<T: DeserializeOwned>(&mut self, idle: Duration) -> Result<T, Gone> {
        let line = self.next_line(idle).await?;
        let tell = match read(&line) {
            Ok(said) => return Ok(said),
            Err(Garbled::Version(..)) => Tell::OtherVersion {
                speaks: VERSION,
                release: env!("CARGO_PKG_VERSION").to_owned(),
            },
            Err(Garbled::Nonsense(why)) => Tell::Misunderstood { why },
        };
        self.tell(&tell).await?;
        Err(Gone)
    }

    /// Says something.
    ///
    /// # Errors
    /// [`Gone`] when the other side does not take it.
    pub async fn tell(&mut self, tell: &impl Serialize) -> Result<(), Gone> {
        let line = written(tell);
        match timeout(PATIENCE, self.stream.write_all(&line)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Gone),
        }
    }

    /// The end of the connection, while the other side has nothing to say: whatever it says ends it too.
    pub(super) async fn end(&mut self) -> Gone {
        let _ = self.next_line(Duration::MAX).await;
        Gone
    }

    /// The next line, begun within `idle`; one that has been begun ends soon.
    async fn next_line(&mut self, idle: Duration) -> Result<Zeroizing<Vec<u8>>, Gone> {
        let mut begun = None;
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(line);
            }
            let patience = if self.lines.is_begun() {
                PATIENCE.saturating_sub(begun.get_or_insert_with(Instant::now).elapsed())
            } else {
                idle
            };
            let Ok(space) = self.lines.space() else {
                let why = format!("a line is longer than {} KiB", self.lines.longest() / 1024);
                self.tell(&Tell::Misunderstood { why }).await?;
                return Err(Gone);
            };
            match timeout(patience, self.stream.read(space)).await {
                Ok(Ok(length @ 1..)) => self.lines.read(length),
                Ok(Ok(0) | Err(_)) | Err(_) => return Err(Gone),
            }
        }
    }
}

/// Who is connected. Whoever is connected still was running when their start and their executable were looked up. Of one
/// that has gone the number may be another's by now, and nothing is said of that one.
fn process(stream: &UnixStream, peer: &UCred) -> Process {
    let pid = peer.pid().and_then(|pid| u32::try_from(pid).ok());
    let process = Process::of(pid.unwrap_or_default(), peer.uid());
    if has_gone(stream) {
        return Process {
            started: None,
            executable: None,
            ..process
        };
    }
    process
}

/// Whether the other side has closed its end.
fn has_gone(stream: &UnixStream) -> bool {
    let mut ends = [PollFd::new(stream, PollFlags::RDHUP)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // What cannot be looked at is as good as gone.
    poll(&mut ends, Some(&now)).is_err()
        || ends[0]
            .revents()
            .intersects(PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR)
}

/// The file of a socket as it is when this is made, to tell it from one that has taken its place.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// The one at that path now.
    pub fn at(path: &Path) -> Self {
        Self {
            identity: identity(path),
            path: path.to_owned(),
        }
    }

    /// Whether it still is that one: whoever listens on it can be found by nobody else.
    pub fn is_still_there(&self) -> bool {
        identity(&self.path) == self.identity
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::symlink_metadata(path).ok()?;
    Some((meta.dev(), meta.ino()))
}

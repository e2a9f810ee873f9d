//! Who keeps the port when the endpoint is killed.
//!
//! The shells' programs go on asking on that port, and whoever listened there would hand them an identity of his own choice.
//! So a second process, which does nothing else, holds the same socket: when the first one is gone without a word it closes
//! the socket to all, and keeps it bound for as long as one of the shells lives. It knows no token and no session.

use std::io::{self, BufRead as _, BufReader, PipeWriter, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rolecall::host::Process;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use rustix::process::geteuid;

use super::server::is_alive;

/// What is said last by an endpoint that ends in order.
const FAREWELL: &str = "end";

/// The endpoint's way to its keeper.
#[derive(Debug)]
pub(super) struct Keeper(Mutex<Option<PipeWriter>>);

impl Keeper {
    /// Starts one. Where that fails there is none, and the endpoint does its work without.
    pub(super) fn start(executable: Option<&Path>, listener: &TcpListener) -> Self {
        let start = || {
            let executable = executable.ok_or(io::ErrorKind::NotFound)?;
            let (ours, mine) = io::pipe()?;
            let mut child = Command::new(executable)
                .args(["endpoint", "keep"])
                .env_clear()
                .current_dir("/")
                .stdin(ours)
                .stdout(OwnedFd::from(listener.try_clone()?))
                .stderr(Stdio::null())
                .spawn()?;
            std::thread::spawn(move || child.wait());
            io::Result::Ok(mine)
        };
        let pipe = start().map_err(|error| tracing::warn!(%error, "nobody keeps the endpoint's port"));
        Self(Mutex::new(pipe.ok()))
    }

    /// Tells it of a shell that asks on the port.
    pub(super) fn tell(&self, shell: &Process) {
        self.say(&format!("{} {}\n", shell.pid, shell.started.unwrap_or_default()));
    }

    /// It is needed no more: nobody asks on the port.
    pub(super) fn end(&self) {
        self.say(&format!("{FAREWELL}\n"));
    }

    fn say(&self, line: &str) {
        let mut pipe = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = pipe.as_mut()
            && open.write_all(line.as_bytes()).is_err()
        {
            *pipe = None;
        }
    }
}

/// Is the keeper of the socket that is standard output, for an endpoint at the other end of standard input.
pub(super) fn be() -> io::Result<()> {
    const LOOK: Duration = Duration::from_secs(1);
    let mut shells = Vec::new();
    for line in BufReader::new(io::stdin().lock()).lines() {
        let line = line?;
        if line == FAREWELL {
            return Ok(());
        }
        let numbers = line.split_once(' ').and_then(|(pid, started)| {
            let started: u64 = started.parse().ok()?;
            Some((pid.parse().ok()?, Some(started).filter(|started| *started > 0)))
        });
        if let Some((pid, started)) = numbers {
            shells.retain(is_alive);
            shells.push(Process {
                pid,
                uid: geteuid().as_raw(),
                started,
                executable: None,
            });
        }
    }
    // Not a listener any more, and still the owner of its port.
    let socket = std::net::TcpStream::from(io::stdout().as_fd().try_clone_to_owned()?);
    socket.shutdown(Shutdown::Read)?;
    while shells.iter().any(is_alive) {
        std::thread::sleep(LOOK);
    }
    Ok(())
}

/// A listener whose port nobody else can have while the socket is open, whether or not it listens: the port is asked for by
/// its number, or Linux gives it up with the last listener, and without `SO_REUSEADDR`, which would let others in.
pub(super) fn listener() -> io::Result<TcpListener> {
    const TRIES: usize = 50;
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..TRIES {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        match at(free) {
            Ok(listener) => return Ok(listener),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn at(port: u16) -> io::Result<TcpListener> {
    let socket = socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    bind(&socket, &SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    listen(&socket, 1024)?;
    Ok(TcpListener::from(socket))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn a_listener_that_is_closed_to_all_keeps_its_port() {
        let listener = listener().unwrap();
        let address = listener.local_addr().unwrap();
        TcpStream::from(OwnedFd::from(listener.try_clone().unwrap()))
            .shutdown(Shutdown::Read)
            .unwrap();
        let refused = TcpStream::connect(address).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        // With `SO_REUSEADDR`, as the library has it.
        let taken = TcpListener::bind(address).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        drop(listener);
        assert!(TcpListener::bind(address).is_ok());
    }
}

//! The agent's start on demand.
//!
//! Who finds no agent makes the socket, and starts the agent with the listening socket as its standard input, as a service
//! manager does with its own. So the socket answers from the first moment, and nobody waits for the agent to come up.

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::wire::connected;
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// How the agent is started, or another process of ours behind a socket.
#[derive(Clone, Debug)]
pub(super) struct Launch {
    /// What is started, in words, and what is said to who cannot.
    pub(super) what: &'static str,
    pub(super) hint: &'static str,
    /// This very program, with the arguments that make it the agent.
    pub(super) program: PathBuf,
    pub(super) arguments: Vec<String>,
    /// All of its environment: it needs nothing of what its first client was given for its own work.
    pub(super) env: Vec<(String, String)>,
}

/// What an agent may know of its first client's environment: where it keeps things, and how it speaks. It runs no command,
/// so that it needs no `PATH`.
const ENV: [&str; 8] = [
    "HOME",
    "ROLECALL_AUDIT",
    "ROLECALL_KEY_MEMORY",
    "ROLECALL_LOG",
    "ROLECALL_RUNTIME_DIR",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
];

impl Launch {
    pub(super) fn of(
        host: &Host,
        what: &'static str,
        hint: &'static str,
        program: PathBuf,
        arguments: &[&str],
    ) -> Self {
        let env = ENV
            .iter()
            .filter_map(|name| Some(((*name).to_owned(), host.env(name)?.to_owned())))
            .collect();
        Self {
            what,
            hint,
            program,
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            env,
        }
    }

    /// Starts it, unless somebody else has by now. Under a lock, so that there is one.
    pub(super) fn start(&self, socket: &Path, host: &Host) -> Result<(), Error> {
        let fail = |error: &dyn std::fmt::Display| {
            Error::new(
                ErrorKind::Unavailable,
                format!("{} cannot be started: {error}", self.what),
            )
            .with_hint(self.hint)
        };
        let (path, mut waited) = (socket.with_extension("lock"), Duration::ZERO);
        let _lock = loop {
            let lock = host.try_lock(&path)?;
            // Of two hundred who start at once one is first. The others look for what it does, and not for its lock.
            if connected(socket).is_ok() {
                return Ok(());
            }
            match lock {
                Some(lock) => break lock,
                None if waited >= LOCK_WAIT => {
                    return Err(fail(&"another process is starting it, and does not get on"));
                }
                None => {
                    std::thread::sleep(LOOK);
                    waited += LOOK;
                }
            }
        };
        let listener = listen(socket).map_err(|error| fail(&error))?;
        let mut command = Command::new(&self.program);
        command
            .args(&self.arguments)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir("/")
            .stdin(Stdio::from(OwnedFd::from(listener)))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| fail(&error))?;
        // It outlives us; should it end first, it is not left as a zombie of a long-lived client.
        std::thread::spawn(move || child.wait());
        Ok(())
    }
}

/// Whoever starts the agent holds the lock for some milliseconds.
const LOCK_WAIT: Duration = Duration::from_secs(2);
/// How many may wait for the agent to take their connection.
const QUEUE: i32 = 1024;
const LOOK: Duration = Duration::from_millis(5);

/// A listener on that path, whatever was there before: in our own closed directory nobody else has put it there.
fn listen(socket: &Path) -> io::Result<UnixListener> {
    let new = socket.with_extension("new");
    match std::fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&new)?;
    // Two hundred may come before it has taken its first connection; the usual queue is shorter.
    rustix::net::listen(&listener, QUEUE)?;
    std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o600))?;
    // In one step: nobody finds half of it, and a link in its place is replaced and not followed.
    std::fs::rename(&new, socket)?;
    Ok(listener)
}

/// The listening socket that whoever started this process gave it as its standard input, as [`super::Agent`] does, and
/// systemd with `StandardInput=socket`.
///
/// # Errors
/// [`ErrorKind::Config`] when standard input is no listening Unix socket.
pub fn inherited() -> Result<UnixListener, Error> {
    let fail = |why: &dyn std::fmt::Display| {
        Error::config(format!("the agent was given no socket to listen on: {why}")).with_hint(
            "It is started by the commands that need it, by `rolecall agent start`, or by systemd.",
        )
    };
    let input = std::io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .map_err(|error| fail(&error))?;
    if !rustix::net::sockopt::socket_acceptconn(&input).unwrap_or(false) {
        return Err(fail(&"standard input is none"));
    }
    let listener = UnixListener::from(input);
    listener.local_addr().map_err(|error| fail(&error))?;
    listener.set_nonblocking(true).map_err(|error| fail(&error))?;
    Ok(listener)
}

//! Another process of ours behind a socket in the runtime directory, found, started and spoken to as the agent is.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::launch::Launch;
use super::wire::{Away, Talk, reached};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// The longest line either side may say: an environment, and the sessions of a chain.
pub const LONGEST_LOCAL_LINE: usize = 1024 * 1024;

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
        self.launch = Some(Launch::of(&self.host, self.what, self.hint, program, arguments));
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
        let stream = reached(&self.socket, self.launch.as_ref(), &self.host)?;
        Talk::begin(stream, ask, LONGEST_LOCAL_LINE)?.hear(patience)
    }

    fn error(&self, away: &Away) -> Error {
        let (socket, why) = (self.socket.display(), away.why());
        let message = format!("{} at {socket} is of no use: {why}", self.what);
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

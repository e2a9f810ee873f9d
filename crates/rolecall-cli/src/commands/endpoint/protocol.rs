//! What `rolecall use` and the endpoint behind it say to each other, in lines as the agent's.

use std::fmt;

use rolecall::agent::Failure;
use rolecall::host::Process;
use rolecall::provider::Handover;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Ask {
    /// A grant for a shell, in the place of what it had.
    Grant(Box<Want>),
    /// Take back what this shell has.
    Withdraw(Process),
    /// What this shell has.
    Look(Process),
    /// How the endpoint is.
    Status,
    /// Take everything back, and end.
    Stop,
}

/// Everything that a target is resolved from, so that shells with other settings do not mix.
#[derive(Deserialize, Serialize)]
pub(crate) struct Want {
    /// The arguments of the target.
    pub(crate) words: Vec<String>,
    pub(crate) keep_config: bool,
    /// The shell it is for.
    pub(crate) shell: Process,
    /// The part of the shell's environment that counts. It may hold a key.
    pub(crate) env: Vec<(String, Zeroizing<String>)>,
    pub(crate) home: Option<String>,
    pub(crate) login_name: Option<String>,
    /// The sessions that were obtained at the terminal.
    pub(crate) sessions: Handover,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Tell {
    Granted(Granted),
    Refused(Failure),
    Done,
    /// What a shell has; `None` where it has nothing.
    Held(Option<Held>),
    Status(Status),
}

/// The changes to a shell's environment.
#[derive(Deserialize, Serialize)]
pub(crate) struct Granted {
    pub(crate) target: String,
    pub(crate) remove: Vec<String>,
    pub(crate) set: Vec<(String, Zeroizing<String>)>,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Held {
    pub(crate) target: String,
    pub(crate) role_arn: Option<String>,
    /// The present session's end, in RFC 3339; it is renewed before.
    pub(crate) expires_at: Option<String>,
    /// A person is asked again in so many seconds.
    pub(crate) person_is_needed_in: Option<u64>,
    /// Nobody was told so in the last minutes.
    pub(crate) is_news: bool,
}

#[derive(Deserialize, Serialize)]
pub(crate) struct Status {
    pub(crate) pid: u32,
    pub(crate) release: String,
    pub(crate) port: u16,
    pub(crate) shells: usize,
}

/// Without its values: one may be a key.
impl fmt::Debug for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Want")
            .field("shell", &self.shell)
            .finish_non_exhaustive()
    }
}

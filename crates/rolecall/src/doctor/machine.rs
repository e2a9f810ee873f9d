//! How a person is asked, the agent, and memory.

use super::{Area, Finding, Severity};
use crate::agent::{Agent, Caller};
use crate::hardening::{self, Held};
use crate::host::Host;
use crate::seal::Seal;

fn finding(severity: Severity, check: &'static str, what: impl Into<String>) -> Finding {
    Finding::new(Area::Machine, severity, check, what)
}

pub(super) fn look(host: &Host) -> Vec<Finding> {
    vec![way(host), agent(host), memory()]
}

fn way(host: &Host) -> Finding {
    match host.person().way_to_ask() {
        Some(way) => finding(Severity::Ok, "way_to_ask", format!("you would be asked {way}")),
        None => finding(
            Severity::Note,
            "way_to_ask",
            "nobody can be asked here for a code, a passphrase or a sign-in",
        )
        .hint("Where that is needed, run it in a terminal, or let ROLECALL_ASKPASS or ROLECALL_PINENTRY name a program that asks."),
    }
}

/// The agent, which is not started for this, and neither is its folder made.
fn agent(host: &Host) -> Finding {
    const NAME: &str = "agent";
    let failed = |error| Finding::of_error(Area::Machine, Severity::Problem, NAME, &error, "Set it right.");
    match Agent::is_wanted(host) {
        Err(error) => return failed(error),
        Ok(false) => {
            return finding(
                Severity::Note,
                NAME,
                "the agent is switched off: every command gets a session of its own",
            )
            .hint("Unset ROLECALL_AGENT to share them.");
        }
        Ok(true) => {}
    }
    let idle = || {
        finding(
            Severity::Ok,
            NAME,
            "no agent runs: the first command that needs it starts it",
        )
    };
    let (folder, _) = host.runtime_path();
    if !matches!(host.look_at(&folder), Ok(Some(_))) {
        return idle();
    }
    // Where its folder cannot be used is said among the files.
    let Ok(agent) = Agent::of(host, Caller::default()) else {
        return idle();
    };
    match agent.status() {
        Ok(None) => idle(),
        Ok(Some(status)) if status.release != env!("CARGO_PKG_VERSION") => finding(
            Severity::Warning,
            NAME,
            format!(
                "the agent (process {}) is of release {}, and this is {}",
                status.pid,
                status.release,
                env!("CARGO_PKG_VERSION")
            ),
        )
        .hint("`rolecall agent stop` ends it; the next command starts a new one."),
        Ok(Some(status)) => finding(
            Severity::Ok,
            NAME,
            format!(
                "the agent (process {}) keeps {} session(s)",
                status.pid, status.sessions
            ),
        ),
        Err(error) => failed(error),
    }
}

/// Whether a key can be held in memory that is never swapped.
fn memory() -> Finding {
    const NAME: &str = "memory";
    let weak = |what: String| {
        finding(Severity::Note, NAME, what).hint(
            "Allow a few locked pages (`ulimit -l 64`, RLIMIT_MEMLOCK), or encrypt the swap; what is in memory could get there.",
        )
    };
    match Seal::new().map(|seal| seal.held()) {
        Ok(Held::Plain) => {
            weak("memory cannot be locked here: what seals the sessions may be swapped".to_owned())
        }
        Err(error) => weak(format!("memory cannot be had for a key: {error}")),
        Ok(_) if !hardening::is_hardened() => finding(
            Severity::Note,
            NAME,
            "this process is not closed to debuggers of your own user",
        )
        .hint("Nothing has to be done: a library leaves that to its program."),
        Ok(Held::Secret) => finding(
            Severity::Ok,
            NAME,
            "keys are held in memory that nobody else reads, and that is never swapped",
        ),
        Ok(_) => finding(
            Severity::Ok,
            NAME,
            "keys are held in memory that is never swapped",
        ),
    }
}

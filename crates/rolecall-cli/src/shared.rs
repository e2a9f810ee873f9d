//! The agent, as the commands use it: found, started on demand, and left with a renewal behind a quick answer.

use std::future::Future;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use rolecall::agent::{Agent, Caller};
use rolecall::audit::Delivery;
use rolecall::{Error, ErrorKind, Host, Provider, hardening};
use tokio::signal::unix::{SignalKind, signal};

use crate::person;

/// The agent of this user, started where it does not run; `None` where `ROLECALL_AGENT=off` says so, or where there is no
/// runtime directory for its socket: everything works without it, only less shared.
pub(crate) fn agent(host: &Host, delivery: Delivery) -> Result<Option<Agent>, Error> {
    if !Agent::is_wanted(host)? {
        return Ok(None);
    }
    let executable = own_executable();
    let caller = Caller {
        program: person::program_above(),
        delivery: delivery.name().to_owned(),
        executable: executable.as_ref().map(|path| path.display().to_string()),
    };
    let agent = match Agent::of(host, caller) {
        Ok(agent) => agent,
        Err(error) => {
            tracing::warn!("going on without the agent: {error}");
            return Ok(None);
        }
    };
    Ok(Some(match executable {
        Some(executable) => agent.started_by(executable, &["agent", "run"]),
        None => agent,
    }))
}

/// The agent of this user, for what is asked of it alone; it is not started for it.
///
/// # Errors
/// Where its socket cannot be.
pub(crate) fn existing_agent(host: &Host) -> Result<Agent, Error> {
    Agent::of(
        host,
        Caller {
            delivery: "command".to_owned(),
            ..Caller::default()
        },
    )
}

/// The same, where there is to be one and its socket can be.
///
/// # Errors
/// Where `ROLECALL_AGENT` is not understood.
pub(crate) fn agent_that_runs(host: &Host) -> Result<Option<Agent>, Error> {
    Ok(Agent::is_wanted(host)?
        .then(|| existing_agent(host).ok())
        .flatten())
}

pub(crate) fn own_executable() -> Option<PathBuf> {
    std::env::current_exe().ok().filter(|path| path.is_absolute())
}

/// Leaves the surroundings of whoever started this process, for one that stays or that nobody waits for: it holds none of
/// their pipes, is in no terminal of theirs, and hears no Ctrl-C.
pub(crate) fn detach() {
    hardening::close_inherited();
    // It fails where we lead a session already, and then it is done.
    let _ = rustix::process::setsid();
}

/// Ends when somebody sends SIGTERM. Ctrl-C and hang-ups of a terminal that could not be left have no effect from here on.
pub(crate) fn until_terminated() -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| {
        signal(kind)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot listen for signals: {error}")))
    };
    let mut terminate = listen(SignalKind::terminate())?;
    let deaf = [listen(SignalKind::interrupt())?, listen(SignalKind::hangup())?];
    Ok(async move {
        let _deaf = deaf;
        terminate.recv().await;
    })
}

/// Leaves a process behind that renews the session: this very command with one more flag. Nobody waits for it, and nobody is
/// asked by it.
pub(crate) fn renew_behind() {
    let Some(executable) = own_executable() else {
        return;
    };
    let arguments = std::env::args_os().skip(1);
    let started = Command::new(executable)
        .args(arguments)
        .arg("--renew")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    if let Err(error) = started {
        tracing::debug!(%error, "no renewal was left behind");
    }
}

/// Stays attached to the agent for as long as this is polled: it shows the session in use, lives as long, and says which
/// sessions were wiped, which are then forgotten here as well.
pub(crate) async fn stay_attached(provider: &Provider, mut on_wiped: impl FnMut()) {
    /// Until it is looked for again, once it is gone. Whoever starts it then does so for a session, not for us.
    const PAUSE: Duration = Duration::from_secs(5);
    let Some(agent) = provider.agent() else { return };
    loop {
        if let Some(mut attachment) = agent.attach(&provider.shared_keys()).await {
            while let Some(keys) = attachment.wiped().await {
                provider.forget_shared(keys.as_deref());
                on_wiped();
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

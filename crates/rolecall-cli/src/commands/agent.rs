//! `rolecall agent`: what keeps sessions for all processes of a user.

use std::time::Duration;

use rolecall::agent::{self, Agent, Caller, Options};
use rolecall::{Error, ErrorKind, Host, hardening};
use tokio::net::UnixListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{AgentAction, AgentArgs, AgentRunArgs};
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(host: &Host, args: &AgentArgs) -> Result<Ended, CommandError> {
    match &args.action {
        AgentAction::Run(args) => be(host, args),
        AgentAction::Start | AgentAction::Stop | AgentAction::Status => Ok(Ended::WELL),
    }
}

/// Is the agent until it is stopped, or nobody needs it any more.
fn be(host: &Host, args: &AgentRunArgs) -> Result<Ended, CommandError> {
    hardening::harden_keeper()?;
    let listener = agent::inherited()?;
    // Nobody's terminal is ours, and nobody's Ctrl-C. It fails where we lead a session already, and then it is done.
    let _ = rustix::process::setsid();
    super::block_on(async {
        let internal = |what: &str, error: &std::io::Error| {
            Error::new(ErrorKind::Internal, format!("the agent cannot {what}: {error}"))
        };
        let mut terminate =
            signal(SignalKind::terminate()).map_err(|error| internal("listen for signals", &error))?;
        let listener = UnixListener::from_std(listener).map_err(|error| internal("listen", &error))?;
        let options = Options {
            socket: Agent::of(host, Caller::default())
                .ok()
                .map(|agent| agent.socket().to_owned()),
            idle: Duration::from_secs(args.idle),
        };
        agent::serve(host, listener, options, async move {
            terminate.recv().await;
        })
        .await?;
        Ok(Ended::WELL)
    })
}

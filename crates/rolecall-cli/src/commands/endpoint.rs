//! The endpoint behind `rolecall use`: one process a user, for all their shells. It is started on demand as the agent is,
//! and ends a minute after the last shell.

mod keeper;
mod protocol;
mod server;

use std::time::Duration;

use rolecall::agent::{self, Local};
use rolecall::{Error, ErrorKind, Host, hardening};
use serde_json::json;
use tokio::net::{TcpListener, UnixListener};

use keeper::Keeper;
pub(super) use protocol::{Ask, Held, Tell, Want};

use crate::cli::{EndpointAction, EndpointArgs, EndpointRunArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::shared;

/// What a command waits for an answer: reading the AWS files is the longest of it.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(host: &Host, args: &EndpointArgs) -> Result<Ended, CommandError> {
    match &args.action {
        EndpointAction::Run(run) => be(host, run),
        EndpointAction::Keep => {
            hardening::harden_keeper()?;
            shared::detach();
            keeper::be()?;
            Ok(Ended::WELL)
        }
        EndpointAction::Stop => {
            stop(host)?;
            Ok(Ended::WELL)
        }
        EndpointAction::Status => {
            let held = match ask(&local(host)?, &Ask::Status)? {
                Some(Tell::Status(status)) => Some(status),
                _ => None,
            };
            if args.json {
                output::print_json(&json!(held))?;
            } else {
                output::print(&match held {
                    None => "no endpoint runs\n".to_owned(),
                    Some(status) => format!(
                        "process {} on 127.0.0.1:{} for {} shells\n",
                        status.pid, status.port, status.shells
                    ),
                })?;
            }
            Ok(Ended::WELL)
        }
    }
}

/// The one of this user, whether or not it runs.
fn local(host: &Host) -> Result<Local, Error> {
    Local::of(
        host,
        "endpoint.sock",
        "the endpoint of your shells",
        "`rolecall endpoint stop` ends it, and the next `rolecall use` starts another; `rolecall exec` works without.",
    )
}

/// Asks it; `None` where it does not run.
pub(super) fn asked(host: &Host, what: &Ask) -> Result<Option<Tell>, Error> {
    ask(&local(host)?, what)
}

/// Asks it, and starts it first where it does not run.
pub(super) fn asked_of_started(host: &Host, what: &Ask) -> Result<Option<Tell>, Error> {
    let local = local(host)?;
    ask(
        &match shared::own_executable() {
            Some(executable) => local.started_by(executable, &["endpoint", "run"]),
            None => local,
        },
        what,
    )
}

fn ask(local: &Local, what: &Ask) -> Result<Option<Tell>, Error> {
    match local.ask::<Tell>(what, PATIENCE)? {
        Some(Tell::Refused(refusal)) => Err(refusal.into_error()),
        answer => Ok(answer),
    }
}

/// Takes everything back and ends it, where it runs.
pub(super) fn stop(host: &Host) -> Result<(), Error> {
    asked(host, &Ask::Stop).map(drop)
}

/// Is the endpoint until it is stopped, or nobody needs it any more.
fn be(host: &Host, args: &EndpointRunArgs) -> Result<Ended, CommandError> {
    let control = agent::inherited()?;
    shared::detach();
    super::block_on(async {
        let internal = |what: &str, error: &std::io::Error| {
            Error::new(
                ErrorKind::Internal,
                format!("the endpoint cannot {what}: {error}"),
            )
        };
        let terminated = shared::until_terminated()?;
        let control = UnixListener::from_std(control).map_err(|error| internal("listen", &error))?;
        let listener = keeper::listener().map_err(|error| internal("listen on 127.0.0.1", &error))?;
        let keeper = Keeper::start(shared::own_executable().as_deref(), &listener);
        let listener = TcpListener::from_std(listener).map_err(|error| internal("listen", &error))?;
        server::serve(
            control,
            local(host)?.socket(),
            listener,
            keeper,
            Duration::from_secs(args.idle),
            terminated,
        )
        .await?;
        Ok(Ended::WELL)
    })
}

//! `rolecall agent`: what keeps sessions for all processes of a user.

use std::time::Duration;

use rolecall::agent::{self, Agent, Caller, Options, Status};
use rolecall::audit::Delivery;
use rolecall::time::{from_micros, rfc3339, spoken};
use rolecall::{Error, ErrorKind, Host, hardening};
use serde_json::json;
use tokio::net::UnixListener;

use crate::cli::{AgentAction, AgentArgs, AgentRunArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::shared;

pub(crate) fn run(host: &Host, args: &AgentArgs) -> Result<Ended, CommandError> {
    match &args.action {
        AgentAction::Run(args) => be(host, args),
        AgentAction::Start => start(host, args.json),
        AgentAction::Stop => stop(host, args.json),
        AgentAction::Status => {
            let agent = shared::existing_agent(host)?;
            let status = agent.status()?;
            show(host, &agent, status.as_ref(), args.json)
        }
    }
}

fn start(host: &Host, json: bool) -> Result<Ended, CommandError> {
    let agent = shared::agent(host, Delivery::Agent)?.ok_or_else(|| {
        Error::config("there is to be no agent: ROLECALL_AGENT is off, or there is no place for its socket")
            .with_hint("Unset ROLECALL_AGENT, and look at `rolecall agent status`.")
    })?;
    agent.start()?;
    let status = agent.status()?;
    show(host, &agent, status.as_ref(), json)
}

fn stop(host: &Host, json: bool) -> Result<Ended, CommandError> {
    let stopped = shared::existing_agent(host)?.stop()?.is_some();
    if json {
        output::print_json(&json!({ "stopped": stopped }))?;
    } else {
        output::print(if stopped {
            "The agent wiped what it kept, and ends.\n"
        } else {
            "No agent runs.\n"
        })?;
    }
    Ok(Ended::WELL)
}

fn show(host: &Host, agent: &Agent, status: Option<&Status>, json: bool) -> Result<Ended, CommandError> {
    let socket = agent.socket().display().to_string();
    if json {
        output::print_json(&match status {
            None => json!({"running": false, "socket": socket}),
            Some(status) => json!({
                "running": true,
                "socket": socket,
                "pid": status.pid,
                "release": status.release,
                "started_at": rfc3339(from_micros(status.started_at)),
                "sessions": status.sessions,
                "leases": status.leases,
                "clients": status.clients,
                "key_memory": status.key_memory,
            }),
        })?;
        return Ok(Ended::WELL);
    }
    let Some(status) = status else {
        output::print("No agent runs. The commands that need one start it.\n")?;
        return Ok(Ended::WELL);
    };
    let since = from_micros(status.started_at);
    let age = host.now().duration_since(since).unwrap_or(Duration::ZERO);
    let key = match status.key_memory.as_str() {
        "secret" => "in secret memory, which not even root reads",
        "locked" => "in locked memory, which is neither swapped nor dumped",
        _ => "in ordinary memory: the system gives no locked page (RLIMIT_MEMLOCK)",
    };
    let rows = [
        (
            "agent",
            format!("process {}, rolecall {}", status.pid, status.release),
        ),
        ("since", format!("{} ({} ago)", rfc3339(since), spoken(age))),
        ("socket", socket),
        (
            "keeps",
            format!(
                "{} sessions; {} are being obtained",
                status.sessions, status.leases
            ),
        ),
        ("clients", status.clients.to_string()),
        ("its key", key.to_owned()),
    ];
    output::print(&output::table(
        &rows.map(|(name, value)| vec![name.to_owned(), value]),
    ))?;
    Ok(Ended::WELL)
}

/// Is the agent until it is stopped, or nobody needs it any more.
fn be(host: &Host, args: &AgentRunArgs) -> Result<Ended, CommandError> {
    hardening::harden_keeper()?;
    let listener = agent::inherited()?;
    shared::detach();
    // Nor is anybody's folder held by us, should another than our own client have started us.
    let _ = rustix::process::chdir("/");
    more_descriptors();
    super::block_on(async {
        let terminated = shared::until_terminated()?;
        let listener = UnixListener::from_std(listener)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("the agent cannot listen: {error}")))?;
        let options = Options {
            socket: Agent::of(host, Caller::default())
                .ok()
                .map(|agent| agent.socket().to_owned()),
            idle: Duration::from_secs(args.idle),
        };
        agent::serve(host, listener, options, terminated).await?;
        Ok(Ended::WELL)
    })
}

/// As many descriptors as it has connections at most: the usual soft limit is just below that.
fn more_descriptors() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    const WANTED: u64 = 2048;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= WANTED) {
        return;
    }
    let raised = Rlimit {
        current: Some(limit.maximum.map_or(WANTED, |most| most.min(WANTED))),
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "the agent takes fewer connections");
    }
}

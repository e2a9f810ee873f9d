//! `rolecall sessions`: what the agent keeps, until when, and who asked.

use std::time::{Duration, SystemTime};

use rolecall::agent::{Holder, Live};
use rolecall::time::{from_micros, rfc3339, spoken};
use rolecall::{Error, Host};
use serde_json::{Value, json};

use crate::cli::SessionsArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::person::plain;
use crate::shared;

const HEADINGS: [&str; 5] = ["TARGET", "ACTS AS", "UNTIL", "STATE", "WHO ASKED"];

pub(crate) fn run(host: &Host, args: &SessionsArgs) -> Result<Ended, CommandError> {
    let live = shared::existing_agent(host)?.sessions()?;
    if args.json {
        let live: Vec<_> = live.iter().flatten().map(as_json).collect();
        output::print_json(&live)?;
        return Ok(Ended::WELL);
    }
    match live.as_deref() {
        None => output::print(NONE_RUNS)?,
        Some([]) => output::print("The agent keeps no session.\n")?,
        Some(live) => {
            let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
            rows.extend(live.iter().map(|live| row(live, host.now())));
            output::print(&output::table(&rows))?;
        }
    }
    Ok(Ended::WELL)
}

/// What is said where there is no agent; it is no error.
pub(super) const NONE_RUNS: &str = "No agent runs: no session is kept.\n";

fn row(live: &Live, now: SystemTime) -> Vec<String> {
    let end = from_micros(live.expires_at);
    let left = end.duration_since(now).unwrap_or(Duration::ZERO);
    let users = match live.users.as_slice() {
        [] => "nobody".to_owned(),
        [.., last] if live.users.len() > 1 => format!("{} and {} more", who(last), live.users.len() - 1),
        [.., last] => who(last),
    };
    vec![
        plain(&live.about.target),
        what(live),
        format!("{} (in {})", rfc3339(end), spoken(left)),
        plain(&live.state),
        users,
    ]
}

/// What a session is, in few words.
pub(super) fn what(live: &Live) -> String {
    let about = &live.about;
    plain(&match (&about.role_arn, &about.session_name) {
        (Some(role), Some(name)) => format!("{role} as {name}"),
        (Some(role), None) => role.clone(),
        (None, _) => "the source itself".to_owned(),
    })
}

fn who(user: &Holder) -> String {
    let pid = user.process.pid;
    plain(&match &user.caller.program {
        Some(program) => format!("{program} by {} (process {pid})", user.caller.delivery),
        None => format!("{} (process {pid})", user.caller.delivery),
    })
}

fn as_json(live: &Live) -> Value {
    let users: Vec<_> = live
        .users
        .iter()
        .map(|user| {
            json!({
                "pid": user.process.pid,
                "executable": user.process.executable,
                "program": user.caller.program,
                "delivery": user.caller.delivery,
            })
        })
        .collect();
    json!({
        "target": live.about.target,
        "role_arn": live.about.role_arn,
        "session_name": live.about.session_name,
        "session_key": live.session_key,
        "access_key_id": live.access_key_id,
        "issued_at": rfc3339(from_micros(live.issued_at)),
        "expires_at": rfc3339(from_micros(live.expires_at)),
        "state": live.state,
        "renewals": live.renewals,
        "users": users,
    })
}

/// Wipes sessions, and says which there were.
pub(crate) fn forget(host: &Host, args: crate::cli::ForgetArgs) -> Result<Ended, CommandError> {
    let as_json_too = args.target.json;
    let agent = shared::existing_agent(host)?;
    let wiped = if args.all {
        agent.forget(None)?
    } else {
        let request = args.target.request(host)?;
        let provider = rolecall::Provider::builder(host.clone())
            .request(request)
            .build()?;
        let keys = if args.chain {
            provider.shared_keys()
        } else {
            provider.shared_key().into_iter().collect()
        };
        if keys.is_empty() {
            return Err(Error::config(format!(
                "the session of {} is shared with nobody, and not with the agent either",
                provider.chain().target
            ))
            .with_hint(
                "What it depends on is known only when it is obtained; it ends with the process that has it.",
            )
            .into());
        }
        agent.forget(Some(&keys))?
    };
    if as_json_too {
        let wiped: Vec<_> = wiped.iter().flatten().map(as_json).collect();
        output::print_json(&json!({ "wiped": wiped }))?;
        return Ok(Ended::WELL);
    }
    match wiped.as_deref() {
        None => output::print("No agent runs: there is nothing to forget.\n")?,
        Some([]) => output::print("The agent had no such session.\n")?,
        Some(wiped) => {
            let rows: Vec<_> = wiped
                .iter()
                .map(|live| vec!["wiped".to_owned(), plain(&live.about.target), what(live)])
                .collect();
            output::print(&output::table(&rows))?;
        }
    }
    Ok(Ended::WELL)
}

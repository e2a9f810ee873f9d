//! `rolecall logout`: ends sign-ins, at the portal and here.

use rolecall::agent::Agent;
use rolecall::chain::{Endpoints, SsoSession};
use rolecall::provider::sso::{self, SignedOut};
use rolecall::{Error, Host, ProfileSet};
use serde_json::json;

use crate::cli::LogoutArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::shared;

pub(crate) fn run(host: &Host, args: LogoutArgs) -> Result<Ended, CommandError> {
    let as_json = args.target.json;
    let sessions = if args.all {
        let insecure = args.target.request(host)?.insecure_endpoint;
        SsoSession::all(&Endpoints {
            profiles: &ProfileSet::load(host)?,
            host,
            insecure,
        })?
    } else {
        vec![super::login::session(host, args.target, args.sso_session.as_deref())?.0]
    };
    let outcomes = super::block_on(async {
        let mut outcomes = Vec::new();
        for session in sessions {
            let outcome = sso::sign_out(host, &session).await?;
            if let SignedOut::HereOnly(error) = &outcome {
                tracing::warn!("{error}");
                output::hint("The token is removed here; at AWS it is good until it ends by itself.");
            }
            outcomes.push((session, outcome));
        }
        Ok(outcomes)
    })?;
    let start_urls: Vec<_> = outcomes
        .iter()
        .map(|(session, _)| session.start_url.as_str())
        .collect();
    if let Some(agent) = shared::agent_that_runs(host)?
        && let Err(error) = forget(&agent, &start_urls)
    {
        // They are signed out all the same.
        tracing::warn!("what the agent keeps of it goes on: {error}");
    }
    let word = |outcome: &SignedOut| match outcome {
        SignedOut::Nobody => "nobody",
        SignedOut::Everywhere => "everywhere",
        SignedOut::HereOnly(_) => "here_only",
    };
    if as_json {
        let list: Vec<_> = outcomes
            .iter()
            .map(|(session, outcome)| {
                json!({"sso_session": session.name, "start_url": session.start_url, "signed_out": word(outcome)})
            })
            .collect();
        output::print_json(&json!({"sessions": list}))?;
        return Ok(Ended::WELL);
    }
    let rows: Vec<_> = outcomes
        .iter()
        .map(|(session, outcome)| {
            let said = match outcome {
                SignedOut::Nobody => "nobody was signed in to",
                SignedOut::Everywhere => "signed out of",
                SignedOut::HereOnly(_) => "signed out here only of",
            };
            vec![format!("{said} {session}")]
        })
        .collect();
    output::print(&output::table(&rows))?;
    Ok(Ended::WELL)
}

/// Wipes what the agent keeps that stands on these sign-ins: it is good until it ends by itself, and nobody uses it here any
/// more.
fn forget(agent: &Agent, start_urls: &[&str]) -> Result<(), Error> {
    let live = agent.sessions()?.unwrap_or_default();
    let keys: Vec<_> = live
        .iter()
        .filter(|live| {
            let sign_in = live.about.sign_in.as_deref();
            sign_in.is_some_and(|url| start_urls.contains(&url))
        })
        .map(|live| live.session_key)
        .collect();
    if !keys.is_empty() {
        agent.forget(Some(&keys))?;
    }
    Ok(())
}

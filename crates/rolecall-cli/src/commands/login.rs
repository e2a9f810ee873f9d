//! `rolecall login`: signs in to the source of a target.

use std::time::Duration;

use rolecall::chain::{Endpoints, Source, SourceKind, SsoSession};
use rolecall::provider::sso::{self, Way};
use rolecall::time::{rfc3339, spoken};
use rolecall::{Error, Host, ProfileSet, Provider};
use serde_json::json;

use crate::cli::{LoginArgs, TargetArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::person::Asker;

pub(crate) fn run(host: &Host, person: &Asker, args: LoginArgs) -> Result<Ended, CommandError> {
    person.wants_page(!args.no_browser);
    let as_json = args.target.json;
    let (session, provider) = session(host, args.target, args.sso_session.as_deref())?;
    let way = args.device_code.then_some(Way::DeviceCode);
    let (done, identity) = super::block_on(async {
        let done = sso::sign_in(host, &session, way).await?;
        // Who it is, STS says; that the role is not theirs is no reason to have signed in in vain.
        let identity = match &provider {
            Some(provider) => provider.source_identity().await.unwrap_or_else(|error| {
                tracing::warn!("{error}");
                error.hints().iter().for_each(|hint| output::hint(hint));
                None
            }),
            None => None,
        };
        Ok((done, identity))
    })?;
    if as_json {
        output::print_json(&json!({
            "sso_session": session.name,
            "start_url": session.start_url,
            "region": session.region.as_str(),
            "way": match done.way { Way::Browser => "browser", Way::DeviceCode => "device_code" },
            "expires_at": rfc3339(done.until),
            "renewed": done.renewed,
            "identity": identity.map(|identity| identity.arn),
        }))?;
        return Ok(Ended::WELL);
    }
    let left = done.until.duration_since(host.now()).unwrap_or(Duration::ZERO);
    let renewed = if done.renewed {
        ", and is renewed by itself"
    } else {
        ""
    };
    let mut rows = vec![vec!["signed in to".to_owned(), session.to_string()]];
    if let Some(identity) = identity {
        rows.push(vec!["as".to_owned(), identity.arn]);
    }
    rows.push(vec![
        "until".to_owned(),
        format!("{} (in {}){renewed}", rfc3339(done.until), spoken(left)),
    ]);
    output::print(&output::table(&rows))?;
    Ok(Ended::WELL)
}

/// What is signed in to: what the target's chain starts from, or a section of this name.
pub(super) fn session(
    host: &Host,
    target: TargetArgs,
    name: Option<&str>,
) -> Result<(SsoSession, Option<Provider>), Error> {
    if let Some(name) = name {
        let endpoints = Endpoints {
            profiles: &ProfileSet::load(host)?,
            host,
            insecure: target.request(host)?.insecure_endpoint,
        };
        return Ok((SsoSession::named(&endpoints, name)?, None));
    }
    let provider = super::provider(host, target, "login")?;
    let source = &provider.chain().source;
    match &source.kind {
        SourceKind::Sso(sso) => Ok((sso.session.clone(), Some(provider))),
        _ => Err(nothing_to_sign_in_to(source, provider.profiles())),
    }
}

fn nothing_to_sign_in_to(source: &Source, profiles: &ProfileSet) -> Error {
    let error = Error::config(format!("there is nothing to sign in to: it starts from {source}"));
    if let SourceKind::Login(_) = &source.kind {
        let profile = source.profile.as_deref().unwrap_or("default");
        return error.with_hint(format!(
            "That is the AWS CLI's sign-in: run `aws login --profile {profile}`."
        ));
    }
    let names: Vec<_> = profiles
        .sso_sessions()
        .map(|section| section.name().to_owned())
        .collect();
    match names.first() {
        Some(name) => error.with_hint(format!(
            "Name a profile of Identity Center, or one of its sections, as in `rolecall login --sso-session {name}`."
        )),
        None => error.with_hint("Only profiles that start from Identity Center have a sign-in; the others just work, or ask."),
    }
}

//! `rolecall login`: signs in to the source of a target.

use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::chain::{Endpoints, Mfa, MfaStrategy, Source, SourceKind, SsoSession};
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
    let named = args.sso_session.as_deref();
    let (session, provider) = match place(host, args.target, named)? {
        Place::Sso(session, provider) => (*session, provider),
        Place::Device(provider) => return prove(host, &provider, as_json),
    };
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

/// What is signed in to.
enum Place {
    Sso(Box<SsoSession>, Option<Provider>),
    /// A key whose MFA device is proved.
    Device(Provider),
}

/// Proves the device now, for whoever needs the session later.
fn prove(host: &Host, provider: &Provider, as_json: bool) -> Result<Ended, CommandError> {
    if provider.agent().is_none() {
        return Err(Error::config(
            "nothing would remember it: a session that an MFA code was given for is kept by the agent, and there is to be none",
        )
        .with_hint("Unset ROLECALL_AGENT; without an agent each command asks for itself, and keeps what it gets to itself.")
        .into());
    }
    let session = super::block_on(async { Ok(provider.own_session().await?) })?;
    let end = session.as_ref().map(rolecall::Session::expires_at);
    // What the agent really has, and not what it should have.
    let is_kept = provider.glance_at_own().is_some();
    if !is_kept {
        tracing::warn!(
            "the agent does not have it, so that nothing remembers it: see `rolecall agent status`"
        );
    }
    let serial = provider
        .chain()
        .mfa
        .as_ref()
        .and_then(|mfa| Some(mfa.serial.as_ref()?.value.as_str().to_owned()));
    if as_json {
        output::print_json(&json!({
            "mfa_serial": serial,
            "source": provider.chain().source.to_string(),
            "expires_at": end.map(rfc3339),
            "kept": is_kept,
        }))?;
        return Ok(Ended::WELL);
    }
    let mut rows = vec![vec![
        "proved".to_owned(),
        serial.unwrap_or_else(|| "an MFA device".to_owned()),
    ]];
    rows.push(vec!["for".to_owned(), provider.chain().source.to_string()]);
    if let Some(end) = end {
        let left = end.duration_since(host.now()).unwrap_or(Duration::ZERO);
        rows.push(vec![
            "until".to_owned(),
            format!("{} (in {})", rfc3339(end), spoken(left)),
        ]);
    }
    output::print(&output::table(&rows))?;
    Ok(Ended::WELL)
}

/// The sign-in that a target's chain starts from, or a section of this name.
pub(super) fn session(
    host: &Host,
    target: TargetArgs,
    name: Option<&str>,
) -> Result<(SsoSession, Option<Provider>), Error> {
    match place(host, target, name)? {
        Place::Sso(session, provider) => Ok((*session, provider)),
        Place::Device(provider) => Err(
            nothing_to_sign_in_to(&provider.chain().source, provider.profiles())
                .with_hint("`rolecall forget --chain TARGET` wipes what its MFA code was given for."),
        ),
    }
}

/// What is signed in to: what the target's chain starts from, or a section of this name.
fn place(host: &Host, target: TargetArgs, name: Option<&str>) -> Result<Place, Error> {
    if let Some(name) = name {
        let endpoints = Endpoints {
            profiles: &ProfileSet::load(host)?,
            host,
            insecure: target.request(host)?.insecure_endpoint,
        };
        return Ok(Place::Sso(Box::new(SsoSession::named(&endpoints, name)?), None));
    }
    let provider = super::provider(host, target, Delivery::Login)?;
    let source = &provider.chain().source;
    match &source.kind {
        SourceKind::Sso(sso) => Ok(Place::Sso(Box::new(sso.session.clone()), Some(provider))),
        _ if proves_mfa(&provider) => Ok(Place::Device(provider)),
        _ => Err(nothing_to_sign_in_to(source, provider.profiles())),
    }
}

/// Whether the source has a session of its own that an MFA code is given for.
fn proves_mfa(provider: &Provider) -> bool {
    let chain = provider.chain();
    let is_session = |mfa: &Mfa| mfa.strategy == MfaStrategy::Session;
    chain.own.is_some() && chain.mfa.as_ref().is_some_and(is_session)
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

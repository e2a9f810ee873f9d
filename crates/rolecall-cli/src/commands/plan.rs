//! `rolecall plan`: the resolved chain, with the origin of every value. Calls nothing.

use std::fmt::Write as _;
use std::time::SystemTime;

use rolecall::chain::{Chain, Configured, Mfa, MfaStrategy, OwnSession, Role, SourceKind, TokenSource};
use rolecall::parameters::SessionDuration;
use rolecall::provider::sso::Status;
use rolecall::provider::{Tries, remembered_duration};
use rolecall::time::{rfc3339, spoken};
use rolecall::{Error, Host, PolicyArn, Provider};
use serde_json::{Map, Value, json};

use crate::cli::TargetArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::shared;

pub(crate) fn run(host: &Host, target: TargetArgs) -> Result<Ended, CommandError> {
    let json = target.json;
    let request = target.request(host)?;
    let provider = Provider::builder(host.clone())
        .request(request)
        .agent(shared::agent_that_runs(host)?)
        .build()?;
    let chain = provider.chain();
    let sign_in = sign_in(host, chain)?;
    // The agent is asked, and nobody else; it is not started for it.
    let cached_until = provider.glance().map(|session| session.expires_at());
    if json {
        output::print_json(&as_json(host, chain, sign_in.as_ref(), cached_until))?;
    } else {
        output::print(&as_text(host, chain, sign_in.as_ref(), cached_until))?;
    }
    Ok(Ended::WELL)
}

/// What a person will be asked on the way. A command that prints the code asks nobody.
fn asks(chain: &Chain, sign_in: Option<&Status>) -> Vec<&'static str> {
    let mut asks = Vec::new();
    if matches!(sign_in, Some(Status::SignedOut(_))) {
        asks.push("sign_in");
    }
    if chain.mfa.as_ref().is_some_and(|mfa| mfa.process.is_none()) {
        asks.push("mfa");
    }
    asks
}

/// Whether somebody is signed in, where the source wants that: one look at the cache.
fn sign_in(host: &Host, chain: &Chain) -> Result<Option<Status>, Error> {
    match &chain.source.kind {
        SourceKind::Sso(sso) => rolecall::provider::sso::status(host, &sso.session).map(Some),
        _ => Ok(None),
    }
}

pub(crate) fn as_text(
    host: &Host,
    chain: &Chain,
    sign_in: Option<&Status>,
    cached_until: Option<SystemTime>,
) -> String {
    let mut out = String::new();
    let mut rows = vec![
        line("target", &chain.target.to_string(), ""),
        line(
            "source",
            &chain.source.to_string(),
            &chain.source.origin.to_string(),
        ),
    ];
    if let Some(profile) = &chain.source_profile {
        rows.push(configured("source profile", profile, Clone::clone));
    }
    match &chain.region {
        Some(region) => rows.push(line("region", region.value.as_str(), &region.origin.to_string())),
        None => rows.push(line("region", "none", "")),
    }
    match sign_in {
        Some(Status::SignedIn { until, renewed }) => {
            let renewed = if *renewed { ", renewed by itself" } else { "" };
            rows.push(line(
                "sign-in",
                &format!("until {}{renewed}", rfc3339(*until)),
                "~/.aws/sso/cache",
            ));
        }
        Some(Status::SignedOut(why)) => rows.push(line("sign-in", why, "~/.aws/sso/cache")),
        None => {}
    }
    if let Some(OwnSession::Token { seconds }) = chain.own {
        let span = spoken(std::time::Duration::from_secs(seconds.into()));
        rows.push(line(
            "session",
            &format!("the source's own, by GetSessionToken, for {span}"),
            "",
        ));
        rows.push(line(
            "STS",
            &chain.source_sts.url,
            &chain.source_sts.origin.to_string(),
        ));
    }
    if let Some(mfa) = &chain.mfa {
        rows.extend(mfa_rows(mfa));
    }
    out.push_str(&output::table(&rows));
    for (index, role) in chain.roles.iter().enumerate() {
        let _ = writeln!(out, "\nrole {} of {}: {}", index + 1, chain.roles.len(), role.arn);
        out.push_str(&output::table(&role_rows(role, remembered(host, chain, index))));
    }
    let asks = asks(chain, sign_in);
    let asks = if asks.is_empty() {
        "nothing".to_owned()
    } else {
        asks.join(", ")
    };
    let key = chain.session_key().to_string();
    let cached = match cached_until {
        Some(end) => {
            let left = end.duration_since(host.now()).unwrap_or_default();
            format!("cached until {} (in {})", rfc3339(end), spoken(left))
        }
        None => "not cached: the next use calls STS".to_owned(),
    };
    out.push('\n');
    out.push_str(&output::table(&[
        line("asks you", &asks, ""),
        line("session key", &format!("{}…", &key[..16]), &cached),
    ]));
    for warning in &chain.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    out
}

/// What a role is asked for first, where it is wanted for as long as it allows and that is known. The first role may be
/// asked for with a code, and then counts what was learned for longer.
fn remembered(host: &Host, chain: &Chain, hop: usize) -> Option<SessionDuration> {
    let takes_code = |mfa: &Mfa| hop == 0 && mfa.strategy == MfaStrategy::Direct;
    let tries = if chain.mfa.as_ref().is_some_and(takes_code) {
        Tries::One
    } else {
        Tries::Many
    };
    remembered_duration(host, &chain.roles[hop], tries)
}

fn mfa_rows(mfa: &Mfa) -> Vec<Vec<String>> {
    let mut rows = vec![match &mfa.serial {
        Some(serial) => configured("MFA device", serial, |serial| serial.as_str().to_owned()),
        None => line(
            "MFA device",
            "looked up by ListMFADevices when it is needed",
            "--mfa",
        ),
    }];
    if let Some(process) = &mfa.process {
        rows.push(configured("  its code", process, |command| {
            format!("printed by `{command}`")
        }));
    }
    let how = match mfa.strategy {
        MfaStrategy::Direct => "with the role itself",
        MfaStrategy::Session => "once, for a session",
    };
    rows.push(line("  proved", &format!("{how}: {}", mfa.why), ""));
    rows
}

fn role_rows(role: &Role, remembered: Option<SessionDuration>) -> Vec<Vec<String>> {
    let mut rows = vec![
        line("  from", "", &role.origin.to_string()),
        configured("  session name", &role.session_name, |name| {
            name.as_str().to_owned()
        }),
        configured("  duration", &role.duration, |duration| {
            let span = spoken(duration.to_std());
            if role.duration_is_longest {
                format!("as long as the role allows, {span} at most")
            } else {
                span
            }
        }),
    ];
    if let Some(reason) = role.duration_capped_by {
        rows.push(line("  capped", reason, ""));
        rows.push(line(
            "",
            "it is renewed silently for as long as its source lasts",
            "",
        ));
        rows.push(line(
            "",
            "longer: straight from a long-term key (--source-profile), one more MFA code",
            "",
        ));
    }
    if let Some(remembered) = remembered {
        let span = spoken(remembered.to_std());
        rows.push(line(
            "  remembered",
            &format!("{span} is asked for first: the role allowed it before"),
            "",
        ));
    }
    if let Some(id) = &role.external_id {
        rows.push(configured("  external id", id, |id| id.as_str().to_owned()));
    }
    if let Some(serial) = &role.mfa_serial {
        rows.push(configured("  MFA device", serial, |serial| {
            serial.as_str().to_owned()
        }));
    }
    if let Some(identity) = &role.source_identity {
        rows.push(configured("  source identity", identity, |identity| {
            identity.as_str().to_owned()
        }));
    }
    for tag in role.tags.iter() {
        let transitive = role
            .tags
            .transitive()
            .iter()
            .any(|key| key.eq_ignore_ascii_case(tag.key()));
        rows.push(line(
            "  tag",
            &format!("{}={}", tag.key(), tag.value()),
            if transitive { "handed on" } else { "" },
        ));
    }
    if let Some(policy) = &role.policy {
        rows.push(configured("  held to", policy, |policy| {
            policy.as_str().to_owned()
        }));
    }
    rows.extend(
        role.policy_arns
            .iter()
            .map(|arn| line("  held to", arn.as_str(), "")),
    );
    rows.push(line(
        "  STS",
        &format!("{} ({})", role.sts.url, role.sts.region),
        &role.sts.origin.to_string(),
    ));
    rows
}

fn line(name: &str, value: &str, origin: &str) -> Vec<String> {
    vec![name.to_owned(), value.to_owned(), origin.to_owned()]
}

fn configured<T>(name: &str, value: &Configured<T>, show: impl Fn(&T) -> String) -> Vec<String> {
    line(name, &show(&value.value), &value.origin.to_string())
}

fn as_json(host: &Host, chain: &Chain, sign_in: Option<&Status>, cached_until: Option<SystemTime>) -> Value {
    json!({
        "target": chain.target.to_string(),
        "profile": match &chain.target {
            rolecall::chain::Target::Profile(name) => Some(name),
            rolecall::chain::Target::Role(_) => None,
        },
        "region": chain.region.as_ref().map(|region| region.value.as_str()),
        "source": {
            "kind": chain.source.kind.name(),
            "profile": chain.source.profile,
            "access_key_id": chain.source.access_key_id(),
            "origin": chain.source.origin.to_string(),
            "details": details(&chain.source.kind),
            "chosen": chain.source_profile.as_ref().map(|profile| json!({
                "profile": profile.value,
                "origin": profile.origin.to_string(),
            })),
        },
        "mfa": chain.mfa.as_ref().map(|mfa| json!({
            "serial": mfa.serial.as_ref().map(|serial| serial.value.as_str()),
            "strategy": mfa.strategy.name(),
            "why": mfa.why,
        })),
        "roles": chain.roles.iter().enumerate().map(|(hop, role)| role_json(role, remembered(host, chain, hop))).collect::<Vec<_>>(),
        "session_key": chain.session_key().to_string(),
        "cached": cached_until.is_some(),
        "expires_at": cached_until.map(rfc3339),
        "asks": asks(chain, sign_in),
        "warnings": chain.warnings,
    })
}

/// What a kind of source needs to be found; nothing of it is a secret.
fn details(kind: &SourceKind) -> Value {
    match kind {
        SourceKind::Container(container) => json!({"uri": container.shown().split('?').next()}),
        SourceKind::InstanceMetadata(metadata) => {
            json!({"endpoint": metadata.shown(), "role": metadata.role})
        }
        SourceKind::Login(login) => json!({"session": login.session}),
        SourceKind::Process(command) => json!({"program": command.program()}),
        SourceKind::Sso(sso) => json!({
            "session": sso.session.name,
            "start_url": sso.session.start_url,
            "region": sso.session.region.as_str(),
            "account_id": sso.account.as_str(),
            "role_name": sso.role_name,
        }),
        SourceKind::WebIdentity(TokenSource::File(path)) => json!({"token_file": path.display().to_string()}),
        SourceKind::WebIdentity(TokenSource::Process(command)) => json!({"program": command.program()}),
        _ => Value::Null,
    }
}

fn role_json(role: &Role, remembered: Option<SessionDuration>) -> Value {
    let tags: Map<String, Value> = role
        .tags
        .iter()
        .map(|tag| (tag.key().to_owned(), tag.value().into()))
        .collect();
    json!({
        "role_arn": role.arn.to_string(),
        "session_name": role.session_name.value.as_str(),
        "external_id": role.external_id.as_ref().map(|id| id.value.as_str()),
        "mfa_serial": role.mfa_serial.as_ref().map(|serial| serial.value.as_str()),
        "duration_seconds": role.duration.value.seconds(),
        "duration_is_longest": role.duration_is_longest,
        "duration_remembered_seconds": remembered.map(SessionDuration::seconds),
        "duration_capped_by": role.duration_capped_by,
        "source_identity": role.source_identity.as_ref().map(|identity| identity.value.as_str()),
        "tags": tags,
        "transitive_tags": role.tags.transitive(),
        "policy": role.policy.as_ref().map(|policy| policy.value.as_str()),
        "policy_arns": role.policy_arns.iter().map(PolicyArn::as_str).collect::<Vec<_>>(),
        "region": role.sts.region.as_str(),
        "sts_endpoint": role.sts.url,
        "origin": role.origin.to_string(),
    })
}

//! `rolecall plan`: the resolved chain, with the origin of every value. Calls nothing.

use std::fmt::Write as _;

use rolecall::chain::{Chain, Configured, Role};
use rolecall::profile::ProfileSet;
use rolecall::time::spoken;
use rolecall::{Host, PolicyArn};
use serde_json::{Map, Value, json};

use crate::cli::TargetArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, target: TargetArgs) -> Result<Ended, CommandError> {
    let json = target.json;
    let request = target.request(host)?;
    let profiles = ProfileSet::load(host)?;
    let chain = Chain::resolve(&profiles, host, &request)?;
    if json {
        output::print_json(&as_json(&chain))?;
    } else {
        output::print(&as_text(&chain))?;
    }
    Ok(Ended::WELL)
}

/// What a person will be asked on the way.
fn asks(chain: &Chain) -> Vec<&'static str> {
    if chain.roles.iter().any(|role| role.mfa_serial.is_some()) {
        vec!["mfa"]
    } else {
        vec![]
    }
}

pub(crate) fn as_text(chain: &Chain) -> String {
    let mut out = String::new();
    let mut rows = vec![
        line("target", &chain.target.to_string(), ""),
        line(
            "source",
            &chain.source.to_string(),
            &chain.source.origin.to_string(),
        ),
    ];
    match &chain.region {
        Some(region) => rows.push(line("region", region.value.as_str(), &region.origin.to_string())),
        None => rows.push(line("region", "none", "")),
    }
    if chain.roles.is_empty() {
        let span = spoken(std::time::Duration::from_secs(chain.source_duration().into()));
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
    out.push_str(&output::table(&rows));
    for (index, role) in chain.roles.iter().enumerate() {
        let _ = writeln!(out, "\nrole {} of {}: {}", index + 1, chain.roles.len(), role.arn);
        out.push_str(&output::table(&role_rows(role)));
    }
    let asks = asks(chain);
    let asks = if asks.is_empty() {
        "nothing".to_owned()
    } else {
        asks.join(", ")
    };
    let key = chain.session_key().to_string();
    out.push('\n');
    out.push_str(&output::table(&[
        line("asks you", &asks, ""),
        line(
            "session key",
            &format!("{}…", &key[..16]),
            "not cached: the next use calls STS",
        ),
    ]));
    for warning in &chain.warnings {
        let _ = writeln!(out, "warning: {warning}");
    }
    out
}

fn role_rows(role: &Role) -> Vec<Vec<String>> {
    let mut rows = vec![
        line("  from", "", &role.origin.to_string()),
        configured("  session name", &role.session_name, |name| {
            name.as_str().to_owned()
        }),
        configured("  duration", &role.duration, |duration| spoken(duration.to_std())),
    ];
    if let Some(reason) = role.duration_capped_by {
        rows.push(line("  capped", reason, ""));
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

fn as_json(chain: &Chain) -> Value {
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
            "access_key_id": chain.source.access_key_id,
            "origin": chain.source.origin.to_string(),
        },
        "roles": chain.roles.iter().map(role_json).collect::<Vec<_>>(),
        "session_key": chain.session_key().to_string(),
        "cached": false,
        "expires_at": null,
        "asks": asks(chain),
        "warnings": chain.warnings,
    })
}

fn role_json(role: &Role) -> Value {
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

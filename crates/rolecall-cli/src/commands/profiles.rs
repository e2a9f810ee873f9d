//! `rolecall profiles`: every profile as it is read.

use rolecall::profile::{Profile, ProfileSet, Property};
use rolecall::{Host, RoleArn};
use serde_json::{Map, Value, json};

use crate::cli::ProfilesArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &ProfilesArgs) -> Result<Ended, CommandError> {
    let profiles = ProfileSet::load(host)?;
    if args.json {
        output::print_json(&json!({
            "profiles": sections(profiles.profiles()),
            "sso_sessions": sections(profiles.sso_sessions()),
            "services": sections(profiles.services()),
            "warnings": profiles.warnings(),
        }))?;
        return Ok(Ended::WELL);
    }
    let mut rows = vec![
        ["PROFILE", "KIND", "ACCOUNT", "ROLE", "SOURCE", "WHERE"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(profiles.profiles().map(row));
    if rows.len() == 1 {
        let places: Vec<_> = ProfileSet::paths(host)
            .iter()
            .map(|(_, path)| path.display().to_string())
            .collect();
        return Err(rolecall::Error::new(
            rolecall::ErrorKind::NotConfigured,
            format!("there are no profiles in {}", places.join(" and ")),
        )
        .with_hint("`rolecall demo` shows the whole way without any.")
        .into());
    }
    output::print(&output::table(&rows))?;
    for warning in profiles.warnings() {
        tracing::warn!("{warning}");
    }
    Ok(Ended::WELL)
}

fn sections<'a>(sections: impl Iterator<Item = &'a Profile>) -> Map<String, Value> {
    let shown = |profile: &Profile| {
        profile
            .properties()
            .map(|(key, property)| (key.to_owned(), Value::from(property.shown())))
            .collect::<Map<_, _>>()
    };
    sections
        .map(|section| (section.name().to_owned(), Value::from(shown(section))))
        .collect()
}

fn row(profile: &Profile) -> Vec<String> {
    let shown = |key: &str| profile.property(key).map(Property::shown);
    let arn = profile
        .value("role_arn")
        .and_then(|arn| arn.parse::<RoleArn>().ok());
    let account = arn.as_ref().map(|arn| arn.account().to_string());
    let role = match (&arn, profile.property("role_arn")) {
        (Some(arn), _) => format!("{}{}", arn.path().trim_start_matches('/'), arn.name()),
        (None, Some(_)) => "not a role ARN".to_owned(),
        (None, None) => shown("sso_role_name").map_or_else(none, Into::into),
    };
    let source = shown("source_profile").or_else(|| shown("credential_source"));
    vec![
        profile.name().to_owned(),
        kind(profile).to_owned(),
        account
            .or_else(|| shown("sso_account_id").map(Into::into))
            .unwrap_or_else(none),
        role,
        source.map_or_else(none, Into::into),
        profile.origin().to_string(),
    ]
}

fn none() -> String {
    "-".to_owned()
}

/// What a profile is, by the setting that AWS's SDK for Rust looks at first.
fn kind(profile: &Profile) -> &'static str {
    let has = |key: &str| profile.value(key).is_some();
    if has("web_identity_token_file") {
        "web identity"
    } else if has("role_arn") {
        "role"
    } else if has("sso_session") || has("sso_start_url") {
        "sso"
    } else if has("login_session") {
        "login"
    } else if has("credential_process") {
        "process"
    } else if has("aws_access_key_id") || has("aws_secret_access_key") {
        "access key"
    } else {
        "settings"
    }
}

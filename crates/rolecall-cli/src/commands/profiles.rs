//! `rolecall profiles`: every profile as it is read.

use std::fmt::Write as _;

use rolecall::profile::{Profile, ProfileSet, Property, SourceSetting, Taken};
use rolecall::{Host, RoleArn};
use serde_json::{Map, Value, json};

use crate::cli::ProfilesArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

const HEADINGS: [&str; 6] = ["PROFILE", "KIND", "ACCOUNT", "ROLE", "SOURCE", "WHERE"];

/// More warnings than a person reads; `--json` has them all.
const MOST_WARNINGS: usize = 20;

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
    let mut rows = vec![HEADINGS.map(str::to_owned).to_vec()];
    rows.extend(profiles.profiles().map(|profile| row(&profiles, profile)));
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
    output::print(&fitting(&rows, output::terminal_width()))?;
    let warnings = profiles.warnings();
    for warning in warnings.iter().take(MOST_WARNINGS) {
        tracing::warn!("{warning}");
    }
    if warnings.len() > MOST_WARNINGS {
        tracing::warn!(
            "{} more warnings are in `rolecall profiles --json`",
            warnings.len() - MOST_WARNINGS
        );
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

fn row(profiles: &ProfileSet, profile: &Profile) -> Vec<String> {
    let shown = |key: &str| profile.property(key).map(Property::shown);
    let arn = profile
        .value("role_arn")
        .and_then(|arn| arn.parse::<RoleArn>().ok());
    let account = arn.as_ref().map(|arn| arn.account().to_string());
    let account = account.or_else(|| Some(shown("sso_account_id")?.into_owned()));
    let role = match (&arn, profile.property("role_arn")) {
        (Some(arn), _) => Some(format!("{}{}", arn.path().trim_start_matches('/'), arn.name())),
        (None, Some(_)) => Some("not a role ARN".to_owned()),
        (None, None) => shown("sso_role_name").map(Into::into),
    };
    let setting = profile
        .sources(Taken::AsTarget)
        .first()
        .map(|(setting, _)| *setting);
    vec![
        profile.name().to_owned(),
        setting.map_or("settings", SourceSetting::name).to_owned(),
        account.unwrap_or_else(none),
        role.unwrap_or_else(none),
        source(profiles, profile, setting).unwrap_or_else(none),
        profile.origin().to_string(),
    ]
}

/// Where a profile's credentials come from, in one cell. What a process is called with may be a secret.
fn source(profiles: &ProfileSet, profile: &Profile, setting: Option<SourceSetting>) -> Option<String> {
    let shown = |profile: &Profile, key: &str| Some(profile.property(key)?.shown().into_owned());
    let own = |key: &str| shown(profile, key);
    let source = match setting? {
        SourceSetting::Role => own("source_profile").or_else(|| own("credential_source")),
        SourceSetting::CredentialSource => own("credential_source"),
        SourceSetting::WebIdentity => own("web_identity_token_file"),
        SourceSetting::Sso => match own("sso_session") {
            // The session says where it signs in; its name alone is nothing to a person who looks for the place.
            Some(name) => {
                let url = profiles
                    .sso_session(&name)
                    .and_then(|session| shown(session, "sso_start_url"));
                Some(url.unwrap_or_else(|| format!("no [sso-session {name}]")))
            }
            None => own("sso_start_url"),
        },
        SourceSetting::Login => own("login_session"),
        _ => None,
    };
    // A value that goes on below is a mistake that the chain explains; in a table it is one line.
    source.map(|source| source.lines().next().unwrap_or_default().to_owned())
}

/// The table, or where the terminal is narrower, a paragraph for each profile: a table that wraps is read by nobody.
fn fitting(rows: &[Vec<String>], width: Option<usize>) -> String {
    let table = output::table(rows);
    let widest = table.lines().map(|line| line.chars().count()).max();
    if width.is_none_or(|width| widest.is_none_or(|widest| widest <= width)) {
        return table;
    }
    let mut text = String::new();
    for row in rows.iter().skip(1) {
        let _ = writeln!(text, "{}", row[0]);
        for (heading, cell) in HEADINGS
            .iter()
            .zip(row)
            .skip(1)
            .filter(|(_, cell)| **cell != none())
        {
            let _ = writeln!(text, "  {:<8} {cell}", heading.to_lowercase());
        }
    }
    text
}

fn none() -> String {
    "-".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_does_not_fit_becomes_paragraphs() {
        let row = |cells: [&str; 6]| cells.map(str::to_owned).to_vec();
        let rows = [
            row(HEADINGS),
            row(["prod", "role", "666666666666", "Deploy", "joe", "config:3"]),
            row(["joe", "access key", "-", "-", "-", "credentials:1"]),
        ];
        let wide = fitting(&rows, None);
        assert!(wide.starts_with("PROFILE  KIND        ACCOUNT"), "{wide}");
        let widest = wide.lines().map(|line| line.chars().count()).max().unwrap();
        assert_eq!(fitting(&rows, Some(widest)), wide);
        assert_eq!(
            fitting(&rows, Some(widest - 1)),
            "prod\n  kind     role\n  account  666666666666\n  role     Deploy\n  source   joe\n  where    config:3\n\
             joe\n  kind     access key\n  where    credentials:1\n"
        );
    }
}

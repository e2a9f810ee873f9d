//! What stands in the AWS files: whether each profile leads somewhere, and what is odd about it.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{Area, Finding, Severity};
use crate::chain::{Chain, Request, SourceKind, TokenSource};
use crate::command_line::CommandLine;
use crate::error::Error;
use crate::host::{Host, LookKind};
use crate::profile::{Profile, ProfileSet, Taken};
use crate::provider::sso;

fn finding(severity: Severity, check: &'static str, what: String) -> Finding {
    Finding::new(Area::Profiles, severity, check, what)
}

pub(super) fn look(host: &Host, profiles: &Result<Arc<ProfileSet>, Error>) -> Vec<Finding> {
    let profiles = match profiles {
        Ok(profiles) => profiles,
        Err(error) => {
            let otherwise = "Correct it; until then no profile can be used.";
            return vec![Finding::of_error(
                Area::Profiles,
                Severity::Problem,
                "files_unreadable",
                error,
                otherwise,
            )];
        }
    };
    let mut found: Vec<_> = profiles.warnings().into_iter().map(warning).collect();
    let mut said: BTreeSet<String> = profiles.warnings().into_iter().collect();
    let mut sign_ins = BTreeSet::new();
    let (mut whole, mut count) = (0, 0);
    for profile in profiles.profiles() {
        count += 1;
        programs(host, profile, &mut found);
        let request = Request {
            target: Some(profile.name().to_owned()),
            ..Request::default()
        };
        match Chain::resolve(profiles, host, &request) {
            Ok(chain) => {
                whole += 1;
                let news = chain
                    .warnings
                    .iter()
                    .filter(|warning| said.insert((*warning).clone()));
                found.extend(news.cloned().map(warning));
                source(host, profile, &chain, &mut sign_ins, &mut found);
                region(host, profiles, profile, &mut found);
            }
            Err(error) => found.push(unresolved(profile, &error)),
        }
    }
    found.push(match count {
        0 => finding(
            Severity::Note,
            "no_profiles",
            "there is no profile yet".to_owned(),
        )
        .hint("`rolecall init` makes the first one; `rolecall demo` shows the whole way without any."),
        _ => finding(
            Severity::Ok,
            "profiles",
            format!("{whole} of {count} profiles lead to credentials"),
        ),
    });
    found
}

/// What the files' own reader says.
fn warning(text: String) -> Finding {
    let hint = if text.contains("names more than one source") {
        "Take those out that are not meant."
    } else if text.contains("names a section that is not there") {
        "Write the section, or take the line away."
    } else if text.contains("the comment behind") {
        "Put the comment on a line of its own."
    } else {
        "Correct it, if you did not mean it so; docs/config.md says how the files are read."
    };
    // As `FILE:LINE: …`.
    let (place, what) = match text.split_once(": ") {
        Some((place, what)) if place.contains(['/', '\\']) && !place.contains(' ') => (Some(place), what),
        _ => (None, text.as_str()),
    };
    let finding = finding(Severity::Warning, "file_warning", what.to_owned()).hint(hint);
    match place {
        Some(place) => finding.at(place),
        None => finding,
    }
}

/// A profile that leads to no credentials. One that names no source at all may be there for its region.
fn unresolved(profile: &Profile, error: &Error) -> Finding {
    let has_source = !profile.sources(Taken::AsTarget).is_empty() || profile.property("role_arn").is_some();
    let finding = match has_source {
        true => Finding::of_error(
            Area::Profiles,
            Severity::Problem,
            "profile_broken",
            error,
            "Correct the profile.",
        ),
        false => finding(
            Severity::Note,
            "profile_without_source",
            format!("profile `{}` holds settings, and no credentials", profile.name()),
        )
        .hint(format!(
            "Nothing has to be done, unless it should: `rolecall vault add {}` gives it a key.",
            profile.name()
        )),
    };
    finding.at(profile.origin())
}

/// What a source needs that is not in the files.
fn source(
    host: &Host,
    profile: &Profile,
    chain: &Chain,
    sign_ins: &mut BTreeSet<String>,
    found: &mut Vec<Finding>,
) {
    match &chain.source.kind {
        SourceKind::WebIdentity(TokenSource::File(path)) if !matches!(host.look_behind(path), Ok(Some(about)) if about.kind == LookKind::File) =>
        {
            found.push(
                finding(
                    Severity::Problem,
                    "token_file",
                    format!(
                        "the web identity token of profile `{}` is not there, {}",
                        profile.name(),
                        path.display()
                    ),
                )
                .hint("Whoever projects the token has to put it there; correct the path where it is wrong.")
                .at(&chain.source.origin),
            );
        }
        SourceKind::Sso(sso) => {
            let session = sso.session.to_string();
            if !sign_ins.insert(session.clone()) {
                return;
            }
            let place = &chain.source.origin;
            match sso::status(host, &sso.session) {
                Ok(sso::Status::SignedIn { .. }) => found.push(
                    finding(
                        Severity::Ok,
                        "sign_in",
                        format!("somebody is signed in to {session}"),
                    )
                    .at(place),
                ),
                Ok(sso::Status::SignedOut(why)) => found.push(
                    finding(Severity::Note, "sign_in", why)
                        .hint(format!("`rolecall login {}` signs in.", profile.name()))
                        .at(place),
                ),
                Err(error) => found.push(
                    Finding::of_error(
                        Area::Profiles,
                        Severity::Problem,
                        "sign_in",
                        &error,
                        "Sign in again with `rolecall login`.",
                    )
                    .at(place),
                ),
            }
        }
        _ => {}
    }
}

/// A region that is missing. rolecall takes that of the source then; AWS's tools take none.
fn region(host: &Host, profiles: &ProfileSet, profile: &Profile, found: &mut Vec<Finding>) {
    let name = profile.name();
    let is_set = ["AWS_REGION", "AWS_DEFAULT_REGION"]
        .iter()
        .any(|name| host.env(name).is_some());
    if is_set || profile.property("region").is_some() {
        return;
    }
    // What is only somebody's source is called by their region.
    let is_source = profiles
        .profiles()
        .any(|other| other.value("source_profile") == Some(name) && other.name() != name);
    if !is_source {
        found.push(
            finding(
                Severity::Warning,
                "region_missing",
                format!("profile `{name}` has no region of its own: without rolecall AWS's tools stop at their first call"),
            )
            .hint("Add a line as `region = eu-west-1` to it, or set AWS_REGION.")
            .at(profile.origin()),
        );
    }
}

/// Programs that a profile names: there, executable, and nobody else's to change.
fn programs(host: &Host, profile: &Profile, found: &mut Vec<Finding>) {
    for key in ["credential_process", "mfa_process", "web_identity_token_process"] {
        let Some(property) = profile.property(key) else {
            continue;
        };
        // A command that is none is what resolving says.
        let Ok(command) = property.value().parse::<CommandLine>() else {
            continue;
        };
        if let Err(error) = host.program(command.program()) {
            let hint = error.hints().join(" ");
            found.push(
                finding(
                    Severity::Problem,
                    "program",
                    format!("{key} of profile `{}`: {error}", profile.name()),
                )
                .hint(hint)
                .at(property.origin()),
            );
        }
    }
}

//! `include_profile`, aws-vault's key: a profile inherits what it does not set itself.
//!
//! What is inherited is what aws-vault reads of a profile, and so never an access key. Its other habit, by which every
//! profile inherits from `[default]`, is not copied: it gives a profile a role that nobody wrote into it.

use std::collections::BTreeMap;

use super::Profile;
use super::property::Property;
use crate::error::Error;

const KEY: &str = "include_profile";

/// What aws-vault inherits, in order.
const INHERITED: [&str; 21] = [
    "credential_process",
    "duration_seconds",
    "external_id",
    "mfa_process",
    "mfa_serial",
    "region",
    "role_arn",
    "role_session_name",
    "session_tags",
    "source_identity",
    "source_profile",
    "sso_account_id",
    "sso_region",
    "sso_registration_scopes",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "sts_regional_endpoints",
    "transitive_session_tags",
    "web_identity_token_file",
    "web_identity_token_process",
];

/// What became of a profile that includes another.
#[derive(Clone, Debug)]
pub(super) enum Included {
    Whole(Profile),
    /// The profiles include each other; the error names them.
    Circle(Error),
}

/// Every profile that includes another, with what it inherits.
pub(super) fn resolve(profiles: &BTreeMap<String, Profile>) -> BTreeMap<String, Included> {
    let mut done: BTreeMap<String, Included> = BTreeMap::new();
    for profile in profiles.values().filter(|profile| includes(profile).is_some()) {
        // Down to one that is done or includes nothing, then up again: each profile is merged once.
        let mut path: Vec<&Profile> = Vec::new();
        let mut seen = BTreeMap::new();
        let mut next = Some(profile);
        let mut above = None;
        while let Some(profile) = next {
            if let Some(known) = done.get(profile.name()) {
                above = Some(known.clone());
                break;
            }
            if let Some(at) = seen.insert(profile.name(), path.len()) {
                above = Some(Included::Circle(circle(&path[at..])));
                break;
            }
            path.push(profile);
            next = includes(profile).and_then(|include| profiles.get(include.value()));
        }
        for profile in path.into_iter().rev() {
            let merged = match above {
                None => Included::Whole(profile.clone()),
                Some(Included::Whole(above)) => Included::Whole(merged(profile, &above)),
                Some(Included::Circle(error)) => Included::Circle(error),
            };
            above = Some(merged.clone());
            if includes(profile).is_some() {
                done.insert(profile.name().to_owned(), merged);
            }
        }
    }
    for included in done.values_mut() {
        if let Included::Whole(profile) = included {
            without_itself(profile, profiles);
        }
    }
    done
}

/// The profile that is included, where one is.
pub(super) fn includes(profile: &Profile) -> Option<&Property> {
    profile.property(KEY)
}

fn merged(profile: &Profile, above: &Profile) -> Profile {
    let mut merged = profile.clone();
    let sets = |key: &str| profile.value(key).is_some();
    for property in above.properties.iter().filter(|property| !property.is_blank()) {
        let key = property.key();
        if sets(key) || INHERITED.binary_search(&key).is_err() {
            continue;
        }
        // One way to sign in and one source of a role stay as the profile has them, not half of each.
        let is_settled = match key {
            "sso_start_url" | "sso_region" | "sso_registration_scopes" => sets("sso_session"),
            "sso_session" => sets("sso_start_url"),
            "source_profile" => sets("credential_source"),
            _ => false,
        };
        if !is_settled {
            merged.properties.push(property.clone());
        }
    }
    merged.settle();
    merged
}

/// A profile that is the source of those that include the same one is not its own.
fn without_itself(profile: &mut Profile, profiles: &BTreeMap<String, Profile>) {
    let sets_it = profiles
        .get(profile.name())
        .is_some_and(|own| own.value("source_profile").is_some());
    if !sets_it && profile.value("source_profile") == Some(profile.name()) {
        profile
            .properties
            .retain(|property| property.key() != "source_profile");
    }
}

fn circle(path: &[&Profile]) -> Error {
    let mut names: Vec<_> = path
        .iter()
        .take(8)
        .map(|profile| format!("`{}`", profile.name()))
        .collect();
    if path.len() > names.len() {
        names.push(format!("{} more", path.len() - names.len()));
    }
    names.extend(path.first().map(|profile| format!("`{}`", profile.name())));
    let place = path.first().and_then(|profile| includes(profile));
    Error::config(format!(
        "the included profiles go round in a circle: {}{}",
        names.join(" → "),
        place.map_or_else(String::new, |place| format!(" ({})", place.origin()))
    ))
    .with_hint("Take `include_profile` out of one of them.")
}

/// What to say of profiles whose `include_profile` leads nowhere.
pub(super) fn problem(
    profile: &Profile,
    profiles: &BTreeMap<String, Profile>,
    included: &BTreeMap<String, Included>,
) -> Option<String> {
    let include = includes(profile)?;
    if let Some(Included::Circle(error)) = included.get(profile.name()) {
        return Some(format!("{}: {error}", include.origin()));
    }
    let name = include.one_line(KEY).ok();
    match name.filter(|name| profiles.contains_key(*name)) {
        Some(_) => None,
        None => Some(format!(
            "{}: include_profile of `{}` names a profile that is not there",
            include.origin(),
            profile.name()
        )),
    }
}

//! What is wrong with the role itself, or with whom it trusts.

use super::{Cause, Seen, cause};
use crate::arn::RoleArn;
use crate::discover::{Ground, Who};
use crate::policy::{Effect, Mismatch, PrincipalClause};

/// Why a role is not there.
pub(in super::super) enum Absence {
    /// The account has none of the name; these are the names that it has, where they could be listed.
    NoName(Vec<String>),
    /// It is there under this ARN.
    Other(String),
}

/// Why the role that the chain names is not there.
pub(in super::super) fn absent(role: &RoleArn, absence: &Absence) -> Cause {
    let account = role.account();
    match absence {
        Absence::Other(arn) if arn.eq_ignore_ascii_case(&role.to_string()) => cause(
            "wrong-case",
            format!("There is no role {role}: the role is {arn}, and case counts."),
            format!("Name it as it is: {arn}."),
        ),
        Absence::Other(arn) => cause(
            "wrong-path",
            format!(
                "There is no role {role}: the role of this name is {arn}, and the path is a part of its name."
            ),
            format!("Name it whole: {arn}."),
        ),
        Absence::NoName(names) => {
            let near = nearest(role.name(), names);
            let fix = if near.is_empty() {
                "Check the account and the name; case counts.".to_owned()
            } else {
                format!("Did you mean {}?", super::grounds::quoted(&near))
            };
            let is_case = near
                .iter()
                .any(|name| name != role.name() && name.eq_ignore_ascii_case(role.name()));
            cause(
                if is_case { "wrong-case" } else { "no-such-role" },
                format!("Account {account} has no role `{}`.", role.name()),
                fix,
            )
        }
    }
}

/// What is said of a role whose name is nearly that of another of its account, where nobody could see whether it is there.
pub(in super::super) fn alike(role: &RoleArn, names: &[String]) -> Option<String> {
    let near = nearest(role.name(), names);
    (!near.is_empty()).then(|| {
        format!(
            "Nobody here can see whether there is a role `{}`; your profiles name {} in that account, and case counts.",
            role.name(),
            super::grounds::quoted(&near)
        )
    })
}

/// The names that may have been meant: the same but for case, or few letters away, or one a part of the other.
fn nearest(name: &str, names: &[String]) -> Vec<String> {
    let wanted = name.to_ascii_lowercase();
    let mut near: Vec<(usize, &String)> = names
        .iter()
        .filter_map(|known| {
            let other = known.to_ascii_lowercase();
            let distance = distance(&wanted, &other);
            let is_part = wanted.len() > 3 && (other.contains(&wanted) || wanted.contains(&other));
            (distance <= wanted.chars().count() / 3 || is_part).then_some((distance, known))
        })
        .collect();
    near.sort();
    near.into_iter().take(3).map(|(_, name)| name.clone()).collect()
}

fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (at, c) in one.chars().enumerate() {
        let mut before = row[0];
        row[0] = at + 1;
        for (column, d) in other.iter().enumerate() {
            let substituted = before + usize::from(c != *d);
            before = row[column + 1];
            row[column + 1] = substituted.min(before + 1).min(row[column] + 1);
        }
    }
    row[other.len()]
}

/// Nobody like the caller is named.
pub(super) fn untrusted(seen: &Seen<'_>, nearest: Option<&(Ground, Vec<Mismatch>)>) -> Vec<Cause> {
    let Some(trust) = seen.trust else {
        return Vec::new();
    };
    let caller = &seen.holdings.arn;
    let mut names: Vec<(&str, &str)> = Vec::new();
    let allowing = trust
        .statements()
        .iter()
        .filter(|statement| statement.effect() == Effect::Allow);
    for statement in allowing {
        if let Some(PrincipalClause::Named(named)) = statement.principal() {
            names.extend(named.iter().map(|(kind, name)| (kind.as_str(), name.as_str())));
        }
    }
    let is_id = |name: &str| {
        name.len() >= 16
            && ["AIDA", "AROA", "AGPA"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            && name.chars().all(|c| c.is_ascii_alphanumeric())
    };
    let mut causes = Vec::new();
    let deleted: Vec<String> = names
        .iter()
        .filter(|(kind, name)| *kind == "AWS" && is_id(name))
        .map(|(_, name)| (*name).to_owned())
        .collect();
    if !deleted.is_empty() {
        let what = if deleted.iter().any(|id| id.starts_with("AROA")) {
            "role"
        } else {
            "user"
        };
        causes.push(cause(
            "principal-deleted",
            format!(
                "The trust policy names {}, the id of a {what} that has been deleted: one made anew under the old name is another.",
                super::grounds::quoted(&deleted)
            ),
            format!("Have {caller} written into the trust policy again, as below."),
        ));
    }
    if !names.is_empty() && names.iter().all(|(kind, _)| *kind == "Service") {
        let services: Vec<String> = names.iter().map(|(_, name)| (*name).to_owned()).collect();
        causes.push(cause(
            "service-only",
            format!(
                "Only services may assume this role: its trust policy names {} and nobody else.",
                super::grounds::quoted(&services)
            ),
            "Such a role is for a service to work with: use another one, or have the caller added as below.",
        ));
        return causes;
    }
    if !names.is_empty() && names.iter().all(|(kind, _)| *kind == "Federated") {
        causes.push(cause(
            "federated-only",
            "Only users of an identity provider may assume this role, with AssumeRoleWithWebIdentity or AssumeRoleWithSAML.",
            "Use a token of that provider (`web_identity_token_file`), or have the caller added as below.",
        ));
        return causes;
    }
    if let Some(stale) = permission_set(seen, &names) {
        causes.push(stale);
    } else if let Some(session) = other_session(seen, &names) {
        causes.push(session);
    } else if causes.is_empty() {
        let others: Vec<String> = nearest
            .into_iter()
            .flat_map(|(_, because)| because)
            .filter_map(|mismatch| match mismatch {
                Mismatch::Principal(named) => Some(named.clone()),
                _ => None,
            })
            .flatten()
            .collect();
        let others = if others.is_empty() {
            names.iter().map(|(_, name)| (*name).to_owned()).collect()
        } else {
            others
        };
        let whom = if others.is_empty() {
            "nobody at all".to_owned()
        } else {
            super::grounds::quoted(&others)
        };
        causes.push(cause(
            "principal-other",
            format!("The role's trust policy does not name {caller} or its account: it names {whom}."),
            "Have the caller added to the trust policy as below, or start from one whom it names.",
        ));
    }
    causes
}

/// A permission set that was taken away and given again has a role with another ending.
fn permission_set(seen: &Seen<'_>, names: &[(&str, &str)]) -> Option<Cause> {
    let Who::Role { name } = &seen.holdings.caller.who else {
        return None;
    };
    let set = name.strip_prefix("AWSReservedSSO_")?.rsplit_once('_')?.0;
    let stale = names.iter().map(|(_, named)| *named).find(|named| {
        let role = named.rsplit('/').next().unwrap_or_default();
        role != name
            && role
                .strip_prefix("AWSReservedSSO_")
                .and_then(|rest| rest.rsplit_once('_'))
                .is_some_and(|(other, _)| other == set)
    })?;
    Some(cause(
        "permission-set-renewed",
        format!(
            "The trust policy names {stale}, and the role of the permission set {set} is {name} now: it was provisioned anew."
        ),
        "Have the trust policy name the new role, or the account with a condition on aws:PrincipalArn and a `*` for the ending.",
    ))
}

/// A trust policy that names one session of the caller's role, and this is another.
fn other_session(seen: &Seen<'_>, names: &[(&str, &str)]) -> Option<Cause> {
    let Who::Role { name } = &seen.holdings.caller.who else {
        return None;
    };
    let ours = &seen.holdings.caller.identity.arn;
    let other = names.iter().map(|(_, named)| *named).find(|named| {
        named.contains(&format!(":{}:assumed-role/{name}/", seen.holdings.caller.account)) && named != ours
    })?;
    Some(cause(
        "session-other",
        format!("The trust policy names the one session {other}, and the caller is {ours}."),
        "Give the session before that name (`role_session_name`), or have the role itself named.",
    ))
}

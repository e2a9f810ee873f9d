//! Inline policies of users, groups and roles.

use super::{Answered, Iam, Kind, render};
use crate::api::{Refusal, escaped};
use crate::state::{Named, Policy, State};

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "DeleteGroupPolicy" | "DeleteRolePolicy" | "DeleteUserPolicy" => delete(iam, state),
        "GetGroupPolicy" | "GetRolePolicy" | "GetUserPolicy" => get(iam, state),
        "ListGroupPolicies" | "ListRolePolicies" | "ListUserPolicies" => list(iam, state),
        "PutGroupPolicy" | "PutRolePolicy" | "PutUserPolicy" => put(iam, state),
        _ => return None,
    })
}

/// How large the inline policies of one may be together ("IAM and AWS STS quotas").
pub(super) fn most(kind: Kind) -> usize {
    match kind {
        Kind::Group => 5120,
        Kind::Role => 10_240,
        Kind::User => 2048,
    }
}

/// How large a policy is: "IAM doesn't count white space".
pub(super) fn size(text: &str) -> usize {
    text.chars().filter(|c| !c.is_whitespace()).count()
}

/// A policy for users, groups and roles, as far as its own words go.
pub(super) fn identity_policy(text: &str) -> Result<Policy, Refusal> {
    Policy::identity(text).map_err(|error| Refusal::malformed_policy(error.to_string()))
}

fn no_such(kind: Kind, name: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("The {} policy with name {name} cannot be found.", kind.word()),
    )
}

fn put(iam: &Iam<'_>, state: &mut State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let policy_name = input.policy_name();
    let text = input.document("PolicyDocument");
    input.finish()?;
    iam.found(state, kind, name)?;
    let named = iam.entity(state, kind, name)?;
    let others = named.inline.iter().filter(|(other, _)| *other != policy_name);
    let together: usize = others.map(|(_, policy)| size(&policy.text)).sum();
    if together + size(text) > most(kind) {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            format!(
                "Maximum policy size of {} bytes exceeded for {} {name}",
                most(kind),
                kind.word()
            ),
        ));
    }
    named
        .inline
        .insert(policy_name.to_owned(), identity_policy(text)?);
    Ok(String::new())
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let policy_name = input.policy_name();
    input.finish()?;
    iam.found(state, kind, name)?;
    let named = iam.entity_seen(state, kind, name)?;
    let policy = named
        .inline
        .get(policy_name)
        .ok_or_else(|| no_such(kind, policy_name))?;
    let owner = kind.parameter();
    Ok(format!(
        "<{owner}>{}</{owner}>{}",
        escaped(name),
        one((policy_name, policy))
    ))
}

fn one((name, policy): (&str, &Policy)) -> String {
    format!(
        "<PolicyName>{}</PolicyName><PolicyDocument>{}</PolicyDocument>",
        escaped(name),
        render::document(&policy.text)
    )
}

/// All of one's inline policies, as GetAccountAuthorizationDetails has them.
pub(super) fn all(named: &Named) -> String {
    super::page::members(named.inline.iter().map(|(name, policy)| one((name, policy))))
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let policy_name = input.policy_name();
    input.finish()?;
    iam.found(state, kind, name)?;
    iam.entity(state, kind, name)?
        .inline
        .remove(policy_name)
        .ok_or_else(|| no_such(kind, policy_name))?;
    Ok(String::new())
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let page = input.page();
    input.finish()?;
    iam.found(state, kind, name)?;
    let names = iam.entity_seen(state, kind, name)?.inline.keys();
    page.list("PolicyNames", names.map(|name| (name, name)), |name| {
        escaped(name)
    })
}

//! Managed policies on users, groups and roles.

use rolecall::policy::Context;

use super::entity::check_attachable;
use super::page::members;
use super::{Answered, Iam, Kind, limit, no_such_policy, policies, render};
use crate::api::escaped;
use crate::state::{Named, State};

/// "Managed policies per …" for each of the three, the default quota ("IAM and AWS STS quotas").
pub(super) const MOST_ATTACHED: usize = 10;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "AttachGroupPolicy" | "AttachRolePolicy" | "AttachUserPolicy" => attach(iam, state),
        "DetachGroupPolicy" | "DetachRolePolicy" | "DetachUserPolicy" => detach(iam, state),
        "ListAttachedGroupPolicies" | "ListAttachedRolePolicies" | "ListAttachedUserPolicies" => {
            list(iam, state)
        }
        "ListEntitiesForPolicy" => entities(iam, state),
        _ => return None,
    })
}

fn context(iam: &Iam<'_>, state: &State, kind: Kind, name: &str, arn: &str) -> Context {
    let mut context = iam.entity_context(state, kind, name);
    context.set("iam:PolicyARN", arn);
    context
}

fn attach(iam: &Iam<'_>, state: &mut State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let arn = input.policy_arn("PolicyArn");
    input.finish()?;
    iam.found_with(state, kind, name, &context(iam, state, kind, name, arn))?;
    check_attachable(state, iam, arn)?;
    let named = iam.entity(state, kind, name)?;
    if named.attached.iter().any(|attached| attached == arn) {
        return Ok(String::new());
    }
    if named.attached.len() >= MOST_ATTACHED {
        return Err(limit(&format!("PoliciesPer{}", kind.title()), MOST_ATTACHED));
    }
    named.attached.push(arn.to_owned());
    Ok(String::new())
}

fn detach(iam: &Iam<'_>, state: &mut State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let arn = input.policy_arn("PolicyArn");
    input.finish()?;
    iam.found_with(state, kind, name, &context(iam, state, kind, name, arn))?;
    let named = iam.entity(state, kind, name)?;
    let before = named.attached.len();
    named.attached.retain(|attached| attached != arn);
    if named.attached.len() == before {
        return Err(no_such_policy(arn));
    }
    Ok(String::new())
}

/// The path of a managed policy, out of its ARN.
fn path_of(arn: &str) -> &str {
    let resource = arn
        .splitn(6, ':')
        .nth(5)
        .and_then(|resource| resource.strip_prefix("policy"));
    let resource = resource.unwrap_or("/");
    resource
        .rfind('/')
        .and_then(|last| resource.get(..=last))
        .unwrap_or("/")
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let kind = Kind::of(iam.operation);
    let mut input = iam.input();
    let name = input.existing(kind);
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    iam.found(state, kind, name)?;
    let attached = &iam.entity_seen(state, kind, name)?.attached;
    let mut attached: Vec<&String> = attached
        .iter()
        .filter(|arn| path_of(arn).starts_with(prefix))
        .collect();
    attached.sort_unstable_by_key(|arn| policies::order(arn));
    page.list(
        "AttachedPolicies",
        attached.into_iter().map(|arn| (policies::order(arn), arn)),
        |arn| render::attached(arn),
    )
}

/// All of one's managed policies, as GetAccountAuthorizationDetails has them.
pub(super) fn all(named: &Named) -> String {
    members(named.attached.iter().map(|arn| render::attached(arn)))
}

/// Who has a policy attached, or as its boundary.
fn entities(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    let filter = input.checks.choice(
        "EntityFilter",
        &["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"],
    );
    let usage = input
        .checks
        .choice("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"]);
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    iam.check(state, arn)?;
    policies::found(iam, state, arn)?;

    let home = iam.seen(state)?;
    let has = |named: &Named| {
        let attached =
            usage != Some("PermissionsBoundary") && named.attached.iter().any(|other| other == arn);
        let boundary = usage != Some("PermissionsPolicy") && named.boundary.as_deref() == Some(arn);
        (attached || boundary) && named.path.starts_with(prefix)
    };
    let groups = home.groups.values().map(|group| (Kind::Group, &group.named));
    let users = home.users.values().map(|user| (Kind::User, &user.named));
    let roles = home.roles.values().map(|role| (Kind::Role, &role.named));
    // The kinds go one after the other, whatever their order is.
    let all = (groups.zip(std::iter::repeat('1')))
        .chain(roles.zip(std::iter::repeat('2')))
        .chain(users.zip(std::iter::repeat('3')));
    let found = all
        .filter(|((kind, named), _)| filter.is_none_or(|filter| filter == kind.title()) && has(named))
        .map(|((kind, named), order)| (format!("{order}{}", named.name), (kind, named)));
    let cut = page.cut(found)?;
    let mut answer = cut.end();
    for kind in [Kind::Group, Kind::User, Kind::Role] {
        let title = kind.title();
        let of_kind = cut.items.iter().filter(|(other, _)| *other == kind);
        let list = members(of_kind.map(|(_, named)| {
            format!(
                "<{title}Name>{}</{title}Name><{title}Id>{}</{title}Id>",
                escaped(&named.name),
                named.unique_id
            )
        }));
        answer.push_str(&format!("<Policy{title}s>{list}</Policy{title}s>"));
    }
    Ok(answer)
}

//! GetAccountAuthorizationDetails: everyone and every policy of an account, for tools that read permissions.

use super::page::members;
use super::policies::{all_uses, order};
use super::render::Uses;
use super::{Answered, Iam, attachments, inline, render};
use crate::api::{Refusal, escaped};
use crate::state::{Group, ManagedPolicy, Named, Role, State, User};

/// One thing of the account, of whatever kind.
enum Detail<'s> {
    User(&'s User),
    Group(&'s Group),
    Role(&'s Role),
    Policy(&'s ManagedPolicy),
}

const KINDS: [&str; 5] = ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];

/// The kinds a call asks for; all where it asks for none.
fn filter<'a>(iam: &Iam<'a>, input: &mut super::Input<'a>) -> Vec<&'a str> {
    let wanted: Vec<&str> = iam
        .call
        .params
        .members("Filter", "")
        .into_iter()
        .flatten()
        .collect();
    for (index, kind) in wanted.iter().enumerate() {
        input
            .checks
            .choose(kind, &format!("filter.{}.member", index + 1), &KINDS);
    }
    if wanted.is_empty() { KINDS.to_vec() } else { wanted }
}

pub(super) fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let wanted = filter(iam, &mut input);
    let page = input.page();
    input.finish()?;
    iam.check(state, "*")?;
    let cut = page.cut(everything(iam, state, &wanted)?)?;
    let uses = all_uses(iam.seen(state)?);
    let [mut users, mut groups, mut roles, mut policies] = [const { Vec::new() }; 4];
    for detail in &cut.items {
        match detail {
            Detail::User(of) => users.push(user(iam, of)),
            Detail::Group(of) => groups.push(group(iam, of)),
            Detail::Role(of) => roles.push(role(iam, state, of)),
            Detail::Policy(of) => {
                let uses = uses.get(of.arn.as_str()).copied().unwrap_or_default();
                policies.push(policy(of, uses));
            }
        }
    }
    Ok(format!(
        "<UserDetailList>{}</UserDetailList><GroupDetailList>{}</GroupDetailList>\
         <RoleDetailList>{}</RoleDetailList><Policies>{}</Policies>{}",
        members(users.into_iter()),
        members(groups.into_iter()),
        members(roles.into_iter()),
        members(policies.into_iter()),
        cut.end()
    ))
}

/// What was asked for, kind after kind. AWS's own policies are told where they are used, as AWS does.
fn everything<'s>(
    iam: &Iam<'_>,
    state: &'s State,
    wanted: &[&str],
) -> Result<impl Iterator<Item = (String, Detail<'s>)>, Refusal> {
    let home = iam.seen(state)?;
    let [users, groups, roles, local, aws] =
        ["User", "Group", "Role", "LocalManagedPolicy", "AWSManagedPolicy"]
            .map(|kind| wanted.contains(&kind));
    let used = if aws { all_uses(home) } else { Default::default() };
    let local = home.policies.values().filter(move |_| local);
    let aws = state
        .aws_managed
        .values()
        .filter(move |policy| used.contains_key(policy.arn.as_str()));
    let mut policies: Vec<_> = local.chain(aws).collect();
    policies.sort_unstable_by_key(|policy| order(&policy.arn));
    let key = |kind: char, name: &str| format!("{kind}{name}");
    let users = home.users.values().filter(move |_| users);
    let groups = home.groups.values().filter(move |_| groups);
    let roles = home.roles.values().filter(move |_| roles);
    Ok(users
        .map(move |user| (key('1', &user.named.name), Detail::User(user)))
        .chain(groups.map(move |group| (key('2', &group.named.name), Detail::Group(group))))
        .chain(roles.map(move |role| (key('3', &role.named.name), Detail::Role(role))))
        .chain(
            policies
                .into_iter()
                .map(move |policy| (key('4', &order(&policy.arn)), Detail::Policy(policy))),
        ))
}

fn attached(named: &Named) -> String {
    format!(
        "<AttachedManagedPolicies>{}</AttachedManagedPolicies>",
        attachments::all(named)
    )
}

fn user(iam: &Iam<'_>, user: &User) -> String {
    format!(
        "{}<UserPolicyList>{}</UserPolicyList><GroupList>{}</GroupList>{}",
        render::user_in_full(user, iam.account),
        inline::all(&user.named),
        members(user.groups.iter().map(|name| escaped(name))),
        attached(&user.named)
    )
}

fn group(iam: &Iam<'_>, group: &Group) -> String {
    format!(
        "{}<GroupPolicyList>{}</GroupPolicyList>{}",
        render::group(&group.named, iam.account),
        inline::all(&group.named),
        attached(&group.named)
    )
}

/// Neither description nor MaxSessionDuration is among the details.
fn role(iam: &Iam<'_>, state: &State, role: &Role) -> String {
    let named = &role.named;
    format!(
        "{}<AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument><InstanceProfileList/>\
         <RolePolicyList>{}</RolePolicyList>{}{}{}{}",
        render::named(named, "Role", iam.account),
        render::document(&role.trust.text),
        inline::all(named),
        attached(named),
        render::boundary(named),
        render::tags(&named.tags),
        render::role_last_used(named, state)
    )
}

fn policy(policy: &ManagedPolicy, uses: Uses) -> String {
    let versions = policy.versions.iter().rev();
    format!(
        "{}<PolicyVersionList>{}</PolicyVersionList>",
        render::policy(policy, uses),
        members(versions.map(|(number, version)| render::version_in_full(policy, *number, version)))
    )
}

//! Managed policies.

use std::collections::HashMap;

use super::entity::set_request_tags;
use super::inline::{identity_policy, size};
use super::render::Uses;
use super::{Answered, Iam, input, limit, no_such_policy, render};
use crate::api::Refusal;
use crate::state::{Account, ManagedPolicy, Policy, State};

/// The default quotas of "IAM and AWS STS quotas".
pub(super) const MOST_POLICIES: usize = 1500;
pub(super) const MOST_CHARACTERS: usize = 6144;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreatePolicy" => create(iam, state),
        "DeletePolicy" => delete(iam, state),
        "GetPolicy" => get(iam, state),
        "ListPolicies" => list(iam, state),
        _ => return None,
    })
}

/// The text of a managed policy.
pub(super) fn read(text: &str) -> Result<Policy, Refusal> {
    if size(text) > MOST_CHARACTERS {
        return Err(limit("PolicySize", MOST_CHARACTERS));
    }
    identity_policy(text)
}

/// By name, and AWS's own after the account's of the same name: where a policy stands in every list.
pub(super) fn order(arn: &str) -> String {
    let name = arn.rsplit('/').next().unwrap_or_default();
    let owner = arn.split(':').nth(4).unwrap_or_default();
    format!("{name}\u{0}{}", owner == "aws")
}

/// How often a policy is used.
pub(super) fn uses(home: &Account, arn: &str) -> Uses {
    let mut uses = Uses::default();
    for named in home.everyone() {
        uses.attached += usize::from(named.attached.iter().any(|attached| attached == arn));
        uses.boundary += usize::from(named.boundary.as_deref() == Some(arn));
    }
    uses
}

/// How often every policy is used, in one pass.
pub(super) fn all_uses(home: &Account) -> HashMap<&str, Uses> {
    let mut uses: HashMap<&str, Uses> = HashMap::new();
    for named in home.everyone() {
        for arn in &named.attached {
            uses.entry(arn).or_default().attached += 1;
        }
        if let Some(arn) = &named.boundary {
            uses.entry(arn).or_default().boundary += 1;
        }
    }
    uses
}

/// The policy an operation names: the account's own or AWS's. The policies of other accounts are theirs, and AWS's nobody
/// changes.
pub(super) fn found<'s>(iam: &Iam<'_>, state: &'s State, arn: &str) -> Result<&'s ManagedPolicy, Refusal> {
    let owner = arn.split(':').nth(4).unwrap_or_default();
    let reads = iam.operation.starts_with("Get") || iam.operation.starts_with("List");
    if owner != iam.account.as_str() && !(owner == "aws" && reads) {
        return Err(Refusal::denied(format!(
            "User: {} is not authorized to perform: iam:{} on resource: policy {arn}",
            iam.call.verified.caller.principal.arn(),
            iam.operation
        )));
    }
    state.managed(iam.account, arn).ok_or_else(|| no_such_policy(arn))
}

/// The account's own policy that was found before.
pub(super) fn own<'s>(
    iam: &Iam<'_>,
    state: &'s mut State,
    arn: &str,
) -> Result<&'s mut ManagedPolicy, Refusal> {
    iam.home(state)?
        .policies
        .get_mut(arn)
        .ok_or_else(|| no_such_policy(arn))
}

impl Iam<'_> {
    /// Whether the caller may do that to a policy, by its tags, and whether it exists.
    pub(super) fn found_policy<'s>(&self, state: &'s State, arn: &str) -> Result<&'s ManagedPolicy, Refusal> {
        let mut context = self.context(state);
        if let Some(policy) = state.managed(self.account, arn) {
            super::entity::set_resource_tags(&mut context, &policy.tags);
        }
        self.check_with(state, arn, &context)?;
        found(self, state, arn)
    }
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.policy_name();
    let path = input.policy_path().unwrap_or("/");
    let text = input.document("PolicyDocument");
    let description = input.policy_description();
    let tags = input.policy_tags();
    input.finish()?;
    let arn = iam.arn("policy", path, name);
    let mut context = iam.context(state);
    set_request_tags(&mut context, &tags);
    iam.check_with(state, &arn, &context)?;
    iam.check_tagging(state, "Policy", &arn, &tags, &context)?;
    let policy = read(text)?;
    let home = iam.home(state)?;
    // The name alone has to differ, whatever the path is.
    if home
        .policies
        .values()
        .any(|other| other.name.eq_ignore_ascii_case(name))
    {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            format!("A policy called {name} already exists. Duplicate names are not allowed."),
        ));
    }
    if home.policies.len() >= MOST_POLICIES {
        return Err(limit("PoliciesPerAccount", MOST_POLICIES));
    }
    let managed = ManagedPolicy {
        description: description.map(str::to_owned),
        tags: input::kept(&tags),
        ..ManagedPolicy::new(arn.clone(), path, name, policy)
    };
    let answer = render::policy_in_full(&managed, Uses::default());
    home.policies.insert(arn, managed);
    Ok(format!("<Policy>{answer}</Policy>"))
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    input.finish()?;
    let policy = iam.found_policy(state, arn)?;
    let uses = uses(iam.seen(state)?, arn);
    Ok(format!(
        "<Policy>{}</Policy>",
        render::policy_in_full(policy, uses)
    ))
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let scope = input
        .checks
        .choice("Scope", &["All", "AWS", "Local"])
        .unwrap_or("All");
    let only_attached = input.flag("OnlyAttached");
    let usage = input
        .checks
        .choice("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"]);
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    // There is no ARN for it: only `*` grants it.
    iam.check(state, &format!("policy path {prefix}"))?;
    let home = iam.seen(state)?;
    let uses = all_uses(home);
    let uses_of = |policy: &ManagedPolicy| uses.get(policy.arn.as_str()).copied().unwrap_or_default();
    let local = home.policies.values().filter(|_| scope != "AWS");
    let aws = state.aws_managed.values().filter(|_| scope != "Local");
    let mut policies: Vec<_> = local
        .chain(aws)
        .filter(|policy| policy.path.starts_with(prefix))
        .filter(|policy| {
            let uses = uses_of(policy);
            let used = match usage {
                Some("PermissionsBoundary") => uses.boundary > 0,
                Some(_) => uses.attached > 0,
                None => true,
            };
            used && (!only_attached || uses.attached + uses.boundary > 0)
        })
        .map(|policy| (order(&policy.arn), policy))
        .collect();
    policies.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    page.list("Policies", policies.into_iter(), |policy| {
        render::policy(policy, uses_of(policy))
    })
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    input.finish()?;
    let versions = iam.found_policy(state, arn)?.versions.len();
    let refused = |message: &str| Refusal::new(409, "DeleteConflict", message);
    let uses = uses(iam.seen(state)?, arn);
    if uses.attached + uses.boundary > 0 {
        return Err(refused("Cannot delete a policy attached to entities."));
    }
    if versions > 1 {
        return Err(refused(
            "This policy has more than one version. Before you delete a policy, you must delete the policy's \
             versions. The default version is deleted with the policy.",
        ));
    }
    iam.home(state)?.policies.remove(arn);
    Ok(String::new())
}

//! What all policies together decide about a request, and which statement did.
//!
//! An explicit Deny anywhere ends it. Then the service control policies of the principal's account must allow, every ceiling
//! (boundary, session policies) must allow, and a grant must come from the identity's policies, from the resource's policy,
//! or across accounts from both ("Policy evaluation logic", "Policy evaluation for requests within a single account",
//! "Cross-account policy evaluation logic").

mod layers;
mod near;
mod possible;
mod principal;
mod statement;

pub use layers::{Layer, Outcome, layers, missing_keys};
pub use near::{Mismatch, NearMiss, near_misses};
pub use possible::{Possible, Said, possible, possible_layers};
pub use principal::Principal;

use self::principal::Named;
use self::statement::{Applied, applied, matched, service_control};
use super::context::Context;
use super::document::{Document, Effect};
use crate::arn::AccountId;

/// One call that somebody wants to make.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who.
    pub principal: &'a Principal,
    /// What, as in `sts:AssumeRole`.
    pub action: &'a str,
    /// To what: an ARN, or `*` for what has none.
    pub resource: &'a str,
    /// The account that owns the resource.
    pub resource_account: AccountId,
    /// The condition keys.
    pub context: &'a Context,
}

/// A policy and what it is called where it is attached.
#[derive(Clone, Copy, Debug)]
pub struct PolicySource<'a> {
    /// The name of an inline policy, or the ARN of a managed one.
    pub name: &'a str,
    /// What it says.
    pub document: &'a Document,
}

/// Where a policy is attached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum PolicyKind {
    /// A permissions boundary.
    Boundary,
    /// A user's, group's or role's policy.
    Identity,
    /// A resource's policy.
    Resource,
    /// A service control policy of the principal's organization.
    ServiceControl,
    /// A session policy.
    Session,
    /// A role's trust policy.
    Trust,
}

impl PolicyKind {
    /// How AWS's own messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boundary => "permissions boundary",
            Self::Identity => "identity-based policy",
            Self::Resource => "resource-based policy",
            Self::ServiceControl => "service control policy",
            Self::Session => "session policy",
            Self::Trust => "role trust policy",
        }
    }
}

/// Every policy that has a say.
#[derive(Clone, Debug, Default)]
pub struct Policies<'a> {
    /// The principal's own, from every place they come from.
    pub identity: Vec<PolicySource<'a>>,
    /// The ceiling of what they may grant.
    pub boundary: Option<PolicySource<'a>>,
    /// What the session was further held to when it was made; `None` where it was not. Several allow what any allows.
    pub session: Option<Vec<PolicySource<'a>>>,
    /// The service control policies of the principal's account, a list for each level from the root of the organization
    /// over its units to the account. Every level must allow. `None` for an account outside of an organization, for the
    /// management account and for service-linked roles, which none of them binds.
    pub service_control: Option<Vec<Vec<PolicySource<'a>>>>,
    /// The policy of the resource.
    pub resource: Option<PolicySource<'a>>,
    /// The trust policy of the role that is asked for. It must grant even inside of one account.
    pub trust: Option<PolicySource<'a>>,
}

/// The statement that decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matched {
    /// Where its policy is attached.
    pub kind: PolicyKind,
    /// The policy's name.
    pub policy: String,
    /// Which of the policy's statements, from 0.
    pub statement: usize,
    /// The statement's name.
    pub sid: Option<String>,
}

/// The outcome.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Verdict {
    /// Granted by these: the first grant of every policy that had to grant. None for a root user at home, who needs none.
    Allowed(Vec<Matched>),
    /// Refused by this statement.
    ExplicitDeny(Matched),
    /// Not granted: no statement in the policies of this kind allows it, and one had to.
    ImplicitDeny(PolicyKind),
}

/// What was decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Decision(Verdict);

impl Decision {
    /// The outcome and its grounds.
    pub fn verdict(&self) -> &Verdict {
        &self.0
    }

    /// Whether the request may go ahead.
    pub fn is_allowed(&self) -> bool {
        matches!(self.0, Verdict::Allowed(_))
    }

    /// Whether a statement refused it, so that no further grant would help.
    pub fn is_explicit_deny(&self) -> bool {
        matches!(self.0, Verdict::ExplicitDeny(_))
    }
}

/// Decides.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    Decision(verdict(request, policies))
}

fn verdict(request: &Request<'_>, policies: &Policies<'_>) -> Verdict {
    let first = |layer, effect| {
        let mut found = matched(request, policies, layer, effect);
        found.next().map(|(_, found)| found.keep())
    };
    for layer in applied(request, policies) {
        if let Some(matched) = first(layer, Effect::Deny) {
            return Verdict::ExplicitDeny(matched);
        }
    }

    let mut by_organization = Vec::new();
    for level in service_control(request, policies) {
        match first(level, Effect::Allow) {
            Some(matched) => by_organization.push(matched),
            None => return Verdict::ImplicitDeny(PolicyKind::ServiceControl),
        }
    }

    let (resource_kind, resource_policy) = match &policies.trust {
        Some(trust) => (PolicyKind::Trust, Some(trust)),
        None => (PolicyKind::Resource, policies.resource.as_ref()),
    };
    let by_resource = closest(request, policies, (resource_kind, slice(resource_policy)));
    let at_home = request.principal.account() == Some(request.resource_account);
    let named = by_resource.as_ref().map(|(named, _)| *named);
    // A role's trust policy must grant even at home, and abroad every resource's.
    if named.is_none() && (policies.trust.is_some() || !at_home) {
        return Verdict::ImplicitDeny(resource_kind);
    }

    let mut grants: Vec<_> = by_resource.into_iter().map(|(_, matched)| matched).collect();
    let by_itself = at_home && named == Some(Named::Itself);
    let by_resource_alone = at_home && named == Some(Named::Behind);
    // Named by its own ARN in its own account, a principal needs nothing else.
    if request.principal.has_identity_policies() && !by_itself {
        let ceilings = [
            (
                PolicyKind::Boundary,
                policies.boundary.as_ref().map(std::slice::from_ref),
            ),
            (PolicyKind::Session, policies.session.as_deref()),
        ];
        let identity = (PolicyKind::Identity, policies.identity.as_slice());
        let needed = (!by_resource_alone).then_some(identity).into_iter();
        for layer in needed.chain(
            ceilings
                .into_iter()
                .filter_map(|(kind, sources)| Some((kind, sources?))),
        ) {
            match first(layer, Effect::Allow) {
                Some(matched) => grants.push(matched),
                None => return Verdict::ImplicitDeny(layer.0),
            }
        }
    }
    grants.extend(by_organization);
    Verdict::Allowed(grants)
}

/// The grant of a resource's policy that names the principal most closely.
fn closest(request: &Request<'_>, policies: &Policies<'_>, layer: Applied<'_>) -> Option<(Named, Matched)> {
    let mut best = None;
    for (named, found) in matched(request, policies, layer, Effect::Allow) {
        if best.as_ref().is_none_or(|(before, _)| named > *before) {
            best = Some((named, found));
        }
    }
    best.map(|(named, found)| (named, found.keep()))
}

fn slice<'a>(source: Option<&'a PolicySource<'a>>) -> &'a [PolicySource<'a>] {
    source.map_or(&[], std::slice::from_ref)
}

#[cfg(test)]
mod tests;

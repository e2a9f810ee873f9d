//! What all policies together decide about a request, and which statement did.
//!
//! An explicit Deny anywhere ends it. Then every ceiling (boundary, session policies) must allow, and a grant must come
//! from the identity's policies, from the resource's policy, or across accounts from both ("Policy evaluation logic",
//! "Cross-account policy evaluation logic").

use super::context::Context;
use super::document::{Document, Effect, PrincipalClause, Set, Statement};
use super::matching::{action_matches, resource_matches_in};
use crate::arn::AccountId;

/// Who asks, under all the names a policy may know them by.
#[derive(Clone, Debug)]
pub struct Principal {
    account: AccountId,
    partition: String,
    arn: String,
    role: Option<String>,
}

impl Principal {
    /// An IAM user, a root user, a federated user.
    pub fn user(partition: &str, account: AccountId, arn: impl Into<String>) -> Self {
        Self {
            account,
            partition: partition.to_owned(),
            arn: arn.into(),
            role: None,
        }
    }

    /// A session of a role: `arn` is the session's (`…:assumed-role/…`), `role` the role's own, with its path.
    pub fn role_session(
        partition: &str,
        account: AccountId,
        arn: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        Self {
            account,
            partition: partition.to_owned(),
            arn: arn.into(),
            role: Some(role.into()),
        }
    }

    /// The account it belongs to.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// Its ARN, a session's for a session.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The role behind a session.
    pub fn role(&self) -> Option<&str> {
        self.role.as_deref()
    }
}

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
    /// Granted by these: the first grant of every policy that had to grant.
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

/// How a statement's principal names the one who asks. The closer, the fewer other policies have a say ("Evaluating
/// identity-based policies with resource-based policies", "Implicit denies in permissions boundaries and session
/// policies").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Named {
    /// By their account: the account's own policies then decide.
    Account,
    /// By their role, or as anyone.
    Role,
    /// By their own ARN.
    Itself,
}

/// Decides.
pub fn evaluate(request: &Request<'_>, policies: &Policies<'_>) -> Decision {
    Decision(verdict(request, policies))
}

fn verdict(request: &Request<'_>, policies: &Policies<'_>) -> Verdict {
    let session = policies.session.as_deref();
    let boundary = policies.boundary.as_slice();
    let everywhere = [
        (PolicyKind::Trust, policies.trust.as_slice()),
        (PolicyKind::Resource, policies.resource.as_slice()),
        (PolicyKind::Identity, policies.identity.as_slice()),
        (PolicyKind::Boundary, boundary),
        (PolicyKind::Session, session.unwrap_or_default()),
    ];
    for (kind, sources) in everywhere {
        if let Some((_, matched)) = find(request, kind, sources, Effect::Deny) {
            return Verdict::ExplicitDeny(matched);
        }
    }

    let resource_kind = if policies.trust.is_some() {
        PolicyKind::Trust
    } else {
        PolicyKind::Resource
    };
    let resource_policy = policies.trust.or(policies.resource);
    let by_resource = find(request, resource_kind, resource_policy.as_slice(), Effect::Allow);
    let same_account = request.principal.account == request.resource_account;
    let named = by_resource.as_ref().map(|(named, _)| *named);
    if named.is_none() && (policies.trust.is_some() || !same_account) {
        return Verdict::ImplicitDeny(resource_kind);
    }

    let mut grants: Vec<_> = by_resource.into_iter().map(|(_, matched)| matched).collect();
    // Named by its own ARN in its own account, a principal needs nothing else.
    if !(same_account && named == Some(Named::Itself)) {
        if !(same_account && named == Some(Named::Role)) {
            match find(request, PolicyKind::Identity, &policies.identity, Effect::Allow) {
                Some((_, matched)) => grants.push(matched),
                None => return Verdict::ImplicitDeny(PolicyKind::Identity),
            }
        }
        for (kind, sources) in [
            (
                PolicyKind::Boundary,
                policies.boundary.is_some().then_some(boundary),
            ),
            (PolicyKind::Session, session),
        ] {
            let Some(sources) = sources else { continue };
            match find(request, kind, sources, Effect::Allow) {
                Some((_, matched)) => grants.push(matched),
                None => return Verdict::ImplicitDeny(kind),
            }
        }
    }
    Verdict::Allowed(grants)
}

/// The first statement with `effect` that matches; among grants of a resource policy, the one that names the principal
/// most closely.
fn find(
    request: &Request<'_>,
    kind: PolicyKind,
    sources: &[PolicySource<'_>],
    effect: Effect,
) -> Option<(Named, Matched)> {
    let mut best: Option<(Named, Matched)> = None;
    for source in sources {
        for (index, statement) in source.document.statements().iter().enumerate() {
            if statement.effect() != effect {
                continue;
            }
            let Some(named) = matches(request, kind, source.document, statement) else {
                continue;
            };
            if best.as_ref().is_none_or(|(before, _)| named > *before) {
                best = Some((
                    named,
                    Matched {
                        kind,
                        policy: source.name.to_owned(),
                        statement: index,
                        sid: statement.sid().map(str::to_owned),
                    },
                ));
            }
        }
    }
    best
}

fn matches(
    request: &Request<'_>,
    kind: PolicyKind,
    document: &Document,
    statement: &Statement,
) -> Option<Named> {
    let (version, context) = (document.version(), request.context);
    let named = match kind {
        PolicyKind::Resource | PolicyKind::Trust => match statement.principal.as_ref()? {
            Set::Only(clause) => names(clause, request.principal)?,
            Set::AllBut(clause) if names(clause, request.principal).is_none() => Named::Role,
            Set::AllBut(_) => return None,
        },
        _ => Named::Itself,
    };
    let action = match &statement.actions {
        Set::Only(actions) => actions
            .iter()
            .any(|pattern| action_matches(pattern, request.action)),
        Set::AllBut(actions) => !actions
            .iter()
            .any(|pattern| action_matches(pattern, request.action)),
    };
    let fits = |pattern: &String| resource_matches_in(pattern, request.resource, version, context);
    let resource = match &statement.resources {
        // A trust policy has no resource: it is the role's own.
        None => kind == PolicyKind::Trust,
        Some(Set::Only(resources)) => resources.iter().any(fits),
        Some(Set::AllBut(resources)) => !resources.iter().any(fits),
    };
    let conditions = || {
        statement
            .conditions
            .iter()
            .all(|condition| condition.holds(version, context))
    };
    (action && resource && conditions()).then_some(named)
}

fn names(clause: &PrincipalClause, principal: &Principal) -> Option<Named> {
    let named = match clause {
        // A session that anyone's grant reaches is still held to its own ceilings; a user is reached as itself.
        PrincipalClause::Anyone if principal.role.is_some() => return Some(Named::Role),
        PrincipalClause::Anyone => return Some(Named::Itself),
        PrincipalClause::Named(named) => named,
    };
    named
        .iter()
        .filter(|(kind, _)| kind == "AWS")
        .filter_map(|(_, name)| {
            let root = format!("arn:{}:iam::{}:root", principal.partition, principal.account);
            if *name == principal.arn {
                Some(Named::Itself)
            } else if principal.role.as_ref() == Some(name) {
                Some(Named::Role)
            } else if *name == principal.account.as_str() || *name == root {
                Some(Named::Account)
            } else {
                None
            }
        })
        .max()
}

#[cfg(test)]
mod tests;

//! Whether a statement is about a request.

use super::principal::{Named, names, spares};
use super::{Matched, Policies, PolicyKind, PolicySource, Request};
use crate::policy::context::Benefit;
use crate::policy::document::{Document, Effect, Set, Statement};
use crate::policy::matching::{resource_matches_in, resource_may_match, variables};

/// The policies of one kind, one level of an organization.
pub(super) type Applied<'a> = (PolicyKind, &'a [PolicySource<'a>]);

/// Every policy that has a say about whoever asks, in the order in which a Deny is looked for. Those that cannot apply to
/// them are left out, however they got here.
pub(super) fn applied<'a>(
    request: &'a Request<'_>,
    policies: &'a Policies<'a>,
) -> impl Iterator<Item = Applied<'a>> {
    let some = |source: &'a Option<PolicySource<'a>>| source.as_ref().map(std::slice::from_ref);
    let own = request.principal.has_identity_policies();
    let resource = [
        (PolicyKind::Trust, some(&policies.trust)),
        (PolicyKind::Resource, some(&policies.resource)),
    ];
    let identity = [
        (PolicyKind::Identity, Some(policies.identity.as_slice())),
        (PolicyKind::Boundary, some(&policies.boundary)),
        (PolicyKind::Session, policies.session.as_deref()),
    ];
    service_control(request, policies)
        .chain(resource.into_iter().filter_map(present))
        .chain(identity.into_iter().filter(move |_| own).filter_map(present))
}

fn present<'a>((kind, sources): (PolicyKind, Option<&'a [PolicySource<'a>]>)) -> Option<Applied<'a>> {
    Some((kind, sources?))
}

/// The levels of the organization. They bind whoever belongs to the account, its root user too, but no service and nobody
/// an identity provider vouches for ("Service control policies", effects on permissions).
pub(super) fn service_control<'a>(
    request: &Request<'_>,
    policies: &'a Policies<'a>,
) -> impl Iterator<Item = Applied<'a>> {
    let bound = request.principal.account().is_some();
    policies
        .service_control
        .iter()
        .flatten()
        .filter(move |_| bound)
        .map(|level| (PolicyKind::ServiceControl, level.as_slice()))
}

/// The statements with `effect` that are about the request, and how closely each names whoever asks.
pub(super) fn matched<'a>(
    request: &'a Request<'_>,
    policies: &'a Policies<'_>,
    (kind, sources): Applied<'a>,
    effect: Effect,
) -> impl Iterator<Item = (Named, Found<'a>)> {
    let bounded = policies.boundary.is_some();
    sources.iter().flat_map(move |source| {
        let statements = source.document.statements().iter().enumerate();
        statements
            .filter(move |(_, statement)| statement.effect() == effect)
            .filter_map(move |(index, statement)| {
                let named = matches(request, bounded, kind, source.document, statement)?;
                let found = Found {
                    kind,
                    source,
                    index,
                    statement,
                };
                Some((named, found))
            })
    })
}

/// A statement that matched, before anybody wants to keep it.
pub(super) struct Found<'a> {
    kind: PolicyKind,
    source: &'a PolicySource<'a>,
    index: usize,
    statement: &'a Statement,
}

impl Found<'_> {
    pub(super) fn keep(&self) -> Matched {
        Matched {
            kind: self.kind,
            policy: self.source.name.to_owned(),
            statement: self.index,
            sid: self.statement.sid().map(str::to_owned),
        }
    }
}

pub(super) fn is_about_action(statement: &Statement, action: &str) -> bool {
    statement.is_about_action(action)
}

fn matches(
    request: &Request<'_>,
    bounded: bool,
    kind: PolicyKind,
    document: &Document,
    statement: &Statement,
) -> Option<Named> {
    let named = named(request, bounded, kind, statement)?;
    if !is_about_action(statement, request.action) {
        return None;
    }
    let holds = fits(request, kind, document, statement).unwrap_or_else(|| {
        // Doubt is to the benefit of one side: it gets the grants, and the other the refusals.
        let benefit = request.context.benefit().unwrap_or(Benefit::Owner);
        (benefit == Benefit::Caller) == (statement.effect() == Effect::Allow)
    });
    holds.then_some(named)
}

/// Whether resource and conditions fit; `None` where that depends on what is not known.
fn fits(request: &Request<'_>, kind: PolicyKind, document: &Document, statement: &Statement) -> Option<bool> {
    let (version, context) = (document.version(), request.context);
    let mut doubtful = false;
    let resource = about_resource(request, kind, document, statement);
    let conditions = statement
        .conditions
        .iter()
        .map(|condition| condition.truth(version, context));
    for part in std::iter::once(resource).chain(conditions) {
        match part {
            Some(false) => return Some(false),
            Some(true) => {}
            None => doubtful = true,
        }
    }
    (!doubtful).then_some(true)
}

/// The keys that a statement about the request depends on and of which nothing is known; none where it is known to match,
/// or not to.
pub(super) fn doubts(
    request: &Request<'_>,
    bounded: bool,
    kind: PolicyKind,
    document: &Document,
    statement: &Statement,
) -> Vec<String> {
    let is_about =
        named(request, bounded, kind, statement).is_some() && is_about_action(statement, request.action);
    if !is_about || fits(request, kind, document, statement).is_some() {
        return Vec::new();
    }
    let (version, context) = (document.version(), request.context);
    let in_resources = match &statement.resources {
        Some(Set::Only(resources) | Set::AllBut(resources)) => resources.as_slice(),
        None => &[],
    };
    let in_resources = in_resources
        .iter()
        .flat_map(|resource| variables(resource, version));
    let in_conditions = statement
        .conditions
        .iter()
        .flat_map(|condition| condition.unknown(version, context));
    let unknown = in_resources
        .filter(|key| context.is_unknown(key))
        .chain(in_conditions);
    unknown.map(str::to_owned).collect()
}

/// How the statement names whoever asks; `None` where it does not.
pub(super) fn named(
    request: &Request<'_>,
    bounded: bool,
    kind: PolicyKind,
    statement: &Statement,
) -> Option<Named> {
    match kind {
        PolicyKind::Resource | PolicyKind::Trust => match statement.principal.as_ref()? {
            Set::Only(clause) => names(clause, request.principal),
            // "NotPrincipal … will always deny any IAM principal that has a permissions boundary policy attached".
            Set::AllBut(clause) if bounded || !spares(clause, request.principal) => Some(Named::Itself),
            Set::AllBut(_) => None,
        },
        _ => Some(Named::Itself),
    }
}

pub(super) fn is_about_resource(
    request: &Request<'_>,
    kind: PolicyKind,
    document: &Document,
    statement: &Statement,
) -> bool {
    about_resource(request, kind, document, statement).unwrap_or_default()
}

/// The same; `None` where it depends on what is not known.
fn about_resource(
    request: &Request<'_>,
    kind: PolicyKind,
    document: &Document,
    statement: &Statement,
) -> Option<bool> {
    let (version, context) = (document.version(), request.context);
    let any = |patterns: &[String]| {
        let is_doubtful = |pattern: &&String| {
            context.benefit().is_some()
                && variables(pattern, version)
                    .iter()
                    .any(|key| context.is_unknown(key))
        };
        let fits = |pattern: &String| {
            resource_matches_in(pattern, request.resource, version, context) && !is_doubtful(&pattern)
        };
        // With whatever a variable may stand for, a pattern may fit more.
        let may_fit = |pattern: &String| {
            is_doubtful(&pattern) && resource_may_match(pattern, request.resource, version, context)
        };
        if patterns.iter().any(fits) {
            Some(true)
        } else if patterns.iter().any(may_fit) {
            None
        } else {
            Some(false)
        }
    };
    match &statement.resources {
        // A trust policy has no resource: it is the role's own.
        None => Some(kind == PolicyKind::Trust),
        Some(Set::Only(resources)) => any(resources),
        Some(Set::AllBut(resources)) => any(resources).map(|fits| !fits),
    }
}

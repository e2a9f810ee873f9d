//! One action on one resource, weighed by the evaluator that judges every real call, and all of them as one answer.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::policy::{
    Layer, Matched, Outcome, Policies, PolicyKind, Request, Verdict, evaluate, layers, missing_keys,
};

use super::super::page::members;
use super::statements::{Position, Source};
use super::world::World;
use crate::api::escaped;

/// The decisions, from the least to the most restrictive.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Ruling {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Ruling {
    fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }

    fn of(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Allowed(_) => Self::Allowed,
            Verdict::ExplicitDeny(_) => Self::ExplicitDeny,
            Verdict::ImplicitDeny(_) => Self::ImplicitDeny,
        }
    }

    /// What one kind of policy alone comes to.
    fn said(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Allowed(_) => Self::Allowed,
            Outcome::Denied(_) => Self::ExplicitDeny,
            _ => Self::ImplicitDeny,
        }
    }
}

/// A statement, by its policy and its place in it.
type Place<'w> = (&'w Source, usize);

/// What one action on one resource comes to.
struct Weighed<'w> {
    ruling: Ruling,
    matched: Vec<Place<'w>>,
    missing: BTreeSet<String>,
    by_organizations: Option<bool>,
    by_boundary: Option<bool>,
    /// What each kind of policy says, across accounts.
    details: Option<BTreeMap<&'static str, Ruling>>,
}

fn weigh<'w>(world: &'w World, action: &str, resource: &str) -> Weighed<'w> {
    let owner = resource
        .split(':')
        .nth(4)
        .and_then(|account| account.parse().ok());
    let owner = owner.unwrap_or(world.owner);
    let mut context = world.context.clone();
    if context.values("aws:ResourceAccount").is_none() && resource != "*" {
        context.set("aws:ResourceAccount", owner.as_str());
    }
    let request = Request {
        principal: &world.principal,
        action,
        resource,
        // The simulator does not look up what a resource's own policy says: where none is given, the caller's decide.
        resource_account: match world.resource {
            Some(_) => owner,
            None => world.account,
        },
        context: &context,
    };
    let policies = world.policies();
    let ruling = Ruling::of(evaluate(&request, &policies).verdict());
    let said = layers(&request, &policies);
    let of_kind = |kind: PolicyKind| said.iter().filter(move |layer| layer.kind == kind);
    let alone = |kind: PolicyKind| of_kind(kind).map(|layer| Ruling::said(&layer.outcome)).max();
    let by_organizations = world.service_control.as_ref();
    let by_organizations = by_organizations
        .map(|_| alone(PolicyKind::ServiceControl).is_none_or(|ruling| ruling == Ruling::Allowed));
    let abroad = request.resource_account != world.account && by_organizations != Some(false);
    let details = abroad.then(|| {
        let kinds = [
            ("IAM Policy", PolicyKind::Identity),
            ("Permissions Boundary Policy", PolicyKind::Boundary),
            ("Resource Policy", PolicyKind::Resource),
        ];
        let said = kinds
            .into_iter()
            .filter_map(|(word, kind)| Some((word, alone(kind)?)));
        said.collect()
    });
    // The keys of boundaries and of service control policies are not among those that are told.
    let told = Policies {
        identity: policies.identity.clone(),
        resource: policies.resource,
        ..Policies::default()
    };
    Weighed {
        ruling,
        matched: matched(world, &said, ruling),
        missing: missing_keys(&request, &told).into_iter().collect(),
        by_organizations,
        by_boundary: alone(PolicyKind::Boundary).map(|ruling| ruling == Ruling::Allowed),
        details,
    }
}

/// The statements of identity and resource policies that made the ruling; "this field doesn't include statements from
/// service control policies", nor from boundaries.
fn matched<'w>(world: &'w World, said: &[Layer], ruling: Ruling) -> Vec<Place<'w>> {
    let told = |layer: &&Layer| matches!(layer.kind, PolicyKind::Identity | PolicyKind::Resource);
    let statements = said
        .iter()
        .filter(told)
        .flat_map(|layer| match (&layer.outcome, ruling) {
            (Outcome::Allowed(by), Ruling::Allowed) | (Outcome::Denied(by), Ruling::ExplicitDeny) => {
                by.as_slice()
            }
            _ => &[],
        });
    let place = |matched: &Matched| Some((world.source(&matched.policy)?, matched.statement));
    statements.filter_map(place).collect()
}

/// The result of one action: all resources together, and each by itself where they were named.
pub(super) fn result(world: &World, action: &str, resources: &[&str]) -> String {
    let weighed: Vec<Weighed<'_>> = resources
        .iter()
        .map(|resource| weigh(world, action, resource))
        .collect();
    let ruling = weighed
        .iter()
        .map(|one| one.ruling)
        .max()
        .unwrap_or(Ruling::ImplicitDeny);
    // "Only statements that contributed to the reported decision are included", each once.
    let mut matched: Vec<Place<'_>> = Vec::new();
    let contributed = weighed
        .iter()
        .filter(|one| one.ruling == ruling)
        .flat_map(|one| &one.matched);
    for (source, number) in contributed {
        if !matched
            .iter()
            .any(|(other, known)| std::ptr::eq(*other, *source) && known == number)
        {
            matched.push((source, *number));
        }
    }
    let missing: BTreeSet<String> = weighed
        .iter()
        .flat_map(|one| one.missing.iter().cloned())
        .collect();
    let all = |one: fn(&Weighed<'_>) -> Option<bool>| {
        let mut said = weighed.iter().filter_map(one).peekable();
        said.peek().is_some().then(|| said.all(|allowed| allowed))
    };
    let named = resources != ["*"];
    let mut details = None;
    for (kind, outcome) in weighed.iter().filter_map(|one| one.details.as_ref()).flatten() {
        let worst = details
            .get_or_insert_with(BTreeMap::new)
            .entry(*kind)
            .or_insert(*outcome);
        *worst = (*worst).max(*outcome);
    }
    let mut text = format!(
        "<EvalActionName>{}</EvalActionName><EvalResourceName>{}</EvalResourceName>\
         <EvalDecision>{}</EvalDecision>{}{}",
        escaped(action),
        super::template::of(action),
        ruling.word(),
        matched_statements(&matched),
        missing_values(&missing),
    );
    if let Some(allowed) = all(|one| one.by_organizations) {
        text.push_str(&format!(
            "<OrganizationsDecisionDetail><AllowedByOrganizations>{allowed}</AllowedByOrganizations>\
             </OrganizationsDecisionDetail>"
        ));
    }
    text.push_str(&boundary_detail(all(|one| one.by_boundary)));
    text.push_str(&decision_details(details.as_ref(), named));
    if named {
        let each = resources.iter().zip(&weighed).map(|(resource, one)| {
            format!(
                "<EvalResourceName>{}</EvalResourceName><EvalResourceDecision>{}</EvalResourceDecision>{}{}{}{}",
                escaped(resource),
                one.ruling.word(),
                matched_statements(&one.matched),
                missing_values(&one.missing),
                decision_details(one.details.as_ref(), true),
                boundary_detail(one.by_boundary)
            )
        });
        text.push_str(&format!(
            "<ResourceSpecificResults>{}</ResourceSpecificResults>",
            members(each)
        ));
    }
    text
}

fn matched_statements(matched: &[Place<'_>]) -> String {
    let matched = matched.iter().map(|(source, number)| {
        let span = source
            .spans
            .get(*number)
            .map_or_else(String::new, |(start, end)| {
                format!(
                    "{}{}",
                    position("StartPosition", *start),
                    position("EndPosition", *end)
                )
            });
        format!(
            "<SourcePolicyId>{}</SourcePolicyId><SourcePolicyType>{}</SourcePolicyType>{span}",
            escaped(&source.id),
            source.kind,
        )
    });
    format!("<MatchedStatements>{}</MatchedStatements>", members(matched))
}

fn position(element: &str, at: Position) -> String {
    format!(
        "<{element}><Line>{}</Line><Column>{}</Column></{element}>",
        at.line, at.column
    )
}

fn missing_values(missing: &BTreeSet<String>) -> String {
    let missing = missing.iter().map(|key| escaped(key));
    format!(
        "<MissingContextValues>{}</MissingContextValues>",
        members(missing)
    )
}

fn boundary_detail(allowed: Option<bool>) -> String {
    allowed.map_or_else(String::new, |allowed| {
        format!(
            "<PermissionsBoundaryDecisionDetail><AllowedByPermissionsBoundary>{allowed}</AllowedByPermissionsBoundary>\
             </PermissionsBoundaryDecisionDetail>"
        )
    })
}

/// "If the simulation evaluates policies within the same account and includes a resource ARN, then the parameter is
/// present but the response is empty."
fn decision_details(details: Option<&BTreeMap<&'static str, Ruling>>, named: bool) -> String {
    match details {
        Some(details) => {
            let entries: String = details
                .iter()
                .map(|(kind, outcome)| {
                    format!(
                        "<entry><key>{kind}</key><value>{}</value></entry>",
                        outcome.word()
                    )
                })
                .collect();
            format!("<EvalDecisionDetails>{entries}</EvalDecisionDetails>")
        }
        None if named => "<EvalDecisionDetails/>".to_owned(),
        None => String::new(),
    }
}

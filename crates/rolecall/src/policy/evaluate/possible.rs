//! What can be said of a request of which not everything is known.

use std::collections::HashSet;

use super::statement::{applied, doubts};
use super::{Decision, Matched, Outcome, Policies, PolicyKind, Request, Verdict, evaluate, layers};
use crate::policy::context::Benefit;
use crate::policy::document::Effect;

/// What can be said of a request of which not everything is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Possible {
    /// It may go ahead, whatever it carries besides what is known.
    Allowed(Vec<Matched>),
    /// That depends on these keys.
    Conditional {
        /// The condition keys of which nothing is known and that could decide, in the order in which they are met.
        keys: Vec<String>,
        /// The grants, were everything to the benefit of whoever asks.
        because: Vec<Matched>,
    },
    /// It may not, whatever it carries.
    Denied(Decision),
}

/// Decides a request whose context is in doubt ([`super::super::Context::in_doubt`]).
///
/// More grants never turn a yes into a no, and more refusals never a no into a yes. So two decisions tell everything: one
/// with every doubt to the benefit of whoever asks, one with every doubt against them.
pub fn possible(request: &Request<'_>, policies: &Policies<'_>) -> Possible {
    let to_benefit_of = |benefit| {
        let context = request.context.to_benefit_of(benefit);
        let request = Request {
            context: &context,
            ..request.clone()
        };
        evaluate(&request, policies)
    };
    let at_worst = to_benefit_of(Benefit::Owner);
    if let Verdict::Allowed(because) = at_worst.verdict() {
        return Possible::Allowed(because.clone());
    }
    let at_best = to_benefit_of(Benefit::Caller);
    match at_best.verdict() {
        Verdict::Allowed(because) => Possible::Conditional {
            keys: keys(request, policies, because),
            because: because.clone(),
        },
        _ => Possible::Denied(at_best),
    }
}

/// The keys that could decide: those of every refusal in doubt, and those of the grants in doubt of a kind whose grant at
/// best is itself in doubt.
fn keys(request: &Request<'_>, policies: &Policies<'_>, because: &[Matched]) -> Vec<String> {
    let bounded = policies.boundary.is_some();
    let mut keys = Vec::new();
    let mut seen = HashSet::new();
    let mut add = |key: String| {
        if seen.insert(key.to_ascii_lowercase()) {
            keys.push(key);
        }
    };
    // What every statement depends on, by kind, and whether a grant of that kind is beyond doubt.
    for (kind, sources) in applied(request, policies) {
        let mut refusals = Vec::new();
        let mut grants = Vec::new();
        let mut is_granted = false;
        for source in sources {
            for (index, statement) in source.document.statements().iter().enumerate() {
                let unknown = doubts(request, bounded, kind, source.document, statement);
                match statement.effect() {
                    Effect::Deny => refusals.extend(unknown),
                    Effect::Allow if unknown.is_empty() => {
                        is_granted |= because.iter().any(|matched| {
                            (matched.kind, matched.statement) == (kind, index)
                                && matched.policy == source.name
                        });
                    }
                    Effect::Allow => grants.extend(unknown),
                }
            }
        }
        // Named by itself in a trust policy, a caller needs no grant of their own; so a doubt about the trust is one in
        // any case.
        let counts = !is_granted || kind == PolicyKind::Trust;
        refusals
            .into_iter()
            .chain(grants.into_iter().filter(|_| counts))
            .for_each(&mut add);
    }
    keys
}

/// What the policies of one kind say about a request of which not everything is known.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Said {
    /// These allow it, whatever it carries besides what is known.
    Allows(Vec<Matched>),
    /// These deny it, whatever it carries.
    Denies(Vec<Matched>),
    /// That depends on keys of which nothing is known.
    Depends {
        /// The keys.
        keys: Vec<String>,
        /// The statements that would allow it.
        grants: Vec<Matched>,
        /// The statements that would deny it.
        refusals: Vec<Matched>,
    },
    /// No statement allows it, and none is certain to deny it.
    Silent,
}

/// What each kind of policy says on its own about a request whose context is in doubt, in the order of [`layers`]. A kind
/// that does not apply is absent; every level of an organization is one of its own.
pub fn possible_layers(request: &Request<'_>, policies: &Policies<'_>) -> Vec<(PolicyKind, Said)> {
    let to_benefit_of = |benefit| {
        let context = request.context.to_benefit_of(benefit);
        layers(
            &Request {
                context: &context,
                ..request.clone()
            },
            policies,
        )
    };
    let bounded = policies.boundary.is_some();
    let at_best = to_benefit_of(Benefit::Caller);
    let at_worst = to_benefit_of(Benefit::Owner);
    let said = |(best, worst): (super::Layer, super::Layer), sources: &[super::PolicySource<'_>]| {
        let kind = best.kind;
        let said = match (best.outcome, worst.outcome) {
            (Outcome::Denied(by), _) => Said::Denies(by),
            (Outcome::Allowed(_), Outcome::Allowed(by)) => Said::Allows(by),
            (Outcome::Allowed(grants), worst) => {
                let statements = sources.iter().flat_map(|source| {
                    let statements = source.document.statements().iter();
                    statements.map(|statement| (source.document, statement))
                });
                let mut keys: Vec<String> = Vec::new();
                for (document, statement) in statements {
                    for key in doubts(request, bounded, kind, document, statement) {
                        if !keys.iter().any(|known| known.eq_ignore_ascii_case(&key)) {
                            keys.push(key);
                        }
                    }
                }
                let refusals = match worst {
                    Outcome::Denied(by) => by,
                    Outcome::Allowed(_) | Outcome::Silent => Vec::new(),
                };
                Said::Depends {
                    keys,
                    grants,
                    refusals,
                }
            }
            (Outcome::Silent, _) => Said::Silent,
        };
        (kind, said)
    };
    at_best
        .into_iter()
        .zip(at_worst)
        .zip(applied(request, policies))
        .map(|(layer, (_, sources))| said(layer, sources))
        .collect()
}

//! More than the verdict: what every policy said, and what was not known.

use std::collections::HashSet;

use super::statement::{applied, is_about_action, matched};
use super::{Matched, Policies, PolicyKind, Request};
use crate::policy::document::{Effect, Set};
use crate::policy::matching::variables;

/// What the policies of one kind said about a request.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Layer {
    /// Where they are attached.
    pub kind: PolicyKind,
    /// What they said.
    pub outcome: Outcome,
}

/// What the policies of one kind said, with every statement that did.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// These allow it, and none denies it.
    Allowed(Vec<Matched>),
    /// These deny it, whatever others allow.
    Denied(Vec<Matched>),
    /// No statement is about it.
    Silent,
}

/// What each kind of policy says on its own, in the order in which [`super::evaluate`] looks for a Deny. A kind that does not apply
/// is absent; every level of an organization is a layer of its own, from the root on.
///
/// ```
/// use rolecall::policy::{Context, Document, Outcome, Policies, PolicySource, Principal, Request, layers};
/// let document: Document = r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#.parse()?;
/// let account = "111111111111".parse()?;
/// let request = Request {
///     principal: &Principal::user("aws", account, "arn:aws:iam::111111111111:user/joe"),
///     action: "s3:GetObject",
///     resource: "arn:aws:s3:::reports/q1",
///     resource_account: account,
///     context: &Context::new(),
/// };
/// let identity = vec![PolicySource { name: "Reports", document: &document }];
/// let policies = Policies { identity, ..Policies::default() };
/// let said = layers(&request, &policies);
/// assert!(matches!(&said[0].outcome, Outcome::Allowed(by) if by[0].policy == "Reports"));
/// # Ok::<(), rolecall::Invalid>(())
/// ```
pub fn layers(request: &Request<'_>, policies: &Policies<'_>) -> Vec<Layer> {
    let every = |layer, effect| -> Vec<Matched> {
        matched(request, policies, layer, effect)
            .map(|(_, found)| found.keep())
            .collect()
    };
    applied(request, policies)
        .map(|layer| {
            let denied = every(layer, Effect::Deny);
            let allowed = every(layer, Effect::Allow);
            let outcome = if !denied.is_empty() {
                Outcome::Denied(denied)
            } else if !allowed.is_empty() {
                Outcome::Allowed(allowed)
            } else {
                Outcome::Silent
            };
            Layer {
                kind: layer.0,
                outcome,
            }
        })
        .collect()
}

/// The condition keys that statements about the request's action depend on and that its context does not carry, in the order
/// in which they are met: what IAM's policy simulator calls `MissingContextValues`. Variables count as the keys they name.
pub fn missing_keys(request: &Request<'_>, policies: &Policies<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    let mut seen = HashSet::new();
    for (_, sources) in applied(request, policies) {
        for document in sources.iter().map(|source| source.document) {
            let version = document.version();
            let statements = document.statements().iter();
            for statement in statements.filter(|statement| is_about_action(statement, request.action)) {
                let resources = match &statement.resources {
                    Some(Set::Only(resources) | Set::AllBut(resources)) => resources.as_slice(),
                    None => &[],
                };
                let in_resources = resources.iter().flat_map(|resource| variables(resource, version));
                let in_conditions = statement
                    .conditions
                    .iter()
                    .flat_map(|condition| condition.needs(version));
                for key in in_resources.chain(in_conditions) {
                    if request.context.values(key).is_none() && seen.insert(key.to_ascii_lowercase()) {
                        missing.push(key.to_owned());
                    }
                }
            }
        }
    }
    missing
}

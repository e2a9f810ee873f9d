//! Grants that were nearly there: what a refused request would have had to be.

use super::statement::{applied, is_about_action, is_about_resource, named};
use super::{Matched, Policies, PolicyKind, Request};
use crate::policy::document::{Effect, PrincipalClause, Statement};

/// A statement that allows the action and would have granted it, were it not for something else in it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NearMiss {
    /// The statement.
    pub statement: Matched,
    /// What kept it from granting, never empty.
    pub because: Vec<Mismatch>,
}

/// A part of a statement that a request does not fit.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Mismatch {
    /// A condition does not hold.
    Condition {
        /// The operator as the policy has it.
        operator: String,
        /// The condition key as the policy has it.
        key: String,
        /// The policy's values, variables as they were written.
        wanted: Vec<String>,
        /// The request's values; `None` where it does not carry the key.
        found: Option<Vec<String>>,
    },
    /// It is about other principals: these, or all but some where there are none.
    Principal(Vec<String>),
    /// It is about other resources: these, or all but some where there are none.
    Resource(Vec<String>),
}

/// The statements of one kind of policy that allow the action, and why none of them grants the request. The nearest comes
/// first: the one with the fewest mismatches. Ask it of the kind that [`super::Verdict::ImplicitDeny`] names.
///
/// ```
/// use rolecall::policy::{Context, Document, Mismatch, Policies, PolicyKind, PolicySource, Principal, Request, near_misses};
/// let trust: Document = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"},
///     "Condition": {"StringEquals": {"sts:ExternalId": "partner-7421"}}}}"#.parse()?;
/// let request = Request {
///     principal: &Principal::user("aws", "111111111111".parse()?, "arn:aws:iam::111111111111:user/joe"),
///     action: "sts:AssumeRole",
///     resource: "arn:aws:iam::666666666666:role/Partner",
///     resource_account: "666666666666".parse()?,
///     context: &Context::new(),
/// };
/// let trust = Some(PolicySource { name: "trust", document: &trust });
/// let near = near_misses(&request, &Policies { trust, ..Policies::default() }, PolicyKind::Trust);
/// assert!(matches!(&near[0].because[..], [Mismatch::Condition { key, found: None, .. }] if key == "sts:ExternalId"));
/// # Ok::<(), rolecall::Invalid>(())
/// ```
pub fn near_misses(request: &Request<'_>, policies: &Policies<'_>, kind: PolicyKind) -> Vec<NearMiss> {
    let bounded = policies.boundary.is_some();
    let mut near = Vec::new();
    for (_, sources) in applied(request, policies).filter(|(applied, _)| *applied == kind) {
        for source in sources {
            let version = source.document.version();
            for (index, statement) in source.document.statements().iter().enumerate() {
                if statement.effect() != Effect::Allow || !is_about_action(statement, request.action) {
                    continue;
                }
                let principal = named(request, bounded, kind, statement)
                    .is_none()
                    .then(|| Mismatch::Principal(principals(statement)));
                let resource = (!is_about_resource(request, kind, source.document, statement))
                    .then(|| Mismatch::Resource(statement.resources().unwrap_or_default().to_vec()));
                let conditions = statement
                    .conditions
                    .iter()
                    .filter(|condition| !condition.holds(version, request.context))
                    .map(|condition| Mismatch::Condition {
                        operator: condition.operator().to_owned(),
                        key: condition.key().to_owned(),
                        wanted: condition.values().to_vec(),
                        found: request.context.values(condition.key()).map(<[String]>::to_vec),
                    });
                let because: Vec<_> = principal.into_iter().chain(resource).chain(conditions).collect();
                if !because.is_empty() {
                    near.push(NearMiss {
                        statement: Matched {
                            kind,
                            policy: source.name.to_owned(),
                            statement: index,
                            sid: statement.sid().map(str::to_owned),
                        },
                        because,
                    });
                }
            }
        }
    }
    near.sort_by_key(|miss| miss.because.len());
    near
}

/// Whom a statement names, as it was written.
fn principals(statement: &Statement) -> Vec<String> {
    match statement.principal() {
        Some(PrincipalClause::Named(named)) => named.iter().map(|(_, name)| name.clone()).collect(),
        Some(PrincipalClause::Anyone) | None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Context, Document, PolicySource, Principal};

    fn near(document: &str, context: &Context) -> Vec<Vec<Mismatch>> {
        let document: Document = document.parse().unwrap();
        let request = Request {
            principal: &Principal::user(
                "aws",
                "111111111111".parse().unwrap(),
                "arn:aws:iam::111111111111:user/joe",
            ),
            action: "sts:AssumeRole",
            resource: "arn:aws:iam::666666666666:role/Blah",
            resource_account: "666666666666".parse().unwrap(),
            context,
        };
        let identity = vec![PolicySource {
            name: "p",
            document: &document,
        }];
        let trust = Some(identity[0]);
        let (kind, policies) = if document.check_trust().is_ok() {
            (
                PolicyKind::Trust,
                Policies {
                    trust,
                    ..Policies::default()
                },
            )
        } else {
            (
                PolicyKind::Identity,
                Policies {
                    identity,
                    ..Policies::default()
                },
            )
        };
        let misses = near_misses(&request, &policies, kind);
        misses.into_iter().map(|miss| miss.because).collect()
    }

    #[test]
    fn the_nearest_grant_comes_first_and_grants_and_others_are_left_out() {
        let mut context = Context::new();
        context.set("sts:ExternalId", "wrong");
        let condition = |found: Option<&str>| Mismatch::Condition {
            operator: "StringEquals".to_owned(),
            key: "sts:ExternalId".to_owned(),
            wanted: vec!["right".to_owned()],
            found: found.map(|found| vec![found.to_owned()]),
        };
        let trust = r#"{"Statement": [
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "222222222222"},
             "Condition": {"StringEquals": {"sts:ExternalId": "right"}}},
            {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"},
             "Condition": {"StringEquals": {"sts:ExternalId": "right"}}},
            {"Effect": "Allow", "Action": "sts:TagSession", "Principal": {"AWS": "222222222222"}},
            {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": "222222222222"}}]}"#;
        assert_eq!(
            near(trust, &context),
            [
                vec![condition(Some("wrong"))],
                vec![
                    Mismatch::Principal(vec!["222222222222".to_owned()]),
                    condition(Some("wrong"))
                ]
            ]
        );
        assert_eq!(near(trust, &Context::new())[0], [condition(None)]);

        let identity = r#"{"Statement": [
            {"Effect": "Allow", "Action": "sts:*", "Resource": "arn:aws:iam::666666666666:role/Other"},
            {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]}"#;
        assert_eq!(
            near(identity, &context),
            [vec![Mismatch::Resource(vec![
                "arn:aws:iam::666666666666:role/Other".to_owned()
            ])]]
        );
        let granting = r#"{"Statement": {"Effect": "Allow", "Action": "sts:*", "Resource": "*"}}"#;
        assert!(near(granting, &context).is_empty());
    }
}

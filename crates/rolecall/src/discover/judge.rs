//! Whether a caller may assume a role, by everything that was read and in spite of what was not.
//!
//! What could not be read is put in as a policy that may allow and may deny everything: it depends on a key that nobody can
//! know. So one evaluation tells what is certain, and the keys tell what the rest depends on.

use super::held::{Held, Holdings, Part, Who, source, sources};
use crate::arn::RoleArn;
use crate::index::RoleVerdict;
use crate::policy::{
    Decision, Document, Effect, Matched, Policies, PolicyKind, PolicySource, Possible, Request, Verdict,
    possible,
};

/// The beginning of the key that stands for something unread.
pub(crate) const UNREAD: &str = "unread:";
const ASSUME_ROLE: &str = "sts:AssumeRole";

/// A statement that has a say in a verdict.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ground {
    /// Where its policy is attached: `identity-based policy`, `role trust policy` and the like.
    pub kind: PolicyKind,
    /// Whose policy it is, as in `group Developers`.
    pub holder: String,
    /// The name of an inline policy, or the ARN of a managed one.
    pub policy: String,
    /// The version of a managed policy.
    pub version: Option<String>,
    /// The statement's name.
    pub sid: Option<String>,
    /// Which of the policy's statements, from 0.
    pub statement: usize,
    /// Whether it allows or denies.
    pub effect: Effect,
}

/// Whether a caller may assume a role, and why.
#[derive(Clone, Debug)]
pub struct Judgement {
    /// Whether they may.
    pub verdict: RoleVerdict,
    /// The statements that grant it, or the one that denies it.
    pub because: Vec<Ground>,
    /// On what it depends: condition keys, and `unread: …` for what could not be read on the caller's side.
    pub conditions: Vec<String>,
    /// The kind of policy that allows nothing of the sort, where one had to.
    pub missing: Option<PolicyKind>,
    /// Whether the role's trust policy was read, and has its say in this.
    pub trust_read: bool,
}

/// Weighs every policy that has a say, with whatever is unread put in as a policy that may say anything.
pub(crate) fn with_policies<T>(
    holdings: &Holdings,
    role: &RoleArn,
    trust: Option<&Document>,
    weigh: impl FnOnce(&Policies<'_>) -> T,
) -> T {
    let opaque: Vec<Document> = holdings.opaque.iter().map(|name| anything(name)).collect();
    let unread_boundary = anything("the permissions boundary");
    let unread_session = anything("the session policies");
    let in_place_of_trust = trust_of_anybody(holdings, role);
    let mut identity = sources(&holdings.policies);
    identity.extend(
        holdings
            .opaque
            .iter()
            .zip(&opaque)
            .map(|(name, document)| PolicySource { name, document }),
    );
    let policies = Policies {
        identity,
        boundary: match &holdings.boundary {
            Part::Read(boundary) => boundary.as_ref().map(source),
            Part::Unread => Some(PolicySource {
                name: UNREAD,
                document: &unread_boundary,
            }),
        },
        session: holdings.session.as_ref().map(|session| match session {
            Part::Read(held) => sources(held),
            Part::Unread => vec![PolicySource {
                name: UNREAD,
                document: &unread_session,
            }],
        }),
        service_control: match &holdings.service_control {
            Part::Read(levels) => levels
                .as_ref()
                .map(|levels| levels.iter().map(|level| sources(level)).collect()),
            // Told once for all roles: it is not the caller's to read.
            Part::Unread => None,
        },
        resource: None,
        trust: Some(PolicySource {
            name: "trust",
            document: trust.unwrap_or(&in_place_of_trust),
        }),
    };
    weigh(&policies)
}

pub(super) fn judge(holdings: &Holdings, role: &RoleArn, trust: Option<&Document>) -> Judgement {
    let mut context = holdings.context.clone();
    context.set("aws:ResourceAccount", role.account().as_str());
    let principal = holdings.principal();
    let text = role.to_string();
    let request = Request {
        principal: &principal,
        action: ASSUME_ROLE,
        resource: &text,
        resource_account: role.account(),
        context: &context,
    };
    let told = |matched: &[Matched], effect| -> Vec<Ground> {
        matched
            .iter()
            .filter_map(|matched| ground(holdings, trust.is_some().then_some(role), matched, effect))
            .collect()
    };
    let judgement = |verdict, because, conditions, missing| Judgement {
        verdict,
        because,
        conditions,
        missing,
        trust_read: trust.is_some(),
    };
    // "You cannot call AssumeRole by using AWS account root user credentials", nor with those of GetFederationToken.
    if matches!(holdings.caller.who, Who::Root | Who::Federated { .. }) {
        return judgement(RoleVerdict::Denied, Vec::new(), Vec::new(), None);
    }
    match with_policies(holdings, role, trust, |policies| possible(&request, policies)) {
        Possible::Allowed(because) => judgement(
            RoleVerdict::Allowed,
            told(&because, Effect::Allow),
            Vec::new(),
            None,
        ),
        Possible::Conditional { keys, because } => {
            let conditions = keys.into_iter().map(|key| match key.strip_prefix(UNREAD) {
                Some(what) => format!("unread: {what}"),
                None => key,
            });
            judgement(
                RoleVerdict::Conditional,
                told(&because, Effect::Allow),
                conditions.collect(),
                None,
            )
        }
        Possible::Denied(decision) => {
            let (because, missing) = denied(&decision);
            judgement(
                RoleVerdict::Denied,
                told(&because, Effect::Deny),
                Vec::new(),
                missing,
            )
        }
    }
}

fn denied(decision: &Decision) -> (Vec<Matched>, Option<PolicyKind>) {
    match decision.verdict() {
        Verdict::ExplicitDeny(matched) => (vec![matched.clone()], None),
        Verdict::ImplicitDeny(kind) => (Vec::new(), Some(*kind)),
        Verdict::Allowed(_) => (Vec::new(), None),
    }
}

/// A policy that may allow and may deny everything.
fn anything(what: &str) -> Document {
    let key = serde_json::Value::from(format!("{UNREAD}{what}"));
    let statement = |effect: &str| {
        format!(
            r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*", "Condition": {{"Null": {{{key}: "true"}}}}}}"#
        )
    };
    parsed(&format!(
        r#"{{"Statement": [{}, {}]}}"#,
        statement("Allow"),
        statement("Deny")
    ))
}

/// In the place of a trust policy that was not read: one that leaves it to the caller's own policies. In the caller's own
/// account a trust policy may also name them itself, and then they need no other grant.
fn trust_of_anybody(holdings: &Holdings, role: &RoleArn) -> Document {
    let account = holdings.caller.account;
    let grant = |principal: &serde_json::Value, condition: &str| {
        format!(
            r#"{{"Effect": "Allow", "Action": "sts:*", "Principal": {{"AWS": {principal}}}, "Condition": {condition}}}"#
        )
    };
    let mut statements = vec![grant(&account.as_str().into(), "{}")];
    if role.account() == account {
        let key = format!("{UNREAD}the role's trust policy");
        let condition = serde_json::json!({"Null": {key: "true"}}).to_string();
        statements.push(grant(&holdings.caller.identity.arn.as_str().into(), &condition));
    }
    parsed(&format!(r#"{{"Statement": [{}]}}"#, statements.join(", ")))
}

fn parsed(text: &str) -> Document {
    #[expect(
        clippy::expect_used,
        reason = "both texts are ours, and every value in them is JSON"
    )]
    text.parse().expect("a policy of our own")
}

/// What is told of a statement; nothing of those that stand for something unread.
pub(crate) fn ground(
    holdings: &Holdings,
    trust: Option<&RoleArn>,
    matched: &Matched,
    effect: Effect,
) -> Option<Ground> {
    let held: Option<&Held> = match matched.kind {
        PolicyKind::Identity => holdings.policies.iter().find(|held| held.id == matched.policy),
        PolicyKind::Boundary => match &holdings.boundary {
            Part::Read(boundary) => boundary.as_ref(),
            Part::Unread => None,
        },
        PolicyKind::Session => match &holdings.session {
            Some(Part::Read(held)) => held.iter().find(|held| held.id == matched.policy),
            _ => None,
        },
        PolicyKind::ServiceControl => match &holdings.service_control {
            Part::Read(Some(levels)) => levels.iter().flatten().find(|held| held.id == matched.policy),
            _ => None,
        },
        _ => None,
    };
    let (holder, version) = match (held, matched.kind, trust) {
        (Some(held), ..) => (held.holder.clone(), held.version.clone()),
        (None, PolicyKind::Trust, Some(role)) => (format!("role {}", role.name()), None),
        _ => return None,
    };
    Some(Ground {
        kind: matched.kind,
        holder,
        policy: held.map_or_else(|| "trust policy".to_owned(), |held| held.name.clone()),
        version,
        sid: matched.sid.clone(),
        statement: matched.statement,
        effect,
    })
}

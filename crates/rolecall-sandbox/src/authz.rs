//! May this caller do that? The library's evaluator, fed with what a request carries.

use rolecall::AccountId;
use rolecall::policy::{Context, Decision, Policies, PolicyKind, PolicySource, Request, Verdict, evaluate};

use crate::api::{Incoming, Refusal, Service};
use crate::clock::{self, Clock};
use crate::state::{Actor, Caller, Policy, State};

/// What somebody wants to do to what.
pub(crate) struct Wish<'a> {
    pub(crate) action: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) owner: AccountId,
    /// The trust policy, when a role is the resource.
    pub(crate) trust: Option<&'a Policy>,
}

/// The keys that are the same for every call ("AWS global condition context keys").
pub(crate) fn context(
    state: &State,
    incoming: &Incoming,
    caller: &Caller,
    region: &str,
    clock: &Clock,
) -> Context {
    let mut context = Context::new();
    let now = clock.session();
    context.set("aws:CurrentTime", clock::iso8601(now));
    context.set("aws:EpochTime", clock::epoch_seconds(now).to_string());
    context.set("aws:SecureTransport", "false");
    context.set("aws:SourceIp", incoming.from.to_string());
    context.set("aws:RequestedRegion", region);
    if let Some(agent) = incoming.header("user-agent") {
        context.set("aws:UserAgent", agent);
    }
    context.set("aws:PrincipalAccount", caller.account.as_str());
    context.set("aws:userid", caller.user_id.as_str());
    // For a session this is the role's ARN, so that a policy need not know session names.
    let principal = caller.principal.role().unwrap_or(caller.principal.arn());
    context.set("aws:PrincipalArn", principal);
    match &caller.actor {
        Actor::User(name) => {
            context.set("aws:username", name.as_str());
            context.set("aws:PrincipalType", "User");
        }
        Actor::Role { .. } => context.set("aws:PrincipalType", "AssumedRole"),
    }
    if let Some(named) = state.named(caller) {
        for (key, value) in &named.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
    }
    if let Some(session) = &caller.session {
        context.set("aws:TokenIssueTime", clock::iso8601(session.issued));
        // Temporary credentials carry the key, long-term ones do not.
        context.set("aws:MultiFactorAuthPresent", "false");
        for (key, value) in &session.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(identity) = &session.source_identity {
            context.set("aws:SourceIdentity", identity.as_str());
        }
    }
    context
}

/// Decides, from every policy there is.
pub(crate) fn decide(state: &State, caller: &Caller, wish: &Wish<'_>, context: &Context) -> Decision {
    let named = state.named(caller);
    let policies = Policies {
        identity: named.map_or_else(Vec::new, |named| state.identity_policies(caller.account, named)),
        boundary: named.and_then(|named| named.boundary.as_ref()).and_then(|arn| {
            Some(PolicySource {
                name: arn,
                document: &state.managed(caller.account, arn)?.document,
            })
        }),
        session: caller
            .session
            .as_ref()
            .and_then(|session| session.policies.as_ref())
            .map(|policies| {
                policies
                    .iter()
                    .map(|(name, document)| PolicySource { name, document })
                    .collect()
            }),
        service_control: None,
        resource: None,
        trust: wish.trust.map(|policy| PolicySource {
            name: "AssumeRolePolicyDocument",
            document: &policy.document,
        }),
    };
    let request = Request {
        principal: &caller.principal,
        action: wish.action,
        resource: wish.resource,
        resource_account: wish.owner,
        context,
    };
    evaluate(&request, &policies)
}

/// Decides, and words a refusal as the service does.
pub(crate) fn authorize(
    state: &State,
    caller: &Caller,
    service: Service,
    wish: &Wish<'_>,
    context: &Context,
) -> Result<(), Refusal> {
    let decision = decide(state, caller, wish, context);
    if decision.is_allowed() {
        return Ok(());
    }
    tracing::debug!(verdict = ?decision.verdict(), action = wish.action, "refused");
    let message = denied(caller, wish, &decision);
    Err(match service {
        Service::Sns => Refusal::new(403, "AuthorizationError", message),
        _ => Refusal::denied(message),
    })
}

/// The sentence of "Troubleshoot access denied error messages" (IAM user guide). Across accounts AWS does not say which
/// side refused, unless it was the caller's own.
fn denied(caller: &Caller, wish: &Wish<'_>, decision: &Decision) -> String {
    let (arn, action, resource) = (caller.principal.arn(), wish.action, wish.resource);
    let mut message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource}");
    let (kind, explicit) = match decision.verdict() {
        Verdict::ExplicitDeny(matched) => (matched.kind, true),
        Verdict::ImplicitDeny(kind) => (*kind, false),
        Verdict::Allowed(_) => return message,
    };
    let theirs = matches!(kind, PolicyKind::Trust | PolicyKind::Resource);
    let abroad = caller.account != wish.owner;
    if explicit && !(theirs && abroad) {
        message.push_str(&format!(" with an explicit deny in {}", article(kind)));
    } else if !explicit && wish.trust.is_none() && !abroad {
        message.push_str(&format!(" because no {} allows the {action} action", kind.name()));
    }
    message
}

fn article(kind: PolicyKind) -> String {
    let name = kind.name();
    let article = if name.starts_with('i') { "an" } else { "a" };
    format!("{article} {name}")
}

//! May this caller do that? The library's evaluator, fed with what a request carries.

use rolecall::AccountId;
use rolecall::policy::{Context, Policies, PolicyKind, PolicySource, Request, Verdict};

use crate::api::Refusal;
use crate::call::Call;
use crate::calls::Decided;
use crate::clock;
use crate::service::Service;
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
pub(crate) fn context(call: &Call<'_>, state: &State) -> Context {
    let caller = &call.verified.caller;
    let mut context = Context::new();
    let now = call.clock.session();
    context.set("aws:CurrentTime", clock::iso8601(now));
    context.set("aws:EpochTime", clock::epoch_seconds(now).to_string());
    let is_secure = call.endpoint.starts_with("https://");
    context.set("aws:SecureTransport", is_secure.to_string());
    context.set("aws:PrincipalIsAWSService", "false");
    context.set("aws:ViaAWSService", "false");
    context.set("aws:SourceIp", call.incoming.from.to_string());
    context.set("aws:RequestedRegion", call.verified.region.as_str());
    if let Some(agent) = call.incoming.header("user-agent") {
        context.set("aws:UserAgent", agent);
    }
    context.set("aws:PrincipalAccount", caller.account.as_str());
    context.set("aws:userid", caller.user_id.as_str());
    // For a session this is the role's ARN, so that a policy need not know session names.
    let principal = caller.principal.role().unwrap_or(caller.principal.arn());
    context.set("aws:PrincipalArn", principal);
    let kind = match &caller.actor {
        Actor::Federated { .. } => "FederatedUser",
        Actor::Role { .. } => "AssumedRole",
        Actor::Root => "Account",
        Actor::User(name) => {
            context.set("aws:username", name.as_str());
            "User"
        }
    };
    context.set("aws:PrincipalType", kind);
    if let Some(organization) = &state.organization
        && let Some(path) = organization.path(caller.account)
    {
        context.set("aws:PrincipalOrgID", organization.id.as_str());
        context.set_all("aws:PrincipalOrgPaths", [path]);
    }
    if let Some(named) = state.named(caller) {
        for (key, value) in &named.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
    }
    if let Some(session) = &caller.session {
        context.set("aws:TokenIssueTime", clock::iso8601(session.issued));
        // Temporary credentials carry the key, long-term ones do not.
        context.set("aws:MultiFactorAuthPresent", session.mfa.is_some().to_string());
        if let Some(age) = session.mfa.and_then(|since| now.duration_since(since).ok()) {
            context.set("aws:MultiFactorAuthAge", age.as_secs().to_string());
        }
        for (key, value) in &session.tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(identity) = &session.source_identity {
            context.set("aws:SourceIdentity", identity.as_str());
        }
        if let Some(provider) = &session.federated_provider {
            context.set("aws:FederatedProvider", provider.as_str());
        }
    }
    context
}

/// The keys that tell whose the resource is.
pub(crate) fn set_owner(context: &mut Context, state: &State, owner: AccountId) {
    context.set("aws:ResourceAccount", owner.as_str());
    if let Some(organization) = &state.organization
        && let Some(path) = organization.path(owner)
    {
        context.set("aws:ResourceOrgID", organization.id.as_str());
        context.set_all("aws:ResourceOrgPaths", [path]);
    }
}

/// Every policy that has a say in a caller's wish.
pub(crate) fn policies<'a>(state: &'a State, caller: &'a Caller, wish: &Wish<'a>) -> Policies<'a> {
    let named = state.named(caller);
    Policies {
        identity: state.identity_policies(caller),
        boundary: named
            .and_then(|named| named.boundary.as_ref())
            .and_then(|arn| state.managed_source(caller.account, arn)),
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
        service_control: state
            .organization
            .as_ref()
            .and_then(|organization| organization.service_control_by_name(caller.account)),
        resource: None,
        trust: wish.trust.map(|policy| PolicySource {
            name: "AssumeRolePolicyDocument",
            document: &policy.document,
        }),
    }
}

/// Decides, from every policy there is.
pub(crate) fn decide(state: &State, caller: &Caller, wish: &Wish<'_>, context: &Context) -> Decided {
    let request = Request {
        principal: &caller.principal,
        action: wish.action,
        resource: wish.resource,
        resource_account: wish.owner,
        context,
    };
    Decided::of(&request, &policies(state, caller, wish))
}

/// Decides, remembers the decision, and words a refusal as the service does.
pub(crate) fn authorize(
    call: &Call<'_>,
    state: &State,
    wish: &Wish<'_>,
    context: &Context,
) -> Result<(), Refusal> {
    let caller = &call.verified.caller;
    let decided = decide(state, caller, wish, context);
    let outcome = if decided.is_allowed() {
        Ok(())
    } else {
        let verdict = &decided.verdict;
        call.messages.refused(call, wish, verdict, context);
        tracing::debug!(?verdict, action = wish.action, "refused");
        let message = denied(caller, wish, verdict);
        Err(match call.service {
            Service::Sns => Refusal::new(403, "AuthorizationError", message),
            Service::Organizations => Refusal::new(400, "AccessDeniedException", message),
            _ => Refusal::denied(message),
        })
    };
    call.decided.borrow_mut().push(decided);
    outcome
}

/// The sentence of "Troubleshoot access denied error messages" (IAM user guide). Across accounts AWS does not say which
/// side refused, unless it was the caller's own.
fn denied(caller: &Caller, wish: &Wish<'_>, verdict: &Verdict) -> String {
    let (arn, action, resource) = (caller.principal.arn(), wish.action, wish.resource);
    let mut message = format!("User: {arn} is not authorized to perform: {action} on resource: {resource}");
    let (kind, explicit) = match verdict {
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

//! Credentials that a service hands to what runs under a role: made when they are asked for, and again some minutes before
//! they end.
//!
//! AWS does not count the service's own step as role chaining ("Roles terms and concepts", role chaining), so that they may
//! last longer than an hour. They are temporary all the same: another role is assumed with them for an hour at most.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolecall::policy::{Context, Policies, PolicySource, Principal, Request};

use crate::call::Open;
use crate::calls::Decided;
use crate::clock;
use crate::state::{Actor, Session, State, Workload};
use crate::sts;

/// How long they last. MaxSessionDuration "does not limit sessions assumed by AWS services"; six hours are what instances
/// and tasks see.
const LIFETIME: Duration = Duration::from_secs(6 * 3600);
/// "We make new credentials available at least five minutes before the expiration of the old credentials" ("Retrieve
/// security credentials from instance metadata").
const RENEWED_BEFORE: Duration = Duration::from_secs(300);

/// Credentials as they are told, without what each service adds.
pub(crate) struct Issued {
    pub(crate) access_key_id: String,
    pub(crate) session: Arc<Session>,
    /// What is told of the end, which a fault makes a lie.
    pub(crate) expiration: String,
}

/// The credentials that are served now. `None` where the role is not there, or does not trust the service.
pub(crate) fn credentials(call: &Open<'_>, state: &mut State, workload: &mut Workload) -> Option<Issued> {
    let now = call.clock.session();
    if workload
        .current
        .as_ref()
        .is_none_or(|(_, session)| is_old(session, now))
    {
        workload.current = Some(new(call, state, workload, now)?);
    }
    let (id, session) = workload.current.clone()?;
    Some(Issued {
        access_key_id: id,
        expiration: clock::iso8601(sts::told_expiry(call.fault, &session)),
        session,
    })
}

/// Whether it is time for new ones: the last minutes have begun, or the last half of what does not last for minutes.
fn is_old(session: &Session, now: SystemTime) -> bool {
    let whole = session.expires.duration_since(session.issued).unwrap_or_default();
    let left = session.expires.duration_since(now).unwrap_or_default();
    left <= RENEWED_BEFORE.min(whole / 2)
}

fn new(
    call: &Open<'_>,
    state: &mut State,
    workload: &Workload,
    now: SystemTime,
) -> Option<(String, Arc<Session>)> {
    let decided = decide(state, workload, now)?;
    let is_allowed = decided.is_allowed();
    call.decided.borrow_mut().push(decided);
    if !is_allowed {
        return None;
    }
    let role = &workload.role;
    let unique_id = state.accounts.get(&role.account())?.roles.get(role.name())?;
    let unique_id = unique_id.named.unique_id.clone();
    let seconds = call.session_seconds.map_or(LIFETIME, Duration::from_secs);
    Some(state.issue(Session {
        secret: String::new(),
        token: String::new(),
        account: role.account(),
        actor: Actor::Role {
            name: role.name().to_owned(),
            session_name: workload.session_name.clone(),
        },
        issued: now,
        expires: now + seconds.min(LIFETIME),
        policies: None,
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        unique_id,
        mfa: None,
        federated_provider: None,
        chained: false,
    }))
}

/// Whether the role's trust policy lets the service in. `None` where there is no such role.
pub(crate) fn decide(state: &State, workload: &Workload, now: SystemTime) -> Option<Decided> {
    let arn = workload.role.to_string();
    let account = workload.role.account();
    let home = state.accounts.get(&account)?;
    let role = home.roles.get(workload.role.name())?;
    if role.named.arn(account, "role") != arn {
        return None;
    }
    let mut context = Context::new();
    context.set("aws:CurrentTime", clock::iso8601(now));
    context.set("aws:EpochTime", clock::epoch_seconds(now).to_string());
    context.set("aws:PrincipalIsAWSService", "true");
    context.set("aws:SourceAccount", account.as_str());
    context.set("aws:SourceArn", workload.source_arn.as_str());
    crate::authz::set_owner(&mut context, state, account);
    let policies = Policies {
        trust: Some(PolicySource {
            name: "AssumeRolePolicyDocument",
            document: &role.trust.document,
        }),
        ..Policies::default()
    };
    let request = Request {
        principal: &Principal::service(workload.service),
        action: "sts:AssumeRole",
        resource: &arn,
        resource_account: account,
        context: &context,
    };
    Some(Decided::of(&request, &policies))
}

//! GetSessionToken and GetFederationToken: sessions that act for a user, made with that user's long-term key.

use rolecall::policy::Context;

use super::role::set_tags;
use super::session_parameters::{Policies, Tags, packed_size, packed_size_element};
use super::{credentials, new_session};
use crate::api::{Refusal, escaped};
use crate::authz::{self, Wish};
use crate::call::Call;
use crate::mfa;
use crate::state::{Actor, Session, State};
use crate::validate::{Checks, NAME};

/// Twelve hours, unless asked.
const DEFAULT_SECONDS: u32 = 43_200;
/// "If the specified duration is longer than one hour, the session obtained by using root user credentials defaults to one
/// hour."
const ROOT_SECONDS: u32 = 3600;

/// 15 minutes to 36 hours; for long-term keys only; needs no permission.
pub(super) fn get_session_token(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let caller = &call.verified.caller;
    let mut checks = Checks::new(call.params);
    let seconds = checks.number("DurationSeconds", 900, 129_600);
    checks.number("MinimumSessionTokenSize", 0, 4096);
    checks.mfa();
    checks.finish()?;
    let proved = mfa::prove(call, state)?;
    let session = new_session(
        call,
        caller.account,
        held_to_root(call, seconds),
        caller.actor.clone(),
        &caller.user_id,
    );
    let session = Session {
        mfa: proved.then_some(session.issued),
        ..session
    };
    let (id, session) = state.issue(session);
    Ok(credentials(call, &id, &session))
}

fn held_to_root(call: &Call<'_>, seconds: Option<u32>) -> u32 {
    let seconds = seconds.unwrap_or(DEFAULT_SECONDS);
    if call.verified.caller.actor == Actor::Root {
        seconds.min(ROOT_SECONDS)
    } else {
        seconds
    }
}

/// A session under a name of its own, held to what its session policies allow: without any, it may do nothing that the
/// user's own policies would have granted ("Permissions for GetFederationToken").
pub(super) fn get_federation_token(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let caller = &call.verified.caller;
    let account = caller.account;
    let mut checks = Checks::new(call.params);
    let name = checks.required("Name", 2, 32, NAME);
    let seconds = checks.number("DurationSeconds", 900, 129_600);
    checks.number("MinimumSessionTokenSize", 0, 4096);
    let policies = Policies::read(&mut checks);
    let tags = checks.tags("Tags");
    checks.finish()?;
    let tags = Tags::new(&tags, &[])?;
    let user = match &caller.actor {
        Actor::User(name) => name.as_str(),
        _ => "",
    };

    let arn = format!("arn:aws:sts::{account}:federated-user/{name}");
    let mut context = call.context(state);
    authz::set_owner(&mut context, state, account);
    set_keys(&mut context, seconds, &tags);
    let mut actions = vec!["sts:GetFederationToken"];
    if !tags.set.is_empty() {
        actions.push("sts:TagSession");
    }
    for action in actions {
        let wish = Wish {
            action,
            resource: &arn,
            owner: account,
            trust: None,
        };
        call.authorize(state, &wish, &context)?;
    }

    let packed = packed_size(&policies, &tags.set)?;
    let policies = policies.resolve(state, account)?;
    let actor = Actor::Federated {
        user: user.to_owned(),
        name: name.to_owned(),
    };
    let session = Session {
        policies: Some(policies.unwrap_or_default()),
        tags: tags.set,
        ..new_session(call, account, held_to_root(call, seconds), actor, &caller.user_id)
    };
    let (id, session) = state.issue(session);
    let mut result = credentials(call, &id, &session);
    result.push_str(&format!(
        "<FederatedUser><Arn>{}</Arn><FederatedUserId>{account}:{}</FederatedUserId></FederatedUser>{}",
        escaped(&arn),
        escaped(name),
        packed_size_element(packed)
    ));
    Ok(result)
}

fn set_keys(context: &mut Context, seconds: Option<u32>, tags: &Tags) {
    if let Some(seconds) = seconds {
        context.set("sts:DurationSeconds", seconds.to_string());
    }
    set_tags(context, tags);
}

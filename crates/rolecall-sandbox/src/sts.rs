//! The Security Token Service ("AWS Security Token Service API Reference").

mod assume;

use std::time::Duration;

use crate::api::{Answer, Params, Refusal, escaped, query_answer};
use crate::call::Call;
use crate::clock;
use crate::service::Service;
use crate::state::{Actor, Session, State};
use crate::validate::Checks;

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let result = match operation {
        "AssumeRole" => assume::assume_role(call, state)?,
        "GetCallerIdentity" => get_caller_identity(call),
        "GetSessionToken" => get_session_token(call, state)?,
        other => {
            return Err(Refusal::new(
                400,
                "InvalidAction",
                format!("Could not find operation {other} for version 2011-06-15"),
            ));
        }
    };
    Ok(query_answer(Service::Sts, operation, call.request_id, &result))
}

/// Needs no permission, and cannot be denied.
fn get_caller_identity(call: &Call<'_>) -> String {
    let caller = &call.verified.caller;
    format!(
        "<Arn>{}</Arn><UserId>{}</UserId><Account>{}</Account>",
        escaped(caller.principal.arn()),
        escaped(&caller.user_id),
        caller.account
    )
}

/// 15 minutes to 36 hours, 12 hours unless asked; for long-term keys only; needs no permission.
fn get_session_token(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let caller = &call.verified.caller;
    let mut checks = Checks::new(call.params);
    let seconds = checks.number("DurationSeconds", 900, 129_600);
    checks.mfa();
    checks.finish()?;
    if caller.session.is_some() {
        return Err(Refusal::denied(
            "Cannot call GetSessionToken with session credentials",
        ));
    }
    refuse_mfa(call.params)?;
    let Actor::User(_) = caller.actor else {
        return Err(Refusal::denied(
            "Cannot call GetSessionToken with session credentials",
        ));
    };
    let session = new_session(
        call,
        seconds.unwrap_or(43_200),
        caller.actor.clone(),
        &caller.user_id,
    );
    let (id, session) = state.issue(session);
    Ok(credentials(&id, &session, session.expires))
}

/// Devices are not here yet, so no code can be right.
fn refuse_mfa(params: &Params) -> Result<(), Refusal> {
    match (params.find("SerialNumber"), params.find("TokenCode")) {
        (None, None) => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::denied(
            "MultiFactorAuthentication failed with invalid MFA one time pass code. ",
        )),
        _ => Err(Refusal::denied(
            "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code. ",
        )),
    }
}

/// A session of `actor` in the caller's account that nothing holds back yet.
fn new_session(call: &Call<'_>, seconds: u32, actor: Actor, unique_id: &str) -> Session {
    let issued = call.clock.session();
    let seconds = call.session_seconds.unwrap_or(u64::from(seconds));
    Session {
        secret: String::new(),
        token: String::new(),
        account: call.verified.caller.account,
        actor,
        issued,
        expires: issued + Duration::from_secs(seconds),
        policies: None,
        tags: std::collections::BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        unique_id: unique_id.to_owned(),
        mfa: None,
        federated_provider: None,
        chained: call.verified.caller.session.is_some(),
    }
}

fn credentials(id: &str, session: &Session, expires: std::time::SystemTime) -> String {
    format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        session.secret,
        session.token,
        clock::iso8601(expires)
    )
}

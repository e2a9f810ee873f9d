//! The Security Token Service ("AWS Security Token Service API Reference").

mod assume;
mod role;
mod session_parameters;
mod user_sessions;
mod web_identity;

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rolecall::AccountId;

use crate::api::{Answer, Refusal, escaped, query_answer};
use crate::authz::{self, Wish};
use crate::call::{Call, Open};
use crate::clock;
use crate::faults::Fault;
use crate::ids;
use crate::issuer::Issuer;
use crate::service::Service;
use crate::state::{Actor, Caller, Session, State};
use crate::validate::{Checks, Pattern};

/// The model sets no pattern.
const ANYTHING: Pattern = (|_| true, "");
const KEY_ID: Pattern = (|c| c.is_ascii_alphanumeric() || c == '_', r"[\w]*");

const SIGNED: [&str; 6] = [
    "AssumeRole",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetFederationToken",
    "GetSessionToken",
];

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    if SIGNED.contains(&operation) {
        check_credentials(operation, &call.verified.caller)?;
    }
    let result = match operation {
        "AssumeRole" => assume::assume_role(call, state)?,
        "DecodeAuthorizationMessage" => decode_authorization_message(call, state)?,
        "GetAccessKeyInfo" => get_access_key_info(call, state)?,
        "GetCallerIdentity" => get_caller_identity(call),
        "GetFederationToken" => user_sessions::get_federation_token(call, state)?,
        "GetSessionToken" => user_sessions::get_session_token(call, state)?,
        other => return Err(unknown(other)),
    };
    Ok(query_answer(Service::Sts, operation, call.request_id, &result))
}

/// The calls whose proof is a token of somebody else's.
pub(crate) fn unsigned(
    operation: &str,
    call: &Open<'_>,
    state: &mut State,
    issuer: &Issuer,
) -> Result<Answer, Refusal> {
    let result = match operation {
        "AssumeRoleWithWebIdentity" => web_identity::assume_role(call, state, issuer)?,
        other => return Err(unknown(other)),
    };
    Ok(query_answer(Service::Sts, operation, call.request_id, &result))
}

fn unknown(operation: &str) -> Refusal {
    Refusal::new(
        400,
        "InvalidAction",
        format!("Could not find operation {operation} for version 2011-06-15"),
    )
}

/// Which credentials may call what ("Compare AWS STS credentials"): a federated user nothing but GetCallerIdentity, a
/// session of GetSessionToken nothing but that and AssumeRole, and no session makes sessions of its user.
fn check_credentials(operation: &str, caller: &Caller) -> Result<(), Refusal> {
    let session = caller.session.is_some();
    let may = match (operation, &caller.actor) {
        ("GetCallerIdentity", _) => true,
        (_, Actor::Federated { .. }) => false,
        ("AssumeRole", _) => true,
        ("GetSessionToken" | "GetFederationToken", _) => !session,
        (_, Actor::Root | Actor::User(_)) => !session,
        (_, Actor::Role { .. }) => true,
    };
    if may {
        Ok(())
    } else {
        Err(Refusal::denied(format!(
            "Cannot call {operation} with session credentials"
        )))
    }
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

/// Whose a key is: any key of this world. AWS reads the account out of the id itself; ids here do not hold it.
fn get_access_key_info(call: &Call<'_>, state: &State) -> Result<String, Refusal> {
    let mut checks = Checks::new(call.params);
    let id = checks.required("AccessKeyId", 16, 128, KEY_ID);
    checks.finish()?;
    authorize(call, state, "sts:GetAccessKeyInfo")?;
    let account = state
        .keys
        .get(id)
        .map(|key| key.account)
        .or_else(|| state.sessions.get(id).map(|session| session.account))
        .ok_or_else(|| Refusal::validation(format!("Invalid Access Key ID: {id}")))?;
    Ok(format!("<Account>{account}</Account>"))
}

fn decode_authorization_message(call: &Call<'_>, state: &State) -> Result<String, Refusal> {
    let mut checks = Checks::new(call.params);
    let encoded = checks.required("EncodedMessage", 1, 10_240, ANYTHING);
    checks.finish()?;
    authorize(call, state, "sts:DecodeAuthorizationMessage")?;
    let decoded = call
        .messages
        .decode(encoded, call.verified.caller.account)
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidAuthorizationMessageException",
                "The specified message could not be decoded.",
            )
        })?;
    Ok(format!("<DecodedMessage>{}</DecodedMessage>", escaped(&decoded)))
}

/// For the operations that are about no resource.
fn authorize(call: &Call<'_>, state: &State, action: &str) -> Result<(), Refusal> {
    let wish = Wish {
        action,
        resource: "*",
        owner: call.verified.caller.account,
        trust: None,
    };
    let mut context = call.context(state);
    authz::set_owner(&mut context, state, wish.owner);
    call.authorize(state, &wish, &context)
}

/// A session of `actor` that nothing holds back yet.
fn new_session(call: &Open<'_>, account: AccountId, seconds: u32, actor: Actor, unique_id: &str) -> Session {
    let issued = call.clock.session();
    let seconds = call.session_seconds.unwrap_or(u64::from(seconds));
    // "STS increases the session token to at least this size"; it was held to 4,096 before.
    let least_token = call.params.find("MinimumSessionTokenSize");
    let least_token = least_token.and_then(|size| size.parse().ok()).unwrap_or(0);
    Session {
        secret: String::new(),
        token: ids::token_of(least_token),
        account,
        actor,
        issued,
        expires: issued + Duration::from_secs(seconds),
        policies: None,
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        unique_id: unique_id.to_owned(),
        mfa: None,
        federated_provider: None,
        chained: false,
    }
}

/// What an answer says of the end, which a fault makes a lie.
pub(crate) fn told_expiry(fault: Option<Fault>, session: &Session) -> SystemTime {
    match fault {
        Some(Fault::ExpiresTooLate) => session.issued + Duration::from_secs(30 * 3600),
        Some(Fault::AlreadyExpired) => session.issued - Duration::from_secs(60),
        _ => session.expires,
    }
}

fn credentials(call: &Open<'_>, id: &str, session: &Session) -> String {
    let expires = told_expiry(call.fault, session);
    format!(
        "<Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>{}</SecretAccessKey>\
         <SessionToken>{}</SessionToken><Expiration>{}</Expiration></Credentials>",
        session.secret,
        session.token,
        clock::iso8601(expires)
    )
}

//! The federation endpoint of the sign-in service ("Enabling custom identity broker access to the AWS console"), and what
//! there is here instead of a console: a page that says who is signed in.

mod console;
pub(crate) mod page;
mod switch_role;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::Method;
use serde_json::{Value, json};
use subtle::ConstantTimeEq;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::ids;
use crate::state::{Actor, Console, Session, SignInToken, State};
pub(crate) use console::show as console;

/// "The URL is valid for 15 minutes after it is created."
const TOKEN_LIFETIME: Duration = Duration::from_secs(900);
/// The bounds of SessionDuration, in seconds.
const SESSION_SECONDS: std::ops::RangeInclusive<u64> = 900..=43_200;

pub(crate) fn answer(operation: &str, call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    match operation {
        "getSigninToken" => get_signin_token(call, state),
        "login" => login(call, state),
        "logout" => Ok(console::logout(call, state)),
        "switchrole" => switch_role::show(call, state),
        _ => Err(invalid("There is no such Action")),
    }
}

/// Every refusal of the endpoint is a page with status 400.
fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidRequest", why)
}

/// A refusal as a person sees it in the browser.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    page::page(
        refusal.status.as_u16(),
        "Sign-in did not work",
        &page::paragraph(&refusal.message),
    )
}

fn get_signin_token(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let now = call.clock.session();
    let seconds = session_duration(call)?;
    let text = call.params.find("Session").unwrap_or_default();
    let (access_key_id, session) = session_of(text, state, now)?;
    match &session.actor {
        // "You must not use SessionDuration with GetFederationToken" and sessions of chained roles end with their hour.
        Actor::Federated { .. } if seconds.is_some() => {
            return Err(invalid(
                "SessionDuration cannot be used with the credentials of GetFederationToken",
            ));
        }
        Actor::Role { .. } if seconds.is_some() && session.chained => {
            return Err(invalid("SessionDuration cannot be used with a chained role"));
        }
        Actor::Federated { .. } | Actor::Role { .. } => {}
        // "The credentials of GetSessionToken are not supported."
        Actor::Root | Actor::User(_) => {
            return Err(invalid(
                "Only the sessions of AssumeRole and GetFederationToken can sign in",
            ));
        }
    }
    let token = ids::token();
    state.recorder.token(&access_key_id, &token);
    let kept = SignInToken {
        access_key_id,
        session,
        expires: now + TOKEN_LIFETIME,
        seconds,
    };
    state.sign_ins.forget(now);
    state.sign_ins.tokens.insert(token.clone(), kept);
    Ok(Answer::json(&json!({"SigninToken": token})).header("cache-control", "no-store"))
}

/// "The SessionDuration parameter is used only with GET."
fn session_duration(call: &Open<'_>) -> Result<Option<u64>, Refusal> {
    let Some(text) = call.params.find("SessionDuration") else {
        return Ok(None);
    };
    if call.incoming.method != Method::GET {
        return Err(invalid("SessionDuration is taken by GET only"));
    }
    let seconds = text
        .parse()
        .ok()
        .filter(|seconds| SESSION_SECONDS.contains(seconds));
    match seconds {
        Some(seconds) => Ok(Some(seconds)),
        None => Err(invalid("SessionDuration is 900 to 43200 seconds")),
    }
}

/// The temporary credentials in `Session`, verified: all three parts, and that they are still good.
fn session_of(text: &str, state: &State, now: SystemTime) -> Result<(String, Arc<Session>), Refusal> {
    let wrong = || invalid("The credentials in Session are not valid");
    let parsed: Value = serde_json::from_str(text).map_err(|_| invalid("Session is no JSON object"))?;
    let part = |name: &str| parsed.get(name).and_then(Value::as_str);
    let parts = (part("sessionId"), part("sessionKey"), part("sessionToken"));
    let (Some(id), Some(key), Some(token)) = parts else {
        return Err(invalid("Session has no sessionId, sessionKey and sessionToken"));
    };
    let same = |a: &str, b: &str| bool::from(a.as_bytes().ct_eq(b.as_bytes()));
    let session = state.sessions.get(id).ok_or_else(wrong)?;
    let good = same(&session.secret, key) & same(&session.token, token);
    if !good {
        return Err(wrong());
    }
    if now >= session.expires {
        return Err(invalid("The credentials in Session have expired"));
    }
    let caller = state.caller(session.account, &session.actor, Some(Arc::clone(session)));
    caller
        .map(|_| (id.to_owned(), Arc::clone(session)))
        .ok_or_else(wrong)
}

/// Whether an address is a page of the console, AWS's own in any partition or the one here.
fn is_console(destination: &str, endpoint: &str) -> bool {
    let ours = destination
        .strip_prefix(endpoint)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    let Some(rest) = destination.strip_prefix("https://") else {
        return ours;
    };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.to_ascii_lowercase();
    let consoles = [
        "console.aws.amazon.com",
        "console.amazonaws-us-gov.com",
        "console.amazonaws.cn",
        "console.amazonaws-eusc.eu",
    ];
    ours || consoles.iter().any(|console| {
        host == *console
            || host
                .strip_suffix(console)
                .and_then(|before| before.strip_suffix('.'))
                .is_some_and(|before| {
                    before
                        .bytes()
                        .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
                })
    })
}

fn login(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let now = call.clock.session();
    let find = |name| call.params.find(name).unwrap_or_default();
    let destination = find("Destination");
    if !is_console(destination, call.endpoint) {
        return Err(invalid("Destination is no page of the AWS console"));
    }
    let wrong = || invalid("The SigninToken is not valid, or it is older than 15 minutes");
    let token = state.sign_ins.tokens.get(find("SigninToken")).ok_or_else(wrong)?;
    if now >= token.expires {
        return Err(wrong());
    }
    let session = Arc::clone(&token.session);
    let expires = match token.seconds {
        Some(seconds) => now + Duration::from_secs(seconds),
        None => session.expires,
    };
    let caller = state
        .caller(session.account, &session.actor, Some(Arc::clone(&session)))
        .filter(|_| now < expires)
        .ok_or_else(wrong)?;
    let cookie = ids::token();
    state.recorder.token(&token.access_key_id, &cookie);
    state.sign_ins.forget(now);
    let answer = console::redirect(call, &cookie, destination);
    state
        .sign_ins
        .consoles
        .insert(cookie, Console { caller, expires });
    Ok(answer)
}

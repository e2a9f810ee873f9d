//! What no AWS has: the sandbox's own calls, for tests and rehearsals in any language. JSON, unsigned, on loopback only.

use http::Method;
use serde_json::json;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::mfa;
use crate::server::Shared;
use crate::state::State;

pub(crate) fn answer(call: &Open<'_>, state: &mut State, shared: &Shared) -> Result<Answer, Refusal> {
    let path = call.incoming.path.strip_prefix("/_sandbox/").unwrap_or_default();
    if let Some(answer) = path
        .strip_prefix("oidc/")
        .and_then(|path| shared.issuer.answer(path, call, &shared.recorder))
    {
        return answer;
    }
    match (&call.incoming.method, path) {
        (&Method::GET, "encoded-message") => encoded_message(call, shared),
        (&Method::GET, "mfa-code") => mfa_code(call, state),
        (&Method::GET, "health") => Ok(Answer::json(&json!({"ok": true}))),
        _ => Err(Refusal::new(
            404,
            "NotFound",
            format!("the sandbox has no {} /_sandbox/{path}", call.incoming.method),
        )),
    }
}

/// The message of a refused call, for DecodeAuthorizationMessage.
fn encoded_message(call: &Open<'_>, shared: &Shared) -> Result<Answer, Refusal> {
    let request_id = call.incoming.query("request_id").unwrap_or_default();
    match shared.messages.encoded(request_id) {
        Some(message) => Ok(Answer::json(&json!({"encoded_message": message}))),
        None => Err(not_found("no policy refused a call of this id")),
    }
}

/// The code that answers a prompt for an MFA device; `offset` is for those who must see an earlier or a later step.
fn mfa_code(call: &Open<'_>, state: &State) -> Result<Answer, Refusal> {
    let serial = call.incoming.query("serial").unwrap_or_default();
    let device = mfa::find(state, serial).ok_or_else(|| not_found("there is no such device"))?;
    let now = call.clock.wall();
    let (code, seconds) = match call.incoming.query("offset").map(str::parse::<i64>) {
        None => device.present_code(now),
        Some(Ok(offset)) => {
            let step = mfa::step(now).saturating_add_signed(offset);
            (mfa::code(&device.seed, step), 0)
        }
        Some(Err(_)) => return Err(Refusal::new(400, "BadRequest", "offset is a number of steps")),
    };
    Ok(Answer::json(&json!({"code": code, "valid_seconds": seconds})))
}

fn not_found(why: &str) -> Refusal {
    Refusal::new(404, "NotFound", why)
}

//! What no AWS has: the sandbox's own calls, for tests and rehearsals in any language. JSON, unsigned, on loopback only.

use http::Method;
use serde_json::json;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::server::Shared;
use crate::state::State;

pub(crate) fn answer(call: &Open<'_>, state: &mut State, _shared: &Shared) -> Result<Answer, Refusal> {
    let path = call.incoming.path.strip_prefix("/_sandbox/").unwrap_or_default();
    match (&call.incoming.method, path) {
        (&Method::GET, "health") => Ok(Answer::json(&json!({"ok": true}))),
        (&Method::GET, "console") => Ok(crate::signin::console(call, state)),
        (_, "authorize") => Ok(crate::oidc::authorize::confirmed(call, state)),
        (_, "device") => crate::oidc::device::verification(call, state),
        _ => Err(Refusal::new(
            404,
            "NotFound",
            format!("the sandbox has no {} /_sandbox/{path}", call.incoming.method),
        )),
    }
}

//! Credentials for tasks in containers ("Container credential provider"): a URI of its own for each task, and a token that
//! opens it.

use http::Method;
use serde_json::json;
use subtle::ConstantTimeEq;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::state::State;
use crate::workload;

/// Where they are, under the endpoint.
pub(crate) const PATH: &str = "/_sandbox/container/";

/// The task that an address names.
pub(crate) fn task(path: &str) -> Option<&str> {
    path.strip_prefix(PATH)
}

/// The address of a task's credentials.
pub(crate) fn uri(endpoint: &str, task: &str) -> String {
    format!("{endpoint}{PATH}{task}")
}

pub(crate) fn answer(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    if call.incoming.method != Method::GET {
        return Err(Refusal::new(
            405,
            "MethodNotAllowedException",
            "credentials are read by GET",
        ));
    }
    let name = task(&call.incoming.path).unwrap_or_default();
    let Some(task) = state.tasks.get(name) else {
        return Err(Refusal::new(
            404,
            "ResourceNotFoundException",
            "there is no such task",
        ));
    };
    let given = call.incoming.headers.get("authorization").ok_or_else(|| {
        Refusal::new(
            400,
            "ValidationException",
            "the request has no Authorization header",
        )
    })?;
    if !bool::from(given.as_bytes().ct_eq(task.token.as_bytes())) {
        return Err(denied("the authorization token is not this task's"));
    }
    let mut workload = task.workload.clone();
    let issued = workload::credentials(call, state, &mut workload)
        .ok_or_else(|| denied("the task's role is not there, or does not trust the service"))?;
    let body = json!({
        "RoleArn": workload.role.to_string(),
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": issued.session.secret,
        "Token": issued.session.token,
        "Expiration": issued.expiration,
        "AccountId": issued.session.account.as_str(),
    });
    if let Some(task) = state.tasks.get_mut(name) {
        task.workload = workload;
    }
    Ok(Answer::json(&body).header("cache-control", "no-store"))
}

fn denied(why: &str) -> Refusal {
    Refusal::new(403, "AccessDeniedException", why)
}

/// A refusal in the members that every SDK reads.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    let mut answer = Answer::json(&json!({"code": refusal.code, "message": refusal.message}));
    answer.status = refusal.status;
    answer
}

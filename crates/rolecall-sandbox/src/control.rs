//! What no AWS has: the sandbox's own calls, for tests and rehearsals in any language. JSON, unsigned, on loopback only.
//!
//! They are not recorded, and meet no fault.

use std::time::Duration;

use http::Method;
use serde::Deserialize;
use serde_json::json;

use crate::AccountAccess;
use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::clock;
use crate::container;
use crate::mfa;
use crate::server::Shared;
use crate::state::{State, Task};

/// For whoever asks for one that is not there.
const CALLS: [&str; 19] = [
    "GET health",
    "GET calls",
    "GET counts",
    "GET, POST and DELETE faults",
    "GET and POST clock",
    "POST revoke",
    "GET accounts",
    "GET config",
    "GET credentials",
    "GET mfa-code",
    "GET encoded-message",
    "POST oidc/token",
    "POST oidc/revoke",
    "GET and POST device",
    "POST browser",
    "GET and POST instance",
    "GET containers",
    "POST authorize",
    "GET console",
];

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
        (&Method::GET, "calls") => Ok(calls(call, shared)),
        (&Method::GET, "counts") => Ok(Answer::json(&json!(shared.log.counts()))),
        (&Method::GET, "faults") => Ok(faults(shared)),
        (&Method::POST, "faults") => plan_fault(call, shared),
        (&Method::DELETE, "faults") => {
            shared.faults.clear();
            Ok(faults(shared))
        }
        (&Method::GET, "clock") => Ok(clocks(shared)),
        (&Method::POST, "clock") => set_clock(call, shared),
        (&Method::POST, "revoke") => revoke(call, state),
        (&Method::GET, "accounts") => Ok(Answer::json(&json!(AccountAccess::of_all(state)))),
        (&Method::GET, "config") => Ok(Answer::text(&shared.world.config_file(state))),
        (&Method::GET, "credentials") => Ok(Answer::text(&shared.world.credentials_file(state))),
        (&Method::POST, "browser") => browser(call, state),
        (&Method::GET, "containers") => Ok(containers(state, shared)),
        (&Method::GET, "instance") => instance(state),
        (&Method::POST, "instance") => set_instance(call, state),
        (&Method::GET, "console") => Ok(crate::signin::console(call, state)),
        (_, "authorize") => Ok(crate::oidc::authorize::confirmed(call, state)),
        (_, "device") => crate::oidc::device::verification(call, state),
        (method, _) => Err(Refusal::new(
            404,
            "NotFound",
            format!(
                "the sandbox has no {method} /_sandbox/{path}: its calls are {}",
                CALLS.join(", ")
            ),
        )),
    }
}

/// The body, which is JSON of the right shape.
pub(crate) fn body<'a, T: Deserialize<'a>>(call: &'a Open<'_>) -> Result<T, Refusal> {
    serde_json::from_slice(&call.incoming.body).map_err(|error| {
        Refusal::new(
            400,
            "BadRequest",
            format!("the body is not what was expected: {error}"),
        )
    })
}

/// The record, newest last; `?operation=` for one operation.
fn calls(call: &Open<'_>, shared: &Shared) -> Answer {
    let wanted = call.incoming.query("operation");
    let calls: Vec<_> = shared
        .log
        .all()
        .iter()
        .filter(|call| wanted.is_none_or(|operation| call.operation == operation))
        .map(crate::calls::Call::to_json)
        .collect();
    Answer::json(&json!(calls))
}

fn faults(shared: &Shared) -> Answer {
    let planned: Vec<_> = shared
        .faults
        .all()
        .iter()
        .map(
            |plan| json!({"operation": plan.operation, "fault": plan.fault.to_string(), "times": plan.times}),
        )
        .collect();
    Answer::json(&json!(planned))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Plan<'a> {
    /// As the command line has it: `AssumeRole:throttle:3`.
    fault: &'a str,
}

fn plan_fault(call: &Open<'_>, shared: &Shared) -> Result<Answer, Refusal> {
    let plan: Plan<'_> = body(call)?;
    let planned = plan
        .fault
        .parse()
        .map_err(|why: String| Refusal::new(400, "BadRequest", why))?;
    shared.faults.plan(planned);
    Ok(faults(shared))
}

fn clocks(shared: &Shared) -> Answer {
    Answer::json(&json!({
        "wall": clock::iso8601(shared.clock.wall()),
        "session": clock::iso8601(shared.clock.session()),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetClock {
    /// Moves the session clock on by so much.
    advance_seconds: Option<u32>,
    /// Sets both clocks so far ahead of the machine's; behind, where negative.
    skew_seconds: Option<i32>,
}

fn set_clock(call: &Open<'_>, shared: &Shared) -> Result<Answer, Refusal> {
    let wanted: SetClock = body(call)?;
    if let Some(seconds) = wanted.advance_seconds {
        shared.clock.advance(Duration::from_secs(seconds.into()));
    }
    if let Some(seconds) = wanted.skew_seconds {
        shared.clock.set_skew(seconds.into());
    }
    Ok(clocks(shared))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Revoke<'a> {
    role_arn: &'a str,
}

fn revoke(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let wanted: Revoke<'_> = body(call)?;
    if state.revoke_sessions(wanted.role_arn, call.clock.session()) {
        Ok(Answer::json(&json!({"revoked": wanted.role_arn})))
    } else {
        let why = format!("there is no role {}", wanted.role_arn);
        Err(Refusal::new(404, "NotFound", why))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Seat<'a> {
    /// A user of the directory; an empty text is nobody.
    user: &'a str,
}

fn browser(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let wanted: Seat<'_> = body(call)?;
    let user = Some(wanted.user).filter(|user| !user.is_empty());
    let center = state.identity_center.as_mut();
    if center.is_some_and(|center| center.seat(user)) {
        Ok(Answer::json(&json!({"user": user})))
    } else {
        Err(not_found(
            "there is no Identity Center, or no such user in its directory",
        ))
    }
}

/// Every container with its address and its token, as its environment has them.
fn containers(state: &State, shared: &Shared) -> Answer {
    let task = |(name, task): (&String, &Task)| {
        json!({
            "name": name,
            "role_arn": task.workload.role.to_string(),
            "AWS_CONTAINER_CREDENTIALS_FULL_URI": container::uri(&shared.machines, name),
            "AWS_CONTAINER_AUTHORIZATION_TOKEN": task.token,
        })
    };
    Answer::json(&json!(state.tasks.iter().map(task).collect::<Vec<_>>()))
}

fn instance(state: &State) -> Result<Answer, Refusal> {
    let Some(instance) = &state.instance else {
        return Err(not_found("this world has no instance"));
    };
    let role = instance
        .workload
        .as_ref()
        .map(|workload| workload.role.to_string());
    Ok(Answer::json(&json!({
        "id": instance.id,
        "region": instance.region,
        "role_arn": role,
        "enabled": instance.enabled,
        "extended": instance.extended,
    })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetInstance<'a> {
    /// Whether there is metadata at all.
    enabled: Option<bool>,
    /// Whether the newer paths are there.
    extended: Option<bool>,
    /// Another role; an empty text takes the role away.
    role_arn: Option<&'a str>,
}

fn set_instance(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let wanted: SetInstance<'_> = body(call)?;
    if let Some(role) = wanted.role_arn
        && !state.set_instance_role(Some(role).filter(|role| !role.is_empty()))
    {
        let why = format!("there is no instance, or no role `{role}` that trusts ec2.amazonaws.com");
        return Err(not_found(&why));
    }
    if let Some(instance) = &mut state.instance {
        instance.enabled = wanted.enabled.unwrap_or(instance.enabled);
        instance.extended = wanted.extended.unwrap_or(instance.extended);
    }
    instance(state)
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
    let device = mfa::find(state, serial).ok_or_else(|| {
        let serials = mfa::serials(state);
        let known = match serials.as_slice() {
            [] => "this world has none".to_owned(),
            some => format!(
                "there are {}",
                some.iter().take(20).cloned().collect::<Vec<_>>().join(", ")
            ),
        };
        not_found(&format!("?serial= names no MFA device: {known}"))
    })?;
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

//! An explanation for machines: everything that is known.

use rolecall::Error;
use rolecall::discover::{Ground, Unread};
use rolecall::explain::{Cause, Change, Explanation, Hop, How, Layer, Reading, Says};
use rolecall::policy::Mismatch;
use rolecall::time::rfc3339;
use serde_json::{Value, json};

pub(super) fn explanation(explanation: &Explanation) -> Value {
    json!({
        "target": explanation.target,
        "source": explanation.source,
        "identity": explanation.identity,
        "outcome": explanation.outcome().name(),
        "roles": explanation.of,
        "source_refused": explanation.source_refused.as_ref().map(error),
        "causes": explanation.source_causes.iter().map(cause).collect::<Vec<_>>(),
        "hops": explanation.hops.iter().map(hop).collect::<Vec<_>>(),
    })
}

fn hop(hop: &Hop) -> Value {
    json!({
        "role": hop.role,
        "account": hop.account,
        "caller": hop.caller,
        "outcome": hop.outcome.name(),
        "refusal": hop.refusal.as_ref().map(error),
        "expires_at": hop.until.map(rfc3339),
        "reading": hop.reading.name(),
        "depends_on": match &hop.reading {
            Reading::Depends(keys) => keys.clone(),
            _ => Vec::new(),
        },
        "layers": hop.layers.iter().map(layer).collect::<Vec<_>>(),
        "trust_read_by": hop.trust_read_by,
        "causes": hop.causes.iter().map(cause).collect::<Vec<_>>(),
        "changes": hop.changes.iter().map(change).collect::<Vec<_>>(),
        "notes": hop.notes,
        "unread": hop.unread.iter().map(unread).collect::<Vec<_>>(),
        "decoded": hop.decoded.as_ref().map(|decoded| decoded.whole.clone()),
    })
}

fn error(error: &Error) -> Value {
    json!({
        "kind": error.kind().name(),
        "message": error.to_string(),
        "hints": error.hints(),
        "aws_code": error.aws_code(),
        "request_id": error.request_id(),
    })
}

fn ground(ground: &Ground) -> Value {
    json!({
        "kind": ground.kind.name(),
        "holder": ground.holder,
        "policy": ground.policy,
        "version": ground.version,
        "sid": ground.sid,
        "statement": ground.statement + 1,
        "effect": ground.effect.to_string(),
    })
}

fn layer(layer: &Layer) -> Value {
    let mut value = json!({
        "action": layer.action,
        "kind": layer.kind.name(),
        "says": layer.says.name(),
    });
    let grounds = |by: &[Ground]| by.iter().map(ground).collect::<Vec<_>>();
    match &layer.says {
        Says::Allows(by) | Says::Denies(by) => value["by"] = json!(grounds(by)),
        Says::Depends { keys, on } => {
            value["by"] = json!(grounds(on));
            value["keys"] = json!(keys);
        }
        Says::Silent(nearest) => {
            value["nearly"] = nearest.as_ref().map_or(Value::Null, |(by, because)| {
                json!({"by": ground(by), "because": because.iter().map(Mismatch::clause).collect::<Vec<_>>()})
            });
        }
        Says::Unread(needs) => value["needs"] = json!(needs),
    }
    value
}

fn cause(cause: &Cause) -> Value {
    json!({"name": cause.name, "sentence": cause.sentence, "fix": cause.fix})
}

fn change(change: &Change) -> Value {
    let how = match &change.how {
        How::Argument { flag, value } => json!({"send": flag, "value": value}),
        How::Add { policy } => json!({"add_to": policy}),
        How::Replace { policy, statement } => json!({"replace_in": policy, "number": statement + 1}),
        How::Remove { policy, statement } => json!({"remove_from": policy, "number": statement + 1}),
    };
    json!({
        "side": change.side.name(),
        "account": change.account,
        "sentence": change.what,
        "how": how,
        "statement": change.statement,
        "is_certain": change.is_certain,
    })
}

fn unread(unread: &Unread) -> Value {
    json!({"what": unread.what, "needs": unread.needs, "on": unread.on, "why": unread.why})
}

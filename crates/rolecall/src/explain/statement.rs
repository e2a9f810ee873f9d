//! Statements as JSON, ready to paste.

use serde_json::{Map, Value, json};

use crate::policy::{Document, Effect, PrincipalClause, Statement};

/// One as itself, several as a list.
pub(super) fn few(values: &[String]) -> Value {
    match values {
        [one] => json!(one),
        several => json!(several),
    }
}

/// Conditions of a statement, but for those that `drop` says yes to.
pub(super) fn conditions(statement: &Statement, drop: impl Fn(&str, &str) -> bool) -> Map<String, Value> {
    let mut all = Map::new();
    for (operator, key, values) in statement.conditions() {
        if drop(operator, key) {
            continue;
        }
        let of_operator = all.entry(operator).or_insert_with(|| json!({}));
        if let Value::Object(keys) = of_operator {
            keys.insert(key.to_owned(), few(values));
        }
    }
    all
}

/// The `Principal` of a statement.
pub(super) fn principal(statement: &Statement) -> Option<Value> {
    match statement.principal()? {
        PrincipalClause::Anyone => Some(json!("*")),
        PrincipalClause::Named(named) => {
            let mut kinds: Map<String, Value> = Map::new();
            for kind in ["AWS", "Service", "Federated", "CanonicalUser"] {
                let names = named.iter().filter(|(of, _)| of == kind);
                let names: Vec<String> = names.map(|(_, name)| name.clone()).collect();
                if !names.is_empty() {
                    kinds.insert(kind.to_owned(), few(&names));
                }
            }
            Some(Value::Object(kinds))
        }
    }
}

/// A statement that is there, as JSON.
pub(super) fn whole(statement: &Statement) -> Value {
    let mut out = Map::new();
    if let Some(sid) = statement.sid() {
        out.insert("Sid".to_owned(), json!(sid));
    }
    out.insert("Effect".to_owned(), json!(statement.effect().to_string()));
    if let Some(principal) = principal(statement) {
        out.insert("Principal".to_owned(), principal);
    }
    for (name, values) in [
        ("Action", statement.actions()),
        ("NotAction", statement.not_actions()),
        ("Resource", statement.resources()),
        ("NotResource", statement.not_resources()),
    ] {
        if let Some(values) = values {
            out.insert(name.to_owned(), few(values));
        }
    }
    let conditions = conditions(statement, |_, _| false);
    if !conditions.is_empty() {
        out.insert("Condition".to_owned(), Value::Object(conditions));
    }
    Value::Object(out)
}

/// A grant of these actions on a role.
pub(super) fn grant(actions: &[String], role: &str) -> Value {
    json!({"Effect": "Allow", "Action": few(actions), "Resource": role})
}

/// A grant of these actions in a trust policy.
pub(super) fn trust(actions: &[String], principal: Value, conditions: Map<String, Value>) -> Value {
    let mut statement = json!({"Effect": "Allow", "Principal": principal, "Action": few(actions)});
    if !conditions.is_empty() {
        statement["Condition"] = Value::Object(conditions);
    }
    statement
}

/// A Deny that leaves a role out; `None` where that is no small change.
pub(super) fn sparing(statement: &Statement, role: &str) -> Option<Value> {
    if statement.effect() != Effect::Deny {
        return None;
    }
    let resources = statement.resources()?;
    let mut changed = whole(statement);
    let object = changed.as_object_mut()?;
    if let [all] = resources
        && all == "*"
    {
        object.remove("Resource");
        object.insert("NotResource".to_owned(), json!(role));
        return Some(changed);
    }
    let rest: Vec<String> = resources.iter().filter(|name| *name != role).cloned().collect();
    let others_fit = rest
        .iter()
        .any(|pattern| crate::policy::resource_matches(pattern, role));
    if rest.is_empty() || others_fit {
        return None;
    }
    object.insert("Resource".to_owned(), few(&rest));
    Some(changed)
}

/// The document that is one statement.
pub(super) fn document(statement: &Value) -> Option<Document> {
    let text = json!({"Version": "2012-10-17", "Statement": [statement]}).to_string();
    text.parse().ok()
}

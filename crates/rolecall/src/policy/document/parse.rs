//! From text to statements, with the refusals of IAM's `CreatePolicy` and its like.

use super::json::Json;
use super::{Document, Effect, PrincipalClause, Set, Statement, Version};
use crate::error::Invalid;
use crate::policy::condition::Condition;

pub(super) fn document(text: &str) -> Result<Document, Invalid> {
    let value: Json = serde_json::from_str(text)
        .map_err(|error| Invalid::new(format!("This policy contains invalid Json: {error}")))?;
    let Json::Object(object) = value else {
        return Err(syntax("a policy is a JSON object"));
    };
    let (mut version, mut id, mut statements) = (Version::V2008, None, None);
    for (name, value) in object {
        match name.as_str() {
            "Version" => {
                version = match &value {
                    Json::Text(text) if text == "2008-10-17" => Version::V2008,
                    Json::Text(text) if text == "2012-10-17" => Version::V2012,
                    _ => {
                        return Err(Invalid::new(
                            "The policy must contain a valid version string (`2012-10-17` or `2008-10-17`)",
                        ));
                    }
                }
            }
            "Id" => id = Some(text_of("Id", value)?),
            "Statement" => statements = Some(statement_list(value)?),
            other => return Err(syntax(&format!("`{other}` is not an element of a policy"))),
        }
    }
    let statements = statements.ok_or_else(|| syntax("the policy has no `Statement`"))?;
    let mut sids: Vec<_> = statements
        .iter()
        .filter_map(Statement::sid)
        .filter(|sid| !sid.is_empty())
        .collect();
    sids.sort_unstable();
    if sids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Invalid::new(
            "Statement IDs (SID) in a single policy must be unique.",
        ));
    }
    Ok(Document {
        version,
        id,
        statements,
    })
}

/// IAM says no more than "Syntax errors in policy."; the reason follows for the person who has to find it.
fn syntax(why: &str) -> Invalid {
    Invalid::new(format!("Syntax errors in policy. ({why})"))
}

fn statement_list(value: Json) -> Result<Vec<Statement>, Invalid> {
    let list = match value {
        Json::List(list) if list.is_empty() => {
            return Err(Invalid::new("Could not parse the policy: Statement is empty!"));
        }
        Json::List(list) => list,
        single => vec![single],
    };
    list.into_iter().map(statement).collect()
}

fn statement(value: Json) -> Result<Statement, Invalid> {
    let Json::Object(object) = value else {
        return Err(syntax("a statement is a JSON object"));
    };
    let mut sid = None;
    let mut effect = None;
    let mut principal = None;
    let mut actions = None;
    let mut resources = None;
    let mut conditions = Vec::new();
    for (name, value) in object {
        let twice = match name.as_str() {
            "Sid" => sid.replace(text_of("Sid", value)?).is_some(),
            "Effect" => effect.replace(effect_of(&value)?).is_some(),
            "Principal" => principal.replace(Set::Only(principals(value)?)).is_some(),
            "NotPrincipal" => principal.replace(Set::AllBut(principals(value)?)).is_some(),
            "Action" => actions.replace(Set::Only(action_list(value)?)).is_some(),
            "NotAction" => actions.replace(Set::AllBut(action_list(value)?)).is_some(),
            "Resource" => resources.replace(Set::Only(resource_list(value)?)).is_some(),
            "NotResource" => resources.replace(Set::AllBut(resource_list(value)?)).is_some(),
            "Condition" => {
                conditions = condition_block(value)?;
                false
            }
            other => return Err(syntax(&format!("`{other}` is not an element of a statement"))),
        };
        if twice {
            return Err(syntax(&format!(
                "`{name}` and its opposite stand in one statement"
            )));
        }
    }
    let effect = effect.ok_or_else(|| Invalid::new("Missing required field Effect"))?;
    // "Using it with "Effect": "Allow" is not supported" ("AWS JSON policy elements: NotPrincipal").
    if effect == Effect::Allow && matches!(principal, Some(Set::AllBut(_))) {
        return Err(Invalid::new("Allow with NotPrincipal is not allowed."));
    }
    Ok(Statement {
        sid,
        effect,
        principal,
        actions: actions.ok_or_else(|| Invalid::new("Policy statement must contain actions."))?,
        resources,
        conditions,
    })
}

fn effect_of(value: &Json) -> Result<Effect, Invalid> {
    match value {
        Json::Text(text) if text == "Allow" => Ok(Effect::Allow),
        Json::Text(text) if text == "Deny" => Ok(Effect::Deny),
        _ => Err(syntax("`Effect` is `Allow` or `Deny`")),
    }
}

fn text_of(name: &str, value: Json) -> Result<String, Invalid> {
    match value {
        Json::Text(text) => Ok(text),
        _ => Err(syntax(&format!("`{name}` is not a string"))),
    }
}

fn strings(name: &str, value: Json) -> Result<Vec<String>, Invalid> {
    match value {
        Json::List(list) => list.into_iter().map(|value| text_of(name, value)).collect(),
        single => Ok(vec![text_of(name, single)?]),
    }
}

fn action_list(value: Json) -> Result<Vec<String>, Invalid> {
    let actions = strings("Action", value)?;
    if actions.is_empty() {
        return Err(Invalid::new("Policy statement must contain actions."));
    }
    for action in &actions {
        if let Some(problem) = action_problem(action) {
            return Err(Invalid::new(format!("{problem} (`{action}`)")));
        }
    }
    Ok(actions)
}

/// `*:*` is the one pattern with a wildcard for a vendor that IAM takes.
fn action_problem(action: &str) -> Option<&'static str> {
    if action == "*" || action == "*:*" {
        return None;
    }
    match action.split_once(':') {
        Some((vendor, name)) if !vendor.is_empty() && !name.is_empty() => {
            if name.contains(':') {
                Some("Actions/Condition can contain only one colon.")
            } else if vendor.contains(['*', '?']) {
                Some("Action vendors (e.g., aws, ec2, etc.) must not contain wildcards.")
            } else {
                None
            }
        }
        _ => Some("Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."),
    }
}

fn resource_list(value: Json) -> Result<Vec<String>, Invalid> {
    let resources = strings("Resource", value)?;
    if resources.is_empty() {
        return Err(Invalid::new("Policy statement must contain resources."));
    }
    for resource in resources.iter().filter(|resource| *resource != "*") {
        let mut fields = resource.split(':');
        if fields.next() != Some("arn") || fields.next().is_none() {
            return Err(Invalid::new(format!(
                "Resource {resource} must be in ARN format or \"*\"."
            )));
        }
        // "You can't use a wildcard in the service segment" ("IAM JSON policy elements: Resource").
        if fields
            .next()
            .is_none_or(|vendor| vendor.is_empty() || vendor.contains(['*', '?']))
        {
            return Err(Invalid::new(format!(
                "Resource vendor must be fully qualified and cannot contain regexes. (`{resource}`)"
            )));
        }
    }
    Ok(resources)
}

fn principals(value: Json) -> Result<PrincipalClause, Invalid> {
    let kinds = match value {
        Json::Text(text) if text == "*" => return Ok(PrincipalClause::Anyone),
        Json::Object(kinds) => kinds,
        _ => return Err(syntax("a principal is `*` or an object")),
    };
    let mut named = Vec::new();
    for (kind, names) in kinds {
        if !["AWS", "Service", "Federated", "CanonicalUser"].contains(&kind.as_str()) {
            return Err(syntax(&format!("`{kind}` is not a kind of principal")));
        }
        for name in strings("Principal", names)? {
            if kind == "AWS" && name == "*" {
                return Ok(PrincipalClause::Anyone);
            }
            // "You cannot use a wildcard to match part of a principal name or ARN" (Principal element).
            if name.contains(['*', '?']) {
                return Err(Invalid::new(format!(
                    "Invalid principal in policy: \"{kind}\":\"{name}\""
                )));
            }
            named.push((kind.clone(), name));
        }
    }
    if named.is_empty() {
        return Err(Invalid::new("Missing required field Principal cannot be empty!"));
    }
    Ok(PrincipalClause::Named(named))
}

fn condition_block(value: Json) -> Result<Vec<Condition>, Invalid> {
    let Json::Object(operators) = value else {
        return Err(syntax("`Condition` is an object"));
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Json::Object(keys) = keys else {
            return Err(syntax(&format!("`{operator}` of a condition is an object")));
        };
        for (key, values) in keys {
            if !key.contains(':') {
                return Err(Invalid::new(format!(
                    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (`{key}`)"
                )));
            }
            let values = condition_values(values)?;
            conditions.push(Condition::new(&operator, &key, values).map_err(|why| syntax(&why))?);
        }
    }
    Ok(conditions)
}

/// Numbers and booleans may stand without quotes, lists of one as the thing itself.
fn condition_values(value: Json) -> Result<Vec<String>, Invalid> {
    let one = |value| match value {
        Json::Text(text) => Ok(text),
        Json::Bool(flag) => Ok(flag.to_string()),
        Json::Number(number) => Ok(number),
        Json::Null | Json::List(_) | Json::Object(_) => {
            Err(syntax("a condition's value is text, a number or a boolean"))
        }
    };
    match value {
        Json::List(list) => list.into_iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

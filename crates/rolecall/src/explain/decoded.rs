//! Encoded authorization messages, and what is in them.

use serde_json::Value;

/// What an encoded authorization message says.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoded {
    /// Whether the call was allowed.
    pub allowed: bool,
    /// Whether a statement denied it.
    pub explicit_deny: bool,
    /// Who called.
    pub principal: Option<String>,
    /// What.
    pub action: Option<String>,
    /// On what.
    pub resource: Option<String>,
    /// The statements that decided: name, effect, actions and resources.
    pub statements: Vec<Matched>,
    /// What could not be evaluated, as AWS has it.
    pub failures: Vec<String>,
    /// The condition keys of the call, and their values.
    pub conditions: Vec<(String, Vec<String>)>,
    /// The whole of it, as AWS has it.
    pub whole: Value,
}

/// A statement that decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Matched {
    /// Its name.
    pub sid: Option<String>,
    /// `ALLOW` or `DENY`.
    pub effect: String,
    /// Its actions.
    pub actions: Vec<String>,
    /// Its resources.
    pub resources: Vec<String>,
}

impl Decoded {
    /// Reads what STS decoded. What is not there is left out: AWS documents an example, and no schema. `None` of what is no
    /// JSON object.
    pub fn read(text: &str) -> Option<Self> {
        let whole: Value = serde_json::from_str(text).ok()?;
        whole.as_object()?;
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let context = &whole["context"];
        let statements = items(&whole["matchedStatements"])
            .map(|statement| Matched {
                sid: text(&statement["statementId"]),
                effect: text(&statement["effect"]).unwrap_or_default(),
                actions: values(&statement["actions"]),
                resources: values(&statement["resources"]),
            })
            .collect();
        Some(Self {
            allowed: whole["allowed"].as_bool().unwrap_or_default(),
            explicit_deny: whole["explicitDeny"].as_bool().unwrap_or_default(),
            principal: text(&context["principal"]["arn"]).or_else(|| text(&context["principal"]["id"])),
            action: text(&context["action"]),
            resource: text(&context["resource"]),
            statements,
            failures: items(&whole["failures"]).map(ToString::to_string).collect(),
            conditions: items(&context["conditions"])
                .filter_map(|condition| Some((text(&condition["key"])?, values(&condition["values"]))))
                .collect(),
            whole,
        })
    }
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list["items"].as_array().into_iter().flatten()
}

fn values(list: &Value) -> Vec<String> {
    items(list)
        .filter_map(|item| item["value"].as_str())
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::encoded_message;

    #[test]
    fn a_message_is_found_in_what_a_service_said() {
        let message = "x-Y_0".repeat(20);
        let said = format!(
            "You are not authorized to perform this operation. Encoded authorization failure message: {message}"
        );
        assert_eq!(encoded_message(&said), Some(message.as_str()));
        assert_eq!(
            encoded_message(&format!("{said} (Service: Ec2)")),
            Some(message.as_str())
        );
        assert_eq!(
            encoded_message("Encoded authorization failure message: short"),
            None
        );
        assert_eq!(encoded_message("nothing"), None);
    }

    #[test]
    fn a_decoded_message_is_read_and_what_is_missing_is_left_out() {
        let decoded = Decoded::read(
            r#"{"allowed": false, "explicitDeny": true, "matchedStatements": {"items": [{"statementId": "No", "effect": "DENY",
               "actions": {"items": [{"value": "ec2:RunInstances"}]}, "resources": {"items": [{"value": "*"}]}}]},
               "failures": {"items": []}, "context": {"principal": {"id": "AIDA", "arn": "arn:aws:iam::1:user/joe"},
               "action": "ec2:RunInstances", "resource": "*",
               "conditions": {"items": [{"key": "ec2:Region", "values": {"items": [{"value": "eu-west-1"}]}}]}}}"#,
        )
        .unwrap();
        assert!(!decoded.allowed && decoded.explicit_deny);
        assert_eq!(decoded.statements[0].sid.as_deref(), Some("No"));
        assert_eq!(decoded.principal.as_deref(), Some("arn:aws:iam::1:user/joe"));
        assert_eq!(
            decoded.conditions,
            [("ec2:Region".to_owned(), vec!["eu-west-1".to_owned()])]
        );
        assert_eq!(Decoded::read("{}").unwrap().action, None);
        assert_eq!(Decoded::read("[]"), None);
        assert_eq!(Decoded::read("no"), None);
    }
}

//! The JSON of a policy, read into statements.
//!
//! IAM writes a list of one as the thing itself everywhere, and so does this parser. Unknown elements are refused, as IAM
//! refuses them: a misspelled `Conditions` must not grant what a `Condition` would have held back.

use std::fmt;

use serde_json::Value;

use super::condition::Condition;
use crate::error::Invalid;

/// The version of the policy language. Variables work only in the newer one ("IAM JSON policy elements: Version").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Version {
    /// `2008-10-17`, also what a document without a version is.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// What a statement does when it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Grants.
    Allow,
    /// Refuses, whatever else grants.
    Deny,
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "Allow",
            Self::Deny => "Deny",
        })
    }
}

/// Whom a statement of a resource policy is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum PrincipalClause {
    /// Everyone (`"*"` or `{"AWS": "*"}`).
    Anyone,
    /// The named ones: pairs of kind (`AWS`, `Service`, `Federated`, `CanonicalUser`) and name.
    Named(Vec<(String, String)>),
}

/// An element that comes in two forms: these, or all but these.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Set<T> {
    Only(T),
    AllBut(T),
}

/// One statement.
#[derive(Clone, Debug)]
pub struct Statement {
    pub(super) sid: Option<String>,
    pub(super) effect: Effect,
    pub(super) principal: Option<Set<PrincipalClause>>,
    pub(super) actions: Set<Vec<String>>,
    pub(super) resources: Option<Set<Vec<String>>>,
    pub(super) conditions: Vec<Condition>,
}

impl Statement {
    /// Its name, where it has one.
    pub fn sid(&self) -> Option<&str> {
        self.sid.as_deref()
    }

    /// Whether it grants or refuses.
    pub fn effect(&self) -> Effect {
        self.effect
    }

    /// Whom it is about; `None` where the statement has `NotPrincipal`, or neither (an identity policy).
    pub fn principal(&self) -> Option<&PrincipalClause> {
        match &self.principal {
            Some(Set::Only(clause)) => Some(clause),
            _ => None,
        }
    }

    /// The patterns of `Action`; `None` where the statement has `NotAction`.
    pub fn actions(&self) -> Option<&[String]> {
        match &self.actions {
            Set::Only(actions) => Some(actions),
            Set::AllBut(_) => None,
        }
    }

    /// The patterns of `Resource`; `None` where the statement has `NotResource`, or neither (a trust policy).
    pub fn resources(&self) -> Option<&[String]> {
        match &self.resources {
            Some(Set::Only(resources)) => Some(resources),
            _ => None,
        }
    }

    /// The condition keys it depends on.
    pub fn condition_keys(&self) -> impl Iterator<Item = &str> {
        self.conditions.iter().map(Condition::key)
    }
}

/// A policy document.
///
/// ```
/// use rolecall::policy::Document;
/// let policy: Document = r#"{"Version": "2012-10-17", "Statement":
///     {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "arn:aws:iam::666666666666:role/*"}}"#.parse()?;
/// assert_eq!(policy.statements().len(), 1);
/// # Ok::<(), rolecall::Invalid>(())
/// ```
#[derive(Clone, Debug)]
pub struct Document {
    version: Version,
    id: Option<String>,
    statements: Vec<Statement>,
}

impl Document {
    /// The version of the language it is written in.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Its `Id`.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Its statements, in order.
    pub fn statements(&self) -> &[Statement] {
        &self.statements
    }

    /// Whether it can be attached to a user, role or session: no principals, and resources everywhere.
    ///
    /// # Errors
    /// [`Invalid`] where it cannot.
    pub fn check_identity(&self) -> Result<(), Invalid> {
        for statement in &self.statements {
            if statement.principal.is_some() {
                return Err(Invalid::new("Policy document should not specify a principal."));
            }
            if statement.resources.is_none() {
                return Err(Invalid::new("Policy statement must contain resources."));
            }
        }
        Ok(())
    }

    /// Whether it can be the trust policy of a role: principals everywhere, and no resources.
    ///
    /// # Errors
    /// [`Invalid`] where it cannot.
    pub fn check_trust(&self) -> Result<(), Invalid> {
        for statement in &self.statements {
            if statement.principal.is_none() {
                return Err(Invalid::new("AssumeRole policy must contain principals"));
            }
            if statement.resources.is_some() {
                return Err(Invalid::new("Has prohibited field Resource"));
            }
        }
        Ok(())
    }
}

impl std::str::FromStr for Document {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let value: Value = serde_json::from_str(text)
            .map_err(|error| Invalid::new(format!("This policy contains invalid Json: {error}")))?;
        let Value::Object(object) = value else {
            return Err(syntax("a policy is a JSON object"));
        };
        let (mut version, mut id, mut statements) = (Version::V2008, None, None);
        for (name, value) in object {
            match name.as_str() {
                "Version" => {
                    version = match value.as_str() {
                        Some("2008-10-17") => Version::V2008,
                        Some("2012-10-17") => Version::V2012,
                        _ => return Err(syntax("the policy's `Version` is `2012-10-17` or `2008-10-17`")),
                    }
                }
                "Id" => id = Some(text_of("Id", &value)?),
                "Statement" => {
                    let list = match value {
                        Value::Array(list) => list,
                        single => vec![single],
                    };
                    statements = Some(list.iter().map(statement).collect::<Result<Vec<_>, _>>()?);
                }
                other => return Err(syntax(&format!("`{other}` is not an element of a policy"))),
            }
        }
        let statements = statements.ok_or_else(|| syntax("the policy has no `Statement`"))?;
        let mut sids: Vec<_> = statements.iter().filter_map(Statement::sid).collect();
        sids.sort_unstable();
        if sids.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(Invalid::new(
                "Statement IDs (SID) in a single policy must be unique.",
            ));
        }
        Ok(Self {
            version,
            id,
            statements,
        })
    }
}

/// IAM says no more than "Syntax errors in policy."; the reason follows for the person who has to find it.
fn syntax(why: &str) -> Invalid {
    Invalid::new(format!("Syntax errors in policy. ({why})"))
}

fn statement(value: &Value) -> Result<Statement, Invalid> {
    let Value::Object(object) = value else {
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
            "Effect" => {
                effect = Some(match value.as_str() {
                    Some("Allow") => Effect::Allow,
                    Some("Deny") => Effect::Deny,
                    _ => return Err(syntax("`Effect` is `Allow` or `Deny`")),
                });
                false
            }
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
    Ok(Statement {
        sid,
        effect: effect.ok_or_else(|| syntax("a statement has no `Effect`"))?,
        principal,
        actions: actions.ok_or_else(|| syntax("a statement has no `Action`"))?,
        resources,
        conditions,
    })
}

fn text_of(name: &str, value: &Value) -> Result<String, Invalid> {
    value
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| syntax(&format!("`{name}` is not a string")))
}

fn strings(name: &str, value: &Value) -> Result<Vec<String>, Invalid> {
    match value {
        Value::Array(list) => list.iter().map(|value| text_of(name, value)).collect(),
        single => Ok(vec![text_of(name, single)?]),
    }
}

fn action_list(value: &Value) -> Result<Vec<String>, Invalid> {
    let actions = strings("Action", value)?;
    for action in &actions {
        let vendor = action
            .split_once(':')
            .map(|(vendor, name)| (vendor.len(), name.len()));
        if action != "*" && !vendor.is_some_and(|(vendor, name)| vendor > 0 && name > 0) {
            return Err(Invalid::new(format!(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc. (`{action}`)"
            )));
        }
    }
    Ok(actions)
}

fn resource_list(value: &Value) -> Result<Vec<String>, Invalid> {
    let resources = strings("Resource", value)?;
    for resource in &resources {
        if resource != "*" && !resource.starts_with("arn:") {
            return Err(Invalid::new(format!(
                "Resource {resource} must be in ARN format or \"*\"."
            )));
        }
    }
    Ok(resources)
}

fn principals(value: &Value) -> Result<PrincipalClause, Invalid> {
    match value {
        Value::String(text) if text == "*" => Ok(PrincipalClause::Anyone),
        Value::Object(kinds) => {
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
            Ok(PrincipalClause::Named(named))
        }
        _ => Err(syntax("a principal is `*` or an object")),
    }
}

fn condition_block(value: &Value) -> Result<Vec<Condition>, Invalid> {
    let Value::Object(operators) = value else {
        return Err(syntax("`Condition` is an object"));
    };
    let mut conditions = Vec::new();
    for (operator, keys) in operators {
        let Value::Object(keys) = keys else {
            return Err(syntax(&format!("`{operator}` of a condition is an object")));
        };
        for (key, values) in keys {
            let values = condition_values(values)?;
            conditions.push(Condition::new(operator, key, values).map_err(|why| syntax(&why))?);
        }
    }
    Ok(conditions)
}

/// Numbers and booleans may stand without quotes, lists of one as the thing itself.
fn condition_values(value: &Value) -> Result<Vec<String>, Invalid> {
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        _ => Err(syntax("a condition's value is text, a number or a boolean")),
    };
    match value {
        Value::Array(list) => list.iter().map(one).collect(),
        single => Ok(vec![one(single)?]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        text.parse::<Document>().unwrap_err().to_string()
    }

    #[test]
    fn one_and_a_list_of_one_are_the_same() {
        let one: Document = r#"{"Statement":{"Effect":"Allow","Action":"s3:Get*","Resource":"*"}}"#
            .parse()
            .unwrap();
        let list: Document = r#"{"Statement":[{"Effect":"Allow","Action":["s3:Get*"],"Resource":["*"]}]}"#
            .parse()
            .unwrap();
        for document in [one, list] {
            assert_eq!(document.version(), Version::V2008);
            assert_eq!(document.statements()[0].actions().unwrap(), ["s3:Get*"]);
            assert!(document.check_identity().is_ok());
            assert!(document.check_trust().is_err());
        }
    }

    #[test]
    fn what_iam_refuses_is_refused() {
        for (text, word) in [
            ("", "invalid Json"),
            ("[]", "object"),
            ("{}", "no `Statement`"),
            (r#"{"Version":"2020-01-01","Statement":[]}"#, "Version"),
            (r#"{"Statement":[],"Extra":1}"#, "Extra"),
            (r#"{"Statement":{"Action":"s3:*","Resource":"*"}}"#, "Effect"),
            (
                r#"{"Statement":{"Effect":"allow","Action":"s3:*","Resource":"*"}}"#,
                "Effect",
            ),
            (r#"{"Statement":{"Effect":"Allow","Resource":"*"}}"#, "Action"),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"read","Resource":"*"}}"#,
                "vendor",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"bucket"}}"#,
                "ARN format",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}}"#,
                "opposite",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Conditions":{}}}"#,
                "Conditions",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringSimilar":{"a:b":"c"}}}}"#,
                "StringSimilar",
            ),
            (
                r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::1:user/*"}}}"#,
                "Invalid principal",
            ),
            (
                r#"{"Statement":[{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"a","Effect":"Allow","Action":"s3:*","Resource":"*"}]}"#,
                "unique",
            ),
        ] {
            assert!(refused(text).contains(word), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn trust_policies_name_principals_and_no_resources() {
        let trust: Document =
            r#"{"Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":["111111111111"]}}}"#
                .parse()
                .unwrap();
        assert!(trust.check_trust().is_ok());
        assert!(trust.check_identity().is_err());
    }
}

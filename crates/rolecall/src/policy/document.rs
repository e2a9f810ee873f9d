//! The JSON of a policy, read into statements.
//!
//! IAM writes a list of one as the thing itself everywhere, and so does this parser. Unknown elements are refused, as IAM
//! refuses them: a misspelled `Conditions` must not grant what a `Condition` would have held back.

mod json;
mod parse;

use std::fmt;

use super::condition::Condition;
use super::matching::action_matches;
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

    /// The patterns of `NotAction`; `None` where the statement has `Action`.
    pub fn not_actions(&self) -> Option<&[String]> {
        match &self.actions {
            Set::Only(_) => None,
            Set::AllBut(actions) => Some(actions),
        }
    }

    /// The patterns of `NotResource`; `None` where the statement has `Resource`, or neither (a trust policy).
    pub fn not_resources(&self) -> Option<&[String]> {
        match &self.resources {
            Some(Set::AllBut(resources)) => Some(resources),
            _ => None,
        }
    }

    /// Its conditions, as they were written: operator, key and values.
    pub fn conditions(&self) -> impl Iterator<Item = (&str, &str, &[String])> {
        let conditions = self.conditions.iter();
        conditions.map(|condition| (condition.operator(), condition.key(), condition.values()))
    }

    /// Whether an action is among its own, by `Action` or `NotAction`.
    pub fn is_about_action(&self, action: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| action_matches(pattern, action));
        match &self.actions {
            Set::Only(actions) => any(actions),
            Set::AllBut(actions) => !any(actions),
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

    /// The same document without one of its statements, counted from 0.
    #[must_use]
    pub fn without(&self, statement: usize) -> Self {
        let mut rest = self.clone();
        if statement < rest.statements.len() {
            rest.statements.remove(statement);
        }
        rest
    }

    /// The same document with the statements of another at its end.
    #[must_use]
    pub fn with(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.statements.extend(other.statements.iter().cloned());
        both
    }

    /// Whether it can be attached to a user, role or session: no principals, and resources everywhere.
    ///
    /// # Errors
    /// [`Invalid`] where it cannot.
    pub fn check_identity(&self) -> Result<(), Invalid> {
        for statement in &self.statements {
            check_sid(statement)?;
            if statement.principal.is_some() {
                return Err(Invalid::new("Policy document should not specify a principal."));
            }
            if statement.resources.is_none() {
                return Err(Invalid::new("Policy statement must contain resources."));
            }
        }
        Ok(())
    }

    /// Whether it can be the trust policy of a role: principals everywhere, no resources, and only actions of STS.
    ///
    /// # Errors
    /// [`Invalid`] where it cannot.
    pub fn check_trust(&self) -> Result<(), Invalid> {
        for statement in &self.statements {
            check_sid(statement)?;
            match &statement.principal {
                None => return Err(Invalid::new("Missing required field Principal")),
                // "You cannot use the NotPrincipal element in an IAM role trust policy" (NotPrincipal element).
                Some(Set::AllBut(_)) => {
                    return Err(Invalid::new(
                        "AssumeRole policy must not contain NotPrincipal field.",
                    ));
                }
                Some(Set::Only(_)) => {}
            }
            match &statement.resources {
                None => {}
                Some(Set::Only(_)) => return Err(Invalid::new("Has prohibited field Resource")),
                Some(Set::AllBut(_)) => {
                    return Err(Invalid::new("AssumeRole policy must not contain resources."));
                }
            }
            let (Set::Only(actions) | Set::AllBut(actions)) = &statement.actions;
            let of_sts = |action: &String| action.to_ascii_lowercase().starts_with("sts:");
            if !actions.iter().all(of_sts) {
                return Err(Invalid::new(
                    "AssumeRole policy may only specify STS AssumeRole actions.",
                ));
            }
        }
        Ok(())
    }

    /// Whether it can be a service control policy: no principals, and resources everywhere ("SCP syntax").
    ///
    /// # Errors
    /// [`Invalid`] where it cannot, in the words of AWS Organizations.
    pub fn check_service_control(&self) -> Result<(), Invalid> {
        let fits = |statement: &Statement| statement.principal.is_none() && statement.resources.is_some();
        if self.statements.iter().all(fits) {
            return Ok(());
        }
        Err(Invalid::new(
            "The provided policy document does not meet the requirements of the specified policy type.",
        ))
    }
}

/// "The Sid element supports ASCII uppercase letters, lowercase letters, and numbers" ("IAM JSON policy elements: Sid");
/// policies of resources are freer.
fn check_sid(statement: &Statement) -> Result<(), Invalid> {
    let sid = statement.sid().unwrap_or_default();
    if sid.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(());
    }
    Err(Invalid::new(format!(
        "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression \
         [0-9A-Za-z]* (`{sid}`)"
    )))
}

impl std::str::FromStr for Document {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        parse::document(text)
    }
}

#[cfg(test)]
mod tests;

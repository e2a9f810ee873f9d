//! Statements and what keeps them, in words.

use crate::discover::Ground;
use crate::policy::{Effect, Mismatch, PolicyKind};

/// A statement, as in `statement 1 (AssumeInBlah) of the policy assume-in-blah of user joe`; counted from 1 as people do.
pub fn ground_sentence(ground: &Ground) -> String {
    let sid = ground
        .sid
        .as_ref()
        .map(|sid| format!(" (`{sid}`)"))
        .unwrap_or_default();
    let number = ground.statement + 1;
    match ground.kind {
        PolicyKind::Trust => format!("statement {number}{sid} of the trust policy of {}", ground.holder),
        PolicyKind::ServiceControl => format!(
            "statement {number}{sid} of the service control policy `{}` at {}",
            ground.policy, ground.holder
        ),
        PolicyKind::Boundary => format!(
            "statement {number}{sid} of the permissions boundary `{}`",
            ground.policy
        ),
        PolicyKind::Session => format!("statement {number}{sid} of `{}` of the session", ground.policy),
        _ => format!(
            "statement {number}{sid} of the policy `{}` of {}",
            ground.policy, ground.holder
        ),
    }
}

impl Ground {
    /// The statement, in words.
    pub fn sentence(&self) -> String {
        ground_sentence(self)
    }

    /// `allows` or `denies`.
    pub fn verb(&self) -> &'static str {
        match self.effect {
            Effect::Allow => "allows",
            Effect::Deny => "denies",
        }
    }
}

/// The first three, and how many more.
pub(super) fn quoted(values: &[String]) -> String {
    let quoted = |values: &[String]| {
        let values: Vec<_> = values.iter().map(|value| format!("`{value}`")).collect();
        values.join(", ")
    };
    match values.split_at_checked(3) {
        Some((first, more)) if !more.is_empty() => format!("{} and {} more", quoted(first), more.len()),
        _ => quoted(values),
    }
}

impl Mismatch {
    /// What keeps the statement, in a clause.
    pub fn clause(&self) -> String {
        match self {
            Self::Condition {
                operator,
                key,
                wanted,
                found,
            } => {
                let found = match found {
                    Some(values) => format!("the call has {}", quoted(values)),
                    None => "the call has none".to_owned(),
                };
                format!("its {operator} on {key} wants {}, and {found}", quoted(wanted))
            }
            Self::Principal(named) if named.is_empty() => "it names nobody of this kind".to_owned(),
            Self::Principal(named) => format!("it names {}", quoted(named)),
            Self::Resource(named) if named.is_empty() => "it leaves this role out".to_owned(),
            Self::Resource(named) => format!("it is about {}", quoted(named)),
        }
    }
}

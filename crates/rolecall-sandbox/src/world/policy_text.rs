//! A policy as it was written, and where its problems are.

use std::sync::Arc;

use rolecall::Invalid;
use rolecall::policy::Document;

use super::error::{Place, Problems, WorldError, did_you_mean};
use crate::state::Policy;

/// The text of a policy and where it comes from.
#[derive(Clone, Debug)]
pub(super) struct PolicyText {
    pub(super) json: String,
    /// Where its first line stands.
    pub(super) at: Place,
    pub(super) written: Written,
}

/// How a policy was written, which decides how places in it are found.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// As JSON in the world: a line of the policy is a line of the world.
    Json,
    /// As JSON in a file of its own.
    File(Arc<str>),
    /// As TOML: the lines of its statements, and of the texts in it.
    Toml {
        statements: Vec<Place>,
        texts: Vec<(String, Place)>,
    },
}

/// What a policy is for, which decides what must be in it.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Purpose {
    Identity,
    Trust,
}

impl From<&str> for PolicyText {
    fn from(json: &str) -> Self {
        Self {
            json: json.to_owned(),
            at: Place::default(),
            written: Written::Json,
        }
    }
}

impl PolicyText {
    /// Parses it; what is wrong is told with its place in the policy.
    pub(super) fn parse(&self, what: &str, purpose: Purpose, problems: &mut Problems) -> Option<Policy> {
        // "Policy documents can contain only the following Unicode characters" ("IAM name requirements").
        let foreign = |c: char| !matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if let Some((at, c)) = self.json.char_indices().find(|(_, c)| foreign(*c)) {
            let message = format!("{what} has the character {}", c.escape_unicode());
            let error = self.problem(self.line_of(at), message, problems);
            problems.push(error.with_hint("Policies have the characters up to U+00FF, and no others."));
            return None;
        }
        let parsed = match purpose {
            Purpose::Identity => Policy::identity(&self.json),
            Purpose::Trust => Policy::trust(&self.json),
        };
        match parsed {
            Ok(policy) => Some(policy),
            Err(invalid) => {
                self.explain(what, purpose, &invalid, problems);
                None
            }
        }
    }

    fn explain(&self, what: &str, purpose: Purpose, invalid: &Invalid, problems: &mut Problems) {
        if self.json.trim().is_empty() {
            let error = self.problem(self.at, format!("{what} is empty"), problems);
            problems
                .push(error.with_hint("The least is {\"Version\": \"2012-10-17\", \"Statement\": [ … ]}."));
            return;
        }
        // serde_json names lines from the start of the policy, which is not where the person looks.
        if let Err(error) = serde_json::from_str::<serde_json::Value>(&self.json) {
            let reason = error.to_string();
            let reason = reason
                .rsplit_once(" at line ")
                .map_or(reason.as_str(), |(why, _)| why);
            let at = self.at.down(error.line().saturating_sub(1));
            let message = format!(
                "{what} is not JSON: {reason}, at line {} column {} of the policy",
                error.line(),
                error.column()
            );
            let mut error = self.problem(at, message, problems);
            if !self.json.trim_start().starts_with('{') {
                error = error.with_hint("A policy begins with `{`: an ARN or a name alone is none.");
            }
            problems.push(error);
            return;
        }
        let message = match self.statement_at_fault(purpose) {
            Some((number, total)) if total > 1 => format!("{what}: statement {number}: {invalid}"),
            _ => format!("{what}: {invalid}"),
        };
        let at = match self.statement_at_fault(purpose) {
            Some((number, _)) => self.statement(number),
            None => self.at,
        };
        let mut error = self.problem(at, message, problems);
        let message = invalid.to_string();
        if let Some(hint) = misspelled(&message).or_else(|| hint(&message, purpose).map(str::to_owned)) {
            error = error.with_hint(hint);
        }
        problems.push(error);
    }

    /// The number of the first statement that is wrong by itself, from 1, and how many there are.
    fn statement_at_fault(&self, purpose: Purpose) -> Option<(usize, usize)> {
        let value: serde_json::Value = serde_json::from_str(&self.json).ok()?;
        let statements = match value.get("Statement")? {
            serde_json::Value::Array(list) => list.clone(),
            single => vec![single.clone()],
        };
        let is_wrong = |statement: &serde_json::Value| {
            let alone = serde_json::json!({ "Statement": statement }).to_string();
            let checked = alone.parse::<Document>().and_then(|document| match purpose {
                Purpose::Identity => document.check_identity(),
                Purpose::Trust => document.check_trust(),
            });
            checked.is_err()
        };
        let number = statements.iter().position(is_wrong)? + 1;
        Some((number, statements.len()))
    }

    /// Where the statement with this number, from 1, begins.
    fn statement(&self, number: usize) -> Place {
        match &self.written {
            Written::Toml { statements, .. } => statements.get(number - 1).copied().unwrap_or(self.at),
            _ => statement_offset(&self.json, number).map_or(self.at, |at| self.line_of(at)),
        }
    }

    /// Where a text, such as a principal, stands in the policy.
    pub(super) fn place_of(&self, text: &str) -> Place {
        match &self.written {
            Written::Toml { texts, .. } => texts
                .iter()
                .find(|(known, _)| known == text)
                .map_or(self.at, |(_, at)| *at),
            _ => {
                let quoted = serde_json::Value::from(text).to_string();
                self.json.find(&quoted).map_or(self.at, |at| self.line_of(at))
            }
        }
    }

    fn line_of(&self, offset: usize) -> Place {
        if matches!(self.written, Written::Toml { .. }) {
            return self.at;
        }
        let lines = self
            .json
            .bytes()
            .take(offset)
            .filter(|byte| *byte == b'\n')
            .count();
        self.at.down(lines)
    }

    /// A problem at a place that this policy gave.
    pub(super) fn problem(&self, at: Place, message: impl Into<String>, problems: &Problems) -> WorldError {
        let file = match &self.written {
            Written::File(file) => file,
            _ => problems.file(),
        };
        WorldError::new(file, at.line(), message)
    }

    /// Its size as quotas count it: without white space ("IAM and AWS STS quotas").
    pub(super) fn size(&self) -> usize {
        self.json.chars().filter(|c| !c.is_whitespace()).count()
    }
}

/// Where the statement with this number begins in a policy that is JSON.
fn statement_offset(json: &str, number: usize) -> Option<usize> {
    let (mut nested, mut in_string, mut escaped, mut seen) = (Vec::new(), false, false, 0);
    for (at, byte) in json.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => {
                // A policy has no objects at these depths but its statements.
                if byte == b'{' && matches!(nested.as_slice(), [b'{'] | [b'{', b'[']) {
                    seen += 1;
                    if seen == number {
                        return Some(at);
                    }
                }
                nested.push(byte);
            }
            b'}' | b']' => {
                nested.pop();
            }
            _ => {}
        }
    }
    None
}

/// The element or operator that was probably meant by one that does not exist.
fn misspelled(message: &str) -> Option<String> {
    const ELEMENTS: [&str; 12] = [
        "Version",
        "Id",
        "Statement",
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    const OPERATORS: [&str; 27] = [
        "StringEquals",
        "StringNotEquals",
        "StringEqualsIgnoreCase",
        "StringNotEqualsIgnoreCase",
        "StringLike",
        "StringNotLike",
        "NumericEquals",
        "NumericNotEquals",
        "NumericLessThan",
        "NumericLessThanEquals",
        "NumericGreaterThan",
        "NumericGreaterThanEquals",
        "DateEquals",
        "DateNotEquals",
        "DateLessThan",
        "DateLessThanEquals",
        "DateGreaterThan",
        "DateGreaterThanEquals",
        "Bool",
        "BinaryEquals",
        "IpAddress",
        "NotIpAddress",
        "ArnEquals",
        "ArnLike",
        "ArnNotEquals",
        "ArnNotLike",
        "Null",
    ];
    let written = |(before, _): (&'_ str, _)| before.rsplit_once('`').map(|(_, written)| written.to_owned());
    if let Some(written) = message.split_once("` is not an element of").and_then(written) {
        return did_you_mean(&written, ELEMENTS);
    }
    let written = message
        .split_once("` is not a condition operator")
        .and_then(written)?;
    did_you_mean(&written, OPERATORS)
}

/// What to do about the mistakes that are made most.
fn hint(message: &str, purpose: Purpose) -> Option<&'static str> {
    // Words of the evaluator's messages, in lower case.
    let hints = [
        (
            "should not specify a principal",
            "Who may assume a role stands in its `trust`; this policy says what its holder may do.",
        ),
        (
            "contain resources",
            "Say `\"Resource\": \"*\"`, or the ARNs it is about.",
        ),
        (
            "contain actions",
            "Say what it is about: `\"Action\": \"s3:GetObject\"`, or a list.",
        ),
        (
            "no `action`",
            "Say what it is about: `\"Action\": \"s3:GetObject\"`, or a list.",
        ),
        (
            "contain principals",
            "Say who may: `\"Principal\": {\"AWS\": \"arn:aws:iam::ACCOUNT:user/NAME\"}`.",
        ),
        (
            "required field principal",
            "Say who may: `\"Principal\": {\"AWS\": \"arn:aws:iam::ACCOUNT:user/NAME\"}`.",
        ),
        (
            "prohibited field resource",
            "The resource of a trust policy is its role: leave `Resource` out.",
        ),
        (
            "of a condition is an object",
            "A condition is an operator, a key and what it must be: `{\"StringEquals\": {\"sts:ExternalId\": \"…\"}}`.",
        ),
        (
            "is not a kind of principal",
            "Kinds are `AWS` for accounts, users and roles, `Federated`, `Service` and `CanonicalUser`.",
        ),
        (
            "a policy is a json object",
            "Around the statements stands `{\"Version\": \"2012-10-17\", \"Statement\": [ … ]}`.",
        ),
        (
            "prefaced by a vendor",
            "Actions and condition keys begin with their service, as in `sts:AssumeRole` and `sts:ExternalId`.",
        ),
        (
            "may only specify sts",
            "A trust policy says who may assume its role; what the role may do stands in its `policies`.",
        ),
        ("valid version string", "Say `\"Version\": \"2012-10-17\"`."),
        (
            "must be unique",
            "Give each statement a `Sid` of its own, or none.",
        ),
        ("no `effect`", "Say `\"Effect\": \"Allow\"` or `\"Deny\"`."),
        (
            "required field effect",
            "Say `\"Effect\": \"Allow\"` or `\"Deny\"`.",
        ),
    ];
    let message = message.to_lowercase();
    let found = hints.iter().find(|(words, _)| message.contains(words));
    found.map(|(_, hint)| *hint).or_else(|| {
        (purpose == Purpose::Trust && message.contains("invalid principal"))
            .then_some("A principal is `*`, an account, or the whole ARN of a user or role.")
    })
}

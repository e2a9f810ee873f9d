//! Conditions: the operators, and what they hold against.
//!
//! The operators and the rules for missing keys are those of "IAM JSON policy elements: Condition operators" and "Set
//! operators for multivalued context keys".

mod compare;

use std::cmp::Ordering;

use super::context::Context;
use super::document::Version;
use super::matching::{arn_matches, value_matches, value_text, variables};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Quantifier {
    All,
    Any,
    Single,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Test {
    Arn,
    Binary,
    Bool,
    Date(Compare),
    Ip,
    Numeric(Compare),
    StringEquals,
    StringEqualsIgnoreCase,
    StringLike,
}

impl Test {
    /// "Policy variables can only be used with String and ARN operators" ("IAM policy validation check reference").
    fn takes_variables(self) -> bool {
        matches!(
            self,
            Self::Arn | Self::StringEquals | Self::StringEqualsIgnoreCase | Self::StringLike
        )
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Compare {
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Compare {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equal => ordering.is_eq(),
            Self::Less => ordering.is_lt(),
            Self::LessOrEqual => ordering.is_le(),
            Self::Greater => ordering.is_gt(),
            Self::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Operator {
    /// `Null`: whether the key is missing.
    Null,
    Test {
        test: Test,
        negated: bool,
        if_exists: bool,
        quantifier: Quantifier,
    },
}

/// One operator on one key. A statement's conditions must all hold.
#[derive(Clone, Debug)]
pub(super) struct Condition {
    operator: Operator,
    /// The operator as it was written.
    written: String,
    key: String,
    /// The key as a [`Context`] is asked for it.
    lower_case_key: String,
    values: Vec<String>,
}

impl Condition {
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        Ok(Self {
            operator: parse_operator(operator)
                .ok_or_else(|| format!("`{operator}` is not a condition operator"))?,
            written: operator.to_owned(),
            key: key.to_owned(),
            lower_case_key: key.to_ascii_lowercase(),
            values,
        })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn operator(&self) -> &str {
        &self.written
    }

    pub(super) fn values(&self) -> &[String] {
        &self.values
    }

    /// The keys whose values it needs to be decided: its own, and those of its variables.
    pub(super) fn needs(&self, version: Version) -> impl Iterator<Item = &str> {
        let takes_variables = matches!(self.operator, Operator::Test { test, .. } if test.takes_variables());
        let values = if takes_variables {
            self.values.as_slice()
        } else {
            &[]
        };
        std::iter::once(self.key()).chain(values.iter().flat_map(move |value| variables(value, version)))
    }

    /// The keys it depends on of which it is not known what the request carries.
    pub(super) fn unknown<'a>(
        &'a self,
        version: Version,
        context: &'a Context,
    ) -> impl Iterator<Item = &'a str> {
        self.needs(version).filter(|key| context.is_unknown(key))
    }

    /// Whether it holds; `None` where that depends on what is not known.
    pub(super) fn truth(&self, version: Version, context: &Context) -> Option<bool> {
        // Most contexts have no doubts, and then nothing is looked up for them.
        let in_doubt = context.benefit().is_some() && self.unknown(version, context).next().is_some();
        (!in_doubt).then(|| self.holds(version, context))
    }

    /// Whether it holds.
    pub(super) fn holds(&self, version: Version, context: &Context) -> bool {
        let present = context.lower_case(&self.lower_case_key).unwrap_or_default();
        let (test, negated, if_exists, quantifier) = match self.operator {
            Operator::Null => {
                let wanted = if present.is_empty() { "true" } else { "false" };
                return self.values.iter().any(|value| value.eq_ignore_ascii_case(wanted));
            }
            Operator::Test {
                test,
                negated,
                if_exists,
                quantifier,
            } => (test, negated, if_exists, quantifier),
        };
        let fits = |value: &String| {
            let any = self
                .values
                .iter()
                .any(|wanted| test_one(test, wanted, value, version, context));
            any != negated
        };
        match quantifier {
            // "It also returns true if there are no context keys in the request, or if the context key value resolves to
            // a null dataset, such as an empty string"; an empty string beside others is a value like any.
            Quantifier::All => is_null(present) || present.iter().all(fits),
            // "For no matching key or a null dataset, the condition returns false": `IfExists` asks about one value of
            // the request at a time, and without any there is nothing to ask about.
            Quantifier::Any => !is_null(present) && present.iter().any(fits),
            Quantifier::Single if present.is_empty() => if_exists || negated,
            // Several values without a quantifier: any may fit, and for the negated operators none may.
            Quantifier::Single if negated => present.iter().all(fits),
            Quantifier::Single => present.iter().any(fits),
        }
    }
}

/// What the set operators take for no values at all.
fn is_null(values: &[String]) -> bool {
    values.iter().all(String::is_empty)
}

fn parse_operator(text: &str) -> Option<Operator> {
    let lower = text.to_ascii_lowercase();
    if lower == "null" {
        return Some(Operator::Null);
    }
    let (quantifier, name) = match lower.split_once(':') {
        Some(("forallvalues", name)) => (Quantifier::All, name),
        Some(("foranyvalue", name)) => (Quantifier::Any, name),
        Some(_) => return None,
        None => (Quantifier::Single, lower.as_str()),
    };
    let (name, if_exists) = match name.strip_suffix("ifexists") {
        Some(name) => (name, true),
        None => (name, false),
    };
    let (test, negated) = match name {
        "stringequals" => (Test::StringEquals, false),
        "stringnotequals" => (Test::StringEquals, true),
        "stringequalsignorecase" => (Test::StringEqualsIgnoreCase, false),
        "stringnotequalsignorecase" => (Test::StringEqualsIgnoreCase, true),
        "stringlike" => (Test::StringLike, false),
        "stringnotlike" => (Test::StringLike, true),
        "arnequals" | "arnlike" => (Test::Arn, false),
        "arnnotequals" | "arnnotlike" => (Test::Arn, true),
        "ipaddress" => (Test::Ip, false),
        "notipaddress" => (Test::Ip, true),
        "bool" => (Test::Bool, false),
        "binaryequals" => (Test::Binary, false),
        "numericequals" => (Test::Numeric(Compare::Equal), false),
        "numericnotequals" => (Test::Numeric(Compare::Equal), true),
        "dateequals" => (Test::Date(Compare::Equal), false),
        "datenotequals" => (Test::Date(Compare::Equal), true),
        other => {
            let (compare, date) = match other.strip_prefix("numeric") {
                Some(compare) => (compare, false),
                None => (other.strip_prefix("date")?, true),
            };
            let compare = match compare {
                "lessthan" => Compare::Less,
                "lessthanequals" => Compare::LessOrEqual,
                "greaterthan" => Compare::Greater,
                "greaterthanequals" => Compare::GreaterOrEqual,
                _ => return None,
            };
            let test = if date {
                Test::Date(compare)
            } else {
                Test::Numeric(compare)
            };
            (test, false)
        }
    };
    Some(Operator::Test {
        test,
        negated,
        if_exists,
        quantifier,
    })
}

/// Whether one value of the request fits one of the policy. Nothing fits a value that is not of the operator's type, nor
/// a variable that has no value ("Policy variables with no value"); so the negated operators hold against both.
fn test_one(test: Test, wanted: &str, value: &str, version: Version, context: &Context) -> bool {
    let text = || value_text(wanted, version, context);
    match test {
        Test::StringLike => value_matches(wanted, value, version, context),
        Test::Arn => arn_matches(wanted, value, version, context),
        Test::StringEquals => text().is_some_and(|wanted| wanted == value),
        Test::StringEqualsIgnoreCase => text().is_some_and(|wanted| {
            wanted.eq_ignore_ascii_case(value) || wanted.to_lowercase() == value.to_lowercase()
        }),
        Test::Binary => wanted == value,
        Test::Bool => compare::flag(wanted).is_some_and(|wanted| compare::flag(value) == Some(wanted)),
        Test::Numeric(compare) => {
            compare::numbers(value, wanted).is_some_and(|ordering| compare.holds(ordering))
        }
        Test::Date(compare) => compare::dates(value, wanted).is_some_and(|ordering| compare.holds(ordering)),
        Test::Ip => compare::in_network(value, wanted),
    }
}

#[cfg(test)]
mod tests;

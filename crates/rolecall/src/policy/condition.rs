//! Conditions: what a request is measured by, and the operators that measure.
//!
//! The operators and the rules for missing keys are those of "IAM JSON policy elements: Condition operators" and
//! "Set operators for multivalued context keys".

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::net::IpAddr;

use super::document::Version;
use super::matching::{arn_matches, value_matches, value_text};

/// The condition keys of a request and their values. Keys do not differ by case.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key with one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Sets a key with several values (`aws:TagKeys`).
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.0
            .insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// The values of a key; `None` where the request does not carry it.
    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.0.get(&key.to_ascii_lowercase()).map(Vec::as_slice)
    }

    /// Every key with its values, in the order of the keys' lower-case names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

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
    key: String,
    values: Vec<String>,
}

impl Condition {
    pub(super) fn new(operator: &str, key: &str, values: Vec<String>) -> Result<Self, String> {
        Ok(Self {
            operator: parse_operator(operator)
                .ok_or_else(|| format!("`{operator}` is not a condition operator"))?,
            key: key.to_owned(),
            values,
        })
    }

    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// Whether it holds. A variable without a value lets no condition hold, and so no statement match.
    pub(super) fn holds(&self, version: Version, context: &Context) -> bool {
        let present = context.values(&self.key);
        let (test, negated, if_exists, quantifier) = match self.operator {
            Operator::Null => {
                let missing = present.is_none_or(<[String]>::is_empty);
                return self
                    .values
                    .iter()
                    .any(|value| value.eq_ignore_ascii_case(if missing { "true" } else { "false" }));
            }
            Operator::Test {
                test,
                negated,
                if_exists,
                quantifier,
            } => (test, negated, if_exists, quantifier),
        };
        let Some(present) = present.filter(|values| !values.is_empty()) else {
            return match quantifier {
                // "ForAllValues returns true if there are no keys in the request" and ForAnyValue false.
                Quantifier::All => true,
                Quantifier::Any => if_exists,
                Quantifier::Single => if_exists || negated,
            };
        };
        let mut resolved = true;
        let mut fits = |value: &String| {
            let mut any = false;
            for wanted in &self.values {
                match test_one(test, wanted, value, version, context) {
                    Some(fits) => any |= fits,
                    None => resolved = false,
                }
            }
            any != negated
        };
        let holds = match quantifier {
            Quantifier::All => present.iter().all(&mut fits),
            Quantifier::Any => present.iter().any(&mut fits),
            // Several values without a quantifier: any may fit, and for the negated operators none may.
            Quantifier::Single if negated => present.iter().all(&mut fits),
            Quantifier::Single => present.iter().any(&mut fits),
        };
        holds && resolved
    }
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

/// Whether one value of the request fits one of the policy; `None` where a variable has no value.
fn test_one(test: Test, wanted: &str, value: &str, version: Version, context: &Context) -> Option<bool> {
    match test {
        Test::StringLike => return value_matches(wanted, value, version, context),
        Test::Arn => return arn_matches(wanted, value, version, context),
        _ => {}
    }
    let wanted = value_text(wanted, version, context)?;
    Some(match test {
        Test::StringEquals | Test::Binary => wanted == value,
        Test::StringEqualsIgnoreCase => wanted.to_lowercase() == value.to_lowercase(),
        Test::Bool => wanted.eq_ignore_ascii_case(value),
        Test::Numeric(compare) => match (value.parse::<f64>(), wanted.parse::<f64>()) {
            (Ok(value), Ok(wanted)) => value
                .partial_cmp(&wanted)
                .is_some_and(|ordering| compare.holds(ordering)),
            _ => false,
        },
        Test::Date(compare) => match (seconds(value), seconds(&wanted)) {
            (Some(value), Some(wanted)) => compare.holds(value.cmp(&wanted)),
            _ => false,
        },
        Test::Ip => in_network(value, &wanted),
        Test::Arn | Test::StringLike => false,
    })
}

/// A date as ISO 8601 or as seconds since the epoch, in milliseconds.
fn seconds(text: &str) -> Option<i64> {
    if let Ok(epoch) = text.parse::<i64>() {
        return epoch.checked_mul(1000);
    }
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(timestamp.as_millisecond());
    }
    // The W3C profile of ISO 8601 that IAM takes also has dates alone.
    format!("{text}T00:00:00Z")
        .parse::<jiff::Timestamp>()
        .ok()
        .map(jiff::Timestamp::as_millisecond)
}

fn in_network(address: &str, network: &str) -> bool {
    let (base, length) = match network.split_once('/') {
        Some((base, length)) => (base, length.parse::<u32>().ok()),
        None => (network, Some(128)),
    };
    let (Ok(address), Ok(base), Some(length)) = (address.parse::<IpAddr>(), base.parse::<IpAddr>(), length)
    else {
        return false;
    };
    match (address, base) {
        (IpAddr::V4(address), IpAddr::V4(base)) => {
            let shift = 32 - length.min(32);
            (u64::from(u32::from(address)) >> shift) == (u64::from(u32::from(base)) >> shift)
        }
        (IpAddr::V6(address), IpAddr::V6(base)) => {
            let shift = 128 - length.min(128);
            shift == 128 || (u128::from(address) >> shift) == (u128::from(base) >> shift)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(operator: &str, key: &str, values: &[&str]) -> bool {
        let mut context = Context::new();
        context.set("s:one", "Blue");
        context.set("s:n", "7");
        context.set("s:date", "2026-05-01T12:00:00Z");
        context.set("s:epoch", "1777636800");
        context.set("s:ip", "10.1.2.3");
        context.set("s:ip6", "2001:db8::1");
        context.set("s:true", "true");
        context.set("s:arn", "arn:aws:iam::666666666666:role/team/Deploy");
        context.set("aws:username", "joe");
        context.set_all("s:many", ["red".to_owned(), "green".to_owned()]);
        context.set_all("s:empty", []);
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        Condition::new(operator, key, values)
            .unwrap()
            .holds(Version::V2012, &context)
    }

    #[test]
    fn every_operator() {
        for (operator, key, values, wanted) in [
            ("StringEquals", "s:one", &["Blue"][..], true),
            ("StringEquals", "S:ONE", &["Blue"], true),
            ("StringEquals", "s:one", &["blue"], false),
            ("StringEquals", "s:one", &["x", "Blue"], true),
            ("StringEquals", "s:one", &["Bl*"], false),
            ("StringEquals", "s:none", &["Blue"], false),
            ("StringEqualsIfExists", "s:none", &["Blue"], true),
            ("StringEqualsIfExists", "s:one", &["Red"], false),
            ("StringEquals", "s:none", &["${aws:none}"], false),
            ("StringNotEquals", "s:one", &["${aws:none}"], false),
            ("StringNotEquals", "s:one", &["Blue", "Red"], false),
            ("StringNotEquals", "s:one", &["Red"], true),
            ("StringNotEquals", "s:none", &["Red"], true),
            ("StringEqualsIgnoreCase", "s:one", &["BLUE"], true),
            ("StringNotEqualsIgnoreCase", "s:one", &["BLUE"], false),
            ("StringLike", "s:one", &["B*e"], true),
            ("StringLike", "s:one", &["b*e"], false),
            ("StringNotLike", "s:one", &["B?ue"], false),
            ("NumericEquals", "s:n", &["7.0"], true),
            ("NumericNotEquals", "s:n", &["7"], false),
            ("NumericLessThan", "s:n", &["8"], true),
            ("NumericLessThan", "s:n", &["7"], false),
            ("NumericLessThanEquals", "s:n", &["7"], true),
            ("NumericGreaterThan", "s:n", &["6"], true),
            ("NumericGreaterThanEquals", "s:n", &["8"], false),
            ("NumericLessThan", "s:one", &["8"], false),
            ("DateLessThan", "s:date", &["2026-05-01T12:00:01Z"], true),
            ("DateGreaterThan", "s:date", &["2026-05-01"], true),
            ("DateGreaterThan", "s:date", &["2026-05-02"], false),
            ("DateEquals", "s:epoch", &["2026-05-01T12:00:00Z"], true),
            ("DateNotEquals", "s:date", &["2026-05-01T12:00:00Z"], false),
            ("Bool", "s:true", &["TRUE"], true),
            ("Bool", "s:true", &["false"], false),
            ("Bool", "s:none", &["false"], false),
            ("BoolIfExists", "s:none", &["false"], true),
            ("Null", "s:none", &["true"], true),
            ("Null", "s:one", &["true"], false),
            ("Null", "s:one", &["false"], true),
            ("Null", "s:empty", &["true"], true),
            ("IpAddress", "s:ip", &["10.0.0.0/8"], true),
            ("IpAddress", "s:ip", &["10.1.2.3"], true),
            ("IpAddress", "s:ip", &["0.0.0.0/0"], true),
            ("IpAddress", "s:ip", &["10.1.2.4/32"], false),
            ("IpAddress", "s:ip6", &["2001:db8::/32"], true),
            ("IpAddress", "s:ip6", &["0.0.0.0/0"], false),
            ("NotIpAddress", "s:ip", &["10.0.0.0/8"], false),
            ("ArnLike", "s:arn", &["arn:aws:iam::*:role/*"], true),
            ("ArnEquals", "s:arn", &["arn:aws:iam::*:role/team/Deploy"], true),
            ("ArnLike", "s:arn", &["arn:aws:iam:*"], false),
            ("ArnLike", "s:one", &["*"], false),
            ("ArnNotLike", "s:arn", &["arn:aws:iam::*:user/*"], true),
            ("ArnNotEquals", "s:arn", &["arn:aws:iam::*:role/*"], false),
            ("ForAnyValue:StringEquals", "s:many", &["red"], true),
            ("ForAnyValue:StringEquals", "s:many", &["blue"], false),
            ("ForAnyValue:StringEquals", "s:none", &["red"], false),
            ("ForAllValues:StringEquals", "s:many", &["red"], false),
            (
                "ForAllValues:StringEquals",
                "s:many",
                &["red", "green", "x"],
                true,
            ),
            ("ForAllValues:StringEquals", "s:none", &["red"], true),
            ("ForAllValues:StringNotEquals", "s:many", &["blue"], true),
            ("ForAllValues:StringNotEquals", "s:many", &["red"], false),
            ("ForAnyValue:StringNotEquals", "s:many", &["red"], true),
            ("ForAllValues:StringLike", "s:many", &["r*", "g*"], true),
            ("StringEquals", "aws:username", &["${aws:username}"], true),
        ] {
            assert_eq!(
                holds(operator, key, values),
                wanted,
                "{operator} {key} {values:?}"
            );
        }
        assert!(Condition::new("ForSomeValues:Bool", "a", vec![]).is_err());
        assert!(Condition::new("NumericSimilar", "a", vec![]).is_err());
    }
}

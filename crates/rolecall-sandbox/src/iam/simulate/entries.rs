//! `ContextEntries`: condition keys with values of a type.

use rolecall::policy::Context;

use super::super::{Iam, Input};
use super::world::invalid;
use crate::api::{Params, Refusal};
use crate::validate::ANY;

const TYPES: [&str; 12] = [
    "string",
    "stringList",
    "numeric",
    "numericList",
    "boolean",
    "booleanList",
    "ip",
    "ipList",
    "binary",
    "binaryList",
    "date",
    "dateList",
];

/// The keys of a call. A value that is not of its type is refused.
pub(super) fn read(iam: &Iam<'_>, input: &mut Input<'_>) -> Result<Context, Refusal> {
    let params = iam.call.params;
    let names = params.members("ContextEntries", "ContextKeyName");
    let types = params.members("ContextEntries", "ContextKeyType");
    let mut context = Context::new();
    for (index, (name, kind)) in names.into_iter().zip(types).enumerate() {
        let number = index + 1;
        let member = format!("contextEntries.{number}.member");
        let name = name.unwrap_or_default();
        let kind = kind.unwrap_or("string");
        input
            .checks
            .check(name, &format!("{member}.contextKeyName"), 5, 256, ANY);
        input
            .checks
            .choose(kind, &format!("{member}.contextKeyType"), &TYPES);
        let values = values(params, number);
        let base = kind.strip_suffix("List").unwrap_or(kind);
        if base == kind && values.len() != 1 {
            return Err(invalid(format!(
                "Context entry {name} of type {kind} must have exactly one value."
            )));
        }
        if let Some(wrong) = values.iter().find(|value| !fits(base, value)) {
            return Err(invalid(format!(
                "Invalid value {wrong} of type {kind} for context key {name}."
            )));
        }
        context.set_all(name, values);
    }
    Ok(context)
}

fn values(params: &Params, number: usize) -> Vec<String> {
    let prefix = format!("ContextEntries.member.{number}.ContextKeyValues");
    params
        .members(&prefix, "")
        .into_iter()
        .flatten()
        .map(str::to_owned)
        .collect()
}

fn fits(kind: &str, value: &str) -> bool {
    use base64::Engine;
    match kind {
        "numeric" => value.parse::<f64>().is_ok_and(f64::is_finite),
        "boolean" => value.eq_ignore_ascii_case("true") || value.eq_ignore_ascii_case("false"),
        "ip" => {
            let (address, bits) = value.split_once('/').unwrap_or((value, "0"));
            let most = if address.contains(':') { 128 } else { 32 };
            address.parse::<std::net::IpAddr>().is_ok() && bits.parse::<u8>().is_ok_and(|bits| bits <= most)
        }
        "binary" => base64::engine::general_purpose::STANDARD.decode(value).is_ok(),
        // A day, a time, or seconds since 1970 ("Date condition operators").
        "date" => {
            value.parse::<jiff::Timestamp>().is_ok()
                || value.parse::<jiff::civil::DateTime>().is_ok()
                || value.parse::<jiff::civil::Date>().is_ok()
                || value.parse::<f64>().is_ok_and(f64::is_finite)
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_of_their_type() {
        for (kind, good, bad) in [
            ("numeric", "-1.5", "one"),
            ("boolean", "true", "yes"),
            ("ip", "192.0.2.0/24", "192.0.2.0/33"),
            ("ip", "2001:db8::1", "2001:db8"),
            ("binary", "QmluYXJ5", "not base64"),
            ("date", "2026-05-01T12:00:00Z", "soon"),
            ("date", "2026-05-01", "2026-13-01"),
        ] {
            assert!(fits(kind, good), "{kind} {good}");
            assert!(!fits(kind, bad), "{kind} {bad}");
        }
        assert!(fits("string", ""));
    }
}

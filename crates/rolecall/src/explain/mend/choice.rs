//! What a call can send so that a condition holds, or holds no longer.

use super::super::call::{Call, MFA_AGE, MFA_PRESENT};
use super::super::{Change, How, Side};
use crate::discover::{Holdings, Who};
use crate::policy::{Context, Mismatch, Version, filled_in};

/// Something to send.
pub(super) struct Choice {
    /// The condition key.
    pub(super) key: String,
    pub(super) value: String,
    pub(super) change: Change,
}

/// What to send so that a condition holds; nothing where it is not the call's to choose.
pub(super) fn choices(
    call: Call<'_>,
    holdings: &Holdings,
    context: &Context,
    mismatch: &Mismatch,
) -> Vec<Choice> {
    let Mismatch::Condition {
        operator,
        key,
        wanted,
        ..
    } = mismatch
    else {
        return Vec::new();
    };
    let operator = operator.to_ascii_lowercase();
    let operator = operator.strip_suffix("ifexists").unwrap_or(&operator);
    let lower = key.to_ascii_lowercase();
    if is_mfa(&lower) {
        let wants_it = match operator {
            "bool" => wanted.iter().any(|value| value.eq_ignore_ascii_case("true")),
            "null" => wanted.iter().any(|value| value.eq_ignore_ascii_case("false")),
            _ => operator.starts_with("numericless"),
        };
        return mfa(call, holdings, context)
            .filter(|_| wants_it)
            .into_iter()
            .collect();
    }
    let is_text = matches!(
        operator,
        "stringequals"
            | "stringlike"
            | "stringequalsignorecase"
            | "numericequals"
            | "numericlessthan"
            | "numericlessthanequals"
    );
    let Some(wanted) = wanted.first().filter(|_| is_text) else {
        return Vec::new();
    };
    let pattern = filled_in(wanted, Version::V2012, context);
    send(call, key, &pattern).into_iter().collect()
}

/// What to send so that a condition of a Deny holds no longer.
pub(super) fn against(
    call: Call<'_>,
    holdings: &Holdings,
    context: &Context,
    condition: &Mismatch,
) -> Option<Choice> {
    let Mismatch::Condition {
        operator,
        key,
        wanted,
        ..
    } = condition
    else {
        return None;
    };
    let lower = key.to_ascii_lowercase();
    if is_mfa(&lower) {
        return mfa(call, holdings, context);
    }
    let operator = operator.to_ascii_lowercase();
    let operator = operator.strip_suffix("ifexists").unwrap_or(&operator);
    if !matches!(
        operator,
        "stringnotequals" | "stringnotlike" | "stringnotequalsignorecase"
    ) {
        return None;
    }
    let pattern = filled_in(wanted.first()?, Version::V2012, context);
    send(call, key, &pattern)
}

fn is_mfa(lower_case_key: &str) -> bool {
    lower_case_key.eq_ignore_ascii_case(MFA_PRESENT) || lower_case_key.eq_ignore_ascii_case(MFA_AGE)
}

/// Proves the user's device: only a user has one, and only at the beginning of a chain.
fn mfa(call: Call<'_>, holdings: &Holdings, context: &Context) -> Option<Choice> {
    if call.hop > 0 || !matches!(holdings.caller.who, Who::User { .. }) {
        return None;
    }
    let is_proved = context
        .values(MFA_PRESENT)
        .is_some_and(|values| values == ["true"]);
    let (what, how) = if is_proved {
        (
            "Prove the MFA device anew: `rolecall forget` ends the session that remembers the last proof."
                .to_owned(),
            How::Argument {
                flag: "forget",
                value: None,
            },
        )
    } else if call.chain.source.is_temporary_key() {
        (
            "Make the temporary key anew with an MFA code, or start from the user's own access key with --mfa.".to_owned(),
            How::Argument {
                flag: "--mfa",
                value: None,
            },
        )
    } else {
        (
            "Prove an MFA device of the user: --mfa, or `mfa_serial` in the profile.".to_owned(),
            How::Argument {
                flag: "--mfa",
                value: None,
            },
        )
    };
    Some(Choice {
        key: MFA_PRESENT.to_owned(),
        value: "true".to_owned(),
        change: of_the_call(what, how),
    })
}

/// Sends a value for a key, by a flag or a line of the profile.
fn send(call: Call<'_>, key: &str, pattern: &str) -> Option<Choice> {
    let lower = key.to_ascii_lowercase();
    let is_whole = !pattern.contains(['*', '?']);
    let value = pattern.replace(['*', '?'], "x");
    let (flag, property, what) = match lower.as_str() {
        "sts:externalid" => ("--external-id", "external_id", "the ExternalId"),
        "sts:rolesessionname" => ("--session-name", "role_session_name", "the session name"),
        "sts:sourceidentity" => ("--source-identity", "source_identity", "the source identity"),
        "sts:durationseconds" => (
            "--duration",
            "duration_seconds",
            "a duration of at most so many seconds:",
        ),
        "aws:requestedregion" => ("--region", "region", "the region"),
        _ if lower.starts_with("aws:requesttag/") => ("--tag", "session_tags", "the tag"),
        _ => return None,
    };
    let tag = key.split_once('/').map(|(_, tag)| tag);
    let (shown, value_of_flag) = match tag {
        Some(tag) => (format!("`{tag}={pattern}`"), format!("{tag}={value}")),
        None => (format!("`{pattern}`"), value.clone()),
    };
    let way = match (call.is_last(), is_whole) {
        (true, true) => format!("{flag} {value_of_flag}, or `{property}` in the profile"),
        (true, false) => format!("{flag}, or `{property}` in the profile"),
        (false, _) => format!("`{property}` in the profile of {}", call.role().arn),
    };
    let fits = if is_whole { "" } else { " a value that fits" };
    Some(Choice {
        key: key.to_owned(),
        value,
        change: of_the_call(
            format!("Send {what}{fits} {shown}: {way}."),
            How::Argument {
                flag,
                value: is_whole.then_some(value_of_flag),
            },
        ),
    })
}

fn of_the_call(what: String, how: How) -> Change {
    Change {
        side: Side::Call,
        account: None,
        what,
        how,
        statement: None,
        is_certain: true,
    }
}

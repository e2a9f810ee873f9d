//! Refusals of what was asked for: durations, tags, policies, names, regions.

use super::{Context, Decision, TooLong, bare};

pub(super) fn decide(code: &str, message: &str, context: &Context<'_>) -> Option<Decision> {
    let decision = match bare(code) {
        "RegionDisabled" => {
            let region = context.region.map_or("the region", |region| region.as_str());
            Decision::denied(format!("STS is switched off in {region} for this account"))
                .hint("Name another region with --region.")
                .hint(format!("Or have {region} switched on in the account: it is a region that accounts opt in to."))
        }
        "MalformedPolicyDocument" => {
            Decision::config("the session policy is not one that IAM takes")
                .hint("Correct the session policy (--policy): it has Version, Statement, Effect, Action and Resource, and no Principal.")
        }
        "PackedPolicyTooLarge" => too_large(message),
        "SessionDurationEscalation" => Decision::config("the session may not last longer than the one it is made with")
            .hint("Ask for less with --duration."),
        "InvalidAuthorizationMessage" => Decision::config("the encoded message is not one that STS wrote")
            .hint("Copy it whole, without line breaks: it is in the refusal of another service."),
        "ExpiredTradeInToken" => Decision::denied("the token that was to be traded in has ended")
            .hint("Obtain a new one, then try again."),
        "OutboundWebIdentityFederationDisabled" => Decision::denied("the account does not hand out web identity tokens")
            .hint("Have outbound web identity federation switched on in the account (IAM, account settings)."),
        "JWTPayloadSizeExceeded" => Decision::config("the token would be too large")
            .hint("Take tags or audiences away."),
        "ValidationError" | "Validation" | "InvalidParameterValue" | "InvalidParameterCombination" | "InvalidInput"
        | "MissingParameter" => value(bare(code), message, context),
        _ => return None,
    };
    Some(decision)
}

/// The percentage in `Packed policy consumes 112% of allotted space`.
fn percent(message: &str) -> Option<&str> {
    let (before, _) = message.split_once('%')?;
    let digits = before.len() - before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
    (digits > 0).then(|| &before[before.len() - digits..])
}

fn too_large(message: &str) -> Decision {
    let cause = match percent(message) {
        Some(percent) => {
            format!("session policies and tags take {percent}% of the room that AWS has for them packed")
        }
        None => "session policies and tags take more than the room that AWS has for them packed".to_owned(),
    };
    Decision::config(cause)
        .hint("Shorten the session policy (--policy), name fewer managed policies (--policy-arn), or take tags away, those that a chain hands on included.")
        .hint("The room is counted after packing: 2048 characters that repeat themselves fit better than 1500 that do not.")
}

/// By the words: AWS has no codes of its own for these.
pub(super) fn too_long(message: &str) -> Option<TooLong> {
    if message.contains("role chaining") || message.contains("1 hour session limit") {
        Some(TooLong::Chained)
    } else if message.contains("MaxSessionDuration") {
        Some(TooLong::Role)
    } else {
        None
    }
}

fn value(code: &str, message: &str, context: &Context<'_>) -> Decision {
    let has = |words: &str| message.contains(words);
    if too_long(message) == Some(TooLong::Chained) {
        return Decision::config("a role that is assumed with temporary credentials lasts an hour at most")
            .hint("Ask for an hour (--duration 1h): rolecall renews it silently for as long as its source lasts.")
            .hint("For longer, assume it straight from a user's own access key (--source-profile), with an MFA code for each session where the role demands one.");
    }
    if too_long(message) == Some(TooLong::Role) {
        let asked = context.role.map_or_else(
            || "that long".to_owned(),
            |role| crate::time::spoken(role.duration.value.to_std()),
        );
        return Decision::config(format!("the role allows no session of {asked}"))
            .hint("Ask for less (--duration 1h), or for as much as there is (--duration max).")
            .hint("Or have the role's MaxSessionDuration raised; twelve hours are the most.");
    }
    if has("durationSeconds") || has("DurationSeconds") {
        return Decision::config("AWS does not take that duration here")
            .hint("A role takes 15 minutes to 12 hours, GetSessionToken 15 minutes to 36 hours (a root user 1 hour): --duration 1h.");
    }
    if has("conflicts with a transitive tag key") {
        return Decision::config("a role before has handed on a tag of the same key, and what is handed on stays")
            .hint("Take the tag away from the later role (`session_tags`, --tag), or from the transitive ones of the earlier (`transitive_session_tags`).")
            .hint("A source such as Identity Center or a web identity token may have set transitive tags too.");
    }
    if has("transitive tag key must be included") {
        return Decision::config("a transitive key is no tag of the session")
            .hint("Set the tag as well (--tag KEY=VALUE), or take the key away (--transitive-tag, `transitive_session_tags`).");
    }
    if has("Duplicate tag keys") || has("tagKeys") || has("tags.") || has("Tag keys") {
        return Decision::config("AWS does not take these tags")
            .hint("Keys differ by more than case and do not begin with `aws:`; at most 50, keys to 128, values to 256 characters (--tag, `session_tags`).");
    }
    for (member, what, flag) in [
        (
            "roleSessionName",
            "session name",
            "--session-name, `role_session_name`",
        ),
        ("externalId", "ExternalId", "--external-id, `external_id`"),
        (
            "sourceIdentity",
            "source identity",
            "--source-identity, `source_identity`",
        ),
        ("serialNumber", "MFA serial", "--mfa-serial, `mfa_serial`"),
        ("tokenCode", "MFA code", "six digits"),
        (
            "policyArns",
            "list of managed policies",
            "--policy-arn, --read-only",
        ),
        ("roleArn", "role ARN", "TARGET, `role_arn`"),
    ] {
        if has(&format!("'{member}")) {
            return Decision::config(format!("AWS does not take the {what}")).hint(format!(
                "Correct it ({flag}); `rolecall plan` shows where every value comes from."
            ));
        }
    }
    if message.trim_start().starts_with("ARN ") {
        return Decision::config("AWS does not take an ARN of the request").hint(
            "A managed policy (--policy-arn) has to be AWS's own or lie in the role's account, and be there.",
        );
    }
    if code == "MissingParameter" {
        return Decision::config("the request lacks what AWS wants")
            .hint("Something on the way shortens requests, or AWS_ENDPOINT_URL names what is not AWS: check the proxies.");
    }
    Decision::config("AWS does not take a value of the request").hint(
        "`rolecall plan` shows every value and where it comes from; correct the one that the message names.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_percentage_is_read_where_there_is_one() {
        assert_eq!(
            percent("Packed policy consumes 112% of allotted space"),
            Some("112")
        );
        assert_eq!(percent("112%"), Some("112"));
        for without in ["", "%", "too large", "a % b", "x% 5"] {
            assert_eq!(percent(without), None, "{without}");
        }
    }
}

//! The causes that people meet most, each recognised and told in one sentence with what to do.

mod role;

use super::call::{Call, MFA_AGE, MFA_PRESENT, SET_SOURCE_IDENTITY, TAG_SESSION};
use super::{Cause, Layer, Says, grounds, mend};
use crate::discover::{Holdings, Who};
use crate::error::Error;
use crate::policy::{Document, Mismatch, PolicyKind};
use crate::provider::reading::Entity;

pub(super) use role::{Absence, absent, alike};

/// Everything that a cause may be seen by.
pub(super) struct Seen<'a> {
    pub(super) call: Call<'a>,
    pub(super) holdings: &'a Holdings,
    pub(super) trust: Option<&'a Document>,
    pub(super) layers: &'a [Layer],
    /// Whether the call's context says that MFA was proved.
    pub(super) is_mfa_proved: bool,
}

fn cause(name: &'static str, sentence: impl Into<String>, fix: impl Into<String>) -> Cause {
    Cause {
        name,
        sentence: sentence.into(),
        fix: fix.into(),
    }
}

/// What AWS's code alone tells.
pub(super) fn of_refusal(error: &Error, entity: Option<&Entity>) -> Vec<Cause> {
    let message = error.to_string();
    let name = match error.aws_code().unwrap_or_default() {
        "RegionDisabledException" | "RegionDisabled" => "region-disabled",
        "SignatureDoesNotMatch" | "RequestExpired" | "InvalidSignatureException"
            if message.contains("clock") =>
        {
            "clock"
        }
        "RequestExpired" | "RequestTimeTooSkewed" => "clock",
        "SignatureDoesNotMatch" => "secret-wrong",
        "InvalidClientTokenId" | "UnrecognizedClientException" => "key-unknown",
        "ExpiredToken" | "ExpiredTokenException" => "key-expired",
        "PackedPolicyTooLarge" => "policy-too-large",
        "ValidationError" if message.contains("role chaining") => "chained-hour",
        "ValidationError" if message.contains("MaxSessionDuration") => "longer-than-role",
        _ if message.contains("root accounts") => "root",
        _ if message.contains("MultiFactorAuthentication failed") => "mfa-code",
        // AWS names the kind of policy in some of its refusals, and that is known before anything is read.
        _ if message.contains("explicit deny in a") || message.contains("because no ") => {
            match [
                "service control",
                "resource control",
                "boundary",
                "session policy",
                "resource-based",
                "VPC endpoint",
            ]
            .into_iter()
            .find(|kind| message.contains(*kind))
            {
                Some("service control") => "control-policy",
                Some("resource control") => "resource-control-policy",
                Some("boundary") => "boundary",
                Some("session policy") => "session-policy",
                Some("resource-based") => "trust-denies",
                Some("VPC endpoint") => "endpoint-policy",
                _ if message.contains("explicit deny") => "identity-denies",
                _ => "identity-silent",
            }
        }
        _ => return Vec::new(),
    };
    // The message is the decision of the refusals' table, with AWS's own words in brackets behind it.
    let said = message.split(" (STS refused:").next().unwrap_or(&message);
    let mut sentence = sentence_of(said);
    if let (true, Some(longest)) = (name == "longer-than-role", entity.and_then(|role| role.longest)) {
        sentence = format!("{sentence} Its MaxSessionDuration is {longest} seconds.");
    }
    vec![cause(
        name,
        sentence,
        error.hints().first().cloned().unwrap_or_default(),
    )]
}

/// A clause as a sentence.
pub(super) fn sentence_of(clause: &str) -> String {
    let mut characters = clause.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    format!("{}{}.", first.unwrap_or_default(), characters.as_str())
}

/// What the policies tell that were read.
pub(super) fn of_policies(seen: &Seen<'_>) -> Vec<Cause> {
    let mut causes = Vec::new();
    for layer in seen.layers {
        match &layer.says {
            Says::Denies(by) => causes.extend(denied(seen, layer, by)),
            Says::Silent(nearest) => causes.extend(silent(seen, layer, nearest.as_ref())),
            _ => {}
        }
    }
    causes.dedup_by(|one, other| one.sentence == other.sentence);
    causes
}

/// What no policy decides: credentials that assume no role at all, or none of there.
pub(super) fn of_the_caller(seen: &Seen<'_>) -> Option<Cause> {
    let role = &seen.call.role().arn;
    let ours = seen.holdings.caller.partition;
    if role.partition() != ours {
        return Some(cause(
            "cross-partition",
            format!(
                "The caller is in partition {}, and the role in {}: no credentials work in another partition.",
                ours.id(),
                role.partition().id()
            ),
            format!(
                "Start from credentials of partition {}, with --source-profile.",
                role.partition().id()
            ),
        ));
    }
    match &seen.holdings.caller.who {
        Who::Root => Some(cause(
            "root",
            "AWS lets no root user assume a role.",
            "Start from the key of an IAM user, or from Identity Center: --source-profile NAME.",
        )),
        Who::Federated { .. } => Some(cause(
            "federated",
            "A session of GetFederationToken cannot assume a role, whatever its policies say.",
            "Start from the key of the user itself.",
        )),
        _ => None,
    }
}

fn denied(seen: &Seen<'_>, layer: &Layer, by: &[crate::discover::Ground]) -> Option<Cause> {
    let first = by.first()?;
    let said = first.sentence();
    let action = &layer.action;
    let mfa = "It may be one that asks for MFA: see the change below.";
    Some(match layer.kind {
        PolicyKind::ServiceControl => cause(
            "control-policy",
            format!("The organization denies {action}: {said}."),
            "Only the administrators of the organization can change that.",
        ),
        PolicyKind::Boundary => cause(
            "boundary",
            format!("The caller's permissions boundary denies {action}: {said}."),
            "Have the boundary changed: no policy of the caller's outvotes it.",
        ),
        PolicyKind::Session => cause(
            "session-policy",
            format!("The session policy of the step before denies {action}: {said}."),
            "Leave --policy, --policy-arn or --read-only of that step away.",
        ),
        PolicyKind::Trust => cause(
            "trust-denies",
            format!("The role's trust policy denies {action}: {said}."),
            "Have the Deny changed, or meet its condition.",
        ),
        _ if is_about_mfa(seen, first) && !seen.is_mfa_proved => cause(
            "mfa-missing",
            format!("A policy of the caller denies {action} without MFA: {said}."),
            match seen.holdings.caller.who {
                Who::User { .. } => "Prove an MFA device: --mfa.".to_owned(),
                _ => mfa.to_owned(),
            },
        ),
        _ => cause(
            "identity-denies",
            format!("A policy of the caller denies {action}: {said}."),
            "Have the Deny changed: no Allow outvotes it.",
        ),
    })
}

fn is_about_mfa(seen: &Seen<'_>, ground: &crate::discover::Ground) -> bool {
    let held = seen
        .holdings
        .policies
        .iter()
        .find(|held| held.name == ground.policy && held.holder == ground.holder);
    let statement = held.and_then(|held| held.document.statements().get(ground.statement));
    statement.is_some_and(|statement| {
        let mut keys = statement.condition_keys();
        keys.any(|key| key.eq_ignore_ascii_case(MFA_PRESENT) || key.eq_ignore_ascii_case(MFA_AGE))
    })
}

fn silent(
    seen: &Seen<'_>,
    layer: &Layer,
    nearest: Option<&(crate::discover::Ground, Vec<Mismatch>)>,
) -> Vec<Cause> {
    let action = layer.action.as_str();
    let mut causes = Vec::new();
    let only_conditions = nearest.is_some_and(|(_, because)| {
        because
            .iter()
            .all(|mismatch| matches!(mismatch, Mismatch::Condition { .. }))
    });
    if let Some((ground, because)) = nearest.filter(|_| only_conditions) {
        causes.extend(
            because
                .iter()
                .filter_map(|mismatch| condition(seen, layer, ground, mismatch)),
        );
        return causes;
    }
    match (layer.kind, action) {
        (PolicyKind::Identity | PolicyKind::Trust, TAG_SESSION) => {
            causes.push(one_action(layer, "tag-session", "carries tags", "--tag, `session_tags`"));
        }
        (PolicyKind::Identity | PolicyKind::Trust, SET_SOURCE_IDENTITY) => {
            causes.push(one_action(
                layer,
                "source-identity",
                "carries a source identity",
                "--source-identity",
            ));
        }
        (PolicyKind::Trust, _) => causes.extend(role::untrusted(seen, nearest)),
        (PolicyKind::Identity, _) => {
            let other = match nearest {
                Some((ground, because)) => format!(
                    " The nearest is {}, but {}.",
                    ground.sentence(),
                    because.iter().map(Mismatch::clause).collect::<Vec<_>>().join(", and ")
                ),
                None => String::new(),
            };
            causes.push(cause(
                "identity-silent",
                format!(
                    "No policy of {} allows {action} on {}.{other}",
                    mend::whose(seen.holdings),
                    seen.call.role().arn
                ),
                "Add the statement below to one of them.",
            ));
        }
        (PolicyKind::Boundary, _) => causes.push(cause(
            "boundary",
            format!("The caller's permissions boundary does not allow {action}, and no other policy can give what it does not."),
            "Add the statement below to the boundary.",
        )),
        (PolicyKind::Session, _) => causes.push(cause(
            "session-policy",
            format!("The session policy of the step before does not allow {action}."),
            "Leave --policy, --policy-arn or --read-only of that step away, or let the policy have the statement below.",
        )),
        (PolicyKind::ServiceControl, _) => causes.push(cause(
            "control-policy",
            format!("A level of the organization has no service control policy that allows {action}."),
            "Only the administrators of the organization can change that.",
        )),
        _ => {}
    }
    causes
}

fn one_action(layer: &Layer, name: &'static str, carries: &str, flag: &str) -> Cause {
    let side = match layer.kind {
        PolicyKind::Trust => "the role's trust policy",
        _ => "the caller's own policies",
    };
    cause(
        name,
        format!(
            "The session {carries}, and {side} does not allow {}.",
            layer.action
        )
        .replace("policies does", "policies do"),
        format!("Add the statement below, or leave it away ({flag})."),
    )
}

/// A condition that keeps a statement from granting.
fn condition(
    seen: &Seen<'_>,
    layer: &Layer,
    ground: &crate::discover::Ground,
    mismatch: &Mismatch,
) -> Option<Cause> {
    let Mismatch::Condition {
        operator,
        key,
        wanted,
        found,
    } = mismatch
    else {
        return None;
    };
    let whose = ground.sentence();
    let lower = key.to_ascii_lowercase();
    Some(match lower.as_str() {
        "sts:externalid" => {
            let wanted = grounds::quoted(wanted);
            match found {
                None => cause(
                    "external-id-missing",
                    format!("The role demands an ExternalId, and none was sent: {whose} wants {wanted}."),
                    "Send it: --external-id, or `external_id` in the profile.",
                ),
                Some(found) => cause(
                    "external-id-wrong",
                    format!(
                        "The ExternalId {} is not the one that the role demands: {whose} wants {wanted}.",
                        grounds::quoted(found)
                    ),
                    "Send the one that is demanded (--external-id, or `external_id` in the profile); case counts.",
                ),
            }
        }
        "aws:multifactorauthpresent" => mfa(seen, &whose, operator, found.as_deref()),
        "aws:multifactorauthage" => match found {
            Some(age) if seen.is_mfa_proved => cause(
                "mfa-too-old",
                format!(
                    "MFA was proved {} seconds ago, and {whose} takes no proof older than {} seconds.",
                    age.join(", "),
                    wanted.join(", ")
                ),
                "Prove it anew: `rolecall forget TARGET`, then the same command again.",
            ),
            _ => mfa(seen, &whose, operator, None),
        },
        "sts:sourceidentity" => cause(
            "source-identity",
            format!("{} does not hold: {}.", capital(&whose), mismatch.clause()),
            "Say who is behind the session with --source-identity.",
        ),
        _ => cause(
            match layer.kind {
                PolicyKind::Trust => "trust-condition",
                PolicyKind::Identity => "identity-condition",
                PolicyKind::Boundary => "boundary",
                PolicyKind::ServiceControl => "control-policy",
                _ => "session-policy",
            },
            format!(
                "A condition keeps the call out: in {whose}, {}.",
                mismatch.clause()
            ),
            "Meet the condition, or have it changed as below.",
        ),
    })
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    let first = characters.next().map(|first| first.to_uppercase().to_string());
    first.unwrap_or_default() + characters.as_str()
}

fn mfa(seen: &Seen<'_>, whose: &str, operator: &str, found: Option<&[String]>) -> Cause {
    if seen.call.hop > 0 || matches!(seen.holdings.caller.who, Who::Role { .. }) {
        return cause(
            "mfa-in-chain",
            format!("The role demands MFA ({whose}), and the session of a role never proves it."),
            "Assume the role straight from a user's own access key with --mfa, or have the condition taken away for this caller.",
        );
    }
    if found.is_none() && operator.eq_ignore_ascii_case("Bool") && seen.call.chain.source.is_long_term_key() {
        return cause(
            "mfa-missing",
            format!(
                "MFA is demanded, and none was proved: {whose} has a `Bool`, which a long-term access key never meets by itself, because it carries no {MFA_PRESENT} at all."
            ),
            "Prove an MFA device: --mfa, or `mfa_serial` in the profile.",
        );
    }
    cause(
        "mfa-missing",
        format!("MFA is demanded, and none was proved: {whose} wants it."),
        "Prove an MFA device: --mfa, or `mfa_serial` in the profile.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn a_code_alone_is_a_cause_and_says_it_in_the_words_of_the_refusals() {
        for (code, message, name) in [
            (
                "RegionDisabledException",
                "STS is not enabled in af-south-1",
                "region-disabled",
            ),
            (
                "SignatureDoesNotMatch",
                "this machine's clock is 1 h behind AWS's",
                "clock",
            ),
            (
                "SignatureDoesNotMatch",
                "the secret key does not fit its id",
                "secret-wrong",
            ),
            (
                "InvalidClientTokenId",
                "AWS does not know the access key",
                "key-unknown",
            ),
            ("ExpiredToken", "the credentials have ended", "key-expired"),
            (
                "ValidationError",
                "a role lasts an hour (STS refused: … exceeds the 1 hour session limit for roles assumed by role chaining)",
                "chained-hour",
            ),
            (
                "AccessDenied",
                "the organization forbids it (STS refused: … with an explicit deny in a service control policy)",
                "control-policy",
            ),
            (
                "AccessDenied",
                "it does not allow it (STS refused: … because no session policy allows the sts:AssumeRole action)",
                "session-policy",
            ),
        ] {
            let error = Error::new(ErrorKind::Denied, message)
                .with_hint("Do this.")
                .with_aws(Some(code), None);
            let causes = of_refusal(&error, None);
            let of: Vec<_> = causes.iter().map(|cause| cause.name).collect();
            assert_eq!(of, [name], "{code} {message}");
            assert!(!causes[0].sentence.contains("STS refused"), "{causes:?}");
            assert_eq!(causes[0].fix, "Do this.");
        }
        let plain = Error::new(ErrorKind::Denied, "refused").with_aws(Some("AccessDenied"), None);
        assert_eq!(of_refusal(&plain, None), []);
    }
}

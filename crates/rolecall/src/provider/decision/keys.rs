//! Refusals of the credentials themselves: unknown, ended, or with another secret.

use super::{Context, Decision, SKEWED, Service, Signer, bare, clock};
use crate::chain::{Source, SourceKind};
use crate::partition::Partition;

pub(super) fn decide(service: Service, code: &str, message: &str, context: &Context<'_>) -> Option<Decision> {
    let is_about_time = [
        "Signature expired",
        "not yet current",
        "is now earlier than",
        "is now later than",
    ]
    .iter()
    .any(|words| message.contains(words));
    match bare(code) {
        "SignatureDoesNotMatch" | "InvalidSignature" | "RequestExpired" | "RequestTimeTooSkewed"
        | "RequestInTheFuture" | "AuthFailure"
            // The SDK has corrected the clock by now: a signature that still does not match has a wrong secret.
            if context.skew.unsigned_abs() >= SKEWED && !message.contains("does not match") =>
        {
            Some(clock(context.skew))
        }
        "RequestExpired" | "RequestTimeTooSkewed" | "RequestInTheFuture" => Some(late()),
        "SignatureDoesNotMatch" | "InvalidSignature" if is_about_time => Some(late()),
        "SignatureDoesNotMatch" | "InvalidSignature" | "AuthFailure" => Some(signature(context)),
        "IncompleteSignature" | "MissingAuthenticationToken" => Some(
            Decision::denied("the request arrived without a whole signature")
                .hint("A proxy on the way takes headers away, or a key holds what is no part of it: copy it again.")
                .hint("Check the proxies on the way (HTTPS_PROXY, NO_PROXY) and AWS_ENDPOINT_URL."),
        ),
        "InvalidClientTokenId" | "UnrecognizedClient" | "InvalidAccessKeyId" | "InvalidToken" => {
            Some(unknown(service, context))
        }
        "ExpiredToken" => Some(ended(context)),
        _ => None,
    }
}

fn late() -> Decision {
    Decision::denied("the request came outside of the 15 minutes in which AWS takes a signature")
        .hint("Set the clock (`timedatectl set-ntp true`; in WSL `hwclock -s`), then try again.")
        .hint("If the clock is right, something on the way holds requests back or sends them again: check the proxies.")
}

fn signature(context: &Context<'_>) -> Decision {
    let decision = Decision::denied("the request's signature does not fit the access key");
    match context.signer {
        Signer::LongTermKey => decision
            .hint(format!(
                "The secret access key does not belong to the access key id: copy both again{}.",
                at(context.source)
            ))
            .hint("If both are right, a proxy on the way changes requests."),
        Signer::TemporaryKey => decision.hint(format!(
            "Key id, secret and session token have to be of one set: copy all three again{}.",
            at(context.source)
        )),
        Signer::Process => decision
            .hint("What the command printed does not belong together: run it by itself and look at its key id."),
        _ => decision.hint(
            "These credentials came from AWS as they are: a proxy on the way changes requests, or AWS_ENDPOINT_URL names what is not AWS.",
        ),
    }
}

/// An access key that AWS does not know here.
fn unknown(service: Service, context: &Context<'_>) -> Decision {
    let partition = context
        .role
        .map(|role| role.arn.partition())
        .or_else(|| context.region.map(|region| region.partition()))
        .unwrap_or(Partition::Aws);
    let id = context.source.and_then(Source::access_key_id);
    if service == Service::Iam && matches!(context.signer, Signer::PlainSession | Signer::TemporaryKey) {
        return Decision::denied("IAM takes no session by GetSessionToken that has proved no MFA device")
            .hint("Prove one with --mfa, or name the device with --mfa-serial: then IAM takes the session, and need not be asked.");
    }
    match context.signer {
        Signer::LongTermKey if id.is_some_and(|id| id.starts_with("ASIA")) => Decision::config(
            "the access key is a temporary one, and its session token is missing",
        )
        .hint(match context.source.map(|source| &source.kind) {
            Some(SourceKind::Environment(_)) => "Set AWS_SESSION_TOKEN as well: what issued the key printed it with it.".to_owned(),
            _ => format!("Add `aws_session_token`{}: what issued the key wrote it with it.", beside(context.source)),
        }),
        Signer::LongTermKey => {
            let decision = Decision::denied(format!(
                "AWS does not know the access key in partition `{partition}`"
            ));
            let elsewhere = if partition == Partition::Aws {
                "A key of another partition (China, GovCloud) is known there alone: name a role and a region of that partition.".to_owned()
            } else {
                format!("A key of partition `aws` is not known in `{partition}`: start from a key that was made there.")
            };
            let gone = format!(
                "It is deleted, inactive or mistyped: `aws iam list-access-keys --user-name NAME` of an administrator shows which there are; put one that is active{}.",
                at(context.source).replacen(" (", " in its place (", 1)
            );
            if partition == Partition::Aws { decision.hint(gone).hint(elsewhere) } else { decision.hint(elsewhere).hint(gone) }
        }
        Signer::TemporaryKey | Signer::Process => Decision::denied(
            "AWS does not take the session token here",
        )
        .hint(format!(
            "Key id, secret and session token have to be of one set, and of partition `{partition}`: {}.",
            renew(context)
        ))
        .hint("A token from the global endpoint of STS is not taken in regions that are opted in to: get one from a regional endpoint (sts_regional_endpoints = regional)."),
        Signer::Role | Signer::MfaSession | Signer::PlainSession => Decision::denied(
            "AWS does not take the session of the step before",
        )
        .hint("Its user or its key may be gone since: try again, and a new one is obtained.")
        .hint("AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_STS have to name one AWS for every step."),
        Signer::IdentityCenter | Signer::Machine | Signer::Login | Signer::Nobody => Decision::denied(
            format!("AWS does not know these credentials in partition `{partition}`"),
        )
        .hint(format!("Credentials never cross partitions; if the partition is right, {}.", renew(context))),
    }
}

/// Credentials that have ended.
fn ended(context: &Context<'_>) -> Decision {
    let decision = match context.signer {
        Signer::Role | Signer::MfaSession | Signer::PlainSession => {
            return Decision::denied("the session of the step before has ended")
                .hint("It is renewed by itself: try again.")
                .hint("If it stays so, this machine's clock is wrong (`timedatectl status`).");
        }
        Signer::LongTermKey => {
            return Decision::denied("AWS says of a key without an end that it has ended").hint(
                "Something answers in the place of AWS: check AWS_ENDPOINT_URL and the proxies on the way.",
            );
        }
        _ => Decision::denied("the credentials the chain starts from have ended"),
    };
    let renew = renew(context);
    let mut sentence = renew.chars();
    let first = sentence
        .next()
        .map(|c| c.to_uppercase().to_string())
        .unwrap_or_default();
    decision.hint(format!("{first}{}.", sentence.as_str()))
}

/// Where new credentials come from, by what the old ones were.
fn renew(context: &Context<'_>) -> String {
    let login = context.login();
    match context.source.map(|source| &source.kind) {
        Some(SourceKind::AccessKey(_)) => format!(
            "get new ones from what wrote them{} (`saml2aws login`, `aws sts get-session-token`, a portal's page)",
            at(context.source)
        ),
        Some(SourceKind::Vault(_)) => format!(
            "put a key that AWS knows into the vault (`rolecall vault add {}`)",
            context.source.and_then(|source| source.profile.as_deref()).unwrap_or_default()
        ),
        Some(SourceKind::Environment(_)) => {
            "export new ones from what set AWS_ACCESS_KEY_ID, or unset it with AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN".to_owned()
        }
        Some(SourceKind::Container(_) | SourceKind::InstanceMetadata(_)) => {
            "try again in a minute: the machine's service hands out new ones by itself".to_owned()
        }
        Some(SourceKind::Login(_)) => match context.source.and_then(|source| source.profile.as_deref()) {
            Some(profile) => format!("sign in anew with `aws login --profile {profile}`"),
            None => "sign in anew with `aws login`".to_owned(),
        },
        Some(SourceKind::Process(command)) => {
            format!("let `{}` obtain new ones: it prints old ones out of a cache of its own", command.program())
        }
        Some(SourceKind::Sso(_)) => format!("sign in anew with `rolecall login {login}`"),
        Some(SourceKind::WebIdentity(_)) | None => "get new ones where they come from".to_owned(),
    }
}

/// ` (PLACE)`, where a key stands in a file or in variables.
fn at(source: Option<&Source>) -> String {
    source.map_or_else(String::new, |source| format!(" ({})", source.origin))
}

fn beside(source: Option<&Source>) -> String {
    source.map_or_else(String::new, |source| format!(" beside it ({})", source.origin))
}

//! What STS's refusals and silences mean, and what to do about each.

use std::error::Error as StdError;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::chain::{Role, StsEndpoint};
use crate::error::{Error, ErrorKind};
use crate::time::spoken;

/// The codes that say: these credentials have ended or never were.
pub(super) fn credential_rejected(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "InvalidClientTokenId"
    )
}

/// A part of a request that the SDK did not take. Our own types have checked it before, so this is a bug of ours.
pub(super) fn built<T>(part: Result<T, aws_smithy_types::error::operation::BuildError>) -> Result<T, Error> {
    part.map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the request could not be built: {error}"),
        )
        .with_hint("This is a bug of rolecall: please report it.")
    })
}

/// An SDK error as a decision. `role` is the one that was asked for, `skew` STS's time less ours in seconds.
pub(super) fn refusal<E>(
    error: SdkError<E, HttpResponse>,
    sts: &StsEndpoint,
    role: Option<&Role>,
    skew: i64,
) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let url = &sts.url;
    let unreachable = |why: String| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot reach STS at {url}: {why}"),
        )
        .with_hint(format!(
            "Check the network and the region; the endpoint comes from {}.",
            sts.origin
        ))
    };
    let decided = match &error {
        SdkError::ConstructionFailure(_) => Error::new(
            ErrorKind::Internal,
            format!("the request could not be built: {}", innermost(&error)),
        ),
        SdkError::TimeoutError(_) => unreachable("it did not answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unreachable("it did not answer in time".to_owned())
        }
        SdkError::DispatchFailure(_) => unreachable(innermost(&error)),
        SdkError::ServiceError(service) => {
            let (meta, status) = (service.err().meta(), service.raw().status().as_u16());
            let bare = match meta.code() {
                Some(_) => None,
                None => service.raw().body().bytes().and_then(BareError::read),
            };
            let (code, message, request_id) = match &bare {
                Some(bare) => (
                    Some(bare.code.as_str()),
                    bare.message.as_str(),
                    bare.request_id.as_deref(),
                ),
                None => (meta.code(), meta.message().unwrap_or_default(), meta.request_id()),
            };
            let decided = match code {
                Some(code) => by_code(code, message, status, role, skew, sts),
                None => not_sts(url, status),
            };
            decided.with_aws(code, request_id)
        }
        SdkError::ResponseError(response) => not_sts(url, response.raw().status().as_u16()),
        _ => Error::new(
            ErrorKind::Unavailable,
            format!("the call to STS at {url} failed: {}", innermost(&error)),
        ),
    };
    let decided = if decided.hints().is_empty() {
        let hint = match decided.request_id() {
            Some(id) => format!("AWS's support can follow the request {id}, and so can CloudTrail."),
            None => "The log at its most talkative (ROLECALL_LOG=trace) shows the exchange.".to_owned(),
        };
        decided.with_hint(hint)
    } else {
        decided
    };
    match role {
        Some(role) => decided.with_hop(role.arn.to_string()),
        None => decided,
    }
}

/// The first sentence of what the other side says, on one line and of bounded length: it may be anybody's text.
pub(super) fn clause(message: &str) -> String {
    /// What moves a cursor, or turns the direction of what a person reads.
    fn is_hidden(c: char) -> bool {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    }
    let line: String = message
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .take(600)
        .collect();
    let first = line.split(". ").next().unwrap_or(&line);
    first.trim().trim_end_matches('.').to_owned()
}

/// `<Error>` without STS's `<ErrorResponse>` around it, where the SDK finds no code: so S3 writes it, and so do servers
/// that have their STS from their S3, as Ceph's gateway does.
struct BareError {
    code: String,
    message: String,
    request_id: Option<String>,
}

impl BareError {
    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim_start();
        let root = match text.strip_prefix("<?xml") {
            Some(rest) => rest.split_once("?>")?.1.trim_start(),
            None => text,
        };
        if !root.starts_with("<Error>") && !root.starts_with("<Error ") {
            return None;
        }
        let code = child(root, "Code")?;
        let is_code =
            (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        is_code.then(|| Self {
            code,
            message: child(root, "Message").unwrap_or_default(),
            request_id: child(root, "RequestId").filter(|id| !id.is_empty()),
        })
    }
}

/// The text of an element that holds nothing but text.
fn child(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let mut text = text.trim().to_owned();
    // The ampersand last: what it makes is no escape.
    for (escape, plain) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(escape, plain);
    }
    Some(text)
}

fn not_sts(url: &str, status: u16) -> Error {
    if status >= 500 {
        return Error::new(
            ErrorKind::Unavailable,
            format!("STS at {url} failed with HTTP {status}"),
        )
        .with_hint("Try again; if it stays so, look at AWS's health page for the region.");
    }
    Error::new(
        ErrorKind::Unavailable,
        format!("what answers at {url} (HTTP {status}) does not speak as STS does"),
    )
    .with_hint(
        "Check AWS_ENDPOINT_URL and the proxies on the way; a login page of a network answers like this.",
    )
}

fn by_code(
    code: &str,
    message: &str,
    status: u16,
    role: Option<&Role>,
    skew: i64,
    sts: &StsEndpoint,
) -> Error {
    let said = if message.is_empty() {
        code.to_owned()
    } else {
        format!("{code}: {}", clause(message))
    };
    let error = |kind| Error::new(kind, format!("STS refused: {said}"));
    match code {
        "AccessDenied" | "AccessDeniedException" => denied(error(ErrorKind::Denied), role),
        "ExpiredToken" | "ExpiredTokenException" => error(ErrorKind::Denied)
            .with_hint("The credentials the chain starts from have ended: get new ones where they come from."),
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidToken" => error(ErrorKind::Denied).with_hint(
            "AWS does not know this access key (or not in this partition): it is deleted, inactive, or a temporary key without its session token.",
        ),
        "SignatureDoesNotMatch" | "RequestExpired" | "RequestTimeTooSkewed" | "InvalidSignatureException"
            // The SDK has corrected the clock by now: a signature that still does not match has a wrong secret.
            if skew.unsigned_abs() >= 240 && !message.contains("does not match") =>
        {
            clock(skew)
        }
        "SignatureDoesNotMatch" | "IncompleteSignature" | "InvalidSignatureException" => error(ErrorKind::Denied)
            .with_hint("The secret access key does not belong to the access key id: copy both again."),
        "RegionDisabledException" => error(ErrorKind::Denied)
            .with_hint(format!("STS is switched off in {} for this account: name another region with --region.", sts.region)),
        "MalformedPolicyDocument" | "PackedPolicyTooLarge" => {
            error(ErrorKind::Config).with_hint("Correct the session policy (--policy, --policy-arn) or take tags away.")
        }
        "ValidationError" if message.contains("MaxSessionDuration") => error(ErrorKind::Config)
            .with_hint("Ask for less (--duration 1h), or have the role's MaxSessionDuration raised."),
        "ValidationError" if message.contains("role chaining") => error(ErrorKind::Config)
            .with_hint("A role that is assumed with temporary credentials lasts at most one hour; rolecall renews it."),
        "ValidationError" | "InvalidParameterValue" | "MissingParameter" => error(ErrorKind::Config),
        "NoSuchEntity" => error(ErrorKind::Denied)
            .with_hint("There is no such role: check the account, the path and the name; case counts."),
        "InvalidAction" | "MethodNotAllowed" | "NotImplemented" => Error::config(format!(
            "STS at {} does not offer this call: {said}",
            sts.url
        ))
        .with_hint("It is not AWS's own: some that speak its protocol know AssumeRole and no GetCallerIdentity, and there `exec` works where `whoami` does not."),
        _ if throttled(code) => Error::new(ErrorKind::Unavailable, format!("STS is throttling this account: {said}"))
            .with_hint("Try again in a moment; all calls to STS of one account and region share one limit."),
        _ if status >= 500 => Error::new(ErrorKind::Unavailable, format!("STS failed: {said}"))
            .with_hint("Try again; if it stays so, look at AWS's health page for the region."),
        _ => error(ErrorKind::Denied),
    }
}

fn denied(error: Error, role: Option<&Role>) -> Error {
    let Some(role) = role else {
        return error;
    };
    let error = error.with_hint(format!(
        "Both sides must allow it: a policy of the caller has to allow sts:AssumeRole on {0}, and the trust policy of {0} has to name the caller.",
        role.arn
    ));
    match &role.external_id {
        None => error.with_hint("If the role belongs to a third party, it may demand an ExternalId: --external-id, or `external_id` in the profile."),
        Some(id) => error.with_hint(format!(
            "The ExternalId sent was `{}` ({}): a role that demands another one refuses like this.",
            id.value.as_str(),
            id.origin
        )),
    }
}

fn clock(skew: i64) -> Error {
    let span = spoken(std::time::Duration::from_secs(skew.unsigned_abs()));
    let way = if skew > 0 { "behind" } else { "ahead of" };
    Error::config(format!("this machine's clock is {span} {way} AWS's, and AWS takes no request that is off by more than 15 minutes"))
        .with_hint("Set the clock (`timedatectl set-ntp true`; in WSL `hwclock -s`), then try again.")
}

/// The codes that the SDKs count as throttling; STS sends `Throttling` with HTTP 400.
fn throttled(code: &str) -> bool {
    code.contains("Throttl")
        || matches!(
            code,
            "TooManyRequestsException" | "RequestLimitExceeded" | "SlowDown"
        )
}

/// The cause at the bottom, which says most: `connection refused`, not `dispatch failure`.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    // The operating system's number says nothing to a person.
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

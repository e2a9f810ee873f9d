//! What the refusals and silences of Identity Center mean.

use std::error::Error as StdError;

use aws_sdk_sso::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sso::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use crate::chain::StsEndpoint;
use crate::error::{Error, ErrorKind};

/// Which of the two is called.
#[derive(Clone, Copy, Debug)]
pub(super) enum Service {
    Oidc,
    Portal,
}

impl Service {
    fn name(self) -> &'static str {
        match self {
            Self::Oidc => "the OIDC service of Identity Center",
            Self::Portal => "the portal of Identity Center",
        }
    }
}

/// The portal's code for a token that is not good, or not any more.
pub(super) const UNAUTHORIZED: &str = "UnauthorizedException";
/// The portal's code for an account or a role that is not the person's, whether it exists or not.
pub(super) const FORBIDDEN: &str = "ForbiddenException";
pub(super) const PENDING: &str = "AuthorizationPendingException";
pub(super) const SLOW_DOWN: &str = "SlowDownException";

/// The codes that say that a refresh token, or the client that holds it, is not good any more.
pub(super) fn grant_is_over(error: &Error) -> bool {
    matches!(
        error.aws_code(),
        Some(
            "AccessDeniedException"
                | "ExpiredTokenException"
                | "InvalidClientException"
                | "InvalidGrantException"
                | "UnauthorizedClientException"
        )
    )
}

/// The code for a client that is not registered, or not any more.
pub(super) fn client_is_unknown(error: &Error) -> bool {
    matches!(
        error.aws_code(),
        Some("InvalidClientException" | "UnauthorizedClientException")
    )
}

/// An SDK error as a decision.
pub(super) fn refusal<E>(error: SdkError<E, HttpResponse>, service: Service, endpoint: &StsEndpoint) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let (name, url) = (service.name(), &endpoint.url);
    let unreachable = |why: String| {
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot reach {name} at {url}: {why}"),
        )
        .with_hint(format!(
            "Check the network and sso_region; the endpoint comes from {}.",
            endpoint.origin
        ))
    };
    match &error {
        SdkError::TimeoutError(_) => unreachable("it did not answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unreachable("it did not answer in time".to_owned())
        }
        SdkError::DispatchFailure(_) => unreachable(innermost(&error)),
        SdkError::ServiceError(answer) => {
            let (meta, status) = (answer.err().meta(), answer.raw().status().as_u16());
            match meta.code() {
                Some(code) => by_code(code, status, name).with_aws(Some(code), meta.request_id()),
                None => strange(name, url, status),
            }
        }
        SdkError::ResponseError(answer) => strange(name, url, answer.raw().status().as_u16()),
        _ => Error::new(
            ErrorKind::Internal,
            format!("the call to {name} could not be made: {}", innermost(&error)),
        )
        .with_hint("This is a bug of rolecall: please report it."),
    }
}

fn strange(name: &str, url: &str, status: u16) -> Error {
    let error = |what: &str| Error::new(ErrorKind::Unavailable, format!("{what} (HTTP {status})"));
    if status >= 500 {
        return error(&format!("{name} at {url} failed"))
            .with_hint("Try again; if it stays so, look at AWS's health page for the region.");
    }
    error(&format!("what answers at {url} does not speak as {name} does")).with_hint(
        "Check sso_region, AWS_ENDPOINT_URL and the proxies on the way; a login page of a network answers like this.",
    )
}

fn by_code(code: &str, status: u16, name: &str) -> Error {
    let error = |kind| Error::new(kind, format!("{name} refused: {code}"));
    match code {
        "AccessDeniedException" => {
            error(ErrorKind::Denied).with_hint("Somebody said no on the page of the sign-in: begin again.")
        }
        "AuthorizationPendingException" => {
            error(ErrorKind::NeedsUser).with_hint("The page of the sign-in waits for an answer.")
        }
        "ExpiredTokenException" | "InvalidGrantException" | UNAUTHORIZED => {
            error(ErrorKind::NeedsUser).with_hint("Sign in again.")
        }
        "InvalidClientException" | "UnauthorizedClientException" => error(ErrorKind::NeedsUser).with_hint(
            "Identity Center does not know this client any more: sign in again, and it is registered anew.",
        ),
        FORBIDDEN => error(ErrorKind::Denied).with_hint(
            "Whoever is signed in has no such role there: ask for the assignment in Identity Center.",
        ),
        "ResourceNotFoundException" => {
            error(ErrorKind::Denied).with_hint("Check sso_account_id and sso_role_name.")
        }
        "InvalidScopeException" => error(ErrorKind::Config).with_hint(
            "Correct sso_registration_scopes, or take it out: the portal needs sso:account:access.",
        ),
        "InvalidRequestException" | "InvalidRequestRegionException" | "InvalidRedirectUriException" => error(
            ErrorKind::Config,
        )
        .with_hint(
            "Check sso_start_url and sso_region: they have to be of the same instance of Identity Center.",
        ),
        "TooManyRequestsException" | SLOW_DOWN => {
            Error::new(ErrorKind::Unavailable, format!("{name} is throttling: {code}"))
                .with_hint("Try again in a moment.")
        }
        _ if status >= 500 || status == 429 => Error::new(
            ErrorKind::Unavailable,
            format!("{name} failed: {code} (HTTP {status})"),
        )
        .with_hint("Try again; if it stays so, look at AWS's health page for the region."),
        _ => error(ErrorKind::Denied).with_hint("Check sso_start_url and sso_region, then sign in again."),
    }
}

/// An answer that does not fit what was asked for.
pub(super) fn untrusted(what: &str, service: Service, endpoint: &StsEndpoint) -> Error {
    let (name, url) = (service.name(), &endpoint.url);
    tracing::error!(target: "rolecall::untrusted", %url, "{name} {what}; the answer was thrown away");
    Error::new(
        ErrorKind::Untrusted,
        format!("{name} {what}; the answer was thrown away"),
    )
    .with_hint(format!(
        "Something answers in its place at {url}: check the endpoint and the proxies on the way."
    ))
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

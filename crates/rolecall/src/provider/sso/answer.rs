//! What the refusals and silences of Identity Center mean.

use std::error::Error as StdError;

use aws_sdk_sso::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::answer::refused;
use super::super::decision::{self, Context};
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

/// An SDK error as a decision: the table is the one of all services.
pub(super) fn refusal<E>(error: SdkError<E, HttpResponse>, service: Service, endpoint: &StsEndpoint) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let (service, operation) = match service {
        Service::Oidc => (decision::Service::SignIn, "the sign-in"),
        Service::Portal => (decision::Service::Portal, "the call to the portal"),
    };
    let context = Context {
        origin: Some(&endpoint.origin),
        region: Some(&endpoint.region),
        ..Context::new(operation, &endpoint.url)
    };
    refused(error, service, &context)
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

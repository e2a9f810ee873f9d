//! What the refusals and silences of Identity Center mean.

use std::error::Error as StdError;

use aws_sdk_sso::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::answer::told;
use super::super::decision::{Context, Service};
use crate::chain::{Source, SsoSession, StsEndpoint};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

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

/// A refusal of the portal, or its silence. `source` is whose credentials were wanted.
pub(super) async fn of_portal<E>(
    host: &Host,
    session: &SsoSession,
    source: Option<&Source>,
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let context = Context {
        origin: Some(&session.portal.origin),
        region: Some(&session.region),
        source,
        session: Some(session),
        ..Context::new(operation, &session.portal.url)
    };
    told(host, &session.portal, error, Service::Portal, &context).await
}

/// A refusal of the OIDC service, or its silence.
pub(super) async fn of_oidc<E>(
    host: &Host,
    session: &SsoSession,
    operation: &'static str,
    error: SdkError<E, HttpResponse>,
) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let context = Context {
        origin: Some(&session.oidc.origin),
        region: Some(&session.region),
        session: Some(session),
        ..Context::new(operation, &session.oidc.url)
    };
    told(host, &session.oidc, error, Service::SignIn, &context).await
}

/// An answer that does not fit what was asked for.
pub(super) fn untrusted(what: &str, service: Service, endpoint: &StsEndpoint) -> Error {
    let url = &endpoint.url;
    tracing::error!(target: "rolecall::untrusted", %url, "{service} {what}; the answer was thrown away");
    Error::new(
        ErrorKind::Untrusted,
        format!("{service} {what}; the answer was thrown away"),
    )
    .with_hint(format!(
        "Something answers in its place at {url}: check the endpoint and the proxies on the way."
    ))
}

//! The SDK's clients of the two services of Identity Center. Neither signs its requests: a token or a client's secret is
//! in them.

use std::future::Future;
use std::time::Duration;

use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::chain::SsoSession;
use crate::error::Error;
use crate::host::Host;
use crate::provider::skew::SkewMeter;

pub(super) fn portal(
    host: &Host,
    session: &SsoSession,
    skew: &SkewMeter,
) -> Result<aws_sdk_sso::Client, Error> {
    let endpoint = &session.portal;
    let config = aws_sdk_sso::Config::builder()
        .behavior_version(aws_sdk_sso::config::BehaviorVersion::latest())
        .region(aws_sdk_sso::config::Region::new(
            session.region.as_str().to_owned(),
        ))
        .endpoint_url(&endpoint.url)
        .http_client(host.client_for(&endpoint.transport())?)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts())
        .interceptor(skew.clone())
        .build();
    Ok(aws_sdk_sso::Client::from_conf(config))
}

pub(super) fn oidc(host: &Host, session: &SsoSession) -> Result<aws_sdk_ssooidc::Client, Error> {
    let endpoint = &session.oidc;
    let config = aws_sdk_ssooidc::Config::builder()
        .behavior_version(aws_sdk_ssooidc::config::BehaviorVersion::latest())
        .region(aws_sdk_ssooidc::config::Region::new(
            session.region.as_str().to_owned(),
        ))
        .endpoint_url(&endpoint.url)
        .http_client(host.client_for(&endpoint.transport())?)
        .retry_config(RetryConfig::standard().with_max_attempts(3))
        .timeout_config(timeouts())
        .build();
    Ok(aws_sdk_ssooidc::Client::from_conf(config))
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        // Below the 18 seconds after which `credential-process` gives up.
        .operation_timeout(Duration::from_secs(16))
        .build()
}

/// A call of which the SDK logs nothing: at its most talkative it writes whole requests, and the tokens are in a header
/// that it does not know for a secret, and in bodies.
pub(super) async fn unlogged<F: Future>(call: F) -> F::Output {
    call.with_subscriber(NoSubscriber::default()).await
}

//! The calls themselves: `AssumeRole`, `GetSessionToken`, `GetFederationToken`, `GetCallerIdentity`.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::timeout::TimeoutConfig;
use aws_sdk_sts::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::types::{AssumedRoleUser, PolicyDescriptorType, Tag as SdkTag};

use super::answer;
use super::decision::{Context, Service, Signer};
use super::skew::SkewMeter;
use crate::arn::AssumedRoleArn;
use crate::chain::{Chain, Role, StsEndpoint};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::secret::Secret;
use crate::session::{Session, SessionParts};

/// How much later than asked for an end may lie: STS counts from its own clock, after the request has travelled.
const SLACK: Duration = Duration::from_secs(60);

/// Who a session is, as STS says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallerIdentity {
    /// The full ARN.
    pub arn: String,
    /// The account.
    pub account: String,
    /// The unique id; for a role's session `AROA…:SESSION`.
    pub user_id: String,
}

/// How often a call is tried. One that carries a code is sent once: the code may have been taken though no answer came.
pub(super) const TRIES: u32 = 3;
const TRIES_WITH_A_CODE: u32 = 1;

fn tries(proof: Option<&Proof>) -> u32 {
    match proof {
        Some(_) => TRIES_WITH_A_CODE,
        None => TRIES,
    }
}

pub(super) fn client(
    host: &Host,
    sts: &StsEndpoint,
    credentials: Credentials,
    skew: &SkewMeter,
    tries: u32,
) -> Result<Client, Error> {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        // Below the 18 seconds after which `credential-process` gives up.
        .operation_timeout(Duration::from_secs(16))
        .build();
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(sts.region.as_str().to_owned()))
        .endpoint_url(&sts.url)
        .http_client(host.client_for(&sts.transport())?)
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_max_attempts(tries))
        .timeout_config(timeouts)
        .time_source(skew.time_source())
        .disable_clock_skew_correction(!skew.corrects())
        .interceptor(skew.clone())
        .build();
    Ok(Client::from_conf(config))
}

/// Who signs a call: with which credentials, what kind they are, and the chain that they are of.
#[derive(Clone)]
pub(super) struct By<'a> {
    pub(super) credentials: Credentials,
    pub(super) signer: Signer,
    pub(super) chain: &'a Chain,
}

impl<'a> By<'a> {
    /// What signs for the role at `hop`; without one, for the source's own session.
    pub(super) fn hop(chain: &'a Chain, hop: Option<usize>, credentials: Credentials) -> Self {
        Self {
            credentials,
            signer: Signer::of(chain, hop),
            chain,
        }
    }

    fn meter(&self, host: &Host) -> SkewMeter {
        SkewMeter::correcting(host, self.chain.corrects_clock)
    }

    /// What a refusal of this call is judged by.
    fn context(&self, operation: &'static str, sts: &'a StsEndpoint) -> Context<'a> {
        Context {
            origin: Some(&sts.origin),
            region: Some(&sts.region),
            signer: self.signer,
            source: Some(&self.chain.source),
            ..Context::new(operation, &sts.url)
        }
    }
}

/// An MFA code, and the device that showed it.
pub(super) struct Proof {
    pub(super) serial: String,
    pub(super) code: Secret,
}

pub(super) async fn assume(
    host: &Host,
    role: &Role,
    by: &By<'_>,
    proof: Option<Proof>,
) -> Result<Session, Error> {
    let hop = role.arn.to_string();
    let skew = by.meter(host);
    let seconds = role.duration.value.seconds();
    tracing::debug!(role = %hop, session_name = role.session_name.value.as_str(), seconds, sts = %role.sts.url, "AssumeRole");
    let mut call = client(
        host,
        &role.sts,
        by.credentials.clone(),
        &skew,
        tries(proof.as_ref()),
    )?
    .assume_role()
    .role_arn(&hop)
    .role_session_name(role.session_name.value.as_str())
    .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
    .set_external_id(role.external_id.as_ref().map(|id| id.value.as_str().to_owned()))
    .set_source_identity(
        role.source_identity
            .as_ref()
            .map(|identity| identity.value.as_str().to_owned()),
    )
    .set_policy(
        role.policy
            .as_ref()
            .map(|policy| policy.value.as_str().to_owned()),
    );
    if let Some(proof) = &proof {
        call = call.serial_number(&proof.serial).token_code(proof.code.expose());
    }
    for arn in &role.policy_arns {
        call = call.policy_arns(PolicyDescriptorType::builder().arn(arn.as_str()).build());
    }
    for tag in role.tags.iter() {
        call = call.tags(answer::built(
            SdkTag::builder().key(tag.key()).value(tag.value()).build(),
        )?);
    }
    for key in role.tags.transitive() {
        call = call.transitive_tag_keys(key);
    }
    let reply = match call.send().await {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                role: Some(role),
                proved: proof.is_some(),
                skew: skew.seconds(),
                ..by.context("AssumeRole", &role.sts)
            };
            return Err(answer::told(host, &role.sts, error, Service::Sts, &context).await);
        }
    };
    let session = checked(host, &skew, role, reply.assumed_role_user(), reply.credentials())?;
    Ok(session.answering(reply.request_id()))
}

/// What STS answered for a role, if it is what was asked for.
pub(super) fn checked(
    host: &Host,
    skew: &SkewMeter,
    role: &Role,
    user: Option<&AssumedRoleUser>,
    credentials: Option<&aws_sdk_sts::types::Credentials>,
) -> Result<Session, Error> {
    let (hop, seconds) = (role.arn.to_string(), role.duration.value.seconds());
    let untrusted = |what: String| untrusted(&what, &role.sts).with_hop(hop.clone());
    let whom = user.map(AssumedRoleUser::arn).unwrap_or_default();
    let principal: AssumedRoleArn = whom.parse().map_err(|_| {
        untrusted(match whom {
            "" => "STS answered without saying whom the session acts as".to_owned(),
            _ => format!(
                "STS answered that the session acts as `{}`, which is no role's session",
                answer::clause(whom)
            ),
        })
    })?;
    if !principal.is_session_of(&role.arn, role.session_name.value.as_str()) {
        return Err(untrusted(format!(
            "asked for {hop}, STS answered for {principal}"
        )));
    }
    let credentials = credentials.ok_or_else(|| untrusted("STS answered without credentials".to_owned()))?;
    let parts = parts(host, skew, credentials, seconds, Some(principal)).map_err(untrusted)?;
    Ok(Session::new(parts))
}

pub(super) async fn session_token(
    host: &Host,
    sts: &StsEndpoint,
    seconds: u32,
    by: &By<'_>,
    proof: Option<Proof>,
) -> Result<Session, Error> {
    let skew = by.meter(host);
    tracing::debug!(seconds, sts = %sts.url, "GetSessionToken");
    let sent = client(host, sts, by.credentials.clone(), &skew, tries(proof.as_ref()))?
        .get_session_token()
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
        .set_serial_number(proof.as_ref().map(|proof| proof.serial.clone()))
        .set_token_code(proof.as_ref().map(|proof| proof.code.expose().to_owned()))
        .send()
        .await;
    let reply = match sent {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                proved: proof.is_some(),
                skew: skew.seconds(),
                ..by.context("GetSessionToken", sts)
            };
            return Err(answer::told(host, sts, error, Service::Sts, &context).await);
        }
    };
    let untrusted = |what: String| untrusted(&what, sts);
    let credentials = reply
        .credentials()
        .ok_or_else(|| untrusted("STS answered without credentials".to_owned()))?;
    let session = Session::new(parts(host, &skew, credentials, seconds, None).map_err(untrusted)?);
    let session = session.answering(reply.request_id());
    Ok(match proof {
        Some(_) => session.proving_mfa(),
        None => session,
    })
}

/// `GetFederationToken` under this name and with this policy; with the ARN that the session acts as.
pub(super) async fn federation_token(
    host: &Host,
    sts: &StsEndpoint,
    seconds: u32,
    by: &By<'_>,
    name: &str,
    policy: &str,
) -> Result<(Session, String), Error> {
    let skew = by.meter(host);
    tracing::debug!(name, seconds, sts = %sts.url, "GetFederationToken");
    let sent = client(host, sts, by.credentials.clone(), &skew, TRIES)?
        .get_federation_token()
        .name(name)
        .policy(policy)
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
        .send()
        .await;
    let reply = match sent {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                skew: skew.seconds(),
                ..by.context("GetFederationToken", sts)
            };
            return Err(answer::told(host, sts, error, Service::Sts, &context).await);
        }
    };
    let untrusted = |what: String| untrusted(&what, sts);
    let whom = reply.federated_user().map_or("", |user| user.arn());
    if !whom.ends_with(&format!(":federated-user/{name}")) {
        let whom = answer::clause(whom);
        return Err(untrusted(format!(
            "asked for a session of `{name}`, STS answered for `{whom}`"
        )));
    }
    let credentials = reply
        .credentials()
        .ok_or_else(|| untrusted("STS answered without credentials".to_owned()))?;
    let parts = parts(host, &skew, credentials, seconds, None).map_err(untrusted)?;
    let account = whom.split(':').nth(4).and_then(|id| id.parse().ok());
    let session = Session::new(SessionParts { account, ..parts });
    Ok((session.answering(reply.request_id()), whom.to_owned()))
}

pub(super) async fn caller_identity(
    host: &Host,
    sts: &StsEndpoint,
    by: By<'_>,
) -> Result<CallerIdentity, Error> {
    let skew = by.meter(host);
    let sent = client(host, sts, by.credentials.clone(), &skew, TRIES)?
        .get_caller_identity()
        .send()
        .await;
    let reply = match sent {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                skew: skew.seconds(),
                ..by.context("GetCallerIdentity", sts)
            };
            return Err(answer::told(host, sts, error, Service::Sts, &context).await);
        }
    };
    match (reply.arn, reply.account, reply.user_id) {
        (Some(arn), Some(account), Some(user_id)) => Ok(CallerIdentity {
            arn,
            account,
            user_id,
        }),
        _ => Err(Error::new(
            ErrorKind::Unavailable,
            format!("STS at {} answered without an identity", sts.url),
        )
        .with_hint("Check AWS_ENDPOINT_URL and the proxies on the way.")),
    }
}

/// The error for an answer that was thrown away. It is logged as well: an SDK may keep the error to itself.
fn untrusted(what: &str, sts: &StsEndpoint) -> Error {
    tracing::error!(target: "rolecall::untrusted", sts = %sts.url, "{what}; the credentials were thrown away");
    Error::new(
        ErrorKind::Untrusted,
        format!("{what}; the credentials were thrown away"),
    )
    .with_hint(format!(
        "Something answers in the place of STS at {}: check the endpoint and the proxies on the way.",
        sts.url
    ))
}

/// The answer's credentials, if their end lies within what was asked for.
fn parts(
    host: &Host,
    skew: &SkewMeter,
    credentials: &aws_sdk_sts::types::Credentials,
    seconds: u32,
    principal: Option<AssumedRoleArn>,
) -> Result<SessionParts, String> {
    skew.warn();
    let issued_at = host.now();
    let end = SystemTime::try_from(*credentials.expiration())
        .map_err(|error| format!("STS answered with an end that is no time ({error})"))?;
    let expires_at = skew.to_local(end);
    let latest = issued_at + Duration::from_secs(seconds.into()) + SLACK;
    if expires_at <= issued_at {
        return Err(format!(
            "STS answered with a session that ended at {}",
            crate::time::rfc3339(end)
        ));
    }
    if expires_at > latest {
        return Err(format!(
            "asked for {seconds} seconds, STS answered with an end at {}",
            crate::time::rfc3339(end)
        ));
    }
    if credentials.access_key_id().is_empty()
        || credentials.secret_access_key().is_empty()
        || credentials.session_token().is_empty()
    {
        return Err("STS answered with half a set of credentials".to_owned());
    }
    Ok(SessionParts {
        access_key_id: credentials.access_key_id().to_owned(),
        secret_access_key: credentials.secret_access_key().to_owned(),
        session_token: credentials.session_token().to_owned(),
        account: principal.as_ref().map(AssumedRoleArn::account),
        principal,
        issued_at,
        expires_at,
    })
}

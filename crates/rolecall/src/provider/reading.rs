//! What IAM and Organizations say, read for whoever looks for roles or for the reason of a refusal.
//!
//! Each call may be denied on its own: it answers for itself, and says which permission it would have needed. Policies come
//! percent-encoded ("policy documents … are URL-encoded compliant with RFC 3986") and are handed out as text.

mod organizations;

use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_iam::Client as Iam;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::RequestId;
use aws_sdk_iam::types::{AttachedPermissionsBoundary, AttachedPolicy, Role as SdkRole, Tag as SdkTag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use percent_encoding::percent_decode_str;

use super::Provider;
use super::answer;
use super::decision::{Context, Service, Signer};
use super::skew::SkewMeter;
use crate::chain::{Endpoints, Service as Called, StsEndpoint, Target};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

pub(crate) use organizations::Membership;

/// How often a call is tried: IAM throttles whoever reads much, and waiting a little is all it asks for.
const TRIES: u32 = 6;
/// More pages than any account has: an answer that never ends is one of something else.
const MOST_PAGES: usize = 500;

/// Reads with the credentials of one target.
pub(crate) struct Reader<'a> {
    provider: &'a Provider,
    signer: Signer,
    iam: (Iam, StsEndpoint),
    organizations: (aws_sdk_organizations::Client, StsEndpoint),
    skew: SkewMeter,
}

/// Whose policies are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holder<'a> {
    User(&'a str),
    Group(&'a str),
    Role(&'a str),
}

/// A user or a role.
#[derive(Clone, Debug)]
pub(crate) struct Entity {
    pub(crate) arn: String,
    /// The ARN of the policy that is its permissions boundary.
    pub(crate) boundary: Option<String>,
    pub(crate) tags: Vec<(String, String)>,
    /// A role's trust policy.
    pub(crate) trust: Option<String>,
    /// A role's `MaxSessionDuration`, in seconds.
    pub(crate) longest: Option<i32>,
}

impl<'a> Reader<'a> {
    /// A reader with the session of the provider's target, or its own key where it has no role.
    ///
    /// # Errors
    /// Why there is no session, and what is wrong about an endpoint.
    pub(crate) async fn of(provider: &'a Provider) -> Result<Self, Error> {
        let by = provider.by().await?;
        let host = provider.host();
        let skew = SkewMeter::correcting(host, provider.chain().corrects_clock);
        let iam = located(provider, Called::Iam)?;
        let organizations = located(provider, Called::Organizations)?;
        Ok(Self {
            provider,
            signer: by.signer,
            iam: (
                Iam::from_conf(config(
                    host,
                    &iam,
                    by.credentials.clone(),
                    &skew,
                    RetryConfig::adaptive().with_max_attempts(TRIES),
                )?),
                iam,
            ),
            organizations: (
                organizations::client(host, &organizations, by.credentials, &skew)?,
                organizations,
            ),
            skew,
        })
    }

    async fn iam<T, E>(
        &self,
        operation: &'static str,
        reply: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        self.answer(operation, Service::Iam, &self.iam.1, reply).await
    }

    async fn answer<T, E>(
        &self,
        operation: &'static str,
        service: Service,
        endpoint: &StsEndpoint,
        reply: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        let error = match reply {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        let context = Context {
            origin: Some(&endpoint.origin),
            region: Some(&endpoint.region),
            signer: self.signer,
            source: Some(&self.provider.chain().source),
            skew: self.skew.seconds(),
            ..Context::new(operation, &endpoint.url)
        };
        Err(answer::told(self.provider.host(), endpoint, error, service, &context).await)
    }

    /// The user of that name.
    pub(crate) async fn user(&self, name: &str) -> Result<Entity, Error> {
        let reply = self.iam.0.get_user().user_name(name).send().await;
        let user = self
            .iam("GetUser", reply)
            .await?
            .user
            .ok_or_else(|| self.empty("GetUser"))?;
        Ok(Entity {
            arn: user.arn,
            boundary: boundary(user.permissions_boundary),
            tags: tags(user.tags),
            trust: None,
            longest: None,
        })
    }

    /// The role of that name.
    pub(crate) async fn role(&self, name: &str) -> Result<Entity, Error> {
        let reply = self.iam.0.get_role().role_name(name).send().await;
        let role = self
            .iam("GetRole", reply)
            .await?
            .role
            .ok_or_else(|| self.empty("GetRole"))?;
        entity(role)
    }

    /// Every role of the account. They come without tags and boundaries ("ListRoles does not return …").
    pub(crate) async fn roles(&self) -> Result<Vec<Entity>, Error> {
        let mut found = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let reply = self
                .iam
                .0
                .list_roles()
                .max_items(1000)
                .set_marker(pages.marker())
                .send()
                .await;
            let reply = self.iam("ListRoles", reply).await?;
            found.extend(reply.roles.into_iter().map(entity));
            pages.turn(reply.is_truncated, reply.marker);
        }
        found.into_iter().collect()
    }

    /// The names of a user's groups.
    pub(crate) async fn groups(&self, user: &str) -> Result<Vec<String>, Error> {
        let mut found = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let reply = self
                .iam
                .0
                .list_groups_for_user()
                .user_name(user)
                .set_marker(pages.marker())
                .send()
                .await;
            let reply = self.iam("ListGroupsForUser", reply).await?;
            found.extend(reply.groups.into_iter().map(|group| group.group_name));
            pages.turn(reply.is_truncated, reply.marker);
        }
        Ok(found)
    }

    /// The ARNs of the managed policies that are attached.
    pub(crate) async fn attached(&self, holder: Holder<'_>) -> Result<Vec<String>, Error> {
        let mut found: Vec<AttachedPolicy> = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let (iam, marker) = (&self.iam.0, pages.marker());
            let (some, is_truncated, marker) = match holder {
                Holder::User(name) => {
                    let reply = iam
                        .list_attached_user_policies()
                        .user_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListAttachedUserPolicies", reply).await?;
                    (reply.attached_policies, reply.is_truncated, reply.marker)
                }
                Holder::Group(name) => {
                    let reply = iam
                        .list_attached_group_policies()
                        .group_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListAttachedGroupPolicies", reply).await?;
                    (reply.attached_policies, reply.is_truncated, reply.marker)
                }
                Holder::Role(name) => {
                    let reply = iam
                        .list_attached_role_policies()
                        .role_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListAttachedRolePolicies", reply).await?;
                    (reply.attached_policies, reply.is_truncated, reply.marker)
                }
            };
            found.extend(some.unwrap_or_default());
            pages.turn(is_truncated, marker);
        }
        Ok(found.into_iter().filter_map(|policy| policy.policy_arn).collect())
    }

    /// The names of the inline policies.
    pub(crate) async fn inline_names(&self, holder: Holder<'_>) -> Result<Vec<String>, Error> {
        let mut found: Vec<String> = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let (iam, marker) = (&self.iam.0, pages.marker());
            let (some, is_truncated, marker) = match holder {
                Holder::User(name) => {
                    let reply = iam
                        .list_user_policies()
                        .user_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListUserPolicies", reply).await?;
                    (reply.policy_names, reply.is_truncated, reply.marker)
                }
                Holder::Group(name) => {
                    let reply = iam
                        .list_group_policies()
                        .group_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListGroupPolicies", reply).await?;
                    (reply.policy_names, reply.is_truncated, reply.marker)
                }
                Holder::Role(name) => {
                    let reply = iam
                        .list_role_policies()
                        .role_name(name)
                        .set_marker(marker)
                        .send()
                        .await;
                    let reply = self.iam("ListRolePolicies", reply).await?;
                    (reply.policy_names, reply.is_truncated, reply.marker)
                }
            };
            found.extend(some);
            pages.turn(is_truncated, marker);
        }
        Ok(found)
    }

    /// The text of an inline policy.
    pub(crate) async fn inline(&self, holder: Holder<'_>, policy: &str) -> Result<String, Error> {
        let iam = &self.iam.0;
        let text = match holder {
            Holder::User(name) => {
                let reply = iam
                    .get_user_policy()
                    .user_name(name)
                    .policy_name(policy)
                    .send()
                    .await;
                self.iam("GetUserPolicy", reply).await?.policy_document
            }
            Holder::Group(name) => {
                let reply = iam
                    .get_group_policy()
                    .group_name(name)
                    .policy_name(policy)
                    .send()
                    .await;
                self.iam("GetGroupPolicy", reply).await?.policy_document
            }
            Holder::Role(name) => {
                let reply = iam
                    .get_role_policy()
                    .role_name(name)
                    .policy_name(policy)
                    .send()
                    .await;
                self.iam("GetRolePolicy", reply).await?.policy_document
            }
        };
        decoded(&text)
    }

    /// The version of a managed policy that counts.
    pub(crate) async fn default_version(&self, arn: &str) -> Result<String, Error> {
        let reply = self.iam.0.get_policy().policy_arn(arn).send().await;
        let policy = self.iam("GetPolicy", reply).await?.policy;
        let version = policy.and_then(|policy| policy.default_version_id);
        version.ok_or_else(|| self.empty("GetPolicy"))
    }

    /// The text of a version of a managed policy.
    pub(crate) async fn managed(&self, arn: &str, version: &str) -> Result<String, Error> {
        let reply = self
            .iam
            .0
            .get_policy_version()
            .policy_arn(arn)
            .version_id(version)
            .send()
            .await;
        let version = self.iam("GetPolicyVersion", reply).await?.policy_version;
        let text = version.and_then(|version| version.document);
        decoded(&text.ok_or_else(|| self.empty("GetPolicyVersion"))?)
    }

    /// What the account is called at sign-in.
    pub(crate) async fn alias(&self) -> Result<Option<String>, Error> {
        let reply = self.iam.0.list_account_aliases().send().await;
        Ok(self
            .iam("ListAccountAliases", reply)
            .await?
            .account_aliases
            .into_iter()
            .next())
    }

    fn empty(&self, operation: &str) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "IAM at {} answered {operation} without what was asked for",
                self.iam.1.url
            ),
        )
        .with_hint("Check AWS_ENDPOINT_URL and the proxies on the way.")
    }
}

/// Turns pages: `Marker` and `IsTruncated`, or a token that is there or not.
#[derive(Default)]
struct Pages {
    turned: usize,
    marker: Option<String>,
    is_last: bool,
}

impl Pages {
    fn has_next(&self) -> Result<bool, Error> {
        if self.turned >= MOST_PAGES {
            return Err(
                Error::new(ErrorKind::Untrusted, "an answer of AWS has no end").with_hint(
                    "Something answers in the place of AWS: check the endpoint and the proxies on the way.",
                ),
            );
        }
        Ok(!self.is_last)
    }

    fn marker(&self) -> Option<String> {
        self.marker.clone()
    }

    fn turn(&mut self, is_truncated: bool, marker: Option<String>) {
        self.turned += 1;
        // The same page again would be the same for ever.
        self.is_last = !is_truncated || marker.is_none() || marker == self.marker;
        self.marker = marker;
    }
}

fn entity(role: SdkRole) -> Result<Entity, Error> {
    let trust = role
        .assume_role_policy_document
        .as_deref()
        .map(decoded)
        .transpose()?;
    Ok(Entity {
        arn: role.arn,
        boundary: boundary(role.permissions_boundary),
        tags: tags(role.tags),
        trust,
        longest: role.max_session_duration,
    })
}

fn boundary(boundary: Option<AttachedPermissionsBoundary>) -> Option<String> {
    boundary?.permissions_boundary_arn
}

fn tags(tags: Option<Vec<SdkTag>>) -> Vec<(String, String)> {
    tags.into_iter()
        .flatten()
        .map(|tag| (tag.key, tag.value))
        .collect()
}

fn decoded(text: &str) -> Result<String, Error> {
    let decoded = percent_decode_str(text).decode_utf8();
    decoded
        .map(Into::into)
        .map_err(|_| Error::new(ErrorKind::Untrusted, "IAM answered with a policy that is no text"))
}

fn located(provider: &Provider, service: Called) -> Result<StsEndpoint, Error> {
    let chain = provider.chain();
    let of_target = match &chain.target {
        Target::Profile(name) => Some(name.as_str()),
        Target::Role(_) => None,
    };
    let name = of_target.or(chain.source.profile.as_deref());
    let region = match (chain.roles.last(), &chain.region) {
        (Some(role), _) => role.sts.region.clone(),
        (None, Some(region)) => region.value.clone(),
        (None, None) => chain.source_sts.region.clone(),
    };
    let endpoints = Endpoints {
        profiles: provider.profiles(),
        host: provider.host(),
        insecure: provider.is_insecure(),
    };
    let profile = name.and_then(|name| provider.profiles().profile(name));
    endpoints.locate(service, profile, &region, &mut Vec::new())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(10))
        .operation_timeout(Duration::from_secs(60))
        .build()
}

/// What a client of IAM's is built from.
pub(super) fn config(
    host: &Host,
    endpoint: &StsEndpoint,
    credentials: Credentials,
    skew: &SkewMeter,
    retries: RetryConfig,
) -> Result<aws_sdk_iam::Config, Error> {
    Ok(aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(endpoint.region.as_str().to_owned()))
        .endpoint_url(&endpoint.url)
        .http_client(host.client_for(&endpoint.transport())?)
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(retries)
        .timeout_config(timeouts())
        .time_source(skew.time_source())
        .disable_clock_skew_correction(!skew.corrects())
        .interceptor(skew.clone())
        .build())
}

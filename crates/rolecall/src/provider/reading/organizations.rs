//! What AWS Organizations says: which accounts there are, and what binds one of them.

use aws_credential_types::Credentials;
use aws_sdk_organizations::Client;
use aws_sdk_organizations::config::retry::RetryConfig;
use aws_sdk_organizations::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use aws_sdk_organizations::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_organizations::operation::RequestId;
use aws_sdk_organizations::types::{AccountState, PolicyType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::{Pages, Reader, TRIES, timeouts};
use crate::arn::AccountId;
use crate::chain::StsEndpoint;
use crate::error::Error;
use crate::host::Host;
use crate::provider::decision::Service;
use crate::provider::skew::SkewMeter;

/// An account of the organization.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) id: AccountId,
    pub(crate) name: Option<String>,
    pub(crate) is_active: bool,
}

/// How an account stands to its organization.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Membership {
    /// It has none, so that nothing binds it.
    None,
    /// It manages one, and no service control policy binds it.
    Management,
    /// It is a member of one.
    Member,
}

/// The service control policies that bind an account: a list for each level from the root down, as (name, text).
pub(crate) type Levels = Vec<Vec<(String, String)>>;

pub(super) fn client(
    host: &Host,
    endpoint: &StsEndpoint,
    credentials: Credentials,
    skew: &SkewMeter,
) -> Result<Client, Error> {
    let config = aws_sdk_organizations::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(endpoint.region.as_str().to_owned()))
        .endpoint_url(&endpoint.url)
        .http_client(host.client_for(&endpoint.transport())?)
        .credentials_provider(credentials)
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::adaptive().with_max_attempts(TRIES))
        .timeout_config(timeouts())
        .time_source(skew.time_source())
        .disable_clock_skew_correction(!skew.corrects())
        .interceptor(skew.clone());
    Ok(Client::from_conf(config.build()))
}

impl Reader<'_> {
    async fn organizations<T, E>(
        &self,
        operation: &'static str,
        reply: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        self.answer(operation, Service::Organizations, &self.organizations.1, reply)
            .await
    }

    /// How the account stands to its organization. Every member may ask, if its policies let it.
    pub(crate) async fn membership(&self, account: AccountId) -> Result<Membership, Error> {
        let reply = self.organizations.0.describe_organization().send().await;
        match self.organizations("DescribeOrganization", reply).await {
            Ok(reply) => {
                let master = reply
                    .organization
                    .and_then(|organization| organization.master_account_id);
                Ok(match master {
                    Some(master) if master == account.as_str() => Membership::Management,
                    _ => Membership::Member,
                })
            }
            Err(error) if error.aws_code() == Some("AWSOrganizationsNotInUseException") => {
                Ok(Membership::None)
            }
            Err(error) => Err(error),
        }
    }

    /// Every account of the organization: its management account and delegated administrators may ask.
    pub(crate) async fn accounts(&self) -> Result<Vec<Member>, Error> {
        let mut found = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let reply = self
                .organizations
                .0
                .list_accounts()
                .set_next_token(pages.marker())
                .send()
                .await;
            let reply = self.organizations("ListAccounts", reply).await?;
            found.extend(reply.accounts.into_iter().flatten().filter_map(|account| {
                Some(Member {
                    id: account.id?.parse().ok()?,
                    name: account.name.filter(|name| !name.trim().is_empty()),
                    is_active: account.state.is_none_or(|state| state == AccountState::Active),
                })
            }));
            pages.turn(true, reply.next_token);
        }
        Ok(found)
    }

    /// The service control policies that bind an account.
    pub(crate) async fn service_control(&self, account: AccountId) -> Result<Levels, Error> {
        let mut levels = Vec::new();
        let mut id = account.to_string();
        // "You can nest OUs up to five levels deep", with the root above them and the account below.
        for _ in 0..7 {
            levels.push(self.policies_of(&id).await?);
            if id.starts_with("r-") {
                break;
            }
            let reply = self.organizations.0.list_parents().child_id(&id).send().await;
            let parents = self.organizations("ListParents", reply).await?.parents;
            match parents.into_iter().flatten().find_map(|parent| parent.id) {
                Some(parent) => id = parent,
                None => break,
            }
        }
        levels.reverse();
        Ok(levels)
    }

    async fn policies_of(&self, target: &str) -> Result<Vec<(String, String)>, Error> {
        let mut found = Vec::new();
        let mut pages = Pages::default();
        while pages.has_next()? {
            let call = self.organizations.0.list_policies_for_target().target_id(target);
            let call = call
                .filter(PolicyType::ServiceControlPolicy)
                .set_next_token(pages.marker());
            let reply = self
                .organizations("ListPoliciesForTarget", call.send().await)
                .await?;
            for summary in reply.policies.into_iter().flatten() {
                let Some(id) = summary.id else { continue };
                let reply = self.organizations.0.describe_policy().policy_id(&id).send().await;
                let policy = self.organizations("DescribePolicy", reply).await?.policy;
                let text = policy.and_then(|policy| policy.content).unwrap_or_default();
                found.push((summary.name.unwrap_or(id), text));
            }
            pages.turn(true, reply.next_token);
        }
        Ok(found)
    }
}

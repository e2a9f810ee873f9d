//! Assumes everything, and compares.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use rolecall::discover::{self, Found};
use rolecall::index::RoleVerdict;
use rolecall::profile::FileKind;
use rolecall::{Host, ProfileSet, Provider, SessionCache};
use rolecall_sandbox::{Sandbox, World};

/// A world, and a host in it.
pub(crate) struct Place {
    pub(crate) sandbox: Sandbox,
    pub(crate) host: Host,
    profiles: Arc<ProfileSet>,
    cache: Arc<SessionCache>,
}

impl Place {
    pub(crate) fn of(world: World) -> Self {
        Self::with(Sandbox::builder().world(world).start().unwrap(), "")
    }

    pub(crate) fn with(sandbox: Sandbox, config: &str) -> Self {
        let host = Host::builder()
            .env("AWS_ENDPOINT_URL", sandbox.endpoint())
            .build();
        let mut profiles = ProfileSet::default();
        let text = sandbox.config_file() + config;
        profiles
            .add(FileKind::Config, Path::new("config"), &text)
            .unwrap();
        let keys = sandbox.credentials_file();
        profiles
            .add(FileKind::Credentials, Path::new("credentials"), &keys)
            .unwrap();
        Self {
            sandbox,
            host,
            profiles: Arc::new(profiles),
            cache: Arc::default(),
        }
    }

    pub(crate) fn provider(&self, target: &str) -> Provider {
        let builder = Provider::builder(self.host.clone())
            .profiles(&self.profiles)
            .cache(&self.cache);
        builder.target(target).build().unwrap()
    }

    pub(crate) async fn found(&self, target: &str, hops: u32) -> Found {
        discover::roles(&self.provider(target), hops).await.unwrap()
    }

    /// STS, signed as the target is.
    pub(crate) async fn sts(&self, target: &str) -> Client {
        use aws_credential_types::provider::ProvideCredentials as _;
        let provider = self.provider(target);
        let credentials = match provider.chain().roles.is_empty() {
            // A user assumes with the key itself.
            true => {
                let keys = self.sandbox.user_keys(target).unwrap();
                aws_credential_types::Credentials::new(
                    keys.access_key_id,
                    keys.secret_access_key,
                    None,
                    None,
                    "a test",
                )
            }
            false => provider.provide_credentials().await.unwrap(),
        };
        let config = aws_sdk_sts::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(self.sandbox.endpoint())
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .credentials_provider(credentials);
        Client::from_conf(config.build())
    }

    /// Whether each role can be assumed by a call that carries nothing but what it must.
    pub(crate) async fn brute_force(&self, target: &str, roles: &[String]) -> BTreeMap<String, bool> {
        let sts = self.sts(target).await;
        let mut outcomes = BTreeMap::new();
        for role in roles {
            let call = sts.assume_role().role_arn(role).role_session_name("brute-force");
            outcomes.insert(role.clone(), call.send().await.is_ok());
        }
        outcomes
    }
}

/// How many of each there were, so that a test that compared nothing fails.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) allowed: usize,
    pub(crate) denied: usize,
    pub(crate) conditional: usize,
    pub(crate) patterns: usize,
    pub(crate) other_side_unread: usize,
}

/// Compares. `outcomes` is the truth; `open` is the truth where every other account trusts the caller's, for what discovery
/// says without knowing the other side.
pub(crate) fn compare(
    found: &Found,
    outcomes: &BTreeMap<String, bool>,
    open: &BTreeMap<String, bool>,
    tally: &mut Tally,
) -> Vec<String> {
    let mut wrong = Vec::new();
    let is_bound_unread = matches!(found.holdings.service_control, discover::Part::Unread);
    for role in &found.roles {
        let arn = role.arn.to_string();
        let Some(works) = outcomes.get(&arn).copied() else {
            continue;
        };
        let judgement = &role.judgement;
        match judgement.verdict {
            RoleVerdict::Allowed => {
                let truth = if judgement.trust_read && !is_bound_unread {
                    works
                } else {
                    tally.other_side_unread += 1;
                    open[&arn]
                };
                tally.allowed += 1;
                if !truth {
                    wrong.push(format!("{arn} is called allowed: {judgement:#?}"));
                }
            }
            RoleVerdict::Denied => {
                tally.denied += 1;
                if works {
                    wrong.push(format!("{arn} is called denied: {judgement:#?}"));
                }
            }
            _ => tally.conditional += 1,
        }
    }
    tally.patterns += found.patterns.len();
    // Nothing is missed: what works is there, or a pattern covers it, or something of the caller's own could not be read.
    let is_whole = found.holdings.opaque.is_empty();
    for (arn, _) in outcomes.iter().filter(|(_, works)| **works && is_whole) {
        let is_there = found.roles.iter().any(|role| role.arn.to_string() == *arn);
        let is_covered = found.patterns.iter().any(|pattern| pattern.covers(arn));
        // Named by the trust policy of an unread account of their own: only `ListRoles` tells.
        let own_unread = found.unread.iter().any(|unread| unread.needs == "iam:ListRoles");
        if !is_there && !is_covered && !own_unread {
            wrong.push(format!("{arn} was missed"));
        }
    }
    wrong
}

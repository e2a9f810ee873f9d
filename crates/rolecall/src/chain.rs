//! Chains: a source, then the roles assumed from it in order. Pure data without a secret in it; resolving calls nothing.

mod endpoint_url;
mod resolve;
mod target;
mod walk;

use std::fmt;
use std::path::PathBuf;

use crate::arn::{PolicyArn, RoleArn};
use crate::host::{CaBundle, Transport};
use crate::parameters::{
    ExternalId, MfaSerial, SessionDuration, SessionName, SessionPolicy, SourceIdentity, Tags,
};
use crate::partition::Region;
use crate::profile::Origin;
use crate::session::{KeyBuilder, SessionKey, masked_key_id};

pub use endpoint_url::{Endpoints, Service};
pub use target::Target;

/// What the caller asks for: a target, and what overrides the target's own settings. The fields are the common flags.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A profile, a role ARN or `ACCOUNT/[PATH/]ROLE`; absent: `AWS_PROFILE`, then `default`.
    pub target: Option<String>,
    /// What a third party's role demands.
    pub external_id: Option<ExternalId>,
    /// The name the session carries into CloudTrail.
    pub session_name: Option<SessionName>,
    /// How long the session is asked for.
    pub duration: Option<SessionDuration>,
    /// The region, for STS and for the child.
    pub region: Option<Region>,
    /// The profile whose credentials assume the role.
    pub source_profile: Option<String>,
    /// An inline policy the session is held to.
    pub policy: Option<SessionPolicy>,
    /// Managed policies the session is held to.
    pub policy_arns: Vec<PolicyArn>,
    /// Hold the session to AWS's `ReadOnlyAccess` as well.
    pub read_only: bool,
}

/// A value, and where it comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Configured<T> {
    /// The value.
    pub value: T,
    /// Where it comes from.
    pub origin: Origin,
}

impl<T> Configured<T> {
    pub(crate) fn new(value: T, origin: Origin) -> Self {
        Self { value, origin }
    }
}

/// How credentials are obtained.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What the user named.
    pub target: Target,
    /// Where the first credentials come from.
    pub source: Source,
    /// The roles assumed from it, in order. None: the source's own identity, by `GetSessionToken`.
    pub roles: Vec<Role>,
    /// The region the caller works in, where one is configured.
    pub region: Option<Configured<Region>>,
    /// Where STS is called for the source's own session, and in which region.
    pub source_sts: StsEndpoint,
    /// How long the source's own session is asked for, where the caller said so and there is no role.
    pub source_duration: Option<SessionDuration>,
    /// What a person should know and nobody asked.
    pub warnings: Vec<String>,
}

/// Where the first credentials come from. It needs no credentials itself, and holds no secret.
#[derive(Clone, Debug)]
pub struct Source {
    /// What kind it is.
    pub kind: SourceKind,
    /// The profile it belongs to, where it does.
    pub profile: Option<String>,
    /// The access key's id.
    pub access_key_id: String,
    /// Whether the key is temporary: a role assumed with it is a chained one, capped at an hour.
    pub temporary: bool,
    /// Where it stands.
    pub origin: Origin,
}

/// The kinds of sources.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourceKind {
    /// An access key in a config or credentials file.
    AccessKey,
    /// An access key in environment variables.
    Environment,
}

impl SourceKind {
    /// The name used in JSON and in session keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access_key",
            Self::Environment => "environment",
        }
    }
}

/// Where STS, or another service, is called, and which region the call is signed for.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StsEndpoint {
    /// The URL, without a `/` at its end.
    pub url: String,
    /// The region the call is signed for.
    pub region: Region,
    /// What made it this URL.
    pub origin: Origin,
    /// The authorities trusted for it, where not the operating system's. Not a part of any session key: who vouches for
    /// the server decides whether there is a session, not which one it is.
    pub ca_bundle: Option<Configured<PathBuf>>,
}

impl StsEndpoint {
    /// What a client for this endpoint is built from.
    pub fn transport(&self) -> Transport<'_> {
        Transport {
            ca_bundle: self.ca_bundle.as_ref().map(|bundle| CaBundle {
                path: &bundle.value,
                origin: &bundle.origin,
            }),
            ..Transport::to(&self.url)
        }
    }
}

/// One `sts:AssumeRole` step, with every parameter STS takes.
#[derive(Clone, Debug)]
pub struct Role {
    /// The role.
    pub arn: RoleArn,
    /// The session's name.
    pub session_name: Configured<SessionName>,
    /// What a third party's role demands.
    pub external_id: Option<Configured<ExternalId>>,
    /// The device whose code the role demands.
    pub mfa_serial: Option<Configured<MfaSerial>>,
    /// How long the session is asked for: what was configured, or less where AWS caps it.
    pub duration: Configured<SessionDuration>,
    /// Why it is asked for less than was configured.
    pub duration_capped_by: Option<&'static str>,
    /// Who the person behind the chain is.
    pub source_identity: Option<Configured<SourceIdentity>>,
    /// Tags of the session.
    pub tags: Tags,
    /// An inline policy the session is held to.
    pub policy: Option<Configured<SessionPolicy>>,
    /// Managed policies the session is held to.
    pub policy_arns: Vec<PolicyArn>,
    /// Where STS is called.
    pub sts: StsEndpoint,
    /// Where the role stands.
    pub origin: Origin,
}

impl Chain {
    /// The key of the source's own session.
    pub fn source_key(&self) -> SessionKey {
        let mut key = self.source.fingerprint();
        key.text("GetSessionToken")
            .text(&self.source_sts.url)
            .text(self.source_sts.region.as_str());
        key.count(self.source_duration().into());
        key.finish()
    }

    /// How many seconds the source's own session is asked for.
    pub fn source_duration(&self) -> u32 {
        /// The default of `GetSessionToken` itself.
        const TWELVE_HOURS: u32 = 43_200;
        self.source_duration
            .map_or(TWELVE_HOURS, SessionDuration::seconds)
    }

    /// The key of each hop's session, in order: each covers everything before it.
    pub fn role_keys(&self) -> Vec<SessionKey> {
        let mut parent = self.source.fingerprint().finish();
        self.roles
            .iter()
            .map(|role| {
                parent = role.key(parent);
                parent
            })
            .collect()
    }

    /// Whether `other` is this chain with another key of the same profile: the same roles, with the same parameters.
    pub(crate) fn differs_in_key_only(&self, other: &Self) -> bool {
        let rest = |chain: &Self| {
            let mut chain = chain.clone();
            chain.source.access_key_id.clear();
            // Without a role a temporary key has no session of its own.
            let is_barred = chain.roles.is_empty() && chain.source.temporary;
            (
                chain.session_key(),
                chain.source.kind,
                chain.source.profile,
                is_barred,
            )
        };
        rest(self) == rest(other)
    }

    /// The key of the session that is handed out.
    pub fn session_key(&self) -> SessionKey {
        self.role_keys().pop().unwrap_or_else(|| self.source_key())
    }
}

impl Source {
    /// What sets this source's sessions apart from every other's.
    fn fingerprint(&self) -> KeyBuilder {
        let mut key = KeyBuilder::new("source");
        // Not the kind: the same access key in a file and in a variable is the same identity.
        key.text("access key").text(&self.access_key_id);
        key
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = masked_key_id(&self.access_key_id);
        match (self.kind, &self.profile) {
            (SourceKind::AccessKey, Some(profile)) => write!(f, "access key {id} of profile `{profile}`"),
            (SourceKind::AccessKey, None) => write!(f, "access key {id}"),
            (SourceKind::Environment, _) => write!(f, "access key {id} from the environment"),
        }
    }
}

impl Role {
    fn key(&self, parent: SessionKey) -> SessionKey {
        let mut key = KeyBuilder::new("role");
        key.parent(parent)
            .text(&self.arn.to_string())
            .text(self.session_name.value.as_str())
            .optional(self.external_id.as_ref().map(|id| id.value.as_str()))
            .optional(self.mfa_serial.as_ref().map(|serial| serial.value.as_str()))
            .count(self.duration.value.seconds().into())
            .optional(
                self.source_identity
                    .as_ref()
                    .map(|identity| identity.value.as_str()),
            );
        let tags: Vec<_> = self
            .tags
            .iter()
            .flat_map(|tag| [tag.key(), tag.value()])
            .collect();
        key.list(tags.into_iter())
            .list(self.tags.transitive().iter().map(String::as_str));
        key.optional(self.policy.as_ref().map(|policy| policy.value.as_str()));
        let mut arns: Vec<_> = self.policy_arns.iter().map(PolicyArn::as_str).collect();
        arns.sort_unstable();
        key.list(arns.into_iter())
            .text(self.sts.region.as_str())
            .text(&self.sts.url);
        key.finish()
    }
}

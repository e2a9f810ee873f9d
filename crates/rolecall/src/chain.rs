//! Chains: a source, then the roles assumed from it in order. Pure data without a secret in it; resolving calls nothing.

mod endpoint_url;
mod limits;
mod mfa;
mod resolve;
mod source;
mod sources;
mod sso;
mod target;
mod walk;

use std::path::PathBuf;
use std::str::FromStr;

use crate::arn::{PolicyArn, RoleArn};
use crate::error::{Error, Invalid};
use crate::host::{CaBundle, Transport};
use crate::parameters::{
    ExternalId, MfaSerial, SessionDuration, SessionName, SessionPolicy, SourceIdentity, Tag, Tags,
};
use crate::partition::{Partition, Region};
use crate::profile::Origin;
use crate::session::{KeyBuilder, SessionKey};

pub use endpoint_url::{Endpoints, Service};
pub use mfa::{Mfa, MfaStrategy};
pub use source::{
    Container, ContainerToken, KeySource, LoginSession, Metadata, Source, SourceKind, Sso, SsoSession,
    TokenSource,
};
pub use target::Target;

/// What the caller asks for: a target, and what overrides the target's own settings. The fields are the common flags.
#[derive(Clone, Debug, Default)]
pub struct Request {
    /// A profile, a role ARN or `ACCOUNT/[PATH/]ROLE`, the account by its id or by a name in the [`crate::index`]; absent:
    /// `AWS_PROFILE`, then `default`.
    pub target: Option<String>,
    /// What a third party's role demands.
    pub external_id: Option<ExternalId>,
    /// The name the session carries into CloudTrail.
    pub session_name: Option<SessionName>,
    /// How long the session is asked for.
    pub duration: Option<AskedDuration>,
    /// Who the person behind the chain is.
    pub source_identity: Option<SourceIdentity>,
    /// Tags of the session, besides those of the profile; the same key here wins.
    pub tags: Vec<Tag>,
    /// Keys of tags that later hops inherit, besides those of the profile.
    pub transitive_tags: Vec<String>,
    /// Prove an MFA device, whether or not a profile names one; without a serial it is looked up.
    pub mfa: bool,
    /// The device to prove.
    pub mfa_serial: Option<MfaSerial>,
    /// Allow an endpoint of plain http outside of this machine.
    pub insecure_endpoint: bool,
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

/// How long a session is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AskedDuration {
    /// So long.
    For(SessionDuration),
    /// As long as the role allows: twelve hours are asked for, and less where AWS refuses that.
    Longest,
}

impl AskedDuration {
    /// What is asked for first.
    pub fn first(self) -> SessionDuration {
        match self {
            Self::For(duration) => duration,
            Self::Longest => SessionDuration::TWELVE_HOURS,
        }
    }
}

/// `max`, or a duration.
impl FromStr for AskedDuration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text {
            "max" => Ok(Self::Longest),
            _ => text.parse().map(Self::For),
        }
    }
}

/// How credentials are obtained.
#[derive(Clone, Debug)]
pub struct Chain {
    /// What the user named.
    pub target: Target,
    /// Where the first credentials come from.
    pub source: Source,
    /// The profile that the target's role starts from, where the target does not say so itself.
    pub source_profile: Option<Configured<String>>,
    /// The session the source has before any role is assumed: the first role is assumed with it, or, where there is no
    /// role, it is what is handed out. None: the first role is assumed with the source's key or token itself.
    pub own: Option<OwnSession>,
    /// How an MFA device is proved, where one is.
    pub mfa: Option<Mfa>,
    /// The roles assumed from it, in order. None: the source's own identity.
    pub roles: Vec<Role>,
    /// The region the caller works in, where one is configured.
    pub region: Option<Configured<Region>>,
    /// The profile whose endpoints count for what is called with the session, where there is one.
    pub set_up_by: Option<String>,
    /// Where STS is called for the source's own session, and in which region.
    pub source_sts: StsEndpoint,
    /// Whether requests are signed by AWS's clock where this machine's is wrong (`disable_clock_skew_correction`).
    pub corrects_clock: bool,
    /// What a person should know and nobody asked.
    pub warnings: Vec<String>,
}

/// The session a source has before any role is assumed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnSession {
    /// The source hands out temporary credentials itself.
    Fetched,
    /// `GetSessionToken` with the source's long-term key, for so many seconds; with an MFA code where the chain's
    /// [`Mfa`] has the strategy [`MfaStrategy::Session`].
    Token {
        /// How long it is asked for.
        seconds: u32,
    },
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
    /// Whether less is asked for when AWS refuses that much.
    pub duration_is_longest: bool,
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
        match self.own {
            Some(OwnSession::Token { seconds }) => {
                key.text("GetSessionToken")
                    .text(&self.source_sts.url)
                    .text(self.source_sts.region.as_str())
                    .count(seconds.into());
                match self
                    .mfa
                    .as_ref()
                    .filter(|mfa| mfa.strategy == MfaStrategy::Session)
                {
                    Some(mfa) => key.count(1).optional(mfa.serial_text()),
                    None => key.count(0),
                };
            }
            Some(OwnSession::Fetched) | None => {
                key.text("own");
            }
        }
        key.finish()
    }

    /// The key of each hop's session, in order: each covers everything before it.
    pub fn role_keys(&self) -> Vec<SessionKey> {
        let mut parent = match self.own {
            Some(OwnSession::Token { .. }) => self.source_key(),
            Some(OwnSession::Fetched) | None => self.source.fingerprint().finish(),
        };
        let direct = self
            .mfa
            .as_ref()
            .filter(|mfa| mfa.strategy == MfaStrategy::Direct);
        self.roles
            .iter()
            .enumerate()
            .map(|(hop, role)| {
                parent = role.key(parent, direct.filter(|_| hop == 0));
                parent
            })
            .collect()
    }

    /// Whether `other` is this chain with another key of the same profile: the same roles, with the same parameters.
    pub(crate) fn differs_in_key_only(&self, other: &Self) -> bool {
        let rest = |chain: &Self| {
            let mut chain = chain.clone();
            if let SourceKind::AccessKey(key) | SourceKind::Environment(key) | SourceKind::Vault(key) =
                &mut chain.source.kind
            {
                key.access_key_id.clear();
            }
            // Without a role a temporary key has no session of its own.
            let is_barred = chain.roles.is_empty() && chain.source.is_temporary_key();
            (
                chain.session_key(),
                chain.source.kind.name(),
                chain.source.profile,
                is_barred,
            )
        };
        rest(self) == rest(other)
    }

    /// The partition the session is of.
    pub fn partition(&self) -> Partition {
        match (self.roles.last(), &self.region, &self.source.kind) {
            (Some(role), _, _) => role.arn.partition(),
            (None, _, SourceKind::Sso(sso)) => sso.session.region.partition(),
            (None, Some(region), _) => region.value.partition(),
            (None, None, _) => Partition::Aws,
        }
    }

    /// The region to work in: the configured one, else the partition's own.
    pub fn working_region(&self) -> Region {
        let partition = self.partition();
        match &self.region {
            Some(region) if !region.value.is_global() && region.value.partition() == partition => {
                region.value.clone()
            }
            _ => partition.default_region(),
        }
    }

    /// Where `service` is called with the session that is handed out, as the target is set up. What a person should know
    /// goes to `warnings`.
    ///
    /// # Errors
    /// As [`Endpoints::locate`].
    pub fn locate(
        &self,
        service: Service,
        endpoints: &Endpoints<'_>,
        warnings: &mut Vec<String>,
    ) -> Result<StsEndpoint, Error> {
        let profile = self
            .set_up_by
            .as_deref()
            .and_then(|name| endpoints.profiles.profile(name));
        endpoints.locate(service, profile, &self.working_region(), warnings)
    }

    /// The key of the session that is handed out.
    pub fn session_key(&self) -> SessionKey {
        self.role_keys().pop().unwrap_or_else(|| self.source_key())
    }
}

impl Role {
    fn key(&self, parent: SessionKey, direct: Option<&Mfa>) -> SessionKey {
        let mut key = KeyBuilder::new("role");
        key.parent(parent)
            .text(&self.arn.to_string())
            .text(self.session_name.value.as_str())
            .optional(self.external_id.as_ref().map(|id| id.value.as_str()))
            .optional(self.mfa_serial.as_ref().map(|serial| serial.value.as_str()))
            .count(self.duration.value.seconds().into())
            .count(self.duration_is_longest.into())
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
        match direct {
            Some(mfa) => key.count(1).optional(mfa.serial_text()),
            None => key.count(0),
        };
        key.finish()
    }
}

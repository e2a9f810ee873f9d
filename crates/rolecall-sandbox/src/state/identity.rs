//! Users, groups, roles and policies, as IAM keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use rolecall::policy::Document;
use rolecall::{AccountId, Invalid};

use crate::clock;
use crate::ids;

/// A policy, as it was written and as it is judged.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) text: String,
    pub(crate) document: Document,
}

impl Policy {
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        Ok(Self {
            text: text.to_owned(),
            document: text.parse()?,
        })
    }

    /// A policy that can be attached to a user, group, role or session.
    pub(crate) fn identity(text: &str) -> Result<Self, Invalid> {
        let policy = Self::parse(text)?;
        policy.document.check_identity().map(|()| policy)
    }

    /// A policy that can be the trust policy of a role.
    pub(crate) fn trust(text: &str) -> Result<Self, Invalid> {
        let policy = Self::parse(text)?;
        policy.document.check_trust().map(|()| policy)
    }
}

/// One version of a managed policy.
pub(crate) struct PolicyVersion {
    pub(crate) policy: Policy,
    pub(crate) created: SystemTime,
}

/// A managed policy, the account's own or AWS's.
pub(crate) struct ManagedPolicy {
    pub(crate) arn: String,
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) unique_id: String,
    pub(crate) created: SystemTime,
    pub(crate) updated: SystemTime,
    pub(crate) description: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
    /// `v1` is 1. There is always the default one.
    pub(crate) versions: BTreeMap<u32, PolicyVersion>,
    pub(crate) default_version: u32,
    /// Numbers are never given twice.
    pub(crate) last_version: u32,
}

impl ManagedPolicy {
    /// A new policy whose first version is the default one.
    pub(crate) fn new(arn: String, path: &str, name: &str, policy: Policy) -> Self {
        let now = clock::now();
        Self {
            arn,
            path: path.to_owned(),
            name: name.to_owned(),
            unique_id: ids::unique("ANPA"),
            created: now,
            updated: now,
            description: None,
            tags: BTreeMap::new(),
            versions: BTreeMap::from([(1, PolicyVersion { policy, created: now })]),
            default_version: 1,
            last_version: 1,
        }
    }

    /// The version that is in force.
    pub(crate) fn in_force(&self) -> Option<&Policy> {
        self.versions
            .get(&self.default_version)
            .map(|version| &version.policy)
    }
}

/// What users, groups and roles have in common.
pub(crate) struct Named {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) unique_id: String,
    pub(crate) created: SystemTime,
    pub(crate) inline: BTreeMap<String, Policy>,
    /// ARNs of managed policies.
    pub(crate) attached: Vec<String>,
    /// Groups have none.
    pub(crate) boundary: Option<String>,
    /// Groups have none.
    pub(crate) tags: BTreeMap<String, String>,
}

impl Named {
    /// Something new without policies; the prefix of the unique id says what: `AIDA`, `AGPA`, `AROA`.
    pub(crate) fn new(prefix: &str, path: &str, name: &str) -> Self {
        Self {
            path: path.to_owned(),
            name: name.to_owned(),
            unique_id: ids::unique(prefix),
            created: clock::now(),
            inline: BTreeMap::new(),
            attached: Vec::new(),
            boundary: None,
            tags: BTreeMap::new(),
        }
    }

    /// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
    pub(crate) fn arn(&self, account: AccountId, kind: &str) -> String {
        format!("arn:aws:iam::{account}:{kind}{}{}", self.path, self.name)
    }
}

pub(crate) struct User {
    pub(crate) named: Named,
    /// The names of the groups it is in.
    pub(crate) groups: BTreeSet<String>,
}

pub(crate) struct Group {
    pub(crate) named: Named,
}

pub(crate) struct Role {
    pub(crate) named: Named,
    pub(crate) trust: Policy,
    pub(crate) max_session_seconds: u32,
    pub(crate) description: Option<String>,
}

/// A virtual MFA device ("Assign a virtual MFA device").
pub(crate) struct MfaDevice {
    /// The shared secret, as the authenticator gets it; in answers it is base32.
    pub(crate) seed: Vec<u8>,
    /// The user it is enabled for.
    pub(crate) user: Option<String>,
    pub(crate) enabled: Option<SystemTime>,
    /// The newest 30-second step whose code was used: neither it nor an older one is taken again (RFC 6238, 5.2).
    pub(crate) last_step: Option<u64>,
}

/// An OpenID Connect provider that an account trusts.
pub(crate) struct OidcProvider {
    /// The issuer without its scheme, as the ARN has it.
    pub(crate) url: String,
    pub(crate) client_ids: Vec<String>,
    pub(crate) thumbprints: Vec<String>,
    pub(crate) created: SystemTime,
}

#[derive(Default)]
pub(crate) struct Account {
    /// What Organizations calls it; empty where nobody named it.
    pub(crate) name: String,
    /// The alias in its sign-in address.
    pub(crate) alias: Option<String>,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) groups: BTreeMap<String, Group>,
    pub(crate) roles: BTreeMap<String, Role>,
    /// By ARN.
    pub(crate) policies: BTreeMap<String, ManagedPolicy>,
    /// By serial number, `arn:aws:iam::ACCOUNT:mfa/NAME`.
    pub(crate) mfa_devices: BTreeMap<String, MfaDevice>,
    /// By ARN, `arn:aws:iam::ACCOUNT:oidc-provider/HOST/PATH`.
    pub(crate) oidc_providers: BTreeMap<String, OidcProvider>,
}

impl Account {
    /// Every user, group and role, for what concerns them all.
    pub(crate) fn everyone(&self) -> impl Iterator<Item = &Named> {
        let users = self.users.values().map(|user| &user.named);
        let groups = self.groups.values().map(|group| &group.named);
        let roles = self.roles.values().map(|role| &role.named);
        users.chain(groups).chain(roles)
    }
}

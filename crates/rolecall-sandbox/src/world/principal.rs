//! Users, groups and roles, described.

use super::error::{Place, Told};
use super::policy_text::PolicyText;

/// What users, groups and roles have in common.
#[derive(Clone, Debug)]
pub(super) struct Holder {
    pub(super) name: Told,
    pub(super) path: Told,
    pub(super) policies: Vec<(Told, PolicyText)>,
    /// Names of the account's policies, or ARNs.
    pub(super) attached: Vec<Told>,
    pub(super) boundary: Option<Told>,
    pub(super) tags: Vec<(Told, Told)>,
}

impl Holder {
    pub(super) fn new(name: impl Into<Told>) -> Self {
        Self {
            name: name.into(),
            path: "/".into(),
            policies: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            tags: Vec::new(),
        }
    }
}

/// A user, with one access key unless told otherwise.
#[derive(Clone, Debug)]
pub struct User {
    pub(super) holder: Holder,
    pub(super) groups: Vec<Told>,
    pub(super) access_key: bool,
    pub(super) devices: Vec<Device>,
}

/// A virtual MFA device, described.
#[derive(Clone, Debug)]
pub(super) struct Device {
    pub(super) name: Told,
    /// In base32, as authenticators take it; a random one where there is none.
    pub(super) seed: Option<Told>,
}

/// A group of users.
#[derive(Clone, Debug)]
pub struct Group {
    pub(super) holder: Holder,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    pub(super) holder: Holder,
    pub(super) trust: PolicyText,
    pub(super) max_session_seconds: (u32, Place),
    pub(super) description: Option<Told>,
    pub(super) dangling: bool,
}

/// What users, groups and roles are all described with.
macro_rules! has_policies {
    ($kind:literal) => {
        #[doc = concat!("The same ", $kind, " at a path, which begins and ends with `/`.")]
        #[must_use]
        pub fn path(mut self, path: &str) -> Self {
            self.holder.path = path.into();
            self
        }

        #[doc = concat!("The same ", $kind, " with an inline policy.")]
        #[must_use]
        pub fn policy(mut self, name: &str, document: &str) -> Self {
            self.holder.policies.push((name.into(), document.into()));
            self
        }

        #[doc = concat!("The same ", $kind, " with a managed policy: its ARN, or the name of one of the account's own.")]
        #[must_use]
        pub fn attach(mut self, policy: &str) -> Self {
            self.holder.attached.push(policy.into());
            self
        }
    };
}

/// What only those have who can act.
macro_rules! is_a_principal {
    ($kind:literal) => {
        #[doc = concat!("The same ", $kind, " with a permissions boundary: the ARN of a managed policy, or the name of one of the")]
        /// account's own.
        #[must_use]
        pub fn boundary(mut self, policy: &str) -> Self {
            self.holder.boundary = Some(policy.into());
            self
        }

        #[doc = concat!("The same ", $kind, " with a tag.")]
        #[must_use]
        pub fn tag(mut self, key: &str, value: &str) -> Self {
            self.holder.tags.push((key.into(), value.into()));
            self
        }
    };
}

impl User {
    /// A user at path `/`.
    pub fn new(name: &str) -> Self {
        Self {
            holder: Holder::new(name),
            groups: Vec::new(),
            access_key: true,
            devices: Vec::new(),
        }
    }

    /// The same user in a group of its account.
    #[must_use]
    pub fn group(mut self, name: &str) -> Self {
        self.groups.push(name.into());
        self
    }

    /// The same user with an MFA device, `arn:aws:iam::ACCOUNT:mfa/NAME`, whose seed is in base32.
    #[must_use]
    pub fn mfa_device(mut self, name: &str, seed: &str) -> Self {
        self.devices.push(Device {
            name: name.into(),
            seed: Some(seed.into()),
        });
        self
    }

    /// The same user without an access key.
    #[must_use]
    pub fn without_access_key(mut self) -> Self {
        self.access_key = false;
        self
    }

    has_policies!("user");
    is_a_principal!("user");
}

impl Group {
    /// A group at path `/`.
    pub fn new(name: &str) -> Self {
        Self {
            holder: Holder::new(name),
        }
    }

    has_policies!("group");
}

impl Role {
    /// A role at path `/` with a MaxSessionDuration of an hour, AWS's default.
    pub fn new(name: &str, trust: &str) -> Self {
        Self {
            holder: Holder::new(name),
            trust: trust.into(),
            max_session_seconds: (3600, Place::default()),
            description: None,
            dangling: false,
        }
    }

    /// The same role with a description.
    #[must_use]
    pub fn description(mut self, description: &str) -> Self {
        self.description = Some(description.into());
        self
    }

    /// The same role with another MaxSessionDuration, 3600 to 43200.
    #[must_use]
    pub fn max_session_seconds(mut self, seconds: u32) -> Self {
        self.max_session_seconds.0 = seconds;
        self
    }

    /// The same role, whose trust policy may name users, roles and accounts that do not exist: they were there when the
    /// policy was saved, and were deleted since. In the place of a deleted user or role IAM shows its unique id, which
    /// no principal ever has again.
    #[must_use]
    pub fn dangling(mut self) -> Self {
        self.dangling = true;
        self
    }

    has_policies!("role");
    is_a_principal!("role");
}

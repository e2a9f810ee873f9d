//! Accounts, described.

use super::error::{Place, Told};
use super::policy_text::PolicyText;
use super::principal::{Group, Role, User};

/// One account. Every account has an administrator, the user `admin`.
#[derive(Clone, Debug)]
pub struct Account {
    pub(super) id: Told,
    pub(super) name: Option<Told>,
    pub(super) alias: Option<Told>,
    pub(super) root_key: bool,
    pub(super) users: Vec<User>,
    pub(super) groups: Vec<Group>,
    pub(super) roles: Vec<Role>,
    pub(super) policies: Vec<ManagedPolicy>,
    pub(super) oidc_providers: Vec<OidcProvider>,
    pub(super) buckets: Vec<Bucket>,
    pub(super) topics: Vec<Topic>,
}

/// A managed policy of an account, `arn:aws:iam::ACCOUNT:policy/PATH/NAME`.
#[derive(Clone, Debug)]
pub struct ManagedPolicy {
    pub(super) name: Told,
    pub(super) path: Told,
    pub(super) description: Option<Told>,
    pub(super) tags: Vec<(Told, Told)>,
    /// `v1`, `v2`, …
    pub(super) versions: Vec<PolicyText>,
    /// The last one, where none is named.
    pub(super) default_version: Option<(u32, Place)>,
}

/// An OpenID Connect provider that an account trusts.
#[derive(Clone, Debug)]
pub(super) struct OidcProvider {
    pub(super) url: Told,
    pub(super) client_ids: Vec<Told>,
}

/// A bucket, described.
#[derive(Clone, Debug)]
pub(super) struct Bucket {
    pub(super) name: Told,
    /// Keys and texts.
    pub(super) objects: Vec<(Told, String)>,
}

/// A topic, described.
#[derive(Clone, Debug)]
pub(super) struct Topic {
    pub(super) name: Told,
    pub(super) region: Told,
}

impl Account {
    /// An account of 12 digits.
    pub fn new(id: &str) -> Self {
        Self::told(id.into())
    }

    pub(super) fn told(id: Told) -> Self {
        Self {
            id,
            name: None,
            alias: None,
            root_key: false,
            users: Vec::new(),
            groups: Vec::new(),
            roles: Vec::new(),
            policies: Vec::new(),
            oidc_providers: Vec::new(),
            buckets: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// The same account with the name that Organizations shows.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same account with an alias, which stands for its number in the sign-in address.
    #[must_use]
    pub fn alias(mut self, alias: &str) -> Self {
        self.alias = Some(alias.into());
        self
    }

    /// The same account with an access key of its root user.
    #[must_use]
    pub fn root_key(mut self) -> Self {
        self.root_key = true;
        self
    }

    /// The same account with a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
        self
    }

    /// The same account with a group.
    #[must_use]
    pub fn group(mut self, group: Group) -> Self {
        self.groups.push(group);
        self
    }

    /// The same account with a role.
    #[must_use]
    pub fn role(mut self, role: Role) -> Self {
        self.roles.push(role);
        self
    }

    /// The same account with a managed policy, `arn:aws:iam::ACCOUNT:policy/NAME`.
    #[must_use]
    pub fn managed_policy(self, name: &str, document: &str) -> Self {
        self.policy(ManagedPolicy::new(name, document))
    }

    /// The same account with a managed policy that has a path or several versions.
    #[must_use]
    pub fn policy(mut self, policy: ManagedPolicy) -> Self {
        self.policies.push(policy);
        self
    }

    /// The same account with an OpenID Connect provider: its URL and the client ids (audiences) that are accepted. The
    /// URL `sandbox` is the sandbox's own issuer.
    #[must_use]
    pub fn oidc_provider(mut self, url: &str, client_ids: &[&str]) -> Self {
        self.oidc_providers.push(OidcProvider {
            url: url.into(),
            client_ids: client_ids.iter().map(|id| Told::from(*id)).collect(),
        });
        self
    }

    /// The same account with a bucket and its objects (key, text).
    #[must_use]
    pub fn bucket(mut self, name: &str, objects: &[(&str, &str)]) -> Self {
        self.buckets.push(Bucket {
            name: name.into(),
            objects: objects
                .iter()
                .map(|(key, text)| (Told::from(*key), (*text).to_owned()))
                .collect(),
        });
        self
    }

    /// The same account with a topic in us-east-1.
    #[must_use]
    pub fn topic(mut self, name: &str) -> Self {
        self.topics.push(Topic {
            name: name.into(),
            region: "us-east-1".into(),
        });
        self
    }
}

impl ManagedPolicy {
    /// A policy at path `/` with one version.
    pub fn new(name: &str, document: &str) -> Self {
        Self {
            name: name.into(),
            path: "/".into(),
            description: None,
            tags: Vec::new(),
            versions: vec![document.into()],
            default_version: None,
        }
    }

    /// The same policy at a path, which begins and ends with `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        self.path = path.into();
        self
    }

    /// The same policy with one more version, which is in force unless [`Self::default_version`] says otherwise.
    #[must_use]
    pub fn version(mut self, document: &str) -> Self {
        self.versions.push(document.into());
        self
    }

    /// The same policy with another version in force: 1 is `v1`.
    #[must_use]
    pub fn default_version(mut self, number: u32) -> Self {
        self.default_version = Some((number, Place::default()));
        self
    }
}

//! What exists when a sandbox starts: accounts, and who and what is in them.

mod article;
mod files;
mod identity_center;
mod organization;

use std::io;

use rolecall::AccountId;

use crate::clock;
use crate::secrets::Recorder;
use crate::state::{self, Named, Policy, State};

pub use identity_center::{IdentityCenter, PermissionSet};
pub use organization::{Organization, Unit};

/// A world to start from. It is a description; nothing is checked before [`crate::Builder::start`].
///
/// ```
/// use rolecall_sandbox::{Account, Role, Sandbox, User, World};
/// let trust = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}}"#;
/// let world = World::new()
///     .account(Account::new("111111111111").user(User::new("ann")))
///     .account(Account::new("222222222222").role(Role::new("Deploy", trust).max_session_seconds(7200)));
/// let sandbox = Sandbox::builder().world(world).start()?;
/// assert_eq!(sandbox.accounts().len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct World {
    accounts: Vec<Account>,
    profiles: Vec<Profile>,
    organization: Option<Organization>,
    identity_center: Option<IdentityCenter>,
}

/// A profile of the config files inside of `rolecall sandbox -- CMD`.
#[derive(Clone, Debug)]
enum Profile {
    Key {
        name: String,
        account: String,
        user: String,
    },
    Role {
        name: String,
        role_arn: String,
        source_profile: String,
        external_id: Option<String>,
    },
}

/// One account. Every account has an administrator, the user `admin`.
#[derive(Clone, Debug)]
pub struct Account {
    id: String,
    users: Vec<User>,
    roles: Vec<Role>,
    policies: Vec<(String, String)>,
    buckets: Vec<(String, Vec<(String, String)>)>,
    topics: Vec<String>,
}

/// A user, with one access key.
#[derive(Clone, Debug)]
pub struct User {
    name: String,
    path: String,
    policies: Vec<(String, String)>,
    attached: Vec<String>,
    boundary: Option<String>,
    tags: Vec<(String, String)>,
}

/// A role.
#[derive(Clone, Debug)]
pub struct Role {
    name: String,
    path: String,
    trust: String,
    policies: Vec<(String, String)>,
    attached: Vec<String>,
    boundary: Option<String>,
    tags: Vec<(String, String)>,
    max_session_seconds: u32,
}

impl World {
    /// A world without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Two bare accounts, 111111111111 and 222222222222, with their administrators.
    pub fn empty() -> Self {
        let account = |world: Self, id: &str| {
            world
                .account(Account::new(id))
                .profile_for_user(&format!("admin-{id}"), id, "admin")
        };
        account(account(Self::new(), "111111111111"), "222222222222")
    }

    /// The world of the article: joe.bloggs in 111111111111, BlahRole and its neighbours in 666666666666.
    pub fn article() -> Self {
        article::world()
    }

    /// The same world with one more account.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// The same world with an organization over its accounts.
    #[must_use]
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organization = Some(organization);
        self
    }

    /// The same world with an IAM Identity Center for its accounts.
    #[must_use]
    pub fn identity_center(mut self, identity_center: IdentityCenter) -> Self {
        self.identity_center = Some(identity_center);
        self
    }

    /// The same world with a profile that holds a user's access key.
    #[must_use]
    pub fn profile_for_user(mut self, name: &str, account: &str, user: &str) -> Self {
        self.profiles.push(Profile::Key {
            name: name.to_owned(),
            account: account.to_owned(),
            user: user.to_owned(),
        });
        self
    }

    /// The same world with a profile that assumes a role.
    #[must_use]
    pub fn profile_for_role(
        mut self,
        name: &str,
        role_arn: &str,
        source_profile: &str,
        external_id: Option<&str>,
    ) -> Self {
        self.profiles.push(Profile::Role {
            name: name.to_owned(),
            role_arn: role_arn.to_owned(),
            source_profile: source_profile.to_owned(),
            external_id: external_id.map(str::to_owned),
        });
        self
    }

    /// Checks the description and makes it real.
    pub(crate) fn build(&self, recorder: &Recorder) -> io::Result<State> {
        let mut state = State::new(recorder.clone());
        let unsound = |why| io::Error::new(io::ErrorKind::InvalidInput, why);
        for account in &self.accounts {
            account.build(&mut state).map_err(unsound)?;
        }
        if let Some(organization) = &self.organization {
            organization.build(&mut state).map_err(unsound)?;
        }
        if let Some(identity_center) = &self.identity_center {
            identity_center.build(&mut state).map_err(unsound)?;
        }
        Ok(state)
    }
}

impl Account {
    /// An account of 12 digits.
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            users: Vec::new(),
            roles: Vec::new(),
            policies: Vec::new(),
            buckets: Vec::new(),
            topics: Vec::new(),
        }
    }

    /// The same account with a user.
    #[must_use]
    pub fn user(mut self, user: User) -> Self {
        self.users.push(user);
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
    pub fn managed_policy(mut self, name: &str, document: &str) -> Self {
        self.policies.push((name.to_owned(), document.to_owned()));
        self
    }

    /// The same account with a bucket and its objects (key, text).
    #[must_use]
    pub fn bucket(mut self, name: &str, objects: &[(&str, &str)]) -> Self {
        let objects = objects
            .iter()
            .map(|(key, text)| ((*key).to_owned(), (*text).to_owned()))
            .collect();
        self.buckets.push((name.to_owned(), objects));
        self
    }

    /// The same account with a topic in us-east-1.
    #[must_use]
    pub fn topic(mut self, name: &str) -> Self {
        self.topics.push(name.to_owned());
        self
    }

    fn build(&self, state: &mut State) -> Result<(), String> {
        let id: AccountId = self.id.parse().map_err(|error| format!("{error}"))?;
        if state.accounts.contains_key(&id) {
            return Err(format!("account {id} is there twice"));
        }
        let mut account = state::Account::default();
        for (name, text) in &self.policies {
            let arn = format!("arn:aws:iam::{id}:policy/{name}");
            let policy = state::ManagedPolicy::new(arn.clone(), "/", name, identity_policy(name, text)?);
            account.policies.insert(arn, policy);
        }
        let admin = User::new("admin").attach("arn:aws:iam::aws:policy/AdministratorAccess");
        for user in std::iter::once(&admin).chain(&self.users) {
            let named = Named {
                inline: inline(&user.policies)?,
                attached: user.attached.clone(),
                boundary: user.boundary.clone(),
                tags: user.tags.iter().cloned().collect(),
                ..Named::new("AIDA", &user.path, &user.name)
            };
            let built = state::User {
                named,
                groups: std::collections::BTreeSet::new(),
            };
            if account.users.insert(user.name.clone(), built).is_some() {
                return Err(format!("user {} of account {id} is there twice", user.name));
            }
        }
        for role in &self.roles {
            let trust = Policy::trust(&role.trust)
                .map_err(|error| format!("trust policy of {}: {error}", role.name))?;
            rolecall::RoleArn::new(
                rolecall::Partition::Aws,
                id,
                &format!("{}{}", role.path, role.name),
            )
            .map_err(|error| error.to_string())?;
            if !(3600..=43_200).contains(&role.max_session_seconds) {
                return Err(format!(
                    "MaxSessionDuration of {} is 3600 to 43200 seconds",
                    role.name
                ));
            }
            let named = Named {
                inline: inline(&role.policies)?,
                attached: role.attached.clone(),
                boundary: role.boundary.clone(),
                tags: role.tags.iter().cloned().collect(),
                ..Named::new("AROA", &role.path, &role.name)
            };
            let built = state::Role {
                named,
                trust,
                max_session_seconds: role.max_session_seconds,
                description: None,
            };
            if account.roles.insert(role.name.clone(), built).is_some() {
                return Err(format!("role {} of account {id} is there twice", role.name));
            }
        }
        for named in account.everyone() {
            for arn in named.attached.iter().chain(&named.boundary) {
                if !account.policies.contains_key(arn) && !state.aws_managed.contains_key(arn) {
                    return Err(format!("{} has {arn}, which does not exist", named.name));
                }
            }
        }
        let users: Vec<String> = account.users.keys().cloned().collect();
        state.accounts.insert(id, account);
        for user in users {
            state.create_access_key(id, state::Actor::User(user));
        }
        for (name, objects) in &self.buckets {
            let bucket = state::Bucket {
                owner: id,
                created: clock::now(),
                objects: objects
                    .iter()
                    .map(|(key, text)| {
                        (
                            key.clone(),
                            state::Object::new(text.clone().into_bytes(), "text/plain"),
                        )
                    })
                    .collect(),
            };
            if state.buckets.insert(name.clone(), bucket).is_some() {
                return Err(format!("bucket {name} is there twice"));
            }
        }
        for name in &self.topics {
            state.topics.insert(format!("arn:aws:sns:us-east-1:{id}:{name}"));
        }
        Ok(())
    }
}

fn identity_policy(name: &str, text: &str) -> Result<Policy, String> {
    Policy::identity(text).map_err(|error| format!("policy {name}: {error}"))
}

fn inline(policies: &[(String, String)]) -> Result<std::collections::BTreeMap<String, Policy>, String> {
    policies
        .iter()
        .map(|(name, text)| Ok((name.clone(), identity_policy(name, text)?)))
        .collect()
}

impl User {
    /// A user at path `/`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: "/".to_owned(),
            policies: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            tags: Vec::new(),
        }
    }

    /// The same user at a path, which begins and ends with `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The same user with an inline policy.
    #[must_use]
    pub fn policy(mut self, name: &str, document: &str) -> Self {
        self.policies.push((name.to_owned(), document.to_owned()));
        self
    }

    /// The same user with a managed policy.
    #[must_use]
    pub fn attach(mut self, policy_arn: &str) -> Self {
        self.attached.push(policy_arn.to_owned());
        self
    }

    /// The same user with a permissions boundary: the ARN of a managed policy.
    #[must_use]
    pub fn boundary(mut self, policy_arn: &str) -> Self {
        self.boundary = Some(policy_arn.to_owned());
        self
    }

    /// The same user with a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }
}

impl Role {
    /// A role at path `/` with a MaxSessionDuration of an hour, AWS's default.
    pub fn new(name: &str, trust: &str) -> Self {
        Self {
            name: name.to_owned(),
            path: "/".to_owned(),
            trust: trust.to_owned(),
            policies: Vec::new(),
            attached: Vec::new(),
            boundary: None,
            tags: Vec::new(),
            max_session_seconds: 3600,
        }
    }

    /// The same role at a path, which begins and ends with `/`.
    #[must_use]
    pub fn path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    /// The same role with an inline policy.
    #[must_use]
    pub fn policy(mut self, name: &str, document: &str) -> Self {
        self.policies.push((name.to_owned(), document.to_owned()));
        self
    }

    /// The same role with a managed policy.
    #[must_use]
    pub fn attach(mut self, policy_arn: &str) -> Self {
        self.attached.push(policy_arn.to_owned());
        self
    }

    /// The same role with a permissions boundary: the ARN of a managed policy.
    #[must_use]
    pub fn boundary(mut self, policy_arn: &str) -> Self {
        self.boundary = Some(policy_arn.to_owned());
        self
    }

    /// The same role with a tag.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same role with another MaxSessionDuration, 3600 to 43200.
    #[must_use]
    pub fn max_session_seconds(mut self, seconds: u32) -> Self {
        self.max_session_seconds = seconds;
        self
    }
}

//! An IAM Identity Center, described: its directory, its permission sets, who may enter which account.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::AccountId;
use sha2::{Digest, Sha256};

use crate::state::{self, Assignment, Named, Policy, SignedIn, State};

/// The IAM Identity Center of the world.
///
/// Each assignment makes a role `AWSReservedSSO_NAME_…` in the account, as at AWS; users who enter under the same
/// permission set share it.
///
/// ```
/// use rolecall_sandbox::{Account, IdentityCenter, PermissionSet, Sandbox, World};
/// let center = IdentityCenter::new("https://canary.awsapps.com/start", "us-east-1")
///     .user("ann")
///     .permission_set(PermissionSet::new("ReadOnly").attach("arn:aws:iam::aws:policy/ReadOnlyAccess"))
///     .assign("ann", "111111111111", "ReadOnly");
/// let world = World::new().account(Account::new("111111111111")).identity_center(center);
/// Sandbox::builder().world(world).start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct IdentityCenter {
    start_url: String,
    region: String,
    token_seconds: u32,
    users: Vec<String>,
    permission_sets: Vec<PermissionSet>,
    assignments: Vec<(String, String, String)>,
}

/// What a user may do in the accounts that are entered under it.
#[derive(Clone, Debug)]
pub struct PermissionSet {
    name: String,
    session_seconds: u32,
    inline: Option<String>,
    attached: Vec<String>,
}

impl PermissionSet {
    /// A permission set without permissions, whose sessions last an hour, AWS's default.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            session_seconds: 3600,
            inline: None,
            attached: Vec::new(),
        }
    }

    /// The same permission set with sessions of 3600 to 43200 seconds.
    #[must_use]
    pub fn session_seconds(mut self, seconds: u32) -> Self {
        self.session_seconds = seconds;
        self
    }

    /// The same permission set with its inline policy.
    #[must_use]
    pub fn policy(mut self, document: &str) -> Self {
        self.inline = Some(document.to_owned());
        self
    }

    /// The same permission set with a managed policy. It must exist in every account that is assigned.
    #[must_use]
    pub fn attach(mut self, policy_arn: &str) -> Self {
        self.attached.push(policy_arn.to_owned());
        self
    }
}

impl IdentityCenter {
    /// An instance without users: its start URL (`sso_start_url` in the config file) and its region (`sso_region`).
    pub fn new(start_url: &str, region: &str) -> Self {
        Self {
            start_url: start_url.to_owned(),
            region: region.to_owned(),
            token_seconds: 28_800,
            users: Vec::new(),
            permission_sets: Vec::new(),
            assignments: Vec::new(),
        }
    }

    /// The same instance with access tokens of so many seconds, at most 43200; 8 hours unless told. SDKs renew a token
    /// in its last minutes, so that shorter ones let that be seen.
    #[must_use]
    pub fn token_seconds(mut self, seconds: u32) -> Self {
        self.token_seconds = seconds;
        self
    }

    /// The same instance with a user in its directory. The name becomes the session name.
    #[must_use]
    pub fn user(mut self, name: &str) -> Self {
        self.users.push(name.to_owned());
        self
    }

    /// The same instance with a permission set.
    #[must_use]
    pub fn permission_set(mut self, permission_set: PermissionSet) -> Self {
        self.permission_sets.push(permission_set);
        self
    }

    /// The same instance where a user may enter an account under a permission set.
    #[must_use]
    pub fn assign(mut self, user: &str, account: &str, permission_set: &str) -> Self {
        self.assignments
            .push((user.to_owned(), account.to_owned(), permission_set.to_owned()));
        self
    }

    /// Checks the description and makes it real, with its roles. The accounts are there already.
    pub(super) fn build(&self, state: &mut State) -> Result<(), String> {
        if !(self.start_url.starts_with("https://") || self.start_url.starts_with("http://"))
            || self.start_url.contains(char::is_whitespace)
        {
            return Err(format!("the start URL is no http(s) address: {}", self.start_url));
        }
        if !is_region(&self.region) {
            return Err(format!(
                "the Identity Center's region is no region: {}",
                self.region
            ));
        }
        if !(2..=43_200).contains(&self.token_seconds) {
            return Err("the Identity Center's access tokens last 2 to 43200 seconds".to_owned());
        }
        let mut users = BTreeSet::new();
        for user in &self.users {
            if !is_name(user, 2, 64) {
                return Err(format!(
                    "directory user {user}: a name has 2 to 64 letters, digits and +=,.@_-"
                ));
            }
            if !users.insert(user.clone()) {
                return Err(format!("directory user {user} is there twice"));
            }
        }
        let mut permission_sets = BTreeMap::new();
        for described in &self.permission_sets {
            let built = described.build()?;
            if permission_sets.insert(described.name.clone(), built).is_some() {
                return Err(format!("permission set {} is there twice", described.name));
            }
        }
        let mut center = state::IdentityCenter {
            start_url: self.start_url.clone(),
            region: self.region.clone(),
            token_seconds: self.token_seconds,
            users,
            permission_sets,
            assignments: Vec::new(),
            browser: None,
            signed_in: SignedIn::default(),
        };
        for (user, account, permission_set) in &self.assignments {
            let assignment = self.assignment(state, &center, user, account, permission_set)?;
            let twice = center.assignments.iter().any(|other| {
                other.user == *user
                    && other.account == assignment.account
                    && other.permission_set == *permission_set
            });
            if twice {
                return Err(format!(
                    "{user} is assigned to account {account} under {permission_set} twice"
                ));
            }
            center.assignments.push(assignment);
        }
        state.identity_center = Some(center);
        Ok(())
    }

    /// One assignment, whose role is made unless an earlier assignment made it.
    fn assignment(
        &self,
        state: &mut State,
        center: &state::IdentityCenter,
        user: &str,
        account: &str,
        permission_set: &str,
    ) -> Result<Assignment, String> {
        if !center.users.contains(user) {
            return Err(format!("directory user {user} is assigned and does not exist"));
        }
        let id: AccountId = account.parse().map_err(|error| format!("{error}"))?;
        let Some(set) = center.permission_sets.get(permission_set) else {
            return Err(format!(
                "permission set {permission_set} is assigned and does not exist"
            ));
        };
        for arn in &set.attached {
            if state.managed(id, arn).is_none() {
                return Err(format!(
                    "permission set {permission_set} has {arn}, which does not exist in account {account}"
                ));
            }
        }
        let role = role_name(&self.start_url, id, permission_set);
        let provider = format!(
            "arn:aws:iam::{id}:saml-provider/AWSSSO_{}_DO_NOT_DELETE",
            derived(&self.start_url)
        );
        // Where Identity Center is in us-east-1, the path holds no region ("Referencing permission sets").
        let path = match self.region.as_str() {
            "us-east-1" => "/aws-reserved/sso.amazonaws.com/".to_owned(),
            region => format!("/aws-reserved/sso.amazonaws.com/{region}/"),
        };
        let Some(home) = state.accounts.get_mut(&id) else {
            return Err(format!("account {account} is assigned and does not exist"));
        };
        if !home.roles.contains_key(&role) {
            let inline = set.inline.clone();
            let built = state::Role {
                named: Named {
                    inline: inline
                        .map(|policy| ("AwsSSOInlinePolicy".to_owned(), policy))
                        .into_iter()
                        .collect(),
                    attached: set.attached.clone(),
                    ..Named::new("AROA", &path, &role)
                },
                trust: trust(&provider)?,
                // As Identity Center makes them, whatever the permission set says.
                max_session_seconds: 43_200,
                description: None,
            };
            home.roles.insert(role.clone(), built);
        }
        Ok(Assignment {
            user: user.to_owned(),
            account: id,
            permission_set: permission_set.to_owned(),
            role,
            provider,
        })
    }
}

impl PermissionSet {
    fn build(&self) -> Result<state::PermissionSet, String> {
        if !is_name(&self.name, 1, 32) {
            return Err(format!(
                "permission set {}: a name has 1 to 32 letters, digits and +=,.@_-",
                self.name
            ));
        }
        if !(3600..=43_200).contains(&self.session_seconds) {
            return Err(format!(
                "sessions of permission set {} last 3600 to 43200 seconds",
                self.name
            ));
        }
        let inline = match &self.inline {
            Some(text) => Some(
                Policy::identity(text)
                    .map_err(|error| format!("policy of permission set {}: {error}", self.name))?,
            ),
            None => None,
        };
        Ok(state::PermissionSet {
            session_seconds: self.session_seconds,
            inline,
            attached: self.attached.clone(),
        })
    }
}

/// `AWSReservedSSO_NAME_` and 16 hexadecimal digits, the same in every sandbox of the same world.
fn role_name(start_url: &str, account: AccountId, permission_set: &str) -> String {
    let suffix = derived(&format!("{start_url}\n{account}\n{permission_set}"));
    format!("AWSReservedSSO_{permission_set}_{suffix}")
}

/// What Identity Center's roles trust: its own SAML provider in the account.
fn trust(provider: &str) -> Result<Policy, String> {
    let document = serde_json::json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Federated": provider},
            "Action": ["sts:AssumeRoleWithSAML", "sts:TagSession"],
            "Condition": {"StringEquals": {"SAML:aud": "https://signin.aws.amazon.com/saml"}}
        }]
    });
    Policy::trust(&document.to_string()).map_err(|error| error.to_string())
}

fn derived(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

fn is_name(name: &str, least: usize, most: usize) -> bool {
    (least..=most).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+=,.@_-".contains(&byte))
}

fn is_region(region: &str) -> bool {
    region.split('-').count() >= 3
        && region
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

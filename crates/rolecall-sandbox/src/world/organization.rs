//! An organization, described: its tree, its accounts, its service control policies.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::AccountId;
use sha2::{Digest, Sha256};

use crate::clock;
use crate::state::{self, ControlPolicy, FULL_ACCESS, Member, State};

/// The id of the root, whose four characters every unit's id repeats.
const ROOT_ID: &str = "r-cnry";

/// An organization over accounts of the world.
///
/// Every root, unit and account has the policy `FullAWSAccess` attached, as at AWS, unless it is said to be without.
///
/// ```
/// use rolecall_sandbox::{Account, Organization, Sandbox, Unit, World};
/// let no_topics = r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "sns:*", "Resource": "*"}}"#;
/// let organization = Organization::new("111111111111")
///     .control_policy("NoTopics", no_topics)
///     .unit(Unit::new("Workloads").unit(Unit::new("Production").account("222222222222").attach("NoTopics")))
///     .account_at_root("333333333333");
/// let world = World::new()
///     .account(Account::new("111111111111"))
///     .account(Account::new("222222222222"))
///     .account(Account::new("333333333333"))
///     .organization(organization);
/// Sandbox::builder().world(world).start()?;
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Organization {
    id: String,
    management: String,
    /// What is attached to the root, and what stands directly below it.
    root: Unit,
    policies: Vec<Described>,
    attached: Vec<(String, String)>,
    without_full_access: Vec<String>,
    suspended: Vec<String>,
    delegated: Vec<String>,
    names: Vec<(String, String)>,
    emails: Vec<(String, String)>,
}

/// A service control policy, described.
#[derive(Clone, Debug)]
struct Described {
    name: String,
    document: String,
}

/// An organizational unit.
#[derive(Clone, Debug)]
pub struct Unit {
    name: String,
    units: Vec<Self>,
    accounts: Vec<String>,
    attached: Vec<String>,
    full_access: bool,
}

impl Unit {
    /// A unit without accounts.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            units: Vec::new(),
            accounts: Vec::new(),
            attached: Vec::new(),
            full_access: true,
        }
    }

    /// The same unit with a unit below it.
    #[must_use]
    pub fn unit(mut self, unit: Self) -> Self {
        self.units.push(unit);
        self
    }

    /// The same unit with an account of the world in it.
    #[must_use]
    pub fn account(mut self, id: &str) -> Self {
        self.accounts.push(id.to_owned());
        self
    }

    /// The same unit with a service control policy of the organization, by its name.
    #[must_use]
    pub fn attach(mut self, policy: &str) -> Self {
        self.attached.push(policy.to_owned());
        self
    }

    /// The same unit without `FullAWSAccess`: what its policies do not allow is refused below it.
    #[must_use]
    pub fn without_full_access(mut self) -> Self {
        self.full_access = false;
        self
    }
}

impl Organization {
    /// An organization whose management account is an account of the world. It stands at the root unless it is put
    /// into a unit.
    pub fn new(management_account_id: &str) -> Self {
        Self {
            id: "o-canaryorg0".to_owned(),
            management: management_account_id.to_owned(),
            root: Unit::new("Root"),
            policies: Vec::new(),
            attached: Vec::new(),
            without_full_access: Vec::new(),
            suspended: Vec::new(),
            delegated: Vec::new(),
            names: Vec::new(),
            emails: Vec::new(),
        }
    }

    /// The same organization with another id, `o-` and 10 to 32 lower-case letters and digits. It is `o-canaryorg0`
    /// unless told; `aws:PrincipalOrgID` holds it.
    #[must_use]
    pub fn id(mut self, id: &str) -> Self {
        id.clone_into(&mut self.id);
        self
    }

    /// The same organization with a unit at its root.
    #[must_use]
    pub fn unit(mut self, unit: Unit) -> Self {
        self.root = self.root.unit(unit);
        self
    }

    /// The same organization with an account of the world at its root.
    #[must_use]
    pub fn account_at_root(mut self, id: &str) -> Self {
        self.root = self.root.account(id);
        self
    }

    /// The same organization with what an account is called in it; `account-ID` unless told.
    #[must_use]
    pub fn account_name(mut self, id: &str, name: &str) -> Self {
        self.names.push((id.to_owned(), name.to_owned()));
        self
    }

    /// The same organization with the address of an account's owner; `ID@example.com` unless told.
    #[must_use]
    pub fn account_email(mut self, id: &str, email: &str) -> Self {
        self.emails.push((id.to_owned(), email.to_owned()));
        self
    }

    /// The same organization with a service control policy, attached to nothing yet.
    #[must_use]
    pub fn control_policy(mut self, name: &str, document: &str) -> Self {
        self.policies.push(Described {
            name: name.to_owned(),
            document: document.to_owned(),
        });
        self
    }

    /// The same organization with a service control policy attached to its root.
    #[must_use]
    pub fn attach_root(mut self, policy: &str) -> Self {
        self.root = self.root.attach(policy);
        self
    }

    /// The same organization with a service control policy attached to one account.
    #[must_use]
    pub fn attach_account(mut self, id: &str, policy: &str) -> Self {
        self.attached.push((id.to_owned(), policy.to_owned()));
        self
    }

    /// The same organization without `FullAWSAccess` at its root.
    #[must_use]
    pub fn root_without_full_access(mut self) -> Self {
        self.root = self.root.without_full_access();
        self
    }

    /// The same organization without `FullAWSAccess` at one account.
    #[must_use]
    pub fn account_without_full_access(mut self, id: &str) -> Self {
        self.without_full_access.push(id.to_owned());
        self
    }

    /// The same organization with an account that was closed and not yet removed.
    #[must_use]
    pub fn suspended(mut self, id: &str) -> Self {
        self.suspended.push(id.to_owned());
        self
    }

    /// The same organization with a member that may read it, as a delegated administrator may.
    #[must_use]
    pub fn delegated(mut self, id: &str) -> Self {
        self.delegated.push(id.to_owned());
        self
    }

    /// Checks the description and makes it real. The accounts are there already.
    pub(super) fn build(&self, state: &mut State) -> Result<(), String> {
        if !is_id(&self.id) {
            return Err(format!(
                "the organization's id is `o-` and 10 to 32 lower-case letters and digits, not {}",
                self.id
            ));
        }
        let management = known(state, &self.management)?;
        let mut organization = state::Organization {
            id: self.id.clone(),
            root_id: ROOT_ID.to_owned(),
            management,
            root_policies: Vec::new(),
            units: BTreeMap::new(),
            members: BTreeMap::new(),
            policies: BTreeMap::from([(FULL_ACCESS.to_owned(), ControlPolicy::full_access()?)]),
            delegated: BTreeSet::new(),
        };
        for described in &self.policies {
            if organization.policy_named(&described.name).is_some() {
                return Err(format!(
                    "service control policy {} is there twice",
                    described.name
                ));
            }
            let policy = ControlPolicy::parse(&described.document)
                .map_err(|error| format!("service control policy {}: {error}", described.name))?;
            let built = ControlPolicy::new(&described.name, "", policy);
            let id = format!("p-{}", derived(&described.name));
            organization.policies.insert(id, built);
        }
        organization.root_policies = attachments(&organization, &self.root)?;
        self.place(state, &mut organization, &self.root, ROOT_ID, "")?;
        if !organization.members.contains_key(&management) {
            self.join(state, &mut organization, &self.management, ROOT_ID)?;
        }
        for (id, policy) in &self.attached {
            let policy = policy_id(&organization, policy)?;
            let policies = &mut member(&mut organization, id)?.policies;
            if policies.contains(&policy) {
                return Err(format!("account {id} has a service control policy twice"));
            }
            policies.push(policy);
        }
        for id in &self.without_full_access {
            member(&mut organization, id)?
                .policies
                .retain(|policy| policy != FULL_ACCESS);
        }
        for id in &self.suspended {
            member(&mut organization, id)?.suspended = true;
        }
        if organization
            .members
            .get(&management)
            .is_some_and(|member| member.suspended)
        {
            return Err("the management account cannot be suspended".to_owned());
        }
        for (id, name) in &self.names {
            let member = member(&mut organization, id)?;
            name.clone_into(&mut member.name);
        }
        for (id, email) in &self.emails {
            let member = member(&mut organization, id)?;
            email.clone_into(&mut member.email);
        }
        let mut emails = BTreeSet::new();
        for (id, member) in &organization.members {
            if !emails.insert(member.email.as_str()) {
                return Err(format!("two accounts have the address {}", member.email));
            }
            // At least one policy is attached to everything at all times ("Attaching and detaching policies").
            if member.policies.is_empty() {
                return Err(format!("account {id} has no service control policy at all"));
            }
            if let Some(account) = state.accounts.get_mut(id) {
                account.name.clone_from(&member.name);
            }
        }
        for id in &self.delegated {
            member(&mut organization, id)?;
            let id = known(state, id)?;
            if id == management {
                return Err("the management account needs no delegation".to_owned());
            }
            organization.delegated.insert(id);
        }
        state.organization = Some(organization);
        Ok(())
    }

    /// Places the accounts and units of `unit`, whose id is `parent`.
    fn place(
        &self,
        state: &State,
        organization: &mut state::Organization,
        unit: &Unit,
        parent: &str,
        path: &str,
    ) -> Result<(), String> {
        for id in &unit.accounts {
            self.join(state, organization, id, parent)?;
        }
        for child in &unit.units {
            let path = format!("{path}/{}", child.name);
            if path.split('/').count() > 6 {
                return Err(format!(
                    "unit {path} lies deeper than the five levels that AWS has"
                ));
            }
            let id = format!("ou-{}-{}", &ROOT_ID[2..], derived(&path));
            let built = state::Unit {
                name: child.name.clone(),
                parent: parent.to_owned(),
                policies: attachments(organization, child)?,
            };
            if child.name.is_empty() || child.name.chars().count() > 128 || child.name.contains('/') {
                return Err(format!(
                    "unit {path}: a name has 1 to 128 characters and no slash here"
                ));
            }
            if organization.units.insert(id.clone(), built).is_some() {
                return Err(format!("unit {path} is there twice"));
            }
            self.place(state, organization, child, &id, &path)?;
        }
        Ok(())
    }

    fn join(
        &self,
        state: &State,
        organization: &mut state::Organization,
        id: &str,
        parent: &str,
    ) -> Result<(), String> {
        let account = known(state, id)?;
        let name = state.accounts.get(&account).map(|account| account.name.clone());
        let member = Member {
            name: name
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| format!("account-{account}")),
            email: format!("{account}@example.com"),
            joined: clock::now(),
            suspended: false,
            parent: parent.to_owned(),
            policies: vec![FULL_ACCESS.to_owned()],
        };
        match organization.members.insert(account, member) {
            Some(_) => Err(format!("account {account} is in the organization twice")),
            None => Ok(()),
        }
    }
}

/// An account of the world.
fn known(state: &State, id: &str) -> Result<AccountId, String> {
    let account: AccountId = id.parse().map_err(|error| format!("{error}"))?;
    if state.accounts.contains_key(&account) {
        Ok(account)
    } else {
        Err(format!(
            "the organization names account {account}, which does not exist"
        ))
    }
}

fn member<'a>(organization: &'a mut state::Organization, id: &str) -> Result<&'a mut Member, String> {
    let account: AccountId = id.parse().map_err(|error| format!("{error}"))?;
    let member = organization.members.get_mut(&account);
    member.ok_or_else(|| format!("account {account} is not in the organization"))
}

fn policy_id(organization: &state::Organization, name: &str) -> Result<String, String> {
    let id = organization.policy_named(name);
    id.map(str::to_owned)
        .ok_or_else(|| format!("service control policy {name} does not exist"))
}

/// The ids of what is attached to the root or to a unit.
fn attachments(organization: &state::Organization, unit: &Unit) -> Result<Vec<String>, String> {
    let mut policies = Vec::new();
    if unit.full_access {
        policies.push(FULL_ACCESS.to_owned());
    }
    for name in &unit.attached {
        let id = policy_id(organization, name)?;
        if policies.contains(&id) {
            return Err(format!("{} has service control policy {name} twice", unit.name));
        }
        policies.push(id);
    }
    if policies.is_empty() {
        return Err(format!("{} has no service control policy at all", unit.name));
    }
    Ok(policies)
}

fn is_id(id: &str) -> bool {
    id.strip_prefix("o-").is_some_and(|rest| {
        (10..=32).contains(&rest.len())
            && rest
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    })
}

/// The variable part of an id: eight characters that are the same in every sandbox of the same world, so that a script
/// may name them.
fn derived(name: &str) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let digest = Sha256::digest(name.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| char::from(ALPHABET[usize::from(byte % 32)]))
        .collect()
}

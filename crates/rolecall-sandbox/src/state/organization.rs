//! The organization: its tree, its accounts, its service control policies.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use rolecall::policy::PolicySource;
use rolecall::{AccountId, Invalid};

use super::Policy;

/// The id of the policy that every root, unit and account has at first.
pub(crate) const FULL_ACCESS: &str = "p-FullAWSAccess";

/// The organization, where the world has one.
pub(crate) struct Organization {
    /// `o-…`.
    pub(crate) id: String,
    /// `r-…`.
    pub(crate) root_id: String,
    pub(crate) management: AccountId,
    /// Ids of the policies attached to the root.
    pub(crate) root_policies: Vec<String>,
    /// By id, `ou-…`.
    pub(crate) units: BTreeMap<String, Unit>,
    pub(crate) members: BTreeMap<AccountId, Member>,
    /// By id, `p-…`.
    pub(crate) policies: BTreeMap<String, ControlPolicy>,
    /// Members that may call the reading operations besides the management account.
    pub(crate) delegated: BTreeSet<AccountId>,
}

/// An organizational unit.
pub(crate) struct Unit {
    pub(crate) name: String,
    /// The root's or another unit's id.
    pub(crate) parent: String,
    pub(crate) policies: Vec<String>,
}

/// An account in the organization.
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) email: String,
    pub(crate) joined: SystemTime,
    pub(crate) suspended: bool,
    /// The root's or a unit's id.
    pub(crate) parent: String,
    pub(crate) policies: Vec<String>,
}

/// A service control policy.
pub(crate) struct ControlPolicy {
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) policy: Policy,
}

impl ControlPolicy {
    /// A document that can be a service control policy.
    pub(crate) fn parse(text: &str) -> Result<Policy, Invalid> {
        let policy = Policy::parse(text)?;
        policy.document.check_service_control().map(|()| policy)
    }

    pub(crate) fn new(name: &str, description: &str, policy: Policy) -> Self {
        Self {
            name: name.to_owned(),
            description: description.to_owned(),
            policy,
        }
    }

    /// AWS's own `FullAWSAccess`.
    pub(crate) fn full_access() -> Result<Self, String> {
        let text = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
        let policy = Self::parse(text).map_err(|error| error.to_string())?;
        Ok(Self::new(
            "FullAWSAccess",
            "Allows access to every operation",
            policy,
        ))
    }
}

impl Organization {
    /// The id of a policy; names are given once in an organization.
    pub(crate) fn policy_named(&self, name: &str) -> Option<&str> {
        self.policies
            .iter()
            .find(|(_, policy)| policy.name == name)
            .map(|(id, _)| id.as_str())
    }

    /// The ids of what an account is under, from the root down to its own unit; empty for accounts of others.
    pub(crate) fn parents(&self, account: AccountId) -> Vec<&str> {
        let mut parents = Vec::new();
        let mut next = self.members.get(&account).map(|member| member.parent.as_str());
        // A tree has no circles, but a world could be described with one: the units are counted.
        while let Some(id) = next.filter(|_| parents.len() <= self.units.len()) {
            parents.push(id);
            next = self.units.get(id).map(|unit| unit.parent.as_str());
        }
        parents.reverse();
        parents
    }

    /// `o-…/r-…/ou-…/`, what `aws:PrincipalOrgPaths` holds.
    pub(crate) fn path(&self, account: AccountId) -> Option<String> {
        self.members.get(&account)?;
        let parents = self.parents(account);
        Some(format!("{}/{}/", self.id, parents.join("/")))
    }

    /// `o-…/r-…/ou-…/`, where a unit is.
    pub(crate) fn unit_path(&self, id: &str) -> String {
        let mut above = vec![id];
        let mut next = self.parent_of(id);
        while let Some(parent) = next.filter(|_| above.len() <= self.units.len()) {
            above.push(parent);
            next = self.parent_of(parent);
        }
        above.push(&self.id);
        above.reverse();
        format!("{}/", above.join("/"))
    }

    /// How many units an account directly below `parent` is in.
    pub(crate) fn depth(&self, parent: &str) -> usize {
        self.unit_path(parent).matches("/ou-").count()
    }

    /// Whether accounts and units can stand below it.
    pub(crate) fn is_parent(&self, id: &str) -> bool {
        id == self.root_id || self.units.contains_key(id)
    }

    /// What an account or a unit stands directly below.
    pub(crate) fn parent_of(&self, id: &str) -> Option<&str> {
        let account: Option<AccountId> = id.parse().ok();
        match account {
            Some(account) => self.members.get(&account).map(|member| member.parent.as_str()),
            None => self.units.get(id).map(|unit| unit.parent.as_str()),
        }
    }

    /// The ids of the policies attached to the root, a unit or an account.
    pub(crate) fn attached(&self, target: &str) -> Option<&Vec<String>> {
        if target == self.root_id {
            return Some(&self.root_policies);
        }
        match target.parse::<AccountId>() {
            Ok(account) => self.members.get(&account).map(|member| &member.policies),
            Err(_) => self.units.get(target).map(|unit| &unit.policies),
        }
    }

    /// The same, to be changed.
    pub(crate) fn attached_mut(&mut self, target: &str) -> Option<&mut Vec<String>> {
        if target == self.root_id {
            return Some(&mut self.root_policies);
        }
        match target.parse::<AccountId>() {
            Ok(account) => self.members.get_mut(&account).map(|member| &mut member.policies),
            Err(_) => self.units.get_mut(target).map(|unit| &mut unit.policies),
        }
    }

    /// The ids of everything a policy is attached to.
    pub(crate) fn targets(&self, policy: &str) -> Vec<&str> {
        let root = std::iter::once((self.root_id.as_str(), &self.root_policies));
        let units = self.units.iter().map(|(id, unit)| (id.as_str(), &unit.policies));
        let members = self
            .members
            .iter()
            .map(|(id, member)| (id.as_str(), &member.policies));
        root.chain(units)
            .chain(members)
            .filter(|(_, policies)| policies.iter().any(|id| id == policy))
            .map(|(id, _)| id)
            .collect()
    }

    /// The policies that hold an account's principals to less, level by level from the root down. None hold the
    /// management account ("Service control policies").
    pub(crate) fn service_control(&self, account: AccountId) -> Option<Vec<Vec<PolicySource<'_>>>> {
        let member = self.members.get(&account)?;
        if account == self.management {
            return None;
        }
        let mut levels = vec![&self.root_policies];
        for id in self.parents(account) {
            levels.extend(self.units.get(id).map(|unit| &unit.policies));
        }
        levels.push(&member.policies);
        let sources = |ids: &Vec<String>| {
            ids.iter()
                .filter_map(|id| self.policies.get_key_value(id))
                .map(|(id, policy)| PolicySource {
                    name: id,
                    document: &policy.policy.document,
                })
                .collect()
        };
        Some(levels.into_iter().map(sources).collect())
    }

    /// The same under the names that people gave them: what a decision is explained by.
    pub(crate) fn service_control_by_name(&self, account: AccountId) -> Option<Vec<Vec<PolicySource<'_>>>> {
        let mut levels = self.service_control(account)?;
        for source in levels.iter_mut().flatten() {
            if let Some(policy) = self.policies.get(source.name) {
                source.name = &policy.name;
            }
        }
        Some(levels)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use rolecall::policy::{Context, Principal};

    use crate::authz::{Wish, decide};
    use crate::state::{Actor, Caller};
    use crate::{Account, Organization, Sandbox, World};

    /// "SCPs affect all users and roles in attached accounts, including the root user", but for the management account.
    #[test]
    fn root_users_are_bound_outside_of_the_management_account() {
        let deny =
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sns:*","Resource":"*"}}"#;
        let organization = Organization::new("111111111111")
            .account_at_root("222222222222")
            .control_policy("NoTopics", deny)
            .attach_root("NoTopics");
        let world = World::new()
            .account(Account::new("111111111111"))
            .account(Account::new("222222222222"))
            .organization(organization);
        let sandbox = Sandbox::builder().world(world).start().unwrap();
        let state = sandbox.shared.state();
        let allowed = |account: &str, action: &str| {
            let account = account.parse().unwrap();
            let caller = Caller {
                account,
                actor: Actor::Root,
                principal: Principal::root("aws", account),
                user_id: account.to_string(),
                session: None::<Arc<_>>,
            };
            let wish = Wish {
                action,
                resource: "*",
                owner: account,
                trust: None,
            };
            decide(&state, &caller, &wish, &Context::new()).is_allowed()
        };
        assert!(allowed("111111111111", "sns:CreateTopic"));
        assert!(!allowed("222222222222", "sns:CreateTopic"));
        assert!(allowed("222222222222", "s3:ListAllMyBuckets"));
    }
}

//! The Identity Center: references are looked at here, where the lines are known.

use std::collections::HashSet;

use super::Reader;
use super::fields::Fields;
use crate::world::account::Account;
use crate::world::error::{Place, Told};
use crate::world::names;
use crate::world::policy_text::Purpose;
use crate::world::{IdentityCenter, PermissionSet};

/// Three short lists make a long one: an assignment is each user, in each account, under each permission set.
const MOST_ASSIGNMENTS: usize = 10_000;

impl<'t> Reader<'t> {
    pub(super) fn identity_center(
        &mut self,
        root: &Fields<'t>,
        accounts: &[Account],
    ) -> Option<(IdentityCenter, Place)> {
        let fields = self.table(root, "identity_center", "the Identity Center")?;
        let before = self.problems.count();
        self.known(
            &fields,
            &["start_url", "region", "users", "permission_set", "assignment"],
        );
        let start_url = self.required(&fields, "start_url")?;
        let region = self.text(&fields, "region").unwrap_or_else(|| "us-east-1".into());
        let mut center = IdentityCenter::new(&start_url, &region);
        let mut users = HashSet::new();
        for user in self.texts(&fields, "users") {
            names::check_directory_user(&user, &mut self.problems);
            if !users.insert(user.text.clone()) {
                self.problems
                    .add(user.at, format!("directory user {user} is there twice"));
            }
            center = center.user(&user);
        }
        let mut sets = HashSet::new();
        for set in self.tables(&fields, "permission_set", "a permission set") {
            let Some((name, built)) = self.permission_set(&set) else {
                continue;
            };
            if !sets.insert(name.text.clone()) {
                self.problems
                    .add(name.at, format!("permission set {name} is there twice"));
            }
            center = center.permission_set(built);
        }
        let ids: HashSet<&str> = accounts.iter().map(|account| account.id.text.as_str()).collect();
        let mut seen = HashSet::new();
        for assignment in self.tables(&fields, "assignment", "an assignment") {
            self.known(&assignment, &["users", "accounts", "permission_sets"]);
            let assigned = [
                self.assigned(&assignment, "users", "directory user", |name| {
                    users.contains(name)
                }),
                self.assigned(&assignment, "accounts", "account", |id| ids.contains(id)),
                self.assigned(&assignment, "permission_sets", "permission set", |name| {
                    sets.contains(name)
                }),
            ];
            let [assigned_users, assigned_accounts, assigned_sets] = assigned;
            let count = assigned_users
                .len()
                .saturating_mul(assigned_accounts.len())
                .saturating_mul(assigned_sets.len());
            if seen.len().saturating_add(count) > MOST_ASSIGNMENTS {
                self.problems.add(
                    assignment.at,
                    format!("the Identity Center has more than {MOST_ASSIGNMENTS} assignments"),
                );
                break;
            }
            for user in &assigned_users {
                for account in &assigned_accounts {
                    for set in &assigned_sets {
                        if seen.insert((user.text.clone(), account.text.clone(), set.text.clone())) {
                            center = center.assign(user, account, set);
                        } else {
                            let message =
                                format!("{user} is assigned to account {account} under {set} twice");
                            self.problems.add(assignment.at, message);
                        }
                    }
                }
            }
        }
        if self.problems.count() > before {
            self.is_lossy = true;
            return None;
        }
        Some((center, fields.at))
    }

    fn permission_set(&mut self, fields: &Fields<'t>) -> Option<(Told, PermissionSet)> {
        self.known(fields, &["name", "session_seconds", "policy", "attached"]);
        let name = self.required(fields, "name")?;
        names::check_permission_set(&name, &mut self.problems);
        let mut set = PermissionSet::new(&name);
        if let Some((seconds, at)) = self.number(fields, "session_seconds") {
            names::check_session_seconds(&format!("permission set {name}"), seconds, at, &mut self.problems);
            set = set.session_seconds(seconds);
        }
        if let Some(policy) = self.policy(fields, "policy") {
            let what = format!("policy of permission set {name}");
            policy.parse(&what, Purpose::Identity, &mut self.problems);
            set = set.policy(&policy.json);
        }
        for policy in self.texts(fields, "attached") {
            set = set.attach(&policy);
        }
        Some((name, set))
    }

    fn assigned(
        &mut self,
        fields: &Fields<'t>,
        key: &str,
        what: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Vec<Told> {
        if !fields.table.contains_key(key) {
            self.lose(fields.at, format!("an assignment has no `{key}`"));
        }
        let names = self.texts(fields, key);
        for name in &names {
            if !exists(name) {
                self.problems
                    .add(name.at, format!("{what} {name} is assigned and does not exist"));
            }
        }
        names
    }
}

//! What a person means by an account's name and a role's.

use std::collections::HashMap;

use super::{IndexedRole, RoleIndex, RoleVerdict};
use crate::arn::{AccountId, RoleArn};
use crate::partition::Partition;

/// What `ACCOUNT/[PATH/]ROLE` means, where ACCOUNT is a name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Addressed<'a> {
    /// A role that was found.
    Role(&'a IndexedRole),
    /// An account that is known, and a role in it that is not.
    Account {
        /// The account.
        account: AccountId,
        /// Where it is, as far as a role of it tells.
        partition: Option<Partition>,
        /// `[PATH/]ROLE`, as it was written.
        resource: &'a str,
    },
    /// Several accounts go by the name.
    Ambiguous(Vec<AccountId>),
    /// No account does.
    Unknown,
}

impl RoleIndex {
    /// What a text means that names an account by its name. Names may hold `/`, so what stands before any `/` may be one;
    /// where two accounts could be meant none is, whichever roles are known in them: the wrong account is worse than none.
    pub fn addressed<'a>(&'a self, text: &'a str) -> Addressed<'a> {
        let mut meant: Vec<(AccountId, &str)> = Vec::new();
        for (at, _) in text.match_indices('/') {
            let (name, resource) = (&text[..at], &text[at + 1..]);
            if !resource.is_empty() {
                meant.extend(self.accounts_named(name).into_iter().map(|id| (id, resource)));
            }
        }
        let (account, resource) = match meant[..] {
            [] => return Addressed::Unknown,
            [one] => one,
            _ => return Addressed::Ambiguous(meant.into_iter().map(|(id, _)| id).collect()),
        };
        if let Some(role) = self.role_in(account, resource) {
            return Addressed::Role(role);
        }
        let known = self.roles.iter().find(|role| role.arn.account() == account);
        Addressed::Account {
            account,
            partition: known.map(|role| role.arn.partition()),
            resource,
        }
    }

    /// The roles that may be assumed, each once, as whoever may do so with the least conditions found it.
    pub fn usable(&self) -> Vec<&IndexedRole> {
        let mut usable: Vec<&IndexedRole> = Vec::new();
        // Those of one role stand together.
        for role in &self.roles {
            if matches!(role.verdict, RoleVerdict::Denied | RoleVerdict::Pattern) {
                continue;
            }
            match usable.last_mut() {
                Some(last) if last.arn == role.arn => {
                    if role.verdict < last.verdict {
                        *last = role;
                    }
                }
                _ => usable.push(role),
            }
        }
        usable
    }

    /// The roles that may be assumed, by how a person writes them, `ACCOUNT/[PATH/]ROLE`: by the account's name where that
    /// means no other account, else by its id.
    pub fn targets(&self) -> Vec<(String, &IndexedRole)> {
        let mut named: HashMap<String, Vec<AccountId>> = HashMap::new();
        for (id, account) in &self.accounts {
            for name in [&account.name, &account.alias].into_iter().flatten() {
                let ids = named.entry(name.to_ascii_lowercase()).or_default();
                if ids.last() != Some(id) {
                    ids.push(*id);
                }
            }
        }
        // As `addressed` reads it, which is too slow for every role of many.
        let means = |text: &str| -> Vec<AccountId> {
            let names = text
                .match_indices('/')
                .map(|(at, _)| text[..at].to_ascii_lowercase());
            names
                .filter_map(|name| named.get(&name))
                .flatten()
                .copied()
                .collect()
        };
        let written = |role: &IndexedRole| {
            let account = role.arn.account();
            let resource = resource(&role.arn);
            let name = self.account_name(account);
            // What looks like an ARN or an id is read as one.
            let name = name.filter(|name| {
                !name.trim_start().starts_with("arn:") && !name.split('/').next().is_some_and(is_like_an_id)
            });
            let by_name = name.map(|name| format!("{name}/{resource}"));
            by_name
                .filter(|text| means(text) == [account])
                .unwrap_or_else(|| format!("{account}/{resource}"))
        };
        let usable = self.usable().into_iter();
        usable.map(|role| (written(role), role)).collect()
    }

    /// The role of that path and name; without a path also the only one of that name. Of those who found it, whoever may
    /// assume it with the least conditions.
    fn role_in(&self, account: AccountId, written: &str) -> Option<&IndexedRole> {
        let here = || self.roles.iter().filter(|role| role.arn.account() == account);
        let best = |arn: &RoleArn| {
            here()
                .filter(|role| role.arn == *arn)
                .min_by_key(|role| role.verdict)
        };
        if let Some(role) = here().find(|role| resource(&role.arn) == written) {
            return best(&role.arn);
        }
        let mut named = here().filter(|role| role.arn.name() == written);
        let first = named.next()?;
        if named.any(|other| other.arn != first.arn) {
            return None;
        }
        best(&first.arn)
    }
}

/// `[PATH/]NAME`.
fn resource(arn: &RoleArn) -> String {
    format!("{}{}", arn.path().trim_start_matches('/'), arn.name())
}

/// Digits and hyphens before a slash are always read as an id.
fn is_like_an_id(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::IndexedAccount;

    fn role(arn: &str, caller: &str, verdict: RoleVerdict) -> IndexedRole {
        IndexedRole {
            arn: arn.parse().unwrap(),
            caller: caller.to_owned(),
            source: Some(caller.to_owned()),
            verdict,
            conditions: Vec::new(),
        }
    }

    fn index() -> RoleIndex {
        let account = |id: &str, name: &str, alias: Option<&str>| {
            let known = IndexedAccount {
                name: Some(name.to_owned()),
                alias: alias.map(str::to_owned),
            };
            (id.parse().unwrap(), known)
        };
        RoleIndex {
            accounts: [
                account("111111111111", "Acme Ltd", Some("acme")),
                account("222222222222", "twin", None),
                account("333333333333", "Twin", None),
                account("444444444444", "R&D/Lab", None),
                account("555555555555", "R&D", None),
                account("666666666666", "777", None),
            ]
            .into(),
            roles: vec![
                role(
                    "arn:aws:iam::111111111111:role/Admin",
                    "ann",
                    RoleVerdict::Conditional,
                ),
                role(
                    "arn:aws:iam::111111111111:role/Admin",
                    "joe",
                    RoleVerdict::Allowed,
                ),
                role(
                    "arn:aws-cn:iam::111111111111:role/a/Deploy",
                    "ann",
                    RoleVerdict::Allowed,
                ),
                role(
                    "arn:aws:iam::111111111111:role/b/Read",
                    "ann",
                    RoleVerdict::Denied,
                ),
                role(
                    "arn:aws:iam::111111111111:role/c/Read",
                    "ann",
                    RoleVerdict::Allowed,
                ),
                role("arn:aws:iam::222222222222:role/Only", "ann", RoleVerdict::Allowed),
                role(
                    "arn:aws:iam::666666666666:role/Seven",
                    "ann",
                    RoleVerdict::Allowed,
                ),
            ],
        }
    }

    #[test]
    fn a_role_is_found_by_its_accounts_name() {
        let index = index();
        let found = |text: &str| match index.addressed(text) {
            Addressed::Role(role) => format!("{} by {}", role.arn, role.caller),
            Addressed::Account {
                account,
                partition,
                resource,
            } => {
                format!("{account} {:?} {resource}", partition.map(Partition::id))
            }
            Addressed::Ambiguous(ids) => format!("{} accounts", ids.len()),
            Addressed::Unknown => "unknown".to_owned(),
        };
        for (text, meaning) in [
            // Who may without a condition is who it is assumed as.
            ("acme/Admin", "arn:aws:iam::111111111111:role/Admin by joe"),
            ("ACME LTD/Admin", "arn:aws:iam::111111111111:role/Admin by joe"),
            (
                "acme/a/Deploy",
                "arn:aws-cn:iam::111111111111:role/a/Deploy by ann",
            ),
            ("acme/Deploy", "arn:aws-cn:iam::111111111111:role/a/Deploy by ann"),
            // Two of that name, and none of that spelling.
            ("acme/Read", "111111111111 Some(\"aws\") Read"),
            ("acme/admin", "111111111111 Some(\"aws\") admin"),
            // The same account by the name and the path both.
            ("twin/Only", "2 accounts"),
            ("R&D/Lab/Role", "2 accounts"),
            ("R&D/Other", "555555555555 None Other"),
            ("acme/", "unknown"),
            ("nobody/Admin", "unknown"),
            ("acme", "unknown"),
        ] {
            assert_eq!(found(text), meaning, "{text}");
        }
    }

    #[test]
    fn a_role_is_written_as_it_is_read_again() {
        let index = index();
        let targets = index.targets();
        for (text, role) in &targets[..3] {
            assert_eq!(index.addressed(text), Addressed::Role(role));
        }
        let written: Vec<_> = targets.into_iter().map(|(text, _)| text).collect();
        assert_eq!(
            written,
            [
                "Acme Ltd/Admin",
                "Acme Ltd/a/Deploy",
                "Acme Ltd/c/Read",
                "222222222222/Only",
                "666666666666/Seven"
            ]
        );
    }
}

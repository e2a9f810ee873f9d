//! The roles that were found, kept between runs, so that picking one, completing its name and naming it by its account's
//! alias need no network.
//!
//! It stands in `roles.json` in [`Host::state_dir`], readable by its owner only: it holds names, and no secret. It is a
//! memory, not a setting: what cannot be read is found again.

mod lookup;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::arn::{AccountId, RoleArn};
use crate::error::{Error, Invalid};
use crate::host::Host;

pub use lookup::Addressed;

/// The form of the file. Another one is not understood, and found again.
const VERSION: u32 = 1;

/// Whether a caller may assume a role, by the policies that could be read.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum RoleVerdict {
    /// Everything that was read allows it, whatever else a call carries.
    Allowed,
    /// It depends on what a call carries, or on what could not be read.
    Conditional,
    /// No role but a pattern of roles: which there are could not be found out.
    Pattern,
    /// A statement denies it, or none allows it.
    Denied,
}

impl RoleVerdict {
    const ALL: [(Self, &'static str); 4] = [
        (Self::Allowed, "allowed"),
        (Self::Conditional, "conditional"),
        (Self::Pattern, "pattern"),
        (Self::Denied, "denied"),
    ];

    /// Its name in JSON and in tables.
    pub fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(verdict, _)| *verdict == self)
            .map_or("", |(_, name)| name)
    }
}

impl fmt::Display for RoleVerdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for RoleVerdict {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found
            .map(|(verdict, _)| *verdict)
            .ok_or_else(|| Invalid::new(format!("`{text}` is no verdict about a role")))
    }
}

/// What is known of an account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct IndexedAccount {
    /// Its name in its organization.
    pub name: Option<String>,
    /// Its alias at sign-in.
    pub alias: Option<String>,
}

/// One role that somebody may assume, or may not.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IndexedRole {
    /// The role.
    pub arn: RoleArn,
    /// The ARN of whoever it was found for; for a role's session the role's own.
    pub caller: String,
    /// The target whose credentials found it, to be named as `source_profile`; `None` for the default source.
    pub source: Option<String>,
    /// Whether they may.
    pub verdict: RoleVerdict,
    /// On what it depends: condition keys, and what could not be read.
    pub conditions: Vec<String>,
}

/// Every role that was found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoleIndex {
    /// What is known of accounts, by their ids.
    pub accounts: BTreeMap<AccountId, IndexedAccount>,
    /// The roles, by account and name.
    pub roles: Vec<IndexedRole>,
}

/// The file.
#[derive(Deserialize, Serialize)]
struct Stored {
    version: u32,
    accounts: BTreeMap<String, IndexedAccount>,
    roles: Vec<StoredRole>,
}

#[derive(Deserialize, Serialize)]
struct StoredRole {
    arn: String,
    caller: String,
    source: Option<String>,
    verdict: String,
    conditions: Vec<String>,
}

impl RoleIndex {
    /// What was kept; empty where nothing was, or where it cannot be understood.
    pub fn load(host: &Host) -> Self {
        let text = path(host).and_then(|path| host.read(&path).ok().flatten());
        let stored: Option<Stored> = text.and_then(|text| serde_json::from_str(&text).ok());
        stored
            .filter(|stored| stored.version == VERSION)
            .map(Self::of)
            .unwrap_or_default()
    }

    /// Takes in what was found for one caller, in the place of all that was found for them before, and keeps it. What is
    /// known of accounts is added to.
    ///
    /// # Errors
    /// Where the file cannot be written. Without a home there is no file, and nothing is kept.
    pub fn keep(
        host: &Host,
        caller: &str,
        found: Vec<IndexedRole>,
        accounts: BTreeMap<AccountId, IndexedAccount>,
    ) -> Result<(), Error> {
        let Some(path) = path(host) else { return Ok(()) };
        // Whoever comes while another process writes finds it again the next time.
        let Some(_lock) = host.try_lock(&path.with_extension("lock"))? else {
            return Ok(());
        };
        let mut index = Self::load(host);
        index.roles.retain(|role| role.caller != caller);
        index.roles.extend(found);
        index.sort();
        for (id, account) in accounts {
            let known = index.accounts.entry(id).or_default();
            known.name = account.name.or(known.name.take());
            known.alias = account.alias.or(known.alias.take());
        }
        let text = serde_json::to_string(&index.stored())
            .map_err(|error| Error::config(format!("the roles cannot be kept: {error}")))?;
        host.write_private(&path, &text)
    }

    /// The accounts that go by this name: their alias or their name in the organization, whatever the case.
    pub fn accounts_named(&self, name: &str) -> Vec<AccountId> {
        let is = |known: &Option<String>| {
            known
                .as_deref()
                .is_some_and(|known| known.eq_ignore_ascii_case(name))
        };
        let named = self
            .accounts
            .iter()
            .filter(|(_, account)| is(&account.name) || is(&account.alias));
        named.map(|(id, _)| *id).collect()
    }

    /// What to call an account: its name, else its alias; `None` where neither is known.
    pub fn account_name(&self, id: AccountId) -> Option<&str> {
        let account = self.accounts.get(&id)?;
        account.name.as_deref().or(account.alias.as_deref())
    }

    fn sort(&mut self) {
        self.roles.sort_by(|a, b| {
            let by = |role: &IndexedRole| (role.arn.account(), role.arn.to_string(), role.caller.clone());
            by(a).cmp(&by(b))
        });
    }

    fn of(stored: Stored) -> Self {
        let accounts = stored.accounts.into_iter();
        let roles = stored.roles.into_iter().filter_map(|role| {
            Some(IndexedRole {
                arn: role.arn.parse().ok()?,
                caller: role.caller,
                source: role.source,
                verdict: role.verdict.parse().ok()?,
                conditions: role.conditions,
            })
        });
        Self {
            accounts: accounts
                .filter_map(|(id, account)| Some((id.parse().ok()?, account)))
                .collect(),
            roles: roles.collect(),
        }
    }

    fn stored(&self) -> Stored {
        Stored {
            version: VERSION,
            accounts: self
                .accounts
                .iter()
                .map(|(id, account)| (id.to_string(), account.clone()))
                .collect(),
            roles: self
                .roles
                .iter()
                .map(|role| StoredRole {
                    arn: role.arn.to_string(),
                    caller: role.caller.clone(),
                    source: role.source.clone(),
                    verdict: role.verdict.name().to_owned(),
                    conditions: role.conditions.clone(),
                })
                .collect(),
        }
    }
}

fn path(host: &Host) -> Option<PathBuf> {
    Some(host.state_dir()?.join("roles.json"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(home: &std::path::Path) -> Host {
        Host::builder().home(home).build()
    }

    fn role(arn: &str, caller: &str) -> IndexedRole {
        IndexedRole {
            arn: arn.parse().unwrap(),
            caller: caller.to_owned(),
            source: Some("joe".to_owned()),
            verdict: RoleVerdict::Conditional,
            conditions: vec!["sts:ExternalId".to_owned()],
        }
    }

    #[test]
    fn what_is_kept_is_there_again_and_each_caller_has_their_own() {
        let home = tempfile::tempdir().unwrap();
        let host = host(home.path());
        assert_eq!(RoleIndex::load(&host), RoleIndex::default());
        let (b, a) = (
            "arn:aws:iam::666666666666:role/b",
            "arn:aws:iam::222222222222:role/a",
        );
        let known = |name: Option<&str>, alias: Option<&str>| IndexedAccount {
            name: name.map(str::to_owned),
            alias: alias.map(str::to_owned),
        };
        let id: AccountId = "666666666666".parse().unwrap();
        RoleIndex::keep(
            &host,
            "joe",
            vec![role(b, "joe"), role(a, "joe")],
            [(id, known(None, Some("blah")))].into(),
        )
        .unwrap();
        RoleIndex::keep(
            &host,
            "ann",
            vec![role(b, "ann")],
            [(id, known(Some("Blah Ltd"), None))].into(),
        )
        .unwrap();
        RoleIndex::keep(&host, "joe", vec![role(b, "joe")], BTreeMap::new()).unwrap();
        let index = RoleIndex::load(&host);
        assert_eq!(index.roles, [role(b, "ann"), role(b, "joe")]);
        assert_eq!(index.accounts_named("BLAH"), [id]);
        assert_eq!(index.accounts_named("blah ltd"), [id]);
        assert_eq!(index.account_name(id), Some("Blah Ltd"));
    }

    #[test]
    fn another_form_is_found_again() {
        let home = tempfile::tempdir().unwrap();
        let host = host(home.path());
        for text in ["", "{", r#"{"version": 2, "accounts": {}, "roles": []}"#] {
            host.write_private(&path(&host).unwrap(), text).unwrap();
            assert_eq!(RoleIndex::load(&host), RoleIndex::default(), "{text}");
        }
    }
}

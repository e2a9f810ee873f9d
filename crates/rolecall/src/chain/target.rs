//! What the user names.

use std::fmt;

use crate::arn::{AccountId, RoleArn};
use crate::error::Error;
use crate::host::Host;
use crate::index::{Addressed, RoleIndex};
use crate::partition::Partition;
use crate::profile::ProfileSet;

/// What the user named, told apart.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Target {
    /// A profile of exactly that name.
    Profile(String),
    /// A role without a profile.
    Role(RoleArn),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Profile(name) => f.write_str(name),
            Self::Role(arn) => fmt::Display::fmt(arn, f),
        }
    }
}

/// A role by what was written, before its partition is known.
pub(super) enum Named {
    Profile(String),
    Role(RoleArn),
    /// A role by its account's name, and the profile it was found by.
    Found {
        arn: RoleArn,
        by: Option<String>,
    },
    /// `ACCOUNT/[PATH/]ROLE`.
    InSourcesPartition {
        account: AccountId,
        resource: String,
    },
}

impl Named {
    /// An exact profile name first (names may hold `/`), else a role ARN, else `ACCOUNT/[PATH/]ROLE`, the account by its id
    /// or, as the index knows it, by its name.
    pub(super) fn read(text: &str, profiles: &ProfileSet, host: &Host) -> Result<Self, Error> {
        if profiles.profile(text).is_some() {
            return Ok(Self::Profile(text.to_owned()));
        }
        if text.trim().is_empty() {
            return Err(Error::config("the target is empty").with_hint(
                "Name a profile, a role ARN or ACCOUNT/ROLE; a shell's variable that is not set leaves nothing.",
            ));
        }
        if text
            .trim_start_matches(crate::arn::QUOTES)
            .trim_start()
            .starts_with("arn:")
        {
            return Ok(Self::Role(text.parse()?));
        }
        // Digits before a slash can only be meant as an account, and then the account's own error helps most.
        match text.split_once('/') {
            Some((account, resource))
                if account.bytes().all(|b| b.is_ascii_digit() || b == b'-') && !account.is_empty() =>
            {
                let account: AccountId = account.parse()?;
                RoleArn::new(Partition::Aws, account, resource)?;
                Ok(Self::InSourcesPartition {
                    account,
                    resource: resource.to_owned(),
                })
            }
            Some(_) => Self::by_name(text, profiles, &RoleIndex::load(host)),
            None => Err(with_nearest(profiles.unknown(text), text, &RoleIndex::load(host))),
        }
    }

    fn by_name(text: &str, profiles: &ProfileSet, index: &RoleIndex) -> Result<Self, Error> {
        let (account, partition, resource) = match index.addressed(text) {
            Addressed::Role(role) => {
                return Ok(Self::Found {
                    arn: role.arn.clone(),
                    by: role.source.clone(),
                });
            }
            Addressed::Account {
                account,
                partition,
                resource,
            } => (account, partition, resource),
            Addressed::Ambiguous(accounts) => return Err(ambiguous(text, &accounts, index)),
            Addressed::Unknown => {
                let error = with_nearest(profiles.unknown(text), text, index);
                return Err(match index.roles.is_empty() {
                    true => error.with_hint(
                        "An account can be named by its alias or name once `rolecall roles` has found its roles; by its id always.",
                    ),
                    false => error,
                });
            }
        };
        let arn = RoleArn::new(partition.unwrap_or(Partition::Aws), account, resource)?;
        Ok(match partition {
            Some(_) => Self::Role(arn),
            None => Self::InSourcesPartition {
                account,
                resource: resource.to_owned(),
            },
        })
    }
}

/// The error for a name that several accounts go by.
fn ambiguous(text: &str, accounts: &[AccountId], index: &RoleIndex) -> Error {
    let ids: Vec<_> = accounts
        .iter()
        .map(|id| match index.account_name(*id) {
            Some(name) => format!("{id} (`{name}`)"),
            None => id.to_string(),
        })
        .collect();
    Error::config(format!(
        "`{text}` may mean a role of any of {} accounts",
        ids.len()
    ))
    .with_hint(format!(
        "Name the account by its id, as in `{}/ROLE`. There are: {}.",
        accounts.first().map_or("ID", AccountId::as_str),
        ids.join(", ")
    ))
}

/// The same error with the role that is written most like the text, or a role of the account that it names.
fn with_nearest(error: Error, text: &str, index: &RoleIndex) -> Error {
    let lower = text.to_lowercase();
    let targets = index.targets();
    let accounts = index.accounts_named(text);
    let inside = targets
        .iter()
        .find(|(_, role)| accounts.contains(&role.arn.account()));
    if let Some((written, _)) = inside {
        return error.with_hint(format!(
            "`{text}` is an account: name a role in it, as in `{written}`."
        ));
    }
    let has_account = text.contains('/');
    let likely = targets.iter().map(|(written, role)| {
        let whole = strsim::jaro_winkler(&lower, &written.to_lowercase());
        let alone = match has_account {
            true => 0.0,
            false => strsim::jaro_winkler(&lower, &role.arn.name().to_lowercase()),
        };
        (whole.max(alone), written)
    });
    let near = likely.filter(|(likeness, _)| *likeness > 0.85);
    match near.max_by(|one, other| one.0.total_cmp(&other.0)) {
        Some((_, written)) => error.with_hint(format!(
            "Of the roles that were found, `{written}` is the nearest."
        )),
        None => error,
    }
}

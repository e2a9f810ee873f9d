//! What the user names.

use std::fmt;

use crate::arn::{AccountId, RoleArn};
use crate::error::Error;
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
    /// `ACCOUNT/[PATH/]ROLE`.
    InSourcesPartition {
        account: AccountId,
        resource: String,
    },
}

impl Named {
    /// An exact profile name first (names may hold `/`), else a role ARN, else `ACCOUNT/[PATH/]ROLE`.
    pub(super) fn read(text: &str, profiles: &ProfileSet) -> Result<Self, Error> {
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
            _ => Err(profiles.unknown(text)),
        }
    }
}

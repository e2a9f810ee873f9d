//! A new access key in the place of the vault's: made in IAM, saved, tried, turned to; then the old one is deactivated and
//! deleted.
//!
//! A journal without a secret is written before each step, so that whatever stops a rotation, the next one knows where to go
//! on, and what is to be undone. The new secret is in memory and in the vault, and nowhere else. The old key is deleted when
//! AWS knows the new one as the same user's, and not before: at every moment the vault's list names a key that works.

mod abort;
mod create;
mod journal;
mod look;
mod steps;

use std::fmt;
use std::time::{Duration, SystemTime};

use crate::error::Error;
use crate::host::{FileLock, Host};
use crate::profile::ProfileSet;
use crate::provider::access_keys::{AccessKeys, Signing};
use crate::provider::blocking;
use crate::session::masked_key_id;
use crate::vault::{AccessKey, Vault};

use journal::Journal;
pub use journal::Step;

/// How long a new key is waited for until AWS knows it: usually seconds. "IAM … achieves high availability by replicating
/// data … the change is … eventually consistent" (IAM user guide, "Troubleshooting IAM").
const PATIENCE: Duration = Duration::from_secs(120);

/// A rotation of one profile's key: looked into, and not begun or not finished.
pub struct Rotation<'a> {
    keys: AccessKeys<'a>,
    host: Host,
    vault: Vault,
    outlook: Outlook,
    journal: Journal,
    /// Whether the journal is on the disk.
    is_begun: bool,
    /// What signs for what is done before the new key can: the key that is in use, or the session that proved MFA.
    signing: Signing,
    patience: Duration,
    /// A second key that is of no use is not a matter of bad luck.
    has_started_over: bool,
    /// Why nothing in the vault can sign for the journal's user, where that is so and it is to be undone all the same.
    stranger: Option<Error>,
    /// One process rotates at a time; none is held where it only looks.
    lock: Option<FileLock>,
}

/// What a rotation would find.
#[derive(Clone, Debug)]
pub struct Outlook {
    /// The profile whose key it is.
    pub profile: String,
    /// The user, as AWS says.
    pub arn: String,
    /// The key that is to go.
    pub old: KeyAbout,
    /// The rotation that is to be finished, where one was begun.
    pub unfinished: Option<Unfinished>,
    /// The device that was proved for it, where one was.
    pub proves_mfa: bool,
    /// What a person should know before, each a sentence.
    pub warnings: Vec<String>,
}

/// A key, as far as IAM tells.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeyAbout {
    /// Its id.
    pub id: String,
    /// Whether it can sign.
    pub is_active: bool,
    /// When it was made.
    pub created: Option<SystemTime>,
    /// When it was last used, before now.
    pub last_use: LastUse,
}

/// When a key was last used, as IAM has it: with a lag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum LastUse {
    /// Never.
    Never,
    /// Then.
    At {
        /// When.
        at: SystemTime,
        /// With which service, as in `s3`.
        service: String,
        /// In which region.
        region: String,
    },
    /// IAM does not tell, or tells only of this very run.
    Unknown,
}

/// A rotation that was begun, and neither finished nor undone.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unfinished {
    /// The profile whose key it is.
    pub profile: String,
    /// The old key's id.
    pub old: String,
    /// The new key's id, where it is in the vault.
    pub new: Option<String>,
    /// What comes next.
    pub step: Step,
    /// Whether it is being undone.
    pub is_undone: bool,
}

/// What was done, as it is done.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// A key was deleted whose secret nobody has: an earlier run was stopped, or an answer was lost.
    LeftoverDeleted(String),
    /// A new key was made, and is in the vault.
    Created(String),
    /// AWS knows it, as the same user's.
    Verified(String),
    /// The vault's list names it: whatever asks for the profile's key gets it from now on.
    Turned(String),
    /// The old key is inactive.
    Deactivated(String),
    /// A key was deleted in IAM.
    Deleted(String),
    /// A key was deleted in the vault.
    Swept(String),
    /// The old key is active again.
    Reactivated(String),
}

/// For people: a clause.
impl fmt::Display for Done {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::LeftoverDeleted(id)
        | Self::Created(id)
        | Self::Verified(id)
        | Self::Turned(id)
        | Self::Deactivated(id)
        | Self::Deleted(id)
        | Self::Swept(id)
        | Self::Reactivated(id)) = self;
        let id = masked_key_id(id);
        match self {
            Self::LeftoverDeleted(_) => write!(f, "deleted {id} in IAM, whose secret nobody has"),
            Self::Created(_) => write!(f, "made the new key {id}, and saved it in the vault"),
            Self::Verified(_) => write!(f, "AWS knows {id}, as the same user's"),
            Self::Turned(_) => write!(f, "the profile's key is {id} from now on"),
            Self::Deactivated(_) => write!(f, "deactivated {id}"),
            Self::Deleted(_) => write!(f, "deleted {id} in IAM"),
            Self::Swept(_) => write!(f, "deleted {id} in the vault"),
            Self::Reactivated(_) => write!(f, "{id} is active again"),
        }
    }
}

/// Is told what was done.
pub type Told<'t> = &'t mut (dyn FnMut(&Done) + Send);

/// A rotation that is finished.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The profile.
    pub profile: String,
    /// The user.
    pub arn: String,
    /// The id of the key that is gone.
    pub old: String,
    /// The id of the key that is in its place.
    pub new: String,
}

/// A rotation that is undone.
#[derive(Clone, Debug)]
pub struct Undone {
    /// The profile.
    pub profile: String,
    /// The id of the key that it has.
    pub kept: String,
    /// The id of the key that was new, where it was known.
    pub dropped: Option<String>,
    /// What could not be done, each a sentence that says what is left to do by hand.
    pub left: Vec<String>,
}

/// Every rotation that is neither finished nor undone: for `vault list` and `doctor`. The new key of each is a record that
/// the list does not name, and no orphan. Unlocks nothing.
///
/// # Errors
/// [`crate::ErrorKind::Config`] where a journal cannot be read.
pub fn unfinished(host: &Host) -> Result<Vec<Unfinished>, Error> {
    if host.data_dir().is_none() {
        return Ok(Vec::new());
    }
    let journals = Journal::all(host, &Vault::of(host))?;
    Ok(journals.iter().map(Unfinished::of).collect())
}

impl Unfinished {
    fn of(journal: &Journal) -> Self {
        Self {
            profile: journal.profile.clone(),
            old: journal.old.clone(),
            new: journal.new.clone(),
            step: journal.step,
            is_undone: journal.is_undone,
        }
    }

    /// The id of the key that the profile does not use now, where it may be in the vault too.
    pub fn not_in_use(&self) -> Option<&str> {
        match self.step {
            Step::Deactivate | Step::Delete | Step::Sweep if !self.is_undone => Some(&self.old),
            _ => self.new.as_deref(),
        }
    }

    /// In which state both keys are, in a sentence.
    pub fn state(&self) -> String {
        let old = masked_key_id(&self.old);
        let new = masked_key_id(self.new.as_deref().unwrap_or_default());
        match self.step {
            Step::Create => format!(
                "The key {old} is in use and untouched; a new one may have been made, whose secret nobody has."
            ),
            Step::Verify | Step::Turn => {
                format!(
                    "The new key {new} is in the vault and not in use yet; {old} is in use and untouched."
                )
            }
            Step::Deactivate => format!("The new key {new} is in use; {old} is still active."),
            Step::Delete => format!("The new key {new} is in use; {old} is inactive, and not deleted yet."),
            Step::Sweep => {
                format!("The new key {new} is in use; {old} is deleted in IAM, and still in the vault.")
            }
        }
    }

    /// What to do about it, in a sentence.
    pub fn advice(&self) -> String {
        let command = format!("rolecall vault rotate {}", self.profile);
        if self.is_undone {
            return format!("`{command} --abort` finishes undoing it.");
        }
        match self.step {
            Step::Sweep => format!("`{command}` finishes it."),
            _ => format!("`{command}` goes on from there; with --abort it is undone."),
        }
    }
}

/// For people: a clause.
impl fmt::Display for Unfinished {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = if self.is_undone { "undone" } else { "finished" };
        write!(
            f,
            "a rotation of the key of profile `{}` was begun and is not {end}",
            self.profile
        )
    }
}

impl fmt::Debug for Rotation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rotation")
            .field("outlook", &self.outlook)
            .finish_non_exhaustive()
    }
}

impl Rotation<'_> {
    /// What was found.
    pub fn outlook(&self) -> &Outlook {
        &self.outlook
    }

    /// How long a new key is waited for until AWS knows it, in the place of two minutes.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Work with the vault, off the thread that others need.
    async fn in_vault<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let vault = self.vault.clone();
        blocking(move || work(&vault)).await
    }

    /// Goes to a step: the journal has it before it is begun.
    async fn go_to(&mut self, step: Step) -> Result<(), Error> {
        self.journal.step = step;
        self.note().await
    }

    /// Writes the journal as it is.
    async fn note(&mut self) -> Result<(), Error> {
        let (host, journal) = (self.host.clone(), self.journal.clone());
        self.in_vault(move |vault| journal.write(&host, vault)).await?;
        self.is_begun = true;
        Ok(())
    }

    /// The journal goes: there is nothing to go on with, or to undo.
    async fn forget(&mut self) -> Result<(), Error> {
        let (host, journal) = (self.host.clone(), self.journal.clone());
        self.in_vault(move |vault| journal.remove(&host, vault)).await?;
        self.is_begun = false;
        Ok(())
    }

    /// The id of the key that the list names.
    fn listed(&self) -> Result<Option<String>, Error> {
        let list = self.vault.list()?;
        let entry = list.entry(&self.journal.profile);
        Ok(entry.map(|entry| entry.access_key_id.clone()))
    }

    /// A key of the profile by its id, wherever it rests by now.
    async fn key(&self, id: &str) -> Result<Option<AccessKey>, Error> {
        let (profile, id, backend) = (self.journal.profile.clone(), id.to_owned(), self.journal.backend);
        self.in_vault(move |vault| {
            let list = vault.list()?;
            match list.entry(&profile) {
                Some(entry) if entry.access_key_id == id => vault.key(&profile).map(Some),
                _ => vault.staged(&profile, &id, backend),
            }
        })
        .await
    }

    /// The error with the state that it left, and what to do.
    fn explained(&self, error: Error) -> Error {
        if !self.is_begun {
            let old = masked_key_id(&self.journal.old);
            return error.with_hint(format!("Nothing was changed: the key {old} is in use."));
        }
        let state = Unfinished::of(&self.journal);
        error.with_hint(state.state()).with_hint(state.advice())
    }
}

/// Where else a key stands that is about to go, as places that a person can find.
fn elsewhere(profiles: &ProfileSet, host: &Host, id: &str) -> Vec<String> {
    let mut places: Vec<String> = profiles
        .profiles()
        .filter_map(|profile| {
            let property = profile.property("aws_access_key_id")?;
            (property.value() == id).then(|| format!("profile `{}` ({})", profile.name(), property.origin()))
        })
        .collect();
    if host.env("AWS_ACCESS_KEY_ID") == Some(id) {
        places.push("$AWS_ACCESS_KEY_ID".to_owned());
    }
    places
}

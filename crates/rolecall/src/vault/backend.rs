//! Where records rest: bytes by key, whatever they are.

mod file;
#[cfg(any(target_os = "macos", windows, test))]
mod native;
#[cfg(target_os = "linux")]
mod secret_service;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::List;
use crate::error::{Error, Invalid, printable};
use crate::host::Host;

/// What kind of record it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RecordKind {
    /// An access key.
    AccessKey,
    /// A file as it was before keys were taken out of it.
    Backup,
}

impl RecordKind {
    /// Its name in a backend.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessKey => "access-key",
            Self::Backup => "backup",
        }
    }

    /// The kind of that name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::AccessKey, Self::Backup];
        all.into_iter().find(|kind| kind.name() == name)
    }
}

/// Which record it is. Nothing of it is secret: a backend may show it to anybody who may look into it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RecordKey {
    /// What kind it is.
    pub kind: RecordKind,
    /// Whose: a profile's name, a file's.
    pub name: String,
    /// Which of those: an access key id, the backup's id.
    pub id: String,
}

impl fmt::Display for RecordKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A backend may hold what others wrote into it.
        let [name, id] = [&self.name, &self.id].map(|text| printable(text.as_str()));
        match self.kind {
            RecordKind::AccessKey => write!(f, "key {id} of profile `{name}`"),
            RecordKind::Backup => write!(f, "backup {id} of {name}"),
        }
    }
}

impl RecordKey {
    /// What its file is called among the encrypted files, and what stands beside it where that name does not say which
    /// record it is. No two records share one, even where upper and lower case are the same.
    pub fn file(&self) -> (String, Option<Vec<u8>>) {
        let label = file::names::label(self).map(|(_, label)| label);
        (file::names::file(self), label)
    }

    /// The record whose file is called so, with what stands beside it; `None` where no record's is.
    pub fn of_file(name: &str, label: &[u8]) -> Option<Self> {
        match file::names::read(name)? {
            file::names::Named::Record(key) => Some(key),
            file::names::Named::Elsewhere(_) => file::names::read_label(name, label),
        }
    }
}

/// Somewhere records rest. Every method may block, and may ask the person of its host.
pub trait Backend: fmt::Debug + Send + Sync {
    /// Which one it is.
    fn kind(&self) -> BackendKind;

    /// Makes it ready to load and save: asks for what it is locked with, once, and makes what is missing.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NeedsUser`] when nobody can be asked, or nobody knew the answer.
    fn unlock(&self) -> Result<(), Error>;

    /// Forgets what was unlocked, where it can be had again without a question.
    fn rest(&self) {}

    /// What was saved under that key; `None` where nothing is.
    ///
    /// # Errors
    /// Why it cannot be read: locked, damaged, away.
    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error>;

    /// Saves it under that key, whole or not at all, in the place of what was there.
    ///
    /// # Errors
    /// Why it was not saved; what was there still is.
    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error>;

    /// Deletes what is under that key; nothing is as good as deleted. It does not unlock: it is called while the vault is
    /// locked to others, who cannot wait for a person.
    ///
    /// # Errors
    /// Why it is still there; [`crate::ErrorKind::NeedsUser`] where it has to be unlocked before.
    fn delete(&self, key: &RecordKey) -> Result<(), Error>;

    /// Every key there is. It does not unlock.
    ///
    /// # Errors
    /// Why they cannot be listed.
    fn keys(&self) -> Result<Vec<RecordKey>, Error>;

    /// Asks for the passphrase, then for a new one, and locks all of it with that; the records stay as they are.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] for a backend that is not locked by a passphrase of rolecall's; why it was not changed,
    /// and then the old one holds.
    fn change_passphrase(&self) -> Result<(), Error> {
        Err(
            Error::config(format!("{} has no passphrase of rolecall's", self.kind()))
                .with_hint("It is locked by your login: change that passphrase there."),
        )
    }
}

/// The kinds of backends.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum BackendKind {
    /// Windows's Credential Manager.
    CredentialManager,
    /// Files that are encrypted under a passphrase.
    File,
    /// The login keychain of macOS.
    Keychain,
    /// The Secret Service of the desktop: GNOME Keyring, KWallet, KeePassXC.
    SecretService,
}

impl BackendKind {
    const ALL: [(Self, &'static str); 4] = [
        (Self::CredentialManager, "credential-manager"),
        (Self::File, "file"),
        (Self::Keychain, "keychain"),
        (Self::SecretService, "secret-service"),
    ];

    /// Its name in arguments and in JSON.
    pub fn name(self) -> &'static str {
        let found = Self::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("", |(_, name)| name)
    }

    /// Those of this system, the best first: the ladder that [`super::Vault::choose`] goes down.
    pub fn of_this_system() -> &'static [Self] {
        if cfg!(target_os = "macos") {
            &[Self::Keychain, Self::File]
        } else if cfg!(windows) {
            &[Self::CredentialManager, Self::File]
        } else if cfg!(target_os = "linux") {
            &[Self::SecretService, Self::File]
        } else {
            &[Self::File]
        }
    }
}

/// For sentences.
impl fmt::Display for BackendKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::CredentialManager => "the Credential Manager",
            Self::File => "the encrypted file",
            Self::Keychain => "the keychain",
            Self::SecretService => "the Secret Service",
        })
    }
}

impl FromStr for BackendKind {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let found = Self::ALL.iter().find(|(_, name)| *name == text);
        found.map(|(kind, _)| *kind).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|(_, name)| *name).collect();
            Invalid::new(format!("`{text}` is no backend: there are {}", names.join(", ")))
        })
    }
}

/// Where a new key is to rest, and why there.
#[derive(Clone, Debug)]
pub struct Chosen {
    /// The backend.
    pub kind: BackendKind,
    /// Why it is that one, as a clause.
    pub why: String,
    /// Those that come before it and cannot be used, each with the reason.
    pub passed_over: Vec<(BackendKind, Error)>,
}

/// Opens one. What it is locked with is not asked for yet.
pub(super) fn open(host: &Host, kind: BackendKind) -> Result<Arc<dyn Backend>, Error> {
    match kind {
        BackendKind::File => Ok(Arc::new(file::Files::of(host)?)),
        #[cfg(target_os = "linux")]
        BackendKind::SecretService => Ok(Arc::new(secret_service::SecretService::of(host)?)),
        #[cfg(target_os = "macos")]
        BackendKind::Keychain => Ok(Arc::new(native::Native::of(host)?)),
        #[cfg(windows)]
        BackendKind::CredentialManager => Ok(Arc::new(native::Native::of(host)?)),
        other => Err(not_here(other)),
    }
}

fn not_here(kind: BackendKind) -> Error {
    let here: Vec<_> = BackendKind::of_this_system()
        .iter()
        .map(|kind| kind.name())
        .collect();
    Error::config(format!("{kind} is not on this system"))
        .with_hint(format!("Here there are: {}.", here.join(", ")))
}

/// Goes down the ladder.
pub(super) fn choose(host: &Host, asked: Option<BackendKind>, list: &List) -> Result<Chosen, Error> {
    /// What names a backend for all of a user's keys.
    const VARIABLE: &str = "ROLECALL_VAULT_BACKEND";
    let found = |kind, why: &str, passed_over| Chosen {
        kind,
        why: why.to_owned(),
        passed_over,
    };
    if let Some(kind) = asked {
        open(host, kind)?;
        return Ok(found(kind, "it was asked for", Vec::new()));
    }
    if let Some(name) = host.env(VARIABLE) {
        let kind = name
            .parse()
            .map_err(|invalid: Invalid| Error::from(invalid.within(VARIABLE)))?;
        open(host, kind)?;
        return Ok(found(kind, "ROLECALL_VAULT_BACKEND names it", Vec::new()));
    }
    if let Some(entry) = list.entries().last() {
        open(host, entry.backend)?;
        return Ok(found(
            entry.backend,
            "the vault's other keys are there",
            Vec::new(),
        ));
    }
    let mut passed_over = Vec::new();
    for kind in BackendKind::of_this_system() {
        match open(host, *kind) {
            Ok(_) => {
                let why = match passed_over.is_empty() {
                    true => "it is the first choice on this system",
                    false => "those before it cannot be used here",
                };
                return Ok(found(*kind, why, passed_over));
            }
            Err(error) => passed_over.push((*kind, error)),
        }
    }
    Err(passed_over
        .pop()
        .map_or_else(|| not_here(BackendKind::File), |(_, error)| error))
}

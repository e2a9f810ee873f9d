//! The vault: where long-term access keys rest, encrypted, and never in a file in the clear.
//!
//! A key belongs to a profile by the profile's name: nothing in the config file names the vault. What a command needs to
//! know without a secret (which profile has a key, its id, where it rests) stands in a [`List`], so that listing and
//! resolving unlock nothing. The secrets rest in a [`Backend`]: bytes by key, and nothing else known of them.
//!
//! A record is never changed: a new key is a new record, the list is turned to it in one step, and then the old record is
//! deleted. So whatever a crash interrupts, the list names a record that is whole; what it does not name is swept later.

mod access_key;
mod backend;
mod backups;
mod kernel;
mod list;
mod lock_up;
mod upkeep;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::host::{FileLock, Host};

pub use access_key::AccessKey;
pub use backend::{Backend, BackendKind, Chosen, RecordKey, RecordKind};
pub use list::{Backup, Entry, List};
pub use upkeep::Rebuilt;

/// How often, and after what time, the lock is tried again that another process holds: for ten seconds.
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);

/// The vault of one user, on one host. Backends are opened when they are needed, and unlocked once.
#[derive(Clone, Debug)]
pub struct Vault(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    /// Those that were opened, with what they have unlocked.
    open: Mutex<Vec<Arc<dyn Backend>>>,
}

/// What a new key took the place of, and where it rests now.
#[derive(Clone, Debug)]
pub struct Added {
    /// As it is listed now.
    pub entry: Entry,
    /// As it was listed before, where there was one.
    pub before: Option<Entry>,
}

impl Vault {
    /// The vault of whoever's files `host` reads. Nothing is opened yet.
    pub fn of(host: &Host) -> Self {
        Self(Arc::new(Inner {
            host: host.clone(),
            open: Mutex::default(),
        }))
    }

    /// What is in it. Unlocks nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where the list cannot be read, or others could have written it.
    pub fn list(&self) -> Result<List, Error> {
        List::load(&self.0.host)
    }

    /// Where a new key is to rest: where it is asked for, else where the others are, else the first backend of this system
    /// that works, with the reason why each before it does not.
    ///
    /// # Errors
    /// Why the one that was asked for cannot be used.
    pub fn choose(&self, asked: Option<BackendKind>) -> Result<Chosen, Error> {
        backend::choose(&self.0.host, asked, &self.list()?)
    }

    /// A backend, opened; what it unlocks stays unlocked in this vault.
    ///
    /// # Errors
    /// Why it is not there, or cannot be used.
    pub fn backend(&self, kind: BackendKind) -> Result<Arc<dyn Backend>, Error> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(backend) = open.iter().find(|backend| backend.kind() == kind) {
            return Ok(Arc::clone(backend));
        }
        let backend = backend::open(&self.0.host, kind)?;
        open.push(Arc::clone(&backend));
        Ok(backend)
    }

    /// The key of a profile. It may ask the person for a passphrase, and it blocks.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where the profile has none, and why its backend does not give it.
    pub fn key(&self, profile: &str) -> Result<AccessKey, Error> {
        let mut missing = None;
        // Once more where it was moved or replaced between the list and the record.
        for _ in 0..2 {
            let list = self.list()?;
            let entry = list.entry(profile).ok_or_else(|| no_entry(profile))?;
            if missing.as_ref() == Some(entry) {
                break;
            }
            if let Some(bytes) = self.backend(entry.backend)?.load(&entry.record())? {
                return AccessKey::from_record(&entry.record(), &bytes);
            }
            missing = Some(entry.clone());
        }
        let place = missing.map_or_else(String::new, |entry| format!(" in {}", entry.backend));
        Err(Error::new(
            ErrorKind::NotConfigured,
            format!("the key of profile `{profile}` is listed, and not there{place}"),
        )
        .with_hint(format!(
            "Somebody removed it there. `rolecall vault add {profile}` puts a key there again."
        )))
    }

    /// Puts a key into the vault, in the place of the profile's old one: saved, read back, then listed; then the old one is
    /// deleted. `arn` is whose it is, where that is known.
    ///
    /// # Errors
    /// Why it could not be saved: the vault is as it was.
    pub fn add(
        &self,
        profile: &str,
        key: &AccessKey,
        kind: BackendKind,
        arn: Option<&str>,
    ) -> Result<Added, Error> {
        list::check_name(profile)?;
        let entry = Entry {
            profile: profile.to_owned(),
            access_key_id: key.id().to_owned(),
            backend: kind,
            saved_at: self.0.host.now(),
            arn: arn.map(str::to_owned),
        };
        let backend = self.backend(kind)?;
        // A person may be asked for a passphrase: before others are locked out.
        backend.unlock()?;
        let _lock = self.lock()?;
        let mut list = self.list()?;
        let before = list.entry(profile).cloned();
        self.save(backend.as_ref(), &entry.record(), &key.to_record(profile))?;
        list.put(entry.clone());
        list.save(&self.0.host)?;
        if let Some(before) = &before
            && (before.record() != entry.record() || before.backend != kind)
        {
            self.sweep(before.backend, &before.record());
        }
        Ok(Added { entry, before })
    }

    /// Saves a record, and reads it back: what cannot be read is not saved.
    fn save(&self, backend: &dyn Backend, record: &RecordKey, bytes: &[u8]) -> Result<(), Error> {
        backend.save(record, bytes)?;
        match backend.load(record)? {
            Some(back) if *back == *bytes => Ok(()),
            _ => Err(Error::new(
                ErrorKind::Untrusted,
                format!("{} gave something else back than was saved", backend.kind()),
            )
            .with_hint("Nothing was changed. `rolecall doctor` looks at the vault.")),
        }
    }

    /// Takes a profile's key out of the vault; gives what was listed.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is none.
    pub fn remove(&self, profile: &str) -> Result<Entry, Error> {
        let _lock = self.lock()?;
        let mut list = self.list()?;
        let entry = list.take(profile).ok_or_else(|| no_entry(profile))?;
        // The record first: a key that is not listed any more must not be there.
        self.backend(entry.backend)?.delete(&entry.record())?;
        list.save(&self.0.host)?;
        Ok(entry)
    }

    /// Deletes a record that nothing names any more. Left behind, it is found by `doctor`.
    fn sweep(&self, kind: BackendKind, record: &RecordKey) {
        let swept = self.backend(kind).and_then(|backend| backend.delete(record));
        if let Err(error) = swept {
            tracing::warn!("an old record stays in {kind}: {error}");
        }
    }

    /// One process changes the vault at a time.
    fn lock(&self) -> Result<FileLock, Error> {
        let path = list::folder(&self.0.host)?.join("vault.lock");
        for _ in 0..TRIES {
            if let Some(lock) = self.0.host.try_lock(&path)? {
                return Ok(lock);
            }
            std::thread::sleep(BETWEEN_TRIES);
        }
        Err(
            Error::new(ErrorKind::Unavailable, "another rolecall changes the vault now")
                .with_hint("Try again when it is done."),
        )
    }
}

fn no_entry(profile: &str) -> Error {
    Error::new(
        ErrorKind::NotConfigured,
        format!("the vault has no key of a profile `{profile}`"),
    )
    .with_hint("`rolecall vault list` shows what is in it, `rolecall vault add` adds to it.")
}

//! The vault: where long-term access keys rest, encrypted, and never in a file in the clear.
//!
//! A key belongs to a profile by the profile's name: nothing in the config file names the vault. What a command needs to
//! know without a secret (which profile has a key, its id, where it rests) stands in a [`List`], so that listing and
//! resolving unlock nothing. The secrets rest in a [`Backend`]: bytes by key, and nothing else known of them.
//!
//! A new key is a new record. The list is turned to it in one step, by which it also says of the old record that it leaves;
//! then that is deleted. So whatever a crash interrupts, the list names records that are whole; and what was to be deleted
//! and is still there is deleted by whoever changes the vault next.

mod access_key;
mod backend;
mod backups;
mod given;
mod kernel;
mod list;
mod lock_up;
mod prove;
mod staging;
mod upkeep;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::host::{FileLock, Host};

pub use access_key::AccessKey;
pub use backend::{Backend, BackendKind, Chosen, RecordKey, RecordKind};
pub use backups::Replaced;
pub use list::{Backup, Entry, List, check_name};
pub use upkeep::{LeftOut, Rebuilt, WhyLeftOut};

/// How often, and after what time, a record is looked for that the list names and that is not there.
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(5);

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

/// What has to stand in the list for a new key to be put there: others change the vault while a person thinks.
#[derive(Clone, Copy, Debug)]
pub enum Expected<'a> {
    /// This entry, as it was shown, or none.
    Listed(Option<&'a Entry>),
    /// No key of the profile, or one of the same id.
    NoOther,
}

impl Expected<'_> {
    fn is_met(self, before: Option<&Entry>, new: &Entry) -> bool {
        match self {
            Self::Listed(expected) => before == expected,
            Self::NoOther => before.is_none_or(|before| before.access_key_id == new.access_key_id),
        }
    }
}

impl Vault {
    /// The vault of whoever's files `host` reads. Nothing is opened yet.
    pub fn of(host: &Host) -> Self {
        Self(Arc::new(Inner {
            host: host.clone(),
            open: Mutex::default(),
        }))
    }

    /// The same, with this backend where it needs one of its kind: for a place that rolecall does not know.
    #[must_use]
    pub fn using(self, backend: Arc<dyn Backend>) -> Self {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|other| other.kind() != backend.kind());
        open.push(backend);
        drop(open);
        self
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
        let mut missing: Option<Entry> = None;
        // It may be moved or replaced between the list and the record, and moved back again: what is missing is looked for
        // until nothing can have been between.
        for look in 0..LOOKS {
            let list = self.list()?;
            let entry = list.entry(profile).ok_or_else(|| no_entry(profile))?;
            if let Some(key) = self.load(entry)? {
                return Ok(key);
            }
            missing = Some(entry.clone());
            if look > 0 {
                std::thread::sleep(BETWEEN_LOOKS);
            }
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

    /// The key that an entry lists; `None` where its record is not there.
    fn load(&self, entry: &Entry) -> Result<Option<AccessKey>, Error> {
        let bytes = self.backend(entry.backend)?.load(&entry.record())?;
        bytes
            .map(|bytes| AccessKey::from_record(&entry.record(), &bytes))
            .transpose()
    }

    /// Puts a key into the vault, in the place of the profile's old one, whichever that is by now: saved, read back, then
    /// listed; then the old one is deleted. `arn` is whose it is, where that is known.
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
        let entry = self.new_entry(profile, key, kind, arn)?;
        let added = self.put_where(entry, key, |_, _| true)?;
        // It was put in the place of whatever was there.
        added.ok_or_else(|| no_entry(profile))
    }

    /// The same, in the place of what is expected there and of nothing else.
    ///
    /// # Errors
    /// [`ErrorKind::Unavailable`] where another process put another key there, or took it away, meanwhile; and why it could
    /// not be saved. The vault is as it was.
    pub fn add_expecting(
        &self,
        profile: &str,
        key: &AccessKey,
        kind: BackendKind,
        arn: Option<&str>,
        expected: Expected<'_>,
    ) -> Result<Added, Error> {
        let entry = self.new_entry(profile, key, kind, arn)?;
        let added = self.put_where(entry, key, |before, new| expected.is_met(before, new))?;
        added.ok_or_else(|| {
            Error::new(
                ErrorKind::Unavailable,
                format!("another process changed the key of profile `{profile}` in the vault meanwhile"),
            )
            .with_hint("The vault has what the other one put there; `rolecall vault list` shows it. If this key is to take its place, say it again.")
        })
    }

    fn new_entry(
        &self,
        profile: &str,
        key: &AccessKey,
        kind: BackendKind,
        arn: Option<&str>,
    ) -> Result<Entry, Error> {
        list::check_name(profile)?;
        Ok(Entry {
            profile: profile.to_owned(),
            access_key_id: key.id().to_owned(),
            backend: kind,
            saved_at: self.0.host.now(),
            arn: arn.map(str::to_owned),
        })
    }

    /// The same; where `expected` is given, only in the place of that: else nothing is done, and there is nothing to tell.
    fn put(&self, entry: Entry, key: &AccessKey, expected: Option<&Entry>) -> Result<Option<Added>, Error> {
        self.put_where(entry, key, |before, _| expected.is_none() || expected == before)
    }

    /// The same, where what is listed before, and what is to be, are as they may be.
    fn put_where(
        &self,
        entry: Entry,
        key: &AccessKey,
        may: impl FnOnce(Option<&Entry>, &Entry) -> bool,
    ) -> Result<Option<Added>, Error> {
        let (kind, record) = (entry.backend, entry.record());
        let backend = self.backend(kind)?;
        // A person may be asked for a passphrase: before others are locked out.
        backend.unlock()?;
        let mut change = self.change()?;
        let before = change.list.entry(&entry.profile).cloned();
        if !may(before.as_ref(), &entry) {
            return Ok(None);
        }
        let is_same = before
            .as_ref()
            .is_some_and(|before| (before.backend, before.record()) == (kind, record.clone()));
        // One that is damaged is not worth keeping.
        let old = match is_same {
            true => backend.load(&record).ok().flatten(),
            false => None,
        };
        let bytes = key.to_record(&entry.profile);
        let saved = self.save(backend.as_ref(), &record, &bytes);
        let listed = saved.and_then(|()| {
            if let Some(before) = change.list.put(entry.clone())
                && !is_same
            {
                change.list.leaves(before.backend, before.record());
            }
            change.list.save(&self.0.host)
        });
        if let Err(error) = listed {
            match old {
                Some(old) => drop(backend.save(&record, &old)),
                None if is_same => {}
                None => self.take_back(backend.as_ref(), &record),
            }
            return Err(error);
        }
        self.finish(&mut change);
        Ok(Some(Added { entry, before }))
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

    /// Deletes a record that was saved and could not be listed.
    fn take_back(&self, backend: &dyn Backend, record: &RecordKey) {
        if let Err(error) = backend.delete(record) {
            tracing::warn!("a record stays in {} that nothing names: {error}", backend.kind());
        }
    }

    /// Takes a profile's key out of the vault; gives what was listed. Unlocks only what deletes nothing while it is locked:
    /// the encrypted file is not.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is none; why it could not be deleted, and then it is as it was.
    pub fn remove(&self, profile: &str) -> Result<Entry, Error> {
        let list = self.list()?;
        let entry = list.entry(profile).ok_or_else(|| no_entry(profile))?;
        self.unlocking(entry.backend, || self.take_out(profile))
    }

    /// Does what deletes in a backend; where that is locked, once more after it was unlocked. The person is asked between
    /// the two, where nobody else is locked out.
    fn unlocking<T>(&self, kind: BackendKind, work: impl Fn() -> Result<T, Error>) -> Result<T, Error> {
        match work() {
            Err(error) if error.kind() == ErrorKind::NeedsUser => {
                self.backend(kind)?.unlock()?;
                work()
            }
            outcome => outcome,
        }
    }

    fn take_out(&self, profile: &str) -> Result<Entry, Error> {
        let mut change = self.change()?;
        let entry = change.list.take(profile).ok_or_else(|| no_entry(profile))?;
        self.let_go(&mut change, entry.backend, &entry.record(), |list| {
            list.put(entry.clone());
        })?;
        Ok(entry)
    }

    /// Deletes a record that was just taken from the list: first it is listed as one that leaves, so that a crash cannot
    /// bring it back. `restore` lists it again where it cannot be deleted.
    fn let_go(
        &self,
        change: &mut Change,
        kind: BackendKind,
        record: &RecordKey,
        restore: impl FnOnce(&mut List),
    ) -> Result<(), Error> {
        let backend = self.backend(kind)?;
        change.list.leaves(kind, record.clone());
        change.list.save(&self.0.host)?;
        if let Err(error) = backend.delete(record) {
            restore(&mut change.list);
            change.list.save(&self.0.host)?;
            return Err(error);
        }
        self.finish(change);
        Ok(())
    }

    /// Begins a change: no other process changes the vault until it is dropped. Nobody is asked anything meanwhile.
    fn change(&self) -> Result<Change, Error> {
        let lock = self.lock()?;
        let folder = list::folder(&self.0.host)?;
        for folder in [folder.join("records"), folder] {
            self.0.host.sweep_unfinished(&folder);
        }
        Ok(Change {
            list: self.list()?,
            _lock: lock,
        })
    }

    /// Deletes what leaves, and lists that it is gone. What cannot be deleted now is tried again with the next change.
    fn finish(&self, change: &mut Change) {
        let leaving = change.list.leaving().to_vec();
        for (kind, record) in &leaving {
            match self.backend(*kind).and_then(|backend| backend.delete(record)) {
                Ok(()) => change.list.stays(*kind, record),
                Err(error) => tracing::warn!("an old record stays in {kind}: {error}"),
            }
        }
        if change.list.leaving().len() != leaving.len()
            && let Err(error) = change.list.save(&self.0.host)
        {
            // They are gone; deleting them once more does no harm.
            tracing::debug!("the vault still lists what is deleted: {error}");
        }
    }

    /// One process changes the vault at a time.
    fn lock(&self) -> Result<FileLock, Error> {
        list::lock(&self.0.host)
    }
}

/// A change that was begun, with the list as it is, and then is to be.
struct Change {
    list: List,
    _lock: FileLock,
}

fn no_entry(profile: &str) -> Error {
    Error::new(
        ErrorKind::NotConfigured,
        format!("the vault has no key of a profile `{profile}`"),
    )
    .with_hint("`rolecall vault list` shows what is in it, `rolecall vault add` adds to it.")
}

//! A second key for one profile, while a rotation turns from the one to the other: saved, and not listed yet.

use std::path::PathBuf;

use super::{AccessKey, BackendKind, Entry, RecordKey, RecordKind, Vault, list, no_entry};
use crate::error::{Error, ErrorKind};

fn record(profile: &str, id: &str) -> RecordKey {
    RecordKey {
        kind: RecordKind::AccessKey,
        name: profile.to_owned(),
        id: id.to_owned(),
    }
}

impl Vault {
    /// Where it is, for what stands beside the list.
    pub(crate) fn folder(&self) -> Result<PathBuf, Error> {
        list::folder(&self.0.host)
    }

    /// Unlocks a backend now, so that nobody has to be asked between two steps.
    pub(crate) fn unlock(&self, kind: BackendKind) -> Result<(), Error> {
        self.backend(kind)?.unlock()
    }

    /// Saves a key of the profile beside the one that is listed, and reads it back. The list is as it was.
    ///
    /// # Errors
    /// Why it was not saved; what was written of it is deleted again, as far as that goes.
    pub(crate) fn stage(&self, profile: &str, key: &AccessKey, kind: BackendKind) -> Result<(), Error> {
        let backend = self.backend(kind)?;
        // Nobody is asked while others are locked out.
        backend.unlock()?;
        let _lock = self.lock()?;
        let record = record(profile, key.id());
        let saved = self.save(backend.as_ref(), &record, &key.to_record(profile));
        if saved.is_err() {
            self.take_back(backend.as_ref(), &record);
        }
        saved
    }

    /// A key of the profile by its id, whether or not it is the one that is listed.
    ///
    /// # Errors
    /// Why its backend does not give it.
    pub(crate) fn staged(
        &self,
        profile: &str,
        id: &str,
        kind: BackendKind,
    ) -> Result<Option<AccessKey>, Error> {
        let record = record(profile, id);
        let bytes = self.backend(kind)?.load(&record)?;
        bytes
            .map(|bytes| AccessKey::from_record(&record, &bytes))
            .transpose()
    }

    /// Turns the list from one key of the profile to another that is saved. Both records stay. Once it is turned, it stays so.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where the list names neither of the two, and why it could not be written: it is as it was.
    pub(crate) fn turn(
        &self,
        profile: &str,
        from: &str,
        to: &str,
        kind: BackendKind,
        arn: &str,
    ) -> Result<(), Error> {
        let _lock = self.lock()?;
        let mut list = self.list()?;
        let listed = list.entry(profile).ok_or_else(|| no_entry(profile))?;
        if listed.access_key_id == to {
            return Ok(());
        }
        if listed.access_key_id != from {
            return Err(
                Error::config(format!("the vault has another key of profile `{profile}` by now"))
                    .with_hint("Somebody put it there meanwhile; `rolecall vault list` shows which."),
            );
        }
        if self.backend(kind)?.load(&record(profile, to))?.is_none() {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                format!("key {to} of profile `{profile}` is not in {kind}"),
            )
            .with_hint("Somebody removed it there."));
        }
        list.put(Entry {
            profile: profile.to_owned(),
            access_key_id: to.to_owned(),
            backend: kind,
            saved_at: self.0.host.now(),
            arn: Some(arn.to_owned()),
        });
        list.save(&self.0.host)
    }

    /// Deletes the record of a key that the list does not name; one that it names stays.
    ///
    /// # Errors
    /// Why it is still there.
    pub(crate) fn unstage(&self, profile: &str, id: &str, kind: BackendKind) -> Result<(), Error> {
        self.unlocking(kind, || self.delete_unlisted(profile, id, kind))
    }

    fn delete_unlisted(&self, profile: &str, id: &str, kind: BackendKind) -> Result<(), Error> {
        let _lock = self.lock()?;
        let list = self.list()?;
        let is_listed = list
            .entry(profile)
            .is_some_and(|entry| entry.access_key_id == id && entry.backend == kind);
        if is_listed {
            return Ok(());
        }
        self.backend(kind)?.delete(&record(profile, id))
    }
}

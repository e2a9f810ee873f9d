//! Moving keys between backends, and finding again what the list lost.

use super::{BackendKind, Entry, List, RecordKey, RecordKind, Vault, no_entry};
use crate::error::Error;

/// What was found again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The keys that are listed now.
    pub entries: Vec<Entry>,
    /// The backends that could not be looked into, each with the reason.
    pub unread: Vec<(BackendKind, Error)>,
}

impl Vault {
    /// Moves a profile's key to another backend: saved and read back there, listed there, then deleted here.
    ///
    /// # Errors
    /// Why it could not be moved: it is where it was.
    pub fn move_to(&self, profile: &str, kind: BackendKind) -> Result<Entry, Error> {
        let entry = self
            .list()?
            .entry(profile)
            .cloned()
            .ok_or_else(|| no_entry(profile))?;
        if entry.backend == kind {
            return Ok(entry);
        }
        let key = self.key(profile)?;
        Ok(self.add(profile, &key, kind, entry.arn.as_deref())?.entry)
    }

    /// Records that the list does not name: a crash left them, or the list was lost.
    ///
    /// # Errors
    /// Why the list cannot be read. A backend that cannot be looked into has none.
    pub fn orphans(&self) -> Result<Vec<(BackendKind, RecordKey)>, Error> {
        let list = self.list()?;
        let known = |kind: BackendKind, record: &RecordKey| {
            let entries = list.entries().iter().map(|entry| (entry.backend, entry.record()));
            let backups = list
                .backups()
                .iter()
                .map(|backup| (backup.backend, backup.record()));
            entries
                .chain(backups)
                .any(|(backend, known)| backend == kind && known == *record)
        };
        let mut orphans = Vec::new();
        for kind in BackendKind::of_this_system() {
            let keys = self.backend(*kind).and_then(|backend| backend.keys());
            let keys = keys.unwrap_or_default().into_iter();
            orphans.extend(keys.filter(|key| !known(*kind, key)).map(|key| (*kind, key)));
        }
        Ok(orphans)
    }

    /// Makes the list anew from what the backends hold. Of two keys of one profile the list that is there decides, else the
    /// first backend of this system. Unlocks nothing.
    ///
    /// # Errors
    /// Why it cannot be written.
    pub fn rebuild(&self) -> Result<Rebuilt, Error> {
        let _lock = self.lock()?;
        let mut list = self.list().unwrap_or_else(|_| List::default());
        let mut unread = Vec::new();
        for kind in BackendKind::of_this_system() {
            let keys = match self.backend(*kind).and_then(|backend| backend.keys()) {
                Ok(keys) => keys,
                Err(error) => {
                    unread.push((*kind, error));
                    continue;
                }
            };
            for key in keys {
                if key.kind == RecordKind::AccessKey && list.entry(&key.name).is_none() {
                    list.put(Entry {
                        profile: key.name,
                        access_key_id: key.id,
                        backend: *kind,
                        saved_at: self.0.host.now(),
                        arn: None,
                    });
                }
            }
        }
        list.save(&self.0.host)?;
        Ok(Rebuilt {
            entries: list.entries().to_vec(),
            unread,
        })
    }
}

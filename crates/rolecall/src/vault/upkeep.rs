//! Moving keys between backends, and finding again what the list lost.

use std::collections::HashSet;

use super::{BackendKind, Entry, List, RecordKey, RecordKind, Vault, list, no_entry};
use crate::error::{Error, ErrorKind};

/// How often a key is read again that another process replaces while it is moved.
const TRIES: usize = 3;

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
        for _ in 0..TRIES {
            let list = self.list()?;
            let before = list.entry(profile).ok_or_else(|| no_entry(profile))?;
            if before.backend == kind {
                return Ok(before.clone());
            }
            let Some(key) = self.load(before)? else {
                // Moved or replaced meanwhile; else this says that it is not there.
                self.key(profile)?;
                continue;
            };
            let entry = Entry {
                backend: kind,
                saved_at: self.0.host.now(),
                ..before.clone()
            };
            // What another process put there meanwhile is newer than what was read here.
            if let Some(added) = self.put(entry, &key, Some(before))? {
                return Ok(added.entry);
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!("another process changes the key of profile `{profile}` now"),
        )
        .with_hint("Nothing was moved. Try again when it is done."))
    }

    /// Locks the encrypted file with a new passphrase, which is asked for after the old one. The records stay as they are:
    /// whoever has a copy of the old file and knows the old passphrase can still open them.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is no encrypted file, [`ErrorKind::NeedsUser`] where the old passphrase
    /// was not given, and why it was not written: then the old one holds.
    pub fn change_passphrase(&self) -> Result<(), Error> {
        self.backend(BackendKind::File)?.change_passphrase()
    }

    /// Records that the list does not name: a crash left them, or the list was lost.
    ///
    /// # Errors
    /// Why the list cannot be read. A backend that cannot be looked into has none.
    pub fn orphans(&self) -> Result<Vec<(BackendKind, RecordKey)>, Error> {
        let listed: HashSet<_> = self.list()?.records().collect();
        let mut orphans = Vec::new();
        for kind in BackendKind::of_this_system() {
            let keys = self.backend(*kind).and_then(|backend| backend.keys());
            let keys = keys.unwrap_or_default().into_iter().map(|key| (*kind, key));
            orphans.extend(keys.filter(|record| !listed.contains(record)));
        }
        Ok(orphans)
    }

    /// Deletes a record that the list does not name. One that is listed by now is left alone.
    ///
    /// # Errors
    /// Why it is still there.
    pub fn discard_orphan(&self, kind: BackendKind, record: &RecordKey) -> Result<(), Error> {
        let mut change = self.change()?;
        if change
            .list
            .records()
            .any(|listed| listed == (kind, record.clone()))
        {
            return Ok(());
        }
        self.backend(kind)?.delete(record)?;
        change.list.stays(kind, record);
        self.finish(&mut change);
        Ok(())
    }

    /// Makes the list anew from what the backends hold. Of two keys of one profile the list that is there decides, else the
    /// first backend of this system. A list that cannot be understood stays beside the new one, as `vault.json.broken`.
    /// Backups are lost to a list that is lost: their records stay, and say inside which files they are. Unlocks nothing.
    ///
    /// # Errors
    /// Why it cannot be read or written, or that another version of rolecall wrote it: then nothing was changed.
    pub fn rebuild(&self) -> Result<Rebuilt, Error> {
        let _lock = self.lock()?;
        let host = &self.0.host;
        let path = list::folder(host)?.join("vault.json");
        let mut list = match host.read_private(&path)? {
            None => List::default(),
            Some(bytes) => match List::parse(&path, &bytes) {
                Ok(list) => list,
                Err(error) if List::is_foreign(&bytes) => return Err(error),
                Err(_) => {
                    host.write_private_bytes(&path.with_extension("json.broken"), &bytes)?;
                    List::default()
                }
            },
        };
        let mut unread = Vec::new();
        for kind in BackendKind::of_this_system() {
            match self.backend(*kind).and_then(|backend| backend.keys()) {
                Ok(keys) => keys.into_iter().for_each(|key| self.found(&mut list, *kind, key)),
                Err(error) => unread.push((*kind, error)),
            }
        }
        list.save(host)?;
        Ok(Rebuilt {
            entries: list.entries().to_vec(),
            unread,
        })
    }

    /// Lists a key that a backend holds, unless its profile has one, or it was to be deleted.
    fn found(&self, list: &mut List, kind: BackendKind, key: RecordKey) {
        let leaves = list
            .leaving()
            .iter()
            .any(|leaving| *leaving == (kind, key.clone()));
        // Where a backup belongs is not in its name: it is opened by hand, and says it itself.
        let is_key = key.kind == RecordKind::AccessKey && list::check_name(&key.name).is_ok();
        if leaves || !is_key || list.entry(&key.name).is_some() {
            return;
        }
        list.put(Entry {
            profile: key.name,
            access_key_id: key.id,
            backend: kind,
            saved_at: self.0.host.now(),
            arn: None,
        });
    }
}

//! Moving keys between backends, and finding again what the list lost.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;

use super::{BackendKind, Change, Entry, List, RecordKey, RecordKind, Vault, list, no_entry};
use crate::error::{Error, ErrorKind};

/// How often a key is read again that another process replaces while it is moved.
const TRIES: usize = 3;
/// How many lists are kept that could not be understood.
const MOST_BROKEN: usize = 20;

/// What was found again.
#[derive(Clone, Debug)]
pub struct Rebuilt {
    /// The keys that are listed now.
    pub entries: Vec<Entry>,
    /// The records that are not listed.
    pub left_out: Vec<LeftOut>,
    /// The backends that could not be looked into, each with the reason.
    pub unread: Vec<(BackendKind, Error)>,
}

/// A record that is there and could not be listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LeftOut {
    /// Where it rests.
    pub backend: BackendKind,
    /// Which it is.
    pub record: RecordKey,
    /// Why it is not listed.
    pub why: WhyLeftOut,
}

/// Why a record is not listed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum WhyLeftOut {
    /// No profile can have that name, or no key that id: somebody else put it there.
    NoKey,
    /// The profile has this key, and has one only.
    Another(String),
    /// Where a backup belongs stands inside of it.
    Backup,
}

/// For people: a clause.
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} in {} is not listed: ", self.record, self.backend)?;
        match &self.why {
            WhyLeftOut::NoKey => f.write_str("no key has such a name and id"),
            WhyLeftOut::Another(id) => write!(f, "the profile has key {id}"),
            WhyLeftOut::Backup => f.write_str("only its record says of which file it is"),
        }
    }
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

    /// Whether the encrypted file has keys and there is no list at all: it was lost. Unlocks nothing.
    pub fn holds_records_of_a_lost_list(&self) -> bool {
        let list = list::path(&self.0.host);
        let is_there = list.is_none_or(|path| !matches!(self.0.host.read_private(&path), Ok(None)));
        let keys = || self.backend(BackendKind::File).and_then(|backend| backend.keys());
        !is_there && keys().is_ok_and(|keys| keys.iter().any(|key| key.kind == RecordKind::AccessKey))
    }

    /// Records that the list does not name: a crash left them, or the list was lost. Not those that leave: the next change
    /// deletes them.
    ///
    /// # Errors
    /// Why the list cannot be read. A backend that cannot be looked into has none.
    pub fn orphans(&self) -> Result<Vec<(BackendKind, RecordKey)>, Error> {
        let list = self.list()?;
        let leaving = list.leaving().iter().cloned();
        let listed: HashSet<_> = list.records().chain(leaving).collect();
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

    /// Makes the list anew from what the backends hold, and deletes what was to be deleted. Of two keys of one profile the
    /// list that is there decides, else the first backend of this system, and of two in one backend the first by name: the
    /// other is told. A list that cannot be understood stays beside the new one, as `vault.json.broken`. Backups are lost to
    /// a list that is lost: their records stay, and say inside which files they are. Unlocks nothing.
    ///
    /// # Errors
    /// Why it cannot be read or written, or that another version of rolecall wrote it: then nothing was changed.
    pub fn rebuild(&self) -> Result<Rebuilt, Error> {
        self.rebuild_without(&[])
    }

    /// The same; where a profile has another key, none of these is listed, and none is told: a profile and a key's id each,
    /// that an unfinished rotation put there and has not turned to, or has turned from.
    ///
    /// # Errors
    /// As [`Vault::rebuild`].
    pub fn rebuild_without(&self, not_in_use: &[(String, String)]) -> Result<Rebuilt, Error> {
        let lock = self.lock()?;
        let host = &self.0.host;
        let path = list::folder(host)?.join("vault.json");
        let mut list = match host.read_private(&path)? {
            None => List::default(),
            Some(bytes) => match List::parse(&path, &bytes) {
                Ok(list) => list,
                Err(error) if List::is_foreign(&bytes) => return Err(error),
                Err(_) => {
                    self.keep_broken(&path, &bytes)?;
                    List::default()
                }
            },
        };
        let (mut found, mut unread) = (Vec::new(), Vec::new());
        for kind in BackendKind::of_this_system() {
            match self.backend(*kind).and_then(|backend| backend.keys()) {
                Ok(keys) => found.extend(keys.into_iter().map(|key| (*kind, key))),
                Err(error) => unread.push((*kind, error)),
            }
        }
        let is_idle = |key: &RecordKey| {
            let is_it = |(profile, id): &(String, String)| *profile == key.name && *id == key.id;
            key.kind == RecordKind::AccessKey && not_in_use.iter().any(is_it)
        };
        // Those come last, and are better than none.
        found.sort_by_key(|(_, key)| is_idle(key));
        let mut left_out = Vec::new();
        for (backend, record) in found {
            if let Some(why) = self.take_in(&mut list, backend, &record)
                && !is_idle(&record)
            {
                left_out.push(LeftOut { backend, record, why });
            }
        }
        list.save(host)?;
        let mut change = Change { list, _lock: lock };
        self.finish(&mut change);
        Ok(Rebuilt {
            entries: change.list.entries().to_vec(),
            left_out,
            unread,
        })
    }

    /// Keeps a list that cannot be understood; one that was kept before stays.
    fn keep_broken(&self, path: &Path, bytes: &[u8]) -> Result<(), Error> {
        let host = &self.0.host;
        for number in 1..=MOST_BROKEN {
            let broken = match number {
                1 => path.with_extension("json.broken"),
                _ => path.with_extension(format!("json.broken-{number}")),
            };
            match host.read_private(&broken) {
                Ok(None) => return host.write_private_bytes(&broken, bytes),
                Ok(Some(kept)) if *kept == *bytes => return Ok(()),
                _ => {}
            }
        }
        Err(Error::config(format!(
            "{MOST_BROKEN} lists that cannot be understood are kept beside {} already",
            path.display()
        ))
        .with_hint("Take away those that you do not need: they hold no secret."))
    }

    /// Lists a key that a backend holds; why not, where there is something to tell: not of one that is listed, or was to
    /// be deleted.
    fn take_in(&self, list: &mut List, kind: BackendKind, record: &RecordKey) -> Option<WhyLeftOut> {
        let is_it = |(other_kind, other): &(BackendKind, RecordKey)| *other_kind == kind && other == record;
        if list.leaving().iter().any(is_it) || list.records().any(|listed| is_it(&listed)) {
            return None;
        }
        // Where a backup belongs is not in its name: it is opened by hand, and says it itself.
        if record.kind == RecordKind::Backup {
            return Some(WhyLeftOut::Backup);
        }
        if !list::is_key(record) {
            return Some(WhyLeftOut::NoKey);
        }
        if let Some(entry) = list.entry(&record.name) {
            return Some(WhyLeftOut::Another(entry.access_key_id.clone()));
        }
        list.put(Entry {
            profile: record.name.clone(),
            access_key_id: record.id.clone(),
            backend: kind,
            saved_at: self.0.host.now(),
            arn: None,
        });
        None
    }
}

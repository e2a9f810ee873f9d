//! What is in the vault, without any secret: read by every command, and unlocked by none.

mod stored;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::access_key::is_id;
use super::{BackendKind, RecordKey, RecordKind};
use crate::error::{Error, ErrorKind};
use crate::host::{FileLock, Host};

/// How often, and after what time, the lock is tried again that another process holds: for ten seconds.
const TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// A profile's name longer than this is none.
const LONGEST_NAME: usize = 256;

/// The key of one profile, as far as it is no secret.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The profile whose key it is.
    pub profile: String,
    /// The key's id.
    pub access_key_id: String,
    /// Where the secret rests.
    pub backend: BackendKind,
    /// When it was put there.
    pub saved_at: SystemTime,
    /// Whose key AWS said it is.
    pub arn: Option<String>,
}

impl Entry {
    /// The record that holds the secret.
    pub fn record(&self) -> RecordKey {
        RecordKey {
            kind: RecordKind::AccessKey,
            name: self.profile.clone(),
            id: self.access_key_id.clone(),
        }
    }
}

/// A file as it was before keys were taken out of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backup {
    /// What it is called: the time of it, and what makes it the only one.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    /// Where the text rests.
    pub backend: BackendKind,
    /// When it was made.
    pub saved_at: SystemTime,
    /// The SHA-256 of what was written in its place, in hex: as long as the file is that, it can be put back.
    pub replaced_by: String,
    /// Whose keys were taken out.
    pub profiles: Vec<String>,
}

impl Backup {
    /// What the ids of the backups begin with that were made together: they are put back together.
    pub fn run(&self) -> &str {
        self.id.rsplit_once('-').map_or(&self.id, |(run, _)| run)
    }

    /// The record that holds the text. The file's name alone is in it: a whole path is too long for some backends, and the
    /// id makes it the only one.
    pub fn record(&self) -> RecordKey {
        let name = self.path.file_name().unwrap_or(self.path.as_os_str());
        RecordKey {
            kind: RecordKind::Backup,
            name: name.to_string_lossy().into_owned(),
            id: self.id.clone(),
        }
    }
}

/// Everything that is in the vault.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct List {
    /// By profile.
    entries: Vec<Entry>,
    /// The oldest first.
    backups: Vec<Backup>,
    /// Records that are not listed any more, and may still be there: whoever changes the list next deletes them.
    leaving: Vec<(BackendKind, RecordKey)>,
}

/// The vault's folder.
pub(super) fn folder(host: &Host) -> Result<PathBuf, Error> {
    let folder = host.data_dir().ok_or_else(|| {
        Error::config("the vault has no place: HOME is not set").with_hint("Set HOME, or XDG_DATA_HOME.")
    })?;
    Ok(folder.join("vault"))
}

/// Where the list is, on a host that has a place for it.
pub(crate) fn path(host: &Host) -> Option<PathBuf> {
    Some(folder(host).ok()?.join("vault.json"))
}

/// One process changes the vault at a time: the list, the identity and which records there are. Nobody is asked anything
/// while it is held.
pub(super) fn lock(host: &Host) -> Result<FileLock, Error> {
    let folder = folder(host)?;
    host.private_folder(&folder)?;
    let path = folder.join("vault.lock");
    for _ in 0..TRIES {
        if let Some(lock) = host.try_lock(&path)? {
            return Ok(lock);
        }
        std::thread::sleep(BETWEEN_TRIES);
    }
    Err(
        Error::new(ErrorKind::Unavailable, "another rolecall changes the vault now")
            .with_hint("Try again when it is done."),
    )
}

/// Refuses a name that no profile can have.
///
/// # Errors
/// [`ErrorKind::Config`], with the name.
pub fn check_name(profile: &str) -> Result<(), Error> {
    let is_odd = |c: char| crate::error::is_hidden(c) || matches!(c, '[' | ']');
    if profile.is_empty()
        || profile.len() > LONGEST_NAME
        || profile.trim() != profile
        || profile.contains(is_odd)
    {
        return Err(Error::config(format!("`{profile}` cannot be a profile's name"))
            .with_hint("Name the profile as its section in the config file is named."));
    }
    Ok(())
}

/// Whether a list can name that record as the key of a profile.
pub(super) fn is_key(record: &RecordKey) -> bool {
    record.kind == RecordKind::AccessKey && check_name(&record.name).is_ok() && is_id(&record.id)
}

/// Whether a list can name a file that a backup is of.
pub(super) fn is_path(path: &Path) -> bool {
    path.is_absolute() && path.to_str().is_some_and(stored::is_plain)
}

impl List {
    /// What is in the vault; nothing where there is none.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: it cannot be read, is no list, or others could have written it.
    pub fn load(host: &Host) -> Result<Self, Error> {
        let Some(path) = path(host) else {
            return Ok(Self::default());
        };
        match host.read_private(&path)? {
            Some(bytes) => Self::parse(&path, &bytes),
            None => Ok(Self::default()),
        }
    }

    /// A list of these keys.
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            let _ = list.put(entry);
        }
        list
    }

    /// Writes it, whole or not at all. Only whoever holds the vault's lock may.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where it could not be read again, for something in it is odd; and why it could not be written.
    pub(super) fn save(&self, host: &Host) -> Result<(), Error> {
        let path = folder(host)?.join("vault.json");
        let text = self.to_text()?;
        // What the reader refuses would lock everybody out: it is refused here, before it is there.
        Self::parse(&path, &text).map_err(|error| {
            Error::config(format!("what was to be written could not be read again: {error}"))
                .with_hint("The list is as it was. This is a bug of rolecall: please report it.")
        })?;
        host.write_private_bytes(&path, &text)
    }

    /// Every key, by profile.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Every backup, the oldest first.
    pub fn backups(&self) -> &[Backup] {
        &self.backups
    }

    /// The key of a profile.
    pub fn entry(&self, profile: &str) -> Option<&Entry> {
        let at = self.find(profile).ok()?;
        Some(&self.entries[at])
    }

    /// Whether [`Vault::rebuild`](super::Vault::rebuild) would list this record: the key of a profile that has none.
    pub fn is_lost(&self, record: &RecordKey) -> bool {
        is_key(record) && self.entry(&record.name).is_none()
    }

    fn find(&self, profile: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|entry| entry.profile.as_str().cmp(profile))
    }

    /// Puts a key in, in the place of the profile's old one; gives that.
    pub(super) fn put(&mut self, entry: Entry) -> Option<Entry> {
        self.stays(entry.backend, &entry.record());
        match self.find(&entry.profile) {
            Ok(at) => Some(std::mem::replace(&mut self.entries[at], entry)),
            Err(at) => {
                self.entries.insert(at, entry);
                None
            }
        }
    }

    /// Takes a profile's key out.
    pub(super) fn take(&mut self, profile: &str) -> Option<Entry> {
        let at = self.find(profile).ok()?;
        Some(self.entries.remove(at))
    }

    pub(super) fn add_backup(&mut self, backup: Backup) {
        self.stays(backup.backend, &backup.record());
        self.backups.push(backup);
    }

    pub(super) fn take_backup(&mut self, id: &str) -> Option<Backup> {
        let at = self.backups.iter().position(|backup| backup.id == id)?;
        Some(self.backups.remove(at))
    }

    /// Records that are not listed any more, and may still be there.
    pub(super) fn leaving(&self) -> &[(BackendKind, RecordKey)] {
        &self.leaving
    }

    /// A record that is not listed any more is to be deleted.
    pub(super) fn leaves(&mut self, backend: BackendKind, record: RecordKey) {
        if !self.leaving.contains(&(backend, record.clone())) {
            self.leaving.push((backend, record));
        }
    }

    /// It is deleted, or listed again.
    pub(super) fn stays(&mut self, backend: BackendKind, record: &RecordKey) {
        self.leaving
            .retain(|(kind, leaving)| (*kind, leaving) != (backend, record));
    }

    /// The records that are listed, with where each rests.
    pub(crate) fn records(&self) -> impl Iterator<Item = (BackendKind, RecordKey)> {
        let entries = self.entries.iter().map(|entry| (entry.backend, entry.record()));
        let backups = self.backups.iter();
        entries.chain(backups.map(|backup| (backup.backend, backup.record())))
    }
}

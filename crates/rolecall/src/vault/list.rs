//! What is in the vault, without any secret: read by every command, and unlocked by none.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{BackendKind, RecordKey, RecordKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::time::{parsed, rfc3339};

/// The form of the file. Another one is not understood.
const VERSION: u32 = 1;
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
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    entries: Vec<StoredEntry>,
    backups: Vec<StoredBackup>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredEntry {
    profile: String,
    access_key_id: String,
    backend: String,
    saved_at: String,
    arn: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredBackup {
    id: String,
    path: PathBuf,
    backend: String,
    saved_at: String,
    replaced_by: String,
    profiles: Vec<String>,
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
        entries.into_iter().for_each(|entry| list.put(entry));
        list
    }

    fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let odd = |why: String| {
            Error::config(format!("{} is no list of a vault: {why}", path.display()))
                .with_hint("`rolecall vault list --rebuild` makes it anew from what the backends hold.")
        };
        let stored: Stored = serde_json::from_slice(bytes).map_err(|error| odd(error.to_string()))?;
        if stored.version != VERSION {
            return Err(odd(format!("it is of version {}", stored.version)));
        }
        let time = |text: &str| parsed(text).ok_or_else(|| odd(format!("`{text}` is no time")));
        let kind = |name: &str| {
            name.parse::<BackendKind>()
                .map_err(|invalid| odd(invalid.to_string()))
        };
        let mut list = Self::default();
        for entry in stored.entries {
            list.put(Entry {
                backend: kind(&entry.backend)?,
                saved_at: time(&entry.saved_at)?,
                profile: entry.profile,
                access_key_id: entry.access_key_id,
                arn: entry.arn,
            });
        }
        for backup in stored.backups {
            list.backups.push(Backup {
                backend: kind(&backup.backend)?,
                saved_at: time(&backup.saved_at)?,
                id: backup.id,
                path: backup.path,
                replaced_by: backup.replaced_by,
                profiles: backup.profiles,
            });
        }
        Ok(list)
    }

    /// Writes it, whole or not at all. Only whoever holds the vault's lock may.
    pub(super) fn save(&self, host: &Host) -> Result<(), Error> {
        let stored = Stored {
            version: VERSION,
            entries: self.entries.iter().map(StoredEntry::of).collect(),
            backups: self.backups.iter().map(StoredBackup::of).collect(),
        };
        let text = serde_json::to_vec_pretty(&stored)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("the vault's list: {error}")))?;
        host.write_private_bytes(&folder(host)?.join("vault.json"), &text)
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

    fn find(&self, profile: &str) -> Result<usize, usize> {
        self.entries
            .binary_search_by(|entry| entry.profile.as_str().cmp(profile))
    }

    /// Puts a key in, in the place of the profile's old one.
    pub(super) fn put(&mut self, entry: Entry) {
        match self.find(&entry.profile) {
            Ok(at) => self.entries[at] = entry,
            Err(at) => self.entries.insert(at, entry),
        }
    }

    pub(super) fn add_backup(&mut self, backup: Backup) {
        self.backups.push(backup);
    }

    pub(super) fn take_backup(&mut self, id: &str) -> Option<Backup> {
        let at = self.backups.iter().position(|backup| backup.id == id)?;
        Some(self.backups.remove(at))
    }

    /// Takes a profile's key out.
    pub(super) fn take(&mut self, profile: &str) -> Option<Entry> {
        let at = self.find(profile).ok()?;
        Some(self.entries.remove(at))
    }
}

impl StoredEntry {
    fn of(entry: &Entry) -> Self {
        Self {
            profile: entry.profile.clone(),
            access_key_id: entry.access_key_id.clone(),
            backend: entry.backend.name().to_owned(),
            saved_at: rfc3339(entry.saved_at),
            arn: entry.arn.clone(),
        }
    }
}

impl StoredBackup {
    fn of(backup: &Backup) -> Self {
        Self {
            id: backup.id.clone(),
            path: backup.path.clone(),
            backend: backup.backend.name().to_owned(),
            saved_at: rfc3339(backup.saved_at),
            replaced_by: backup.replaced_by.clone(),
            profiles: backup.profiles.clone(),
        }
    }
}

//! The list as it stands in `vault.json`. Only this user writes it; all the same it is read as if anybody had: what is in
//! it is never quoted, and what is odd about it is never guessed.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Backup, Entry, List, check_name, is_path};
use crate::error::{Error, ErrorKind, is_hidden};
use crate::time::{parsed, rfc3339};
use crate::vault::access_key::is_id;
use crate::vault::{BackendKind, RecordKey, RecordKind};

/// The form of the file. Another one is not understood.
const VERSION: u32 = 1;
/// An ARN or a path that is longer is none.
const LONGEST_TEXT: usize = 4096;

#[derive(Deserialize)]
struct Form {
    version: u32,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    entries: Vec<StoredEntry>,
    backups: Vec<StoredBackup>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    leaving: Vec<StoredRecord>,
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

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct StoredRecord {
    backend: String,
    kind: String,
    name: String,
    id: String,
}

impl List {
    /// The list that a `vault.json` of these bytes is; `path` is for errors.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path and the place: it is no list, one of another version of rolecall, or names a
    /// profile or a backup twice. Nothing of it is quoted.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let odd = |why: String| Error::config(format!("{} is no list of a vault: {why}", path.display()));
        let read = |bytes: &[u8]| -> Result<Self, String> {
            // What a newer rolecall wrote has other fields: it is told by its version.
            let stored: Stored = serde_json::from_slice(bytes).map_err(|error| {
                // serde quotes what it did not expect.
                format!("line {}, column {}", error.line(), error.column())
            })?;
            let mut list = Self::default();
            for (at, entry) in stored.entries.into_iter().enumerate() {
                let entry = entry.read().ok_or_else(|| format!("entry {} is none", at + 1))?;
                if list.put(entry).is_some() {
                    return Err(format!("entry {} is of the same profile as another", at + 1));
                }
            }
            let mut ids = HashSet::new();
            for (at, backup) in stored.backups.into_iter().enumerate() {
                let backup = backup
                    .read()
                    .ok_or_else(|| format!("backup {} is none", at + 1))?;
                if !ids.insert(backup.id.clone()) {
                    return Err(format!("backup {} has the id of another", at + 1));
                }
                list.add_backup(backup);
            }
            for (at, record) in stored.leaving.into_iter().enumerate() {
                let (kind, record) = record
                    .read()
                    .ok_or_else(|| format!("the record {} that leaves is none", at + 1))?;
                list.leaving.push((kind, record));
            }
            // What is listed stays, whatever else is said of it; nothing leaves twice.
            let mut told: HashSet<_> = list.records().collect();
            list.leaving.retain(|leaving| told.insert(leaving.clone()));
            Ok(list)
        };
        match Self::version(bytes) {
            Some(version) if version != VERSION => Err(odd(format!("it is of version {version}"))
                .with_hint("Another version of rolecall wrote it: use that one, or a newer one.")),
            _ => read(bytes).map_err(|why| {
                odd(why)
                    .with_hint("`rolecall vault list --rebuild` makes it anew from what the backends hold.")
            }),
        }
    }

    /// Whether the file is of a form that this version does not know.
    pub(in crate::vault) fn is_foreign(bytes: &[u8]) -> bool {
        Self::version(bytes).is_some_and(|version| version != VERSION)
    }

    fn version(bytes: &[u8]) -> Option<u32> {
        Some(serde_json::from_slice::<Form>(bytes).ok()?.version)
    }

    /// The bytes of a `vault.json` that is this list.
    ///
    /// # Errors
    /// [`ErrorKind::Internal`]: a path that is not UTF-8.
    pub fn to_text(&self) -> Result<Vec<u8>, Error> {
        let stored = Stored {
            version: VERSION,
            entries: self.entries.iter().map(StoredEntry::of).collect(),
            backups: self.backups.iter().map(StoredBackup::of).collect(),
            leaving: self.leaving.iter().map(StoredRecord::of).collect(),
        };
        serde_json::to_vec_pretty(&stored).map_err(|error| {
            Error::new(ErrorKind::Internal, format!("the vault's list: {error}"))
                .with_hint("This is a bug of rolecall: please report it.")
        })
    }
}

/// Whether it is text that a person may be shown as it is.
pub(super) fn is_plain(text: &str) -> bool {
    text.len() <= LONGEST_TEXT && !text.contains(is_hidden)
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

    fn read(self) -> Option<Entry> {
        check_name(&self.profile).ok()?;
        if !is_id(&self.access_key_id) || !self.arn.as_deref().is_none_or(is_plain) {
            return None;
        }
        Some(Entry {
            backend: self.backend.parse().ok()?,
            saved_at: parsed(&self.saved_at)?,
            profile: self.profile,
            access_key_id: self.access_key_id,
            arn: self.arn,
        })
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

    fn read(self) -> Option<Backup> {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if self.id.is_empty() || self.id.len() > 64 || !self.id.chars().all(is_word) {
            return None;
        }
        let is_digest = |text: &str| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_digest(&self.replaced_by) {
            return None;
        }
        if self.profiles.iter().any(|name| check_name(name).is_err()) || !is_path(&self.path) {
            return None;
        }
        Some(Backup {
            backend: self.backend.parse().ok()?,
            saved_at: parsed(&self.saved_at)?,
            id: self.id,
            path: self.path,
            replaced_by: self.replaced_by,
            profiles: self.profiles,
        })
    }
}

impl StoredRecord {
    fn of((backend, record): &(BackendKind, RecordKey)) -> Self {
        Self {
            backend: backend.name().to_owned(),
            kind: record.kind.name().to_owned(),
            name: record.name.clone(),
            id: record.id.clone(),
        }
    }

    fn read(self) -> Option<(BackendKind, RecordKey)> {
        let record = RecordKey {
            kind: RecordKind::named(&self.kind)?,
            name: self.name,
            id: self.id,
        };
        (is_plain(&record.name) && is_plain(&record.id)).then_some((self.backend.parse().ok()?, record))
    }
}

//! Files as they were before keys were taken out of them: kept like keys, for they hold some.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{BackendKind, Backup, Vault, list};
use crate::error::{Error, ErrorKind, is_hidden};
use crate::hex::hex;
use crate::time::rfc3339;

/// A file that is about to be replaced.
#[derive(Clone, Copy)]
pub struct Replaced<'a> {
    /// The file.
    pub path: &'a Path,
    /// What is in it; nothing where it is not there yet.
    pub before: &'a [u8],
    /// What will be in it.
    pub after: &'a [u8],
}

impl fmt::Debug for Replaced<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts may hold access keys.
        f.debug_struct("Replaced")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The form of a record. Another one is not understood.
const VERSION: u32 = 1;

/// The first line of a record: so no record is taken for another's, and who opens it by hand learns where it belongs. The
/// file's text follows.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Head {
    version: u32,
    path: String,
    backup: String,
}

fn to_record(backup: &Backup, text: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let head = Head {
        version: VERSION,
        path: backup.path.display().to_string(),
        backup: backup.id.clone(),
    };
    let head = serde_json::to_vec(&head).map_err(|error| {
        Error::new(ErrorKind::Internal, format!("a backup was not written: {error}"))
            .with_hint("This is a bug of rolecall: please report it.")
    })?;
    // Of the whole size from the beginning: growing would leave copies behind.
    let mut record = Zeroizing::new(Vec::with_capacity(head.len() + 1 + text.len()));
    record.extend_from_slice(&head);
    record.push(b'\n');
    record.extend_from_slice(text);
    Ok(record)
}

fn from_record(backup: &Backup, record: &[u8]) -> Result<Zeroizing<Vec<u8>>, Error> {
    let cut = record.iter().position(|byte| *byte == b'\n');
    let (head, text) = record.split_at(cut.unwrap_or(record.len()));
    let is_it = serde_json::from_slice::<Head>(head).is_ok_and(|head| {
        head.version == VERSION && Path::new(&head.path) == backup.path && head.backup == backup.id
    });
    match text.split_first() {
        Some((_, text)) if is_it => Ok(Zeroizing::new(text.to_vec())),
        _ => Err(Error::new(
            ErrorKind::Untrusted,
            format!(
                "the record of {} is not used: it is another's, or of another version of rolecall",
                backup.record()
            ),
        )
        .with_hint("It was changed or damaged. `rolecall vault restore` names the other backups there are.")),
    }
}

/// Where a file is, whatever folder a later command is run in; as the list can name it.
fn absolute(path: &Path) -> Result<PathBuf, Error> {
    let odd = |why: &str| {
        let shown = path.to_string_lossy().replace(is_hidden, "\u{fffd}");
        Error::config(format!("{shown} cannot be kept: {why}"))
            .with_hint("Rename the file, or what leads to it.")
    };
    let absolute = std::path::absolute(path).map_err(|error| odd(&error.to_string()))?;
    match absolute.to_str() {
        None => Err(odd("its name is not UTF-8")),
        Some(_) if !list::is_path(&absolute) => {
            Err(odd("its name is too long, or has characters that are not shown"))
        }
        Some(_) => Ok(absolute),
    }
}

impl Vault {
    /// Keeps the texts of files that are about to be replaced, so that they can be put back together: all of them are
    /// kept, or none. Their ids have one beginning, [`Backup::run`].
    ///
    /// # Errors
    /// Why they were not kept, or that a path cannot be listed: then the files must not be replaced.
    pub fn back_up(
        &self,
        files: &[Replaced<'_>],
        kind: BackendKind,
        profiles: &[String],
    ) -> Result<Vec<Backup>, Error> {
        let paths = files.iter().map(|file| absolute(file.path));
        let paths = paths.collect::<Result<Vec<_>, _>>()?;
        let backend = self.backend(kind)?;
        backend.unlock()?;
        let mut change = self.change()?;
        let now = self.0.host.now();
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the system gives no random numbers: {error}"),
            )
            .with_hint("Nothing was changed. Try again.")
        })?;
        let run = format!(
            "{}-{}",
            rfc3339(now).replace(['-', ':'], ""),
            hex(&random).to_uppercase()
        );
        let backups: Vec<_> = (1..)
            .zip(paths.into_iter().zip(files))
            .map(|(number, (path, file))| Backup {
                id: format!("{run}-{number}"),
                path,
                backend: kind,
                saved_at: now,
                replaced_by: hex(&Sha256::digest(file.after)),
                profiles: profiles.to_vec(),
            })
            .collect();
        let mut save = || {
            for (backup, file) in backups.iter().zip(files) {
                let record = backup.record();
                self.save(backend.as_ref(), &record, &to_record(backup, file.before)?)?;
                change.list.add_backup(backup.clone());
            }
            change.list.save(&self.0.host)
        };
        if let Err(error) = save() {
            for backup in &backups {
                self.take_back(backend.as_ref(), &backup.record());
            }
            return Err(error);
        }
        self.finish(&mut change);
        Ok(backups)
    }

    /// The text of a backup.
    ///
    /// # Errors
    /// Why its backend does not give it.
    pub fn backup_text(&self, backup: &Backup) -> Result<Zeroizing<Vec<u8>>, Error> {
        let record = backup.record();
        let found = self.backend(backup.backend)?.load(&record)?;
        let found = found.ok_or_else(|| {
            Error::new(
                ErrorKind::NotConfigured,
                format!(
                    "the backup {} is listed, and not there in {}",
                    backup.id, backup.backend
                ),
            )
            .with_hint("Somebody removed it there.")
        })?;
        from_record(backup, &found)
    }

    /// Whether `text` is what a backup's file was replaced by: then it has not changed since.
    pub fn is_as_replaced(backup: &Backup, text: &[u8]) -> bool {
        hex(&Sha256::digest(text)) == backup.replaced_by
    }

    /// Deletes a backup.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is none of that id.
    pub fn discard_backup(&self, id: &str) -> Result<Backup, Error> {
        let mut change = self.change()?;
        let backup = change.list.take_backup(id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotConfigured,
                format!("the vault has no backup `{id}`"),
            )
            .with_hint("`rolecall vault list` shows those there are.")
        })?;
        self.let_go(&mut change, backup.backend, &backup.record(), |list| {
            list.add_backup(backup.clone());
        })?;
        Ok(backup)
    }
}

//! Files as they were before keys were taken out of them: kept like keys, for they hold some.

use std::fmt;
use std::path::Path;

use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{BackendKind, Backup, Vault};
use crate::error::{Error, ErrorKind};
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

impl Vault {
    /// Keeps the texts of files that are about to be replaced, so that they can be put back together: all of them are
    /// kept, or none. Their ids have one beginning, [`Backup::run`].
    ///
    /// # Errors
    /// Why they were not kept: then the files must not be replaced.
    pub fn back_up(
        &self,
        files: &[Replaced<'_>],
        kind: BackendKind,
        profiles: &[String],
    ) -> Result<Vec<Backup>, Error> {
        let backend = self.backend(kind)?;
        backend.unlock()?;
        let _lock = self.lock()?;
        let mut list = self.list()?;
        let now = self.0.host.now();
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the system gives no random numbers: {error}"),
            )
        })?;
        let run = format!("{}-{}", rfc3339(now).replace(['-', ':'], ""), hex(&random));
        let mut backups = Vec::with_capacity(files.len());
        for (number, file) in (1..).zip(files) {
            let backup = Backup {
                id: format!("{run}-{number}"),
                path: file.path.to_owned(),
                backend: kind,
                saved_at: now,
                replaced_by: hex(&Sha256::digest(file.after)),
                profiles: profiles.to_vec(),
            };
            self.save(backend.as_ref(), &backup.record(), file.before)?;
            list.add_backup(backup.clone());
            backups.push(backup);
        }
        list.save(&self.0.host)?;
        Ok(backups)
    }

    /// The text of a backup.
    ///
    /// # Errors
    /// Why its backend does not give it.
    pub fn backup_text(&self, backup: &Backup) -> Result<Zeroizing<Vec<u8>>, Error> {
        self.backend(backup.backend)?
            .load(&backup.record())?
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::NotConfigured,
                    format!(
                        "the backup {} is listed, and not there in {}",
                        backup.id, backup.backend
                    ),
                )
                .with_hint("Somebody removed it there.")
            })
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
        let _lock = self.lock()?;
        let mut list = self.list()?;
        let backup = list.take_backup(id).ok_or_else(|| {
            Error::new(
                ErrorKind::NotConfigured,
                format!("the vault has no backup `{id}`"),
            )
            .with_hint("`rolecall vault list` shows those there are.")
        })?;
        // The list first: one that is listed can be put back. What a crash leaves behind is encrypted, and swept later.
        list.save(&self.0.host)?;
        self.backend(backup.backend)?.delete(&backup.record())?;
        Ok(backup)
    }
}

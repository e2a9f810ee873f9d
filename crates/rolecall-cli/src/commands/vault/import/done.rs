//! Doing what was shown.

use std::path::PathBuf;

use rolecall::session::masked_key_id;
use rolecall::vault::{Backup, Expected, Replaced, Vault};
use rolecall::{Error, ErrorKind, Host};

use super::{Import, Taken, unplanned};

/// What was done.
#[derive(Debug)]
pub(crate) struct Done {
    /// The files as they were, encrypted.
    pub(crate) backups: Vec<Backup>,
    /// The files that were written, where links lead.
    pub(crate) written: Vec<PathBuf>,
}

impl Import {
    /// Does it: keys, backups, files, in this order. It may ask for a passphrase, and it blocks.
    ///
    /// # Errors
    /// Why a step could not be done, and what is done by then. A key is in the file, in the vault, or in both.
    pub(crate) fn run(&self, host: &Host, vault: &Vault) -> Result<Done, Error> {
        let chosen = self.chosen.as_ref().ok_or_else(unplanned)?;
        for taken in &self.taken {
            save(vault, taken, chosen.kind).map_err(|error| {
                error.with_hint("The files are as they were: no key was taken out of them.")
            })?;
        }
        let replaced = self.edits.iter().map(|edit| Replaced {
            path: edit.path(),
            before: edit.before().as_bytes(),
            after: edit.after().as_bytes(),
        });
        let replaced: Vec<_> = replaced.collect();
        let backups = vault
            .back_up(&replaced, chosen.kind, &self.profiles())
            .map_err(|error| {
                error.with_hint("The keys are in the vault, and the files are as they were: run it again.")
            })?;
        let mut written = Vec::new();
        for edit in &self.edits {
            let path = edit.save(host).map_err(|error| {
                error.with_hint(
                    "The keys are in the vault, and at least one file still holds them: run it again.",
                )
            })?;
            written.push(path);
        }
        Ok(Done { backups, written })
    }
}

/// Saves a key, unless this very one is there.
fn save(vault: &Vault, taken: &Taken, kind: rolecall::vault::BackendKind) -> Result<(), Error> {
    let profile = &taken.profile;
    if !taken.is_listed {
        if let Some(key) = &taken.key {
            vault.add_expecting(profile, key, kind, None, Expected::NoOther)?;
        }
        return Ok(());
    }
    let known = vault.key(profile)?;
    let is_same = taken
        .key
        .as_ref()
        .is_none_or(|key| key.id() == known.id() && key.secret().expose() == known.secret().expose());
    if is_same && known.id() == taken.access_key_id {
        return Ok(());
    }
    Err(Error::new(
        ErrorKind::Config,
        format!("the vault has another secret of key {} of profile `{profile}`", masked_key_id(known.id())),
    )
    .with_hint(format!(
        "Find out which is right: `rolecall whoami {profile}` uses the vault's. If that works, take the one in the file away \
         by hand; else `rolecall vault remove {profile}`, and import again."
    )))
}

//! Whether a backend gives back what it was given.

use super::{BackendKind, RecordKey, RecordKind, Vault};
use crate::error::{Error, ErrorKind};
use crate::hex::hex;

/// Whose the records are that are saved to be deleted.
const TEST: &str = "rolecall doctor";

impl Vault {
    /// Saves a record of its own in a backend, reads it back and deletes it, whatever came of it. What an earlier one that was
    /// killed has left goes too. It may ask the person for what the backend is locked with, and it blocks.
    ///
    /// # Errors
    /// What did not work.
    pub fn prove(&self, kind: BackendKind) -> Result<(), Error> {
        let backend = self.backend(kind)?;
        backend.unlock()?;
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("the system gives no random numbers: {error}"),
            )
        })?;
        let _lock = self.lock()?;
        let list = self.list()?;
        let is_listed = |key: &RecordKey| list.records().any(|(_, listed)| listed == *key);
        for left in backend
            .keys()?
            .iter()
            .filter(|key| is_test(key) && !is_listed(key))
        {
            backend.delete(left)?;
        }
        let record = RecordKey {
            kind: RecordKind::Backup,
            name: TEST.to_owned(),
            id: hex(&random),
        };
        let saved = self.save(backend.as_ref(), &record, &random);
        let listed = saved.and_then(|()| match backend.keys()?.contains(&record) {
            true => Ok(()),
            false => Err(Error::new(
                ErrorKind::Untrusted,
                format!("{kind} does not list what was saved there"),
            )),
        });
        backend.delete(&record)?;
        listed?;
        match backend.load(&record)? {
            None => Ok(()),
            Some(_) => Err(Error::new(
                ErrorKind::Untrusted,
                format!("{kind} keeps what was deleted"),
            )),
        }
    }
}

/// Whether a record is one of [`Vault::prove`].
fn is_test(key: &RecordKey) -> bool {
    key.kind == RecordKind::Backup && key.name == TEST
}

//! Forgetting what is unlocked.

use std::sync::PoisonError;

use super::kernel::Kernel;
use super::{Vault, list};
use crate::error::Error;

impl Vault {
    /// Forgets what was unlocked, in this process and in the kernel's keyring: the next use asks for the passphrase again.
    /// Whether the kernel had something. A desktop's keyring is the desktop's to lock.
    ///
    /// # Errors
    /// Why the vault has no place.
    pub fn lock_up(&self) -> Result<bool, Error> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(Kernel::forget(&list::folder(&self.0.host)?))
    }

    /// Forgets what this process unlocked, where it can be had again without a question: so a process that lives for days
    /// holds no longer than the kernel's keyring does, and `vault lock` is meant for it too.
    pub(crate) fn rest(&self) {
        let open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner).clone();
        open.iter().for_each(|backend| backend.rest());
    }
}

//! Records as encrypted files (age, <https://age-encryption.org/v1>): each under one X25519 identity, which itself is
//! encrypted once under a passphrase. So a passphrase costs one key derivation, however many records are read, and a record
//! can be opened with other tools: `age -d -i identity.age records/…`.
//!
//! age does not sign. But a record can be made only by who knows the identity's public half, and that is written nowhere.

pub(super) mod names;
mod passphrase;
mod unlocked;

use std::fmt;
use std::io::Read as _;
use std::iter;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use self::names::Named;
use self::unlocked::Unlocked;
use super::{Backend, BackendKind, RecordKey};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::vault::kernel::Kernel;
use crate::vault::list;

/// The encrypted files.
pub(super) struct Files {
    host: Host,
    folder: PathBuf,
    /// The identity, once it is unlocked.
    identity: Mutex<Option<Kept>>,
}

/// The identity, and which `identity.age` it came out of.
struct Kept {
    unlocked: Unlocked,
    wrapped: Digest,
}

type Digest = [u8; 32];

fn digest(wrapped: &[u8]) -> Digest {
    Sha256::digest(wrapped).into()
}

impl Files {
    /// Those of this user. Nothing is read yet.
    pub(super) fn of(host: &Host) -> Result<Self, Error> {
        Ok(Self {
            host: host.clone(),
            folder: list::folder(host)?,
            identity: Mutex::default(),
        })
    }

    fn records(&self) -> PathBuf {
        self.folder.join("records")
    }

    fn path(&self, key: &RecordKey) -> PathBuf {
        self.records().join(names::file(key))
    }

    fn identity_path(&self) -> PathBuf {
        self.folder.join("identity.age")
    }

    fn held(&self) -> MutexGuard<'_, Option<Kept>> {
        self.identity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Works with the identity, which the passphrase is asked for where it is not unlocked yet.
    fn with_identity<T>(&self, work: impl FnOnce(&Identity) -> Result<T, Error>) -> Result<T, Error> {
        let mut held = self.held();
        if let Some(kept) = held.as_ref() {
            return work(&kept.unlocked.identity()?);
        }
        let kept = match self.host.read_private(&self.identity_path())? {
            Some(wrapped) => match self.in_kernel(&wrapped)? {
                Some(kept) => kept,
                None => self.keep(&passphrase::open(&self.host, &wrapped, None)?, &wrapped)?,
            },
            None => self.create()?,
        };
        work(&held.insert(kept).unlocked.identity()?)
    }

    /// The identity of this file, as the kernel keeps it.
    fn in_kernel(&self, wrapped: &[u8]) -> Result<Option<Kept>, Error> {
        let Some(text) = Kernel::of(&self.host, &self.folder, Some(wrapped))?.find() else {
            return Ok(None);
        };
        let unlocked = Unlocked::new(&text)?;
        Ok(unlocked.map(|unlocked| Kept {
            unlocked,
            wrapped: digest(wrapped),
        }))
    }

    /// Keeps the identity that this file, as it is now, opened to: here, and in the kernel for other processes.
    fn keep(&self, identity: &Identity, wrapped: &[u8]) -> Result<Kept, Error> {
        let text = identity_text(identity);
        Kernel::of(&self.host, &self.folder, Some(wrapped))?.keep(&text);
        let unlocked = Unlocked::new(&text)?.ok_or_else(|| damaged("its identity"))?;
        Ok(Kept {
            unlocked,
            wrapped: digest(wrapped),
        })
    }

    /// Forgets an identity that is not this vault's any more: its file was replaced, or is gone. Whether it was so.
    fn forget_replaced(&self) -> Result<bool, Error> {
        let mut held = self.held();
        let Some(kept) = held.as_ref() else {
            return Ok(false);
        };
        let now = self.host.read_private(&self.identity_path())?;
        if now.is_some_and(|wrapped| digest(&wrapped) == kept.wrapped) {
            return Ok(false);
        }
        *held = None;
        Ok(true)
    }

    /// Makes the identity, under a new passphrase.
    fn create(&self) -> Result<Kept, Error> {
        let named = self.host.names_in(&self.records())?;
        let records = named.iter().filter(|name| names::read(name).is_some()).count();
        if records > 0 {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                format!("the vault's `identity.age` is gone, and {records} records are there that only it opens"),
            )
            .with_hint("Put `identity.age` back from a backup of your own.")
            .with_hint(format!(
                "If it is lost, nobody can open them: remove {}, then add the keys again or make new ones in the IAM console.",
                self.records().display()
            )));
        }
        let made = passphrase::make(&self.host)?;
        // Asked and wrapped before others are locked out; another process may have been as far.
        let lock = list::lock(&self.host)?;
        match self.host.read_private(&self.identity_path())? {
            None => {
                self.host
                    .write_private_bytes(&self.identity_path(), &made.wrapped)?;
                self.keep(&made.identity, &made.wrapped)
            }
            Some(theirs) => {
                drop(lock);
                let identity = passphrase::open(&self.host, &theirs, Some(made.passphrase))?;
                self.keep(&identity, &theirs)
            }
        }
    }
}

/// Opens what age sealed.
fn open(identity: &dyn age::Identity, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, age::DecryptError> {
    let decryptor = age::Decryptor::new_buffered(sealed)?;
    // Of the whole size from the beginning: growing would leave copies behind.
    let mut plain = Zeroizing::new(Vec::with_capacity(sealed.len()));
    decryptor.decrypt(iter::once(identity))?.read_to_end(&mut plain)?;
    Ok(plain)
}

fn damaged(what: &str) -> Error {
    Error::new(
        ErrorKind::Untrusted,
        format!("the vault's encrypted file is damaged: {what} cannot be read"),
    )
}

impl Backend for Files {
    fn kind(&self) -> BackendKind {
        BackendKind::File
    }

    fn unlock(&self) -> Result<(), Error> {
        self.forget_replaced()?;
        self.with_identity(|_| Ok(()))
    }

    fn rest(&self) {
        let mut held = self.held();
        let is_kept = |kept: &Kept| {
            let wrapped = self.host.read_private(&self.identity_path()).ok()??;
            let kernel = Kernel::of(&self.host, &self.folder, Some(&wrapped)).ok()?;
            let _kept = kernel.find()?;
            Some(digest(&wrapped) == kept.wrapped)
        };
        if held.as_ref().and_then(is_kept) == Some(true) {
            *held = None;
        }
    }

    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(sealed) = self.host.read_private(&self.path(key))? else {
            return Ok(None);
        };
        let read = || self.with_identity(|identity| Ok(open(identity, &sealed).ok()));
        let opened = match read()? {
            // A process that lives long may hold the identity of a vault that was made anew.
            None if self.forget_replaced()? => read()?,
            opened => opened,
        };
        opened.map(Some).ok_or_else(|| {
            damaged(&format!("the {key}")).with_hint(
                "It was changed, cut short, or written under another identity. Add the key again (`rolecall vault add`).",
            )
        })
    }

    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error> {
        // What is sealed for an identity that is gone, nobody opens.
        self.forget_replaced()?;
        let sealed = self.with_identity(|identity| {
            age::encrypt(&identity.to_public(), value).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("a record was not encrypted: {error}"),
                )
                .with_hint("Nothing was changed. This is a bug of rolecall: please report it.")
            })
        })?;
        // Before the record: without it nobody knows which one it is.
        if let Some((name, label)) = names::label(key) {
            self.host
                .write_private_bytes(&self.records().join(name), &label)?;
        }
        self.host.write_private_bytes(&self.path(key), &sealed)
    }

    fn delete(&self, key: &RecordKey) -> Result<(), Error> {
        self.host.remove_private(&self.path(key))?;
        // The record is gone, whatever becomes of the label: without a record that says nothing to anybody.
        if let Some((name, _)) = names::label(key)
            && let Err(error) = self.host.remove_private(&self.records().join(name))
        {
            tracing::warn!("the label of a record that is deleted stays: {error}");
        }
        Ok(())
    }

    fn keys(&self) -> Result<Vec<RecordKey>, Error> {
        let folder = self.records();
        let read = |file: &String| match names::read(file)? {
            Named::Record(key) => Some(key),
            Named::Elsewhere(label) => {
                let label = self.host.read_private(&folder.join(label)).ok()??;
                names::read_label(file, &label)
            }
        };
        Ok(self.host.names_in(&folder)?.iter().filter_map(read).collect())
    }

    fn change_passphrase(&self) -> Result<(), Error> {
        let path = self.identity_path();
        let nothing = || {
            Error::new(
                ErrorKind::NotConfigured,
                "there is no encrypted file, and no passphrase of it",
            )
            .with_hint("`rolecall vault list` shows where the keys are.")
        };
        let before = self.host.read_private(&path)?.ok_or_else(nothing)?;
        let identity = passphrase::open(&self.host, &before, None)?;
        let after = passphrase::wrap_anew(&self.host, &identity)?;
        let _lock = list::lock(&self.host)?;
        if self.host.read_private(&path)?.as_ref() != Some(&before) {
            return Err(Error::new(
                ErrorKind::Unavailable,
                "another process changed the passphrase meanwhile",
            )
            .with_hint("Nothing was changed. Try again."));
        }
        self.host.write_private_bytes(&path, &after)?;
        // It is changed, whether or not it can be kept: then it is asked for again.
        let kept = self.keep(&identity, &after).ok();
        *self.held() = kept;
        Ok(())
    }
}

impl fmt::Debug for Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Files")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

/// The text of an identity, as age writes it.
fn identity_text(identity: &Identity) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(identity.to_string().expose_secret().as_bytes().to_vec())
}

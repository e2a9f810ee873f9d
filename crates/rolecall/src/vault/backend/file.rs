//! Records as encrypted files (age, <https://age-encryption.org/v1>): each under one X25519 identity, which itself is
//! encrypted once under a passphrase. So a passphrase costs one key derivation, however many records are read, and a record
//! can be opened with other tools: `age -d -i identity.age records/…`.

mod passphrase;
mod unlocked;

use std::fmt;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519::Identity;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use self::unlocked::Unlocked;
use super::super::kernel::Kernel;
use super::{Backend, BackendKind, RecordKey, RecordKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// What stands for itself in a file's name.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
/// Between the parts of a record's name.
const BETWEEN: char = '.';

/// The encrypted files.
pub(super) struct Files {
    host: Host,
    folder: PathBuf,
    /// The identity, once it is unlocked.
    unlocked: Mutex<Option<Unlocked>>,
}

impl Files {
    /// Those of this user. Nothing is read yet.
    pub(super) fn of(host: &Host) -> Result<Self, Error> {
        Ok(Self {
            host: host.clone(),
            folder: super::super::list::folder(host)?,
            unlocked: Mutex::default(),
        })
    }

    fn path(&self, key: &RecordKey) -> PathBuf {
        let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
        let name = [key.kind.name().to_owned(), part(&key.name), part(&key.id)].join(&BETWEEN.to_string());
        self.folder.join("records").join(format!("{name}.age"))
    }

    fn key(name: &str) -> Option<RecordKey> {
        let mut parts = name.strip_suffix(".age")?.split(BETWEEN);
        let (kind, name, id) = (parts.next()?, parts.next()?, parts.next()?);
        let kind = [RecordKind::AccessKey, RecordKind::Backup]
            .into_iter()
            .find(|known| known.name() == kind)?;
        let part = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
        match parts.next() {
            None => Some(RecordKey {
                kind,
                name: part(name)?,
                id: part(id)?,
            }),
            Some(_) => None,
        }
    }

    fn with_identity<T>(&self, work: impl FnOnce(&Identity) -> Result<T, Error>) -> Result<T, Error> {
        let mut unlocked = self.unlocked.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unlocked) = unlocked.as_ref() {
            return work(&unlocked.identity()?);
        }
        let kept = Kernel::of(&self.host, &self.folder)?.find();
        if let Some(kept) = kept.map(|text| Unlocked::new(&text)).transpose()?.flatten() {
            return work(&unlocked.insert(kept).identity()?);
        }
        let text = passphrase::unlock(&self.host, &self.folder.join("identity.age"))?;
        let text = text.expose_secret().trim().as_bytes();
        let new = Unlocked::new(text)?.ok_or_else(|| {
            damaged("its identity").with_hint("Put `identity.age` back from a backup of your own.")
        })?;
        Kernel::of(&self.host, &self.folder)?.keep(text);
        work(&unlocked.insert(new).identity()?)
    }
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
        self.with_identity(|_| Ok(()))
    }

    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let Some(sealed) = self.host.read_private(&self.path(key))? else {
            return Ok(None);
        };
        self.with_identity(|identity| {
            age::decrypt(identity, &sealed)
                .map(|bytes| Some(Zeroizing::new(bytes)))
                .map_err(|_| {
                    damaged(&format!("the {key}")).with_hint(
                        "It was changed, cut short, or written under another identity. Add the key again (`rolecall vault add`).",
                    )
                })
        })
    }

    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error> {
        let sealed = self.with_identity(|identity| {
            age::encrypt(&identity.to_public(), value).map_err(|error| {
                Error::new(
                    ErrorKind::Internal,
                    format!("a record was not encrypted: {error}"),
                )
            })
        })?;
        self.host.write_private_bytes(&self.path(key), &sealed)
    }

    fn delete(&self, key: &RecordKey) -> Result<(), Error> {
        self.host.remove(&self.path(key))
    }

    fn keys(&self) -> Result<Vec<RecordKey>, Error> {
        let names = self.host.names_in(&self.folder.join("records"))?;
        Ok(names.iter().filter_map(|name| Self::key(name)).collect())
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
type IdentityText = SecretString;

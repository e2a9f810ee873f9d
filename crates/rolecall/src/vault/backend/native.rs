//! The login keychain of macOS and the Credential Manager of Windows.
//!
//! Neither has been tested on its system: what is common to both is tested with a store in memory, and what is said of each
//! was read in Apple's and Microsoft's documentation and in the crates that call them.
//!
//! Each record is a generic password (macOS) or a generic credential (Windows) of the service `rolecall`; its account says
//! which one it is, and holds nothing secret. A keychain asks the person in a window of its own, and where no window may
//! open it is told so. The Credential Manager is open as long as its user is logged in, and asks nobody.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use keyring_core::{CredentialStore, Entry, Error as StoreError};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{Backend, BackendKind, RecordKey, RecordKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

const SERVICE: &str = "rolecall";
/// What stands for itself in an account. Windows puts a `.` between the account and the service.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');
/// Between the parts of an account.
const BETWEEN: char = '/';
/// What a generic credential of Windows holds at most (`CRED_MAX_CREDENTIAL_BLOB_SIZE`, wincred.h), in bytes.
const MOST_OF_WINDOWS: usize = 5 * 512;

/// The store of the system's own.
pub(super) struct Native {
    host: Host,
    store: Arc<CredentialStore>,
}

impl Native {
    /// The one of this user.
    pub(super) fn of(host: &Host) -> Result<Self, Error> {
        Ok(Self {
            host: host.clone(),
            store: system::store().map_err(|error| failed("cannot be opened", &error))?,
        })
    }

    fn entry(&self, key: &RecordKey) -> Result<Entry, Error> {
        self.store
            .build(SERVICE, &account(key), None)
            .map_err(|error| failed(&format!("takes no {key}"), &error))
    }

    /// Runs `work` with the system's windows as the person of the host has them.
    fn with<T>(&self, what: &str, work: impl FnOnce() -> Result<T, StoreError>) -> Result<Option<T>, Error> {
        let _asking = self.host.person().patience().is_some().then(|| {
            self.host
                .asking(format!("{}, in a window of the system", system::KIND))
        });
        let done = {
            let _quiet = self.host.person().patience().is_none().then(system::no_windows);
            work()
        };
        match done {
            Ok(done) => Ok(Some(done)),
            Err(StoreError::NoEntry) => Ok(None),
            Err(error) => Err(failed(what, &error)),
        }
    }
}

fn failed(what: &str, error: &StoreError) -> Error {
    // Some of them carry what was read, and `Debug` would show it: it is a secret, or was meant to be one.
    let (kind, why) = match error {
        StoreError::NoStorageAccess(why) => (ErrorKind::NeedsUser, why.to_string()),
        StoreError::PlatformFailure(why) => (ErrorKind::Unavailable, why.to_string()),
        StoreError::TooLong(what, most) => (
            ErrorKind::Config,
            format!("its {what} has more than {most} characters"),
        ),
        StoreError::Invalid(what, why) => (ErrorKind::Config, format!("its {what} {why}")),
        StoreError::NotSupportedByStore(why) | StoreError::BadStoreFormat(why) => {
            (ErrorKind::Unavailable, why.clone())
        }
        _ => (
            ErrorKind::Untrusted,
            "it answers with what is not understood".to_owned(),
        ),
    };
    let error = Error::new(kind, format!("{} {what}: {why}", system::KIND));
    match kind {
        ErrorKind::NeedsUser => error.with_hint(format!(
            "Unlock {}, let rolecall use the item when it asks, or run rolecall where a person is.",
            system::KIND
        )),
        _ => error.with_hint("The encrypted file works everywhere: `--backend file`."),
    }
}

fn account(key: &RecordKey) -> String {
    let part = |text: &str| utf8_percent_encode(text, PLAIN).to_string();
    [key.kind.name().to_owned(), part(&key.name), part(&key.id)].join(&BETWEEN.to_string())
}

fn record_key(account: &str) -> Option<RecordKey> {
    let parts: Vec<_> = account.split(BETWEEN).collect();
    let [kind, name, id] = parts[..] else {
        return None;
    };
    let part = |text: &str| Some(percent_decode_str(text).decode_utf8().ok()?.into_owned());
    Some(RecordKey {
        kind: [RecordKind::AccessKey, RecordKind::Backup]
            .into_iter()
            .find(|known| known.name() == kind)?,
        name: part(name)?,
        id: part(id)?,
    })
}

impl Backend for Native {
    fn kind(&self) -> BackendKind {
        system::KIND
    }

    /// The system asks when an item is read, and remembers for how long it may be.
    fn unlock(&self) -> Result<(), Error> {
        Ok(())
    }

    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let entry = self.entry(key)?;
        self.with(&format!("does not give the {key}"), || {
            entry.get_secret().map(Zeroizing::new)
        })
    }

    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error> {
        if system::KIND == BackendKind::CredentialManager && value.len() > MOST_OF_WINDOWS {
            return Err(Error::config(format!(
                "the {key} has {} bytes, and {} holds {MOST_OF_WINDOWS} at most",
                value.len(),
                system::KIND
            ))
            .with_hint("Keep it in the encrypted file: `--backend file`."));
        }
        let entry = self.entry(key)?;
        self.with(&format!("does not take the {key}"), || entry.set_secret(value))?
            .ok_or_else(|| {
                Error::new(
                    ErrorKind::Unavailable,
                    format!("{} did not save the {key}", system::KIND),
                )
            })
    }

    fn delete(&self, key: &RecordKey) -> Result<(), Error> {
        let entry = self.entry(key)?;
        self.with(&format!("does not delete the {key}"), || {
            entry.delete_credential()
        })
        .map(drop)
    }

    fn keys(&self) -> Result<Vec<RecordKey>, Error> {
        let found = self.with("lists nothing", || {
            self.store.search(&HashMap::from(system::OURS))
        })?;
        let mut keys: Vec<_> = found
            .unwrap_or_default()
            .iter()
            .filter_map(Entry::get_specifiers)
            .filter(|(service, _)| service == SERVICE)
            .filter_map(|(_, account)| record_key(&account))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl fmt::Debug for Native {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Native")
            .field("kind", &system::KIND)
            .finish_non_exhaustive()
    }
}

#[cfg(target_os = "macos")]
mod system {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Result};
    use security_framework::os::macos::keychain::{KeychainUserInteractionLock, SecKeychain};

    use super::{BackendKind, SERVICE};

    pub(super) const KIND: BackendKind = BackendKind::Keychain;
    pub(super) const OURS: [(&str, &str); 1] = [("service", SERVICE)];

    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        let store = apple_native_keyring_store::keychain::Store::new()?;
        Ok(store)
    }

    /// Until it is dropped, what would open a window fails.
    pub(super) fn no_windows() -> Option<KeychainUserInteractionLock> {
        SecKeychain::disable_user_interaction().ok()
    }
}

#[cfg(windows)]
mod system {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Result};

    use super::BackendKind;

    pub(super) const KIND: BackendKind = BackendKind::CredentialManager;
    /// A regular expression for `account.service`, which is how this store names a credential.
    pub(super) const OURS: [(&str, &str); 1] = [("pattern", r"\.rolecall$")];

    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        let store = windows_native_keyring_store::Store::new()?;
        Ok(store)
    }

    /// It opens none.
    pub(super) fn no_windows() {}
}

/// A store in memory, so that what is common to both is tried where this is built and tested. It is called as Windows's.
#[cfg(test)]
#[cfg(not(any(target_os = "macos", windows)))]
mod system {
    use std::sync::Arc;

    use keyring_core::{CredentialStore, Result};

    use super::BackendKind;

    pub(super) const KIND: BackendKind = BackendKind::CredentialManager;
    pub(super) const OURS: [(&str, &str); 1] = [("pattern", r"\.rolecall$")];

    pub(super) fn store() -> Result<Arc<CredentialStore>> {
        Ok(Arc::new(super::tests::Memory::default()))
    }

    pub(super) fn no_windows() {
        super::tests::QUIET.with(|quiet| quiet.set(quiet.get() + 1));
    }
}

#[cfg(test)]
#[cfg(not(any(target_os = "macos", windows)))]
mod tests {
    use std::any::Any;
    use std::cell::Cell;
    use std::collections::BTreeMap;
    use std::sync::Mutex;

    use keyring_core::api::{CredentialApi, CredentialStoreApi};
    use keyring_core::{Credential, Result};

    use super::*;

    thread_local! {
        /// How often windows were forbidden.
        pub(super) static QUIET: Cell<u32> = const { Cell::new(0) };
    }

    type Items = Arc<Mutex<BTreeMap<(String, String), Vec<u8>>>>;

    /// Items by service and account, whatever they hold.
    #[derive(Debug, Default)]
    pub(super) struct Memory(Items);

    #[derive(Debug)]
    struct Item {
        items: Items,
        place: (String, String),
    }

    impl CredentialApi for Item {
        fn set_secret(&self, secret: &[u8]) -> Result<()> {
            if secret == b"refuse" {
                return Err(StoreError::NoStorageAccess("the store is locked".into()));
            }
            let mut items = self.items.lock().unwrap();
            items.insert(self.place.clone(), secret.to_vec());
            Ok(())
        }

        fn get_secret(&self) -> Result<Vec<u8>> {
            let items = self.items.lock().unwrap();
            let secret = items.get(&self.place).cloned().ok_or(StoreError::NoEntry)?;
            match &secret[..] {
                // As a store says it, with what it read.
                b"CANARYSECRETodd" => Err(StoreError::BadEncoding(secret)),
                _ => Ok(secret),
            }
        }

        fn delete_credential(&self) -> Result<()> {
            let mut items = self.items.lock().unwrap();
            items.remove(&self.place).map(drop).ok_or(StoreError::NoEntry)
        }

        fn get_credential(&self) -> Result<Option<Arc<Credential>>> {
            Ok(None)
        }

        fn get_specifiers(&self) -> Option<(String, String)> {
            Some(self.place.clone())
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    impl CredentialStoreApi for Memory {
        fn vendor(&self) -> String {
            "a test".to_owned()
        }

        fn id(&self) -> String {
            "a test".to_owned()
        }

        fn build(&self, service: &str, user: &str, _: Option<&HashMap<&str, &str>>) -> Result<Entry> {
            Ok(Entry::new_with_credential(Arc::new(Item {
                items: Arc::clone(&self.0),
                place: (service.to_owned(), user.to_owned()),
            })))
        }

        fn search(&self, _: &HashMap<&str, &str>) -> Result<Vec<Entry>> {
            let places: Vec<_> = self.0.lock().unwrap().keys().cloned().collect();
            places
                .iter()
                .map(|(service, user)| self.build(service, user, None))
                .collect()
        }

        fn as_any(&self) -> &dyn Any {
            self
        }
    }

    fn backend() -> Native {
        Native::of(&Host::builder().build()).unwrap()
    }

    fn record(kind: RecordKind, name: &str) -> RecordKey {
        RecordKey {
            kind,
            name: name.to_owned(),
            id: "AKIACANARYAAAAAAAAAA".to_owned(),
        }
    }

    #[test]
    fn a_record_is_saved_replaced_listed_and_deleted() {
        let backend = backend();
        let records = [
            record(RecordKind::AccessKey, "joe"),
            record(RecordKind::AccessKey, "a/b.c %2F"),
            record(RecordKind::Backup, "C:\\Users\\joe\\.aws\\credentials"),
        ];
        for key in &records {
            assert_eq!(backend.load(key).unwrap(), None);
            backend.save(key, b"first").unwrap();
            backend.save(key, key.name.as_bytes()).unwrap();
        }
        // Another program's item.
        let other = backend.store.build("mail", "access-key/joe/x", None).unwrap();
        other.set_secret(b"theirs").unwrap();
        let none = backend.store.build(SERVICE, "something", None).unwrap();
        none.set_secret(b"not a record").unwrap();
        let mut sorted = records.to_vec();
        sorted.sort();
        assert_eq!(backend.keys().unwrap(), sorted);
        for key in &records {
            assert_eq!(**backend.load(key).unwrap().unwrap(), *key.name.as_bytes());
            backend.delete(key).unwrap();
            backend.delete(key).unwrap();
            assert_eq!(backend.load(key).unwrap(), None);
        }
        assert_eq!(other.get_secret().unwrap(), b"theirs");
    }

    #[test]
    fn what_windows_has_no_room_for_is_refused_before_it_is_saved() {
        let (backend, key) = (backend(), record(RecordKind::Backup, "credentials"));
        backend.save(&key, &[7; 2560]).unwrap();
        let refused = backend.save(&key, &[8; 2561]).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::Config);
        assert!(refused.to_string().contains("2561 bytes"), "{refused}");
        assert_eq!(**backend.load(&key).unwrap().unwrap(), [7; 2560]);
    }

    #[test]
    fn an_error_says_what_to_do_and_nothing_of_what_was_read() {
        let (backend, key) = (backend(), record(RecordKind::AccessKey, "joe"));
        let locked = backend.save(&key, b"refuse").unwrap_err();
        assert_eq!(locked.kind(), ErrorKind::NeedsUser, "{locked}");
        assert!(locked.to_string().contains("the store is locked"), "{locked}");
        backend.save(&key, b"CANARYSECRETodd").unwrap();
        let odd = backend.load(&key).unwrap_err();
        assert_eq!(odd.kind(), ErrorKind::Untrusted, "{odd}");
        for shown in [format!("{odd} {odd:?}"), format!("{backend:?}")] {
            assert!(
                !shown.contains("CANARYSECRET") && !shown.contains("67, 65"),
                "{shown}"
            );
        }
    }

    #[test]
    fn where_nobody_is_no_window_may_open() {
        let (backend, key) = (backend(), record(RecordKind::AccessKey, "joe"));
        let before = QUIET.with(Cell::get);
        backend.save(&key, b"x").unwrap();
        backend.load(&key).unwrap();
        assert_eq!(QUIET.with(Cell::get), before + 2);
    }
}

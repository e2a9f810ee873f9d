//! Records as items of the desktop's Secret Service: GNOME Keyring, KWallet, KeePassXC.
//!
//! They lie in its default collection, which a login unlocks as a rule. What an item is says its attributes, and those are
//! no secret: anybody who may ask the service reads them, unlocked or not.

mod address;
mod bus;
mod cipher;

use std::collections::HashMap;
use std::fmt;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use zeroize::Zeroizing;

use self::address::Address;
use self::bus::{Bus, ObjectPath, Trouble};
use super::{Backend, BackendKind, RecordKey, RecordKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// How long it is looked for. A bus that hangs must not hold up a command, and another backend is there.
const PROBE: Duration = Duration::from_secs(2);
/// What makes an item ours.
const APPLICATION: (&str, &str) = ("application", "rolecall");

/// The Secret Service of the host's session.
pub(super) struct SecretService {
    host: Host,
    address: Address,
    /// `None` after it was lost.
    bus: Mutex<Option<Bus>>,
}

impl SecretService {
    /// Looks for it, for two seconds at most.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is no bus, no such service on it, or no default collection;
    /// [`ErrorKind::Unavailable`] where one of them does not answer; [`ErrorKind::Config`] for a bus of somebody else.
    pub(super) fn of(host: &Host) -> Result<Self, Error> {
        let address = Address::of(host)?;
        let bus = probe(&address)?;
        Ok(Self {
            host: host.clone(),
            address,
            bus: Mutex::new(Some(bus)),
        })
    }

    /// Once more on a new connection where the old one was lost, or the service was started anew.
    fn with<T>(&self, work: impl Fn(&Bus) -> Result<T, Trouble>) -> Result<T, Error> {
        let mut held = self.bus.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bus) = held.as_ref() {
            match work(bus) {
                Err(trouble) if trouble.is_stale() => *held = None,
                done => return Ok(done?),
            }
        }
        let done = work(held.insert(probe(&self.address)?));
        if done.as_ref().is_err_and(Trouble::is_stale) {
            *held = None;
        }
        Ok(done?)
    }

    /// Lets the service ask what it has to, where a window may open; then goes on.
    fn ask(&self, bus: &Bus, prompt: Option<ObjectPath>) -> Result<(), Trouble> {
        let Some(prompt) = prompt else {
            return Ok(());
        };
        let person = self.host.person();
        let Some(patience) = person.patience() else {
            bus.dismiss(&prompt);
            return Err(bus::locked().into());
        };
        let what = "the keyring's own window is waited for";
        let _asking = self.host.asking("the keyring is to be unlocked".to_owned());
        match bus.prompt(&prompt, patience, |left| person.waiting(what, left))? {
            true => Ok(()),
            false => Err(Trouble::Other(
                Error::new(
                    ErrorKind::NeedsUser,
                    "the keyring stays locked: its window was closed, or could not open",
                )
                .with_hint("Try again, or unlock it with the desktop's password manager. Without a display there is no window: there use `--backend file`."),
            )),
        }
    }

    /// The items of a key, unlocked: with one question at most.
    fn unlocked(&self, bus: &Bus, key: &RecordKey) -> Result<Vec<ObjectPath>, Trouble> {
        let attributes = attributes(key);
        let found = bus.search(&attributes)?;
        if !found.unlocked.is_empty() || found.locked.is_empty() {
            return Ok(found.unlocked);
        }
        self.ask(bus, bus.unlock(found.locked)?)?;
        Ok(bus.search(&attributes)?.unlocked)
    }
}

/// On a thread of its own: nothing bounds how long a connection takes to a listener that takes nobody in. Left behind, it
/// ends with the process at the latest.
fn probe(address: &Address) -> Result<Bus, Error> {
    let (tell, hear) = mpsc::sync_channel(1);
    let address = address.clone();
    thread::Builder::new()
        .name("secret-service".to_owned())
        .spawn(move || {
            let _ = tell.send(Bus::open(&address, PROBE));
        })
        .map_err(|error| {
            Error::new(
                ErrorKind::Unavailable,
                format!("no thread could be started: {error}"),
            )
        })?;
    // It bounds itself where it can, and then knows better what is silent.
    match hear.recv_timeout(PROBE + PROBE / 4) {
        Ok(bus) => Ok(bus?),
        Err(RecvTimeoutError::Timeout) => Err(bus::silent("the session's bus")),
        Err(RecvTimeoutError::Disconnected) => Err(Error::new(
            ErrorKind::Internal,
            "the Secret Service's thread ended without a word",
        )),
    }
}

fn attributes(key: &RecordKey) -> HashMap<&str, &str> {
    HashMap::from([
        APPLICATION,
        ("kind", key.kind.name()),
        ("name", &key.name),
        ("id", &key.id),
    ])
}

/// As a person finds it in the desktop's password manager.
fn label(key: &RecordKey) -> String {
    match key.kind {
        RecordKind::AccessKey => format!("rolecall: access key {} of profile {}", key.id, key.name),
        RecordKind::Backup => format!("rolecall: {} as it was before an import", key.name),
    }
}

fn record(attributes: &HashMap<String, String>) -> Option<RecordKey> {
    let kind = attributes.get("kind")?;
    Some(RecordKey {
        kind: [RecordKind::AccessKey, RecordKind::Backup]
            .into_iter()
            .find(|known| known.name() == kind)?,
        name: attributes.get("name")?.clone(),
        id: attributes.get("id")?.clone(),
    })
}

impl Backend for SecretService {
    fn kind(&self) -> BackendKind {
        BackendKind::SecretService
    }

    fn unlock(&self) -> Result<(), Error> {
        self.with(|bus| {
            let collection = bus.collection()?;
            if !bus.is_locked(&collection)? {
                return Ok(());
            }
            self.ask(bus, bus.unlock(vec![collection])?)
        })
    }

    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        self.with(|bus| {
            for item in self.unlocked(bus, key)? {
                match bus.secret(&item) {
                    Err(trouble) if trouble.is_gone() => {}
                    done => return done.map(Some),
                }
            }
            Ok(None)
        })
    }

    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error> {
        self.with(|bus| {
            let made = bus.create(&bus.collection()?, &label(key), &attributes(key), value)?;
            self.ask(bus, made)
        })
    }

    fn delete(&self, key: &RecordKey) -> Result<(), Error> {
        self.with(|bus| {
            let found = bus.search(&attributes(key))?;
            if !found.locked.is_empty() {
                // A service deletes nothing that is locked; whoever deletes unlocks before, and asks then.
                return Err(bus::locked().into());
            }
            for item in found.unlocked {
                match bus.delete(&item) {
                    Err(trouble) if trouble.is_gone() => {}
                    // Some ask whether it is meant, unlocked or not: that question belongs to the deletion.
                    done => self.ask(bus, done?)?,
                }
            }
            Ok(())
        })
    }

    fn keys(&self) -> Result<Vec<RecordKey>, Error> {
        self.with(|bus| {
            let found = bus.search(&HashMap::from([APPLICATION]))?;
            let mut keys = Vec::new();
            for item in found.unlocked.iter().chain(&found.locked) {
                match bus.attributes(item) {
                    Err(trouble) if trouble.is_gone() => {}
                    done => keys.extend(record(&done?)),
                }
            }
            keys.sort_unstable();
            keys.dedup();
            Ok(keys)
        })
    }
}

impl fmt::Debug for SecretService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretService")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

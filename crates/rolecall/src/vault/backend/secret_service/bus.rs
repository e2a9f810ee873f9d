//! The Secret Service over D-Bus (Secret Service API draft 0.2, freedesktop.org): as much of it as a vault needs, each
//! call bounded in time.

use std::collections::HashMap;
use std::time::Duration;

use dbus::arg::{AppendAll, PropMap, ReadAll, RefArg, Variant};
use dbus::blocking::{Connection, Proxy};
use dbus::channel::Channel;
use dbus::strings::Path;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::address::Address;
use super::cipher::{self, Cipher, Half};
use crate::error::{Error, ErrorKind};

const NAME: &str = "org.freedesktop.secrets";
const ROOT: &str = "/org/freedesktop/secrets";
const SERVICE: &str = "org.freedesktop.Secret.Service";
const COLLECTION: &str = "org.freedesktop.Secret.Collection";
const ITEM: &str = "org.freedesktop.Secret.Item";
const PROMPT: &str = "org.freedesktop.Secret.Prompt";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
/// How long one answer is waited for. A service may have to write to a slow disk.
const ANSWER: Duration = Duration::from_secs(10);
/// How often somebody is told how long a window is still waited for.
const TELL: Duration = Duration::from_secs(1);
/// In the place of an object: there is none.
const NONE: &str = "/";

/// A secret as it crosses the bus: session, vector, encrypted text, content type.
type Sent = (Path<'static>, Vec<u8>, Vec<u8>, String);
pub(super) type ObjectPath = Path<'static>;

/// What went wrong: an answer of the bus, which may be over with another connection, or all else.
pub(super) enum Trouble {
    Bus(dbus::Error),
    Other(Error),
}

impl From<dbus::Error> for Trouble {
    fn from(error: dbus::Error) -> Self {
        Self::Bus(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Trouble {
    fn is(&self, names: &[&str]) -> bool {
        match self {
            Self::Bus(error) => error.name().is_some_and(|name| names.contains(&name)),
            Self::Other(_) => false,
        }
    }

    /// The service was started anew, or the connection is gone: another one may do.
    pub(super) fn is_stale(&self) -> bool {
        self.is(&[
            "org.freedesktop.DBus.Error.Disconnected",
            "org.freedesktop.DBus.Error.ServiceUnknown",
            "org.freedesktop.DBus.Error.NameHasNoOwner",
            "org.freedesktop.Secret.Error.NoSession",
        ])
    }

    /// Somebody else deleted it.
    pub(super) fn is_gone(&self) -> bool {
        self.is(&[
            "org.freedesktop.DBus.Error.UnknownObject",
            "org.freedesktop.DBus.Error.UnknownMethod",
            "org.freedesktop.Secret.Error.NoSuchObject",
        ])
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        const OTHERWISE: &str = "Or keep keys in the encrypted file: `--backend file`.";
        let error = match trouble {
            Trouble::Other(error) => return error,
            Trouble::Bus(error) => error,
        };
        let name = error.name().unwrap_or_default();
        if name == "org.freedesktop.Secret.Error.IsLocked" {
            return locked();
        }
        if name.starts_with("org.freedesktop.DBus.Error.Spawn.")
            || name == "org.freedesktop.DBus.Error.ServiceUnknown"
        {
            return Self::new(
                ErrorKind::NotConfigured,
                "no Secret Service is on this session's bus",
            )
            .with_hint(format!(
                "Start gnome-keyring, KWallet or KeePassXC, with its Secret Service turned on. {OTHERWISE}"
            ));
        }
        if ["NoReply", "Timeout", "TimedOut"]
            .iter()
            .any(|end| name.strip_prefix("org.freedesktop.DBus.Error.") == Some(*end))
        {
            return silent("the Secret Service");
        }
        Self::new(
            ErrorKind::Unavailable,
            format!("the Secret Service failed: {}", error.message().unwrap_or(name)),
        )
        .with_hint(format!(
            "Look at it with the desktop's password manager. {OTHERWISE}"
        ))
    }
}

/// It is there, and says nothing.
pub(super) fn silent(who: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("{who} does not answer")).with_hint(
        "Try again when the desktop has started, or log in anew. Or keep keys in the encrypted file: `--backend file`.",
    )
}

/// It is locked, and nobody can be asked.
pub(super) fn locked() -> Error {
    Error::new(
        ErrorKind::NeedsUser,
        "the keyring is locked, and nobody can be asked to unlock it here",
    )
    .with_hint("Unlock it with the desktop's password manager, or run the command where its window can open.")
}

/// A connection, and a session of the service on it.
pub(super) struct Bus {
    connection: Connection,
    session: ObjectPath,
    cipher: Cipher,
}

/// Items, by whether they can be read now.
#[derive(Default)]
pub(super) struct Found {
    pub(super) unlocked: Vec<ObjectPath>,
    pub(super) locked: Vec<ObjectPath>,
}

impl Bus {
    /// Connects, and looks whether the service and its default collection are there; for `patience` at most, but for the
    /// system's own `connect`, which nothing bounds where a listener takes nobody in: do it on a thread of its own.
    pub(super) fn open(address: &Address, patience: Duration) -> Result<Self, Trouble> {
        let until = Instant::now() + patience;
        let left = || {
            until
                .saturating_duration_since(Instant::now())
                .max(Duration::from_millis(1))
        };
        address.check()?;
        let connection = Connection::from(Channel::open_private(&address.for_libdbus())?);
        // By hand, and not by `register`, which waits for 25 seconds.
        let hello: Result<(String,), _> =
            bus_proxy(&connection, left()).method_call("org.freedesktop.DBus", "Hello", ());
        hello.map_err(|_| silent("the session's bus"))?;
        let half = Half::new()?;
        let (theirs, session): (Variant<Vec<u8>>, ObjectPath) = Proxy::new(NAME, ROOT, left(), &connection)
            .method_call(
            SERVICE,
            "OpenSession",
            (cipher::NAME, Variant(half.public())),
        )?;
        let cipher = half.with(&theirs.0)?;
        let bus = Self {
            connection,
            session,
            cipher,
        };
        bus.collection_within(left())?;
        Ok(bus)
    }

    fn call<R: ReadAll>(
        &self,
        path: &ObjectPath,
        interface: &str,
        method: &str,
        args: impl AppendAll,
    ) -> Result<R, Trouble> {
        let proxy = Proxy::new(NAME, path.clone(), ANSWER, &self.connection);
        Ok(proxy.method_call(interface, method, args)?)
    }

    /// The collection that new items go to.
    pub(super) fn collection(&self) -> Result<ObjectPath, Trouble> {
        self.collection_within(ANSWER)
    }

    fn collection_within(&self, patience: Duration) -> Result<ObjectPath, Trouble> {
        let proxy = Proxy::new(NAME, ROOT, patience, &self.connection);
        let (path,): (ObjectPath,) = proxy.method_call(SERVICE, "ReadAlias", ("default",))?;
        if is_none(&path) {
            return Err(Trouble::Other(
                Error::new(ErrorKind::NotConfigured, "the Secret Service has no default keyring").with_hint(
                    "Make one with the desktop's password manager (in GNOME: Passwords and Keys), and set it as the default. Or keep keys in the encrypted file: `--backend file`.",
                ),
            ));
        }
        Ok(path)
    }

    pub(super) fn is_locked(&self, collection: &ObjectPath) -> Result<bool, Trouble> {
        let (locked,): (Variant<bool>,) = self.call(collection, PROPERTIES, "Get", (COLLECTION, "Locked"))?;
        Ok(locked.0)
    }

    /// Every item that has these attributes, whatever else it has. It asks nobody.
    pub(super) fn search(&self, attributes: &HashMap<&str, &str>) -> Result<Found, Trouble> {
        let (unlocked, locked) = self.call(&root(), SERVICE, "SearchItems", (attributes.clone(),))?;
        Ok(Found { unlocked, locked })
    }

    pub(super) fn attributes(&self, item: &ObjectPath) -> Result<HashMap<String, String>, Trouble> {
        let (attributes,): (Variant<HashMap<String, String>>,) =
            self.call(item, PROPERTIES, "Get", (ITEM, "Attributes"))?;
        Ok(attributes.0)
    }

    pub(super) fn secret(&self, item: &ObjectPath) -> Result<Zeroizing<Vec<u8>>, Trouble> {
        let (sent,): (Sent,) = self.call(item, ITEM, "GetSecret", (self.session.clone(),))?;
        let (_, vector, text, _) = sent;
        Ok(self.cipher.decrypt(text, &vector)?)
    }

    /// Makes an item, in the place of one with the same attributes. What is to be asked of somebody first, if anything.
    pub(super) fn create(
        &self,
        collection: &ObjectPath,
        label: &str,
        attributes: &HashMap<&str, &str>,
        secret: &[u8],
    ) -> Result<Option<ObjectPath>, Trouble> {
        let owned: HashMap<String, String> = attributes
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let mut properties = PropMap::new();
        let mut put = |name: &str, value: Box<dyn RefArg>| {
            properties.insert(format!("{ITEM}.{name}"), Variant(value));
        };
        put("Label", Box::new(label.to_owned()));
        put("Attributes", Box::new(owned));
        let (text, vector) = self.cipher.encrypt(secret)?;
        let sent: Sent = (
            self.session.clone(),
            vector,
            text,
            "application/octet-stream".to_owned(),
        );
        let (_, prompt): (ObjectPath, ObjectPath) =
            self.call(collection, COLLECTION, "CreateItem", (properties, sent, true))?;
        Ok(some(prompt))
    }

    /// Deletes an item. What is to be asked of somebody first, if anything.
    pub(super) fn delete(&self, item: &ObjectPath) -> Result<Option<ObjectPath>, Trouble> {
        let (prompt,): (ObjectPath,) = self.call(item, ITEM, "Delete", ())?;
        Ok(some(prompt))
    }

    /// Unlocks items or collections. What is to be asked of somebody first, if anything.
    pub(super) fn unlock(&self, objects: Vec<ObjectPath>) -> Result<Option<ObjectPath>, Trouble> {
        let (_, prompt): (Vec<ObjectPath>, ObjectPath) = self.call(&root(), SERVICE, "Unlock", (objects,))?;
        Ok(some(prompt))
    }

    /// Takes a question back that was not shown.
    pub(super) fn dismiss(&self, prompt: &ObjectPath) {
        let dismissed: Result<(), _> = self.call(prompt, PROMPT, "Dismiss", ());
        if let Err(trouble) = dismissed {
            tracing::debug!("a keyring's prompt was not dismissed: {}", Error::from(trouble));
        }
    }

    /// Lets the service ask, in a window of its own; whether the answer was yes. `tell` hears how long it is waited for
    /// still. A window that stays open too long is closed.
    pub(super) fn prompt(
        &self,
        prompt: &ObjectPath,
        patience: Duration,
        tell: impl Fn(Duration),
    ) -> Result<bool, Trouble> {
        let rule = format!("type='signal',interface='{PROMPT}',member='Completed',path='{prompt}'");
        let () =
            bus_proxy(&self.connection, ANSWER).method_call("org.freedesktop.DBus", "AddMatch", (&rule,))?;
        let answer = self.answer_to(prompt, patience, &tell);
        tell(Duration::ZERO);
        if !matches!(answer, Ok(Some(_))) {
            self.dismiss(prompt);
        }
        let removed: Result<(), _> =
            bus_proxy(&self.connection, ANSWER).method_call("org.freedesktop.DBus", "RemoveMatch", (&rule,));
        if let Err(error) = removed {
            tracing::debug!("the bus keeps telling about a prompt: {error}");
        }
        answer?.ok_or_else(|| {
            Trouble::Other(
                Error::new(
                    ErrorKind::NeedsUser,
                    "the keyring's window was not answered in time",
                )
                .with_hint("Try again, or unlock the keyring with the desktop's password manager first."),
            )
        })
    }

    fn answer_to(
        &self,
        prompt: &ObjectPath,
        patience: Duration,
        tell: &impl Fn(Duration),
    ) -> Result<Option<bool>, Trouble> {
        let until = Instant::now() + patience;
        // No window of ours is there that its own could be a part of.
        let () = self.call(prompt, PROMPT, "Prompt", ("",))?;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            tell(left);
            let Some(message) = self.connection.channel().blocking_pop_message(left.min(TELL))? else {
                continue;
            };
            if message.path().as_ref() == Some(prompt)
                && message.interface().as_deref() == Some(PROMPT)
                && message.member().as_deref() == Some("Completed")
            {
                // Its result is looked at by what can be read afterwards.
                return Ok(Some(message.get1::<bool>() == Some(false)));
            }
        }
    }
}

fn bus_proxy(connection: &Connection, patience: Duration) -> Proxy<'static, &Connection> {
    Proxy::new(
        "org.freedesktop.DBus",
        "/org/freedesktop/DBus",
        patience,
        connection,
    )
}

fn root() -> ObjectPath {
    Path::from(ROOT)
}

fn is_none(path: &ObjectPath) -> bool {
    **path == *NONE
}

fn some(path: ObjectPath) -> Option<ObjectPath> {
    (!is_none(&path)).then_some(path)
}

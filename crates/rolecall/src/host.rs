//! The one door to the world: environment, files, clock, HTTP and login name.
//!
//! Nothing else in the library looks outside the process; `clippy.toml` bans the back doors. Tests and embedders build
//! a [`Host`] of their own.

mod fetch;
mod files;
mod http;
mod issuer;
mod journal;
mod look;
mod person;
mod private;
mod process;
mod program;
mod proxy;
mod replace;
mod runtime;
mod skew;
mod trust;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

use self::http::Clients;
use crate::error::Error;

pub use self::fetch::{Answer, Fetch, FetchError, FetchErrorKind};
pub use self::files::FileLock;
pub use self::http::{CaBundle, Transport};
pub(crate) use self::journal::{Journal, Part};
pub(crate) use self::look::{Look, LookKind};
use self::person::{Asking, Questions};
pub use self::person::{Browser, Choice, MfaQuestion, Nobody, Person, SecretQuestion, SignIn};
pub use self::process::{Process, Stat};
pub(crate) use self::skew::Skew;
pub use self::trust::{is_unknown_authority, proxy_hint, tls_hint};

/// A config file larger than this is somebody's mistake, not a config file.
const LARGEST_FILE: u64 = 16 * 1024 * 1024;

/// Tells the time. Sessions are judged on it; requests are signed on the system's clock whatever it says.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present moment.
    fn now(&self) -> SystemTime;
}

#[derive(Debug)]
struct SystemClock;

impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door that the ban points to"
    )]
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// The system's clock, for what has no host at hand: it is the same on every one.
pub(crate) fn wall_clock() -> SystemTime {
    SystemClock.now()
}

/// Everything outside the process that the library may touch. Clone it freely.
#[derive(Clone)]
pub struct Host(Arc<Inner>);

struct Inner {
    env: Arc<BTreeMap<String, String>>,
    /// The names of variables that are set, and whose name or value is not UTF-8.
    unreadable: Arc<BTreeSet<OsString>>,
    home: Option<PathBuf>,
    /// Looked up when it is first asked for: the user database may be in the network. Set already where it was given.
    login_name: OnceLock<Option<String>>,
    clock: Arc<dyn Clock>,
    /// Built at the first call that needs one: a warm hit builds neither a client nor a TLS configuration.
    http: Clients,
    person: Arc<dyn Person>,
    /// How far AWS's clock is from this machine's, as its last answer said.
    skew: Skew,
    /// What the person is being asked for now.
    questions: Questions,
}

impl Host {
    /// The real one: this process's environment, the user's home, the system's clock.
    pub fn system() -> Self {
        Self::builder().inherit_environment().build()
    }

    /// The same host with somebody to ask. It is for the beginning: clients and what was measured of AWS's clock stay
    /// with the one it is made from.
    #[must_use]
    pub fn with_person(&self, person: impl Person + 'static) -> Self {
        let it = &self.0;
        Self(Arc::new(Inner {
            env: Arc::clone(&it.env),
            unreadable: Arc::clone(&it.unreadable),
            home: it.home.clone(),
            login_name: it.login_name.clone(),
            clock: Arc::clone(&it.clock),
            http: Clients::default(),
            person: Arc::new(person),
            skew: Skew::default(),
            questions: Questions::default(),
        }))
    }

    /// An empty one to fill: no environment, no home, the system's clock.
    pub fn builder() -> HostBuilder {
        HostBuilder {
            env: BTreeMap::new(),
            unreadable: BTreeSet::new(),
            home: None,
            login_name: OnceLock::from(None),
            clock: Arc::new(SystemClock),
            person: Arc::new(Nobody),
        }
    }

    /// An environment variable; one that is empty or blank counts as not set, as AWS's SDKs have it.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.0
            .env
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.trim().is_empty())
    }

    /// The names of all environment variables, of those too whose name or value is not UTF-8: a child inherits them.
    pub fn env_names_os(&self) -> impl Iterator<Item = &OsStr> {
        let readable = self.0.env.keys().map(OsStr::new);
        readable.chain(self.0.unreadable.iter().map(OsString::as_os_str))
    }

    /// Refuses an environment of which something that decides about identities cannot be read. To take such a variable
    /// for unset would choose another identity than the one that was named.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`], with the variable's name.
    pub fn check(&self) -> Result<(), Error> {
        let decides = |name: &str| {
            name == "HOME"
                || ["AWS_", "AMAZON_", "ROLECALL_", "XDG_"]
                    .iter()
                    .any(|prefix| name.starts_with(prefix))
        };
        let mut names = self.0.unreadable.iter().map(|name| name.to_string_lossy());
        match names.find(|name| decides(name)) {
            Some(name) => Err(
                Error::config(format!("the environment variable `{name}` is not UTF-8 text"))
                    .with_hint("Set it again as UTF-8 text, or unset it."),
            ),
            None => Ok(()),
        }
    }

    /// The home directory: `HOME` on every system, then Windows's `USERPROFILE`, then its `HOMEDRIVE` and `HOMEPATH`.
    pub fn home(&self) -> Option<&Path> {
        self.0.home.as_deref()
    }

    /// A path as people write it: `~` and `~/…` are the home directory's.
    pub(crate) fn expand_home(&self, path: &str) -> PathBuf {
        match (path.strip_prefix('~'), self.home()) {
            (Some(rest), Some(home)) if rest.is_empty() || rest.starts_with('/') => {
                home.join(rest.trim_start_matches('/'))
            }
            _ => PathBuf::from(path),
        }
    }

    /// Who can be asked for a code, for a choice, or to sign in.
    pub fn person(&self) -> Arc<dyn Person> {
        Arc::clone(&self.0.person)
    }

    /// Notes that the person is being asked for `what`, until the answer is there and the note is dropped.
    pub(crate) fn asking(&self, what: String) -> Asking {
        Asking::begin(&self.0.questions, what)
    }

    /// What the person is being asked for now, the longest open question first.
    pub(crate) fn asked_for(&self) -> Option<String> {
        self.0.questions.first()
    }

    /// The folder for what is remembered without secrets: `XDG_STATE_HOME/rolecall`, else `~/.local/state/rolecall`.
    pub fn state_dir(&self) -> Option<PathBuf> {
        let base = match self
            .env("XDG_STATE_HOME")
            .map(Path::new)
            .filter(|path| path.is_absolute())
        {
            Some(path) => path.to_owned(),
            None => self.home()?.join(".local/state"),
        };
        Some(base.join("rolecall"))
    }

    /// The folder for what is the user's and outlives everything: `XDG_DATA_HOME/rolecall`, else `~/.local/share/rolecall`.
    pub fn data_dir(&self) -> Option<PathBuf> {
        let named = self.env("XDG_DATA_HOME").map(Path::new);
        let base = match named.filter(|path| path.is_absolute()) {
            Some(path) => path.to_owned(),
            None => self.home()?.join(".local/share"),
        };
        Some(base.join("rolecall"))
    }

    /// The present moment, on the clock that sessions are judged by.
    pub fn now(&self) -> SystemTime {
        self.0.clock.now()
    }

    /// The system's clock, whatever clock sessions are judged by: what requests are signed on.
    pub(crate) fn wall_clock(&self) -> SystemTime {
        wall_clock()
    }

    /// How far AWS's clock is from this machine's: one measure for every call, whichever service answers.
    pub(crate) fn skew(&self) -> &Skew {
        &self.0.skew
    }

    /// The name the person is logged in under, from the user database.
    pub fn login_name(&self) -> Option<&str> {
        self.0
            .login_name
            .get_or_init(|| whoami::username().ok())
            .as_deref()
    }

    /// A text file, or `None` where there is none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] when it is there but cannot be read: permissions, a directory, too large, not UTF-8.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door that the ban points to"
    )]
    pub fn read(&self, path: &Path) -> Result<Option<String>, Error> {
        let fail = |why: &dyn fmt::Display| Error::config(format!("cannot read {}: {why}", path.display()));
        let file = match std::fs::File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                return Err(fail(&error).with_hint("Check who owns the file and its mode (ls -l)."));
            }
            Err(error) => return Err(fail(&error)),
        };
        let mut text = String::new();
        match file.take(LARGEST_FILE + 1).read_to_string(&mut text) {
            Ok(_) if text.len() as u64 > LARGEST_FILE => Err(fail(&"it is larger than 16 MiB")),
            Ok(_) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                Err(fail(&"it is not UTF-8 text")
                    .with_hint("Save the file as UTF-8; some editors on Windows write UTF-16."))
            }
            Err(error) => Err(fail(&error)),
        }
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The environment may hold access keys.
        f.debug_struct("Host")
            .field("home", &self.0.home)
            .finish_non_exhaustive()
    }
}

/// Builds a [`Host`].
#[derive(Debug)]
pub struct HostBuilder {
    env: BTreeMap<String, String>,
    unreadable: BTreeSet<OsString>,
    home: Option<PathBuf>,
    login_name: OnceLock<Option<String>>,
    clock: Arc<dyn Clock>,
    person: Arc<dyn Person>,
}

impl HostBuilder {
    /// Sets one environment variable; `HOME` also sets the home directory.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        if name == "HOME" && !value.is_empty() {
            self.home = Some(PathBuf::from(value));
        }
        self.unreadable.remove(OsStr::new(name));
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets one environment variable as the system has it. [`Host::check`] refuses some that are not UTF-8.
    #[must_use]
    pub fn env_os(mut self, name: &OsStr, value: &OsStr) -> Self {
        if let (Some(name), Some(value)) = (name.to_str(), value.to_str()) {
            return self.env(name, value);
        }
        if let Some(name) = name.to_str() {
            self.env.remove(name);
        }
        self.unreadable.insert(name.to_owned());
        self
    }

    /// Sets the home directory.
    #[must_use]
    pub fn home(mut self, home: impl Into<PathBuf>) -> Self {
        self.home = Some(home.into());
        self
    }

    /// Sets the login name.
    #[must_use]
    pub fn login_name(mut self, name: &str) -> Self {
        self.login_name = OnceLock::from(Some(name.to_owned()));
        self
    }

    /// Sets the clock that sessions are judged by.
    #[must_use]
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Sets who can be asked. Without it nobody is there.
    #[must_use]
    pub fn person(mut self, person: impl Person + 'static) -> Self {
        self.person = Arc::new(person);
        self
    }

    /// Takes over this process's environment, home and login name. What is not UTF-8 is kept by
    /// name only, for [`Host::check`].
    #[must_use]
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the door that the ban points to"
    )]
    pub fn inherit_environment(mut self) -> Self {
        for (name, value) in std::env::vars_os() {
            self = self.env_os(&name, &value);
        }
        self.home = self.home_by_variables().or_else(std::env::home_dir);
        self.login_name = OnceLock::new();
        self
    }

    /// Where the variables say the home directory is. A drive without a path, or a path without a drive, says nothing.
    fn home_by_variables(&self) -> Option<PathBuf> {
        let set = |name: &str| self.env.get(name).filter(|value| !value.is_empty());
        match set("HOME").or_else(|| set("USERPROFILE")) {
            Some(home) => Some(PathBuf::from(home)),
            None => Some(PathBuf::from(format!(
                "{}{}",
                set("HOMEDRIVE")?,
                set("HOMEPATH")?
            ))),
        }
    }

    /// The finished host.
    pub fn build(mut self) -> Host {
        if self.home.is_none() {
            self.home = self.home_by_variables();
        }
        let Self {
            env,
            unreadable,
            home,
            login_name,
            clock,
            person,
        } = self;
        Host(Arc::new(Inner {
            env: Arc::new(env),
            unreadable: Arc::new(unreadable),
            home,
            login_name,
            clock,
            http: Clients::default(),
            person,
            skew: Skew::default(),
            questions: Questions::default(),
        }))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::ffi::OsStrExt as _;

    use super::*;
    use crate::chain::{Chain, Request};
    use crate::error::ErrorKind;
    use crate::profile::ProfileSet;

    fn with(name: &[u8]) -> Host {
        Host::builder()
            .env_os(OsStr::from_bytes(name), OsStr::from_bytes(b"blah\xff"))
            .build()
    }

    #[test]
    fn a_variable_that_decides_and_cannot_be_read_is_refused() {
        for name in [
            "AWS_PROFILE",
            "AMAZON_ACCESS_KEY_ID",
            "ROLECALL_CONFIG_FILE",
            "XDG_STATE_HOME",
            "HOME",
        ] {
            let host = with(name.as_bytes());
            let error = ProfileSet::load(&host).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains(name), "{error}");
            assert_eq!(error.hints(), ["Set it again as UTF-8 text, or unset it."]);
            let resolved = Chain::resolve(&ProfileSet::default(), &host, &Request::default());
            assert_eq!(resolved.unwrap_err().to_string(), error.to_string());
        }
        assert!(with(b"AWS_\xff").check().is_err(), "a name that is not UTF-8");
        assert!(with(b"LS_COLORS").check().is_ok(), "somebody else's variable");
        let again = Host::builder()
            .env_os(OsStr::new("AWS_PROFILE"), OsStr::from_bytes(b"\xff"))
            .env("AWS_PROFILE", "blah");
        assert!(again.build().check().is_ok(), "set again by an embedder");
    }

    #[test]
    fn the_home_directory_is_what_the_first_variable_says() {
        let (home, profile) = (("HOME", "/home/joe"), ("USERPROFILE", r"C:\Users\joe"));
        let (drive, path) = (("HOMEDRIVE", "H:"), ("HOMEPATH", r"\joe"));
        for (variables, expected) in [
            (&[drive, path, profile, home][..], Some("/home/joe")),
            (&[drive, path, profile, ("HOME", "")], Some(r"C:\Users\joe")),
            (&[drive, path], Some(r"H:\joe")),
            (&[drive], None),
            (&[path], None),
            (&[], None),
        ] {
            let host = variables
                .iter()
                .fold(Host::builder(), |host, (name, value)| host.env(name, value))
                .build();
            assert_eq!(host.home(), expected.map(Path::new), "{variables:?}");
        }
    }

    #[test]
    fn the_names_of_all_variables_are_there_whatever_their_values() {
        let host = Host::builder().env("AWS_REGION", "eu-west-1").env_os(
            OsStr::new("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
            OsStr::from_bytes(b"\xff"),
        );
        let host = host.build();
        assert_eq!(
            host.env_names_os().collect::<Vec<_>>(),
            ["AWS_REGION", "AWS_CONTAINER_AUTHORIZATION_TOKEN"]
        );
    }
}

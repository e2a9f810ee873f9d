//! A desktop session of a test's own: a bus, and GNOME Keyring on it where that is wanted. Both end with the test.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rolecall::host::{HostBuilder, Person};
use rolecall::vault::{BackendKind, Vault};
use rolecall::{Host, Secret};
use tempfile::TempDir;

#[path = "skip.rs"]
mod skip;

const PASSWORD: &str = "the keyring's own";
/// How often, and after what time, something is looked for that has just been started: for half a minute.
const TRIES: u32 = 600;
const BETWEEN_TRIES: Duration = Duration::from_millis(50);

/// Nothing but a socket that anybody of this user may talk at: no service is started by the bus, and no window opens.
const CONFIG: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=SOCKET</listen><policy context="default">
<allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>"#;

/// Says that a test is skipped, and why, where a program is missing.
pub(crate) fn is_missing(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs
        .iter()
        .filter(|name| {
            let found = Command::new("sh")
                .args(["-c", "command -v -- \"$0\"", name])
                .stdout(Stdio::null())
                .status();
            !found.is_ok_and(|status| status.success())
        })
        .collect();
    if !missing.is_empty() {
        skip::skip(&format!("not on this machine: {missing:?}"));
    }
    !missing.is_empty()
}

/// Ends with its value.
pub(crate) struct Running(Child);

impl Running {
    /// Ends it now.
    pub(crate) fn end(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.end();
    }
}

/// The session.
pub(crate) struct Desktop {
    pub(crate) folder: TempDir,
    keyring: Option<Running>,
    _bus: Running,
}

impl Desktop {
    /// A bus, and nobody on it.
    pub(crate) fn bare() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("bus");
        let config = folder.path().join("bus.conf");
        std::fs::write(&config, CONFIG.replace("SOCKET", socket.to_str().unwrap())).unwrap();
        let bus = dying_with_us(Command::new("setpriv"), "dbus-daemon")
            .arg("--config-file")
            .arg(&config)
            .args(["--nofork", "--nopidfile"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let desktop = Self {
            folder,
            keyring: None,
            _bus: Running(bus),
        };
        assert!(until(|| socket.exists()), "the bus does not start");
        desktop
    }

    /// A bus with a keyring that is unlocked.
    pub(crate) fn with_keyring() -> Self {
        let mut desktop = Self::bare();
        desktop.start_keyring(Some(PASSWORD));
        desktop
    }

    /// Starts the keyring; without a password what it keeps stays locked.
    pub(crate) fn start_keyring(&mut self, password: Option<&str>) {
        let unlock = password.map(|_| "--unlock");
        let mut child = dying_with_us(self.command("setpriv"), "gnome-keyring-daemon")
            .args(["--foreground", "--components=secrets"])
            .args(unlock)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(password.unwrap_or_default().as_bytes()).unwrap();
        drop(stdin);
        self.keyring = Some(Running(child));
        let host = self.host().build();
        let answers = || Vault::of(&host).backend(BackendKind::SecretService).is_ok();
        assert!(
            until(answers),
            "{:?}",
            Vault::of(&host).backend(BackendKind::SecretService)
        );
    }

    /// Ends the keyring, and starts it anew on the same files.
    pub(crate) fn restart_keyring(&mut self, is_unlocked: bool) {
        self.keyring = None;
        let host = self.host().build();
        assert!(until(|| Vault::of(&host)
            .backend(BackendKind::SecretService)
            .is_err()));
        self.start_keyring(is_unlocked.then_some(PASSWORD));
    }

    /// A program of the session.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env(
                "PATH",
                "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            )
            .env("LANG", "C.UTF-8")
            .env("HOME", self.folder.path())
            .env("XDG_RUNTIME_DIR", self.folder.path())
            .env("XDG_DATA_HOME", self.data())
            .env("DBUS_SESSION_BUS_ADDRESS", self.address());
        command
    }

    pub(crate) fn address(&self) -> String {
        format!("unix:path={}", self.folder.path().join("bus").display())
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// A host in the session.
    pub(crate) fn host(&self) -> HostBuilder {
        host_at(self.folder.path()).env("DBUS_SESSION_BUS_ADDRESS", &self.address())
    }
}

/// A program that ends with the thread that started it, however that ends.
fn dying_with_us(mut setpriv: Command, program: &str) -> Command {
    setpriv.args(["--pdeathsig", "KILL", program]);
    setpriv
}

/// A host whose vault is in this folder, and that has no bus.
pub(crate) fn host_at(folder: &Path) -> HostBuilder {
    Host::builder()
        .home(folder)
        .env("XDG_DATA_HOME", folder.join("data").to_str().unwrap())
        // The kernel of whoever runs the tests is not to be filled.
        .env("ROLECALL_VAULT_KEEP", "off")
}

/// Waits until it is so; whether it ever was.
pub(crate) fn until(is_so: impl Fn() -> bool) -> bool {
    (0..TRIES).any(|_| {
        let done = is_so();
        if !done {
            std::thread::sleep(BETWEEN_TRIES);
        }
        done
    })
}

/// Somebody who waits for a window so long.
#[derive(Clone, Debug)]
pub(crate) struct Waits(pub(crate) Duration);

impl Person for Waits {
    fn mfa_code(&self, _: &rolecall::host::MfaQuestion) -> Result<Secret, rolecall::Error> {
        panic!("no code is needed")
    }

    fn patience(&self) -> Option<Duration> {
        Some(self.0)
    }

    fn choose(&self, _: &rolecall::host::Choice) -> Result<usize, rolecall::Error> {
        panic!("nothing is to be chosen")
    }

    fn sign_in(&self, _: &rolecall::host::SignIn) -> Result<(), rolecall::Error> {
        panic!("nobody signs in")
    }

    fn waiting(&self, _: &str, _: Duration) {}
}

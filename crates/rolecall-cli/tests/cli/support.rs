//! A home, a sandbox and a binary.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rolecall_sandbox::Sandbox;
use tempfile::TempDir;

#[path = "../../../rolecall/tests/support/skip.rs"]
mod skip;

pub(crate) use self::skip::skip;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_rolecall");

/// One person's machine: a home with the sandbox's AWS files, and nothing inherited.
pub(crate) struct Machine {
    pub(crate) sandbox: Sandbox,
    pub(crate) home: TempDir,
    /// Whether its commands share sessions through an agent.
    pub(crate) has_agent: bool,
}

/// What a command did. Its outputs have been searched for secrets already.
#[must_use = "check how the command ended"]
pub(crate) struct Ran {
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) status: ExitStatus,
}

impl Ran {
    /// The stdout of a success.
    pub(crate) fn ok(self) -> String {
        assert!(
            self.status.success(),
            "{:?}\n{}\n{}",
            self.status,
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// The first line of stderr of a failure with this exit code; the data stream stayed empty.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.status.code(), Some(code), "{}\n{}", self.stdout, self.stderr);
        assert_eq!(self.stdout, "");
        self.stderr
    }
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self::with(Sandbox::builder().start().expect("a sandbox"))
    }

    pub(crate) fn with_sessions_of(seconds: u64) -> Self {
        Self::with(
            Sandbox::builder()
                .session_seconds(seconds)
                .start()
                .expect("a sandbox"),
        )
    }

    pub(crate) fn with(sandbox: Sandbox) -> Self {
        let home = tempfile::tempdir().unwrap();
        for folder in [".aws", "run"] {
            fs::create_dir(home.path().join(folder)).unwrap();
            fs::set_permissions(home.path().join(folder), fs::Permissions::from_mode(0o700)).unwrap();
        }
        let machine = Self {
            sandbox,
            home,
            has_agent: false,
        };
        machine.write(".aws/config", &machine.sandbox.config_file());
        machine.write(".aws/credentials", &machine.sandbox.credentials_file());
        machine
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    pub(crate) fn append_config(&self, text: &str) {
        let config = fs::read_to_string(self.path(".aws/config")).unwrap();
        self.write(".aws/config", &format!("{config}\n{text}"));
    }

    /// The command with its arguments, in a clean environment, at the highest log level.
    pub(crate) fn command(&self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Command {
        let mut command = Command::new(BINARY);
        self.furnish(command.args(arguments));
        command
    }

    /// A script in the same surroundings.
    pub(crate) fn shell(&self, script: &str) -> Command {
        let mut command = Command::new("sh");
        self.furnish(command.args(["-c", script]));
        command
    }

    pub(crate) fn furnish(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("HOME", self.home.path())
            .env("AWS_ENDPOINT_URL", self.sandbox.endpoint())
            .env("ROLECALL_RUNTIME_DIR", self.path("run"))
            .env("ROLECALL_AGENT", if self.has_agent { "on" } else { "off" })
            // Nothing of a test's is left in the kernel's keyring of whoever runs it.
            .env("ROLECALL_VAULT_KEEP", "off")
            .env("ROLECALL_LOG", "trace")
            .stdin(Stdio::null());
    }

    /// Runs it; nothing it printed may hold a secret.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        self.finish(&mut self.command(arguments))
    }

    /// Runs it at the usual log level, to read what a person reads.
    pub(crate) fn run_quietly(&self, arguments: &[&str]) -> Ran {
        self.finish(self.command(arguments).env_remove("ROLECALL_LOG"))
    }

    pub(crate) fn finish(&self, command: &mut Command) -> Ran {
        let output = command.output().unwrap();
        self.no_secret(&output.stdout);
        ran(self, output)
    }

    /// Runs a command whose contract is to print a session to stdout.
    pub(crate) fn run_for_secrets(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        ran(self, output)
    }

    pub(crate) fn no_secret(&self, bytes: &[u8]) {
        let leaks = self.sandbox.secrets().leaks_in(bytes);
        assert!(leaks.is_empty(), "{leaks:?}");
    }
}

fn ran(machine: &Machine, output: Output) -> Ran {
    machine.no_secret(&output.stderr);
    if let Ok(log) = fs::read(machine.path(".local/state/rolecall/audit.jsonl")) {
        machine.no_secret(&log);
    }
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran {
        stdout: text(output.stdout),
        stderr: text(output.stderr),
        status: output.status,
    }
}

/// Looks until there is something to see, for at most 20 seconds.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..400 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain for {what}");
}

/// Why a test that kills or watches a process is skipped.
pub(crate) const NO_TRACER: &str = "there is no strace that may trace";

/// Whether there is an strace, and this process may trace another: a container may forbid it.
pub(crate) fn can_trace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "true"]);
    command.output().is_ok_and(|output| output.status.success())
}

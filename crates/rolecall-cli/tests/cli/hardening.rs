//! What others of the same user see of a running command: no core, no memory, no environment (A9, A10).

#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use super::support::{BINARY, Machine};

/// A machine whose person is not root, who may look at everything: where the tests run as root, it is another user's.
struct Ordinary {
    machine: Machine,
    binary: PathBuf,
}

/// A command that prints its own number and stays until its input ends.
const STAY: &str = "echo $$; read line; exit 3";
/// As many bytes of core as this user may have.
const CORES: &str = "ulimit -S -c \"$(ulimit -H -c)\"; exec \"$@\"";

impl Ordinary {
    fn new() -> Self {
        let machine = Machine::new();
        if !geteuid().is_root() {
            let binary = PathBuf::from(BINARY);
            return Self { machine, binary };
        }
        // A copy that the other user can reach and run, and a home of theirs.
        let binary = machine.path("rolecall");
        std::fs::copy(BINARY, &binary).unwrap();
        std::fs::set_permissions(&binary, PermissionsExt::from_mode(0o755)).unwrap();
        for name in ["", ".aws", ".aws/config", ".aws/credentials", "run"] {
            chown(machine.path(name), Some(65534), Some(65534)).unwrap();
        }
        Self { machine, binary }
    }

    /// A shell of this person, in their home.
    fn shell(&self, script: &str) -> Command {
        let mut command = if geteuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "sh"]);
            command
        } else {
            Command::new("sh")
        };
        self.machine.furnish(command.args(["-c", script, "sh"]));
        command.current_dir(self.machine.home.path());
        command
    }

    /// Whether this person can open a file of a process.
    fn opens(&self, pid: u32, file: &str) -> bool {
        let mut command = self.shell(": <\"/proc/$1/$2\"");
        let status = command
            .args([&pid.to_string(), file])
            .stderr(Stdio::null())
            .status();
        status.unwrap().success()
    }

    /// Starts a command that prints the number of a process, which may not be its own.
    fn start(&self, command: &mut Command) -> (Child, u32) {
        let command = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let inner = line.trim().parse().unwrap_or_else(|_| panic!("{line:?}"));
        (child, inner)
    }

    /// `rolecall exec` with a command that stays.
    fn exec(&self, before: &str) -> (Child, u32) {
        let mut command = self.shell(before);
        command
            .arg(&self.binary)
            .args(["exec", "blah", "--", "sh", "-c", STAY]);
        self.start(&mut command)
    }
}

/// How a child ends whose input does.
fn ended(mut child: Child) -> ExitStatus {
    drop(child.stdin.take());
    child.wait().unwrap()
}

/// How a child ends that crashes.
fn crashed(mut child: Child) -> ExitStatus {
    kill_process(Pid::from_child(&child), Signal::ILL).unwrap();
    child.wait().unwrap()
}

/// T10: whatever the limit and wherever the system sends cores.
#[test]
fn a_crash_leaves_no_core() {
    let person = Ordinary::new();
    let (control, _) = person.start(person.shell(CORES).args(["sh", "-c", STAY]));
    let control = crashed(control);
    let (child, _) = person.exec(CORES);
    let status = crashed(child);
    assert_eq!(status.signal(), Some(Signal::ILL.as_raw()));
    assert!(!status.core_dumped(), "{status:?}");
    if !control.core_dumped() {
        eprintln!("skipped: nothing leaves a core here (ulimit -H -c, or core_pattern)");
    }
}

/// T11: opening `mem` is what attaching a debugger is, by the same check.
#[test]
fn the_same_user_reads_neither_memory_nor_environment() {
    let person = Ordinary::new();
    let (child, inner) = person.exec("exec \"$@\"");
    for file in ["environ", "auxv", "maps", "mem"] {
        assert!(!person.opens(child.id(), file), "{file}");
    }
    // It is us who are closed: what runs under us is an ordinary process, with a debugger and cores of its own.
    assert!(person.opens(inner, "environ"));
    assert!(person.opens(inner, "maps"));
    assert!(person.opens(child.id(), "stat"), "that it runs is no secret");
    assert_eq!(ended(child).code(), Some(3));
}

/// A limit of our own would be the child's.
#[test]
fn what_exec_starts_has_the_limits_it_always_had() {
    let person = Ordinary::new();
    let limits = "ulimit -S -a; ulimit -H -a";
    let told = |command: &mut Command| {
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let direct = told(person.shell(CORES).args(["sh", "-c", limits]));
    let under_us = told(
        person
            .shell(CORES)
            .arg(&person.binary)
            .args(["exec", "blah", "--", "sh", "-c", limits]),
    );
    assert_eq!(under_us, direct);
}

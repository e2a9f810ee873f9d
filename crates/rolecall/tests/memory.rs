//! What a process on the wiping heap has left in its memory, read from outside. `memory_plain.rs` is the same on the
//! usual heap, and shows that the search finds what is there.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends at what it did not expect, and looks at the real system from outside"
)]

#[path = "support/scan.rs"]
mod scan;

use std::ffi::OsStr;
use std::os::unix::fs::{FileExt as _, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rolecall::hardening::WipingAllocator;
use rolecall_sandbox::Sandbox;
use scan::Doing;
use tempfile::TempDir;

#[global_allocator]
static HEAP: WipingAllocator = WipingAllocator;

/// The pages of a process that are in no dump and that no child inherits (`dd` and `dc` in proc_pid_smaps(5)): where
/// each begins, and whether it is locked.
fn key_pages(pid: u32) -> Vec<(u64, bool)> {
    let smaps = std::fs::read_to_string(format!("/proc/{pid}/smaps")).expect("smaps");
    let mut at = 0;
    let mut found = Vec::new();
    for line in smaps.lines() {
        if let Some(flags) = line.strip_prefix("VmFlags:") {
            let has = |flag: &str| flags.split(' ').any(|word| word == flag);
            if has("dd") && has("dc") && has("wr") {
                found.push((at, has("lo")));
            }
        } else if let Some((from, _)) = line.split_once('-')
            && let Ok(from) = u64::from_str_radix(from, 16)
        {
            at = from;
        }
    }
    found
}

/// Whether the memory of a process can be read at a place.
fn can_be_read(pid: u32, at: u64) -> bool {
    let memory = std::fs::File::open(format!("/proc/{pid}/mem")).expect("the memory of a process of ours");
    memory.read_exact_at(&mut [0; 32], at).is_ok()
}

#[test]
#[ignore = "the other tests run it"]
fn as_a_process_of_its_own() {
    scan::do_task();
}

#[test]
fn what_was_freed_grown_and_shrunk_is_gone() {
    let doing = Doing::start("allocate", |_| ());
    assert_eq!(scan::canaries(doing.pid()), Vec::<String>::new());
}

#[test]
fn a_client_keeps_nothing_of_fifty_sessions() {
    for builder in [Sandbox::builder(), Sandbox::builder().tls()] {
        let (sandbox, doing) = scan::client_after_fifty_sessions(builder);
        assert_eq!(scan::leaks(&sandbox, doing.pid()), Vec::<String>::new());
    }
}

/// T12: what is sealed is not seen, and where the kernel can keep the key from root, root does not read it.
#[test]
fn what_is_sealed_is_not_seen_and_its_key_is_locked() {
    let doing = Doing::start("seal", |_| ());
    assert_eq!(scan::canaries(doing.pid()), Vec::<String>::new());
    let pages = key_pages(doing.pid());
    let [(at, is_locked)] = pages[..] else {
        panic!("{pages:x?}");
    };
    assert_eq!(is_locked, doing.said != "plain", "{}", doing.said);
    assert_eq!(
        can_be_read(doing.pid(), at),
        doing.said != "secret",
        "{}",
        doing.said
    );
}

/// This binary as an ordinary user's: root may lock what it likes, and look at everything.
struct Ordinary {
    binary: PathBuf,
    _directory: TempDir,
}

impl Ordinary {
    fn new() -> Self {
        let own = std::env::current_exe().expect("this binary");
        let directory = tempfile::tempdir().expect("a folder");
        if !rustix::process::geteuid().is_root() {
            let binary = own;
            return Self {
                binary,
                _directory: directory,
            };
        }
        // A copy that the other user can reach and run.
        let binary = directory.path().join("memory-test");
        std::fs::copy(own, &binary).expect("a copy");
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).expect("a mode");
        Self {
            binary,
            _directory: directory,
        }
    }

    fn command(&self, program: &OsStr) -> Command {
        if !rustix::process::geteuid().is_root() {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(program);
        command
    }

    fn start(&self, task: &str) -> Doing {
        Doing::start_as(self.command(self.binary.as_os_str()), task, |_| ())
    }

    /// Whether this user can open a file of a process.
    fn opens(&self, pid: u32, file: &str) -> bool {
        let mut command = self.command("sh".as_ref());
        command.args(["-c", &format!(": </proc/{pid}/{file}")]);
        command.stderr(Stdio::null()).status().expect("a shell").success()
    }
}

/// T12: it works all the same, and says so once.
#[test]
fn without_locked_memory_it_works_and_warns_once() {
    let doing = Ordinary::new().start("seal without locked memory");
    assert_eq!(doing.said, "plain 1");
    // Two that lie side by side may be listed as one.
    let pages = key_pages(doing.pid());
    assert!(
        !pages.is_empty() && pages.iter().all(|(_, is_locked)| !is_locked),
        "{pages:x?}"
    );
}

/// T10 and T11 for those that stay.
#[test]
fn a_keeper_is_closed_to_its_own_user_and_may_have_no_core() {
    let user = Ordinary::new();
    let control = user.start("allocate");
    let keeper = user.start("keep");
    assert_eq!(keeper.said, "true Some(0) Some(0)");
    for file in ["environ", "maps", "mem"] {
        assert!(!user.opens(keeper.pid(), file), "{file}");
    }
    for file in ["environ", "maps"] {
        assert!(user.opens(control.pid(), file), "{file}");
    }
}

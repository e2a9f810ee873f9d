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

use std::os::unix::fs::FileExt as _;
use std::process::Command;

use rolecall::hardening::WipingAllocator;
use rolecall_sandbox::Sandbox;
use scan::Doing;

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

/// T12: it works all the same, and says so once. Root may lock what it likes, so it is another user's process.
#[test]
fn without_locked_memory_it_works_and_warns_once() {
    let own = std::env::current_exe().expect("this binary");
    let directory = tempfile::tempdir().expect("a folder");
    let command = if rustix::process::geteuid().is_root() {
        // A copy that the other user can reach and run.
        let binary = directory.path().join("memory-test");
        std::fs::copy(own, &binary).expect("a copy");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(directory.path(), mode).expect("a mode");
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]);
        command.arg(binary);
        command
    } else {
        Command::new(own)
    };
    let doing = Doing::start_as(command, "seal without locked memory", |_| ());
    assert_eq!(doing.said, "plain 1");
    let pages = key_pages(doing.pid());
    assert!(
        !pages.is_empty() && pages.iter().all(|(_, is_locked)| !is_locked),
        "{pages:x?}"
    );
}

//! What a process on the wiping heap has left in its memory, read from outside. `memory_plain.rs` is the same on the
//! usual heap, and shows that the search finds what is there.

#![cfg(target_os = "linux")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the real system from outside"
)]

#[path = "support/scan.rs"]
mod scan;

use rolecall::hardening::WipingAllocator;
use rolecall_sandbox::Sandbox;
use scan::Doing;

#[global_allocator]
static HEAP: WipingAllocator = WipingAllocator;

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

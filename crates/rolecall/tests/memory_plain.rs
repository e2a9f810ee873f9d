//! The controls of `memory.rs`: the same processes on the usual heap leave what the search then finds.

#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test ends at what it did not expect, and looks at the real system from outside"
)]

#[path = "support/scan.rs"]
mod scan;

use rolecall_sandbox::Sandbox;
use scan::Doing;

#[test]
#[ignore = "the other tests run it"]
fn as_a_process_of_its_own() {
    scan::do_task();
}

#[test]
fn the_usual_heap_keeps_what_was_freed() {
    let doing = Doing::start("allocate", |_| ());
    assert!(!scan::canaries(doing.pid()).is_empty(), "{}", doing.said);
}

#[test]
fn the_usual_heap_keeps_sessions() {
    for builder in [Sandbox::builder(), Sandbox::builder().tls()] {
        let (sandbox, doing) = scan::client_after_fifty_sessions(builder);
        assert!(!scan::leaks(&sandbox, doing.pid()).is_empty());
    }
}

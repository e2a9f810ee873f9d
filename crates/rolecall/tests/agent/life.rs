//! How long an agent is there: as long as it has clients or live sessions, and its socket is its own.

use std::time::Duration;

use serde_json::json;

use super::support::{Keeper, wait_until};

#[test]
fn it_goes_when_it_has_had_nobody_and_nothing_for_long_enough() {
    let keeper = Keeper::idle_after(Duration::from_secs(1));
    let wire = keeper.wire();
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!keeper.has_ended(), "it has a client");
    drop(wire);
    wait_until("it has gone", || keeper.has_ended());
}

#[test]
fn a_live_session_of_twelve_hours_keeps_it_and_its_end_lets_it_go() {
    let keeper = Keeper::idle_after(Duration::from_secs(1));
    keeper.keep(1, 1, 43_200);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!keeper.has_ended());
    keeper.hands.advance(Duration::from_secs(42_000));
    std::thread::sleep(Duration::from_millis(2500));
    assert!(!keeper.has_ended(), "the session lives still");
    keeper.hands.advance(Duration::from_secs(1200));
    wait_until("it has gone", || keeper.has_ended());
}

#[test]
fn a_clock_that_is_set_back_keeps_no_agent_for_as_long() {
    let keeper = Keeper::idle_after(Duration::from_secs(1));
    drop(keeper.wire());
    keeper.hands.set_back(Duration::from_secs(86_400 * 365));
    wait_until("it has gone", || keeper.has_ended());
}

#[test]
fn it_goes_with_its_socket() {
    for replaced in [false, true] {
        let keeper = Keeper::idle_after(Duration::from_secs(2));
        keeper.keep(1, 1, 43_200);
        // It has looked at its socket once by now.
        std::thread::sleep(Duration::from_millis(1500));
        std::fs::remove_file(keeper.socket()).unwrap();
        let _other = replaced.then(|| std::os::unix::net::UnixListener::bind(keeper.socket()).unwrap());
        wait_until("it has gone", || keeper.has_ended());
    }
}

#[test]
fn it_wipes_and_ends_when_it_is_told_to() {
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    let status = keeper.ask(json!("status"))["status"].clone();
    assert_eq!((&status["sessions"], &status["leases"]), (&json!(1), &json!(0)));
    assert_eq!(status["pid"], std::process::id());
    let mut waiting = keeper.acquire(2);
    assert!(waiting.hear()["lease"].is_object());
    assert_eq!(keeper.ask(json!("stop")), "done");
    wait_until("it has gone", || keeper.has_ended());
    assert!(waiting.hear().is_null(), "and who had a lease is told so");
}

#[test]
fn it_ends_too_where_nobody_waits_for_the_answer() {
    let keeper = Keeper::new();
    let mut wire = keeper.wire();
    wire.say(json!("stop"));
    drop(wire);
    wait_until("it has gone", || keeper.has_ended());
}

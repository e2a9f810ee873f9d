//! More than is good for it: connections, askers who do not listen, sessions, texts without end.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};

use super::support::{Keeper, Wire, acquire, minted, wait_until, want};

/// This process has both ends of each connection.
fn may_open(wanted: u64) -> bool {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: Some(limit.maximum.map_or(wanted, |most| most.min(wanted))),
        ..limit
    };
    limit.current.is_none_or(|current| current >= wanted)
        || (setrlimit(Resource::Nofile, raised).is_ok() && raised.current.is_none_or(|now| now >= wanted))
}

#[test]
fn connections_past_the_cap_are_closed_and_the_others_go_on() {
    if !may_open(4096) {
        eprintln!("skipped: this process may not have enough descriptors for both ends");
        return;
    }
    let keeper = Keeper::new();
    let mut wires: Vec<_> = (0..1024).map(|_| keeper.wire()).collect();
    assert_eq!(wires[1023].ask(json!("status"))["status"]["clients"], 1023);
    let mut one_more = keeper.wire();
    assert_eq!(one_more.ask(json!("status")), Value::Null);
    assert!(wires[0].ask(json!("status"))["status"].is_object());
    wires.truncate(10);
    wait_until("there is room again", || {
        keeper.ask(json!("status"))["status"]["clients"] == 10
    });
}

#[test]
fn who_never_reads_holds_up_nobody() {
    let keeper = Keeper::new();
    for key in 0..40 {
        keeper.keep(key, key, 3600);
    }
    let mut deaf = keeper.wire();
    let ask = json!({"v": 1, "say": "sessions"}).to_string() + "\n";
    deaf.send(ask.repeat(1000).as_bytes());
    assert!(keeper.ask(json!("status"))["status"].is_object());
    wait_until("it is let go", || {
        keeper.ask(json!("status"))["status"]["clients"] == 0
    });
}

#[test]
fn sessions_are_listed_however_many_there_are() {
    let keeper = Keeper::new();
    for key in 0..300 {
        keeper.keep(key, key, 3600 + key);
    }
    let live = keeper.wire().list(json!("sessions"));
    assert_eq!(live.len(), 300);
    assert_eq!(
        live[0]["access_key_id"], "ASIACANARYAKID000299",
        "the longest first"
    );
    let wiped = keeper.wire().list(json!({"forget": null}));
    assert_eq!(wiped.len(), 300);
    assert!(keeper.wire().list(json!("sessions")).is_empty());
}

#[test]
fn past_fifty_thousand_the_session_that_ends_first_is_let_go() {
    let keeper = Keeper::new();
    // One connection has one lease after the other.
    let mut wire = keeper.wire();
    let mut keep = |key: u64, seconds: u64| {
        // Each of another account: nobody paces them.
        let mut ask = acquire(key);
        ask["acquire"]["about"]["account_and_region"] = json!(key.to_string());
        wire.say(ask);
        assert!(wire.hear_in_the_end()["lease"].is_object());
        assert_eq!(wire.ask(minted(&keeper.record(key, seconds))), "done");
    };
    keep(0, 1800);
    for key in 1..50_000 {
        keep(key, 3600);
    }
    assert!(keeper.kept(0).is_some());
    keep(50_000, 3600);
    assert_eq!(keeper.kept(0), None);
    assert!(keeper.kept(1).is_some() && keeper.kept(50_000).is_some());
    assert_eq!(keeper.ask(json!("status"))["status"]["sessions"], 50_000);
}

#[test]
fn texts_are_kept_within_bounds() {
    let keeper = Keeper::new();
    let long = "x".repeat(6000);
    let mut wire = keeper.wire();
    let about = json!({"target": long, "role_arn": long, "session_name": long, "account_and_region": long, "sign_in": long});
    let who = json!({"program": long, "delivery": long, "executable": long});
    let heard = wire.ask(want("acquire", 1, json!({"about": about, "who": who})));
    assert!(heard["lease"].is_object());
    assert_eq!(wire.ask(minted(&keeper.record(1, 3600))), "done");
    let live = keeper.wire().list(json!("sessions"));
    assert!(
        live[0].to_string().len() < 8 * 600,
        "{}",
        live[0].to_string().len()
    );
}

#[test]
fn users_are_kept_within_bounds() {
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    for _ in 0..50 {
        assert!(keeper.ask(want("peek", 1, json!({})))["session"].is_object());
    }
    let live = keeper.wire().list(json!("sessions"));
    assert_eq!(
        live[0]["users"].as_array().unwrap().len(),
        1,
        "one process is one user"
    );
}

#[test]
fn whoever_stops_waiting_is_forgotten() {
    let keeper = Keeper::new();
    let mut holder = keeper.acquire(1);
    assert!(holder.hear()["lease"].is_object());
    for _ in 0..600 {
        let mut wire: Wire = keeper.acquire(1);
        assert!(wire.hear()["wait"].is_object());
    }
    let mut waiting = keeper.acquire(1);
    assert!(waiting.hear()["wait"].is_object());
    drop(holder);
    assert!(waiting.hear_in_the_end()["lease"].is_object());
}

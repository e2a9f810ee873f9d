//! Lines that are no messages, and those that never become one: the agent says why, closes, and serves the others.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Keeper, acquire, minted, wait_until, want};

fn still_serves(keeper: &Keeper) {
    assert!(keeper.ask(json!("status"))["status"]["pid"].is_u64());
}

#[test]
fn nonsense_is_told_so_and_ends_the_connection() {
    let keeper = Keeper::new();
    let key = format!("{:064x}", 1);
    let deep = "[".repeat(60_000);
    let no_about = {
        let mut say = acquire(1);
        say["acquire"].as_object_mut().unwrap().remove("about");
        json!({"v": 1, "say": say}).to_string()
    };
    let not_hex = json!({"v": 1, "say": want("peek", 1, json!({"key": "zz"}))}).to_string();
    let long_key = json!({"v": 1, "say": want("peek", 1, json!({"key": format!("{key}00")}))}).to_string();
    for line in [
        "",
        "{}",
        "null",
        "[]",
        "7",
        "GET / HTTP/1.1\r",
        "\0\0\0\0",
        "{\"v\":1}",
        "{\"v\":1,\"say\":\"dance\"}",
        "{\"v\":1,\"say\":{\"peek\":{}}}",
        "{\"v\":\"1\",\"say\":\"status\"}",
        "{\"v\":1,\"say\":\"status\"",
        "{\"v\":1,\"say\":{\"settle\":{\"minted\":null}}}",
        "{\"v\":1,\"say\":{\"forget\":[\"\"]}}",
        &deep,
        &no_about,
        &not_hex,
        &long_key,
    ] {
        let mut wire = keeper.wire();
        wire.send(format!("{line}\n").as_bytes());
        let heard = wire.hear();
        let why = heard["misunderstood"]["why"].as_str().map(str::to_owned);
        let why = why.unwrap_or_else(|| panic!("{line:.80}: {heard}"));
        assert!(why.len() < 100, "it quotes nothing: {why}");
        assert_eq!(wire.hear(), Value::Null, "{line:.80}");
    }
    let mut wire = keeper.wire();
    wire.send(b"{\"v\":1,\"say\":\"\xff\xfe\"}\n");
    assert!(wire.hear()["misunderstood"].is_object());
    still_serves(&keeper);
}

#[test]
fn a_lease_is_settled_on_its_own_connection_only() {
    let keeper = Keeper::new();
    let mut holder = keeper.acquire(1);
    assert!(holder.hear()["lease"].is_object());
    let heard = keeper.ask(minted(&keeper.record(1, 3600)));
    assert!(heard["misunderstood"].is_object(), "{heard}");
    // Nor may the holder talk of anything else meanwhile: the lease goes to the next.
    let mut next = keeper.acquire(1);
    assert!(next.hear()["wait"].is_object());
    assert_eq!(holder.ask(json!("status")), Value::Null);
    assert!(next.hear_in_the_end()["lease"].is_object());
    assert_eq!(keeper.kept(1), None);
}

#[test]
fn a_line_is_64_kib_at_most() {
    let keeper = Keeper::new();
    let line = |length: usize| {
        let bare = json!({"v": 1, "say": "status", "pad": ""}).to_string();
        json!({"v": 1, "say": "status", "pad": "x".repeat(length - bare.len())}).to_string()
    };
    let mut wire = keeper.wire();
    wire.send(format!("{}\n", line(64 * 1024 - 1)).as_bytes());
    assert!(wire.hear()["status"].is_object());
    let mut wire = keeper.wire();
    wire.send(line(64 * 1024 + 1).as_bytes());
    assert_eq!(
        wire.hear()["misunderstood"]["why"],
        "a line is longer than 64 KiB"
    );
    assert_eq!(wire.hear(), Value::Null);
    still_serves(&keeper);
}

#[test]
fn a_line_that_does_not_end_ends_the_connection() {
    let keeper = Keeper::new();
    let mut slow = keeper.wire();
    let mut holder = keeper.acquire(1);
    assert!(holder.hear()["lease"].is_object());
    // One byte now and then, within a line of its own and within what settles a lease, until the others have what they want.
    let are_served = Arc::new(AtomicBool::new(false));
    let is_over = Arc::clone(&are_served);
    let sending = std::thread::spawn(move || {
        for _ in 0..200 {
            if is_over.load(Ordering::SeqCst) {
                return Some((slow.hear(), holder.hear()));
            }
            slow.send(b"{");
            holder.send(b"{");
            std::thread::sleep(Duration::from_millis(100));
        }
        None
    });
    let mut next = keeper.acquire(1);
    assert!(next.hear_in_the_end()["lease"].is_object());
    still_serves(&keeper);
    are_served.store(true, Ordering::SeqCst);
    // It was not the end of the bytes that let the lease go.
    assert_eq!(sending.join().unwrap(), Some((Value::Null, Value::Null)));
}

#[test]
fn another_version_is_told_so() {
    let keeper = Keeper::new();
    for line in [
        json!({"v": 2, "say": acquire(1)}),
        json!({"v": 0, "say": "status"}),
        json!({"v": 4_294_967_295_u32}),
        json!({"v": 2, "say": {"sing": {"song": "la"}}, "and": "more"}),
    ] {
        let mut wire = keeper.wire();
        wire.send(format!("{line}\n").as_bytes());
        let told = wire.hear()["other_version"].clone();
        assert_eq!(told["speaks"], 1);
        assert_eq!(told["release"], env!("CARGO_PKG_VERSION"));
        assert_eq!(wire.hear(), Value::Null);
    }
    still_serves(&keeper);
}

#[test]
fn many_lines_at_once_are_answered_in_turn() {
    let keeper = Keeper::new();
    let mut wire = keeper.wire();
    let peek = json!({"v": 1, "say": want("peek", 1, json!({}))}).to_string() + "\n";
    wire.send(peek.repeat(50).as_bytes());
    assert!((0..50).all(|_| wire.hear() == "nothing"));
}

#[test]
fn who_is_attached_is_told_what_was_wiped() {
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    keeper.keep(2, 2, 3600);
    let (key, other) = (format!("{:064x}", 1), format!("{:064x}", 2));
    let about = json!({"target": "prod", "role_arn": null, "session_name": null, "account_and_region": ""});
    let who = json!({"program": null, "delivery": "exec", "executable": null});
    let mut attached = keeper.wire();
    let attach = json!({"attach": {"keys": [key], "about": about, "who": who}});
    assert_eq!(attached.ask(attach), "done");
    let users = |n: usize| {
        let live = keeper.wire().list(json!("sessions"));
        let live = live
            .iter()
            .find(|live| live["access_key_id"] == format!("ASIACANARYAKID{n:06}"));
        live.unwrap()["users"].as_array().unwrap().clone()
    };
    assert!(users(1).iter().any(|user| user["caller"]["delivery"] == "exec"));
    assert!(!users(2).iter().any(|user| user["caller"]["delivery"] == "exec"));
    // What does not concern it is not told to it: the first it hears of is its own.
    let wiped = keeper.wire().list(json!({"forget": [other]}));
    assert_eq!(wiped[0]["access_key_id"], "ASIACANARYAKID000002");
    let wiped = keeper.wire().list(json!({"forget": [key.clone()]}));
    assert_eq!(wiped[0]["access_key_id"], "ASIACANARYAKID000001");
    assert_eq!(attached.hear()["wiped"], json!([key]));
    assert!(keeper.wire().list(json!({"forget": null})).is_empty());
    assert_eq!(attached.hear(), json!({"wiped": null}));
    let records = keeper.records();
    let counts: Vec<_> = records
        .iter()
        .map(|record| (&record["op"], &record["count"]))
        .collect();
    let wipe = json!("wipe");
    assert_eq!(
        counts,
        [(&wipe, &json!(1)), (&wipe, &json!(1)), (&wipe, &json!(0))]
    );
    assert_eq!(records[0]["who"]["pid"], std::process::id());
    drop(attached);
    wait_until("it is seen that it has gone", || {
        keeper.ask(json!("status"))["status"]["clients"] == 0
    });
}

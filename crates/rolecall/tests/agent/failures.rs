//! What a lease brings when it brings no session: who is told, who tries next, and what is remembered.

use std::time::Duration;

use serde_json::{Value, json};

use super::support::{Keeper, Wire, acquire, failed};

/// A holder, and some who wait for it.
fn waiting(keeper: &Keeper) -> (Wire, Vec<Wire>) {
    let mut holder = keeper.acquire(1);
    assert!(holder.hear()["lease"].is_object());
    let mut waiting: Vec<_> = (0..4).map(|_| keeper.acquire(1)).collect();
    for wire in &mut waiting {
        assert!(wire.hear()["wait"].is_object());
    }
    (holder, waiting)
}

#[test]
fn what_is_ones_own_trouble_passes_the_lease_on() {
    let keeper = Keeper::new();
    // Nobody was there to be asked; its settings are wrong; there is nothing configured; it was lied to.
    for kind in ["needs_user", "config", "not_configured", "untrusted", "internal"] {
        let (mut holder, mut waiting) = waiting(&keeper);
        assert_eq!(holder.ask(failed(kind, false)), "done");
        let mut next = waiting.remove(0);
        assert!(next.hear_in_the_end()["lease"].is_object(), "{kind}");
        // And on, to the last, who has nobody left.
        assert_eq!(next.ask(failed(kind, false)), "done");
        for mut wire in waiting {
            assert!(wire.hear_in_the_end()["lease"].is_object(), "{kind}");
            assert_eq!(wire.ask(failed(kind, false)), "done");
        }
        assert!(
            keeper.acquire(1).hear()["lease"].is_object(),
            "nothing is remembered"
        );
    }
}

#[test]
fn who_declined_is_not_asked_again_by_all_who_wait() {
    let keeper = Keeper::new();
    let (mut holder, waiting) = waiting(&keeper);
    assert_eq!(holder.ask(failed("needs_user", true)), "done");
    for mut wire in waiting {
        let refused = wire.hear_in_the_end();
        assert_eq!(refused["refused"]["kind"], "needs_user");
        assert_eq!(refused["refused"]["hints"], json!(["Do it better."]));
    }
    assert!(
        keeper.acquire(1).hear()["lease"].is_object(),
        "a wrong code is never remembered"
    );
}

#[test]
fn a_refusal_of_aws_is_everybodys_for_seconds() {
    let keeper = Keeper::new();
    let (mut holder, waiting) = waiting(&keeper);
    assert_eq!(holder.ask(failed("denied", false)), "done");
    for mut wire in waiting {
        assert_eq!(wire.hear_in_the_end()["refused"]["kind"], "denied");
    }
    assert_eq!(keeper.acquire(1).hear()["refused"]["kind"], "denied");
    assert!(keeper.acquire(2).hear()["lease"].is_object(), "another's is not");
    keeper.hands.advance(Duration::from_millis(5001));
    assert!(keeper.acquire(1).hear()["lease"].is_object());
    // One that was set back makes no hours of seconds.
    let (mut holder, _waiting) = waiting_of(&keeper, 3);
    assert_eq!(holder.ask(failed("denied", false)), "done");
    keeper.hands.set_back(Duration::from_secs(3600));
    assert!(keeper.acquire(3).hear()["lease"].is_object());
}

fn waiting_of(keeper: &Keeper, key: u64) -> (Wire, ()) {
    let mut holder = keeper.wire();
    assert!(holder.ask(acquire(key))["lease"].is_object());
    (holder, ())
}

#[test]
fn an_sts_that_is_away_is_told_to_all_who_wait_and_not_remembered() {
    let keeper = Keeper::new();
    let (mut holder, waiting) = waiting(&keeper);
    assert_eq!(holder.ask(failed("unavailable", false)), "done");
    for mut wire in waiting {
        assert_eq!(wire.hear_in_the_end()["refused"]["kind"], "unavailable");
    }
    assert!(keeper.acquire(1).hear()["lease"].is_object());
}

#[test]
fn what_is_still_valid_is_served_whatever_its_renewal_failed_with() {
    let keeper = Keeper::new();
    keeper.keep(1, 1, 3600);
    // Near its end, where askers wait for the next one.
    keeper.hands.advance(Duration::from_secs(2800));
    for kind in ["unavailable", "denied"] {
        let (mut holder, waiting) = waiting(&keeper);
        assert_eq!(holder.ask(failed(kind, false)), "done");
        for mut wire in waiting {
            let heard = wire.hear_in_the_end();
            assert_eq!(
                heard["session"]["record"]["access_key_id"], "ASIACANARYAKID000001",
                "{kind}"
            );
        }
    }
    let heard = keeper.acquire(1).hear();
    assert!(heard["session"].is_object(), "refused a second ago: {heard}");
}

#[test]
fn a_failure_is_kept_and_told_within_bounds() {
    let keeper = Keeper::new();
    let mut holder = keeper.acquire(1);
    assert!(holder.hear()["lease"].is_object());
    let mut failure = failed("denied", false);
    failure["settle"]["failed"]["message"] = Value::String("é".repeat(9000));
    failure["settle"]["failed"]["hints"] = json!(vec!["h"; 500]);
    assert_eq!(holder.ask(failure), "done");
    let refused = keeper.acquire(1).hear()["refused"].clone();
    assert_eq!(refused["message"].as_str().unwrap().chars().count(), 2048);
    assert_eq!(refused["hints"].as_array().unwrap().len(), 4);
}

//! One renewal in flight per key, and the time rules, on a clock that only the test moves.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/clock.rs"]
mod clock;
#[path = "support/mint.rs"]
mod mint;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use mint::{Mint, Outcome, key, settle};
use rolecall::host::Clock as _;
use rolecall::{Error, ErrorKind, Session, SessionCache};

fn id(session: &Session) -> String {
    session.credentials().access_key_id().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_callers_share_one_renewal() {
    let mint = Mint::gated();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            let mint = mint.clone();
            tokio::spawn(async move { mint.ask().await })
        })
        .collect();
    while !mint.is_in_flight() {
        tokio::task::yield_now().await;
    }
    mint.let_through();
    let mut ids = BTreeSet::new();
    for caller in callers {
        ids.insert(id(&caller.await.unwrap().unwrap()));
    }
    assert_eq!((ids.len(), mint.calls(), mint.most_in_flight()), (1, 1, 1));
}

#[tokio::test]
async fn whoever_asked_first_may_leave() {
    let mint = Mint::gated();
    let leader = tokio::spawn({
        let mint = mint.clone();
        async move { mint.ask().await }
    });
    settle().await;
    let follower = tokio::spawn({
        let mint = mint.clone();
        async move { mint.ask().await }
    });
    settle().await;
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    mint.let_through();
    assert!(follower.await.unwrap().is_ok());
    assert_eq!(mint.calls(), 1);
}

#[tokio::test]
async fn past_its_renewal_time_the_present_one_is_handed_out_and_renewed_behind() {
    let mint = Mint::new();
    let first = mint.ask().await.unwrap();
    // Fresh: nobody is asked.
    mint.advance(1600);
    assert_eq!(id(&mint.ask().await.unwrap()), id(&first));
    settle().await;
    assert_eq!(mint.calls(), 1);
    // 32 minutes in, of an hour: past every draw of the renewal time, before anybody waits.
    mint.advance(320);
    assert_eq!(id(&mint.ask().await.unwrap()), id(&first));
    settle().await;
    assert_eq!(mint.calls(), 2);
    let second = mint.ask().await.unwrap();
    assert_ne!(id(&second), id(&first));
    assert!(second.expires_at() > first.expires_at());
}

#[tokio::test]
async fn near_its_end_callers_wait_for_the_new_one() {
    let mint = Mint::gated();
    mint.let_through();
    let first = mint.ask().await.unwrap();
    mint.advance(3600 - 900);
    assert!(first.is_valid(mint.host().now()));
    let caller = tokio::spawn({
        let mint = mint.clone();
        async move { mint.ask().await }
    });
    settle().await;
    assert!(!caller.is_finished());
    mint.let_through();
    assert_ne!(id(&caller.await.unwrap().unwrap()), id(&first));
}

#[tokio::test]
async fn a_failure_leaves_what_is_valid_in_use_whatever_it_was() {
    for kind in [
        ErrorKind::Denied,
        ErrorKind::Unavailable,
        ErrorKind::Untrusted,
        ErrorKind::Config,
        ErrorKind::NeedsUser,
        ErrorKind::Internal,
    ] {
        let mint = Mint::new();
        let first = mint.ask().await.unwrap();
        for elapsed in [1920, 700, 400, 300, 100] {
            mint.next(Outcome::Fails(kind));
            mint.advance(elapsed);
            let served = mint.ask().await.unwrap();
            settle().await;
            assert_eq!(id(&served), id(&first), "{kind:?}");
            assert!(served.is_valid(mint.host().now()));
        }
        assert!(mint.calls() >= 4, "{kind:?}: {}", mint.calls());
        // Two minutes before the end it is over: what has ended is never served.
        mint.next(Outcome::Fails(kind));
        mint.advance(61);
        assert_eq!(mint.ask().await.unwrap_err().kind(), kind);
    }
}

#[tokio::test]
async fn what_has_ended_is_never_served() {
    let mint = Mint::new();
    mint.ask().await.unwrap();
    for elapsed in [3541, 60, 100_000] {
        mint.next(Outcome::Fails(ErrorKind::Unavailable));
        mint.advance(elapsed);
        assert_eq!(mint.ask().await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert!(mint.slot().valid(mint.host().now()).is_none());
        assert!(mint.slot().fresh(mint.host().now()).is_none());
    }
    assert!(mint.ask().await.unwrap().is_valid(mint.host().now()));
}

#[tokio::test]
async fn a_refusal_is_remembered_for_one_to_five_seconds() {
    for kind in [ErrorKind::Denied, ErrorKind::Config, ErrorKind::NotConfigured] {
        let mint = Mint::new();
        mint.next(Outcome::Fails(kind));
        mint.ask().await.unwrap_err();
        mint.hands().advance(Duration::from_millis(999));
        assert_eq!(mint.ask().await.unwrap_err().to_string(), "refused, try 0");
        assert_eq!(mint.calls(), 1, "{kind:?}");
        mint.hands().advance(Duration::from_millis(4002));
        assert!(mint.ask().await.is_ok());
        assert_eq!(mint.calls(), 2);
    }
}

#[tokio::test]
async fn what_a_person_can_mend_and_what_is_down_are_tried_again_at_once() {
    for kind in [ErrorKind::NeedsUser, ErrorKind::Unavailable, ErrorKind::Untrusted] {
        let mint = Mint::new();
        mint.next(Outcome::Fails(kind)).next(Outcome::Fails(kind));
        for _ in 0..2 {
            assert_eq!(mint.ask().await.unwrap_err().kind(), kind);
        }
        assert!(mint.ask().await.is_ok());
        assert_eq!(mint.calls(), 3, "{kind:?}");
    }
}

#[tokio::test]
async fn while_a_session_is_valid_failures_are_further_and_further_apart() {
    let mint = Mint::new();
    mint.next(Outcome::Session(43_200));
    mint.ask().await.unwrap();
    mint.advance(43_200 - 4200);
    let mut tries = Vec::new();
    for second in 0..1800_u64 {
        let before = mint.calls();
        mint.next(Outcome::Fails(ErrorKind::Unavailable));
        mint.ask().await.unwrap();
        settle().await;
        if mint.calls() > before {
            tries.push(second);
        }
        mint.advance(1);
    }
    let pauses: Vec<_> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!((11..=20).contains(&pauses[0]), "{pauses:?}");
    assert!((22..=40).contains(&pauses[1]), "{pauses:?}");
    assert!(pauses.iter().all(|pause| *pause <= 301), "{pauses:?}");
    assert!(*pauses.last().unwrap() >= 224, "{pauses:?}");
}

#[tokio::test]
async fn nobody_there_to_ask_does_not_begin_a_renewal_for_every_caller() {
    let mint = Mint::new();
    mint.ask().await.unwrap();
    mint.advance(1920);
    for _ in 0..50 {
        mint.next(Outcome::Fails(ErrorKind::NeedsUser));
        mint.ask().await.unwrap();
        settle().await;
    }
    assert_eq!(mint.calls(), 2);
    // But who has to wait anyway is not held up by it.
    mint.advance(3600 - 1920 - 200);
    mint.ask().await.unwrap();
    let before = mint.calls();
    mint.ask().await.unwrap();
    assert!(mint.calls() > before);
}

#[tokio::test]
async fn a_shorter_session_never_replaces_a_longer_one() {
    let mint = Mint::new();
    mint.next(Outcome::Session(43_200)).next(Outcome::Session(900));
    let long = mint.ask().await.unwrap();
    assert_eq!(id(&mint.refresh().await.unwrap()), id(&long));
    assert_eq!(id(&mint.ask().await.unwrap()), id(&long));
    // When the long one is due, a short one that ends sooner does not make every caller begin another.
    mint.advance(43_200 - 4200);
    let before = mint.calls();
    for _ in 0..50 {
        mint.next(Outcome::Session(900));
        assert_eq!(id(&mint.ask().await.unwrap()), id(&long));
        settle().await;
    }
    assert_eq!(mint.calls(), before + 1);
    // Once it has ended, the short one will do.
    mint.advance(4200);
    assert_ne!(id(&mint.ask().await.unwrap()), id(&long));
}

#[tokio::test]
async fn a_panic_in_the_mint_is_an_error_and_the_next_call_works() {
    let mint = Mint::new();
    mint.next(Outcome::Panics);
    let error = mint.ask().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Internal);
    assert!(error.hints()[0].contains("bug"));
    assert!(mint.ask().await.is_ok());
}

#[test]
fn a_renewal_whose_runtime_is_gone_does_not_stop_the_next() {
    let mint = Mint::gated();
    let runtime = || {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    };
    let first = runtime();
    first.block_on(async {
        let left = tokio::spawn({
            let mint = mint.clone();
            async move { mint.ask().await }
        });
        settle().await;
        drop(left);
    });
    assert!(mint.is_in_flight());
    drop(first);
    mint.let_through();
    assert!(runtime().block_on(mint.ask()).is_ok());
    assert_eq!(mint.calls(), 2);
}

#[test]
fn without_a_runtime_the_answer_says_so() {
    let mint = Mint::new();
    let mut asking = std::pin::pin!(mint.ask());
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(outcome) = asking.as_mut().poll(&mut context) else {
        panic!("it waits for something that cannot come");
    };
    assert!(outcome.unwrap_err().to_string().contains("tokio runtime"));
}

#[tokio::test]
async fn forgetting_and_rejecting() {
    let mint = Mint::new();
    let first = mint.ask().await.unwrap();
    // A rejected key that is no longer the present one is none of this slot's business.
    mint.slot().reject("ASIAEXAMPLESOMEOTHER");
    assert_eq!(id(&mint.ask().await.unwrap()), id(&first));
    mint.slot().reject(&id(&first));
    let second = mint.ask().await.unwrap();
    assert_ne!(id(&second), id(&first));
    mint.slot().reject(&id(&first));
    assert_eq!(id(&mint.ask().await.unwrap()), id(&second));
    mint.slot().forget();
    assert!(mint.slot().valid(mint.host().now()).is_none());
    assert_ne!(id(&mint.ask().await.unwrap()), id(&second));
    // Forgetting takes a remembered refusal with it.
    mint.slot().forget();
    mint.next(Outcome::Fails(ErrorKind::Denied));
    mint.ask().await.unwrap_err();
    mint.slot().forget();
    assert!(mint.ask().await.is_ok());
}

#[tokio::test]
async fn a_clock_that_is_set_back_does_not_lengthen_a_session() {
    let mint = Mint::new();
    let first = mint.ask().await.unwrap();
    mint.hands().set_back(Duration::from_secs(30));
    assert_eq!(id(&mint.ask().await.unwrap()), id(&first));
    mint.hands().set_back(Duration::from_secs(3600));
    let second = mint.ask().await.unwrap();
    assert_ne!(id(&second), id(&first));
    // Nor a pause.
    mint.slot().forget();
    mint.next(Outcome::Fails(ErrorKind::Denied));
    mint.ask().await.unwrap_err();
    mint.hands().set_back(Duration::from_secs(3600));
    assert!(mint.ask().await.is_ok());
}

#[tokio::test]
async fn a_session_that_ended_on_its_way_is_not_handed_out() {
    let mint = Mint::gated();
    mint.next(Outcome::Session(3600));
    let mut asking = std::pin::pin!(mint.ask());
    let begun = std::future::poll_fn(|context| std::task::Poll::Ready(asking.as_mut().poll(context))).await;
    assert!(begun.is_pending());
    mint.let_through();
    settle().await;
    assert!(mint.slot().fresh(mint.host().now()).is_some());
    // It has landed, and the machine sleeps before the caller runs again.
    mint.advance(7200);
    let error = asking.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("had ended before"), "{error}");
}

#[tokio::test]
async fn ten_thousand_slots_and_only_those_in_use_stay() {
    let cache = SessionCache::new();
    let host = rolecall::Host::builder().clock(clock::Hands::new()).build();
    let held: Vec<_> = (0..10_000).map(|n| cache.slot(key(n))).collect();
    for (n, slot) in held.iter().enumerate() {
        assert!(Arc::ptr_eq(slot, &cache.slot(key(n))));
        let session = mint::session(host.now(), 3600, n);
        slot.session(&host, || async move { Ok::<_, Error>(session) })
            .await
            .unwrap();
    }
    let ids: BTreeSet<_> = held
        .iter()
        .map(|slot| id(&slot.fresh(host.now()).unwrap()))
        .collect();
    assert_eq!(ids.len(), 10_000);
    cache.forget(key(7));
    assert!(held[7].fresh(host.now()).is_none() && held[8].fresh(host.now()).is_some());
    cache.forget_all();
    assert!(held.iter().all(|slot| slot.fresh(host.now()).is_none()));
    // Empty slots that nobody holds are let go before the map grows for others.
    let weak: Vec<_> = held.iter().map(Arc::downgrade).collect();
    drop(held);
    for n in 10_000..40_000 {
        cache.slot(key(n));
    }
    assert!(weak.iter().all(|slot| slot.upgrade().is_none()));
}

#[test]
fn the_clock_stands_until_it_is_moved() {
    let hands = clock::Hands::new();
    let before = hands.now();
    hands.advance(Duration::from_secs(1));
    assert_eq!(hands.now(), before + Duration::from_secs(1));
}

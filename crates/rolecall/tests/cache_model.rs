//! The cache against a model: whatever callers do, in whatever order time passes and renewals end, its promises hold.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/clock.rs"]
#[expect(dead_code, reason = "shared with tests/cache.rs, which uses more of it")]
mod clock;
#[path = "support/mint.rs"]
#[expect(dead_code, reason = "shared with tests/cache.rs, which uses more of it")]
mod mint;

use mint::{Mint, Outcome, settle};
use proptest::prelude::*;
use rolecall::{Error, ErrorKind, Session};
use tokio::task::JoinHandle;

#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    /// So many callers at once.
    Ask(usize),
    Refresh,
    /// The renewal in flight ends like this.
    Land(Outcome),
    Forget,
    /// AWS refused the session that was handed out last.
    RejectLast,
    /// The first caller that waits goes away.
    Cancel,
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![0_u64..5, 0_u64..120, 0_u64..2_000, 0_u64..50_000];
    let lifetime = prop_oneof![
        Just(2_u64),
        2_u64..30,
        Just(900_u64),
        Just(3600_u64),
        Just(43_200_u64)
    ];
    let kind = prop_oneof![
        Just(ErrorKind::Denied),
        Just(ErrorKind::Unavailable),
        Just(ErrorKind::NeedsUser),
        Just(ErrorKind::Untrusted)
    ];
    prop_oneof![
        3 => seconds.prop_map(Step::Advance),
        4 => (1_usize..4).prop_map(Step::Ask),
        1 => Just(Step::Refresh),
        4 => lifetime.prop_map(|seconds| Step::Land(Outcome::Session(seconds))),
        2 => kind.prop_map(|kind| Step::Land(Outcome::Fails(kind))),
        1 => Just(Step::Forget),
        1 => Just(Step::RejectLast),
        1 => Just(Step::Cancel),
    ]
}

/// What has been handed out, and may not come again.
#[derive(Default)]
struct Seen {
    /// The latest end of what was handed out and not taken back since.
    longest: Option<Session>,
    taken_back: Vec<String>,
    last: Option<Session>,
}

impl Seen {
    fn check(&mut self, mint: &Mint, outcome: Result<Session, Error>) {
        let now = mint.host().now();
        let longest = self.longest.take().filter(|longest| longest.is_valid(now));
        match outcome {
            Ok(session) => {
                let id = session.credentials().access_key_id();
                assert!(session.is_valid(now), "served past its time");
                assert!(session.advertised_end() <= session.expires_at());
                assert!(
                    !self.taken_back.iter().any(|gone| gone == id),
                    "served what was taken back"
                );
                if let Some(longest) = &longest {
                    assert!(
                        session.expires_at() >= longest.expires_at(),
                        "a shorter one replaced a longer one"
                    );
                }
                self.last = Some(session.clone());
                self.longest = Some(session);
            }
            Err(_) => {
                assert!(longest.is_none(), "an error, although there was a valid session");
            }
        }
    }

    fn take_back(&mut self, session: Option<Session>) {
        self.taken_back
            .extend(session.map(|session| session.credentials().access_key_id().to_owned()));
        self.longest = None;
    }
}

async fn run(steps: Vec<Step>) {
    let mint = Mint::gated();
    let mut seen = Seen::default();
    let mut waiting: Vec<JoinHandle<Result<Session, Error>>> = Vec::new();
    for step in steps {
        let (calls, fresh) = (mint.calls(), mint.slot().fresh(mint.host().now()).is_some());
        match step {
            Step::Advance(seconds) => mint.advance(seconds),
            Step::Ask(callers) => {
                waiting.extend((0..callers).map(|_| {
                    let mint = mint.clone();
                    tokio::spawn(async move { mint.ask().await })
                }));
                settle().await;
                if fresh {
                    assert_eq!(mint.calls(), calls, "a fresh session needs no renewal");
                }
                assert!(mint.calls() <= calls + 1);
            }
            Step::Refresh => {
                // Its failure may come although there is a valid session, so the model does not judge it.
                let asked = mint.clone();
                drop(tokio::spawn(async move { asked.refresh().await }));
                settle().await;
                assert!(mint.is_in_flight());
            }
            Step::Land(outcome) => {
                if mint.is_in_flight() {
                    mint.next(outcome).let_through();
                }
            }
            Step::Forget => {
                let present = mint.slot().valid(mint.host().now());
                mint.slot().forget();
                seen.take_back(present);
            }
            Step::RejectLast => {
                if let Some(last) = seen.last.take() {
                    mint.slot().reject(last.credentials().access_key_id());
                    seen.take_back(Some(last));
                }
            }
            Step::Cancel => {
                if !waiting.is_empty() {
                    waiting.remove(0).abort();
                }
            }
        }
        settle().await;
        assert!(mint.most_in_flight() <= 1, "two renewals in flight");
        let now = mint.host().now();
        let warm = mint.slot().fresh(now);
        assert!(
            warm.is_none_or(|session| session.is_valid(now)),
            "fresh, and past its time"
        );
        let (done, still): (Vec<_>, Vec<_>) = waiting.into_iter().partition(JoinHandle::is_finished);
        waiting = still;
        for caller in done {
            match caller.await {
                Ok(outcome) => seen.check(&mint, outcome),
                Err(error) => assert!(error.is_cancelled()),
            }
        }
        assert!(
            waiting.is_empty() || mint.is_in_flight(),
            "callers wait for nothing"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_promises_hold(steps in proptest::collection::vec(step(), 1..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(run(steps));
    }
}

//! Whatever stops it, and however often: in the end the vault has a key that works, and IAM has that one and no other.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rolecall::rotation::{Done, unfinished};
use rolecall_sandbox::{Builder, Fault, Sandbox, User};

use crate::aws::Aws;
use crate::support::{Desk, everything, world};

/// Ends a future after so many polls, as a process ends that is killed: whatever it was at.
struct Killed<F> {
    future: Pin<Box<F>>,
    polls: usize,
}

impl<F: Future> Future for Killed<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if self.polls == 0 {
            return Poll::Ready(None);
        }
        self.polls -= 1;
        self.future.as_mut().poll(context).map(Some)
    }
}

const OPERATIONS: [&str; 6] = [
    "CreateAccessKey",
    "UpdateAccessKey",
    "DeleteAccessKey",
    "ListAccessKeys",
    "GetAccessKeyLastUsed",
    "GetCallerIdentity",
];

#[derive(Clone, Debug)]
struct Try {
    /// Before it is killed; a whole rotation has about 35.
    polls: usize,
    fault: Option<(Fault, usize)>,
    undo: bool,
}

fn tries() -> impl Strategy<Value = Vec<Try>> {
    let fault = prop_oneof![
        Just(Fault::LostAnswer),
        Just(Fault::Throttle),
        Just(Fault::TruncatedXml),
        Just(Fault::UnknownKey(1)),
        Just(Fault::Reset),
    ];
    let fault = proptest::option::of((fault, 0..OPERATIONS.len()));
    let one = (2_usize..40, fault, proptest::bool::weighted(0.2)).prop_map(|(polls, fault, undo)| Try {
        polls,
        fault,
        undo,
    });
    proptest::collection::vec(one, 1..6)
}

async fn attempt(desk: &Desk, one: &Try) {
    desk.sandbox().clear_faults();
    if let Some((fault, operation)) = one.fault {
        desk.sandbox().inject(fault, OPERATIONS[operation], 1);
    }
    let work = async {
        let Ok(rotation) = desk.prepared().await else {
            return;
        };
        let mut told = |_: &Done| {};
        // How it ends is seen by what it leaves.
        let _ = match one.undo {
            true => rotation.abort(&mut told).await.map(drop),
            false => rotation.run(&mut told).await.map(drop),
        };
    };
    let _ = Killed {
        future: Box::pin(work),
        polls: one.polls,
    }
    .await;
    // What was being written is written, or not: a killed process writes nothing later.
    tokio::time::sleep(Duration::from_millis(60)).await;
}

/// Every moment in between: the vault's key works.
async fn assert_usable(desk: &Desk) {
    let listed = desk.listed();
    let keys = desk.keys().await;
    assert!(keys.contains(&(listed, true)), "{keys:?}");
    assert!((1..=2).contains(&keys.len()));
    desk.assert_no_leak();
}

#[test]
fn whatever_stops_it_one_key_is_left_and_it_works() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let joe = User::new("joe").policy("may", &everything());
    let builder: Builder = Sandbox::builder().world(world(joe));
    let desk = runtime.block_on(async { Desk::of(Aws::with(builder), "") });
    let mut runner = TestRunner::new(Config {
        cases: 12,
        failure_persistence: None,
        max_shrink_iters: 20,
        ..Config::default()
    });
    let outcome = runner.run(&tries(), |tries| {
        runtime.block_on(async {
            for one in &tries {
                attempt(&desk, one).await;
                assert_usable(&desk).await;
            }
            desk.sandbox().clear_faults();
            let is_undone = unfinished(&desk.host).unwrap().iter().any(|it| it.is_undone);
            let id = match is_undone {
                true => desk.abort().await.0.unwrap().kept,
                false => desk.rotate().await.0.unwrap().new,
            };
            assert_eq!(desk.listed(), id);
            assert_eq!(desk.keys().await, [(id, true)]);
            assert!(unfinished(&desk.host).unwrap().is_empty());
        });
        Ok(())
    });
    outcome.unwrap();
    let last = desk.listed();
    runtime.block_on(desk.assert_only(&last));
}

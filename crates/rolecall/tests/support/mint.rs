//! Sessions without STS: a mint that counts, waits at a gate, and brings what it is told.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::session::{KeyBuilder, SessionParts, Slot};
use rolecall::{Error, ErrorKind, Host, Session, SessionCache, SessionKey};
use tokio::sync::Semaphore;

use crate::clock::Hands;

/// What one renewal brings.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Outcome {
    /// A session of this many seconds.
    Session(u64),
    Fails(ErrorKind),
    Panics,
}

/// A mint of one slot.
#[derive(Clone)]
pub(crate) struct Mint(Arc<Inner>);

struct Inner {
    host: Host,
    hands: Hands,
    slot: Arc<Slot>,
    gate: Semaphore,
    outcomes: Mutex<VecDeque<Outcome>>,
    calls: AtomicUsize,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

pub(crate) fn key(n: usize) -> SessionKey {
    let mut key = KeyBuilder::new("test");
    key.count(n as u64);
    key.finish()
}

impl Mint {
    /// One whose gate stands open; what it brings unless told otherwise is an hour.
    pub(crate) fn new() -> Self {
        let mint = Self::gated();
        mint.0.gate.add_permits(1_000_000);
        mint
    }

    /// One that lets nothing through until [`Mint::let_through`].
    pub(crate) fn gated() -> Self {
        let hands = Hands::new();
        Self(Arc::new(Inner {
            host: Host::builder().clock(hands.clone()).build(),
            hands,
            slot: SessionCache::new().slot(key(0)),
            gate: Semaphore::new(0),
            outcomes: Mutex::default(),
            calls: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        }))
    }

    pub(crate) fn host(&self) -> &Host {
        &self.0.host
    }

    pub(crate) fn slot(&self) -> &Arc<Slot> {
        &self.0.slot
    }

    pub(crate) fn hands(&self) -> &Hands {
        &self.0.hands
    }

    pub(crate) fn advance(&self, seconds: u64) {
        self.0.hands.advance(Duration::from_secs(seconds));
    }

    /// What the next renewals bring, in order.
    pub(crate) fn next(&self, outcome: Outcome) -> &Self {
        self.0.outcomes.lock().unwrap().push_back(outcome);
        self
    }

    pub(crate) fn let_through(&self) {
        self.0.gate.add_permits(1);
    }

    pub(crate) fn calls(&self) -> usize {
        self.0.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn most_in_flight(&self) -> usize {
        self.0.most_in_flight.load(Ordering::SeqCst)
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.0.in_flight.load(Ordering::SeqCst) > 0
    }

    pub(crate) async fn ask(&self) -> Result<Session, Error> {
        let mint = self.clone();
        self.0.slot.session(&self.0.host, || mint.run()).await
    }

    pub(crate) async fn refresh(&self) -> Result<Session, Error> {
        let mint = self.clone();
        self.0.slot.renew(&self.0.host, || mint.run()).await
    }

    async fn run(self) -> Result<Session, Error> {
        let inner = &self.0;
        let number = inner.calls.fetch_add(1, Ordering::SeqCst);
        let flying = inner.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        inner.most_in_flight.fetch_max(flying, Ordering::SeqCst);
        // However it ends, by a panic too.
        let _down = Down(inner);
        inner.gate.acquire().await.unwrap().forget();
        let outcome = inner
            .outcomes
            .lock()
            .unwrap()
            .pop_front()
            .unwrap_or(Outcome::Session(3600));
        match outcome {
            Outcome::Session(seconds) => Ok(session(inner.host.now(), seconds, number)),
            Outcome::Fails(kind) => Err(Error::new(kind, format!("refused, try {number}"))),
            Outcome::Panics => panic!("a panic that the test asked for"),
        }
    }
}

struct Down<'a>(&'a Inner);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A session of that many seconds from `issued_at` on.
pub(crate) fn session(issued_at: std::time::SystemTime, seconds: u64, number: usize) -> Session {
    Session::new(SessionParts {
        access_key_id: format!("ASIAEXAMPLE{number:09}"),
        secret_access_key: "CANARYSECRET".repeat(3),
        session_token: "CANARYTOKEN".repeat(60),
        account: Some("666666666666".parse().unwrap()),
        principal: None,
        issued_at,
        expires_at: issued_at + Duration::from_secs(seconds),
    })
}

/// Lets every task of a current-thread runtime run until it waits for something.
pub(crate) async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

//! One slot per session key: a fresh session at once, one renewal in flight however many ask.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::timing::random;
use super::{Session, SessionKey};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// Every session of a process, by key. Providers that share a cache share sessions, hub roles included.
#[derive(Debug, Default)]
pub struct SessionCache {
    slots: Mutex<HashMap<SessionKey, Arc<Slot>>>,
}

impl SessionCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The slot of `key`, made where there is none.
    pub fn slot(&self, key: SessionKey) -> Arc<Slot> {
        let mut slots = lock(&self.slots);
        // A slot that only the map still knows serves nobody once its session is gone; looking at it when the map is
        // about to grow keeps the cost of a slot constant.
        if slots.len() == slots.capacity() && !slots.is_empty() {
            slots.retain(|_, slot| Arc::strong_count(slot) > 1 || lock(&slot.state).session.is_some());
        }
        Arc::clone(slots.entry(key).or_insert_with(|| Arc::new(Slot::new(key))))
    }

    /// Forgets the session of `key`; whoever asks next gets a new one.
    pub fn forget(&self, key: SessionKey) {
        if let Some(slot) = lock(&self.slots).get(&key) {
            slot.forget();
        }
    }

    /// Forgets every session.
    pub fn forget_all(&self) {
        for slot in lock(&self.slots).values() {
            slot.forget();
        }
    }
}

/// The place of one session: the session, the renewal in flight, and the last failure.
pub struct Slot {
    key: SessionKey,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    session: Option<Session>,
    /// The renewal in flight. It belongs to no caller: who asked first may leave without ending it for the others.
    flight: Option<watch::Receiver<Option<Result<Session, Error>>>>,
    failure: Option<Failure>,
    /// Grows with every failure in a row, and with it the pause before the next try.
    failures: u32,
    renewals: u64,
}

struct Failure {
    error: Error,
    retry_at: SystemTime,
}

impl Slot {
    fn new(key: SessionKey) -> Self {
        Self {
            key,
            state: Mutex::default(),
        }
    }

    /// The key this is the place of.
    pub fn key(&self) -> SessionKey {
        self.key
    }

    /// The session, where there is one that can be handed out without a thought of renewal. The warm path.
    pub fn fresh(&self, now: SystemTime) -> Option<Session> {
        lock(&self.state)
            .session
            .as_ref()
            .filter(|session| session.is_fresh(now))
            .cloned()
    }

    /// The session, where there is one that may still be handed out.
    pub fn valid(&self, now: SystemTime) -> Option<Session> {
        lock(&self.state)
            .session
            .as_ref()
            .filter(|session| session.is_valid(now))
            .cloned()
    }

    /// How often a session was obtained here.
    pub fn renewals(&self) -> u64 {
        lock(&self.state).renewals
    }

    /// Forgets the session. A renewal in flight goes on.
    pub fn forget(&self) {
        let mut state = lock(&self.state);
        state.session = None;
        state.failure = None;
    }

    /// Forgets the session if it still is the one with this access key id: AWS said that it has ended.
    pub fn reject(&self, access_key_id: &str) {
        let mut state = lock(&self.state);
        if state
            .session
            .as_ref()
            .is_some_and(|s| s.credentials().access_key_id() == access_key_id)
        {
            state.session = None;
        }
    }

    /// A session that can be used now. A fresh one at once; one past its renewal time at once too, with a renewal begun
    /// behind the caller; one near its end, or none, after the renewal. When that fails, what is still valid is served.
    ///
    /// # Errors
    /// What `mint` failed with, when there is no valid session to serve instead.
    pub async fn session<F>(self: &Arc<Self>, host: &Host, mint: impl FnOnce() -> F) -> Result<Session, Error>
    where
        F: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let flight = {
            let mut state = lock(&self.state);
            let now = host.now();
            if let Some(session) = state
                .session
                .as_ref()
                .filter(|session| session.is_fresh(now))
                .cloned()
            {
                return Ok(session);
            }
            let paused = state.failure.as_ref().filter(|failure| now < failure.retry_at);
            if let Some(session) = state
                .session
                .as_ref()
                .filter(|s| s.is_valid(now) && !s.is_worth_waiting(now))
            {
                let session = session.clone();
                if paused.is_none() && state.flight.is_none() {
                    self.start(&mut state, host, mint());
                }
                return Ok(session);
            }
            if let (Some(failure), None) = (paused, &state.flight) {
                let servable = state.session.as_ref().filter(|session| session.is_valid(now));
                return servable.cloned().ok_or_else(|| failure.error.clone());
            }
            match &state.flight {
                Some(flight) => flight.clone(),
                None => self.start(&mut state, host, mint()),
            }
        };
        let outcome = landed(flight).await;
        outcome.or_else(|error| self.valid(host.now()).ok_or(error))
    }

    /// A new session, whatever there is: the renewal in flight, or one begun now.
    ///
    /// # Errors
    /// What `mint` failed with; the session there was stays.
    pub async fn renew<F>(self: &Arc<Self>, host: &Host, mint: impl FnOnce() -> F) -> Result<Session, Error>
    where
        F: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let flight = {
            let mut state = lock(&self.state);
            match &state.flight {
                Some(flight) => flight.clone(),
                None => self.start(&mut state, host, mint()),
            }
        };
        landed(flight).await
    }

    fn start<F>(
        self: &Arc<Self>,
        state: &mut State,
        host: &Host,
        mint: F,
    ) -> watch::Receiver<Option<Result<Session, Error>>>
    where
        F: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(None);
        state.flight = Some(receiver.clone());
        let (slot, host) = (Arc::clone(self), host.clone());
        // Two tasks, so that a panic in `mint` ends the flight with an error and not with silence.
        let minting: JoinHandle<_> = tokio::spawn(mint);
        tokio::spawn(async move {
            let outcome = minting.await.unwrap_or_else(|error| {
                Err(Error::new(
                    ErrorKind::Internal,
                    format!("the renewal stopped: {error}"),
                ))
            });
            sender.send_replace(Some(slot.land(host.now(), outcome)));
        });
        receiver
    }

    /// Takes in what a renewal brought.
    fn land(&self, now: SystemTime, outcome: Result<Session, Error>) -> Result<Session, Error> {
        let mut state = lock(&self.state);
        state.flight = None;
        match outcome {
            Ok(session) => {
                let longer = state
                    .session
                    .take()
                    .filter(|old| old.is_valid(now) && old.expires_at() > session.expires_at());
                let session = longer.unwrap_or(session);
                state.session = Some(session.clone());
                state.failure = None;
                state.failures = 0;
                state.renewals += 1;
                Ok(session)
            }
            Err(error) => {
                state.failures = state.failures.saturating_add(1);
                if let Some(pause) = pause_after(&error, &state, now) {
                    state.failure = Some(Failure {
                        error: error.clone(),
                        retry_at: now + pause,
                    });
                }
                if state
                    .session
                    .as_ref()
                    .is_some_and(|session| session.is_valid(now))
                {
                    tracing::warn!(key = %self.key, %error, "renewal failed; the present session goes on while it is valid");
                }
                Err(error)
            }
        }
    }
}

/// How long nothing is tried after a failure: a refusal 1 to 5 s, what needs the person not at all; while a session is
/// valid 15 s and twice as much each time up to 5 min, or 1 to 5 s when callers already wait for its successor.
fn pause_after(error: &Error, state: &State, now: SystemTime) -> Option<Duration> {
    let short = Duration::from_secs_f64(1.0 + 4.0 * random());
    match error.kind() {
        ErrorKind::NeedsUser => return None,
        ErrorKind::Denied | ErrorKind::Config | ErrorKind::NotConfigured => return Some(short),
        _ => {}
    }
    let session = state.session.as_ref().filter(|session| session.is_valid(now))?;
    let doublings = state.failures.saturating_sub(1).min(5);
    let long =
        Duration::from_secs_f64((15.0 * f64::from(1_u32 << doublings) * (0.75 + 0.5 * random())).min(300.0));
    let pause = if session.is_worth_waiting(now) {
        short
    } else {
        long
    };
    // A session of seconds has no 15 seconds to spend.
    Some(pause.min(session.lifetime() / 20))
}

async fn landed(mut flight: watch::Receiver<Option<Result<Session, Error>>>) -> Result<Session, Error> {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(stopped())),
        Err(_) => Err(stopped()),
    }
}

fn stopped() -> Error {
    Error::new(ErrorKind::Internal, "the renewal was stopped before it ended")
}

/// A panic elsewhere leaves nothing half-written in these states, so a poisoned lock is as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

//! One slot per session key: a fresh session at once, one renewal in flight however many ask.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::timing::random;
use super::{Pace, Session, SessionKey};
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// Every session of a process, by key. Providers that share a cache share sessions, hub roles included.
#[derive(Debug)]
pub struct SessionCache {
    slots: Mutex<Slots>,
    pace: Arc<Pace>,
}

/// Sessions asked for in a second, for each calling account and region, where nobody says otherwise: half of what AWS allows
/// all callers of an account together.
const CALLS_A_SECOND: f64 = 300.0;

impl Default for SessionCache {
    fn default() -> Self {
        Self::with_calls_a_second(CALLS_A_SECOND)
    }
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<SessionKey, Arc<Slot>>,
    /// How many there may be before the unused ones are looked for: twice what the last look left, so that a slot costs
    /// the same however many there are.
    look_at: usize,
}

impl SessionCache {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty cache that asks AWS for no more sessions in a second than this, for each calling account and region; twice as
    /// many at once. Without it that is 300; AWS allows 600, shared by all that the account calls STS for.
    pub fn with_calls_a_second(calls: f64) -> Self {
        Self {
            slots: Mutex::default(),
            pace: Arc::new(Pace::of(calls)),
        }
    }

    pub(crate) fn pace(&self) -> &Arc<Pace> {
        &self.pace
    }

    /// The slot of `key`, made where there is none.
    pub fn slot(&self, key: SessionKey) -> Arc<Slot> {
        self.slot_where(key, |_| true)
    }

    /// The same; what nobody uses and has ended by `now` is let go.
    pub(crate) fn slot_at(&self, key: SessionKey, now: SystemTime) -> Arc<Slot> {
        self.slot_where(key, |session| now < session.expires_at())
    }

    fn slot_where(&self, key: SessionKey, is_worth_keeping: impl Fn(&Session) -> bool) -> Arc<Slot> {
        /// Below this a look is not worth it.
        const FEW: usize = 64;
        let mut slots = lock(&self.slots);
        if slots.by_key.len() >= slots.look_at.max(FEW) {
            slots.by_key.retain(|_, slot| {
                Arc::strong_count(slot) > 1
                    || lock(&slot.state).session.as_ref().is_some_and(&is_worth_keeping)
            });
            slots.look_at = 2 * slots.by_key.len();
        }
        Arc::clone(
            slots
                .by_key
                .entry(key)
                .or_insert_with(|| Arc::new(Slot::new(key))),
        )
    }

    /// Forgets the session of `key`; whoever asks next gets a new one.
    pub fn forget(&self, key: SessionKey) {
        if let Some(slot) = lock(&self.slots).by_key.get(&key) {
            slot.forget();
        }
    }

    /// Forgets every session.
    pub fn forget_all(&self) {
        for slot in lock(&self.slots).by_key.values() {
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
    flight: Option<Flight>,
    failure: Option<Failure>,
    /// Grows with every failure in a row, and with it the pause before the next try.
    failures: u32,
    renewals: u64,
    /// A session that is not wanted any more: whoever else keeps it may not bring it back.
    unwanted: Option<Unwanted>,
}

/// A session that is no help.
#[derive(Clone, Debug)]
pub(crate) struct Unwanted {
    pub(crate) access_key_id: String,
    /// AWS refuses it.
    pub(crate) is_rejected: bool,
}

/// What the renewal brings, once it has.
type Flight = watch::Receiver<Option<Result<Session, Error>>>;

struct Failure {
    error: Error,
    failed_at: SystemTime,
    retry_at: SystemTime,
}

impl State {
    /// The renewal in flight. One whose runtime is gone will never land: it is let go, or nobody would ever begin another.
    fn flight(&mut self) -> Option<&Flight> {
        if self
            .flight
            .as_ref()
            .is_some_and(|flight| flight.has_changed().is_err())
        {
            self.flight = None;
        }
        self.flight.as_ref()
    }

    /// Notes a failure, and until when nothing is tried.
    fn fail(&mut self, error: &Error, now: SystemTime) {
        self.failures = self.failures.saturating_add(1);
        self.failure = pause_after(error, self, now).map(|pause| Failure {
            error: error.clone(),
            failed_at: now,
            retry_at: now + pause,
        });
    }

    /// The failure after which nothing is tried yet.
    fn pause(&self, now: SystemTime) -> Option<&Failure> {
        // A clock that was set back would make seconds of it hours.
        self.failure
            .as_ref()
            .filter(|failure| failure.failed_at <= now && now < failure.retry_at)
    }
}

impl Unwanted {
    fn of(session: &Session, is_rejected: bool) -> Self {
        Self {
            access_key_id: session.credentials().access_key_id().to_owned(),
            is_rejected,
        }
    }
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
        if let Some(session) = state.session.take() {
            state.unwanted = Some(Unwanted::of(&session, false));
        }
        state.failure = None;
    }

    /// What is of no help to this slot: the session it has, or had and was told to forget.
    pub(crate) fn unwanted(&self) -> Option<Unwanted> {
        let state = lock(&self.state);
        match &state.session {
            Some(session) => Some(Unwanted::of(session, false)),
            None => state.unwanted.clone(),
        }
    }

    /// A session that somebody else had, and that is valid still: to be served while its successor is got, and should that
    /// fail.
    pub(crate) fn offer(&self, session: Session, now: SystemTime) {
        let mut state = lock(&self.state);
        if session.is_valid(now) && !state.session.as_ref().is_some_and(|own| own.is_valid(now)) {
            state.session = Some(session);
        }
    }

    /// A session that somebody else has just got, in the place of one that ends sooner.
    pub(crate) fn succeed(&self, session: Session, now: SystemTime) {
        let mut state = lock(&self.state);
        let is_better = state
            .session
            .as_ref()
            .is_none_or(|own| !own.is_valid(now) || own.expires_at() < session.expires_at());
        if session.is_valid(now) && is_better {
            state.session = Some(session);
            state.failure = None;
            state.failures = 0;
            state.unwanted = None;
        }
    }

    /// Forgets the session if it still is the one with this access key id: AWS said that it has ended.
    pub fn reject(&self, access_key_id: &str) {
        let mut state = lock(&self.state);
        if let Some(session) = state
            .session
            .take_if(|session| session.credentials().access_key_id() == access_key_id)
        {
            state.unwanted = Some(Unwanted::of(&session, true));
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
            let valid = state
                .session
                .as_ref()
                .filter(|session| session.is_valid(now))
                .cloned();
            let is_idle = state.flight().is_none();
            let pause = state.pause(now);
            if let Some(session) = valid.as_ref().filter(|session| !session.is_worth_waiting(now)) {
                let session = session.clone();
                if is_idle && pause.is_none() {
                    self.start(&mut state, host, mint());
                }
                return Ok(session);
            }
            // A person who was missing may be there now.
            if let Some(failure) =
                pause.filter(|failure| is_idle && failure.error.kind() != ErrorKind::NeedsUser)
            {
                return valid.ok_or_else(|| failure.error.clone());
            }
            match state.flight() {
                Some(flight) => flight.clone(),
                None => self.start(&mut state, host, mint()),
            }
        };
        let outcome = landed(flight).await;
        let now = host.now();
        match outcome {
            Ok(session) if session.is_valid(now) => Ok(session),
            Ok(_) => self.valid(now).ok_or_else(too_late),
            Err(error) => self.valid(now).ok_or(error),
        }
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
            match state.flight() {
                Some(flight) => flight.clone(),
                None => self.start(&mut state, host, mint()),
            }
        };
        landed(flight).await
    }

    fn start<F>(self: &Arc<Self>, state: &mut State, host: &Host, mint: F) -> Flight
    where
        F: Future<Output = Result<Session, Error>> + Send + 'static,
    {
        let (sender, receiver) = watch::channel(None);
        let Ok(runtime) = Handle::try_current() else {
            sender.send_replace(Some(Err(Error::config(
                "credentials were asked for outside of a tokio runtime",
            )
            .with_hint("Ask within one, as `#[tokio::main]` sets it up."))));
            return receiver;
        };
        state.flight = Some(receiver.clone());
        let (slot, host) = (Arc::clone(self), host.clone());
        // Two tasks, so that a panic in `mint` ends the flight with an error and not with silence.
        let minting: JoinHandle<_> = runtime.spawn(mint);
        runtime.spawn(async move {
            let outcome = minting
                .await
                .unwrap_or_else(|error| Err(bug(format!("the renewal stopped: {error}"))));
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
                state.renewals += 1;
                let longer = state
                    .session
                    .as_ref()
                    .filter(|old| old.is_valid(now) && old.timing().outlasts(session.timing()))
                    .cloned();
                if let Some(longer) = longer {
                    // Still due for renewal: without a pause every caller would begin the next one.
                    state.fail(&shorter(), now);
                    return Ok(longer);
                }
                state.session = Some(session.clone());
                state.failure = None;
                state.failures = 0;
                state.unwanted = None;
                Ok(session)
            }
            Err(error) => {
                state.fail(&error, now);
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

/// How long nothing is tried after a failure: a refusal 1 to 5 s; while a session is valid 15 s and twice as much each
/// time up to 5 min, or 1 to 5 s when callers already wait for its successor. What needs the person holds nobody up who
/// has to wait anyway; it only keeps the renewals behind a valid session from following each other.
fn pause_after(error: &Error, state: &State, now: SystemTime) -> Option<Duration> {
    let short = Duration::from_secs_f64(1.0 + 4.0 * random());
    if let ErrorKind::Denied | ErrorKind::Config | ErrorKind::NotConfigured = error.kind() {
        return Some(short);
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

async fn landed(mut flight: Flight) -> Result<Session, Error> {
    match flight.wait_for(Option::is_some).await {
        Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(stopped())),
        Err(_) => Err(stopped()),
    }
}

/// The runtime that the renewal ran on was shut down.
fn stopped() -> Error {
    Error::new(ErrorKind::Unavailable, "the renewal was stopped before it ended")
        .with_hint("Ask again: the runtime it ran on has been shut down.")
}

fn bug(message: String) -> Error {
    Error::new(ErrorKind::Internal, message).with_hint("This is a bug of rolecall: please report it.")
}

fn too_late() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the new session had ended before it could be handed out",
    )
    .with_hint("Ask again: the clock was moved, or the machine slept, while the session was on its way.")
}

/// Why a renewal is as good as failed that brought less than there is.
pub(crate) fn shorter() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "STS gave a session that ends before the present one",
    )
    .with_hint("The present one goes on while it is valid.")
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

//! What the agent keeps: sessions by key, sealed; who is getting which; and refusals, for seconds.
//!
//! One mutex holds it all. Nothing waits while it is held, and a decision takes microseconds.

mod entry;

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use self::entry::{Entry, about_seal};
use super::protocol::{About, Attach, Failure, Given, Holder, Live, Want};
use crate::error::{Error, ErrorKind};
use crate::hardening::Held;
use crate::seal::Seal;
use crate::session::{Record, SessionKey, random, shorter};
use crate::time::micros;

/// How long a lease may be held: a person at a browser's sign-in has ten minutes.
const LONGEST_LEASE: Duration = Duration::from_secs(15 * 60);
/// Sessions kept at once. Past it the one that ends first is let go: it is obtained anew should anybody want it.
const MOST_SESSIONS: usize = 50_000;
/// Refusals remembered at once, each for seconds. Past it a new one is told to those who wait, and not remembered.
const MOST_REFUSALS: usize = 1_000;
/// From so many on, those who wait are counted anew before one more is added: some have gone.
const MANY_WAITERS: usize = 256;

pub(super) struct Store {
    state: Mutex<State>,
    /// Written only to put a new key in.
    seal: RwLock<Seal>,
    next_id: AtomicU64,
}

#[derive(Default)]
struct State {
    entries: HashMap<SessionKey, Entry>,
    leases: HashMap<SessionKey, LeaseState>,
    refusals: HashMap<SessionKey, Refusal>,
    attached: HashMap<u64, Attached>,
}

struct LeaseState {
    id: u64,
    holder: Holder,
    since: SystemTime,
    waiters: VecDeque<oneshot::Sender<Turn>>,
    /// What it brings is not kept: everything was forgotten since it was granted.
    is_forgotten: bool,
}

struct Refusal {
    failure: Failure,
    from: SystemTime,
    until: SystemTime,
}

struct Attached {
    attach: Attach,
    holder: Holder,
    wiped: mpsc::UnboundedSender<Option<Vec<SessionKey>>>,
}

/// What who waits for a lease is told when it ends.
pub(super) enum Turn {
    /// Look again: there is a session, or a reason to look.
    Look,
    /// Get it yourself.
    Yours(Lease),
    Refused(Failure),
}

/// What an asker gets.
pub(super) enum Answer {
    Session(Given),
    Nothing,
    Refused(Failure),
    Lease(Lease, Option<Record>),
    Wait(Holder, oneshot::Receiver<Turn>),
}

/// The right to get one session. Whatever becomes of who holds it, it passes on when this is dropped.
pub(super) struct Lease {
    store: Arc<Store>,
    key: SessionKey,
    id: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.store.pass_on(self.key, self.id);
    }
}

impl Store {
    /// `best` is how well the key may be held that seals the sessions.
    pub(super) fn new(best: Held) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            state: Mutex::default(),
            seal: RwLock::new(Seal::held_at_best(best)?),
            next_id: AtomicU64::new(1),
        }))
    }

    /// How well the key is held that the sessions are sealed under.
    pub(super) fn held(&self) -> Held {
        self.seal().held()
    }

    fn seal(&self) -> RwLockReadGuard<'_, Seal> {
        self.seal.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session there is, for one who waits for nobody.
    pub(super) fn peek(&self, want: &Want, holder: &Holder, now: SystemTime) -> Answer {
        let mut state = self.lock();
        let Some(entry) = state.entries.get_mut(&want.key) else {
            return match state.refusal(want.key, now) {
                Some(failure) => Answer::Refused(failure),
                None => Answer::Nothing,
            };
        };
        // What is near its end is for those who can wait for its successor.
        if entry.is_no_help(want) || !entry.timing.is_valid(now) || entry.timing.is_worth_waiting(now) {
            return Answer::Nothing;
        }
        let given = if want.is_glance {
            entry.shown(&self.seal(), want.key)
        } else {
            entry.used_by(holder);
            entry.given(&self.seal(), want.key, now)
        };
        match given {
            Ok(given) => Answer::Session(given),
            Err(_) => Answer::Nothing,
        }
    }

    /// The session, or the lease to get it, or somebody to wait for.
    pub(super) fn acquire(self: &Arc<Self>, want: &Want, holder: &Holder, now: SystemTime) -> Answer {
        let mut state = self.lock();
        if want.is_rejected
            && state
                .entries
                .get(&want.key)
                .is_some_and(|entry| Some(&entry.access_key_id) == want.not.as_ref())
        {
            state.entries.remove(&want.key);
        }
        let mut valid = None;
        if let Some(entry) = state.entries.get_mut(&want.key) {
            entry.used_by(holder);
            let is_new = !entry.is_no_help(want);
            let is_enough = match &want.not {
                // Who has one already wants one that is better.
                Some(_) => entry.timing.is_fresh(now),
                None => entry.timing.is_valid(now) && !entry.timing.is_worth_waiting(now),
            };
            if is_new
                && is_enough
                // Whoever can wait renews it by itself: the word to do so is for those who are gone in a moment.
                && let Ok(given) = entry.shown(&self.seal(), want.key)
            {
                return Answer::Session(given);
            }
            if is_new && entry.timing.is_valid(now) {
                valid = entry.open(&self.seal(), want.key).ok();
            }
        }
        if let Some(failure) = state.refusal(want.key, now) {
            return turned_down(failure, valid);
        }
        if let Some(lease) = state.leases.get_mut(&want.key) {
            let (sender, receiver) = oneshot::channel();
            if lease.waiters.len() >= MANY_WAITERS {
                lease.waiters.retain(|waiter| !waiter.is_closed());
            }
            lease.waiters.push_back(sender);
            return Answer::Wait(lease.holder.clone(), receiver);
        }
        let lease = self.grant(&mut state, want.key, holder, now, VecDeque::new());
        Answer::Lease(lease, valid)
    }

    /// What somebody gets who waited for a session that was refused.
    pub(super) fn refused(&self, want: &Want, failure: Failure, now: SystemTime) -> Answer {
        turned_down(failure, self.valid(want.key, want.not.as_deref(), now))
    }

    /// What is still valid while a successor is got.
    pub(super) fn valid(&self, key: SessionKey, not: Option<&str>, now: SystemTime) -> Option<Record> {
        let state = self.lock();
        let entry = state.entries.get(&key)?;
        let is_help = Some(entry.access_key_id.as_str()) != not && entry.timing.is_valid(now);
        is_help.then(|| entry.open(&self.seal(), key).ok()).flatten()
    }

    fn grant(
        self: &Arc<Self>,
        state: &mut State,
        key: SessionKey,
        holder: &Holder,
        now: SystemTime,
        waiters: VecDeque<oneshot::Sender<Turn>>,
    ) -> Lease {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        state.leases.insert(
            key,
            LeaseState {
                id,
                holder: holder.clone(),
                since: now,
                waiters,
                is_forgotten: false,
            },
        );
        Lease {
            store: Arc::clone(self),
            key,
            id,
        }
    }

    /// The lease was granted to who waited for it: from here on it is theirs by name.
    pub(super) fn is_held_by(&self, lease: &Lease, holder: &Holder, now: SystemTime) {
        if let Some(state) = self.lock().lease(lease.key, lease.id) {
            state.holder = holder.clone();
            state.since = now;
        }
    }

    /// Takes in what a lease brought, and tells those who wait to look.
    pub(super) fn deposit(
        &self,
        lease: Lease,
        about: &About,
        record: &Record,
        now: SystemTime,
    ) -> Result<(), Error> {
        if !record.is_whole() {
            return Err(Error::new(ErrorKind::Untrusted, "half a session was deposited"));
        }
        let (text, key) = (
            Zeroizing::new(serde_json::to_vec(record).unwrap_or_default()),
            lease.key,
        );
        let (timing, expires_at) = (record.timing(), record.expires_at());
        let sealed = self.seal().seal(&text, &about_seal(key, expires_at))?;
        let mut state = self.lock();
        let Some(held) = state.lease(key, lease.id) else {
            // It has been given to somebody else, who is getting it too.
            return Ok(());
        };
        let (is_forgotten, holder) = (held.is_forgotten, held.holder.clone());
        let waiters = std::mem::take(&mut held.waiters);
        state.leases.remove(&key);
        state.refusals.remove(&key);
        let old = state.entries.get(&key);
        let is_shorter = old.is_some_and(|old| old.timing.is_valid(now) && old.timing.outlasts(&timing));
        let is_kept = !is_forgotten && !is_shorter && timing.is_valid(now);
        if is_kept {
            let old = state.entries.remove(&key);
            let mut entry = Entry {
                about: about.clone(),
                access_key_id: record.access_key_id.clone(),
                timing,
                issued_at: record.issued_at(),
                expires_at,
                sealed,
                renewals: old.as_ref().map_or(0, |old| old.renewals) + 1,
                renewal_told_until: None,
                users: old.map(|old| old.users).unwrap_or_default(),
            };
            entry.used_by(&holder);
            state.make_room(now);
            state.entries.insert(key, entry);
        }
        drop(state);
        // Who wants a better one than the longer one that stays would ask for as short a one again, each of them.
        let is_in_vain = is_shorter && !is_forgotten;
        for waiter in waiters {
            let turn = if is_in_vain {
                Turn::Refused(Failure::of(&shorter()))
            } else {
                Turn::Look
            };
            let _ = waiter.send(turn);
        }
        Ok(())
    }

    /// Takes in that a lease brought nothing.
    pub(super) fn fail(&self, lease: Lease, failure: &Failure, now: SystemTime) {
        if !failure.is_everybodys() {
            // Somebody else may have what this one lacked: the lease passes on.
            return drop(lease);
        }
        let mut state = self.lock();
        let Some(held) = state.lease(lease.key, lease.id) else {
            return;
        };
        let waiters = std::mem::take(&mut held.waiters);
        state.leases.remove(&lease.key);
        if failure.kind() == ErrorKind::Denied && state.refusals.len() < MOST_REFUSALS {
            let until = now + Duration::from_secs_f64(1.0 + 4.0 * random());
            let refusal = Refusal {
                failure: failure.clone(),
                from: now,
                until,
            };
            state.refusals.insert(lease.key, refusal);
        }
        drop(state);
        for waiter in waiters {
            let _ = waiter.send(Turn::Refused(failure.clone()));
        }
    }

    /// The lease goes to the next who waits, if it still is that one.
    fn pass_on(self: &Arc<Self>, key: SessionKey, mut id: u64) {
        loop {
            let mut state = self.lock();
            let Some(held) = state.lease(key, id) else { return };
            let (since, mut waiters) = (held.since, std::mem::take(&mut held.waiters));
            let Some(next) = waiters.pop_front() else {
                state.leases.remove(&key);
                return;
            };
            let lease = self.grant(&mut state, key, &Holder::default(), since, waiters);
            drop(state);
            match next.send(Turn::Yours(lease)) {
                // Nobody is there any more: the next one.
                Err(Turn::Yours(mut lease)) => id = std::mem::take(&mut lease.id),
                _ => return,
            }
        }
    }

    /// Takes a lease away from a holder who is stopped, or has had it for too long. Who waits gets it.
    pub(super) fn revoke_if_stuck(
        self: &Arc<Self>,
        key: SessionKey,
        now: SystemTime,
        is_stopped: impl Fn(&Holder) -> bool,
    ) {
        let state = self.lock();
        let Some(held) = state.leases.get(&key) else {
            return;
        };
        let is_late = now
            .duration_since(held.since)
            .is_ok_and(|held| held > LONGEST_LEASE);
        let (id, holder) = (held.id, held.holder.clone());
        drop(state);
        if is_late || is_stopped(&holder) {
            tracing::info!(
                pid = holder.process.pid,
                "a lease is taken away from a process that does not get on"
            );
            self.pass_on(key, id);
        }
    }

    /// Wipes these, or all, and says which there were. What is being obtained now is not kept either.
    pub(super) fn forget(&self, keys: Option<&[SessionKey]>, now: SystemTime) -> Vec<Live> {
        let mut state = self.lock();
        let wiped = state.live(now, |key| keys.is_none_or(|keys| keys.contains(key)));
        match keys {
            None => {
                state.entries = HashMap::new();
                state.refusals = HashMap::new();
                for lease in state.leases.values_mut() {
                    lease.is_forgotten = true;
                }
                // What is sealed with the old key is nothing but noise from here on.
                let mut seal = self.seal.write().unwrap_or_else(PoisonError::into_inner);
                if let Err(error) = seal.rekey() {
                    tracing::error!(%error, "nothing more can be kept");
                }
            }
            Some(keys) => {
                for key in keys {
                    state.entries.remove(key);
                    state.refusals.remove(key);
                    if let Some(lease) = state.leases.get_mut(key) {
                        lease.is_forgotten = true;
                    }
                }
            }
        }
        wiped
    }

    /// Tells who is attached to sessions that were wiped.
    pub(super) fn tell_wiped(&self, keys: Option<&[SessionKey]>) {
        self.lock().attached.retain(|_, attached| {
            let concerns = keys.is_none_or(|keys| keys.iter().any(|key| attached.attach.keys.contains(key)));
            !concerns || attached.wiped.send(keys.map(<[SessionKey]>::to_vec)).is_ok()
        });
    }

    /// Lets go what has ended. Returns whether anything is left.
    pub(super) fn sweep(&self, now: SystemTime) -> bool {
        let mut state = self.lock();
        state.entries.retain(|_, entry| entry.timing.is_valid(now));
        state.refusals.retain(|_, refusal| refusal.holds(now));
        !state.entries.is_empty()
    }

    pub(super) fn attach(
        &self,
        attach: Attach,
        holder: Holder,
    ) -> (u64, mpsc::UnboundedReceiver<Option<Vec<SessionKey>>>) {
        let (wiped, receiver) = mpsc::unbounded_channel();
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let attached = Attached {
            attach,
            holder,
            wiped,
        };
        self.lock().attached.insert(id, attached);
        (id, receiver)
    }

    pub(super) fn detach(&self, id: u64) {
        self.lock().attached.remove(&id);
    }

    /// How many sessions and leases there are.
    pub(super) fn counts(&self) -> (usize, usize) {
        let state = self.lock();
        (state.entries.len(), state.leases.len())
    }

    /// What is live, those that end first at the end.
    pub(super) fn live(&self, now: SystemTime) -> Vec<Live> {
        self.lock().live(now, |_| true)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere leaves nothing half-written here, so a poisoned lock is as good as any.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn live(&self, now: SystemTime, which: impl Fn(&SessionKey) -> bool) -> Vec<Live> {
        let mut live: Vec<_> = self
            .entries
            .iter()
            .filter(|(key, entry)| which(key) && entry.timing.is_valid(now))
            .map(|(key, entry)| {
                let mut users: Vec<_> = entry.users.iter().cloned().collect();
                for attached in self.attached.values() {
                    if attached.attach.keys.contains(key) && !users.contains(&attached.holder) {
                        users.push(attached.holder.clone());
                    }
                }
                let label = match (self.leases.contains_key(key), entry.timing.is_fresh(now)) {
                    (true, _) => "renewing",
                    (false, true) => "fresh",
                    (false, false) => "due",
                };
                Live {
                    about: entry.about.clone(),
                    session_key: *key,
                    access_key_id: entry.access_key_id.clone(),
                    issued_at: micros(entry.issued_at),
                    expires_at: micros(entry.expires_at),
                    state: label.to_owned(),
                    renewals: entry.renewals,
                    users,
                }
            })
            .collect();
        live.sort_by(|a, b| {
            b.expires_at
                .cmp(&a.expires_at)
                .then_with(|| a.about.target.cmp(&b.about.target))
        });
        live
    }

    /// Lets go what has ended, and then what ends first, where there are as many sessions as are kept.
    fn make_room(&mut self, now: SystemTime) {
        if self.entries.len() < MOST_SESSIONS {
            return;
        }
        self.entries.retain(|_, entry| entry.timing.is_valid(now));
        while self.entries.len() >= MOST_SESSIONS {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.expires_at);
            let Some(key) = first.map(|(key, _)| *key) else {
                return;
            };
            self.entries.remove(&key);
        }
    }

    fn lease(&mut self, key: SessionKey, id: u64) -> Option<&mut LeaseState> {
        self.leases.get_mut(&key).filter(|lease| lease.id == id)
    }

    fn refusal(&self, key: SessionKey, now: SystemTime) -> Option<Failure> {
        let refusal = self.refusals.get(&key).filter(|refusal| refusal.holds(now))?;
        Some(refusal.failure.clone())
    }
}

impl Refusal {
    /// A clock that was set back would make seconds of it hours.
    fn holds(&self, now: SystemTime) -> bool {
        self.from <= now && now < self.until
    }
}

/// What is still valid is served whatever its renewal failed with.
fn turned_down(failure: Failure, valid: Option<Record>) -> Answer {
    match valid {
        Some(record) => Answer::Session(Given::as_it_is(record)),
        None => Answer::Refused(failure),
    }
}

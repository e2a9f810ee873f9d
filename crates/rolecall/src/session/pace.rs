//! How many sessions are asked for in a second: STS has one budget for each calling account and region, which all its other
//! calls share.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// A limit for each account and region, with a burst of two seconds' worth. It halves when AWS says that it is too much, and
/// grows again by a twentieth of itself a second.
pub(crate) struct Pace {
    /// Calls a second, where AWS has not complained.
    full: f64,
    buckets: Mutex<HashMap<String, Bucket>>,
}

struct Bucket {
    rate: f64,
    /// Below zero as many are waiting for their turn.
    tokens: f64,
    at: Instant,
}

/// The slowest: somebody who is throttled still gets through.
const SLOWEST: f64 = 1.0;
/// So many account-and-region pairs are remembered.
const MOST: usize = 4096;

impl Pace {
    /// So many calls a second.
    pub(crate) fn of(full: f64) -> Self {
        Self {
            full: full.max(SLOWEST),
            buckets: Mutex::default(),
        }
    }

    /// Waits for one's turn. Who leaves while waiting has used it up: the next one is no later for it.
    pub(crate) async fn turn(&self, account_and_region: &str) {
        let wait = self.wait(account_and_region, Instant::now());
        if !wait.is_zero() {
            tracing::debug!(
                account_and_region,
                ?wait,
                "a call waits, to stay below AWS's limit"
            );
            tokio::time::sleep(wait).await;
        }
    }

    fn wait(&self, account_and_region: &str, now: Instant) -> Duration {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let full = self.full;
        if buckets.len() >= MOST && !buckets.contains_key(account_and_region) {
            // One that is full and fast again says nothing.
            buckets.retain(|_, bucket| {
                bucket.refill(full, now);
                bucket.tokens < bucket.burst() || bucket.rate < full
            });
        }
        let bucket = buckets
            .entry(account_and_region.to_owned())
            .or_insert_with(|| Bucket {
                rate: full,
                tokens: 2.0 * full,
                at: now,
            });
        bucket.refill(full, now);
        bucket.tokens -= 1.0;
        Duration::from_secs_f64((-bucket.tokens / bucket.rate).max(0.0))
    }

    /// AWS wants fewer calls.
    pub(crate) fn slow_down(&self, account_and_region: &str) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(account_and_region) {
            bucket.refill(self.full, Instant::now());
            bucket.rate = (bucket.rate / 2.0).max(SLOWEST);
            bucket.tokens = bucket.tokens.min(0.0);
        }
    }
}

impl Bucket {
    fn burst(&self) -> f64 {
        2.0 * self.rate
    }

    fn refill(&mut self, full: f64, now: Instant) {
        let seconds = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.rate = (self.rate * 1.05_f64.powf(seconds.min(600.0))).min(full);
        self.tokens = (self.tokens + self.rate * seconds).min(self.burst());
    }
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pace")
            .field("full", &self.full)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_in_turn() {
        let (pace, now) = (Pace::of(10.0), Instant::now());
        assert!((0..20).all(|_| pace.wait("a", now).is_zero()));
        assert_eq!(pace.wait("a", now), Duration::from_millis(100));
        assert_eq!(pace.wait("a", now), Duration::from_millis(200));
        assert!(
            pace.wait("b", now).is_zero(),
            "another account has a budget of its own"
        );
        let later = now + SECOND;
        assert!(
            (0..8).all(|_| pace.wait("a", later).is_zero()),
            "what waited has had its turn"
        );
        assert!(!pace.wait("a", later).is_zero());
    }

    #[tokio::test(start_paused = true)]
    async fn it_slows_down_and_recovers() {
        let pace = Pace::of(8.0);
        pace.turn("a").await;
        for _ in 0..10 {
            pace.slow_down("a");
        }
        assert_eq!(
            pace.wait("a", Instant::now()),
            SECOND,
            "never slower than one a second"
        );
        tokio::time::advance(60 * SECOND).await;
        let now = Instant::now();
        assert!((0..16).all(|_| pace.wait("a", now).is_zero()));
        pace.slow_down("nobody");
    }

    #[test]
    fn it_forgets_whom_it_need_not_remember() {
        let (pace, now) = (Pace::of(10.0), Instant::now());
        for account in 0..MOST {
            pace.wait(&account.to_string(), now);
        }
        pace.wait("one more", now + 60 * SECOND);
        assert_eq!(pace.buckets.lock().unwrap().len(), 1);
    }
}

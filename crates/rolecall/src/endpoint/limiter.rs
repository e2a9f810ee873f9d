//! Wrong tokens, counted: each connection slows down and is closed, and all of them together are cut short.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// More wrong tokens than this within [`WINDOW`], from wherever, and further ones are answered 429 at once.
const MOST: usize = 50;
const WINDOW: Duration = Duration::from_secs(10);
/// A connection is closed with its last wrong token.
const PER_CONNECTION: u32 = 5;
const DELAY: Duration = Duration::from_millis(100);

/// The wrong tokens of late. Only wrong ones are ever held up: whoever floods the endpoint with guesses must not keep
/// the right token from its session.
#[derive(Default)]
pub(super) struct Limiter {
    recent: Mutex<VecDeque<Instant>>,
}

/// What a wrong token gets.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Penalty {
    /// Wait, then 401; the connection is closed with it where `close`.
    Wait { delay: Duration, close: bool },
    /// 429 at once.
    TooMany,
}

impl Limiter {
    /// Counts one more wrong token, the `nth` of its connection.
    pub(super) fn fail(&self, now: Instant, nth: u32) -> Penalty {
        let mut recent = self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        while recent.front().is_some_and(|at| now.duration_since(*at) > WINDOW) {
            recent.pop_front();
        }
        if recent.len() >= MOST {
            // Not counted: the memory is bounded, and the window always opens again.
            return Penalty::TooMany;
        }
        recent.push_back(now);
        Penalty::Wait {
            delay: DELAY * nth.min(PER_CONNECTION),
            close: nth >= PER_CONNECTION,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_slows_down_and_is_closed() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for nth in 1..=5 {
            let expected = Penalty::Wait {
                delay: Duration::from_millis(100 * u64::from(nth)),
                close: nth == 5,
            };
            assert_eq!(limiter.fail(now, nth), expected);
        }
    }

    #[test]
    fn all_connections_together_are_cut_short_until_the_window_has_passed() {
        let (limiter, now) = (Limiter::default(), Instant::now());
        for _ in 0..MOST {
            assert_ne!(limiter.fail(now, 1), Penalty::TooMany);
        }
        assert_eq!(limiter.fail(now + WINDOW, 1), Penalty::TooMany);
        let later = now + WINDOW + Duration::from_millis(1);
        assert_ne!(limiter.fail(later, 1), Penalty::TooMany);
    }
}

//! When a session is renewed, waited for, and no longer served.

use std::time::{Duration, SystemTime};

use crate::time::whole_seconds;

const MINUTE: f64 = 60.0;

/// What a clock may be set back by without a thought: time services correct by less.
const STEP_BACK: Duration = Duration::from_secs(60);

/// The moments of one session's life. With L its lifetime and r what remains of it:
/// renewed below R (drawn once: 70 to 80 min for L of 90 min and more, around half of L below), waited for below
/// min(17 min, 0.28 L), never served below min(60 s, L/10), advertised as ending min(120 s, L/20) early.
///
/// R lies above every SDK's own window (botocore 15 min, the 2026 SDKs 5, 15 or 60 min by lifetime), so that an SDK
/// never sees a session it wants to renew itself, and asks once per session, not once per request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timing {
    /// Before this the clock has been set back since the session was issued, and its end says nothing any more.
    pub(crate) serve_from: SystemTime,
    pub(crate) advertised_end: SystemTime,
    /// Its true end.
    pub(crate) expires_at: SystemTime,
    pub(crate) renew_at: SystemTime,
    pub(crate) wait_from: SystemTime,
    pub(crate) serve_until: SystemTime,
}

impl Timing {
    pub(crate) fn draw(issued_at: SystemTime, expires_at: SystemTime, draw: f64) -> Self {
        let lifetime = expires_at
            .duration_since(issued_at)
            .unwrap_or_default()
            .as_secs_f64();
        let between = |low: f64, high: f64| low + (high - low) * draw.clamp(0.0, 1.0);
        let renew = if lifetime >= 90.0 * MINUTE {
            between(70.0 * MINUTE, 80.0 * MINUTE)
        } else if lifetime > 20.0 * MINUTE {
            between(0.47, 0.53) * lifetime
        } else {
            between(0.45, 0.5) * lifetime
        };
        let before_end = |seconds: f64| {
            expires_at
                .checked_sub(Duration::from_secs_f64(seconds))
                .unwrap_or(issued_at)
        };
        let advertised_end = whole_seconds(before_end((lifetime / 20.0).min(120.0)));
        // Whole seconds can put the advertised end of a session of seconds before the waiting begins, and the waiting
        // before the renewal: whatever is rounded, what is fresh is valid.
        let wait_from = before_end((0.28 * lifetime).min(17.0 * MINUTE)).min(advertised_end);
        Self {
            serve_from: issued_at.checked_sub(STEP_BACK).unwrap_or(issued_at),
            advertised_end,
            expires_at,
            renew_at: before_end(renew).min(wait_from),
            wait_from,
            serve_until: before_end((lifetime / 10.0).min(60.0)).min(advertised_end),
        }
    }
}

impl Timing {
    /// Whether the session can be handed out without a thought of renewal.
    pub(crate) fn is_fresh(&self, now: SystemTime) -> bool {
        now < self.renew_at && now >= self.serve_from
    }

    /// Whether it may still be handed out.
    pub(crate) fn is_valid(&self, now: SystemTime) -> bool {
        now < self.serve_until && now >= self.serve_from
    }

    /// Whether whoever was shown this end would be shown an earlier one by `other`. Of two that end together, as far as a
    /// second goes, what is shown decides: it is a whole second, less a share of each session's own length.
    pub(crate) fn outlasts(&self, other: &Self) -> bool {
        const TOGETHER: Duration = Duration::from_secs(1);
        let ahead = |one: SystemTime, of: SystemTime| one.duration_since(of).unwrap_or_default() >= TOGETHER;
        match (
            ahead(self.expires_at, other.expires_at),
            ahead(other.expires_at, self.expires_at),
        ) {
            (true, _) => true,
            (_, true) => false,
            _ => self.advertised_end > other.advertised_end,
        }
    }

    /// Whether a caller should rather wait for its successor.
    pub(crate) fn is_worth_waiting(&self, now: SystemTime) -> bool {
        now >= self.wait_from
    }
}

/// A number from 0.0 to 1.0 from the operating system's generator.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness the middle is as good as any moment; it must not keep anybody from their session.
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn moments(lifetime: u64, draw: f64) -> [f64; 4] {
        let start = UNIX_EPOCH + Duration::from_secs(1_000_000_000);
        let end = start + Duration::from_secs(lifetime);
        let t = Timing::draw(start, end, draw);
        [t.renew_at, t.wait_from, t.advertised_end, t.serve_until]
            .map(|at| end.duration_since(at).unwrap().as_secs_f64())
    }

    #[test]
    fn of_two_that_end_together_the_one_outlasts_that_is_shown_to() {
        let at = |millis: u64| UNIX_EPOCH + Duration::from_millis(1_000_000_000_000 + millis);
        let of = |begin: u64, end: u64| Timing::draw(at(begin), at(end), 0.5);
        let (short, long) = (of(40_000, 60_100), of(0, 60_000));
        assert!(short.advertised_end > long.advertised_end);
        assert!(short.outlasts(&long) && !long.outlasts(&short));
        // Who ends a second later lasts longer, whatever is shown.
        let later = of(0, 61_500);
        assert!(later.outlasts(&short) && !short.outlasts(&later));
        assert!(!long.outlasts(&long));
    }

    #[test]
    fn an_hour() {
        assert_eq!(moments(3600, 0.5), [1800.0, 1008.0, 120.0, 120.0].map(|x: f64| x));
        assert!((moments(3600, 0.0)[0] - 1692.0).abs() < 0.01);
        assert!((moments(3600, 1.0)[0] - 1908.0).abs() < 0.01);
    }

    #[test]
    fn twelve_hours_and_a_quarter() {
        assert_eq!(moments(43_200, 0.0), [4200.0, 1020.0, 120.0, 120.0]);
        assert_eq!(moments(43_200, 1.0)[0], 4800.0);
        assert_eq!(moments(900, 1.0)[0], 450.0);
    }

    #[test]
    fn an_hour_never_shows_an_sdk_less_than_25_minutes() {
        for draw in [0.0, 0.3, 1.0] {
            let [renew, _, advertised, _] = moments(3600, draw);
            assert!(renew - advertised >= 25.0 * MINUTE);
        }
    }

    proptest::proptest! {
        #[test]
        fn the_moments_come_in_order(lifetime in 1_u64..200_000, draw in 0.0_f64..=1.0) {
            let [renew, wait, advertised, serve] = moments(lifetime, draw);
            proptest::prop_assert!(renew >= wait && wait >= serve, "{renew} {wait} {serve}");
            proptest::prop_assert!(wait >= advertised && serve >= advertised && advertised >= 0.0);
        }
    }
}

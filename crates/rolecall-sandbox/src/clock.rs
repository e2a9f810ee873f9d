//! The sandbox's two clocks.
//!
//! The wall clock judges signatures and dates answers: it must be the one real SDKs run on. The session clock judges
//! when sessions end, and can be moved. Both follow [`Clock::set_skew`], because a client whose clock is wrong sees every
//! time of the server shifted.
#![expect(
    clippy::disallowed_methods,
    reason = "the one place in this crate that reads the clock; everything else asks this module"
)]

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

#[derive(Debug, Default)]
pub(crate) struct Clock {
    skew_seconds: AtomicI64,
    advanced_millis: AtomicU64,
}

impl Clock {
    /// The time that signatures are judged by and that the Date header shows.
    pub(crate) fn wall(&self) -> SystemTime {
        let skew = self.skew_seconds.load(Ordering::Relaxed);
        let by = Duration::from_secs(skew.unsigned_abs());
        if skew < 0 { now() - by } else { now() + by }
    }

    /// The time that sessions are judged by.
    pub(crate) fn session(&self) -> SystemTime {
        self.wall() + Duration::from_millis(self.advanced_millis.load(Ordering::Relaxed))
    }

    pub(crate) fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.advanced_millis.fetch_add(millis, Ordering::Relaxed);
    }

    pub(crate) fn set_skew(&self, seconds: i64) {
        self.skew_seconds.store(seconds, Ordering::Relaxed);
    }
}

/// The machine's own time.
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// The machine's date, so many days on.
pub(crate) fn date(days: i64) -> jiff::civil::Date {
    let by = jiff::Span::new().hours(days * 24);
    let then = timestamp(now()).checked_add(by).unwrap_or_default();
    jiff::tz::TimeZone::UTC.to_datetime(then).date()
}

fn timestamp(time: SystemTime) -> jiff::Timestamp {
    jiff::Timestamp::try_from(time).unwrap_or_default()
}

/// `2026-05-01T12:00:00Z`, as AWS writes times in XML and conditions read them.
pub(crate) fn iso8601(time: SystemTime) -> String {
    timestamp(time).strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// `20260501T120000Z`, as signatures have it.
pub(crate) fn basic(time: SystemTime) -> String {
    timestamp(time).strftime("%Y%m%dT%H%M%SZ").to_string()
}

/// `Fri, 01 May 2026 12:00:00 GMT`, as the Date header has it.
pub(crate) fn http_date(time: SystemTime) -> String {
    timestamp(time).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

/// Reads what [`basic`] writes.
pub(crate) fn parse_basic(text: &str) -> Option<SystemTime> {
    let civil = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let timestamp = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    // The format is fixed in width; `strptime` alone would take fewer digits.
    if text.len() == 16 {
        timestamp.try_into().ok()
    } else {
        None
    }
}

/// Reads a Date header.
pub(crate) fn parse_http_date(text: &str) -> Option<SystemTime> {
    let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
    zoned.timestamp().try_into().ok()
}

/// Seconds since the epoch, as `aws:EpochTime` has them.
pub(crate) fn epoch_seconds(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

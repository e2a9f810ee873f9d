//! Times as text.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;

/// `2026-01-01T00:00:00Z`: UTC, whole seconds rounded down, the one form that every SDK reads.
pub fn rfc3339(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    Timestamp::from_second(i64::try_from(seconds).unwrap_or(i64::MAX))
        .unwrap_or(Timestamp::MAX)
        .to_string()
}

/// A time as RFC 3339 has it, with `Z` or an offset.
pub fn parsed(text: &str) -> Option<SystemTime> {
    let time: Timestamp = text.trim().parse().ok()?;
    let since = u64::try_from(time.as_millisecond()).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_millis(since))
}

/// A time in microseconds since 1970, as processes tell each other; before that it is 0.
pub fn micros(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

/// The time of so many microseconds since 1970. Beyond what a clock can hold it is 1970: what ends then has ended.
pub fn from_micros(micros: u64) -> SystemTime {
    UNIX_EPOCH
        .checked_add(Duration::from_micros(micros))
        .unwrap_or(UNIX_EPOCH)
}

/// A time in whole seconds, rounded down.
pub(crate) fn whole_seconds(time: SystemTime) -> SystemTime {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

/// A span as a person says it: `59 min`, `1 h 5 min`, `40 s`.
pub fn spoken(span: Duration) -> String {
    let seconds = span.as_secs();
    match (seconds / 3600, seconds % 3600 / 60, seconds % 60) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) if m < 5 => format!("{m} min {s} s"),
        (0, m, _) => format!("{m} min"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc_whole_seconds() {
        let time = UNIX_EPOCH + Duration::from_millis(1_767_225_600_999);
        assert_eq!(rfc3339(time), "2026-01-01T00:00:00Z");
        assert_eq!(rfc3339(whole_seconds(time)), "2026-01-01T00:00:00Z");
    }

    #[test]
    fn microseconds_come_back() {
        let time = UNIX_EPOCH + Duration::from_micros(1_767_225_600_123_456);
        assert_eq!(from_micros(micros(time)), time);
        assert_eq!(micros(UNIX_EPOCH - Duration::from_secs(1)), 0);
    }

    #[test]
    fn spans() {
        for (seconds, text) in [
            (40, "40 s"),
            (125, "2 min 5 s"),
            (3599, "59 min"),
            (3600, "1 h"),
            (3900, "1 h 5 min"),
        ] {
            assert_eq!(spoken(Duration::from_secs(seconds)), text);
        }
    }
}

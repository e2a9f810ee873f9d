//! How far STS's clock is from ours, read from the `Date` of its answers.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_sts::config::ConfigBag;
use aws_sdk_sts::config::RuntimeComponents;
use aws_sdk_sts::config::interceptors::{
    BeforeDeserializationInterceptorContextRef, BeforeTransmitInterceptorContextRef,
};
use aws_sdk_sts::error::BoxError;
use aws_smithy_async::time::TimeSource;
use aws_smithy_types::date_time::Format;

use crate::host::Host;

/// Below this the difference is the `Date` header's own coarseness and the way of the answer.
const LEAST: i64 = 10;

/// A request that was longer on its way says nothing about the clocks: a machine that slept, or a date that was old.
const LONGEST_WAY: Duration = Duration::from_secs(15 * 60);

/// Measures during one call: server's time less ours, in seconds; 0 for less than ten. What it measures is the host's
/// from then on, so that the next client signs by it at once.
#[derive(Clone, Debug)]
pub(super) struct SkewMeter(Arc<State>);

#[derive(Debug)]
struct State {
    host: Host,
    corrects: bool,
    sent_at: Mutex<Option<SystemTime>>,
    seconds: AtomicI64,
}

/// What requests are signed on: the system's clock, set right by what AWS's answers said last.
///
/// The correction is the one that was known when the client was made: within one operation the SDK corrects its own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corrected {
    seconds: i64,
}

impl TimeSource for Corrected {
    fn now(&self) -> SystemTime {
        moved(crate::host::wall_clock(), self.seconds)
    }
}

fn moved(time: SystemTime, seconds: i64) -> SystemTime {
    let span = Duration::from_secs(seconds.unsigned_abs());
    let moved = if seconds > 0 {
        time.checked_add(span)
    } else {
        time.checked_sub(span)
    };
    moved.unwrap_or(time)
}

impl SkewMeter {
    /// As the environment has it: `AWS_DISABLE_CLOCK_SKEW_CORRECTION`.
    pub(super) fn new(host: &Host) -> Self {
        let disabled = host.env("AWS_DISABLE_CLOCK_SKEW_CORRECTION");
        Self::correcting(
            host,
            !disabled.is_some_and(|value| value.trim().eq_ignore_ascii_case("true")),
        )
    }

    /// With or without signing by what was measured.
    pub(super) fn correcting(host: &Host, corrects: bool) -> Self {
        Self(Arc::new(State {
            corrects,
            seconds: AtomicI64::new(host.skew().seconds()),
            host: host.clone(),
            sent_at: Mutex::new(None),
        }))
    }

    /// Whether requests are signed by what was measured.
    pub(super) fn corrects(&self) -> bool {
        self.0.corrects
    }

    /// What a client signs its requests on.
    pub(super) fn time_source(&self) -> Corrected {
        Corrected {
            seconds: if self.0.corrects {
                self.0.host.skew().seconds()
            } else {
                0
            },
        }
    }

    /// The server's time less ours, in seconds.
    pub(super) fn seconds(&self) -> i64 {
        self.0.seconds.load(Ordering::Relaxed)
    }

    /// Says once that the clock is so far off that AWS refuses what other programs sign.
    pub(super) fn warn(&self) {
        /// AWS takes 15 minutes; from 5 on a clock is wrong, not imprecise.
        const WRONG: u64 = 300;
        let skew = self.seconds();
        if skew.unsigned_abs() >= WRONG && self.0.host.skew().is_to_be_told() {
            let span = crate::time::spoken(Duration::from_secs(skew.unsigned_abs()));
            let way = if skew > 0 { "behind" } else { "ahead of" };
            tracing::warn!(
                "this machine's clock is {span} {way} AWS's: corrected for here, but other programs will be refused. \
                 Set the clock (`timedatectl set-ntp true`; in WSL `hwclock -s`)."
            );
        }
    }

    /// A moment of the server's clock, on ours.
    pub(super) fn to_local(&self, server: SystemTime) -> SystemTime {
        moved(server, -self.seconds())
    }
}

#[aws_smithy_runtime_api::client::interceptors::dyn_dispatch_hint]
impl aws_sdk_sts::config::Intercept for SkewMeter {
    fn name(&self) -> &'static str {
        "SkewMeter"
    }

    fn read_before_transmit(
        &self,
        _context: &BeforeTransmitInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        *self.0.sent_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(self.0.host.wall_clock());
        Ok(())
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let headers = context.response().headers();
        let sent_at = *self.0.sent_at.lock().unwrap_or_else(PoisonError::into_inner);
        // An answer with an `Age` comes from a cache, and its date is old.
        let (Some(date), None, Some(sent_at)) = (headers.get("date"), headers.get("age"), sent_at) else {
            return Ok(());
        };
        if let Some(skew) = by_date(date, sent_at, self.0.host.wall_clock()) {
            self.0.seconds.store(skew, Ordering::Relaxed);
            self.0.host.skew().learn(skew);
        }
        Ok(())
    }
}

/// The same as [`measured`], of a `Date` as HTTP writes it. None of what is no date, too.
pub(super) fn by_date(date: &str, sent_at: SystemTime, received_at: SystemTime) -> Option<i64> {
    let date = aws_smithy_types::DateTime::from_str(date, Format::HttpDate).ok()?;
    measured(date.secs(), sent_at, received_at)
}

/// The server's time less the middle of the way, in seconds. None where the way was too long, or our clock was set on it.
fn measured(date: i64, sent_at: SystemTime, received_at: SystemTime) -> Option<i64> {
    let way = received_at.duration_since(sent_at).ok()?;
    if way > LONGEST_WAY {
        return None;
    }
    let middle = (sent_at + way / 2).duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let skew = date.checked_sub(i64::try_from(middle.as_secs()).ok()?)?;
    Some(if skew.abs() < LEAST { 0 } else { skew })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_is_the_date_less_the_middle_of_the_way() {
        let at = |seconds| SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        for (date, sent, received, expected) in [
            (10_000, 10_000, 10_000, Some(0)),
            (10_009, 10_000, 10_000, Some(0)),
            (10_010, 10_000, 10_000, Some(10)),
            (9_980, 10_000, 10_000, Some(-20)),
            (10_100, 10_000, 10_100, Some(50)),
            (10_450, 10_000, 10_900, Some(0)),
            (10_000, 10_000, 10_901, None),
            // Our clock was set back while the answer was on its way.
            (10_000, 10_000, 9_999, None),
            (i64::MIN, 10_000, 10_000, None),
        ] {
            assert_eq!(
                measured(date, at(sent), at(received)),
                expected,
                "{date} {sent} {received}"
            );
        }
    }

    #[test]
    fn what_is_measured_is_the_hosts() {
        let host = Host::builder().build();
        host.skew().learn(1200);
        let ahead = SkewMeter::new(&host)
            .time_source()
            .now()
            .duration_since(crate::host::wall_clock());
        assert!(ahead.is_ok_and(|ahead| ahead > Duration::from_secs(1190)));
        assert_eq!(SkewMeter::new(&host).seconds(), 1200);
        let off = SkewMeter::correcting(&host, false);
        assert!(off.time_source().now() <= crate::host::wall_clock());
        // Sessions' ends are told in local terms whether or not requests are signed by it.
        let now = crate::host::wall_clock();
        assert_eq!(off.to_local(now), now - Duration::from_secs(1200));
        let told: Vec<_> = (0..3).map(|_| host.skew().is_to_be_told()).collect();
        assert_eq!(told, [true, false, false]);
        for (value, corrects) in [("true", false), ("TRUE", false), ("false", true), ("1", true)] {
            let host = Host::builder()
                .env("AWS_DISABLE_CLOCK_SKEW_CORRECTION", value)
                .build();
            assert_eq!(SkewMeter::new(&host).corrects(), corrects, "{value}");
        }
    }
}

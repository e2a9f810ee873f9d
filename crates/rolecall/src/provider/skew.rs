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
use aws_smithy_types::date_time::Format;

use crate::host::Host;

/// Below this the difference is the `Date` header's own coarseness and the way of the answer.
const LEAST: i64 = 10;

/// Measures during one call: server's time less ours, in seconds; 0 for less than ten.
#[derive(Clone, Debug)]
pub(super) struct SkewMeter(Arc<State>);

#[derive(Debug)]
struct State {
    host: Host,
    sent_at: Mutex<Option<SystemTime>>,
    seconds: AtomicI64,
}

impl SkewMeter {
    pub(super) fn new(host: &Host) -> Self {
        Self(Arc::new(State {
            host: host.clone(),
            sent_at: Mutex::new(None),
            seconds: AtomicI64::new(0),
        }))
    }

    /// The server's time less ours, in seconds.
    pub(super) fn seconds(&self) -> i64 {
        self.0.seconds.load(Ordering::Relaxed)
    }

    /// Says so when the clock is so far off that AWS refuses what other programs sign. The SDK corrects our own requests.
    pub(super) fn warn(&self) {
        /// AWS takes 15 minutes; from 5 on a clock is wrong, not imprecise.
        const WRONG: u64 = 300;
        let skew = self.seconds();
        if skew.unsigned_abs() >= WRONG {
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
        let span = Duration::from_secs(self.seconds().unsigned_abs());
        let moved = if self.seconds() > 0 {
            server.checked_sub(span)
        } else {
            server.checked_add(span)
        };
        moved.unwrap_or(server)
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
        let Ok(date) = aws_smithy_types::DateTime::from_str(date, Format::HttpDate) else {
            return Ok(());
        };
        let received_at = self.0.host.wall_clock();
        let seconds = |time: SystemTime| {
            time.duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(0))
        };
        let skew = date.secs() - (seconds(sent_at) + seconds(received_at)) / 2;
        self.0
            .seconds
            .store(if skew.abs() < LEAST { 0 } else { skew }, Ordering::Relaxed);
        Ok(())
    }
}

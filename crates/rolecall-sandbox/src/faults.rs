//! Faults on demand.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::api::Refusal;
use crate::service::Service;

/// Something that goes wrong, though nobody did anything wrong.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// Credentials that ended a minute ago.
    AlreadyExpired,
    /// An answer that comes this much later.
    Delay(Duration),
    /// Credentials that end 30 hours from now, whatever was asked for.
    ExpiresTooLate,
    /// 200 with a body that is no XML.
    Garbage,
    /// No answer, ever; the connection stays open.
    Hang,
    /// `AssumedRoleUser` in another account.
    OtherAccount,
    /// `AssumedRoleUser` of another role.
    OtherRole,
    /// `AssumedRoleUser` with another session name.
    OtherSessionName,
    /// The connection is reset.
    Reset,
    /// 500 `InternalFailure`.
    ServerError,
    /// 400 `Throttling`, as AWS sends it (S3: 503 `SlowDown`).
    Throttle,
    /// A good answer, cut in half.
    TruncatedXml,
    /// 503 `ServiceUnavailable`.
    Unavailable,
}

impl Fault {
    /// The refusal that stands for the whole answer, where the fault is one.
    pub(crate) fn refusal(self, service: Service) -> Option<Refusal> {
        match (self, service) {
            (Self::Throttle, Service::S3) => {
                Some(Refusal::new(503, "SlowDown", "Please reduce your request rate."))
            }
            (Self::Throttle, _) => Some(Refusal::new(400, "Throttling", "Rate exceeded")),
            (Self::ServerError, Service::S3) => Some(Refusal::new(
                500,
                "InternalError",
                "We encountered an internal error. Please try again.",
            )),
            (Self::ServerError, _) => Some(Refusal::new(
                500,
                "InternalFailure",
                "The request processing has failed because of an unknown error, exception or failure.",
            )),
            (Self::Unavailable, _) => Some(Refusal::new(
                503,
                "ServiceUnavailable",
                "The request has failed due to a temporary failure of the server.",
            )),
            _ => None,
        }
    }
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<(Fault, String, usize)>>);

impl Faults {
    pub(crate) fn inject(&self, fault: Fault, operation: &str, times: usize) {
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        planned.push((fault, operation.to_owned(), times));
    }

    /// The fault of this call, in the order they were injected; `*` is any operation.
    pub(crate) fn take(&self, operation: &str) -> Option<Fault> {
        let mut planned = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let next = planned
            .iter_mut()
            .find(|(_, wanted, times)| *times > 0 && (wanted == operation || wanted == "*"))?;
        next.2 -= 1;
        let fault = next.0;
        planned.retain(|(_, _, times)| *times > 0);
        Some(fault)
    }
}

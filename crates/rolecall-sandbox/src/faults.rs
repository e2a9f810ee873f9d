//! Faults on demand.

use std::fmt;
use std::str::FromStr;
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
    /// The call is done, and the connection is reset before its answer.
    LostAnswer,
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
    /// As each service sends it: 400 `Throttling` (S3: 503 `SlowDown`, SNS: 429 `Throttled`, Identity Center and
    /// Organizations: `TooManyRequestsException`; instance metadata: 503, containers: 429 `ThrottlingException`).
    Throttle,
    /// A good answer, cut in half.
    TruncatedXml,
    /// 503 `ServiceUnavailable`.
    Unavailable,
    /// The access key that CreateAccessKey makes is not known yet to the next so many calls that it signs: IAM is
    /// eventually consistent.
    UnknownKey(u32),
}

impl Fault {
    /// The name of every fault that has one alone; [`Fault::Delay`] is `delay=TIME`, [`Fault::UnknownKey`] `unknown-key=CALLS`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// The refusal that stands for the whole answer, where the fault is one.
    pub(crate) fn refusal(self, service: Service) -> Option<Refusal> {
        match (self, service) {
            (Self::Throttle, Service::S3) => {
                Some(Refusal::new(503, "SlowDown", "Please reduce your request rate."))
            }
            (Self::Throttle, Service::Sns) => Some(Refusal::new(429, "Throttled", "Rate exceeded")),
            (Self::Throttle, Service::Oidc) => Some(
                Refusal::new(400, "SlowDownException", "Rate exceeded")
                    .with("error", "slow_down")
                    .with("error_description", "Rate exceeded"),
            ),
            (Self::Throttle, Service::Sso) => {
                Some(Refusal::new(429, "TooManyRequestsException", "Rate exceeded"))
            }
            // "503 - Service Unavailable" is what throttled instances see; the agents of containers say 429.
            (Self::Throttle, Service::Instance) => {
                Some(Refusal::new(503, "Service Unavailable", "Rate exceeded"))
            }
            (Self::Throttle, Service::Container) => {
                Some(Refusal::new(429, "ThrottlingException", "Rate exceeded"))
            }
            (Self::Throttle, Service::Organizations) => {
                Some(Refusal::new(400, "TooManyRequestsException", "Rate exceeded"))
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

/// Every fault by the name that a person gives it.
const NAMES: [(&str, Fault); 13] = [
    ("already-expired", Fault::AlreadyExpired),
    ("expires-too-late", Fault::ExpiresTooLate),
    ("garbage", Fault::Garbage),
    ("hang", Fault::Hang),
    ("lost-answer", Fault::LostAnswer),
    ("other-account", Fault::OtherAccount),
    ("other-role", Fault::OtherRole),
    ("other-session-name", Fault::OtherSessionName),
    ("reset", Fault::Reset),
    ("server-error", Fault::ServerError),
    ("throttle", Fault::Throttle),
    ("truncated-xml", Fault::TruncatedXml),
    ("unavailable", Fault::Unavailable),
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Delay(by) = self {
            return write!(f, "delay={}ms", by.as_millis());
        }
        if let Self::UnknownKey(calls) = self {
            return write!(f, "unknown-key={calls}");
        }
        let name = NAMES.iter().find(|(_, fault)| fault == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some((_, fault)) = NAMES.iter().find(|(name, _)| *name == text) {
            return Ok(*fault);
        }
        if let Some(by) = text.strip_prefix("delay=") {
            return duration(by)
                .map(Self::Delay)
                .ok_or_else(|| format!("`{by}` is no delay: write 250ms or 2s, an hour at most"));
        }
        if let Some(calls) = text.strip_prefix("unknown-key=") {
            return calls
                .parse()
                .map(Self::UnknownKey)
                .map_err(|_| format!("`{calls}` is no number of calls"));
        }
        let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        Err(format!(
            "`{text}` is no fault: there are delay=TIME, unknown-key=CALLS, {}",
            names.join(", ")
        ))
    }
}

fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s')?, 1000),
    };
    let millis = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (millis <= 3_600_000).then(|| Duration::from_millis(millis))
}

/// A fault, the operation it meets, and how often: `AssumeRole:throttle:3`, `*:delay=250ms`, `GetObject:reset:always`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PlannedFault {
    /// What goes wrong.
    pub fault: Fault,
    /// The name of an operation, or `*` for any.
    pub operation: String,
    /// How many calls it meets; `None` is every one from now on.
    pub times: Option<usize>,
}

impl FromStr for PlannedFault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut parts = text.split(':');
        let (operation, fault, times) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
        let named = operation == "*"
            || (!operation.is_empty() && operation.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        let (true, Some(fault), None) = (named, fault, parts.next()) else {
            return Err(format!(
                "`{text}` is no planned fault: write OPERATION:FAULT[:TIMES], as in AssumeRole:throttle:3"
            ));
        };
        let times = match times {
            None => Some(1),
            Some("always") => None,
            Some(times) => Some(
                times
                    .parse()
                    .ok()
                    .filter(|times| *times > 0)
                    .ok_or_else(|| format!("`{times}` is not how often: a number from 1, or `always`"))?,
            ),
        };
        Ok(Self {
            fault: fault.parse()?,
            operation: operation.to_owned(),
            times,
        })
    }
}

/// The faults still to come.
#[derive(Debug, Default)]
pub(crate) struct Faults(Mutex<Vec<PlannedFault>>);

impl Faults {
    pub(crate) fn plan(&self, fault: PlannedFault) {
        self.planned().push(fault);
    }

    pub(crate) fn clear(&self) {
        self.planned().clear();
    }

    pub(crate) fn all(&self) -> Vec<PlannedFault> {
        self.planned().clone()
    }

    /// The fault of this call, in the order they were planned.
    pub(crate) fn take(&self, operation: &str) -> Option<Fault> {
        let mut planned = self.planned();
        let at = planned
            .iter()
            .position(|plan| plan.operation == "*" || plan.operation.eq_ignore_ascii_case(operation))?;
        let plan = planned.get_mut(at)?;
        let fault = plan.fault;
        if let Some(times) = &mut plan.times {
            *times -= 1;
            if *times == 0 {
                planned.remove(at);
            }
        }
        Some(fault)
    }

    fn planned(&self) -> std::sync::MutexGuard<'_, Vec<PlannedFault>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_planned_in_words() {
        for (name, fault) in NAMES {
            assert_eq!(name.parse::<Fault>().unwrap(), fault);
            assert_eq!(fault.to_string(), name);
        }
        let plan = |text: &str| text.parse::<PlannedFault>();
        for (text, operation, fault, times) in [
            ("AssumeRole:throttle:3", "AssumeRole", Fault::Throttle, Some(3)),
            ("*:delay=2s", "*", Fault::Delay(Duration::from_secs(2)), Some(1)),
            ("GetObject:reset:always", "GetObject", Fault::Reset, None),
            (
                "CreateAccessKey:unknown-key=3",
                "CreateAccessKey",
                Fault::UnknownKey(3),
                Some(1),
            ),
        ] {
            let planned = plan(text).unwrap();
            assert_eq!(
                (planned.operation.as_str(), planned.fault, planned.times),
                (operation, fault, times)
            );
        }
        for (text, word) in [
            ("", "OPERATION"),
            ("throttle", "OPERATION"),
            ("a:b:c:d", "OPERATION"),
            ("AssumeRole:explode", "other-role"),
            ("AssumeRole:delay=2", "250ms"),
            ("CreateAccessKey:unknown-key=few", "number of calls"),
            ("AssumeRole:delay=99999999999999999999s", "250ms"),
            ("AssumeRole:throttle:0", "always"),
            ("AssumeRole:throttle:-1", "always"),
        ] {
            let sentence = plan(text).unwrap_err().to_string();
            assert!(sentence.contains(word), "{text}: {sentence}");
        }
    }

    #[test]
    fn each_call_meets_the_first_fault_planned_for_it() {
        let faults = Faults::default();
        for text in ["AssumeRole:throttle:2", "*:reset", "GetObject:hang:always"] {
            faults.plan(text.parse().unwrap());
        }
        let met = |operation| faults.take(operation);
        assert_eq!(met("assumerole"), Some(Fault::Throttle));
        assert_eq!(met("GetObject"), Some(Fault::Reset));
        assert_eq!(met("GetObject"), Some(Fault::Hang));
        assert_eq!(met("AssumeRole"), Some(Fault::Throttle));
        assert_eq!(met("AssumeRole"), None);
        assert_eq!(met("GetObject"), Some(Fault::Hang));
        assert_eq!(faults.all().len(), 1);
        faults.clear();
        assert_eq!(met("GetObject"), None);
    }
}

//! What was asked of a sandbox, without a secret in it.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use rolecall::policy::Mismatch;

/// How many calls are kept; the counts go on.
const KEPT: usize = 10_000;
/// The longest text that is kept, in bytes.
const LONGEST: usize = 4096;

/// One call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// `sts`, `iam`, `s3`, `sns`, `organizations`, `sso`, `sso-oidc`, `signin`, `instance`, `container`, `sandbox`.
    pub service: &'static str,
    /// The id in the answer.
    pub request_id: String,
    /// The operation, as in `AssumeRole`.
    pub operation: String,
    /// Who signed it, where the signature was good.
    pub principal: Option<String>,
    /// The HTTP status of the answer; 0 where a fault left none.
    pub status: u16,
    /// The error code of the answer.
    pub code: Option<String>,
    /// The message that came with the code.
    pub message: Option<String>,
    /// What the answer keeps to itself, as AWS does: that a role is not there.
    pub untold: Option<String>,
    /// Every decision that was made for it, in order.
    pub decided: Vec<Decided>,
    /// When, on the server's wall clock.
    pub at: SystemTime,
}

/// A decision: who wanted to do what, and which statement let them or did not.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Decided {
    /// The ARN of the one who asked.
    pub principal: String,
    /// As in `sts:AssumeRole`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// The outcome and its grounds.
    pub verdict: rolecall::policy::Verdict,
    /// Where no statement allowed it, those that nearly did.
    pub near_misses: Vec<rolecall::policy::NearMiss>,
}

impl Call {
    /// Leaves of every text that clients write no more than a person reads, because the record holds thousands of calls.
    fn cut(&mut self) {
        if let Some(message) = &mut self.message {
            cut(message);
        }
        for miss in self
            .decided
            .iter_mut()
            .flat_map(|decided| &mut decided.near_misses)
        {
            for mismatch in &mut miss.because {
                if let Mismatch::Condition {
                    found: Some(found), ..
                } = mismatch
                {
                    found.iter_mut().for_each(cut);
                }
            }
        }
    }
}

fn cut(text: &mut String) {
    if let Some(end) = (LONGEST..text.len()).find(|end| text.is_char_boundary(*end)) {
        text.truncate(end);
        text.push('…');
    }
}

/// Who is told of every call as soon as it is answered.
pub(crate) type Observer = Arc<dyn Fn(&Call) + Send + Sync>;

#[derive(Default)]
pub(crate) struct Log {
    kept: Mutex<(VecDeque<Call>, BTreeMap<String, usize>)>,
    observer: Option<Observer>,
}

impl Log {
    pub(crate) fn new(observer: Option<Observer>) -> Self {
        Self {
            observer,
            ..Self::default()
        }
    }

    pub(crate) fn record(&self, mut call: Call) {
        call.cut();
        tracing::debug!(
            service = call.service,
            operation = %call.operation,
            principal = call.principal.as_deref().unwrap_or("-"),
            status = call.status,
            code = call.code.as_deref().unwrap_or("-"),
            "call"
        );
        if let Some(observer) = &self.observer {
            observer(&call);
        }
        let mut log = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Operations are called as clients please: those that come after ten thousand others are not counted.
        if log.1.len() < KEPT || log.1.contains_key(&call.operation) {
            *log.1.entry(call.operation.clone()).or_default() += 1;
        }
        if log.0.len() == KEPT {
            log.0.pop_front();
        }
        log.0.push_back(call);
    }

    pub(crate) fn all(&self) -> Vec<Call> {
        let log = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        log.0.iter().cloned().collect()
    }

    /// How often each operation was called.
    pub(crate) fn counts(&self) -> BTreeMap<String, usize> {
        let log = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        log.1.clone()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        let log = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        log.1.get(operation).copied().unwrap_or_default()
    }
}

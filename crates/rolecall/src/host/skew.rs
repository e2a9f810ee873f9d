//! How far AWS's clock is from this machine's.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

/// AWS's time less ours, as the last answer said. Every call of a host measures it, and every call is signed by it, so a
/// wrong clock costs one refused request and not one for each client.
#[derive(Debug, Default)]
pub(crate) struct Skew {
    seconds: AtomicI64,
    told: AtomicBool,
}

impl Skew {
    /// In seconds; 0 where nothing has been measured.
    pub(crate) fn seconds(&self) -> i64 {
        self.seconds.load(Ordering::Relaxed)
    }

    /// Takes a new measure, one of 0 too: a clock that was set right is right.
    pub(crate) fn learn(&self, seconds: i64) {
        self.seconds.store(seconds, Ordering::Relaxed);
    }

    /// Whether a person has still to be told. True once.
    pub(crate) fn is_to_be_told(&self) -> bool {
        !self.told.swap(true, Ordering::Relaxed)
    }
}

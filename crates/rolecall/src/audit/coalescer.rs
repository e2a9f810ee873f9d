//! Many serves of one session to one user, told in few records.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::{Log, Record};
use crate::session::Session;

/// How often a count is written while it goes on.
const EVERY: Duration = Duration::from_secs(60);

/// For a server that serves one user of it: the first serve of a session is written at once, the others are counted and
/// written once a minute, and when this is dropped, so that a busy server does not write a line for each request.
#[derive(Debug)]
pub struct Coalescer {
    log: Log,
    /// By access key id. What has ended is let go once a minute.
    counts: Mutex<HashMap<String, Count>>,
}

#[derive(Debug)]
struct Count {
    record: Record,
    /// Serves that no record tells of yet.
    untold: u64,
    told_at: SystemTime,
}

impl Coalescer {
    /// Counts for this log.
    pub fn new(log: Log) -> Self {
        Self {
            log,
            counts: Mutex::default(),
        }
    }

    /// `session` was handed over; `record` says so, and is made when it is the first time.
    pub fn served(&self, session: &Session, record: impl FnOnce() -> Record) {
        let Some(host) = self.log.host() else { return };
        let now = host.now();
        let access_key_id = session.credentials().access_key_id();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let tell = if let Some(count) = counts.get_mut(access_key_id) {
            count.untold += 1;
            count.due(now)
        } else {
            let record = record();
            let count = Count {
                record: record.clone(),
                untold: 0,
                told_at: now,
            };
            counts.insert(access_key_id.to_owned(), count);
            Some(record)
        };
        // Other requests need not wait for the disk.
        drop(counts);
        if let Some(record) = tell {
            self.log.note(&record);
        }
    }

    /// Writes every count that has waited for a minute.
    pub fn write_due(&self) {
        self.write_all(Count::due);
    }

    /// Writes every count there is.
    pub fn flush(&self) {
        self.write_all(Count::taken);
    }

    fn write_all(&self, take: impl Fn(&mut Count, SystemTime) -> Option<Record>) {
        let Some(host) = self.log.host() else { return };
        let now = host.now();
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let told: Vec<_> = counts.values_mut().filter_map(|count| take(count, now)).collect();
        // What has ended is served to nobody again.
        counts.retain(|_, count| count.record.is_current(now) || count.untold > 0);
        drop(counts);
        told.iter().for_each(|record| self.log.note(record));
    }
}

impl Drop for Coalescer {
    fn drop(&mut self) {
        self.flush();
    }
}

impl Count {
    fn due(&mut self, now: SystemTime) -> Option<Record> {
        // A clock that was set back tells of nothing: then it is written.
        let is_due = now
            .duration_since(self.told_at)
            .map_or(true, |since| since >= EVERY);
        if is_due { self.taken(now) } else { None }
    }

    fn taken(&mut self, now: SystemTime) -> Option<Record> {
        let untold = std::mem::take(&mut self.untold);
        self.told_at = now;
        (untold > 0).then(|| self.record.clone().count(untold))
    }
}

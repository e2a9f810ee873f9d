//! The audit log: who got which session when, in an append-only file whose records hang together by their hashes.
//!
//! Whoever does a thing writes its record: who mints, who serves, who refuses, who wipes. A record says who (process,
//! user, start, executable) and what (role, session name, access key id, AWS's request id), and never holds a secret: it
//! is made of typed parts. A log that cannot be written never stands in the way of credentials.
//!
//! ```no_run
//! use rolecall::audit::{Delivery, Log, Record, Who};
//! # fn example(host: &rolecall::Host, session: &rolecall::Session) {
//! let log = Log::of(host);
//! log.note(&Record::serve(session, &Who::current(), Delivery::Env).target("prod"));
//! # }
//! ```

mod chain;
mod coalescer;
mod record;
mod verify;

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use self::chain::{End, LONGEST_LINE, Link};
use crate::error::Error;
use crate::host::{Host, Journal};

pub use coalescer::Coalescer;
pub use record::{Delivery, Op, Record, Who};
pub use verify::{Break, Entry, History};

/// How long a writer waits for another one. It takes microseconds unless that one is stopped.
const PATIENCE: Duration = Duration::from_secs(1);

/// The audit log of one user. Cheap to make and to clone; nothing is opened before the first record.
#[derive(Clone, Default)]
pub struct Log(Option<Arc<Inner>>);

struct Inner {
    host: Host,
    journal: Journal,
    has_warned: AtomicBool,
    /// It was waited for in vain once; that is enough for one process.
    is_impatient: AtomicBool,
}

/// The end of a log in which the last record is looked for first, in bytes.
const SHORT_TAIL: u64 = 4 * 1024;

impl Log {
    /// The log in the host's folder for state; none with `ROLECALL_AUDIT=off`, and none where there is no such folder.
    pub fn of(host: &Host) -> Self {
        let is_off = host
            .env("ROLECALL_AUDIT")
            .is_some_and(|value| value.trim() == "off");
        let folder = host.state_dir().filter(|_| !is_off);
        Self(folder.map(|folder| {
            Arc::new(Inner {
                host: host.clone(),
                journal: Journal::new(folder, "audit"),
                has_warned: AtomicBool::new(false),
                is_impatient: AtomicBool::new(false),
            })
        }))
    }

    /// No log: what is written into it is gone.
    pub fn off() -> Self {
        Self(None)
    }

    /// Whether records are kept.
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Appends a record. A refusal and a wipe are on the disk when it returns; the others are with the kernel.
    ///
    /// # Errors
    /// Why there is no such record: the file is not ours alone, the disk is full, another process holds the lock. It is no
    /// reason to keep a session from anybody.
    pub fn write(&self, record: &Record) -> Result<(), Error> {
        match &self.0 {
            Some(inner) => inner.write(record),
            None => Ok(()),
        }
    }

    /// The same for who goes on whatever happens: that records are missing is told once.
    pub fn note(&self, record: &Record) {
        if let (Err(error), Some(inner)) = (self.write(record), &self.0)
            && !inner.has_warned.swap(true, Ordering::Relaxed)
        {
            let hints = error.hints().join(" ");
            tracing::warn!("{error}; what is done here is not recorded. {hints}");
        }
    }

    /// What the log holds; nothing where there is none.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] with the path of what is there and cannot be read, or is not ours alone.
    pub fn history(&self) -> Result<History, Error> {
        match &self.0 {
            Some(inner) => Ok(History::of(inner.journal.parts(PATIENCE)?)),
            None => Ok(History::of(Vec::new())),
        }
    }

    pub(crate) fn host(&self) -> Option<&Host> {
        self.0.as_ref().map(|inner| &inner.host)
    }
}

impl Inner {
    fn write(&self, record: &Record) -> Result<(), Error> {
        let patience = match self.is_impatient.load(Ordering::Relaxed) {
            true => Duration::ZERO,
            false => PATIENCE,
        };
        let mut appender = self.journal.appender(patience).inspect_err(|error| {
            let waited = error.kind() == crate::ErrorKind::Unavailable;
            self.is_impatient.fetch_or(waited, Ordering::Relaxed);
        })?;
        let mut append = || -> io::Result<()> {
            // A few records are enough, unless there is something else among them.
            let mut end = End::of(&appender.tail(SHORT_TAIL)?);
            if end.last.is_none() {
                end = End::of(&appender.tail(2 * LONGEST_LINE as u64)?);
            }
            // What is torn in a file that was put away stays there.
            let is_here = !appender.is_empty();
            let mut text = String::new();
            if is_here && end.wants_newline {
                text.push('\n');
            }
            let mut put = |record: &Record, last: &mut Option<Link>| {
                let seq = last.as_ref().map_or(0, |last| last.seq).saturating_add(1);
                let prev = last.as_ref().map(|last| last.hash.as_str());
                let (line, hash) = chain::sealed(&record.json(seq, self.host.now(), prev));
                text.push_str(&line);
                *last = Some(Link { seq, hash });
            };
            let repair = |what: String| Record::repair(what, &Who::current());
            if is_here && end.torn > 0 {
                appender.cut(end.torn)?;
                let what = format!("a record that was not whole was cut off ({} bytes)", end.torn);
                put(&repair(what), &mut end.last);
            }
            if end.has_strangers {
                let what = "there are lines before this one that are no records";
                put(&repair(what.to_owned()), &mut end.last);
            }
            put(record, &mut end.last);
            appender.rotate_if_full()?;
            appender.append(text.as_bytes())?;
            if record.op().is_synced() {
                appender.sync()?;
            }
            Ok(())
        };
        append().map_err(|error| {
            Error::new(
                crate::ErrorKind::Unavailable,
                format!("cannot write {}: {error}", self.journal.path().display()),
            )
            .with_hint("Check the free space there; ROLECALL_AUDIT=off does without the log.")
        })
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.0.as_ref().map(|inner| inner.journal.path());
        f.debug_tuple("Log").field(&path).finish()
    }
}

#[cfg(all(test, unix))]
mod tests;

//! One session that is kept.

use std::collections::VecDeque;
use std::time::{Duration, SystemTime};

use crate::agent::protocol::{About, Given, Holder, Want};
use crate::error::{Error, ErrorKind};
use crate::seal::{Seal, Sealed};
use crate::session::{Record, SessionKey, Timing};
use crate::time::micros;

/// How long somebody who was told to renew a session has, before somebody else is told.
const RENEWAL: Duration = Duration::from_secs(30);
/// Users remembered for each session.
const MOST_USERS: usize = 8;

pub(super) struct Entry {
    pub(super) about: About,
    pub(super) access_key_id: String,
    pub(super) timing: Timing,
    pub(super) issued_at: SystemTime,
    pub(super) expires_at: SystemTime,
    pub(super) sealed: Sealed,
    pub(super) renewals: u64,
    /// Until when nobody else is told to renew it.
    pub(super) renewal_told_until: Option<SystemTime>,
    pub(super) users: VecDeque<Holder>,
}

impl Entry {
    pub(super) fn is_no_help(&self, want: &Want) -> bool {
        want.not.as_ref() == Some(&self.access_key_id)
    }

    pub(super) fn open(&self, seal: &Seal, key: SessionKey) -> Result<Record, Error> {
        let text = seal.open(&self.sealed, &about_seal(key, self.expires_at))?;
        serde_json::from_slice(&text)
            .map_err(|_| Error::new(ErrorKind::Internal, "a kept session cannot be read"))
    }

    /// The session, for one who is not told to renew it.
    pub(super) fn shown(&self, seal: &Seal, key: SessionKey) -> Result<Given, Error> {
        Ok(Given::as_it_is(self.open(seal, key)?))
    }

    /// The session, with the word to renew it where its time has come and nobody else was given that word.
    pub(super) fn given(&mut self, seal: &Seal, key: SessionKey, now: SystemTime) -> Result<Given, Error> {
        let record = self.open(seal, key)?;
        // A clock that was set back would make half a minute of it hours.
        let is_told = self
            .renewal_told_until
            .and_then(|until| until.duration_since(now).ok())
            .is_some_and(|left| !left.is_zero() && left <= RENEWAL);
        let is_yours_to_renew = !self.timing.is_fresh(now) && !is_told;
        if is_yours_to_renew {
            self.renewal_told_until = Some(now + RENEWAL);
        }
        Ok(Given {
            record,
            is_yours_to_renew,
        })
    }

    pub(super) fn used_by(&mut self, holder: &Holder) {
        if holder.process.pid == 0 {
            return;
        }
        self.users.retain(|user| user.process.pid != holder.process.pid);
        if self.users.len() >= MOST_USERS {
            self.users.pop_front();
        }
        self.users.push_back(holder.clone());
    }
}

/// What a sealed session is bound to: another key's, or one with another end, does not open in its place.
pub(super) fn about_seal(key: SessionKey, expires_at: SystemTime) -> Vec<u8> {
    format!("session v1 {key} {}", micros(expires_at)).into_bytes()
}

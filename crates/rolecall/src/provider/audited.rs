//! What is done is told to the audit log.

use super::{Inner, Provider};
use crate::audit::{Delivery, Log, Record, Who};
use crate::error::Error;
use crate::session::Session;

/// Where records go, and what they say of the way.
#[derive(Clone, Debug)]
pub(super) struct Audited {
    pub(super) log: Log,
    pub(super) delivery: Delivery,
}

impl Provider {
    /// Records that a session was handed over, where there is a log.
    pub fn served(&self, session: &Session) {
        if let Some(audited) = &self.0.audited {
            audited.log.note(&self.serve_record(session, &Who::current()));
        }
    }

    /// The record that this provider's session was handed to `who`.
    pub fn serve_record(&self, session: &Session, who: &Who) -> Record {
        let delivery = self
            .0
            .audited
            .as_ref()
            .map_or(Delivery::Library, |it| it.delivery);
        self.0
            .described(self.0.slots.len() - 1, Record::serve(session, who, delivery))
    }

    /// The audit log; one that keeps nothing where none was given.
    pub fn audit_log(&self) -> Log {
        self.0
            .audited
            .as_ref()
            .map_or_else(Log::off, |audited| audited.log.clone())
    }
}

impl Inner {
    /// Records what came of getting the session of one slot.
    pub(super) fn told(&self, at: usize, outcome: Result<Session, Error>) -> Result<Session, Error> {
        if let Some(Audited { log, delivery }) = self.audited.as_ref().filter(|it| it.log.is_on()) {
            let who = Who::current();
            let record = match &outcome {
                Ok(session) => Record::mint(session, &who, *delivery),
                Err(error) => Record::refuse(error, &who, *delivery),
            };
            log.note(&self.described(at, record));
        }
        outcome
    }

    fn described(&self, at: usize, record: Record) -> Record {
        let own = usize::from(self.chain.own.is_some());
        let record = record
            .target(&self.chain.target.to_string())
            .session_key(self.slots[at].key());
        let Some(role) = at.checked_sub(own).and_then(|hop| self.chain.roles.get(hop)) else {
            return record;
        };
        let record = record
            .role(&role.arn)
            .session_name(role.session_name.value.as_str());
        match &role.source_identity {
            Some(identity) => record.source_identity(identity.value.as_str()),
            None => record,
        }
    }
}

//! The sessions of a chain, handed to another process of this user that goes on with them.

use std::fmt;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::Provider;
use crate::chain::MfaStrategy;
use crate::session::{Record, Session, SessionKey};

/// The sessions of a provider's chain. They hold secrets: what they are sent through has looked at the other side.
#[derive(Clone, Default, Deserialize, Serialize)]
pub struct Handover(Vec<(SessionKey, Record)>);

impl Provider {
    /// The sessions there are, for a provider of the same target in another process.
    pub fn hand_over(&self) -> Handover {
        let now = self.0.host.now();
        let slots = self.0.slots.iter();
        Handover(
            slots
                .filter_map(|slot| Some((slot.key(), slot.valid(now)?.record())))
                .collect(),
        )
    }

    /// Takes the sessions of this provider's chain that end later than what it has. Whatever does not fit is passed over.
    pub fn take_over(&self, handover: &Handover) {
        let now = self.0.host.now();
        for (at, slot) in self.0.slots.iter().enumerate() {
            let given = handover.0.iter().find(|(key, _)| *key == slot.key());
            let session = given.and_then(|(_, record)| Session::from_record(record));
            if let Some(session) = session.filter(|session| self.0.fits(at, session)) {
                slot.succeed(session, now);
            }
        }
    }

    /// The end of the session that a person proved their device for, once it is near enough for a renewal to be waited for:
    /// then they are asked again. `None` where it is not near, or nobody will be asked.
    pub fn person_is_needed_at(&self) -> Option<SystemTime> {
        let chain = &self.0.chain;
        let mfa = chain.mfa.as_ref().filter(|mfa| mfa.process.is_none())?;
        let at = match mfa.strategy {
            MfaStrategy::Session => 0,
            MfaStrategy::Direct => usize::from(chain.own.is_some()),
        };
        let now = self.0.host.now();
        let session = self.0.slots.get(at)?.valid(now)?;
        session.is_worth_waiting(now).then(|| session.expires_at())
    }
}

impl fmt::Debug for Handover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Handover").field(&self.0.len()).finish()
    }
}

//! When keys and roles were last used, and where.

use std::collections::HashMap;
use std::time::SystemTime;

use super::{Actor, State};
use crate::sigv4::Verified;

/// One use.
pub(crate) struct Use {
    pub(crate) at: SystemTime,
    /// As credential scopes have it.
    pub(crate) service: &'static str,
    pub(crate) region: String,
}

/// The last use of every long-term key and of every role.
#[derive(Default)]
pub(crate) struct Usage {
    /// By access key id.
    keys: HashMap<String, Use>,
    /// By unique id.
    roles: HashMap<String, Use>,
}

impl Usage {
    pub(crate) fn key_used(&mut self, id: &str, at: SystemTime, service: &'static str, region: &str) {
        used(&mut self.keys, id, at, service, region);
    }

    pub(crate) fn role_used(&mut self, unique_id: &str, at: SystemTime, service: &'static str, region: &str) {
        used(&mut self.roles, unique_id, at, service, region);
    }

    pub(crate) fn of_key(&self, id: &str) -> Option<&Use> {
        self.keys.get(id)
    }

    pub(crate) fn of_role(&self, unique_id: &str) -> Option<&Use> {
        self.roles.get(unique_id)
    }

    pub(crate) fn forget_key(&mut self, id: &str) {
        self.keys.remove(id);
    }

    pub(crate) fn forget_role(&mut self, unique_id: &str) {
        self.roles.remove(unique_id);
    }
}

/// Every request comes here, so that nothing is copied where nothing changes.
fn used(uses: &mut HashMap<String, Use>, id: &str, at: SystemTime, service: &'static str, region: &str) {
    match uses.get_mut(id) {
        Some(last) => {
            last.at = at;
            last.service = service;
            if last.region != region {
                region.clone_into(&mut last.region);
            }
        }
        None => {
            let region = region.to_owned();
            uses.insert(id.to_owned(), Use { at, service, region });
        }
    }
}

impl State {
    /// Remembers that a request was signed: with which long-term key, or by a session of which role.
    pub(crate) fn used(&mut self, verified: &Verified, service: &'static str, at: SystemTime) {
        match (&verified.caller.session, &verified.caller.actor) {
            // A key that deleted itself is not remembered.
            (None, _) if !self.keys.contains_key(&verified.access_key_id) => {}
            (None, _) => {
                self.usage
                    .key_used(&verified.access_key_id, at, service, &verified.region);
            }
            (Some(session), Actor::Role { .. }) => {
                self.usage
                    .role_used(&session.unique_id, at, service, &verified.region);
            }
            (Some(_), _) => {}
        }
    }
}

//! The copies of what was read: where a statement stands, and what is put in its place.

use super::Mending;
use crate::discover::{Held, Part};
use crate::policy::{Document, Matched, PolicyKind};

impl Mending<'_> {
    /// The policy of a statement.
    pub(super) fn document(&self, matched: &Matched) -> Option<Document> {
        let held = self.asked_held(matched);
        match matched.kind {
            PolicyKind::Trust => self.trust.clone(),
            _ => held.map(|held| held.document.clone()),
        }
    }

    fn asked_held(&self, matched: &Matched) -> Option<&Held> {
        let holdings = &self.holdings;
        let has_id = |held: &&Held| held.id == matched.policy;
        match matched.kind {
            PolicyKind::Identity => holdings.policies.iter().find(has_id),
            PolicyKind::Boundary => match &holdings.boundary {
                Part::Read(boundary) => boundary.as_ref(),
                Part::Unread => None,
            },
            PolicyKind::Session => match &holdings.session {
                Some(Part::Read(held)) => held.iter().find(has_id),
                _ => None,
            },
            PolicyKind::ServiceControl => match &holdings.service_control {
                Part::Read(Some(levels)) => levels.iter().flatten().find(has_id),
                _ => None,
            },
            _ => None,
        }
    }

    /// Puts a changed document in the place of the one that it was.
    pub(super) fn put(&mut self, matched: &Matched, document: Document) -> bool {
        let holdings = &mut self.holdings;
        let has_id = |held: &&mut Held| held.id == matched.policy;
        let held = match matched.kind {
            PolicyKind::Trust => {
                self.trust = Some(document);
                return true;
            }
            PolicyKind::Identity => holdings.policies.iter_mut().find(has_id),
            PolicyKind::Boundary => match &mut holdings.boundary {
                Part::Read(boundary) => boundary.as_mut(),
                Part::Unread => None,
            },
            PolicyKind::Session => match &mut holdings.session {
                Some(Part::Read(held)) => held.iter_mut().find(has_id),
                _ => None,
            },
            PolicyKind::ServiceControl => match &mut holdings.service_control {
                Part::Read(Some(levels)) => levels.iter_mut().flatten().find(has_id),
                _ => None,
            },
            _ => None,
        };
        match held {
            Some(held) => {
                held.document = document;
                true
            }
            None => false,
        }
    }
}

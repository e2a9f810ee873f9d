//! What the endpoint hands out: each grant with its id, the digest of its token, and its answer rendered once.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use subtle::ConstantTimeEq as _;

use super::answer::Credentials;
use super::token::{self, Digest};
use super::{Grant, Secret};
use crate::error::Error;
use crate::session::Session;

/// Every grant of an endpoint, and the one authority it answers to.
pub(super) struct Grants {
    authority: String,
    entries: RwLock<Vec<Arc<Entry>>>,
}

/// One grant.
pub(super) struct Entry {
    id: String,
    token: Digest,
    pub(super) grant: Arc<dyn Grant>,
    rendered: Mutex<Option<Rendered>>,
}

/// An answer and the session it is of.
struct Rendered {
    access_key_id: String,
    advertised_end: SystemTime,
    answer: Arc<Credentials>,
}

impl Grants {
    pub(super) fn new(authority: String) -> Self {
        Self {
            authority,
            entries: RwLock::default(),
        }
    }

    /// `127.0.0.1:PORT`, the only `Host` that is answered.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn add(&self, grant: Arc<dyn Grant>) -> Result<(String, Secret), Error> {
        let (id, token) = (token::new_id()?, token::new_token()?);
        let entry = Entry {
            id: id.clone(),
            token: Digest::of(token.expose().as_bytes()),
            grant,
            rendered: Mutex::default(),
        };
        self.entries
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::new(entry));
        Ok((id, token))
    }

    /// The grant that `token` opens. All are compared, so that the time says nothing about which one it was.
    pub(super) fn opened_by(&self, token: &[u8]) -> Option<Arc<Entry>> {
        let presented = Digest::of(token);
        let mut opened = None;
        for entry in &*self.entries.read().unwrap_or_else(PoisonError::into_inner) {
            if bool::from(entry.token.matches(&presented)) {
                opened = Some(Arc::clone(entry));
            }
        }
        opened
    }

    /// Wipes every rendered answer.
    pub(super) fn forget_answers(&self) {
        for entry in &*self.entries.read().unwrap_or_else(PoisonError::into_inner) {
            *entry.rendered.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

impl Entry {
    /// Whether a path asks for this grant. Only the token's own grant is ever asked, so no other id can be probed.
    pub(super) fn is_at(&self, path: &str) -> bool {
        path.strip_prefix('/')
            .is_some_and(|id| bool::from(id.as_bytes().ct_eq(self.id.as_bytes())))
    }

    /// The answer with `session`, rendered once for each; the one before is wiped when its last reader is done.
    pub(super) fn answer(&self, session: &Session) -> Arc<Credentials> {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        let access_key_id = session.credentials().access_key_id();
        if let Some(rendered) = &*rendered
            && rendered.access_key_id == access_key_id
            && rendered.advertised_end == session.advertised_end()
        {
            return Arc::clone(&rendered.answer);
        }
        let answer = Arc::new(Credentials::of(session));
        *rendered = Some(Rendered {
            access_key_id: access_key_id.to_owned(),
            advertised_end: session.advertised_end(),
            answer: Arc::clone(&answer),
        });
        answer
    }
}

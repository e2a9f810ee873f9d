//! What the endpoint hands out: each grant with its id, the digest of its token, and its answer rendered once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::SystemTime;

use subtle::ConstantTimeEq as _;

use super::answer::Credentials;
use super::gates::Refusal;
use super::token::{self, Digest};
use super::{Grant, Secret};
use crate::error::Error;
use crate::session::Session;

/// How many withdrawn tokens are still told from wrong ones. Of more, the oldest become wrong tokens.
const MOST_WITHDRAWN: usize = 1024;

/// Every grant of an endpoint, and the one authority it answers to.
pub(super) struct Grants {
    authority: String,
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    entries: Vec<Arc<Entry>>,
    /// A shell that still holds the pointers of a withdrawn grant is no guesser, and is not treated as one.
    withdrawn: VecDeque<Digest>,
}

/// One grant.
pub(super) struct Entry {
    id: String,
    token: Digest,
    label: String,
    pub(super) outlet: Arc<Outlet>,
}

/// Where sessions come out: a grant, and its answer.
pub(super) struct Outlet {
    pub(super) grant: Arc<dyn Grant>,
    rendered: Mutex<State>,
}

#[derive(Default)]
enum State {
    #[default]
    Empty,
    Rendered(Rendered),
    Withdrawn,
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
            table: RwLock::default(),
        }
    }

    /// `127.0.0.1:PORT`, the only `Host` that is answered.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn add(&self, label: String, grant: Arc<dyn Grant>) -> Result<(String, Secret), Error> {
        let (id, token) = (token::new_id()?, token::new_token()?);
        let entry = Entry {
            id: id.clone(),
            token: Digest::of(token.expose().as_bytes()),
            label,
            outlet: Outlet::new(grant),
        };
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.entries.push(Arc::new(entry));
        Ok((id, token))
    }

    /// Takes a grant back and wipes its answer; whether there was one.
    pub(super) fn withdraw(&self, id: &str) -> bool {
        let entry = {
            let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
            let Some(at) = table.entries.iter().position(|entry| entry.id == id) else {
                return false;
            };
            let entry = table.entries.remove(at);
            if table.withdrawn.len() == MOST_WITHDRAWN {
                table.withdrawn.pop_front();
            }
            table.withdrawn.push_back(entry.token);
            entry
        };
        entry.outlet.withdraw();
        true
    }

    /// Id and label of every grant, the oldest first.
    pub(super) fn list(&self) -> Vec<(String, String)> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let named = |entry: &Arc<Entry>| (entry.id.clone(), entry.label.clone());
        table.entries.iter().map(named).collect()
    }

    /// The grant that `token` opens. All are compared, so that the time says nothing about which one it was.
    pub(super) fn opened_by(&self, token: &[u8]) -> Result<Arc<Entry>, Refusal> {
        let presented = Digest::of(token);
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        let mut opened = Err(Refusal::Token);
        for withdrawn in &table.withdrawn {
            if bool::from(withdrawn.matches(&presented)) {
                opened = Err(Refusal::Unknown);
            }
        }
        for entry in &table.entries {
            if bool::from(entry.token.matches(&presented)) {
                opened = Ok(Arc::clone(entry));
            }
        }
        opened
    }

    /// Wipes every rendered answer.
    pub(super) fn forget_answers(&self) {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.entries.iter().for_each(|entry| entry.outlet.forget());
    }
}

impl Entry {
    /// Whether a path asks for this grant. Only the token's own grant is ever asked, so no other id can be probed.
    pub(super) fn is_at(&self, path: &str) -> bool {
        path.strip_prefix('/')
            .is_some_and(|id| bool::from(id.as_bytes().ct_eq(self.id.as_bytes())))
    }
}

impl Outlet {
    pub(super) fn new(grant: Arc<dyn Grant>) -> Arc<Self> {
        Arc::new(Self {
            grant,
            rendered: Mutex::default(),
        })
    }

    /// The answer with `session`, rendered once for each; the one before is wiped when its last reader is done. None
    /// once the grant has been withdrawn, also to a request that was under way by then.
    pub(super) fn answer(&self, session: &Session) -> Option<Arc<Credentials>> {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        let access_key_id = session.credentials().access_key_id();
        match &*rendered {
            State::Withdrawn => return None,
            State::Rendered(rendered)
                if rendered.access_key_id == access_key_id
                    && rendered.advertised_end == session.advertised_end() =>
            {
                return Some(Arc::clone(&rendered.answer));
            }
            State::Rendered(_) | State::Empty => {}
        }
        let answer = Arc::new(Credentials::of(session));
        *rendered = State::Rendered(Rendered {
            access_key_id: access_key_id.to_owned(),
            advertised_end: session.advertised_end(),
            answer: Arc::clone(&answer),
        });
        Some(answer)
    }

    /// Wipes the answer. The next request has it rendered again.
    pub(super) fn forget(&self) {
        let mut rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        if !matches!(*rendered, State::Withdrawn) {
            *rendered = State::Empty;
        }
    }

    /// Wipes the answer, and has no other ever again.
    pub(super) fn withdraw(&self) {
        *self.rendered.lock().unwrap_or_else(PoisonError::into_inner) = State::Withdrawn;
    }

    pub(super) fn is_withdrawn(&self) -> bool {
        let rendered = self.rendered.lock().unwrap_or_else(PoisonError::into_inner);
        matches!(*rendered, State::Withdrawn)
    }
}

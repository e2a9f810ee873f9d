//! Long-term keys, sessions, and whom they act as.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use rolecall::AccountId;
use rolecall::policy::{Document, Principal};

/// A long-term key of a user or of an account's root user.
pub(crate) struct AccessKey {
    pub(crate) account: AccountId,
    pub(crate) actor: Actor,
    pub(crate) secret: String,
    pub(crate) active: bool,
    pub(crate) created: SystemTime,
    /// How many of its calls do not know it yet.
    pub(crate) unknown_to: AtomicU32,
}

impl AccessKey {
    /// Whether the call that it signs now knows it: the first ones may not, as far as a fault has it so.
    pub(crate) fn is_known(&self) -> bool {
        let one_less = |calls: u32| calls.checked_sub(1);
        self.unknown_to
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_less)
            .is_err()
    }

    /// Whether it is a key of this user.
    pub(crate) fn is_of(&self, account: AccountId, user: &str) -> bool {
        self.account == account && matches!(&self.actor, Actor::User(name) if name == user)
    }
}

/// Whom a key acts as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Actor {
    /// A session of GetFederationToken: `user` called it, and named the session `name`. A root user has no name.
    Federated {
        user: String,
        name: String,
    },
    Role {
        name: String,
        session_name: String,
    },
    Root,
    User(String),
}

impl Actor {
    /// Whether a root user made this session by GetFederationToken.
    pub(crate) fn is_federated_by_root(&self) -> bool {
        matches!(self, Self::Federated { user, .. } if user.is_empty())
    }
}

/// Temporary credentials and everything that holds them to less than their role or user.
pub(crate) struct Session {
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) account: AccountId,
    pub(crate) actor: Actor,
    pub(crate) issued: SystemTime,
    pub(crate) expires: SystemTime,
    /// Session policies and their names; `None` where none were given.
    pub(crate) policies: Option<Vec<(String, Document)>>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive: Vec<String>,
    pub(crate) source_identity: Option<String>,
    /// The unique id of the user or role at the time, so that one made anew is not the old one.
    pub(crate) unique_id: String,
    /// When a code of an MFA device was given for it; only GetSessionToken's sessions carry it on.
    pub(crate) mfa: Option<SystemTime>,
    /// The provider whose token it was made from (`aws:FederatedProvider`).
    pub(crate) federated_provider: Option<String>,
    /// Whether other temporary credentials signed for it ("Role chaining").
    pub(crate) chained: bool,
}

/// Who signed a request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) actor: Actor,
    pub(crate) principal: Principal,
    /// What GetCallerIdentity calls `UserId`.
    pub(crate) user_id: String,
    /// `None` for long-term keys.
    pub(crate) session: Option<Arc<Session>>,
}

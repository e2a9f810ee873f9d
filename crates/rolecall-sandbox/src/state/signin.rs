//! Who is signed in to the console, and who may sign in.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Caller, Session};

/// Less than this is not worth a look.
const FORGET_AT: usize = 1024;

/// Sign-in tokens and console sessions.
#[derive(Default)]
pub(crate) struct SignIns {
    /// By sign-in token.
    pub(crate) tokens: HashMap<String, SignInToken>,
    /// By the cookie's value.
    pub(crate) consoles: HashMap<String, Console>,
    /// How much there may be of both before it is looked through.
    forget_at: usize,
}

/// What a sign-in token stands for.
pub(crate) struct SignInToken {
    pub(crate) access_key_id: String,
    pub(crate) session: Arc<Session>,
    /// When the token itself is no longer taken.
    pub(crate) expires: SystemTime,
    /// How long the console session is to last; as long as the credentials, where nobody said.
    pub(crate) seconds: Option<u64>,
}

/// Somebody's console.
pub(crate) struct Console {
    pub(crate) caller: Caller,
    pub(crate) expires: SystemTime,
}

impl SignIns {
    /// Forgets what is over, each time there is twice as much as was left.
    pub(crate) fn forget(&mut self, now: SystemTime) {
        if self.tokens.len() + self.consoles.len() < self.forget_at {
            return;
        }
        self.tokens.retain(|_, token| now < token.expires);
        self.consoles.retain(|_, console| now < console.expires);
        self.forget_at = FORGET_AT.max((self.tokens.len() + self.consoles.len()) * 2);
    }
}

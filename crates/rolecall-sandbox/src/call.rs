//! One call, and what a service needs to answer it.

use std::cell::RefCell;
use std::ops::Deref;

use rolecall::policy::Context;

use crate::api::{Incoming, Params, Refusal};
use crate::authorization_message::Messages;
use crate::authz::{self, Wish};
use crate::calls::Decided;
use crate::clock::Clock;
use crate::faults::Fault;
use crate::service::Service;
use crate::sigv4::Verified;
use crate::state::State;

/// What every call has, signed or not.
pub(crate) struct Open<'a> {
    pub(crate) service: Service,
    pub(crate) incoming: &'a Incoming,
    pub(crate) params: &'a Params,
    pub(crate) clock: &'a Clock,
    /// `http://127.0.0.1:PORT` or `https://…`, where this sandbox answers.
    pub(crate) endpoint: &'a str,
    /// How long sessions really last, where that was set.
    pub(crate) session_seconds: Option<u64>,
    pub(crate) fault: Option<Fault>,
    pub(crate) request_id: &'a str,
    /// Every decision that was made for it, in order.
    pub(crate) decided: &'a RefCell<Vec<Decided>>,
    /// What the answer keeps to itself and an explanation does not.
    pub(crate) untold: &'a RefCell<Option<String>>,
    /// Why calls were refused, for those who may know.
    pub(crate) messages: &'a Messages,
}

/// A call whose signature is good.
pub(crate) struct Call<'a> {
    pub(crate) open: &'a Open<'a>,
    pub(crate) verified: &'a Verified,
}

impl<'a> Deref for Call<'a> {
    type Target = Open<'a>;

    fn deref(&self) -> &Open<'a> {
        self.open
    }
}

impl Call<'_> {
    /// The condition keys of the call, before the service adds its own.
    pub(crate) fn context(&self, state: &State) -> Context {
        authz::context(self, state)
    }

    /// Decides, remembers the decision, and words a refusal as the service does.
    pub(crate) fn authorize(&self, state: &State, wish: &Wish<'_>, context: &Context) -> Result<(), Refusal> {
        authz::authorize(self, state, wish, context)
    }
}

//! Placeholder.

use super::source::Fetched;
use crate::chain::LoginSession;
use crate::error::Error;
use crate::host::Host;

pub(super) fn fetch(_host: &Host, login: &LoginSession) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {login:?}")).with_hint("Wait."))
}

//! Placeholder.

use crate::chain::{Role, TokenSource};
use crate::error::Error;
use crate::host::Host;
use crate::session::Session;

pub(super) async fn assume(_host: &Host, role: &Role, token: &TokenSource) -> Result<Session, Error> {
    Err(Error::config(format!("not built yet: {} {token:?}", role.arn)).with_hint("Wait."))
}

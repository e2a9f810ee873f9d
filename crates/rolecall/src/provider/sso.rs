//! Placeholder.

use super::source::Fetched;
use crate::chain::Sso;
use crate::error::Error;
use crate::host::Host;

pub(super) async fn fetch(_host: &Host, sso: &Sso) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {sso:?}")).with_hint("Wait."))
}

//! Placeholder.

use super::source::Fetched;
use crate::chain::Container;
use crate::error::Error;
use crate::host::Host;

pub(super) async fn fetch(_host: &Host, container: &Container) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {container:?}")).with_hint("Wait."))
}

//! Placeholder.

use super::source::Fetched;
use crate::chain::Metadata;
use crate::error::Error;
use crate::host::Host;

pub(super) async fn fetch(_host: &Host, metadata: &Metadata) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {metadata:?}")).with_hint("Wait."))
}

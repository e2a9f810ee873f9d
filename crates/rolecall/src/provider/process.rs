//! Placeholder.

use super::source::Fetched;
use crate::chain::Source;
use crate::command_line::CommandLine;
use crate::error::Error;
use crate::host::Host;

pub(super) async fn fetch(_host: &Host, source: &Source, command: &CommandLine) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {source} {command:?}")).with_hint("Wait."))
}

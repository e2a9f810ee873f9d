//! `rolecall console`.

use crate::cli::ConsoleArgs;
use crate::command_error::{CommandError, Ended};
use rolecall::Error;
use rolecall::Host;

pub(crate) fn run(_host: &Host, _args: ConsoleArgs) -> Result<Ended, CommandError> {
    Err(Error::config("not there yet").into())
}

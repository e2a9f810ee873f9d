//! `rolecall explain`.

use crate::cli::ExplainArgs;
use crate::command_error::{CommandError, Ended};
use rolecall::Error;
use rolecall::Host;

pub(crate) fn run(_host: &Host, _args: ExplainArgs) -> Result<Ended, CommandError> {
    Err(Error::config("not there yet").into())
}

//! `rolecall completion`.

use rolecall::Error;

use crate::cli::CompletionArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_args: &CompletionArgs) -> Result<Ended, CommandError> {
    Err(Error::config("not there yet").into())
}

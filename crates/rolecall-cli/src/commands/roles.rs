//! `rolecall roles`.

mod write;

use crate::cli::RolesArgs;
use crate::command_error::{CommandError, Ended};
use rolecall::Error;
use rolecall::Host;

pub(crate) fn run(_host: &Host, _args: RolesArgs) -> Result<Ended, CommandError> {
    Err(Error::config("not there yet").into())
}

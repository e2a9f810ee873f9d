//! `rolecall switch-role`.

use crate::cli::SwitchRoleArgs;
use crate::command_error::{CommandError, Ended};
use rolecall::Error;
use rolecall::Host;

pub(crate) fn run(_host: &Host, _args: SwitchRoleArgs) -> Result<Ended, CommandError> {
    Err(Error::config("not there yet").into())
}

//! `rolecall vault move`: keys to another backend.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultMoveArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultMoveArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

//! `rolecall vault add`: put a key into the vault.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultAddArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultAddArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

//! `rolecall vault list`: what is in the vault.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultListArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultListArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

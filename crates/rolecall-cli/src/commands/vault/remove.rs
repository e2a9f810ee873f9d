//! `rolecall vault remove`: take a key out of the vault.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultRemoveArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultRemoveArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

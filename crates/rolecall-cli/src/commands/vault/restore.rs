//! `rolecall vault restore`: put a file back as it was before an import.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultRestoreArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultRestoreArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

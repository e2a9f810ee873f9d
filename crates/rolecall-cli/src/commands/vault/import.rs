//! `rolecall vault import`: take keys out of the credentials file.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultImportArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultImportArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

//! `rolecall vault rotate`: a new key in the place of the old one.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::VaultRotateArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &VaultRotateArgs, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

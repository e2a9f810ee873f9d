//! `rolecall init`: the first five minutes.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::InitArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &InitArgs) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

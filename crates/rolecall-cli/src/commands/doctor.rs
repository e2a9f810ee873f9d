//! `rolecall doctor`: whether everything is as it should be.

use rolecall::{Error, ErrorKind, Host};

use crate::cli::DoctorArgs;
use crate::command_error::{CommandError, Ended};

pub(crate) fn run(_host: &Host, _args: &DoctorArgs) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

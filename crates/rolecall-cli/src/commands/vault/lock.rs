//! `rolecall vault lock` and `rolecall vault passphrase`: what opens the encrypted file.

use rolecall::{Error, ErrorKind, Host};

use crate::command_error::{CommandError, Ended};

/// Forgets what is unlocked.
pub(crate) fn run(_host: &Host, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

/// Chooses another passphrase.
pub(crate) fn change(_host: &Host, _json: bool) -> Result<Ended, CommandError> {
    Err(Error::new(ErrorKind::Internal, "this is not built yet").into())
}

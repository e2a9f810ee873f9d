//! Calls that carry an MFA code: whose device it is, where the code comes from, and that none is sent twice.

use std::future::Future;

use aws_credential_types::Credentials;

use super::role::Proof;
use crate::chain::{Chain, Mfa};
use crate::error::{Error, ErrorKind};
use crate::host::{Host, MfaQuestion};

/// Makes `call` with a code of the device. `credentials` are whose device it is, `purpose` what it is for, in words.
pub(super) async fn proved<T, F>(
    host: &Host,
    _chain: &Chain,
    mfa: &Mfa,
    _credentials: &Credentials,
    purpose: &str,
    call: impl Fn(Proof) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let Some(serial) = &mfa.serial else {
        return Err(
            Error::new(ErrorKind::NeedsUser, "no device is named").with_hint("Name one with --mfa-serial.")
        );
    };
    let serial = serial.value.as_str().to_owned();
    let code = host.person().mfa_code(&MfaQuestion {
        serial: serial.clone(),
        purpose: purpose.to_owned(),
        refused: None,
    })?;
    call(Proof { serial, code }).await
}

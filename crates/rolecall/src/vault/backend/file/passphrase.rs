//! The identity, and the passphrase it is wrapped under.

use std::iter;
use std::path::Path;

use age::secrecy::{ExposeSecret as _, SecretString};
use age::x25519::Identity;

use super::{IdentityText, damaged};
use crate::error::{Error, ErrorKind};
use crate::host::{Host, SecretQuestion};

/// 2^18 rounds of scrypt: 256 MiB and about a second (OWASP asks for 2^17 at least).
const WORK: u8 = 18;
/// More than this is not tried: a file that somebody changed must not cost minutes and all memory.
const MOST_WORK: u8 = 20;
/// How often a passphrase is asked for.
const TRIES: usize = 3;
const WHAT: &str = "the passphrase of rolecall's vault";

/// The identity in that file, by the person's passphrase; where there is none, a new one under a new passphrase.
pub(super) fn unlock(host: &Host, path: &Path) -> Result<IdentityText, Error> {
    let Some(wrapped) = host.read_private(path)? else {
        return create(host, path);
    };
    let mut refused = None;
    for _ in 0..TRIES {
        let question = SecretQuestion {
            what: WHAT.to_owned(),
            refused: refused.take(),
            is_new: false,
        };
        let given = host.person().secret(&question)?;
        let mut by = age::scrypt::Identity::new(SecretString::from(given.expose().to_owned()));
        by.set_max_work_factor(MOST_WORK);
        match age::decrypt(&by, &wrapped) {
            Ok(text) => {
                let text = String::from_utf8(text).map_err(|_| damaged("its identity"))?;
                return Ok(SecretString::from(text));
            }
            Err(age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed) => {
                refused = Some("that is not the passphrase".to_owned());
            }
            Err(_) => {
                return Err(
                    damaged("its identity").with_hint("Put `identity.age` back from a backup of your own.")
                );
            }
        }
    }
    Err(
        Error::new(ErrorKind::NeedsUser, format!("none of {TRIES} was {WHAT}")).with_hint(
            "Nobody can open the vault without it. If it is lost, remove the vault's folder and add the keys again: make new ones in the IAM console.",
        ),
    )
}

fn create(host: &Host, path: &Path) -> Result<IdentityText, Error> {
    let question = SecretQuestion {
        what: WHAT.to_owned(),
        refused: None,
        is_new: true,
    };
    let given = host.person().secret(&question)?;
    let text = Identity::generate().to_string();
    let mut by = age::scrypt::Recipient::new(SecretString::from(given.expose().to_owned()));
    by.set_work_factor(WORK);
    let fail = |error: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Internal,
            format!("the identity was not encrypted: {error}"),
        )
    };
    let wrapped = age::Encryptor::with_recipients(iter::once(&by as &dyn age::Recipient))
        .map_err(|error| fail(&error))
        .and_then(|encryptor| {
            let mut out = Vec::new();
            let mut writer = encryptor.wrap_output(&mut out).map_err(|error| fail(&error))?;
            std::io::Write::write_all(&mut writer, text.expose_secret().as_bytes())
                .map_err(|error| fail(&error))?;
            writer.finish().map_err(|error| fail(&error))?;
            Ok(out)
        })?;
    host.write_private_bytes(path, &wrapped)?;
    Ok(text)
}

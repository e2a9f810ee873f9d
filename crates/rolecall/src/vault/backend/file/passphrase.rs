//! The identity, and the passphrase it is wrapped under.
//!
//! A passphrase is the bytes of the text that was given (UTF-8), nothing taken away and nothing made the same: as `age` has
//! it. Two ways to write one letter are two passphrases.

use std::io::Write as _;
use std::iter;
use std::str::FromStr as _;

use age::DecryptError;
use age::secrecy::SecretString;
use age::x25519::Identity;

use super::{damaged, identity_text, open as open_sealed};
use crate::error::{Error, ErrorKind};
use crate::host::{Host, SecretQuestion};
use crate::secret::Secret;

/// 2^18 rounds of scrypt: 256 MiB and about a second (OWASP asks for 2^17 at least).
const WORK: u8 = 18;
/// More than this is not tried, a gigabyte and four times as long: a file that somebody changed must not cost minutes and
/// all memory.
const MOST_WORK: u8 = 20;
/// How often a passphrase is asked for.
const TRIES: usize = 3;
/// Whoever gets at the file can try a billion shorter ones.
const SHORT: usize = 12;
const WHAT: &str = "the passphrase of rolecall's vault";
const PREFIX: &str = "AGE-SECRET-KEY-1";

/// An identity that was just made.
pub(super) struct Made {
    pub(super) identity: Identity,
    pub(super) wrapped: Vec<u8>,
    /// What it is wrapped under.
    pub(super) passphrase: Secret,
}

/// The identity that was wrapped so, by the person's passphrase; `given` is tried before anybody is asked.
pub(super) fn open(host: &Host, wrapped: &[u8], given: Option<Secret>) -> Result<Identity, Error> {
    let (mut given, mut refused) = (given, None);
    let mut asked = 0;
    while asked < TRIES {
        let passphrase = match given.take() {
            Some(given) => given,
            None => {
                asked += 1;
                host.person().secret(&SecretQuestion {
                    what: WHAT.to_owned(),
                    refused: refused.take(),
                    is_new: false,
                })?
            }
        };
        match unwrap(wrapped, &passphrase) {
            Ok(identity) => return Ok(identity),
            Err(DecryptError::DecryptionFailed | DecryptError::KeyDecryptionFailed) => {
                refused = Some("that is not the passphrase".to_owned());
            }
            Err(DecryptError::ExcessiveWork { required, .. }) => {
                return Err(damaged(&format!(
                    "its identity, which asks for 2^{required} rounds and at most 2^{MOST_WORK} are done,"
                ))
                .with_hint("Somebody replaced `identity.age`: put it back from a backup of your own."));
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

/// A new identity, under a new passphrase.
pub(super) fn make(host: &Host) -> Result<Made, Error> {
    let passphrase = ask_new(host)?;
    let identity = Identity::generate();
    Ok(Made {
        wrapped: wrap(&identity, &passphrase)?,
        identity,
        passphrase,
    })
}

/// An identity, wrapped under a new passphrase.
pub(super) fn wrap_anew(host: &Host, identity: &Identity) -> Result<Vec<u8>, Error> {
    wrap(identity, &ask_new(host)?)
}

/// A new passphrase, which is not empty.
fn ask_new(host: &Host) -> Result<Secret, Error> {
    let mut refused = None;
    for _ in 0..TRIES {
        let given = host.person().secret(&SecretQuestion {
            what: WHAT.to_owned(),
            refused: refused.take(),
            is_new: true,
        })?;
        match given.expose().chars().count() {
            0 => refused = Some("an empty passphrase protects nothing".to_owned()),
            length => {
                if length < SHORT {
                    tracing::warn!(
                        "the passphrase has fewer than {SHORT} characters: who copies the vault's folder may guess it"
                    );
                }
                return Ok(given);
            }
        }
    }
    Err(
        Error::new(ErrorKind::NeedsUser, format!("{WHAT} was empty each time"))
            .with_hint("Nothing was changed. Take four or more words that only you put together."),
    )
}

/// Wraps an identity, and unwraps it again: with what cannot be unwrapped, every record would be lost.
fn wrap(identity: &Identity, passphrase: &Secret) -> Result<Vec<u8>, Error> {
    let fail = |error: &dyn std::fmt::Display| {
        Error::new(
            ErrorKind::Internal,
            format!("the identity was not encrypted: {error}"),
        )
        .with_hint("Nothing was changed. This is a bug of rolecall: please report it.")
    };
    let mut by = age::scrypt::Recipient::new(secret_string(passphrase));
    by.set_work_factor(WORK);
    let encryptor = age::Encryptor::with_recipients(iter::once(&by as &dyn age::Recipient))
        .map_err(|error| fail(&error))?;
    let mut wrapped = Vec::new();
    let mut writer = encryptor
        .wrap_output(&mut wrapped)
        .map_err(|error| fail(&error))?;
    let text = identity_text(identity);
    writer.write_all(&text).map_err(|error| fail(&error))?;
    writer.finish().map_err(|error| fail(&error))?;
    match unwrap(&wrapped, passphrase) {
        Ok(back) if *identity_text(&back) == *text => Ok(wrapped),
        _ => Err(fail(&"it was not the same again")),
    }
}

fn unwrap(wrapped: &[u8], passphrase: &Secret) -> Result<Identity, DecryptError> {
    let mut by = age::scrypt::Identity::new(secret_string(passphrase));
    by.set_max_work_factor(MOST_WORK);
    let text = open_sealed(&by, wrapped)?;
    // As `age-keygen` writes it: comments may stand above it.
    let lines = std::str::from_utf8(&text).map_err(|_| DecryptError::InvalidHeader)?;
    let line = lines.lines().map(str::trim).find(|line| line.starts_with(PREFIX));
    line.and_then(|line| Identity::from_str(line).ok())
        .ok_or(DecryptError::InvalidHeader)
}

/// Of its exact size, so that no copy stays behind where it is cut to it.
fn secret_string(passphrase: &Secret) -> SecretString {
    SecretString::from(passphrase.expose().to_owned())
}

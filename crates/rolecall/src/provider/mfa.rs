//! Calls that carry an MFA code: whose device it is, where the code comes from, and that none is sent twice.

mod lookup;
mod register;

use std::future::Future;

use aws_credential_types::Credentials;
use zeroize::Zeroizing;

use super::role::Proof;
use crate::chain::{Chain, Configured, Mfa};
use crate::command_line::CommandLine;
use crate::error::{Error, ErrorKind};
use crate::host::{Host, MfaQuestion};
use crate::secret::Secret;
use register::Device;

/// How many codes are sent before it is given up.
const MOST_CODES: usize = 3;
/// How often a person is asked, what was typed wrong included.
const MOST_QUESTIONS: usize = 8;

/// Makes `call` with a code of the device. `credentials` are whose device it is, `purpose` what it is for, in words.
///
/// The device is held from before the question to after AWS's answer: what else wants a code of it waits, in every
/// process of this user.
pub(super) async fn proved<T, F>(
    host: &Host,
    chain: &Chain,
    mfa: &Mfa,
    credentials: &Credentials,
    purpose: &str,
    call: impl Fn(Proof) -> F,
) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    let serial = match &mfa.serial {
        Some(serial) => {
            lookup::usable(serial.value.as_str())
                .map_err(|error| error.with_hint(format!("It stands in {}.", serial.origin)))?;
            serial.value.as_str().to_owned()
        }
        None => lookup::device(host, chain, mfa, credentials).await?,
    };
    let mut question = MfaQuestion {
        serial: serial.clone(),
        purpose: purpose.to_owned(),
        refused: None,
    };
    if mfa.process.is_none() {
        can_be_asked(host, &question).await?;
    }
    let mut device = Device::hold(host, &serial, purpose).await?;
    device.shows_another("this device's code has been used").await;
    let (mut sent, mut last) = (0, None);
    for _ in 0..MOST_QUESTIONS {
        let code = match &mfa.process {
            Some(command) => printed(host, command).await?,
            None => match tidy(asked(host, &question).await.map_err(Error::after_asking)?) {
                Some(code) => code,
                None => {
                    question.refused = Some("a code is six digits".to_owned());
                    continue;
                }
            },
        };
        if device.knows(&code) {
            // The step it was used in may be over here, and not yet on the device.
            device.spend(&code)?;
            device.shows_another("this code has been used").await;
            question.refused = Some("that code had been used already".to_owned());
            continue;
        }
        device.spend(&code)?;
        sent += 1;
        let proof = Proof {
            serial: serial.clone(),
            code,
        };
        match call(proof).await {
            Err(error) if is_wrong_code(&error) => {
                // A person may have mistyped what the device still shows; a command prints the same until it turns.
                match mfa.process {
                    Some(_) if sent < MOST_CODES => {
                        device.shows_another("AWS did not take the code").await;
                    }
                    Some(_) => {}
                    None => device.was_refused(),
                }
                question.refused = Some("AWS did not take that code".to_owned());
                last = Some(error);
                if sent == MOST_CODES {
                    break;
                }
            }
            outcome => return outcome,
        }
    }
    if mfa.serial.is_none() {
        lookup::forget(host, credentials);
    }
    Err(given_up(&serial, sent, last, mfa.process.as_ref()).after_asking())
}

/// Whether AWS called the code wrong, and not something else of the call.
fn is_wrong_code(error: &Error) -> bool {
    error.aws_code() == Some("AccessDenied") && error.to_string().contains("invalid MFA one time pass code")
}

fn given_up(
    serial: &str,
    sent: usize,
    last: Option<Error>,
    process: Option<&Configured<CommandLine>>,
) -> Error {
    // Not a refusal that is remembered for a while: the next code may be right.
    let error = match sent {
        0 => Error::new(ErrorKind::NeedsUser, format!("no code of {serial} was given")),
        1 => Error::new(
            ErrorKind::NeedsUser,
            format!("AWS did not take the code of {serial}"),
        ),
        _ => Error::new(
            ErrorKind::NeedsUser,
            format!("AWS took none of {sent} codes of {serial}"),
        ),
    };
    let error = match process {
        Some(command) => error.with_hint(format!(
            "Check that `{}` ({}) prints the codes of this very device.",
            command.value, command.origin
        )),
        None => error.with_hint("Check that it is this device's entry in the authenticator that was read."),
    };
    let error = error.with_hint(
        "AWS refuses like this too when the device is another user's, and when the clock of the device is off: IAM's \"resync\" sets it right.",
    );
    match last {
        Some(last) => error.with_aws(last.aws_code(), last.request_id()),
        None => error,
    }
}

async fn can_be_asked(host: &Host, question: &MfaQuestion) -> Result<(), Error> {
    let (person, question) = (host.person(), question.clone());
    blocking(move || person.can_be_asked(&question)).await
}

async fn asked(host: &Host, question: &MfaQuestion) -> Result<Secret, Error> {
    let (person, question) = (host.person(), question.clone());
    let _asking = host.asking(format!(
        "an MFA code of {} for {}",
        question.serial, question.purpose
    ));
    blocking(move || person.mfa_code(&question)).await
}

/// Runs what may wait for a person on a thread of its own: the runtime's are others' too.
pub(crate) async fn blocking<T: Send + 'static>(
    ask: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<T, Error> {
    match tokio::task::spawn_blocking(ask).await {
        Ok(answer) => answer,
        Err(error) => Err(
            Error::new(ErrorKind::Internal, format!("the question was lost: {error}"))
                .with_hint("This is a bug of rolecall: please report it."),
        ),
    }
}

/// Six digits, whatever blanks people and programs put between and around them.
fn tidy(given: Secret) -> Option<Secret> {
    let digits: Zeroizing<String> = Zeroizing::new(
        given
            .expose()
            .chars()
            .filter(|c| !c.is_whitespace())
            .take(7)
            .collect(),
    );
    let is_code = digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then(|| Secret::new(digits.to_string()))
}

/// The code that the profile's command prints.
async fn printed(host: &Host, command: &Configured<CommandLine>) -> Result<Secret, Error> {
    let what = format!("mfa_process ({})", command.origin);
    let mut output = super::process::run(
        host,
        &command.value,
        &what,
        &command.origin,
        super::process::DEADLINE,
    )
    .await?;
    tidy(Secret::new(std::mem::take(&mut *output))).ok_or_else(|| {
        Error::config(format!(
            "`{}` ({}) printed something else than a code of six digits",
            command.value, command.origin
        ))
        .with_hint("Run it by hand: it has to print the code on stdout, and nothing else.")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_six_digits_whatever_stands_around_them() {
        let tidied = |text: &str| tidy(Secret::new(text.to_owned())).map(|code| code.expose().to_owned());
        for good in ["123456", " 123 456\r\n", "1\t2 3 4 5 6", "123\u{a0}456"] {
            assert_eq!(tidied(good).as_deref(), Some("123456"), "{good:?}");
        }
        for bad in [
            "",
            "12345",
            "1234567",
            "12345x",
            "１２３４５６",
            "\u{1b}[31m123456",
            "-12345",
        ] {
            assert_eq!(tidied(bad), None, "{bad:?}");
        }
        assert_eq!(tidied(&"1".repeat(1_000_000)), None);
    }
}

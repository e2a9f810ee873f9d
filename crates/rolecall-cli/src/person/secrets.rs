//! Secrets that are no codes: passphrases and keys. They are asked for as codes are, and never shown.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall::host::SecretQuestion;
use rolecall::{Error, ErrorKind, Secret};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::pinentry::{self, Dialog};
use super::terminal::Answer;
use super::{Asker, LONGEST_WINDOW, QUIET, Way, askpass, lock, lost, plain, reading};

const WAYS: &str = "Run it in a terminal; or let ROLECALL_ASKPASS or ROLECALL_PINENTRY name a program that asks, or, for the \
                    vault's passphrase, ROLECALL_VAULT_PASSPHRASE_FD a descriptor that it is read from.";
/// How often a new passphrase may be typed differently the second time.
const TRIES: usize = 3;

impl Asker {
    pub(super) fn ask_secret(&self, question: &SecretQuestion) -> Result<Secret, Error> {
        let _one_at_a_time = lock(&self.0.asking);
        let is_passphrase = question.what.contains("passphrase");
        if is_passphrase && let Some(descriptor) = lock(&self.0.passphrase).take() {
            let given = self.read_descriptor(
                descriptor,
                "passphrase",
                "ROLECALL_VAULT_PASSPHRASE_FD=3 rolecall exec prod 3< <(pass show vault) -- CMD",
            )?;
            return whole(Zeroizing::new(given.expose().to_owned()), "the passphrase");
        }
        if self.left_alone().is_some() {
            return Err(Error::new(
                ErrorKind::NeedsUser,
                format!("the question for {} was not answered", question.what),
            )
            .with_hint("It is asked again in a minute; answer it then."));
        }
        if !question.is_new {
            // A descriptor says one thing, once: who cannot be asked otherwise is told that it was the wrong one.
            if question.refused.is_some() && is_passphrase && self.was_given() && self.way().is_none() {
                return Err(Error::new(
                    ErrorKind::NeedsUser,
                    "what the descriptor gave is not the passphrase of rolecall's vault",
                )
                .with_hint("ROLECALL_VAULT_PASSPHRASE_FD names the descriptor: its first line has to be the passphrase, as it was typed."));
            }
            return self.secret_once(&question.what, Words::Ask, question.refused.as_deref());
        }
        let mut refused = question.refused.clone();
        for _ in 0..TRIES {
            let first = self.secret_once(&question.what, Words::Choose, refused.as_deref())?;
            let second = self.secret_once(&question.what, Words::Repeat, None)?;
            if first.expose() == second.expose() {
                return Ok(first);
            }
            refused = Some("the two were not the same".to_owned());
        }
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!("{} was typed differently each time", question.what),
        )
        .with_hint("Try again."))
    }

    /// In a terminal only: what is seen as it is typed is read where it is typed.
    pub(super) fn ask_text(&self, question: &str) -> Result<String, Error> {
        let _one_at_a_time = lock(&self.0.asking);
        let (Some(mut terminal), Some(interrupts)) = (self.terminal(), self.interrupts()) else {
            return Err(Error::new(
                ErrorKind::NeedsUser,
                format!("{}: it can be asked in a terminal only", plain(question)),
            ));
        };
        let until = *lock(&self.0.deadline);
        let answer = terminal.ask(
            &format!("rolecall: {}: ", plain(question)),
            true,
            until,
            interrupts,
        );
        match answer.map_err(|error| lost(&error))? {
            Answer::Text(text) => Ok(text.trim().to_owned()),
            Answer::Declined | Answer::TooLate => Err(Error::new(
                ErrorKind::NeedsUser,
                format!("{}: there was no answer", plain(question)),
            )
            .with_hint("Nothing was done. Try again.")),
        }
    }

    /// How long a keyring's own window may be waited for.
    pub(super) fn window_patience(&self) -> Option<Duration> {
        // The terminal is a command's by now: whoever works there did not ask for anything.
        if self.0.has_child.load(Ordering::SeqCst) {
            return None;
        }
        let until = *lock(&self.0.deadline);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        Some(left.map_or(LONGEST_WINDOW, |left| left.min(LONGEST_WINDOW)))
    }

    /// Whether a passphrase came from a descriptor.
    fn was_given(&self) -> bool {
        self.0.host.env("ROLECALL_VAULT_PASSPHRASE_FD").is_some()
    }

    fn secret_once(&self, what: &str, words: Words, refused: Option<&str>) -> Result<Secret, Error> {
        let what = plain(what);
        let asked = match words {
            Words::Ask => what.clone(),
            Words::Choose => format!("choose {what}"),
            Words::Repeat => format!("once more, {what}"),
        };
        let nobody = || {
            Error::new(
                ErrorKind::NeedsUser,
                format!("{what} is needed, and there is no way to ask for it here"),
            )
            .with_hint(WAYS)
        };
        let Some(way) = self.way() else {
            return Err(nobody());
        };
        let until = self.until(&way);
        let window = until.unwrap_or_else(|| reading::in_(LONGEST_WINDOW));
        let refused = refused.map(plain);
        let answer = match way {
            Way::Askpass { program, setting } => {
                let text = match refused {
                    Some(refused) => format!("{refused}. rolecall: {asked}: "),
                    None => format!("rolecall: {asked}: "),
                };
                askpass::ask(&self.0.host, &program, setting, &text, window)?
            }
            Way::Pinentry { program, setting } => {
                let text = format!("rolecall: {asked}");
                let dialog = Dialog {
                    description: &text,
                    prompt: "Secret:",
                    error: refused.as_deref(),
                };
                pinentry::ask(&self.0.host, &program, setting, &dialog, window)?
            }
            Way::Terminal(mut terminal) => {
                let Some(interrupts) = self.interrupts() else {
                    return Err(nobody());
                };
                if let Some(refused) = refused {
                    terminal.say(&format!("rolecall: {refused}\n"));
                }
                let prompt = format!("rolecall: {asked} (it is not shown): ");
                terminal
                    .ask(&prompt, false, until, interrupts)
                    .map_err(|error| lost(&error))?
            }
        };
        if let Answer::Declined | Answer::TooLate = answer {
            *lock(&self.0.quiet_until) = Some(reading::in_(QUIET));
        }
        match answer {
            Answer::Text(text) => whole(text, &what),
            Answer::Declined => Err(Error::new(
                ErrorKind::NeedsUser,
                format!("the question for {what} was not answered"),
            )
            .with_hint("Nothing was done. Try again.")),
            Answer::TooLate => Err(
                Error::new(ErrorKind::NeedsUser, format!("{what} did not come in time")).with_hint(
                    "Unlock the vault ahead of time, as with `rolecall login`, or keep it in a keyring.",
                ),
            ),
        }
    }
}

/// In which words a secret is asked for.
#[derive(Clone, Copy)]
enum Words {
    Ask,
    Choose,
    Repeat,
}

/// What was typed, as it was typed: cut, or with another letter in the place of one, it would open nothing but by chance.
fn whole(text: Zeroizing<String>, what: &str) -> Result<Secret, Error> {
    let why = if text.len() >= reading::LONGEST {
        format!("is longer than {} bytes", reading::LONGEST - 1)
    } else if text.contains('\u{fffd}') {
        "is no UTF-8 text".to_owned()
    } else {
        return Ok(Secret::new(text.to_string()));
    };
    Err(Error::config(format!("{what} {why}")).with_hint("Nothing was done. Choose another one."))
}

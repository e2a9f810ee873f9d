//! The person, who may be asked for a code, for a choice, or to sign in.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// What an MFA code is asked for.
#[derive(Clone, Debug)]
pub struct MfaQuestion {
    /// The device whose code is wanted.
    pub serial: String,
    /// What it is for, as a person reads it: a role's ARN, or a profile's name.
    pub purpose: String,
    /// What became of the code before, where this is not the first question.
    pub refused: Option<String>,
}

/// What else is secret and asked for: a passphrase, a key.
#[derive(Clone, Debug)]
pub struct SecretQuestion {
    /// What it is, as in `the passphrase of rolecall's vault`.
    pub what: String,
    /// What became of the answer before, where this is not the first question.
    pub refused: Option<String>,
    /// Whether it is chosen now: it is asked for twice, and both have to be the same.
    pub is_new: bool,
}

/// A choice of one from several.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What is to be chosen.
    pub question: String,
    /// What there is.
    pub options: Vec<String>,
}

/// A page that a person has to open.
#[derive(Clone, Debug)]
pub struct SignIn {
    /// The page. It may carry the code with it.
    pub url: String,
    /// The code that the page asks for or shows, where it does: it has to be the same there.
    pub code: Option<String>,
    /// Whom it signs in to: a start URL or a session's name.
    pub to: String,
}

/// Where a person can sign in to a page.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Browser {
    /// Nowhere: nobody is there, or nobody may be bothered now.
    Nowhere,
    /// On this machine: the page can come back to an address of loopback.
    Here,
    /// On another machine, as over SSH: nothing comes back from there but what the person types.
    Elsewhere,
}

/// Asks a person, and tells them what is waited for. Every method may block; none is called on a thread that others need.
///
/// A library has nobody to ask unless it is given someone: see [`Nobody`].
pub trait Person: fmt::Debug + Send + Sync {
    /// Whether there is a way to ask this at all. It is looked into before anything is waited for, so that nobody waits
    /// half a minute to learn that nobody can be asked.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when there is none.
    fn can_be_asked(&self, _question: &MfaQuestion) -> Result<(), Error> {
        Ok(())
    }

    /// The code that the device shows now.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody can be asked, or nobody answered.
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error>;

    /// A secret that is no code. An empty one is an answer.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody can be asked, or nobody answered.
    fn secret(&self, question: &SecretQuestion) -> Result<Secret, Error> {
        Err(nobody_for(question))
    }

    /// A line of text, which is shown as it is typed. An empty one is an answer.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody can be asked, or nobody answered.
    fn text(&self, question: &str) -> Result<String, Error> {
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!("{question}: nobody can be asked here"),
        ))
    }

    /// How long somebody may be waited for who is asked by another program, as by a keyring's own window; `None` where no
    /// window may open.
    fn patience(&self) -> Option<Duration> {
        None
    }

    /// How somebody would be asked for a secret now, as in `in this terminal`; `None` where nobody can be. Asks nobody.
    fn way_to_ask(&self) -> Option<String> {
        None
    }

    /// Which of the options it is.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody can be asked, or nobody answered.
    fn choose(&self, choice: &Choice) -> Result<usize, Error>;

    /// Whether to do what was shown. Whoever does not say yes says no.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody can be asked.
    fn confirm(&self, question: &str) -> Result<bool, Error> {
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!("{question}: nobody can be asked here"),
        ))
    }

    /// Where [`Person::sign_in`] would be answered. Nothing is asked of anybody unless somebody is there.
    fn browser(&self) -> Browser {
        Browser::Nowhere
    }

    /// Shows a page to sign in at, and opens it where there is a browser. Returns at once.
    ///
    /// # Errors
    /// [`ErrorKind::NeedsUser`] when nobody is there to open it.
    fn sign_in(&self, page: &SignIn) -> Result<(), Error>;

    /// Says what is waited for, and for how long at most; called again as the time goes by. Nothing left ends it.
    fn waiting(&self, what: &str, left: Duration);
}

/// Nobody is there: every question is an error that says what a person would have to do.
#[derive(Clone, Copy, Debug)]
pub struct Nobody;

impl Person for Nobody {
    fn can_be_asked(&self, question: &MfaQuestion) -> Result<(), Error> {
        self.mfa_code(question).map(drop)
    }

    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!(
                "an MFA code of {} is needed for {}, and nobody can be asked here",
                question.serial, question.purpose
            ),
        )
        .with_hint("Run it where a person is, or name a command that prints the code with `mfa_process`."))
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!("{}: nobody can be asked here", choice.question),
        )
        .with_hint(format!("There are: {}.", choice.options.join(", "))))
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        Err(Error::new(
            ErrorKind::NeedsUser,
            format!("a sign-in to {} is needed, and nobody can be asked here", page.to),
        )
        .with_hint("Run `rolecall login` where a person is."))
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

fn nobody_for(question: &SecretQuestion) -> Error {
    Error::new(
        ErrorKind::NeedsUser,
        format!("{} is needed, and nobody can be asked here", question.what),
    )
    .with_hint("Run it where a person is.")
}

/// The open questions, for whoever waits for an answer without having asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Questions(Arc<Mutex<Vec<String>>>);

impl Questions {
    pub(super) fn first(&self) -> Option<String> {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.first().cloned()
    }
}

/// A question is open as long as this lives.
#[derive(Debug)]
pub(crate) struct Asking {
    questions: Questions,
    what: String,
}

impl Asking {
    pub(super) fn begin(questions: &Questions, what: String) -> Self {
        let mut open = questions.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.push(what.clone());
        drop(open);
        Self {
            questions: questions.clone(),
            what,
        }
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        let mut open = self.questions.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = open.iter().position(|what| *what == self.what) {
            open.remove(at);
        }
    }
}

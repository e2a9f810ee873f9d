//! A program that asks in our stead, as ssh's does: the question is its argument, the answer its stdout.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rolecall::{Error, Host};
use tokio::time::Instant;

use super::reading::{Line, Lines};
use super::terminal::Answer;

/// Of no use to a program that asks for six digits, and not to be handed to more programs than need it.
const WITHHELD: [&str; 7] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "ROLECALL_MFA_FD",
    "ROLECALL_VAULT_PASSPHRASE_FD",
];

/// A program of the user's choice, found where only root and the user could have put it. `setting` names it.
pub(super) fn command(host: &Host, program: &str, setting: &str) -> Result<Command, Error> {
    let path = host
        .program(program)
        .map_err(|error| error.with_hint(format!("${setting} names it.")))?;
    let mut command = Command::new(path);
    for name in WITHHELD {
        command.env_remove(name);
    }
    Ok(command)
}

pub(super) fn not_started(program: &str, error: &std::io::Error) -> Error {
    Error::config(format!("`{program}` cannot be run: {error}"))
        .with_hint("Check the file's mode (chmod +x); a script needs a first line such as `#!/bin/sh`.")
}

/// Asks `question`. An exit status other than 0 is a person who gave up.
pub(super) fn ask(
    host: &Host,
    program: &str,
    setting: &str,
    question: &str,
    until: Instant,
) -> Result<Answer, Error> {
    let mut command = command(host, program, setting)?;
    command
        .arg(question)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = Ending(command.spawn().map_err(|error| not_started(program, &error))?);
    let Some(stdout) = child.0.stdout.take() else {
        return Ok(Answer::Declined);
    };
    let line = Lines::of(&stdout).next(Some(until), None);
    let line = line.map_err(|error| not_started(program, &error))?;
    match line {
        Line::Text(text) => {
            drop(stdout);
            match child.status(until) {
                Some(true) => Ok(Answer::Text(text)),
                Some(false) => Ok(Answer::Declined),
                None => Ok(Answer::TooLate),
            }
        }
        Line::TooLate | Line::Woken => Ok(Answer::TooLate),
        Line::Ended => Ok(Answer::Declined),
    }
}

/// A program that is ended when nobody waits for it any more.
pub(super) struct Ending(pub(super) Child);

impl Ending {
    /// Whether it ended well; none where it has not ended by then.
    fn status(&mut self, until: Instant) -> Option<bool> {
        loop {
            match self.0.try_wait() {
                Ok(Some(status)) => return Some(status.success()),
                Ok(None) if Instant::now() < until => std::thread::sleep(Duration::from_millis(10)),
                Ok(None) => return None,
                Err(_) => return Some(false),
            }
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

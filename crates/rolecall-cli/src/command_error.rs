//! How commands end: a kind decides heading and exit code, in this one file.

use std::io::{self, Write as _};
use std::process::ExitCode;

use rolecall::{Error, ErrorKind};
use serde_json::json;

/// How a command ended that did not fail by itself.
#[derive(Debug)]
pub(crate) enum Ended {
    /// With this exit code: 0, or a child's own.
    Code(u8),
    /// The child was ended by this signal, and so are we.
    Signal(i32),
}

impl Ended {
    pub(crate) const WELL: Self = Self::Code(0);
}

/// What a command failed with.
#[derive(Debug)]
pub(crate) enum CommandError {
    /// Whoever read our output has gone. Not worth a word, but not a success.
    BrokenPipe,
    /// The library's error, ending with this exit code.
    Failed { error: Error, code: u8 },
}

impl CommandError {
    /// The same error with the exit code of `exec`'s own failures and its like.
    pub(crate) fn with_code(self, code: u8) -> Self {
        match self {
            Self::Failed { error, .. } => Self::Failed { error, code },
            Self::BrokenPipe => Self::BrokenPipe,
        }
    }

    /// Tells the person, and gives the exit code.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let (error, code) = match self {
            Self::BrokenPipe => return ExitCode::from(1),
            Self::Failed { error, code } => (error, code),
        };
        let mut stderr = io::stderr().lock();
        // A closed stderr leaves nobody to tell; the exit code still says it.
        let _ = if json {
            writeln!(stderr, "{}", as_json(&error))
        } else {
            write!(stderr, "{}", as_text(&error))
        };
        ExitCode::from(code)
    }
}

impl From<Error> for CommandError {
    fn from(error: Error) -> Self {
        let code = if error.kind() == ErrorKind::Internal {
            70
        } else {
            1
        };
        Self::Failed { error, code }
    }
}

impl From<io::Error> for CommandError {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::BrokenPipe;
        }
        Error::new(
            ErrorKind::Unavailable,
            format!("cannot write the output: {error}"),
        )
        .into()
    }
}

fn as_text(error: &Error) -> String {
    let message = error.to_string();
    let mut text = format!("error: {message}");
    if let Some(hop) = error.hop().filter(|hop| !message.contains(hop)) {
        text.push_str(&format!(" (at {hop})"));
    }
    text.push('\n');
    for hint in error.hints() {
        text.push_str(&format!("hint: {hint}\n"));
    }
    text
}

fn as_json(error: &Error) -> serde_json::Value {
    json!({"error": {
        "kind": error.kind().name(),
        "message": error.to_string(),
        "hints": error.hints(),
        "hop": error.hop(),
        "aws_code": error.aws_code(),
        "request_id": error.request_id(),
    }})
}

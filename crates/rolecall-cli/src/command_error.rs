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
    /// Several problems of one file. People read each; machines read the whole, whose hints they are.
    Several {
        whole: Error,
        each: Vec<Error>,
        code: u8,
    },
}

impl CommandError {
    /// The same error with the exit code of `exec`'s own failures and its like.
    pub(crate) fn with_code(self, code: u8) -> Self {
        match self {
            Self::Failed { error, .. } => Self::Failed { error, code },
            Self::Several { whole, each, .. } => Self::Several { whole, each, code },
            Self::BrokenPipe => Self::BrokenPipe,
        }
    }

    /// What is wrong with one file; `message` says so in one clause.
    pub(crate) fn several(message: String, each: Vec<Error>) -> Self {
        let told = |error: &Error| {
            let message = error.to_string();
            let period = if message.ends_with(['.', '?', '!', ')']) {
                ""
            } else {
                "."
            };
            match error.hints() {
                [] => message,
                hints => format!("{message}{period} {}", hints.join(" ")),
            }
        };
        Self::Several {
            whole: each
                .iter()
                .map(told)
                .fold(Error::config(message), Error::with_hint),
            each,
            code: 1,
        }
    }

    /// Tells the person, and gives the exit code.
    pub(crate) fn report(self, json: bool) -> ExitCode {
        let (error, each, code) = match self {
            Self::BrokenPipe => return ExitCode::from(1),
            Self::Failed { error, code } => (error.clone(), vec![error], code),
            Self::Several { whole, each, code } => (whole, each, code),
        };
        let mut stderr = io::stderr().lock();
        // A closed stderr leaves nobody to tell; the exit code still says it.
        let _ = if json {
            writeln!(stderr, "{}", as_json(&error))
        } else {
            write!(stderr, "{}", each.iter().map(as_text).collect::<String>())
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

/// Wrong usage, and `--help`: clap's own words, with a hint where they leave one to be wished for, or JSON.
pub(crate) fn usage(error: &clap::Error) -> ExitCode {
    let is_failure = error.use_stderr();
    let arguments: Vec<_> = std::env::args_os()
        .take_while(|argument| argument != "--")
        .collect();
    let typed = |word: &str| arguments.iter().any(|argument| argument == word);
    let mut hints = Vec::new();
    if error.kind() == clap::error::ErrorKind::UnknownArgument {
        if typed("exec") {
            hints.push("The command to run stands behind `--`, as in `rolecall exec TARGET -- CMD`.");
        } else if typed("sandbox") && typed("--explain") {
            hints.push(
                "A file for --explain stands behind `=`, as in `rolecall sandbox --explain=FILE -- CMD`.",
            );
        } else if typed("sandbox") {
            hints.push("The command to run stands behind `--`, as in `rolecall sandbox -- CMD`.");
        }
    }
    if is_failure && typed("--json") {
        let message = error.to_string();
        let message = message
            .lines()
            .next()
            .unwrap_or_default()
            .trim_start_matches("error: ");
        let value = json!({"error": {
            "kind": "usage", "message": message, "hints": hints, "hop": null, "aws_code": null, "request_id": null,
        }});
        let _ = writeln!(io::stderr(), "{value}");
    } else {
        let _ = error.print();
        for hint in hints {
            let _ = writeln!(io::stderr(), "hint: {hint}");
        }
    }
    ExitCode::from(if is_failure { 2 } else { 0 })
}

/// A panic is a bug of ours: it says so in one sentence, without what it held, and ends with 70.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "there is no way back to `main` from here"
)]
pub(crate) fn own_up_to_bugs() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let mut stderr = io::stderr().lock();
        let _ = writeln!(stderr, "error: a bug in rolecall stopped it, at {place}");
        let _ = writeln!(
            stderr,
            "hint: Please report it with that place and the command you ran."
        );
        std::process::exit(70);
    }));
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

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    const CANARY: &str = "CANARYSECRETofapanic0000000000000000";

    /// Is run by the next test, as a process of its own: the hook ends it.
    #[test]
    #[ignore = "ends the process"]
    #[expect(clippy::panic, reason = "that is the point")]
    fn panics() {
        own_up_to_bugs();
        panic!("while holding {CANARY}");
    }

    #[test]
    fn a_panic_says_where_and_never_what_it_held() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "command_error::tests::panics",
                "--ignored",
                "--nocapture",
            ])
            .env("RUST_BACKTRACE", "full")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(70));
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(
            said.contains("a bug in rolecall stopped it, at ") && said.contains("command_error.rs"),
            "{said}"
        );
        assert!(!said.contains(CANARY), "{said}");
    }
}

//! A pinentry: GnuPG's dialog for secrets, spoken to in its protocol ("The Assuan Protocol") over two pipes.

use std::io::{self, Write as _};
use std::process::{ChildStdin, ChildStdout, Stdio};

use rolecall::{Error, ErrorKind, Host};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::askpass::{Ending, command, not_started};
use super::reading::{Line, Lines};
use super::terminal::Answer;

/// What a pinentry shows.
pub(super) struct Dialog<'a> {
    pub(super) description: &'a str,
    pub(super) prompt: &'a str,
    /// Why it is asked again.
    pub(super) error: Option<&'a str>,
}

/// GnuPG's codes, in the low sixteen bits of what stands behind `ERR`.
const TIMEOUT: u64 = 62;
const CANCELED: u64 = 99;
const FULLY_CANCELED: u64 = 198;

/// Asks through `program`, until `until`.
pub(super) fn ask(
    host: &Host,
    program: &str,
    setting: &str,
    dialog: &Dialog<'_>,
    until: Instant,
) -> Result<Answer, Error> {
    let mut command = command(host, program, setting)?;
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    let mut child = Ending(command.spawn().map_err(|error| not_started(program, &error))?);
    let (Some(mut stdin), Some(stdout)) = (child.0.stdin.take(), child.0.stdout.take()) else {
        return Ok(Answer::Declined);
    };
    let mut talk = Talk {
        to: &mut stdin,
        from: Lines::of(&stdout),
        until,
    };
    match talk.dialog(host, dialog) {
        Ok(answer) => Ok(answer),
        Err(Failure::Late) => Ok(Answer::TooLate),
        Err(Failure::Refused(CANCELED | FULLY_CANCELED)) => Ok(Answer::Declined),
        Err(Failure::Refused(TIMEOUT)) => Ok(Answer::TooLate),
        Err(failure) => Err(Error::new(
            ErrorKind::NeedsUser,
            match failure {
                Failure::Refused(code) => format!("`{program}` could not ask (error {code})"),
                Failure::Gone(error) => format!("`{program}` ended without an answer: {error}"),
                Failure::Late | Failure::Odd => format!("`{program}` does not speak as a pinentry does"),
            },
        )
        .with_hint("A pinentry needs a display (DISPLAY, WAYLAND_DISPLAY) or a terminal; ROLECALL_PINENTRY names another one.")),
    }
}

enum Failure {
    Late,
    Odd,
    /// It said `ERR`, with this of GnuPG's codes.
    Refused(u64),
    Gone(io::Error),
}

struct Talk<'a> {
    to: &'a mut ChildStdin,
    from: Lines<'a, ChildStdout>,
    until: Instant,
}

impl Talk<'_> {
    fn dialog(&mut self, host: &Host, dialog: &Dialog<'_>) -> Result<Answer, Failure> {
        // Its greeting.
        self.answer()?;
        // What it does not know it refuses, and asks all the same.
        for (option, variable) in [
            ("display", "DISPLAY"),
            ("ttytype", "TERM"),
            ("lc-ctype", "LC_CTYPE"),
        ] {
            if let Some(value) = host.env(variable) {
                self.optional(&format!("OPTION {option}={}", escaped(value)))?;
            }
        }
        if std::path::Path::new("/dev/tty").exists() {
            self.optional("OPTION ttyname=/dev/tty")?;
        }
        let left = self.until.saturating_duration_since(Instant::now()).as_secs();
        self.optional(&format!("SETTIMEOUT {}", left.max(1)))?;
        self.optional("SETTITLE rolecall")?;
        self.say(&format!("SETDESC {}", escaped(dialog.description)))?;
        self.answer()?;
        self.say(&format!("SETPROMPT {}", escaped(dialog.prompt)))?;
        self.answer()?;
        if let Some(error) = dialog.error {
            self.optional(&format!("SETERROR {}", escaped(error)))?;
        }
        self.say("GETPIN")?;
        let pin = self.answer()?;
        // It is ended in any case; asked to, it takes its window away first.
        let _ = self.say("BYE");
        Ok(match pin {
            Some(pin) => Answer::Text(pin),
            None => Answer::Text(Zeroizing::default()),
        })
    }

    /// A command whose refusal does not matter.
    fn optional(&mut self, command: &str) -> Result<(), Failure> {
        self.say(command)?;
        match self.answer() {
            Ok(_) | Err(Failure::Refused(_)) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    fn say(&mut self, command: &str) -> Result<(), Failure> {
        let line = format!("{command}\n");
        self.to.write_all(line.as_bytes()).map_err(Failure::Gone)
    }

    /// Everything up to `OK` or `ERR`, and the data in it.
    fn answer(&mut self) -> Result<Option<Zeroizing<String>>, Failure> {
        let mut data = None;
        loop {
            let line = match self.from.next(Some(self.until), None) {
                Ok(Line::Text(line)) => line,
                Ok(Line::TooLate | Line::Woken) => return Err(Failure::Late),
                Ok(Line::Ended) => return Err(Failure::Gone(io::ErrorKind::UnexpectedEof.into())),
                Err(error) => return Err(Failure::Gone(error)),
            };
            let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
            match word {
                "OK" => return Ok(data),
                "ERR" => {
                    let code = rest.split(' ').next().and_then(|code| code.parse::<u64>().ok());
                    return Err(Failure::Refused(code.unwrap_or_default() & 0xffff));
                }
                "D" => data = Some(unescaped(rest)),
                // Status and comments.
                "S" => {}
                _ if line.starts_with('#') => {}
                "INQUIRE" => self.say("CAN")?,
                _ => return Err(Failure::Odd),
            }
        }
    }
}

/// What would end a line, and the sign of the escape itself, as the protocol has it. A line has 1000 bytes at most.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '%' | '\r' | '\n' => out.push_str(&format!("%{:02X}", u32::from(c))),
            _ => out.push(c),
        }
        if out.len() > 900 {
            break;
        }
    }
    out
}

fn unescaped(text: &str) -> Zeroizing<String> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut rest = text.as_bytes();
    while let [first, after @ ..] = rest {
        let code = after
            .get(..2)
            .and_then(|two| std::str::from_utf8(two).ok())
            .and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, code) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_line_is_escaped_and_comes_back() {
        let nasty = "50 % of\r\nGETPIN é";
        assert_eq!(escaped(nasty), "50 %25 of%0D%0AGETPIN é");
        assert_eq!(*unescaped(&escaped(nasty)), nasty);
        assert_eq!(*unescaped("%"), "%");
        assert_eq!(*unescaped("%é"), "%é");
        assert!(escaped(&"x".repeat(5000)).len() < 1000);
    }
}

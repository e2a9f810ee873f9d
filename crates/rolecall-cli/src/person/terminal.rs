//! The controlling terminal: where a person is, whatever stdin, stdout and stderr are.

use std::fs::File;
use std::io::{self, Write as _};

#[cfg(target_os = "linux")]
use rolecall::host::Stat;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcgetpgrp, tcsetattr};
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::interrupts::Interrupts;
use super::reading::{Line, Lines};

/// What came of a question.
pub(super) enum Answer {
    Text(Zeroizing<String>),
    /// The person gave up: the end of the input, a button.
    Declined,
    TooLate,
}

/// The process group we are in. In a container it may be one from outside, which has no number there; rustix's `getpgrp`
/// takes it for granted that there is one.
#[cfg(target_os = "linux")]
fn own_group() -> Option<i32> {
    Stat::own().map(|stat| stat.group).filter(|group| *group > 0)
}

#[cfg(not(target_os = "linux"))]
fn own_group() -> Option<i32> {
    Some(rustix::process::getpgrp().as_raw_pid())
}

/// The terminal that is ours to read.
pub(crate) struct Terminal(File);

impl Terminal {
    /// The terminal, where there is one and it is ours to read: to read it from the background would stop us.
    pub(super) fn open() -> Option<Self> {
        let file = File::options().read(true).write(true).open("/dev/tty").ok()?;
        let is_ours = tcgetpgrp(&file).is_ok_and(|group| Some(group.as_raw_pid()) == own_group());
        is_ours.then_some(Self(file))
    }

    /// To read keys from and draw on.
    pub(crate) fn file(&self) -> &File {
        &self.0
    }

    pub(super) fn say(&mut self, text: &str) {
        // A terminal that is gone is found out by whoever reads it.
        let _ = self.0.write_all(text.as_bytes()).and_then(|()| self.0.flush());
    }

    /// A line, shown as it is typed or not. However it ends, by a signal too, the terminal is left as it was.
    pub(super) fn ask(
        &mut self,
        prompt: &str,
        is_shown: bool,
        until: Option<Instant>,
        interrupts: &Interrupts,
    ) -> io::Result<Answer> {
        interrupts.hold();
        let outcome = self.ask_held(prompt, is_shown, until, interrupts);
        interrupts.release();
        outcome
    }

    fn ask_held(
        &mut self,
        prompt: &str,
        is_shown: bool,
        until: Option<Instant>,
        interrupts: &Interrupts,
    ) -> io::Result<Answer> {
        loop {
            self.say(prompt);
            let outcome = {
                let _mode = Mode::set(&self.0, is_shown)?;
                Lines::of(&self.0).next(until, Some(interrupts.waker()))?
            };
            match outcome {
                Line::Text(text) => {
                    if !is_shown {
                        self.say("\n");
                    }
                    return Ok(Answer::Text(text));
                }
                Line::Ended => {
                    self.say("\n");
                    return Ok(Answer::Declined);
                }
                Line::TooLate => {
                    self.say("\n");
                    return Ok(Answer::TooLate);
                }
                Line::Woken => {
                    self.say("\n");
                    // The terminal is as it was: the signal may do what it does. Continued, the question is asked anew.
                    interrupts.obey();
                }
            }
        }
    }
}

/// A terminal that takes lines; dropped, it is as it was before.
struct Mode<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Mode<'a> {
    fn set(terminal: &'a File, is_shown: bool) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut mode = before.clone();
        mode.local_modes |= LocalModes::ICANON | LocalModes::ISIG;
        mode.local_modes.set(LocalModes::ECHO, is_shown);
        // What was typed before the question is no answer to it.
        tcsetattr(terminal, OptionalActions::Flush, &mode)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Mode<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Flush, &self.before);
    }
}

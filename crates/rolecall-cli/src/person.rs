//! The person: asked for codes and choices, and told what is waited for. See `docs/mfa.md` for who is asked, in order.

mod askpass;
mod interrupts;
mod pinentry;
mod reading;
mod secrets;
mod terminal;

use std::fs::File;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rolecall::error::is_hidden;
use rolecall::host::{Browser, Choice, MfaQuestion, Person, SecretQuestion, SignIn, Stat};
use rolecall::{Error, ErrorKind, Host, Secret};
use tokio::time::Instant;

use crate::browser;
pub(crate) use interrupts::Interrupts;
use pinentry::Dialog;
use reading::{Line, Lines};
use terminal::Answer;
pub(crate) use terminal::Terminal;

/// How long a window is left open: nobody may be at the machine, and others wait for the device.
const LONGEST_WINDOW: Duration = Duration::from_secs(120);
/// After a person has closed a window no other one opens for so long, while a command runs and asks again and again.
const QUIET: Duration = Duration::from_secs(60);
const WAYS: &str = "Run it in a terminal; or let ROLECALL_ASKPASS or ROLECALL_PINENTRY name a program that asks, \
                    or `mfa_process` in the profile a command that prints the code.";

/// Whoever is at the machine. Clones are one.
#[derive(Clone, Debug)]
pub(crate) struct Asker(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: Host,
    /// The descriptor a code is read from, until it has been.
    descriptor: Mutex<Option<Descriptor>>,
    /// The descriptor the vault's passphrase is read from, until it has been.
    passphrase: Mutex<Option<Descriptor>>,
    /// One question at a time.
    asking: Mutex<()>,
    /// When whoever waits for us gives up.
    deadline: Mutex<Option<Instant>>,
    /// The terminal is a child's now.
    has_child: AtomicBool,
    /// They came to sign in, and want to see the page wherever they are; whether it is opened for them too.
    wants_page: OnceLock<bool>,
    /// Until when nobody is asked who has just declined.
    quiet_until: Mutex<Option<Instant>>,
    interrupts: OnceLock<Option<Interrupts>>,
    /// What is being waited for, where it was said on a line of its own.
    told: Mutex<Option<String>>,
}

/// Opened before we open anything ourselves: a number that nobody gave us would be a file of our own later on.
#[derive(Debug)]
struct Descriptor {
    /// As it was named.
    number: String,
    file: std::io::Result<File>,
}

/// How a question can be asked.
enum Way {
    Askpass { program: String, setting: &'static str },
    Pinentry { program: String, setting: &'static str },
    Terminal(Terminal),
}

impl Asker {
    /// One for this process. `descriptor` is `--mfa-fd`.
    #[expect(
        clippy::disallowed_methods,
        reason = "a descriptor is no file whose text is read"
    )]
    pub(crate) fn new(host: &Host, descriptor: Option<u32>) -> Self {
        let flag = descriptor.map(|number| number.to_string());
        let named = |name: &str| Some((host.env(name)?.trim().to_owned(), name.to_owned()));
        let open = |(number, name): (String, String)| Descriptor {
            file: match number.parse::<u32>() {
                Ok(number) => {
                    let file = File::open(format!("/dev/fd/{number}"));
                    // Whoever gave it to us gave it to us, and not to what we start.
                    rolecall::hardening::keep_from_children(number);
                    file
                }
                Err(_) => Err(std::io::Error::other(format!("{name} takes a number"))),
            },
            number,
        };
        let code = flag
            .map(|number| (number, "--mfa-fd".to_owned()))
            .or_else(|| named("ROLECALL_MFA_FD"));
        Self(Arc::new(Inner {
            host: host.clone(),
            descriptor: Mutex::new(code.map(open)),
            passphrase: Mutex::new(named("ROLECALL_VAULT_PASSPHRASE_FD").map(open)),
            asking: Mutex::default(),
            deadline: Mutex::default(),
            has_child: AtomicBool::new(false),
            wants_page: OnceLock::new(),
            quiet_until: Mutex::default(),
            interrupts: OnceLock::new(),
            told: Mutex::default(),
        }))
    }

    /// Whoever started us waits for so long: a question ends a little before.
    pub(crate) fn answer_within(&self, time: Duration) {
        *lock(&self.0.deadline) = Some(reading::in_(time));
    }

    /// Whoever says `rolecall login` is there, with or without a terminal, and wants the page; `opens` it as well.
    pub(crate) fn wants_page(&self, opens: bool) {
        let _ = self.0.wants_page.set(opens);
    }

    /// The terminal is a child's from here on: nothing is asked or said there any more.
    pub(crate) fn hand_over_terminal(&self) {
        self.0.has_child.store(true, Ordering::SeqCst);
        if let Some(Some(interrupts)) = self.0.interrupts.get() {
            interrupts.hand_over();
        }
    }

    /// The ways there are to ask, the first of them.
    fn way(&self) -> Option<Way> {
        let host = &self.0.host;
        let askpass = |setting: &'static str| {
            let program = host.env(setting)?.to_owned();
            Some(Way::Askpass { program, setting })
        };
        let pinentry = |program: &str, setting| Way::Pinentry {
            program: program.to_owned(),
            setting,
        };
        if let Some(way) = askpass("ROLECALL_ASKPASS") {
            return Some(way);
        }
        if let Some(program) = host.env("ROLECALL_PINENTRY") {
            return Some(pinentry(program, "ROLECALL_PINENTRY"));
        }
        let has_display = ["DISPLAY", "WAYLAND_DISPLAY"]
            .iter()
            .any(|name| host.env(name).is_some());
        // As in ssh: prefer and force want the program whatever else there is, never wants none.
        let require = host.env("SSH_ASKPASS_REQUIRE").unwrap_or_default();
        let is = |word: &str| require.eq_ignore_ascii_case(word);
        if (is("prefer") || is("force"))
            && let Some(way) = askpass("SSH_ASKPASS")
        {
            return Some(way);
        }
        if let Some(terminal) = self.terminal() {
            return Some(Way::Terminal(terminal));
        }
        if !has_display {
            return None;
        }
        if !is("never")
            && let Some(way) = askpass("SSH_ASKPASS")
        {
            return Some(way);
        }
        // Where there is none, there is none: no warning about a program that nobody named.
        host.program("pinentry").ok()?;
        Some(pinentry("pinentry", "PATH"))
    }

    /// The terminal, while it is no child's.
    fn terminal(&self) -> Option<Terminal> {
        let has_child = self.0.has_child.load(Ordering::SeqCst);
        if has_child { None } else { Terminal::open() }
    }

    /// The terminal, while it is no child's, and what interrupts whoever asks there: for what is more than a line.
    pub(crate) fn desk(&self) -> Option<(Terminal, &Interrupts)> {
        Some((self.terminal()?, self.interrupts()?))
    }

    fn interrupts(&self) -> Option<&Interrupts> {
        let make = || Interrupts::new(crate::child::ignored_signals(&self.0.host)).ok();
        self.0.interrupts.get_or_init(make).as_ref()
    }

    /// When a question ends by itself.
    fn until(&self, way: &Way) -> Option<Instant> {
        let deadline = *lock(&self.0.deadline);
        match way {
            Way::Terminal(_) => deadline,
            Way::Askpass { .. } | Way::Pinentry { .. } => {
                let window = reading::in_(LONGEST_WINDOW);
                Some(deadline.map_or(window, |deadline| deadline.min(window)))
            }
        }
    }

    fn nobody(&self, question: &MfaQuestion) -> Error {
        let why = if self.0.has_child.load(Ordering::SeqCst) {
            "the terminal is the command's that runs"
        } else {
            "there is no way to ask for it here"
        };
        Error::new(
            ErrorKind::NeedsUser,
            format!(
                "an MFA code of {} is needed for {}, and {why}",
                name_of(&question.serial),
                question.purpose
            ),
        )
        .with_hint(WAYS)
    }

    /// A person who has just closed a window is left alone for a while, or a command that asks again and again would open
    /// one after the other.
    fn left_alone(&self) -> Option<Error> {
        let until = (*lock(&self.0.quiet_until))?;
        (self.0.has_child.load(Ordering::SeqCst) && Instant::now() < until).then(|| {
            Error::new(
                ErrorKind::NeedsUser,
                "the question for an MFA code was not answered",
            )
            .with_hint("It is asked again in a minute; answer it then.")
        })
    }

    /// The line that the descriptor holds. It is read once: what is read from it later is another's.
    fn read_descriptor(&self, descriptor: Descriptor, what: &str, example: &str) -> Result<Secret, Error> {
        let Descriptor { number, file } = descriptor;
        let fail = |why: &dyn std::fmt::Display| {
            Error::config(format!(
                "no {what} can be read from descriptor {}: {why}",
                plain(&number)
            ))
            .with_hint(format!("Open it for reading, as in `{example}`."))
        };
        let file = file.map_err(|error| fail(&error))?;
        let until = (*lock(&self.0.deadline)).unwrap_or_else(|| reading::in_(LONGEST_WINDOW));
        match Lines::of(&file).next(Some(until), None) {
            Ok(Line::Text(text)) => Ok(Secret::new(text.to_string())),
            Ok(Line::Ended) => Err(fail(&"it is empty")),
            Ok(Line::TooLate | Line::Woken) => Err(fail(&"nothing was written to it in time")),
            Err(error) => Err(fail(&error)),
        }
    }

    /// Who wants to know: the program that started us, where it is more than the shell that a person typed into. An SDK
    /// starts us under the name of the program it is in, through a shell or without.
    fn asked_by(&self) -> String {
        let limited = lock(&self.0.deadline).is_some();
        match program_above() {
            Some(program) if limited || !is_below_shell(&self.0.host) => format!(" (asked for by {program})"),
            _ => String::new(),
        }
    }

    fn ask(&self, question: &MfaQuestion, way: Way) -> Result<Answer, Error> {
        let until = self.until(&way);
        let left = until.map(|until| until.saturating_duration_since(Instant::now()));
        let left = match (&way, left) {
            (Way::Terminal(_), Some(left)) => format!(", {} s left", left.as_secs()),
            _ => String::new(),
        };
        let text = plain(&format!(
            "MFA code of {} for {}{}",
            name_of(&question.serial),
            question.purpose,
            self.asked_by()
        ));
        let refused = question.refused.as_deref().map(plain);
        let until_ = until.unwrap_or_else(|| reading::in_(LONGEST_WINDOW));
        match way {
            Way::Askpass { program, setting } => {
                let text = match refused {
                    Some(refused) => format!("{refused}. {text}: "),
                    None => format!("{text}: "),
                };
                askpass::ask(&self.0.host, &program, setting, &text, until_)
            }
            Way::Pinentry { program, setting } => {
                let dialog = Dialog {
                    description: &text,
                    prompt: "Code:",
                    error: refused.as_deref(),
                };
                pinentry::ask(&self.0.host, &program, setting, &dialog, until_)
            }
            Way::Terminal(mut terminal) => {
                let Some(interrupts) = self.interrupts() else {
                    return Err(self.nobody(question));
                };
                if let Some(refused) = refused {
                    terminal.say(&format!("rolecall: {refused}\n"));
                }
                let prompt = format!("rolecall: {text} (it is not shown{left}): ");
                terminal
                    .ask(&prompt, false, until, interrupts)
                    .map_err(|error| lost(&error))
            }
        }
    }
}

impl Person for Asker {
    fn can_be_asked(&self, question: &MfaQuestion) -> Result<(), Error> {
        if lock(&self.0.descriptor).is_some() {
            return Ok(());
        }
        if let Some(error) = self.left_alone() {
            return Err(error);
        }
        match self.way() {
            Some(_) => Ok(()),
            None => Err(self.nobody(question)),
        }
    }

    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        let _one_at_a_time = lock(&self.0.asking);
        if let Some(descriptor) = lock(&self.0.descriptor).take() {
            return self.read_descriptor(
                descriptor,
                "code",
                "rolecall exec prod --mfa-fd 3 3< <(oathtool …) -- CMD",
            );
        }
        if let Some(error) = self.left_alone() {
            return Err(error);
        }
        let Some(way) = self.way() else {
            return Err(self.nobody(question));
        };
        let outcome = match self.ask(question, way)? {
            Answer::Text(text) => return Ok(Secret::new(text.to_string())),
            Answer::Declined => "the question for an MFA code was not answered".to_owned(),
            Answer::TooLate => match *lock(&self.0.deadline) {
                Some(_) => "no MFA code came in time: an SDK waits for about 20 seconds, and then gives up"
                    .to_owned(),
                None => "no MFA code came in time".to_owned(),
            },
        };
        *lock(&self.0.quiet_until) = Some(reading::in_(QUIET));
        Err(Error::new(ErrorKind::NeedsUser, outcome).with_hint(
            "Try again, with the device at hand; or let `mfa_process` in the profile print the code.",
        ))
    }

    fn secret(&self, question: &SecretQuestion) -> Result<Secret, Error> {
        self.ask_secret(question)
    }

    fn text(&self, question: &str) -> Result<String, Error> {
        self.ask_text(question)
    }

    fn patience(&self) -> Option<Duration> {
        self.window_patience()
    }

    fn way_to_ask(&self) -> Option<String> {
        Some(match self.way()? {
            Way::Askpass { setting, .. } => format!("by the program that {setting} names"),
            Way::Pinentry { setting: "PATH", .. } => "by the pinentry in PATH".to_owned(),
            Way::Pinentry { setting, .. } => format!("by the pinentry that {setting} names"),
            Way::Terminal(_) => "in this terminal".to_owned(),
        })
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        let _one_at_a_time = lock(&self.0.asking);
        let nobody = || {
            Error::new(
                ErrorKind::NeedsUser,
                format!("{}: it can be asked in a terminal only", choice.question),
            )
            .with_hint(format!("There are: {}.", choice.options.join(", ")))
        };
        let (Some(mut terminal), Some(interrupts)) = (self.terminal(), self.interrupts()) else {
            return Err(nobody());
        };
        for (index, option) in choice.options.iter().enumerate() {
            terminal.say(&format!("  {}  {}\n", index + 1, plain(option)));
        }
        let until = *lock(&self.0.deadline);
        let prompt = format!(
            "rolecall: {}? Its number, 1 to {}: ",
            plain(&choice.question),
            choice.options.len()
        );
        loop {
            match terminal
                .ask(&prompt, true, until, interrupts)
                .map_err(|error| lost(&error))?
            {
                Answer::Text(text) => match text.trim().parse::<usize>() {
                    Ok(number @ 1..) if number <= choice.options.len() => return Ok(number - 1),
                    _ => {}
                },
                Answer::Declined | Answer::TooLate => return Err(nobody()),
            }
        }
    }

    fn confirm(&self, question: &str) -> Result<bool, Error> {
        let _one_at_a_time = lock(&self.0.asking);
        let (Some(mut terminal), Some(interrupts)) = (self.terminal(), self.interrupts()) else {
            return Err(Error::new(
                ErrorKind::NeedsUser,
                format!("{}: it can be asked in a terminal only", plain(question)),
            ));
        };
        let until = *lock(&self.0.deadline);
        let prompt = format!("rolecall: {}? [y/N] ", plain(question));
        let answer = terminal
            .ask(&prompt, true, until, interrupts)
            .map_err(|error| lost(&error))?;
        Ok(match answer {
            Answer::Text(text) => ["y", "yes"].contains(&text.trim().to_ascii_lowercase().as_str()),
            Answer::Declined | Answer::TooLate => false,
        })
    }

    /// Where the terminal is still ours and nobody gives up soon: a child's terminal, and the wait of whoever called
    /// `credential-process`, are no place for ten minutes of patience.
    fn browser(&self) -> Browser {
        let is_bound = self.0.has_child.load(Ordering::SeqCst) || lock(&self.0.deadline).is_some();
        let is_there = self.0.wants_page.get().is_some() || Terminal::open().is_some();
        if is_bound || !is_there {
            return Browser::Nowhere;
        }
        browser::place(&self.0.host)
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        let opens = self.0.wants_page.get().copied().unwrap_or(true);
        browser::show(&self.0.host, page, opens);
        Ok(())
    }

    fn waiting(&self, what: &str, left: Duration) {
        let what = plain(what);
        if self.0.has_child.load(Ordering::SeqCst) {
            if !left.is_zero() {
                tracing::info!("{what}");
            }
            return;
        }
        let mut told = lock(&self.0.told);
        match Terminal::open() {
            // One line that counts down, and goes when it is over.
            Some(mut terminal) if left.is_zero() => terminal.say("\r\x1b[K"),
            Some(mut terminal) => {
                terminal.say(&format!("\r\x1b[Krolecall: {what} ({} s)", left.as_secs() + 1));
            }
            None if left.is_zero() => *told = None,
            None if told.as_deref() == Some(what.as_str()) => {}
            None => {
                let _ = writeln!(
                    std::io::stderr(),
                    "rolecall: {what} ({} s at most)",
                    left.as_secs() + 1
                );
                *told = Some(what);
            }
        }
    }
}

fn lost(error: &std::io::Error) -> Error {
    Error::new(ErrorKind::NeedsUser, format!("the terminal was lost: {error}")).with_hint(WAYS)
}

/// The name of a device, which is what an authenticator shows: the last part of its ARN.
fn name_of(serial: &str) -> &str {
    match serial.split_once(":mfa/") {
        Some((_, name)) => name.rsplit('/').next().unwrap_or(name),
        None => serial,
    }
}

/// Text for a terminal or a window, on one line and of bounded length: it may be anybody's.
pub(crate) fn plain(text: &str) -> String {
    text.chars()
        .take(400)
        .map(|c| if is_hidden(c) { '?' } else { c })
        .collect()
}

/// Whether a shell started us.
fn is_below_shell(host: &Host) -> bool {
    let parent = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
    parent
        .and_then(|pid| name_and_parent(host, pid))
        .is_none_or(|(name, _)| SHELLS.contains(&name.as_str()))
}

const SHELLS: [&str; 7] = ["sh", "dash", "bash", "zsh", "fish", "ksh", "busybox"];

/// "PID (NAME) STATE PPID …"; a name may hold anything, brackets too.
fn name_and_parent(host: &Host, pid: i32) -> Option<(String, i32)> {
    let stat = host.read(format!("/proc/{pid}/stat").as_ref()).ok()??;
    let (_, rest) = stat.split_once('(')?;
    let (name, rest) = rest.rsplit_once(") ")?;
    Some((name.to_owned(), rest.split(' ').nth(1)?.parse().ok()?))
}

/// The program that started us; a shell that only passes a command on is passed over.
pub(crate) fn program_above() -> Option<String> {
    const SHELLS: [&str; 5] = ["sh", "dash", "bash", "zsh", "busybox"];
    let mut pid = rustix::process::getppid()?.as_raw_nonzero().get();
    for _ in 0..4 {
        let stat = Stat::of(u32::try_from(pid).ok()?)?;
        if !SHELLS.contains(&stat.name.as_str()) {
            return Some(plain(&stat.name));
        }
        pid = stat.parent;
    }
    None
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_as_its_authenticator_does() {
        for (serial, name) in [
            ("arn:aws:iam::111111111111:mfa/joe-phone", "joe-phone"),
            ("arn:aws:iam::111111111111:mfa/team/joe", "joe"),
            ("GAHT12345678", "GAHT12345678"),
        ] {
            assert_eq!(name_of(serial), name);
        }
    }

    #[test]
    fn nothing_that_moves_a_cursor_is_shown() {
        assert_eq!(plain("a\u{1b}[2J\r\n\u{202e}b"), "a?[2J???b");
        assert_eq!(plain(&"x".repeat(5000)).len(), 400);
    }
}

//! Commands that profiles name: run without a shell, bounded in time and in what they print, and ended with all they started.

mod said;
mod tree;

use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};
use zeroize::Zeroizing;

pub(super) use said::masked;

use super::document::{Document, Problem};
use super::source::Fetched;
use crate::arn::AccountId;
use crate::chain::Source;
use crate::command_line::CommandLine;
use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::Host;
use crate::profile::Origin;

/// How long a command may take: one that asks a person waits for that person. Where less time is left, as in
/// `credential-process`, whoever has that deadline drops the call, and the command ends with it.
pub(super) const DEADLINE: Duration = Duration::from_secs(60);

/// The longest credentials there are (a session token of 8 KiB) eight times over.
const LARGEST_STDOUT: usize = 64 * 1024;
/// What is kept of stderr, from its end: one line of it is shown.
const KEPT_STDERR: usize = 8 * 1024;
/// How long a command that has ended may have its output held open by what it left behind.
const HELD_OPEN: Duration = Duration::from_millis(200);

/// The commands that led to this one, in the environment of each: `DIGEST-NONCE,DIGEST-NONCE`.
const CHAIN: &str = "ROLECALL_PROCESS_CHAIN";
/// The AWS CLI's own: the names of the profiles that `aws configure export-credentials` is resolving.
const CLI_CHAIN: &str = "_AWS_CLI_PROFILE_CHAIN";
/// As many as the AWS CLI allows.
const DEEPEST: usize = 4;

/// Runs `command` and returns what it printed. `what` is the setting that names it, for errors; `origin` is where that
/// stands: a file that others may write names no command of ours.
///
/// It inherits the environment and the terminal (`/dev/tty`), and has an empty stdin. After `deadline`, and when the call
/// is dropped, it is ended with everything it has started.
///
/// # Errors
/// [`ErrorKind::Config`]: no such program, one that others could have put there, a command that leads back to itself, more
/// than 64 KiB or something else than text. [`ErrorKind::Unavailable`]: it failed, or took too long. Of what it said on
/// stderr one line is quoted, without what may be a secret.
pub(super) async fn run(
    host: &Host,
    command: &CommandLine,
    what: &str,
    origin: &Origin,
    deadline: Duration,
) -> Result<Zeroizing<String>, Error> {
    if let Origin::File { path, .. } = origin
        && let Some(why) = host.may_be_anybodys(path)
    {
        return Err(
            Error::config(format!("`{command}` ({what}) is not run: it stands in {origin}, and {why}")).with_hint(
                "Others could put a command of theirs there: make the file your own (chown, chmod go-w), then try again.",
            ),
        );
    }
    let (chain, mark) = chained(host, command, what)?;
    let program = host
        .program(command.program())
        .map_err(|error| named(&error, what))?;
    let mut builder = Command::new(&program);
    builder
        .args(command.arguments())
        .env_clear()
        .envs(host.variables())
        .env(CHAIN, chain)
        // A number of ours: what is read there is for us alone.
        .env_remove("ROLECALL_MFA_FD")
        .env_remove("ROLECALL_VAULT_PASSPHRASE_FD")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    tracing::debug!(program = %program.display(), what, "a command is run");
    let child = spawned(&mut builder).await.map_err(|error| {
        let error = Error::config(format!(
            "`{command}` ({what}) cannot be run: {}",
            without_number(&error)
        ));
        error.with_hint("Check the file's mode (chmod +x); a script needs a first line such as `#!/bin/sh`.")
    })?;
    Running { child, mark }.output(command, what, deadline).await
}

/// What `credential_process` prints, as AWS describes it.
/// `account` is the one the profile names, for a command that names none.
pub(super) async fn fetch(
    host: &Host,
    source: &Source,
    command: &CommandLine,
    account: Option<AccountId>,
) -> Result<Fetched, Error> {
    const WHAT: &str = "credential_process";
    if let Some(profile) = &source.profile
        && host
            .env(CLI_CHAIN)
            .is_some_and(|chain| chain.split(',').any(|name| name.trim_matches('"') == profile))
    {
        return Err(circle(
            &format!("profile `{profile}`"),
            &source.origin.to_string(),
        ));
    }
    let output = run(host, command, WHAT, &source.origin, DEADLINE).await?;
    let teller = format!("`{command}` ({})", source.origin);
    let now = host.now();
    let document = Document::read(&output).map_err(|problem| unusable(&teller, &problem))?;
    let printed = document
        .process(now)
        .map_err(|problem| unusable(&teller, &problem))?;
    Ok(printed.fetched(account, now))
}

/// The chain of commands for the environment of the next one, and the part of it that is only its own.
fn chained(host: &Host, command: &CommandLine, what: &str) -> Result<(String, String), Error> {
    let mut digest = Sha256::new();
    for word in command.words() {
        digest.update((word.len() as u64).to_be_bytes());
        digest.update(word);
    }
    let digest = hex(&digest.finalize()[..8]);
    let before = host.env(CHAIN).unwrap_or_default();
    let links: Vec<_> = before.split(',').filter(|link| !link.is_empty()).collect();
    let is_before = links
        .iter()
        .any(|link| link.split('-').next() == Some(digest.as_str()));
    if is_before || links.len() >= DEEPEST {
        return Err(circle(&format!("`{command}`"), what));
    }
    let mut nonce = [0; 16];
    getrandom::fill(&mut nonce).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the system has no randomness: {error}"),
        )
        .with_hint("Check the system's random number generator.")
    })?;
    let link = format!("{digest}-{}", hex(&nonce));
    let chain = links
        .iter()
        .copied()
        .chain([link.as_str()])
        .collect::<Vec<_>>()
        .join(",");
    Ok((chain, link))
}

fn unusable(teller: &str, problem: &Problem) -> Error {
    let said = format!("{teller} printed {problem}");
    match problem {
        Problem::Ended(_) => Error::new(ErrorKind::Unavailable, said)
            .with_hint("It hands on old credentials: sign in where it gets them from, or empty its cache."),
        _ => Error::config(said).with_hint(
            "It has to print one JSON document to stdout and nothing else; what it says to people belongs to stderr.",
        ),
    }
}

fn circle(what: &str, place: &str) -> Error {
    Error::config(format!(
        "{what} ({place}) is run to get credentials, and needs its own credentials for that: the commands go round in a circle"
    ))
    .with_hint("Let the command use a profile that does not name the command.")
}

/// The operating system's number says nothing to a person.
fn without_number(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

/// The same error, said of the setting.
fn named(error: &Error, what: &str) -> Error {
    let of_setting = Error::new(error.kind(), format!("{error} ({what})"));
    error
        .hints()
        .iter()
        .fold(of_setting, |of_setting, hint| of_setting.with_hint(hint))
}

/// Started; tried again when the program is being written at this very moment, as by an update.
async fn spawned(builder: &mut Command) -> std::io::Result<Child> {
    const TRIES: u32 = 5;
    const PAUSE: Duration = Duration::from_millis(40);
    for _ in 1..TRIES {
        match builder.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    builder.spawn()
}

/// A command that runs. Dropped before its end, it is ended with all it started.
struct Running {
    child: Child,
    mark: String,
}

/// How the running ended.
enum Ended {
    ByItself(std::io::Result<ExitStatus>),
    TooLate,
    TooMuch,
}

impl Running {
    async fn output(
        mut self,
        command: &CommandLine,
        what: &str,
        deadline: Duration,
    ) -> Result<Zeroizing<String>, Error> {
        let mut stdout = Stdout::new();
        let mut stderr = Stderr(Vec::with_capacity(2 * KEPT_STDERR));
        let ended = self.read(&mut stdout, &mut stderr, deadline).await;
        let who = format!("`{command}` ({what})");
        match ended {
            Ended::ByItself(Ok(status)) if status.success() => stdout.text().ok_or_else(|| {
                Error::config(format!("{who} printed something that is not UTF-8 text"))
                    .with_hint("Run it by hand to see what it prints.")
            }),
            Ended::ByItself(Ok(status)) => Err(failed(&who, status, said::last_line(&stderr.0, command))),
            Ended::ByItself(Err(error)) => Err(Error::new(
                ErrorKind::Internal,
                format!("lost sight of {who}: {error}"),
            )
            .with_hint("Do not ignore SIGCHLD in the process that uses rolecall.")),
            Ended::TooLate => {
                self.stop().await;
                Err(Error::new(
                    ErrorKind::Unavailable,
                    format!("{who} did not end within {} s, and was stopped", deadline.as_secs()),
                )
                .with_hint(
                    "Run it by hand to see what it waits for; what it asks a person it has to ask on the terminal (/dev/tty), for its stdin is empty.",
                ))
            }
            Ended::TooMuch => {
                self.stop().await;
                Err(Error::config(format!(
                    "{who} printed more than {} KiB, and was stopped",
                    LARGEST_STDOUT / 1024
                ))
                .with_hint("It may print what the setting asks for and nothing else."))
            }
        }
    }

    /// Reads both outputs at once, for one that is not read stops the command when it is full. What counts is the end of
    /// the command: its output may be held open by something it has left behind.
    async fn read(&mut self, stdout: &mut Stdout, stderr: &mut Stderr, deadline: Duration) -> Ended {
        let (mut out, mut err) = (self.child.stdout.take(), self.child.stderr.take());
        let mut deadline = pin!(tokio::time::sleep(deadline));
        let mut held_open = pin!(tokio::time::sleep(HELD_OPEN));
        let mut status = None;
        loop {
            if let (None, None, Some(_)) = (&out, &err, &status) {
                break;
            }
            let mut chunk = Zeroizing::new([0; 4096]);
            tokio::select! {
                biased;
                () = &mut deadline => return Ended::TooLate,
                () = &mut held_open, if status.is_some() => break,
                read = read(&mut out, stdout.room()), if out.is_some() => match read {
                    Some(read) => stdout.taken += read,
                    None => out = None,
                },
                read = read(&mut err, &mut chunk[..]), if err.is_some() => match read {
                    Some(read) => stderr.push(&chunk[..read]),
                    None => err = None,
                },
                ended = self.child.wait(), if status.is_none() => {
                    status = Some(ended);
                    held_open.as_mut().reset(tokio::time::Instant::now() + HELD_OPEN);
                }
            }
            if stdout.taken > LARGEST_STDOUT {
                return Ended::TooMuch;
            }
        }
        match status {
            Some(status) => Ended::ByItself(status),
            None => Ended::TooLate,
        }
    }

    async fn stop(&mut self) {
        if let Some(pid) = self.child.id() {
            let mark = self.mark.clone();
            // It waits, and not on a thread that others need.
            let _ = tokio::task::spawn_blocking(move || tree::end(pid, &mark)).await;
            let _ = self.child.kill().await;
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // None when it has ended by itself.
        if let Some(pid) = self.child.id() {
            tree::end(pid, &self.mark);
            let _ = self.child.start_kill();
        }
    }
}

/// One read; nothing at the end, and after an error.
async fn read(from: &mut Option<impl AsyncRead + Unpin>, room: &mut [u8]) -> Option<usize> {
    match from.as_mut()?.read(room).await {
        Ok(0) | Err(_) => None,
        Ok(read) => Some(read),
    }
}

/// Room for all that may come, so that no secret is left behind where it grew.
struct Stdout {
    bytes: Zeroizing<Vec<u8>>,
    taken: usize,
}

impl Stdout {
    fn new() -> Self {
        Self {
            bytes: Zeroizing::new(vec![0; LARGEST_STDOUT + 1]),
            taken: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        &mut self.bytes[self.taken..]
    }

    fn text(&self) -> Option<Zeroizing<String>> {
        let text = std::str::from_utf8(&self.bytes[..self.taken]).ok()?;
        Some(Zeroizing::new(text.to_owned()))
    }
}

/// The end of what was said.
struct Stderr(Vec<u8>);

impl Stderr {
    fn push(&mut self, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
        if self.0.len() > 2 * KEPT_STDERR {
            let old = self.0.len() - KEPT_STDERR;
            self.0.drain(..old);
        }
    }
}

impl Drop for Stderr {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

fn failed(who: &str, status: ExitStatus, said: Option<String>) -> Error {
    let how = match (status.code(), signal(status)) {
        (Some(code), _) => format!("failed with exit status {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "failed".to_owned(),
    };
    let said = said.map(|said| format!(": {said}")).unwrap_or_default();
    Error::new(ErrorKind::Unavailable, format!("{who} {how}{said}"))
        .with_hint("Run it by hand to see all it says; what may be a secret is left out here.")
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i32> {
    std::os::unix::process::ExitStatusExt::signal(&status)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i32> {
    None
}

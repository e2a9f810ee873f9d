//! Child processes: started, given every signal that was meant for them, and ended as they ended.

use std::ffi::OsString;
use std::io;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rolecall::host::Stat;
use rolecall::{Error, ErrorKind, Host};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process};
use signal_hook::consts::signal::{
    SIGALRM, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGSTOP, SIGTERM, SIGUSR1, SIGUSR2,
};
use signal_hook::iterator::SignalsInfo;
use signal_hook::iterator::exfiltrator::WithOrigin;

use crate::child_env::ChildEnv;
use crate::command_error::{CommandError, Ended};

/// Signals that a wrapper is sent in its child's stead.
const FORWARDED: [i32; 8] = [
    SIGALRM, SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2,
];

/// The command as it was written, or the user's shell.
pub(crate) fn command(host: &Host, words: &[OsString], env: &ChildEnv) -> Command {
    let mut command = match words {
        [program, arguments @ ..] => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        [] => Command::new(host.env("SHELL").unwrap_or("/bin/sh")),
    };
    for name in &env.remove {
        command.env_remove(name);
    }
    command.envs(env.set.iter().map(|(name, value)| (name, value.as_str())));
    command
}

/// Why a child could not be started, with the exit codes of `env(1)` and the shells: 126 and 127.
pub(crate) fn not_started(command: &Command, error: &io::Error) -> CommandError {
    let program = command.get_program().to_string_lossy();
    let (code, message, hint) = match error.kind() {
        io::ErrorKind::NotFound => (
            127,
            format!("there is no command `{program}`"),
            "Check its spelling and the PATH; the command stands behind `--`.",
        ),
        io::ErrorKind::PermissionDenied => (
            126,
            format!("`{program}` cannot be executed: {error}"),
            "Check the file's mode (chmod +x) and that it is not a directory.",
        ),
        _ => (
            126,
            format!("`{program}` cannot be executed: {error}"),
            "A script needs a first line such as `#!/bin/sh`.",
        ),
    };
    CommandError::from(Error::new(ErrorKind::Config, message).with_hint(hint)).with_code(code)
}

/// Becomes the command: nothing of us is left. Returns only when that fails.
pub(crate) fn replace(mut command: Command) -> CommandError {
    use std::os::unix::process::CommandExt as _;
    let error = command.exec();
    not_started(&command, &error)
}

/// Takes the signals that are meant for the child from the moment there is one.
#[derive(Debug)]
pub(crate) struct Signals(SignalsInfo<WithOrigin>);

impl Signals {
    /// From here on these signals do not end us. What was ignored when we came stays ignored, for the child as well.
    pub(crate) fn hold(host: &Host) -> Result<Self, Error> {
        let fail = |error| Error::new(ErrorKind::Internal, format!("cannot listen for signals: {error}"));
        // Where our parent ignores SIGCHLD the kernel would throw the child's status away.
        signal_hook::flag::register(SIGCHLD, Arc::default()).map_err(fail)?;
        let ignored = ignored_signals(host);
        let held = FORWARDED
            .iter()
            .filter(|signal| ignored >> (*signal - 1) & 1 == 0);
        SignalsInfo::new(held).map(Self).map_err(fail)
    }

    /// Gives each signal to the child. One from the terminal (Ctrl-C) has reached the child already: it goes to the whole
    /// group, and a second one would make some programs give up their clean-up. Stops when the child stops.
    pub(crate) fn forward_to(mut self, pid: u32) {
        let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return;
        };
        thread::spawn(move || {
            for origin in self.0.forever() {
                let by_process = origin.process.is_some();
                if let (true, Some(signal)) = (by_process, Signal::from_named_raw(origin.signal)) {
                    let _ = kill_process(pid, signal);
                }
            }
        });
        thread::spawn(move || stop_with(pid));
    }
}

/// Stops whenever the child does (a shell's `suspend`, a SIGSTOP), so that whoever waits for us gets the terminal back;
/// continued, it continues the child.
fn stop_with(pid: Pid) {
    // Ends with an error when the child is no more.
    while rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::STOPPED).is_ok() {
        // Ctrl-Z stops us as well, by itself; by the time we are back from that the child is too.
        thread::sleep(Duration::from_millis(30));
        let number = pid.as_raw_nonzero().get().unsigned_abs();
        if Stat::of(number).is_some_and(|stat| stat.is_stopped) {
            // To this very thread: one to the process may stop it only after this thread has gone on to the next line.
            let _ = signal_hook::low_level::raise(SIGSTOP);
            let _ = kill_process(pid, Signal::CONT);
        }
    }
}

/// The mask of ignored signals, bit n-1 for signal n.
pub(crate) fn ignored_signals(host: &Host) -> u64 {
    let status = host
        .read("/proc/self/status".as_ref())
        .ok()
        .flatten()
        .unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or(0)
}

/// How a child ended, as our own end.
pub(crate) fn ended(status: ExitStatus) -> Ended {
    use std::os::unix::process::ExitStatusExt as _;
    match (status.code(), status.signal()) {
        (Some(code), _) => Ended::Code(u8::try_from(code & 0xff).unwrap_or(u8::MAX)),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Code(1),
    }
}

/// Ends this process by `signal`, so that whoever waits for us sees what happened to the child.
pub(crate) fn die_by(signal: i32) -> ExitCode {
    // A core of ours would hold what the child's core does not.
    let none = rustix::process::Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
    let by_handler = signal_hook::low_level::emulate_default_handler(signal).is_ok();
    if !by_handler {
        // Real-time signals have no name, and end a process by default.
        let _ = signal_hook::low_level::raise(signal);
    }
    ExitCode::from(u8::try_from(128 + signal).unwrap_or(u8::MAX))
}

//! A terminal of a test's own, and commands that have it as their controlling one.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use super::support::{BINARY, Machine, wait_for};

pub(crate) struct Screen {
    keyboard: File,
    side: File,
    seen: Arc<Mutex<String>>,
}

impl Screen {
    pub(crate) fn new() -> Self {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap())
            .unwrap();
        let keyboard = File::from(terminal);
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut from, into) = (keyboard.try_clone().unwrap(), Arc::clone(&seen));
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = from.read(&mut buffer) {
                into.lock()
                    .unwrap()
                    .push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
        });
        Self { keyboard, side, seen }
    }

    /// The command with this as its controlling terminal; stdout and stderr are pipes.
    pub(crate) fn start(&self, machine: &Machine, arguments: &[&str], env: &[(&str, &str)]) -> Child {
        let mut command = Command::new("setsid");
        machine.furnish(command.args(["--ctty", BINARY]).args(arguments));
        command
            .env_remove("ROLECALL_LOG")
            .envs(env.iter().copied())
            .stdin(Stdio::from(self.side.try_clone().unwrap()))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// A program with this as its controlling terminal and all it reads and writes.
    pub(crate) fn run(&self, machine: &Machine, words: &[&str], env: &[(&str, &str)]) -> Child {
        let side = || Stdio::from(self.side.try_clone().unwrap());
        let mut command = Command::new("setsid");
        machine.furnish(command.arg("--ctty").args(words));
        command
            .env_remove("ROLECALL_LOG")
            .envs(env.iter().copied())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .unwrap()
    }

    pub(crate) fn text(&self) -> String {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until this has been shown so often.
    pub(crate) fn shows(&self, text: &str, times: usize) {
        for _ in 0..400 {
            if self.text().matches(text).count() >= times {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("waited in vain for `{text}` in:\n{}", self.text());
    }

    /// Waits for the question number `times`, and types an answer.
    pub(crate) fn answer(&self, times: usize, text: &str) {
        self.shows("not shown", times);
        self.hides_typing();
        self.type_in(&format!("{text}\n"));
    }

    pub(crate) fn type_in(&self, text: &str) {
        (&self.keyboard).write_all(text.as_bytes()).unwrap();
    }

    /// Whoever has it as their terminal is told of its new size.
    pub(crate) fn resize(&self, columns: u16, lines: u16) {
        let size = Winsize {
            ws_col: columns,
            ws_row: lines,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.side, size).unwrap();
    }

    pub(crate) fn is_echoing(&self) -> bool {
        tcgetattr(&self.side)
            .unwrap()
            .local_modes
            .contains(LocalModes::ECHO)
    }

    pub(crate) fn hides_typing(&self) {
        wait_for("a terminal that shows nothing", || {
            (!self.is_echoing()).then_some(())
        });
    }
}

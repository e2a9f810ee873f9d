//! `exec`: signals, exit status and the endpoint, as if rolecall were not there.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;

use super::support::{Machine, wait_for};

/// What the endpoint answers: the status and the body.
fn ask(uri: &str, token: &str) -> (u16, String) {
    let (authority, path) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

/// A child that prints its endpoint and stays until it is told to go.
pub(crate) struct Staying {
    pub(crate) child: Child,
    uri: String,
    token: String,
}

impl Staying {
    pub(crate) const SCRIPT: &str = "echo \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                      echo \"${AWS_CONTAINER_AUTHORIZATION_TOKEN:-$(cat \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\")}\"; read line; exit 3";

    pub(crate) fn start(machine: &Machine, flags: &[&str]) -> Self {
        let script = Self::SCRIPT;
        let mut arguments = vec!["exec", "blah"];
        arguments.extend(flags);
        arguments.extend(["--", "sh", "-c", script]);
        Self::started(&mut machine.command(arguments))
    }

    /// The same of a command that is furnished already.
    pub(crate) fn started(command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || lines.next().unwrap().unwrap();
        let (uri, token) = (next(), next());
        Self { child, uri, token }
    }

    pub(crate) fn ask(&self) -> Value {
        let (status, body) = ask(&self.uri, &self.token);
        assert_eq!(status, 200, "{body}");
        serde_json::from_str(&body).unwrap()
    }

    fn authority(&self) -> String {
        let (authority, _) = self.uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
        authority.to_owned()
    }

    pub(crate) fn end(mut self) -> i32 {
        self.child.stdin.take().unwrap().write_all(b"go\n").unwrap();
        self.child.wait().unwrap().code().unwrap()
    }
}

#[test]
fn the_child_outlives_its_session() {
    let machine = Machine::with_sessions_of(4);
    let staying = Staying::start(&machine, &[]);
    let first = staying.ask();
    assert_eq!(first["AccountId"], "666666666666");
    let later = wait_for("a renewal", || {
        let now = staying.ask();
        (now["AccessKeyId"] != first["AccessKeyId"]).then_some(now)
    });
    assert!(later["Expiration"].as_str() > first["Expiration"].as_str());
    assert_eq!(staying.end(), 3);
}

#[test]
fn a_session_is_renewed_ahead_of_time_only_while_somebody_asks() {
    let machine = Machine::with_sessions_of(8);
    let staying = Staying::start(&machine, &[]);
    let _ = staying.ask();
    wait_for("the renewal ahead of time", || {
        (machine.sandbox.count("AssumeRole") == 2).then_some(())
    });
    // Nobody asked since: more than a lifetime later there has been no other call.
    std::thread::sleep(Duration::from_secs(9));
    assert_eq!(machine.sandbox.count("AssumeRole"), 2);
    let _ = staying.ask();
    assert_eq!(staying.end(), 3);
}

#[test]
fn the_endpoint_is_gone_with_the_child_and_so_are_its_files() {
    let machine = Machine::new();
    let staying = Staying::start(&machine, &["--token-file"]);
    let _ = staying.ask();
    let files = || std::fs::read_dir(machine.path("run")).unwrap().count();
    assert_eq!(files(), 1);
    let authority = staying.authority();
    assert_eq!(staying.end(), 3);
    assert_eq!(files(), 0);
    assert!(TcpStream::connect(authority).is_err());
}

#[test]
fn what_a_killed_exec_left_behind_goes_with_the_next() {
    let machine = Machine::new();
    let mut staying = Staying::start(&machine, &["--token-file"]);
    let stdin = staying.child.stdin.take();
    staying.child.kill().unwrap();
    staying.child.wait().unwrap();
    let left = || {
        let _ = machine.run(&["exec", "blah", "--", "true"]).ok();
        std::fs::read_dir(machine.path("run")).unwrap().count()
    };
    assert_eq!(left(), 1, "the child that lives on keeps its files");
    drop(stdin);
    wait_for("the child to end, and its files to go", || {
        (left() == 0).then_some(())
    });
}

#[test]
fn nobody_takes_the_port_of_a_killed_exec_while_its_child_lives() {
    let machine = Machine::new();
    let mut staying = Staying::start(&machine, &[]);
    // Held on to, for waiting would close it and end the child.
    let stdin = staying.child.stdin.take();
    staying.child.kill().unwrap();
    staying.child.wait().unwrap();
    let authority = staying.authority();
    assert!(std::net::TcpListener::bind(&authority).is_err());
    drop(stdin);
    wait_for("the port to be free", || {
        std::net::TcpListener::bind(&authority).ok()
    });
}

#[test]
fn a_signal_before_there_is_a_child_ends_it_all() {
    let machine = Machine::new();
    machine
        .sandbox
        .inject(rolecall_sandbox::Fault::Hang, "AssumeRole", 1);
    let mut command = machine.command(["exec", "blah", "--", "sh", "-c", "echo ran"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Wherever it is by then, it has no answer yet, and so no child.
    std::thread::sleep(Duration::from_millis(500));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        (output.status.signal(), output.stdout.as_slice()),
        (Some(2), &b""[..])
    );
}

#[test]
fn we_stop_with_the_child_and_continue_it() {
    let machine = Machine::new();
    let mut command = machine.command(["exec", "blah", "--", "sh", "-c", "kill -STOP $$; exit 6"]);
    let mut child = command.stderr(Stdio::null()).spawn().unwrap();
    let pid = Pid::from_child(&child);
    wait_for("both to stop", || {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit(") ").next().unwrap().starts_with('T').then_some(())
    });
    kill_process(pid, Signal::CONT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(6));
}

#[test]
fn a_parent_that_ignores_the_end_of_its_children_does_not_hide_it_from_us() {
    let machine = Machine::new();
    let outer = format!(
        "trap '' CHLD; exec '{}' exec blah -- sh -c 'exit 3'",
        super::support::BINARY
    );
    assert_eq!(machine.finish(&mut machine.shell(&outer)).status.code(), Some(3));
}

#[test]
fn a_wrong_token_opens_nothing() {
    let machine = Machine::new();
    let staying = Staying::start(&machine, &[]);
    let (status, body) = ask(&staying.uri, "wrong");
    assert_eq!(status, 401);
    machine.no_secret(body.as_bytes());
    assert_eq!(staying.end(), 3);
}

#[test]
fn neither_command_line_nor_environment_of_any_process_holds_a_secret() {
    let machine = Machine::new();
    let staying = Staying::start(&machine, &[]);
    let _ = staying.ask();
    let own = staying.child.id();
    let children = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap();
    let pids = std::iter::once(own.to_string()).chain(children.split_whitespace().map(str::to_owned));
    let mut looked_at = 0;
    for pid in pids {
        for file in ["environ", "cmdline"] {
            let read = std::fs::read(format!("/proc/{pid}/{file}"));
            // Our own environment is closed to all but root.
            let is_closed = pid == own.to_string() && file == "environ" && !geteuid().is_root();
            assert_eq!(read.is_err(), is_closed, "{pid}/{file}: {:?}", read.err());
            machine.no_secret(&read.unwrap_or_default());
            looked_at += 1;
        }
    }
    assert_eq!(looked_at, 4);
    assert_eq!(staying.end(), 3);
}

#[test]
fn exit_status_is_the_childs() {
    let machine = Machine::new();
    for code in [0, 1, 7, 125, 255] {
        let script = format!("exit {code}");
        let ran = machine.run(&["exec", "blah", "--", "sh", "-c", &script]);
        assert_eq!(ran.status.code(), Some(code));
    }
    for flag in ["--env", "--token-file"] {
        assert_eq!(
            machine
                .run(&["exec", "blah", flag, "--", "sh", "-c", "exit 9"])
                .status
                .code(),
            Some(9)
        );
    }
}

#[test]
fn a_childs_signal_is_ours() {
    let machine = Machine::new();
    for (name, number) in [("TERM", 15), ("KILL", 9), ("INT", 2), ("SEGV", 11), ("USR1", 10)] {
        let script = format!("kill -{name} $$");
        let ran = machine.run(&["exec", "blah", "--", "sh", "-c", &script]);
        assert_eq!(ran.status.signal(), Some(number), "{name}: {:?}", ran.status);
    }
}

/// The command as a terminal starts it: whoever started the tests may ignore signals (`nohup`, a supervisor), which every
/// process would inherit, and a shell could not trap them. Where `env` cannot undo that, it is started as it is.
fn with_default_signals(command: &Command) -> Command {
    let defaults = ["--default-signal=TERM,INT,HUP,USR1"];
    let can = Command::new("env").args(defaults).arg("true").output();
    let mut started = if can.is_ok_and(|output| output.status.success()) {
        let mut env = Command::new("env");
        env.args(defaults).arg(command.get_program());
        env
    } else {
        Command::new(command.get_program())
    };
    started.args(command.get_args()).env_clear().stdin(Stdio::null());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            started.env(name, value);
        }
    }
    started
}

#[test]
fn signals_sent_to_us_reach_the_child_once() {
    let machine = Machine::new();
    for (name, signal) in [
        ("TERM", Signal::TERM),
        ("INT", Signal::INT),
        ("HUP", Signal::HUP),
        ("USR1", Signal::USR1),
    ] {
        let script = format!(
            "n=0; trap 'n=$((n+1))' {name}; echo ready; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.2; exit $((40+n))"
        );
        let command = machine.command(["exec", "blah", "--", "sh", "-c", &script]);
        let mut child = with_default_signals(&command)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        assert_eq!(line, "ready\n");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(41), "{name}");
    }
}

#[test]
fn what_was_ignored_before_us_stays_ignored() {
    let machine = Machine::new();
    let outer = format!(
        "trap '' HUP; exec '{}' exec blah -- sh -c 'kill -HUP $$; echo alive'",
        super::support::BINARY
    );
    assert_eq!(machine.finish(&mut machine.shell(&outer)).ok(), "alive\n");
}

#[test]
fn without_a_command_it_is_the_users_shell() {
    let machine = Machine::new();
    machine.write("shell", "#!/bin/sh\necho my shell $# $AWS_REGION\n");
    let shell = machine.path("shell");
    std::fs::set_permissions(&shell, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    assert_eq!(
        machine
            .finish(machine.command(["exec", "blah"]).env("SHELL", &shell))
            .ok(),
        "my shell 0 us-east-1\n"
    );
}

#[test]
fn stdin_and_arguments_pass_through() {
    let machine = Machine::new();
    let mut command = machine.command([
        "exec",
        "blah",
        "--",
        "sh",
        "-c",
        "cat; printf '<%s>' \"$@\"",
        "sh",
        "a b",
        "",
        "--json",
        "$HOME",
    ]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"in\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8(output.stdout).unwrap(),
        "in\n<a b><><--json><$HOME>"
    );
}

#[test]
fn a_refusal_comes_before_the_child() {
    let machine = Machine::new();
    let stderr = machine
        .run_quietly(&[
            "exec",
            "partner",
            "--external-id",
            "wrong",
            "--",
            "sh",
            "-c",
            "echo started",
        ])
        .failed(125);
    assert!(stderr.contains("AccessDenied"), "{stderr}");
    // The process group is the caller's own: a terminal's Ctrl-C reaches the child by itself.
    let mut command = machine.command([
        "exec",
        "blah",
        "--",
        "sh",
        "-c",
        "ps -o pgid= -p $$ 2>/dev/null || cut -d' ' -f5 /proc/$$/stat",
    ]);
    let ran = machine.finish(command.process_group(0));
    let group: i32 = ran.ok().trim().parse().unwrap();
    assert!(group > 0);
}

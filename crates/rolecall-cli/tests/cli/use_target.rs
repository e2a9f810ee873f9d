//! `rolecall use`: pointers in a shell, never keys; given back, taken back, and made anew.

use std::fs;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};

use rolecall_sandbox::Sandbox;
use rustix::process::{Pid, Signal, kill_process};

use super::mfa;
use super::support::{BINARY, Machine, wait_for};
use super::terminal::Screen;
use super::use_shell::{Env, InShell, ask, ask_at, env_file, key_id, path, shells, status, text};

fn kill(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(pid.try_into().unwrap()).unwrap(), signal).unwrap();
}

fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with(['Z', 'X']))
}

/// The one process that this one has started.
fn child_of(pid: u32) -> u32 {
    let parent = pid.to_string();
    let mut pids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let child: u32 = entry.unwrap().file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{child}/stat")).ok()?;
        let is_child = stat.rsplit_once(") ")?.1.split(' ').nth(1) == Some(parent.as_str());
        is_child.then_some(child)
    });
    pids.next().unwrap()
}

#[test]
fn a_shell_has_pointers_and_no_secret() {
    let machine = Machine::new();
    for shell in shells() {
        let all = if shell == "fish" { "set" } else { "typeset" };
        let script = format!("rolecall use blah\n{all} > \"$HOME/{shell}-variables\"\n@1@\n");
        let shell_ = InShell::hooked(&machine, shell, shell, &script, &[("AWS_PROFILE", "joe")]);
        let env = shell_.at(1);
        assert!(key_id(&env).starts_with("ASIA"), "{shell}");
        assert_eq!(text(&env, "ROLECALL_USE"), "blah", "{shell}");
        assert!(!env.contains_key("AWS_PROFILE"), "{shell}");
        for stub in ["AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"] {
            let stub = fs::read_to_string(text(&env, stub)).unwrap();
            assert!(
                !stub.contains("aws_access_key_id") && !stub.contains("role_arn"),
                "{shell}: {stub}"
            );
        }
        // In the environment of programs, in the shell's own, and in its variables.
        machine.no_secret(&fs::read(machine.path(&format!("{shell}-env-1"))).unwrap());
        machine.no_secret(&fs::read(format!("/proc/{}/environ", shell_.pid())).unwrap());
        machine.no_secret(&fs::read(machine.path(&format!("{shell}-variables"))).unwrap());
        let (pid, ..) = status(&machine).unwrap();
        machine.no_secret(&fs::read(format!("/proc/{pid}/cmdline")).unwrap());
        shell_.go(1);
        assert!(shell_.end().status.success(), "{shell}");
    }
}

#[test]
fn what_was_there_comes_back_byte_for_byte() {
    const HOSTILE: [(&str, &str); 6] = [
        (
            "AWS_PROFILE",
            "it's \"a\" $(touch pwned)`touch pwned` \\ \\' ${HOME}\n\ttwo lines\n\n",
        ),
        ("AWS_DEFAULT_PROFILE", ""),
        ("AWS_SESSION_EXPIRATION", "\u{1b}[2J é ! * ? [a] {b,c} ~ #x"),
        ("AWS_BEARER_TOKEN_BLAH", "; touch pwned; '\n'"),
        ("AWS_REGION", "eu-central-1"),
        ("BOTO_CONFIG", "-n"),
    ];
    let machine = Machine::new();
    for shell in shells() {
        let unexported = if shell == "fish" {
            "set -gu AWS_ACCOUNT_ID 'a  b'"
        } else {
            "AWS_ACCOUNT_ID='a  b'"
        };
        let script = format!(
            "{unexported}\n@0@\nrolecall use blah\n@1@\nrolecall use partner\n@2@\nrolecall use --off\n\
             printf %s \"$AWS_ACCOUNT_ID\" > \"$HOME/{shell}-unexported\"\n@3@\nrolecall use --off\nrolecall use\n"
        );
        let run = InShell::hooked(&machine, shell, shell, &script, &HOSTILE);
        let before = run.at(0);
        run.go(0);
        let used = run.at(1);
        for (name, value) in HOSTILE {
            assert_eq!(before[name], value.as_bytes(), "{shell}: the test's own doing");
            let stays = name == "AWS_REGION";
            assert_eq!(used.get(name) == Some(&before[name]), stays, "{shell}: {name}");
        }
        assert_eq!(ask(&used).unwrap().0, 200);
        run.go(1);
        let other = run.at(2);
        assert_eq!(text(&other, "ROLECALL_USE"), "partner");
        assert_eq!(ask(&other).unwrap().0, 200);
        // What another took the place of is taken back.
        assert_ne!(ask(&used).unwrap().0, 200, "{shell}: withdrawn by another");
        run.go(2);
        assert_eq!(run.at(3), before, "{shell}");
        assert_ne!(ask(&other).unwrap().0, 200, "{shell}: withdrawn by --off");
        assert_eq!(
            fs::read_to_string(machine.path(&format!("{shell}-unexported"))).unwrap(),
            "a  b",
            "{shell}: never exported, and there"
        );
        run.go(3);
        let said = String::from_utf8(run.end().stdout).unwrap();
        assert!(
            said.contains("nothing is in use in this shell"),
            "{shell}: {said}"
        );
        assert!(!machine.path("pwned").exists(), "{shell}");
    }
}

#[test]
fn two_shells_have_two_identities_on_one_port() {
    let machine = Machine::new();
    let start = |target: &str| {
        let script = format!("rolecall use {target}\n@1@\n");
        InShell::hooked(&machine, "bash", target, &script, &[])
    };
    let (blah, partner) = (start("blah"), start("partner"));
    let (one, two) = (blah.at(1), partner.at(1));
    let authority = |env: &Env| {
        let uri = text(env, "AWS_CONTAINER_CREDENTIALS_FULL_URI");
        uri.rsplit_once('/').unwrap().0.to_owned()
    };
    assert_eq!(authority(&one), authority(&two));
    assert_ne!(key_id(&one), key_id(&two));
    let (uri, token) = (
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    );
    let (status_, _) = ask_at(&text(&one, uri), &text(&two, token)).unwrap();
    assert_ne!(status_, 200, "one's token opens the other's");
    assert_eq!(status(&machine).unwrap().2, 2);
    // One ends, and only what it had goes with it.
    blah.go(1);
    assert!(blah.end().status.success());
    wait_for("the end of a shell to be noticed", || {
        (ask(&one).unwrap().0 != 200).then_some(())
    });
    assert_eq!(ask(&two).unwrap().0, 200);
    assert_eq!(status(&machine).unwrap().2, 1);
}

#[test]
fn nothing_in_the_shell_goes_stale() {
    let machine = Machine::with_sessions_of(4);
    let shell = InShell::hooked(&machine, "bash", "stale", "rolecall use blah\n@1@\n", &[]);
    let env = shell.at(1);
    let first = key_id(&env);
    let next = wait_for("the next session", || {
        Some(key_id(&env)).filter(|id| *id != first)
    });
    wait_for("the one after that", || {
        Some(key_id(&env)).filter(|id| *id != first && *id != next)
    });
}

#[test]
fn killed_it_answers_nobody_and_the_next_prompt_makes_it_anew() {
    for shell in shells() {
        let machine = Machine::new();
        let due = if shell == "fish" {
            "set -g _rolecall_looked 0"
        } else {
            "_rolecall_looked=-100"
        };
        let script = format!(
            "rolecall use blah --session-name \"it's\" 2>/dev/null\nrolecall use blah --session-name me\n@1@\n{due}\n\
             _rolecall_prompt\n@2@\n{due}\n_rolecall_prompt\n@3@\n"
        );
        let run = InShell::hooked(&machine, shell, shell, &script, &[]);
        let before = run.at(1);
        assert_eq!(ask(&before).unwrap().0, 200);
        let (pid, port, _) = status(&machine).unwrap();
        let keeper = child_of(pid);
        kill(pid, Signal::KILL);
        wait_for("its end", || is_gone(pid).then_some(()));
        // Until its keeper has noticed, a connection may wait or be reset; it is never answered.
        wait_for("connections to be refused", || match ask(&before) {
            Ok((status, _)) => {
                assert_eq!(status, 0, "{shell}: somebody answered");
                None
            }
            Err(error) => (error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(()),
        });
        // Nor can anybody else answer there while the shell's programs may ask.
        let taken = TcpListener::bind(("127.0.0.1", port)).unwrap_err();
        assert_eq!(taken.kind(), std::io::ErrorKind::AddrInUse, "{shell}");
        run.go(1);
        let after = run.at(2);
        let (_, body) = ask(&after).unwrap();
        assert!(body["AccessKeyId"].is_string(), "{shell}: {}", body["Message"]);
        assert_ne!(status(&machine).unwrap().0, pid);
        // While it answers, nothing is changed.
        run.go(2);
        assert_eq!(run.at(3), after, "{shell}");
        run.go(3);
        assert!(run.end().status.success(), "{shell}");
        wait_for("the keeper's end", || is_gone(keeper).then_some(()));
        let asked = machine
            .sandbox
            .calls()
            .into_iter()
            .filter(|call| call.operation == "AssumeRole");
        assert!(
            asked.count() >= 2,
            "{shell}: the agent is off, and so it was asked anew"
        );
    }
}

#[test]
fn it_ends_by_itself_when_there_is_no_shell() {
    let machine = Machine::new();
    let socket = UnixListener::bind(machine.path("run/endpoint.sock")).unwrap();
    let mut command = Command::new(BINARY);
    machine.furnish(command.args(["endpoint", "run", "--idle", "1"]));
    let mut process = command.stdin(Stdio::from(OwnedFd::from(socket))).spawn().unwrap();
    let shell = InShell::hooked(&machine, "bash", "last", "rolecall use blah\n@1@\n", &[]);
    shell.at(1);
    assert_eq!(status(&machine).unwrap().0, process.id());
    // Longer than it waits without a shell.
    std::thread::sleep(std::time::Duration::from_millis(2500));
    assert!(process.try_wait().unwrap().is_none(), "it ended under a shell");
    kill(shell.pid(), Signal::KILL);
    drop(shell);
    let ended = wait_for("its end", || process.try_wait().unwrap());
    assert!(ended.success());
}

#[test]
fn whoever_reads_what_its_first_client_wrote_is_not_held_up() {
    let machine = Machine::new();
    let code = machine.path("code").display().to_string();
    // The descriptors that a script opened for its own use are inherited by every command in it.
    let script = format!("exec 7>&1 8>&2; '{BINARY}' use blah --shell bash > '{code}'");
    let mut command = machine.shell(&script);
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(command.output()));
    let output = receiver.recv_timeout(std::time::Duration::from_secs(60));
    let output = output.expect("the end of what it wrote").unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    assert!(status(&machine).is_some(), "the endpoint is there still");
    machine.run(&["endpoint", "stop"]).ok();
}

#[test]
fn without_the_hook_the_shell_evaluates_it_once() {
    let machine = Machine::new();
    for shell in shells() {
        let line = |words: &str| match shell {
            "fish" => format!("rolecall use {words} | source"),
            _ => format!("eval \"$(rolecall use {words})\""),
        };
        let script = format!("@0@\n{}\n@1@\n{}\n@2@\n", line("blah"), line("--off"));
        let run = InShell::start(&machine, shell, shell, &script, &[("AWS_PROFILE", "joe")]);
        let before = run.at(0);
        run.go(0);
        let used = run.at(1);
        assert_eq!(ask(&used).unwrap().0, 200);
        run.go(1);
        assert_eq!(run.at(2), before, "{shell}");
        assert_ne!(ask(&used).unwrap().0, 200, "{shell}");
    }
}

#[test]
fn a_readonly_variable_keeps_everything_as_it_is() {
    let machine = Machine::new();
    for shell in shells().into_iter().filter(|shell| *shell != "fish") {
        let script = "readonly AWS_PROFILE\n@0@\nrolecall use blah\necho \"ended $?\"\n@1@\n";
        let run = InShell::hooked(&machine, shell, shell, script, &[("AWS_PROFILE", "joe")]);
        let before = run.at(0);
        run.go(0);
        assert_eq!(run.at(1), before, "{shell}");
        run.go(1);
        let output = run.end();
        assert!(
            String::from_utf8_lossy(&output.stdout).contains("ended 1"),
            "{shell}"
        );
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            said.contains("AWS_PROFILE is readonly in this shell"),
            "{shell}: {said}"
        );
    }
}

#[test]
fn a_sandbox_around_a_command_leaves_no_endpoint() {
    let machine = Machine::new();
    let script = "eval \"$(rolecall use blah)\"; rolecall endpoint status --json";
    let ran = machine.run_quietly(&["sandbox", "--", "bash", "-c", script]).ok();
    let status: serde_json::Value = serde_json::from_str(&ran).unwrap();
    let pid = status["pid"].as_u64().unwrap().try_into().unwrap();
    wait_for("its end", || is_gone(pid).then_some(()));
}

#[test]
fn the_terminal_is_where_a_person_is_asked_and_the_endpoint_asks_nobody() {
    let machine = mfa::machine_with(Sandbox::builder().session_seconds(12));
    let screen = Screen::new();
    let path = path();
    let env = [("PATH", path.as_str()), ("TERM", "dumb"), ("HISTFILE", "")];
    let mut shell = screen.run(&machine, &["bash", "--noprofile", "--norc", "-i"], &env);
    screen.type_in("rolecall use One\n");
    screen.shows("into your shell's startup file", 1);
    screen.type_in(
        "eval \"$(rolecall hook bash)\"; rolecall use One; env -0 > \"$HOME/env\"; mkdir \"$HOME/at\"\n",
    );
    screen.answer(1, &mfa::code(&machine));
    wait_for("the shell's environment", || {
        machine.path("at").exists().then_some(())
    });
    let env = env_file(&machine.path("env"));
    // Nobody was asked a second time: what was obtained at the terminal was handed on.
    assert_eq!(ask(&env).unwrap().0, 200);
    machine.no_secret(&fs::read(machine.path("env")).unwrap());
    // A person is told in time, once.
    let within = format!("bash:{}", shell.id());
    let check = || machine.run_quietly(&["use", "--check", "--in", &within]).stderr;
    let said = wait_for("a word about the end", || {
        Some(check()).filter(|said| !said.is_empty())
    });
    assert!(
        said.starts_with("hint: The session of One ends in 1 min: `rolecall use One` renews it."),
        "{said}"
    );
    assert_eq!(check(), "");
    let (_, body) = wait_for("the end of what was proved", || {
        ask(&env).ok().filter(|(status, _)| *status == 403)
    });
    assert_eq!(body["Code"], "NeedsUser", "{body}");
    let message = body["Message"].as_str().unwrap();
    assert!(message.contains("`rolecall use One`"), "{message}");
    // Once more in the same shell.
    mfa::let_the_step_turn(&machine);
    screen.type_in("rolecall use One; env -0 > \"$HOME/env\"; mkdir \"$HOME/again\"\n");
    screen.answer(2, &mfa::code(&machine));
    wait_for("the shell's environment", || {
        machine.path("again").exists().then_some(())
    });
    assert_eq!(ask(&env_file(&machine.path("env"))).unwrap().0, 200);
    screen.type_in("exit\n");
    shell.wait().unwrap();
    machine.no_secret(screen.text().as_bytes());
}

#[test]
fn another_users_process_is_told_nothing() {
    const CLIENT: &str = r#"use Socket; alarm 10; socket(my $s, AF_UNIX, SOCK_STREAM, 0); connect($s, pack_sockaddr_un($ARGV[0])) or die "$!";
        syswrite($s, qq({"v":1,"say":"status"}\n)); sysread($s, my $answer, 4096); print $answer // "";"#;
    let machine = Machine::new();
    let shell = InShell::hooked(&machine, "bash", "own", "rolecall use blah\n@1@\n", &[]);
    shell.at(1);
    // All doors open, so that only the look at the peer is left.
    for (name, mode) in [(".", 0o755), ("run", 0o755), ("run/endpoint.sock", 0o666)] {
        fs::set_permissions(machine.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }
    let answer = |before: &[&str]| {
        let words = [before, &["perl", "-e", CLIENT]].concat();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).arg(machine.path("run/endpoint.sock"));
        command
            .output()
            .ok()
            .map(|output| String::from_utf8(output.stdout).unwrap())
    };
    let Some(own) = answer(&[]).filter(|_| rustix::process::geteuid().is_root()) else {
        eprintln!("skipped: only root can run a client as another user, and perl is one");
        return;
    };
    assert!(own.contains("\"shells\":1"), "{own}");
    assert_eq!(
        answer(&["setpriv", "--reuid=65534", "--clear-groups"]).unwrap(),
        ""
    );
}

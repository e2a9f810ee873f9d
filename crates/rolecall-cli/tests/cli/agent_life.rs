//! The process that the agent is: whom it belongs to, what it holds, and when it ends.

use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::agent::Shared;
use super::support::wait_for;
use super::terminal::Screen;

fn pid(machine: &Shared) -> i32 {
    i32::try_from(machine.status()["pid"].as_i64().unwrap()).unwrap()
}

/// The fields of `/proc/PID/stat` behind the name.
fn stat(pid: i32) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    Some(text.rsplit_once(") ")?.1.split(' ').map(str::to_owned).collect())
}

#[test]
fn it_outlives_the_terminal_that_it_was_started_from() {
    let machine = Shared::new();
    let screen = Screen::new();
    let mut child = screen.start(&machine, &["exec", "blah", "--", "cat"], &[]);
    wait_for("the agent", || (machine.status()["clients"] == 1).then_some(()));
    let agent = pid(&machine);
    let fields = stat(agent).unwrap();
    // Session, and terminal: neither is of whoever started it.
    let of_child = stat(i32::try_from(child.id()).unwrap()).unwrap();
    assert_ne!(fields[3], of_child[3]);
    assert_eq!(fields[4], "0");
    screen.type_in("\u{3}");
    child.wait().unwrap();
    drop(screen);
    assert_eq!(pid(&machine), agent);
    assert_eq!(machine.sessions().len(), 1);
}

#[test]
fn it_holds_nothing_of_who_started_it() {
    let machine = Shared::new();
    let mut command = machine.command(["credential-process", "blah"]);
    command
        .env("AWS_SECRET_ACCESS_KEY", "CANARYSECRET")
        .env("SOMETHING_ELSE", "CANARYELSE")
        .current_dir(machine.path("run"))
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    assert!(command.status().unwrap().success());
    let agent = pid(&machine);
    let Ok(environment) = std::fs::read(format!("/proc/{agent}/environ")) else {
        eprintln!("skipped: only root sees what a hardened process has in its environment");
        return;
    };
    let environment = String::from_utf8(environment).unwrap();
    let names: Vec<_> = environment
        .split('\0')
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    assert!(!environment.contains("CANARY"), "{names:?}");
    assert_eq!(names, ["HOME", "ROLECALL_LOG", "ROLECALL_RUNTIME_DIR"]);
    let link = |name: &str| std::fs::read_link(format!("/proc/{agent}/{name}")).unwrap();
    assert_eq!(link("cwd").to_str(), Some("/"));
    assert_eq!(link("fd/1").to_str(), Some("/dev/null"));
    assert_eq!(link("fd/2").to_str(), Some("/dev/null"));
}

#[test]
fn whoever_reads_what_its_first_client_wrote_is_not_held_up() {
    let machine = Shared::new();
    // The descriptors that a script opened for its own use are inherited by every command in it.
    let script = format!(
        "exec 7>&1 8>&2; '{}' credential-process blah > '{}'",
        super::support::BINARY,
        machine.path("out").display()
    );
    let mut command = machine.shell(&script);
    command.env_remove("ROLECALL_LOG");
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(command.output()));
    let output = receiver.recv_timeout(Duration::from_secs(60));
    let output = output.expect("the end of what it wrote").unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert_eq!(machine.agents(), 1, "the agent is there still");
}

#[test]
fn a_signal_to_end_wipes_and_ends_it() {
    let machine = Shared::new();
    machine.run(&["agent", "start"]).ok();
    let agent = pid(&machine);
    let process = Pid::from_raw(agent).unwrap();
    for signal in [Signal::HUP, Signal::INT] {
        kill_process(process, signal).unwrap();
    }
    assert_eq!(pid(&machine), agent, "what a terminal sends is not for it");
    kill_process(process, Signal::TERM).unwrap();
    wait_for("its end", || (machine.agents() == 0).then_some(()));
    assert_eq!(machine.status()["running"], false);
}

#[test]
fn it_ends_when_its_place_is_taken_away() {
    let machine = Shared::new();
    machine.access_key_id("blah");
    std::fs::remove_dir_all(machine.path("run")).unwrap();
    wait_for("its end", || (machine.agents() == 0).then_some(()));
}

/// As systemd does with `StandardInput=socket`: a listening socket is its standard input, and nobody else keeps the socket.
#[test]
fn it_takes_the_socket_that_a_service_manager_gives_it() {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixListener;
    let machine = Shared::new();
    let listener = UnixListener::bind(machine.path("run/agent.sock")).unwrap();
    let mut child = machine
        .command(["agent", "run", "--idle", "1"])
        .stdin(Stdio::from(OwnedFd::from(listener.try_clone().unwrap())))
        .spawn()
        .unwrap();
    let id = machine.access_key_id("blah");
    assert_eq!(machine.status()["pid"], child.id());
    assert_eq!(machine.access_key_id("blah"), id);
    assert!(machine.run(&["agent", "stop"]).ok().contains("wiped"));
    assert!(child.wait().unwrap().success());
    // The manager listens still, and starts the next one for whoever connects.
    let mut child = machine
        .command(["agent", "run", "--idle", "1"])
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    assert_eq!(machine.status()["sessions"], 0);
    assert!(child.wait().unwrap().success(), "it ends by itself, idle");
}

#[test]
fn it_is_not_run_without_a_socket() {
    let machine = Shared::new();
    let said = machine.run_quietly(&["agent", "run"]).failed(1);
    assert!(said.contains("was given no socket to listen on"), "{said}");
    let said = machine.finish(
        machine
            .command(["agent", "run", "--idle", "0"])
            .env_remove("ROLECALL_LOG"),
    );
    assert!(said.failed(2).contains("1 to 86400"));
}

#[test]
fn without_a_place_for_its_socket_everything_works() {
    let machine = Shared::new();
    let long = machine.path(&"x".repeat(120));
    std::fs::create_dir(&long).unwrap();
    std::os::unix::fs::symlink(machine.path("run"), machine.path("link")).unwrap();
    for (place, why) in [
        (long.as_path(), "longer than a socket's may be"),
        (machine.path("link").as_path(), "a link to one"),
        (std::path::Path::new("relative"), "not absolute"),
    ] {
        use std::os::unix::fs::PermissionsExt as _;
        let _ = std::fs::set_permissions(&long, std::fs::Permissions::from_mode(0o700));
        let output = machine
            .command(["credential-process", "blah"])
            .env("ROLECALL_RUNTIME_DIR", place)
            .env_remove("ROLECALL_LOG")
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(
            said.contains("going on without the agent") && said.contains(why),
            "{said}"
        );
        assert_eq!(said.lines().count(), 1, "it is said once: {said}");
    }
    assert_eq!(machine.agents(), 0);
}

//! Where a secret must never be: environments, command lines, logs, files, a terminal, the log of a workflow (A7, A8, A11,
//! A12; T7, T9, T14, T15, T16).

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rolecall::Host;
use rolecall::agent::{Agent, Caller};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

use super::support::{BINARY, Machine, NO_TRACER, can_trace, skip, wait_for};

/// The agent of a machine, which ends with the test.
pub(crate) struct Keeper(pub(crate) Agent);

impl Keeper {
    pub(crate) fn of(machine: &Machine) -> Self {
        let folder = machine.path("run");
        let host = Host::builder()
            .env("ROLECALL_RUNTIME_DIR", folder.to_str().unwrap())
            .build();
        Self(Agent::of(&host, Caller::default()).unwrap())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let _ = self.0.stop();
    }
}

/// One GET with the pointers that a child was given.
pub(crate) fn get(uri: &str, token: &str) -> (u16, String) {
    let (authority, path) = uri.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "GET /{path} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {token}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer)
}

/// A child of `exec` that says its pointers and the number of a child of its own, and stays.
fn staying(machine: &Machine, log: &Path) -> (Child, [String; 3]) {
    let script = "sleep 300 & echo $!; echo \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                  echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"; read line; kill $!";
    let mut child = machine
        .command(["exec", "blah", "--", "sh", "-c", script])
        .env("ROLECALL_AGENT", "on")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(File::create(log).unwrap())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let said = [(); 3].map(|()| lines.next().unwrap().unwrap());
    (child, said)
}

/// A process and all below it.
fn tree(pid: u32) -> BTreeSet<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    let below = children
        .split_whitespace()
        .flat_map(|child| tree(child.parse().unwrap()));
    std::iter::once(pid).chain(below).collect()
}

/// Looks at all that a process shows of itself. Whether this user may see it.
fn is_seen_without_secrets(machine: &Machine, pid: u32) -> bool {
    machine.no_secret(&fs::read(format!("/proc/{pid}/cmdline")).unwrap());
    match fs::read(format!("/proc/{pid}/environ")) {
        Ok(environment) => machine.no_secret(&environment),
        // What is hardened is closed to all but root.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => return false,
        Err(error) => panic!("/proc/{pid}/environ: {error}"),
    }
    true
}

/// Every file below a folder but these, and how many there were.
fn scan_files(machine: &Machine, folder: &Path, but: &[&str]) -> usize {
    let mut seen = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            seen += scan_files(machine, &entry.path(), but);
        } else if kind.is_file() && !but.iter().any(|name| entry.path().ends_with(name)) {
            machine.no_secret(&fs::read(entry.path()).unwrap());
            seen += 1;
        }
    }
    seen
}

#[test]
fn no_process_no_log_and_no_file_of_a_whole_day_holds_a_secret() {
    let machine = Machine::new();
    let keeper = Keeper::of(&machine);
    let (mut child, [_, uri, token]) = staying(&machine, &machine.path("exec.log"));
    assert_eq!(get(&uri, &token).0, 200);
    machine.no_secret(get(&uri, "wrong").1.as_bytes());
    let shared = |arguments: &[&str]| machine.finish(machine.command(arguments).env("ROLECALL_AGENT", "on"));
    for arguments in [
        &["whoami", "blah"][..],
        &["whoami", "chained"],
        &["plan", "blah", "--json"],
        &["profiles", "--json"],
    ] {
        let _ = shared(arguments).ok();
    }
    let _ = shared(&["whoami", "partner", "--external-id", "wrong"]).failed(1);
    let mut warm = machine.command(["credential-process", "blah"]);
    let output = warm.env("ROLECALL_AGENT", "on").output().unwrap();
    assert!(
        !machine.sandbox.secrets().leaks_in(&output.stdout).is_empty(),
        "the scan finds what is there"
    );
    machine.no_secret(&output.stderr);

    let status = keeper.0.status().unwrap().unwrap();
    assert!(status.sessions >= 2, "{status:?}");
    for (arguments, what) in [
        (&["sessions", "--json"][..], "BlahRole"),
        (&["sessions"], "BlahRole"),
        (&["agent", "status", "--json"], "socket"),
        (&["audit", "--json"], "BlahRole"),
        (&["audit"], "blah"),
    ] {
        let told = shared(arguments).ok();
        assert!(told.contains(what), "{arguments:?}: {told}");
    }

    let socket = fs::symlink_metadata(keeper.0.socket()).unwrap();
    assert_eq!(
        socket.mode() & 0o777,
        0o600,
        "the folder is not all that keeps others out"
    );

    let mut processes = tree(child.id());
    processes.insert(status.pid);
    assert!(
        processes.len() >= 4,
        "exec, its child, the child's child, and the agent"
    );
    let seen = processes
        .iter()
        .filter(|pid| is_seen_without_secrets(&machine, **pid))
        .count();
    assert!(seen >= 2, "what is no process of ours is open to its user");
    // The long-term key of the sandbox's joe is where joe keeps it.
    assert!(scan_files(&machine, machine.home.path(), &[".aws/credentials"]) >= 4);
    let log = fs::read_to_string(machine.path("exec.log")).unwrap();
    assert!(
        log.contains("AssumeRole") || log.contains("TRACE"),
        "the log is on"
    );

    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert!(child.wait().unwrap().success());
}

/// Everything that is started, with its arguments and its environment, as `strace` sees it; `None` where it sees nothing.
fn started_by(machine: &Machine, arguments: &[&str], with_agent: bool) -> Option<Vec<u8>> {
    let trace = machine.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-v", "-s", "65536", "-e", "trace=execve", "-o"]);
    machine.furnish(command.arg(&trace).arg(BINARY).args(arguments));
    command
        .env("ROLECALL_AGENT", if with_agent { "on" } else { "off" })
        .env("ROLECALL_ASKPASS", "/bin/false")
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let mut child = command.spawn().ok()?;
    if with_agent {
        // The tracer stays for as long as the agent does.
        let keeper = Keeper::of(machine);
        wait_for("the session to be with the agent", || {
            let status = keeper.0.status().ok().flatten()?;
            (status.sessions > 0 && status.clients <= 1).then_some(())
        });
    }
    let _ = child.wait().unwrap();
    let seen = fs::read(&trace).ok()?;
    let first = String::from_utf8_lossy(&seen).contains(&format!("\"{}\"", arguments[0]));
    first.then_some(seen)
}

#[test]
fn nothing_is_started_with_a_secret_among_its_arguments_or_in_its_environment() {
    if !can_trace() {
        return skip(NO_TRACER);
    }
    let machine = Machine::new();
    machine.append_config(
        "[profile helped]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = helper\nregion = us-east-1\n\
         [profile helper]\ncredential_process = /bin/cat KEYS\n"
            .replace("KEYS", machine.path("keys.json").to_str().unwrap())
            .as_str(),
    );
    let keys = machine.sandbox.user_keys("joe.bloggs").unwrap();
    machine.write(
        "keys.json",
        &format!(
            "{{\"Version\":1,\"AccessKeyId\":\"{}\",\"SecretAccessKey\":\"{}\"}}",
            keys.access_key_id, keys.secret_access_key
        ),
    );
    let Some(by_choice) = started_by(&machine, &["exec", "blah", "--env", "--", "true"], false) else {
        return; // There is no strace here, or it sees nothing of what this user runs.
    };
    let is_seen = !machine.sandbox.secrets().leaks_in(&by_choice).is_empty();
    if !is_seen && !rustix::process::geteuid().is_root() {
        return; // What is hardened is closed to a tracer of its own user too: only root's sees what it starts.
    }
    assert!(is_seen, "keys in the environment by choice are seen");
    for arguments in [
        &["exec", "blah", "--", "sh", "-c", "true"][..],
        &["exec", "helped", "--token-file", "--", "true"],
        &["exec", "blah", "--keep-config", "--", "true"],
        &["env", "blah"],
        &["credential-process", "helped"],
        &["plan", "helped"],
        &["profiles"],
        &["whoami", "chained"],
        &["login", "blah"],
        &["logout", "blah"],
        &["agent", "status"],
        &["sessions"],
        &["forget", "--all"],
        &["audit"],
    ] {
        let seen = started_by(&machine, arguments, false).unwrap();
        machine.no_secret(&seen);
    }
    let seen = started_by(&machine, &["whoami", "blah"], true).unwrap();
    assert!(
        String::from_utf8_lossy(&seen).contains("\"agent\", \"run\""),
        "the agent was started"
    );
    machine.no_secret(&seen);
}

#[test]
fn a_workflow_is_told_what_to_mask_before_it_could_show_it() {
    let machine = Machine::new();
    let run = |arguments: &[&str], workflow: &str| {
        let output = machine
            .command(arguments)
            .env("GITHUB_ACTIONS", workflow)
            .env_remove("ROLECALL_LOG")
            .output()
            .unwrap();
        assert!(output.status.success());
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr))
    };
    let masked = |text: &str| -> Vec<String> {
        let masks = text.lines().map_while(|line| line.strip_prefix("::add-mask::"));
        masks.map(str::to_owned).collect()
    };
    // What is shown comes after its masks, on the same stream.
    let (stdout, stderr) = run(&["env", "blah", "--show", "--format", "env"], "true");
    assert_eq!(stderr, "");
    let masks = masked(&stdout);
    assert_eq!(masks.len(), 2, "the secret key and the token");
    for mask in &masks {
        assert!(!machine.sandbox.secrets().leaks_in(mask.as_bytes()).is_empty());
        assert!(stdout.contains(&format!("={mask}\n")), "it is what is shown");
    }
    // What a shell reads holds no masks: they go to stderr, which the workflow reads as well.
    let (stdout, stderr) = run(&["env", "blah", "--format", "env"], "true");
    let masks = masked(&stderr);
    assert_eq!((masks.len(), masked(&stdout).len()), (2, 0));
    assert!(masks.iter().all(|mask| stdout.contains(&format!("={mask}\n"))));
    // Elsewhere there are none.
    for workflow in ["false", ""] {
        let (stdout, stderr) = run(&["env", "blah", "--show"], workflow);
        assert!(!stdout.contains("add-mask"), "{workflow}");
        assert_eq!(stderr, "");
    }
}

#[test]
fn a_terminal_shows_no_secret_and_no_clipboard_is_written() {
    let machine = Machine::new();
    for (arguments, code) in [
        (&["env", "blah"][..], 1),
        (&["env", "blah", "--format", "process"], 1),
        (&["credential-process", "blah"], 1),
        (&["whoami", "blah"], 0),
        (&["plan", "blah"], 0),
        (&["profiles"], 0),
        (&["exec", "blah", "--", "true"], 0),
    ] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = || {
            File::options()
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap()
        };
        let mut screen = File::from(terminal);
        let mut child = {
            let mut command = machine.command(arguments);
            command.stdin(side()).stdout(side()).stderr(side());
            command.spawn().unwrap()
        };
        // The screen ends when nobody has its other side any more.
        let mut shown = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = screen.read(&mut buffer) {
            shown.extend_from_slice(&buffer[..count]);
        }
        assert_eq!(child.wait().unwrap().code(), Some(code), "{arguments:?}");
        assert!(!shown.is_empty() || code == 0, "{arguments:?}");
        machine.no_secret(&shown);
        let text = String::from_utf8_lossy(&shown);
        assert!(!text.contains("\u{1b}]52"), "{arguments:?}");
    }
}

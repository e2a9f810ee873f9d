//! The memory of another process, as its own user or root reads it, and a child whose memory is worth reading.

#[path = "log.rs"]
mod log;
#[path = "writable.rs"]
mod writable;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};

use aws_credential_types::provider::ProvideCredentials as _;
use rolecall::hardening::{harden_keeper, is_hardened};
use rolecall::seal::{Seal, Sealed};
use rolecall::{Host, Provider};
use rolecall_sandbox::{Builder, Sandbox};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use log::Log;
pub(crate) use writable::writable;

/// What the child does, by the name of this variable.
const TASK: &str = "ROLECALL_TEST_TASK";

/// Every secret of the sandbox that a process holds, in any of its forms, and where.
pub(crate) fn leaks(sandbox: &Sandbox, pid: u32) -> Vec<String> {
    let secrets = sandbox.secrets();
    assert!(!secrets.is_empty());
    writable(pid)
        .iter()
        .flat_map(|(place, bytes)| {
            let leaks = secrets.leaks_in(bytes);
            leaks.into_iter().map(move |leak| format!("{leak} in {place}"))
        })
        .collect()
}

/// This test binary once more, as a process of its own with its own heap, which does one task and then waits.
pub(crate) struct Doing {
    child: Child,
    /// What it has to say of it.
    pub(crate) said: String,
    // Closed, it ends.
    _stdin: ChildStdin,
}

impl Doing {
    /// Starts it; it has done its task when this returns.
    pub(crate) fn start(task: &str, furnish: impl FnOnce(&mut Command)) -> Self {
        let own = std::env::current_exe().expect("this binary");
        Self::start_as(Command::new(own), task, furnish)
    }

    /// The same where `command` is what runs this binary.
    pub(crate) fn start_as(mut command: Command, task: &str, furnish: impl FnOnce(&mut Command)) -> Self {
        command
            .args(["--exact", "as_a_process_of_its_own", "--ignored", "--nocapture"])
            .env_clear()
            .env(TASK, task)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        furnish(&mut command);
        let mut child = command.spawn().expect("this binary once more");
        let stdin = child.stdin.take().expect("a pipe");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut lines = lines.map_while(Result::ok);
        let Some(said) = lines.find_map(|line| Some(line.split_once("done: ")?.1.to_owned())) else {
            panic!("{task}: {:?}", child.wait());
        };
        Self {
            child,
            said,
            _stdin: stdin,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Doing {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's part: its task, a word of it when it is done, and then nothing until its stdin ends.
pub(crate) fn do_task() {
    match std::env::var(TASK).as_deref() {
        Ok("allocate") => {
            allocate();
            wait_with((), "nothing kept");
        }
        Ok("mint") => {
            mint();
            wait_with((), "nothing kept");
        }
        Ok("seal") => {
            let (seal, sealed) = seal();
            wait_with((&seal, &sealed), seal.held().name());
        }
        Ok("keep") => {
            harden_keeper().expect("a keeper");
            let cores = getrlimit(Resource::Core);
            let said = format!("{} {:?} {:?}", is_hardened(), cores.current, cores.maximum);
            wait_with((), &said);
        }
        Ok("seal without locked memory") => {
            let none = Rlimit {
                current: Some(0),
                maximum: Some(0),
            };
            setrlimit(Resource::Memlock, none).expect("a lower limit");
            let (log, _logging) = Log::start(tracing::Level::WARN);
            let (seal, sealed) = (seal(), seal());
            let warnings = log.to_string().matches("may be swapped").count();
            let said = format!("{} {warnings}", seal.0.held().name());
            wait_with((&seal, &sealed), &said);
        }
        _ => say("skipped: the other tests run this one, and say what it is to do"),
    }
}

/// Says the word, and keeps what is left of the task until the end.
fn wait_with<T>(left: T, said: &str) {
    say(&format!("done: {said}"));
    let _ = std::io::stdin().read_line(&mut String::new());
    drop(left);
}

fn say(word: &str) {
    writeln!(std::io::stdout(), "{word}").expect("a reader");
}

/// The canary of [`allocate`], wherever a process holds it.
pub(crate) fn canaries(pid: u32) -> Vec<String> {
    let canary = canary();
    let holds = |bytes: &[u8]| {
        bytes
            .windows(canary.len())
            .any(|window| window == canary.as_bytes())
    };
    let found = writable(pid).into_iter().filter(|(_, bytes)| holds(bytes));
    found.map(|(place, _)| place).collect()
}

/// A sandbox, and a process that had fifty of its sessions and dropped them.
pub(crate) fn client_after_fifty_sessions(builder: Builder) -> (Sandbox, Doing) {
    let sandbox = builder.start().expect("a sandbox");
    let home = tempfile::tempdir().expect("a home");
    let aws = home.path().join(".aws");
    std::fs::create_dir(&aws).expect("a folder");
    std::fs::write(aws.join("config"), sandbox.config_file()).expect("a config file");
    std::fs::write(aws.join("credentials"), sandbox.credentials_file()).expect("a credentials file");
    let doing = Doing::start("mint", |command| {
        command
            .env("HOME", home.path())
            .env("AWS_ENDPOINT_URL", sandbox.endpoint());
        if let Some(authority) = sandbox.certificate_authority() {
            let bundle = home.path().join("authority.pem");
            std::fs::write(&bundle, authority).expect("a bundle");
            command.env("AWS_CA_BUNDLE", bundle);
        }
    });
    assert!(sandbox.count("AssumeRole") >= 50);
    (sandbox, doing)
}

/// The text that [`allocate`] writes a thousand times; it is made there, so that the binary does not hold it.
fn canary() -> String {
    ["CANARY", "SECRET", "OF", "A", "HEAP"].concat()
}

/// Blocks of many sizes with the canary in all of them: freed, grown and shrunk.
fn allocate() {
    let canary = canary();
    for size in 0..1000 {
        let mut text = canary.clone();
        for _ in 0..size % 40 {
            text.push_str(&canary);
        }
        text.shrink_to_fit();
        let mut many = vec![text.into_bytes(); 3];
        many.push(canary.repeat(size * 20).into_bytes());
        std::hint::black_box(&many);
    }
}

/// The canary, sealed, opened and dropped again.
fn seal() -> (Seal, Sealed) {
    let seal = Seal::new().expect("a seal");
    let sealed = seal.seal(canary().as_bytes(), b"about").expect("a record");
    let opened = seal.open(&sealed, b"about").expect("the record");
    assert_eq!(opened.len(), canary().len());
    (seal, sealed)
}

/// Fifty sessions through a chain of profiles, each seen as a client sees it, and everything dropped in the end.
fn mint() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let provider = Provider::builder(Host::system())
            .target("blah")
            .build()
            .expect("a provider");
        for _ in 0..50 {
            provider.refresh().await.expect("a session");
            let credentials = provider.provide_credentials().await.expect("credentials");
            assert!(credentials.session_token().is_some());
        }
    });
}

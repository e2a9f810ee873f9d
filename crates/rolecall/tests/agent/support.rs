//! An agent on its own thread, and a client that writes lines.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, UNIX_EPOCH};

use rolecall::Host;
use rolecall::agent::{Options, serve};
use rolecall::audit::Log;
use rolecall::host::Clock as _;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::oneshot;

#[path = "../support/clock.rs"]
mod clock;

pub(crate) use clock::Hands;

/// Long enough for whatever comes, on the slowest machine.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Keeper {
    pub(crate) folder: TempDir,
    pub(crate) hands: Hands,
    log: Log,
    _state: TempDir,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    pub(crate) fn new() -> Self {
        Self::idle_after(Duration::from_secs(900))
    }

    pub(crate) fn idle_after(idle: Duration) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let hands = Hands::new();
        let state = tempfile::tempdir().unwrap();
        let host = Host::builder()
            .env("XDG_STATE_HOME", state.path().to_str().unwrap())
            .clock(hands.clone())
            .build();
        let log = Log::of(&host);
        let socket = folder.path().join("agent.sock");
        let listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                let options = Options {
                    socket: Some(socket),
                    idle,
                };
                let stopped = async { stopped.await.unwrap_or_default() };
                serve(&host, listener, options, stopped).await.unwrap();
            });
        });
        Self {
            folder,
            hands,
            log,
            _state: state,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("agent.sock")
    }

    pub(crate) fn wire(&self) -> Wire {
        Wire::to(&self.socket())
    }

    /// Asks one thing on a connection of its own.
    pub(crate) fn ask(&self, say: Value) -> Value {
        self.wire().ask(say)
    }

    pub(crate) fn acquire(&self, key: u64) -> Wire {
        let mut wire = self.wire();
        wire.say(acquire(key));
        wire
    }

    /// What a new session is, of so many seconds from now on.
    pub(crate) fn record(&self, number: u64, seconds: u64) -> Value {
        let now = self.hands.now().duration_since(UNIX_EPOCH).unwrap();
        let issued_at = u64::try_from(now.as_micros()).unwrap();
        json!({
            "access_key_id": format!("ASIACANARYAKID{number:06}"),
            "secret_access_key": "CANARYSECRET/one",
            "session_token": "CANARYTOKEN+one==",
            "account": "111122223333",
            "principal": null,
            "issued_at": issued_at,
            "expires_at": issued_at + seconds * 1_000_000,
            "draw": 0.5,
            "proves_mfa": false,
        })
    }

    /// Leaves a session with the agent.
    pub(crate) fn keep(&self, key: u64, number: u64, seconds: u64) {
        let mut wire = self.acquire(key);
        assert!(wire.hear()["lease"].is_object());
        assert_eq!(wire.ask(minted(&self.record(number, seconds))), "done");
    }

    /// The access key id of what can be handed out now.
    pub(crate) fn kept(&self, key: u64) -> Option<String> {
        let given = self.ask(want("peek", key, json!({"is_glance": true})));
        Some(given["session"]["record"]["access_key_id"].as_str()?.to_owned())
    }

    /// What was recorded.
    pub(crate) fn records(&self) -> Vec<Value> {
        let history = self.log.history().unwrap();
        history.map(|entry| entry.unwrap().record).collect()
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.thread.as_ref().unwrap().is_finished()
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn want(what: &str, key: u64, more: Value) -> Value {
    let mut want = json!({
        "key": format!("{key:064x}"),
        "not": null,
        "is_rejected": false,
        "about": {"target": "prod", "role_arn": "arn:aws:iam::111122223333:role/Prod", "session_name": "joe", "account_and_region": "111122223333 eu-west-1"},
        "who": {"program": "terraform", "delivery": "credential-process", "executable": "/opt/rolecall"},
    });
    for (name, value) in more.as_object().unwrap() {
        want[name] = value.clone();
    }
    json!({ what: want })
}

pub(crate) fn acquire(key: u64) -> Value {
    want("acquire", key, json!({}))
}

pub(crate) fn minted(record: &Value) -> Value {
    json!({"settle": {"minted": record}})
}

pub(crate) fn failed(kind: &str, was_asked: bool) -> Value {
    json!({"settle": {"failed": {
        "kind": kind, "message": "it went wrong", "hints": ["Do it better."], "hop": null, "aws_code": null,
        "request_id": null, "was_asked": was_asked,
    }}})
}

pub(crate) struct Wire(pub(crate) BufReader<UnixStream>);

impl Wire {
    pub(crate) fn to(socket: &Path) -> Self {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        Self(BufReader::new(stream))
    }

    pub(crate) fn say(&mut self, say: Value) {
        self.send(format!("{}\n", json!({"v": 1, "say": say})).as_bytes());
    }

    /// Bytes as they are. The other side may have closed already.
    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let _ = self.0.get_mut().write_all(bytes);
    }

    /// The next line's message; null when the other side has closed.
    pub(crate) fn hear(&mut self) -> Value {
        let mut line = String::new();
        match self.0.read_line(&mut line) {
            Ok(0) => Value::Null,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("it neither answers nor closes: {line}")
            }
            Err(_) => Value::Null,
            Ok(_) => {
                let line: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(line["v"], 1);
                line["say"].clone()
            }
        }
    }

    pub(crate) fn ask(&mut self, say: Value) -> Value {
        self.say(say);
        self.hear()
    }

    /// The next message that is none of waiting.
    pub(crate) fn hear_in_the_end(&mut self) -> Value {
        // As many heartbeats are a minute.
        for _ in 0..20 {
            let heard = self.hear();
            if heard.get("wait").is_none() && heard != "paced" {
                return heard;
            }
        }
        panic!("it waits and waits");
    }

    /// Everything until the end of a list.
    pub(crate) fn list(&mut self, say: Value) -> Vec<Value> {
        self.say(say);
        let mut list = Vec::new();
        loop {
            match self.hear() {
                live if live["live"].is_object() => list.push(live["live"].clone()),
                end => {
                    assert_eq!(end, "done");
                    return list;
                }
            }
        }
    }
}

/// A process that runs one test of this very binary, as this user or as another.
pub(crate) fn other_process(test: &str, socket: &Path, as_user: Option<(u32, &Path)>) -> Child {
    let own = std::env::current_exe().unwrap();
    let mut command = match as_user {
        Some((uid, binary)) => {
            let mut command = Command::new("setpriv");
            command
                .args([format!("--reuid={uid}"), format!("--regid={uid}")])
                .arg("--clear-groups")
                .arg(binary);
            command
        }
        None => Command::new(own),
    };
    command
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("AGENT_SOCKET", socket)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Where [`other_process`] was told that the agent is.
pub(crate) fn told_socket() -> PathBuf {
    PathBuf::from(std::env::var_os("AGENT_SOCKET").unwrap())
}

/// A copy of this test binary that anybody may run.
pub(crate) fn copy_for_others(folder: &Path) -> PathBuf {
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o777)).unwrap();
    let binary = folder.join("agent-test");
    std::fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    binary
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// Looks until it is so, for at most 30 seconds.
pub(crate) fn wait_until(what: &str, is_so: impl Fn() -> bool) {
    for _ in 0..600 {
        if is_so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    panic!("waited in vain until {what}");
}

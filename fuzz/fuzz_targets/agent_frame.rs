//! Any bytes as what a client says to the agent, and as what an agent says to a client: answered in lines that are messages, or
//! not at all; and the session that the agent keeps is given to nobody who does not name its key.
#![no_main]

use std::io::{Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, mpsc};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use libfuzzer_sys::fuzz_target;
use rolecall::agent::{About, Agent, Caller, Options, serve};
use rolecall::{Host, SessionKey};
use serde_json::{Value, json};

const CANARY: &str = "CANARYSECRET";
const KEY: &str = "7f3c1d5e9b08a642f1c07d39e8452b6a90de6c1f28b7350449acd1573ef80b21";
const LONGEST_LINE: usize = 64 * 1024;

struct World {
    folder: PathBuf,
    /// What the other end of the client under test answers next.
    answers: mpsc::Sender<Vec<u8>>,
    client: Agent,
}

fuzz_target!(|bytes: &[u8]| {
    static WORLD: OnceLock<Mutex<World>> = OnceLock::new();
    let world = WORLD.get_or_init(|| Mutex::new(World::new())).lock().unwrap();
    world.ask(bytes);
    world.answer(bytes);
});

impl World {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("agent_frame-{}", std::process::id()));
        let client_folder = folder.join("client");
        std::fs::create_dir_all(&client_folder).unwrap();
        for folder in [&folder, &client_folder] {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        let host = Host::builder().env("ROLECALL_RUNTIME_DIR", client_folder.to_str().unwrap());
        let client = Agent::of(&host.build(), Caller::default()).unwrap();
        let (answers, to_give) = mpsc::channel::<Vec<u8>>();
        let listener = bound(&client_folder.join("agent.sock"));
        std::thread::spawn(move || {
            for answer in to_give {
                let (mut stream, _) = listener.accept().unwrap();
                // The client may have heard enough.
                let _ = stream.write_all(&answer);
                let _ = stream.shutdown(Shutdown::Write);
                let _ = stream.read_to_end(&mut Vec::new());
            }
        });
        Self {
            folder,
            answers,
            client,
        }
    }

    /// The bytes are a client's.
    fn ask(&self, bytes: &[u8]) {
        let mut stream = self.connected();
        stream.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
        // The agent may have closed before all is written.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut heard = Vec::new();
        let end = stream.read_to_end(&mut heard);
        assert!(
            !matches!(&end, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock),
            "it neither answers nor closes"
        );
        let heard = String::from_utf8(heard).unwrap();
        // A last line that is not whole is one that the agent closed in the middle of: there is none.
        assert!(heard.is_empty() || heard.ends_with('\n'), "{heard:?}");
        for line in heard.lines() {
            assert!(line.len() < LONGEST_LINE);
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!(line["v"], 1);
            assert!(!line["say"].is_null());
        }
        let says = |text: &str| bytes.windows(text.len()).any(|found| found == text.as_bytes());
        assert!(!heard.contains(CANARY) || says(KEY) || says(CANARY), "{heard}");
    }

    /// The bytes are an agent's.
    fn answer(&self, bytes: &[u8]) {
        let key: SessionKey = KEY.parse().unwrap();
        for ask in 0..3 {
            self.answers.send(bytes.to_vec()).unwrap();
            let error = match ask {
                0 => {
                    self.client.peek(key, &About::default());
                    None
                }
                1 => self.client.sessions().err(),
                _ => self.client.status().err(),
            };
            // What is said of it quotes nothing of it.
            if let Some(error) = error {
                assert!(error.to_string().len() < 1000, "{error}");
            }
        }
    }

    /// A connection to an agent that keeps one session. One that was told to stop is followed by another.
    fn connected(&self) -> UnixStream {
        let socket = self.folder.join("agent.sock");
        if let Ok(stream) = UnixStream::connect(&socket) {
            return stream;
        }
        let _ = std::fs::remove_file(&socket);
        let listener = bound(&socket);
        listener.set_nonblocking(true).unwrap();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                let listener = tokio::net::UnixListener::from_std(listener).unwrap();
                let options = Options {
                    socket: None,
                    idle: Duration::from_secs(86_400),
                };
                let host = Host::builder().build();
                serve(&host, listener, options, std::future::pending())
                    .await
                    .unwrap();
            });
        });
        let mut stream = UnixStream::connect(&socket).unwrap();
        keep(&mut stream);
        UnixStream::connect(&socket).unwrap()
    }
}

fn bound(path: &std::path::Path) -> UnixListener {
    let _ = std::fs::remove_file(path);
    UnixListener::bind(path).unwrap()
}

/// Leaves a session with the agent.
fn keep(stream: &mut UnixStream) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = u64::try_from(now.as_micros()).unwrap();
    let about = json!({"target": "t", "role_arn": null, "session_name": null, "account_and_region": "a"});
    let who = json!({"program": null, "delivery": "exec", "executable": null});
    let want = json!({"key": KEY, "not": null, "is_rejected": false, "about": about, "who": who});
    let record = json!({
        "access_key_id": "ASIAEXAMPLE", "secret_access_key": CANARY, "session_token": CANARY, "account": null,
        "principal": null, "issued_at": now, "expires_at": now + 43_200_000_000, "draw": 0.5, "proves_mfa": false,
    });
    for say in [json!({"acquire": want}), json!({"settle": {"minted": record}})] {
        let line = json!({"v": 1, "say": say}).to_string() + "\n";
        stream.write_all(line.as_bytes()).unwrap();
        let mut answer = [0; 4096];
        assert!(stream.read(&mut answer).unwrap() > 0);
    }
}

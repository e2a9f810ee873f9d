//! A sandbox, bytes sent to it, and what must hold whatever was sent.
//!
//! The sandbox runs in this process, so a panic on its thread ends the run. It is made anew every few inputs: what one
//! input leaves behind is met by the next ones, and does not pile up for a whole night.
#![allow(dead_code, reason = "each target has its own way")]

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use rolecall_sandbox::{Call, Sandbox, World};

/// Trusts nobody who could call: an instance of EC2 would have to, and there are none.
pub const LOCKED: &str = "arn:aws:iam::200000000001:role/Locked";
const LOCKED_ACCOUNT: &str = r#"
[[account]]
id = "200000000001"
name = "locked"

[[account.role]]
name = "Locked"
trust = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "ec2.amazonaws.com" } }]
"#;

/// How many inputs meet the same sandbox.
const INPUTS: usize = 16;
/// The longest an answer may take that no fault delays. Machines of CI stall for longer than any bug of ours is worth.
const TIMEOUT: Duration = Duration::from_secs(5);
/// How a secret access key begins, and how long it is.
const SECRET: (&[u8], usize) = (b"CANARYSECRET", 40);

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let text = World::ready_toml("organization").expect("a ready world");
    World::from_toml(&format!("{text}{LOCKED_ACCOUNT}"), "fuzz.toml").expect("a sound world")
});
/// Milliseconds that a call may take; unset, nobody looks. For a machine that does nothing else.
static SLOW: LazyLock<Option<u128>> = LazyLock::new(|| {
    std::env::var("ROLECALL_FUZZ_SLOW")
        .ok()
        .and_then(|text| text.parse().ok())
});

thread_local! {
    static SERVER: RefCell<Option<(Server, usize)>> = const { RefCell::new(None) };
}

pub struct Server {
    pub sandbox: Sandbox,
    address: SocketAddr,
    /// Stays open from input to input.
    health: RefCell<Option<TcpStream>>,
    /// Every secret that was in an answer: no other answer may hold it.
    told: RefCell<HashSet<Vec<u8>>>,
}

/// Gives `body` the sandbox, and looks afterwards whether it still answers.
pub fn with(body: impl FnOnce(&Server)) {
    SERVER.with_borrow_mut(|kept| {
        let (server, inputs) = kept.get_or_insert_with(|| (Server::start(), 0));
        body(server);
        server.still_answers();
        *inputs += 1;
        if *inputs == INPUTS {
            *kept = None;
        }
    });
}

/// What must hold of every call, whoever made it.
fn judge(call: &Call) {
    assert_ne!(call.status, 500, "an answer that cannot be written: {call:?}");
    for decided in &call.decided {
        let allowed = matches!(decided.verdict, rolecall::policy::Verdict::Allowed(_));
        let assumes =
            decided.action.starts_with("sts:AssumeRole") || call.operation.starts_with("AssumeRole");
        assert!(
            !(allowed && assumes && decided.resource == LOCKED),
            "nobody is trusted: {call:?}"
        );
        // Of all calls, these have one decision for each permission that they need.
        if call.operation.starts_with("AssumeRole") {
            assert!(
                allowed || call.status >= 400,
                "refused and answered all the same: {call:?}"
            );
        }
    }
}

impl Server {
    fn start() -> Self {
        let builder = Sandbox::builder().world(WORLD.clone()).observe(judge);
        let sandbox = builder.start().expect("a free port");
        Self {
            address: sandbox
                .endpoint()
                .trim_start_matches("http://")
                .parse()
                .expect("an address"),
            sandbox,
            health: RefCell::default(),
            told: RefCell::default(),
        }
    }

    /// Sends bytes on a connection of their own and reads what comes back. A fault that was planned by an earlier input
    /// may leave no answer; how long that takes is bounded.
    pub fn send(&self, bytes: &[u8]) {
        let mut stream = self.connect(Duration::from_millis(500));
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        self.look_for_secrets(bytes, &answer);
    }

    /// Sends a whole request, which says `connection: close`, and reads its answer. There is one.
    pub fn ask(&self, request: &[u8]) -> Answer {
        let begun = Instant::now();
        let mut stream = self.connect(TIMEOUT);
        stream.write_all(request).expect("the server reads");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the server answers");
        let took = begun.elapsed().as_millis();
        assert!(
            SLOW.is_none_or(|most| took <= most),
            "{took} ms for {}",
            String::from_utf8_lossy(request)
        );
        let answer = Answer::of(answer);
        assert!(
            answer.status >= 100,
            "no answer to {}",
            String::from_utf8_lossy(request)
        );
        self.look_for_secrets(request, &answer.bytes);
        let leak = answer.status >= 400 && secrets(&answer.bytes).any(|secret| !holds(request, secret));
        assert!(
            !leak,
            "a refusal with a secret in it: {}",
            String::from_utf8_lossy(&answer.bytes)
        );
        answer
    }

    /// A secret is told once, in the answer that issues it; else an answer holds none but what its own request brought.
    fn look_for_secrets(&self, request: &[u8], answer: &[u8]) {
        let mut told = self.told.borrow_mut();
        let fresh: HashSet<Vec<u8>> = secrets(answer)
            .filter(|secret| !holds(request, secret))
            .map(<[u8]>::to_vec)
            .collect();
        for secret in fresh {
            assert!(
                told.insert(secret),
                "a secret told twice: {}",
                String::from_utf8_lossy(answer)
            );
        }
    }

    /// Faults that inputs have planned are taken back first.
    fn still_answers(&self) {
        let mut health = self.health.borrow_mut();
        let stream = health.get_or_insert_with(|| self.connect(TIMEOUT));
        let wanted = b"{\"ok\":true}";
        stream
            .write_all(
                b"DELETE /_sandbox/faults HTTP/1.1\r\nhost: x\r\n\r\nGET /_sandbox/health HTTP/1.1\r\nhost: x\r\n\r\n",
            )
            .expect("the server reads");
        let mut answer = Vec::new();
        while !answer.ends_with(wanted) {
            let mut buffer = [0; 4096];
            let read = match stream.read(&mut buffer) {
                // The alarm that libFuzzer looks at its clock by.
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read.expect("the server answers in time"),
            };
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend_from_slice(&buffer[..read]);
        }
    }

    fn connect(&self, timeout: Duration) -> TcpStream {
        let stream = TcpStream::connect(self.address).expect("the server listens");
        stream
            .set_read_timeout(Some(timeout))
            .expect("a socket takes a time-out");
        stream.set_nodelay(true).expect("a socket takes the option");
        stream
    }
}

/// An answer, whole.
pub struct Answer {
    pub bytes: Vec<u8>,
    pub status: u16,
    pub body: usize,
}

impl Answer {
    fn of(bytes: Vec<u8>) -> Self {
        let status = bytes
            .get(9..12)
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let body = bytes
            .windows(4)
            .position(|four| four == b"\r\n\r\n")
            .map_or(bytes.len(), |at| at + 4);
        Self {
            status: status.unwrap_or_default(),
            body,
            bytes,
        }
    }

    pub fn head(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.body]).into_owned()
    }

    pub fn body(&self) -> String {
        String::from_utf8_lossy(&self.bytes[self.body..]).into_owned()
    }
}

fn secrets(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (prefix, length) = SECRET;
    // A quoted word may begin as secrets do, and end before one would.
    let is_one = |secret: &&[u8]| {
        secret
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
    };
    (0..text.len())
        .filter_map(move |at| {
            text[at..]
                .starts_with(prefix)
                .then(|| text.get(at..at + length))?
        })
        .filter(is_one)
}

/// Whether a request brought it, as it stands there or once its `%2F` are read, as an answer quotes it.
fn holds(text: &[u8], part: &[u8]) -> bool {
    let found = |text: &[u8]| text.windows(part.len()).any(|window| window == part);
    found(text) || found(&percent_encoding::percent_decode(text).collect::<Vec<_>>())
}

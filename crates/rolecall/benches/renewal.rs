//! Ten thousand targets that renew in one cache: what they cost in memory, in CPU and in calls of STS, and that nobody is ever
//! handed a session that has ended. STS is the sandbox, in a process of its own.
//!
//! ```text
//! ROLECALL_BIN=target/release/rolecall cargo bench -p rolecall --bench renewal
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark ends at what it did not expect")]
#![expect(clippy::print_stdout, reason = "its one purpose is to print numbers")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures real time, and the processes of a real machine"
)]

#[path = "common/process.rs"]
mod process;

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use rolecall::profile::ProfileSet;
use rolecall::{Error, Host, Provider, Request, Session, SessionCache};

use process::{cpu, resident};

const TARGETS: usize = 10_000;
/// Seconds that each session lives.
const LENGTH: u64 = 120;
/// Each has a limit of its own, as every account and region has.
const REGIONS: [&str; 10] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "ap-south-1",
    "ap-southeast-2",
    "sa-east-1",
];

#[derive(Default)]
struct Served {
    sessions: AtomicU64,
    expired: AtomicU64,
    failed: AtomicU64,
}

impl Served {
    fn count(&self, session: &Result<Session, Error>) {
        self.sessions.fetch_add(1, Ordering::Relaxed);
        match session {
            Ok(session) if session.expires_at() <= SystemTime::now() => {
                self.expired.fetch_add(1, Ordering::Relaxed)
            }
            Ok(_) => 0,
            Err(_) => self.failed.fetch_add(1, Ordering::Relaxed),
        };
    }
}

/// How often the sandbox was asked for a session.
fn calls() -> u64 {
    let endpoint = std::env::var("AWS_ENDPOINT_URL").unwrap();
    let authority = endpoint.strip_prefix("http://").unwrap().trim_end_matches('/');
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "GET /_sandbox/counts HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let body = answer.split_once("\r\n\r\n").unwrap().1;
    let counts: serde_json::Value = serde_json::from_str(body).unwrap();
    counts["AssumeRole"].as_u64().unwrap_or_default()
}

/// Asks every target once a second, as so many clients would, for so long.
async fn ask_all(providers: &[Provider], served: &Arc<Served>, lasting: Duration) {
    let begun = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    let tenth = providers.len() / 10;
    for turn in 0.. {
        tick.tick().await;
        if begun.elapsed() >= lasting {
            return;
        }
        for provider in &providers[turn % 10 * tenth..][..tenth] {
            if let Some(session) = provider.valid_session().filter(|_| !provider.needs_refresh()) {
                served.count(&Ok(session));
                continue;
            }
            let (provider, served) = (provider.clone(), Arc::clone(served));
            tokio::spawn(async move { served.count(&provider.session().await) });
        }
    }
}

async fn measure(is_bench: bool) {
    let whole = |seconds: u64| Duration::from_secs(if is_bench { seconds } else { 1 });
    let own = std::process::id();
    let host = Host::system();
    let profiles = Arc::new(ProfileSet::load(&host).unwrap());
    let cache = Arc::new(SessionCache::new());
    let served = Arc::new(Served::default());

    // What is made once, and no matter how many there are: the client, its TLS configuration.
    let provider = |n: usize| {
        let request = Request {
            target: Some("blah".to_owned()),
            session_name: Some(format!("tenant-{n}").parse().unwrap()),
            region: Some(REGIONS[n % REGIONS.len()].parse().unwrap()),
            ..Request::default()
        };
        let builder = Provider::builder(host.clone())
            .cache(&cache)
            .profiles(&profiles)
            .agent(None);
        builder.request(request).build().unwrap()
    };
    provider(TARGETS).session().await.unwrap();
    let empty = resident(own);

    let providers: Vec<_> = (0..TARGETS).map(provider).collect();
    let begun = Instant::now();
    let mut clients = tokio::task::JoinSet::new();
    for client in 0..64 {
        let (own, served): (Vec<_>, _) = (
            providers.iter().skip(client).step_by(64).cloned().collect(),
            Arc::clone(&served),
        );
        clients.spawn(async move {
            for provider in own {
                served.count(&provider.session().await);
            }
        });
    }
    clients.join_all().await;
    println!(
        "{TARGETS} targets, all cold: {:.1} s, {:.0} calls a second",
        begun.elapsed().as_secs_f64(),
        TARGETS as f64 / begun.elapsed().as_secs_f64()
    );
    println!(
        "one of {TARGETS} targets, provider and session: {:.0} bytes resident",
        (resident(own) as f64 - empty as f64) / TARGETS as f64
    );

    // The first renewals are as far apart as the first calls were near: a life until they are spread, then one to measure.
    ask_all(&providers, &served, whole(LENGTH)).await;
    let (before, spent_before, settled) = (calls(), cpu(own), resident(own));
    let begun = Instant::now();
    ask_all(&providers, &served, whole(LENGTH)).await;
    let (made, spent) = (calls() - before, cpu(own) - spent_before);
    let took = begun.elapsed().as_secs_f64();
    println!(
        "{TARGETS} targets renewing, sessions of {LENGTH} s, {took:.0} s: {:.2} calls a lifetime, {:.0} a second",
        made as f64 * LENGTH as f64 / took / TARGETS as f64,
        made as f64 / took
    );
    println!(
        "{} sessions handed out, {} expired, {} refused",
        served.sessions.load(Ordering::Relaxed),
        served.expired.load(Ordering::Relaxed),
        served.failed.load(Ordering::Relaxed)
    );
    println!(
        "one of {TARGETS} targets after that: {:.0} bytes resident; before {:.0}",
        (resident(own) as f64 - empty as f64) / TARGETS as f64,
        (settled as f64 - empty as f64) / TARGETS as f64
    );
    let each = spent.as_secs_f64() / made.max(1) as f64;
    println!(
        "CPU of one renewal, the asking of all targets once a second included: {:.0} µs; {TARGETS} sessions of an hour cost {:.2} % of a core",
        each * 1e6,
        each * 2.0 * TARGETS as f64 / 3600.0 * 100.0
    );
}

fn main() {
    let Some(program) = std::env::var_os("ROLECALL_BIN").map(PathBuf::from) else {
        println!("renewal: nothing measured, because ROLECALL_BIN names no rolecall");
        return;
    };
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    if std::env::var_os("ROLECALL_BENCH_INSIDE").is_none() {
        let status = Command::new(program)
            .args(["sandbox", "--session-seconds", &LENGTH.to_string(), "--", "env"])
            .args(["ROLECALL_BENCH_INSIDE=1", "ROLECALL_BIN=/"])
            .arg(std::env::current_exe().unwrap())
            .args(std::env::args_os().skip(1))
            .status()
            .unwrap();
        assert!(status.success(), "{status}");
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(measure(is_bench));
}

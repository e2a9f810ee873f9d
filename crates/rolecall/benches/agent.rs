//! What ten thousand sessions cost the agent: the process itself, as people have it, asked over its socket.
//!
//! ```text
//! ROLECALL_BIN=target/release/rolecall cargo bench -p rolecall --bench agent
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark ends at what it did not expect")]
#![expect(clippy::print_stdout, reason = "its one purpose is to print numbers")]
#![expect(
    clippy::disallowed_methods,
    reason = "it measures real time, and the processes of a real machine"
)]

#[path = "common/process.rs"]
mod process;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use rolecall::agent::{About, Acquired, Agent, Caller};
use rolecall::session::{KeyBuilder, SessionKey, SessionParts};
use rolecall::{Host, Session};
use tokio::task::JoinSet;

use process::{cpu, percentile, resident};

const SESSIONS: usize = 10_000;
/// Connections at once: the agent takes 1,024.
const CLIENTS: usize = 64;
const HOUR: Duration = Duration::from_secs(3600);

fn key(n: usize) -> SessionKey {
    let mut key = KeyBuilder::new("bench");
    key.count(n as u64);
    key.finish()
}

fn id(n: usize, generation: usize) -> String {
    format!("ASIACANARY{generation}{n:09}")
}

/// As long as the tokens that STS gives for a chained role with tags.
fn session(n: usize, generation: usize, length: Duration) -> Session {
    let issued_at = SystemTime::now();
    Session::new(SessionParts {
        access_key_id: id(n, generation),
        secret_access_key: "CANARYSECRET".repeat(4)[..40].to_owned(),
        session_token: "CANARYTOKEN".repeat(110),
        account: Some("666666666666".parse().unwrap()),
        principal: Some(
            "arn:aws:sts::666666666666:assumed-role/BlahRole/joe.bloggs"
                .parse()
                .unwrap(),
        ),
        issued_at,
        expires_at: issued_at + length,
    })
}

/// Each in an account of its own: for one account the agent lets twenty in a second through.
fn about(n: usize) -> About {
    About {
        target: format!("tenant-{n}"),
        role_arn: Some("arn:aws:iam::666666666666:role/BlahRole".to_owned()),
        session_name: Some("joe.bloggs".to_owned()),
        account_and_region: format!("{n:012}/us-east-1"),
    }
}

/// Every session is asked for, leased and deposited; a second generation takes the place of the first. Returns how long that
/// took.
fn deposit(
    runtime: &tokio::runtime::Runtime,
    agent: &Agent,
    generation: usize,
    length: Duration,
) -> Duration {
    let begun = Instant::now();
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let agent = agent.clone();
            clients.spawn(async move {
                for n in (client..SESSIONS).step_by(CLIENTS) {
                    let not = (generation > 0).then(|| id(n, generation - 1));
                    match agent
                        .acquire(key(n), not.as_deref(), false, &about(n), |_| {})
                        .await
                    {
                        Acquired::Lease(lease, _) => lease.settle(&Ok(session(n, generation, length))).await,
                        other => panic!("a lease was expected for {n}, and not {other:?}"),
                    }
                }
            });
        }
        clients.join_all().await;
    });
    begun.elapsed()
}

/// Two threads, a connection for each question, for some seconds. Returns questions a second and the time of each.
fn peek(agent: &Agent, lasting: Duration) -> (f64, Vec<Duration>) {
    let begun = Instant::now();
    let asked: Vec<Vec<Duration>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..2)
            .map(|thread| {
                scope.spawn(move || {
                    let mut times = Vec::new();
                    let mut n = thread;
                    while begun.elapsed() < lasting {
                        n = (n + 7919) % SESSIONS;
                        let asked = Instant::now();
                        let peeked = agent
                            .peek(key(n), &about(n))
                            .expect("the agent has every session");
                        times.push(asked.elapsed());
                        assert_eq!(peeked.session.credentials().access_key_id()[11..], id(n, 0)[11..]);
                    }
                    times
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let took = begun.elapsed().as_secs_f64();
    let mut times: Vec<_> = asked.into_iter().flatten().collect();
    times.sort_unstable();
    (times.len() as f64 / took, times)
}

fn main() {
    let Some(program) = std::env::var_os("ROLECALL_BIN").map(PathBuf::from) else {
        println!("agent: nothing measured, because ROLECALL_BIN names no rolecall");
        return;
    };
    // `cargo test --all-targets` would run this too.
    let is_bench = std::env::args().any(|argument| argument == "--bench");
    let seconds = |whole: u64| Duration::from_secs(if is_bench { whole } else { 1 });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let place = |name: &str| folder.path().join(name).display().to_string();
    let host = Host::builder()
        .env("ROLECALL_RUNTIME_DIR", &place("run"))
        .env("XDG_STATE_HOME", &place("state"))
        .env("HOME", &place("home"))
        .build();
    let agent = Agent::of(&host, Caller::default())
        .unwrap()
        .started_by(program.canonicalize().unwrap(), &["agent", "run"]);
    agent.start().unwrap();
    let status = agent.status().unwrap().unwrap();
    let pid = status.pid;
    let agent = Arc::new(agent);

    std::thread::sleep(seconds(2));
    let empty = resident(pid);
    println!(
        "agent, empty and idle: {:.1} MB resident",
        empty as f64 / 1024.0 / 1024.0
    );

    let before = cpu(pid);
    let took = deposit(&runtime, &agent, 0, HOUR).as_secs_f64();
    let spent = (cpu(pid) - before).as_secs_f64();
    println!(
        "{SESSIONS} sessions leased and deposited by {CLIENTS} clients: {:.0} a second, {:.0} µs of the agent's CPU each",
        SESSIONS as f64 / took,
        spent * 1e6 / SESSIONS as f64
    );
    std::thread::sleep(seconds(2));
    let full = resident(pid);
    let status = agent.status().unwrap().unwrap();
    assert_eq!(status.sessions, SESSIONS);
    println!(
        "one of {SESSIONS} sessions in the agent: {:.0} bytes resident, its token's 1210 among them",
        (full as f64 - empty as f64) / SESSIONS as f64
    );

    let before = cpu(pid);
    let begun = Instant::now();
    std::thread::sleep(seconds(60));
    let share = (cpu(pid) - before).as_secs_f64() / begun.elapsed().as_secs_f64();
    println!(
        "agent with {SESSIONS} sessions, idle for {:.0} s: {:.2} % of a core",
        begun.elapsed().as_secs_f64(),
        share * 100.0
    );

    let before = cpu(pid);
    let (rate, times) = peek(&agent, seconds(5));
    let spent = (cpu(pid) - before).as_secs_f64() / times.len() as f64;
    println!(
        "peek, a connection for each, 2 threads: {rate:.0} a second, median {:.0} µs, 99th percentile {:.0} µs, {:.0} µs of the agent's CPU each",
        percentile(&times, 0.5),
        percentile(&times, 0.99),
        spent * 1e6
    );

    let before = cpu(pid);
    let took = deposit(&runtime, &agent, 1, HOUR).as_secs_f64();
    let spent = (cpu(pid) - before).as_secs_f64() / SESSIONS as f64;
    let hourly = 2.0 * SESSIONS as f64 / 3600.0;
    println!(
        "{SESSIONS} sessions renewed: {:.0} a second, {:.0} µs of the agent's CPU each, so that {SESSIONS} of an hour cost {:.3} % of a core",
        SESSIONS as f64 / took,
        spent * 1e6,
        spent * hourly * 100.0
    );
    std::thread::sleep(seconds(2));
    println!(
        "agent after that: {:.1} MB resident; before: {:.1} MB",
        resident(pid) as f64 / 1024.0 / 1024.0,
        full as f64 / 1024.0 / 1024.0
    );

    // All of them end within seconds; the agent looks every ten.
    let mut generation = 2;
    deposit_short(&runtime, &agent, &mut generation);
    let begun = Instant::now();
    while agent.status().unwrap().unwrap().sessions > 0 && begun.elapsed() < Duration::from_secs(60) {
        std::thread::sleep(Duration::from_millis(500));
    }
    println!(
        "{} sessions left {:.0} s after all had been replaced by others of 8 s; {:.1} MB resident",
        agent.status().unwrap().unwrap().sessions,
        begun.elapsed().as_secs_f64(),
        resident(pid) as f64 / 1024.0 / 1024.0
    );
    agent.stop().unwrap();
}

/// The same number of sessions that end soon. A longer one is never replaced by a shorter, so the old ones go first.
fn deposit_short(runtime: &tokio::runtime::Runtime, agent: &Agent, generation: &mut usize) {
    agent.forget(None).unwrap();
    *generation += 1;
    // Without `not`: there is none to be no help.
    let length = Duration::from_secs(8);
    let begun = Instant::now();
    runtime.block_on(async {
        let mut clients = JoinSet::new();
        for client in 0..CLIENTS {
            let (agent, generation) = (agent.clone(), *generation);
            clients.spawn(async move {
                for n in (client..SESSIONS).step_by(CLIENTS) {
                    let acquired = agent.acquire(key(n), None, false, &about(n), |_| {}).await;
                    if let Acquired::Lease(lease, _) = acquired {
                        lease.settle(&Ok(session(n, generation, length))).await;
                    }
                }
            });
        }
        clients.join_all().await;
    });
    println!(
        "as many of 8 s deposited in {:.1} s",
        begun.elapsed().as_secs_f64()
    );
}

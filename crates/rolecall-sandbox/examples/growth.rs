//! What many calls leave behind in a sandbox's memory: `growth [CALLS]`, 200,000 of each kind unless told.
//!
//! Sessions are kept until a day after their end, and every secret that was issued for as long as the sandbox lives, because a
//! leak of it must be found. Refused calls must leave nothing but the bounded record. Run it with `--release`.
#![expect(
    clippy::print_stdout,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "this program's only purpose is to say what it measured, and it ends at the first thing that goes wrong"
)]

#[path = "../benches/client/raw.rs"]
mod raw;

use std::net::TcpStream;
use std::time::{Duration, Instant};

use rolecall_sandbox::Sandbox;

use raw::{ask, posted, signed};

fn main() {
    let calls = std::env::args()
        .nth(1)
        .map_or(200_000, |text| text.parse().unwrap());
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = sandbox.user_keys("joe.bloggs").unwrap().credentials();
    println!("before: {} KiB", resident());

    let granted = |_| {
        let role = "arn%3Aaws%3Aiam%3A%3A666666666666%3Arole%2FBlahRole";
        signed(
            &sandbox,
            &joe,
            &format!("Action=AssumeRole&RoleSessionName=growth&RoleArn={role}"),
        )
    };
    load(&sandbox, "AssumeRole, granted", calls, 200, granted);
    println!("  {} secrets are remembered", sandbox.secrets().len());
    sandbox.advance(Duration::from_secs(3 * 86_400));
    load(
        &sandbox,
        "the same, after all of them ended long ago",
        calls,
        200,
        granted,
    );

    let nobody = "arn%3Aaws%3Aiam%3A%3A666666666666%3Arole%2FNoSuchRole";
    load(&sandbox, "AssumeRole, refused", calls, 403, |_| {
        signed(
            &sandbox,
            &joe,
            &format!("Action=AssumeRole&RoleSessionName=growth&RoleArn={nobody}"),
        )
    });
    load(&sandbox, "unsigned, each of another operation", calls, 403, |n| {
        posted(&[], &format!("Action=Unheard{n:0>50}&Version=2011-06-15"))
    });
}

/// So many calls over one connection, and what the process weighs afterwards.
fn load(sandbox: &Sandbox, what: &str, calls: usize, status: u16, request: impl Fn(usize) -> Vec<u8>) {
    let before = resident();
    let begun = Instant::now();
    let address = sandbox.endpoint().trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_nodelay(true).unwrap();
    for n in 0..calls {
        let answer = ask(&mut stream, &request(n));
        assert!(
            answer.starts_with(format!("HTTP/1.1 {status}").as_bytes()),
            "{}",
            String::from_utf8_lossy(&answer)
        );
    }
    let after = resident();
    println!(
        "{what}: {calls} calls in {:?}, {after} KiB, {:+} KiB",
        begun.elapsed(),
        after.cast_signed() - before.cast_signed()
    );
}

/// What this process has in memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

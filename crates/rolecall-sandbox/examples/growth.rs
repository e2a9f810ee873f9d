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

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use rolecall_sandbox::Sandbox;

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

fn signed(sandbox: &Sandbox, credentials: &Credentials, form: &str) -> Vec<u8> {
    let body = format!("{form}&Version=2011-06-15");
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("sts")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("{}/", sandbox.endpoint());
    let host = ("host", sandbox.endpoint().trim_start_matches("http://"));
    let body_bytes = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", &uri, [host].into_iter(), body_bytes).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    let headers: Vec<_> = [host].into_iter().chain(instructions.headers()).collect();
    posted(&headers, &body)
}

fn posted(headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// One request and its whole answer.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the server closed");
        answer.extend_from_slice(&buffer[..read]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap();
        if answer.len() >= head + 4 + length {
            return answer;
        }
    }
}

/// What this process has in memory, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

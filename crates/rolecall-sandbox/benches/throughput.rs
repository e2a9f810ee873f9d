//! AssumeRole in the sandbox, against a bare hyper server that answers as many bytes.
//!
//! Each server has a current-thread runtime of its own in this process; the same raw-socket clients ask them in turn, with
//! requests that were signed before. Every one of the sandbox's answers stands for a verified signature, two policies
//! evaluated and a session issued. Stops by itself after about 20 seconds:
//! `cargo bench -p rolecall-sandbox --bench throughput`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark looks at the real clock, prints, and ends at the first thing that goes wrong"
)]

#[path = "client/raw.rs"]
mod raw;

use std::convert::Infallible;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rolecall_sandbox::Sandbox;

use raw::{ask, signed};

const CLIENTS: usize = 4;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);
const REQUESTS: usize = 256;

#[derive(Clone)]
struct Target {
    address: SocketAddr,
    requests: Vec<Vec<u8>>,
}

fn main() {
    // `cargo test --benches` runs this too; it measures only when asked to.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = sandbox.user_keys("joe.bloggs").unwrap().credentials();
    let address = sandbox.endpoint().trim_start_matches("http://").parse().unwrap();
    // The session name tells the calls apart.
    let requests = (0..REQUESTS)
        .map(|n| {
            let role = "arn%3Aaws%3Aiam%3A%3A666666666666%3Arole%2FBlahRole";
            let form = format!("Action=AssumeRole&RoleSessionName=bench-{n}&RoleArn={role}");
            signed(&sandbox, &joe, &form)
        })
        .collect();
    let sandboxed = Target { address, requests };
    let answer = ask(&mut TcpStream::connect(address).unwrap(), &sandboxed.requests[0]);
    assert!(
        answer.starts_with(b"HTTP/1.1 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    let bare = Target {
        address: start_bare(answer.len()),
        requests: sandboxed.requests.clone(),
    };

    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        theirs.push(rate(&bare));
        ours.push(rate(&sandboxed));
    }
    let (ours, theirs) = (median(ours), median(theirs));
    println!(
        "AssumeRole: {ours:.0}/s, bare hyper {theirs:.0}/s, ratio {:.2}",
        ours / theirs
    );
}

/// A server that reads a request and answers `length` bytes, head included or nearly so.
fn start_bare(length: usize) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let body = Bytes::from(vec![b'x'; length]);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                let body = body.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request: http::Request<hyper::body::Incoming>| {
                        let body = body.clone();
                        async move {
                            http_body_util::BodyExt::collect(request.into_body())
                                .await
                                .unwrap();
                            Ok::<_, Infallible>(http::Response::new(Full::new(body)))
                        }
                    });
                    let _ = hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
    });
    address
}

/// Answered requests a second, over connections that stay open.
fn rate(target: &Target) -> f64 {
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let target = target.clone();
            std::thread::spawn(move || {
                let mut stream = TcpStream::connect(target.address).unwrap();
                stream.set_nodelay(true).unwrap();
                let mut answered = 0_usize;
                while start.elapsed() < ROUND {
                    let request = &target.requests[(client + answered * CLIENTS) % REQUESTS];
                    assert!(ask(&mut stream, request).starts_with(b"HTTP/1.1 200"));
                    answered += 1;
                }
                answered
            })
        })
        .collect();
    let answered: usize = clients.into_iter().map(|client| client.join().unwrap()).sum();
    answered as f64 / start.elapsed().as_secs_f64()
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}

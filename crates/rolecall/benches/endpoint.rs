//! The endpoint, warm, against a bare hyper server that answers the same body with the same headers.
//!
//! Both run in this process, each on its own current-thread runtime as under `exec`; the same raw-socket client asks
//! them in turn, so that whatever else the machine does hits both. Stops by itself after about 30 seconds:
//! `cargo bench -p rolecall --bench endpoint`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a benchmark looks at the real clock, prints, and ends at the first thing that goes wrong"
)]

use std::convert::Infallible;
use std::future::Future;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use http_body_util::Full;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rolecall::endpoint::{Endpoint, Grant};
use rolecall::session::SessionParts;
use rolecall::{Error, Session};

const CLIENTS: usize = 4;
const ROUNDS: usize = 3;
const ROUND: Duration = Duration::from_secs(2);

struct Warm(Session);

impl Grant for Warm {
    fn valid(&self) -> Option<Session> {
        Some(self.0.clone())
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// What a client asks, and of whom.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    request: Vec<u8>,
    answer: usize,
}

fn main() {
    // `cargo test --benches` runs this too; it measures only when asked to.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (endpoint, body) = start_endpoint();
    let bare = start_bare(body, endpoint.request.clone());
    assert_eq!(
        bare.answer, endpoint.answer,
        "both answer the same number of bytes"
    );

    compare("keep-alive", &bare, &endpoint, keep_alive);
    compare("new connections", &bare, &endpoint, new_connections);

    let rate = keep_alive(&endpoint, ROUND);
    for (name, target) in [("bare", &bare), ("endpoint", &endpoint)] {
        let p99 = p99_at(target, rate / 2.0);
        println!(
            "{name} at {:.0}/s, half of the endpoint's most: p99 {} µs",
            rate / 2.0,
            p99.as_micros()
        );
    }
}

/// Rounds in turn; the median of each side.
fn compare(what: &str, bare: &Target, endpoint: &Target, measure: fn(&Target, Duration) -> f64) {
    let (mut bares, mut endpoints) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        bares.push(measure(bare, ROUND));
        endpoints.push(measure(endpoint, ROUND));
    }
    let median = |rates: &mut Vec<f64>| {
        rates.sort_by(f64::total_cmp);
        rates[ROUNDS / 2]
    };
    let (bare, endpoint) = (median(&mut bares), median(&mut endpoints));
    println!(
        "endpoint {what}: bare {bare:.0}/s, endpoint {endpoint:.0}/s, ratio {:.2}",
        endpoint / bare
    );
}

fn keep_alive(target: &Target, time: Duration) -> f64 {
    by_all(target, time, |target, until| {
        let mut stream = connect(target);
        let mut buffer = vec![0; target.answer];
        let mut answered = 0;
        while Instant::now() < until {
            ask(&mut stream, target, &mut buffer);
            answered += 1;
        }
        answered
    })
}

fn new_connections(target: &Target, time: Duration) -> f64 {
    by_all(target, time, |target, until| {
        let mut buffer = vec![0; target.answer];
        let mut answered = 0;
        while Instant::now() < until {
            ask(&mut connect(target), target, &mut buffer);
            answered += 1;
        }
        answered
    })
}

/// Requests a second of all clients together.
fn by_all(target: &Target, time: Duration, client: fn(&Target, Instant) -> u32) -> f64 {
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let target = target.clone();
            std::thread::spawn(move || client(&target, start + time))
        })
        .collect();
    let answered: u32 = clients.into_iter().map(|client| client.join().unwrap()).sum();
    f64::from(answered) / start.elapsed().as_secs_f64()
}

fn p99_at(target: &Target, rate: f64) -> Duration {
    let pause = Duration::from_secs_f64(CLIENTS as f64 / rate);
    let start = Instant::now();
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let target = target.clone();
            std::thread::spawn(move || {
                let mut stream = connect(&target);
                let mut buffer = vec![0; target.answer];
                let (mut took, mut next) = (Vec::new(), start);
                while next < start + ROUND {
                    std::thread::sleep(next.saturating_duration_since(Instant::now()));
                    let asked = Instant::now();
                    ask(&mut stream, &target, &mut buffer);
                    took.push(asked.elapsed());
                    next += pause;
                }
                took
            })
        })
        .collect();
    let mut took: Vec<_> = clients
        .into_iter()
        .flat_map(|client| client.join().unwrap())
        .collect();
    took.sort_unstable();
    took[took.len() * 99 / 100]
}

fn connect(target: &Target) -> TcpStream {
    let stream = TcpStream::connect(target.address).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

fn ask(stream: &mut TcpStream, target: &Target, buffer: &mut [u8]) {
    stream.write_all(&target.request).unwrap();
    stream.read_exact(buffer).unwrap();
    assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
}

/// Serves on a thread of its own until the process ends.
fn on_own_thread<F>(serve: impl FnOnce(tokio::net::TcpListener) -> F + Send + 'static) -> SocketAddr
where
    F: Future<Output = ()>,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { serve(tokio::net::TcpListener::from_std(listener).unwrap()).await });
    });
    address
}

fn start_endpoint() -> (Target, Bytes) {
    let issued_at = SystemTime::now();
    let session = Session::new(SessionParts {
        access_key_id: "ASIACANARYAKID000001".to_owned(),
        secret_access_key: format!("CANARYSECRET{}", "s".repeat(28)),
        session_token: format!("CANARYTOKEN{}", "t".repeat(900)),
        account: Some("111122223333".parse().unwrap()),
        principal: None,
        issued_at,
        expires_at: issued_at + Duration::from_secs(3600),
    });
    let (send, receive) = std::sync::mpsc::channel();
    let address = on_own_thread(move |listener| async move {
        let endpoint = Endpoint::new(listener.local_addr().unwrap()).unwrap();
        send.send(endpoint.grant(Arc::new(Warm(session))).unwrap())
            .unwrap();
        endpoint.serve(listener, std::future::pending()).await;
    });
    let access = receive.recv().unwrap();
    let path = access.uri().strip_prefix(&format!("http://{address}")).unwrap();
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAuthorization: {}\r\nAccept: application/json\r\nUser-Agent: bench\r\n\r\n",
        access.token().expose()
    );
    let target = measured(address, request.into_bytes());
    let mut answer = vec![0; target.answer];
    ask(&mut connect(&target), &target, &mut answer);
    let blank = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    (target, Bytes::copy_from_slice(&answer[blank + 4..]))
}

fn start_bare(body: Bytes, request: Vec<u8>) -> Target {
    let address = on_own_thread(move |listener| async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let body = body.clone();
            let service = service_fn(move |_request| {
                let body = body.clone();
                async move {
                    let response = hyper::Response::builder()
                        .header("content-type", "application/json")
                        .header("cache-control", "no-store")
                        .header("x-content-type-options", "nosniff")
                        .body(Full::new(body))
                        .unwrap();
                    Ok::<_, Infallible>(response)
                }
            });
            tokio::spawn(async move {
                let connection = hyper::server::conn::http1::Builder::new()
                    .auto_date_header(false)
                    .header_read_timeout(None)
                    .serve_connection(TokioIo::new(stream), service);
                _ = connection.await;
            });
        }
    });
    measured(address, request)
}

/// Learns how long an answer is.
fn measured(address: SocketAddr, request: Vec<u8>) -> Target {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&request).unwrap();
    let mut answer = vec![0; 16 * 1024];
    let mut length = 0;
    stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    while let Ok(read) = stream.read(&mut answer[length..]) {
        if read == 0 {
            break;
        }
        length += read;
    }
    Target {
        address,
        request,
        answer: length,
    }
}

//! What a warm call costs, against the least it could cost: a lock taken, and one shared thing cloned.
//!
//! ```text
//! cargo bench -p rolecall --bench warm
//! ```

#![expect(clippy::unwrap_used, reason = "a benchmark ends at what it did not expect")]
#![expect(clippy::print_stdout, reason = "its one purpose is to print numbers")]
#![expect(clippy::disallowed_methods, reason = "it measures real time")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::future::Future;
use std::hint::black_box;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use aws_credential_types::Credentials;
use aws_credential_types::provider::ProvideCredentials;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::session::{KeyBuilder, SessionParts};
use rolecall::{Error, Host, Provider, Request, Session, SessionCache};
use rolecall_sandbox::Sandbox;

/// Counts what is allocated, and what of it stays.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
static BYTES: AtomicI64 = AtomicI64::new(0);

fn counted(layout: Layout) -> i64 {
    i64::try_from(layout.size()).unwrap_or(i64::MAX)
}

// SAFETY: every call is handed to the system's allocator as it came; only counters are touched besides.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        BYTES.fetch_add(counted(layout), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        BYTES.fetch_sub(counted(layout), Ordering::Relaxed);
        // SAFETY: the caller's promises are the system allocator's.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Nanoseconds of one call: the best of many rounds, which is the one that nothing else disturbed.
fn nanoseconds(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 20_000;
    // `cargo test --all-targets` runs this too, to see that it still works.
    let rounds = if std::env::args().any(|argument| argument == "--bench") {
        60
    } else {
        1
    };
    (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            (0..CALLS).for_each(|_| call());
            begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        })
        .fold(f64::INFINITY, f64::min)
}

fn ask(provider: &Provider) -> Credentials {
    let mut asked = pin!(provider.provide_credentials());
    match asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(credentials)) => credentials,
        other => panic!("a warm provider answers at once, not {other:?}"),
    }
}

fn profiles(sandbox: &Sandbox) -> Arc<ProfileSet> {
    let mut profiles = ProfileSet::default();
    profiles
        .add(FileKind::Config, Path::new("config"), &sandbox.config_file())
        .unwrap();
    profiles
        .add(
            FileKind::Credentials,
            Path::new("credentials"),
            &sandbox.credentials_file(),
        )
        .unwrap();
    Arc::new(profiles)
}

fn warm(runtime: &tokio::runtime::Runtime) {
    let sandbox = Sandbox::builder().start().unwrap();
    let host = Host::builder()
        .env("AWS_ENDPOINT_URL", sandbox.endpoint())
        .login_name("bench")
        .build();
    let provider = Provider::builder(host)
        .profiles(&profiles(&sandbox))
        .target("blah")
        .build()
        .unwrap();
    runtime.block_on(provider.session()).unwrap();

    let shared = Mutex::new(Arc::new(ask(&provider)));
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..1000 {
        black_box(ask(&provider));
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let yardstick = nanoseconds(|| {
        black_box(Arc::clone(&shared.lock().unwrap()));
    });
    let call = nanoseconds(|| {
        black_box(ask(&provider));
    });
    println!("warm provide_credentials: {call:.0} ns (yardstick {yardstick:.0} ns)");
    println!("allocations in 1000 warm calls: {allocations}");
}

fn memory(runtime: &tokio::runtime::Runtime) {
    const SESSIONS: usize = 10_000;
    let host = Host::builder().build();
    let per = |before: i64| (BYTES.load(Ordering::Relaxed) - before) as f64 / SESSIONS as f64;

    let before = BYTES.load(Ordering::Relaxed);
    let cache = SessionCache::new();
    runtime.block_on(async {
        for n in 0..SESSIONS {
            let mut key = KeyBuilder::new("bench");
            key.count(n as u64);
            let issued_at = host.now();
            // As long as the tokens that STS gives for a chained role with tags.
            let session = Session::new(SessionParts {
                access_key_id: format!("ASIACANARY{n:010}"),
                secret_access_key: "CANARYSECRET".repeat(4)[..40].to_owned(),
                session_token: "CANARYTOKEN".repeat(110),
                account: Some("666666666666".parse().unwrap()),
                principal: Some(
                    "arn:aws:sts::666666666666:assumed-role/BlahRole/joe.bloggs"
                        .parse()
                        .unwrap(),
                ),
                issued_at,
                expires_at: issued_at + Duration::from_secs(3600),
            });
            let slot = cache.slot(key.finish());
            slot.session(&host, || async move { Ok::<_, Error>(session) })
                .await
                .unwrap();
        }
    });
    let session = per(before);

    let sandbox = Sandbox::builder().start().unwrap();
    let profiles = profiles(&sandbox);
    let cache = Arc::new(SessionCache::new());
    let before = BYTES.load(Ordering::Relaxed);
    let providers: Vec<_> = (0..SESSIONS)
        .map(|n| {
            let request = Request {
                target: Some("blah".to_owned()),
                session_name: Some(format!("tenant-{n}").parse().unwrap()),
                ..Request::default()
            };
            let builder = Provider::builder(host.clone()).cache(&cache).profiles(&profiles);
            builder.request(request).build().unwrap()
        })
        .collect();
    let provider = per(before);
    println!("bytes of one of {SESSIONS} sessions in a cache: {session:.0}, its token of 1210 among them");
    println!("bytes of one of {SESSIONS} providers and its empty slot: {provider:.0}");
    drop(providers);
}

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    warm(&runtime);
    memory(&runtime);
}

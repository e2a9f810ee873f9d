//! What is said on stderr beside errors: warnings by default, more with `-v`, anything with `ROLECALL_LOG`.

use std::io;

use rolecall::Host;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::{Targets, filter_fn};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, fmt};

/// Variables that make the SDK log what it redacts otherwise.
const BODIES: [&str; 2] = ["LOG_SENSITIVE_BODIES", "LOG_SIGNABLE_BODY"];

pub(crate) fn start(host: &Host, verbose: u8) {
    let default = match verbose {
        // What is thrown away is an error too, and errors are printed by themselves.
        0 => "error,rolecall=warn,rolecall::untrusted=off",
        1 => "error,rolecall=debug",
        _ => "debug",
    };
    let asked = host
        .env("ROLECALL_LOG")
        .and_then(|filter| filter.parse::<Targets>().ok());
    let filter = asked.or_else(|| default.parse().ok()).unwrap_or_default();
    // The SDK's modules that would write whole bodies are held back, whatever the filter says.
    let bodies = BODIES.iter().any(|name| host.env(name).is_some());
    let held_back =
        move |meta: &Metadata<'_>| bodies && meta.target().starts_with("aws_") && *meta.level() > Level::INFO;
    let lines = fmt::layer()
        .with_writer(io::stderr)
        .with_target(verbose > 1)
        .without_time()
        .with_ansi(false);
    tracing_subscriber::registry()
        .with(
            lines
                .with_filter(filter)
                .with_filter(filter_fn(move |meta| !held_back(meta))),
        )
        .init();
}

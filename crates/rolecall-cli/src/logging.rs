//! What is said on stderr beside errors: warnings by default, more with `-v`, anything with `ROLECALL_LOG`.

use std::io;

use rolecall::Host;
use tracing_subscriber::EnvFilter;

/// Variables that make the SDK log what it redacts otherwise.
const BODIES: [&str; 2] = ["LOG_SENSITIVE_BODIES", "LOG_SIGNABLE_BODY"];

pub(crate) fn start(host: &Host, verbose: u8) {
    let default = match verbose {
        // What is thrown away is an error too, and errors are printed by themselves.
        0 => "error,rolecall=warn,rolecall::untrusted=off",
        1 => "error,rolecall=debug",
        _ => "debug",
    };
    let filter = host.env("ROLECALL_LOG").unwrap_or(default);
    let filter = EnvFilter::builder()
        .parse(filter)
        .unwrap_or_else(|_| EnvFilter::new(default));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_target(verbose > 1)
        .without_time()
        .with_ansi(false)
        .init();
}

//! HTTP as it goes over sockets: TLS under authorities of the test's own, proxies, and single requests.
//!
//! Everything listens on this machine. A name of AWS's is only ever resolved by the test's own proxy, and where a proxy
//! must not be used for a host that is not literally a loopback one, that host is `0.0.0.0`: Linux connects it to itself.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the helpers are tests too; and a test writes and reads its own files"
)]

#[path = "../support/log.rs"]
mod log;
#[path = "../support/sentences.rs"]
mod sentences;

mod fetch;
mod proxy;
mod support;
mod tls;

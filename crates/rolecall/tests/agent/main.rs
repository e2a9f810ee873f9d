//! The agent as a client meets it: bytes over its socket, written here by hand, never the library's own client. Only where
//! the client itself is what is tested is it used.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the helpers are tests too; and this is a client, which sees the real system"
)]

mod client;
mod failures;
mod flood;
mod frames;
mod leases;
mod life;
mod peer;
mod support;

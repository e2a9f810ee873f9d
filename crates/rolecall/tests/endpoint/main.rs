//! The endpoint as a client meets it: bytes over a socket, never a request object made in the process. A check that
//! reads a request object can be dead on the wire and still pass.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "the helpers are tests too; and this is a client, which sees the real clock and the real system"
)]

#[path = "../support/aws.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod aws;
mod delivery;
mod flood;
mod gates;
mod ids;
mod metadata;
mod peer;
mod person;
#[path = "../support/sentences.rs"]
mod sentences;
mod support;
mod tokens;
mod withdrawal;

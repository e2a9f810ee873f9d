//! Rotations against the sandbox: whole ones, and such as are stopped anywhere. Every file and every line that is logged is
//! searched for secrets.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads what was written, not the user's files"
)]

#[path = "../support/aws.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod aws;
mod faults;
mod interrupted;
mod mfa;
mod random;
#[path = "../support/sentences.rs"]
mod sentences;
mod support;
mod whole;

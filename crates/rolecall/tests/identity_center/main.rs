//! IAM Identity Center: signing in by both ways, the AWS CLI's cache, renewing, and what the portal refuses.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at the files that were written"
)]

#[path = "../support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
mod cached;
mod refusals;
#[path = "../support/sentences.rs"]
mod sentences;
mod signing_in;
mod support;

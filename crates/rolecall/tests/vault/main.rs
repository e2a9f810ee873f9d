//! The vault and its encrypted files, as somebody finds them who damages, swaps, watches and kills.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "the helpers are tests too; a test looks at its files from outside, and says what it did not try"
)]

mod changes;
mod identity;
mod kills;
mod list;
mod places;
mod records;
mod support;
mod together;

#[path = "../support/sentences.rs"]
mod sentences;
#[path = "../support/skip.rs"]
mod skip;

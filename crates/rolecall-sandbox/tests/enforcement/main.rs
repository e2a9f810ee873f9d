//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/sandbox.md` names the tests.

mod authorization_messages;
mod chains;
mod clocks;
mod common;
mod decisions;
mod iam;
mod logs;
mod mfa;
mod presigned;
mod revocation;
mod setup;
mod signatures;
mod sts_parameters;
mod sts_world;
mod user_sessions;
mod web_identity;

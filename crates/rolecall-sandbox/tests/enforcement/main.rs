//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/sandbox.md` names the tests.

mod clocks;
mod common;
mod decisions;
mod logs;
mod mfa;
mod presigned;
mod setup;
mod signatures;
mod sts_world;
mod user_sessions;
mod web_identity;

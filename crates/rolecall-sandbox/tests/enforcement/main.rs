//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/sandbox.md` names the tests.

mod clocks;
mod common;
mod control;
mod decisions;
mod logs;
mod presigned;
mod setup;
mod signatures;

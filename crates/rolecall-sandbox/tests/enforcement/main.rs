//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/sandbox.md` names the tests.

mod clocks;
mod common;
mod decisions;
mod logs;
mod setup;
mod signatures;
mod worlds;

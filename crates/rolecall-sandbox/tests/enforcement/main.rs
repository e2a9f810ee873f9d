//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/sandbox.md` names the tests.

mod clocks;
mod common;
mod control;
mod decisions;
mod iam;
mod identity_center;
mod logs;
mod organizations;
mod presigned;
mod rest;
mod setup;
mod signatures;
mod signin;

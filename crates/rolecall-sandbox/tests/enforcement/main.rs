//! What the sandbox enforces, over real sockets: each rule with its positive control. `docs/rules.md` names the tests.

mod authorization_messages;
mod burdens;
mod chains;
mod clocks;
mod common;
mod condition_keys;
mod control;
mod decisions;
mod iam;
mod identity_center;
mod liars;
mod logs;
mod mfa;
mod organizations;
mod presigned;
mod queries;
mod rest;
mod revocation;
mod setup;
mod signatures;
mod signin;
mod sts_parameters;
mod sts_world;
mod user_sessions;
mod web_identity;
mod worlds;

//! Runs a sandbox until stdin closes, for trying it out with a real SDK: `serve [--empty] [--session-seconds N]`.
//!
//! The first line is the ready line, the rest are the config files of its world.
#![expect(
    clippy::print_stdout,
    reason = "this program's only purpose is to say where it is"
)]

use std::io::Read as _;

use rolecall_sandbox::{Sandbox, World};

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let mut builder = Sandbox::builder();
    if arguments.iter().any(|argument| argument == "--empty") {
        builder = builder.world(World::empty());
    }
    let seconds = arguments
        .iter()
        .position(|argument| argument == "--session-seconds")
        .and_then(|at| arguments.get(at + 1)?.parse().ok());
    if let Some(seconds) = seconds {
        builder = builder.session_seconds(seconds);
    }
    let sandbox = builder.start()?;
    println!("{}", sandbox.ready_line());
    println!("{}\n{}", sandbox.config_file(), sandbox.credentials_file());
    std::io::stdin().read_to_end(&mut Vec::new()).map(drop)
}

//! The `rolecall` command: use AWS through cross-account roles.

#![forbid(unsafe_code)]

mod browser;
mod child;
mod child_env;
mod cli;
mod command_error;
mod commands;
mod completion;
mod logging;
mod output;
mod person;
mod picker;
mod private_dir;
mod serving;
mod shared;

use std::process::ExitCode;

use clap::Parser as _;

use crate::cli::Cli;
use crate::command_error::Ended;

/// What is freed is wiped, so that no parser and no SDK leaves a secret behind.
#[global_allocator]
static HEAP: rolecall::hardening::WipingAllocator = rolecall::hardening::WipingAllocator;

fn main() -> ExitCode {
    // Before any secret is read, for every command has one or its caller's.
    let hardened = rolecall::hardening::harden_process();
    command_error::own_up_to_bugs();
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return command_error::usage(&error),
    };
    // The person is asked by what the environment says, and the library asks the person.
    let system = rolecall::Host::system();
    let person = person::Asker::new(&system, cli.command.mfa_fd());
    let host = system.with_person(person.clone());
    logging::start(&host, cli.verbose);
    if let Err(error) = hardened {
        tracing::warn!("{error}");
    }
    let json = cli.command.wants_json();
    let ended = match picker::choose(&mut cli, &host, &person) {
        Ok(None) => commands::run(cli, &host, &person),
        Ok(Some(ended)) => Ok(ended),
        Err(error) => Err(error),
    };
    // Everything is dropped by now: files are gone, the endpoint is closed.
    match ended {
        Ok(Ended::Code(code)) => ExitCode::from(code),
        Ok(Ended::Signal(signal)) => child::die_by(signal),
        Err(error) => error.report(json),
    }
}

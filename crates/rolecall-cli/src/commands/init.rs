//! `rolecall init`: the first five minutes. It looks, says everything it would do and why, asks once, does that and nothing
//! else, and tries it.
//!
//! Keys first, files last, as `vault import` has it: whatever interrupts it, a key is in a file, in the vault or in both, and
//! run again it goes on where it ended.

mod act;
mod look;
mod planning;
mod shown;

use rolecall::{Error, ErrorKind, Host};

use crate::cli::InitArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

use self::look::Seen;

pub(crate) fn run(host: &Host, args: &InitArgs) -> Result<Ended, CommandError> {
    let is_nested = ["ROLECALL_EXEC_DIR", "ROLECALL_EXEC"]
        .iter()
        .any(|name| host.env(name).is_some());
    if is_nested {
        return Err(
            Error::config("this runs inside `rolecall exec`, where your own files are out of sight")
                .with_hint("Run `rolecall init` outside of it.")
                .into(),
        );
    }
    let seen = Seen::look(host)?;
    let plan = planning::plan(host, &seen, args)?;
    if plan.is_nothing() || args.dry_run {
        match args.json {
            true => output::print_json(&shown::json(&seen, &plan, None, false))?,
            false => output::print(&shown::text(&seen, &plan))?,
        }
        if plan.is_nothing() && !args.json {
            output::print(&shown::in_short(host))?;
        }
        return Ok(Ended::WELL);
    }
    output::tell(&shown::text(&seen, &plan));
    if !agrees(host, args)? {
        output::tell("Nothing was done.\n");
        if args.json {
            output::print_json(&shown::json(&seen, &plan, None, true))?;
        }
        return Ok(Ended::WELL);
    }
    let done = act::act(host, &seen, &plan)?;
    match args.json {
        true => output::print_json(&shown::json(&seen, &plan, Some(&done), false))?,
        false => {
            output::print(&shown::told(&plan, &done))?;
            output::print(&shown::in_short(host))?;
        }
    }
    // What was set up and does not work has been said; a script is told by the code.
    Ok(match done.tried.iter().all(|tried| tried.identity.is_ok()) {
        true => Ended::WELL,
        false => Ended::Code(1),
    })
}

fn agrees(host: &Host, args: &InitArgs) -> Result<bool, Error> {
    if args.yes {
        return Ok(true);
    }
    host.person()
        .confirm("Do all of this")
        .map_err(|error| match error.kind() {
            ErrorKind::NeedsUser => {
                error.with_hint("Nothing was done. Say --yes to do what is shown above without being asked.")
            }
            _ => error,
        })
}

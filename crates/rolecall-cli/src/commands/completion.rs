//! `rolecall completion`: what a shell's startup file evaluates, and `rolecall complete`, which that asks.

use rolecall::{Error, Host};

use crate::cli::{CompleteArgs, CompletionArgs};
use crate::command_error::{CommandError, Ended};
use crate::{completion, output};

pub(crate) fn run(args: &CompletionArgs) -> Result<Ended, CommandError> {
    let Some(script) = completion::script(args.shell) else {
        return Err(Error::config(
            "`rolecall completion` knows bash, zsh and fish, and this is none of them",
        )
        .into());
    };
    output::print(script)?;
    Ok(Ended::WELL)
}

pub(crate) fn answer(host: &Host, args: &CompleteArgs) -> Result<Ended, CommandError> {
    output::print(&completion::answer(host, args))?;
    Ok(Ended::WELL)
}

//! The arguments of shell completion.

use clap::Args;
use rolecall::export::shell::Shell;

use super::parse;

#[derive(Args, Debug)]
pub(crate) struct CompletionArgs {
    /// bash, zsh or fish
    #[arg(value_parser = parse::<Shell>)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct CompleteArgs {
    /// The shell that asks
    #[arg(value_parser = parse::<Shell>)]
    pub(crate) shell: Shell,
    /// The line up to the cursor: bash and fish hand it over whole, zsh by its words
    #[arg(last = true, value_name = "WORD")]
    pub(crate) words: Vec<std::ffi::OsString>,
}

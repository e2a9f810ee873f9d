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

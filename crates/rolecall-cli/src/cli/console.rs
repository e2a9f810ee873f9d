//! The arguments of the commands that open the console.

use clap::Args;
use rolecall::command_line::CommandLine;
use rolecall::switch_role::{Color, DisplayName};

use super::{TargetArgs, number, parse};

#[derive(Args, Debug)]
pub(crate) struct ConsoleArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What to open: a service's name (s3, lambda, logs, …), an ARN, or an address of the console
    #[arg(short, long, value_name = "SERVICE|ARN|URL")]
    pub(crate) service: Option<String>,
    /// Print the link in place of opening it; on a terminal only with --show
    #[arg(long)]
    pub(crate) print: bool,
    /// Print the link even to a terminal: whoever reads it is signed in
    #[arg(long)]
    pub(crate) show: bool,
    /// The browser's command, with `%s` for the address [default: BROWSER, else the system's]
    #[arg(long, value_name = "CMD", value_parser = parse::<CommandLine>, conflicts_with_all = ["print", "show"])]
    pub(crate) browser: Option<CommandLine>,
    /// How many seconds the browser may take to come for the link
    #[arg(long, value_name = "SECONDS", default_value_t = 60, hide = true, value_parser = |text: &str| number(text, 1..=600_u64))]
    pub(crate) browser_wait: u64,
    /// List the services that --service knows
    #[arg(long, conflicts_with_all = ["target", "service", "print", "show", "browser"])]
    pub(crate) services: bool,
}

#[derive(Args, Debug)]
pub(crate) struct SwitchRoleArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// What the console shows for the role [default: the profile's name, else ACCOUNT/ROLE]
    #[arg(long, value_name = "TEXT", value_parser = parse::<DisplayName>)]
    pub(crate) display_name: Option<DisplayName>,
    /// The colour the console shows: red, orange, yellow, green, blue, or six hexadecimal digits [default: the profile's
    /// `color`]
    #[arg(long, value_name = "COLOR", value_parser = parse::<Color>)]
    pub(crate) color: Option<Color>,
    /// Open the link in place of printing it
    #[arg(long)]
    pub(crate) open: bool,
    /// The browser's command [default: BROWSER, else the system's]
    #[arg(long, value_name = "CMD", value_parser = parse::<CommandLine>, requires = "open")]
    pub(crate) browser: Option<CommandLine>,
    /// Write a page with a link for every role of your profiles and of `rolecall roles` to this file, `-` for stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "display_name", "open"])]
    pub(crate) all: Option<std::path::PathBuf>,
}

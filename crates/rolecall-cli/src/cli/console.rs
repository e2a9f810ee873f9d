//! The arguments of the commands that open the console.

use clap::Args;
use rolecall::switch_role::{Color, DisplayName};

use super::{TargetArgs, parse};

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
    /// The browser's command [default: BROWSER, else the system's]
    #[arg(long, value_name = "CMD", conflicts_with = "print")]
    pub(crate) browser: Option<String>,
    /// List the services that --service knows
    #[arg(long, exclusive = true)]
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
    #[arg(long, value_name = "CMD", requires = "open")]
    pub(crate) browser: Option<String>,
    /// Write a page with a link for every role of your profiles and of `rolecall roles` to this file, `-` for stdout
    #[arg(long, value_name = "FILE", conflicts_with_all = ["target", "display_name", "open"])]
    pub(crate) all: Option<std::path::PathBuf>,
}

//! The arguments of the commands that find roles and say why they refuse.

use clap::Args;
use rolecall::profile::block::NameTemplate;

use super::{TargetArgs, number};

#[derive(Args, Debug)]
pub(crate) struct RolesArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Prove what is allowed or conditional: assume each role for 15 minutes under a policy that denies everything
    #[arg(long)]
    pub(crate) verify: bool,
    /// Add a profile for each role that may be assumed to your config file, in a block of its own; shows what changes first
    #[arg(long)]
    pub(crate) write: bool,
    /// Write without asking
    #[arg(long, requires = "write")]
    pub(crate) yes: bool,
    /// Make the block anew, though it was edited by hand
    #[arg(long, requires = "write")]
    pub(crate) force: bool,
    /// Name the profiles so: text with {account_name}, {account_id}, {role} or {source} in it
    #[arg(long, value_name = "TEMPLATE", requires = "write")]
    pub(crate) profile_name: Option<NameTemplate>,
    /// Show roles as a tree by account
    #[arg(long, conflicts_with = "json")]
    pub(crate) tree: bool,
    /// Show roles that are denied too
    #[arg(long)]
    pub(crate) all: bool,
    /// Assume roles that may be assumed to list the roles of their accounts, so many accounts deep
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, value_parser = |text: &str| number(text, 0..=5_u32))]
    pub(crate) hops: u32,
    /// Print the least policy that finding roles needs, and call nothing
    #[arg(long, conflicts_with_all = ["verify", "write", "tree", "all"])]
    pub(crate) needs: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Read the role's own account through this target, where your credentials cannot (may be repeated)
    #[arg(long, value_name = "TARGET")]
    pub(crate) via: Vec<String>,
    /// Say what this encoded authorization message of AWS means, in place of walking to a target; `-` reads it from stdin
    #[arg(long, value_name = "MESSAGE")]
    pub(crate) decode: Option<String>,
}

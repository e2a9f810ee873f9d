//! The arguments. No flag ever takes a secret.

mod completion;
mod console;
mod roles;
mod target;
mod vault;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::IsTerminal as _;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Parser, Subcommand};
use rolecall::Invalid;
use rolecall::export::shell::{Format, Shell};
use rolecall_sandbox::PlannedFault;

use crate::commands::Since;

pub(crate) use completion::{CompleteArgs, CompletionArgs};
pub(crate) use console::{ConsoleArgs, SwitchRoleArgs};
pub(crate) use roles::{ExplainArgs, RolesArgs};
pub(crate) use target::TargetArgs;
pub(crate) use vault::{
    DoctorArgs, InitArgs, VaultAction, VaultAddArgs, VaultArgs, VaultImportArgs, VaultListArgs,
    VaultMoveArgs, VaultRemoveArgs, VaultRestoreArgs, VaultRotateArgs,
};

/// Use AWS through cross-account roles: one role in, credentials that are always fresh and never exposed.
///
/// TARGET is a profile of ~/.aws/config, a role ARN, or ACCOUNT/ROLE; without one it is AWS_PROFILE, then `default`.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, propagate_version = true, max_term_width = 110)]
pub(crate) struct Cli {
    /// Say more on stderr; twice for the SDK's own messages too (ROLECALL_LOG takes a filter)
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a command, or your shell, under a role; credentials renew themselves while it runs
    Exec(ExecArgs),
    /// Print a session as shell code, for `eval "$(rolecall env TARGET)"`
    Env(EnvArgs),
    /// Print a session as AWS's `credential_process` JSON
    CredentialProcess(CredentialProcessArgs),
    /// Show how a target is reached, with the origin of every value; calls nothing
    Plan(TargetArgs),
    /// List every profile as it is read
    Profiles(ProfilesArgs),
    /// Say who a target acts as, and until when
    Whoami(TargetArgs),
    /// Find the roles you may assume, by the policies that say so
    Roles(RolesArgs),
    /// Say why a target works or does not: every hop, every policy, what to change
    Explain(ExplainArgs),
    /// Open the AWS console under a target
    Console(ConsoleArgs),
    /// Print the console's own link to switch to a role; there is no credential in it
    SwitchRole(SwitchRoleArgs),
    /// Sign in to what a target starts from: IAM Identity Center, as the AWS CLI does and for it too, or an MFA device
    Login(LoginArgs),
    /// Sign out again
    Logout(LogoutArgs),
    /// Put a target to use in this shell: what you run from here acts as it, and the shell holds no keys
    Use(UseArgs),
    /// Print what makes `rolecall use` work in a shell, for `eval "$(rolecall hook bash)"` in its startup file
    Hook(HookArgs),
    /// What answers the programs of your shells
    #[command(hide = true)]
    Endpoint(EndpointArgs),
    /// What keeps sessions for all your processes: start it, stop it, ask how it is
    Agent(AgentArgs),
    /// List the sessions that the agent keeps: what, until when, who asked
    Sessions(SessionsArgs),
    /// Wipe a session at once, in the agent and in every process that uses it
    Forget(ForgetArgs),
    /// Show who got which session when, and whether the log was changed
    Audit(AuditArgs),
    /// Print what completes rolecall's arguments in a shell, for `eval "$(rolecall completion bash)"` in its startup file
    Completion(CompletionArgs),
    /// What a line may go on with, for the scripts of `completion`
    #[command(hide = true)]
    Complete(CompleteArgs),
    /// Keep users' access keys encrypted instead of in ~/.aws/credentials
    Vault(VaultArgs),
    /// The first five minutes: find what is there, put keys into the vault, write a profile, try it
    Init(InitArgs),
    /// Look whether everything is as it should be, and say what to do where it is not
    Doctor(DoctorArgs),
    /// Start the embedded AWS, alone or around a command; no AWS account is involved
    Sandbox(SandboxArgs),
    /// Walk through the main job in the sandbox: two accounts, a role, a bucket, a topic, an expiry
    Demo,
}

impl Command {
    /// Whether errors are to be JSON too.
    pub(crate) fn wants_json(&self) -> bool {
        match self {
            Self::Plan(target) | Self::Whoami(target) => target.json,
            Self::Exec(args) => args.target.json,
            Self::Env(args) => args.target.json,
            Self::CredentialProcess(args) => args.target.json,
            Self::Login(args) => args.target.json,
            Self::Logout(args) => args.target.json,
            Self::Profiles(args) => args.json,
            Self::Audit(args) => args.json,
            Self::Sessions(args) => args.json,
            Self::Forget(args) => args.target.json,
            Self::Sandbox(args) => args.json,
            Self::Agent(args) => args.json,
            Self::Use(args) => args.target.json,
            Self::Endpoint(args) => args.json,
            Self::Roles(args) => args.target.json,
            Self::Explain(args) => args.target.json,
            Self::Console(args) => args.target.json,
            Self::SwitchRole(args) => args.target.json,
            Self::Vault(args) => args.json,
            Self::Init(args) => args.json,
            Self::Doctor(args) => args.json,
            Self::Hook(_) | Self::Completion(_) | Self::Complete(_) | Self::Demo => false,
        }
    }
}

impl Command {
    /// The target, of a command that takes one.
    pub(crate) fn target_mut(&mut self) -> Option<&mut TargetArgs> {
        match self {
            Self::Plan(target) | Self::Whoami(target) => Some(target),
            Self::Exec(args) => Some(&mut args.target),
            Self::Env(args) => Some(&mut args.target),
            Self::CredentialProcess(args) => Some(&mut args.target),
            Self::Login(args) => Some(&mut args.target),
            Self::Logout(args) => Some(&mut args.target),
            Self::Use(args) => Some(&mut args.target),
            Self::Forget(args) => Some(&mut args.target),
            Self::Roles(args) => Some(&mut args.target),
            Self::Explain(args) => Some(&mut args.target),
            Self::Console(args) => Some(&mut args.target),
            Self::SwitchRole(args) => Some(&mut args.target),
            Self::Completion(_)
            | Self::Complete(_)
            | Self::Hook(_)
            | Self::Endpoint(_)
            | Self::Audit(_)
            | Self::Vault(_)
            | Self::Init(_)
            | Self::Doctor(_)
            | Self::Sessions(_)
            | Self::Profiles(_)
            | Self::Sandbox(_)
            | Self::Agent(_)
            | Self::Demo => None,
        }
    }

    /// Whether it comes to nothing without a target, as it was given: `use` then says what is in use, and others have a
    /// flag in a target's place.
    pub(crate) fn needs_target(&self) -> bool {
        match self {
            Self::Exec(_) | Self::Plan(_) | Self::Whoami(_) => true,
            Self::Env(args) => args.show || !std::io::stdout().is_terminal(),
            Self::Explain(args) => args.decode.is_none(),
            Self::Console(args) => !args.services,
            Self::SwitchRole(args) => args.all.is_none(),
            Self::Login(args) => args.sso_session.is_none(),
            _ => false,
        }
    }

    /// The word that it is called by, where a target can be picked for it.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Exec(_) => "exec",
            Self::Env(_) => "env",
            Self::Plan(_) => "plan",
            Self::Whoami(_) => "whoami",
            Self::Roles(_) => "roles",
            Self::Explain(_) => "explain",
            Self::Console(_) => "console",
            Self::SwitchRole(_) => "switch-role",
            Self::Login(_) => "login",
            Self::Logout(_) => "logout",
            Self::Use(_) => "use",
            Self::Forget(_) => "forget",
            _ => "",
        }
    }
}

impl Command {
    /// The descriptor that an MFA code is read from.
    pub(crate) fn mfa_fd(&self) -> Option<u32> {
        match self {
            Self::Plan(target) | Self::Whoami(target) => target.mfa_fd,
            Self::Exec(args) => args.target.mfa_fd,
            Self::Env(args) => args.target.mfa_fd,
            Self::CredentialProcess(args) => args.target.mfa_fd,
            Self::Login(args) => args.target.mfa_fd,
            Self::Use(args) => args.target.mfa_fd,
            Self::Roles(args) => args.target.mfa_fd,
            Self::Explain(args) => args.target.mfa_fd,
            Self::Console(args) => args.target.mfa_fd,
            Self::Vault(args) => match &args.action {
                VaultAction::Rotate(args) => args.mfa_fd,
                _ => None,
            },
            Self::Doctor(args) => args.mfa_fd,
            Self::SwitchRole(_)
            | Self::Init(_)
            | Self::Completion(_)
            | Self::Complete(_)
            | Self::Hook(_)
            | Self::Endpoint(_)
            | Self::Audit(_)
            | Self::Forget(_)
            | Self::Sessions(_)
            | Self::Logout(_)
            | Self::Profiles(_)
            | Self::Sandbox(_)
            | Self::Agent(_)
            | Self::Demo => None,
        }
    }
}

#[derive(Args, Debug)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Give the child fixed keys in its environment instead of an endpoint; they end and cannot be renewed
    #[arg(long)]
    pub(crate) env: bool,
    /// Put the endpoint's token into a private file instead of the environment (AWS CLI before 2.15 cannot read it)
    #[arg(long, conflicts_with = "env")]
    pub(crate) token_file: bool,
    /// Serve instance metadata (IMDSv2) too, for programs that know no other source; `=only` leaves the rest out
    #[arg(
        long,
        value_name = "WHAT",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "also",
        conflicts_with = "env"
    )]
    pub(crate) imds: Option<Imds>,
    /// Leave your AWS files in the child's sight; keys in a `[default]` profile then win over the role
    #[arg(long)]
    pub(crate) keep_config: bool,
    /// The command and its arguments; without one your shell
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// What the child gets besides instance metadata.
#[derive(Clone, Copy, Debug, Eq, PartialEq, clap::ValueEnum)]
pub(crate) enum Imds {
    /// The container variables too; every SDK that knows them prefers them
    Also,
    /// Nothing
    Only,
}

#[derive(Args, Debug)]
pub(crate) struct EnvArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The shell: bash, zsh, fish, powershell, cmd [default: by SHELL]
    #[arg(long, value_parser = parse::<Shell>)]
    pub(crate) shell: Option<Shell>,
    /// A format of `aws configure export-credentials`: process, env, env-no-export, powershell, windows-cmd, fish
    #[arg(long, value_parser = parse::<Format>, conflicts_with = "shell")]
    pub(crate) format: Option<Format>,
    /// Print secrets even to a terminal
    #[arg(long)]
    pub(crate) show: bool,
}

#[derive(Args, Debug)]
pub(crate) struct CredentialProcessArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Print secrets even to a terminal
    #[arg(long)]
    pub(crate) show: bool,
    /// Renew the session that the agent has, and print nothing: what a quick answer leaves behind
    #[arg(long, hide = true)]
    pub(crate) renew: bool,
}

#[derive(Args, Debug)]
pub(crate) struct UseArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Give the shell back what it had before
    #[arg(long, conflicts_with = "target")]
    pub(crate) off: bool,
    /// Leave your AWS files in sight; keys in a `[default]` profile then win over the role
    #[arg(long)]
    pub(crate) keep_config: bool,
    /// The shell whose code is printed: bash, zsh, fish [default: the one that runs this]
    #[arg(long, value_parser = parse::<Shell>)]
    pub(crate) shell: Option<Shell>,
    /// The shell that the hook is in, as SHELL:PID
    #[arg(long = "in", hide = true, value_name = "SHELL:PID", value_parser = InShell::parse)]
    pub(crate) within: Option<InShell>,
    /// At a prompt: the same once more, without anybody to be asked
    #[arg(long, hide = true)]
    pub(crate) again: bool,
    /// At a prompt: whether what is in use still answers
    #[arg(long, hide = true)]
    pub(crate) check: bool,
}

/// A shell that runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct InShell {
    pub(crate) shell: Shell,
    pub(crate) pid: u32,
}

impl InShell {
    fn parse(text: &str) -> Result<Self, String> {
        let (shell, pid) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self {
            shell: parse::<Shell>(shell)?,
            pid: number(pid, 1..=u32::MAX)?,
        })
    }
}

#[derive(Args, Debug)]
pub(crate) struct HookArgs {
    /// bash, zsh or fish
    #[arg(value_parser = parse::<Shell>)]
    pub(crate) shell: Shell,
}

#[derive(Args, Debug)]
pub(crate) struct EndpointArgs {
    #[command(subcommand)]
    pub(crate) action: EndpointAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointAction {
    /// Take everything back, and end it
    Stop,
    /// Say whether it runs, and for which shells
    Status,
    /// Be it, on the socket that is standard input
    #[command(hide = true)]
    Run(EndpointRunArgs),
    /// Keep the port that is standard output, should the endpoint at standard input be killed
    #[command(hide = true)]
    Keep,
}

#[derive(Args, Debug)]
pub(crate) struct EndpointRunArgs {
    /// End after so many seconds without a shell
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = |text: &str| number(text, 1..=86_400_u64))]
    pub(crate) idle: u64,
}

#[derive(Args, Debug)]
pub(crate) struct AgentArgs {
    #[command(subcommand)]
    pub(crate) action: AgentAction,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AgentAction {
    /// Start it, where it does not run; commands do so by themselves
    Start,
    /// Wipe what it keeps, and end it
    Stop,
    /// Say whether it runs, and how it is
    Status,
    /// Be the agent, on the socket that is standard input
    #[command(hide = true)]
    Run(AgentRunArgs),
}

#[derive(Args, Debug)]
pub(crate) struct AgentRunArgs {
    /// End after so many seconds without a client and without a live session
    #[arg(long, value_name = "SECONDS", default_value_t = 900, value_parser = |text: &str| number(text, 1..=86_400_u64))]
    pub(crate) idle: u64,
}

#[derive(Args, Debug)]
pub(crate) struct SessionsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// Everything that the target stands on too: the roles before it, and the session of the source itself
    #[arg(long, conflicts_with = "all")]
    pub(crate) chain: bool,
    /// Everything there is
    #[arg(long, conflicts_with = "target")]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The section of the config file to sign in to, in place of a target's
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    pub(crate) sso_session: Option<String>,
    /// Sign in by a code on any machine's browser, even where there is one here
    #[arg(long)]
    pub(crate) device_code: bool,
    /// Print the page's address, and open nothing
    #[arg(long)]
    pub(crate) no_browser: bool,
}

#[derive(Args, Debug)]
pub(crate) struct LogoutArgs {
    #[command(flatten)]
    pub(crate) target: TargetArgs,
    /// The section of the config file to sign out of, in place of a target's
    #[arg(long, value_name = "NAME", conflicts_with = "target")]
    pub(crate) sso_session: Option<String>,
    /// Sign out of everything that the config file knows
    #[arg(long, conflicts_with_all = ["target", "sso_session"])]
    pub(crate) all: bool,
}

#[derive(Args, Debug)]
pub(crate) struct ProfilesArgs {
    /// Print JSON with every property; secret ones are masked
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args, Debug)]
pub(crate) struct AuditArgs {
    /// Records since then only: how long ago (30m, 12h, 7d), a day or a time
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    pub(crate) since: Option<Since>,
    /// Records of this target, or with this text in the role's ARN, only
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,
    /// Records of this kind only: mint, serve, refuse, wipe, repair
    #[arg(long, value_name = "OP", value_parser = ["mint", "serve", "refuse", "wipe", "repair"])]
    pub(crate) op: Option<String>,
    /// The hash of a record that was kept elsewhere: it has to be there still, and only what is behind it is shown
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub(crate) since_hash: Option<String>,
    /// Show no records; only whether the log was changed
    #[arg(long)]
    pub(crate) verify_only: bool,
    /// Print JSON with every field
    #[arg(long)]
    pub(crate) json: bool,
}

/// The value parser of hashes.
fn hash(text: &str) -> Result<String, String> {
    let is_one = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
    is_one
        .then(|| text.to_owned())
        .ok_or_else(|| "a hash has 64 hexadecimal digits".to_owned())
}

#[derive(Args, Debug)]
pub(crate) struct SandboxArgs {
    /// Print one line of JSON when ready: the endpoint and each account's administrator key
    #[arg(long)]
    pub(crate) json: bool,
    /// What exists in it: article, organization, empty, or a TOML file (./article is a file) [default: article]
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) world: Option<OsString>,
    /// The same as --world empty
    #[arg(long, conflicts_with = "world")]
    pub(crate) empty: bool,
    /// Print the TOML of a ready world, to start a file of your own from
    #[arg(long, value_name = "NAME", conflicts_with_all = ["world", "empty", "command", "json", "explain", "fault", "port", "session_seconds", "skew", "tls"],
          value_parser = clap::builder::PossibleValuesParser::new(rolecall_sandbox::World::ready_names()))]
    pub(crate) print_world: Option<String>,
    /// End every session after N seconds (2 or more), whatever was asked for, to watch renewals
    #[arg(long, value_name = "N", value_parser = |text: &str| number(text, 2..=43_200_u64))]
    pub(crate) session_seconds: Option<u64>,
    /// Say of every request who decided and by which statement, on stderr or in a file
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub(crate) explain: Option<Option<PathBuf>>,
    /// Let calls go wrong: OPERATION:FAULT, or OPERATION:FAULT:TIMES, as in AssumeRole:throttle:3 (may be repeated)
    #[arg(
        long,
        value_name = "FAULT",
        long_help = "Let calls go wrong, as OPERATION:FAULT[:TIMES]; may be repeated.\n\nOPERATION is as AWS calls it, or `*`; \
                     TIMES is a number or `always` [default: 1].\nFAULT is throttle, server-error, unavailable, hang, reset, \
                     lost-answer, truncated-xml, garbage, other-role, other-account, other-session-name, \
                     already-expired, expires-too-late, delay=TIME (250ms, 2s), or, of CreateAccessKey, \
                     unknown-key=CALLS."
    )]
    pub(crate) fault: Vec<PlannedFault>,
    /// Run the sandbox's clocks ahead of this machine's by so many seconds (behind, where negative)
    #[arg(long, value_name = "SECONDS", default_value_t = 0, hide_default_value = true, allow_negative_numbers = true,
          value_parser = |text: &str| number(text, -315_360_000_i64..=315_360_000))]
    pub(crate) skew: i64,
    /// Answer over TLS, and write the certificate of an authority made for this run to DIR/ca.pem
    #[arg(long, value_name = "DIR")]
    pub(crate) tls: Option<PathBuf>,
    /// The port on 127.0.0.1 [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true,
          value_parser = |text: &str| number(text, 0..=u16::MAX))]
    pub(crate) port: u16,
    /// Run this inside, with a home of its own that points to the sandbox
    #[arg(last = true, value_name = "CMD")]
    pub(crate) command: Vec<OsString>,
}

/// A value parser whose message says what would do, where Rust's own says what a digit is.
fn number<N: FromStr + PartialOrd + Display>(text: &str, range: RangeInclusive<N>) -> Result<N, String> {
    let found = text.parse().ok().filter(|number| range.contains(number));
    found.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        format!("write a whole number from {least} to {most}")
    })
}

/// A value parser whose message is the type's own sentence.
fn parse<T: FromStr<Err = Invalid>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|invalid: Invalid| invalid.sentence())
}

//! `rolecall use`: a target put to use in a shell, by pointers to an endpoint and never by keys.

mod code;

use std::io::IsTerminal as _;

use rolecall::audit::Delivery;
use rolecall::chain::{Chain, SourceKind, TokenSource};
use rolecall::export::shell::Shell;
use rolecall::host::{Process, Stat};
use rolecall::provider::Handover;
use rolecall::{Error, ErrorKind, Host};
use serde_json::json;
use zeroize::Zeroizing;

use self::code::Pointers;
use super::endpoint::{self, Ask, Held, Tell, Want};
use super::hook;
use crate::cli::{InShell, TargetArgs, UseArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &UseArgs) -> Result<Ended, CommandError> {
    if args.check {
        return check(host, args);
    }
    if args.off {
        return off(host, args);
    }
    if args.target.target.is_none() {
        return tell(host, args);
    }
    if args.within.is_none() && std::io::stdout().is_terminal() {
        let shell = shell_of(args).map_or_else(|_| "bash".to_owned(), |within| name(within.shell).to_owned());
        return Err(Error::config("this prints code for your shell, and stdout is a terminal")
            .with_hint(format!(
                "Put {} into your shell's startup file, and `rolecall use` works from then on; {} does it once.",
                hook_line(&shell),
                once_line(&shell, args.target.target.as_deref().unwrap_or("TARGET")),
            ))
            .into());
    }
    let within = shell_of(args)?;
    let words = args.target.words(host)?;
    let provider = super::provider(host, TargetArgs::of_words(&words)?, Delivery::Use)?;
    let sessions = if args.again {
        // At a prompt nobody is kept waiting: the session is the endpoint's to get.
        Handover::default()
    } else {
        super::block_on(async {
            provider.session().await?;
            Ok(provider.hand_over())
        })?
    };
    let want = Want {
        words: words.clone(),
        keep_config: args.keep_config,
        shell: process(within.pid),
        env: snapshot(host, runs_commands(provider.chain())),
        home: host.home().map(|home| home.display().to_string()),
        login_name: host.login_name().map(str::to_owned),
        sessions,
    };
    let Some(Tell::Granted(granted)) = endpoint::asked_of_started(host, &Ask::Grant(Box::new(want)))? else {
        return Err(strange().into());
    };
    let mut again = words;
    if args.keep_config {
        again.insert(0, "--keep-config".to_owned());
    }
    output::print(&code::on(
        within.shell,
        &Pointers {
            remove: &granted.remove,
            set: &granted.set,
            words: &again,
        },
    ))?;
    Ok(Ended::WELL)
}

/// `--off`: the code gives back what the shell kept, whether or not the endpoint is there to hear of it.
fn off(host: &Host, args: &UseArgs) -> Result<Ended, CommandError> {
    let within = shell_of(args)?;
    if let Err(error) = endpoint::asked(host, &Ask::Withdraw(process(within.pid))) {
        tracing::warn!("{error}");
    }
    output::print(code::off(within.shell))?;
    Ok(Ended::WELL)
}

/// `--check`, at a prompt: one word for the hook, and a line for the person where they are soon needed.
fn check(host: &Host, args: &UseArgs) -> Result<Ended, CommandError> {
    let within = shell_of(args)?;
    let Some(Tell::Held(Some(held))) = endpoint::asked(host, &Ask::Look(process(within.pid)))? else {
        output::print("gone\n")?;
        return Ok(Ended::WELL);
    };
    if let Some(seconds) = held.person_is_needed_in.filter(|_| held.is_news) {
        output::hint(&format!(
            "The session of {0} ends in {1} min: `rolecall use {0}` renews it.",
            held.target,
            seconds.div_ceil(60)
        ));
    }
    Ok(Ended::WELL)
}

/// Without a target: what is in use.
fn tell(host: &Host, args: &UseArgs) -> Result<Ended, CommandError> {
    let within = shell_of(args)?;
    let held = match endpoint::asked(host, &Ask::Look(process(within.pid)))? {
        Some(Tell::Held(held)) => held,
        _ => None,
    };
    let text = if args.target.json {
        json!(held.as_ref().map(|held| json!({
            "target": held.target,
            "role_arn": held.role_arn,
            "expires_at": held.expires_at,
        })))
        .to_string()
    } else {
        in_words(host, held)
    };
    match args.within {
        Some(within) => output::print(&code::say(within.shell, &text))?,
        None => output::print(&format!("{text}\n"))?,
    }
    Ok(Ended::WELL)
}

fn in_words(host: &Host, held: Option<Held>) -> String {
    let Some(held) = held else {
        return match host.env("ROLECALL_USE") {
            Some(target) => format!("{target}, by the shell around this one"),
            None => "nothing is in use in this shell; `rolecall use TARGET` changes that".to_owned(),
        };
    };
    let role = held.role_arn.map(|arn| format!(" ({arn})")).unwrap_or_default();
    let until = match held.expires_at {
        Some(end) => format!("; the present session ends {end} and is renewed before"),
        None => String::new(),
    };
    format!("{}{role}{until}", held.target)
}

/// The shell that the code is for: the hook says which, else it is the one that runs this.
fn shell_of(args: &UseArgs) -> Result<InShell, Error> {
    if let Some(within) = args.within {
        return known(within);
    }
    let pid = shell_above().ok_or_else(hook::unknown)?;
    let shell = match args.shell {
        Some(shell) => shell,
        None => Stat::of(pid)
            .and_then(|stat| stat.name.trim_start_matches('-').parse().ok())
            .ok_or_else(hook::unknown)?,
    };
    known(InShell { shell, pid })
}

fn known(within: InShell) -> Result<InShell, Error> {
    match within.shell {
        Shell::Bash | Shell::Zsh | Shell::Fish => Ok(within),
        Shell::Cmd | Shell::PowerShell => Err(hook::unknown()),
    }
}

/// The process above us that is a shell and no copy of one: for `$(…)` a shell copies itself, and that copy is gone in a
/// moment. A copy has the stack of the one it was made from, and what was started anew has its own.
fn shell_above() -> Option<u32> {
    let mut pid = u32::try_from(rustix::process::getppid()?.as_raw_nonzero().get()).ok()?;
    while let Some(stat) = Stat::of(pid) {
        let parent = u32::try_from(stat.parent).ok()?;
        match Stat::of(parent) {
            Some(above) if stat.stack != 0 && above.stack == stat.stack => pid = parent,
            _ => break,
        }
    }
    Some(pid)
}

fn process(pid: u32) -> Process {
    Process::of(pid, rustix::process::geteuid().as_raw())
}

/// Whether commands of the user's are run for the chain: they get all of the shell's environment, as they do from SDKs.
fn runs_commands(chain: &Chain) -> bool {
    let is_process = matches!(
        chain.source.kind,
        SourceKind::Process(_) | SourceKind::WebIdentity(TokenSource::Process(_))
    );
    is_process || chain.mfa.as_ref().is_some_and(|mfa| mfa.process.is_some())
}

/// The part of the environment that a chain is resolved and called by; all of it where commands are run.
fn snapshot(host: &Host, whole: bool) -> Vec<(String, Zeroizing<String>)> {
    const NAMES: [&str; 10] = [
        "DBUS_SESSION_BUS_ADDRESS",
        "HOME",
        "LANG",
        "LOGNAME",
        "PATH",
        "SSL_CERT_DIR",
        "SSL_CERT_FILE",
        "TMPDIR",
        "TZ",
        "USER",
    ];
    let counts = |name: &str| {
        whole
            || NAMES.contains(&name)
            || ["AWS_", "AMAZON_", "LC_", "ROLECALL_", "XDG_"]
                .iter()
                .any(|prefix| name.starts_with(prefix))
            || name.to_ascii_lowercase().ends_with("_proxy")
    };
    host.variables()
        // A number of the command's own, which is another file there.
        .filter(|(name, _)| {
            counts(name) && !["ROLECALL_MFA_FD", "ROLECALL_VAULT_PASSPHRASE_FD"].contains(name)
        })
        .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))
        .collect()
}

fn name(shell: Shell) -> &'static str {
    match shell {
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
        _ => "bash",
    }
}

fn hook_line(shell: &str) -> String {
    match shell {
        "fish" => "`rolecall hook fish | source`".to_owned(),
        _ => format!("`eval \"$(rolecall hook {shell})\"`"),
    }
}

fn once_line(shell: &str, target: &str) -> String {
    match shell {
        "fish" => format!("`rolecall use {target} | source`"),
        _ => format!("`eval \"$(rolecall use {target})\"`"),
    }
}

fn strange() -> Error {
    Error::new(
        ErrorKind::Unavailable,
        "the endpoint of your shells answered something else than what was asked",
    )
    .with_hint("`rolecall endpoint stop` ends it, and the next `rolecall use` starts another.")
}

//! One file a command.

mod agent;
mod audit;
mod completion;
mod console;
mod credential_process;
mod demo;
mod diagnosis;
mod doctor;
mod endpoint;
mod env;
mod exec;
mod explain;
mod hook;
mod init;
mod login;
mod logout;
mod plan;
mod profiles;
mod roles;
mod sandbox;
mod sessions;
mod switch_role;
mod use_target;
mod vault;
mod whoami;

use std::future::Future;
use std::sync::Arc;

use rolecall::audit::{Delivery, Log};
use rolecall::{Error, ErrorKind, Host, Provider, SessionCache};

pub(crate) use audit::Since;

use crate::cli::{Cli, Command, TargetArgs};
use crate::command_error::{CommandError, Ended};
use crate::person::Asker;
use crate::shared;

pub(crate) fn run(cli: Cli, host: &Host, person: &Asker) -> Result<Ended, CommandError> {
    // It says nothing, whatever is wrong.
    if let Command::Complete(args) = &cli.command {
        return completion::answer(host, args);
    }
    // A variable that is no text decides nothing, whichever command would have read it. `doctor` says so among the rest.
    let checked = match &cli.command {
        Command::Doctor(_) => Ok(()),
        _ => host.check(),
    };
    checked.map_err(|error| match &cli.command {
        Command::Exec(_) => CommandError::from(error).with_code(125),
        _ => error.into(),
    })?;
    // It says all there is to say by itself.
    let is_explained = matches!(cli.command, Command::Explain(_));
    let ended = dispatch(cli, host, person);
    let watched = diagnosis::taken();
    match (ended, watched) {
        (Err(error), Some(watched)) if !is_explained => Err(diagnosis::added(error, &watched)),
        (ended, _) => ended,
    }
}

fn dispatch(cli: Cli, host: &Host, person: &Asker) -> Result<Ended, CommandError> {
    match cli.command {
        Command::Exec(args) => exec::run(host, person, args),
        Command::Env(args) => env::run(host, args),
        Command::CredentialProcess(args) => credential_process::run(host, person, args),
        Command::Plan(args) => plan::run(host, args),
        Command::Profiles(args) => profiles::run(host, &args),
        Command::Whoami(args) => whoami::run(host, args),
        Command::Roles(args) => roles::run(host, args),
        Command::Explain(args) => explain::run(host, args),
        Command::Console(args) => console::run(host, args),
        Command::SwitchRole(args) => switch_role::run(host, args),
        Command::Completion(args) => completion::run(&args),
        Command::Complete(args) => completion::answer(host, &args),
        Command::Login(args) => login::run(host, person, args),
        Command::Logout(args) => logout::run(host, args),
        Command::Audit(args) => audit::run(host, &args),
        Command::Sessions(args) => sessions::run(host, &args),
        Command::Forget(args) => sessions::forget(host, args),
        Command::Sandbox(args) => sandbox::run(host, &args),
        Command::Use(args) => use_target::run(host, &args),
        Command::Hook(args) => hook::run(&args),
        Command::Endpoint(args) => endpoint::run(host, &args),
        Command::Agent(args) => agent::run(host, &args),
        Command::Vault(args) => vault::run(host, args),
        Command::Init(args) => init::run(host, &args),
        Command::Doctor(args) => doctor::run(host, &args),
        Command::Demo => demo::run(host),
    }
}

/// The provider of a target, with a word about every cap that shortens what was asked for.
fn provider(host: &Host, target: TargetArgs, delivery: Delivery) -> Result<Provider, Error> {
    provider_in(host, target, delivery, &Arc::default())
}

/// The same, with its sessions in a cache that others share.
fn provider_in(
    host: &Host,
    target: TargetArgs,
    delivery: Delivery,
    cache: &Arc<SessionCache>,
) -> Result<Provider, Error> {
    let request = target.request(host)?;
    let provider = Provider::builder(host.clone())
        .cache(cache)
        .request(request)
        .agent(shared::agent(host, delivery)?)
        .audit(Log::of(host), delivery)
        .build()?;
    diagnosis::watch(&provider, delivery);
    for role in &provider.chain().roles {
        if let Some(reason) = role.duration_capped_by {
            tracing::warn!(
                "{}: the session is asked for one hour instead of what was configured: {reason}. It is renewed silently for as \
                 long as its source lasts; for a longer one assume it straight from a user's own access key \
                 (--source-profile), with one more MFA code where the role demands MFA.",
                role.arn
            );
        }
    }
    Ok(provider)
}

/// Runs what needs the network, on one thread. Commands that need none build no runtime.
fn block_on<T>(future: impl Future<Output = Result<T, CommandError>>) -> Result<T, CommandError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Error::new(ErrorKind::Internal, format!("cannot start the runtime: {error}")))?;
    let outcome = runtime.block_on(future);
    // A question that nobody has answered yet holds nobody up: the command it was for has ended.
    runtime.shutdown_background();
    outcome
}

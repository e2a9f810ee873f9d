//! `rolecall env`: a session as shell code.

use rolecall::audit::Delivery;
use rolecall::export::shell::{self, Shell};
use rolecall::{Host, Session};
use zeroize::Zeroizing;

use crate::cli::EnvArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: EnvArgs) -> Result<Ended, CommandError> {
    output::refuse_terminal(
        args.show,
        "Let your shell read it: eval \"$(rolecall env TARGET)\".",
    )?;
    let provider = super::provider(host, args.target, Delivery::Env)?;
    let session = super::block_on(async { Ok(provider.session().await?) })?;
    let region = provider.chain().region.as_ref().map(|region| &region.value);
    let text = match args.format {
        Some(format) => shell::export(format, &session),
        None => shell::render(args.shell.unwrap_or_else(|| users_shell(host)), &session, region),
    };
    if host.env("GITHUB_ACTIONS") == Some("true") {
        mask(&session, args.show)?;
    }
    output::print(&text)?;
    provider.served(&session);
    Ok(Ended::WELL)
}

/// Tells the workflow what to mask in its log, before anything could show it there. What is to be shown follows on the same
/// stream; a shell would take these lines for commands, so where it reads stdout they go to stderr, which the workflow reads
/// as well. It takes them out of its log, so that they are in none.
fn mask(session: &Session, is_shown: bool) -> Result<(), CommandError> {
    let credentials = session.credentials();
    for secret in [Some(credentials.secret_access_key()), credentials.session_token()]
        .into_iter()
        .flatten()
    {
        // As the runner reads it: a percent sign begins an escape, and nothing else of AWS's alphabet does.
        let line = Zeroizing::new(format!("::add-mask::{}\n", secret.replace('%', "%25")));
        if is_shown {
            output::print(&line)?;
        } else {
            output::tell(&line);
        }
    }
    Ok(())
}

/// The shell that `SHELL` names; bash where it names none we know.
fn users_shell(host: &Host) -> Shell {
    let shell = host.env("SHELL").unwrap_or_default();
    shell
        .rsplit('/')
        .next()
        .and_then(|name| name.parse().ok())
        .unwrap_or(Shell::Bash)
}

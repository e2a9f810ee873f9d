//! `rolecall env`: a session as shell code.

use rolecall::Host;
use rolecall::export::shell::{self, Shell};

use crate::cli::EnvArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: EnvArgs) -> Result<Ended, CommandError> {
    output::refuse_terminal(
        args.show,
        "Let your shell read it: eval \"$(rolecall env TARGET)\".",
    )?;
    let provider = super::provider(host, args.target, "env")?;
    let session = super::block_on(async { Ok(provider.session().await?) })?;
    let region = provider.chain().region.as_ref().map(|region| &region.value);
    let text = match args.format {
        Some(format) => shell::export(format, &session),
        None => shell::render(args.shell.unwrap_or_else(|| users_shell(host)), &session, region),
    };
    output::print(&text)?;
    provider.served(&session);
    Ok(Ended::WELL)
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

//! `rolecall env`: a session as shell code.

use rolecall::Host;
use rolecall::export::shell::{self, Form};

use crate::cli::EnvArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: EnvArgs) -> Result<Ended, CommandError> {
    output::refuse_terminal(
        args.show,
        "Let your shell read it: eval \"$(rolecall env TARGET)\".",
    )?;
    let form = args.shell.or(args.format).unwrap_or_else(|| users_shell(host));
    let provider = super::provider(host, args.target)?;
    let session = super::block_on(async { Ok(provider.session().await?) })?;
    let region = provider.chain().region.as_ref().map(|region| &region.value);
    let mut text = shell::render(form, &session, region);
    if form == Form::Process {
        text.push('\n');
    }
    output::print(&text)?;
    Ok(Ended::WELL)
}

/// The form of the shell that `SHELL` names; bash's where it names none we know.
fn users_shell(host: &Host) -> Form {
    let shell = host.env("SHELL").unwrap_or_default();
    match shell.rsplit('/').next().unwrap_or_default() {
        name @ ("zsh" | "fish" | "pwsh") => name.parse().unwrap_or(Form::Bash),
        _ => Form::Bash,
    }
}

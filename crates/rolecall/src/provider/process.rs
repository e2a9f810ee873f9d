//! Placeholder.

use super::source::Fetched;
use crate::chain::Source;
use crate::command_line::CommandLine;
use crate::error::Error;
use crate::host::Host;

pub(super) async fn fetch(_host: &Host, source: &Source, command: &CommandLine) -> Result<Fetched, Error> {
    Err(Error::config(format!("not built yet: {source} {command:?}")).with_hint("Wait."))
}

pub(super) async fn run(_host: &Host, command: &CommandLine) -> Result<crate::secret::Secret, Error> {
    let output = tokio::process::Command::new(command.program())
        .args(command.arguments())
        .stdin(std::process::Stdio::null())
        .stderr(std::process::Stdio::inherit())
        .output()
        .await
        .map_err(|error| Error::config(format!("`{command}` cannot be run: {error}")))?;
    Ok(crate::secret::Secret::new(
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

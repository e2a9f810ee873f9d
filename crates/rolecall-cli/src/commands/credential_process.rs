//! `rolecall credential-process`: AWS's JSON on stdout, and nothing else there ever.

use std::path::Path;
use std::time::Duration;

use rolecall::{Error, ErrorKind, Host, ProfileSet, export};

use crate::cli::CredentialProcessArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::person::Asker;

/// An SDK that started us waits for about 20 seconds; an answer after that is read by nobody.
const DEADLINE: Duration = Duration::from_secs(18);

/// When even what cannot be interrupted is ended.
const AT_LAST: Duration = Duration::from_secs(19);

/// A question ends a little before: so its own sentence is what is read, and not that there was no session.
const QUESTION: Duration = Duration::from_millis(17_500);

pub(crate) fn run(host: &Host, person: &Asker, args: CredentialProcessArgs) -> Result<Ended, CommandError> {
    output::refuse_terminal(
        args.show,
        "SDKs run this themselves: write `credential_process = rolecall credential-process TARGET` into a profile.",
    )?;
    person.answer_within(QUESTION);
    // Everything later is given up at the deadline; this is read before there is anything that could.
    if ProfileSet::paths(host)
        .iter()
        .any(|(_, path)| may_never_end(path))
    {
        end_at_last(args.target.json);
    }
    let provider = super::provider(host, args.target)?;
    let session = super::block_on(async {
        match tokio::time::timeout(DEADLINE, provider.session()).await {
            Ok(session) => Ok(session?),
            Err(_) => Err(too_late().into()),
        }
    })?;
    let mut json = export::credential_process(&session);
    json.push('\n');
    output::print(&json)?;
    Ok(Ended::WELL)
}

fn too_late() -> Error {
    Error::new(ErrorKind::Unavailable, "there was no session within 18 seconds").with_hint(
        "Look for what holds it up with -v: a slow network, a command that waits, or a file that never ends.",
    )
}

/// A pipe that was put in place of a file, as `<(…)` does.
fn may_never_end(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|meta| !meta.is_file() && !meta.is_dir())
}

/// Ends even what no deadline reaches, because the operating system does not come back. Whoever started us has given up
/// by then.
#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the thread that would go back to `main` is the one that hangs"
)]
fn end_at_last(json: bool) {
    std::thread::spawn(move || {
        std::thread::sleep(AT_LAST);
        let _ = CommandError::from(too_late()).report(json);
        std::process::exit(1);
    });
}

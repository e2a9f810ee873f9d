//! `rolecall credential-process`: AWS's JSON on stdout, and nothing else there ever.

use std::path::Path;
use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::host::Nobody;
use rolecall::{Error, ErrorKind, Host, ProfileSet, Session, export};

use crate::cli::{CredentialProcessArgs, TargetArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::person::Asker;
use crate::shared;

/// An SDK that started us waits for about 20 seconds; an answer after that is read by nobody.
const DEADLINE: Duration = Duration::from_secs(18);

/// When even what cannot be interrupted is ended.
const AT_LAST: Duration = Duration::from_secs(19);

/// A question ends a little before: so its own sentence is what is read, and not that there was no session.
const QUESTION: Duration = Duration::from_millis(17_500);

pub(crate) fn run(host: &Host, person: &Asker, args: CredentialProcessArgs) -> Result<Ended, CommandError> {
    output::refuse_terminal(
        args.show || args.renew,
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
    if args.renew {
        return renew(host, args.target);
    }
    let provider = super::provider(host, args.target, Delivery::CredentialProcess)?;
    if let Some(peeked) = provider.peek() {
        print(&peeked.session)?;
        provider.served(&peeked.session);
        if peeked.is_yours_to_renew {
            shared::renew_behind();
        }
        return Ok(Ended::WELL);
    }
    let session = super::block_on(async {
        match tokio::time::timeout(DEADLINE, provider.session()).await {
            Ok(session) => Ok(session?),
            Err(_) => Err(too_late(provider.waits_for()).into()),
        }
    })?;
    print(&session)?;
    provider.served(&session);
    Ok(Ended::WELL)
}

fn print(session: &Session) -> Result<(), CommandError> {
    let mut json = export::credential_process(session);
    json.push('\n');
    output::print(&json)
}

/// `--renew`: what a quick answer leaves behind, so that the next one is quick too. It is nobody's to wait for, and asks
/// nobody: while the session is valid there is time for a person to be asked where one is.
fn renew(host: &Host, target: TargetArgs) -> Result<Ended, CommandError> {
    shared::detach();
    let provider = super::provider(&host.with_person(Nobody), target, Delivery::Renewal)?;
    if provider
        .glance()
        .is_some_and(|session| session.is_fresh(host.now()))
    {
        return Ok(Ended::WELL);
    }
    super::block_on(async {
        provider.refresh().await?;
        Ok(Ended::WELL)
    })
}

fn too_late(waits_for: Option<String>) -> Error {
    let error = Error::new(ErrorKind::Unavailable, "there was no session within 18 seconds");
    match waits_for {
        Some(whom) => error.with_hint(format!(
            "It is {whom} that gets this session, and has not got it yet: answer what it asks, or end it."
        )),
        None => error.with_hint(
            "Look for what holds it up with -v: a slow network, a command that waits, or a file that never ends.",
        ),
    }
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
        let _ = CommandError::from(too_late(None)).report(json);
        std::process::exit(1);
    });
}

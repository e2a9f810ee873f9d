//! Why a role was refused, at the end of whichever command met it: in two lines, and how to get the rest.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::chain::Target;
use rolecall::explain::brief;
use rolecall::{Error, ErrorKind, Provider};
use tokio::time::Instant;

use crate::command_error::CommandError;

/// The most that looking may take: the command has failed already, and somebody waits for its end.
const MOST: Duration = Duration::from_secs(2);
/// When an SDK that waits for `credential-process` has had enough; an error is worth more to it than its reason.
const CREDENTIAL_PROCESS: Duration = Duration::from_secs(16);

/// What a command was about: the last provider that it made, and until when there is time to look.
pub(super) struct Watched {
    provider: Provider,
    until: Option<Instant>,
}

/// A refusal goes up through whatever a command consists of; what it was about is kept here meanwhile.
static WATCHED: Mutex<Option<Watched>> = Mutex::new(None);

/// Remembers what a command is about.
pub(super) fn watch(provider: &Provider, delivery: Delivery) {
    let until = (delivery == Delivery::CredentialProcess).then(|| Instant::now() + CREDENTIAL_PROCESS);
    let watched = Watched {
        provider: provider.clone(),
        until,
    };
    *WATCHED.lock().unwrap_or_else(PoisonError::into_inner) = Some(watched);
}

/// What the command was about, which is then forgotten.
pub(super) fn taken() -> Option<Watched> {
    WATCHED.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// The same error; where a role was refused, with what can be said of it.
pub(super) fn added(error: CommandError, watched: &Watched) -> CommandError {
    match error {
        CommandError::Failed { error, code } if is_refusal_of(&error, &watched.provider) => {
            CommandError::Failed {
                error: diagnosed(error, watched),
                code,
            }
        }
        error => error,
    }
}

fn is_refusal_of(error: &Error, provider: &Provider) -> bool {
    let is_denied = error.kind() == ErrorKind::Denied && error.aws_code() == Some("AccessDenied");
    let roles = &provider.chain().roles;
    is_denied
        && error
            .hop()
            .is_some_and(|hop| roles.iter().any(|role| role.arn.to_string() == hop))
}

fn diagnosed(error: Error, watched: &Watched) -> Error {
    let left = watched.until.map_or(MOST, |until| {
        until.saturating_duration_since(Instant::now()).min(MOST)
    });
    let found = super::block_on(async {
        let looking = brief(&watched.provider, &error);
        Ok(tokio::time::timeout(left, looking).await.ok().flatten())
    });
    let found = found.ok().flatten();
    let target = match &watched.provider.chain().target {
        Target::Profile(name) => quoted(name),
        Target::Role(arn) => arn.to_string(),
    };
    let request = error
        .request_id()
        .map(|id| format!(" CloudTrail and AWS's support know the request as {id}."))
        .unwrap_or_default();
    let rest = format!(
        "`rolecall explain {target}`, with the same flags, says the rest and what to change.{request}"
    );
    let hints = match found {
        Some(found) if found.is_decided => vec![found.sentence, rest],
        found => {
            // What may be the reason stays; that both sides have to allow it, and the request, are said better below.
            let may_be = error.hints().iter().filter(|hint| {
                !hint.starts_with("Both sides must allow it") && !hint.starts_with("CloudTrail")
            });
            let may_be = may_be.take(2).cloned();
            may_be
                .chain(found.map(|found| found.sentence))
                .chain([rest])
                .collect()
        }
    };
    error.with_hints(hints)
}

/// A profile's name as a shell takes it.
fn quoted(name: &str) -> String {
    let is_plain = name
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.@/:+".contains(c));
    if is_plain {
        name.to_owned()
    } else {
        format!("'{}'", name.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_s_name_is_quoted_where_a_shell_would_take_it_apart() {
        assert_eq!(quoted("prod-1.eu"), "prod-1.eu");
        assert_eq!(quoted("my prod"), "'my prod'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }
}

//! Console sign-ins of the AWS CLI (`aws login`): its cache is read, never written, and never renewed from here.

use std::path::PathBuf;

use sha2::{Digest as _, Sha256};

use super::document::{Document, Problem, session};
use super::source::Fetched;
use crate::chain::{LoginSession, Source};
use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::Host;
use crate::session::Session;

/// The session that the AWS CLI keeps. It renews what has ended itself, with a key of its own that is bound to it; here
/// the person is told to let it.
pub(super) async fn fetch(host: &Host, source: &Source, login: &LoginSession) -> Result<Fetched, Error> {
    let place = format!("{} ({})", login.session, source.origin);
    let again = match source.profile.as_deref() {
        Some(profile) if profile != "default" => format!("Run `aws login --profile {profile}`."),
        _ => "Run `aws login`.".to_owned(),
    };
    let path = path(host, login)?;
    let Some(text) = host.read_secret(&path).await? else {
        let error = Error::new(
            ErrorKind::NeedsUser,
            format!("nobody is signed in as {place}: there is no {}", path.display()),
        );
        return Err(error.with_hint(again));
    };
    let read = Document::read(&text).and_then(|document| kept(&document, host));
    read.map(Fetched::Session).map_err(|problem| match problem {
        Problem::Ended(at) => Error::new(
            ErrorKind::NeedsUser,
            format!(
                "the console sign-in of {place} ended at {}",
                crate::time::rfc3339(at)
            ),
        )
        .with_hint(again)
        .with_hint(
            "Any command of the AWS CLI with this profile renews it as well, while the sign-in itself lasts.",
        ),
        problem => Error::config(format!("{} holds {problem}", path.display())).with_hint(again),
    })
}

fn kept(document: &Document<'_>, host: &Host) -> Result<Session, Problem> {
    let token = document.object("accessToken")?;
    let part = |key| token.text(key).map(|text| (key, text));
    session(
        [
            part("accessKeyId")?,
            part("secretAccessKey")?,
            part("sessionToken")?,
            part("expiresAt")?,
        ],
        token.text("accountId")?,
        host.now(),
    )
}

/// Named by the digest of the session's ARN, in `AWS_LOGIN_CACHE_DIRECTORY` or `~/.aws/login/cache`, as botocore and the
/// SDK for Rust have it.
fn path(host: &Host, login: &LoginSession) -> Result<PathBuf, Error> {
    let folder = match (host.env("AWS_LOGIN_CACHE_DIRECTORY"), host.home()) {
        (Some(folder), _) => host.expand_home(folder),
        (None, Some(home)) => home.join(".aws/login/cache"),
        (None, None) => {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                "the AWS CLI keeps its sign-ins in the home directory, and there is none",
            )
            .with_hint("Set HOME, or AWS_LOGIN_CACHE_DIRECTORY."));
        }
    };
    let name = hex(&Sha256::digest(login.session.trim()));
    Ok(folder.join(format!("{name}.json")))
}

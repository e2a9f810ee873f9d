//! Single requests to what hands out credentials on this machine or near it: no proxy, no redirect, bounded.

use std::time::Duration;

use http::Method;
use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind};
use crate::host::{Fetch, FetchErrorKind, Host, Transport};

/// One request. Its headers may be secrets: it is shown nowhere.
pub(super) struct Ask<'a> {
    pub(super) method: Method,
    pub(super) url: &'a str,
    pub(super) headers: &'a [(&'static str, &'a str)],
    pub(super) connect: Duration,
    /// For the answer, and then again for its end.
    pub(super) read: Duration,
    /// Never through a proxy.
    pub(super) direct: bool,
}

/// An answer, whatever its status. Its body may be a secret.
pub(super) struct Told {
    pub(super) status: u16,
    pub(super) body: Zeroizing<String>,
}

/// Why there was no answer, and what to do next.
pub(super) struct Silence {
    pub(super) error: Error,
    pub(super) next: Next,
}

/// What to do about a silence.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum Next {
    /// Somebody is there: trying again may help.
    Again,
    /// Nobody is.
    Nobody,
    /// It stays as it is.
    GiveUp,
}

/// Sends it and reads the whole answer.
pub(super) async fn ask(host: &Host, ask: Ask<'_>) -> Result<Told, Silence> {
    let transport = Transport {
        direct: ask.direct,
        ..Transport::to(ask.url)
    };
    let mut fetch = Fetch::new(ask.method, transport).timeouts(ask.connect, ask.read);
    for (name, value) in ask.headers {
        fetch = fetch.header(name, value).map_err(|error| Silence {
            error,
            next: Next::GiveUp,
        })?;
    }
    let answer = host.fetch(fetch).await.map_err(|error| {
        let next = match error.kind() {
            FetchErrorKind::Broken | FetchErrorKind::Slow => Next::Again,
            FetchErrorKind::Unreachable => Next::Nobody,
            _ => Next::GiveUp,
        };
        let error = match error.kind() {
            FetchErrorKind::TooLarge => changed(&error.into(), ErrorKind::Untrusted),
            _ => error.into(),
        };
        Silence { error, next }
    })?;
    Ok(Told {
        status: answer.status(),
        // What is no text is no answer of these services: it is read as an empty one.
        body: Zeroizing::new(answer.text().unwrap_or_default().to_owned()),
    })
}

fn changed(error: &Error, kind: ErrorKind) -> Error {
    let hints = error.hints().iter();
    hints.fold(Error::new(kind, error.to_string()), |error, hint| {
        error.with_hint(hint)
    })
}

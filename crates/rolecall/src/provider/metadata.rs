//! The instance metadata service of EC2, version 2 only: version 1 answers whoever can make this machine send a request.

use std::time::Duration;

use http::Method;

use super::container::{handed_out, words};
use super::document::{Document, Problem};
use super::plain::{Ask, Next, Told, ask};
use super::source::Fetched;
use crate::chain::Metadata;
use crate::error::{Error, ErrorKind};
use crate::host::Host;

/// The service is next door: it answers at once or not at all.
const PATIENCE: Duration = Duration::from_secs(1);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(100);
/// Everything together.
const TOTAL: Duration = Duration::from_secs(10);

const TOKEN: &str = "/latest/api/token";
/// The new place, whose answers name the account, then the old one.
const ROLES: [&str; 2] = [
    "/latest/meta-data/iam/security-credentials-extended",
    "/latest/meta-data/iam/security-credentials",
];

/// The credentials of the instance's role. A token is asked for with each fetch, as botocore does: there is one fetch
/// every few hours.
pub(super) async fn fetch(host: &Host, metadata: &Metadata) -> Result<Fetched, Error> {
    let service = Service { host, metadata };
    match tokio::time::timeout(TOTAL, service.credentials()).await {
        Ok(outcome) => outcome,
        Err(_) => Err(service.error(
            ErrorKind::Unavailable,
            &format!("there was no answer within {} s", TOTAL.as_secs()),
            "Try again; check what answers there.",
        )),
    }
}

struct Service<'a> {
    host: &'a Host,
    metadata: &'a Metadata,
}

impl Service<'_> {
    fn error(&self, kind: ErrorKind, what: &str, hint: &str) -> Error {
        Error::new(
            kind,
            format!("the instance metadata at {}: {what}", self.metadata.endpoint),
        )
        .with_hint(hint)
    }

    async fn credentials(&self) -> Result<Fetched, Error> {
        let mut token = self.token().await?;
        let mut is_renewed = false;
        let mut at = 0;
        loop {
            match self.from(ROLES[at], token.trim()).await? {
                Found::Session(fetched) => return Ok(fetched),
                // Not a service that knows the new place.
                Found::Missing if at + 1 < ROLES.len() => at += 1,
                Found::Missing => {
                    return Err(self.error(
                        ErrorKind::NotConfigured,
                        &match &self.metadata.role {
                            Some(role) => format!("it knows no role `{role}`"),
                            None => "the instance has no role".to_owned(),
                        },
                        "Attach an instance profile to the instance, or name another source.",
                    ));
                }
                Found::TokenRefused if !is_renewed => {
                    token = self.token().await?;
                    is_renewed = true;
                }
                Found::TokenRefused => {
                    return Err(self.error(
                        ErrorKind::Denied,
                        "it refuses the token it has just given (HTTP 401)",
                        "Check what answers there.",
                    ));
                }
            }
        }
    }

    async fn token(&self) -> Result<zeroize::Zeroizing<String>, Error> {
        let told = self
            .asked(
                Method::PUT,
                TOKEN,
                ("x-aws-ec2-metadata-token-ttl-seconds", "21600"),
            )
            .await?;
        match told.status {
            200 if is_word(told.body.trim()) => Ok(told.body),
            200 => Err(self.error(
                ErrorKind::Untrusted,
                "it answered with something else than a token",
                "Check what answers there.",
            )),
            403 => Err(self.error(
                ErrorKind::NotConfigured,
                "it is switched off for this instance (HTTP 403)",
                "Switch it on (`aws ec2 modify-instance-metadata-options`), or name another source.",
            )),
            404 | 405 => Err(self.error(
                ErrorKind::Unavailable,
                "it gives no tokens: it knows version 1 only, which rolecall does not use",
                "Have it offer version 2.",
            )),
            status => Err(self.unexpected(status, &told)),
        }
    }

    async fn from(&self, roles: &str, token: &str) -> Result<Found, Error> {
        let header = ("x-aws-ec2-metadata-token", token);
        let role = match &self.metadata.role {
            Some(role) => role.clone(),
            None => {
                let told = self.asked(Method::GET, roles, header).await?;
                match told.status {
                    200 => told.body.trim().to_owned(),
                    401 => return Ok(Found::TokenRefused),
                    404 => return Ok(Found::Missing),
                    status => return Err(self.unexpected(status, &told)),
                }
            }
        };
        // It becomes a part of a path.
        let is_role = (1..=64).contains(&role.len())
            && role
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c));
        if !is_role {
            return Err(self.error(
                ErrorKind::Untrusted,
                "it answered with something else than the name of a role",
                "Check what answers there.",
            ));
        }
        let told = self
            .asked(Method::GET, &format!("{roles}/{role}"), header)
            .await?;
        match told.status {
            200 => {}
            401 => return Ok(Found::TokenRefused),
            404 => return Ok(Found::Missing),
            status => return Err(self.unexpected(status, &told)),
        }
        let read = Document::read(&told.body).and_then(|document| handed_out(&document, self.host));
        match read {
            Ok(session) => Ok(Found::Session(Fetched::Session(session))),
            // In an outage it goes on with old ones; what has ended is not handed on.
            Err(problem @ Problem::Ended(_)) => Err(self.error(
                ErrorKind::Unavailable,
                &format!("it answered with {problem}"),
                "It cannot renew them at present: try again later.",
            )),
            Err(problem @ Problem::NoSuccess(_)) => Err(self.error(
                ErrorKind::Denied,
                &format!("it answered with {problem}{}", words(&told)),
                "Check that the trust policy of the instance's role names ec2.amazonaws.com.",
            )),
            Err(problem) => Err(self.error(
                ErrorKind::Unavailable,
                &format!("it answered with {problem}"),
                "Check what answers there.",
            )),
        }
    }

    fn unexpected(&self, status: u16, told: &Told) -> Error {
        let kind = match status {
            300..=399 => ErrorKind::Untrusted,
            401 | 403 => ErrorKind::Denied,
            _ => ErrorKind::Unavailable,
        };
        self.error(
            kind,
            &format!("HTTP {status}{}", words(told)),
            "Check what answers there.",
        )
    }

    /// One request, tried again where the service fails; not where there is none, for that is how one learns that this
    /// is no instance.
    async fn asked(&self, method: Method, path: &str, header: (&'static str, &str)) -> Result<Told, Error> {
        let url = format!("{}{path}", self.metadata.endpoint);
        let mut tries = 1;
        loop {
            let asked = Ask {
                method: method.clone(),
                url: &url,
                headers: &[header],
                connect: PATIENCE,
                read: PATIENCE,
                direct: true,
            };
            let outcome = ask(self.host, asked).await;
            match outcome {
                Ok(told) if told.status < 500 => return Ok(told),
                Ok(told) if tries >= TRIES => return Err(self.unexpected(told.status, &told)),
                Err(silence) if tries >= TRIES || silence.next != Next::Again => {
                    return Err(silence.error.with_hint(
                        "Outside of EC2 there is no instance metadata: name another source. In a container its hop limit has to be 2.",
                    ));
                }
                Ok(_) | Err(_) => tokio::time::sleep(PAUSE * tries).await,
            }
            tries += 1;
        }
    }
}

enum Found {
    Session(Fetched),
    Missing,
    TokenRefused,
}

/// Fit for a header.
fn is_word(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic())
}

//! Console links: a session becomes a sign-in token, and the token a link that signs a browser in to the AWS console.
//!
//! The rules are those of "Enabling custom identity broker access to the AWS console". The session goes to the sign-in
//! service in the body of a POST, and the console session then lasts as long as the credentials. `SessionDuration`, which
//! makes it last longer, is taken in the query of a GET only: it is used where it is asked for, and nowhere else, because
//! it puts the secret into a URL.

mod destination;
mod resources;
mod services;

use std::fmt;
use std::time::Duration;

use aws_credential_types::Credentials;
use http::Method;
use percent_encoding::utf8_percent_encode;
use serde::Deserialize;
use zeroize::Zeroizing;

use crate::chain::StsEndpoint;
use crate::error::{Error, ErrorKind};
use crate::host::{Answer, Fetch, FetchError, FetchErrorKind, Host, Transport};
use crate::parameters::SessionDuration;
use crate::secret::Secret;

pub use destination::{Destination, Place};
pub use services::{SERVICES, Service};

use destination::WHOLE;

/// "The URL is valid for 15 minutes after it is created."
pub const LINK_LIFETIME: Duration = Duration::from_secs(900);

/// An answer of the sign-in service is one short JSON object.
const LARGEST_ANSWER: usize = 16 * 1024;
/// A token is about a kilobyte.
const LONGEST_TOKEN: usize = 8 * 1024;

/// How long a console session is to last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Length {
    /// As long as the credentials. No secret is in any URL.
    OfCredentials,
    /// So long, whatever the credentials last (`SessionDuration`). AWS takes it in the query of a GET only, with the secret
    /// beside it; and only for a role's session that was not got with temporary credentials.
    Of(SessionDuration),
}

/// What the sign-in service gave for a session: whoever has it makes links, for 15 minutes.
pub struct Ticket {
    token: Secret,
    /// The service's URL, without a `/` at its end: the link is for the same service that gave the token.
    service: String,
    length: Length,
    was_refused: bool,
}

/// A link that signs in whoever opens it, as often as it is opened within 15 minutes. It is wiped on drop, and shown by
/// nothing but [`Link::expose`].
pub struct Link(Secret);

/// Asks the sign-in service for a ticket with these credentials, which are temporary ones. Where it refuses
/// `SessionDuration` it is asked once more without.
///
/// `service` is where the sign-in service is called ([`crate::chain::Service::Signin`]).
///
/// # Errors
/// [`ErrorKind::Denied`] for credentials that it does not take, [`ErrorKind::Unavailable`] where it cannot be reached or
/// does not speak as AWS's does, [`ErrorKind::Untrusted`] for an answer without a token in it.
pub async fn sign_in(
    host: &Host,
    service: &StsEndpoint,
    credentials: &Credentials,
    length: Length,
) -> Result<Ticket, Error> {
    let mut length = length;
    let mut was_refused = false;
    loop {
        let answer = ask(host, service, credentials, length).await?;
        match answer.status() {
            200 => {
                return Ok(Ticket {
                    token: token(service, &answer)?,
                    service: service.url.clone(),
                    length,
                    was_refused,
                });
            }
            400 if length != Length::OfCredentials => {
                tracing::debug!("the sign-in service does not take SessionDuration for these credentials");
                (length, was_refused) = (Length::OfCredentials, true);
            }
            status => return Err(refused(service, status)),
        }
    }
}

async fn ask(
    host: &Host,
    service: &StsEndpoint,
    credentials: &Credentials,
    length: Length,
) -> Result<Answer, Error> {
    let form = form(credentials, length);
    // The fields are in a URL where AWS takes them nowhere else.
    let (method, url) = match length {
        Length::OfCredentials => (
            Method::POST,
            Zeroizing::new(format!("{}/federation", service.url)),
        ),
        Length::Of(_) => {
            let url = format!("{}/federation?{}", service.url, form.as_str());
            (Method::GET, Zeroizing::new(url))
        }
    };
    tracing::debug!(%method, service = %service.url, "getSigninToken");
    let request = || -> Result<Fetch<'_>, Error> {
        let transport = Transport {
            url: &url,
            ..service.transport()
        };
        let request = Fetch::new(method.clone(), transport)
            .timeouts(Duration::from_secs(3), Duration::from_secs(10))
            .limit(LARGEST_ANSWER)
            .header("accept", "application/json")?;
        match length {
            Length::Of(_) => Ok(request),
            Length::OfCredentials => Ok(request
                .header("content-type", "application/x-www-form-urlencoded")?
                .body(Zeroizing::new(form.as_bytes().to_vec()))),
        }
    };
    // A token more does no harm, so what broke on the way is tried once more.
    match host.fetch(request()?).await {
        Ok(answer) if answer.status() >= 500 => {}
        Err(error) if matches!(error.kind(), FetchErrorKind::Broken | FetchErrorKind::Slow) => {}
        Ok(answer) => return Ok(answer),
        Err(error) => return Err(unreachable(service, error)),
    }
    host.fetch(request()?)
        .await
        .map_err(|error| unreachable(service, error))
}

/// `Action=getSigninToken&…`, grown once: a buffer that moves leaves copies behind it.
fn form(credentials: &Credentials, length: Length) -> Zeroizing<String> {
    let parts = [
        ("sessionId", credentials.access_key_id()),
        ("sessionKey", credentials.secret_access_key()),
        ("sessionToken", credentials.session_token().unwrap_or_default()),
    ];
    let room: usize = parts
        .iter()
        .map(|(name, value)| name.len() + 6 * value.len() + 8)
        .sum();
    let mut json = Zeroizing::new(String::with_capacity(room));
    for (at, (name, value)) in parts.iter().enumerate() {
        json.push_str(if at == 0 { "{\"" } else { ",\"" });
        json.push_str(name);
        json.push_str("\":\"");
        for c in value.chars() {
            match c {
                '"' | '\\' => json.extend(['\\', c]),
                c if c.is_control() => json.push_str(&format!("\\u{:04x}", u32::from(c))),
                c => json.push(c),
            }
        }
        json.push('"');
    }
    json.push('}');
    let mut form = Zeroizing::new(String::with_capacity(3 * json.len() + 96));
    form.push_str("Action=getSigninToken");
    if let Length::Of(duration) = length {
        form.push_str(&format!("&SessionDuration={}", duration.seconds()));
    }
    form.push_str("&Session=");
    form.extend(utf8_percent_encode(&json, WHOLE));
    form
}

fn token(service: &StsEndpoint, answer: &Answer) -> Result<Secret, Error> {
    #[derive(Deserialize)]
    struct Reply {
        #[serde(rename = "SigninToken")]
        token: String,
    }
    let reply: Option<Reply> = serde_json::from_slice(answer.body()).ok();
    let token = reply.map(|reply| Secret::new(reply.token));
    let is_sane = |token: &str| {
        (1..=LONGEST_TOKEN).contains(&token.len())
            && token
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.~+/=".contains(&byte))
    };
    token.filter(|token| is_sane(token.expose())).ok_or_else(|| {
        Error::new(
            ErrorKind::Untrusted,
            format!("what answers at {} gave no sign-in token", service.url),
        )
        .with_hint(format!(
            "Check the endpoint ({}) and the proxies on the way; a login page of a network answers like this.",
            service.origin
        ))
    })
}

fn refused(service: &StsEndpoint, status: u16) -> Error {
    let url = &service.url;
    match status {
        400 | 401 | 403 => Error::new(
            ErrorKind::Denied,
            format!("the sign-in service takes no console session from these credentials (HTTP {status})"),
        )
        .with_hint("They have ended or been revoked, or are of a kind that the console does not take: it takes sessions of roles and of GetFederationToken, and none of GetSessionToken (an MFA session, `aws sts get-session-token`).")
        .with_hint("Name a role, or a profile with a user's own access key; `rolecall whoami` shows who the target is and until when."),
        404 => Error::new(
            ErrorKind::Unavailable,
            format!("the sign-in service at {url} offers no sign-in with credentials (HTTP 404)"),
        )
        .with_hint(format!("Check the region and the endpoint ({}): a young partition may not have it yet.", service.origin)),
        429 | 500.. => Error::new(
            ErrorKind::Unavailable,
            format!("the sign-in service at {url} failed (HTTP {status})"),
        )
        .with_hint("Try again; if it stays so, look at AWS's health page for the region, and at the proxies on the way."),
        _ => Error::new(
            ErrorKind::Unavailable,
            format!("what answers at {url} (HTTP {status}) does not speak as the sign-in service does"),
        )
        .with_hint(format!(
            "Check the endpoint ({}) and the proxies on the way; a login page of a network answers like this.",
            service.origin
        )),
    }
}

fn unreachable(service: &StsEndpoint, error: FetchError) -> Error {
    Error::from(error).with_hint(format!(
        "The sign-in service is called there for the console link; the endpoint comes from {}.",
        service.origin
    ))
}

impl Ticket {
    /// How long the console session lasts: what was asked for, or as long as the credentials where that was refused.
    pub fn length(&self) -> Length {
        self.length
    }

    /// Whether the service refused the length that was asked for.
    pub fn length_was_refused(&self) -> bool {
        self.was_refused
    }

    /// The link that signs in and leads to `destination`. It ends no session that the browser has already.
    pub fn link(&self, destination: &Destination) -> Link {
        let mut url = String::with_capacity(
            self.service.len() + 3 * (destination.url().len() + self.token.expose().len()) + 96,
        );
        url.push_str(&self.service);
        url.push_str("/federation?Action=login&Issuer=rolecall&Destination=");
        url.extend(utf8_percent_encode(destination.url(), WHOLE));
        url.push_str("&SigninToken=");
        url.extend(utf8_percent_encode(self.token.expose(), WHOLE));
        Link(Secret::new(url))
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("service", &self.service)
            .field("length", &self.length)
            .finish_non_exhaustive()
    }
}

impl Link {
    /// The one exit. Whoever calls this is where the link goes next.
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_aws_json_with_nothing_left_bare() {
        let credentials = Credentials::new("ASIA", "a/b+\"\\", Some("t=\u{1}&".to_owned()), None, "test");
        let form = form(&credentials, Length::OfCredentials);
        let (head, session) = form.split_once("&Session=").unwrap();
        assert_eq!(head, "Action=getSigninToken");
        assert!(
            session
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"%-_.~".contains(&b)),
            "{session}"
        );
        let json = percent_encoding::percent_decode_str(session)
            .decode_utf8()
            .unwrap();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"sessionId": "ASIA", "sessionKey": "a/b+\"\\", "sessionToken": "t=\u{1}&"})
        );
        let long = super::form(&credentials, Length::Of(SessionDuration::TWELVE_HOURS));
        assert!(long.starts_with("Action=getSigninToken&SessionDuration=43200&Session="));
    }

    #[test]
    fn a_ticket_and_a_link_show_nothing() {
        let ticket = Ticket {
            token: Secret::new("CANARY+TOKEN".to_owned()),
            service: "https://eu-west-1.signin.aws.amazon.com".to_owned(),
            length: Length::OfCredentials,
            was_refused: false,
        };
        let region = "eu-west-1".parse().unwrap();
        let home = Destination::read(None, &Place::new(&region)).unwrap();
        let link = ticket.link(&home);
        assert!(!format!("{ticket:?}{link:?}").contains("CANARY"));
        assert_eq!(
            link.expose(),
            "https://eu-west-1.signin.aws.amazon.com/federation?Action=login&Issuer=rolecall&Destination=https%3A%2F%2Feu-west-1.console.aws.amazon.com%2Fconsole%2Fhome%3Fregion%3Deu-west-1&SigninToken=CANARY%2BTOKEN"
        );
    }
}

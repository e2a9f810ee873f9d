//! The container credentials endpoint of ECS, EKS Pod Identity, and `rolecall exec`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use zeroize::Zeroizing;

use super::answer;
use super::document::{Document, Problem, session};
use super::plain::{Ask, Next, Silence, Told, ask};
use super::process::masked;
use super::source::Fetched;
use crate::chain::{Container, ContainerToken};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::session::Session;

/// As the SDKs have them; together below the 18 seconds of `credential-process`.
const CONNECT: Duration = Duration::from_secs(2);
const READ: Duration = Duration::from_secs(3);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(200);

/// What one try brought.
enum Tried {
    Session(Session),
    /// Trying again may help.
    Again(Error),
    Refused(Error),
}

/// Asks the endpoint. Plain HTTP goes only to this machine and to the addresses that AWS hands out credentials at.
pub(super) async fn fetch(host: &Host, container: &Container) -> Result<Fetched, Error> {
    let place = &container.shown();
    let (url, authority) = checked(&container.uri, place).await?;
    let mut tries = 1;
    loop {
        let token = token(host, container).await?;
        let mut headers = vec![("accept", "application/json")];
        headers.extend(authority.as_deref().map(|authority| ("host", authority)));
        headers.extend(token.as_ref().map(|token| ("authorization", token.as_str())));
        let asked = Ask {
            method: http::Method::GET,
            url: &url,
            headers: &headers,
            connect: CONNECT,
            read: READ,
            direct: url.starts_with("http://"),
        };
        match tried(host, place, ask(host, asked).await) {
            Tried::Session(session) => return Ok(Fetched::Session(session)),
            Tried::Refused(error) => return Err(error),
            Tried::Again(error) if tries >= TRIES => return Err(error),
            Tried::Again(_) => tokio::time::sleep(PAUSE * tries).await,
        }
        tries += 1;
    }
}

fn tried(host: &Host, place: &str, outcome: Result<Told, Silence>) -> Tried {
    let said = |kind, what: String, hint: &str| {
        Error::new(kind, format!("the container credentials at {place}: {what}")).with_hint(hint)
    };
    let told = match outcome {
        Ok(told) => told,
        Err(Silence {
            error,
            next: Next::GiveUp,
        }) => return Tried::Refused(error),
        Err(Silence { error, .. }) => return Tried::Again(error),
    };
    match told.status {
        200 => match Document::read(&told.body).and_then(|document| handed_out(&document, host)) {
            Ok(session) => Tried::Session(session),
            Err(problem @ Problem::Ended(_)) => Tried::Refused(said(
                ErrorKind::Unavailable,
                format!("it answered with {problem}"),
                "It has nothing newer; try again when it can renew them.",
            )),
            Err(problem) => Tried::Again(said(
                ErrorKind::Unavailable,
                format!("it answered with {problem}"),
                "Check what answers there.",
            )),
        },
        300..=399 => Tried::Refused(said(
            ErrorKind::Untrusted,
            format!(
                "it answered with a redirect (HTTP {}), and none is followed",
                told.status
            ),
            "The URI has to name the endpoint itself: a redirect would carry the token elsewhere.",
        )),
        status @ (429 | 500..) => Tried::Again(said(
            ErrorKind::Unavailable,
            format!("HTTP {status}{}", words(&told)),
            "Try again in a moment.",
        )),
        status => Tried::Refused(said(
            ErrorKind::Denied,
            format!("HTTP {status}{}", words(&told)),
            "It refuses: check the authorization token, and do what it says.",
        )),
    }
}

/// What the server says went wrong, bounded, cleaned, and without what may be a secret.
pub(super) fn words(told: &Told) -> String {
    let Ok(document) = Document::read(&told.body) else {
        return String::new();
    };
    let parts = [&["Code"][..], &["Message"]].map(|key| document.text_of(key).map(answer::clause));
    let parts: Vec<_> = parts
        .into_iter()
        .flatten()
        .filter(|part| !part.is_empty())
        .collect();
    match parts.is_empty() {
        true => String::new(),
        false => format!(" ({})", masked(&parts.join(": "))),
    }
}

/// `Token` and `Expiration` are required: what does not end is nobody's session. The names that some servers use
/// instead are taken too, as the SDK for Rust does.
pub(super) fn handed_out(document: &Document<'_>, host: &Host) -> Result<Session, Problem> {
    if document.text_of(&["Code"]).is_some_and(|code| code != "Success") {
        return Err(Problem::NoSuccess(
            document
                .text_of(&["Code"])
                .map(answer::clause)
                .unwrap_or_default(),
        ));
    }
    session(
        [
            ("AccessKeyId", document.text_of(&["AccessKeyId"])),
            ("SecretAccessKey", document.text_of(&["SecretAccessKey"])),
            ("Token", document.text_of(&["Token", "SessionToken"])),
            ("Expiration", document.text_of(&["Expiration", "ExpiresAt"])),
        ],
        document.text_of(&["AccountId"]),
        host.now(),
    )
}

/// The token, to be sent as it is; read anew from its file each time.
async fn token(host: &Host, container: &Container) -> Result<Option<Zeroizing<String>>, Error> {
    let (token, place) = match &container.token {
        None => return Ok(None),
        Some(ContainerToken::Variable) => {
            let place = "$AWS_CONTAINER_AUTHORIZATION_TOKEN".to_owned();
            (
                host.env("AWS_CONTAINER_AUTHORIZATION_TOKEN")
                    .map(|token| Zeroizing::new(token.to_owned())),
                place,
            )
        }
        Some(ContainerToken::File(path)) => {
            let place = format!("{} ($AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE)", path.display());
            (host.read_secret(path).await?, place)
        }
    };
    let token = token.filter(|token| !token.is_empty()).ok_or_else(|| {
        Error::config(format!("the authorization token in {place} is missing or empty"))
            .with_hint("Whoever runs this container has to put the token there.")
    })?;
    if token.chars().any(char::is_control) {
        return Err(Error::config(format!(
            "the authorization token in {place} holds a line end or another control character"
        ))
        .with_hint(
            "No AWS SDK takes such a token: write the file without a line end, as with `printf %s`.",
        ));
    }
    Ok(Some(token))
}

/// The URL to call, and the authority to name where the URL's own is an address that was looked up.
async fn checked(uri: &str, place: &str) -> Result<(String, Option<String>), Error> {
    let fail = |why: &str| {
        Error::config(format!("{place} cannot be the container credentials' endpoint: {why}")).with_hint(
            "Use https, a loopback address, or one of AWS's own: 169.254.170.2, 169.254.170.23, [fd00:ec2::23].",
        )
    };
    if uri.contains('@') {
        return Err(fail("it holds a user name"));
    }
    let parsed: http::Uri = uri.parse().map_err(|_| fail("it is not a URI"))?;
    let (Some(scheme), Some(authority)) = (parsed.scheme_str(), parsed.authority()) else {
        return Err(fail("it is not a URI with a scheme and a host"));
    };
    match scheme {
        "https" => return Ok((uri.to_owned(), None)),
        "http" => {}
        _ => return Err(fail("its scheme is neither https nor http")),
    }
    let name = authority.host().trim_matches(['[', ']']);
    let outside = "over plain http it would be called outside of this machine";
    if let Ok(address) = name.parse::<IpAddr>() {
        return if allowed(address) {
            Ok((uri.to_owned(), None))
        } else {
            Err(fail(outside))
        };
    }
    let port = authority.port_u16().unwrap_or(80);
    let found = tokio::time::timeout(CONNECT, tokio::net::lookup_host((name, port))).await;
    let addresses: Vec<_> = match found {
        Ok(Ok(found)) => found.collect(),
        _ => Vec::new(),
    };
    let Some(first) = addresses.first().copied() else {
        return Err(fail("its name has no address"));
    };
    if !addresses.iter().all(|address| allowed(address.ip())) {
        return Err(fail(outside));
    }
    // The address that was looked at is the one that is called: a second look-up could find another.
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    Ok((
        format!("http://{first}{path}"),
        Some(authority.as_str().to_owned()),
    ))
}

/// Loopback, and where ECS and EKS have their agents.
fn allowed(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_loopback()
                || [Ipv4Addr::new(169, 254, 170, 2), Ipv4Addr::new(169, 254, 170, 23)].contains(&address)
        }
        IpAddr::V6(address) => {
            address.is_loopback() || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)
        }
    }
}

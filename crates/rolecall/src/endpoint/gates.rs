//! The gates a request passes, in their order. Pure: bytes in, verdict out, no socket and no clock.

use std::sync::Arc;

use tokio::time::Instant;

use super::grants::{Grants, Outlet};
use super::metadata::{Asked, Service};
use crate::error::Error;
use crate::secret::Secret;

/// The most bytes of request line and headers.
pub(super) const LARGEST_HEAD: usize = 8 * 1024;
const MOST_HEADERS: usize = 64;

/// What is known of a connection before its first byte is read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Admission {
    /// A socket of our own user.
    Own,
    /// One connection too many.
    Crowded,
    /// A socket of another user.
    Stranger,
    /// The system would not say whose socket it is: refused, as if it were another user's.
    Unproven,
}

/// Why a request gets no credentials.
#[derive(Clone, Debug)]
pub(super) enum Refusal {
    Crowded,
    Stranger,
    Unproven,
    Malformed(&'static str),
    TooLarge,
    TooSlow,
    Host,
    Browser,
    /// With the method that is answered here.
    Method(&'static str),
    Token,
    TooManyTokens,
    Unknown,
    /// No token of the instance metadata, or one that has ended.
    MetadataToken,
    /// A path that the instance metadata does not have.
    NoMetadata,
    /// The renewal takes longer than a client waits, and there is nothing to serve meanwhile.
    Renewing,
    Failed(Error),
}

/// What a request gets that has passed the gates.
pub(super) enum Wanted {
    Credentials(Arc<Outlet>),
    MetadataToken { token: Secret, seconds: u32 },
    Text(String),
    Document(serde_json::Value),
}

/// What can be asked for.
#[derive(Clone, Copy)]
pub(super) struct Routes<'a> {
    pub(super) grants: &'a Grants,
    pub(super) metadata: Option<&'a Service>,
}

/// A request that has been read to its end, and what it gets.
pub(super) struct Examined {
    /// What it opened.
    pub(super) verdict: Result<Wanted, Refusal>,
    /// How many bytes of the buffer it took.
    pub(super) length: usize,
    /// Whether the connection ends with the answer: the client asked for it, or what follows cannot be trusted.
    pub(super) close: bool,
    /// Whether the answer to it must have no body.
    pub(super) is_head: bool,
}

/// Examines the request at the start of `bytes`; `None` while its headers have not ended.
pub(super) fn examine(
    bytes: &[u8],
    admission: Admission,
    routes: Routes<'_>,
    now: Instant,
) -> Option<Examined> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let unreadable = |refusal| {
        Some(Examined {
            verdict: admitted(admission).and(Err(refusal)),
            length: bytes.len(),
            close: true,
            is_head: false,
        })
    };
    let length = match request.parse(bytes) {
        Ok(httparse::Status::Complete(length)) if length <= LARGEST_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() < LARGEST_HEAD => return None,
        Ok(_) | Err(httparse::Error::TooManyHeaders) => return unreadable(Refusal::TooLarge),
        Err(_) => return unreadable(Refusal::Malformed("this is no HTTP/1.1 request")),
    };
    let verdict = judge(&request, admission, routes, now);
    // A body is never read, so what comes after it cannot be told from it: the connection ends. A request that was
    // refused for what sent it does not get a second try on the same connection either.
    let close = has_body(&request)
        || values(&request, "connection").any(|value| value.to_ascii_lowercase().ends_with(b"close"))
        || verdict.as_ref().is_err_and(Refusal::ends_connection);
    Some(Examined {
        verdict,
        length,
        close,
        is_head: request.method == Some("HEAD"),
    })
}

/// The verdict on a request whose headers did not end in time.
pub(super) fn too_slow(admission: Admission) -> Examined {
    Examined {
        verdict: admitted(admission).and(Err(Refusal::TooSlow)),
        length: 0,
        close: true,
        is_head: false,
    }
}

/// The gates of a whole request, in the order the design has them.
fn judge(
    request: &httparse::Request<'_, '_>,
    admission: Admission,
    routes: Routes<'_>,
    now: Instant,
) -> Result<Wanted, Refusal> {
    admitted(admission)?;
    let target = addressed_to_us(request, routes.grants.authority())?;
    if request.headers.iter().any(is_a_browsers) {
        return Err(Refusal::Browser);
    }
    if let Some(service) = routes.metadata
        && let Some(path) = Service::path_of(target)
    {
        if has_body(request) {
            return Err(Refusal::Malformed("a request for metadata has no body"));
        }
        let asked = Asked {
            method: request.method.unwrap_or_default(),
            path,
            token: only(values(request, "x-aws-ec2-metadata-token")),
            lifetime: only(values(request, "x-aws-ec2-metadata-token-ttl-seconds")),
        };
        return service.judge(&asked, now);
    }
    if request.method != Some("GET") {
        return Err(Refusal::Method("GET"));
    }
    if has_body(request) {
        return Err(Refusal::Malformed("a request for credentials has no body"));
    }
    let token = only(values(request, "authorization")).ok_or(Refusal::Token)?;
    let entry = routes.grants.opened_by(token)?;
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    if !entry.is_at(path) {
        return Err(Refusal::Unknown);
    }
    Ok(Wanted::Credentials(Arc::clone(&entry.outlet)))
}

fn admitted(admission: Admission) -> Result<(), Refusal> {
    match admission {
        Admission::Own => Ok(()),
        Admission::Crowded => Err(Refusal::Crowded),
        Admission::Stranger => Err(Refusal::Stranger),
        Admission::Unproven => Err(Refusal::Unproven),
    }
}

/// A page whose name was rebound to 127.0.0.1 reaches this port, but its browser says the page's name in `Host`.
/// Returns the request's target.
fn addressed_to_us<'a>(request: &httparse::Request<'_, 'a>, authority: &str) -> Result<&'a str, Refusal> {
    if request.version != Some(1) {
        return Err(Refusal::Malformed("only HTTP/1.1 is spoken here"));
    }
    let target = request
        .path
        .filter(|target| target.starts_with('/'))
        .ok_or(Refusal::Malformed("the request target must be a path"))?;
    let host =
        only(values(request, "host")).ok_or(Refusal::Malformed("a request needs exactly one Host header"))?;
    if host != authority.as_bytes() {
        return Err(Refusal::Host);
    }
    Ok(target)
}

/// Headers that a browser or a proxy adds and no SDK sends. A page cannot take them away.
fn is_a_browsers(header: &httparse::Header<'_>) -> bool {
    const NAMES: [&str; 6] = ["origin", "referer", "cookie", "forwarded", "via", "x-real-ip"];
    const PREFIXES: [&str; 2] = ["x-forwarded-", "sec-"];
    let starts_with = |prefix: &str| {
        header
            .name
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    NAMES.iter().any(|name| header.name.eq_ignore_ascii_case(name))
        || PREFIXES.iter().any(|prefix| starts_with(prefix))
        || (header.name.eq_ignore_ascii_case("user-agent")
            && header
                .value
                .windows("mozilla".len())
                .any(|part| part.eq_ignore_ascii_case(b"mozilla")))
}

fn has_body(request: &httparse::Request<'_, '_>) -> bool {
    values(request, "transfer-encoding").next().is_some()
        || values(request, "content-length").any(|length| length != b"0")
}

fn values<'b>(request: &httparse::Request<'_, 'b>, name: &'static str) -> impl Iterator<Item = &'b [u8]> {
    request
        .headers
        .iter()
        .filter(move |header| header.name.eq_ignore_ascii_case(name))
        .map(|header| header.value)
}

/// The only value; none where there are two, for then somebody between us may have read the other one.
fn only<'a>(mut values: impl Iterator<Item = &'a [u8]>) -> Option<&'a [u8]> {
    values.next().filter(|_| values.next().is_none())
}

impl Refusal {
    fn ends_connection(&self) -> bool {
        !matches!(
            self,
            Self::Method(_)
                | Self::Token
                | Self::Unknown
                | Self::MetadataToken
                | Self::NoMetadata
                | Self::Renewing
                | Self::Failed(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where neither netlink nor `/proc` says whose a connection is, as in some sandboxes, it is nobody's.
    #[test]
    fn a_peer_that_nobody_vouches_for_gets_nothing() {
        assert!(admitted(Admission::Own).is_ok());
        for admission in [Admission::Unproven, Admission::Stranger, Admission::Crowded] {
            assert!(admitted(admission).is_err());
        }
    }
}

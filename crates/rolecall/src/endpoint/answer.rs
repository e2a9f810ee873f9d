//! The bytes of an answer. Nothing in it is the request's: what is not reflected cannot be injected.

use std::io::Write as _;

use serde::Serialize;
use zeroize::Zeroizing;

use super::gates::{Refusal, Wanted};
use crate::error::ErrorKind;
use crate::export;
use crate::session::Session;

/// Sent with every answer: not to be kept, not to be guessed at, and no leave for any page to read it.
const HEADERS: &str =
    "Content-Type: application/json\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
const TEXT_HEADERS: &str =
    "Content-Type: text/plain\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n";
/// Goes between the headers and the blank line where the connection ends.
pub(super) const CLOSE: &[u8] = b"Connection: close\r\n";

/// A 200 with one session, rendered once and wiped when the last of its readers is done.
pub(super) struct Credentials {
    bytes: Zeroizing<Vec<u8>>,
    /// Where the blank line begins.
    head: usize,
}

impl Credentials {
    pub(super) fn of(session: &Session) -> Self {
        let body = export::container(session);
        let head = format!("HTTP/1.1 200 OK\r\n{HEADERS}Content-Length: {}\r\n", body.len());
        // Grown once: a buffer that moves leaves copies behind it.
        let mut bytes = Zeroizing::new(Vec::with_capacity(head.len() + 2 + body.len()));
        bytes.extend_from_slice(head.as_bytes());
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body.as_bytes());
        Self {
            bytes,
            head: head.len(),
        }
    }

    /// The headers, and the blank line with the body.
    pub(super) fn parts(&self) -> (&[u8], &[u8]) {
        self.bytes.split_at(self.head)
    }

    /// The whole of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// A 200 of the instance metadata without credentials in it. A token goes into a buffer that is wiped.
pub(super) fn metadata(wanted: &Wanted, close: bool) -> Zeroizing<Vec<u8>> {
    let json;
    let (headers, seconds, body) = match wanted {
        Wanted::MetadataToken { token, seconds } => (TEXT_HEADERS, Some(seconds), token.expose()),
        Wanted::Text(text) => (TEXT_HEADERS, None, text.as_str()),
        Wanted::Document(document) => {
            json = document.to_string();
            (HEADERS, None, json.as_str())
        }
        // Answered where there is a session.
        Wanted::Credentials(_) => (HEADERS, None, ""),
    };
    // Grown once: a buffer that moves leaves copies behind it.
    let mut answer = Zeroizing::new(Vec::with_capacity(512 + body.len()));
    // Writing to a vector does not fail.
    _ = write!(answer, "HTTP/1.1 200 OK\r\n{headers}");
    if let Some(seconds) = seconds {
        // The SDKs for Rust and Go take no token without it.
        _ = write!(answer, "X-aws-ec2-metadata-token-ttl-seconds: {seconds}\r\n");
    }
    if close {
        answer.extend_from_slice(CLOSE);
    }
    _ = write!(answer, "Content-Length: {}\r\n\r\n", body.len());
    answer.extend_from_slice(body.as_bytes());
    answer
}

/// The answer that says why there are no credentials.
pub(super) fn refuse(refusal: &Refusal, close: bool, is_head: bool) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Body<'a> {
        code: &'a str,
        message: &'a str,
    }
    let (status, code, message) = describe(refusal);
    let body = serde_json::to_vec(&Body {
        code,
        message: &message,
    })
    .unwrap_or_default();
    let mut answer = Vec::with_capacity(512 + body.len());
    // Writing to a vector does not fail.
    _ = write!(answer, "HTTP/1.1 {status}\r\n{HEADERS}");
    _ = match refusal {
        Refusal::Method(allowed) => write!(answer, "Allow: {allowed}\r\n"),
        Refusal::Crowded | Refusal::TooManyTokens | Refusal::Renewing => write!(answer, "Retry-After: 1\r\n"),
        Refusal::Failed(_) if status.starts_with("503") => write!(answer, "Retry-After: 1\r\n"),
        _ => Ok(()),
    };
    if close {
        answer.extend_from_slice(CLOSE);
    }
    _ = write!(answer, "Content-Length: {}\r\n\r\n", body.len());
    if !is_head {
        answer.extend_from_slice(&body);
    }
    answer
}

/// Status, `Code` and `Message`.
fn describe(refusal: &Refusal) -> (&'static str, &'static str, String) {
    let (status, code, message) = match refusal {
        Refusal::Crowded => (
            "429 Too Many Requests",
            "TooManyConnections",
            "too many connections are open",
        ),
        Refusal::Stranger => (
            "403 Forbidden",
            "OtherUser",
            "this connection is another user's; credentials go only to the user who runs rolecall",
        ),
        Refusal::Unproven => (
            "403 Forbidden",
            "UnprovenUser",
            "the system does not tell whose connection this is (neither NETLINK_SOCK_DIAG nor /proc/net/tcp answers), \
             and credentials go only to the user who runs rolecall",
        ),
        Refusal::Malformed(why) => ("400 Bad Request", "BadRequest", *why),
        Refusal::TooLarge => (
            "431 Request Header Fields Too Large",
            "HeadersTooLarge",
            "the request's headers are too large",
        ),
        Refusal::TooSlow => (
            "408 Request Timeout",
            "RequestTimeout",
            "the request's headers came too slowly",
        ),
        Refusal::Host => (
            "403 Forbidden",
            "WrongHost",
            "the Host header is not this endpoint's address",
        ),
        Refusal::Browser => (
            "403 Forbidden",
            "BrowserRequest",
            "requests of browsers and through proxies are refused",
        ),
        Refusal::Method(allowed) => {
            let message = format!("only {allowed} is answered here");
            return ("405 Method Not Allowed", "MethodNotAllowed", message);
        }
        Refusal::MetadataToken => (
            "401 Unauthorized",
            "InvalidToken",
            "the X-aws-ec2-metadata-token header must be a token that PUT /latest/api/token gave, and its time not over",
        ),
        Refusal::NoMetadata => (
            "404 Not Found",
            "NotFound",
            "the instance metadata has nothing here",
        ),
        Refusal::Token => (
            "401 Unauthorized",
            "InvalidToken",
            "the Authorization header must be the token of this endpoint (AWS_CONTAINER_AUTHORIZATION_TOKEN)",
        ),
        Refusal::TooManyTokens => (
            "429 Too Many Requests",
            "TooManyAttempts",
            "too many wrong tokens were tried",
        ),
        Refusal::Unknown => (
            "404 Not Found",
            "NotFound",
            "there is nothing here for this token",
        ),
        Refusal::Renewing => (
            "503 Service Unavailable",
            "Renewing",
            "the session is still being renewed; ask again",
        ),
        Refusal::Failed(error) => {
            let mut message = error.to_string();
            if let Some(hint) = error.hints().first() {
                message.push_str(". ");
                message.push_str(hint);
            }
            let (status, code) = match error.kind() {
                ErrorKind::NeedsUser => ("403 Forbidden", "NeedsUser"),
                ErrorKind::Denied => ("403 Forbidden", "AccessDenied"),
                _ => ("503 Service Unavailable", "Unavailable"),
            };
            return (status, code, message);
        }
    };
    (status, code, message.to_owned())
}

//! From what the SDK says of a call that failed to an error: refusals are decided upon, silences and strangers told apart.

use std::error::Error as StdError;

use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::operation::RequestId;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::decision::{Context, Service, decide};
use crate::chain::StsEndpoint;
use crate::error::{Error, ErrorKind, is_hidden};
use crate::host::{Host, is_unknown_authority, proxy_hint, tls_hint};

/// The codes that say: these credentials have ended or never were.
pub(super) fn credential_rejected(code: &str) -> bool {
    matches!(
        code,
        "ExpiredToken" | "ExpiredTokenException" | "InvalidToken" | "InvalidClientTokenId"
    )
}

/// A part of a request that the SDK did not take. Our own types have checked it before, so this is a bug of ours.
pub(super) fn built<T>(part: Result<T, aws_smithy_types::error::operation::BuildError>) -> Result<T, Error> {
    part.map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the request could not be built: {error}"),
        )
        .with_hint("This is a bug of rolecall: please report it.")
    })
}

/// An SDK error as a decision, whichever service it came from: every client of ours ends its calls with this.
pub(super) fn refused<E>(error: SdkError<E, HttpResponse>, service: Service, context: &Context<'_>) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let url = context.url;
    let what = tls_hint(&error).or_else(|| proxy_hint(&error));
    // What is known of the certificate or the proxy says more than where the endpoint comes from.
    let unreachable = |why: String| {
        let error = Error::new(
            ErrorKind::Unavailable,
            format!("cannot reach {service} at {url}: {why}"),
        );
        match (&what, context.origin) {
            (Some(what), _) => error.with_hint(what.as_str()),
            (None, Some(origin)) => error.with_hint(format!(
                "Check the network and the region; the endpoint comes from {origin}."
            )),
            (None, None) => error.with_hint("Check the network and the region."),
        }
    };
    let decided = match &error {
        SdkError::ConstructionFailure(_) => Error::new(
            ErrorKind::Internal,
            format!("the request could not be built: {}", innermost(&error)),
        )
        .with_hint("This is a bug of rolecall: please report it."),
        SdkError::TimeoutError(_) => unreachable("it did not answer in time".to_owned()),
        SdkError::DispatchFailure(failure) if failure.is_timeout() => {
            unreachable("it did not answer in time".to_owned())
        }
        SdkError::DispatchFailure(_) => unreachable(innermost(&error)),
        SdkError::ServiceError(refusal) => {
            let (meta, raw) = (refusal.err().meta(), refusal.raw());
            let status = raw.status().as_u16();
            let bare = match meta.code() {
                Some(_) => None,
                None => raw.body().bytes().and_then(BareError::read),
            };
            let (code, message, request_id) = match &bare {
                Some(bare) => (
                    Some(bare.code.as_str()),
                    bare.message.as_str(),
                    bare.request_id.as_deref(),
                ),
                None => (meta.code(), meta.message().unwrap_or_default(), meta.request_id()),
            };
            let decided = match code {
                Some(code) => decide(service, code, message, status, context),
                None => foreign(service, url, status, raw.body().bytes().unwrap_or_default()),
            };
            let decided = decided.with_aws(code, request_id).with_encoded_message(message);
            match request_id {
                Some(id)
                    if decided.kind() == ErrorKind::Denied
                        && code.is_some_and(|code| !credential_rejected(code)) =>
                {
                    decided.with_hint(format!("CloudTrail and AWS's support know the request as {id}."))
                }
                _ => decided,
            }
        }
        SdkError::ResponseError(response) => {
            let raw = response.raw();
            foreign(
                service,
                url,
                raw.status().as_u16(),
                raw.body().bytes().unwrap_or_default(),
            )
        }
        _ => Error::new(
            ErrorKind::Unavailable,
            format!("the call to {service} at {url} failed: {}", innermost(&error)),
        )
        .with_hint("The log at its most talkative (ROLECALL_LOG=trace) shows the exchange."),
    };
    match context.role {
        Some(role) => decided.with_hop(role.arn.to_string()),
        None => decided,
    }
}

/// The same, and where TLS met an authority that nobody here knows, which one: a proxy that opens TLS is known by it.
pub(super) async fn told<E>(
    host: &Host,
    endpoint: &StsEndpoint,
    error: SdkError<E, HttpResponse>,
    service: Service,
    context: &Context<'_>,
) -> Error
where
    E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
{
    let is_unknown = is_unknown_authority(&error);
    let told = refused(error, service, context);
    if !is_unknown {
        return told;
    }
    match host.issuer_seen(&endpoint.transport()).await {
        Some(issuer) => told.with_hint(format!("The certificate names `{issuer}` as its authority.")),
        None => told,
    }
}

/// The first sentence of what the other side says, on one line and of bounded length: it may be anybody's text.
pub(super) fn clause(message: &str) -> String {
    let line: String = message
        .chars()
        .map(|c| if is_hidden(c) { ' ' } else { c })
        .take(600)
        .collect();
    let first = line.split(". ").next().unwrap_or(&line);
    first.trim().trim_end_matches('.').to_owned()
}

/// `<Error>` without STS's `<ErrorResponse>` around it, where the SDK finds no code: so S3 writes it, and so do servers
/// that have their STS from their S3, as Ceph's gateway does.
struct BareError {
    code: String,
    message: String,
    request_id: Option<String>,
}

impl BareError {
    fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?.trim_start();
        let root = match text.strip_prefix("<?xml") {
            Some(rest) => rest.split_once("?>")?.1.trim_start(),
            None => text,
        };
        if !root.starts_with("<Error>") && !root.starts_with("<Error ") {
            return None;
        }
        let code = child(root, "Code")?;
        let is_code =
            (1..=64).contains(&code.len()) && code.chars().all(|c| c.is_ascii_alphanumeric() || c == '.');
        is_code.then(|| Self {
            code,
            message: child(root, "Message").unwrap_or_default(),
            request_id: child(root, "RequestId").filter(|id| !id.is_empty()),
        })
    }
}

/// The text of an element that holds nothing but text.
fn child(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let mut text = text.trim().to_owned();
    // The ampersand last: what it makes is no escape.
    for (escape, plain) in [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&apos;", "'"),
        ("&amp;", "&"),
    ] {
        text = text.replace(escape, plain);
    }
    Some(text)
}

/// What is no answer of AWS's: a server in trouble, or somebody else's page.
fn foreign(service: Service, url: &str, status: u16, body: &[u8]) -> Error {
    let unavailable = |message: String| Error::new(ErrorKind::Unavailable, message);
    let page = match title(body) {
        Some(title) if title.is_empty() => ", with a page of HTML".to_owned(),
        Some(title) => format!(", with the page `{title}`"),
        None => String::new(),
    };
    match status {
        407 => unavailable(format!("a proxy on the way to {url} wants to know who you are (HTTP 407)"))
            .with_hint("Put the proxy's user and password into HTTPS_PROXY, or let NO_PROXY name AWS's hosts."),
        500.. => unavailable(format!("{service} at {url} failed with HTTP {status}{page}"))
            .with_hint("Try again; if it stays so, look at AWS's health page for the region, and at the proxies on the way."),
        _ => unavailable(format!(
            "what answers at {url} (HTTP {status}{page}) does not speak as {service} does"
        ))
        .with_hint(
            "Check AWS_ENDPOINT_URL and the proxies on the way; a login page of a network answers like this.",
        ),
    }
}

/// The title of a page of HTML, on one line and short; empty where it has none. None for what is no page.
fn title(body: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(&body[..body.len().min(4096)]);
    // In ASCII only, so that places in it are places in the text.
    let lower = head.to_ascii_lowercase();
    let is_page = ["<html", "<!doctype html"]
        .iter()
        .any(|tag| lower.trim_start().starts_with(tag));
    if !is_page {
        return None;
    }
    let inside = lower.find("<title>").map(|at| at + "<title>".len());
    let title = inside.and_then(|from| Some(&head[from..from + lower[from..].find("</title>")?]));
    let short: String = clause(title.unwrap_or_default()).chars().take(80).collect();
    Some(short.replace('`', "'"))
}

/// The cause at the bottom, which says most: `connection refused`, not `dispatch failure`.
fn innermost(error: &(dyn StdError + 'static)) -> String {
    let mut cause = error;
    while let Some(next) = cause.source() {
        cause = next;
    }
    let text = cause.to_string();
    // The operating system's number says nothing to a person.
    text.split(" (os error").next().unwrap_or(&text).to_owned()
}

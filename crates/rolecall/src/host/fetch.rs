//! Single HTTP requests outside of any SDK operation: container endpoints, instance metadata, sign-in.
//!
//! Headers and bodies may be secrets in both directions: they are logged nowhere, and `Debug` shows none of them.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use http::header::{HeaderMap, HeaderValue};
use http::{Method, Uri};
use zeroize::Zeroizing;

use super::http::{Transport, uri};
use super::{Host, trust};
use crate::error::{Error, ErrorKind};

/// A request, and how long to wait for what. Redirects are not followed: credentials go where they were sent.
#[derive(Clone)]
pub struct Fetch<'a> {
    transport: Transport<'a>,
    method: Method,
    headers: HeaderMap,
    body: Zeroizing<Vec<u8>>,
    connect_timeout: Duration,
    read_timeout: Duration,
    limit: usize,
}

impl<'a> Fetch<'a> {
    /// A request without a body. It waits 2 seconds for a connection, 5 for the answer and 5 for its end, and takes
    /// 64 KiB.
    pub fn new(method: Method, transport: Transport<'a>) -> Self {
        Self {
            transport,
            method,
            headers: HeaderMap::new(),
            body: Zeroizing::default(),
            connect_timeout: Duration::from_secs(2),
            read_timeout: Duration::from_secs(5),
            limit: 64 * 1024,
        }
    }

    /// The same request with one more header.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a value that no header can hold, such as a token with a line end; it is not shown.
    pub fn header(mut self, name: &'static str, value: &str) -> Result<Self, Error> {
        let mut value = HeaderValue::from_str(value).map_err(|_| {
            Error::config(format!(
                "the value for the header `{name}` holds a character that no header can"
            ))
            .with_hint("A token from a file must have no line end within it.")
        })?;
        value.set_sensitive(true);
        self.headers.append(name, value);
        Ok(self)
    }

    /// The same request with a body.
    #[must_use]
    pub fn body(mut self, body: Zeroizing<Vec<u8>>) -> Self {
        self.body = body;
        self
    }

    /// The same request with other patience: for a connection, and then for the answer and for its end.
    #[must_use]
    pub fn timeouts(mut self, connect: Duration, read: Duration) -> Self {
        (self.connect_timeout, self.read_timeout) = (connect, read);
        self
    }

    /// The same request, with another number of bytes its answer may have.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }
}

impl fmt::Debug for Fetch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetch")
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// What came back, whatever its status.
pub struct Answer {
    status: u16,
    headers: Vec<(String, Zeroizing<String>)>,
    body: Zeroizing<Vec<u8>>,
}

impl Answer {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body; it may be a secret.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// The body, where it is text; it may be a secret.
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.body).ok()
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What a caller does next about a request that got no answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum FetchErrorKind {
    /// The answer broke off, or was no HTTP: trying again may help.
    Broken,
    /// A URL, a CA bundle or a proxy is set wrongly.
    Config,
    /// The proxy on the way does not let it through.
    Proxy,
    /// Connected, and no answer in time: trying again may help.
    Slow,
    /// The other side is not who it should be, or does not speak TLS.
    Tls,
    /// More came than an answer of this kind has.
    TooLarge,
    /// Nobody there: no address, no connection, or none in time.
    Unreachable,
}

/// Why a request got no answer.
#[derive(Clone, Debug)]
pub struct FetchError {
    kind: FetchErrorKind,
    error: Error,
}

impl FetchError {
    /// What to do about it.
    pub fn kind(&self) -> FetchErrorKind {
        self.kind
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl StdError for FetchError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Self {
        error.error
    }
}

impl Host {
    /// Sends one request and reads the whole answer.
    ///
    /// Whether a URL may be called over plain HTTP is for the caller to know: this sends what it is given.
    ///
    /// # Errors
    /// [`FetchError`]; its message names the host, and neither path, query, header nor body.
    pub async fn fetch(&self, fetch: Fetch<'_>) -> Result<Answer, FetchError> {
        let config = |error| FetchError {
            kind: FetchErrorKind::Config,
            error,
        };
        let uri = uri(fetch.transport.url).map_err(config)?;
        let connector = self
            .connector(&fetch.transport, fetch.connect_timeout, fetch.read_timeout)
            .map_err(config)?;
        let failed = Failed {
            host: self,
            fetch: &fetch,
            uri: &uri,
        };
        let mut request = http::Request::new(SdkBody::from(fetch.body.as_slice()));
        *request.method_mut() = fetch.method.clone();
        *request.uri_mut() = uri.clone();
        *request.headers_mut() = fetch.headers.clone();
        let request = HttpRequest::try_from(request).map_err(|_| {
            config(
                Error::config("a request cannot be built")
                    .with_hint("This is a bug of rolecall: please report it."),
            )
        })?;
        let mut response = match connector.call(request).await {
            Ok(response) => response,
            Err(error) => return Err(failed.to_connect(error).await),
        };
        let status = response.status().as_u16();
        if status == 407 {
            return Err(failed.because(
                FetchErrorKind::Proxy,
                "the proxy asks who is calling".to_owned(),
                "Write user and password into the variable, as in `http://USER:PASSWORD@HOST:PORT`."
                    .to_owned(),
            ));
        }
        let headers = response
            .headers()
            .iter()
            .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))
            .collect();
        let body = std::mem::replace(response.body_mut(), SdkBody::taken());
        let reading = read(ByteStream::new(body), fetch.limit);
        let body = match tokio::time::timeout(fetch.read_timeout, reading).await {
            Ok(Ok(body)) => body,
            Ok(Err(Unread::TooLarge)) => {
                return Err(failed.because(
                    FetchErrorKind::TooLarge,
                    format!("its answer is longer than {} bytes", fetch.limit),
                    "Check what answers there.".to_owned(),
                ));
            }
            Ok(Err(Unread::Broken)) => {
                return Err(failed.because(
                    FetchErrorKind::Broken,
                    "its answer broke off".to_owned(),
                    "Try again; check what answers there.".to_owned(),
                ));
            }
            Err(_) => return Err(failed.slow("the end of its answer did not come in time")),
        };
        Ok(Answer {
            status,
            headers,
            body,
        })
    }
}

enum Unread {
    Broken,
    TooLarge,
}

/// Into a buffer that never grows, because one that does leaves copies behind.
async fn read(mut body: ByteStream, limit: usize) -> Result<Zeroizing<Vec<u8>>, Unread> {
    let mut whole = Zeroizing::new(Vec::with_capacity(limit));
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| Unread::Broken)?;
        if chunk.len() > limit - whole.len() {
            return Err(Unread::TooLarge);
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// What is known when a request fails.
struct Failed<'a> {
    host: &'a Host,
    fetch: &'a Fetch<'a>,
    uri: &'a Uri,
}

impl Failed<'_> {
    fn because(&self, kind: FetchErrorKind, why: String, hint: String) -> FetchError {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let authority = self.uri.authority().map_or("", |authority| authority.as_str());
        let proxy = match self.fetch.transport.direct {
            true => None,
            false => self.host.proxy_for(self.fetch.transport.url).ok().flatten(),
        };
        let way = proxy.map_or(String::new(), |proxy| format!(" through the proxy {proxy}"));
        FetchError {
            kind,
            error: Error::new(
                ErrorKind::Unavailable,
                format!("cannot call {scheme}://{authority}{way}: {why}"),
            )
            .with_hint(hint),
        }
    }

    fn slow(&self, why: &str) -> FetchError {
        self.because(
            FetchErrorKind::Slow,
            why.to_owned(),
            "Try again; check whether the other side is overloaded.".to_owned(),
        )
    }

    /// No answer at all. The connector says it in types that are out of reach here, so their words are read; tests hold
    /// them.
    async fn to_connect(&self, error: ConnectorError) -> FetchError {
        if let Some(hint) = trust::tls_hint(&error) {
            let issuer = if trust::is_unknown_authority(&error) {
                self.host.issuer_seen(&self.fetch.transport).await
            } else {
                None
            };
            let why = match issuer {
                Some(issuer) => {
                    format!("the TLS handshake failed on a certificate that `{issuer}` has issued")
                }
                None => "the TLS handshake failed".to_owned(),
            };
            return self.because(FetchErrorKind::Tls, why, hint);
        }
        if let Some(hint) = trust::proxy_hint(&error) {
            let why = "the proxy did not let it through".to_owned();
            return self.because(FetchErrorKind::Proxy, why, hint);
        }
        let words: Vec<_> = trust::causes(&error).map(ToString::to_string).collect();
        let says = |text: &str| words.iter().any(|words| words.contains(text));
        if error.is_timeout() && !says("HTTP connect timeout") {
            return self.slow("it did not answer in time");
        }
        if error.is_timeout() {
            return self.because(
                FetchErrorKind::Unreachable,
                "no connection came about in time".to_owned(),
                "Check the network, and that something listens there.".to_owned(),
            );
        }
        let innermost = words.last().cloned().unwrap_or_default();
        if says("(Connect)") {
            return self.because(
                FetchErrorKind::Unreachable,
                innermost,
                "Check the network, and that something listens there.".to_owned(),
            );
        }
        self.because(
            FetchErrorKind::Broken,
            innermost,
            "Try again; check what answers there.".to_owned(),
        )
    }
}

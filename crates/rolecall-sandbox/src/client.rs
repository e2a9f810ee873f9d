//! The few calls that demonstrations and tests make: STS, S3 and SNS, signed with AWS's own signer.
//!
//! Plain HTTP, to this machine alone: it is no client for AWS.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SessionTokenMode, SignableBody, SignableRequest,
    SigningSettings, UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use http::{Request, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::clock;

const TIMEOUT: Duration = Duration::from_secs(20);
const ANSWER_LIMIT: usize = 16 * 1024 * 1024;

/// Calls one endpoint with one set of credentials.
#[derive(Clone, Debug)]
pub struct Client {
    endpoint: String,
    region: String,
    credentials: Credentials,
}

/// Who a set of credentials is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Identity {
    /// The ARN of the user, or of the role's session.
    pub arn: String,
    /// Its account.
    pub account: String,
}

/// Why a call failed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CallError {
    /// The HTTP status; 0 where there was no answer.
    pub status: u16,
    /// AWS's error code, or `NotLoopback`, `Unreachable`, `BadAnswer`.
    pub code: String,
    /// What AWS said.
    pub message: String,
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for CallError {}

impl CallError {
    fn local(code: &str, message: impl Into<String>) -> Self {
        Self {
            status: 0,
            code: code.to_owned(),
            message: message.into(),
        }
    }

    fn bad_answer(status: u16) -> Self {
        Self {
            status,
            ..Self::local("BadAnswer", "the answer is not what the protocol says")
        }
    }
}

impl Client {
    /// A client of `endpoint` (`http://127.0.0.1:PORT`), signing for `region`.
    pub fn new(endpoint: impl Into<String>, region: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            endpoint: endpoint.into(),
            region: region.into(),
            credentials,
        }
    }

    /// Who the credentials are (STS).
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn get_caller_identity(&self) -> Result<Identity, CallError> {
        let answer = self.query("sts", "2011-06-15", "GetCallerIdentity", &[]).await?;
        Ok(Identity {
            arn: text(&answer, "Arn")?,
            account: text(&answer, "Account")?,
        })
    }

    /// The names of the account's buckets (S3).
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn list_buckets(&self) -> Result<Vec<String>, CallError> {
        let answer = self.send("s3", "GET", "/", None).await?;
        texts(&answer, "Bucket", "Name")
    }

    /// The ARNs of the account's topics in this region (SNS).
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn list_topics(&self) -> Result<Vec<String>, CallError> {
        let answer = self.query("sns", "2010-03-31", "ListTopics", &[]).await?;
        texts(&answer, "member", "TopicArn")
    }

    /// Makes a topic, or finds the one of this name, and answers with its ARN (SNS).
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn create_topic(&self, name: &str) -> Result<String, CallError> {
        let answer = self
            .query("sns", "2010-03-31", "CreateTopic", &[("Name", name)])
            .await?;
        text(&answer, "TopicArn")
    }

    /// Publishes a message and answers with its id (SNS).
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn publish(&self, topic_arn: &str, message: &str) -> Result<String, CallError> {
        let parameters = [("TopicArn", topic_arn), ("Message", message)];
        let answer = self.query("sns", "2010-03-31", "Publish", &parameters).await?;
        text(&answer, "MessageId")
    }

    /// Any call of the query protocol; answers with the XML.
    ///
    /// # Errors
    /// [`CallError`] when refused or unreachable.
    pub async fn query(
        &self,
        service: &str,
        version: &str,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> Result<String, CallError> {
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
            body.push_str(&format!("&{name}={value}"));
        }
        self.send(service, "POST", "/", Some(body)).await
    }

    async fn send(
        &self,
        service: &str,
        method: &str,
        path: &str,
        form: Option<String>,
    ) -> Result<String, CallError> {
        let uri: Uri = format!("{}{path}", self.endpoint)
            .parse()
            .map_err(|_| CallError::local("NotLoopback", "the endpoint is not a URL"))?;
        let address = loopback(&uri)?;
        let mut request = Request::builder()
            .method(method)
            .uri(uri.clone())
            .header("host", address.to_string());
        if form.is_some() {
            request = request.header("content-type", "application/x-www-form-urlencoded");
        }
        let mut request = request
            .body(form.unwrap_or_default())
            .map_err(|_| CallError::local("BadRequest", "the call cannot be written"))?;
        self.sign(&mut request, service)?;
        let (mut parts, body) = request.into_parts();
        parts.uri = uri
            .path_and_query()
            .map_or("/", |path| path.as_str())
            .parse()
            .unwrap_or_default();
        let request = Request::from_parts(parts, Full::new(Bytes::from(body)));
        match tokio::time::timeout(TIMEOUT, exchange(address, request)).await {
            Ok(answer) => answer,
            Err(_) => Err(CallError::local("Unreachable", "no answer in 20 seconds")),
        }
    }

    fn sign(&self, request: &mut Request<String>, service: &str) -> Result<(), CallError> {
        let failed = |_| CallError::local("Unsigned", "the call cannot be signed");
        let mut settings = SigningSettings::default();
        if service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        settings.session_token_mode = SessionTokenMode::Include;
        let identity = self.credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(service)
            .time(clock::now())
            .settings(settings)
            .build()
            .map_err(|_| CallError::local("Unsigned", "the call cannot be signed"))?
            .into();
        let headers: Vec<(String, String)> = request
            .headers()
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect();
        let uri = request.uri().to_string();
        let signable = SignableRequest::new(
            request.method().as_str(),
            &uri,
            headers
                .iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
            SignableBody::Bytes(request.body().as_bytes()),
        )
        .map_err(failed)?;
        let (instructions, _) = sign(signable, &parameters).map_err(failed)?.into_parts();
        instructions.apply_to_request_http1x(request);
        Ok(())
    }
}

/// The address in a URL of this machine. Names are not looked up: they could lead anywhere.
fn loopback(uri: &Uri) -> Result<std::net::SocketAddr, CallError> {
    let refused = || {
        CallError::local(
            "NotLoopback",
            "this client speaks plain HTTP, and only to an address of this machine (`http://127.0.0.1:PORT`)",
        )
    };
    let host = uri.host().unwrap_or_default();
    let address: IpAddr = match host {
        "localhost" => IpAddr::from([127, 0, 0, 1]),
        host => host.trim_matches(['[', ']']).parse().map_err(|_| refused())?,
    };
    if uri.scheme_str() != Some("http") || !address.is_loopback() {
        return Err(refused());
    }
    Ok((address, uri.port_u16().unwrap_or(80)).into())
}

async fn exchange(address: std::net::SocketAddr, request: Request<Full<Bytes>>) -> Result<String, CallError> {
    let unreachable = |why: String| CallError::local("Unreachable", why);
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| unreachable(format!("no connection to {address}: {error}")))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(error.to_string()))?;
    let exchanged = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| unreachable(error.to_string()))?;
        let status = response.status();
        let body = Limited::new(response.into_body(), ANSWER_LIMIT)
            .collect()
            .await
            .map_err(|_| unreachable("the answer broke off".to_owned()))?
            .to_bytes();
        let body = String::from_utf8_lossy(&body).into_owned();
        if status.is_success() {
            return Ok(body);
        }
        Err(match (text(&body, "Code"), text(&body, "Message")) {
            (Ok(code), Ok(message)) => CallError {
                status: status.as_u16(),
                code,
                message,
            },
            _ => CallError::bad_answer(status.as_u16()),
        })
    };
    tokio::pin!(exchanged);
    tokio::select! {
        // The connection ends by itself once the answer is there; the answer is what counts.
        biased;
        answer = &mut exchanged => answer,
        _ = connection => exchanged.await,
    }
}

/// The text of the first element of this name.
fn text(xml: &str, element: &str) -> Result<String, CallError> {
    let document = roxmltree::Document::parse(xml).map_err(|_| CallError::bad_answer(200))?;
    document
        .descendants()
        .find(|node| node.tag_name().name() == element)
        .map(|node| node.text().unwrap_or_default().to_owned())
        .ok_or_else(|| CallError::bad_answer(200))
}

/// The texts of `child` in every `parent`.
fn texts(xml: &str, parent: &str, child: &str) -> Result<Vec<String>, CallError> {
    let document = roxmltree::Document::parse(xml).map_err(|_| CallError::bad_answer(200))?;
    Ok(document
        .descendants()
        .filter(|node| node.tag_name().name() == parent)
        .filter_map(|node| {
            node.children()
                .find(|node| node.tag_name().name() == child)
                .and_then(|node| node.text())
        })
        .map(str::to_owned)
        .collect())
}

//! Raw signed requests over real sockets, so that a test can spoil any part of one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall_sandbox::Sandbox;

/// A request, before and after it is signed.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) service: String,
    pub(crate) scope_service: String,
    pub(crate) region: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) at: SystemTime,
    pub(crate) unsigned_payload: bool,
    /// In chunks, with a trailing checksum.
    pub(crate) streaming: bool,
}

/// An answer, read as far as tests look at it.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn text(&self, element: &str) -> Option<String> {
        let start = self.body.find(&format!("<{element}>"))? + element.len() + 2;
        let end = self.body[start..].find("</")? + start;
        Some(self.body[start..end].to_owned())
    }

    /// `403 AccessDenied`, or the status alone.
    pub(crate) fn code(&self) -> String {
        match self.text("Code") {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }

    pub(crate) fn message(&self) -> String {
        self.text("Message").unwrap_or_default()
    }

    /// The credentials in it.
    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(
            self.text("AccessKeyId").expect(&self.body),
            self.text("SecretAccessKey").expect(&self.body),
            self.text("SessionToken"),
            None,
            "test",
        )
    }
}

impl Raw {
    pub(crate) fn new(sandbox: &Sandbox, service: &str, method: &str, path: &str, body: &str) -> Self {
        let mut headers = Vec::new();
        if service != "s3" {
            headers.push((
                "content-type".to_owned(),
                "application/x-www-form-urlencoded".to_owned(),
            ));
        }
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            service: service.to_owned(),
            scope_service: service.to_owned(),
            region: "us-east-1".to_owned(),
            headers,
            body: body.as_bytes().to_vec(),
            at: sandbox.now(),
            unsigned_payload: false,
            streaming: false,
        }
    }

    /// A call of the query protocol.
    pub(crate) fn query(sandbox: &Sandbox, service: &str, action: &str, parameters: &[(&str, &str)]) -> Self {
        let version = match service {
            "sns" => "2010-03-31",
            "iam" => "2010-05-08",
            _ => "2011-06-15",
        };
        let mut body = format!("Action={action}&Version={version}");
        for (name, value) in parameters {
            body.push_str(&format!(
                "&{name}={}",
                utf8_percent_encode(value, NON_ALPHANUMERIC)
            ));
        }
        Self::new(sandbox, service, "POST", "/", &body)
    }

    pub(crate) fn identity(sandbox: &Sandbox) -> Self {
        Self::query(sandbox, "sts", "GetCallerIdentity", &[])
    }

    pub(crate) fn at(mut self, at: SystemTime) -> Self {
        self.at = at;
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds the headers of a signature by AWS's own signer.
    pub(crate) fn signed(mut self, sandbox: &Sandbox, credentials: &Credentials) -> Self {
        let host = sandbox.endpoint().trim_start_matches("http://").to_owned();
        self.headers.push(("host".to_owned(), host));
        let mut settings = SigningSettings::default();
        if self.service == "s3" {
            settings.percent_encoding_mode = PercentEncodingMode::Single;
            settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
            settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        }
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name(&self.scope_service)
            .time(self.at)
            .settings(settings)
            .build()
            .expect("a test's own helper")
            .into();
        let uri = format!("{}{}", sandbox.endpoint(), self.path);
        let body = if self.streaming {
            SignableBody::StreamingUnsignedPayloadTrailer
        } else if self.unsigned_payload {
            SignableBody::UnsignedPayload
        } else {
            SignableBody::Bytes(&self.body)
        };
        let headers = self
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let signable = SignableRequest::new(&self.method, &uri, headers, body).expect("a test's own helper");
        let (instructions, _) = sign(signable, &parameters)
            .expect("a test's own helper")
            .into_parts();
        for (name, value) in instructions.headers() {
            self.headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Changes a header that is there.
    pub(crate) fn change(mut self, name: &str, change: impl Fn(&str) -> String) -> Self {
        for header in self
            .headers
            .iter_mut()
            .filter(|header| header.0.eq_ignore_ascii_case(name))
        {
            header.1 = change(&header.1);
        }
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|header| !header.0.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn with_body(mut self, body: &str) -> Self {
        self.body = body.as_bytes().to_vec();
        self
    }

    pub(crate) fn send(&self, sandbox: &Sandbox) -> Answer {
        let mut text = format!("{} {} HTTP/1.1\r\n", self.method, self.path).into_bytes();
        for (name, value) in &self.headers {
            text.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        text.extend(format!("content-length: {}\r\nconnection: close\r\n\r\n", self.body.len()).into_bytes());
        text.extend(&self.body);
        exchange(sandbox, &text, Duration::from_secs(10))
    }
}

/// Sends bytes and reads until the server closes, or says nothing for so long.
pub(crate) fn exchange(sandbox: &Sandbox, text: &[u8], patience: Duration) -> Answer {
    let mut stream =
        TcpStream::connect(sandbox.endpoint().trim_start_matches("http://")).expect("a test's own helper");
    stream
        .set_read_timeout(Some(patience))
        .expect("a test's own helper");
    let _ = stream.write_all(text);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or(0);
    Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

pub(crate) fn user(sandbox: &Sandbox, name: &str) -> Credentials {
    sandbox
        .user_keys(name)
        .expect("the world has this user")
        .credentials()
}

/// Calls the query protocol as `credentials`.
pub(crate) fn query(
    sandbox: &Sandbox,
    credentials: &Credentials,
    service: &str,
    action: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    Raw::query(sandbox, service, action, parameters)
        .at(wall(sandbox))
        .signed(sandbox, credentials)
        .send(sandbox)
}

pub(crate) fn s3(
    sandbox: &Sandbox,
    credentials: &Credentials,
    method: &str,
    path: &str,
    body: &str,
) -> Answer {
    Raw::new(sandbox, "s3", method, path, body)
        .at(wall(sandbox))
        .signed(sandbox, credentials)
        .send(sandbox)
}

pub(crate) const BLAH: &str = "arn:aws:iam::666666666666:role/BlahRole";

pub(crate) fn assume(
    sandbox: &Sandbox,
    credentials: &Credentials,
    role: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut parameters = vec![("RoleArn", role), ("RoleSessionName", "test")];
    parameters.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    parameters.extend(more);
    query(sandbox, credentials, "sts", "AssumeRole", &parameters)
}

/// The time signatures are judged by. The session clock is ahead of it once it was advanced.
#[expect(clippy::disallowed_methods, reason = "a client has the machine's clock")]
pub(crate) fn wall(_: &Sandbox) -> SystemTime {
    SystemTime::now()
}

//! What the services have in common: a request, its parameters, an answer, a refusal.

use std::collections::BTreeMap;
use std::net::IpAddr;

use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode};
use http_body_util::Full;
use percent_encoding::percent_decode_str;

use crate::ids;
use crate::service::{Protocol, Service};

/// A request, read to its end. No `Debug`: its headers hold tokens.
pub(crate) struct Incoming {
    pub(crate) method: Method,
    /// As it stood in the request line, because that is what was signed.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) from: IpAddr,
}

impl Incoming {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The first value of a query parameter.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Splits `a=b&c` into decoded pairs; `plus` says whether `+` is a blank, as in forms.
pub(crate) fn pairs(text: &str, plus: bool) -> Vec<(String, String)> {
    let decoded = |text: &str| {
        let text = if plus {
            text.replace('+', " ")
        } else {
            text.to_owned()
        };
        percent_decode_str(&text).decode_utf8_lossy().into_owned()
    };
    text.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decoded(key), decoded(value))
        })
        .collect()
}

/// The parameters of a call of the query protocol, in order of their names, so that a form of millions costs its length
/// and no more. Of a name that stands twice, the first counts.
#[derive(Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    pub(crate) fn of(incoming: &Incoming) -> Self {
        let mut found = BTreeMap::new();
        let in_body = if incoming.method == Method::POST {
            pairs(&String::from_utf8_lossy(&incoming.body), true)
        } else {
            Vec::new()
        };
        for (name, value) in incoming.query.iter().cloned().chain(in_body) {
            found.entry(name).or_insert(value);
        }
        Self(found)
    }

    pub(crate) fn find(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// A parameter the call cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name).filter(|value| !value.is_empty()).ok_or_else(|| {
            let member = lower_first(name);
            Refusal::validation(format!(
                "1 validation error detected: Value null at '{member}' failed to satisfy constraint: \
                 Member must not be null"
            ))
        })
    }

    /// `PREFIX.member.N[.FIELD]`, in order, up to the first N that is missing.
    pub(crate) fn members(&self, prefix: &str, field: &str) -> Vec<Option<&str>> {
        let mut found = Vec::new();
        for n in 1..=1000 {
            let stem = format!("{prefix}.member.{n}");
            let inside = format!("{stem}.");
            let mut from = self.0.range(inside.clone()..);
            let any = from.next().is_some_and(|(name, _)| name.starts_with(&inside));
            if !any && !self.0.contains_key(&stem) {
                break;
            }
            found.push(if field.is_empty() {
                self.find(&stem)
            } else {
                self.find(&format!("{inside}{field}"))
            });
        }
        found
    }
}

/// `RoleArn` as the validation messages write it, `roleArn`.
pub(crate) fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(characters).collect()
    })
}

/// A refusal, with AWS's own code and status.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) message: String,
    /// Further elements of S3's errors.
    pub(crate) more: Vec<(&'static str, String)>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            code,
            message: message.into(),
            more: Vec::new(),
        }
    }

    pub(crate) fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        self.more.push((element, text.into()));
        self
    }

    pub(crate) fn denied(message: impl Into<String>) -> Self {
        Self::new(403, "AccessDenied", message)
    }

    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new(400, "ValidationError", message)
    }

    pub(crate) fn malformed_policy(message: impl Into<String>) -> Self {
        Self::new(400, "MalformedPolicyDocument", message)
    }
}

/// What a service answers. No `Debug`: its body may hold credentials.
#[derive(Default)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Headers whose names the client chose (`x-amz-meta-*`).
    pub(crate) metadata: Vec<(String, String)>,
}

impl Answer {
    pub(crate) fn empty(status: u16) -> Self {
        Self {
            status: StatusCode::from_u16(status).unwrap_or_default(),
            ..Self::default()
        }
    }

    pub(crate) fn xml(body: String) -> Self {
        Self {
            body: body.into_bytes(),
            headers: vec![("content-type", "application/xml".to_owned())],
            ..Self::default()
        }
    }

    pub(crate) fn json(body: &serde_json::Value) -> Self {
        Self {
            body: body.to_string().into_bytes(),
            headers: vec![("content-type", "application/json".to_owned())],
            ..Self::default()
        }
    }

    pub(crate) fn text(body: &str) -> Self {
        Self {
            body: body.as_bytes().to_vec(),
            headers: vec![("content-type", "text/plain; charset=utf-8".to_owned())],
            ..Self::default()
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// The query protocol's envelope: `<XResponse><XResult>…</XResult><ResponseMetadata>…`.
pub(crate) fn query_answer(service: Service, operation: &str, request_id: &str, result: &str) -> Answer {
    let namespace = service.namespace();
    let mut answer = Answer::xml(format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{result}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    ));
    answer.headers = vec![("content-type", "text/xml".to_owned())];
    answer
}

/// A refusal as the service words it.
pub(crate) fn refused(service: Service, refusal: &Refusal, request_id: &str, head: bool) -> Answer {
    match service {
        Service::Container => return crate::container::refused(refusal),
        Service::Instance => return crate::instance::refused(refusal),
        Service::SignIn => return crate::signin::refused(refusal),
        _ => {}
    }
    let (code, message) = (refusal.code, escaped(&refusal.message));
    let kind = if refusal.status.is_server_error() {
        "Receiver"
    } else {
        "Sender"
    };
    let (body, content_type) = match service.protocol() {
        Protocol::S3 => {
            let more: String = refusal
                .more
                .iter()
                .map(|(element, text)| format!("<{element}>{}</{element}>", escaped(text)))
                .collect();
            (
                format!(
                    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code>\
                     <Message>{message}</Message>{more}<RequestId>{request_id}</RequestId>\
                     <HostId>sandbox</HostId></Error>"
                ),
                "application/xml",
            )
        }
        Protocol::Query => (
            format!(
                "<ErrorResponse xmlns=\"{}\"><Error><Type>{kind}</Type><Code>{code}</Code>\
                 <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
                service.namespace()
            ),
            "text/xml",
        ),
        Protocol::Json => {
            let mut body = serde_json::json!({"__type": code, "message": refusal.message});
            for (element, text) in &refusal.more {
                body[*element] = text.as_str().into();
            }
            (body.to_string(), "application/json")
        }
    };
    let mut answer = Answer {
        status: refusal.status,
        // S3 answers HEAD with the status alone.
        body: if head { Vec::new() } else { body.into_bytes() },
        headers: vec![("content-type", content_type.to_owned())],
        metadata: Vec::new(),
    };
    if service.protocol() == Protocol::Json {
        answer = answer.header("x-amzn-errortype", code);
    }
    answer
}

/// The answer as it goes out, with the headers every answer has.
pub(crate) fn response(
    answer: Answer,
    service: Service,
    request_id: &str,
    date: &str,
) -> Response<Full<Bytes>> {
    let mut builder = Response::builder()
        .status(answer.status)
        .header("date", date)
        .header("x-amzn-requestid", request_id);
    if service == Service::S3 {
        builder = builder
            .header("x-amz-request-id", request_id)
            .header("x-amz-id-2", "sandbox")
            .header("server", "AmazonS3");
    }
    for (name, value) in &answer.headers {
        builder = builder.header(*name, value);
    }
    for (name, value) in &answer.metadata {
        builder = builder.header(name, value);
    }
    builder
        .body(Full::new(Bytes::from(answer.body)))
        .unwrap_or_else(|_| internal(date))
}

/// Only a header that cannot be written leads here.
fn internal(date: &str) -> Response<Full<Bytes>> {
    let refusal = Refusal::new(500, "InternalFailure", "the answer cannot be written");
    let answer = refused(Service::Sts, &refusal, &ids::request(), false);
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = answer.status;
    if let Ok(date) = date.parse() {
        response.headers_mut().insert("date", date);
    }
    response
}

/// Text as XML has it.
pub(crate) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\r' => safe.push_str("&#13;"),
            // XML has no way to write the other control characters, nor these two.
            '\u{fffe}' | '\u{ffff}' => safe.push('\u{fffd}'),
            c if c.is_control() && c != '\n' && c != '\t' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

//! One sandbox for the whole run, and bytes sent to it.

#![allow(dead_code, reason = "no target needs all of it")]

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::LazyLock;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use rolecall_sandbox::{Account, Role, Sandbox, World};

/// Trusts nobody, so nobody may ever enter it.
const CLOSED: &str = "arn:aws:iam::999999999999:role/Closed";

/// The organization of twenty accounts, and one more account with the closed role.
pub static SANDBOX: LazyLock<Sandbox> = LazyLock::new(|| {
    let nobody = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:*","Principal":"*"}}"#;
    let world = World::ready("organization")
        .expect("a ready world")
        .account(Account::new("999999999999").role(Role::new("Closed", nobody)));
    Sandbox::builder().world(world).start().expect("a free port")
});

/// Sends bytes on a connection of their own and reads what comes back. A fault that was planned by an earlier input may
/// leave no answer; how long that takes is bounded.
pub fn send(bytes: &[u8]) -> String {
    let mut stream = connect();
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let refused = answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 5");
    assert!(
        !refused || !answer.contains("CANARYSECRET"),
        "a refusal holds a secret: {answer}"
    );
    assert!(
        !answer.contains("assumed-role/Closed"),
        "the closed role was entered: {answer}"
    );
    answer
}

/// The server must still answer, whatever was sent. Faults that inputs have planned are taken back first.
pub fn still_answers() {
    let mut stream = connect();
    stream
        .write_all(
            b"DELETE /_sandbox/faults HTTP/1.1\r\nhost: x\r\n\r\n\
              GET /_sandbox/health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        )
        .expect("the server reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("the server answers");
    assert!(answer.contains(r#"{"ok":true}"#), "{answer}");
}

fn connect() -> TcpStream {
    let address: SocketAddr = SANDBOX
        .endpoint()
        .trim_start_matches("http://")
        .parse()
        .expect("an address of this machine");
    let stream = TcpStream::connect(address).expect("the server listens");
    stream
        .set_read_timeout(Some(Duration::from_millis(500)))
        .expect("a socket takes a time-out");
    stream
}

/// A request as bytes, signed.
pub fn signed(
    credentials: &Credentials,
    service: &str,
    (method, path): (&str, &str),
    mut headers: Vec<(String, String)>,
    body: &[u8],
) -> Option<Vec<u8>> {
    headers.push(("host".to_owned(), host()));
    let mut settings = SigningSettings::default();
    if service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(service)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .ok()?
        .into();
    let uri = format!("{}{path}", SANDBOX.endpoint());
    let pairs = headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, &uri, pairs, SignableBody::Bytes(body)).ok()?;
    let (instructions, _) = sign(request, &parameters).ok()?.into_parts();
    let more = instructions
        .headers()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let headers: Vec<_> = headers.into_iter().chain(more).collect();
    Some(request_bytes(method, path, &headers, body))
}

pub fn host() -> String {
    SANDBOX.endpoint().trim_start_matches("http://").to_owned()
}

pub fn request_bytes(method: &str, path: &str, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    let mut text = format!(
        "{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n",
        body.len()
    );
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend(body);
    bytes
}

/// The text of an element of an answer.
pub fn element(answer: &str, name: &str) -> Option<String> {
    let (_, rest) = answer.split_once(&format!("<{name}>"))?;
    rest.split_once("</").map(|(text, _)| text.to_owned())
}

/// Asks STS for a session as `credentials`.
pub fn session(credentials: &Credentials, form: &str) -> Option<Credentials> {
    let headers = vec![(
        "content-type".to_owned(),
        "application/x-www-form-urlencoded".to_owned(),
    )];
    let body = format!("{form}&Version=2011-06-15");
    let answer = send(&signed(
        credentials,
        "sts",
        ("POST", "/"),
        headers,
        body.as_bytes(),
    )?);
    Some(Credentials::new(
        element(&answer, "AccessKeyId")?,
        element(&answer, "SecretAccessKey")?,
        element(&answer, "SessionToken"),
        None,
        "fuzz",
    ))
}

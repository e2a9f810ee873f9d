//! The raw-socket client of what measures the sandbox: calls as bytes, made before anything is timed, and whole answers.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use rolecall_sandbox::Sandbox;

/// A signed call of STS as bytes.
pub(crate) fn signed(sandbox: &Sandbox, credentials: &Credentials, form: &str) -> Vec<u8> {
    let body = format!("{form}&Version=2011-06-15");
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name("sts")
        .time(SystemTime::now())
        .settings(SigningSettings::default())
        .build()
        .unwrap()
        .into();
    let uri = format!("{}/", sandbox.endpoint());
    let host = ("host", sandbox.endpoint().trim_start_matches("http://"));
    let body_bytes = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", &uri, [host].into_iter(), body_bytes).unwrap();
    let (instructions, _) = sign(request, &parameters).unwrap().into_parts();
    let headers: Vec<_> = [host].into_iter().chain(instructions.headers()).collect();
    posted(&headers, &body)
}

/// A form as bytes, with these headers.
pub(crate) fn posted(headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = format!("POST / HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{text}\r\n{body}").into_bytes()
}

/// One request and its whole answer.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8]) -> Vec<u8> {
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the server closed");
        answer.extend_from_slice(&buffer[..read]);
        let Some(head) = answer.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let text = String::from_utf8_lossy(&answer[..head]).to_ascii_lowercase();
        let length: usize = text
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok())
            .unwrap();
        if answer.len() >= head + 4 + length {
            return answer;
        }
    }
}

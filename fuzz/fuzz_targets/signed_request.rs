//! Calls with a good signature and any parameters: what stands behind the signature never goes down either.
#![no_main]

mod server;

use std::time::SystemTime;

use arbitrary::{Arbitrary, Unstructured};
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Names that lead somewhere; anything else is made up by the fuzzer.
const WORDS: &str = include_str!("../words.txt");

#[derive(Arbitrary, Debug)]
struct Call<'a> {
    service: Service,
    action: Word<'a>,
    parameters: Vec<(Word<'a>, u8, Word<'a>, Word<'a>)>,
    path: &'a str,
    body: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Service {
    Iam,
    Organizations,
    S3,
    Sns,
    Sts,
}

#[derive(Debug)]
struct Word<'a>(&'a str);

impl<'a> Arbitrary<'a> for Word<'a> {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        if input.ratio(7, 8)? {
            let words: Vec<&str> = WORDS.lines().collect();
            return input.choose(&words).map(|word| Self(word));
        }
        input.arbitrary().map(Self)
    }
}

fuzz_target!(|call: Call<'_>| {
    let admin = server::SANDBOX.user_keys("admin").expect("every account has one").credentials();
    if let Some(bytes) = signed(&call, &admin) {
        server::send(&bytes);
        server::still_answers();
    }
});

fn signed(call: &Call<'_>, credentials: &Credentials) -> Option<Vec<u8>> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (name, version) = match call.service {
        Service::Iam => ("iam", "2010-05-08"),
        Service::Organizations => ("organizations", ""),
        Service::S3 => ("s3", ""),
        Service::Sns => ("sns", "2010-03-31"),
        Service::Sts => ("sts", "2011-06-15"),
    };
    let mut headers = Vec::new();
    let (method, path, body) = match call.service {
        Service::S3 => ("PUT", format!("/{}", encoded(call.path)), call.body.to_vec()),
        Service::Organizations => {
            let target: String = call.action.0.chars().filter(char::is_ascii_alphanumeric).collect();
            headers.push(("x-amz-target".to_owned(), format!("AWSOrganizationsV20161128.{target}")));
            let pairs: Vec<_> = call
                .parameters
                .iter()
                .map(|(key, _, _, value)| format!("{:?}:{:?}", key.0, value.0))
                .collect();
            ("POST", "/".to_owned(), format!("{{{}}}", pairs.join(",")).into_bytes())
        }
        _ => {
            let mut body = format!("Action={}&Version={version}", encoded(call.action.0));
            for (key, n, member, value) in &call.parameters {
                let key = match n % 4 {
                    0 => format!("{}.member.{}", key.0, n / 4 + 1),
                    1 => format!("{}.member.{}.{}", key.0, n / 4 + 1, member.0),
                    _ => key.0.to_owned(),
                };
                body.push_str(&format!("&{}={}", encoded(&key), encoded(value.0)));
            }
            ("POST", "/".to_owned(), body.into_bytes())
        }
    };
    let host = server::SANDBOX.endpoint().trim_start_matches("http://").to_owned();
    headers.push(("host".to_owned(), host));
    let mut settings = SigningSettings::default();
    if name == "s3" {
        settings.percent_encoding_mode = aws_sigv4::http_request::PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = aws_sigv4::http_request::UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = aws_sigv4::http_request::PayloadChecksumKind::XAmzSha256;
    }
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region("us-east-1")
        .name(name)
        .time(SystemTime::now())
        .settings(settings)
        .build()
        .ok()?
        .into();
    let uri = format!("{}{path}", server::SANDBOX.endpoint());
    let pairs = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let request = SignableRequest::new(method, &uri, pairs, SignableBody::Bytes(&body)).ok()?;
    let (instructions, _) = sign(request, &parameters).ok()?.into_parts();
    let mut text = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    let more = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    for (name, value) in headers.into_iter().chain(more) {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend(body);
    Some(bytes)
}

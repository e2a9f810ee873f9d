//! Any bytes as a request to the local endpoint: nothing is opened but by its exact `Host`, id and token, whatever else the
//! request says. `%H`, `%I`, `%T` and `%M` in the input stand for them and for a token of the instance metadata, which no
//! fuzzer guesses; the oracle reads the request for itself, line by line.
#![no_main]

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};

use libfuzzer_sys::fuzz_target;
use rolecall::endpoint::{Endpoint, Grant, Metadata, Opened};
use rolecall::{Error, Partition, Session};

const HOST: &str = "127.0.0.1:9";
const TOKEN_PATH: &str = "/latest/api/token";
const DATA: [&str; 2] = ["/latest/meta-data/", "/latest/dynamic/"];

/// Never asked: the gates come before it.
struct Nobody;

impl Grant for Nobody {
    fn valid(&self) -> Option<Session> {
        None
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        Box::pin(async { Err(Error::config("nobody")) })
    }
}

struct Known {
    endpoint: Endpoint,
    id: String,
    token: String,
    metadata_token: String,
}

impl Known {
    fn get() -> &'static Self {
        static KNOWN: OnceLock<Known> = OnceLock::new();
        KNOWN.get_or_init(|| {
            let endpoint = Endpoint::new(HOST.parse().expect("an address")).expect("an endpoint");
            let access = endpoint.grant(Arc::new(Nobody)).expect("a grant");
            let about = Metadata {
                role: "Role".to_owned(),
                partition: Partition::Aws,
                region: Some("eu-west-1".to_owned()),
                account: None,
            };
            endpoint.metadata(about, Arc::new(Nobody)).expect("metadata");
            let put = format!(
                "PUT {TOKEN_PATH} HTTP/1.1\r\nHost: {HOST}\r\nX-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n"
            );
            let Some((Opened::MetadataToken(metadata_token), _)) = endpoint.examine(put.as_bytes()) else {
                panic!("no token of the instance metadata");
            };
            Self {
                id: access.uri().rsplit('/').next().expect("an id").to_owned(),
                token: access.token().expose().to_owned(),
                metadata_token: metadata_token.expose().to_owned(),
                endpoint,
            }
        })
    }

    fn fill_in(&self, bytes: &[u8]) -> Vec<u8> {
        let mut filled = Vec::with_capacity(bytes.len() + 256);
        let mut rest = bytes;
        while let Some((&byte, after)) = rest.split_first() {
            let word = match after.first() {
                Some(b'H') if byte == b'%' => HOST,
                Some(b'I') if byte == b'%' => &self.id,
                Some(b'T') if byte == b'%' => &self.token,
                Some(b'M') if byte == b'%' => &self.metadata_token,
                _ => {
                    filled.push(byte);
                    rest = after;
                    continue;
                }
            };
            filled.extend_from_slice(word.as_bytes());
            rest = &after[1..];
        }
        filled
    }
}

/// A request as the oracle reads it.
struct Request<'a> {
    method: &'a [u8],
    path: &'a [u8],
    headers: Vec<(String, &'a [u8])>,
}

impl<'a> Request<'a> {
    fn read(bytes: &'a [u8]) -> Self {
        let mut lines = bytes
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .skip_while(|line| line.is_empty());
        let mut words = lines.next().expect("a line").split(|byte| *byte == b' ');
        let mut word = || words.next().expect("a word");
        let (method, target) = (word(), word());
        assert_eq!(word(), b"HTTP/1.1");
        let path = target.split(|byte| *byte == b'?').next().unwrap_or(target);
        let header = |line: &'a [u8]| {
            let colon = line.iter().position(|byte| *byte == b':').expect("a colon");
            let name = String::from_utf8_lossy(&line[..colon]).to_ascii_lowercase();
            (name, line[colon + 1..].trim_ascii())
        };
        let headers = lines.take_while(|line| !line.is_empty()).map(header).collect();
        Self {
            method,
            path,
            headers,
        }
    }

    fn has_one(&self, name: &str, value: &str) -> bool {
        let mut values = self.headers.iter().filter(|(found, _)| found == name);
        values.next().is_some_and(|(_, found)| *found == value.as_bytes()) && values.next().is_none()
    }

    fn is_a_browsers(&self) -> bool {
        let names = [
            "origin",
            "referer",
            "cookie",
            "forwarded",
            "via",
            "x-forwarded-for",
            "sec-fetch-site",
        ];
        self.headers
            .iter()
            .any(|(name, _)| names.contains(&name.as_str()))
    }

    /// One slash before is passed over, and no more.
    fn metadata_path(&self) -> String {
        let path = String::from_utf8_lossy(self.path);
        path.strip_prefix('/')
            .filter(|rest| rest.starts_with('/'))
            .unwrap_or(&path)
            .to_owned()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let known = Known::get();
    let bytes = known.fill_in(bytes);
    let Some((opened, length)) = known.endpoint.examine(&bytes) else {
        assert!(
            bytes.len() < 8 * 1024,
            "a large head is refused, and waited for no longer"
        );
        return;
    };
    assert!(length <= bytes.len());
    if matches!(opened, Opened::Nothing) {
        return;
    }
    assert!(length <= 8 * 1024);
    let request = Request::read(&bytes[..length]);
    let said = || String::from_utf8_lossy(&bytes).into_owned();
    assert!(request.has_one("host", HOST), "{}", said());
    assert!(!request.is_a_browsers(), "{}", said());
    let path = request.metadata_path();
    let by_metadata = request.method == b"GET"
        && request.has_one("x-aws-ec2-metadata-token", &known.metadata_token)
        && DATA.iter().any(|data| path.starts_with(data));
    let by_token = request.method == b"GET"
        && request.has_one("authorization", &known.token)
        && request.path == format!("/{}", known.id).as_bytes();
    let right = match opened {
        Opened::Credentials => by_token || (by_metadata && path.ends_with("/Role")),
        Opened::Metadata => by_metadata,
        Opened::MetadataToken(_) => request.method == b"PUT" && path == TOKEN_PATH,
        Opened::Nothing => true,
    };
    assert!(right, "{}", said());
});

//! The canonical request: the one spelling of a request that both sides sign.
//!
//! "Create a canonical request" (IAM user guide). It is made for every call, so it is written into one buffer.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};

use super::authorization::Authorization;
use crate::api::Incoming;

/// `A-Z a-z 0-9 - . _ ~` stay, everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ESCAPED_PATH: &AsciiSet = &ESCAPED.remove(b'/');

pub(super) fn request(
    incoming: &Incoming,
    authorization: &Authorization<'_>,
    payload: &str,
    s3: bool,
) -> String {
    let mut text = String::with_capacity(1024);
    text.push_str(incoming.method.as_str());
    text.push('\n');
    path(&mut text, &incoming.path, s3);
    text.push('\n');
    query(&mut text, incoming, authorization.presigned.is_some());
    text.push('\n');
    headers(&mut text, incoming, authorization);
    text.push('\n');
    for (at, name) in authorization.signed_headers().enumerate() {
        if at > 0 {
            text.push(';');
        }
        push_lower(&mut text, name);
    }
    text.push('\n');
    text.push_str(payload);
    text
}

/// Every service but S3 signs the path as it was sent, escaped once more.
fn path(text: &mut String, path: &str, s3: bool) {
    if path == "/" {
        text.push('/');
    } else if s3 {
        let decoded: Cow<'_, [u8]> = percent_decode_str(path).into();
        text.extend(percent_encode(&decoded, ESCAPED_PATH));
    } else {
        text.extend(percent_encode(path.as_bytes(), ESCAPED_PATH));
    }
}

/// Sorted by name and value as they are escaped; the signature itself cannot be signed.
fn query(text: &mut String, incoming: &Incoming, presigned: bool) {
    let escaped = |part: &str| -> String { percent_encode(part.as_bytes(), ESCAPED).collect() };
    let mut pairs: Vec<(String, String)> = incoming
        .query
        .iter()
        .filter(|(key, _)| !(presigned && key.eq_ignore_ascii_case("X-Amz-Signature")))
        .map(|(key, value)| (escaped(key), escaped(value)))
        .collect();
    pairs.sort_unstable();
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            text.push('&');
        }
        text.push_str(key);
        text.push('=');
        text.push_str(value);
    }
}

/// `name:value` lines, blanks inside of a value made one, several values joined by commas.
fn headers(text: &mut String, incoming: &Incoming, authorization: &Authorization<'_>) {
    for name in authorization.signed_headers() {
        push_lower(text, name);
        text.push(':');
        for (at, value) in incoming.headers.get_all(name).iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            let value = String::from_utf8_lossy(value.as_bytes());
            for (at, word) in value.split_whitespace().enumerate() {
                if at > 0 {
                    text.push(' ');
                }
                text.push_str(word);
            }
        }
        text.push('\n');
    }
}

fn push_lower(text: &mut String, name: &str) {
    text.extend(name.chars().map(|c| c.to_ascii_lowercase()));
}

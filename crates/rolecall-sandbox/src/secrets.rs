//! The record of every secret that was issued, and the search for them where they must not be.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::ids::{SECRET_PREFIX, TOKEN_PREFIX};

/// What was issued: the secret, and the access key id it belongs to.
#[derive(Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<HashMap<String, Issued>>>);

#[derive(Clone)]
struct Issued {
    kind: &'static str,
    access_key_id: String,
}

impl Recorder {
    pub(crate) fn secret(&self, access_key_id: &str, secret: &str) {
        self.record("secret access key", access_key_id, secret);
    }

    pub(crate) fn token(&self, access_key_id: &str, token: &str) {
        self.record("session token", access_key_id, token);
    }

    /// What can be found of a web identity token wherever it stands: the id inside of it.
    pub(crate) fn web_identity(&self, subject: &str, token_id: &str) {
        self.record("web identity token", subject, token_id);
    }

    /// The seed of an MFA device.
    pub(crate) fn seed(&self, serial: &str, seed: &str) {
        self.record("MFA seed", serial, seed);
    }

    fn record(&self, kind: &'static str, access_key_id: &str, text: &str) {
        let access_key_id = access_key_id.to_owned();
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(text.to_owned(), Issued { kind, access_key_id });
    }

    pub(crate) fn snapshot(&self) -> IssuedSecrets {
        IssuedSecrets(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

/// Every secret access key and session token a sandbox has issued until now.
///
/// Access key ids are not among them: they are names, and may be shown.
#[derive(Clone)]
pub struct IssuedSecrets(HashMap<String, Issued>);

impl fmt::Debug for IssuedSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuedSecrets({})", self.0.len())
    }
}

/// A secret found where it was searched for. Says what and whose, never the secret itself.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub struct Leak {
    /// `secret access key`, `session token`, `web identity token` or `MFA seed`.
    pub kind: &'static str,
    /// `raw`, `base64`, `percent-encoded`, `JSON-escaped` or `hex`.
    pub form: &'static str,
    /// The access key id it belongs to; the subject of a web identity token, the serial number of an MFA device.
    pub access_key_id: String,
}

impl Leak {
    fn is_of_same(&self, other: &Self) -> bool {
        (self.kind, &self.access_key_id) == (other.kind, &other.access_key_id)
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} of {} ({})", self.kind, self.access_key_id, self.form)
    }
}

impl IssuedSecrets {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every secret in `bytes`: as it is, base64 in any alignment and either alphabet (line breaks included),
    /// percent-encoded up to twice, with JSON's escapes, or in hex.
    ///
    /// The haystack is decoded, not the secrets encoded: escaping has too many spellings to list, and a canary's prefix
    /// is quick to find, so that thousands of secrets cost no more than one.
    pub fn leaks_in(&self, bytes: &[u8]) -> Vec<Leak> {
        let mut leaks = Vec::new();
        let percent = percent_decoded(bytes);
        let twice = percent_decoded(&percent);
        let json = json_unescaped(bytes);
        let json_percent = json_unescaped(&percent);
        for (text, form) in [
            (bytes, "raw"),
            (&percent, "percent-encoded"),
            (&twice, "percent-encoded"),
            (&json, "JSON-escaped"),
            (&json_percent, "JSON-escaped"),
        ] {
            let mut found = Vec::new();
            self.search_raw(text, form, &mut found);
            // What stands there in one form is also found in every further decoding of it.
            found.retain(|leak| !leaks.iter().any(|before| leak.is_of_same(before)));
            leaks.append(&mut found);
        }
        for text in [bytes, &percent, &json] {
            self.search_base64(text, &mut leaks);
        }
        self.search_hex(bytes, &mut leaks);
        leaks.sort();
        leaks.dedup();
        leaks
    }

    /// The lengths of the secrets that begin with `prefix`: one each, unless the world changes.
    fn lengths(&self, prefix: &str) -> Vec<usize> {
        let mut lengths: Vec<_> = self
            .0
            .keys()
            .filter(|text| text.starts_with(prefix))
            .map(String::len)
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        lengths
    }

    fn search_raw(&self, text: &[u8], form: &'static str, leaks: &mut Vec<Leak>) {
        for prefix in [SECRET_PREFIX, TOKEN_PREFIX] {
            let lengths = self.lengths(prefix);
            for at in positions(text, prefix.as_bytes()) {
                for length in &lengths {
                    self.check(text.get(at..at + length), form, leaks);
                }
            }
        }
    }

    fn search_base64(&self, text: &[u8], leaks: &mut Vec<Leak>) {
        let text: Vec<u8> = text
            .iter()
            .filter(|byte| !byte.is_ascii_whitespace())
            .map(|byte| match byte {
                b'-' => b'+',
                b'_' => b'/',
                byte => *byte,
            })
            .collect();
        for prefix in [SECRET_PREFIX, TOKEN_PREFIX] {
            let lengths = self.lengths(prefix);
            for alignment in 0..3 {
                let mut block = vec![0; alignment];
                block.extend_from_slice(prefix.as_bytes());
                let encoded = STANDARD_NO_PAD.encode(&block);
                // The first characters depend on what stands before, the last on what follows.
                let first = (alignment * 8).div_ceil(6);
                let stable = &encoded.as_bytes()[first..block.len() * 8 / 6];
                for at in positions(&text, stable) {
                    for length in &lengths {
                        let characters = ((alignment + length) * 8).div_ceil(6) - first;
                        let Some(found) = text.get(at..at + characters) else {
                            continue;
                        };
                        let whole = [&encoded.as_bytes()[..first], found].concat();
                        let Some(decoded) = base64_bits(&whole) else {
                            continue;
                        };
                        self.check(decoded.get(alignment..alignment + length), "base64", leaks);
                    }
                }
            }
        }
    }

    fn search_hex(&self, text: &[u8], leaks: &mut Vec<Leak>) {
        let lower = text.to_ascii_lowercase();
        for prefix in [SECRET_PREFIX, TOKEN_PREFIX] {
            let encoded: String = prefix.bytes().map(|byte| format!("{byte:02x}")).collect();
            for at in positions(&lower, encoded.as_bytes()) {
                for length in self.lengths(prefix) {
                    let found = lower.get(at..at + 2 * length).map(|digits| {
                        digits
                            .chunks_exact(2)
                            .map(|pair| hex_pair(pair[0], pair[1]).unwrap_or_default())
                            .collect::<Vec<u8>>()
                    });
                    self.check(found.as_deref(), "hex", leaks);
                }
            }
        }
    }

    fn check(&self, found: Option<&[u8]>, form: &'static str, leaks: &mut Vec<Leak>) {
        let issued = found
            .and_then(|found| std::str::from_utf8(found).ok())
            .and_then(|found| self.0.get(found));
        if let Some(issued) = issued {
            leaks.push(Leak {
                kind: issued.kind,
                form,
                access_key_id: issued.access_key_id.clone(),
            });
        }
    }
}

fn positions<'a>(text: &'a [u8], needle: &'a [u8]) -> impl Iterator<Item = usize> + 'a {
    text.windows(needle.len())
        .enumerate()
        .filter(move |(_, window)| *window == needle)
        .map(|(at, _)| at)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn percent_decoded(bytes: &[u8]) -> Vec<u8> {
    percent_encoding::percent_decode(bytes).collect()
}

/// The escapes of JSON strings that can stand for a character of a secret.
fn json_unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        match *tail {
            [b'u', b'0', b'0', high, low, ..] if hex_pair(high, low).is_some() => {
                text.extend(hex_pair(high, low));
                rest = &tail[5..];
            }
            [escaped, ..] => {
                text.push(escaped);
                rest = &tail[1..];
            }
            [] => text.push(byte),
        }
    }
    text
}

/// Decodes without minding how the last character's spare bits are set: more text may follow there.
fn base64_bits(text: &[u8]) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut decoded) = (0_u32, 0, Vec::new());
    for &c in text {
        let value = match c {
            b'A'..=b'Z' => c - b'A',
            b'a'..=b'z' => c - b'a' + 26,
            b'0'..=b'9' => c - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6) | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            decoded.push(u8::try_from((bits >> count) & 0xff).ok()?);
            bits &= (1 << count) - 1;
        }
    }
    Some(decoded)
}

#[cfg(test)]
mod tests {
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    use super::*;
    use crate::ids;

    fn forms(secrets: &IssuedSecrets, text: &str) -> Vec<&'static str> {
        let mut forms: Vec<_> = secrets
            .leaks_in(text.as_bytes())
            .iter()
            .map(|leak| leak.form)
            .collect();
        forms.dedup();
        forms
    }

    #[test]
    fn a_deliberate_leak_is_found_in_every_form() {
        let recorder = Recorder::default();
        let (secret, token) = (ids::secret(), ids::token());
        recorder.secret("AKIACANARYA", &secret);
        recorder.token("ASIACANARYA", &token);
        let secrets = recorder.snapshot();
        for text in [&secret, &token] {
            assert_eq!(forms(&secrets, &format!("before {text} after")), ["raw"]);
            for before in ["", "a", "ab", "abc"] {
                for after in ["", "x", "xy"] {
                    let whole = format!("{before}{text}{after}");
                    assert_eq!(
                        forms(&secrets, &STANDARD.encode(&whole)),
                        ["base64"],
                        "{before}+{after}"
                    );
                    assert_eq!(
                        forms(&secrets, &format!("x={}", URL_SAFE_NO_PAD.encode(&whole))),
                        ["base64"]
                    );
                }
            }
            let wrapped: Vec<String> = STANDARD
                .encode(format!("x{text}"))
                .as_bytes()
                .chunks(76)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            assert_eq!(forms(&secrets, &wrapped.join("\r\n")), ["base64"]);
            let every: String = text.bytes().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(forms(&secrets, &every), ["percent-encoded"]);
            let twice = every.replace('%', "%25");
            assert_eq!(forms(&secrets, &twice), ["percent-encoded"]);
            let escaped: String = text.bytes().map(|byte| format!("\\u{byte:04X}")).collect();
            assert_eq!(forms(&secrets, &escaped), ["JSON-escaped"]);
            let hex: String = text.bytes().map(|byte| format!("{byte:02X}")).collect();
            assert_eq!(forms(&secrets, &hex), ["hex"]);
        }
        assert_eq!(
            forms(&secrets, &token.replace('/', "\\/").replace('+', "\\u002b")),
            ["JSON-escaped"]
        );
        assert_eq!(
            forms(
                &secrets,
                &token.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
            ),
            ["percent-encoded"]
        );
    }

    #[test]
    fn what_was_not_issued_is_no_leak_and_nothing_is_shown() {
        let recorder = Recorder::default();
        let secret = ids::secret();
        recorder.secret("AKIACANARYA", &secret);
        let secrets = recorder.snapshot();
        assert!(secrets.leaks_in(ids::secret().as_bytes()).is_empty());
        assert!(secrets.leaks_in(b"AKIACANARYA").is_empty());
        assert!(secrets.leaks_in(&secret.as_bytes()[..39]).is_empty());
        let leaks = secrets.leaks_in(secret.as_bytes());
        assert_eq!(leaks[0].to_string(), "the secret access key of AKIACANARYA (raw)");
        assert!(!format!("{leaks:?}{secrets:?}").contains(SECRET_PREFIX));
    }
}

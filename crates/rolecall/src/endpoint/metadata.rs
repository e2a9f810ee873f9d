//! Instance metadata, version 2: for programs that know of no other source of credentials.
//!
//! The protocol has no secret that a client brings: a `PUT` hands out a token to whoever asks. So what keeps others out
//! is what comes before it: the peer's user, the exact `Host`, nothing a browser or a proxy sends, and a method and
//! headers that no page and no forged GET can send.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::gates::{Refusal, Wanted};
use super::grants::Outlet;
use super::{Grant, Metadata};
use crate::error::{Error, ErrorKind};
use crate::secret::Secret;

/// What AWS allows a token to live, in seconds.
const LIFETIMES: std::ops::RangeInclusive<u32> = 1..=21_600;
const TOKEN: &str = "/latest/api/token";
const DATA: &str = "/latest/meta-data/";
const ROLES: &str = "iam/security-credentials";
const DOCUMENT: &str = "/latest/dynamic/instance-identity/document";

/// The metadata of one endpoint.
pub(super) struct Service {
    about: Metadata,
    pub(super) outlet: Arc<Outlet>,
    tokens: Tokens,
}

/// What a request to the service carries, besides its path.
pub(super) struct Asked<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    /// The one token it shows; none where it shows two.
    pub(super) token: Option<&'a [u8]>,
    /// The lifetime it wishes a token to have.
    pub(super) lifetime: Option<&'a [u8]>,
}

impl Service {
    pub(super) fn new(about: Metadata, grant: Arc<dyn Grant>) -> Result<Self, Error> {
        if !is_a_word(&about.role) {
            return Err(Error::config(
                "the role's name in the instance metadata has characters that no role's name has",
            ));
        }
        Ok(Self {
            about,
            outlet: Outlet::new(grant),
            tokens: Tokens::new()?,
        })
    }

    /// Whether the path is the service's, if it is anything's: `/latest` and below. SDKs that join an endpoint ending in
    /// a slash with a path send two.
    pub(super) fn path_of(target: &str) -> Option<&str> {
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let path = if path.starts_with("//") { &path[1..] } else { path };
        (path == "/latest" || path.starts_with("/latest/")).then_some(path)
    }

    /// What a request gets that has passed every gate before the method's.
    pub(super) fn judge(&self, asked: &Asked<'_>, now: Instant) -> Result<Wanted, Refusal> {
        match (asked.path, asked.method) {
            (TOKEN, "PUT") => self.hand_out_token(asked.lifetime, now),
            (TOKEN, _) => Err(Refusal::Method("PUT")),
            (_, "GET") if self.tokens.accept(asked.token, now) => self.find(asked.path),
            (_, "GET") => Err(Refusal::MetadataToken),
            _ => Err(Refusal::Method("GET")),
        }
    }

    fn hand_out_token(&self, lifetime: Option<&[u8]>, now: Instant) -> Result<Wanted, Refusal> {
        let seconds = lifetime
            .and_then(|value| std::str::from_utf8(value).ok())
            .filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()))
            .and_then(|value| value.parse().ok())
            .filter(|seconds| LIFETIMES.contains(seconds))
            .ok_or(Refusal::Malformed(
                "X-aws-ec2-metadata-token-ttl-seconds must be one number from 1 to 21600",
            ))?;
        let token = self.tokens.new_token(seconds, now).map_err(Refusal::Failed)?;
        Ok(Wanted::MetadataToken { token, seconds })
    }

    fn find(&self, path: &str) -> Result<Wanted, Refusal> {
        if self.outlet.is_withdrawn() {
            return Err(Refusal::NoMetadata);
        }
        if path == DOCUMENT {
            return Ok(Wanted::Document(self.document()));
        }
        let below = path.strip_prefix(DATA).ok_or(Refusal::NoMetadata)?;
        let text = match below {
            "" => "iam/\nplacement/".to_owned(),
            "iam" | "iam/" => "info\nsecurity-credentials/".to_owned(),
            "iam/info" => return Ok(Wanted::Document(self.iam_info())),
            "placement" | "placement/" if self.about.region.is_some() => {
                "availability-zone\nregion".to_owned()
            }
            "placement/region" | "placement/region/" => self.region()?.to_owned(),
            "placement/availability-zone" | "placement/availability-zone/" => self.zone()?,
            _ => return self.role_or_credentials(below),
        };
        Ok(Wanted::Text(text))
    }

    /// botocore and the SDK for Rust take the list for the role's name, as it is: no newline behind it. The newer
    /// `-extended` paths differ in saying the account, which ours always do.
    fn role_or_credentials(&self, below: &str) -> Result<Wanted, Refusal> {
        let rest = below.strip_prefix(ROLES).ok_or(Refusal::NoMetadata)?;
        match rest.strip_prefix("-extended").unwrap_or(rest) {
            "" | "/" => Ok(Wanted::Text(self.about.role.clone())),
            name if name.strip_prefix('/') == Some(&self.about.role) => {
                Ok(Wanted::Credentials(Arc::clone(&self.outlet)))
            }
            _ => Err(Refusal::NoMetadata),
        }
    }

    fn region(&self) -> Result<&str, Refusal> {
        self.about.region.as_deref().ok_or(Refusal::NoMetadata)
    }

    /// A zone of the region: botocore asks for one, and takes its last letter away.
    fn zone(&self) -> Result<String, Refusal> {
        Ok(format!("{}a", self.region()?))
    }

    fn iam_info(&self) -> serde_json::Value {
        let Metadata { role, partition, .. } = &self.about;
        let account = self.about.account.as_deref().unwrap_or_default();
        let arn = format!("arn:{partition}:iam::{account}:instance-profile/{role}");
        serde_json::json!({ "Code": "Success", "InstanceProfileArn": arn })
    }

    fn document(&self) -> serde_json::Value {
        let mut document = serde_json::json!({ "version": "2017-09-30" });
        let known = [
            ("accountId", self.about.account.clone()),
            ("region", self.about.region.clone()),
            ("availabilityZone", self.zone().ok()),
        ];
        for (name, value) in known {
            if let Some(value) = value {
                document[name] = value.into();
            }
        }
        document
    }
}

/// The characters of a role's name (IAM API reference, CreateRole), so that it is one line and one part of a path.
fn is_a_word(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    !name.is_empty() && name.len() <= 64 && name.bytes().all(allowed)
}

/// Tokens that are kept nowhere: each carries its end and a code that only this process can make. A table would have to be
/// bounded, and whoever asks for many tokens would push others' out of it.
struct Tokens {
    /// A whole block of the digest: such a key cannot be refused.
    key: Zeroizing<[u8; 64]>,
    began: Instant,
}

impl Tokens {
    fn new() -> Result<Self, Error> {
        let mut key = Zeroizing::new([0; 64]);
        fill(&mut *key)?;
        Ok(Self {
            key,
            began: Instant::now(),
        })
    }

    /// Sixteen random bytes, the end in seconds since the beginning, and the code, as hexadecimal digits.
    fn new_token(&self, seconds: u32, now: Instant) -> Result<Secret, Error> {
        let mut signed = [0; 24];
        fill(&mut signed[..16])?;
        let ends = now.duration_since(self.began) + Duration::from_secs(seconds.into());
        let ends = u64::try_from(ends.as_millis()).unwrap_or(u64::MAX);
        signed[16..].copy_from_slice(&ends.to_be_bytes());
        let code = self.code(&signed).finalize().into_bytes();
        let mut text = String::with_capacity(2 * (signed.len() + code.len()));
        for byte in signed.iter().chain(&code) {
            // Writing to a string does not fail.
            _ = write!(text, "{byte:02x}");
        }
        Ok(Secret::new(text))
    }

    /// Whether the token is one of ours and has not ended.
    fn accept(&self, token: Option<&[u8]>, now: Instant) -> bool {
        let Some(bytes) = token.and_then(decode) else {
            return false;
        };
        let (signed, code) = bytes.split_at(24);
        let Some(ends) = signed[16..].first_chunk().map(|ends| u64::from_be_bytes(*ends)) else {
            return false;
        };
        // In constant time.
        let is_ours = self.code(signed).verify_slice(code).is_ok();
        is_ours && now.duration_since(self.began) < Duration::from_millis(ends)
    }

    fn code(&self, signed: &[u8]) -> Hmac<Sha256> {
        let mut code = Hmac::<Sha256>::new(&(*self.key).into());
        code.update(signed);
        code
    }
}

fn decode(token: &[u8]) -> Option<[u8; 56]> {
    let mut bytes = [0; 56];
    if token.len() != 2 * bytes.len() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(token.chunks_exact(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        let lower = digits
            .bytes()
            .all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        *byte = lower.then(|| u8::from_str_radix(digits, 16).ok()).flatten()?;
    }
    Some(bytes)
}

fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    getrandom::fill(bytes)
        .map_err(|error| Error::new(ErrorKind::Internal, "the system gives no randomness").with_source(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_holds_until_its_end_and_in_its_own_endpoint_only() {
        let (tokens, others) = (Tokens::new().unwrap(), Tokens::new().unwrap());
        let now = Instant::now();
        let token = tokens.new_token(21_600, now).unwrap();
        let token = token.expose().as_bytes();
        let second = Duration::from_secs(1);
        assert!(tokens.accept(Some(token), now));
        assert!(tokens.accept(Some(token), now + 21_599 * second));
        assert!(!tokens.accept(Some(token), now + 21_600 * second));
        assert!(!others.accept(Some(token), now));
        assert!(!tokens.accept(None, now));
        for at in 0..token.len() {
            let mut changed = token.to_owned();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(!tokens.accept(Some(&changed), now), "{at}");
        }
        assert!(!tokens.accept(Some(&token.to_ascii_uppercase()), now));
        assert!(!tokens.accept(Some(&token[2..]), now));
    }

    #[test]
    fn a_role_is_one_part_of_a_path() {
        for name in ["Admin", "a_b+c=d,e.f@g-h"] {
            assert!(is_a_word(name), "{name}");
        }
        for name in ["", "a/b", "a\n", "a b", "ä", &"x".repeat(65)] {
            assert!(!is_a_word(name), "{name:?}");
        }
    }

    #[test]
    fn paths_are_the_services_own() {
        for target in ["/latest", "/latest/", "//latest/api/token", "/latest/x?a=b"] {
            assert!(Service::path_of(target).is_some(), "{target}");
        }
        for target in [
            "/",
            "///latest/",
            "/latest1/",
            "/LATEST/",
            "/1.0/meta-data/",
            "/x//latest/",
        ] {
            assert!(Service::path_of(target).is_none(), "{target}");
        }
    }
}

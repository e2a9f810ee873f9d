//! The sandbox's own OpenID Connect issuer: the identity provider behind AssumeRoleWithWebIdentity.
//!
//! It serves what a provider serves ("OpenID Connect Discovery 1.0", RFC 7517) and mints what it is asked for, wrong claims
//! too, because a test needs tokens that STS must refuse. It signs by ES256 (RFC 7518) with a key of its own.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, UnparsedPublicKey,
};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::clock;
use crate::ids;
use crate::secrets::Recorder;

/// Where it is, under the endpoint.
const PATH: &str = "/_sandbox/oidc";
/// How long a token is good, unless it is told.
const LIFETIME_SECONDS: i64 = 3600;

pub(crate) struct Issuer {
    key: EcdsaKeyPair,
    key_id: String,
    url: String,
    /// The ids of the tokens that were called back.
    revoked: Mutex<BTreeSet<String>>,
}

/// A token, taken apart and not yet believed.
pub(crate) struct Token<'a> {
    signed: &'a str,
    signature: Vec<u8>,
    header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

impl<'a> Token<'a> {
    pub(crate) fn parse(text: &'a str) -> Option<Self> {
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let object = |part: &str| match serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        };
        Some(Self {
            signed,
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            header: object(header)?,
            claims: object(claims)?,
        })
    }

    pub(crate) fn text(&self, claim: &str) -> Option<&str> {
        self.claims.get(claim)?.as_str()
    }
}

/// The issuer of the sandbox at this endpoint.
pub(crate) fn url(endpoint: &str) -> String {
    format!("{endpoint}{PATH}")
}

impl Issuer {
    pub(crate) fn new(endpoint: &str) -> io::Result<Self> {
        let broken = || io::Error::other("the operating system has no randomness");
        let random = SystemRandom::new();
        let document =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).map_err(|_| broken())?;
        let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random)
            .map_err(|_| broken())?;
        let digest = Sha256::digest(key.public_key().as_ref());
        Ok(Self {
            key_id: URL_SAFE_NO_PAD.encode(digest),
            key,
            url: url(endpoint),
            revoked: Mutex::default(),
        })
    }

    /// What is in `iss`.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// A token with these claims. `iss`, `iat`, `exp` and `jti` are filled in, unless they are given, as `null` to leave
    /// one out; `lifetime_seconds` says when it ends. Its id is a canary, whatever was asked for.
    pub(crate) fn mint(
        &self,
        mut claims: Map<String, Value>,
        now: SystemTime,
        recorder: &Recorder,
    ) -> String {
        let now = i64::try_from(clock::epoch_seconds(now)).unwrap_or(i64::MAX);
        let lifetime = claims
            .remove("lifetime_seconds")
            .and_then(|seconds| seconds.as_i64())
            .unwrap_or(LIFETIME_SECONDS);
        for (claim, value) in [
            ("iss", json!(self.url)),
            ("iat", json!(now)),
            ("exp", json!(now.saturating_add(lifetime))),
        ] {
            claims.entry(claim).or_insert(value);
        }
        let id = ids::token_id();
        claims.insert("jti".to_owned(), json!(id));
        claims.retain(|_, value| !value.is_null());
        let subject = claims.get("sub").and_then(Value::as_str).unwrap_or("nobody");
        recorder.web_identity(subject, &id);
        let header = json!({"alg": "ES256", "kid": self.key_id, "typ": "JWT"});
        self.sign(&header, claims)
    }

    fn sign(&self, header: &Value, claims: Map<String, Value>) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(Value::Object(claims).to_string())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .map(|signature| URL_SAFE_NO_PAD.encode(signature))
            .unwrap_or_default();
        format!("{signed}.{signature}")
    }

    /// Whether the token is one of this issuer's, by algorithm, key and signature. `none` and algorithms with a shared
    /// secret are no signature here, whoever asks for them.
    pub(crate) fn signed(&self, token: &Token<'_>) -> bool {
        let says = |name: &str, value: &str| token.header.get(name).and_then(Value::as_str) == Some(value);
        says("alg", "ES256")
            && says("kid", &self.key_id)
            && UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, self.key.public_key().as_ref())
                .verify(token.signed.as_bytes(), &token.signature)
                .is_ok()
    }

    /// Whether the token was called back.
    pub(crate) fn is_revoked(&self, token: &Token<'_>) -> bool {
        let revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        token.text("jti").is_some_and(|id| revoked.contains(id))
    }

    /// The calls under `/_sandbox/oidc/`.
    pub(crate) fn answer(
        &self,
        path: &str,
        call: &Open<'_>,
        recorder: &Recorder,
    ) -> Option<Result<Answer, Refusal>> {
        let answer = match (&call.incoming.method, path) {
            (&Method::GET, ".well-known/openid-configuration") => Ok(Answer::json(&self.discovery())),
            (&Method::GET, "jwks") => Ok(Answer::json(&self.keys())),
            (&Method::POST, "token") => body(call).map(|claims| {
                let token = self.mint(claims, call.clock.session(), recorder);
                Answer::json(&json!({"token": token}))
            }),
            (&Method::POST, "revoke") => body(call).and_then(|body| self.revoke(&body)),
            _ => return None,
        };
        Some(answer)
    }

    fn revoke(&self, body: &Map<String, Value>) -> Result<Answer, Refusal> {
        let token = body.get("token").and_then(Value::as_str).unwrap_or_default();
        match Token::parse(token) {
            Some(token) if self.signed(&token) => {
                let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
                revoked.extend(token.text("jti").map(str::to_owned));
                Ok(Answer::json(&json!({})))
            }
            _ => Err(Refusal::new(400, "BadRequest", "no token of this issuer")),
        }
    }

    fn discovery(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": format!("{}/jwks", self.url),
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "nbf", "jti", "amr", "azp", "email"],
        })
    }

    /// The public key: an uncompressed point is a byte 4, then both coordinates.
    fn keys(&self) -> Value {
        let point = self.key.public_key().as_ref();
        let coordinate =
            |range: std::ops::Range<usize>| URL_SAFE_NO_PAD.encode(point.get(range).unwrap_or_default());
        json!({"keys": [{
            "kty": "EC",
            "crv": "P-256",
            "use": "sig",
            "alg": "ES256",
            "kid": self.key_id,
            "x": coordinate(1..33),
            "y": coordinate(33..65),
        }]})
    }
}

fn body(call: &Open<'_>) -> Result<Map<String, Value>, Refusal> {
    match serde_json::from_slice(&call.incoming.body) {
        Ok(Value::Object(object)) => Ok(object),
        _ => Err(Refusal::new(400, "BadRequest", "the body is a JSON object")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header is signed too, so only the issuer itself could say another algorithm.
    #[test]
    fn a_signature_counts_under_its_own_name_alone() {
        let issuer = Issuer::new("http://127.0.0.1:1").unwrap();
        let id = issuer.key_id.clone();
        for (header, expected) in [
            (json!({"alg": "ES256", "kid": id}), true),
            (json!({"alg": "none", "kid": id}), false),
            (json!({"alg": "HS256", "kid": id}), false),
            (json!({"alg": "ES256", "kid": "other"}), false),
            (json!({"alg": "ES256"}), false),
            (json!({}), false),
        ] {
            let token = issuer.sign(&header, Map::new());
            assert_eq!(
                issuer.signed(&Token::parse(&token).unwrap()),
                expected,
                "{header}"
            );
        }
        let other = Issuer::new("http://127.0.0.1:1").unwrap();
        let token = other.sign(&json!({"alg": "ES256", "kid": id}), Map::new());
        assert!(!issuer.signed(&Token::parse(&token).unwrap()));
    }

    #[test]
    fn nonsense_is_no_token() {
        for text in [
            "",
            ".",
            "..",
            "a.b",
            "YQ.YQ.YQ",
            "e30.e30",
            "e30.W10.",
            "e30.e30.=",
            "é.é.é",
            "e30.e30.e30.",
        ] {
            assert!(Token::parse(text).is_none(), "{text}");
        }
        assert!(Token::parse("e30.e30.").is_some());
    }
}

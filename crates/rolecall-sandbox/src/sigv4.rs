//! Signature Version 4, verified: "Create a signed AWS API request" (IAM user guide) and "Authenticating Requests" (S3 API
//! reference).

mod authorization;
mod canonical;
mod chunked;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api::{Incoming, Refusal};
use crate::clock::{self, Clock};
use crate::service::Service;
use crate::state::{Actor, Caller, Session, State};
use authorization::Authorization;

/// How far a client's clock may be off.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// How a request says it is signed.
enum Algorithm {
    Hmac,
    /// Signature Version 4A, for several regions at once.
    Ecdsa,
    Other,
}

impl Algorithm {
    fn of(name: &str) -> Self {
        match name {
            "AWS4-HMAC-SHA256" => Self::Hmac,
            "AWS4-ECDSA-P256-SHA256" => Self::Ecdsa,
            _ => Self::Other,
        }
    }
}

/// A request whose signature is good.
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) access_key_id: String,
    pub(crate) region: String,
}

/// The service a request is signed for, before anything is checked.
pub(crate) fn claimed_service(incoming: &Incoming) -> Option<Service> {
    Service::from_name(authorization::claimed_credential(incoming)?.split('/').nth(3)?)
}

/// Whether a parameter of the query is part of a signature, or one of the headers that SDKs move there when they presign
/// and that change nothing.
pub(crate) fn is_parameter(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let Some(rest) = name.strip_prefix("x-amz-") else {
        return false;
    };
    let signature = [
        "algorithm",
        "credential",
        "date",
        "expires",
        "security-token",
        "signature",
        "signedheaders",
    ];
    let moved = ["content-sha256", "user-agent"];
    signature.contains(&rest)
        || moved.contains(&rest)
        || rest.starts_with("checksum-")
        || rest.starts_with("sdk-")
}

/// Verifies who sent a request, and takes an `aws-chunked` body out of its chunks.
pub(crate) fn verify(
    incoming: &mut Incoming,
    service: Service,
    state: &State,
    clock: &Clock,
) -> Result<Verified, Refusal> {
    let s3 = service == Service::S3;
    let authorization = authorization::read(incoming, service)?;
    check_scope(&authorization, service)?;
    let (secret, session, account, actor) = find_key(&authorization, state, s3)?;
    check_window(&authorization, clock.wall(), s3)?;

    let payload = payload_hash(incoming, &authorization, s3)?;
    let key = signing_key(secret, &authorization);
    let scope = format!(
        "{}/{}/{}/aws4_request",
        authorization.date, authorization.region, authorization.service
    );
    let at = clock::basic(authorization.signed_at);
    let canonical = canonical::request(incoming, &authorization, &payload, s3);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let expected = hex(&hmac(&key, to_sign.as_bytes()));
    if !same(&expected, authorization.signature) {
        return Err(mismatch());
    }

    if let Some(session) = &session
        && clock.session() >= session.expires
    {
        return Err(if s3 {
            Refusal::new(400, "ExpiredToken", "The provided token has expired.")
        } else {
            Refusal::new(
                403,
                "ExpiredToken",
                "The security token included in the request is expired",
            )
        });
    }
    let (access_key_id, region) = (
        authorization.access_key_id.to_owned(),
        authorization.region.to_owned(),
    );
    if s3 {
        let chain = chunked::Chain {
            key,
            at,
            scope,
            previous: expected,
        };
        check_body(incoming, &payload, chain)?;
        check_sums(incoming)?;
    }
    let caller = state
        .caller(account, actor, session)
        .ok_or_else(|| unknown_key(s3))?;
    Ok(Verified {
        caller,
        access_key_id,
        region,
    })
}

/// Date, region and service of the credential scope.
fn check_scope(authorization: &Authorization<'_>, service: Service) -> Result<(), Refusal> {
    let s3 = service == Service::S3;
    let presigned = authorization.presigned.is_some();
    let refuse = |why: String| {
        Err(match (s3, presigned) {
            (true, true) => Refusal::new(400, "AuthorizationQueryParametersError", why),
            (true, false) => Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {why}"),
            ),
            (false, _) => Refusal::new(403, "SignatureDoesNotMatch", why),
        })
    };
    let at = clock::basic(authorization.signed_at);
    let day = at.get(..8).unwrap_or_default();
    if authorization.date != day {
        return refuse(if s3 && presigned {
            format!(
                "Invalid credential date \"{}\". This date is not the same as X-Amz-Date: \"{day}\".",
                authorization.date
            )
        } else {
            format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{}' != '{day}'.",
                authorization.date
            )
        });
    }
    if authorization.service != service.name() {
        return refuse(if s3 && presigned {
            format!(
                "Error parsing the X-Amz-Credential parameter; incorrect service \"{}\". This endpoint belongs to \
                 \"s3\".",
                authorization.service
            )
        } else {
            format!(
                "Credential should be scoped to correct service: '{}'.",
                service.name()
            )
        });
    }
    let region = authorization.region;
    let known = match service {
        // Global, and signed for one region.
        Service::Iam | Service::Organizations => region == "us-east-1",
        _ => {
            region.parse::<rolecall::Region>().is_ok()
                && region.split('-').count() >= 3
                && region.ends_with(|c: char| c.is_ascii_digit())
        }
    };
    if !known {
        return refuse(format!(
            "Credential should be scoped to a valid region, not '{region}'."
        ));
    }
    Ok(())
}

type Key<'a> = (&'a str, Option<Arc<Session>>, rolecall::AccountId, &'a Actor);

/// The secret behind a key id, if the token that comes with it is the one it was issued with.
fn find_key<'a>(authorization: &Authorization<'_>, state: &'a State, s3: bool) -> Result<Key<'a>, Refusal> {
    let (id, token) = (authorization.access_key_id, authorization.token);
    if let Some(session) = state.sessions.get(id) {
        return match token {
            Some(token) if same(token, &session.token) => Ok((
                &session.secret,
                Some(Arc::clone(session)),
                session.account,
                &session.actor,
            )),
            Some(_) => Err(bad_token(s3)),
            // Without its token, a temporary key is no key.
            None => Err(unknown_key(s3)),
        };
    }
    match state.keys.get(id) {
        Some(key) if key.active && key.is_known() => match token {
            Some(_) => Err(bad_token(s3)),
            None => Ok((&key.secret, None, key.account, &key.actor)),
        },
        _ => Err(unknown_key(s3)),
    }
}

fn unknown_key(s3: bool) -> Refusal {
    if s3 {
        Refusal::new(
            403,
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
        )
    } else {
        bad_token(false)
    }
}

fn bad_token(s3: bool) -> Refusal {
    if s3 {
        Refusal::new(
            400,
            "InvalidToken",
            "The provided token is malformed or otherwise invalid.",
        )
    } else {
        Refusal::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        )
    }
}

fn mismatch() -> Refusal {
    Refusal::new(
        403,
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
         Access Key and signing method. Consult the service documentation for details.",
    )
}

/// A signature is good for fifteen minutes, before and after. For a presigned URL of S3 it is what X-Amz-Expires says; STS
/// and its like hold to the fifteen minutes whatever it says, which is what those who present GetCallerIdentity in lieu of
/// a password rely on (aws-iam-authenticator, Vault).
fn check_window(authorization: &Authorization<'_>, now: SystemTime, s3: bool) -> Result<(), Refusal> {
    let signed_at = authorization.signed_at;
    let (signed, server) = (clock::basic(signed_at), clock::basic(now));
    if s3 && let Some(lasts) = authorization.presigned {
        return if signed_at > now + WINDOW {
            Err(Refusal::denied("Request is not valid yet")
                .with("X-Amz-Date", signed)
                .with("ServerTime", clock::iso8601(now)))
        } else if signed_at + lasts < now {
            Err(Refusal::denied("Request has expired")
                .with("X-Amz-Expires", lasts.as_secs().to_string())
                .with("Expires", clock::iso8601(signed_at + lasts))
                .with("ServerTime", clock::iso8601(now)))
        } else {
            Ok(())
        };
    }
    let (early, late) = (signed_at + WINDOW < now, signed_at > now + WINDOW);
    if !early && !late {
        return Ok(());
    }
    Err(if s3 {
        Refusal::new(
            403,
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
        )
        .with("RequestTime", signed)
        .with("ServerTime", clock::iso8601(now))
        .with("MaxAllowedSkewMilliseconds", WINDOW.as_millis().to_string())
    } else if early {
        let oldest = clock::basic(now - WINDOW);
        Refusal::new(
            403,
            "SignatureDoesNotMatch",
            format!("Signature expired: {signed} is now earlier than {oldest} ({server} - 15 min.)"),
        )
    } else {
        let newest = clock::basic(now + WINDOW);
        Refusal::new(
            403,
            "SignatureDoesNotMatch",
            format!("Signature not yet current: {signed} is still later than {newest} ({server} + 15 min.)"),
        )
    })
}

/// What stands for the body in the signature. Only S3 lets the client say, and takes none for granted in a presigned URL.
fn payload_hash(incoming: &Incoming, authorization: &Authorization<'_>, s3: bool) -> Result<String, Refusal> {
    if !s3 {
        return Ok(hex(&Sha256::digest(&incoming.body)));
    }
    let stated = incoming.header("x-amz-content-sha256");
    match (stated, authorization.presigned) {
        (Some(stated), _) => Ok(stated.to_owned()),
        (None, Some(_)) => Ok(incoming
            .query("X-Amz-Content-Sha256")
            .unwrap_or("UNSIGNED-PAYLOAD")
            .to_owned()),
        (None, None) => Err(Refusal::new(
            400,
            "InvalidRequest",
            "Missing required header for this request: x-amz-content-sha256",
        )),
    }
}

fn check_body(incoming: &mut Incoming, payload: &str, chain: chunked::Chain) -> Result<(), Refusal> {
    match payload {
        "UNSIGNED-PAYLOAD" => {}
        streaming if streaming.starts_with("STREAMING-") => {
            let kind = chunked::Kind::from_name(streaming).ok_or_else(|| {
                Refusal::new(
                    400,
                    "InvalidRequest",
                    "The value of x-amz-content-sha256 header is invalid.",
                )
            })?;
            let length = incoming
                .header("x-amz-decoded-content-length")
                .and_then(|length| length.parse().ok())
                .ok_or_else(|| {
                    Refusal::new(
                        411,
                        "MissingContentLength",
                        "You must provide the Content-Length HTTP header.",
                    )
                })?;
            incoming.body = chunked::decode(&incoming.body, kind, chain, length)?.into();
        }
        hash => {
            let computed = hex(&Sha256::digest(&incoming.body));
            if !same(hash, &computed) {
                return Err(Refusal::new(
                    400,
                    "XAmzContentSHA256Mismatch",
                    "The provided 'x-amz-content-sha256' header does not match what was computed.",
                )
                .with("ClientComputedContentSHA256", hash)
                .with("S3ComputedContentSHA256", computed));
            }
        }
    }
    Ok(())
}

/// The checksums that came in headers, of the body as it is kept.
fn check_sums(incoming: &Incoming) -> Result<(), Refusal> {
    for name in ["x-amz-checksum-crc32", "x-amz-checksum-sha256"] {
        if let Some(stated) = incoming.header(name)
            && chunked::checksum(name, &incoming.body).is_some_and(|computed| computed != stated)
        {
            return Err(chunked::bad_digest(name));
        }
    }
    Ok(())
}

fn signing_key(secret: &str, authorization: &Authorization<'_>) -> [u8; 32] {
    let key = hmac(format!("AWS4{secret}").as_bytes(), authorization.date.as_bytes());
    let key = hmac(&key, authorization.region.as_bytes());
    let key = hmac(&key, authorization.service.as_bytes());
    hmac(&key, b"aws4_request")
}

fn hmac(key: &[u8], text: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text);
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

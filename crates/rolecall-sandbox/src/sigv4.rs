//! Signature Version 4, verified: "Create a signed AWS API request" (IAM user guide) and "Authenticating Requests" (S3 API
//! reference).

mod chunked;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::api::{Incoming, Refusal};
use crate::clock::{self, Clock};
use crate::service::Service;
use crate::state::{Actor, Caller, Session, State};

/// How far a client's clock may be off.
const WINDOW: Duration = Duration::from_secs(15 * 60);

/// `A-Z a-z 0-9 - . _ ~` stay, everything else is escaped.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
const ESCAPED_PATH: &AsciiSet = &ESCAPED.remove(b'/');

/// The parts of the Authorization header.
struct Authorization {
    access_key_id: String,
    date: String,
    region: String,
    service: String,
    signed_headers: Vec<String>,
    signature: String,
}

/// A request whose signature is good.
pub(crate) struct Verified {
    pub(crate) caller: Caller,
    pub(crate) access_key_id: String,
    pub(crate) region: String,
}

/// The service a request is signed for, before anything is checked.
pub(crate) fn claimed_service(incoming: &Incoming) -> Option<Service> {
    let scope = incoming.header("authorization")?.split("Credential=").nth(1)?;
    Service::from_name(scope.split(['/', ',']).nth(3)?)
}

/// Verifies who sent a request, and takes an `aws-chunked` body out of its chunks.
pub(crate) fn verify(
    incoming: &mut Incoming,
    service: Service,
    state: &State,
    clock: &Clock,
) -> Result<Verified, Refusal> {
    let s3 = service == Service::S3;
    let authorization = authorization(incoming, s3)?;
    let stated = incoming.header("x-amz-date").unwrap_or_default().to_owned();
    let signed_at = match incoming.header("x-amz-date") {
        Some(date) => clock::parse_basic(date),
        None => incoming.header("date").and_then(clock::parse_http_date),
    };
    let Some(signed_at) = signed_at else {
        return Err(if s3 {
            Refusal::denied("AWS authentication requires a valid Date or x-amz-date header")
        } else {
            Refusal::new(
                400,
                "IncompleteSignature",
                format!(
                    "Date must be in ISO-8601 'basic format'. Got '{stated}'. See http://en.wikipedia.org/wiki/ISO_8601"
                ),
            )
        });
    };
    check_scope(&authorization, service, signed_at)?;

    let (secret, session, account, actor) = find_key(incoming, &authorization.access_key_id, state, s3)?;
    check_window(signed_at, clock.wall(), s3)?;

    let payload = payload_hash(incoming, s3)?;
    let key = signing_key(&secret, &authorization);
    let scope = format!(
        "{}/{}/{}/aws4_request",
        authorization.date, authorization.region, authorization.service
    );
    let at = clock::basic(signed_at);
    let canonical = canonical_request(incoming, &authorization, &payload, s3);
    let to_sign = format!(
        "AWS4-HMAC-SHA256\n{at}\n{scope}\n{}",
        hex(&Sha256::digest(canonical.as_bytes()))
    );
    let expected = hex(&hmac(&key, to_sign.as_bytes()));
    if !same(&expected, &authorization.signature) {
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
    if s3 {
        let chain = chunked::Chain {
            key,
            at,
            scope,
            previous: expected,
        };
        check_body(incoming, &payload, chain)?;
    }
    let caller = state
        .caller(account, &actor, session)
        .ok_or_else(|| unknown_key(s3))?;
    Ok(Verified {
        caller,
        access_key_id: authorization.access_key_id,
        region: authorization.region,
    })
}

fn authorization(incoming: &Incoming, s3: bool) -> Result<Authorization, Refusal> {
    let Some(header) = incoming.header("authorization") else {
        return Err(if s3 {
            Refusal::denied("Access Denied")
        } else {
            Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            )
        });
    };
    let malformed = |why: String| {
        if s3 {
            Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {why}"),
            )
        } else {
            Refusal::new(400, "IncompleteSignature", why)
        }
    };
    let Some(rest) = header.strip_prefix("AWS4-HMAC-SHA256") else {
        return Err(malformed("Unsupported AWS 'algorithm'.".to_owned()));
    };
    let parts: BTreeMap<&str, &str> = rest
        .split(',')
        .filter_map(|part| part.trim().split_once('='))
        .collect();
    let part = |name: &str| {
        parts
            .get(name)
            .copied()
            .ok_or_else(|| malformed(format!("Authorization header requires '{name}' parameter.")))
    };
    let credential: Vec<&str> = part("Credential")?.split('/').collect();
    let [access_key_id, date, region, service, "aws4_request"] = credential[..] else {
        return Err(malformed(
            "Credential must have exactly 5 slash-delimited elements, e.g. \
             keyid/date/region/service/term."
                .to_owned(),
        ));
    };
    let signed_headers: Vec<String> = part("SignedHeaders")?
        .split(';')
        .map(str::to_ascii_lowercase)
        .collect();
    let signature = part("Signature")?.to_owned();
    for must in ["host", "x-amz-date", "x-amz-security-token"] {
        let present = must == "host" || incoming.headers.contains_key(must);
        if present && !signed_headers.iter().any(|name| name == must) {
            return Err(unsigned(must, s3));
        }
    }
    if s3 {
        for name in incoming.headers.keys().map(http::HeaderName::as_str) {
            if name.starts_with("x-amz-") && !signed_headers.iter().any(|signed| signed == name) {
                return Err(unsigned(name, s3));
            }
        }
    }
    Ok(Authorization {
        access_key_id: access_key_id.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
        signed_headers,
        signature,
    })
}

fn unsigned(header: &str, s3: bool) -> Refusal {
    if s3 {
        Refusal::denied("There were headers present in the request which were not signed")
            .with("HeadersNotSigned", header)
    } else {
        Refusal::new(
            403,
            "SignatureDoesNotMatch",
            format!("'{header}' must be a 'SignedHeader' in the AWS Authorization."),
        )
    }
}

/// Date, region and service of the credential scope.
fn check_scope(
    authorization: &Authorization,
    service: Service,
    signed_at: SystemTime,
) -> Result<(), Refusal> {
    let s3 = service == Service::S3;
    let refuse = |why: String| {
        Err(if s3 {
            Refusal::new(
                400,
                "AuthorizationHeaderMalformed",
                format!("The authorization header is malformed; {why}"),
            )
        } else {
            Refusal::new(403, "SignatureDoesNotMatch", why)
        })
    };
    let day = clock::basic(signed_at)[..8].to_owned();
    if authorization.date != day {
        return refuse(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '{}' != '{day}'.",
            authorization.date
        ));
    }
    if authorization.service != service.name() {
        return refuse(format!(
            "Credential should be scoped to correct service: '{}'.",
            service.name()
        ));
    }
    let region = &authorization.region;
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

type Key = (String, Option<Arc<Session>>, rolecall::AccountId, Actor);

/// The secret behind a key id, if the token that comes with it is the one it was issued with.
fn find_key(incoming: &Incoming, id: &str, state: &State, s3: bool) -> Result<Key, Refusal> {
    let token = incoming.header("x-amz-security-token");
    if let Some(session) = state.sessions.get(id) {
        return match token {
            Some(token) if same(token, &session.token) => Ok((
                session.secret.clone(),
                Some(Arc::clone(session)),
                session.account,
                session.actor.clone(),
            )),
            Some(_) => Err(bad_token(s3)),
            // Without its token, a temporary key is no key.
            None => Err(unknown_key(s3)),
        };
    }
    match state.keys.get(id) {
        Some(key) if key.active => match token {
            Some(_) => Err(bad_token(s3)),
            None => Ok((key.secret.clone(), None, key.account, key.actor.clone())),
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

fn check_window(signed_at: SystemTime, now: SystemTime, s3: bool) -> Result<(), Refusal> {
    let (early, late) = (signed_at + WINDOW < now, signed_at > now + WINDOW);
    if !early && !late {
        return Ok(());
    }
    let (signed, server) = (clock::basic(signed_at), clock::basic(now));
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

/// What stands for the body in the signature. Only S3 lets the client say.
fn payload_hash(incoming: &Incoming, s3: bool) -> Result<String, Refusal> {
    if !s3 {
        return Ok(hex(&Sha256::digest(&incoming.body)));
    }
    incoming
        .header("x-amz-content-sha256")
        .map(str::to_owned)
        .ok_or_else(|| {
            Refusal::new(
                400,
                "InvalidRequest",
                "Missing required header for this request: x-amz-content-sha256",
            )
        })
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

fn canonical_request(incoming: &Incoming, authorization: &Authorization, payload: &str, s3: bool) -> String {
    let decoded: Vec<u8> = percent_decode_str(&incoming.path).collect();
    let mut path = percent_encode(&decoded, ESCAPED_PATH).to_string();
    if !s3 {
        // Every service but S3 signs the path as it was sent, escaped once more.
        path = percent_encode(incoming.path.as_bytes(), ESCAPED_PATH).to_string();
    }
    let mut query: Vec<_> = incoming
        .query
        .iter()
        .map(|(key, value)| {
            (
                percent_encode(key.as_bytes(), ESCAPED).to_string(),
                percent_encode(value.as_bytes(), ESCAPED).to_string(),
            )
        })
        .collect();
    query.sort();
    let query: Vec<_> = query
        .into_iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let mut headers = String::new();
    for name in &authorization.signed_headers {
        let values: Vec<_> = incoming
            .headers
            .get_all(name.as_str())
            .iter()
            .map(|value| {
                let text = String::from_utf8_lossy(value.as_bytes());
                text.split_whitespace().collect::<Vec<_>>().join(" ")
            })
            .collect();
        headers.push_str(&format!("{name}:{}\n", values.join(",")));
    }
    format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{payload}",
        incoming.method,
        query.join("&"),
        authorization.signed_headers.join(";")
    )
}

fn signing_key(secret: &str, authorization: &Authorization) -> [u8; 32] {
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
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

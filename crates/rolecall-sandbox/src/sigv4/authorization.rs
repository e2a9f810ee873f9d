//! What a request says of its own signature: in the Authorization header, or in the query of a presigned URL.
//!
//! "Authenticating Requests: Using the Authorization Header" and "Using Query Parameters" (S3 API reference), "Elements of
//! an AWS API request signature" (IAM user guide).

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use super::Algorithm;
use crate::api::{Incoming, Refusal};
use crate::clock;
use crate::service::Service;

/// A presigned URL lives for a week at most.
const LONGEST_EXPIRY: u64 = 604_800;

/// The parts of a signature, wherever they stood.
pub(super) struct Authorization<'a> {
    pub(super) access_key_id: &'a str,
    pub(super) date: &'a str,
    pub(super) region: &'a str,
    pub(super) service: &'a str,
    /// As they were listed, which is how they were signed.
    pub(super) signed_headers: &'a str,
    pub(super) signature: &'a str,
    pub(super) token: Option<&'a str>,
    pub(super) signed_at: SystemTime,
    /// How long a presigned URL is good; `None` where the header carries the signature.
    pub(super) presigned: Option<Duration>,
}

impl Authorization<'_> {
    pub(super) fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }

    fn signs(&self, name: &str) -> bool {
        self.signed_headers()
            .any(|signed| signed.eq_ignore_ascii_case(name))
    }
}

/// A parameter of the query, whose name AWS takes in any case.
fn parameter<'a>(incoming: &'a Incoming, name: &str) -> Option<&'a str> {
    incoming
        .query
        .iter()
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

/// The credential a request claims to be signed with, before anything is checked.
pub(super) fn claimed_credential(incoming: &Incoming) -> Option<&str> {
    match incoming.header("authorization") {
        Some(header) => header.split("Credential=").nth(1)?.split(',').next(),
        None => parameter(incoming, "X-Amz-Credential"),
    }
}

/// Reads the signature of a request.
pub(super) fn read(incoming: &Incoming, service: Service) -> Result<Authorization<'_>, Refusal> {
    let s3 = service == Service::S3;
    let in_query = ["X-Amz-Algorithm", "X-Amz-Signature", "X-Amz-Credential"]
        .iter()
        .any(|name| parameter(incoming, name).is_some());
    let in_header = incoming.headers.contains_key("authorization");
    let authorization = match (in_header, in_query) {
        (true, true) => return Err(two_mechanisms(s3)),
        (true, false) => from_header(incoming, s3)?,
        (false, true) => from_query(incoming, s3)?,
        (false, false) if s3 => return Err(anonymous(incoming)),
        (false, false) => {
            return Err(Refusal::new(
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
            ));
        }
    };
    check_signed_headers(&authorization, incoming, s3)?;
    Ok(authorization)
}

/// S3 without a signature: nothing here is public. The signatures before version 4 are no longer taken.
fn anonymous(incoming: &Incoming) -> Refusal {
    if incoming.query("AWSAccessKeyId").is_some() {
        unsupported_mechanism()
    } else {
        Refusal::denied("Access Denied")
    }
}

fn unsupported_mechanism() -> Refusal {
    Refusal::new(
        400,
        "InvalidRequest",
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256.",
    )
}

fn two_mechanisms(s3: bool) -> Refusal {
    let why = "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string \
               parameter or the Authorization header should be specified";
    if s3 {
        Refusal::new(400, "InvalidArgument", why).with("ArgumentName", "Authorization")
    } else {
        Refusal::new(400, "InvalidRequest", why)
    }
}

/// A header that may be there once: of two, one might be signed and the other one meant.
fn once<'a>(incoming: &'a Incoming, name: &str, s3: bool) -> Result<Option<&'a str>, Refusal> {
    let mut values = incoming.headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value
            .to_str()
            .map(Some)
            .map_err(|_| malformed_header(format!("'{name}' holds characters that it may not."), s3)),
        (Some(_), Some(_)) => Err(malformed_header(format!("'{name}' must be there only once."), s3)),
    }
}

fn malformed_header(why: String, s3: bool) -> Refusal {
    if s3 {
        Refusal::new(
            400,
            "AuthorizationHeaderMalformed",
            format!("The authorization header is malformed; {why}"),
        )
    } else {
        Refusal::new(400, "IncompleteSignature", why)
    }
}

fn from_header(incoming: &Incoming, s3: bool) -> Result<Authorization<'_>, Refusal> {
    let malformed = |why: &str| malformed_header(why.to_owned(), s3);
    let header = once(incoming, "authorization", s3)?.unwrap_or_default();
    let (scheme, rest) = header.split_once(' ').unwrap_or((header, ""));
    match Algorithm::of(scheme) {
        Algorithm::Hmac => {}
        Algorithm::Ecdsa => return Err(asymmetric()),
        Algorithm::Other if s3 && scheme == "AWS" => return Err(unsupported_mechanism()),
        Algorithm::Other => return Err(malformed("Unsupported AWS 'algorithm'.")),
    }
    let mut parts = [("Credential", None), ("SignedHeaders", None), ("Signature", None)];
    for (name, value) in rest.split(',').filter_map(|part| part.trim().split_once('=')) {
        if let Some((_, known)) = parts.iter_mut().find(|(known, _)| *known == name)
            && known.replace(value).is_some()
        {
            return Err(malformed(&format!("Authorization header has '{name}' twice.")));
        }
    }
    let missing: Vec<String> = parts
        .iter()
        .filter(|(_, value)| value.is_none_or(str::is_empty))
        .map(|(name, _)| format!("Authorization header requires '{name}' parameter."))
        .collect();
    let [
        (_, Some(credential)),
        (_, Some(signed_headers)),
        (_, Some(signature)),
    ] = parts
    else {
        return Err(malformed(&missing.join(" ")));
    };
    if !missing.is_empty() {
        return Err(malformed(&missing.join(" ")));
    }
    let [access_key_id, date, region, service] = scope(credential).ok_or_else(|| {
        malformed(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, and end \
             with 'aws4_request'.",
        )
    })?;
    let stated = once(incoming, "x-amz-date", s3)?;
    let signed_at = match stated {
        Some(date) => clock::parse_basic(date),
        None => once(incoming, "date", s3)?.and_then(clock::parse_http_date),
    };
    let signed_at = signed_at.ok_or_else(|| {
        if s3 {
            Refusal::denied("AWS authentication requires a valid Date or x-amz-date header")
        } else {
            malformed(&format!(
                "Date must be in ISO-8601 'basic format'. Got '{}'. See http://en.wikipedia.org/wiki/ISO_8601",
                stated.unwrap_or_default()
            ))
        }
    })?;
    Ok(Authorization {
        access_key_id,
        date,
        region,
        service,
        signed_headers,
        signature,
        token: once(incoming, "x-amz-security-token", s3)?,
        signed_at,
        presigned: None,
    })
}

fn asymmetric() -> Refusal {
    Refusal::new(
        400,
        "IncompleteSignature",
        "AWS4-ECDSA-P256-SHA256 is not taken here: sign for one region with AWS4-HMAC-SHA256.",
    )
}

/// Key id, date, region and service.
fn scope(credential: &str) -> Option<[&str; 4]> {
    let mut fields = credential.split('/');
    let scope = [fields.next()?, fields.next()?, fields.next()?, fields.next()?];
    (fields.next() == Some("aws4_request") && fields.next().is_none()).then_some(scope)
}

fn malformed_query(why: impl Into<String>, s3: bool) -> Refusal {
    let code = if s3 {
        "AuthorizationQueryParametersError"
    } else {
        "IncompleteSignature"
    };
    Refusal::new(400, code, why)
}

fn from_query(incoming: &Incoming, s3: bool) -> Result<Authorization<'_>, Refusal> {
    let malformed = |why: &str| malformed_query(why, s3);
    let mut names = [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-SignedHeaders",
        "X-Amz-Signature",
        "X-Amz-Security-Token",
    ]
    .map(|name| (name, None));
    for (key, value) in &incoming.query {
        if let Some((name, known)) = names.iter_mut().find(|(name, _)| name.eq_ignore_ascii_case(key))
            && known.replace(value.as_str()).is_some()
        {
            return Err(malformed(&format!("{name} must be there only once.")));
        }
    }
    let [
        algorithm,
        credential,
        date,
        expires,
        signed_headers,
        signature,
        token,
    ] = names.map(|(_, value): (_, Option<&str>)| value);
    match algorithm.map(Algorithm::of) {
        Some(Algorithm::Ecdsa) => return Err(asymmetric()),
        Some(Algorithm::Other) => {
            return Err(malformed("X-Amz-Algorithm only supports \"AWS4-HMAC-SHA256\""));
        }
        Some(Algorithm::Hmac) | None => {}
    }
    let (Some(_), Some(credential), Some(date), Some(signed_headers), Some(signature)) =
        (algorithm, credential, date, signed_headers, signature)
    else {
        return Err(incomplete_query(&names, s3));
    };
    // STS and its like do without, because they hold to fifteen minutes whatever it says.
    if s3 && expires.is_none() {
        return Err(incomplete_query(&names, s3));
    }
    let [access_key_id, scope_date, region, service] = scope(credential).ok_or_else(|| {
        malformed(
            "Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \
             \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".",
        )
    })?;
    let signed_at = clock::parse_basic(date)
        .ok_or_else(|| malformed("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\""))?;
    let seconds = match expires.map(str::parse::<i64>) {
        None => LONGEST_EXPIRY,
        Some(Err(_)) => return Err(malformed("X-Amz-Expires should be a number")),
        Some(Ok(seconds)) => match u64::try_from(seconds) {
            Ok(seconds @ 1..=LONGEST_EXPIRY) => seconds,
            Ok(0) | Err(_) => return Err(malformed("X-Amz-Expires must be greater than 0 seconds")),
            Ok(_) => {
                return Err(malformed(
                    "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be \
                     less than 604800 seconds",
                ));
            }
        },
    };
    Ok(Authorization {
        access_key_id,
        date: scope_date,
        region,
        service,
        signed_headers,
        signature,
        token,
        signed_at,
        presigned: Some(Duration::from_secs(seconds)),
    })
}

fn incomplete_query(names: &[(&str, Option<&str>)], s3: bool) -> Refusal {
    if s3 {
        return malformed_query(
            "Query-string authentication version 4 requires the X-Amz-Algorithm, X-Amz-Credential, X-Amz-Signature, \
             X-Amz-Date, X-Amz-SignedHeaders, and X-Amz-Expires parameters.",
            s3,
        );
    }
    let missing: Vec<_> = names
        .iter()
        .filter(|(name, value)| value.is_none() && !matches!(*name, "X-Amz-Expires" | "X-Amz-Security-Token"))
        .map(|(name, _)| format!("AWS query-string parameters must include '{name}'."))
        .collect();
    malformed_query(missing.join(" "), s3)
}

/// The headers that must be among the signed ones, because the service acts by them.
fn check_signed_headers(
    authorization: &Authorization<'_>,
    incoming: &Incoming,
    s3: bool,
) -> Result<(), Refusal> {
    check_no_header_twice(authorization, s3)?;
    for must in ["host", "x-amz-date", "x-amz-security-token"] {
        let present = must == "host" || incoming.headers.contains_key(must);
        if present && !authorization.signs(must) {
            return Err(unsigned(must, s3));
        }
    }
    if s3 {
        for name in incoming.headers.keys().map(http::HeaderName::as_str) {
            if name.starts_with("x-amz-") && !authorization.signs(name) {
                return Err(unsigned(name, s3));
            }
        }
    }
    Ok(())
}

/// A list of one header many times over would make a canonical request of that header's value as many times.
fn check_no_header_twice(authorization: &Authorization<'_>, s3: bool) -> Result<(), Refusal> {
    let mut seen = HashSet::new();
    let twice = authorization
        .signed_headers()
        .any(|name| !seen.insert(name.to_ascii_lowercase()));
    if !twice {
        return Ok(());
    }
    let why = "a header stands twice among the signed headers.";
    Err(match authorization.presigned {
        Some(_) => malformed_query(why, s3),
        None => malformed_header(why.to_owned(), s3),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::canonical;
    use super::*;
    use crate::api;

    /// Pieces that signatures are made of, and some that they are not.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            prop::sample::select(vec![
                "AWS4-HMAC-SHA256 ",
                "AWS4-HMAC-SHA256",
                "AWS4-ECDSA-P256-SHA256 ",
                "Credential=",
                "SignedHeaders=",
                "Signature=",
                "AKIACANARY/20260501/us-east-1/sts/aws4_request",
                "/aws4_request",
                "host;x-amz-date",
                ",",
                "/",
                ";",
                "=",
                "&",
                "X-Amz-Algorithm=",
                "X-Amz-Credential=",
                "X-Amz-Date=",
                "X-Amz-Expires=",
                "X-Amz-SignedHeaders=",
                "X-Amz-Signature=",
                "20260501T120000Z",
                "%ff",
                "-1",
            ])
            .prop_map(str::to_owned),
            "[ -~]{0,6}",
            "\\PC{0,3}",
        ]
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec(piece(), 0..12).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn whatever_is_sent_is_read_or_refused(header in text(), date in text(), query in text(), has_header: bool) {
            let mut headers = http::HeaderMap::new();
            for (name, value) in [("authorization", &header), ("x-amz-date", &date)] {
                if let Ok(value) = http::HeaderValue::from_bytes(value.as_bytes())
                    && has_header
                {
                    headers.append(name, value);
                }
            }
            let incoming = Incoming {
                method: http::Method::GET,
                path: "/".to_owned(),
                query: api::pairs(&query, false),
                headers,
                body: bytes::Bytes::new(),
                from: std::net::Ipv4Addr::LOCALHOST.into(),
            };
            claimed_credential(&incoming);
            for service in [Service::S3, Service::Sts] {
                if let Ok(authorization) = read(&incoming, service) {
                    canonical::request(&incoming, &authorization, "", service == Service::S3);
                }
            }
        }
    }
}

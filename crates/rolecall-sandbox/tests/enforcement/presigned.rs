//! Signatures in the query: URLs that carry their own proof, and each way such a URL can be wrong.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall_sandbox::Sandbox;

use crate::common::{BLAH, Raw, assume, user, wall};

const IDENTITY: &str = "/?Action=GetCallerIdentity&Version=2011-06-15";
const MINUTE: Duration = Duration::from_secs(60);

/// A request whose path has a signature in its query, by AWS's own signer.
fn presign(sandbox: &Sandbox, credentials: &Credentials, mut raw: Raw, expires: u64, at: SystemTime) -> Raw {
    let host = sandbox.endpoint().trim_start_matches("http://").to_owned();
    raw.headers.retain(|(name, _)| name != "content-type");
    raw.headers.push(("host".to_owned(), host));
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(expires));
    let mut body = SignableBody::Bytes(&raw.body);
    if raw.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        body = SignableBody::UnsignedPayload;
    }
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(&raw.region)
        .name(&raw.scope_service)
        .time(at)
        .settings(settings)
        .build()
        .expect("a test's own helper")
        .into();
    let uri = format!("{}{}", sandbox.endpoint(), raw.path);
    let headers = raw
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let signable = SignableRequest::new(&raw.method, &uri, headers, body).expect("a test's own helper");
    let (instructions, _) = sign(signable, &parameters)
        .expect("a test's own helper")
        .into_parts();
    for (name, value) in instructions.params() {
        let separator = if raw.path.contains('?') { '&' } else { '?' };
        let value = utf8_percent_encode(value, NON_ALPHANUMERIC);
        raw.path.push_str(&format!("{separator}{name}={value}"));
    }
    raw
}

fn sts(sandbox: &Sandbox) -> Raw {
    Raw::new(sandbox, "sts", "GET", IDENTITY, "")
}

fn object(sandbox: &Sandbox) -> Raw {
    Raw::new(sandbox, "s3", "GET", "/blah-reports/readme.txt", "")
}

/// The request with a parameter of its query changed; an empty value takes it out.
fn with(mut raw: Raw, name: &str, value: &str) -> Raw {
    let (path, query) = raw.path.split_once('?').expect("it is presigned");
    let query: Vec<String> = query
        .split('&')
        .filter_map(|pair| {
            let (key, old) = pair.split_once('=')?;
            match (key == name, value.is_empty()) {
                (true, true) => None,
                (true, false) => Some(format!("{key}={value}")),
                _ => Some(format!("{key}={old}")),
            }
        })
        .collect();
    raw.path = format!("{path}?{}", query.join("&"));
    raw
}

#[test]
fn a_url_carries_its_own_proof() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let blah = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let now = wall(&sandbox);
    let url = presign(&sandbox, &joe, sts(&sandbox), 60, now);
    let answer = url.send(&sandbox);
    assert_eq!(
        answer.text("Arn").as_deref(),
        Some("arn:aws:iam::111111111111:user/joe.bloggs"),
        "{}",
        answer.body
    );
    // As aws-iam-authenticator proves to a cluster who somebody is, and Vault to itself.
    for header in ["x-k8s-aws-id", "X-Vault-AWS-IAM-Server-ID"] {
        let proof = sts(&sandbox).header(header, "prod cluster");
        let proof = presign(&sandbox, &blah, proof, 60, now);
        let answer = proof.send(&sandbox);
        assert_eq!(
            answer.text("Arn").as_deref(),
            Some("arn:aws:sts::666666666666:assumed-role/BlahRole/test"),
            "{}",
            answer.body
        );
        let other = proof.change(header, |_| "other cluster".to_owned());
        assert_eq!(other.send(&sandbox).code(), "403 SignatureDoesNotMatch");
    }
    // A POST whose form is signed for, and one whose form is another.
    let form = "Action=GetCallerIdentity&Version=2011-06-15";
    let posted = presign(
        &sandbox,
        &joe,
        Raw::new(&sandbox, "sts", "POST", "/", form),
        60,
        now,
    );
    assert_eq!(posted.send(&sandbox).code(), "200");
    let other = posted.with_body("Action=GetSessionToken&Version=2011-06-15");
    assert_eq!(other.send(&sandbox).code(), "403 SignatureDoesNotMatch");
    // Every service takes it.
    let users = Raw::new(
        &sandbox,
        "iam",
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        "",
    );
    let users = presign(&sandbox, &user(&sandbox, "admin"), users, 60, now);
    assert_eq!(users.send(&sandbox).code(), "200");
}

#[test]
fn urls_of_s3_open_one_object_for_a_while() {
    let sandbox = Sandbox::builder().start().unwrap();
    let blah = assume(&sandbox, &user(&sandbox, "joe.bloggs"), BLAH, &[]).credentials();
    let now = wall(&sandbox);
    let put = |body: &str| Raw::new(&sandbox, "s3", "PUT", "/blah-reports/a%20b", body);
    let week = presign(
        &sandbox,
        &blah,
        object(&sandbox),
        604_800,
        now - 100 * 60 * MINUTE,
    );
    for (what, raw, code) in [
        ("good", presign(&sandbox, &blah, object(&sandbox), 1, now), "200"),
        ("good for a week", week, "200"),
        ("an upload", presign(&sandbox, &blah, put("x"), 60, now), "200"),
        (
            "another object",
            presign(&sandbox, &blah, object(&sandbox), 60, now).change_path("readme", "2026/q1"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "another method",
            Raw {
                method: "DELETE".to_owned(),
                ..presign(&sandbox, &blah, object(&sandbox), 60, now)
            },
            "403 SignatureDoesNotMatch",
        ),
        (
            "over",
            presign(&sandbox, &blah, object(&sandbox), 60, now - 2 * MINUTE),
            "403 AccessDenied",
        ),
        (
            "not yet",
            presign(&sandbox, &blah, object(&sandbox), 60, now + 20 * MINUTE),
            "403 AccessDenied",
        ),
    ] {
        let answer = raw.send(&sandbox);
        assert_eq!(answer.code(), code, "{what}: {}", answer.body);
    }
    let over = presign(&sandbox, &blah, object(&sandbox), 60, now - 2 * MINUTE).send(&sandbox);
    assert_eq!(over.message(), "Request has expired");
    assert_eq!(over.text("X-Amz-Expires").as_deref(), Some("60"));
    assert!(over.text("Expires").is_some() && over.text("ServerTime").is_some());
    // A session's URL ends with the session.
    let long = presign(&sandbox, &blah, object(&sandbox), 604_800, now);
    sandbox.advance(Duration::from_secs(3601));
    assert_eq!(long.send(&sandbox).code(), "400 ExpiredToken");
}

impl Raw {
    fn change_path(mut self, from: &str, to: &str) -> Self {
        self.path = self.path.replacen(from, to, 1);
        self
    }
}

#[test]
fn every_way_a_url_can_be_wrong() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let blah = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let other = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let other_token = utf8_percent_encode(other.session_token().unwrap(), NON_ALPHANUMERIC).to_string();
    let now = wall(&sandbox);
    let key = blah.access_key_id();
    let parameters = "400 AuthorizationQueryParametersError";
    let mismatch = "403 SignatureDoesNotMatch";
    for (name, value, on_sts, on_s3) in [
        ("X-Amz-Nothing", "", "200", "200"),
        ("X-Amz-Algorithm", "", "400 IncompleteSignature", parameters),
        (
            "X-Amz-Algorithm",
            "AWS4-HMAC-SHA1",
            "400 IncompleteSignature",
            parameters,
        ),
        (
            "X-Amz-Algorithm",
            "AWS4-ECDSA-P256-SHA256",
            "400 IncompleteSignature",
            "400 IncompleteSignature",
        ),
        ("X-Amz-Credential", "", "400 IncompleteSignature", parameters),
        ("X-Amz-Credential", key, "400 IncompleteSignature", parameters),
        ("X-Amz-Date", "", "400 IncompleteSignature", parameters),
        ("X-Amz-Date", "yesterday", "400 IncompleteSignature", parameters),
        ("X-Amz-Date", "20200101T000000Z", mismatch, parameters),
        ("X-Amz-SignedHeaders", "", "400 IncompleteSignature", parameters),
        ("X-Amz-SignedHeaders", "date", mismatch, "403 AccessDenied"),
        ("X-Amz-Signature", "", "400 IncompleteSignature", parameters),
        ("X-Amz-Signature", "00", mismatch, mismatch),
        ("X-Amz-Expires", "0", "400 IncompleteSignature", parameters),
        ("X-Amz-Expires", "-1", "400 IncompleteSignature", parameters),
        ("X-Amz-Expires", "604801", "400 IncompleteSignature", parameters),
        (
            "X-Amz-Expires",
            "99999999999999999999",
            "400 IncompleteSignature",
            parameters,
        ),
        ("X-Amz-Expires", "61", mismatch, mismatch),
        ("X-Amz-Expires", "", mismatch, parameters),
        (
            "X-Amz-Security-Token",
            "",
            "403 InvalidClientTokenId",
            "403 InvalidAccessKeyId",
        ),
        (
            "X-Amz-Security-Token",
            &other_token,
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
    ] {
        for (raw, code) in [(sts(&sandbox), on_sts), (object(&sandbox), on_s3)] {
            let raw = with(presign(&sandbox, &blah, raw, 60, now), name, value);
            let answer = raw.send(&sandbox);
            assert_eq!(answer.code(), code, "{name}={value}: {}", answer.body);
        }
    }
    // Twice is once too often, and so are two mechanisms.
    for (raw, twice, both) in [
        (sts(&sandbox), "400 IncompleteSignature", "400 InvalidRequest"),
        (object(&sandbox), parameters, "400 InvalidArgument"),
    ] {
        let mut doubled = presign(&sandbox, &blah, raw.clone(), 60, now);
        doubled.path.push_str("&X-Amz-Expires=60");
        assert_eq!(doubled.send(&sandbox).code(), twice);
        let signed_as_well = presign(&sandbox, &blah, raw, 60, now)
            .without("host")
            .signed(&sandbox, &blah);
        assert_eq!(signed_as_well.send(&sandbox).code(), both);
    }
}

#[test]
fn urls_of_old_and_of_far_off_times_are_refused() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let old = "/blah-reports/readme.txt?AWSAccessKeyId=AKIACANARY&Expires=4102444800&Signature=c2ln";
    let old = Raw::new(&sandbox, "s3", "GET", old, "").header("host", "x");
    assert_eq!(old.send(&sandbox).code(), "400 InvalidRequest");
    for date in ["00010101T000000Z", "99981231T235959Z"] {
        for (raw, code) in [
            (sts(&sandbox), "403 SignatureDoesNotMatch"),
            (object(&sandbox), "403 AccessDenied"),
        ] {
            let (service, day) = (raw.service.clone(), &date[..8]);
            let raw = presign(&sandbox, &joe, raw, 604_800, wall(&sandbox));
            let credential = format!("{}/{day}/us-east-1/{service}/aws4_request", joe.access_key_id());
            let raw = with(with(raw, "X-Amz-Date", date), "X-Amz-Credential", &credential);
            let answer = raw.send(&sandbox);
            assert_eq!(answer.code(), code, "{date} {}", answer.body);
        }
    }
    // What would change what is done is no part of a signature.
    let public = Raw::new(
        &sandbox,
        "s3",
        "PUT",
        "/account-a-private/x?x-amz-acl=public-read",
        "x",
    );
    let public = presign(&sandbox, &user(&sandbox, "admin"), public, 60, wall(&sandbox));
    assert_eq!(public.send(&sandbox).code(), "501 NotImplemented");
}

/// "The sts GetCallerIdentity request is valid for 15 minutes regardless of this parameter's value" (aws-iam-authenticator).
#[test]
fn sts_holds_to_fifteen_minutes_whatever_the_url_says() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let now = wall(&sandbox);
    for (expires, age, words) in [
        (60, 14, ""),
        (604_800, 14, ""),
        (60, 16, "Signature expired: "),
        (604_800, 16, "Signature expired: "),
    ] {
        let answer = presign(&sandbox, &joe, sts(&sandbox), expires, now - age * MINUTE).send(&sandbox);
        let code = if words.is_empty() {
            "200"
        } else {
            "403 SignatureDoesNotMatch"
        };
        assert_eq!(answer.code(), code, "{expires} {age}: {}", answer.body);
        assert!(answer.message().starts_with(words), "{}", answer.message());
    }
}

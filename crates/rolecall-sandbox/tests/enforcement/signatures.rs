//! Who may call at all: each way a signature or token can be wrong, beside the same request done right.

use std::time::Duration;

use crate::common::{BLAH, Raw, assume, exchange, query, s3, user, wall};
use rolecall_sandbox::Sandbox;

const MINUTE: Duration = Duration::from_secs(60);

fn other_digit(text: &str) -> String {
    let last = if text.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &text[..text.len() - 1])
}

#[test]
fn every_way_a_signature_can_be_wrong() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let now = wall(&sandbox);
    let sts = |raw: Raw| raw.signed(&sandbox, &admin);
    let s3 = |path: &str, body: &str| Raw::new(&sandbox, "s3", "PUT", path, body);
    let list = || Raw::new(&sandbox, "s3", "GET", "/", "");
    let stranger =
        aws_credential_types::Credentials::new("AKIACANARYNOBODY2345", "x".repeat(40), None, None, "t");
    let liar = aws_credential_types::Credentials::new(admin.access_key_id(), "x".repeat(40), None, None, "t");
    let mut wrong_service = Raw::identity(&sandbox);
    wrong_service.scope_service = "iam".into();
    let mut wrong_region = Raw::identity(&sandbox);
    wrong_region.region = "mars".into();
    let mut unsigned_payload = s3("/account-a-private/x", "abc");
    unsigned_payload.unsigned_payload = true;
    let cases: Vec<(&str, Raw, &str)> = vec![
        ("good", sts(Raw::identity(&sandbox)), "200"),
        ("good, S3", list().signed(&sandbox, &admin), "200"),
        (
            "good, S3 with odd key",
            s3("/account-a-private/a%20b%2Bc/%C3%BC~", "x").signed(&sandbox, &admin),
            "200",
        ),
        (
            "good, S3 unsigned payload",
            unsigned_payload.signed(&sandbox, &admin),
            "200",
        ),
        (
            "good, 14 minutes old",
            sts(Raw::identity(&sandbox).at(now - 14 * MINUTE)),
            "200",
        ),
        (
            "good, 14 minutes early",
            sts(Raw::identity(&sandbox).at(now + 14 * MINUTE)),
            "200",
        ),
        (
            "good, blanks in a header",
            sts(Raw::identity(&sandbox).header("x-amz-note", "a  b ")),
            "200",
        ),
        (
            "unsigned",
            Raw::identity(&sandbox).header("host", "x"),
            "403 MissingAuthenticationToken",
        ),
        ("unsigned, S3", list().header("host", "x"), "403 AccessDenied"),
        (
            "unknown key",
            Raw::identity(&sandbox).signed(&sandbox, &stranger),
            "403 InvalidClientTokenId",
        ),
        (
            "unknown key, S3",
            list().signed(&sandbox, &stranger),
            "403 InvalidAccessKeyId",
        ),
        (
            "wrong secret",
            Raw::identity(&sandbox).signed(&sandbox, &liar),
            "403 SignatureDoesNotMatch",
        ),
        (
            "wrong secret, S3",
            list().signed(&sandbox, &liar),
            "403 SignatureDoesNotMatch",
        ),
        (
            "changed signature",
            sts(Raw::identity(&sandbox)).change("authorization", other_digit),
            "403 SignatureDoesNotMatch",
        ),
        (
            "changed body",
            sts(Raw::identity(&sandbox)).with_body("Action=GetSessionToken&Version=2011-06-15"),
            "403 SignatureDoesNotMatch",
        ),
        (
            "changed body, S3",
            s3("/account-a-private/x", "abc")
                .signed(&sandbox, &admin)
                .with_body("abd"),
            "400 XAmzContentSHA256Mismatch",
        ),
        (
            "changed signed header",
            sts(Raw::identity(&sandbox).header("x-amz-note", "a")).change("x-amz-note", |_| "b".into()),
            "403 SignatureDoesNotMatch",
        ),
        (
            "added header, S3",
            list().signed(&sandbox, &admin).header("x-amz-acl", "public-read"),
            "403 AccessDenied",
        ),
        (
            "stale",
            sts(Raw::identity(&sandbox).at(now - 16 * MINUTE)),
            "403 SignatureDoesNotMatch",
        ),
        (
            "early",
            sts(Raw::identity(&sandbox).at(now + 16 * MINUTE)),
            "403 SignatureDoesNotMatch",
        ),
        (
            "stale, S3",
            list().at(now - 16 * MINUTE).signed(&sandbox, &admin),
            "403 RequestTimeTooSkewed",
        ),
        (
            "date of another day in the scope",
            sts(Raw::identity(&sandbox)).change("authorization", |text| {
                let at = text.find("/us-east-1").unwrap() - 8;
                format!("{}20200101{}", &text[..at], &text[at + 8..])
            }),
            "403 SignatureDoesNotMatch",
        ),
        (
            "scope of another service",
            wrong_service.signed(&sandbox, &admin),
            "403 SignatureDoesNotMatch",
        ),
        (
            "scope of no region",
            wrong_region.signed(&sandbox, &admin),
            "403 SignatureDoesNotMatch",
        ),
        (
            "no date",
            sts(Raw::identity(&sandbox)).without("x-amz-date"),
            "400 IncompleteSignature",
        ),
        (
            "half an Authorization header",
            sts(Raw::identity(&sandbox)).change("authorization", |text| text[..60].to_owned()),
            "400 IncompleteSignature",
        ),
        (
            "another scheme",
            sts(Raw::identity(&sandbox)).change("authorization", |_| "Basic am9lOmpvZQ==".into()),
            "400 IncompleteSignature",
        ),
        (
            "no content hash, S3",
            list().signed(&sandbox, &admin).without("x-amz-content-sha256"),
            "400 InvalidRequest",
        ),
    ];
    for (what, raw, code) in cases {
        let answer = raw.send(&sandbox);
        assert_eq!(answer.code(), code, "{what}: {}", answer.body);
        assert!(
            answer.head.to_lowercase().contains("x-amzn-requestid: "),
            "{what}"
        );
        assert!(answer.head.to_lowercase().contains("\r\ndate: "), "{what}");
    }
}

/// What is there twice might be checked once and meant the other time; what is in another order is another thing.
#[test]
fn headers_are_read_one_way_only() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let sts = || Raw::identity(&sandbox).signed(&sandbox, &admin);
    let s3 = || Raw::new(&sandbox, "s3", "GET", "/", "").signed(&sandbox, &admin);
    let value = |raw: &Raw, name: &str| {
        let found = raw.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.clone()).unwrap()
    };
    let again = |raw: Raw, name: &str| {
        let value = value(&raw, name);
        raw.header(name, &value)
    };
    let incomplete = "400 IncompleteSignature";
    let malformed = "400 AuthorizationHeaderMalformed";
    let replace = |from: &'static str, to: &'static str| move |text: &str| text.replacen(from, to, 1);
    for (what, sts, on_sts, s3, on_s3) in [
        ("good", sts(), "200", s3(), "200"),
        (
            "two Authorization headers",
            again(sts(), "authorization"),
            incomplete,
            again(s3(), "authorization"),
            malformed,
        ),
        (
            "two dates",
            again(sts(), "x-amz-date"),
            incomplete,
            again(s3(), "x-amz-date"),
            malformed,
        ),
        (
            "two signatures",
            sts().change("authorization", |text| format!("{text}, Signature=0")),
            incomplete,
            s3().change("authorization", |text| format!("{text}, Signature=0")),
            malformed,
        ),
        (
            "SigV4A",
            sts().change("authorization", replace("HMAC-SHA256", "ECDSA-P256-SHA256")),
            incomplete,
            s3().change("authorization", replace("HMAC-SHA256", "ECDSA-P256-SHA256")),
            incomplete,
        ),
        (
            "version 2",
            sts().change("authorization", |_| "AWS AKIACANARY:c2lnbmF0dXJl".to_owned()),
            incomplete,
            s3().change("authorization", |_| "AWS AKIACANARY:c2lnbmF0dXJl".to_owned()),
            "400 InvalidRequest",
        ),
        (
            "scope in another order",
            sts().change("authorization", replace("us-east-1/sts", "sts/us-east-1")),
            "403 SignatureDoesNotMatch",
            s3().change("authorization", replace("us-east-1/s3", "s3/us-east-1")),
            malformed,
        ),
        (
            "another terminator",
            sts().change("authorization", replace("aws4_request", "aws5_request")),
            incomplete,
            s3().change("authorization", replace("aws4_request", "aws5_request")),
            malformed,
        ),
        (
            "no signed headers",
            sts().change("authorization", replace("SignedHeaders=", "SignedHeaders=,")),
            incomplete,
            s3().change("authorization", replace("SignedHeaders=", "SignedHeaders=,")),
            malformed,
        ),
        (
            "host unsigned",
            sts().change("authorization", replace("host;", "")),
            "403 SignatureDoesNotMatch",
            s3().change("authorization", replace("host;", "")),
            "403 AccessDenied",
        ),
        (
            "signed headers in another order",
            sts().change("authorization", replace("content-type;host", "host;content-type")),
            "403 SignatureDoesNotMatch",
            s3().change(
                "authorization",
                replace("host;x-amz-content-sha256", "x-amz-content-sha256;host"),
            ),
            "403 SignatureDoesNotMatch",
        ),
    ] {
        assert_eq!(sts.send(&sandbox).code(), on_sts, "{what}");
        assert_eq!(s3.send(&sandbox).code(), on_s3, "{what}");
    }
}

#[test]
fn stale_and_early_are_said_apart() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let now = wall(&sandbox);
    for (at, words) in [
        (now - 20 * MINUTE, "Signature expired: "),
        (now + 20 * MINUTE, "Signature not yet current: "),
    ] {
        let answer = Raw::identity(&sandbox)
            .at(at)
            .signed(&sandbox, &admin)
            .send(&sandbox);
        assert!(answer.message().starts_with(words), "{}", answer.message());
    }
}

#[test]
fn tokens_are_bound_to_their_key() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let one = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let other = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let with = |id: &str, secret: &str, token: Option<&str>| {
        aws_credential_types::Credentials::new(id, secret, token.map(str::to_owned), None, "t")
    };
    let (id, secret, token) = (
        one.access_key_id(),
        one.secret_access_key(),
        one.session_token().unwrap(),
    );
    let tampered = other_digit(token);
    for (what, credentials, sts, on_s3) in [
        ("good", with(id, secret, Some(token)), "200", "200"),
        (
            "tampered",
            with(id, secret, Some(&tampered)),
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
        (
            "truncated",
            with(id, secret, Some(&token[..100])),
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
        (
            "foreign",
            with(id, secret, other.session_token()),
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
        (
            "missing",
            with(id, secret, None),
            "403 InvalidClientTokenId",
            "403 InvalidAccessKeyId",
        ),
        (
            "with a long-term key",
            with(joe.access_key_id(), joe.secret_access_key(), Some(token)),
            "403 InvalidClientTokenId",
            "400 InvalidToken",
        ),
    ] {
        assert_eq!(
            query(&sandbox, &credentials, "sts", "GetCallerIdentity", &[]).code(),
            sts,
            "{what}"
        );
        assert_eq!(s3(&sandbox, &credentials, "GET", "/", "").code(), on_s3, "{what}");
    }
    // A token that was sent, but not signed for, is no token.
    let unsigned = Raw::identity(&sandbox)
        .signed(&sandbox, &with(id, secret, None))
        .header("x-amz-security-token", token);
    assert_eq!(unsigned.send(&sandbox).code(), "403 SignatureDoesNotMatch");
}

#[test]
fn malformed_http_does_no_harm() {
    let sandbox = Sandbox::builder().start().unwrap();
    for text in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 18446744073709551615\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"GET /%ff%00?%zz=%&&==&a HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 Credential=////,SignedHeaders=;;,Signature=\r\nconnection: close\r\n\r\n",
        b"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=%ff/////&X-Amz-Date=%c3%a9%c3%a9%c3%a9%c3%a9&X-Amz-Expires=-9223372036854775808&X-Amz-SignedHeaders=%00&X-Amz-Signature=%f0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"GET /?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/99991231/us-east-1/s3/aws4_request&X-Amz-Date=99991231T235959Z&X-Amz-Expires=604800&X-Amz-SignedHeaders=host&X-Amz-Signature=0 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 71\r\n\r\nAction=AssumeRoleWithWebIdentity&Version=2011-06-15&WebIdentityToken=..",
        b"GET /_sandbox/mfa-code?serial=%ff&offset=9223372036854775807 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\nauthorization: AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature=\xff\r\nx-amz-date: 20269999T999999Z\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    ] {
        let answer = exchange(&sandbox, text, Duration::from_millis(300));
        assert!(answer.status == 0 || (400..500).contains(&answer.status), "{answer:?}");
    }
    let admin = user(&sandbox, "admin");
    assert_eq!(
        query(&sandbox, &admin, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
}

//! The sandbox's own calls: faults, clocks, the record; and decisions in words.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall_sandbox::{Call, Sandbox, World};
use serde_json::{Value, json};

use crate::common::{Answer, BLAH, assume, exchange, query, s3, user};

const PARTNER: &str = "arn:aws:iam::666666666666:role/PartnerRole";
const FORBIDDEN: &str = "arn:aws:iam::666666666666:role/Forbidden";

fn control(sandbox: &Sandbox, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let text = format!(
        "{method} /_sandbox/{path} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let Answer { status, body, .. } = exchange(sandbox, text.as_bytes(), Duration::from_secs(10));
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

#[test]
fn faults_are_planned_from_outside_and_gone_when_cleared() {
    let sandbox = Sandbox::builder()
        .fault("AssumeRole:unavailable".parse().unwrap())
        .start()
        .unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).code(), "503 ServiceUnavailable");
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).status, 200);

    let (status, planned) = control(
        &sandbox,
        "POST",
        "faults",
        &json!({"fault": "AssumeRole:throttle:2"}),
    );
    assert_eq!(status, 200);
    assert_eq!(
        planned,
        json!([{"operation": "AssumeRole", "fault": "throttle", "times": 2}])
    );
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).code(), "400 Throttling");
    assert_eq!(query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]).status, 200);
    assert_eq!(control(&sandbox, "GET", "faults", &Value::Null).1[0]["times"], 1);
    assert_eq!(
        control(&sandbox, "DELETE", "faults", &Value::Null),
        (200, json!([]))
    );
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).status, 200);

    // A fault for everything still leaves the way to take it back.
    control(
        &sandbox,
        "POST",
        "faults",
        &json!({"fault": "*:server-error:always"}),
    );
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).code(), "500 InternalFailure");
    assert_eq!(
        control(&sandbox, "GET", "health", &Value::Null),
        (200, json!({"ok": true}))
    );
    control(&sandbox, "DELETE", "faults", &Value::Null);
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).status, 200);

    for body in [
        json!({"fault": "explode"}),
        json!({"fault": 1}),
        json!({"faults": []}),
        Value::Null,
    ] {
        assert_eq!(control(&sandbox, "POST", "faults", &body).0, 400, "{body}");
    }
    assert_eq!(control(&sandbox, "GET", "nothing", &Value::Null).0, 404);
}

#[test]
fn clocks_are_moved_and_roles_revoked_from_outside() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let blah = || assume(&sandbox, &joe, BLAH, &[]).credentials();
    let code = |credentials| query(&sandbox, credentials, "sts", "GetCallerIdentity", &[]).code();
    let buckets = |credentials| crate::common::s3(&sandbox, credentials, "GET", "/", "").code();

    let session = blah();
    assert_eq!(code(&session), "200");
    control(&sandbox, "POST", "clock", &json!({"advance_seconds": 3600}));
    assert_eq!(code(&session), "403 ExpiredToken");

    let session = blah();
    assert_eq!(buckets(&session), "200");
    assert_eq!(
        control(&sandbox, "POST", "revoke", &json!({"role_arn": BLAH})).0,
        200
    );
    assert_eq!(buckets(&session), "403 AccessDenied");
    let none = json!({"role_arn": "arn:aws:iam::666666666666:role/NoSuchRole"});
    assert_eq!(control(&sandbox, "POST", "revoke", &none).0, 404);

    control(&sandbox, "POST", "clock", &json!({"skew_seconds": -1200}));
    assert_eq!(code(&joe), "403 SignatureDoesNotMatch");
    control(&sandbox, "POST", "clock", &json!({"skew_seconds": 0}));
    assert_eq!(code(&joe), "200");
    assert_eq!(control(&sandbox, "POST", "clock", &json!({"skew": 1})).0, 400);
}

/// What another terminal needs; and whoever asks for what is not there is told what is.
#[test]
fn keys_and_profiles_are_there_for_other_terminals() {
    let world = World::ready("organization").unwrap();
    let sandbox = Sandbox::builder().world(world).start().unwrap();
    let get = |path: &str| control(&sandbox, "GET", path, &Value::Null);
    let (status, accounts) = get("accounts");
    assert_eq!((status, accounts.as_array().unwrap().len()), (200, 20));
    let ready: Value = serde_json::from_str(&sandbox.ready_line()).unwrap();
    assert_eq!(accounts, ready["accounts"]);
    for (path, text) in [
        ("config", sandbox.config_file()),
        ("credentials", sandbox.credentials_file()),
    ] {
        let request = format!("GET /_sandbox/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = exchange(&sandbox, request.as_bytes(), Duration::from_secs(10));
        assert_eq!((answer.status, answer.body), (200, text));
    }
    let device = "arn:aws:iam::100000000002:mfa/omar";
    assert_eq!(get(&format!("mfa-code?serial={device}")).0, 200);
    for (path, words) in [("mfa-code?serial=x", device), ("nothing", "GET mfa-code")] {
        let (status, refused) = get(path);
        let message = refused["message"].as_str().unwrap();
        assert!(status == 404 && message.contains(words), "{refused}");
    }
}

#[test]
fn the_record_says_who_decided_and_holds_no_secret() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    assert_eq!(assume(&sandbox, &joe, BLAH, &[]).status, 200);
    assert_eq!(assume(&sandbox, &joe, FORBIDDEN, &[]).status, 403);

    let (_, calls) = control(&sandbox, "GET", "calls?operation=AssumeRole", &Value::Null);
    assert_eq!(calls.as_array().map(Vec::len), Some(2));
    assert_eq!(calls[0]["decided"][0]["verdict"], "allowed");
    assert_eq!(calls[1]["code"], "AccessDenied");
    let decided = &calls[1]["decided"][0];
    assert_eq!(decided["verdict"], "explicitDeny");
    assert_eq!(decided["action"], "sts:AssumeRole");
    let because = decided["because"][0].as_str().unwrap();
    assert!(
        because.contains("`assume-in-blah`, statement 2 `NeverForbidden`"),
        "{because}"
    );
    assert!(
        sandbox
            .secrets()
            .leaks_in(calls.to_string().as_bytes())
            .is_empty()
    );
    assert_eq!(
        control(&sandbox, "GET", "counts", &Value::Null).1,
        json!({"AssumeRole": 2})
    );
}

#[test]
fn every_call_is_explained_as_it_is_answered() {
    let said = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&said);
    let sandbox = Sandbox::builder()
        .observe(move |call: &Call| heard.lock().unwrap().push_str(&call.explain()))
        .start()
        .unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let admin = user(&sandbox, "admin");
    let told = |answer: Answer| {
        assert!(answer.status > 0, "{answer:?}");
        std::mem::take(&mut *said.lock().unwrap())
    };
    for (text, words) in [
        (
            told(assume(&sandbox, &joe, BLAH, &[])),
            &[
                "sts AssumeRole by arn:aws:iam::111111111111:user/joe.bloggs: 200 OK",
                "allowed: sts:AssumeRole on arn:aws:iam::666666666666:role/BlahRole",
                "by role trust policy `AssumeRolePolicyDocument`, statement 1 `Joe`",
                "by identity-based policy `assume-in-blah`, statement 1 `AssumeInBlah`",
            ][..],
        ),
        (
            told(assume(&sandbox, &joe, FORBIDDEN, &[])),
            &[
                "403 AccessDenied",
                "by an explicit Deny: identity-based policy `assume-in-blah`, statement 2",
            ],
        ),
        (
            told(assume(&sandbox, &admin, BLAH, &[])),
            &[
                "refused: sts:AssumeRole",
                "because no role trust policy allows it",
                "nearly: role trust policy `AssumeRolePolicyDocument`, statement 1 `Joe`, but it names `arn:aws:iam::111111111111:user/joe.bloggs`",
            ],
        ),
        (
            told(assume(&sandbox, &joe, PARTNER, &[])),
            &[
                "statement 1 `Partner`, but StringEquals on sts:ExternalId wants `partner-7421` where the request has none",
            ],
        ),
        (
            told(assume(&sandbox, &joe, PARTNER, &[("ExternalId", "guess")])),
            &["wants `partner-7421` where the request has `guess`"],
        ),
        (
            told(assume(&sandbox, &joe, &BLAH.replace("BlahRole", "BlahRoll"), &[])),
            &["refused: there is no role arn:aws:iam::666666666666:role/BlahRoll. Did you mean `BlahRole`?"],
        ),
        (
            told(assume(&sandbox, &joe, &BLAH.replace("role/", "role/team/"), &[])),
            &["role/team/BlahRole: the one of this name is arn:aws:iam::666666666666:role/BlahRole"],
        ),
        (
            told(assume(&sandbox, &joe, &BLAH.replace('6', "7"), &[])),
            &["refused: there is no account 777777777777"],
        ),
        (
            told(assume(
                &sandbox,
                &joe,
                BLAH,
                &[
                    ("SerialNumber", "arn:aws:iam::111111111111:mfa/joe"),
                    ("TokenCode", "123456"),
                ],
            )),
            &["refused: account 111111111111 has no MFA device arn:aws:iam::111111111111:mfa/joe"],
        ),
        (
            told(assume(&sandbox, &joe, BLAH, &[("DurationSeconds", "1")])),
            &["400 ValidationError", "says: 1 validation error detected"],
        ),
        (
            told(s3(
                &sandbox,
                &joe,
                "GET",
                "/account-a-private/a%0A12%3A00%1B%5B2J",
                "",
            )),
            &["refused: s3:GetObject on arn:aws:s3:::account-a-private/a\u{fffd}12:00\u{fffd}[2J\n"],
        ),
        (
            told(assume(
                &sandbox,
                &joe,
                BLAH,
                &[("RoleSessionName", "a\n12:00\u{1b}[2J")],
            )),
            &["says: 1 validation error detected: Value 'a\u{fffd}12:00\u{fffd}[2J' at"],
        ),
    ] {
        for word in words {
            assert!(text.contains(word), "{word}\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "{text}");
        assert!(sandbox.secrets().leaks_in(text.as_bytes()).is_empty(), "{text}");
    }
}

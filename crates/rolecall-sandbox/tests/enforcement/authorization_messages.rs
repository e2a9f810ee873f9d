//! DecodeAuthorizationMessage: why a call was refused, for those who may know.

use rolecall_sandbox::Sandbox;
use serde_json::{Value, json};

use crate::common::{Answer, assume, s3, user};
use crate::sts_world::{ONE, TWO, admin, control, role, sts, world};

fn request_id(answer: &Answer) -> String {
    answer
        .head
        .lines()
        .find_map(|line| line.strip_prefix("x-amzn-requestid: "))
        .expect("every answer has one")
        .to_owned()
}

/// The message of a refused call.
fn encoded(sandbox: &Sandbox, answer: &Answer) -> Option<String> {
    let path = format!("encoded-message?request_id={}", request_id(answer));
    let (_, body) = control(sandbox, "GET", &path, "");
    body["encoded_message"].as_str().map(str::to_owned)
}

fn decoded(answer: &Answer) -> Value {
    let text = answer.text("DecodedMessage").expect(&answer.body);
    let text = text.replace("&quot;", "\"").replace("&amp;", "&");
    serde_json::from_str(&text).expect("it is JSON")
}

#[test]
fn who_may_decode_learns_what_was_refused() {
    let sandbox = Sandbox::builder().start().unwrap();
    let (joe, stray) = (user(&sandbox, "joe.bloggs"), user(&sandbox, "stray"));
    let (own, other) = (admin(&sandbox, ONE), admin(&sandbox, "666666666666"));
    let forbidden = role("666666666666", "Forbidden");
    let refused = assume(&sandbox, &joe, &forbidden, &[("ExternalId", "partner-7421")]);
    assert_eq!(refused.code(), "403 AccessDenied");
    let message = encoded(&sandbox, &refused).unwrap();
    assert!(message.len() <= 10_240 && !message.contains("bloggs"));
    let decode = |credentials, message: &str| {
        sts(
            &sandbox,
            credentials,
            "DecodeAuthorizationMessage",
            &[("EncodedMessage", message)],
        )
    };
    let answer = decode(&own, &message);
    let told = decoded(&answer);
    let user_id = told["context"]["principal"]["id"].as_str().unwrap().to_owned();
    assert!(user_id.starts_with("AIDA"));
    assert_eq!(
        (&told["allowed"], &told["explicitDeny"], &told["failures"]),
        (&json!(false), &json!(true), &json!({"items": []}))
    );
    assert_eq!(
        told["matchedStatements"]["items"][0]["statementId"],
        "NeverForbidden"
    );
    assert_eq!(
        told["context"]["principal"]["arn"],
        "arn:aws:iam::111111111111:user/joe.bloggs"
    );
    assert_eq!(told["context"]["action"], "sts:AssumeRole");
    assert_eq!(told["context"]["resource"], forbidden);
    let conditions = told["context"]["conditions"]["items"].as_array().unwrap();
    let external = json!({"key": "sts:externalid", "values": {"items": [{"value": "partner-7421"}]}});
    assert!(conditions.contains(&external), "{conditions:?}");
    // Without a grant it is no explicit deny, and no statement matched.
    let refused = s3(&sandbox, &stray, "GET", "/account-a-private/diary.txt", "");
    let implicit = encoded(&sandbox, &refused).unwrap();
    let told = decoded(&decode(&own, &implicit));
    assert_eq!(told["explicitDeny"], false);
    assert_eq!(told["matchedStatements"], json!({"items": []}));

    // Who may not, or is of another account, or changes a letter, learns nothing.
    assert_eq!(decode(&joe, &message).code(), "403 AccessDenied");
    let invalid = "400 InvalidAuthorizationMessageException";
    assert_eq!(decode(&other, &message).code(), invalid);
    for at in [0, 20, message.len() / 2, message.len() - 2] {
        let mut tampered = message.clone().into_bytes();
        tampered[at] = if tampered[at] == b'A' { b'B' } else { b'A' };
        let tampered = String::from_utf8(tampered).unwrap();
        assert_eq!(decode(&own, &tampered).code(), invalid, "{at}");
    }
    let elsewhere = Sandbox::builder().world(world()).start().unwrap();
    let foreign = sts(
        &elsewhere,
        &admin(&elsewhere, ONE),
        "DecodeAuthorizationMessage",
        &[("EncodedMessage", &message)],
    );
    assert_eq!(foreign.code(), invalid);
}

#[test]
fn only_refused_calls_have_a_message() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let ann = user(&sandbox, "ann");
    let good = assume(&sandbox, &ann, &role(TWO, "Open"), &[]);
    let invalid = assume(&sandbox, &ann, "short", &[]);
    for answer in [good, invalid] {
        assert_eq!(encoded(&sandbox, &answer), None);
    }
    assert_eq!(control(&sandbox, "GET", "encoded-message", "").0, 404);
    // However much was in the request, the message can be sent back.
    let long = "x".repeat(1224);
    let value = "v".repeat(250);
    let refused = assume(
        &sandbox,
        &user(&sandbox, "ben"),
        &role(TWO, "Open"),
        &[
            ("ExternalId", &long),
            ("Tags.member.1.Key", "k"),
            ("Tags.member.1.Value", &value),
        ],
    );
    assert_eq!(refused.code(), "403 AccessDenied");
    assert!(encoded(&sandbox, &refused).unwrap().len() <= 10_240);
}

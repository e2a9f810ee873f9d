//! A request costs what it weighs and no more: nothing small makes much work or is kept for long, whoever sent it.

use rolecall_sandbox::{Sandbox, World};

use crate::common::{Raw, query, user, wall};
use crate::rest::post_json;

/// Each name of a signed header stands for its values, so that a name a thousand times over is a thousand times the values.
#[test]
fn no_header_is_signed_twice() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let again = |text: &str| text.replacen("host;", "host;Host;", 1);
    let once = |text: &str| text.to_owned();
    let of_sts = || Raw::identity(&sandbox).signed(&sandbox, &admin);
    let of_s3 = || Raw::new(&sandbox, "s3", "GET", "/", "").signed(&sandbox, &admin);
    for (raw, change, code) in [
        (of_sts(), &once as &dyn Fn(&str) -> String, "200"),
        (of_sts(), &again, "400 IncompleteSignature"),
        (of_s3(), &once, "200"),
        (of_s3(), &again, "400 AuthorizationHeaderMalformed"),
    ] {
        assert_eq!(raw.change("authorization", change).send(&sandbox).code(), code);
    }
}

/// Each trailing checksum is one more reading of the whole body.
#[test]
fn no_trailing_header_stands_twice() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let sum = "x-amz-checksum-crc32:y/Q5Jg==\r\n";
    for (trailers, code) in [(1, "200"), (2, "400 MalformedTrailerError")] {
        let body = format!("9\r\n123456789\r\n0\r\n{}\r\n", sum.repeat(trailers));
        let mut raw = Raw::new(&sandbox, "s3", "PUT", "/account-a-private/chunks", &body)
            .at(wall(&sandbox))
            .header("content-encoding", "aws-chunked")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .header("x-amz-decoded-content-length", "9");
        raw.streaming = true;
        assert_eq!(raw.signed(&sandbox, &admin).send(&sandbox).code(), code);
    }
}

/// The record holds ten thousand calls, so none of them may bring much.
#[test]
fn the_record_keeps_no_more_of_a_message_than_a_person_reads() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let long = "x".repeat(1_000_000);
    let parameters = [
        ("RoleArn", "arn:aws:iam::666666666666:role/BlahRole"),
        ("RoleSessionName", long.as_str()),
    ];
    let answer = query(&sandbox, &admin, "sts", "AssumeRole", &parameters);
    assert_eq!(answer.code(), "400 ValidationError");
    assert!(answer.message().contains(&long));
    let calls = sandbox.calls();
    let message = calls.last().unwrap().message.clone().unwrap();
    assert!(message.starts_with("1 validation error detected: Value 'xxx"));
    assert!(message.len() < 10_000, "{}", message.len());
}

/// Who asks for something by a name that cannot be is told so before any policy is asked.
#[test]
fn names_are_held_to_their_lengths_before_any_policy_is_asked() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let topic = |length: usize| format!("arn:aws:sns:us-east-1:111111111111:{}", "t".repeat(length));
    for (length, code) in [(256, "404 NotFound"), (257, "400 InvalidParameter")] {
        let arn = topic(length);
        let answer = query(
            &sandbox,
            &admin,
            "sns",
            "Publish",
            &[("TopicArn", &arn), ("Message", "m")],
        );
        assert_eq!(answer.code(), code, "{length}");
    }
    for (length, code) in [(1024, "404 NoSuchKey"), (1025, "400 KeyTooLongError")] {
        let path = format!("/account-a-private/{}", "k".repeat(length));
        let answer = Raw::new(&sandbox, "s3", "GET", &path, "")
            .at(wall(&sandbox))
            .signed(&sandbox, &admin)
            .send(&sandbox);
        assert_eq!(answer.code(), code, "{length}");
    }
}

#[test]
fn heads_of_requests_are_bounded() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    for (length, code) in [(30_000, "200"), (300_000, "431")] {
        let answer = Raw::identity(&sandbox)
            .header("user-agent", &"u".repeat(length))
            .signed(&sandbox, &admin)
            .send(&sandbox);
        assert_eq!(answer.code(), code, "{length}");
    }
}

#[test]
fn registrations_are_bounded() {
    let sandbox = Sandbox::builder()
        .world(crate::identity_center::world())
        .start()
        .unwrap();
    for (length, status) in [(4000, 200), (4100, 400)] {
        let client = serde_json::json!({
            "clientName": "client", "clientType": "public", "scopes": [format!("sts:{}", "s".repeat(length))],
        });
        assert_eq!(
            post_json(&sandbox, "/client/register", &client).status,
            status,
            "{length}"
        );
    }
}

/// What a simulation weighs is policies times actions times resources, and longer for what is longer to match.
#[test]
fn simulations_are_bounded() {
    let sandbox = Sandbox::builder().world(World::empty()).start().unwrap();
    let admin = crate::rest::admin(&sandbox, "111111111111");
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::*a"}"#;
    let simulate = |statements: usize, actions: usize, resources: usize| {
        let statements = vec![statement; statements].join(",");
        let mut parameters = vec![(
            "PolicyInputList.member.1".to_owned(),
            format!(r#"{{"Version":"2012-10-17","Statement":[{statements}]}}"#),
        )];
        for n in 1..=actions {
            parameters.push((format!("ActionNames.member.{n}"), "s3:GetObject".to_owned()));
        }
        for n in 1..=resources {
            parameters.push((
                format!("ResourceArns.member.{n}"),
                format!("arn:aws:s3:::bucket/{n}a"),
            ));
        }
        let parameters: Vec<(&str, &str)> = parameters
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        query(&sandbox, &admin, "iam", "SimulateCustomPolicy", &parameters)
    };
    assert_eq!(simulate(10, 10, 10).code(), "200");
    for (statements, actions, resources) in [(1000, 100, 100), (1000, 2, 1000), (100, 100, 1000)] {
        let answer = simulate(statements, actions, resources);
        assert_eq!(answer.code(), "400 InvalidInput", "{}", answer.head);
    }
    let text = |length: usize| format!("a{}", "b".repeat(length));
    for (length, code) in [(100, "200"), (1_000_000, "400 InvalidInput")] {
        let value = text(length);
        let policy = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"*","Resource":"*",
                "Condition":{{"StringLike":{{"aws:UserAgent":"*{}c"}}}}}}}}"#,
            text(100_000)
        );
        let parameters = [
            ("PolicyInputList.member.1", policy.as_str()),
            ("ActionNames.member.1", "s3:GetObject"),
            ("ContextEntries.member.1.ContextKeyName", "aws:UserAgent"),
            ("ContextEntries.member.1.ContextKeyType", "string"),
            (
                "ContextEntries.member.1.ContextKeyValues.member.1",
                value.as_str(),
            ),
        ];
        let answer = query(&sandbox, &admin, "iam", "SimulateCustomPolicy", &parameters);
        assert_eq!(answer.code(), code, "{length}");
    }
}

//! The query protocol itself, whatever the operation.

use rolecall_sandbox::Sandbox;

use crate::common::{Raw, exchange, user, wall};

/// `Version` is among the common parameters, "Required: Yes" (STS and IAM API references): an operation without its version
/// is none.
#[test]
fn operations_are_those_of_a_version() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let none = "NO_VERSION_SPECIFIED";
    for (service, action, version, told) in [
        ("sts", "GetCallerIdentity", "&Version=2011-06-15", None),
        ("sts", "GetCallerIdentity", "", Some(none)),
        (
            "sts",
            "GetCallerIdentity",
            "&Version=2011-06-16",
            Some("2011-06-16"),
        ),
        ("iam", "GetUser", "&Version=2010-05-08", None),
        ("iam", "GetUser", "", Some(none)),
        ("iam", "GetUser", "&Version=2010-05-09", Some("2010-05-09")),
        // Signed for one service, and of another's version.
        ("sts", "GetCallerIdentity", "&Version=2010-05-08", Some("")),
    ] {
        let answer = Raw::new(
            &sandbox,
            service,
            "POST",
            "/",
            &format!("Action={action}{version}"),
        )
        .at(wall(&sandbox))
        .signed(&sandbox, &admin)
        .send(&sandbox);
        match told {
            None => assert_eq!(answer.code(), "200", "{service} {version}"),
            Some("") => assert_eq!(answer.code(), "403 SignatureDoesNotMatch"),
            Some(told) => {
                assert_eq!(answer.code(), "400 InvalidAction", "{service} {version}");
                let message = format!("Could not find operation {action} for version {told}");
                assert_eq!(answer.message(), message);
            }
        }
    }
    let body = "Action=AssumeRoleWithWebIdentity";
    let head = format!(
        "POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let answer = exchange(&sandbox, head.as_bytes(), std::time::Duration::from_secs(10));
    assert_eq!(answer.code(), "400 InvalidAction");
}

/// A parameter that a message repeats may hold what XML has no way to write.
#[test]
fn answers_are_xml_whatever_was_asked() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    for text in [
        "\u{0}",
        "\u{1b}",
        "\u{85}",
        "\u{fffe}",
        "\u{ffff}",
        "<&>\"'\r\n",
        "]]>",
    ] {
        let parameters = [("RoleArn", crate::common::BLAH), ("RoleSessionName", text)];
        let answer = crate::common::query(&sandbox, &admin, "sts", "AssumeRole", &parameters);
        assert_eq!(answer.code(), "400 ValidationError");
        assert!(
            roxmltree::Document::parse(&answer.body).is_ok(),
            "{text:?}: {}",
            answer.body
        );
    }
}

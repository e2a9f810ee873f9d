//! What may not be read is told with the permission that would let it, and the rest is still explained.

use rolecall::explain::{Decoded, Outcome, Says};
use rolecall::policy::PolicyKind;
use serde_json::json;

use super::world::{APP, HUB, JOE, Scene, THEIRS, of, said, trusting};

#[tokio::test]
async fn each_read_that_is_denied_names_its_permission() {
    for action in [
        "iam:GetUser",
        "iam:ListGroupsForUser",
        "iam:ListAttachedUserPolicies",
        "iam:ListUserPolicies",
        "iam:GetUserPolicy",
        "organizations:DescribeOrganization",
    ] {
        let mut scene = Scene::default();
        scene.trust = vec![trusting(HUB)];
        scene
            .joe
            .push(json!({"Effect": "Deny", "Action": action, "Resource": "*"}));
        let explanation = scene.is_refused_for("principal-other", HUB).await;
        let hop = &explanation.hops[0];
        assert!(
            hop.unread.iter().any(|unread| unread.needs == action),
            "{action}: {:#?}",
            hop.unread
        );
        // The side that could be read has its change all the same.
        let statement = hop.changes[0].statement.as_ref().unwrap();
        assert_eq!(statement["Principal"]["AWS"], JOE);
    }
}

#[tokio::test]
async fn a_caller_who_may_read_nothing_learns_what_would_let_them() {
    let mut scene = Scene {
        has_via: false,
        ..Scene::default()
    };
    scene.joe = vec![json!({"Effect": "Allow", "Action": "s3:*", "Resource": "*"})];
    let explanation = scene.explained().await;
    let hop = &explanation.hops[0];
    assert_eq!(hop.outcome, Outcome::Refused);
    assert!(
        matches!(said(&explanation, PolicyKind::Identity), Says::Unread(needs) if needs.contains(&"iam:ListUserPolicies".to_owned())),
        "{hop:#?}"
    );
    assert!(
        matches!(said(&explanation, PolicyKind::Trust), Says::Unread(needs) if needs == &["iam:GetRole"])
    );
    let presumed = &hop.changes[0];
    assert!(!presumed.is_certain);
    assert!(
        presumed.what.contains("Ask the owner of account 666666666666"),
        "{presumed:?}"
    );
    assert_eq!(presumed.statement.as_ref().unwrap()["Principal"]["AWS"], JOE);
    assert!(
        hop.notes.join(" ").contains("What decides could not be told"),
        "{hop:#?}"
    );
}

#[tokio::test]
async fn where_the_caller_s_side_is_well_the_other_one_is_asked_for() {
    let mut scene = Scene {
        has_via: false,
        ..Scene::default()
    };
    scene.trust = vec![trusting(HUB)];
    let explanation = scene.explained().await;
    let hop = &explanation.hops[0];
    assert!(matches!(
        said(&explanation, PolicyKind::Identity),
        Says::Allows(_)
    ));
    assert!(
        hop.notes.join(" ").contains("The caller's own side allows it"),
        "{hop:#?}"
    );
    let unread = hop
        .unread
        .iter()
        .find(|unread| unread.needs == "iam:GetRole")
        .unwrap();
    assert!(unread.why.contains("--via") && unread.on == APP, "{unread:?}");
}

#[tokio::test]
async fn a_trust_policy_is_read_by_whoever_may() {
    // By the role's own session, where that is given.
    let mut scene = Scene {
        has_via: false,
        target: "hub",
        ..Scene::default()
    };
    let explanation = scene.explained().await;
    assert_eq!(
        explanation.hops[0].trust_read_by.as_deref(),
        Some("the role itself")
    );
    // By a target that is named for it.
    scene.has_via = true;
    let explanation = scene.explained().await;
    assert_eq!(explanation.hops[0].trust_read_by.as_deref(), Some("reader"));
    assert_eq!(explanation.hops[0].account, THEIRS);
}

#[tokio::test]
async fn an_encoded_message_is_decoded_where_that_is_permitted() {
    let mut scene = Scene::default();
    scene
        .joe
        .push(json!({"Sid": "Never", "Effect": "Deny", "Action": "sts:AssumeRole", "Resource": APP}));
    let started = scene.start();
    let refusal = started.provider(of("app")).session().await.unwrap_err();
    let message = encoded(&started.sandbox, refusal.request_id().unwrap());
    let joe = started.provider(of("joe"));
    assert!(joe.decode_authorization_message(&message).await.is_err());
    scene
        .joe
        .push(json!({"Effect": "Allow", "Action": "sts:DecodeAuthorizationMessage", "Resource": "*"}));
    let started = scene.start();
    let refusal = started.provider(of("app")).session().await.unwrap_err();
    let message = encoded(&started.sandbox, refusal.request_id().unwrap());
    let text = started
        .provider(of("joe"))
        .decode_authorization_message(&message)
        .await
        .unwrap();
    let decoded = Decoded::read(&text).unwrap();
    assert!(!decoded.allowed && decoded.explicit_deny);
    assert_eq!(decoded.statements[0].sid.as_deref(), Some("Never"));
    assert_eq!(decoded.principal.as_deref(), Some(JOE));
    assert_eq!(decoded.resource.as_deref(), Some(APP));
    let wrong = started
        .provider(of("joe"))
        .decode_authorization_message("nonsense")
        .await;
    assert!(wrong.unwrap_err().to_string().contains("not one that STS wrote"));
}

/// The message of a refused call, as the sandbox hands it out.
fn encoded(sandbox: &rolecall_sandbox::Sandbox, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = sandbox.endpoint().trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /_sandbox/encoded-message?request_id={request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["encoded_message"].as_str().unwrap().to_owned()
}

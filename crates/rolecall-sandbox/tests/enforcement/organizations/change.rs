//! Policies and units, made and unmade.

use serde_json::{Value, json};

use super::{AUDIT, HEAD, NO_TOPICS, PROD, start};
use crate::rest::{admin, organizations};

#[test]
fn policies_are_made_changed_and_unmade() {
    let sandbox = start();
    let head = admin(&sandbox, HEAD);
    let ask = |operation: &str, input: Value| organizations(&sandbox, &head, operation, &input);
    let made = |name: &str, content: &str| {
        let input =
            json!({"Name": name, "Description": "", "Type": "SERVICE_CONTROL_POLICY", "Content": content});
        ask("CreatePolicy", input)
    };
    let id = made("One", NO_TOPICS).json()["Policy"]["PolicySummary"]["Id"].clone();
    assert_eq!(made("One", NO_TOPICS).error(), "400 DuplicatePolicyException");
    assert_eq!(
        made("Two", "{\"Statement\": 1}").error(),
        "400 MalformedPolicyDocumentException"
    );
    let long = format!("{NO_TOPICS}{}", " ".repeat(5200));
    assert_eq!(
        made("Two", &long).json()["Reason"],
        "POLICY_CONTENT_LIMIT_EXCEEDED"
    );
    let tag = json!({"Name": "T", "Description": "", "Type": "TAG_POLICY", "Content": "{}"});
    assert_eq!(
        ask("CreatePolicy", tag).error(),
        "400 PolicyTypeNotAvailableForOrganizationException"
    );

    let attachment = json!({"PolicyId": id, "TargetId": PROD});
    assert_eq!(
        ask("DetachPolicy", attachment.clone()).error(),
        "400 PolicyNotAttachedException"
    );
    assert_eq!(ask("AttachPolicy", attachment.clone()).error(), "200");
    assert_eq!(
        ask("DeletePolicy", json!({"PolicyId": id})).error(),
        "400 PolicyInUseException"
    );
    let renamed = ask("UpdatePolicy", json!({"PolicyId": id, "Name": "Renamed"})).json();
    assert_eq!(renamed["Policy"]["PolicySummary"]["Name"], "Renamed");
    assert_eq!(renamed["Policy"]["Content"], NO_TOPICS);
    assert_eq!(
        ask("UpdatePolicy", json!({"PolicyId": id, "Name": "NoTopics"})).error(),
        "400 DuplicatePolicyException"
    );
    // The other one may go, the last one may not.
    let full = json!({"PolicyId": "p-FullAWSAccess", "TargetId": PROD});
    assert_eq!(ask("DetachPolicy", full.clone()).error(), "200");
    let last = ask("DetachPolicy", attachment.clone());
    assert_eq!(last.error(), "400 ConstraintViolationException");
    assert_eq!(last.json()["Reason"], "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED");
    assert_eq!(ask("AttachPolicy", full).error(), "200");
    for n in 0..3 {
        let more = made(&format!("More{n}"), NO_TOPICS).json()["Policy"]["PolicySummary"]["Id"].clone();
        assert_eq!(
            ask("AttachPolicy", json!({"PolicyId": more, "TargetId": PROD})).error(),
            "200"
        );
    }
    let sixth = made("Sixth", NO_TOPICS).json()["Policy"]["PolicySummary"]["Id"].clone();
    let sixth = ask("AttachPolicy", json!({"PolicyId": sixth, "TargetId": PROD}));
    assert_eq!(
        sixth.json()["Reason"],
        "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED"
    );
    assert_eq!(ask("DetachPolicy", attachment).error(), "200");
    assert_eq!(ask("DeletePolicy", json!({"PolicyId": id})).error(), "200");

    // Five levels of units, and no sixth.
    let mut parent = json!("r-cnry");
    for level in 1..=5 {
        let unit = ask(
            "CreateOrganizationalUnit",
            json!({"ParentId": parent, "Name": format!("Level{level}")}),
        );
        assert_eq!(unit.error(), "200");
        parent = unit.json()["OrganizationalUnit"]["Id"].clone();
    }
    let sixth = ask(
        "CreateOrganizationalUnit",
        json!({"ParentId": parent, "Name": "Level6"}),
    );
    assert_eq!(sixth.json()["Reason"], "OU_DEPTH_LIMIT_EXCEEDED");
    // From where it is, and from nowhere else.
    let above = ask("ListParents", json!({"ChildId": parent})).json()["Parents"][0]["Id"].clone();
    let astray = json!({"AccountId": AUDIT, "SourceParentId": above, "DestinationParentId": parent});
    assert_eq!(ask("MoveAccount", astray).error(), "400 AccountNotFoundException");
    let moved = json!({"AccountId": AUDIT, "SourceParentId": "r-cnry", "DestinationParentId": parent});
    assert_eq!(ask("MoveAccount", moved).error(), "200");
    let parents = ask("ListParents", json!({"ChildId": AUDIT})).json();
    assert_eq!(parents["Parents"][0]["Id"], parent);
}

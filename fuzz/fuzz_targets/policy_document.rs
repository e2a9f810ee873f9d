//! Policies of any bytes are refused or decide, never take anything down or long, and whoever explains a decision agrees
//! with it. The input is an identity policy and a trust policy, with a line `---` between them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall::policy::{
    Context, Document, Matched, Outcome, Policies, PolicyKind, PolicySource, Principal, Request, Verdict,
    evaluate, layers, missing_keys, near_misses,
};

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once("\n---\n").unwrap_or((text, text));
    let Some(first) = parse(first) else { return };
    let Some(second) = parse(second) else { return };
    let account = "111111111111".parse().expect("twelve digits");
    let user = "arn:aws:iam::111111111111:user/joe";
    let role = "arn:aws:iam::111111111111:role/Deploy";
    let session = "arn:aws:sts::111111111111:assumed-role/Deploy/joe";
    let principals = [
        Principal::user("aws", account, user),
        Principal::role_session("aws", account, session, role),
        Principal::federated_user(
            "aws",
            account,
            "arn:aws:sts::111111111111:federated-user/joe",
            user,
        ),
        Principal::root("aws", account),
        Principal::federated("arn:aws:iam::666666666666:oidc-provider/sandbox"),
        Principal::service("ec2.amazonaws.com"),
    ];
    let mut context = Context::new();
    context.set("aws:username", "joe");
    context.set("aws:SourceIp", "127.0.0.1");
    context.set("aws:CurrentTime", "2026-05-01T12:00:00Z");
    context.set("sts:ExternalId", "partner");
    context.set_all("aws:TagKeys", ["one".to_owned(), "two".to_owned()]);
    let first = PolicySource {
        name: "first",
        document: &first,
    };
    let second = PolicySource {
        name: "second",
        document: &second,
    };
    let every = [
        Policies {
            identity: vec![first],
            trust: Some(second),
            boundary: Some(first),
            ..Policies::default()
        },
        Policies {
            identity: vec![first, second],
            resource: Some(second),
            session: Some(vec![second, first]),
            service_control: Some(vec![vec![first], vec![first, second]]),
            ..Policies::default()
        },
        Policies {
            identity: vec![first],
            ..Policies::default()
        },
    ];
    for principal in &principals {
        for policies in &every {
            for (action, resource) in [
                ("sts:AssumeRole", "arn:aws:iam::666666666666:role/BlahRole"),
                ("s3:GetObject", "arn:aws:s3:::bucket/key"),
            ] {
                let of = if resource.contains("666666666666") {
                    "666666666666"
                } else {
                    "111111111111"
                };
                let request = Request {
                    principal,
                    action,
                    resource,
                    resource_account: of.parse().expect("twelve digits"),
                    context: &context,
                };
                agree(&request, policies);
            }
        }
    }
});

/// What parses parses again, and so does the same JSON without its blanks.
fn parse(text: &str) -> Option<Document> {
    let document: Document = text.parse().ok()?;
    let again: serde_json::Value = serde_json::from_str(text).expect("a policy is JSON");
    // Numbers may be spelled in other ways than these.
    if !text.bytes().any(|byte| byte.is_ascii_digit() || byte == b'-') || !holds_number(&again) {
        let again: Document = again.to_string().parse().expect("the same policy");
        assert_eq!(format!("{document:?}"), format!("{again:?}"));
    }
    let _ = (
        document.check_identity(),
        document.check_trust(),
        document.check_service_control(),
    );
    Some(document)
}

fn holds_number(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(_) => true,
        serde_json::Value::Array(items) => items.iter().any(holds_number),
        serde_json::Value::Object(fields) => fields.values().any(holds_number),
        _ => false,
    }
}

/// The decision and everything that explains it.
fn agree(request: &Request<'_>, policies: &Policies<'_>) {
    let decision = evaluate(request, policies);
    let layers = layers(request, policies);
    let denied: Vec<&Matched> = layers
        .iter()
        .filter_map(|layer| match &layer.outcome {
            Outcome::Denied(by) => Some(by),
            _ => None,
        })
        .flatten()
        .collect();
    match decision.verdict() {
        Verdict::ExplicitDeny(by) => assert_eq!(denied.first(), Some(&by)),
        Verdict::Allowed(by) => {
            assert!(denied.is_empty(), "{denied:?}");
            let grants = |matched: &Matched| {
                layers
                    .iter()
                    .any(|layer| matches!(&layer.outcome, Outcome::Allowed(all) if all.contains(matched)))
            };
            assert!(by.iter().all(grants), "{by:?} {layers:?}");
        }
        Verdict::ImplicitDeny(_) => assert!(denied.is_empty(), "{denied:?}"),
    }
    for kind in [
        PolicyKind::Boundary,
        PolicyKind::Identity,
        PolicyKind::Resource,
        PolicyKind::ServiceControl,
        PolicyKind::Session,
        PolicyKind::Trust,
    ] {
        for miss in near_misses(request, policies, kind) {
            assert!(!miss.because.is_empty() && miss.statement.kind == kind);
            for layer in &layers {
                let matched =
                    matches!(&layer.outcome, Outcome::Allowed(all) if all.contains(&miss.statement));
                assert!(!matched, "granted and missed: {miss:?}");
            }
        }
    }
    let missing = missing_keys(request, policies);
    for (index, key) in missing.iter().enumerate() {
        assert!(request.context.values(key).is_none(), "{key} is there");
        assert!(
            !missing[..index]
                .iter()
                .any(|before| before.eq_ignore_ascii_case(key)),
            "{key} twice"
        );
    }
}

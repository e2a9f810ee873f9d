//! What is said of a request in doubt holds for every request that it may turn out to be.

use super::*;

/// Three keys with a value or none: eight requests, the first of which carries nothing.
const KEYS: [(&str, &str); 3] = [
    ("aws:MultiFactorAuthPresent", "true"),
    ("sts:ExternalId", "x"),
    ("aws:PrincipalTag/team", "Blah"),
];

const CONDITIONS: [&str; 7] = [
    "{}",
    r#"{"Bool": {"aws:MultiFactorAuthPresent": "true"}}"#,
    r#"{"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}"#,
    r#"{"StringEquals": {"sts:ExternalId": "x"}}"#,
    r#"{"StringNotEquals": {"sts:ExternalId": "x"}}"#,
    r#"{"Null": {"sts:ExternalId": "true"}, "Bool": {"aws:MultiFactorAuthPresent": "true"}}"#,
    r#"{"StringEquals": {"aws:PrincipalAccount": "111111111111"}}"#,
];

const RESOURCES: [&str; 4] = [
    "*",
    "arn:aws:iam::666666666666:role/${aws:PrincipalTag/team}",
    "arn:aws:iam::666666666666:role/${aws:PrincipalTag/team, 'Blah'}",
    "arn:aws:iam::666666666666:role/Other",
];

fn documents() -> Vec<String> {
    let mut documents = Vec::new();
    for effect in ["Allow", "Deny"] {
        for condition in CONDITIONS {
            for resource in RESOURCES {
                for element in ["Resource", "NotResource"] {
                    documents.push(format!(
                        r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "{effect}", "Action": "sts:*", "{element}": "{resource}", "Condition": {condition}}}}}"#
                    ));
                }
            }
        }
    }
    documents
}

#[test]
fn whatever_a_request_turns_out_to_carry() {
    let principal = Principal::user("aws", account("111111111111"), JOE);
    let documents: Vec<Document> = documents().iter().map(|text| text.parse().unwrap()).collect();
    let trusts: Vec<Document> = [CONDITIONS[0], CONDITIONS[1], CONDITIONS[3]]
        .iter()
        .map(|condition| {
            let text = format!(
                r#"{{"Statement": {{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {{"AWS": "111111111111"}}, "Condition": {condition}}}}}"#
            );
            text.parse().unwrap()
        })
        .collect();
    let mut seen = [0; 3];
    for (first, second) in documents
        .iter()
        .flat_map(|first| documents.iter().step_by(5).map(move |second| (first, second)))
    {
        for trust in &trusts {
            let policies = Policies {
                identity: vec![
                    PolicySource {
                        name: "a",
                        document: first,
                    },
                    PolicySource {
                        name: "b",
                        document: second,
                    },
                ],
                trust: Some(PolicySource {
                    name: "trust",
                    document: trust,
                }),
                ..Policies::default()
            };
            let ask = |context: &Context| {
                let request = Request {
                    principal: &principal,
                    action: "sts:AssumeRole",
                    resource: ROLE,
                    resource_account: account("666666666666"),
                    context,
                };
                (
                    evaluate(&request, &policies).is_allowed(),
                    possible(&request, &policies),
                )
            };
            let mut known = Context::new();
            known.set("aws:PrincipalAccount", "111111111111");
            let mut outcomes = Vec::new();
            for bits in 0..8 {
                let mut context = known.clone();
                for (at, (key, value)) in KEYS.iter().enumerate() {
                    if bits >> at & 1 == 1 {
                        context.set(key, *value);
                    }
                }
                outcomes.push(ask(&context).0);
            }
            let said = ask(&known.in_doubt(|_| false)).1;
            let held = || format!("{said:?}: {outcomes:?}\n{first:?}\n{second:?}\n{trust:?}");
            match &said {
                Possible::Allowed(_) => {
                    assert!(outcomes.iter().all(|allowed| *allowed), "{}", held());
                    seen[0] += 1;
                }
                Possible::Denied(_) => {
                    assert!(outcomes.iter().all(|allowed| !allowed), "{}", held());
                    seen[1] += 1;
                }
                Possible::Conditional { keys, .. } => {
                    assert!(!keys.is_empty(), "{}", held());
                    let is_one = |key: &String| KEYS.iter().any(|(known, _)| known == key);
                    assert!(keys.iter().all(is_one), "{}", held());
                    seen[2] += 1;
                }
            }
        }
    }
    assert!(seen.iter().all(|seen| *seen > 100), "{seen:?}");
}

#[test]
fn what_is_known_to_be_absent_is_no_doubt() {
    let principal = Principal::user("aws", account("111111111111"), JOE);
    let policy = r#"{"Statement": [{"Effect": "Allow", "Action": "sts:*", "Resource": "*"},
        {"Effect": "Deny", "Action": "sts:*", "Resource": "*", "Condition": {"StringEquals": {"aws:RequestTag/team": "x"}}}]}"#;
    let (policy, trusted): (Document, Document) =
        (policy.parse().unwrap(), trust("Allow", JOE).parse().unwrap());
    let policies = Policies {
        identity: vec![PolicySource {
            name: "p",
            document: &policy,
        }],
        trust: Some(PolicySource {
            name: "trust",
            document: &trusted,
        }),
        ..Policies::default()
    };
    let ask = |context: &Context| {
        let request = Request {
            principal: &principal,
            action: "sts:AssumeRole",
            resource: ROLE,
            resource_account: account("666666666666"),
            context,
        };
        possible(&request, &policies)
    };
    assert!(matches!(
        ask(&Context::new().in_doubt(|key| key.starts_with("aws:requesttag/"))),
        Possible::Allowed(_)
    ));
    assert!(
        matches!(ask(&Context::new()), Possible::Allowed(_)),
        "no doubts at all"
    );
    let Possible::Conditional { keys, because } = ask(&Context::new().in_doubt(|_| false)) else {
        panic!("it depends on the tag");
    };
    assert_eq!(keys, ["aws:RequestTag/team"]);
    assert_eq!(because.len(), 2);
}

//! What every policy said, and what was not known.

use super::*;

fn parsed(text: &str) -> Document {
    text.parse().unwrap()
}

fn source(document: &Document) -> PolicySource<'_> {
    PolicySource { name: "p", document }
}

fn numbers(layer: &Layer) -> (PolicyKind, &'static str, Vec<usize>) {
    let (said, by): (_, &[Matched]) = match &layer.outcome {
        Outcome::Allowed(by) => ("allowed", by),
        Outcome::Denied(by) => ("denied", by),
        Outcome::Silent => ("silent", &[]),
    };
    (
        layer.kind,
        said,
        by.iter().map(|matched| matched.statement).collect(),
    )
}

#[test]
fn every_layer_tells_every_statement_that_matched() {
    let identity = parsed(
        r#"{"Statement":[
            {"Effect":"Allow","Action":"s3:*","Resource":"*"},
            {"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"},
            {"Effect":"Allow","Action":"sts:*","Resource":"*"}]}"#,
    );
    let boundary = parsed(
        r#"{"Statement":[
            {"Effect":"Allow","Action":"*","Resource":"*"},
            {"Effect":"Deny","Action":"sts:*","Resource":"*"}]}"#,
    );
    let all = parsed(r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#);
    let trust = parsed(&trust("Allow", "222222222222"));
    let joe = joe();
    let request = Request {
        principal: &joe.principal,
        action: "sts:AssumeRole",
        resource: ROLE,
        resource_account: account("666666666666"),
        context: &joe.context,
    };
    let policies = Policies {
        identity: vec![source(&identity)],
        boundary: Some(source(&boundary)),
        service_control: Some(vec![vec![source(&all)], vec![]]),
        trust: Some(source(&trust)),
        ..Policies::default()
    };
    let layers = layers(&request, &policies);
    assert_eq!(
        layers.iter().map(numbers).collect::<Vec<_>>(),
        [
            (PolicyKind::ServiceControl, "allowed", vec![0]),
            (PolicyKind::ServiceControl, "silent", vec![]),
            (PolicyKind::Trust, "silent", vec![]),
            (PolicyKind::Identity, "allowed", vec![1, 2]),
            (PolicyKind::Boundary, "denied", vec![1]),
        ]
    );
    // What cannot apply to somebody is no layer of theirs.
    let service = Principal::service("ec2.amazonaws.com");
    let request = Request {
        principal: &service,
        ..request
    };
    let kinds: Vec<_> = super::layers(&request, &policies)
        .iter()
        .map(|layer| layer.kind)
        .collect();
    assert_eq!(kinds, [PolicyKind::Trust]);
}

#[test]
fn missing_keys_are_those_of_statements_about_the_action() {
    let identity = parsed(
        r#"{"Version":"2012-10-17","Statement":[
            {"Effect":"Allow","Action":"STS:Assume*","Resource":"arn:aws:iam::*:role/${aws:PrincipalTag/team}/*",
             "Condition":{"StringEquals":{"aws:RequestedRegion":"${aws:PrincipalTag/home, 'eu-central-1'}"},
                          "Null":{"aws:TokenIssueTime":"true"},
                          "Bool":{"aws:SecureTransport":"${aws:NoVariable}"}}},
            {"Effect":"Deny","NotAction":"iam:*","Resource":"*",
             "Condition":{"NumericLessThan":{"AWS:requestedregion":"1"},"StringLike":{"aws:username":"*"}}},
            {"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringLike":{"s3:prefix":"*"}}}]}"#,
    );
    let older = parsed(
        r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:iam::*:role/${aws:userid}"}}"#,
    );
    let mut joe = joe();
    joe.context.set("aws:UserName", "joe");
    let request = Request {
        principal: &joe.principal,
        action: "sts:AssumeRole",
        resource: ROLE,
        resource_account: account("666666666666"),
        context: &joe.context,
    };
    let policies = Policies {
        identity: vec![source(&identity), source(&older)],
        ..Policies::default()
    };
    assert_eq!(
        missing_keys(&request, &policies),
        [
            "aws:PrincipalTag/team",
            "aws:RequestedRegion",
            "aws:PrincipalTag/home",
            "aws:TokenIssueTime",
            "aws:SecureTransport",
        ]
    );
}

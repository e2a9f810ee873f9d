//! What one decision about `sts:AssumeRole` costs, and a sweep over 10,000 roles as discovery makes it, their trust policies
//! read and weighed.

use divan::{Bencher, black_box};
use rolecall::AccountId;
use rolecall::policy::{Context, Document, Policies, PolicySource, Principal, Request, evaluate};

const IDENTITY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["s3:Get*","s3:List*"],"Resource":"arn:aws:s3:::reports/*"},
    {"Effect":"Allow","Action":"sts:AssumeRole","Resource":["arn:aws:iam::*:role/team/*","arn:aws:iam::666666666666:role/*"],
     "Condition":{"StringEquals":{"aws:RequestedRegion":["us-east-1","eu-central-1"]}}},
    {"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::666666666666:role/Forbidden",
     "Condition":{"StringNotLike":{"aws:PrincipalArn":"arn:aws:iam::111111111111:user/${aws:username}"}}}]}"#;
const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"AWS":["arn:aws:iam::111111111111:user/ann","arn:aws:iam::111111111111:user/joe"]},
    "Condition":{"StringEquals":{"sts:ExternalId":"partner-7421"},"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}}}"#;

fn main() {
    divan::main();
}

#[divan::bench]
fn one_decision(bencher: Bencher<'_, '_>) {
    let (identity, trust, principal, context) = world();
    bencher.bench(|| {
        decide(
            &identity,
            &trust,
            &principal,
            &context,
            "arn:aws:iam::666666666666:role/Blah",
        )
    });
}

#[divan::bench(sample_count = 10)]
fn ten_thousand_roles(bencher: Bencher<'_, '_>) {
    let (identity, _, principal, context) = world();
    let roles: Vec<String> = (0..10_000)
        .map(|n| format!("arn:aws:iam::666666666666:role/R{n}"))
        .collect();
    bencher.bench(|| {
        let allowed = roles.iter().filter(|role| {
            let trust = document(black_box(TRUST));
            decide(&identity, &trust, &principal, &context, role)
        });
        assert_eq!(allowed.count(), roles.len());
    });
}

fn decide(
    identity: &Document,
    trust: &Document,
    principal: &Principal,
    context: &Context,
    role: &str,
) -> bool {
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: black_box(role),
        resource_account: account("666666666666"),
        context,
    };
    let source = |document| PolicySource { name: "p", document };
    let policies = Policies {
        identity: vec![source(identity)],
        trust: Some(source(trust)),
        ..Policies::default()
    };
    evaluate(&request, &policies).is_allowed()
}

fn world() -> (Document, Document, Principal, Context) {
    let mut context = Context::new();
    for (key, value) in [
        ("aws:PrincipalArn", "arn:aws:iam::111111111111:user/joe"),
        ("aws:RequestedRegion", "us-east-1"),
        ("aws:SourceIp", "127.0.0.1"),
        ("aws:username", "joe"),
        ("sts:ExternalId", "partner-7421"),
    ] {
        context.set(key, value);
    }
    let joe = Principal::user(
        "aws",
        account("111111111111"),
        "arn:aws:iam::111111111111:user/joe",
    );
    (document(IDENTITY), document(TRUST), joe, context)
}

fn document(text: &str) -> Document {
    text.parse().expect("the policies of this file are right")
}

fn account(digits: &str) -> AccountId {
    digits.parse().expect("the accounts of this file are right")
}

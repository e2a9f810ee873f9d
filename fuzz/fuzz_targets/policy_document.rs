//! Policies of any text are refused or decide, never take anything down or long, and what is told of a decision agrees with it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall::policy::{
    Context, Document, Outcome, Policies, PolicySource, Principal, Request, Verdict, evaluate, layers,
    missing_keys, near_misses,
};

fuzz_target!(|texts: (&str, &str)| {
    let (Ok(identity), Ok(trust)) = (texts.0.parse::<Document>(), texts.1.parse::<Document>()) else {
        return;
    };
    let account = "111111111111".parse().expect("twelve digits");
    let principal = Principal::user("aws", account, "arn:aws:iam::111111111111:user/joe");
    let mut context = Context::new();
    context.set("aws:username", "joe");
    context.set("aws:SourceIp", "127.0.0.1");
    context.set("aws:CurrentTime", "2026-05-01T12:00:00Z");
    context.set_all("aws:TagKeys", ["one".to_owned(), "two".to_owned()]);
    let request = Request {
        principal: &principal,
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::666666666666:role/BlahRole",
        resource_account: "666666666666".parse().expect("twelve digits"),
        context: &context,
    };
    let source = |name, document| PolicySource { name, document };
    let policies = Policies {
        identity: vec![source("identity", &identity)],
        trust: Some(source("trust", &trust)),
        boundary: Some(source("boundary", &identity)),
        session: Some(vec![source("session", &identity)]),
        ..Policies::default()
    };
    let said = layers(&request, &policies);
    let denied = said
        .iter()
        .any(|layer| matches!(layer.outcome, Outcome::Denied(_)));
    match evaluate(&request, &policies).verdict() {
        Verdict::Allowed(_) => assert!(!denied),
        Verdict::ExplicitDeny(_) => assert!(denied),
        Verdict::ImplicitDeny(kind) => {
            assert!(!denied);
            for miss in near_misses(&request, &policies, *kind) {
                assert!(!miss.because.is_empty());
            }
        }
    }
    let _ = missing_keys(&request, &policies);
});

//! A policy of any bytes is refused or decides, and never takes anything down or long.
#![no_main]

use libfuzzer_sys::fuzz_target;
use rolecall::policy::{Context, Document, Policies, PolicySource, Principal, Request, evaluate};

fuzz_target!(|text: &str| {
    let Ok(document) = text.parse::<Document>() else {
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
    let source = PolicySource {
        name: "fuzzed",
        document: &document,
    };
    let policies = Policies {
        identity: vec![source],
        trust: Some(source),
        boundary: Some(source),
        ..Policies::default()
    };
    let _ = evaluate(&request, &policies);
});

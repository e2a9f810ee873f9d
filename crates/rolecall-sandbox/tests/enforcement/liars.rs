//! Faults that lie do so in every operation that makes a session.

use rolecall_sandbox::{Fault, Sandbox};
use serde_json::json;

use crate::common::{Answer, BLAH, assume, query, user};
use crate::identity_center;
use crate::sts_world::{ONE, role};
use crate::web_identity;

/// How many hours from now the credentials end, by what was told in seconds since the epoch.
fn hours(sandbox: &Sandbox, end: i64) -> f64 {
    let now = jiff::Timestamp::try_from(sandbox.now())
        .expect("a time")
        .as_second();
    (end - now) as f64 / 3600.0
}

fn told(sandbox: &Sandbox, answer: &Answer) -> f64 {
    let end = answer.text("Expiration").expect(&answer.body);
    hours(
        sandbox,
        end.parse::<jiff::Timestamp>().expect("a time").as_second(),
    )
}

fn entered_web(sandbox: &Sandbox) -> Answer {
    let token = web_identity::token(sandbox, &json!({}));
    web_identity::assume_web(sandbox, &role(ONE, "Web"), &token, &[])
}

#[test]
fn every_operation_tells_a_wrong_end() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let joe = user(&sandbox, "joe.bloggs");
    let web = web_identity::start();
    let center = identity_center::start();
    let access = identity_center::access_token(&center, "ann");
    let entered = || {
        let (_, end) = identity_center::enter(&center, &access, identity_center::A, "Reader");
        hours(&center, i64::try_from(end).unwrap() / 1000)
    };
    for (operation, sandbox, call) in [
        (
            "AssumeRole",
            &sandbox,
            &(|| told(&sandbox, &assume(&sandbox, &joe, BLAH, &[]))) as &dyn Fn() -> f64,
        ),
        ("GetSessionToken", &sandbox, &|| {
            told(&sandbox, &query(&sandbox, &admin, "sts", "GetSessionToken", &[]))
        }),
        ("GetFederationToken", &sandbox, &|| {
            told(
                &sandbox,
                &query(&sandbox, &admin, "sts", "GetFederationToken", &[("Name", "ann")]),
            )
        }),
        ("AssumeRoleWithWebIdentity", &web, &|| {
            told(&web, &entered_web(&web))
        }),
        ("GetRoleCredentials", &center, &entered),
    ] {
        let honest = call();
        assert!((0.5..13.0).contains(&honest), "{operation} {honest}");
        for (fault, expected) in [
            (Fault::ExpiresTooLate, 30.0),
            (Fault::AlreadyExpired, -1.0 / 60.0),
        ] {
            sandbox.inject(fault, operation, 1);
            let off = call() - expected;
            assert!(off.abs() < 0.01, "{operation} {fault:?} {off}");
        }
    }
}

#[test]
fn web_identity_answers_for_somebody_else() {
    let sandbox = web_identity::start();
    let arn = || entered_web(&sandbox).text("Arn").unwrap();
    let honest = "arn:aws:sts::111111111111:assumed-role/Web/web";
    assert_eq!(arn(), honest);
    for (fault, from, to) in [
        (Fault::OtherAccount, "111111111111", "999999999999"),
        (Fault::OtherRole, "Web", "OtherRole"),
        (Fault::OtherSessionName, "/web", "/other-session"),
    ] {
        sandbox.inject(fault, "AssumeRoleWithWebIdentity", 1);
        assert_eq!(arn(), honest.replace(from, to), "{fault:?}");
    }
}

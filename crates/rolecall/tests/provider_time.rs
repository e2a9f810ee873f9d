//! How long sessions are asked for, and by which clock requests are signed.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads what was written in its own folder"
)]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::path::Path;

use aws::Aws;
use rolecall::host::HostBuilder;
use rolecall::provider::{Tries, remembered_duration};
use rolecall::{AskedDuration, ErrorKind, Host, Provider, Request};

const DAY: u64 = 24 * 3600;

fn longest(aws: &Aws, state: &Path) -> Provider {
    let host = aws.host_builder().env("XDG_STATE_HOME", state.to_str().unwrap());
    let request = Request {
        target: Some("blah".to_owned()),
        duration: Some(AskedDuration::Longest),
        ..Request::default()
    };
    aws.builder_on(host.build()).request(request).build().unwrap()
}

/// The role allows an hour.
#[tokio::test]
async fn as_long_as_the_role_allows_is_negotiated_and_remembered() {
    let aws = Aws::article();
    let state = tempfile::tempdir().unwrap();
    let provider = longest(&aws, state.path());
    let remembered = |provider: &Provider| {
        let role = &provider.chain().roles[0];
        remembered_duration(provider.host(), role, Tries::Many).map(|duration| duration.seconds())
    };
    assert_eq!(remembered(&provider), None);
    let session = provider.session().await.unwrap();
    let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
    assert!(lifetime.as_secs().abs_diff(3600) < 60, "{lifetime:?}");
    // 12, 8, 4, 2 and 1 hour.
    assert_eq!((aws.assumed(), remembered(&provider)), (5, Some(3600)));
    let file = std::fs::read_to_string(state.path().join("rolecall/durations.json")).unwrap();
    assert!(
        !file.contains("BlahRole") && !file.contains("666666666666"),
        "{file}"
    );

    // Another process, as it were, asks for what was allowed.
    let provider = longest(&aws, state.path());
    provider.refresh().await.unwrap();
    assert_eq!(aws.assumed(), 6);
    // A week later more is tried.
    aws.advance(8 * DAY);
    assert_eq!(remembered(&provider), None);
    let with_codes = remembered_duration(provider.host(), &provider.chain().roles[0], Tries::One);
    assert_eq!(
        with_codes.map(|duration| duration.seconds()),
        Some(3600),
        "where each try costs a code, for longer"
    );
    provider.refresh().await.unwrap();
    assert_eq!(aws.assumed(), 11);
    // What is no memory is learned again.
    std::fs::write(state.path().join("rolecall/durations.json"), "{\"a\":").unwrap();
    provider.refresh().await.unwrap();
    assert_eq!((aws.assumed(), remembered(&provider)), (16, Some(3600)));
}

#[tokio::test]
async fn a_fixed_duration_is_not_negotiated() {
    let aws = Aws::article();
    let request = Request {
        target: Some("blah".to_owned()),
        duration: Some("2h".parse().unwrap()),
        ..Request::default()
    };
    let error = aws
        .builder()
        .request(request)
        .build()
        .unwrap()
        .session()
        .await
        .unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!((error.kind(), aws.assumed()), (ErrorKind::Config, 1));
    assert!(
        error.to_string().starts_with("the role allows no session of 2 h"),
        "{error}"
    );
    assert!(error.hints()[0].contains("--duration max"), "{:?}", error.hints());
}

fn on_this_clock(aws: &Aws) -> HostBuilder {
    Host::builder()
        .env("AWS_ENDPOINT_URL", aws.sandbox.endpoint())
        .login_name("joe.bloggs")
}

fn codes(aws: &Aws) -> Vec<String> {
    aws.sandbox
        .calls()
        .into_iter()
        .filter_map(|call| call.code)
        .collect()
}

#[tokio::test]
async fn a_wrong_clock_costs_one_refusal_for_all_calls() {
    for skew in [1200, -1200, 7200, -7200] {
        let aws = Aws::article();
        aws.sandbox.set_skew(skew);
        let host = on_this_clock(&aws).build();
        let provider = aws.builder_on(host.clone()).target("chained").build().unwrap();
        let session = provider.session().await.unwrap();
        provider.caller_identity().await.unwrap();
        // Two roles and a question, and the first of them twice.
        assert_eq!(codes(&aws), ["SignatureDoesNotMatch"], "{skew}");
        assert_eq!(aws.sandbox.calls().len(), 4, "{skew}");
        let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
        assert!(lifetime.as_secs().abs_diff(3600) < 60, "{skew}: {lifetime:?}");
        let log = aws.log();
        assert_eq!(log.matches("this machine's clock is").count(), 1, "told once");
        // Set right again, which is noticed as fast.
        aws.sandbox.set_skew(0);
        provider.refresh().await.unwrap();
        provider.refresh().await.unwrap();
        // By the sandbox's own clock, which was the one that moved, a session may have ended meanwhile.
        let refused = codes(&aws)
            .into_iter()
            .filter(|code| code == "SignatureDoesNotMatch");
        assert_eq!(refused.count(), 2, "{skew}: one more refusal, and no third");
    }
}

#[tokio::test]
async fn the_correction_can_be_switched_off() {
    let in_profile = |aws: Aws| {
        let config = "[profile uncorrected]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\n\
                      region = us-east-1\ndisable_clock_skew_correction = true\n";
        aws.with_config(config)
    };
    for (variable, target) in [(Some("true"), "blah"), (None, "uncorrected")] {
        let aws = in_profile(Aws::article());
        aws.sandbox.set_skew(1200);
        let mut host = on_this_clock(&aws);
        if let Some(value) = variable {
            host = host.env("AWS_DISABLE_CLOCK_SKEW_CORRECTION", value);
        }
        let provider = aws.builder_on(host.build()).target(target).build().unwrap();
        let error = provider.session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Config, "{target}: {error}");
        assert!(error.to_string().contains("20 min behind AWS's"), "{error}");
        assert_eq!(codes(&aws), ["SignatureDoesNotMatch"], "{target}");
    }
}

//! What goes wrong between here and STS, each as one sentence that says what it was and what to do.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::time::Duration;

use aws::Aws;
use rolecall::{ErrorKind, Host, Provider};
use rolecall_sandbox::Fault;

/// On the machine's own clock, as everybody is whose clock may be wrong.
fn on_this_clock(aws: &Aws) -> Provider {
    let host = Host::builder()
        .env("AWS_ENDPOINT_URL", aws.sandbox.endpoint())
        .login_name("joe.bloggs")
        .build();
    aws.builder_on(host).target("blah").build().unwrap()
}

#[tokio::test]
async fn an_answer_that_does_not_fit_is_thrown_away() {
    for (fault, said) in [
        (Fault::OtherAccount, "STS answered for"),
        (Fault::OtherRole, "STS answered for"),
        (Fault::OtherSessionName, "STS answered for"),
        (Fault::ExpiresTooLate, "asked for 3600 seconds"),
        (Fault::AlreadyExpired, "a session that ended at"),
    ] {
        let aws = Aws::article();
        let provider = aws.provider("blah");
        aws.sandbox.inject(fault, "AssumeRole", 1);
        let error = provider.session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{fault:?}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(error.to_string().contains("thrown away"), "{error}");
        assert!(provider.valid_session().is_none());
        assert!(aws.log().contains("ERROR"), "it is logged loudly");
        // Nothing of it is left: the next answer is judged anew.
        let good = provider.session().await.unwrap();
        // And a valid session outlives it.
        aws.sandbox.inject(fault, "AssumeRole", 1);
        aws.advance(1920);
        let served = provider.session().await.unwrap();
        assert_eq!(
            served.credentials().access_key_id(),
            good.credentials().access_key_id()
        );
    }
}

#[tokio::test]
async fn an_own_session_that_does_not_fit_is_thrown_away_as_well() {
    for fault in [Fault::ExpiresTooLate, Fault::AlreadyExpired] {
        let aws = Aws::article();
        aws.sandbox.inject(fault, "GetSessionToken", 1);
        let error = aws.provider("joe").session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{fault:?}");
    }
}

#[tokio::test]
async fn what_does_not_speak_as_sts_does() {
    for fault in [Fault::Garbage, Fault::TruncatedXml] {
        let aws = Aws::article();
        aws.sandbox.inject(fault, "AssumeRole", 3);
        let error = aws.provider("blah").session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{fault:?}");
        assert!(
            error.to_string().contains("does not speak as STS does"),
            "{error}"
        );
        assert!(error.hints()[0].contains("AWS_ENDPOINT_URL"));
    }
}

#[tokio::test]
async fn throttling_is_waited_out_and_then_told() {
    let aws = Aws::article();
    let provider = aws.provider("blah");
    aws.sandbox.inject(Fault::Throttle, "AssumeRole", 1);
    provider.session().await.unwrap();
    assert_eq!(aws.assumed(), 2);
    provider.forget();
    aws.sandbox.inject(Fault::Throttle, "AssumeRole", 3);
    let error = provider.session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!((error.kind(), aws.assumed()), (ErrorKind::Unavailable, 5));
    assert!(error.to_string().contains("throttling"), "{error}");
    // It is not held against the next caller.
    provider.session().await.unwrap();
}

#[tokio::test]
async fn a_server_that_fails_is_tried_three_times() {
    for fault in [Fault::ServerError, Fault::Unavailable, Fault::Reset] {
        let aws = Aws::article();
        let provider = aws.provider("blah");
        aws.sandbox.inject(fault, "AssumeRole", 1);
        provider.session().await.unwrap();
        provider.forget();
        aws.sandbox.inject(fault, "AssumeRole", 3);
        let error = provider.session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(
            (error.kind(), aws.assumed()),
            (ErrorKind::Unavailable, 5),
            "{fault:?}"
        );
    }
}

#[tokio::test]
async fn nobody_listens() {
    let aws = Aws::article();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let host = aws
        .host_builder()
        .env("AWS_ENDPOINT_URL", &format!("http://{free}"))
        .build();
    let error = aws
        .builder_on(host)
        .target("blah")
        .build()
        .unwrap()
        .session()
        .await
        .unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let text = error.to_string().to_lowercase();
    assert!(
        text.starts_with(&format!("cannot reach sts at http://{free}: ")),
        "{error}"
    );
    assert!(text.contains("connection refused"), "{error}");
    assert!(error.hints()[0].contains("$AWS_ENDPOINT_URL"));
}

/// On paused time: every time-out of the client passes at once, and the test fails if one is missing.
#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_given_up() {
    let aws = Aws::article();
    aws.sandbox.inject(Fault::Hang, "AssumeRole", 1000);
    let begun = tokio::time::Instant::now();
    let error = aws.provider("blah").session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(
        error.to_string().ends_with("it did not answer in time"),
        "{error}"
    );
    assert!(
        begun.elapsed() <= Duration::from_secs(17),
        "{:?}",
        begun.elapsed()
    );
}

#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_named() {
    for (skew, way) in [(3600, "behind"), (-3600, "ahead of")] {
        let aws = Aws::article();
        aws.sandbox.set_skew(skew);
        let error = on_this_clock(&aws).session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        let text = error.to_string();
        assert!(
            text.contains("this machine's clock is") && text.contains(way),
            "{text}"
        );
        assert!(text.contains("1 h") || text.contains("59 min"), "{text}");
    }
}

#[tokio::test]
async fn a_clock_that_is_three_minutes_off_is_allowed_for() {
    for skew in [180, -180] {
        let aws = Aws::article();
        aws.sandbox.set_skew(skew);
        let session = on_this_clock(&aws).session().await.unwrap();
        let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
        // What STS said is 180 seconds off; what is told is on this machine's clock.
        let off = lifetime.as_secs().abs_diff(3600);
        assert!(off < 60, "{skew}: {lifetime:?}");
    }
}

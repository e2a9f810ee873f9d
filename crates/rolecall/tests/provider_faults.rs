//! What goes wrong between here and STS, each as one sentence that says what it was and what to do.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use aws::Aws;
use rolecall::time::rfc3339;
use rolecall::{Error, ErrorKind, Host, Provider};
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
async fn what_does_not_speak_as_sts_does() {
    for fault in [Fault::Garbage, Fault::TruncatedXml] {
        let aws = Aws::article();
        let provider = aws.provider("blah");
        aws.sandbox.inject(fault, "AssumeRole", 3);
        let error = provider.session().await.unwrap_err();
        aws.assert_sentence(&error);
        // A half answer can read as a whole one that says too little: thrown away either way.
        let expected = [ErrorKind::Unavailable, ErrorKind::Untrusted];
        assert!(expected.contains(&error.kind()), "{fault:?}: {error}");
        assert!(error.hints()[0].contains("proxies"), "{:?}", error.hints());
        assert!(provider.valid_session().is_none());
    }
}

/// Answers every request with these bytes, until the test ends.
fn canned(status: &str, body: &str) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/xml\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut stream = stream;
            let mut request = [0; 65_536];
            // The client sends its head and its short body in one or two parts; the answer does not depend on them.
            let _ = stream.read(&mut request);
            let _ = stream.write_all(answer.as_bytes());
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read(&mut request);
        }
    });
    url
}

async fn told(target: &str, status: &str, body: &str) -> Error {
    let aws = Aws::article();
    let host = aws
        .host_builder()
        .env("AWS_ENDPOINT_URL", &canned(status, body))
        .build();
    let provider = aws.builder_on(host).target(target).build().unwrap();
    let error = provider.session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert!(provider.valid_session().is_none());
    error
}

const TOKEN: &str = "<SessionToken>CANARYTOKEN</SessionToken>";

fn assumed(arn: &str, token: &str, end: &str) -> String {
    format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <AssumedRoleUser><AssumedRoleId>AROAX:x</AssumedRoleId><Arn>{arn}</Arn></AssumedRoleUser><Credentials>\
         <AccessKeyId>ASIAEXAMPLE</AccessKeyId><SecretAccessKey>CANARYSECRET</SecretAccessKey>{token}\
         <Expiration>{end}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
    )
}

#[tokio::test]
async fn answers_of_nobodys_sts() {
    let good = "arn:aws:sts::666666666666:assumed-role/BlahRole/joe.bloggs";
    for (arn, token, end, said) in [
        ("", TOKEN, "2099-01-01T00:00:00Z", "without saying whom"),
        (
            "nonsense \u{202e}\n",
            TOKEN,
            "2099-01-01T00:00:00Z",
            "which is no role's session",
        ),
        (
            &good.replace("aws:", "aws-cn:"),
            TOKEN,
            "2099-01-01T00:00:00Z",
            "STS answered for arn:aws-cn:",
        ),
        (
            &good.replace("BlahRole", "blahrole"),
            TOKEN,
            "2099-01-01T00:00:00Z",
            "STS answered for",
        ),
        (good, TOKEN, "2099-01-01T00:00:00Z", "with an end at 2099"),
        (good, TOKEN, "1999-01-01T00:00:00Z", "ended at 1999"),
    ] {
        let error = told("blah", "200 OK", &assumed(arn, token, end)).await;
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(error.to_string().contains(said), "{error}");
        assert!(!error.to_string().contains(['\u{202e}', '\n']), "{error:?}");
    }
}

#[tokio::test]
async fn half_a_session_is_none() {
    let good = "arn:aws:sts::666666666666:assumed-role/BlahRole/joe.bloggs";
    let end = rfc3339(Aws::article().sandbox.now() + Duration::from_secs(1800));
    let whole = assumed(good, TOKEN, &end);
    for part in ["ASIAEXAMPLE", "CANARYSECRET", "CANARYTOKEN"] {
        let error = told("blah", "200 OK", &whole.replace(part, "")).await;
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{part}: {error}");
        assert!(
            error.to_string().contains("half a set of credentials"),
            "{part}: {error}"
        );
    }
}

#[tokio::test]
async fn an_own_session_is_checked_as_well() {
    let body = |end: &str, token: &str| {
        format!(
            "<GetSessionTokenResponse><GetSessionTokenResult><Credentials><AccessKeyId>ASIAEXAMPLE</AccessKeyId>\
             <SecretAccessKey>CANARYSECRET</SecretAccessKey>{token}<Expiration>{end}</Expiration></Credentials>\
             </GetSessionTokenResult></GetSessionTokenResponse>"
        )
    };
    for (body, said) in [
        (body("2099-01-01T00:00:00Z", TOKEN), "asked for 43200 seconds"),
        (body("1999-01-01T00:00:00Z", TOKEN), "ended at 1999"),
        (
            "<GetSessionTokenResponse><GetSessionTokenResult/></GetSessionTokenResponse>".to_owned(),
            "without credentials",
        ),
    ] {
        let error = told("joe", "200 OK", &body).await;
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
}

#[tokio::test]
async fn refusals_of_every_shape_are_one_sentence() {
    let refusal = |code: &str, message: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    for (status, body, kind, said) in [
        (
            "302 Found",
            "<html>Sign in".to_owned(),
            ErrorKind::Unavailable,
            "does not speak as STS does",
        ),
        (
            "200 OK",
            String::new(),
            ErrorKind::Unavailable,
            "does not speak as STS does",
        ),
        (
            "403 Forbidden",
            "no".to_owned(),
            ErrorKind::Unavailable,
            "does not speak as STS does",
        ),
        (
            "400 Bad Request",
            refusal("Novel", "New. And more."),
            ErrorKind::Denied,
            "STS refused: Novel: New",
        ),
        (
            "400 Bad Request",
            refusal("Novel", "a\n\u{202e}b"),
            ErrorKind::Denied,
            "Novel: a  b",
        ),
        (
            "400 Bad Request",
            refusal("ValidationError", "x"),
            ErrorKind::Config,
            "ValidationError",
        ),
        (
            "403 Forbidden",
            refusal("RegionDisabledException", "STS is off"),
            ErrorKind::Denied,
            "Region",
        ),
        (
            "400 Bad Request",
            refusal("PackedPolicyTooLarge", "112%"),
            ErrorKind::Config,
            "Packed",
        ),
        (
            "403 Forbidden",
            refusal(
                "SignatureDoesNotMatch",
                "Signature expired: 1 is now earlier than 2 (3 - 15 min.)",
            ),
            ErrorKind::Denied,
            "Signature expired",
        ),
    ] {
        let error = told("blah", status, &body).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error:?}");
    }
}

/// As Ceph's gateway answers: the error of its S3, and no code where the SDK looks for one.
#[tokio::test]
async fn a_refusal_without_its_envelope_is_a_refusal() {
    let bare = |inside: &str| {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error>{inside}<RequestId>tx01</RequestId></Error>"
        )
    };
    for (status, inside, kind, said) in [
        (
            "403 Forbidden",
            "<Code>AccessDenied</Code><Message></Message>",
            ErrorKind::Denied,
            "STS refused: AccessDenied",
        ),
        (
            "403 Forbidden",
            "<Code>AccessDenied</Code><Message>not you &amp;amp; \u{202e}&lt;me&gt;. More</Message>",
            ErrorKind::Denied,
            "STS refused: AccessDenied: not you &amp;  <me>",
        ),
        (
            "404 Not Found",
            "<Code>NoSuchEntity</Code><Message></Message>",
            ErrorKind::Denied,
            "STS refused: NoSuchEntity",
        ),
        (
            "405 Method Not Allowed",
            "<Code>MethodNotAllowed</Code>",
            ErrorKind::Config,
            "does not offer AssumeRole",
        ),
        (
            "403 Forbidden",
            "<Code>Access denied to <b>you</b></Code>",
            ErrorKind::Unavailable,
            "does not speak as STS does",
        ),
        (
            "403 Forbidden",
            "<Message>no code</Message>",
            ErrorKind::Unavailable,
            "does not speak as STS does",
        ),
    ] {
        let error = told("blah", status, &bare(inside)).await;
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error:?}");
        let is_read = kind != ErrorKind::Unavailable;
        assert_eq!(error.request_id(), is_read.then_some("tx01"));
        assert_eq!(error.aws_code().is_some(), is_read);
    }
    // A page that merely talks of an error is nobody's refusal.
    let page = "<html><body><Error><Code>AccessDenied</Code></Error></body></html>";
    let error = told("blah", "403 Forbidden", page).await;
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
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

/// The SDK signs anew by STS's clock, and the end is told on this machine's: it works, and the person is told once.
#[tokio::test]
async fn a_clock_that_is_an_hour_off_is_corrected_and_named() {
    for (skew, way) in [(3600, "behind AWS's"), (-3600, "ahead of AWS's")] {
        let aws = Aws::article();
        aws.sandbox.set_skew(skew);
        let session = on_this_clock(&aws).session().await.unwrap();
        let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
        assert!(lifetime.as_secs().abs_diff(3600) < 60, "{skew}: {lifetime:?}");
        let log = aws.log();
        let told: Vec<_> = log
            .lines()
            .filter(|line| line.contains("this machine's clock is"))
            .collect();
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("WARN") && told[0].contains(way) && told[0].contains("timedatectl"),
            "{told:?}"
        );
    }
}

/// With the clock an hour off as well, a wrong secret is still called a wrong secret.
#[tokio::test]
async fn a_wrong_clock_does_not_hide_a_wrong_secret() {
    let aws = Aws::article();
    aws.sandbox.set_skew(3600);
    let joe = aws.sandbox.user_keys("joe.bloggs").unwrap();
    let host = Host::builder()
        .env("AWS_ENDPOINT_URL", aws.sandbox.endpoint())
        .env("AWS_ACCESS_KEY_ID", &joe.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", sentences::EXAMPLE_SECRET)
        .build();
    let provider = aws
        .builder_on(host)
        .target("666666666666/BlahRole")
        .build()
        .unwrap();
    let error = provider.session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.hints()[0].contains("copy both again"),
        "{error} {:?}",
        error.hints()
    );
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

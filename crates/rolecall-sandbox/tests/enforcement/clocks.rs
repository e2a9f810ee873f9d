//! Time, faults, and what the sandbox remembers.

use std::time::{Duration, Instant};

use crate::common::{BLAH, Raw, assume, exchange, query, s3, user, wall};
use rolecall_sandbox::client::Client;
use rolecall_sandbox::{Fault, Sandbox, World};

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(future)
}

#[test]
fn sessions_end_on_the_session_clock_alone() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let session = assume(&sandbox, &joe, BLAH, &[("DurationSeconds", "900")]).credentials();
    sandbox.advance(Duration::from_secs(890));
    assert_eq!(
        query(&sandbox, &session, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    sandbox.advance(Duration::from_secs(11));
    assert_eq!(
        query(&sandbox, &session, "sts", "GetCallerIdentity", &[]).code(),
        "403 ExpiredToken"
    );
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), "400 ExpiredToken");
    assert_eq!(
        query(&sandbox, &session, "sns", "ListTopics", &[]).code(),
        "403 ExpiredToken"
    );
    // Long-term keys and the signing window stay where they were.
    assert_eq!(
        query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    let again = assume(&sandbox, &joe, BLAH, &[("DurationSeconds", "900")]).credentials();
    assert_eq!(
        query(&sandbox, &again, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
}

#[test]
fn session_seconds_shorten_what_was_asked_for_within_the_rules() {
    let sandbox = Sandbox::builder().session_seconds(6).start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    assert_eq!(
        assume(&sandbox, &joe, BLAH, &[("DurationSeconds", "6")]).code(),
        "400 ValidationError"
    );
    let before = sandbox.now();
    let session = assume(&sandbox, &joe, BLAH, &[]);
    let end: String = session.text("Expiration").unwrap();
    let end = std::time::SystemTime::try_from(end.parse::<jiff::Timestamp>().unwrap()).unwrap();
    let lasts = end.duration_since(before).unwrap();
    assert!((4..=6).contains(&lasts.as_secs()), "{lasts:?}");
    let session = session.credentials();
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), "200");
    sandbox.advance(Duration::from_secs(7));
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").code(), "400 ExpiredToken");
}

#[test]
fn a_skewed_server_refuses_and_says_its_time() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    for (skew, words) in [(3600, "Signature expired"), (-3600, "Signature not yet current")] {
        sandbox.set_skew(skew);
        let answer = query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]);
        assert_eq!(answer.code(), "403 SignatureDoesNotMatch");
        assert!(answer.message().starts_with(words), "{}", answer.message());
        assert_eq!(
            s3(&sandbox, &joe, "GET", "/", "").code(),
            "403 RequestTimeTooSkewed"
        );
        let date = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("date: "))
            .unwrap();
        let date = jiff::fmt::rfc2822::parse(date).unwrap().timestamp();
        let ours = jiff::Timestamp::try_from(wall(&sandbox)).unwrap();
        let off = date.as_second() - ours.as_second() - skew;
        assert!(off.abs() <= 2, "{off}");
        let corrected = Raw::identity(&sandbox).signed(&sandbox, &joe);
        assert_eq!(corrected.send(&sandbox).code(), "200");
    }
    sandbox.set_skew(0);
    assert_eq!(
        query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
}

#[test]
fn revoked_sessions_may_do_nothing_and_new_ones_may() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let before = assume(&sandbox, &joe, BLAH, &[]).credentials();
    assert!(sandbox.revoke_sessions(BLAH));
    assert!(!sandbox.revoke_sessions("arn:aws:iam::666666666666:role/None"));
    assert_eq!(s3(&sandbox, &before, "GET", "/", "").code(), "403 AccessDenied");
    sandbox.advance(Duration::from_secs(2));
    let after = assume(&sandbox, &joe, BLAH, &[]).credentials();
    assert_eq!(s3(&sandbox, &after, "GET", "/", "").code(), "200");
    assert_eq!(s3(&sandbox, &before, "GET", "/", "").code(), "403 AccessDenied");
}

#[test]
fn faults_happen_as_often_as_they_were_asked_for() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    for (fault, code) in [
        (Fault::Throttle, "400 Throttling"),
        (Fault::ServerError, "500 InternalFailure"),
        (Fault::Unavailable, "503 ServiceUnavailable"),
        (Fault::Garbage, "200"),
        (Fault::Reset, "0"),
        (Fault::Delay(Duration::from_millis(1)), "200"),
    ] {
        sandbox.inject(fault, "AssumeRole", 2);
        for _ in 0..2 {
            assert_eq!(assume(&sandbox, &joe, BLAH, &[]).code(), code, "{fault:?}");
            assert_eq!(
                query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]).code(),
                "200"
            );
        }
        assert!(
            assume(&sandbox, &joe, BLAH, &[])
                .body
                .ends_with("</AssumeRoleResponse>"),
            "{fault:?}"
        );
    }
    for (fault, wrong) in [
        (Fault::OtherRole, "666666666666:assumed-role/OtherRole/test<"),
        (Fault::OtherAccount, ":999999999999:assumed-role/BlahRole/test<"),
        (Fault::OtherSessionName, ":assumed-role/BlahRole/other-session<"),
    ] {
        sandbox.inject(fault, "AssumeRole", 1);
        let answer = assume(&sandbox, &joe, BLAH, &[]);
        assert!(answer.body.contains(wrong), "{fault:?} {}", answer.head);
    }
    sandbox.inject(Fault::TruncatedXml, "AssumeRole", 1);
    let answer = assume(&sandbox, &joe, BLAH, &[]);
    assert!(
        answer.status == 200
            && answer.body.starts_with("<AssumeRoleResponse")
            && !answer.body.contains("</AssumeRoleResponse>")
    );
    let now = jiff::Timestamp::try_from(sandbox.now()).unwrap().as_second();
    for (fault, hours) in [
        (Fault::ExpiresTooLate, 30.0),
        (Fault::AlreadyExpired, -1.0 / 60.0),
    ] {
        sandbox.inject(fault, "AssumeRole", 1);
        let end = assume(&sandbox, &joe, BLAH, &[]).text("Expiration").unwrap();
        let end = end.parse::<jiff::Timestamp>().unwrap().as_second();
        let off = (end - now) as f64 / 3600.0 - hours;
        assert!(off.abs() < 0.01, "{fault:?} {off}");
    }
}

#[test]
fn a_hanging_call_hangs_alone_and_does_not_outlive_the_sandbox() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    sandbox.inject(Fault::Hang, "AssumeRole", 1);
    let endpoint = sandbox.endpoint().to_owned();
    let credentials = joe.clone();
    let hanging = std::thread::spawn(move || {
        let client = Client::new(endpoint, "us-east-1", credentials);
        run(client.query("sts", "2011-06-15", "AssumeRole", &[]))
    });
    while sandbox.count("AssumeRole") == 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(
        query(&sandbox, &joe, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    drop(sandbox);
    assert_eq!(hanging.join().unwrap().unwrap_err().code, "Unreachable");
}

#[test]
fn calls_are_remembered_without_secrets() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    let session = assume(&sandbox, &joe, BLAH, &[]).credentials();
    assume(&sandbox, &joe, "arn:aws:iam::666666666666:role/None", &[]);
    s3(&sandbox, &session, "GET", "/", "");
    let calls = sandbox.calls();
    let seen: Vec<_> = calls
        .iter()
        .map(|call| {
            (
                call.service,
                call.operation.as_str(),
                call.principal.as_deref().unwrap_or("-"),
                call.status,
                call.code.as_deref(),
            )
        })
        .collect();
    let joe_arn = "arn:aws:iam::111111111111:user/joe.bloggs";
    assert_eq!(
        seen,
        [
            ("sts", "AssumeRole", joe_arn, 200, None),
            ("sts", "AssumeRole", joe_arn, 403, Some("AccessDenied")),
            (
                "s3",
                "ListBuckets",
                "arn:aws:sts::666666666666:assumed-role/BlahRole/test",
                200,
                None
            ),
        ]
    );
    assert_eq!((sandbox.count("AssumeRole"), sandbox.count("Publish")), (2, 0));
    assert!(
        sandbox
            .secrets()
            .leaks_in(format!("{calls:?}{sandbox:?}{:?}", sandbox.accounts()).as_bytes())
            .is_empty()
    );
    // The search is proven by what does hold secrets.
    assert_eq!(
        sandbox.secrets().leaks_in(sandbox.ready_line().as_bytes()).len(),
        2
    );
    let token = session.session_token().unwrap();
    assert!(sandbox.secrets().leaks_in(token.as_bytes())[0].kind == "session token");
}

#[test]
fn ids_and_files_are_what_they_should_be() {
    let sandbox = Sandbox::builder().start().unwrap();
    let ready: serde_json::Value = serde_json::from_str(&sandbox.ready_line()).unwrap();
    assert_eq!(ready["accounts"][0]["id"], "111111111111");
    assert!(
        ready["accounts"][1]["access_key_id"]
            .as_str()
            .unwrap()
            .starts_with("AKIACANARY")
    );
    let joe = user(&sandbox, "joe.bloggs");
    let session = assume(&sandbox, &joe, BLAH, &[]).credentials();
    assert_eq!(
        (joe.access_key_id().len(), joe.secret_access_key().len()),
        (20, 40)
    );
    assert_eq!(
        (session.access_key_id().len(), session.secret_access_key().len()),
        (20, 40)
    );
    assert!(session.access_key_id().starts_with("ASIACANARY"));
    assert!(session.session_token().unwrap().len() >= 200);
    let config = sandbox.config_file();
    assert!(config.contains("[profile blah]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nregion = us-east-1\n"));
    assert!(config.contains("external_id = partner-7421") && config.contains("source_profile = blah"));
    assert!(
        sandbox
            .credentials_file()
            .starts_with("[joe]\naws_access_key_id = AKIACANARY")
    );
    assert!(sandbox.credentials_file().contains("[default]"));
    let empty = Sandbox::builder().world(World::empty()).start().unwrap();
    assert!(empty.credentials_file().contains("[admin-222222222222]"));
    let stray = sandbox.user_keys("stray").unwrap().credentials();
    assert_eq!(s3(&sandbox, &stray, "GET", "/", "").code(), "403 AccessDenied");
}

#[test]
fn the_client_stays_on_this_machine_and_does_the_demos_calls() {
    let sandbox = Sandbox::builder().start().unwrap();
    let joe = user(&sandbox, "joe.bloggs");
    for endpoint in [
        "http://10.0.0.1:80",
        "https://127.0.0.1:1",
        "http://sts.amazonaws.com",
        "nonsense",
    ] {
        let client = Client::new(endpoint, "us-east-1", joe.clone());
        assert_eq!(
            run(client.get_caller_identity()).unwrap_err().code,
            "NotLoopback",
            "{endpoint}"
        );
    }
    let session = assume(&sandbox, &joe, BLAH, &[]).credentials();
    let client = Client::new(sandbox.endpoint(), "us-east-1", session);
    run(async {
        assert_eq!(
            client.get_caller_identity().await.unwrap().account,
            "666666666666"
        );
        assert_eq!(client.list_buckets().await.unwrap(), ["blah-reports"]);
        let topics = client.list_topics().await.unwrap();
        assert_eq!(topics, ["arn:aws:sns:us-east-1:666666666666:blah-events"]);
        assert!(
            !client
                .publish(&topics[0], "q1 & \"q2\" <done>")
                .await
                .unwrap()
                .is_empty()
        );
        assert!(client.create_topic("more").await.unwrap().ends_with(":more"));
        let refused = client
            .publish("arn:aws:sns:us-east-1:111111111111:theirs", "x")
            .await
            .unwrap_err();
        assert_eq!(
            (refused.status, refused.code.as_str()),
            (403, "AuthorizationError")
        );
        assert!(refused.to_string().contains("not authorized"));
    });
    let gone = sandbox.endpoint().to_owned();
    drop(sandbox);
    assert_eq!(
        run(Client::new(gone, "us-east-1", joe).list_buckets())
            .unwrap_err()
            .code,
        "Unreachable"
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "measures how long the server takes")]
fn many_connections_at_once_and_large_bodies_are_survived() {
    let sandbox = Sandbox::builder().start().unwrap();
    let began = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..32 {
            scope.spawn(|| {
                let joe = user(&sandbox, "joe.bloggs");
                assert_eq!(assume(&sandbox, &joe, BLAH, &[]).code(), "200");
            });
        }
    });
    let head = b"PUT /b/k HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 17000000\r\n\r\n";
    let answer = exchange(
        &sandbox,
        &[&head[..], &vec![b'x'; 17_000_000]].concat(),
        Duration::from_secs(10),
    );
    assert!(answer.status == 413 || answer.status == 0, "{answer:?}");
    assert_eq!(sandbox.count("AssumeRole"), 32);
    assert!(began.elapsed() < Duration::from_secs(30));
}

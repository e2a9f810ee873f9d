//! Container credentials and instance metadata, over sockets: the sandbox's own, and servers that lie.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/liar.rs"]
mod liar;
#[path = "support/sentences.rs"]
mod sentences;

use aws::Aws;
use liar::{Liar, Reply};
use rolecall::host::HostBuilder;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::{Error, ErrorKind, Host, Provider, Session};
use rolecall_sandbox::{Account, Role, Sandbox, World};

const GOOD: &str = r#"{"Code":"Success","AccessKeyId":"ASIACANARYMACHINE000","SecretAccessKey":"CANARYSECRETOFAMACHINE","Token":"CANARYTOKENOFAMACHINE","Expiration":"2099-01-01T00:00:00Z","AccountId":"111122223333"}"#;

fn world() -> World {
    let trust = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":["ec2.amazonaws.com","ecs-tasks.amazonaws.com"]},"Action":"sts:AssumeRole"}]}"#;
    let next = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"111111111111"},"Action":"sts:AssumeRole"}]}"#;
    let may = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}"#;
    let account = Account::new("111111111111")
        .role(Role::new("Machine", trust).policy("may", may))
        .role(Role::new("Next", next));
    World::new()
        .account(account)
        .instance_role("arn:aws:iam::111111111111:role/Machine")
        .container("job", "arn:aws:iam::111111111111:role/Machine")
}

fn provider(host: HostBuilder, lines: &str) -> Provider {
    let mut set = ProfileSet::default();
    let text = format!("[profile p]\nregion = us-east-1\n{lines}\n");
    set.add(FileKind::Config, std::path::Path::new("config"), &text)
        .unwrap();
    Provider::builder(host.build())
        .profiles(&set.into())
        .target("p")
        .build()
        .unwrap()
}

const IN_CONTAINER: &str = "credential_source = EcsContainer";
const ON_INSTANCE: &str = "credential_source = Ec2InstanceMetadata";

async fn asked(host: HostBuilder, lines: &str) -> Result<Session, Error> {
    let outcome = provider(host.login_name("joe"), lines).session().await;
    if let Err(error) = &outcome {
        sentences::assert_well_spoken(error);
        assert!(
            !format!("{error:?} {:?}", error.hints()).contains("CANARY"),
            "{error:?}"
        );
    }
    outcome
}

fn container(uri: &str) -> HostBuilder {
    Host::builder()
        .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
        .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARYTOKEN")
}

fn instance(url: &str) -> HostBuilder {
    Host::builder().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
}

#[tokio::test]
async fn the_sandboxs_container_and_instance_are_sources_and_roles_start_from_them() {
    let aws = Aws::with(Sandbox::builder().world(world()));
    let (uri, token) = aws.sandbox.container("job").unwrap();
    let in_container = || {
        aws.host_builder()
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", &uri)
            .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", &token)
    };
    let on_instance = || {
        let url = aws.sandbox.metadata_endpoint().unwrap();
        aws.host_builder().env("AWS_EC2_METADATA_SERVICE_ENDPOINT", url)
    };
    let next = "role_arn = arn:aws:iam::111111111111:role/Next\n";
    for lines in [IN_CONTAINER, ON_INSTANCE] {
        let host = || {
            if lines == IN_CONTAINER {
                in_container()
            } else {
                on_instance()
            }
        };
        let session = asked(host(), lines).await.unwrap();
        assert!(session.expires_at() > session.issued_at());
        let through = provider(host().login_name("joe"), &format!("{next}{lines}"));
        let whole = through.session().await.unwrap();
        assert!(
            whole
                .principal()
                .unwrap()
                .to_string()
                .contains("assumed-role/Next")
        );
        assert!(
            through
                .caller_identity()
                .await
                .unwrap()
                .arn
                .contains("assumed-role/Next")
        );
    }
    // Without the new paths the old ones are asked; a token that has ended is renewed by the next fetch.
    aws.sandbox.set_extended_metadata(false);
    aws.sandbox.end_metadata_tokens();
    asked(on_instance(), ON_INSTANCE).await.unwrap();
    aws.sandbox.set_instance_role(None);
    let error = asked(on_instance(), ON_INSTANCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    aws.sandbox.set_instance_metadata(false);
    let error = asked(on_instance(), ON_INSTANCE).await.unwrap_err();
    assert!(error.to_string().contains("switched off"), "{error}");
    let wrong = in_container().env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "CANARYTOKEN");
    let error = asked(wrong, IN_CONTAINER).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
}

#[tokio::test]
async fn the_token_of_a_container_is_sent_as_it_is_and_read_anew() {
    let liar = Liar::start(|_, _| Reply::Say(200, GOOD.to_owned())).await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    let uri = format!("{}/credentials?a=1", liar.url.replace("127.0.0.1", "localhost"));
    let host = || container(&uri).env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", file.to_str().unwrap());
    let provider = provider(host(), IN_CONTAINER);
    for token in ["Basic CANARYONE", "CANARYTWO"] {
        std::fs::write(&file, token).unwrap();
        let session = provider.refresh().await.unwrap();
        assert_eq!(session.account().unwrap().as_str(), "111122223333");
        let head = liar.asked().pop().unwrap();
        assert!(head.starts_with("GET /credentials?a=1 HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("authorization: {token}\r\n")), "{head}");
        assert!(
            head.contains("accept: application/json\r\n") && head.contains("host: localhost:"),
            "{head}"
        );
    }
    for bad in ["CANARY\n", "CANARY\r\nx: y", "CANARY\0", ""] {
        std::fs::write(&file, bad).unwrap();
        let error = asked(host(), IN_CONTAINER).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{bad:?}");
    }
    assert_eq!(liar.asked().len(), 2, "a bad token is not sent");
}

#[tokio::test]
async fn plain_http_goes_to_this_machine_and_to_aws_only() {
    let liar = Liar::start(|_, _| Reply::Say(200, GOOD.to_owned())).await;
    let port = liar.url.rsplit(':').next().unwrap().to_owned();
    for uri in [
        format!("http://192.0.2.1:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        "http://169.254.169.254/".to_owned(),
        "http://[fd00:ec2::254]/".to_owned(),
        format!("http://[::ffff:127.0.0.1]:{port}/"),
        format!("http://joe@127.0.0.1:{port}/"),
        "ftp://127.0.0.1/".to_owned(),
        "127.0.0.1".to_owned(),
        "http://no-such-name.invalid/".to_owned(),
    ] {
        let error = asked(container(&uri), IN_CONTAINER).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{uri}: {error}");
    }
    assert!(liar.asked().is_empty());
}

#[tokio::test]
async fn what_lies_drips_floods_or_sends_one_elsewhere_is_not_believed() {
    let trap = Liar::start(|_, _| Reply::Say(200, GOOD.to_owned())).await;
    let without = |key: &str| GOOD.replace(&format!("\"{key}\""), "\"Other\"");
    let refusal = r#"{"Code":"NeedsUser","Message":"run `rolecall login`; token CANARYTOKENOFAMACHINE"}"#;
    let there = trap.url.clone();
    type Answer = Box<dyn Fn() -> Reply + Send + Sync>;
    let say = |status: u16, body: String| -> Answer { Box::new(move || Reply::Say(status, body.clone())) };
    let cases: Vec<(Answer, ErrorKind, &str, usize)> = vec![
        (
            Box::new(move || Reply::Redirect(there.clone())),
            ErrorKind::Untrusted,
            "redirect",
            1,
        ),
        (Box::new(|| Reply::Hang), ErrorKind::Unavailable, "in time", 3),
        (Box::new(|| Reply::Drip), ErrorKind::Unavailable, "in time", 3),
        (Box::new(|| Reply::Flood), ErrorKind::Untrusted, "longer than", 1),
        (
            Box::new(|| Reply::Babble),
            ErrorKind::Unavailable,
            "cannot call",
            3,
        ),
        (
            say(200, "<html>".to_owned()),
            ErrorKind::Unavailable,
            "something besides",
            3,
        ),
        (
            say(200, without("Token")),
            ErrorKind::Unavailable,
            "without `Token`",
            3,
        ),
        (
            say(200, without("Expiration")),
            ErrorKind::Unavailable,
            "without `Expiration`",
            3,
        ),
        (
            say(200, GOOD.replace("Success", "Failed")),
            ErrorKind::Unavailable,
            "`Failed`",
            3,
        ),
        (
            say(200, GOOD.replace("2099", "2001")),
            ErrorKind::Unavailable,
            "ended at 2001",
            1,
        ),
        (say(500, String::new()), ErrorKind::Unavailable, "HTTP 500", 3),
        (
            say(403, refusal.to_owned()),
            ErrorKind::Denied,
            "NeedsUser: run `rolecall login`; token …",
            1,
        ),
    ];
    // All at once: some of them take as long as patience does.
    let mut all = tokio::task::JoinSet::new();
    for (answer, kind, said, times) in cases {
        all.spawn(async move {
            let liar = Liar::start(move |_, _| answer()).await;
            let error = asked(container(&liar.url), IN_CONTAINER).await.unwrap_err();
            assert_eq!(error.kind(), kind, "{error}");
            assert!(error.to_string().contains(said), "{said}: {error}");
            assert_eq!(liar.asked().len(), times, "{error}");
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert!(trap.asked().is_empty(), "a redirect was followed");
    let moody = Liar::start(|_, number| match number {
        1 => Reply::Say(503, String::new()),
        2 => Reply::Babble,
        _ => Reply::Say(200, GOOD.to_owned()),
    });
    assert!(asked(container(&moody.await.url), IN_CONTAINER).await.is_ok());
}

/// An instance's metadata, with one answer for the credentials.
async fn metadata(credentials: impl Fn() -> Reply + Send + Sync + 'static) -> Liar {
    Liar::start(move |head, _| {
        if head.starts_with("PUT /latest/api/token ") {
            Reply::Say(200, "CANARYMETADATATOKEN".to_owned())
        } else if head.contains("security-credentials-extended ") {
            Reply::Say(200, "Machine\n".to_owned())
        } else {
            credentials()
        }
    })
    .await
}

#[tokio::test]
async fn metadata_is_asked_by_version_2_alone_and_what_has_ended_is_not_served() {
    let liar = metadata(|| Reply::Say(200, GOOD.to_owned())).await;
    asked(instance(&liar.url), ON_INSTANCE).await.unwrap();
    let heads = liar.asked();
    assert_eq!(heads.len(), 3);
    assert!(heads[0].contains("x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n"));
    assert!(heads[2].starts_with("GET /latest/meta-data/iam/security-credentials-extended/Machine "));
    assert!(
        heads[1..]
            .iter()
            .all(|head| head.contains("x-aws-ec2-metadata-token: CANARYMETADATATOKEN\r\n"))
    );
    let failed = GOOD.replace("Success", "AssumeRoleUnauthorizedAccess");
    for (body, kind, said) in [
        (
            GOOD.replace("2099", "2001"),
            ErrorKind::Unavailable,
            "ended at 2001",
        ),
        (failed, ErrorKind::Denied, "AssumeRoleUnauthorizedAccess"),
        ("{".to_owned(), ErrorKind::Unavailable, "cut off"),
    ] {
        let liar = metadata(move || Reply::Say(200, body.clone())).await;
        let error = asked(instance(&liar.url), ON_INSTANCE).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(said), "{error}");
    }
    // A service that knows version 1 only: it would answer, and is not asked.
    let old = Liar::start(|head, _| match head.starts_with("PUT") {
        true => Reply::Say(404, String::new()),
        false => Reply::Say(200, GOOD.to_owned()),
    })
    .await;
    let error = asked(instance(&old.url), ON_INSTANCE).await.unwrap_err();
    assert!(error.to_string().contains("version 1"), "{error}");
    assert_eq!(old.asked().len(), 1);
    // A token that is refused once is asked for anew, and not for ever.
    let refusing = metadata(|| Reply::Say(401, String::new())).await;
    let error = asked(instance(&refusing.url), ON_INSTANCE).await.unwrap_err();
    assert!(error.to_string().contains("401"), "{error}");
    let puts = refusing
        .asked()
        .iter()
        .filter(|head| head.starts_with("PUT"))
        .count();
    assert_eq!(puts, 2);
}

#[tokio::test]
async fn metadata_that_hangs_drips_floods_or_sends_one_elsewhere_is_left() {
    let trap = Liar::start(|_, _| Reply::Say(200, GOOD.to_owned())).await;
    let there = trap.url.clone();
    type Answer = Box<dyn Fn() -> Reply + Send + Sync>;
    let cases: Vec<(Answer, ErrorKind)> = vec![
        (
            Box::new(move || Reply::Redirect(there.clone())),
            ErrorKind::Untrusted,
        ),
        (Box::new(|| Reply::Hang), ErrorKind::Unavailable),
        (Box::new(|| Reply::Drip), ErrorKind::Unavailable),
        (Box::new(|| Reply::Flood), ErrorKind::Untrusted),
    ];
    for (answer, kind) in cases {
        let liar = metadata(answer).await;
        let error = asked(instance(&liar.url), ON_INSTANCE).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    }
    assert!(trap.asked().is_empty(), "a redirect was followed");
    // A name of a role that would be another path.
    let liar = Liar::start(|head, _| match head.starts_with("PUT") {
        true => Reply::Say(200, "T".to_owned()),
        false => Reply::Say(200, "../../user-data".to_owned()),
    })
    .await;
    let error = asked(instance(&liar.url), ON_INSTANCE).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Untrusted);
}

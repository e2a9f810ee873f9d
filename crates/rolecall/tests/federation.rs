//! Console links against the sandbox's sign-in service, and against one that does as it is told.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::Aws;
use rolecall::chain::{Endpoints, Service, StsEndpoint};
use rolecall::federation::{Destination, LINK_LIFETIME, Length, Place, sign_in};
use rolecall::parameters::SessionDuration;
use rolecall::profile::Origin;
use rolecall::{AskedDuration, ErrorKind, Host, Provider, Request, Session};
use rolecall_sandbox::{Account, Role, Sandbox, User, World};

const ANYBODY: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// A sign-in service that answers what it is told to, and keeps what it was asked.
struct Told {
    endpoint: StsEndpoint,
    asked: Arc<Mutex<Vec<String>>>,
}

fn answering(answers: &[(u16, &str)]) -> Told {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (answers, into): (Vec<_>, _) = (
        answers
            .iter()
            .map(|(status, body)| (*status, (*body).to_owned()))
            .collect(),
        Arc::clone(&asked),
    );
    std::thread::spawn(move || {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let count = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..count]);
                let text = String::from_utf8_lossy(&request).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else {
                    continue;
                };
                let length = head.lines().find_map(|line| {
                    line.to_ascii_lowercase()
                        .strip_prefix("content-length: ")
                        .map(str::to_owned)
                });
                if count == 0 || body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                    break;
                }
            }
            into.lock().unwrap().push(String::from_utf8(request).unwrap());
            let head = format!(
                "HTTP/1.1 {status} X\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                body.len()
            );
            stream.write_all((head + &body).as_bytes()).unwrap();
        }
    });
    Told {
        endpoint: at(&url),
        asked,
    }
}

fn at(url: &str) -> StsEndpoint {
    StsEndpoint {
        url: url.to_owned(),
        region: "us-east-1".parse().unwrap(),
        origin: Origin::Default("a test"),
        ca_bundle: None,
    }
}

fn home() -> Destination {
    Destination::read(None, &Place::new(&"us-east-1".parse().unwrap())).unwrap()
}

fn request(target: &str, duration: AskedDuration) -> Request {
    Request {
        target: Some(target.to_owned()),
        duration: Some(duration),
        ..Request::default()
    }
}

fn hours(hours: u64) -> SessionDuration {
    SessionDuration::from_seconds(hours * 3600).unwrap()
}

fn service_of(provider: &Provider, host: &Host) -> StsEndpoint {
    let endpoints = Endpoints {
        profiles: provider.profiles(),
        host,
        insecure: false,
    };
    provider
        .chain()
        .locate(Service::Signin, &endpoints, &mut Vec::new())
        .unwrap()
}

/// Follows a link as a browser does, cookie and all, to the page it ends at.
fn page(url: &str) -> (u16, String) {
    let get = |url: &str, cookie: &str| {
        let rest = url.strip_prefix("http://").unwrap();
        let (host, path) = rest.split_once('/').unwrap();
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let request =
            format!("GET /{path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let status = |answer: &str| answer[9..12].parse().unwrap();
    let header = |answer: &str, name: &str| {
        let mut lines = answer.lines().take_while(|line| !line.is_empty());
        lines.find_map(|line| {
            line.to_ascii_lowercase()
                .starts_with(name)
                .then(|| line[name.len()..].trim().to_owned())
        })
    };
    let first = get(url, "");
    match header(&first, "location:") {
        None => (status(&first), first),
        Some(location) => {
            let cookie = header(&first, "set-cookie:").unwrap();
            let second = get(&location, cookie.split(';').next().unwrap());
            (status(&second), second)
        }
    }
}

/// Until when the page says that one is signed in, in seconds from now.
fn signed_in_for(aws: &Aws, page: &str) -> u64 {
    let end = page
        .split("Signed in until</dt><dd>")
        .nth(1)
        .unwrap()
        .split('<')
        .next()
        .unwrap();
    let end = end.parse::<jiff::Timestamp>().unwrap().as_second();
    let end = std::time::UNIX_EPOCH + Duration::from_secs(end.try_into().unwrap());
    end.duration_since(aws.sandbox.now()).unwrap().as_secs()
}

async fn session(aws: &Aws, target: &str, duration: AskedDuration) -> (Host, Provider, Session) {
    let host = aws.host_builder().build();
    let provider = aws
        .builder_on(host.clone())
        .request(request(target, duration))
        .build()
        .unwrap();
    let session = provider.session().await.unwrap();
    (host, provider, session)
}

fn near(found: u64, hours: u64) -> bool {
    (hours * 3600 - 60..=hours * 3600 + 1).contains(&found)
}

/// A user whose key assumes a role of eight hours, one of an hour, and a role of that role.
fn world() -> Aws {
    let trust = |principal: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}}}}}"#
        )
    };
    let joe = "arn:aws:iam::111111111111:user/joe";
    let world = World::new()
        .account(
            Account::new("111111111111")
                .root_key()
                .user(User::new("joe").policy("all", ANYBODY))
                .user(User::new("narrow").policy("s3", r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#)),
        )
        .account(
            Account::new("222222222222")
                .name("Production")
                .role(Role::new("Long", &trust(joe)).max_session_seconds(28_800).policy("all", ANYBODY))
                .role(Role::new("Short", &trust(joe)))
                .role(Role::new("Next", &trust("arn:aws:iam::222222222222:role/Long")).max_session_seconds(43_200)),
        );
    let aws = Aws::with(Sandbox::builder().world(world));
    let mut config = String::new();
    let root = aws.sandbox.root_keys("111111111111").unwrap();
    let users = ["joe", "narrow"].map(|name| (name, aws.sandbox.user_keys(name).unwrap()));
    for (name, keys) in users.into_iter().chain([("root", root)]) {
        config.push_str(&format!(
            "[profile {name}]\nregion = us-east-1\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.access_key_id, keys.secret_access_key
        ));
    }
    for (name, source) in [("Long", "joe"), ("Short", "joe"), ("Next", "Long")] {
        config.push_str(&format!(
            "[profile {name}]\nregion = us-east-1\nrole_arn = arn:aws:iam::222222222222:role/{name}\nsource_profile = {source}\n"
        ));
    }
    aws.with_config(&config)
}

#[tokio::test]
async fn the_session_goes_in_the_body_and_the_console_lasts_as_long_as_it() {
    let aws = world();
    let (host, provider, session) = session(&aws, "Long", AskedDuration::Longest).await;
    let recorder = answering(&[(200, r#"{"SigninToken":"T_-k.n"}"#)]);
    let ticket = sign_in(
        &host,
        &recorder.endpoint,
        session.credentials(),
        Length::OfCredentials,
    )
    .await
    .unwrap();
    let asked = recorder.asked.lock().unwrap()[0].clone();
    let (head, body) = asked.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /federation HTTP/1.1\r\n"), "{head}");
    assert!(
        head.to_ascii_lowercase()
            .contains("content-type: application/x-www-form-urlencoded")
    );
    assert_eq!(aws.leaks(head.as_bytes()), []);
    assert!(body.starts_with("Action=getSigninToken&Session=") && !body.contains("SessionDuration"));
    assert!(!aws.leaks(body.as_bytes()).is_empty());
    assert!(ticket.link(&home()).expose().ends_with("&SigninToken=T_-k.n"));

    let service = service_of(&provider, &host);
    assert_eq!(service.url, aws.sandbox.endpoint());
    let ticket = sign_in(&host, &service, session.credentials(), Length::OfCredentials)
        .await
        .unwrap();
    let link = ticket.link(&home());
    assert!(link.expose().starts_with(aws.sandbox.endpoint()) && !link.expose().contains("logout"));
    let (status, shown) = page(link.expose());
    assert_eq!(status, 200, "{shown}");
    assert!(
        shown.contains("Production (222222222222)") && shown.contains("Long/joe.bloggs"),
        "{shown}"
    );
    assert!(near(signed_in_for(&aws, &shown), 8), "{shown}");
    assert!(
        !aws.leaks(link.expose().as_bytes()).is_empty(),
        "a link is a secret"
    );

    // For fifteen minutes.
    aws.advance(LINK_LIFETIME.as_secs());
    assert_eq!(page(link.expose()).0, 400);
}

#[tokio::test]
async fn longer_than_the_role_is_a_get_with_session_duration() {
    let aws = world();
    let (host, provider, session) = session(&aws, "Short", AskedDuration::Longest).await;
    let recorder = answering(&[(200, r#"{"SigninToken":"T"}"#)]);
    let length = Length::Of(hours(12));
    sign_in(&host, &recorder.endpoint, session.credentials(), length)
        .await
        .unwrap();
    let asked = recorder.asked.lock().unwrap()[0].clone();
    assert!(
        asked.starts_with("GET /federation?Action=getSigninToken&SessionDuration=43200&Session="),
        "{asked}"
    );

    let ticket = sign_in(
        &host,
        &service_of(&provider, &host),
        session.credentials(),
        length,
    )
    .await
    .unwrap();
    assert!((ticket.length(), ticket.length_was_refused()) == (length, false));
    let (_, shown) = page(ticket.link(&home()).expose());
    assert!(near(signed_in_for(&aws, &shown), 12), "{shown}");
}

#[tokio::test]
async fn a_refused_session_duration_is_left_out_once() {
    let aws = world();
    let (host, provider, session) = session(&aws, "Next", AskedDuration::For(hours(1))).await;
    let service = service_of(&provider, &host);
    let ticket = sign_in(&host, &service, session.credentials(), Length::Of(hours(12)))
        .await
        .unwrap();
    assert_eq!(ticket.length(), Length::OfCredentials);
    assert!(ticket.length_was_refused());
    assert_eq!(aws.sandbox.count("getSigninToken"), 2);
    let (_, shown) = page(ticket.link(&home()).expose());
    assert!(near(signed_in_for(&aws, &shown), 1), "{shown}");

    let recorder = answering(&[(400, ""), (400, ""), (200, r#"{"SigninToken":"T"}"#)]);
    let error = sign_in(
        &host,
        &recorder.endpoint,
        session.credentials(),
        Length::Of(hours(12)),
    )
    .await
    .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    aws.assert_sentence(&error);
    let asked = recorder.asked.lock().unwrap();
    assert!(asked.len() == 2 && asked[0].starts_with("GET ") && asked[1].starts_with("POST "));
}

#[tokio::test]
async fn a_users_own_key_signs_in_by_a_federation_token() {
    let aws = world();
    let host = aws.host_builder().build();
    let provider = |target: &str| aws.builder_on(host.clone()).target(target).build().unwrap();
    let joe = provider("joe");
    assert!(joe.is_own_key() && !provider("Long").is_own_key());
    let federated = joe.federated(hours(12)).await.unwrap();
    assert_eq!(federated.arn, "arn:aws:sts::111111111111:federated-user/joe");
    assert_eq!(federated.session.account().unwrap().as_str(), "111111111111");
    let service = service_of(&joe, &host);
    let ticket = sign_in(
        &host,
        &service,
        federated.session.credentials(),
        Length::OfCredentials,
    )
    .await
    .unwrap();
    let (_, shown) = page(ticket.link(&home()).expose());
    assert!(
        shown.contains("Federated user") && near(signed_in_for(&aws, &shown), 12),
        "{shown}"
    );
    assert_eq!(aws.sandbox.count("GetSessionToken"), 0);

    let error = provider("root").federated(hours(1)).await.unwrap_err();
    assert!(error.to_string().starts_with("the root user"), "{error}");
    aws.assert_sentence(&error);
    assert_eq!(aws.sandbox.count("GetFederationToken"), 1, "root was asked for");
    let error = provider("narrow").federated(hours(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error
            .hints()
            .iter()
            .any(|hint| hint.contains("sts:GetFederationToken")),
        "{:?}",
        error.hints()
    );
    aws.assert_sentence(&error);
}

#[tokio::test]
async fn what_the_console_does_not_take_is_told() {
    let aws = world();
    // The session of a user's own key is one of GetSessionToken.
    let (host, provider, of_user) = session(&aws, "joe", AskedDuration::Longest).await;
    let service = service_of(&provider, &host);
    let error = sign_in(&host, &service, of_user.credentials(), Length::OfCredentials)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.hints()[0].contains("GetSessionToken"),
        "{:?}",
        error.hints()
    );
    aws.assert_sentence(&error);
    let (_, _, ended) = session(&aws, "Short", AskedDuration::For(hours(1))).await;
    aws.advance(3700);
    let error = sign_in(&host, &service, ended.credentials(), Length::OfCredentials)
        .await
        .unwrap_err();
    assert!(
        error.hints()[0].starts_with("They have ended"),
        "{:?}",
        error.hints()
    );
}

#[tokio::test]
async fn an_answer_that_is_none_is_not_taken() {
    let aws = world();
    let (host, _, session) = session(&aws, "Short", AskedDuration::For(hours(1))).await;
    let long = format!(r#"{{"SigninToken":"{}"}}"#, "x".repeat(8193));
    let huge = "x".repeat(20_000);
    for (answers, kind) in [
        (
            vec![(200, "<html>sign in to the network</html>")],
            ErrorKind::Untrusted,
        ),
        (vec![(200, "{}")], ErrorKind::Untrusted),
        (vec![(200, r#"{"SigninToken":""}"#)], ErrorKind::Untrusted),
        (vec![(200, r#"{"SigninToken":"a b\r\nc"}"#)], ErrorKind::Untrusted),
        (vec![(200, r#"{"SigninToken":7}"#)], ErrorKind::Untrusted),
        (vec![(200, &long[..])], ErrorKind::Untrusted),
        (vec![(200, &huge[..])], ErrorKind::Unavailable),
        (vec![(302, "")], ErrorKind::Unavailable),
        (vec![(404, "")], ErrorKind::Unavailable),
        (vec![(403, "")], ErrorKind::Denied),
        (vec![(503, ""), (503, "")], ErrorKind::Unavailable),
    ] {
        let (tries, service) = (answers.len(), answering(&answers));
        let error = sign_in(
            &host,
            &service.endpoint,
            session.credentials(),
            Length::OfCredentials,
        )
        .await
        .unwrap_err();
        assert_eq!(error.kind(), kind, "{answers:?}: {error}");
        assert_eq!(service.asked.lock().unwrap().len(), tries);
        aws.assert_sentence(&error);
    }
    // What broke on the way is tried once more.
    let service = answering(&[(503, ""), (200, r#"{"SigninToken":"T"}"#)]);
    assert!(
        sign_in(
            &host,
            &service.endpoint,
            session.credentials(),
            Length::OfCredentials
        )
        .await
        .is_ok()
    );
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = at(&format!("http://{gone}"));
    let error = sign_in(&host, &nobody, session.credentials(), Length::Of(hours(2)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    aws.assert_sentence(&error);
}

/// The host of the sign-in service by partition, and that what is configured wins.
#[test]
fn the_sign_in_service_is_the_partitions_own() {
    for (role, region, url) in [
        (
            "arn:aws:iam::222222222222:role/R",
            "eu-west-1",
            "https://eu-west-1.signin.aws.amazon.com",
        ),
        (
            "arn:aws:iam::222222222222:role/R",
            "",
            "https://us-east-1.signin.aws.amazon.com",
        ),
        (
            "arn:aws-cn:iam::222222222222:role/R",
            "cn-north-1",
            "https://cn-north-1.signin.amazonaws.cn",
        ),
        (
            "arn:aws-cn:iam::222222222222:role/R",
            "",
            "https://cn-northwest-1.signin.amazonaws.cn",
        ),
        (
            "arn:aws-us-gov:iam::222222222222:role/R",
            "us-gov-east-1",
            "https://us-gov-east-1.signin.amazonaws-us-gov.com",
        ),
        (
            "arn:aws-eusc:iam::222222222222:role/R",
            "eusc-de-east-1",
            "https://eusc-de-east-1.signin.amazonaws-eusc.eu",
        ),
    ] {
        let mut profiles = rolecall::ProfileSet::default();
        let region = if region.is_empty() {
            String::new()
        } else {
            format!("region = {region}\n")
        };
        let text = format!(
            "[profile r]\nrole_arn = {role}\nsource_profile = k\n{region}[profile k]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x\n\
             [profile s]\nrole_arn = {role}\nsource_profile = k\n{region}services = mine\n[services mine]\nsignin =\n  endpoint_url = https://signin.example\n"
        );
        profiles
            .add(
                rolecall::profile::FileKind::Config,
                std::path::Path::new("config"),
                &text,
            )
            .unwrap();
        let locate = |target: &str, pairs: &[(&str, &str)]| {
            let host = pairs
                .iter()
                .fold(Host::builder(), |host, (name, value)| host.env(name, value))
                .build();
            let request = Request {
                target: Some(target.to_owned()),
                ..Request::default()
            };
            let chain = rolecall::Chain::resolve(&profiles, &host, &request).unwrap();
            let endpoints = Endpoints {
                profiles: &profiles,
                host: &host,
                insecure: false,
            };
            chain
                .locate(Service::Signin, &endpoints, &mut Vec::new())
                .unwrap()
                .url
        };
        assert_eq!(locate("r", &[]), url);
        assert_eq!(locate("s", &[]), "https://signin.example");
        let general = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1");
        assert_eq!(locate("r", &[general]), "http://127.0.0.1:1");
        assert_eq!(
            locate("s", &[general, ("AWS_ENDPOINT_URL_SIGNIN", "http://127.0.0.1:2")]),
            "http://127.0.0.1:2"
        );
    }
    assert_eq!(LINK_LIFETIME, Duration::from_secs(900));
}

//! Proxies: what goes through them, what never does, and what is said when they refuse.

use std::process::Command;

use aws_sdk_sts::Client;
use aws_sdk_sts::config::retry::RetryConfig;
use aws_sdk_sts::config::{BehaviorVersion, Credentials, Region};
use rolecall::Host;
use rolecall::host::{Fetch, FetchErrorKind, Transport, proxy_hint};
use rolecall_sandbox::Sandbox;

use crate::log::Log;
use crate::support::{
    Authority, OK, PASSWORD, Proxying, Record, all_of, answering, answering_tls, bundle, get, head, host,
    listen, terminating,
};

/// The password as it may be written into a URL.
const ENCODED: &str = "CANARYPROXY%2Fpass%40word";
const NAME: &str = "sts.eu-west-1.amazonaws.com";

/// A client of STS on a host's own HTTP client.
pub(crate) fn sts(host: &Host, url: &str, key_id: &str) -> Client {
    sts_with(
        host,
        url,
        Credentials::new(key_id, "CANARYSECRET/one", None, None, "test"),
    )
}

fn sts_with(host: &Host, url: &str, credentials: Credentials) -> Client {
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .http_client(host.client_for(&Transport::to(url)).unwrap())
        .credentials_provider(credentials)
        .retry_config(RetryConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// The password in the forms it has on the way.
fn leaks(text: &str) -> bool {
    use base64::Engine as _;
    let pair = format!("joe:{PASSWORD}");
    let basic = base64::engine::general_purpose::STANDARD.encode(pair);
    text.contains("CANARYPROXY") || text.contains(&basic)
}

#[tokio::test]
async fn sts_is_called_through_a_proxy_with_tls_from_end_to_end() {
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    let sandbox = Sandbox::builder().start().unwrap();
    let authority = Authority::new();
    let plain = sandbox.endpoint().trim_start_matches("http://").parse().unwrap();
    let front = terminating(authority.acceptor(&[NAME]), plain).await;
    let ca = authority.path();
    for encoded in [true, false] {
        let seen = Record::default();
        let proxying = Proxying {
            wants: Some(format!("joe:{PASSWORD}")),
            ..Proxying::to(front)
        };
        let proxy = proxying.start(&seen).await;
        let written = if encoded {
            format!("http://joe:{ENCODED}@{proxy}")
        } else {
            format!("joe:{PASSWORD}@{proxy}/")
        };
        let host = host(&[("HTTPS_PROXY", &written), bundle(&ca)]);
        let keys = sandbox.user_keys("joe.bloggs").unwrap();
        let client = sts_with(&host, &format!("https://{NAME}"), keys.credentials());
        let identity = client.get_caller_identity().send().await.unwrap();
        assert!(identity.arn().unwrap().ends_with(":user/joe.bloggs"));
        let seen = seen.all();
        assert!(
            seen[0].starts_with(&format!("CONNECT {NAME}:443 HTTP/1.1\r\n")),
            "{}",
            seen[0]
        );
        assert!(seen.len() > 1, "and then there was something to see");
        let sent = seen.concat();
        assert!(
            !sent.contains("GetCallerIdentity") && !sent.contains(&keys.access_key_id),
            "it was not to be read"
        );
        let shown = host.proxy_for(&format!("https://{NAME}")).unwrap().unwrap();
        assert_eq!(shown, format!("http://***@{proxy} ($HTTPS_PROXY)"));
        assert!(!leaks(&format!("{host:?}")));
    }
    assert_eq!(sandbox.count("GetCallerIdentity"), 2);
    let log = log.to_string();
    assert!(
        log.contains("TRACE") && log.contains("tunnel"),
        "the log is at its most talkative"
    );
    assert!(!leaks(&log), "the log holds the proxy's password");
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_from_the_server_behind_it() {
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    let (authority, record) = (Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&[NAME]), OK, &record).await;
    let wants = Proxying {
        wants: Some("joe:other".to_owned()),
        ..Proxying::to(server)
    };
    let refuses = Proxying {
        refuses: Some("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n"),
        ..Proxying::to(server)
    };
    let seen = Record::default();
    let wants = wants.start(&seen).await;
    let refuses = refuses.start(&seen).await;
    let nobody = listen(|_| async {}).await;
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let url = format!("https://{NAME}/");
    let ca = authority.path();
    for (proxy, hint) in [
        (
            wants,
            "The proxy asks who is calling: write user and password into HTTPS_PROXY",
        ),
        (refuses, "The proxy does not let the call through"),
        (nobody, "The proxy does not let the call through"),
        (gone, "The proxy cannot be reached: check HTTPS_PROXY"),
    ] {
        let through = format!("http://joe:{ENCODED}@{proxy}");
        let host = host(&[("https_proxy", &through), bundle(&ca)]);
        let error = get(&host, &url).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Proxy, "{error}");
        let error = rolecall::Error::from(error);
        let message =
            format!("cannot call https://{NAME} through the proxy http://***@{proxy} ($https_proxy): ");
        assert!(error.to_string().starts_with(&message), "{error}");
        assert!(error.hints()[0].starts_with(hint), "{:?}", error.hints());
        crate::sentences::assert_well_spoken(&error);
        assert!(!leaks(&all_of(&error)), "{error:?}");
        // The SDK's error says the same, and no more.
        let error = sts(&host, &url, "joe")
            .get_caller_identity()
            .send()
            .await
            .unwrap_err();
        assert!(proxy_hint(&error).unwrap().starts_with(hint), "{error:?}");
        assert!(!leaks(&format!("{error:?}")), "{error:?}");
    }
    assert_eq!(record.count(), 0, "the server was never reached");
    assert!(!leaks(&log.to_string()), "the log holds the proxy's password");
}

#[tokio::test]
async fn exceptions_go_past_the_proxy() {
    let (authority, record, seen) = (Authority::new(), Record::default(), Record::default());
    let server = answering_tls(authority.acceptor(&["0.0.0.0"]), OK, &record).await;
    let proxy = Proxying::to(server).start(&seen).await;
    let through = format!("http://{proxy}");
    let (ca, url) = (authority.path(), format!("https://0.0.0.0:{}/", server.port()));
    let port = format!("0.0.0.0:{}", server.port());
    for (no_proxy, proxied) in [
        ("", 1),
        ("0.0.0.1,example.com,0.0.0.0:1", 1),
        ("*", 0),
        ("0.0.0.0", 0),
        ("10.0.0.0/8, 0.0.0.0/8", 0),
        (port.as_str(), 0),
    ] {
        let before = (seen.tunnels(), record.count());
        let host = host(&[("ALL_PROXY", &through), ("NO_PROXY", no_proxy), bundle(&ca)]);
        assert_eq!(get(&host, &url).await.unwrap(), "ok", "{no_proxy}");
        assert_eq!(record.count(), before.1 + 1);
        assert_eq!(seen.tunnels() - before.0, proxied, "{no_proxy}");
    }
}

#[tokio::test]
async fn this_machine_and_direct_calls_never_go_through_a_proxy() {
    let (record, seen) = (Record::default(), Record::default());
    let server = answering(OK, &record).await;
    let proxy = Proxying::to(server).start(&seen).await;
    let through = format!("http://{proxy}");
    let host = host(&[
        ("ALL_PROXY", &through),
        ("HTTP_PROXY", &through),
        ("HTTPS_PROXY", &through),
    ]);
    for name in ["127.0.0.1", "localhost"] {
        let url = format!("http://{name}:{}/", server.port());
        assert_eq!(get(&host, &url).await.unwrap(), "ok");
        assert_eq!(host.proxy_for(&url).unwrap(), None);
    }
    let url = format!("http://0.0.0.0:{}/", server.port());
    let direct = Transport {
        direct: true,
        ..Transport::to(&url)
    };
    let answer = host.fetch(Fetch::new(http::Method::GET, direct)).await.unwrap();
    assert_eq!(answer.text(), Some("ok"));
    assert_eq!((record.count(), seen.count()), (3, 0));
    // The control: without `direct` that address does go through it.
    get(&host, &url).await.unwrap();
    assert_eq!((record.count(), seen.count()), (3, 1));
}

#[tokio::test]
async fn plain_http_is_handed_to_the_proxy_with_its_password_in_a_header() {
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    let seen = Record::default();
    let nowhere = "127.0.0.1:1".parse().unwrap();
    let proxying = Proxying {
        wants: Some(format!("joe:{PASSWORD}")),
        ..Proxying::to(nowhere)
    };
    let proxy = proxying.start(&seen).await;
    let good = format!("http://joe:{ENCODED}@{proxy}");
    assert_eq!(
        get(&host(&[("HTTP_PROXY", &good)]), "http://plain.example/x")
            .await
            .unwrap(),
        "ok"
    );
    assert!(
        seen.all()[0].starts_with("GET http://plain.example/x HTTP/1.1\r\n"),
        "{:?}",
        seen.all()
    );
    let bad = format!("http://joe:CANARYPROXY@{proxy}");
    let error = get(&host(&[("HTTP_PROXY", &bad)]), "http://plain.example/x")
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Proxy, "{error}");
    assert!(!leaks(&all_of(&error.into())) && !leaks(&log.to_string()));
}

#[tokio::test]
async fn a_proxy_may_be_spoken_to_over_tls() {
    let (authority, record, seen) = (Authority::new(), Record::default(), Record::default());
    let server = answering_tls(authority.acceptor(&[NAME]), OK, &record).await;
    let (acceptor, theirs) = (authority.acceptor(&["127.0.0.1"]), seen.clone());
    let proxy = listen(move |stream| {
        let (acceptor, seen) = (acceptor.clone(), theirs.clone());
        async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                Proxying::to(server).serve(stream, &seen).await;
            }
        }
    })
    .await;
    let through = format!("https://{proxy}");
    let ca = authority.path();
    let trusting = host(&[("HTTPS_PROXY", &through), bundle(&ca)]);
    assert_eq!(get(&trusting, &format!("https://{NAME}/")).await.unwrap(), "ok");
    assert!(seen.all()[0].starts_with("CONNECT "));
    let error = get(&host(&[("HTTPS_PROXY", &through)]), &format!("https://{NAME}/"))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Tls, "{error}");
    assert_eq!(record.count(), 1);
}

#[tokio::test]
async fn a_proxy_that_is_set_wrongly_stops_the_call() {
    let record = Record::default();
    let server = answering(OK, &record).await;
    let url = format!("http://0.0.0.0:{}/", server.port());
    let host = host(&[("HTTP_PROXY", "socks5://joe:CANARYPROXY@127.0.0.1:1")]);
    let error = get(&host, &url).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::Config);
    assert!(
        error
            .to_string()
            .starts_with("$HTTP_PROXY is not the URL of a proxy"),
        "{error}"
    );
    assert!(host.client_for(&Transport::to(&url)).is_err() && host.proxy_for(&url).is_err());
    assert!(!leaks(&all_of(&error.into())));
    assert_eq!(record.count(), 0, "it is not called without the proxy either");
}

/// What the process has in its environment is nobody's wish: only a host's own environment counts.
#[tokio::test]
async fn the_environment_of_the_process_is_not_read() {
    const URL: &str = "ROLECALL_TEST_DIRECT";
    if let Ok(url) = std::env::var(URL) {
        assert_eq!(get(&host(&[]), &url).await.unwrap(), "ok");
        assert!(get(&Host::system(), &url).await.is_ok(), "through the proxy");
        return;
    }
    let (record, seen) = (Record::default(), Record::default());
    let server = answering(OK, &record).await;
    let theirs = seen.clone();
    let proxy = listen(move |mut stream| {
        let seen = theirs.clone();
        async move {
            seen.add(head(&mut stream).await.unwrap_or_default());
            let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, OK.as_bytes()).await;
        }
    })
    .await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "proxy::the_environment_of_the_process_is_not_read"])
        .env(URL, format!("http://0.0.0.0:{}/", server.port()))
        .env("http_proxy", format!("http://{proxy}"))
        .env_remove("no_proxy")
        .env_remove("NO_PROXY");
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!((record.count(), seen.count()), (1, 1));
}

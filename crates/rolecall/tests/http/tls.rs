//! Whom TLS trusts, and what is said when it does not.

use std::path::Path;
use std::process::Command;

use rolecall::ErrorKind;
use rolecall::host::{CaBundle, Fetch, FetchErrorKind, Transport, is_unknown_authority, tls_hint};

use crate::support::{Authority, OK, Proxying, Record, all_of, answering_tls, bundle, get, host, listen};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

#[tokio::test]
async fn a_private_authority_is_trusted_by_its_bundle_and_no_other() {
    let (authority, other, record) = (Authority::new(), Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&["127.0.0.1", "localhost"]), OK, &record).await;
    let url = format!("https://{server}/");
    assert_eq!(
        get(&host(&[bundle(&authority.path())]), &url).await.unwrap(),
        "ok"
    );
    // Named by the caller, who has it from a profile.
    let path = authority.path();
    let transport = Transport {
        ca_bundle: Some(CaBundle {
            path: &path,
            origin: &"config:3",
        }),
        ..Transport::to(&url)
    };
    let plain = host(&[]);
    let answer = plain
        .fetch(Fetch::new(http::Method::GET, transport))
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(record.count(), 2);
    // Several in one file, with text between them.
    let both = authority.path().with_file_name("both.pem");
    std::fs::write(
        &both,
        format!("# theirs\n{}\n# ours\n{}", other.pem, authority.pem),
    )
    .unwrap();
    assert_eq!(get(&host(&[bundle(&both)]), &url).await.unwrap(), "ok");

    let refused = record.count();
    // One of another name, one of the same name and another key, and the operating system's.
    let stranger = Authority::named("Somebody else");
    for wrong in [
        host(&[bundle(&stranger.path())]),
        host(&[bundle(&other.path())]),
        host(&[]),
    ] {
        let error = get(&wrong, &url).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Tls);
        let error = rolecall::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert_eq!(
            error.to_string(),
            format!(
                "cannot call https://{server}: the TLS handshake failed on a certificate that `Blah Inspection CA` has issued"
            )
        );
        let hint = &error.hints()[0];
        assert!(hint.contains("authority that is not trusted here"), "{hint}");
        assert!(hint.contains("AWS_CA_BUNDLE or `ca_bundle`"), "{hint}");
        crate::sentences::assert_well_spoken(&error);
    }
    assert_eq!(
        record.count(),
        refused,
        "nothing was sent to a server that nobody vouches for"
    );
}

/// The operating system's store is read once for a process, from the process's own environment: so it takes one.
#[tokio::test]
async fn the_operating_systems_store_is_trusted_until_a_bundle_takes_its_place() {
    const URL: &str = "ROLECALL_TEST_URL";
    const OTHER: &str = "ROLECALL_TEST_OTHER";
    if let (Ok(url), Ok(other)) = (std::env::var(URL), std::env::var(OTHER)) {
        assert_eq!(
            get(&host(&[]), &url).await.unwrap(),
            "ok",
            "the store of the system"
        );
        let error = get(&host(&[bundle(Path::new(&other))]), &url).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Tls, "a bundle replaces the store");
        return;
    }
    let (authority, other, record) = (Authority::new(), Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&["127.0.0.1"]), OK, &record).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "tls::the_operating_systems_store_is_trusted_until_a_bundle_takes_its_place",
        ])
        .env("SSL_CERT_FILE", authority.path())
        .env(URL, format!("https://{server}/"))
        .env(OTHER, other.path());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"));
    assert_eq!(record.count(), 1);
}

#[tokio::test]
async fn a_bundle_that_cannot_be_used_is_refused_before_anything_is_called() {
    let (authority, record) = (Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&["127.0.0.1"]), OK, &record).await;
    let url = format!("https://{server}/");
    let pem = authority.pem.as_bytes();
    let middle = pem.len() / 2;
    let twice = [pem, &pem[..middle]].concat();
    let garbled = authority.pem.replace("MII", "M*I").into_bytes();
    let no_certificate = b"-----BEGIN CERTIFICATE-----\nQ0FOQVJZ\n-----END CERTIFICATE-----\n".to_vec();
    let key = b"-----BEGIN PRIVATE KEY-----\nQ0FOQVJZ\n-----END PRIVATE KEY-----\n".to_vec();
    let folder = authority.path().with_file_name("folder");
    std::fs::create_dir(&folder).unwrap();
    for (name, contents, why) in [
        ("missing.pem", None, "is not there"),
        ("folder", None, "cannot be read: "),
        ("empty.pem", Some(Vec::new()), "is empty"),
        ("blank.pem", Some(b" \n\t\n".to_vec()), "is empty"),
        (
            "text.pem",
            Some(b"CANARY is no certificate".to_vec()),
            "holds no certificate",
        ),
        ("key.pem", Some(key), "holds no certificate"),
        (
            "half.pem",
            Some(pem[..middle].to_vec()),
            "breaks off within certificate 1",
        ),
        (
            "one-and-a-half.pem",
            Some(twice),
            "breaks off within certificate 2",
        ),
        ("garbled.pem", Some(garbled), "is no longer PEM at certificate 1"),
        (
            "block.pem",
            Some(no_certificate),
            "holds no certificate in block 1",
        ),
        ("binary.pem", Some(authority.der.clone()), "is DER, not PEM"),
    ] {
        let path = authority.path().with_file_name(name);
        if let Some(contents) = contents {
            std::fs::write(&path, contents).unwrap();
        }
        let of_environment = host(&[bundle(&path)]);
        let error = of_environment.client_for(&Transport::to(&url)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        let begin = format!("the CA bundle {} ($AWS_CA_BUNDLE) {why}", path.display());
        assert!(error.to_string().starts_with(&begin), "{error}");
        crate::sentences::assert_well_spoken(&error);
        let fetched = get(&of_environment, &url).await.unwrap_err();
        assert_eq!(fetched.kind(), FetchErrorKind::Config);
        assert_eq!(fetched.to_string(), error.to_string());
        let transport = Transport {
            ca_bundle: Some(CaBundle {
                path: &path,
                origin: &"config:7",
            }),
            ..Transport::to(&url)
        };
        let of_profile = host(&[]).client_for(&transport).unwrap_err();
        assert!(of_profile.to_string().contains("(config:7)"), "{of_profile}");
        assert!(
            !all_of(&error).contains("CANARY") && !all_of(&error).contains("Q0FOQVJZ"),
            "{error:?}"
        );
        // Plain HTTP needs no authority, and none is read for it.
        assert!(
            of_environment
                .client_for(&Transport::to("http://127.0.0.1:1"))
                .is_ok()
        );
    }
    assert_eq!(record.count(), 0);
}

#[tokio::test]
async fn every_way_a_handshake_fails_says_what_to_do() {
    let (authority, record) = (Authority::new(), Record::default());
    let trusting = host(&[bundle(&authority.path())]);
    let named = answering_tls(authority.acceptor(&["sts.example"]), OK, &record).await;
    let expired = answering_tls(authority.acceptor_until(&["127.0.0.1"], 2001), OK, &record).await;
    let plain = listen(|mut stream| async move {
        let _ = stream
            .write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n")
            .await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    for (server, hint) in [
        (named, "is for other names"),
        (expired, "has expired: check this machine's clock"),
        (plain, "does not speak TLS"),
    ] {
        let error = get(&trusting, &format!("https://{server}/")).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Tls, "{hint}: {error}");
        let error = rolecall::Error::from(error);
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
        crate::sentences::assert_well_spoken(&error);
    }
    assert_eq!(record.count(), 0);
}

#[tokio::test]
async fn the_sdks_own_error_says_it_too() {
    let (authority, record) = (Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&["127.0.0.1"]), OK, &record).await;
    let url = format!("https://{server}");
    let client = crate::proxy::sts(&host(&[]), &url, "joe");
    let error = client.get_caller_identity().send().await.unwrap_err();
    let hint = tls_hint(&error).unwrap();
    assert!(is_unknown_authority(&error));
    assert!(hint.contains("AWS_CA_BUNDLE or `ca_bundle`"), "{hint}");
    let refused = crate::proxy::sts(&host(&[]), "http://127.0.0.1:1", "joe");
    let error = refused.get_caller_identity().send().await.unwrap_err();
    assert!(!is_unknown_authority(&error));
    assert_eq!(tls_hint(&error), None, "a refused connection is no matter of TLS");
}

#[tokio::test]
async fn the_issuer_is_named_through_a_proxy_too_and_asking_sends_nothing() {
    const NAME: &str = "sts.eu-west-1.amazonaws.com";
    let (authority, record, seen) = (Authority::new(), Record::default(), Record::default());
    let server = answering_tls(authority.acceptor(&[NAME]), OK, &record).await;
    let proxy = Proxying::to(server).start(&seen).await;
    let through = format!("http://{proxy}");
    let url = format!("https://{NAME}/");
    let transport = Transport::to(&url);
    let behind = host(&[("HTTPS_PROXY", &through)]);
    assert_eq!(
        behind.issuer_seen(&transport).await.as_deref(),
        Some("Blah Inspection CA")
    );
    assert_eq!((seen.tunnels(), record.count()), (1, 0));
    let error = get(&behind, &url).await.unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("that `Blah Inspection CA` has issued"),
        "{error}"
    );
    // A password is given to nobody for it.
    let closed = format!("http://joe:CANARY@{proxy}");
    assert_eq!(
        host(&[("HTTPS_PROXY", &closed)]).issuer_seen(&transport).await,
        None
    );
    assert_eq!(seen.tunnels(), 3);
    // Nobody there, no TLS there, and no TLS meant.
    let silent = listen(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    for url in [
        "https://127.0.0.1:1".to_owned(),
        format!("http://{server}"),
        format!("https://{silent}"),
    ] {
        assert_eq!(host(&[]).issuer_seen(&Transport::to(&url)).await, None, "{url}");
    }
    assert_eq!(record.count(), 0);
}

#[tokio::test]
async fn a_client_is_built_once_for_each_setup() {
    let (authority, record) = (Authority::new(), Record::default());
    let server = answering_tls(authority.acceptor(&["127.0.0.1"]), OK, &record).await;
    let url = format!("https://{server}/");
    let ca = authority.path();
    let trusting = host(&[bundle(&ca)]);
    assert_eq!(get(&trusting, &url).await.unwrap(), "ok");
    assert!(trusting.client_for(&Transport::to(&url)).is_ok());
    std::fs::remove_file(&ca).unwrap();
    assert_eq!(get(&trusting, &url).await.unwrap(), "ok", "the connector is kept");
    assert!(
        trusting.client_for(&Transport::to("https://127.0.0.1:1")).is_ok(),
        "and so is the client"
    );
    assert!(
        host(&[bundle(&ca)]).client_for(&Transport::to(&url)).is_err(),
        "of this host alone"
    );
    // Another bundle is another setup: what is kept for the one does not vouch for the other.
    let other = Authority::named("Somebody else").path();
    let transport = Transport {
        ca_bundle: Some(CaBundle {
            path: &other,
            origin: &"config:3",
        }),
        ..Transport::to(&url)
    };
    let error = trusting.client_for(&transport).unwrap_err();
    assert!(error.to_string().ends_with("(config:3) is not there"), "{error}");
}

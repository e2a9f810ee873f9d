//! Single requests: what is sent, how long is waited, how much is taken, and what is never shown.

use std::time::Duration;

use http::Method;
use rolecall::ErrorKind;
use rolecall::host::{Answer, Fetch, FetchError, FetchErrorKind, Transport};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use zeroize::Zeroizing;

use crate::log::Log;
use crate::support::{OK, Record, all_of, answering, head, host, listen};

const SHORT: Duration = Duration::from_millis(200);
const LONG: Duration = Duration::from_secs(60);

async fn get(url: &str, change: impl Fn(Fetch<'_>) -> Fetch<'_>) -> Result<Answer, FetchError> {
    let fetch = Fetch::new(Method::GET, Transport::to(url)).timeouts(LONG, LONG);
    host(&[]).fetch(change(fetch)).await
}

#[tokio::test]
async fn a_request_arrives_and_its_answer_comes_back() {
    const ANSWER: &str = "HTTP/1.1 404 Not Found\r\nDate: Tue, 24 Nov 2026 16:00:00 GMT\r\nX-Two: a\r\nX-Two: b\r\ncontent-length: 14\r\n\r\n{\"CANARYBODY\"}";
    let (log, _guard) = Log::start(tracing::Level::TRACE);
    let record = Record::default();
    let server = answering(ANSWER, &record).await;
    let url = format!("http://{server}/path/CANARYPATH?q=CANARYQUERY");
    let fetch = Fetch::new(Method::PUT, Transport::to(&url))
        .header("authorization", "CANARYHEADER")
        .unwrap()
        .body(Zeroizing::new(b"CANARYSENT".to_vec()));
    assert!(!format!("{fetch:?}").contains("CANARY"), "{fetch:?}");
    let answer = host(&[]).fetch(fetch).await.unwrap();
    assert_eq!(answer.status(), 404, "a refusal is an answer too");
    assert_eq!(answer.header("date"), Some("Tue, 24 Nov 2026 16:00:00 GMT"));
    assert_eq!(
        (answer.header("X-TWO"), answer.header("nothing")),
        (Some("a"), None)
    );
    assert_eq!(answer.text(), Some("{\"CANARYBODY\"}"));
    assert_eq!(answer.body().len(), 14);
    assert!(!format!("{answer:?}").contains("CANARY"), "{answer:?}");
    let sent = &record.all()[0];
    assert!(
        sent.starts_with("PUT /path/CANARYPATH?q=CANARYQUERY HTTP/1.1\r\n"),
        "{sent}"
    );
    assert!(
        sent.contains("\r\nauthorization: CANARYHEADER\r\n") && sent.ends_with("\r\n\r\nCANARYSENT"),
        "{sent}"
    );
    assert!(!log.to_string().contains("CANARY"), "{log}");
}

#[tokio::test]
async fn no_more_is_taken_than_the_limit() {
    let server = answering(OK, &Record::default()).await;
    let url = format!("http://{server}/");
    assert_eq!(get(&url, |fetch| fetch.limit(2)).await.unwrap().body(), b"ok");
    let error = get(&url, |fetch| fetch.limit(1)).await.unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TooLarge);
    // One that never ends, and does not say how long it is.
    let endless = listen(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
    })
    .await;
    let error = get(&format!("http://{endless}/"), |fetch| fetch)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), FetchErrorKind::TooLarge);
    assert_eq!(
        error.to_string(),
        format!("cannot call http://{endless}: its answer is longer than 65536 bytes")
    );
}

#[tokio::test]
async fn waiting_ends_and_says_for_what_it_was() {
    let silent = listen(|mut stream| async move {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let stalling = listen(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nCANARY")
            .await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let breaking = listen(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nCANARY")
            .await;
    })
    .await;
    let hanging_up = listen(|mut stream| async move {
        head(&mut stream).await;
    })
    .await;
    let gone = {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    for (url, connect, read, kind) in [
        (format!("http://{silent}/"), LONG, SHORT, FetchErrorKind::Slow),
        (format!("http://{stalling}/"), LONG, SHORT, FetchErrorKind::Slow),
        // A handshake is a part of connecting: nothing secret has been sent yet.
        (
            format!("https://{silent}/"),
            SHORT,
            LONG,
            FetchErrorKind::Unreachable,
        ),
        (format!("http://{gone}/"), LONG, LONG, FetchErrorKind::Unreachable),
        (format!("http://{breaking}/"), LONG, LONG, FetchErrorKind::Broken),
        (
            format!("http://{hanging_up}/"),
            LONG,
            LONG,
            FetchErrorKind::Broken,
        ),
    ] {
        let error = get(&url, |fetch| fetch.timeouts(connect, read))
            .await
            .unwrap_err();
        assert_eq!(error.kind(), kind, "{url}: {error}");
        let error = rolecall::Error::from(error);
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(
            error
                .to_string()
                .starts_with(&format!("cannot call {}: ", url.trim_end_matches('/'))),
            "{error}"
        );
        crate::sentences::assert_well_spoken(&error);
        assert!(!all_of(&error).contains("CANARY"));
    }
}

#[tokio::test]
async fn nobody_is_sent_elsewhere() {
    let elsewhere = Record::default();
    let other = answering(OK, &elsewhere).await;
    let server = listen(move |mut stream| async move {
        head(&mut stream).await;
        let answer = format!("HTTP/1.1 307 Moved\r\nlocation: http://{other}/\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.write_all(answer.as_bytes()).await;
    })
    .await;
    let answer = get(&format!("http://{server}/"), |fetch| fetch).await.unwrap();
    assert_eq!(answer.status(), 307);
    assert_eq!(elsewhere.count(), 0);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_and_not_shown() {
    let transport = Transport::to("http://127.0.0.1:1");
    for bad in ["CANARY\n", "CANARY\r\nx: y", "CANARY\0"] {
        let error = Fetch::new(Method::GET, transport)
            .header("authorization", bad)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains("`authorization`") && !all_of(&error).contains("CANARY"),
            "{error}"
        );
        crate::sentences::assert_well_spoken(&error);
    }
    for bad in [
        "http://u:CANARY@127.0.0.1:1/",
        "ftp://127.0.0.1/CANARY",
        "/CANARY",
        "CANARY",
        "http:// CANARY",
        "",
    ] {
        let error = get(bad, |fetch| fetch).await.unwrap_err();
        assert_eq!(error.kind(), FetchErrorKind::Config, "{bad}");
        let error = rolecall::Error::from(error);
        assert!(!all_of(&error).contains("CANARY"), "{error}");
        crate::sentences::assert_well_spoken(&error);
    }
    let error = get("http://127.0.0.1:1/CANARY?CANARY", |fetch| fetch)
        .await
        .unwrap_err();
    assert!(!all_of(&error.into()).contains("CANARY"));
}

/// Calls of one kind share a connector, and a broken one does no harm.
#[tokio::test]
async fn a_host_calls_again_and_again() {
    let record = Record::default();
    let server = answering(OK, &record).await;
    let url = format!("http://{server}/");
    let host = host(&[]);
    for _ in 0..3 {
        let answer = host
            .fetch(Fetch::new(Method::GET, Transport::to(&url)))
            .await
            .unwrap();
        assert_eq!(answer.text(), Some("ok"));
    }
    assert_eq!(record.count(), 3);
}

/// A kept connection belongs to the runtime it was made in; programs that make one for each call lose nothing by it.
#[test]
fn a_host_outlives_the_runtimes_it_calls_in() {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            std::thread::spawn(move || {
                // Every request is one read here, and the connection stays open.
                while stream.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {
                    stream.write_all(OK.as_bytes()).unwrap();
                }
            });
        }
    });
    let host = host(&[]);
    for _ in 0..3 {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        for _ in 0..2 {
            let answer = runtime
                .block_on(host.fetch(Fetch::new(Method::GET, Transport::to(&url))))
                .unwrap();
            assert_eq!(answer.text(), Some("ok"));
        }
    }
}

//! What is handed out, and what is said when there is nothing to hand out.

use std::time::Duration;

use rolecall::{Error, ErrorKind};

use super::support::{CANARIES, ISSUED, Renewal, Scripted, Server, advertised, session, timed};

#[test]
fn an_answer_has_exactly_what_sdks_read() {
    let (_server, client) = Server::giving();
    let response = client.send(&client.request());
    assert_eq!(response.status, 200);
    let json = response.json();
    let session = session(1);
    let expected = serde_json::json!({
        "Code": "Success",
        "Type": "AWS-HMAC",
        "AccessKeyId": CANARIES[0],
        "SecretAccessKey": CANARIES[1],
        "Token": CANARIES[2],
        "Expiration": advertised(&session),
        "LastUpdated": "2100-01-01T00:00:00Z",
        "AccountId": "111122223333",
    });
    assert_eq!(json, expected);
    assert_eq!(ISSUED, 4_102_444_800);
    // UTC with a `Z` and no fraction, in whole seconds, a little before the true end.
    assert_eq!(json["Expiration"], "2100-01-01T00:58:00Z");
}

#[test]
fn a_connection_serves_many_requests_and_pipelined_ones_too() {
    let (_server, client) = Server::giving();
    let mut connection = client.connect();
    for _ in 0..3 {
        let response = connection.send(&client.request());
        assert_eq!((response.status, response.header("Connection")), (200, None));
    }
    connection.write(&client.request().bytes().repeat(3));
    for _ in 0..3 {
        assert_eq!(connection.read().unwrap().status, 200);
    }
    let last = connection.send(&client.request().with("Connection: close"));
    assert_eq!((last.status, last.header("Connection")), (200, Some("close")));
    assert!(connection.is_closed());
}

#[test]
fn a_request_may_come_in_pieces() {
    let (_server, client) = Server::giving();
    let mut connection = client.connect();
    for piece in client.request().bytes().chunks(7) {
        connection.write(piece);
        std::thread::sleep(Duration::from_millis(5));
    }
    assert_eq!(connection.read().unwrap().status, 200);
}

#[test]
fn the_next_session_is_served_once_there_is_one() {
    let server = Server::start();
    let grant = Scripted::giving(session(1));
    let client = server.client(grant.clone());
    assert_eq!(
        client.send(&client.request()).json()["AccessKeyId"],
        "ASIACANARYAKID000001"
    );
    *grant.renewal.lock().unwrap() = Renewal::Gives(session(2));
    assert_eq!(
        client.send(&client.request()).json()["AccessKeyId"],
        "ASIACANARYAKID000002"
    );
}

fn answer_to(kind: ErrorKind) -> super::support::Response {
    let error = Error::new(kind, "it did not work")
        .with_hint("Do this.")
        .with_hint("Or that.");
    let server = Server::start();
    let client = server.client(Scripted::new(None, Renewal::Fails(error)));
    client.send(&client.request())
}

#[test]
fn what_a_person_or_an_administrator_must_mend_is_a_403() {
    for (kind, code) in [
        (ErrorKind::NeedsUser, "NeedsUser"),
        (ErrorKind::Denied, "AccessDenied"),
    ] {
        let response = answer_to(kind);
        assert_eq!((response.status, response.code().as_str()), (403, code));
        assert_eq!(response.json()["Message"], "it did not work. Do this.");
        assert_eq!(response.header("Retry-After"), None);
    }
}

#[test]
fn with_nothing_valid_now_it_is_a_503() {
    for kind in [
        ErrorKind::Unavailable,
        ErrorKind::Untrusted,
        ErrorKind::Internal,
        ErrorKind::Config,
    ] {
        let response = answer_to(kind);
        assert_eq!((response.status, response.code().as_str()), (503, "Unavailable"));
        assert_eq!(response.header("Retry-After"), Some("1"));
    }
}

#[test]
fn a_failed_renewal_does_not_take_a_valid_session_away() {
    for kind in [ErrorKind::Unavailable, ErrorKind::Denied, ErrorKind::NeedsUser] {
        let server = Server::start();
        let failure = Renewal::Fails(Error::new(kind, "it did not work"));
        let client = server.client(Scripted::new(Some(session(1)), failure));
        assert_eq!(client.send(&client.request()).status, 200);
    }
}

/// The AWS SDK for JavaScript hangs up after one second.
#[test]
fn a_renewal_is_waited_for_less_than_a_second() {
    let server = Server::start();
    let client = server.client(Scripted::new(None, Renewal::NeverEnds));
    let (response, took) = timed(|| client.send(&client.request()));
    assert_eq!((response.status, response.code().as_str()), (503, "Renewing"));
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert!(
        took >= Duration::from_millis(850) && took < Duration::from_millis(1500),
        "{took:?}"
    );

    let client = server.client(Scripted::new(Some(session(1)), Renewal::NeverEnds));
    let (response, took) = timed(|| client.send(&client.request()));
    assert_eq!(response.status, 200);
    assert!(took < Duration::from_millis(1500), "{took:?}");
}

#[test]
fn a_panic_ends_its_connection_and_no_other() {
    let (server, client) = Server::giving();
    let broken = server.client(Scripted::new(None, Renewal::Panics));
    let mut kept = client.connect();
    assert_eq!(kept.send(&client.request()).status, 200);
    assert!(broken.send_raw(&broken.request().bytes()).is_none());
    assert_eq!(kept.send(&client.request()).status, 200);
    assert_eq!(client.send(&client.request()).status, 200);
}

#[test]
fn the_shutdown_ends_what_is_idle_and_lets_what_is_asked_end() {
    let (mut server, client) = Server::giving();
    let slow = server.client(Scripted::new(None, Renewal::NeverEnds));
    let mut idle = client.connect();
    assert_eq!(idle.send(&client.request()).status, 200);
    let mut asked = slow.connect();
    asked.write(&slow.request().bytes());
    std::thread::sleep(Duration::from_millis(200));
    let ((), took) = timed(|| server.shut_down());
    assert!(took < Duration::from_millis(2500), "{took:?}");
    assert!(idle.is_closed());
    let answer = asked.read().unwrap();
    assert_eq!((answer.status, answer.header("Connection")), (503, Some("close")));
    assert!(std::net::TcpStream::connect(client.address).is_err());
}

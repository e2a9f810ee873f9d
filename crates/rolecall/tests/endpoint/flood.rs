//! A25: what one client can take from the others.

use std::time::Duration;

use rolecall::endpoint::Limits;

use super::support::{Scripted, Server, session, timed};

#[test]
fn over_the_cap_a_connection_is_told_so_and_closed() {
    let server = Server::with_limits(Limits {
        connections: 3,
        ..Limits::default()
    });
    let client = server.client(Scripted::giving(session(1)));
    let mut kept: Vec<_> = (0..3).map(|_| client.connect()).collect();
    for connection in &mut kept {
        assert_eq!(connection.send(&client.request()).status, 200);
    }
    let mut over = client.connect();
    let response = over.send(&client.request());
    assert_eq!(
        (response.status, response.code().as_str()),
        (429, "TooManyConnections")
    );
    assert_eq!(response.header("Retry-After"), Some("1"));
    assert!(over.is_closed());
    // The cap comes before everything else that may be wrong.
    let wrong = client
        .request()
        .set("Host", "evil.example")
        .set("Authorization", "wrong");
    assert_eq!(client.send(&wrong).status, 429);
    for connection in &mut kept {
        assert_eq!(connection.send(&client.request()).status, 200);
    }
    kept.pop();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(client.send(&client.request()).status, 200);
}

#[test]
fn what_is_refused_is_bounded_too() {
    let server = Server::with_limits(Limits {
        connections: 0,
        refusals: 2,
        ..Limits::default()
    });
    let client = server.client(Scripted::giving(session(1)));
    let _held: Vec<_> = (0..2).map(|_| client.connect()).collect();
    std::thread::sleep(Duration::from_millis(100));
    assert!(client.send_raw(&client.request().bytes()).is_none());
}

/// T31: headers that trickle in.
#[test]
fn headers_have_two_seconds() {
    let (_server, client) = Server::giving();
    let mut connection = client.connect();
    let ((), took) = timed(|| {
        let bytes = client.request().bytes();
        for byte in &bytes[..8] {
            connection.write(&[*byte]);
            std::thread::sleep(Duration::from_millis(200));
        }
        let response = connection.read().unwrap();
        assert_eq!(
            (response.status, response.code().as_str()),
            (408, "RequestTimeout")
        );
    });
    assert!(
        took >= Duration::from_millis(1900) && took < Duration::from_millis(3000),
        "{took:?}"
    );
    assert!(connection.is_closed());
}

/// T31: slow ones do not slow down the others.
#[test]
fn two_hundred_slow_connections_do_not_hold_up_a_quick_one() {
    let (_server, client) = Server::giving();
    let mut slow: Vec<_> = (0..200).map(|_| client.connect()).collect();
    for connection in &mut slow {
        connection.write(b"G");
    }
    let mut worst = Duration::ZERO;
    for _ in 0..100 {
        let (response, took) = timed(|| client.send(&client.request()));
        assert_eq!(response.status, 200);
        worst = worst.max(took);
    }
    assert!(worst < Duration::from_millis(200), "{worst:?}");
}

#[test]
fn an_idle_connection_is_closed_and_one_in_use_is_not() {
    let server = Server::with_limits(Limits {
        idle_time: Duration::from_millis(600),
        ..Limits::default()
    });
    let client = server.client(Scripted::giving(session(1)));
    let mut used = client.connect();
    for _ in 0..4 {
        assert_eq!(used.send(&client.request()).status, 200);
        std::thread::sleep(Duration::from_millis(250));
    }
    let (closed, took) = timed(|| used.is_closed());
    assert!(closed && took < Duration::from_millis(1000), "{took:?}");
}

#[test]
fn headers_have_eight_kibibytes() {
    let (_server, client) = Server::giving();
    let long = client.request().with(format!("X: {}", "x".repeat(9000)));
    let response = client.send(&long);
    assert_eq!(
        (response.status, response.code().as_str()),
        (431, "HeadersTooLarge")
    );
    let endless = client.send_raw(&vec![b'G'; 100_000]).unwrap();
    assert!(matches!(endless.status, 400 | 431), "{endless:?}");
    let many = (0..100).fold(client.request(), |request, n| request.with(format!("X-{n}: x")));
    assert_eq!(client.send(&many).status, 431);
    let fits = client.request().with(format!("X: {}", "x".repeat(7000)));
    assert_eq!(client.send(&fits).status, 200);
}

//! Many grants on one port, and grants that are taken back.

use std::sync::{Arc, Mutex};

use rolecall::endpoint::{Grant, Peer};
use rolecall::{Error, Session};

use super::support::{Client, Renewal, Scripted, Server, session};

#[test]
fn a_withdrawn_grant_is_answered_as_one_that_never_was() {
    let server = Server::start();
    let kept = server.client(Scripted::giving(session(1)));
    let access = server.endpoint.grant(Scripted::giving(session(2))).unwrap();
    let client = Client::of(server.address, &access);
    assert_eq!(client.send(&client.request()).status, 200);
    let unknown = kept.send(&kept.request().line(format!("GET /{} HTTP/1.1", "0".repeat(32))));
    assert_eq!(unknown.status, 404);

    let mut open = client.connect();
    assert_eq!(open.send(&client.request()).status, 200);
    assert!(access.withdraw());
    assert!(!access.withdraw(), "there is nothing left to take back");
    // On a connection that was open, on new ones, and many times: its holder is no guesser, and is not slowed down.
    for _ in 0..10 {
        let response = open.send(&client.request());
        assert_eq!((&response.head, &response.body), (&unknown.head, &unknown.body));
    }
    assert_eq!(client.send(&client.request()).status, 404);
    let crossed = Client {
        path: kept.path.clone(),
        ..client
    };
    assert_eq!(crossed.send(&crossed.request()).status, 404);
    assert_eq!(kept.send(&kept.request()).status, 200);
}

/// A request that waited for its session while its grant was taken back gets none.
#[test]
fn what_is_under_way_at_the_withdrawal_gets_nothing() {
    struct Late(tokio::sync::Notify);
    impl Grant for Late {
        fn valid(&self) -> Option<Session> {
            Some(session(1))
        }

        fn session(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
            Box::pin(async {
                self.0.notified().await;
                Ok(session(1))
            })
        }
    }
    let server = Server::start();
    let grant = Arc::new(Late(tokio::sync::Notify::new()));
    let access = server
        .endpoint
        .grant(Arc::clone(&grant) as Arc<dyn Grant>)
        .unwrap();
    let client = Client::of(server.address, &access);
    let mut connection = client.connect();
    connection.write(&client.request().bytes());
    std::thread::sleep(std::time::Duration::from_millis(200));
    access.withdraw();
    grant.0.notify_one();
    assert_eq!(connection.read().unwrap().status, 404);
}

#[test]
fn a_withdrawn_grant_is_let_go() {
    let server = Server::start();
    let grant = Scripted::giving(session(1));
    let access = server.endpoint.grant(grant.clone()).unwrap();
    let client = Client::of(server.address, &access);
    assert_eq!(client.send(&client.request()).status, 200);
    access.withdraw();
    let held = || Arc::strong_count(&grant);
    for _ in 0..50 {
        if held() == 1 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the grant is still held {} times", held());
}

/// T25, A19: each of a thousand tokens opens its own session and no other, and a guess is answered as ever.
#[test]
fn a_thousand_grants_share_a_port() {
    let server = Server::start();
    let grants: Vec<_> = (0..1000)
        .map(|n| {
            let grant = Scripted::giving(session(n));
            server.endpoint.grant_as(format!("target {n}"), grant).unwrap()
        })
        .collect();
    let listed = server.endpoint.granted();
    assert_eq!(listed.len(), 1000);
    assert!(
        listed
            .iter()
            .enumerate()
            .all(|(n, one)| one.label == format!("target {n}"))
    );
    assert!(
        listed
            .iter()
            .zip(&grants)
            .all(|(one, access)| one.uri == access.uri())
    );

    let clients: Vec<_> = grants
        .iter()
        .map(|access| Client::of(server.address, access))
        .collect();
    let mut connection = clients[0].connect();
    for (n, client) in clients.iter().enumerate() {
        let response = connection.send(&client.request());
        assert_eq!(response.json()["AccessKeyId"], format!("ASIACANARYAKID{n:06}"));
    }
    let other = format!("GET {} HTTP/1.1", clients[1].path);
    let known = connection.send(&clients[0].request().line(other));
    let unknown = connection.send(
        &clients[0]
            .request()
            .line(format!("GET /{} HTTP/1.1", "f".repeat(32))),
    );
    assert_eq!(
        (known.status, &known.head, &known.body),
        (404, &unknown.head, &unknown.body)
    );
    for access in &grants[1..] {
        assert!(access.withdraw());
    }
    assert_eq!(server.endpoint.granted().len(), 1);
    assert_eq!(connection.send(&clients[0].request()).status, 200);
    assert_eq!(connection.send(&clients[999].request()).status, 404);
}

#[test]
fn a_grant_is_told_whom_it_served() {
    #[derive(Default)]
    struct Noting(Mutex<Vec<(String, Peer)>>);
    impl Grant for Noting {
        fn valid(&self) -> Option<Session> {
            None
        }

        fn session(&self) -> std::pin::Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
            Box::pin(async { Ok(session(7)) })
        }

        fn served(&self, session: &Session, peer: &Peer) {
            let key = session.credentials().access_key_id().to_owned();
            self.0.lock().unwrap().push((key, peer.clone()));
        }
    }
    let mut server = Server::start();
    let grant = Arc::new(Noting::default());
    let client = server.client(Arc::clone(&grant) as Arc<dyn Grant>);
    let mut connection = client.connect();
    assert_eq!(connection.send(&client.request()).status, 200);
    assert_eq!(
        connection.send(&client.request().line("GET / HTTP/1.1")).status,
        404
    );
    let failing = server.client(Scripted::new(None, Renewal::Fails(Error::config("no"))));
    assert_eq!(failing.send(&failing.request()).status, 503);
    server.shut_down();
    let noted = grant.0.lock().unwrap();
    let [(key, peer)] = &noted[..] else {
        panic!("one answer had a session in it: {noted:?}");
    };
    assert_eq!(key, "ASIACANARYAKID000007");
    assert_eq!(peer.address(), connection.0.local_addr().unwrap());
    if cfg!(target_os = "linux") {
        let process = peer.process().unwrap();
        assert_eq!((Some(process.uid), process.pid), (peer.uid(), std::process::id()));
    }
}

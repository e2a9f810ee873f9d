//! A3 and A6: the token, where it is looked for, and what guessing it costs.

use std::time::Duration;

use super::support::{Client, Scripted, Server, session, timed};

/// The right token is answered faster than any penalty; the best of a few, for the machine may be busy.
fn expect_no_delay(client: &Client) {
    let fastest = (0..5).map(|_| {
        let (response, took) = timed(|| client.send(&client.request()));
        assert_eq!(response.status, 200);
        took
    });
    assert!(fastest.min() < Some(Duration::from_millis(90)));
}

/// T2: only in the header, verbatim.
#[test]
fn without_the_token_there_is_nothing() {
    let (_server, client) = Server::giving();
    let right = client.request();
    let token = &client.token;
    let in_query = format!("GET {}?token={token}&Authorization={token} HTTP/1.1", client.path);
    for (what, request) in [
        ("none", right.clone().without("Authorization")),
        ("an empty one", right.clone().set("Authorization", "")),
        ("a wrong one", right.clone().set("Authorization", &"0".repeat(64))),
        ("one cut short", right.clone().set("Authorization", &token[..63])),
        (
            "one too long",
            right.clone().set("Authorization", &format!("{token}0")),
        ),
        (
            "other case",
            right.clone().set("Authorization", &token.to_uppercase()),
        ),
        (
            "a scheme",
            right.clone().set("Authorization", &format!("Bearer {token}")),
        ),
        ("twice", right.clone().with(format!("Authorization: {token}"))),
        ("a second one", right.clone().with("Authorization: other")),
        (
            "in the query",
            right.clone().without("Authorization").line(in_query),
        ),
        (
            "in another header",
            right
                .clone()
                .without("Authorization")
                .with(format!("X-Authorization: {token}")),
        ),
        (
            "as a password",
            right
                .clone()
                .without("Authorization")
                .with(format!("Proxy-Authorization: {token}")),
        ),
    ] {
        let response = client.send(&request);
        assert_eq!(
            (response.status, response.code().as_str()),
            (401, "InvalidToken"),
            "{what}"
        );
    }
    // A path may carry a query; it is not looked at.
    let query = right.line(format!("GET {}?a=1 HTTP/1.1", client.path));
    assert_eq!(client.send(&query).status, 200);
}

#[test]
fn a_token_opens_its_own_grant_only() {
    let server = Server::start();
    let one = server.client(Scripted::giving(session(1)));
    let two = server.client(Scripted::giving(session(2)));
    assert_ne!((&one.path, &one.token), (&two.path, &two.token));
    for (client, key) in [(&one, "ASIACANARYAKID000001"), (&two, "ASIACANARYAKID000002")] {
        assert_eq!(client.send(&client.request()).json()["AccessKeyId"], key);
    }
    let crossed = Client {
        token: two.token.clone(),
        ..one.clone()
    };
    let crossed = crossed.send(&crossed.request());
    let unknown = two.send(&two.request().line(format!("GET /{} HTTP/1.1", "0".repeat(32))));
    assert_eq!(crossed.status, 404);
    assert_eq!((crossed.head, crossed.body), (unknown.head, unknown.body));
}

/// T6: one connection slows down and is closed.
#[test]
fn wrong_tokens_slow_their_connection_down_and_close_it() {
    let (_server, client) = Server::giving();
    let wrong = client.request().set("Authorization", "wrong");
    let mut connection = client.connect();
    for nth in 1..=5_u64 {
        let (response, took) = timed(|| connection.send(&wrong));
        assert_eq!(response.status, 401);
        assert!(
            took >= Duration::from_millis(100 * nth - 10),
            "the {nth}th took {took:?}"
        );
        assert_eq!(response.header("Connection"), (nth == 5).then_some("close"));
    }
    assert!(connection.is_closed());
    assert_eq!(client.send(&client.request()).status, 200);
}

/// T6: twenty wrong tokens, and the right one on another connection is not held up by them.
#[test]
fn the_right_token_is_answered_at_once_under_guessing() {
    let (_server, client) = Server::giving();
    let wrong = client.request().set("Authorization", "wrong");
    let guesses: Vec<_> = (0..4)
        .map(|_| {
            let (client, wrong) = (client.clone(), wrong.clone());
            std::thread::spawn(move || {
                let mut connection = client.connect();
                let (_, took) = timed(|| {
                    for _ in 0..5 {
                        assert_eq!(connection.send(&wrong).status, 401);
                    }
                });
                took
            })
        })
        .collect();
    std::thread::sleep(Duration::from_millis(50));
    expect_no_delay(&client);
    for guesses in guesses {
        let took = guesses.join().unwrap();
        assert!(
            took >= Duration::from_millis(1400),
            "20 guesses at {took:?} for 5"
        );
    }
}

/// T6: many connections with one guess each get no further than one with many.
#[test]
fn a_flood_of_wrong_tokens_is_cut_short_and_the_right_one_still_served() {
    let (_server, client) = Server::giving();
    let wrong = client.request().set("Authorization", "wrong");
    let mut connections: Vec<_> = (0..70).map(|_| client.connect()).collect();
    for connection in &mut connections {
        connection.write(&wrong.bytes());
    }
    let answers: Vec<_> = connections.iter_mut().map(|c| c.read().unwrap()).collect();
    let of = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((of(401), of(429)), (50, 20));
    let cut = answers.iter().find(|answer| answer.status == 429).unwrap();
    assert_eq!(cut.code(), "TooManyAttempts");
    assert_eq!(cut.header("Connection"), Some("close"));
    expect_no_delay(&client);
}

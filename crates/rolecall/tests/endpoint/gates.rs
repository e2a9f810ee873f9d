//! A1 and A2: a page in a browser on this machine can make it send requests here, under names it has rebound to
//! 127.0.0.1 too. The token alone would do; these gates hold where a token has leaked into a page's reach.

use proptest::prelude::*;

use super::support::{Response, Server};

#[test]
fn the_request_every_sdk_sends_gets_credentials() {
    let (_server, client) = Server::giving();
    assert_eq!(client.send(&client.request()).status, 200);
}

/// T1: rebinding.
#[test]
fn only_the_advertised_host_is_answered() {
    let (server, client) = Server::giving();
    let port = server.address.port();
    let wrong = [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        "127.0.0.1".to_owned(),
        "localhost".to_owned(),
        format!("localhost:{port}"),
        "127.0.0.1:1".to_owned(),
        format!("127.0.0.1:{port}."),
        format!("127.0.0.1.:{port}"),
        format!("0x7f.1:{port}"),
        "0x7f.1".to_owned(),
        format!("127.1:{port}"),
        format!("[::1]:{port}"),
        format!("user@127.0.0.1:{port}"),
        format!("127.0.0.1:{port}, evil.example"),
        format!("127.0.0.1:0{port}"),
        String::new(),
    ];
    for host in wrong {
        let response = client.send(&client.request().set("Host", &host));
        assert_eq!(
            (response.status, response.code().as_str()),
            (403, "WrongHost"),
            "{host:?}"
        );
    }
    let exact = client.request().set("Host", &format!("127.0.0.1:{port}"));
    assert_eq!(client.send(&exact).status, 200);
}

/// T1: what is not one plain HTTP/1.1 request to a path on one host.
#[test]
fn other_shapes_of_request_are_refused() {
    let (server, client) = Server::giving();
    let right = client.request();
    let (path, authority) = (&client.path, server.address.to_string());
    let shapes = [
        ("no Host", right.clone().without("Host")),
        ("two Hosts", right.clone().with(format!("Host: {authority}"))),
        ("a second Host", right.clone().with("Host: evil.example")),
        (
            "a Host in other case",
            right.clone().with(format!("hOST: {authority}")),
        ),
        (
            "absolute form",
            right
                .clone()
                .line(format!("GET http://{authority}{path} HTTP/1.1")),
        ),
        (
            "absolute form elsewhere",
            right.clone().line(format!("GET http://evil{path} HTTP/1.1")),
        ),
        ("HTTP/1.0", right.clone().line(format!("GET {path} HTTP/1.0"))),
        ("HTTP/0.9", right.clone().line(format!("GET {path}"))),
        ("HTTP/2", right.clone().line("PRI * HTTP/2.0")),
        ("HTTP/1.2", right.clone().line(format!("GET {path} HTTP/1.2"))),
        (
            "a path without its slash",
            right.clone().line(format!("GET {} HTTP/1.1", &path[1..])),
        ),
        ("the server itself", right.clone().line("OPTIONS * HTTP/1.1")),
        ("a folded header", right.clone().with("X: a\r\n b")),
        ("a blank before the colon", right.clone().with("X : a")),
        ("a NUL", right.clone().with("X: a\0b")),
        ("a body", right.clone().with("Content-Length: 3")),
        ("a chunked body", right.clone().with("Transfer-Encoding: chunked")),
    ];
    for (shape, request) in shapes {
        let response = client.send_raw(&request.bytes()).expect(shape);
        assert_eq!(
            (response.status, response.code().as_str()),
            (400, "BadRequest"),
            "{shape}"
        );
    }
    let response = client.send_raw(b"\x16\x03\x01\x02\x00\x01\n").expect("TLS");
    assert_eq!(response.status, 400);
}

/// T2: no page can keep its browser from adding one of these.
#[test]
fn what_a_browser_or_a_proxy_sends_is_refused_with_the_right_token_too() {
    let (_server, client) = Server::giving();
    for header in [
        "Origin: http://evil.example",
        "Origin: null",
        "oRiGiN: http://evil.example",
        "Referer: http://evil.example/",
        "Cookie: a=b",
        "X-Forwarded-For: 127.0.0.1",
        "X-Forwarded-Host: evil.example",
        "X-Real-IP: 127.0.0.1",
        "Forwarded: for=127.0.0.1",
        "Via: 1.1 proxy",
        "Sec-Fetch-Site: cross-site",
        "Sec-Fetch-Mode: no-cors",
        "Sec-Fetch-Dest: image",
        "sec-fetch-user: ?1",
        "Sec-CH-UA: \"Chromium\"",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
        "User-Agent: something mozilla something",
    ] {
        let response = client.send(&client.request().with(header));
        assert_eq!(
            (response.status, response.code().as_str()),
            (403, "BrowserRequest"),
            "{header}"
        );
    }
    for agent in [
        "aws-sdk-rust/1.3",
        "Botocore/1.44.5 ua/2.1",
        "aws-sdk-js/3 os/linux",
    ] {
        let response = client.send(&client.request().with(format!("User-Agent: {agent}")));
        assert_eq!(response.status, 200, "{agent}");
    }
}

/// T2: methods.
#[test]
fn only_get_is_answered() {
    let (_server, client) = Server::giving();
    for method in [
        "HEAD", "POST", "PUT", "OPTIONS", "DELETE", "PATCH", "TRACE", "get", "GETS",
    ] {
        let line = format!("{method} {} HTTP/1.1", client.path);
        let response = client.send(&client.request().line(line));
        assert_eq!(response.status, 405, "{method}");
        assert_eq!(response.header("Allow"), Some("GET"), "{method}");
    }
    // A preflight is a browser's: it is refused as one, and nothing in the answer allows the page anything.
    let preflight = client
        .request()
        .line(format!("OPTIONS {} HTTP/1.1", client.path))
        .with("Origin: http://evil.example")
        .with("Access-Control-Request-Headers: authorization")
        .with("Access-Control-Request-Private-Network: true");
    assert_eq!(client.send(&preflight).status, 403);
}

/// What follows a body that is not read could be the body: the connection ends instead.
#[test]
fn a_request_in_a_body_is_never_answered() {
    let (_server, client) = Server::giving();
    let smuggled = client.request().bytes();
    let mut connection = client.connect();
    let outer = client
        .request()
        .line(format!("POST {} HTTP/1.1", client.path))
        .with(format!("Content-Length: {}", smuggled.len()));
    connection.write(&[outer.bytes(), smuggled].concat());
    assert_eq!(connection.read().unwrap().status, 405);
    assert!(connection.read().is_none());
}

/// The gates stand in the design's order: what is wrong in more than one way is refused for the first.
#[test]
fn the_first_gate_answers() {
    let (_server, client) = Server::giving();
    let mut request = client
        .request()
        .line("POST /unknown HTTP/1.1")
        .set("Host", "evil.example")
        .set("Authorization", "wrong")
        .with("Origin: http://evil.example");
    let authority = client.address.to_string();
    let mut expect = |status: u16, fix: &dyn Fn(super::support::Request) -> super::support::Request| {
        let response: Response = client.send(&request);
        assert_eq!(response.status, status, "{response:?}");
        if status == 403 {
            let code = if request.headers.iter().any(|h| h == "Host: evil.example") {
                "WrongHost"
            } else {
                "BrowserRequest"
            };
            assert_eq!(response.code(), code);
        }
        request = fix(request.clone());
    };
    expect(403, &|r| r.set("Host", &authority));
    expect(403, &|r| r.without("Origin"));
    expect(405, &|r| r.line("GET /unknown HTTP/1.1"));
    expect(401, &|r| r.set("Authorization", &client.token));
    expect(404, &|r| r.line(format!("GET {} HTTP/1.1", client.path)));
    expect(200, &|r| r);
}

#[test]
fn no_random_host_is_ever_answered_with_credentials() {
    let (server, client) = Server::giving();
    let exact = server.address.to_string();
    let near = format!("127\\.0\\.0\\.1:{}[ -~]{{0,3}}", server.address.port());
    let host = prop_oneof!["[ -~]{0,40}", proptest::string::string_regex(&near).unwrap()];
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    proptest!(config, |(host in host)| {
        prop_assume!(host.trim() != exact);
        let response = client.send(&client.request().set("Host", &host));
        prop_assert_ne!(response.status, 200);
    });
}

/// T25 in small: no bytes but a right request get a 200, and nothing panics or hangs on them.
#[test]
fn no_mangled_request_is_answered_with_credentials() {
    let (_server, client) = Server::giving();
    let right = client.request().bytes();
    let config = ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    // Up to the end of the token: what is changed there is never harmless.
    let token_ends = right.windows(8).position(|w| w == b"\r\nAccept").unwrap();
    proptest!(config, |(at in 0..token_ends, byte in any::<u8>())| {
        let mut bytes = right.clone();
        prop_assume!(bytes[at] != byte);
        bytes[at] = byte;
        let mut connection = client.connect();
        connection.write(&bytes);
        connection.0.shutdown(std::net::Shutdown::Write).unwrap();
        if let Some(response) = connection.read() {
            // Header names have no case, and blanks around a value are not part of it; a line may end without its CR.
            let same = String::from_utf8_lossy(&bytes).to_ascii_lowercase() == String::from_utf8_lossy(&right).to_ascii_lowercase();
            let blank = matches!(byte, b' ' | b'\t') && matches!(right[at], b' ' | b'\r');
            prop_assert!(response.status != 200 || same || blank, "{}", String::from_utf8_lossy(&bytes));
        }
    });
}

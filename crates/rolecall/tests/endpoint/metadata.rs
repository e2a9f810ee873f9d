//! IMDSv2, as AWS documents it ("Use the Instance Metadata Service to access instance metadata", Amazon EC2 user guide) and
//! as the SDKs ask for it.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::sync::Arc;

use rolecall::endpoint::{Grant, Metadata};

use super::support::{CANARIES, Connection, Renewal, Request, Response, Scripted, Server, session};

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

struct Instance {
    server: Server,
    address: SocketAddr,
}

impl Instance {
    fn of(grant: Arc<dyn Grant>) -> Self {
        let server = Server::start();
        let about = Metadata {
            role: "BlahRole".to_owned(),
            partition: rolecall::partition::Partition::Aws,
            region: Some("eu-west-1".to_owned()),
            account: Some("111122223333".to_owned()),
        };
        let uri = server.endpoint.metadata(about, grant).unwrap();
        let address = server.address;
        assert_eq!(uri, format!("http://{address}"));
        Self { server, address }
    }

    fn giving() -> Self {
        Self::of(Scripted::giving(session(1)))
    }

    fn request(&self, line: &str) -> Request {
        Request {
            line: format!("{line} HTTP/1.1"),
            headers: vec![format!("Host: {}", self.address)],
        }
    }

    fn send(&self, request: &Request) -> Response {
        Connection::open(self.address).send(request)
    }

    fn asks_token(&self, seconds: &str) -> Response {
        let request = self.request("PUT /latest/api/token");
        self.send(
            &request
                .with(format!("{TTL}: {seconds}"))
                .with("Content-Length: 0"),
        )
    }

    fn token(&self) -> String {
        let response = self.asks_token("21600");
        assert_eq!(response.status, 200);
        response.body
    }

    fn get(&self, path: &str) -> Response {
        let request = self.request(&format!("GET {path}"));
        self.send(&request.with(format!("{TOKEN}: {}", self.token())))
    }
}

#[test]
fn an_sdk_finds_its_way_from_a_token_to_credentials() {
    let instance = Instance::giving();
    let token = instance.asks_token("300");
    assert_eq!(token.status, 200);
    assert_eq!(token.header(TTL), Some("300"));
    assert_eq!(token.header("Content-Type"), Some("text/plain"));
    assert!(token.body.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert_ne!(token.body, instance.token());
    for list in [ROLES, ROLES.trim_end_matches('/')] {
        let response = instance.get(list);
        // botocore and Rust take it as it is for a name: no newline.
        assert_eq!((response.status, response.body.as_str()), (200, "BlahRole"));
    }
    let credentials = instance.get(&format!("{ROLES}BlahRole"));
    assert_eq!(credentials.status, 200);
    let json = credentials.json();
    assert_eq!(json["Code"], "Success");
    assert_eq!(json["Type"], "AWS-HMAC");
    assert_eq!(json["AccessKeyId"], CANARIES[0]);
    assert_eq!(json["SecretAccessKey"], CANARIES[1]);
    assert_eq!(json["Token"], CANARIES[2]);
    assert_eq!(json["Expiration"], "2100-01-01T00:58:00Z");
    assert_eq!(json["LastUpdated"], "2100-01-01T00:00:00Z");
    // The newer paths, and an endpoint that was given with a slash at its end.
    for path in [
        "/latest/meta-data/iam/security-credentials-extended/BlahRole",
        "//latest/meta-data/iam/security-credentials/BlahRole",
    ] {
        assert_eq!(instance.get(path).json(), json, "{path}");
    }
}

#[test]
fn the_rest_that_sdks_ask_for_is_there() {
    let instance = Instance::giving();
    for (path, body) in [
        ("/latest/meta-data/", "iam/\nplacement/"),
        ("/latest/meta-data/iam/", "info\nsecurity-credentials/"),
        ("/latest/meta-data/placement/", "availability-zone\nregion"),
        ("/latest/meta-data/placement/region", "eu-west-1"),
        ("/latest/meta-data/placement/availability-zone", "eu-west-1a"),
        ("/latest/meta-data/placement/availability-zone/", "eu-west-1a"),
    ] {
        let response = instance.get(path);
        assert_eq!((response.status, response.body.as_str()), (200, body), "{path}");
    }
    let document = instance.get("/latest/dynamic/instance-identity/document").json();
    assert_eq!(document["region"], "eu-west-1");
    assert_eq!(document["accountId"], "111122223333");
    let info = instance.get("/latest/meta-data/iam/info").json();
    assert_eq!(
        info["InstanceProfileArn"],
        "arn:aws:iam::111122223333:instance-profile/BlahRole"
    );
}

#[test]
fn everything_else_is_not_found() {
    let instance = Instance::giving();
    for path in [
        "/latest",
        "/latest/",
        "/latest/user-data",
        "/latest/meta-data",
        "/latest/meta-data/ami-id",
        "/latest/meta-data/iam/security-credentials/Other",
        "/latest/meta-data/iam/security-credentials/BlahRole/",
        "/latest/meta-data/iam/security-credentials/../security-credentials/BlahRole",
        "/latest/meta-data/iam/security-credentials/Blah%52ole",
        "/latest/meta-data/iam/security-credentials//BlahRole",
        "/latest/meta-data/iam/security-credentialsBlahRole",
        "/latest/dynamic/instance-identity/signature",
    ] {
        let response = instance.get(path);
        assert_eq!(
            (response.status, response.code().as_str()),
            (404, "NotFound"),
            "{path}"
        );
    }
}

#[test]
fn a_token_is_given_for_one_right_lifetime_only() {
    let instance = Instance::giving();
    for seconds in ["1", "21600", "021600"] {
        assert_eq!(instance.asks_token(seconds).status, 200, "{seconds}");
    }
    for seconds in [
        "",
        "0",
        "21601",
        "-1",
        "+1",
        "1.5",
        "1s",
        "0x10",
        "99999999999999999999",
        "300, 300",
    ] {
        let response = instance.asks_token(seconds);
        assert_eq!(
            (response.status, response.code().as_str()),
            (400, "BadRequest"),
            "{seconds:?}"
        );
    }
    let none = instance.request("PUT /latest/api/token");
    assert_eq!(instance.send(&none).status, 400);
    let twice = none
        .clone()
        .with(format!("{TTL}: 300"))
        .with(format!("{TTL}: 300"));
    assert_eq!(instance.send(&twice).status, 400);
    let body = none.with(format!("{TTL}: 300")).with("Content-Length: 3");
    assert_eq!(instance.send(&body).status, 400);
    for method in ["GET", "POST", "HEAD", "OPTIONS"] {
        let request = instance.request(&format!("{method} /latest/api/token"));
        let response = instance.send(&request.with(format!("{TTL}: 300")));
        assert_eq!(
            (response.status, response.header("Allow")),
            (405, Some("PUT")),
            "{method}"
        );
    }
    let elsewhere = instance.request(&format!("PUT {ROLES}"));
    assert_eq!(instance.send(&elsewhere.with(format!("{TTL}: 300"))).status, 405);
}

/// Version 1, which any forged GET can speak, gets nothing.
#[test]
fn without_a_token_there_is_nothing() {
    let instance = Instance::giving();
    let (token, another) = (instance.token(), Instance::giving().token());
    let path = format!("GET {ROLES}BlahRole");
    let get = instance.request(&path);
    for (what, request) in [
        ("none", get.clone()),
        ("an empty one", get.clone().with(format!("{TOKEN}: "))),
        (
            "another instance's",
            get.clone().with(format!("{TOKEN}: {another}")),
        ),
        (
            "one cut short",
            get.clone().with(format!("{TOKEN}: {}", &token[2..])),
        ),
        (
            "other case",
            get.clone().with(format!("{TOKEN}: {}", token.to_uppercase())),
        ),
        (
            "two",
            get.clone()
                .with(format!("{TOKEN}: {token}"))
                .with(format!("{TOKEN}: {token}")),
        ),
        (
            "in Authorization",
            get.clone().with(format!("Authorization: {token}")),
        ),
        (
            "in the query",
            instance.request(&format!("{path}?{TOKEN}={token}")),
        ),
    ] {
        let response = instance.send(&request);
        assert_eq!(
            (response.status, response.code().as_str()),
            (401, "InvalidToken"),
            "{what}"
        );
    }
    // Nor is it said without a token which paths there are.
    let unknown = instance.send(&instance.request("GET /latest/nothing"));
    assert_eq!(unknown.status, 401);
    assert_eq!(instance.send(&get.with(format!("{TOKEN}: {token}"))).status, 200);
}

#[test]
fn a_token_ends() {
    let instance = Instance::giving();
    let token = instance.asks_token("1").body;
    let get = instance
        .request(&format!("GET {ROLES}"))
        .with(format!("{TOKEN}: {token}"));
    assert_eq!(instance.send(&get).status, 200);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(instance.send(&get).status, 401);
}

/// A25: whoever asks for many tokens takes nobody's away.
#[test]
fn no_number_of_tokens_pushes_one_out() {
    let instance = Instance::giving();
    let token = instance.token();
    let request = instance
        .request("PUT /latest/api/token")
        .with(format!("{TTL}: 21600"));
    let mut connection = Connection::open(instance.address);
    for _ in 0..2000 {
        assert_eq!(connection.send(&request).status, 200);
    }
    let get = instance
        .request(&format!("GET {ROLES}"))
        .with(format!("{TOKEN}: {token}"));
    assert_eq!(instance.send(&get).status, 200);
}

/// A1 to A3: the gates before the token are the container endpoint's.
#[test]
fn what_a_browser_or_a_proxy_sends_gets_no_token_and_nothing_for_one() {
    let instance = Instance::giving();
    let put = instance
        .request("PUT /latest/api/token")
        .with(format!("{TTL}: 300"));
    let get = instance
        .request(&format!("GET {ROLES}BlahRole"))
        .with(format!("{TOKEN}: {}", instance.token()));
    for request in [put, get] {
        assert_eq!(instance.send(&request).status, 200);
        for header in [
            "X-Forwarded-For: 127.0.0.1",
            "Origin: null",
            "Referer: http://evil.example/",
            "Sec-Fetch-Site: none",
            "Via: 1.1 proxy",
        ] {
            let response = instance.send(&request.clone().with(header));
            assert_eq!(
                (response.status, response.code().as_str()),
                (403, "BrowserRequest"),
                "{header}"
            );
        }
        for host in ["evil.example", "169.254.169.254", "localhost", "127.0.0.1"] {
            let response = instance.send(&request.clone().set("Host", host));
            assert_eq!(
                (response.status, response.code().as_str()),
                (403, "WrongHost"),
                "{host}"
            );
        }
    }
}

#[test]
fn the_same_port_serves_a_container_grant() {
    let instance = Instance::giving();
    let client = instance.server.client(Scripted::giving(session(2)));
    assert_eq!(
        client.send(&client.request()).json()["AccessKeyId"],
        "ASIACANARYAKID000002"
    );
    // Neither token opens the other's door.
    let crossed = client.request().set("Authorization", &instance.token());
    assert_eq!(client.send(&crossed).status, 401);
    let crossed = instance
        .request(&format!("GET {ROLES}"))
        .with(format!("{TOKEN}: {}", client.token))
        .with(format!("Authorization: {}", client.token));
    assert_eq!(instance.send(&crossed).status, 401);
}

#[test]
fn failures_are_those_of_the_container_endpoint() {
    let error = rolecall::Error::new(rolecall::ErrorKind::NeedsUser, "a code is needed").with_hint("Run it.");
    let instance = Instance::of(Scripted::new(None, Renewal::Fails(error)));
    let response = instance.get(&format!("{ROLES}BlahRole"));
    assert_eq!((response.status, response.code().as_str()), (403, "NeedsUser"));
    assert_eq!(response.json()["Message"], "a code is needed. Run it.");
    let instance = Instance::of(Scripted::new(None, Renewal::NeverEnds));
    let response = instance.get(&format!("{ROLES}BlahRole"));
    assert_eq!((response.status, response.code().as_str()), (503, "Renewing"));
}

#[test]
fn there_is_one_for_each_port_and_none_after_its_withdrawal() {
    let instance = Instance::giving();
    let again = Metadata {
        role: "Other".to_owned(),
        partition: rolecall::partition::Partition::Aws,
        region: None,
        account: None,
    };
    let bad = Metadata {
        role: "a/b".to_owned(),
        ..again.clone()
    };
    for (about, message) in [(again, "already"), (bad, "role's name")] {
        let error = instance
            .server
            .endpoint
            .metadata(about, Scripted::giving(session(2)));
        assert!(error.unwrap_err().to_string().contains(message));
    }
    let token = instance.token();
    instance.server.endpoint.withdraw_metadata();
    for path in [
        ROLES,
        &format!("{ROLES}BlahRole"),
        "/latest/meta-data/placement/region",
    ] {
        let request = instance.request(&format!("GET {path}"));
        assert_eq!(
            instance.send(&request.with(format!("{TOKEN}: {token}"))).status,
            404,
            "{path}"
        );
    }
}

#[test]
fn where_it_was_not_asked_for_there_is_none() {
    let (_server, client) = Server::giving();
    let put = Request {
        line: "PUT /latest/api/token HTTP/1.1".to_owned(),
        headers: vec![format!("Host: {}", client.address), format!("{TTL}: 300")],
    };
    assert_eq!(client.send(&put).status, 405);
    let get = client.request().line(format!("GET {ROLES} HTTP/1.1"));
    assert_eq!(client.send(&get).status, 404);
}

/// A4: another user, who needs no secret here but the port.
#[test]
fn another_user_gets_no_token() {
    if !super::peer::is_root() {
        eprintln!("skipped: only root can run a client as another user");
        return;
    }
    let instance = Instance::giving();
    let put = instance
        .request("PUT /latest/api/token")
        .with(format!("{TTL}: 300"));
    let put = put.with("Connection: close");
    let own = super::peer::sent_from_shell(instance.address, &put, None);
    assert!(own.starts_with("HTTP/1.1 200 "), "{own}");
    let other = super::peer::sent_from_shell(instance.address, &put, Some(65534));
    assert!(other.starts_with("HTTP/1.1 403 "), "{other}");
}

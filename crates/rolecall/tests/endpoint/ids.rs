//! A19: ids are opaque. No path but the exact one leads anywhere, and every other one leads to the same answer.

use super::support::Server;

#[test]
fn every_path_but_the_exact_one_gets_the_same_answer() {
    let (_server, client) = Server::giving();
    let id = &client.path[1..];
    assert_eq!(id.len(), 32);
    assert!(
        id.bytes().all(|b| b.is_ascii_hexdigit()),
        "nothing in an id says what it is of: {id}"
    );
    let unknown = client.send(&client.request().line(format!("GET /{} HTTP/1.1", "f".repeat(32))));
    assert_eq!((unknown.status, unknown.code().as_str()), (404, "NotFound"));
    let encoded: String = id.bytes().map(|b| format!("%{b:02x}")).collect();
    for path in [
        "/".to_owned(),
        "//".to_owned(),
        "/..".to_owned(),
        "/%2e%2e".to_owned(),
        format!("//{id}"),
        format!("/{id}/"),
        format!("/{id}/.."),
        format!("/../{id}"),
        format!("/./{id}"),
        format!("/x/../{id}"),
        format!("/{encoded}"),
        format!("/%2f{id}"),
        format!("/{id}%00"),
        format!("/{id};a=1"),
        format!("/{id}#a"),
        format!("/{}", &id[..31]),
        format!("/{id}0"),
        format!("/?{id}"),
        format!("/role/{id}"),
        "/arn:aws:iam::111122223333:role/Admin".to_owned(),
        "/111122223333/Admin?assume=arn:aws:iam::444455556666:role/Other".to_owned(),
        "/latest/meta-data/iam/security-credentials/".to_owned(),
        "/creds".to_owned(),
    ] {
        let response = client.send(&client.request().line(format!("GET {path} HTTP/1.1")));
        assert_eq!(
            (&response.head, &response.body),
            (&unknown.head, &unknown.body),
            "{path}"
        );
    }
    if id.bytes().any(|b| b.is_ascii_lowercase()) {
        let line = format!("GET /{} HTTP/1.1", id.to_uppercase());
        assert_eq!(client.send(&client.request().line(line)).status, 404);
    }
}

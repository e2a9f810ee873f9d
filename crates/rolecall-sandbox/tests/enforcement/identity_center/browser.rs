//! The authorization code grant with PKCE.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::percent_decode_str;
use rolecall_sandbox::Sandbox;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{START, portal, register, start, token};
use crate::common::Answer;
use crate::rest::{get, post_form};

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CALLBACK: &str = "http://127.0.0.1:8765/oauth/callback";

fn client(sandbox: &Sandbox) -> (String, String) {
    let more = json!({
        "grantTypes": ["authorization_code", "refresh_token"],
        "redirectUris": ["http://127.0.0.1/oauth/callback"],
        "issuerUrl": START,
    });
    register(sandbox, &more)
}

fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Asks for a page, or with a `user` for the redirect; `more` replaces and adds, an empty value takes away.
fn authorize(sandbox: &Sandbox, client_id: &str, more: &[(&str, &str)]) -> Answer {
    let challenge = challenge(VERIFIER);
    let mut fields = vec![
        ("response_type", "code"),
        ("client_id", client_id),
        ("redirect_uri", CALLBACK),
        ("state", "a state & more"),
        ("code_challenge_method", "S256"),
        ("scopes", "sso:account:access"),
        ("code_challenge", &challenge),
    ];
    fields.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
    fields.extend(more.iter().filter(|(_, value)| !value.is_empty()));
    get(sandbox, "/authorize", &fields)
}

/// A parameter of the address a redirect leads to.
fn brought(answer: &Answer, name: &str) -> Option<String> {
    let location = answer.header("location")?;
    let (address, query) = location.split_once('?')?;
    assert_eq!(address, CALLBACK);
    query.split('&').find_map(|pair| {
        let (found, value) = pair.split_once('=')?;
        (found == name).then(|| {
            percent_decode_str(value)
                .decode_utf8()
                .expect("a test's own helper")
                .into_owned()
        })
    })
}

fn code(sandbox: &Sandbox, client_id: &str, user: &str) -> String {
    let answer = authorize(sandbox, client_id, &[("user", user)]);
    assert_eq!(answer.status, 302, "{}", answer.body);
    assert_eq!(
        brought(&answer, "state").expect("a test's own helper"),
        "a state & more"
    );
    brought(&answer, "code").expect("a test's own helper")
}

#[test]
fn a_code_becomes_tokens_for_who_has_the_verifier() {
    let sandbox = start();
    let client = client(&sandbox);
    let fields = |code: &str, more: Value| {
        let mut fields = json!({
            "grantType": "authorization_code", "code": code, "redirectUri": CALLBACK, "codeVerifier": VERIFIER,
        });
        for (name, value) in more.as_object().unwrap() {
            fields[name] = value.clone();
        }
        fields
    };
    let ask = |fields: &Value| token(&sandbox, &client, fields);
    let first = code(&sandbox, &client.0, "ann");
    assert!(!sandbox.secrets().leaks_in(first.as_bytes()).is_empty());
    let answer = ask(&fields(&first, json!({})));
    assert_eq!(answer.error(), "200");
    let answer = answer.json();
    assert!(answer["refreshToken"].is_string());
    let access = answer["accessToken"].as_str().unwrap();
    assert_eq!(
        portal(&sandbox, access, "GET", "/assignment/accounts", &[]).status,
        200
    );
    // Single use; and one attempt, even one that fails, uses it up.
    assert_eq!(
        ask(&fields(&first, json!({}))).error(),
        "400 InvalidGrantException"
    );
    let other = "x".repeat(43);
    let table = [
        (json!({"codeVerifier": other}), "400 InvalidGrantException"),
        (json!({"codeVerifier": "short"}), "400 InvalidRequestException"),
        (json!({"codeVerifier": null}), "400 InvalidRequestException"),
        (
            json!({"redirectUri": "http://127.0.0.1:8766/oauth/callback"}),
            "400 InvalidGrantException",
        ),
        (json!({"redirectUri": null}), "400 InvalidRequestException"),
        (json!({"code": "CANARYTOKEN"}), "400 InvalidGrantException"),
    ];
    for (more, expected) in table {
        let code = code(&sandbox, &client.0, "ann");
        assert_eq!(ask(&fields(&code, more.clone())).error(), expected, "{more}");
        let again = if more.get("codeVerifier") == Some(&json!(other)) || more["redirectUri"].is_string() {
            "400 InvalidGrantException"
        } else {
            "200"
        };
        assert_eq!(ask(&fields(&code, json!({}))).error(), again, "{more}");
    }
    let late = code(&sandbox, &client.0, "ann");
    let in_time = code(&sandbox, &client.0, "ann");
    let another = super::register(
        &sandbox,
        &json!({"grantTypes": ["authorization_code"], "redirectUris": [CALLBACK], "issuerUrl": START}),
    );
    assert_eq!(
        token(&sandbox, &another, &fields(&in_time, json!({}))).error(),
        "400 InvalidGrantException"
    );
    sandbox.advance(Duration::from_secs(599));
    assert_eq!(ask(&fields(&in_time, json!({}))).error(), "200");
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(
        ask(&fields(&late, json!({}))).error(),
        "400 InvalidGrantException"
    );
}

#[test]
fn nobody_is_sent_where_the_client_is_not() {
    let sandbox = start();
    let (id, _) = client(&sandbox);
    // Without a client that is known and an address that is its own, there is a page and no redirect.
    for more in [
        ("client_id", "nobody"),
        ("client_id", ""),
        ("redirect_uri", ""),
        ("redirect_uri", "http://evil.example/oauth/callback"),
        ("redirect_uri", "http://127.0.0.1:8765/elsewhere"),
        (
            "redirect_uri",
            "http://127.0.0.1:8765@evil.example/oauth/callback",
        ),
        ("redirect_uri", "http://127.0.0.1.evil.example/oauth/callback"),
        ("redirect_uri", "http://127.0.0.1:99999/oauth/callback"),
        ("redirect_uri", "http://127.0.0.1:1/oauth/callback\r\nX: y"),
        ("redirect_uri", "javascript:alert(1)"),
    ] {
        let answer = authorize(&sandbox, &id, &[more, ("user", "ann")]);
        assert_eq!(
            (answer.status, answer.header("location")),
            (400, None),
            "{more:?}"
        );
    }
    // What else is wrong goes back to the client.
    for (more, error) in [
        (("response_type", "token"), "unsupported_response_type"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge", VERIFIER_TOO_LONG), "invalid_request"),
        (("scopes", "openid"), "invalid_scope"),
    ] {
        let answer = authorize(&sandbox, &id, &[more, ("user", "ann")]);
        assert_eq!(answer.status, 302, "{more:?}");
        assert_eq!(brought(&answer, "error").as_deref(), Some(error), "{more:?}");
        assert_eq!(brought(&answer, "state").as_deref(), Some("a state & more"));
        assert_eq!(brought(&answer, "code"), None);
    }
    assert_eq!(authorize(&sandbox, &id, &[("user", "nobody")]).status, 400);
    let other_port = ("redirect_uri", "http://127.0.0.1:1/oauth/callback");
    assert_eq!(
        authorize(&sandbox, &id, &[other_port, ("user", "ann")]).status,
        302
    );
}

const VERIFIER_TOO_LONG: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXkA";

#[test]
fn the_page_asks_and_its_form_answers() {
    let sandbox = start();
    let (id, _) = client(&sandbox);
    let page = authorize(&sandbox, &id, &[("state", "\"><script>")]);
    assert_eq!(page.status, 200);
    assert!(page.body.contains("<title>Authorize an application</title>"));
    assert!(page.body.contains("value=\"&quot;&gt;&lt;script&gt;\""));
    assert!(!page.body.contains("<script"));
    assert!(page.body.contains("action=\"/_sandbox/authorize\""));
    let challenge = challenge(VERIFIER);
    let say = |user: &str, decision: &str| {
        let fields = [
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", CALLBACK),
            ("state", "s"),
            ("code_challenge_method", "S256"),
            ("code_challenge", &challenge),
            ("user", user),
            ("decision", decision),
        ];
        post_form(&sandbox, "/_sandbox/authorize", &fields)
    };
    let denied = say("ann", "deny");
    assert_eq!(brought(&denied, "error").as_deref(), Some("access_denied"));
    let approved = say("ann", "approve");
    assert_eq!(approved.status, 302);
    assert!(brought(&approved, "code").is_some());
    assert_eq!(say("nobody", "approve").status, 400);
}

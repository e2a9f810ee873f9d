//! Calls whose proof is no signature: Identity Center's registration, sign-in and portal, the federation endpoint, web
//! identities, and the sandbox's own.
#![no_main]

mod server;
mod words;

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use aws_credential_types::Credentials;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};
use server::SANDBOX;

const PATHS: [(&str, &str); 17] = [
    ("POST", "/client/register"),
    ("POST", "/device_authorization"),
    ("POST", "/token"),
    ("GET", "/authorize"),
    ("GET", "/federation/credentials"),
    ("GET", "/assignment/accounts"),
    ("GET", "/assignment/roles"),
    ("POST", "/logout"),
    ("GET", "/federation"),
    ("POST", "/federation"),
    ("GET", "/switchrole"),
    ("GET", "/oauth"),
    ("GET", "/_sandbox/console"),
    ("GET", "/_sandbox/device"),
    ("POST", "/_sandbox/device"),
    ("POST", "/_sandbox/oidc/token"),
    ("POST", "/"),
];

const NAMES: [&str; 38] = [
    "Action",
    "Version",
    "Session",
    "SessionDuration",
    "SigninToken",
    "Destination",
    "Issuer",
    "clientId",
    "clientSecret",
    "clientName",
    "clientType",
    "scopes",
    "scope",
    "redirectUris",
    "redirectUri",
    "grantTypes",
    "grantType",
    "startUrl",
    "deviceCode",
    "refreshToken",
    "codeVerifier",
    "code",
    "client_id",
    "redirect_uri",
    "code_challenge",
    "code_challenge_method",
    "response_type",
    "user",
    "user_code",
    "approve",
    "account_id",
    "role_name",
    "max_result",
    "next_token",
    "RoleArn",
    "RoleSessionName",
    "WebIdentityToken",
    "account",
];

#[derive(Arbitrary, Debug)]
struct Call<'a> {
    path: u8,
    names: Vec<(u8, u8, words::Word<'a>)>,
    spoil: Option<(u16, u8)>,
}

/// What earlier calls would have given: a client, a code, a session, a token of the issuer.
static KNOWN: LazyLock<Vec<String>> = LazyLock::new(known);

fn known() -> Vec<String> {
    let post = |path: &str, body: Value| {
        let bytes = server::request_bytes("POST", path, &[], body.to_string().as_bytes());
        let answer = server::send(&bytes);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str::<Value>(body).unwrap_or_default()
    };
    let start_url = SANDBOX.start_url().unwrap_or_default();
    let grants = [
        "urn:ietf:params:oauth:grant-type:device_code",
        "refresh_token",
        "authorization_code",
    ];
    let client = post(
        "/client/register",
        json!({"clientName": "fuzz", "clientType": "public", "scopes": ["sso:account:access"],
            "grantTypes": grants, "redirectUris": ["http://127.0.0.1/callback"], "issuerUrl": start_url}),
    );
    let (id, secret) = (&client["clientId"], &client["clientSecret"]);
    let device = post(
        "/device_authorization",
        json!({"clientId": id, "clientSecret": secret, "startUrl": start_url}),
    );
    let admin = SANDBOX
        .user_keys("admin")
        .expect("every account has one")
        .credentials();
    let federated = server::session(&admin, "Action=GetFederationToken&Name=fuzz").expect("a federated user");
    let mut known: Vec<String> = [id, secret, &device["deviceCode"], &device["userCode"]]
        .into_iter()
        .filter_map(|value| value.as_str().map(str::to_owned))
        .collect();
    let grants = grants.map(str::to_owned);
    known.extend(grants);
    known.push(start_url);
    known.push(session_json(&federated));
    known.push(SANDBOX.web_identity_token(json!({"sub": "fuzz", "aud": "sts.amazonaws.com"})));
    for text in [
        "getSigninToken",
        "login",
        "logout",
        "AssumeRoleWithWebIdentity",
        "2011-06-15",
        "http://127.0.0.1:1/callback",
        "http://127.0.0.1/callback",
        "https://console.aws.amazon.com/s3",
        "public",
        "S256",
        "sso:account:access",
        "900",
    ] {
        known.push(text.to_owned());
    }
    known
}

fn session_json(session: &Credentials) -> String {
    json!({
        "sessionId": session.access_key_id(),
        "sessionKey": session.secret_access_key(),
        "sessionToken": session.session_token(),
    })
    .to_string()
}

fuzz_target!(|calls: Vec<Call<'_>>| {
    for call in calls.iter().take(6) {
        server::send(&bytes(call));
    }
    server::still_answers();
});

fn bytes(call: &Call<'_>) -> Vec<u8> {
    let (method, path) = PATHS[usize::from(call.path) % PATHS.len()];
    let pairs: Vec<(&str, String)> = call
        .names
        .iter()
        .map(|(name, value, word)| {
            let name = NAMES[usize::from(*name) % NAMES.len()];
            let value = KNOWN.get(usize::from(*value));
            (name, value.map_or_else(|| word.0.to_owned(), Clone::clone))
        })
        .collect();
    let form = || {
        let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let pairs: Vec<_> = pairs
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        pairs.join("&")
    };
    let mut headers = vec![("host".to_owned(), server::host())];
    if let Some((_, token)) = pairs.iter().find(|(name, _)| *name == "code") {
        let token = token.chars().filter(char::is_ascii_graphic).collect();
        headers.push(("x-amz-sso_bearer_token".to_owned(), token));
    }
    let mut bytes = match method {
        "GET" => server::request_bytes(method, &format!("{path}?{}", form()), &headers, b""),
        _ if path == "/" || path == "/federation" => {
            server::request_bytes(method, path, &headers, form().as_bytes())
        }
        _ => {
            let body: Map<String, Value> = pairs
                .iter()
                .map(|(name, value)| {
                    let list = matches!(*name, "scopes" | "scope" | "redirectUris" | "grantTypes");
                    let value = if list { json!([value]) } else { json!(value) };
                    ((*name).to_owned(), value)
                })
                .collect();
            server::request_bytes(method, path, &headers, Value::Object(body).to_string().as_bytes())
        }
    };
    if let Some((at, with)) = call.spoil
        && let Some(byte) = bytes.get_mut(usize::from(at))
    {
        *byte = with;
    }
    bytes
}

//! What carries no signature: Identity Center's device and browser flows, its portal, the sign-in service, web identities,
//! and the sandbox's own calls. Several in a row, each with what the earlier ones told.
#![no_main]

mod server;
mod signing;
mod words;

use arbitrary::Unstructured;
use libfuzzer_sys::{Corpus, fuzz_target};
use serde_json::{Value, json};

use server::Server;
use signing::{Identities, form};
use words::{Operation, Told, value};

const CALLS: usize = 16;
const SERVICES: [&str; 6] = ["control", "oidc", "oidc", "portal", "signin", "web"];

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let mut input = Unstructured::new(bytes);
    if input.is_empty() {
        return Corpus::Reject;
    }
    server::with(|server| {
        let mut told = known(server);
        for _ in 0..CALLS {
            if input.is_empty() {
                break;
            }
            let Ok(request) = request(&mut input, &told) else {
                break;
            };
            told.learn(&server.ask(&request));
        }
    });
    Corpus::Keep
});

/// A session to sign in with, and a token of the issuer.
fn known(server: &Server) -> Told {
    let mut told = Told::default();
    for credentials in Identities::of(server).sessions() {
        told.tell("sessionId", credentials.access_key_id());
        told.tell("accessKeyId", credentials.access_key_id());
        told.tell("secretAccessKey", credentials.secret_access_key());
        told.tell("sessionToken", credentials.session_token().unwrap_or_default());
    }
    let claims = json!({"sub": "job", "aud": "sts.amazonaws.com"});
    told.tell("webidentitytoken", &server.sandbox.web_identity_token(claims));
    told
}

fn request(input: &mut Unstructured<'_>, told: &Told) -> arbitrary::Result<Vec<u8>> {
    let operation = Operation::choose(input, &SERVICES)?;
    let (method, path, body) = match (operation.service, operation.name) {
        ("oidc", "Authorize") => (
            "GET",
            format!("/authorize?{}", query(operation, input, told)?),
            String::new(),
        ),
        ("oidc", name) => {
            let path = match name {
                "RegisterClient" => "/client/register",
                "StartDeviceAuthorization" => "/device_authorization",
                _ => "/token",
            };
            ("POST", path.to_owned(), operation.json(input, told)?.to_string())
        }
        ("portal", name) => {
            let (method, path) = match name {
                "GetRoleCredentials" => ("GET", "/federation/credentials"),
                "ListAccounts" => ("GET", "/assignment/accounts"),
                "ListAccountRoles" => ("GET", "/assignment/roles"),
                _ => ("POST", "/logout"),
            };
            (
                method,
                format!("{path}?{}", query(operation, input, told)?),
                String::new(),
            )
        }
        ("signin", "getSigninToken") => {
            let session = operation.json(input, told)?;
            let duration = value(input, "SessionDuration", told)?;
            let mut parameters = vec![
                ("Action".into(), operation.name.into()),
                ("Session".into(), session.to_string()),
            ];
            if input.arbitrary()? {
                parameters.push(("SessionDuration".into(), duration));
            }
            if input.arbitrary()? {
                ("GET", format!("/federation?{}", form(&parameters)), String::new())
            } else {
                ("POST", "/federation".to_owned(), form(&parameters))
            }
        }
        ("signin", "switchrole") => (
            "GET",
            format!("/switchrole?{}", query(operation, input, told)?),
            String::new(),
        ),
        ("signin", name) => (
            "GET",
            format!("/federation?Action={name}&{}", query(operation, input, told)?),
            String::new(),
        ),
        ("web", name) => {
            let parameters = query(operation, input, told)?;
            (
                "POST",
                "/".to_owned(),
                format!("Action={name}&Version=2011-06-15&{parameters}"),
            )
        }
        // Calls that look are GETs, and a page's form is none of JSON.
        (_, name @ ("mfa-code" | "encoded-message" | "calls" | "console")) => (
            "GET",
            format!("/_sandbox/{name}?{}", query(operation, input, told)?),
            String::new(),
        ),
        (_, name @ "authorize") => (
            "POST",
            format!("/_sandbox/{name}"),
            query(operation, input, told)?,
        ),
        (_, name) => (
            "POST",
            format!("/_sandbox/{name}"),
            numbers(operation.json(input, told)?).to_string(),
        ),
    };
    let kind = if body.starts_with('{') {
        "application/json"
    } else {
        "application/x-www-form-urlencoded"
    };
    let header = |text: String| -> String { text.chars().filter(|c| (' '..='~').contains(c)).collect() };
    let token = header(value(input, "accessToken", told)?);
    let cookie = header(value(input, "cookie", told)?);
    Ok(format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n\
         cookie: {cookie}\r\nx-amz-sso_bearer_token: {token}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

fn query(operation: &Operation, input: &mut Unstructured<'_>, told: &Told) -> arbitrary::Result<String> {
    operation
        .parameters(input, told)
        .map(|parameters| form(&parameters))
}

/// Lifetimes that no clock can reach are for `raw_request`: after them every session of the input would be over.
fn numbers(mut body: Value) -> Value {
    if let Some(seconds) = body.get_mut("advance_seconds") {
        *seconds = json!(seconds.as_i64().unwrap_or_default().rem_euclid(100_000));
    }
    body
}

//! Renderings of a session: the JSON and shell code that SDKs and shells read.

pub mod shell;

use serde::Serialize;
use zeroize::Zeroizing;

use crate::session::Session;
use crate::time::rfc3339;

/// The answer of the container-credentials protocol. `Token` and `Expiration` are required by every SDK, and the time
/// must be UTC without a fraction.
pub fn container(session: &Session) -> Zeroizing<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Container<'a> {
        code: &'static str,
        #[serde(rename = "Type")]
        kind: &'static str,
        access_key_id: &'a str,
        secret_access_key: &'a str,
        token: &'a str,
        expiration: String,
        last_updated: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        account_id: Option<&'a str>,
    }
    let credentials = session.credentials();
    json(&Container {
        code: "Success",
        kind: "AWS-HMAC",
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        token: credentials.session_token().unwrap_or_default(),
        expiration: rfc3339(session.advertised_end()),
        last_updated: rfc3339(session.issued_at()),
        account_id: credentials.account_id().map(|id| id.as_str()),
    })
}

/// The answer of the `credential_process` protocol, version 1.
pub fn credential_process(session: &Session) -> Zeroizing<String> {
    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Process<'a> {
        version: u8,
        access_key_id: &'a str,
        secret_access_key: &'a str,
        session_token: &'a str,
        expiration: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        account_id: Option<&'a str>,
    }
    let credentials = session.credentials();
    json(&Process {
        version: 1,
        access_key_id: credentials.access_key_id(),
        secret_access_key: credentials.secret_access_key(),
        session_token: credentials.session_token().unwrap_or_default(),
        expiration: rfc3339(session.advertised_end()),
        account_id: credentials.account_id().map(|id| id.as_str()),
    })
}

fn json(value: &impl Serialize) -> Zeroizing<String> {
    // Grown once: a buffer that moves leaves copies behind it.
    let mut bytes = Vec::with_capacity(16 * 1024);
    let written = serde_json::to_writer(&mut bytes, value);
    debug_assert!(written.is_ok(), "these structures always serialize");
    Zeroizing::new(String::from_utf8(bytes).unwrap_or_default())
}

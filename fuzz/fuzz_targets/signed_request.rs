//! Calls in a row with good signatures and any parameters, by all kinds of callers: what stands behind the signature never
//! goes down, and lets nobody into the closed role.
#![no_main]

mod server;
mod words;

use std::sync::LazyLock;

use arbitrary::Arbitrary;
use aws_credential_types::Credentials;
use libfuzzer_sys::fuzz_target;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use server::SANDBOX;
use words::Word;

#[derive(Arbitrary, Debug)]
struct Call<'a> {
    caller: u8,
    service: Service,
    action: Word<'a>,
    parameters: Vec<(Word<'a>, u8, Word<'a>, Word<'a>)>,
    path: &'a str,
    body: &'a [u8],
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Service {
    Iam,
    Organizations,
    S3,
    Sns,
    Sts,
}

/// Administrators, root users, and every kind of session.
static CALLERS: LazyLock<Vec<Credentials>> = LazyLock::new(|| {
    let mut callers = Vec::new();
    for account in SANDBOX.accounts() {
        let admin = Credentials::new(
            account.access_key_id,
            account.secret_access_key,
            None,
            None,
            "fuzz",
        );
        callers.extend(SANDBOX.root_keys(&account.id).map(|keys| keys.credentials()));
        callers.extend(server::session(&admin, "Action=GetSessionToken"));
        let federated = "Action=GetFederationToken&Name=fuzz\
            &Policy=%7B%22Statement%22%3A%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22%2A%22%2C%22Resource%22%3A%22%2A%22%7D%7D";
        callers.extend(server::session(&admin, federated));
        callers.push(admin);
    }
    callers
});

fuzz_target!(|calls: Vec<Call<'_>>| {
    for call in calls.iter().take(8) {
        let Some(caller) = CALLERS.get(usize::from(call.caller) % CALLERS.len()) else {
            return;
        };
        if let Some(bytes) = signed(call, caller) {
            server::send(&bytes);
        }
    }
    server::still_answers();
});

fn signed(call: &Call<'_>, caller: &Credentials) -> Option<Vec<u8>> {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let (name, version) = match call.service {
        Service::Iam => ("iam", "2010-05-08"),
        Service::Organizations => ("organizations", ""),
        Service::S3 => ("s3", ""),
        Service::Sns => ("sns", "2010-03-31"),
        Service::Sts => ("sts", "2011-06-15"),
    };
    match call.service {
        Service::S3 => {
            let methods = ["GET", "PUT", "DELETE", "HEAD"];
            let method = methods[call.parameters.len() % methods.len()];
            let path = format!("/{}", encoded(call.path).replace("%2F", "/"));
            server::signed(caller, name, (method, &path), Vec::new(), call.body)
        }
        Service::Organizations => {
            let target: String = call
                .action
                .0
                .chars()
                .filter(char::is_ascii_alphanumeric)
                .collect();
            let target = format!("AWSOrganizationsV20161128.{target}");
            let body: serde_json::Map<String, serde_json::Value> = call
                .parameters
                .iter()
                .map(|(key, n, _, value)| {
                    let value = match n % 4 {
                        0 => serde_json::json!(n),
                        1 => serde_json::json!([value.0]),
                        _ => serde_json::json!(value.0),
                    };
                    (key.0.to_owned(), value)
                })
                .collect();
            let body = serde_json::Value::Object(body).to_string();
            let headers = vec![("x-amz-target".to_owned(), target)];
            server::signed(caller, name, ("POST", "/"), headers, body.as_bytes())
        }
        _ => {
            let mut body = format!("Action={}&Version={version}", encoded(call.action.0));
            for (key, n, member, value) in &call.parameters {
                let key = match n % 4 {
                    0 => format!("{}.member.{}", key.0, n / 4 + 1),
                    1 => format!("{}.member.{}.{}", key.0, n / 4 + 1, member.0),
                    _ => key.0.to_owned(),
                };
                body.push_str(&format!("&{}={}", encoded(&key), encoded(value.0)));
            }
            server::signed(caller, name, ("POST", "/"), Vec::new(), body.as_bytes())
        }
    }
}

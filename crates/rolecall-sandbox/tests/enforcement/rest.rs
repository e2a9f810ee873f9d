//! Calls of the services that speak JSON, and of the pages.

use aws_credential_types::Credentials;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall_sandbox::Sandbox;
use serde_json::Value;

use crate::common::{Answer, Raw, wall};

impl Answer {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {}", self.status, self.body))
    }

    /// `400 InvalidInputException`, or the status alone.
    pub(crate) fn error(&self) -> String {
        match self.header("x-amzn-errortype") {
            Some(code) => format!("{} {code}", self.status),
            None => self.status.to_string(),
        }
    }
}

/// A call that nobody signs.
pub(crate) fn rest(
    sandbox: &Sandbox,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut raw = Raw::new(sandbox, "s3", method, path, body).header("host", "127.0.0.1");
    for (name, value) in headers {
        raw = raw.header(name, value);
    }
    raw.send(sandbox)
}

pub(crate) fn post_json(sandbox: &Sandbox, path: &str, body: &Value) -> Answer {
    let kind = [("content-type", "application/json")];
    rest(sandbox, "POST", path, &kind, &body.to_string())
}

pub(crate) fn get(sandbox: &Sandbox, path: &str, parameters: &[(&str, &str)]) -> Answer {
    rest(sandbox, "GET", &with_query(path, parameters), &[], "")
}

pub(crate) fn post_form(sandbox: &Sandbox, path: &str, parameters: &[(&str, &str)]) -> Answer {
    let kind = [("content-type", "application/x-www-form-urlencoded")];
    rest(sandbox, "POST", path, &kind, &form(parameters))
}

pub(crate) fn form(parameters: &[(&str, &str)]) -> String {
    let pairs: Vec<String> = parameters
        .iter()
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    pairs.join("&")
}

pub(crate) fn with_query(path: &str, parameters: &[(&str, &str)]) -> String {
    format!("{path}?{}", form(parameters))
}

/// A call of AWS Organizations.
pub(crate) fn organizations(
    sandbox: &Sandbox,
    credentials: &Credentials,
    operation: &str,
    input: &Value,
) -> Answer {
    Raw::new(sandbox, "organizations", "POST", "/", &input.to_string())
        .without("content-type")
        .header("content-type", "application/x-amz-json-1.1")
        .header("x-amz-target", &format!("AWSOrganizationsV20161128.{operation}"))
        .at(wall(sandbox))
        .signed(sandbox, credentials)
        .send(sandbox)
}

/// The administrator of an account.
pub(crate) fn admin(sandbox: &Sandbox, account: &str) -> Credentials {
    let access = sandbox.accounts();
    let access = access
        .into_iter()
        .find(|access| access.id == account)
        .expect("the world has this account");
    Credentials::new(access.access_key_id, access.secret_access_key, None, None, "test")
}

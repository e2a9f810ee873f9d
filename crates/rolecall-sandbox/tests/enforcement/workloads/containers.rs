//! The container credential provider.

use std::time::Duration;

use rolecall_sandbox::{Fault, Sandbox};
use serde_json::json;

use super::{JOB, NEXT, credentials, is_about, left, start};
use crate::common::{Answer, assume, query};
use crate::rest::{admin, get as get_plain, rest};
use crate::sts_world::ONE;

fn ask(sandbox: &Sandbox, method: &str, uri: &str, token: Option<&str>) -> Answer {
    let path = uri
        .strip_prefix(sandbox.endpoint())
        .expect("it is under the endpoint");
    let headers: Vec<_> = token.map(|token| ("authorization", token)).into_iter().collect();
    rest(sandbox, method, path, &headers, "")
}

pub(super) fn get(sandbox: &Sandbox, uri: &str, token: Option<&str>) -> Answer {
    ask(sandbox, "GET", uri, token)
}

fn error(answer: &Answer) -> (u16, String) {
    let found = answer.json();
    assert!(found["message"].is_string() && found.as_object().map(serde_json::Map::len) == Some(2));
    (answer.status, found["code"].as_str().expect("a code").to_owned())
}

#[test]
fn each_task_has_its_role_by_its_own_token() {
    let sandbox = start();
    let (uri, token) = sandbox.container("job").unwrap();
    let (other_uri, other_token) = sandbox.container("batch").unwrap();
    assert_eq!(sandbox.container("none"), None);
    let answer = get(&sandbox, &uri, Some(&token));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let found = answer.json();
    assert_eq!(
        (&found["RoleArn"], &found["AccountId"]),
        (&json!(JOB), &json!(ONE))
    );
    assert!(
        is_about(left(&answer, sandbox.now()), 6 * 3600),
        "{}",
        answer.body
    );
    let session = credentials(&answer);
    let identity = query(&sandbox, &session, "sts", "GetCallerIdentity", &[]);
    let arn = identity.text("Arn").unwrap();
    let name = arn
        .strip_prefix("arn:aws:sts::111111111111:assumed-role/Job/")
        .unwrap();
    assert!(
        name.len() == 32 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
        "{arn}"
    );
    let other = credentials(&get(&sandbox, &other_uri, Some(&other_token)));
    let identity = query(&sandbox, &other, "sts", "GetCallerIdentity", &[]);
    assert!(identity.body.contains("assumed-role/Batch/"), "{}", identity.body);
    assert_eq!(assume(&sandbox, &session, NEXT, &[]).status, 200);
    assert_eq!(
        assume(&sandbox, &session, NEXT, &[("DurationSeconds", "7200")]).code(),
        "400 ValidationError"
    );

    let denied = (403, "AccessDeniedException".to_owned());
    for wrong in [
        "",
        "x",
        &other_token,
        &format!("Bearer {token}"),
        &token[1..],
        &token.to_lowercase(),
    ] {
        assert_eq!(error(&get(&sandbox, &uri, Some(wrong))), denied, "{wrong}");
    }
    assert_eq!(
        error(&get(&sandbox, &uri, None)),
        (400, "ValidationException".to_owned())
    );
    let missing = get(&sandbox, &uri.replace("job", "none"), Some(&token));
    assert_eq!(error(&missing), (404, "ResourceNotFoundException".to_owned()));
    assert_eq!(ask(&sandbox, "POST", &uri, Some(&token)).status, 405);
    // A query of the client's own is no part of the name.
    assert_eq!(get(&sandbox, &format!("{uri}?a=1"), Some(&token)).status, 200);

    let told = get_plain(&sandbox, "/_sandbox/containers", &[]).json();
    assert_eq!(told[1]["name"], "job");
    assert_eq!(told[1]["AWS_CONTAINER_CREDENTIALS_FULL_URI"], uri);
    assert_eq!(told[1]["AWS_CONTAINER_AUTHORIZATION_TOKEN"], token);
}

#[test]
fn they_are_renewed_and_refused_as_the_role_is() {
    let sandbox = start();
    let (uri, token) = sandbox.container("job").unwrap();
    let key = || credentials(&get(&sandbox, &uri, Some(&token)));
    let first = key();
    assert_eq!(key(), first);
    sandbox.advance(Duration::from_secs(6 * 3600 - 300));
    assert_ne!(key(), first);
    let parameters = [("RoleName", "may"), ("RoleName", "Job"), ("PolicyName", "may")];
    let admin = admin(&sandbox, ONE);
    assert_eq!(
        query(&sandbox, &admin, "iam", "DeleteRolePolicy", &parameters[1..]).status,
        200
    );
    assert_eq!(
        query(&sandbox, &admin, "iam", "DeleteRole", &parameters[1..2]).status,
        200
    );
    sandbox.advance(Duration::from_secs(6 * 3600));
    assert_eq!(error(&get(&sandbox, &uri, Some(&token))).0, 403);
}

#[test]
fn faults_are_met_here_too() {
    let sandbox = start();
    let (uri, token) = sandbox.container("job").unwrap();
    let ask = || get(&sandbox, &uri, Some(&token));
    for (fault, status, code) in [
        (Fault::Throttle, 429, "ThrottlingException"),
        (Fault::ServerError, 500, "InternalFailure"),
        (Fault::Unavailable, 503, "ServiceUnavailable"),
    ] {
        sandbox.inject(fault, "ContainerCredentials", 1);
        assert_eq!(error(&ask()), (status, code.to_owned()));
        assert_eq!(ask().status, 200);
    }
    sandbox.inject(Fault::Reset, "ContainerCredentials", 1);
    assert_eq!(ask().status, 0);
    sandbox.inject(Fault::Garbage, "ContainerCredentials", 1);
    assert!(ask().body.starts_with("<html>"));
    sandbox.inject(Fault::AlreadyExpired, "ContainerCredentials", 1);
    assert!(left(&ask(), sandbox.now()) < 0);
    assert_eq!(sandbox.count("ContainerCredentials"), 9);
}

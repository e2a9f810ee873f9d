//! IAM Identity Center: a device and a browser are signed in, the portal hands out what is assigned and nothing else.

mod browser;
mod clients;
mod device;
mod portal;

use rolecall_sandbox::{Account, IdentityCenter, PermissionSet, Role, Sandbox, User, World};
use serde_json::{Value, json};

use crate::common::Answer;
use crate::rest::{post_json, rest, with_query};
pub(crate) use portal::enter;

pub(crate) const START: &str = "https://canary.awsapps.com/start";
pub(crate) const A: &str = "111111111111";
pub(crate) const B: &str = "222222222222";
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn center() -> IdentityCenter {
    IdentityCenter::new(START, "eu-central-1")
        .user("ann")
        .user("bob@example.com")
        .permission_set(
            PermissionSet::new("Reader")
                .attach("arn:aws:iam::aws:policy/ReadOnlyAccess")
                .policy(
                    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#,
                ),
        )
        .permission_set(PermissionSet::new("Nothing").session_seconds(7200))
        .assign("ann", A, "Reader")
        .assign("ann", A, "Nothing")
        .assign("ann", B, "Reader")
        .assign("bob@example.com", A, "Reader")
}

pub(crate) fn world() -> World {
    let trust = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{A}"}}}}}}"#
    );
    let next = Role::new("Next", &trust).max_session_seconds(7200);
    World::new()
        .account(Account::new(A).user(User::new("keyed")))
        .account(Account::new(B).role(next))
        .identity_center(center())
}

pub(crate) fn start() -> Sandbox {
    Sandbox::builder()
        .world(world())
        .start()
        .expect("a test's own helper")
}

/// A registered client: its id and secret.
fn register(sandbox: &Sandbox, more: &Value) -> (String, String) {
    let mut input = json!({"clientName": "test", "clientType": "public", "scopes": ["sso:account:access"]});
    for (name, value) in more.as_object().expect("a test's own helper") {
        input[name] = value.clone();
    }
    let answer = post_json(sandbox, "/client/register", &input);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let answer = answer.json();
    let text = |name: &str| answer[name].as_str().expect("a test's own helper").to_owned();
    (text("clientId"), text("clientSecret"))
}

fn start_device(sandbox: &Sandbox, client: &(String, String)) -> Value {
    let input = json!({"clientId": client.0, "clientSecret": client.1, "startUrl": START});
    let answer = post_json(sandbox, "/device_authorization", &input);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// CreateToken with these fields besides the client's.
fn token(sandbox: &Sandbox, client: &(String, String), fields: &Value) -> Answer {
    let mut input = json!({"clientId": client.0, "clientSecret": client.1});
    for (name, value) in fields.as_object().expect("a test's own helper") {
        input[name] = value.clone();
    }
    post_json(sandbox, "/token", &input)
}

/// Signs a user in on a device: the client and CreateToken's answer.
fn sign_in(sandbox: &Sandbox, user: &str) -> ((String, String), Value) {
    let client = register(sandbox, &json!({}));
    let device = start_device(sandbox, &client);
    assert!(sandbox.approve_device(device["userCode"].as_str().expect("a test's own helper"), user));
    let answer = token(
        sandbox,
        &client,
        &json!({"grantType": DEVICE_GRANT, "deviceCode": device["deviceCode"]}),
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    (client, answer.json())
}

pub(crate) fn access_token(sandbox: &Sandbox, user: &str) -> String {
    sign_in(sandbox, user).1["accessToken"]
        .as_str()
        .expect("a test's own helper")
        .to_owned()
}

/// A call of the portal.
pub(crate) fn portal(
    sandbox: &Sandbox,
    token: &str,
    method: &str,
    path: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    let path = if parameters.is_empty() {
        path.to_owned()
    } else {
        with_query(path, parameters)
    };
    rest(sandbox, method, &path, &[("x-amz-sso_bearer_token", token)], "")
}

#[test]
fn worlds_that_cannot_be_are_refused() {
    let new = || IdentityCenter::new(START, "us-east-1").user("ann");
    let set = || new().permission_set(PermissionSet::new("P"));
    let table = [
        (IdentityCenter::new("canary", "us-east-1"), "start URL"),
        (IdentityCenter::new(START, "moon"), "region"),
        (new().user("ann"), "twice"),
        (new().user("a b"), "name"),
        (new().token_seconds(1), "seconds"),
        (set().permission_set(PermissionSet::new("P")), "twice"),
        (new().permission_set(PermissionSet::new("P Q")), "name"),
        (
            new().permission_set(PermissionSet::new("P").session_seconds(900)),
            "3600",
        ),
        (
            new().permission_set(PermissionSet::new("P").policy("{}")),
            "policy of permission set P",
        ),
        (
            new()
                .permission_set(PermissionSet::new("P").attach("arn:aws:iam::aws:policy/None"))
                .assign("ann", A, "P"),
            "does not exist",
        ),
        (set().assign("bob", A, "P"), "bob"),
        (set().assign("ann", "999999999999", "P"), "999999999999"),
        (set().assign("ann", A, "Q"), "Q"),
        (set().assign("ann", A, "P").assign("ann", A, "P"), "twice"),
    ];
    for (center, word) in table {
        let world = World::new()
            .account(Account::new(A))
            .identity_center(center.clone());
        let error = Sandbox::builder().world(world).start().expect_err(word);
        assert!(error.to_string().contains(word), "{error} ({word}): {center:?}");
    }
}

//! What the portal hands out.

use std::time::Duration;

use aws_credential_types::Credentials;
use rolecall_sandbox::Sandbox;
use serde_json::json;

use super::{A, B, access_token, portal, start, world};
use crate::common::{Raw, assume, query, s3, wall};
use crate::rest::admin;

const ROLES: &str = "/assignment/roles";
const ACCOUNTS: &str = "/assignment/accounts";
const CREDENTIALS: &str = "/federation/credentials";

/// GetRoleCredentials: the credentials and their end in milliseconds.
pub(crate) fn enter(sandbox: &Sandbox, token: &str, account: &str, role: &str) -> (Credentials, u64) {
    let answer = portal(
        sandbox,
        token,
        "GET",
        CREDENTIALS,
        &[("account_id", account), ("role_name", role)],
    );
    assert_eq!(answer.status, 200, "{}", answer.body);
    let given = answer.json()["roleCredentials"].clone();
    let text = |name: &str| given[name].as_str().expect("a test's own helper").to_owned();
    let credentials = Credentials::new(
        text("accessKeyId"),
        text("secretAccessKey"),
        Some(text("sessionToken")),
        None,
        "test",
    );
    (
        credentials,
        given["expiration"].as_u64().expect("a test's own helper"),
    )
}

#[test]
fn each_user_sees_what_is_assigned() {
    let sandbox = start();
    let (ann, bob) = (
        access_token(&sandbox, "ann"),
        access_token(&sandbox, "bob@example.com"),
    );
    let ask = |token: &str, path: &str, more: &[(&str, &str)]| portal(&sandbox, token, "GET", path, more);
    let accounts = ask(&ann, ACCOUNTS, &[]).json();
    assert_eq!(
        accounts,
        json!({"accountList": [
            {"accountId": A, "accountName": format!("account-{A}"), "emailAddress": format!("{A}@example.com")},
            {"accountId": B, "accountName": format!("account-{B}"), "emailAddress": format!("{B}@example.com")},
        ]})
    );
    let accounts = ask(&bob, ACCOUNTS, &[]).json();
    assert_eq!(accounts["accountList"].as_array().unwrap().len(), 1);
    let roles = ask(&ann, ROLES, &[("account_id", A)]).json();
    assert_eq!(
        roles["roleList"],
        json!([{"roleName": "Nothing", "accountId": A}, {"roleName": "Reader", "accountId": A}])
    );
    // In pages.
    let page = ask(&ann, ROLES, &[("account_id", A), ("max_result", "1")]).json();
    assert_eq!(page["roleList"][0]["roleName"], "Nothing");
    let next = page["nextToken"].as_str().unwrap();
    let page = ask(
        &ann,
        ROLES,
        &[("account_id", A), ("max_result", "1"), ("next_token", next)],
    )
    .json();
    assert_eq!(page["roleList"][0]["roleName"], "Reader");
    assert!(page["nextToken"].is_null());

    type Parameters<'a> = &'a [(&'a str, &'a str)];
    let table: &[(&str, &str, Parameters<'_>, &str)] = &[
        (
            &ann,
            ACCOUNTS,
            &[("max_result", "0")],
            "400 InvalidRequestException",
        ),
        (
            &ann,
            ACCOUNTS,
            &[("max_result", "101")],
            "400 InvalidRequestException",
        ),
        (
            &ann,
            ACCOUNTS,
            &[("next_token", next)],
            "400 InvalidRequestException",
        ),
        (&ann, ROLES, &[("account_id", "1")], "400 InvalidRequestException"),
        (&bob, ROLES, &[("account_id", B)], "403 ForbiddenException"),
        (
            &ann,
            ROLES,
            &[("account_id", "999999999999")],
            "403 ForbiddenException",
        ),
        (
            &bob,
            CREDENTIALS,
            &[("account_id", B), ("role_name", "Reader")],
            "403 ForbiddenException",
        ),
        (
            &bob,
            CREDENTIALS,
            &[("account_id", A), ("role_name", "Nothing")],
            "403 ForbiddenException",
        ),
        (
            &ann,
            CREDENTIALS,
            &[("account_id", A), ("role_name", "reader")],
            "403 ForbiddenException",
        ),
        (
            &ann,
            CREDENTIALS,
            &[("account_id", A)],
            "400 InvalidRequestException",
        ),
        (
            &ann,
            CREDENTIALS,
            &[("role_name", "Reader")],
            "400 InvalidRequestException",
        ),
        (
            &bob,
            CREDENTIALS,
            &[("account_id", A), ("role_name", "Reader")],
            "200",
        ),
        ("CANARYTOKEN", ACCOUNTS, &[], "401 UnauthorizedException"),
        ("", ACCOUNTS, &[], "401 UnauthorizedException"),
    ];
    for (token, path, more, expected) in table {
        let answer = ask(token, path, more);
        assert_eq!(answer.error(), *expected, "{path} {more:?}");
    }
    let refused = ask(&bob, ROLES, &[("account_id", B)]).json();
    assert_eq!(refused["message"], "No access");
}

#[test]
fn sessions_act_as_the_permission_sets_role_and_no_further() {
    let sandbox = start();
    let token = access_token(&sandbox, "ann");
    let millis = || {
        sandbox
            .now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_millis()
    };
    let before = millis();
    let (reader, ends) = enter(&sandbox, &token, A, "Reader");
    let hour = 3_600_000;
    assert!(
        (before + hour - 1000..=millis() + hour).contains(&u128::from(ends)),
        "{ends}"
    );
    let identity = query(&sandbox, &reader, "sts", "GetCallerIdentity", &[]);
    let arn = identity.text("Arn").unwrap();
    let (role, session) = arn.rsplit_once('/').unwrap();
    assert!(role.starts_with("arn:aws:sts::111111111111:assumed-role/AWSReservedSSO_Reader_"));
    assert_eq!(role.rsplit('_').next().unwrap().len(), 16);
    assert_eq!(session, "ann");
    let name = role.rsplit('/').next().unwrap();

    // It does what its policies allow, and nothing else.
    assert_eq!(s3(&sandbox, &reader, "GET", "/", "").code(), "200");
    assert_eq!(
        s3(&sandbox, &reader, "PUT", "/new-bucket", "").code(),
        "403 AccessDenied"
    );
    let (nothing, _) = enter(&sandbox, &token, A, "Nothing");
    assert_eq!(s3(&sandbox, &nothing, "GET", "/", "").code(), "403 AccessDenied");

    // The same permission set is another role in another account.
    let (elsewhere, _) = enter(&sandbox, &token, B, "Reader");
    let identity = query(&sandbox, &elsewhere, "sts", "GetCallerIdentity", &[]);
    assert_eq!(identity.text("Account").unwrap(), B);
    assert!(!identity.text("Arn").unwrap().contains(name));

    // The role is there for IAM, where Identity Center is, and nobody can assume it by hand.
    let root = admin(&sandbox, A);
    let role = query(&sandbox, &root, "iam", "GetRole", &[("RoleName", name)]);
    let role_arn = role.text("Arn").unwrap();
    assert_eq!(
        role_arn,
        format!("arn:aws:iam::{A}:role/aws-reserved/sso.amazonaws.com/eu-central-1/{name}")
    );
    assert_eq!(role.text("MaxSessionDuration").unwrap(), "43200");
    assert_eq!(assume(&sandbox, &root, &role_arn, &[]).code(), "403 AccessDenied");
    // Users share it.
    let bob = access_token(&sandbox, "bob@example.com");
    let (bob, _) = enter(&sandbox, &bob, A, "Reader");
    let identity = query(&sandbox, &bob, "sts", "GetCallerIdentity", &[]);
    assert!(
        identity
            .text("Arn")
            .unwrap()
            .ends_with(&format!("{name}/bob@example.com"))
    );

    // What it assumes is a chained role.
    let next = format!("arn:aws:iam::{B}:role/Next");
    let longer = assume(&sandbox, &reader, &next, &[("DurationSeconds", "7200")]);
    assert_eq!(longer.code(), "400 ValidationError");
    assert_eq!(assume(&sandbox, &reader, &next, &[]).code(), "200");

    // It ends by itself, whatever becomes of the sign-in; and with its role.
    assert_eq!(portal(&sandbox, &token, "POST", "/logout", &[]).status, 200);
    assert_eq!(s3(&sandbox, &reader, "GET", "/", "").code(), "200");
    sandbox.advance(Duration::from_secs(3600));
    assert_eq!(s3(&sandbox, &reader, "GET", "/", "").code(), "400 ExpiredToken");
    let (nothing, again) = enter(&sandbox, &access_token(&sandbox, "ann"), A, "Nothing");
    assert!(again > ends);
    sandbox.advance(Duration::from_secs(7199));
    assert_eq!(
        query(&sandbox, &nothing, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    sandbox.advance(Duration::from_secs(1));
    assert_eq!(
        query(&sandbox, &nothing, "sts", "GetCallerIdentity", &[]).code(),
        "403 ExpiredToken"
    );
}

#[test]
fn sessions_are_cut_short_where_the_sandbox_is_told_to() {
    let sandbox = Sandbox::builder()
        .world(world())
        .session_seconds(6)
        .start()
        .unwrap();
    let token = access_token(&sandbox, "ann");
    let (session, _) = enter(&sandbox, &token, A, "Reader");
    assert_eq!(
        query(&sandbox, &session, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    sandbox.advance(Duration::from_secs(6));
    assert_eq!(
        Raw::identity(&sandbox)
            .at(wall(&sandbox))
            .signed(&sandbox, &session)
            .send(&sandbox)
            .code(),
        "403 ExpiredToken"
    );
    // The sign-in is no session: it goes on.
    enter(&sandbox, &token, A, "Reader");
}

#[test]
fn nothing_secret_is_in_the_record_of_calls() {
    let sandbox = start();
    let token = access_token(&sandbox, "ann");
    enter(&sandbox, &token, A, "Reader");
    portal(&sandbox, &token, "POST", "/logout", &[]);
    portal(&sandbox, &token, "POST", "/logout", &[]);
    let calls = sandbox.calls();
    let operations: Vec<_> = calls
        .iter()
        .map(|call| (call.service, call.operation.as_str()))
        .collect();
    assert_eq!(
        operations,
        [
            ("sso-oidc", "RegisterClient"),
            ("sso-oidc", "StartDeviceAuthorization"),
            ("sso-oidc", "CreateToken"),
            ("sso", "GetRoleCredentials"),
            ("sso", "Logout"),
            ("sso", "Logout"),
        ]
    );
    assert_eq!(calls[5].code.as_deref(), Some("UnauthorizedException"));
    assert!(
        sandbox
            .secrets()
            .leaks_in(format!("{calls:?}").as_bytes())
            .is_empty()
    );
}

/// "sso:account:access: Enables … access to … accounts and permission sets": a token without it opens nothing here.
#[test]
fn tokens_without_the_portals_scope_open_nothing() {
    let sandbox = start();
    for (scope, status) in [("sso:account:access", 200), ("openid", 401)] {
        let client = super::register(&sandbox, &json!({"scopes": [scope]}));
        let device = super::start_device(&sandbox, &client);
        let code = device["userCode"].as_str().unwrap();
        assert!(sandbox.approve_device(code, "ann"));
        let fields = json!({"grantType": super::DEVICE_GRANT, "deviceCode": device["deviceCode"]});
        let given = super::token(&sandbox, &client, &fields).json();
        let access = given["accessToken"].as_str().unwrap();
        assert_eq!(
            portal(&sandbox, access, "GET", ACCOUNTS, &[]).status,
            status,
            "{scope}"
        );
    }
}

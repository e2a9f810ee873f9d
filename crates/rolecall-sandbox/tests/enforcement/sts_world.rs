//! What the tests of STS share: an account of users that may much, and the sandbox's own calls.

use aws_credential_types::Credentials;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall_sandbox::{Account, Role, Sandbox, User, World};

use crate::common::{Answer, Raw, query};

pub(crate) const ONE: &str = "111111111111";
pub(crate) const TWO: &str = "222222222222";

/// A policy of one statement.
pub(crate) fn allow(actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Resource":"*"}}}}"#
    )
}

/// A trust policy of one statement, with a condition where one is given.
pub(crate) fn trust(principal: &str, actions: &str, condition: &str) -> String {
    let condition = if condition.is_empty() {
        String::new()
    } else {
        format!(r#","Condition":{condition}"#)
    };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":{actions},"Principal":{principal}{condition}}}}}"#
    )
}

/// Ann, who may assume roles, list buckets and all of IAM, and Ben, who may nothing; their roles are in account 2.
pub(crate) fn world() -> World {
    let may = r#"["sts:*","iam:*","s3:*","sns:*"]"#;
    let one = r#"{"AWS":"arn:aws:iam::111111111111:root"}"#;
    let all = r#"["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]"#;
    World::new()
        .account(
            Account::new(ONE)
                .user(User::new("ann").policy("may", &allow(may)))
                .user(User::new("ben"))
                .role(Role::new("Home", &trust(one, all, "")).policy("may", &allow(may)))
                .bucket("ones", &[("a", "a")]),
        )
        .account(
            Account::new(TWO)
                .role(
                    Role::new("Open", &trust(one, all, ""))
                        .policy("may", &allow(may))
                        .max_session_seconds(43_200),
                )
                .role(Role::new(
                    "Mfa",
                    &trust(one, all, r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#),
                ))
                .role(Role::new(
                    "FreshMfa",
                    &trust(
                        one,
                        all,
                        r#"{"NumericLessThan":{"aws:MultiFactorAuthAge":"300"}}"#,
                    ),
                ))
                .role(Role::new(
                    "NotWithoutMfa",
                    &trust(
                        one,
                        all,
                        r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}"#,
                    ),
                ))
                .managed_policy("lists", &allow(r#""s3:ListAllMyBuckets""#)),
        )
}

pub(crate) fn role(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

/// The administrator of an account.
pub(crate) fn admin(sandbox: &Sandbox, account: &str) -> Credentials {
    let accounts = sandbox.accounts();
    let found = accounts
        .iter()
        .find(|found| found.id == account)
        .expect("the world has this account");
    Credentials::new(&found.access_key_id, &found.secret_access_key, None, None, "test")
}

pub(crate) fn root(sandbox: &Sandbox, account: &str) -> Credentials {
    sandbox
        .root_keys(account)
        .expect("the world has this account")
        .credentials()
}

pub(crate) fn sts(
    sandbox: &Sandbox,
    credentials: &Credentials,
    action: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    query(sandbox, credentials, "sts", action, parameters)
}

pub(crate) fn iam(
    sandbox: &Sandbox,
    credentials: &Credentials,
    action: &str,
    parameters: &[(&str, &str)],
) -> Answer {
    query(sandbox, credentials, "iam", action, parameters)
}

/// One of the sandbox's own calls: the status, and the JSON it answers.
pub(crate) fn control(sandbox: &Sandbox, method: &str, path: &str, body: &str) -> (u16, serde_json::Value) {
    let raw = Raw::new(sandbox, "sandbox", method, &format!("/_sandbox/{path}"), body);
    let answer = raw.header("host", "x").send(sandbox);
    let value = serde_json::from_str(&answer.body).unwrap_or_default();
    (answer.status, value)
}

/// The code that an MFA device shows, so many steps from now.
pub(crate) fn code(sandbox: &Sandbox, serial: &str, offset: i64) -> String {
    let serial = utf8_percent_encode(serial, NON_ALPHANUMERIC);
    let path = format!("mfa-code?serial={serial}&offset={offset}");
    let (_, answer) = control(sandbox, "GET", &path, "");
    answer["code"]
        .as_str()
        .expect("there is such a device")
        .to_owned()
}

/// Gives a user a device, whose codes of the present step and before are then used up.
pub(crate) fn device(sandbox: &Sandbox, credentials: &Credentials, user: &str, name: &str) -> String {
    let made = iam(
        sandbox,
        credentials,
        "CreateVirtualMFADevice",
        &[("VirtualMFADeviceName", name)],
    );
    let serial = made.text("SerialNumber").expect(&made.body);
    let enabled = iam(
        sandbox,
        credentials,
        "EnableMFADevice",
        &[
            ("UserName", user),
            ("SerialNumber", &serial),
            ("AuthenticationCode1", &code(sandbox, &serial, -1)),
            ("AuthenticationCode2", &code(sandbox, &serial, 0)),
        ],
    );
    assert_eq!(enabled.code(), "200", "{}", enabled.body);
    serial
}

//! What ends a session before its time, and what does not.

use std::time::Duration;

use aws_credential_types::Credentials;
use rolecall_sandbox::Sandbox;

use crate::common::{assume, s3, user};
use crate::sts_world::{ONE, admin, allow, iam, role, sts, world};

const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

/// Every session that Ann can have, and whether it acts as her or as a role.
struct Sessions {
    token: Credentials,
    federated: Credentials,
    role: Credentials,
}

fn sessions(sandbox: &Sandbox) -> Sessions {
    let ann = user(sandbox, "ann");
    let federated = [("Name", "fay"), ("Policy", EVERYTHING)];
    Sessions {
        token: sts(sandbox, &ann, "GetSessionToken", &[]).credentials(),
        federated: sts(sandbox, &ann, "GetFederationToken", &federated).credentials(),
        role: assume(sandbox, &ann, &role(ONE, "Home"), &[]).credentials(),
    }
}

/// What listing the buckets gets: of the session token, the federated user, the role.
fn lists(sandbox: &Sandbox, sessions: &Sessions) -> [String; 3] {
    [&sessions.token, &sessions.federated, &sessions.role]
        .map(|credentials| s3(sandbox, credentials, "GET", "/", "").code())
}

fn identities(sandbox: &Sandbox, sessions: &Sessions) -> [String; 3] {
    [&sessions.token, &sessions.federated, &sessions.role]
        .map(|credentials| sts(sandbox, credentials, "GetCallerIdentity", &[]).code())
}

const GOOD: &str = "200";
const DENIED: &str = "403 AccessDenied";
const UNKNOWN: &str = "403 InvalidAccessKeyId";
const INVALID: &str = "403 InvalidClientTokenId";

/// "Deactivate" and "delete": a key that signs no more does not end what it has made.
#[test]
fn keys_end_alone() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, admin) = (user(&sandbox, "ann"), admin(&sandbox, ONE));
    let sessions = sessions(&sandbox);
    let key = [("UserName", "ann"), ("AccessKeyId", ann.access_key_id())];
    let set = |status: &'static str| {
        let parameters = [key[0], key[1], ("Status", status)];
        iam(&sandbox, &admin, "UpdateAccessKey", &parameters).code()
    };
    let signs = || {
        (
            sts(&sandbox, &ann, "GetCallerIdentity", &[]).code(),
            s3(&sandbox, &ann, "GET", "/", "").code(),
        )
    };
    let yes = (GOOD.to_owned(), GOOD.to_owned());
    let no = (INVALID.to_owned(), UNKNOWN.to_owned());
    assert_eq!(signs(), yes);
    assert_eq!(set("Inactive"), GOOD);
    assert_eq!(signs(), no);
    assert_eq!(lists(&sandbox, &sessions), [GOOD; 3]);
    assert_eq!(set("Active"), GOOD);
    assert_eq!(signs(), yes);
    assert_eq!(iam(&sandbox, &admin, "DeleteAccessKey", &key).code(), GOOD);
    assert_eq!(signs(), no);
    assert_eq!(lists(&sandbox, &sessions), [GOOD; 3]);
}

/// "The permissions of temporary credentials are evaluated each time": what its user loses, a session loses.
#[test]
fn sessions_lose_what_their_user_or_role_loses() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let admin = admin(&sandbox, ONE);
    let sessions = sessions(&sandbox);
    assert_eq!(lists(&sandbox, &sessions), [GOOD; 3]);
    let of_user = [("UserName", "ann"), ("PolicyName", "may")];
    assert_eq!(iam(&sandbox, &admin, "DeleteUserPolicy", &of_user).code(), GOOD);
    assert_eq!(lists(&sandbox, &sessions), [DENIED, DENIED, GOOD]);
    let of_role = [("RoleName", "Home"), ("PolicyName", "may")];
    assert_eq!(iam(&sandbox, &admin, "DeleteRolePolicy", &of_role).code(), GOOD);
    assert_eq!(lists(&sandbox, &sessions), [DENIED; 3]);
    assert_eq!(identities(&sandbox, &sessions), [GOOD; 3]);
    // And gains what it gains.
    let more = allow(r#""s3:*""#);
    let put = [of_user[0], of_user[1], ("PolicyDocument", more.as_str())];
    assert_eq!(iam(&sandbox, &admin, "PutUserPolicy", &put).code(), GOOD);
    assert_eq!(lists(&sandbox, &sessions), [GOOD, GOOD, DENIED]);
}

/// "Revoking IAM role temporary security credentials", and the same policy for a user.
#[test]
fn sessions_of_before_are_refused_by_the_time_of_their_issue() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, admin) = (user(&sandbox, "ann"), admin(&sandbox, ONE));
    let before = sessions(&sandbox);
    sandbox.advance(Duration::from_secs(10));
    let now = jiff::Timestamp::try_from(sandbox.now()).unwrap();
    let now = now.strftime("%Y-%m-%dT%H:%M:%SZ");
    let revoke = format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Deny","Action":"*","Resource":"*",
            "Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{now}"}}}}}}}}"#
    );
    for (action, kind, name) in [
        ("PutUserPolicy", "UserName", "ann"),
        ("PutRolePolicy", "RoleName", "Home"),
    ] {
        let put = [
            (kind, name),
            ("PolicyName", "AWSRevokeOlderSessions"),
            ("PolicyDocument", &revoke),
        ];
        assert_eq!(iam(&sandbox, &admin, action, &put).code(), GOOD);
    }
    sandbox.advance(Duration::from_secs(2));
    let after = sessions(&sandbox);
    assert_eq!(lists(&sandbox, &before), [DENIED; 3]);
    assert_eq!(lists(&sandbox, &after), [GOOD; 3]);
    // Long-term keys have no time of issue, and GetCallerIdentity cannot be denied.
    assert_eq!(s3(&sandbox, &ann, "GET", "/", "").code(), GOOD);
    assert_eq!(identities(&sandbox, &before), [GOOD; 3]);
}

/// "Each IAM entity has a unique identifier … even if you reuse a name" ("IAM identifiers").
#[test]
fn who_was_deleted_is_gone_even_if_made_anew() {
    let sandbox = Sandbox::builder().world(world()).start().unwrap();
    let (ann, admin) = (user(&sandbox, "ann"), admin(&sandbox, ONE));
    let sessions = sessions(&sandbox);
    let call = |action: &str, parameters: &[(&str, &str)]| {
        let answer = iam(&sandbox, &admin, action, parameters);
        assert_eq!(answer.code(), GOOD, "{action} {}", answer.body);
    };
    let (of_user, of_role) = (("UserName", "ann"), ("RoleName", "Home"));
    let may = ("PolicyName", "may");
    call("DeleteUserPolicy", &[of_user, may]);
    call(
        "DeleteAccessKey",
        &[of_user, ("AccessKeyId", ann.access_key_id())],
    );
    call("DeleteUser", &[of_user]);
    assert_eq!(lists(&sandbox, &sessions), [UNKNOWN, UNKNOWN, GOOD]);
    assert_eq!(identities(&sandbox, &sessions), [INVALID, INVALID, GOOD]);
    call("DeleteRolePolicy", &[of_role, may]);
    call("DeleteRole", &[of_role]);
    assert_eq!(identities(&sandbox, &sessions), [INVALID; 3]);
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":{"AWS":"111111111111"}}}"#;
    call("CreateUser", &[of_user]);
    call("PutUserPolicy", &[of_user, may, ("PolicyDocument", EVERYTHING)]);
    call("CreateRole", &[of_role, ("AssumeRolePolicyDocument", trust)]);
    call("PutRolePolicy", &[of_role, may, ("PolicyDocument", EVERYTHING)]);
    assert_eq!(lists(&sandbox, &sessions), [UNKNOWN; 3]);
    assert_eq!(identities(&sandbox, &sessions), [INVALID; 3]);
    // Their successors may.
    let key = iam(&sandbox, &admin, "CreateAccessKey", &[of_user]);
    let successor = Credentials::new(
        key.text("AccessKeyId").unwrap(),
        key.text("SecretAccessKey").unwrap(),
        None,
        None,
        "test",
    );
    let role = assume(&sandbox, &successor, &role(ONE, "Home"), &[]).credentials();
    for credentials in [&successor, &role] {
        assert_eq!(s3(&sandbox, credentials, "GET", "/", "").code(), GOOD);
    }
}

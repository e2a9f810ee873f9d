//! A world built through IAM, in the empty one; and uploads in chunks, as SDKs send them.

use rolecall_sandbox::{Sandbox, World};

use crate::common::{Answer, Raw, assume, query, s3, user, wall};

const ANN: &str = "arn:aws:iam::111111111111:user/ann";
const DEPLOY: &str = "arn:aws:iam::222222222222:role/team/Deploy";

fn trust(effect: &str, principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}}}}}"#
    )
}

fn allow(action: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"*"}}}}"#
    )
}

#[test]
fn a_user_and_a_role_can_be_made_used_and_unmade() {
    let sandbox = Sandbox::builder().world(World::empty()).start().unwrap();
    let admins: Vec<_> = sandbox
        .accounts()
        .into_iter()
        .map(|account| {
            let (id, secret) = (account.access_key_id, account.secret_access_key);
            aws_credential_types::Credentials::new(id, secret, None, None, "test")
        })
        .collect();
    let a =
        |action: &str, parameters: &[(&str, &str)]| query(&sandbox, &admins[0], "iam", action, parameters);
    let b =
        |action: &str, parameters: &[(&str, &str)]| query(&sandbox, &admins[1], "iam", action, parameters);
    let good = |answer: Answer| {
        assert_eq!(answer.code(), "200", "{}", answer.body);
        answer
    };
    let to_ann = trust("Allow", ANN);
    let role = [
        ("RoleName", "Deploy"),
        ("Path", "/team/"),
        ("MaxSessionDuration", "7200"),
    ];
    let role = [&role[..], &[("AssumeRolePolicyDocument", to_ann.as_str())]].concat();

    // Principals must exist before they can be trusted.
    assert_eq!(b("CreateRole", &role).code(), "400 MalformedPolicyDocument");
    assert_eq!(
        good(a("CreateUser", &[("UserName", "ann")])).text("Arn").unwrap(),
        ANN
    );
    let ann = good(a("CreateAccessKey", &[("UserName", "ann")])).credentials();
    assert_eq!(
        sandbox.user_keys("ann").unwrap().access_key_id,
        ann.access_key_id()
    );
    assert!(
        !sandbox
            .secrets()
            .leaks_in(ann.secret_access_key().as_bytes())
            .is_empty()
    );
    assert_eq!(good(b("CreateRole", &role)).text("Arn").unwrap(), DEPLOY);
    assert_eq!(assume(&sandbox, &ann, DEPLOY, &[]).code(), "403 AccessDenied");
    let policy = [
        ("UserName", "ann"),
        ("PolicyName", "p"),
        ("PolicyDocument", &allow("sts:AssumeRole")),
    ];
    good(a("PutUserPolicy", &policy));
    let policy = [
        ("RoleName", "Deploy"),
        ("PolicyName", "p"),
        ("PolicyDocument", &allow("s3:*")),
    ];
    good(b("PutRolePolicy", &policy));
    let session = assume(&sandbox, &ann, DEPLOY, &[("DurationSeconds", "7200")]).credentials();
    assert_eq!(s3(&sandbox, &session, "PUT", "/deploy-bucket", "").code(), "200");
    assert_eq!(
        s3(&sandbox, &session, "PUT", "/deploy-bucket/k", "v").code(),
        "200"
    );

    for (answer, code) in [
        (a("CreateUser", &[("UserName", "ANN")]), "409 EntityAlreadyExists"),
        (a("CreateUser", &[("UserName", "a b")]), "400 ValidationError"),
        (a("CreateUser", &[]), "400 ValidationError"),
        (a("GetRole", &[("RoleName", "Deploy")]), "404 NoSuchEntity"),
        (
            a(
                "PutUserPolicy",
                &[("UserName", "ann"), ("PolicyName", "q"), ("PolicyDocument", "{}")],
            ),
            "400 MalformedPolicyDocument",
        ),
        (
            a(
                "PutUserPolicy",
                &[
                    ("UserName", "ann"),
                    ("PolicyName", "q"),
                    ("PolicyDocument", &trust("Allow", "*")),
                ],
            ),
            "400 MalformedPolicyDocument",
        ),
        (
            b(
                "UpdateRole",
                &[("RoleName", "Deploy"), ("MaxSessionDuration", "43201")],
            ),
            "400 ValidationError",
        ),
        (
            b(
                "AttachRolePolicy",
                &[
                    ("RoleName", "Deploy"),
                    ("PolicyArn", "arn:aws:iam::aws:policy/None"),
                ],
            ),
            "404 NoSuchEntity",
        ),
        (b("DeleteRole", &[("RoleName", "Deploy")]), "409 DeleteConflict"),
        (a("MakeCoffee", &[]), "400 InvalidAction"),
        (query(&sandbox, &ann, "iam", "ListUsers", &[]), "403 AccessDenied"),
    ] {
        assert_eq!(answer.code(), code, "{}", answer.body);
    }

    good(b(
        "UpdateAssumeRolePolicy",
        &[("RoleName", "Deploy"), ("PolicyDocument", &trust("Deny", ANN))],
    ));
    assert_eq!(assume(&sandbox, &ann, DEPLOY, &[]).code(), "403 AccessDenied");
    assert_eq!(
        s3(&sandbox, &session, "GET", "/deploy-bucket/k", "").code(),
        "200"
    );
    good(b(
        "DeleteRolePolicy",
        &[("RoleName", "Deploy"), ("PolicyName", "p")],
    ));
    assert_eq!(
        s3(&sandbox, &session, "GET", "/deploy-bucket/k", "").code(),
        "403 AccessDenied"
    );
    good(b("DeleteRole", &[("RoleName", "Deploy")]));
    // A role made anew is not the old one: its sessions stay dead.
    good(b("CreateRole", &role));
    assert_eq!(
        query(&sandbox, &session, "sts", "GetCallerIdentity", &[]).code(),
        "403 InvalidClientTokenId"
    );

    let key = [("UserName", "ann"), ("AccessKeyId", ann.access_key_id())];
    good(a(
        "UpdateAccessKey",
        &[&key[..], &[("Status", "Inactive")]].concat(),
    ));
    assert_eq!(
        query(&sandbox, &ann, "sts", "GetCallerIdentity", &[]).code(),
        "403 InvalidClientTokenId"
    );
    assert_eq!(
        s3(&sandbox, &ann, "GET", "/", "").code(),
        "403 InvalidAccessKeyId"
    );
    good(a(
        "UpdateAccessKey",
        &[&key[..], &[("Status", "Active")]].concat(),
    ));
    assert_eq!(
        query(&sandbox, &ann, "sts", "GetCallerIdentity", &[]).code(),
        "200"
    );
    good(a("DeleteAccessKey", &key));
    assert_eq!(
        query(&sandbox, &ann, "sts", "GetCallerIdentity", &[]).code(),
        "403 InvalidClientTokenId"
    );
}

#[test]
fn uploads_in_chunks_with_a_trailing_checksum() {
    let sandbox = Sandbox::builder().start().unwrap();
    let admin = user(&sandbox, "admin");
    let put = |body: &str, length: &str| {
        let mut raw = Raw::new(&sandbox, "s3", "PUT", "/account-a-private/chunks", body)
            .at(wall(&sandbox))
            .header("content-encoding", "aws-chunked")
            .header("x-amz-trailer", "x-amz-checksum-crc32")
            .header("x-amz-decoded-content-length", length);
        raw.streaming = true;
        raw.signed(&sandbox, &admin).send(&sandbox)
    };
    let body = "9\r\n123456789\r\n0\r\nx-amz-checksum-crc32:y/Q5Jg==\r\n\r\n";
    assert_eq!(put(body, "9").code(), "200");
    let read = s3(&sandbox, &admin, "GET", "/account-a-private/chunks", "");
    assert_eq!((read.code().as_str(), read.body.as_str()), ("200", "123456789"));
    assert_eq!(
        put(&body.replace("123456789", "123456780"), "9").code(),
        "400 BadDigest"
    );
    assert_eq!(put(body, "8").code(), "400 IncompleteBody");
    for (name, sum, code) in [
        ("x-amz-checksum-crc32", "y/Q5Jg==", "200"),
        ("x-amz-checksum-crc32", "y/Q5Jw==", "400 BadDigest"),
        (
            "x-amz-checksum-sha256",
            "FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=",
            "200",
        ),
        ("x-amz-checksum-sha256", "y/Q5Jg==", "400 BadDigest"),
    ] {
        let raw = Raw::new(&sandbox, "s3", "PUT", "/account-a-private/whole", "123456789")
            .at(wall(&sandbox))
            .header(name, sum);
        assert_eq!(
            raw.signed(&sandbox, &admin).send(&sandbox).code(),
            code,
            "{name} {sum}"
        );
    }
    assert_eq!(put("9\r\n1234", "9").code(), "400 IncompleteBody");
}

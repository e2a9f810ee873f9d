//! Trust policies and whom they name.

use rolecall_sandbox::{Account, Role, World};

use super::{A, ADMINISTRATOR, Setup, allow, texts, trust};
use crate::common::{assume, query};

const ROLE: &str = "arn:aws:iam::222222222222:role/R";

#[test]
fn a_user_made_anew_is_not_the_one_that_is_trusted() {
    let setup = Setup::empty();
    let ann = setup.user("ann", &allow("sts:AssumeRole"));
    let unique_id = setup
        .good("GetUser", &[("UserName", "ann")])
        .text("UserId")
        .unwrap();
    let document = trust("arn:aws:iam::111111111111:user/ann");
    let role = [("RoleName", "R"), ("AssumeRolePolicyDocument", document.as_str())];
    assert_eq!(setup.b("CreateRole", &role).code(), "200");
    assert_eq!(assume(&setup.sandbox, &ann, ROLE, &[]).code(), "200");

    setup.good("DeleteUserPolicy", &[("UserName", "ann"), ("PolicyName", "own")]);
    setup.good(
        "DeleteAccessKey",
        &[("UserName", "ann"), ("AccessKeyId", ann.access_key_id())],
    );
    setup.good("DeleteUser", &[("UserName", "ann")]);
    let ann = setup.user("ann", &allow("sts:AssumeRole"));
    assert_eq!(assume(&setup.sandbox, &ann, ROLE, &[]).code(), "403 AccessDenied");
    let shown = texts(
        &setup.b("GetRole", &[("RoleName", "R")]),
        "AssumeRolePolicyDocument",
    );
    assert_eq!(
        shown,
        [document.replace("arn:aws:iam::111111111111:user/ann", &unique_id)]
    );
    // Nor can it be written so.
    let update = |text: &str| {
        setup.b(
            "UpdateAssumeRolePolicy",
            &[("RoleName", "R"), ("PolicyDocument", text)],
        )
    };
    let answer = update(&shown[0]);
    assert_eq!(answer.code(), "400 MalformedPolicyDocument");
    assert_eq!(
        answer.message().replace("&quot;", "\""),
        format!("Invalid principal in policy: \"AWS\":\"{unique_id}\"")
    );
    assert_eq!(update(&document).code(), "200");
    assert_eq!(assume(&setup.sandbox, &ann, ROLE, &[]).code(), "200");
}

#[test]
fn a_role_made_anew_is_not_the_one_that_is_trusted() {
    let setup = Setup::empty();
    let here = trust(A);
    let hub = [("RoleName", "Hub"), ("AssumeRolePolicyDocument", here.as_str())];
    let make_hub = || {
        setup.good("CreateRole", &hub);
        setup.good(
            "AttachRolePolicy",
            &[("RoleName", "Hub"), ("PolicyArn", ADMINISTRATOR)],
        );
        assume(
            &setup.sandbox,
            &setup.admins[0],
            "arn:aws:iam::111111111111:role/Hub",
            &[],
        )
        .credentials()
    };
    let session = make_hub();
    let document = trust("arn:aws:iam::111111111111:role/Hub");
    assert_eq!(
        setup
            .b(
                "CreateRole",
                &[("RoleName", "R"), ("AssumeRolePolicyDocument", &document)]
            )
            .code(),
        "200"
    );
    assert_eq!(assume(&setup.sandbox, &session, ROLE, &[]).code(), "200");
    setup.good(
        "DetachRolePolicy",
        &[("RoleName", "Hub"), ("PolicyArn", ADMINISTRATOR)],
    );
    setup.good("DeleteRole", &[("RoleName", "Hub")]);
    assert_eq!(
        assume(&setup.sandbox, &make_hub(), ROLE, &[]).code(),
        "403 AccessDenied"
    );
    let shown = texts(
        &setup.b("GetRole", &[("RoleName", "R")]),
        "AssumeRolePolicyDocument",
    );
    assert!(shown[0].contains(r#""AWS":"AROA"#), "{shown:?}");
}

#[test]
fn trust_policies_name_who_exists() {
    let setup = Setup::empty();
    setup.good("CreateUser", &[("UserName", "ann"), ("Path", "/team/")]);
    let document =
        |kind: &str, name: &str| trust("x").replace(r#""AWS":"x""#, &format!(r#""{kind}":"{name}""#));
    for (kind, name, code) in [
        ("AWS", "arn:aws:iam::111111111111:user/team/ann", "200"),
        (
            "AWS",
            "arn:aws:iam::111111111111:user/ann",
            "400 MalformedPolicyDocument",
        ),
        (
            "AWS",
            "arn:aws:iam::111111111111:user/team/bob",
            "400 MalformedPolicyDocument",
        ),
        (
            "AWS",
            "arn:aws:iam::111111111111:role/ann",
            "400 MalformedPolicyDocument",
        ),
        ("AWS", "arn:aws:iam::111111111111:root", "200"),
        ("AWS", "222222222222", "200"),
        ("AWS", "333333333333", "400 MalformedPolicyDocument"),
        (
            "AWS",
            "arn:aws:iam::333333333333:root",
            "400 MalformedPolicyDocument",
        ),
        ("AWS", "ann", "400 MalformedPolicyDocument"),
        ("AWS", "*", "200"),
        ("Service", "ec2.amazonaws.com", "200"),
        ("Service", "ec2", "400 MalformedPolicyDocument"),
    ] {
        let text = document(kind, name);
        let role = [("RoleName", "r"), ("AssumeRolePolicyDocument", text.as_str())];
        assert_eq!(setup.a("CreateRole", &role).code(), code, "{kind} {name}");
        if code == "200" {
            setup.good("DeleteRole", &[("RoleName", "r")]);
        }
    }
    // An account is kept as its root user.
    setup.good(
        "CreateRole",
        &[
            ("RoleName", "r"),
            ("AssumeRolePolicyDocument", &trust("222222222222")),
        ],
    );
    let shown = texts(
        &setup.good("GetRole", &[("RoleName", "r")]),
        "AssumeRolePolicyDocument",
    );
    assert_eq!(shown, [trust("arn:aws:iam::222222222222:root")]);
}

#[test]
fn reserved_roles_are_changed_by_aws_alone() {
    let reserved = Role::new("AWSReservedSSO_Admin_0123456789abcdef", &trust(A))
        .path("/aws-reserved/sso.amazonaws.com/")
        .policy("p", &allow("s3:*"));
    let linked =
        Role::new("AWSServiceRoleForSupport", &trust(A)).path("/aws-service-role/support.amazonaws.com/");
    let setup = Setup::new(
        World::new().account(
            Account::new(A)
                .role(reserved)
                .role(linked)
                .role(Role::new("Plain", &trust(A))),
        ),
    );
    let document = trust(A);
    for role in [
        "AWSReservedSSO_Admin_0123456789abcdef",
        "AWSServiceRoleForSupport",
        "Plain",
    ] {
        let name = ("RoleName", role);
        for (action, more) in [
            ("AttachRolePolicy", &[("PolicyArn", ADMINISTRATOR)][..]),
            ("DetachRolePolicy", &[("PolicyArn", ADMINISTRATOR)]),
            (
                "PutRolePolicy",
                &[("PolicyName", "p"), ("PolicyDocument", &allow("s3:*"))],
            ),
            ("DeleteRolePolicy", &[("PolicyName", "p")]),
            (
                "PutRolePermissionsBoundary",
                &[("PermissionsBoundary", ADMINISTRATOR)],
            ),
            ("DeleteRolePermissionsBoundary", &[]),
            (
                "TagRole",
                &[("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
            ),
            ("UntagRole", &[("TagKeys.member.1", "k")]),
            ("UpdateRole", &[("MaxSessionDuration", "7200")]),
            ("UpdateRoleDescription", &[("Description", "d")]),
            ("UpdateAssumeRolePolicy", &[("PolicyDocument", &document)]),
            ("GetRole", &[]),
            ("ListRoleTags", &[]),
            ("DeleteRole", &[]),
        ] {
            let answer = setup.a(action, &[&[name], more].concat());
            let reads = action.starts_with("Get") || action.starts_with("List");
            let expected = if role == "Plain" || reads {
                "200"
            } else {
                "400 UnmodifiableEntity"
            };
            assert_eq!(answer.code(), expected, "{action} {role}: {}", answer.body);
        }
    }
    let admin = &setup.admins[0];
    assert_eq!(
        query(
            &setup.sandbox,
            admin,
            "iam",
            "ListRoles",
            &[("PathPrefix", "/aws-reserved/")]
        )
        .code(),
        "200"
    );
}

//! Users and groups, their keys, and their ends.

use super::{A, ADMINISTRATOR, Setup, allow, texts, trust};
use crate::common::{assume, query};

#[test]
fn groups_give_what_they_have_to_their_members() {
    let setup = Setup::empty();
    let ann = setup.user("ann", &allow("sts:GetCallerIdentity"));
    let lists = || query(&setup.sandbox, &ann, "iam", "ListGroups", &[]).code();
    let document = allow("iam:ListGroups");
    setup.good("CreateGroup", &[("GroupName", "devs"), ("Path", "/g/")]);
    let inline = [
        ("GroupName", "devs"),
        ("PolicyName", "p"),
        ("PolicyDocument", document.as_str()),
    ];
    setup.good("PutGroupPolicy", &inline);
    assert_eq!(lists(), "403 AccessDenied");
    setup.good("AddUserToGroup", &[("GroupName", "devs"), ("UserName", "ann")]);
    assert_eq!(lists(), "200");
    // Under another name it is the same group.
    setup.good(
        "UpdateGroup",
        &[
            ("GroupName", "devs"),
            ("NewGroupName", "makers"),
            ("NewPath", "/h/"),
        ],
    );
    assert_eq!(lists(), "200");
    let group = setup.good("GetGroup", &[("GroupName", "makers")]);
    assert_eq!(
        texts(&group, "Arn"),
        [
            "arn:aws:iam::111111111111:group/h/makers",
            "arn:aws:iam::111111111111:user/ann"
        ]
    );
    assert_eq!(
        texts(
            &setup.good("ListGroupsForUser", &[("UserName", "ann")]),
            "GroupName"
        ),
        ["makers"]
    );
    setup.good(
        "DeleteGroupPolicy",
        &[("GroupName", "makers"), ("PolicyName", "p")],
    );
    assert_eq!(lists(), "403 AccessDenied");
    setup.good(
        "AttachGroupPolicy",
        &[("GroupName", "makers"), ("PolicyArn", ADMINISTRATOR)],
    );
    assert_eq!(lists(), "200");
    setup.good(
        "RemoveUserFromGroup",
        &[("GroupName", "makers"), ("UserName", "ann")],
    );
    assert_eq!(lists(), "403 AccessDenied");
}

#[test]
fn what_is_used_is_not_deleted() {
    let setup = Setup::empty();
    let trust = trust(A);
    let policy = allow("s3:*");
    let key = { setup.user("ann", &policy).access_key_id().to_owned() };
    let (ann, devs, role) = (("UserName", "ann"), ("GroupName", "devs"), ("RoleName", "r"));
    let (own, attached) = (("PolicyName", "own"), ("PolicyArn", ADMINISTRATOR));
    let document = ("PolicyDocument", policy.as_str());
    setup.steps(&[
        ("CreateGroup", &[devs], "200"),
        ("AddUserToGroup", &[devs, ann], "200"),
        ("AttachUserPolicy", &[ann, attached], "200"),
        ("DeleteUser", &[ann], "409 DeleteConflict"),
        ("DeleteGroup", &[devs], "409 DeleteConflict"),
        ("RemoveUserFromGroup", &[devs, ann], "200"),
        ("RemoveUserFromGroup", &[devs, ann], "404 NoSuchEntity"),
        ("DeleteUser", &[ann], "409 DeleteConflict"),
        ("DetachUserPolicy", &[ann, attached], "200"),
        ("DetachUserPolicy", &[ann, attached], "404 NoSuchEntity"),
        ("DeleteUser", &[ann], "409 DeleteConflict"),
        ("DeleteUserPolicy", &[ann, own], "200"),
        ("DeleteUserPolicy", &[ann, own], "404 NoSuchEntity"),
        ("DeleteUser", &[ann], "409 DeleteConflict"),
        ("DeleteAccessKey", &[ann, ("AccessKeyId", &key)], "200"),
        ("DeleteUser", &[ann], "200"),
        ("DeleteUser", &[ann], "404 NoSuchEntity"),
        ("PutGroupPolicy", &[devs, own, document], "200"),
        ("DeleteGroup", &[devs], "409 DeleteConflict"),
        ("DeleteGroupPolicy", &[devs, own], "200"),
        ("DeleteGroup", &[devs], "200"),
        ("CreateRole", &[role, ("AssumeRolePolicyDocument", &trust)], "200"),
        ("AttachRolePolicy", &[role, attached], "200"),
        ("DeleteRole", &[role], "409 DeleteConflict"),
        ("DetachRolePolicy", &[role, attached], "200"),
        ("DeleteRole", &[role], "200"),
    ]);
}

#[test]
fn names_differ_by_more_than_case() {
    let setup = Setup::empty();
    let (trust, policy) = (trust(A), allow("s3:*"));
    let (trust, policy) = (
        ("AssumeRolePolicyDocument", trust.as_str()),
        ("PolicyDocument", policy.as_str()),
    );
    setup.steps(&[
        ("CreateUser", &[("UserName", "Ann")], "200"),
        ("CreateUser", &[("UserName", "aNN")], "409 EntityAlreadyExists"),
        ("CreateUser", &[("UserName", "bob")], "200"),
        (
            "UpdateUser",
            &[("UserName", "bob"), ("NewUserName", "ANN")],
            "409 EntityAlreadyExists",
        ),
        (
            "UpdateUser",
            &[("UserName", "bob"), ("NewUserName", "BOB")],
            "200",
        ),
        ("GetUser", &[("UserName", "BOB")], "200"),
        ("CreateGroup", &[("GroupName", "g")], "200"),
        ("CreateGroup", &[("GroupName", "G")], "409 EntityAlreadyExists"),
        ("CreateRole", &[("RoleName", "r"), trust], "200"),
        (
            "CreateRole",
            &[("RoleName", "R"), ("Path", "/x/"), trust],
            "409 EntityAlreadyExists",
        ),
        ("CreatePolicy", &[("PolicyName", "p"), policy], "200"),
        (
            "CreatePolicy",
            &[("PolicyName", "P"), ("Path", "/x/"), policy],
            "409 EntityAlreadyExists",
        ),
    ]);
}

#[test]
fn who_is_renamed_stays_who_it_is() {
    let setup = Setup::empty();
    let ann = setup.user("ann", &allow("sts:*"));
    let arn = "arn:aws:iam::111111111111:user/ann";
    assert_eq!(
        setup
            .b(
                "CreateRole",
                &[("RoleName", "R"), ("AssumeRolePolicyDocument", &trust(arn))]
            )
            .code(),
        "200"
    );
    let role = "arn:aws:iam::222222222222:role/R";
    let session = query(&setup.sandbox, &ann, "sts", "GetSessionToken", &[]).credentials();
    setup.good(
        "UpdateUser",
        &[("UserName", "ann"), ("NewUserName", "anne"), ("NewPath", "/n/")],
    );
    for credentials in [&ann, &session] {
        let identity = query(&setup.sandbox, credentials, "sts", "GetCallerIdentity", &[]);
        assert_eq!(
            identity.text("Arn").unwrap(),
            "arn:aws:iam::111111111111:user/n/anne"
        );
    }
    let document = setup.b("GetRole", &[("RoleName", "R")]);
    assert!(texts(&document, "AssumeRolePolicyDocument")[0].contains("user/n/anne"));
    assert_eq!(assume(&setup.sandbox, &ann, role, &[]).code(), "200");
    let keys = setup.good("ListAccessKeys", &[("UserName", "anne")]);
    assert_eq!(texts(&keys, "AccessKeyId"), [ann.access_key_id()]);
    // Somebody else under the old name is somebody else.
    let other = setup.user("ann", &allow("sts:*"));
    assert_eq!(
        assume(&setup.sandbox, &other, role, &[]).code(),
        "403 AccessDenied"
    );
    assert_eq!(assume(&setup.sandbox, &ann, role, &[]).code(), "200");
}

#[test]
fn the_last_use_of_keys_and_roles_is_told() {
    let setup = Setup::empty();
    let ann = setup.user("ann", &allow("sts:AssumeRole"));
    let last = |id: &str| setup.a("GetAccessKeyLastUsed", &[("AccessKeyId", id)]);
    let never = last(ann.access_key_id());
    assert_eq!(texts(&never, "ServiceName"), ["N/A"]);
    assert!(texts(&never, "LastUsedDate").is_empty());
    setup.good(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trust(A))],
    );
    let session = assume(&setup.sandbox, &ann, "arn:aws:iam::111111111111:role/r", &[]).credentials();
    let used = last(ann.access_key_id());
    assert_eq!(
        (texts(&used, "UserName"), texts(&used, "ServiceName")),
        (vec!["ann".to_owned()], vec!["sts".to_owned()])
    );
    assert_eq!(
        (texts(&used, "Region").len(), texts(&used, "LastUsedDate").len()),
        (1, 1)
    );
    let role = || setup.good("GetRole", &[("RoleName", "r")]);
    assert!(texts(&role(), "LastUsedDate").is_empty());
    query(&setup.sandbox, &session, "sts", "GetCallerIdentity", &[]);
    assert_eq!(texts(&role(), "LastUsedDate").len(), 1);
    // Another account's key is not told from one that is not there.
    let of_b = setup.admins[1].access_key_id();
    assert_eq!(last(of_b).code(), "403 AccessDenied");
    assert_eq!(last("AKIAIOSFODNN7EXAMPLE").code(), "403 AccessDenied");
}

#[test]
fn the_caller_is_meant_where_no_name_is_given() {
    let setup = Setup::empty();
    let ann = setup.user("ann", &allow("iam:*"));
    let own = |action: &str| query(&setup.sandbox, &ann, "iam", action, &[]);
    assert_eq!(texts(&own("GetUser"), "UserName"), ["ann"]);
    assert_eq!(
        texts(&own("ListAccessKeys"), "AccessKeyId"),
        [ann.access_key_id()]
    );
    assert_eq!(texts(&own("CreateAccessKey"), "UserName"), ["ann"]);
    // A role's session has no user.
    setup.good(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trust(A))],
    );
    setup.good(
        "AttachRolePolicy",
        &[("RoleName", "r"), ("PolicyArn", ADMINISTRATOR)],
    );
    let admin = &setup.admins[0];
    let session = assume(&setup.sandbox, admin, "arn:aws:iam::111111111111:role/r", &[]).credentials();
    let answer = query(&setup.sandbox, &session, "iam", "GetUser", &[]);
    assert_eq!(answer.code(), "400 ValidationError");
    assert_eq!(
        answer.message(),
        "Must specify userName when calling with non-User credentials"
    );
}

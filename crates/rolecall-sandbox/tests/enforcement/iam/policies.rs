//! Managed policies, their versions and who has them.

use super::{ADMINISTRATOR, READ_ONLY, Setup, allow, texts, trust};
use crate::common::query;

const MINE: &str = "arn:aws:iam::111111111111:policy/team/mine";

fn with_policy() -> Setup {
    let setup = Setup::empty();
    let document = allow("iam:ListUsers");
    let policy = setup.good(
        "CreatePolicy",
        &[
            ("PolicyName", "mine"),
            ("Path", "/team/"),
            ("Description", "what it is for"),
            ("PolicyDocument", &document),
            ("Tags.member.1.Key", "team"),
            ("Tags.member.1.Value", "one"),
        ],
    );
    assert_eq!(policy.text("Arn").unwrap(), MINE);
    setup
}

#[test]
fn the_default_version_is_in_force() {
    let setup = with_policy();
    let ann = setup.user("ann", &allow("sts:GetCallerIdentity"));
    setup.good("AttachUserPolicy", &[("UserName", "ann"), ("PolicyArn", MINE)]);
    let may = |action: &str| query(&setup.sandbox, &ann, "iam", action, &[]).code() == "200";
    let mine = ("PolicyArn", MINE);
    let (groups, roles) = (allow("iam:ListGroups"), allow("iam:ListRoles"));
    assert!(may("ListUsers"));
    setup.good("CreatePolicyVersion", &[mine, ("PolicyDocument", &groups)]);
    assert!(may("ListUsers") && !may("ListGroups"));
    setup.good("SetDefaultPolicyVersion", &[mine, ("VersionId", "v2")]);
    assert!(!may("ListUsers") && may("ListGroups"));
    setup.good(
        "CreatePolicyVersion",
        &[mine, ("PolicyDocument", &roles), ("SetAsDefault", "true")],
    );
    assert!(!may("ListGroups") && may("ListRoles"));
    let shown = setup.good("GetPolicyVersion", &[mine, ("VersionId", "v2")]);
    assert_eq!(texts(&shown, "Document"), [groups]);
    assert_eq!(texts(&shown, "IsDefaultVersion"), ["false"]);
    assert_eq!(
        texts(&setup.good("GetPolicy", &[mine]), "DefaultVersionId"),
        ["v3"]
    );
}

#[test]
fn five_versions_and_never_a_number_twice() {
    let setup = with_policy();
    let mine = ("PolicyArn", MINE);
    let document = allow("s3:*");
    let new = [mine, ("PolicyDocument", document.as_str())];
    setup.steps(&[
        ("CreatePolicyVersion", &new, "200"),
        ("CreatePolicyVersion", &new, "200"),
        ("CreatePolicyVersion", &new, "200"),
        ("CreatePolicyVersion", &new, "200"),
        ("CreatePolicyVersion", &new, "409 LimitExceeded"),
        (
            "DeletePolicyVersion",
            &[mine, ("VersionId", "v1")],
            "409 DeleteConflict",
        ),
        (
            "DeletePolicyVersion",
            &[mine, ("VersionId", "v6")],
            "404 NoSuchEntity",
        ),
        ("DeletePolicyVersion", &[mine, ("VersionId", "v5")], "200"),
        ("DeletePolicyVersion", &[mine, ("VersionId", "v3")], "200"),
        ("CreatePolicyVersion", &new, "200"),
        (
            "CreatePolicyVersion",
            &[mine, ("PolicyDocument", "{}")],
            "400 MalformedPolicyDocument",
        ),
        ("DeletePolicy", &[mine], "409 DeleteConflict"),
    ]);
    let versions = setup.good("ListPolicyVersions", &[mine]);
    assert_eq!(texts(&versions, "VersionId"), ["v6", "v4", "v2", "v1"]);
    assert_eq!(
        texts(&versions, "IsDefaultVersion"),
        ["false", "false", "false", "true"]
    );
    for version in ["v6", "v4", "v2"] {
        setup.good("DeletePolicyVersion", &[mine, ("VersionId", version)]);
    }
    setup.steps(&[
        ("DeletePolicy", &[mine], "200"),
        ("GetPolicy", &[mine], "404 NoSuchEntity"),
    ]);
}

#[test]
fn uses_are_counted_and_hold_a_policy() {
    let setup = with_policy();
    let mine = ("PolicyArn", MINE);
    let trust = trust("111111111111");
    setup.steps(&[
        ("CreateUser", &[("UserName", "u"), ("Path", "/team/")], "200"),
        ("CreateGroup", &[("GroupName", "g")], "200"),
        (
            "CreateRole",
            &[
                ("RoleName", "r"),
                ("AssumeRolePolicyDocument", &trust),
                ("PermissionsBoundary", MINE),
            ],
            "200",
        ),
        ("AttachUserPolicy", &[("UserName", "u"), mine], "200"),
        ("AttachGroupPolicy", &[("GroupName", "g"), mine], "200"),
        (
            "PutUserPermissionsBoundary",
            &[("UserName", "u"), ("PermissionsBoundary", MINE)],
            "200",
        ),
        (
            "PutUserPermissionsBoundary",
            &[
                ("UserName", "u"),
                ("PermissionsBoundary", "arn:aws:iam::111111111111:policy/no"),
            ],
            "404 NoSuchEntity",
        ),
        (
            "AttachUserPolicy",
            &[
                ("UserName", "u"),
                ("PolicyArn", "arn:aws:iam::222222222222:policy/x"),
            ],
            "404 NoSuchEntity",
        ),
    ]);
    let shown = setup.good("GetPolicy", &[mine]);
    assert_eq!(texts(&shown, "AttachmentCount"), ["2"]);
    assert_eq!(texts(&shown, "PermissionsBoundaryUsageCount"), ["2"]);
    assert_eq!(texts(&shown, "Description"), ["what it is for"]);
    assert_eq!(texts(&shown, "Value"), ["one"]);
    let entities = |more: &[(&str, &str)]| {
        let answer = setup.good("ListEntitiesForPolicy", &[&[mine], more].concat());
        [
            texts(&answer, "GroupName"),
            texts(&answer, "UserName"),
            texts(&answer, "RoleName"),
        ]
        .concat()
    };
    assert_eq!(entities(&[]), ["g", "u", "r"]);
    assert_eq!(
        entities(&[("PolicyUsageFilter", "PermissionsPolicy")]),
        ["g", "u"]
    );
    assert_eq!(
        entities(&[("PolicyUsageFilter", "PermissionsBoundary")]),
        ["u", "r"]
    );
    assert_eq!(entities(&[("EntityFilter", "User")]), ["u"]);
    assert_eq!(entities(&[("PathPrefix", "/team/")]), ["u"]);
    let listed = |more: &[(&str, &str)]| texts(&setup.good("ListPolicies", more), "PolicyName");
    assert_eq!(listed(&[("Scope", "Local")]), ["mine"]);
    assert_eq!(
        listed(&[("OnlyAttached", "true")]),
        ["AdministratorAccess", "mine"]
    );
    assert_eq!(listed(&[("PathPrefix", "/team/")]), ["mine"]);
    assert_eq!(listed(&[("PolicyUsageFilter", "PermissionsBoundary")]), ["mine"]);
    assert!(listed(&[("Scope", "AWS")]).contains(&"ReadOnlyAccess".to_owned()));
    assert!(!listed(&[("Scope", "AWS")]).contains(&"mine".to_owned()));

    setup.steps(&[
        ("DeletePolicy", &[mine], "409 DeleteConflict"),
        ("DetachUserPolicy", &[("UserName", "u"), mine], "200"),
        ("DetachGroupPolicy", &[("GroupName", "g"), mine], "200"),
        ("DeletePolicy", &[mine], "409 DeleteConflict"),
        ("DeleteUserPermissionsBoundary", &[("UserName", "u")], "200"),
        (
            "DeleteUserPermissionsBoundary",
            &[("UserName", "u")],
            "404 NoSuchEntity",
        ),
        ("DeleteRolePermissionsBoundary", &[("RoleName", "r")], "200"),
        ("DeletePolicy", &[mine], "200"),
    ]);
}

#[test]
fn policies_of_aws_and_of_others_are_not_ones_own() {
    let setup = with_policy();
    let document = allow("s3:*");
    let new = [
        ("PolicyArn", ADMINISTRATOR),
        ("PolicyDocument", document.as_str()),
    ];
    setup.steps(&[
        ("GetPolicy", &[("PolicyArn", READ_ONLY)], "200"),
        ("ListPolicyVersions", &[("PolicyArn", READ_ONLY)], "200"),
        ("CreatePolicyVersion", &new, "403 AccessDenied"),
        (
            "DeletePolicy",
            &[("PolicyArn", ADMINISTRATOR)],
            "403 AccessDenied",
        ),
        (
            "TagPolicy",
            &[
                ("PolicyArn", ADMINISTRATOR),
                ("Tags.member.1.Key", "k"),
                ("Tags.member.1.Value", "v"),
            ],
            "403 AccessDenied",
        ),
        (
            "GetPolicy",
            &[("PolicyArn", "arn:aws:iam::222222222222:policy/x")],
            "403 AccessDenied",
        ),
        (
            "GetPolicy",
            &[("PolicyArn", "arn:aws:iam::aws:policy/NoSuchPolicy")],
            "404 NoSuchEntity",
        ),
        // Keys of a policy's tags are told apart by case.
        (
            "TagPolicy",
            &[
                ("PolicyArn", MINE),
                ("Tags.member.1.Key", "Team"),
                ("Tags.member.1.Value", "two"),
            ],
            "200",
        ),
        (
            "UntagPolicy",
            &[("PolicyArn", MINE), ("TagKeys.member.1", "TEAM")],
            "200",
        ),
    ]);
    assert_eq!(
        texts(&setup.good("ListPolicyTags", &[("PolicyArn", MINE)]), "Key"),
        ["Team", "team"]
    );
    assert_eq!(
        setup.b("GetPolicy", &[("PolicyArn", MINE)]).code(),
        "403 AccessDenied"
    );
}

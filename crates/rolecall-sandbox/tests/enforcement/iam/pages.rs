//! Lists in pages.

use super::{A, ADMINISTRATOR, READ_ONLY, Setup, allow, texts, trust};

/// Every text of an element over all pages.
fn paged(
    setup: &Setup,
    action: &str,
    parameters: &[(&str, &str)],
    most: &str,
    element: &str,
) -> (Vec<String>, usize) {
    let (mut found, mut pages, mut marker) = (Vec::new(), 0, None::<String>);
    loop {
        let mut page = [parameters, &[("MaxItems", most)]].concat();
        if let Some(marker) = &marker {
            page.push(("Marker", marker));
        }
        let answer = setup.good(action, &page);
        found.extend(texts(&answer, element));
        pages += 1;
        assert!(pages < 100, "{action} has no end");
        marker = answer.text("Marker");
        assert_eq!(
            texts(&answer, "IsTruncated"),
            [marker.is_some().to_string()],
            "{action}"
        );
        if marker.is_none() {
            return (found, pages);
        }
    }
}

#[test]
fn every_list_can_be_read_one_by_one() {
    let setup = Setup::empty();
    let (trust, policy) = (trust(A), allow("s3:*"));
    let arn = "arn:aws:iam::111111111111:policy/p0";
    for number in 0..3 {
        let name = |prefix: &str| format!("{prefix}{number}");
        let (user, group, role, own) = (name("u"), name("g"), name("r"), name("p"));
        setup.good("CreateUser", &[("UserName", &user)]);
        setup.good("CreateGroup", &[("GroupName", &group)]);
        setup.good(
            "CreateRole",
            &[("RoleName", &role), ("AssumeRolePolicyDocument", &trust)],
        );
        setup.good(
            "CreatePolicy",
            &[("PolicyName", &own), ("PolicyDocument", &policy)],
        );
        setup.good(
            "CreatePolicyVersion",
            &[("PolicyArn", arn), ("PolicyDocument", &policy)],
        );
        setup.good("AddUserToGroup", &[("GroupName", "g0"), ("UserName", &user)]);
        setup.good("AddUserToGroup", &[("GroupName", &group), ("UserName", "u0")]);
        setup.good("AttachUserPolicy", &[("UserName", &user), ("PolicyArn", arn)]);
        for (kind, holder) in [("User", "u0"), ("Group", "g0"), ("Role", "r0")] {
            let parameter = format!("{kind}Name");
            let holder = (parameter.as_str(), holder);
            let inline = [
                holder,
                ("PolicyName", own.as_str()),
                ("PolicyDocument", policy.as_str()),
            ];
            setup.good(&format!("Put{kind}Policy"), &inline);
            let attached = [arn, ADMINISTRATOR, READ_ONLY][number];
            setup.good(&format!("Attach{kind}Policy"), &[holder, ("PolicyArn", attached)]);
        }
        let tag = [("Tags.member.1.Key", own.as_str()), ("Tags.member.1.Value", "")];
        setup.good("TagUser", &[&[("UserName", "u0")], &tag[..]].concat());
        setup.good("TagRole", &[&[("RoleName", "r0")], &tag[..]].concat());
        setup.good("TagPolicy", &[&[("PolicyArn", arn)], &tag[..]].concat());
    }
    for _ in 0..2 {
        setup.good("CreateAccessKey", &[("UserName", "u0")]);
    }
    let policies = ["AdministratorAccess", "ReadOnlyAccess", "p0"];
    let (u, g, r, p) = (
        ["u0", "u1", "u2"],
        ["g0", "g1", "g2"],
        ["r0", "r1", "r2"],
        ["p0", "p1", "p2"],
    );
    let of_user = &[("UserName", "u0")][..];
    let of_group = &[("GroupName", "g0")][..];
    let of_role = &[("RoleName", "r0")][..];
    let of_policy = &[("PolicyArn", arn)][..];
    for (action, parameters, element, expected) in [
        ("ListUsers", &[][..], "UserName", &["admin", "u0", "u1", "u2"][..]),
        ("ListGroups", &[], "GroupName", &g),
        ("ListRoles", &[], "RoleName", &r),
        ("ListPolicies", &[("Scope", "Local")], "PolicyName", &p),
        (
            "ListPolicies",
            &[("OnlyAttached", "true")],
            "PolicyName",
            &policies,
        ),
        ("ListGroupsForUser", of_user, "GroupName", &g),
        ("GetGroup", of_group, "UserName", &u),
        ("ListUserPolicies", of_user, "member", &p),
        ("ListGroupPolicies", of_group, "member", &p),
        ("ListRolePolicies", of_role, "member", &p),
        ("ListAttachedUserPolicies", of_user, "PolicyName", &policies),
        ("ListAttachedGroupPolicies", of_group, "PolicyName", &policies),
        ("ListAttachedRolePolicies", of_role, "PolicyName", &policies),
        ("ListUserTags", of_user, "Key", &p),
        ("ListRoleTags", of_role, "Key", &p),
        ("ListPolicyTags", of_policy, "Key", &p),
        (
            "ListPolicyVersions",
            of_policy,
            "VersionId",
            &["v4", "v3", "v2", "v1"],
        ),
        ("ListEntitiesForPolicy", of_policy, "UserName", &u),
    ] {
        for most in ["1", "2", "1000"] {
            let (found, pages) = paged(&setup, action, parameters, most, element);
            assert_eq!(found, expected, "{action} by {most}");
            if most == "1" {
                assert!(pages >= expected.len(), "{action} was not cut");
            }
        }
    }
    let (keys, pages) = paged(&setup, "ListAccessKeys", of_user, "1", "AccessKeyId");
    assert_eq!((keys.len(), pages), (2, 2));
    let (arns, _) = paged(&setup, "GetAccountAuthorizationDetails", &[], "2", "Arn");
    assert_eq!(arns.len(), 4 + 3 + 3 + 3 + 2);
}

#[test]
fn a_hundred_unless_asked_and_prefixes_choose() {
    let setup = Setup::empty();
    for number in 0..105 {
        let (name, path) = (
            format!("g{number:03}"),
            if number % 2 == 0 { "/even/" } else { "/odd/" },
        );
        setup.good("CreateGroup", &[("GroupName", &name), ("Path", path)]);
    }
    let first = setup.good("ListGroups", &[]);
    assert_eq!(texts(&first, "GroupName").len(), 100);
    assert_eq!(texts(&first, "IsTruncated"), ["true"]);
    let (odd, pages) = paged(&setup, "ListGroups", &[("PathPrefix", "/odd/")], "7", "GroupName");
    assert_eq!((odd.len(), pages), (52, 8));
}

#[test]
fn markers_are_of_their_list_and_outlive_what_they_name() {
    let setup = Setup::empty();
    for name in ["a", "b", "c", "d"] {
        setup.good("CreateGroup", &[("GroupName", name)]);
    }
    let marker = setup
        .good("ListGroups", &[("MaxItems", "2")])
        .text("Marker")
        .unwrap();
    let next = || texts(&setup.good("ListGroups", &[("Marker", &marker)]), "GroupName");
    assert_eq!(next(), ["c", "d"]);
    // What is deleted behind the marker hides nothing, what is made before it repeats nothing.
    setup.good("DeleteGroup", &[("GroupName", "b")]);
    setup.good("CreateGroup", &[("GroupName", "aa")]);
    assert_eq!(next(), ["c", "d"]);
    let spoilt = format!("A{marker}");
    for (action, marker) in [
        ("ListUsers", marker.as_str()),
        ("ListGroups", &spoilt),
        ("ListGroups", "!"),
        ("ListGroups", ""),
    ] {
        assert_eq!(
            setup.a(action, &[("Marker", marker)]).code(),
            "400 ValidationError",
            "{action} {marker}"
        );
    }
}

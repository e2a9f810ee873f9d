//! The limits of parameters, and the quotas.

use super::{ADMINISTRATOR, Setup, allow, policy_of, texts, trust};

#[test]
fn everything_wrong_is_said_at_once() {
    let setup = Setup::empty();
    let long = "x".repeat(65);
    let answer = setup.a(
        "CreateRole",
        &[
            ("RoleName", &long),
            ("AssumeRolePolicyDocument", ""),
            ("MaxSessionDuration", "1"),
            ("Tags.member.1.Key", ""),
            ("Tags.member.1.Value", "!"),
        ],
    );
    assert_eq!(answer.code(), "400 ValidationError");
    assert_eq!(
        answer.message(),
        format!(
            "5 validation errors detected: Value '{long}' at 'roleName' failed to satisfy constraint: Member must have \
             length less than or equal to 64; Value '' at 'assumeRolePolicyDocument' failed to satisfy constraint: \
             Member must have length greater than or equal to 1; Value '1' at 'maxSessionDuration' failed to satisfy \
             constraint: Member must have value greater than or equal to 3600; Value '' at 'tags.1.member.key' failed \
             to satisfy constraint: Member must have length greater than or equal to 1; Value '!' at \
             'tags.1.member.value' failed to satisfy constraint: Member must satisfy regular expression pattern: \
             [\\p{{L}}\\p{{Z}}\\p{{N}}_.:/=+\\-@]*"
        )
    );
}

#[test]
fn every_parameter_has_its_limits() {
    let setup = Setup::empty();
    let trust = trust("111111111111");
    let (long_path, longest_path) = (format!("/{}/", "p".repeat(511)), format!("/{}/", "p".repeat(510)));
    let (name_128, name_129) = ("n".repeat(128), "n".repeat(129));
    let description = "d".repeat(1001);
    let role = |more: &[(&'static str, &str)]| {
        let mut parameters = vec![("RoleName", "r"), ("AssumeRolePolicyDocument", trust.as_str())];
        parameters.retain(|(name, _)| !more.iter().any(|(other, _)| other == name));
        let more: Vec<(&str, &str)> = [&parameters[..], more].concat();
        setup.a("CreateRole", &more)
    };
    for (more, words) in [
        (
            &[("RoleName", "a b")][..],
            "The specified value for roleName is invalid.",
        ),
        (
            &[("RoleName", "rôle")],
            "The specified value for roleName is invalid.",
        ),
        (&[("RoleName", "")], "at 'roleName' failed"),
        (&[("Path", "team/")], "The specified value for path is invalid."),
        (&[("Path", "/team")], "The specified value for path is invalid."),
        (&[("Path", "/a b/")], "The specified value for path is invalid."),
        (&[("Path", &long_path)], "at 'path' failed"),
        (&[("Description", &description)], "at 'description' failed"),
        (&[("Description", "\u{2713}")], "at 'description' failed"),
        (&[("MaxSessionDuration", "43201")], "less than or equal to 43200"),
        (&[("MaxSessionDuration", "x")], "at 'maxSessionDuration' failed"),
        (
            &[("PermissionsBoundary", "short")],
            "at 'permissionsBoundary' failed",
        ),
        (
            &[("Tags.member.1.Value", "v")],
            "Value null at 'tags.1.member.key'",
        ),
        (&[("Path", "/aws-service-role/x/")], "reserved"),
    ] {
        let answer = role(more);
        assert_eq!(answer.code(), "400 ValidationError", "{more:?}: {}", answer.body);
        assert!(answer.message().contains(words), "{more:?}: {}", answer.body);
    }
    assert_eq!(role(&[("Path", &longest_path)]).code(), "200");
    for (action, parameters, code) in [
        ("CreateGroup", &[("GroupName", name_128.as_str())][..], "200"),
        ("CreateGroup", &[("GroupName", &name_129)], "400 ValidationError"),
        ("GetRole", &[], "400 ValidationError"),
        ("ListRoles", &[("MaxItems", "0")], "400 ValidationError"),
        ("ListRoles", &[("MaxItems", "1001")], "400 ValidationError"),
        ("ListRoles", &[("MaxItems", "1000"), ("PathPrefix", "/")], "200"),
        ("ListRoles", &[("PathPrefix", "x")], "400 ValidationError"),
        (
            "GetPolicy",
            &[("PolicyArn", "arn:aws:iam::aws:role/AdministratorAccess")],
            "400 InvalidInput",
        ),
        ("ListPolicies", &[("Scope", "Mine")], "400 ValidationError"),
        (
            "ListPolicies",
            &[("OnlyAttached", "perhaps")],
            "400 ValidationError",
        ),
        (
            "GetPolicyVersion",
            &[("PolicyArn", ADMINISTRATOR), ("VersionId", "1")],
            "400 ValidationError",
        ),
        (
            "GetPolicyVersion",
            &[("PolicyArn", ADMINISTRATOR), ("VersionId", "v1")],
            "200",
        ),
        (
            "DeleteAccessKey",
            &[("AccessKeyId", "short")],
            "400 ValidationError",
        ),
        (
            "CreateAccountAlias",
            &[("AccountAlias", "a--b")],
            "400 ValidationError",
        ),
        (
            "CreateAccountAlias",
            &[("AccountAlias", "Ab-c")],
            "400 ValidationError",
        ),
        ("CreateAccountAlias", &[("AccountAlias", "a-b")], "200"),
    ] {
        let answer = setup.a(action, parameters);
        assert_eq!(answer.code(), code, "{action} {parameters:?}: {}", answer.body);
    }
}

#[test]
fn tags_are_fifty_and_their_keys_differ() {
    let setup = Setup::empty();
    setup.good("CreateUser", &[("UserName", "ann")]);
    let tag = |tags: &[(&str, &str)]| {
        let mut parameters = vec![("UserName".to_owned(), "ann".to_owned())];
        for (index, (key, value)) in tags.iter().enumerate() {
            parameters.push((format!("Tags.member.{}.Key", index + 1), (*key).to_owned()));
            parameters.push((format!("Tags.member.{}.Value", index + 1), (*value).to_owned()));
        }
        let parameters: Vec<(&str, &str)> =
            parameters.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        setup.a("TagUser", &parameters)
    };
    assert_eq!(tag(&[]).code(), "400 ValidationError");
    assert_eq!(tag(&[("aws:x", "1")]).code(), "400 InvalidInput");
    assert_eq!(tag(&[("x", "1"), ("X", "2")]).code(), "400 InvalidInput");
    assert_eq!(tag(&[("Dept", "one"), ("Straße", "ä 1")]).code(), "200");
    // The first spelling of a key stays.
    assert_eq!(tag(&[("dept", "two")]).code(), "200");
    let tags = setup.good("ListUserTags", &[("UserName", "ann")]);
    assert_eq!(texts(&tags, "Key"), ["Dept", "Straße"]);
    assert_eq!(texts(&tags, "Value"), ["two", "ä 1"]);
    let many: Vec<String> = (0..48).map(|number| format!("k{number}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|key| (key.as_str(), "")).collect();
    assert_eq!(tag(&many).code(), "200");
    assert_eq!(tag(&[("one-more", "")]).code(), "409 LimitExceeded");
    setup.good("UntagUser", &[("UserName", "ann"), ("TagKeys.member.1", "DEPT")]);
    assert_eq!(tag(&[("one-more", "")]).code(), "200");
}

#[test]
fn quotas_are_the_default_ones_and_white_space_is_free() {
    let setup = Setup::empty();
    setup.good("CreateUser", &[("UserName", "u")]);
    setup.good("CreateGroup", &[("GroupName", "g")]);
    let trust = trust("111111111111");
    setup.good(
        "CreateRole",
        &[("RoleName", "r"), ("AssumeRolePolicyDocument", &trust)],
    );
    for (kind, parameter, name, most) in [
        ("User", "UserName", "u", 2048),
        ("Group", "GroupName", "g", 5120),
        ("Role", "RoleName", "r", 10_240),
    ] {
        let put = |policy: &str, text: &str| {
            let parameters = [
                (parameter, name),
                ("PolicyName", policy),
                ("PolicyDocument", text),
            ];
            setup.a(&format!("Put{kind}Policy"), &parameters)
        };
        // All inline policies count together; the one that is replaced does not.
        assert_eq!(put("one", &policy_of(most - 200)).code(), "200");
        assert_eq!(put("two", &policy_of(200)).code(), "200");
        let answer = put("two", &policy_of(201));
        assert_eq!(answer.code(), "409 LimitExceeded");
        let message = format!(
            "Maximum policy size of {most} bytes exceeded for {} {name}",
            kind.to_lowercase()
        );
        assert_eq!(answer.message(), message);
        let spaced = policy_of(200).replace(',', ",\n        ");
        assert_eq!(put("two", &spaced).code(), "200");

        for number in 0..10 {
            let policy = format!("{kind}{number}");
            let document = allow("s3:*");
            setup.good(
                "CreatePolicy",
                &[("PolicyName", &policy), ("PolicyDocument", &document)],
            );
            let arn = format!("arn:aws:iam::111111111111:policy/{policy}");
            setup.good(
                &format!("Attach{kind}Policy"),
                &[(parameter, name), ("PolicyArn", &arn)],
            );
            // Once more is the same.
            setup.good(
                &format!("Attach{kind}Policy"),
                &[(parameter, name), ("PolicyArn", &arn)],
            );
        }
        let answer = setup.a(
            &format!("Attach{kind}Policy"),
            &[(parameter, name), ("PolicyArn", ADMINISTRATOR)],
        );
        assert_eq!(answer.code(), "409 LimitExceeded");
        assert_eq!(
            answer.message(),
            format!("Cannot exceed quota for PoliciesPer{kind}: 10")
        );
    }
    let create = |text: &str| {
        setup.a(
            "CreatePolicy",
            &[("PolicyName", "size"), ("PolicyDocument", text)],
        )
    };
    assert_eq!(create(&policy_of(6145)).code(), "409 LimitExceeded");
    assert_eq!(create(&policy_of(6144)).code(), "200");
    let conditions = |length: usize| {
        let empty = trust.replace("}}}", r#"},"Condition":{"StringEquals":{"sts:ExternalId":""}}}}"#);
        empty.replace(
            r#"Id":""#,
            &format!(r#"Id":"{}"#, "x".repeat(length - empty.len())),
        )
    };
    for (length, code) in [(2049, "409 LimitExceeded"), (2048, "200")] {
        let text = conditions(length);
        let update = [("RoleName", "r"), ("PolicyDocument", text.as_str())];
        assert_eq!(
            setup.a("UpdateAssumeRolePolicy", &update).code(),
            code,
            "{length}"
        );
    }
    for _ in 0..2 {
        setup.good("CreateAccessKey", &[("UserName", "u")]);
    }
    assert_eq!(
        setup.a("CreateAccessKey", &[("UserName", "u")]).code(),
        "409 LimitExceeded"
    );
    for number in 0..10 {
        let group = format!("g{number}");
        setup.good("CreateGroup", &[("GroupName", &group)]);
        setup.good("AddUserToGroup", &[("GroupName", &group), ("UserName", "u")]);
    }
    let add = |group: &str| setup.a("AddUserToGroup", &[("GroupName", group), ("UserName", "u")]);
    assert_eq!(add("g9").code(), "200");
    assert_eq!(add("g").code(), "409 LimitExceeded");
}

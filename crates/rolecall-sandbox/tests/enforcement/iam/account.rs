//! What concerns an account as a whole.

use super::{ADMINISTRATOR, Setup, allow, texts, trust};

#[test]
fn aliases_are_unique_in_the_world() {
    let setup = Setup::empty();
    let alias = [("AccountAlias", "our-company")];
    let listed = || texts(&setup.good("ListAccountAliases", &[]), "member");
    setup.good("CreateAccountAlias", &alias);
    setup.good("CreateAccountAlias", &alias);
    assert_eq!(
        setup.b("CreateAccountAlias", &alias).code(),
        "409 EntityAlreadyExists"
    );
    assert_eq!(setup.b("DeleteAccountAlias", &alias).code(), "404 NoSuchEntity");
    assert_eq!(listed(), ["our-company"]);
    // An account has one.
    setup.good("CreateAccountAlias", &[("AccountAlias", "renamed")]);
    assert_eq!(listed(), ["renamed"]);
    assert_eq!(setup.b("CreateAccountAlias", &alias).code(), "200");
    setup.good("DeleteAccountAlias", &[("AccountAlias", "renamed")]);
    assert!(listed().is_empty());
}

#[test]
fn the_details_and_the_summary_hold_everything() {
    let setup = Setup::empty();
    let (trust, policy, wider) = (
        trust("arn:aws:iam::222222222222:root"),
        allow("s3:*"),
        allow("sns:*"),
    );
    let mine = ("PolicyArn", "arn:aws:iam::111111111111:policy/mine");
    let inline = [("PolicyName", "inline"), ("PolicyDocument", policy.as_str())];
    let tag = [
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "one: only"),
    ];
    setup.good(
        "CreatePolicy",
        &[("PolicyName", "mine"), ("PolicyDocument", &policy)],
    );
    setup.good(
        "CreatePolicyVersion",
        &[mine, ("PolicyDocument", &wider), ("SetAsDefault", "true")],
    );
    setup.good(
        "CreatePolicy",
        &[("PolicyName", "unused"), ("PolicyDocument", &policy)],
    );
    let user = [("UserName", "u"), ("PermissionsBoundary", ADMINISTRATOR)];
    setup.good("CreateUser", &[&user[..], &tag[..]].concat());
    setup.good("CreateGroup", &[("GroupName", "g")]);
    setup.good("AddUserToGroup", &[("GroupName", "g"), ("UserName", "u")]);
    setup.good("PutUserPolicy", &[&[("UserName", "u")], &inline[..]].concat());
    setup.good("PutGroupPolicy", &[&[("GroupName", "g")], &inline[..]].concat());
    setup.good("AttachGroupPolicy", &[("GroupName", "g"), mine]);
    let role = [("RoleName", "r"), ("AssumeRolePolicyDocument", trust.as_str())];
    setup.good("CreateRole", &[&role[..], &tag[..]].concat());
    setup.good("PutRolePolicy", &[&[("RoleName", "r")], &inline[..]].concat());
    setup.good("AttachRolePolicy", &[("RoleName", "r"), mine]);

    let details = setup.good("GetAccountAuthorizationDetails", &[]);
    let part = |element: &str| {
        let rest = details.body.split_once(&format!("<{element}>")).unwrap().1;
        rest.split_once(&format!("</{element}>")).unwrap().0.to_owned()
    };
    let of = |element: &str, field: &str| {
        let answer = crate::common::Answer {
            body: part(element),
            ..details.clone()
        };
        texts(&answer, field)
    };
    let words = |list: &[&str]| list.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(of("UserDetailList", "UserName"), words(&["admin", "u"]));
    assert!(part("UserDetailList").contains("<GroupList><member>g</member></GroupList>"));
    assert!(part("UserDetailList").contains("one: only"));
    assert_eq!(
        of("UserDetailList", "PermissionsBoundaryArn"),
        words(&[ADMINISTRATOR])
    );
    assert_eq!(of("UserDetailList", "PolicyDocument"), words(&[&policy]));
    assert_eq!(of("GroupDetailList", "PolicyDocument"), words(&[&policy]));
    assert_eq!(of("GroupDetailList", "PolicyArn"), words(&[mine.1]));
    assert_eq!(of("RoleDetailList", "AssumeRolePolicyDocument"), words(&[&trust]));
    assert_eq!(of("RoleDetailList", "PolicyArn"), words(&[mine.1]));
    assert!(part("RoleDetailList").contains("<InstanceProfileList/>"));
    assert_eq!(
        of("Policies", "PolicyName"),
        words(&["AdministratorAccess", "mine", "unused"])
    );
    assert_eq!(of("Policies", "Document").len(), 1 + 2 + 1);
    assert_eq!(of("Policies", "AttachmentCount"), words(&["1", "2", "0"]));
    assert_eq!(
        of("Policies", "PermissionsBoundaryUsageCount"),
        words(&["1", "0", "0"])
    );

    for (filter, names) in [
        ("User", &["admin", "u"][..]),
        ("Group", &["g"]),
        ("Role", &["r"]),
        ("LocalManagedPolicy", &["mine", "unused"]),
        ("AWSManagedPolicy", &["AdministratorAccess"]),
    ] {
        let answer = setup.good("GetAccountAuthorizationDetails", &[("Filter.member.1", filter)]);
        let arns = texts(&answer, "Arn");
        let found: Vec<&str> = arns.iter().filter_map(|arn| arn.rsplit('/').next()).collect();
        assert_eq!(found, names, "{filter}");
    }
    let wrong = setup.a("GetAccountAuthorizationDetails", &[("Filter.member.1", "Cat")]);
    assert_eq!(wrong.code(), "400 ValidationError");

    let summary = setup.good("GetAccountSummary", &[]);
    let (keys, values) = (texts(&summary, "key"), texts(&summary, "value"));
    for (key, value) in [
        ("Users", "2"),
        ("Groups", "1"),
        ("Roles", "1"),
        ("Policies", "2"),
        ("PolicyVersionsInUse", "3"),
        ("AccessKeysPerUserQuota", "2"),
        ("AttachedPoliciesPerRoleQuota", "10"),
    ] {
        let at = keys.iter().position(|other| other == key).unwrap();
        assert_eq!(values[at], value, "{key}");
    }
    assert_eq!(
        texts(&setup.b("GetAccountSummary", &[]), "value").len(),
        values.len()
    );
}

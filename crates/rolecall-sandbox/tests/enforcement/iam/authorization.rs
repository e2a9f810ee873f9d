//! Which action on which resource an operation needs, and which condition keys gate it ("Actions, resources, and
//! condition keys for AWS Identity and Access Management").

use super::{A, ADMINISTRATOR, READ_ONLY, Setup, allow, trust};
use crate::common::query;

const MINE: &str = "arn:aws:iam::111111111111:policy/mine";

fn statement(action: &str, resource: &str, condition: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"{action}","Resource":"{resource}","Condition":{{{condition}}}}}}}"#
    )
}

/// A setup with one of everything, each tagged `team` = `one`.
fn furnished() -> Setup {
    let setup = Setup::empty();
    let (trust, policy) = (trust(A), allow("s3:*"));
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "one")];
    setup.good(
        "CreateUser",
        &[&[("UserName", "u"), ("Path", "/p/")], &tag[..]].concat(),
    );
    setup.good("CreateGroup", &[("GroupName", "g"), ("Path", "/p/")]);
    let role = [
        ("RoleName", "r"),
        ("Path", "/p/"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    setup.good("CreateRole", &[&role[..], &tag[..]].concat());
    let mine = [("PolicyName", "mine"), ("PolicyDocument", policy.as_str())];
    setup.good("CreatePolicy", &[&mine[..], &tag[..]].concat());
    setup.good("AttachRolePolicy", &[("RoleName", "r"), ("PolicyArn", READ_ONLY)]);
    setup.good(
        "PutUserPermissionsBoundary",
        &[("UserName", "u"), ("PermissionsBoundary", ADMINISTRATOR)],
    );
    setup
}

#[test]
fn operations_need_their_action_on_their_resource() {
    let setup = furnished();
    let key = setup.user("caller", &allow("sts:GetCallerIdentity"));
    let (trust, policy) = (trust(A), allow("s3:*"));
    let document = ("PolicyDocument", policy.as_str());
    let (user, group, role) = (("UserName", "u"), ("GroupName", "g"), ("RoleName", "r"));
    let (u, g, r) = ("user/p/u", "group/p/g", "role/p/r");
    let mine = ("PolicyArn", MINE);
    for (operation, parameters, resource) in [
        ("GetUser", &[user][..], u),
        (
            "TagUser",
            &[user, ("Tags.member.1.Key", "k"), ("Tags.member.1.Value", "v")],
            u,
        ),
        ("ListAccessKeys", &[user], u),
        ("ListGroupsForUser", &[user], u),
        ("PutUserPolicy", &[user, ("PolicyName", "x"), document], u),
        ("AddUserToGroup", &[user, group], g),
        ("GetGroup", &[group], g),
        ("AttachGroupPolicy", &[group, mine], g),
        ("GetRole", &[role], r),
        ("UpdateAssumeRolePolicy", &[role, ("PolicyDocument", &trust)], r),
        ("AttachRolePolicy", &[role, mine], r),
        ("ListRoles", &[("PathPrefix", "/p/")], "role/p/"),
        ("ListUsers", &[], "user/"),
        (
            "CreateUser",
            &[("UserName", "new"), ("Path", "/q/")],
            "user/q/new",
        ),
        (
            "CreateRole",
            &[("RoleName", "new"), ("AssumeRolePolicyDocument", &trust)],
            "role/new",
        ),
        ("CreatePolicy", &[("PolicyName", "new"), document], "policy/new"),
        ("GetPolicy", &[mine], "policy/mine"),
        ("ListEntitiesForPolicy", &[mine], "policy/mine"),
        ("CreatePolicyVersion", &[mine, document], "policy/mine"),
        ("UpdateGroup", &[group, ("NewPath", "/p/")], g),
    ] {
        let arn = format!("arn:aws:iam::111111111111:{resource}");
        let action = format!("iam:{operation}");
        let call = |policy: &str| {
            let own = [
                ("UserName", "caller"),
                ("PolicyName", "own"),
                ("PolicyDocument", policy),
            ];
            setup.good("PutUserPolicy", &own);
            query(&setup.sandbox, &key, "iam", operation, parameters)
        };
        let refused = call(&statement(&action, &format!("{arn}-other"), ""));
        assert_eq!(refused.code(), "403 AccessDenied", "{operation}");
        assert_eq!(
            refused.message(),
            format!(
                "User: arn:aws:iam::111111111111:user/caller is not authorized to perform: {action} on resource: {arn} \
                 because no identity-based policy allows the {action} action"
            )
        );
        let granted = call(&statement(&action, &arn, ""));
        assert_eq!(granted.code(), "200", "{operation}: {}", granted.body);
    }
}

#[test]
fn condition_keys_gate_what_they_are_about() {
    let setup = furnished();
    let key = setup.user("caller", &allow("sts:GetCallerIdentity"));
    let (user, group, role) = (("UserName", "u"), ("GroupName", "g"), ("RoleName", "r"));
    let mine = ("PolicyArn", MINE);
    let tag = [("Tags.member.1.Key", "cost"), ("Tags.member.1.Value", "1")];
    let trust = trust(A);
    let new = [("RoleName", "new"), ("AssumeRolePolicyDocument", trust.as_str())];
    let bounded = [&new[..], &[("PermissionsBoundary", ADMINISTRATOR)]].concat();
    let tagged = [&new[..], &tag[..]].concat();
    let tag_user = [&[user], &tag[..]].concat();
    let boundary = [user, ("PermissionsBoundary", ADMINISTRATOR)];
    for (operation, parameters, condition_key, value) in [
        ("AttachUserPolicy", &[user, mine][..], "iam:PolicyARN", MINE),
        ("AttachGroupPolicy", &[group, mine], "iam:PolicyARN", MINE),
        (
            "DetachRolePolicy",
            &[role, ("PolicyArn", READ_ONLY)],
            "iam:PolicyARN",
            READ_ONLY,
        ),
        (
            "PutUserPermissionsBoundary",
            &boundary,
            "iam:PermissionsBoundary",
            ADMINISTRATOR,
        ),
        ("CreateRole", &bounded, "iam:PermissionsBoundary", ADMINISTRATOR),
        (
            "AttachUserPolicy",
            &[user, mine],
            "iam:PermissionsBoundary",
            ADMINISTRATOR,
        ),
        ("CreateRole", &tagged, "aws:RequestTag/cost", "1"),
        ("TagUser", &tag_user, "aws:RequestTag/cost", "1"),
        ("TagUser", &tag_user, "aws:TagKeys", "cost"),
        (
            "UntagUser",
            &[user, ("TagKeys.member.1", "cost")],
            "aws:TagKeys",
            "cost",
        ),
        ("GetUser", &[user], "iam:ResourceTag/team", "one"),
        ("GetUser", &[user], "aws:ResourceTag/team", "one"),
        ("GetRole", &[role], "iam:ResourceTag/team", "one"),
        ("GetPolicy", &[mine], "aws:ResourceTag/team", "one"),
        ("GetRole", &[role], "aws:ResourceAccount", A),
    ] {
        let call = |value: &str| {
            let operator = if condition_key == "aws:TagKeys" {
                "ForAllValues:StringEquals"
            } else {
                "StringEquals"
            };
            let condition = format!(r#""{operator}":{{"{condition_key}":"{value}"}}"#);
            // What is made with tags on it is tagged, too.
            let action = if operation == "CreateRole" {
                "*Role"
            } else {
                operation
            };
            let policy = statement(&format!("iam:{action}"), "*", &condition);
            let own = [
                ("UserName", "caller"),
                ("PolicyName", "own"),
                ("PolicyDocument", policy.as_str()),
            ];
            setup.good("PutUserPolicy", &own);
            query(&setup.sandbox, &key, "iam", operation, parameters)
        };
        assert_eq!(
            call("other").code(),
            "403 AccessDenied",
            "{operation} {condition_key}"
        );
        let granted = call(value);
        assert_eq!(
            granted.code(),
            "200",
            "{operation} {condition_key}: {}",
            granted.body
        );
        if operation == "CreateRole" {
            setup.a("DeleteRole", &[("RoleName", "new")]);
        }
    }
}

/// "IAM: Create new users only with specific tags": the example grants both actions.
#[test]
fn what_is_made_with_tags_on_it_is_tagged_too() {
    let setup = Setup::empty();
    let key = setup.user("caller", &allow("sts:GetCallerIdentity"));
    let (trust, policy) = (trust(A), allow("s3:*"));
    let tag = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "one")];
    for (kind, name, more) in [
        ("User", "UserName", None),
        (
            "Role",
            "RoleName",
            Some(("AssumeRolePolicyDocument", trust.as_str())),
        ),
        ("Policy", "PolicyName", Some(("PolicyDocument", policy.as_str()))),
    ] {
        let (create, tagging) = (format!("iam:Create{kind}"), format!("iam:Tag{kind}"));
        for (actions, new, tags, code) in [
            (vec![&create], "plain", &[][..], "200"),
            (vec![&create], "tagged", &tag, "403 AccessDenied"),
            (vec![&tagging], "tagged", &tag, "403 AccessDenied"),
            (vec![&create, &tagging], "tagged", &tag, "200"),
        ] {
            let statements: Vec<String> = actions
                .into_iter()
                .map(|action| format!(r#"{{"Effect":"Allow","Action":"{action}","Resource":"*"}}"#))
                .collect();
            let own = format!(
                r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
                statements.join(",")
            );
            let put = [
                ("UserName", "caller"),
                ("PolicyName", "own"),
                ("PolicyDocument", own.as_str()),
            ];
            setup.good("PutUserPolicy", &put);
            let mut parameters = vec![(name, new)];
            parameters.extend(more);
            parameters.extend(tags);
            let answer = query(&setup.sandbox, &key, "iam", &format!("Create{kind}"), &parameters);
            assert_eq!(answer.code(), code, "{kind} {own}");
        }
    }
}

/// "You must also have permission on the target" (UpdateUser, UpdateGroup): a new name or path is another ARN.
#[test]
fn renaming_needs_both_names() {
    let setup = furnished();
    let key = setup.user("caller", &allow("sts:GetCallerIdentity"));
    for (kind, parameter, new_parameter, name) in [
        ("User", "UserName", "NewUserName", "u"),
        ("Group", "GroupName", "NewGroupName", "g"),
    ] {
        let arn = |name: &str| format!("arn:aws:iam::111111111111:{}/p/{name}", kind.to_lowercase());
        for (resources, code) in [
            (vec![arn(name)], "403 AccessDenied"),
            (vec![arn("new")], "403 AccessDenied"),
            (vec![arn(name), arn("new")], "200"),
        ] {
            let resources = resources.join("\",\"");
            let own = format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"iam:Update{kind}","Resource":["{resources}"]}}}}"#
            );
            let put = [
                ("UserName", "caller"),
                ("PolicyName", "own"),
                ("PolicyDocument", own.as_str()),
            ];
            setup.good("PutUserPolicy", &put);
            let parameters = [(parameter, name), (new_parameter, "new")];
            let answer = query(&setup.sandbox, &key, "iam", &format!("Update{kind}"), &parameters);
            assert_eq!(answer.code(), code, "{own}");
        }
    }
}

/// A key is changed as its own user's, or anyone who may change their own could change everybody's.
#[test]
fn keys_are_changed_under_their_own_users_name() {
    let setup = Setup::empty();
    let key = setup.user(
        "caller",
        &statement("iam:*AccessKey", "arn:aws:iam::111111111111:user/caller", ""),
    );
    let other = setup.user("other", &allow("iam:ListUsers"));
    let (mine, theirs) = (key.access_key_id(), other.access_key_id());
    for (action, more) in [
        ("UpdateAccessKey", &[("Status", "Active")][..]),
        ("DeleteAccessKey", &[]),
    ] {
        for (name, id, code) in [
            ("caller", theirs, "404 NoSuchEntity"),
            ("other", theirs, "403 AccessDenied"),
            ("other", mine, "403 AccessDenied"),
            ("caller", mine, "200"),
        ] {
            let parameters = [&[("UserName", name), ("AccessKeyId", id)], more].concat();
            let answer = query(&setup.sandbox, &key, "iam", action, &parameters);
            assert_eq!(answer.code(), code, "{action} {name} {id}");
        }
    }
    assert_eq!(
        query(&setup.sandbox, &other, "iam", "ListUsers", &[]).code(),
        "200"
    );
}

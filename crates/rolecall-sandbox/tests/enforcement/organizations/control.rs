//! Service control policies: whom they bind, at which level, and that a change of them counts at once.

use aws_credential_types::Credentials;
use rolecall_sandbox::{
    Account, IdentityCenter, Organization, PermissionSet, Role, Sandbox, Unit, User, World,
};
use serde_json::json;

use super::{AUDIT, HEAD, NO_TOPICS, PROD, TEST};
use crate::common::{Answer, assume, query, s3, user};
use crate::identity_center::{START, access_token, enter};
use crate::rest::{admin, organizations};

const ONLY_S3: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#;
const NO_ROLES: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"*"}}"#;

/// PROD is in a unit in a unit, TEST in the outer one, AUDIT at the root.
fn tree(change: impl FnOnce(Tree) -> Tree) -> Sandbox {
    let everything = "arn:aws:iam::aws:policy/AdministratorAccess";
    let role = |name: &str, trusted: &str| {
        let trust = format!(
            r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{trusted}"}}}}}}"#
        );
        Role::new(name, &trust).attach(everything)
    };
    let tree = change(Tree {
        organization: Organization::new(HEAD)
            .control_policy("NoTopics", NO_TOPICS)
            .control_policy("OnlyS3", ONLY_S3)
            .control_policy("NoRoles", NO_ROLES),
        outer: Unit::new("Outer"),
        inner: Unit::new("Inner"),
    });
    let organization = tree
        .organization
        .unit(tree.outer.account(TEST).unit(tree.inner.account(PROD)))
        .account_at_root(AUDIT);
    let center = IdentityCenter::new(START, "us-east-1")
        .user("ann")
        .permission_set(PermissionSet::new("Admin").attach(everything))
        .assign("ann", PROD, "Admin");
    let world = World::new()
        .account(Account::new(HEAD).role(role("InHead", PROD)))
        .account(
            Account::new(PROD)
                .user(User::new("small").attach(everything))
                .role(role("InProd", HEAD)),
        )
        .account(Account::new(TEST))
        .account(Account::new(AUDIT))
        .organization(organization)
        .identity_center(center);
    Sandbox::builder()
        .world(world)
        .start()
        .expect("a test's own helper")
}

struct Tree {
    organization: Organization,
    outer: Unit,
    inner: Unit,
}

fn topic(sandbox: &Sandbox, credentials: &Credentials) -> Answer {
    query(sandbox, credentials, "sns", "CreateTopic", &[("Name", "t")])
}

/// Which accounts' administrators may make a topic; all may list their buckets.
fn may(sandbox: &Sandbox) -> Vec<&'static str> {
    let mut allowed = Vec::new();
    for account in [HEAD, PROD, TEST, AUDIT] {
        let credentials = admin(sandbox, account);
        assert_eq!(
            s3(sandbox, &credentials, "GET", "/", "").code(),
            "200",
            "{account}"
        );
        match topic(sandbox, &credentials).code().as_str() {
            "200" => allowed.push(account),
            other => assert_eq!(other, "403 AuthorizationError"),
        }
    }
    allowed
}

#[test]
fn an_explicit_deny_counts_at_every_level() {
    let everyone = [HEAD, PROD, TEST, AUDIT];
    assert_eq!(may(&tree(|tree| tree)), everyone);
    let at_root = tree(|tree| Tree {
        organization: tree.organization.attach_root("NoTopics"),
        ..tree
    });
    // The management account is never bound.
    assert_eq!(may(&at_root), [HEAD]);
    let at_outer = tree(|tree| Tree {
        outer: tree.outer.attach("NoTopics"),
        ..tree
    });
    assert_eq!(may(&at_outer), [HEAD, AUDIT]);
    let at_inner = tree(|tree| Tree {
        inner: tree.inner.attach("NoTopics"),
        ..tree
    });
    assert_eq!(may(&at_inner), [HEAD, TEST, AUDIT]);
    let at_account = tree(|tree| Tree {
        organization: tree.organization.attach_account(PROD, "NoTopics"),
        ..tree
    });
    assert_eq!(may(&at_account), [HEAD, TEST, AUDIT]);
    let refused = topic(&at_account, &user(&at_account, "small"));
    assert_eq!(
        refused.message(),
        "User: arn:aws:iam::222222222222:user/small is not authorized to perform: SNS:CreateTopic on resource: \
         arn:aws:sns:us-east-1:222222222222:t with an explicit deny in a service control policy"
    );
    let at_management = tree(|tree| Tree {
        organization: tree
            .organization
            .account_at_root(HEAD)
            .attach_account(HEAD, "NoTopics"),
        ..tree
    });
    assert_eq!(may(&at_management), everyone);
}

#[test]
fn what_one_level_does_not_allow_is_refused_below_it() {
    let at_root = tree(|tree| Tree {
        organization: tree.organization.attach_root("OnlyS3").root_without_full_access(),
        ..tree
    });
    assert_eq!(may(&at_root), [HEAD]);
    let at_outer = tree(|tree| Tree {
        outer: tree.outer.attach("OnlyS3").without_full_access(),
        ..tree
    });
    assert_eq!(may(&at_outer), [HEAD, AUDIT]);
    let at_inner = tree(|tree| Tree {
        inner: tree.inner.attach("OnlyS3").without_full_access(),
        ..tree
    });
    assert_eq!(may(&at_inner), [HEAD, TEST, AUDIT]);
    let at_account = tree(|tree| Tree {
        organization: tree
            .organization
            .attach_account(PROD, "OnlyS3")
            .account_without_full_access(PROD),
        ..tree
    });
    assert_eq!(may(&at_account), [HEAD, TEST, AUDIT]);
    let refused = topic(&at_account, &user(&at_account, "small"));
    assert!(
        refused
            .message()
            .ends_with("because no service control policy allows the SNS:CreateTopic action"),
        "{}",
        refused.message()
    );
    // An allow grants nothing by itself.
    let organization = Organization::new(HEAD).account_at_root(PROD);
    let world = World::new()
        .account(Account::new(HEAD))
        .account(Account::new(PROD).user(User::new("powerless")))
        .organization(organization);
    let sandbox = Sandbox::builder().world(world).start().unwrap();
    let refused = topic(&sandbox, &user(&sandbox, "powerless"));
    assert!(
        refused.message().contains("no identity-based policy"),
        "{}",
        refused.message()
    );
}

#[test]
fn the_account_of_the_one_who_asks_is_what_counts() {
    let in_head = format!("arn:aws:iam::{HEAD}:role/InHead");
    let in_prod = format!("arn:aws:iam::{PROD}:role/InProd");
    let assumes =
        |sandbox: &Sandbox, account: &str, role: &str| assume(sandbox, &admin(sandbox, account), role, &[]);
    let free = tree(|tree| tree);
    assert_eq!(assumes(&free, PROD, &in_head).code(), "200");
    assert_eq!(assumes(&free, HEAD, &in_prod).code(), "200");
    // PROD may assume nothing, wherever the role is; whoever comes to PROD from elsewhere may.
    let bound = tree(|tree| Tree {
        organization: tree.organization.attach_account(PROD, "NoRoles"),
        ..tree
    });
    assert_eq!(assumes(&bound, PROD, &in_head).code(), "403 AccessDenied");
    assert_eq!(assumes(&bound, HEAD, &in_prod).code(), "200");
    // Once there, they are bound as everybody there is.
    let bound = tree(|tree| Tree {
        organization: tree.organization.attach_account(PROD, "NoTopics"),
        ..tree
    });
    let session = assumes(&bound, HEAD, &in_prod).credentials();
    assert_eq!(topic(&bound, &session).code(), "403 AuthorizationError");
    assert_eq!(s3(&bound, &session, "GET", "/", "").code(), "200");
    let (entered, _) = enter(&bound, &access_token(&bound, "ann"), PROD, "Admin");
    assert_eq!(topic(&bound, &entered).code(), "403 AuthorizationError");
    assert_eq!(s3(&bound, &entered, "GET", "/", "").code(), "200");
    // And who leaves for the management account is not.
    let away = assumes(&bound, PROD, &in_head).credentials();
    assert_eq!(topic(&bound, &away).code(), "200");
    // Asking who one is cannot be denied.
    let mute = tree(|tree| Tree {
        organization: tree
            .organization
            .control_policy(
                "Nothing",
                r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#,
            )
            .attach_account(PROD, "Nothing"),
        ..tree
    });
    let root = admin(&mute, PROD);
    assert_eq!(query(&mute, &root, "sts", "GetCallerIdentity", &[]).code(), "200");
    assert_eq!(s3(&mute, &root, "GET", "/", "").code(), "403 AccessDenied");
    assert_eq!(
        organizations(&mute, &root, "DescribeOrganization", &json!({})).error(),
        "400 AccessDeniedException"
    );
}

#[test]
fn changes_count_at_the_next_decision() {
    let sandbox = tree(|tree| Tree {
        outer: tree.outer.attach("NoTopics"),
        ..tree
    });
    let head = admin(&sandbox, HEAD);
    let ask = |operation: &str, input: serde_json::Value| {
        let answer = organizations(&sandbox, &head, operation, &input);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        answer.json()
    };
    assert_eq!(may(&sandbox), [HEAD, AUDIT]);
    let units = ask("ListOrganizationalUnitsForParent", json!({"ParentId": "r-cnry"}));
    let outer = units["OrganizationalUnits"][0]["Id"].clone();
    let policies = ask(
        "ListPoliciesForTarget",
        json!({"TargetId": outer, "Filter": "SERVICE_CONTROL_POLICY"}),
    );
    let id = policies["Policies"][1]["Id"].clone();
    assert_eq!(policies["Policies"][1]["Name"], "NoTopics");
    // Into the unit, and out of it.
    let to = |source: &serde_json::Value, destination: &serde_json::Value, account: &str| json!({"AccountId": account, "SourceParentId": source, "DestinationParentId": destination});
    let root = json!("r-cnry");
    ask("MoveAccount", to(&root, &outer, AUDIT));
    assert_eq!(may(&sandbox), [HEAD]);
    ask("MoveAccount", to(&outer, &root, TEST));
    assert_eq!(may(&sandbox), [HEAD, TEST]);
    // Off, on, and worded otherwise.
    ask("DetachPolicy", json!({"PolicyId": id, "TargetId": outer}));
    assert_eq!(may(&sandbox), [HEAD, PROD, TEST, AUDIT]);
    ask("AttachPolicy", json!({"PolicyId": id, "TargetId": PROD}));
    assert_eq!(may(&sandbox), [HEAD, TEST, AUDIT]);
    ask("UpdatePolicy", json!({"PolicyId": id, "Content": NO_ROLES}));
    assert_eq!(may(&sandbox), [HEAD, PROD, TEST, AUDIT]);
}

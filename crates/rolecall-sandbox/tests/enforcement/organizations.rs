//! AWS Organizations: who may read it, what it says, what may be changed.

mod change;
mod control;

use rolecall_sandbox::{Account, Organization, Sandbox, Unit, User, World};
use serde_json::{Value, json};

use crate::common::user;
use crate::rest::{admin, organizations};

pub(crate) const HEAD: &str = "111111111111";
pub(crate) const PROD: &str = "222222222222";
pub(crate) const TEST: &str = "333333333333";
pub(crate) const AUDIT: &str = "444444444444";
pub(crate) const ALIEN: &str = "999999999999";

pub(crate) const NO_TOPICS: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sns:*","Resource":"*"}}"#;

pub(crate) fn organization() -> Organization {
    Organization::new(HEAD)
        .control_policy("NoTopics", NO_TOPICS)
        .unit(
            Unit::new("Workloads")
                .unit(Unit::new("Production").account(PROD))
                .account(TEST),
        )
        .account_at_root(AUDIT)
        .account_name(PROD, "Shop & <Till>")
        .account_email(PROD, "shop@example.com")
        .delegated(AUDIT)
        .suspended(TEST)
}

pub(crate) fn world() -> World {
    let reader = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"organizations:Describe*","Resource":"*"}}"#;
    World::new()
        .account(
            Account::new(HEAD)
                .user(User::new("powerless"))
                .user(User::new("describer").policy("read", reader)),
        )
        .account(Account::new(PROD))
        .account(Account::new(TEST))
        .account(Account::new(AUDIT))
        .account(Account::new(ALIEN))
        .organization(organization())
}

fn start() -> Sandbox {
    Sandbox::builder()
        .world(world())
        .start()
        .expect("a test's own helper")
}

/// The ids in a list of an answer.
fn ids(answer: &Value, list: &str, id: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap_or_else(|| panic!("{answer}"));
    items
        .iter()
        .map(|item| item[id].as_str().expect("a test's own helper").to_owned())
        .collect()
}

#[test]
fn who_may_read() {
    let sandbox = start();
    let by = |credentials: &_, operation: &str| organizations(&sandbox, credentials, operation, &json!({}));
    let table = [
        (admin(&sandbox, HEAD), "ListAccounts", "200"),
        (admin(&sandbox, AUDIT), "ListAccounts", "200"),
        (admin(&sandbox, PROD), "ListAccounts", "400 AccessDeniedException"),
        (admin(&sandbox, PROD), "DescribeOrganization", "200"),
        (
            admin(&sandbox, ALIEN),
            "DescribeOrganization",
            "400 AWSOrganizationsNotInUseException",
        ),
        (
            admin(&sandbox, ALIEN),
            "ListAccounts",
            "400 AWSOrganizationsNotInUseException",
        ),
        // The caller's own policies decide too.
        (
            user(&sandbox, "powerless"),
            "ListAccounts",
            "400 AccessDeniedException",
        ),
        (
            user(&sandbox, "powerless"),
            "DescribeOrganization",
            "400 AccessDeniedException",
        ),
        (user(&sandbox, "describer"), "DescribeOrganization", "200"),
        (
            user(&sandbox, "describer"),
            "ListAccounts",
            "400 AccessDeniedException",
        ),
        (
            admin(&sandbox, HEAD),
            "InviteAccountToOrganization",
            "400 UnknownOperationException",
        ),
    ];
    for (credentials, operation, expected) in table {
        let answer = by(&credentials, operation);
        assert_eq!(
            answer.error(),
            expected,
            "{operation} by {}",
            credentials.access_key_id()
        );
    }
    // The delegated administrator reads, and changes nothing.
    let asked = json!({"ParentId": "r-cnry", "Name": "Mine"});
    let changed = |account| {
        organizations(
            &sandbox,
            &admin(&sandbox, account),
            "CreateOrganizationalUnit",
            &asked,
        )
        .error()
    };
    assert_eq!(changed(AUDIT), "400 AccessDeniedException");
    assert_eq!(changed(HEAD), "200");
    let message = by(&user(&sandbox, "powerless"), "ListAccounts").json();
    assert_eq!(
        message["message"],
        "User: arn:aws:iam::111111111111:user/powerless is not authorized to perform: organizations:ListAccounts on \
         resource: * because no identity-based policy allows the organizations:ListAccounts action"
    );
    // Nothing of this works where there is no organization.
    let bare = Sandbox::builder().world(World::empty()).start().unwrap();
    let answer = organizations(&bare, &admin(&bare, HEAD), "ListRoots", &json!({}));
    assert_eq!(answer.error(), "400 AWSOrganizationsNotInUseException");
}

#[test]
fn the_tree_is_told_as_it_is() {
    let sandbox = start();
    let head = admin(&sandbox, HEAD);
    let ask = |operation: &str, input: Value| {
        let answer = organizations(&sandbox, &head, operation, &input);
        assert_eq!(answer.status, 200, "{operation}: {}", answer.body);
        answer.json()
    };
    let organization = &ask("DescribeOrganization", json!({}))["Organization"];
    assert_eq!(organization["Id"], "o-canaryorg0");
    assert_eq!(organization["MasterAccountId"], HEAD);
    assert_eq!(
        organization["MasterAccountArn"],
        "arn:aws:organizations::111111111111:account/o-canaryorg0/111111111111"
    );
    let root = ask("ListRoots", json!({}))["Roots"][0].clone();
    assert_eq!(
        root["Arn"],
        "arn:aws:organizations::111111111111:root/o-canaryorg0/r-cnry"
    );
    let below = |parent: &Value| {
        let units = ask("ListOrganizationalUnitsForParent", json!({"ParentId": parent}));
        let accounts = ask("ListAccountsForParent", json!({"ParentId": parent}));
        (
            units["OrganizationalUnits"].clone(),
            ids(&accounts, "Accounts", "Id"),
        )
    };
    let (units, accounts) = below(&root["Id"]);
    assert_eq!(accounts, [HEAD, AUDIT]);
    let workloads = units[0].clone();
    assert_eq!(workloads["Name"], "Workloads");
    let (units, accounts) = below(&workloads["Id"]);
    assert_eq!(accounts, [TEST]);
    let production = units[0].clone();
    let (units, accounts) = below(&production["Id"]);
    assert_eq!((units, accounts), (json!([]), vec![PROD.to_owned()]));
    let described = ask(
        "DescribeOrganizationalUnit",
        json!({"OrganizationalUnitId": production["Id"]}),
    );
    assert_eq!(described["OrganizationalUnit"], production);

    let account = ask("DescribeAccount", json!({"AccountId": PROD}))["Account"].clone();
    let path = format!(
        "o-canaryorg0/r-cnry/{}/{}/{PROD}/",
        workloads["Id"].as_str().unwrap(),
        production["Id"].as_str().unwrap()
    );
    assert_eq!(account["Paths"], json!([path]));
    assert_eq!(account["Name"], "Shop & <Till>");
    assert_eq!(account["Email"], "shop@example.com");
    assert_eq!(account["Status"], "ACTIVE");
    assert_eq!(account["State"], "ACTIVE");
    assert_eq!(account["JoinedMethod"], "CREATED");
    assert!(account["JoinedTimestamp"].is_u64());
    let suspended = ask("DescribeAccount", json!({"AccountId": TEST}));
    assert_eq!(suspended["Account"]["Status"], "SUSPENDED");

    let parents = ask("ListParents", json!({"ChildId": PROD}));
    assert_eq!(
        parents["Parents"],
        json!([{"Id": production["Id"], "Type": "ORGANIZATIONAL_UNIT"}])
    );
    let parents = ask("ListParents", json!({"ChildId": workloads["Id"]}));
    assert_eq!(parents["Parents"], json!([{"Id": "r-cnry", "Type": "ROOT"}]));
    let children = ask(
        "ListChildren",
        json!({"ParentId": "r-cnry", "ChildType": "ACCOUNT"}),
    );
    assert_eq!(ids(&children, "Children", "Id"), [HEAD, AUDIT]);
    let children = ask(
        "ListChildren",
        json!({"ParentId": "r-cnry", "ChildType": "ORGANIZATIONAL_UNIT"}),
    );
    assert_eq!(children["Children"][0]["Id"], workloads["Id"]);
    let delegated = ask("ListDelegatedAdministrators", json!({}));
    assert_eq!(ids(&delegated, "DelegatedAdministrators", "Id"), [AUDIT]);
    let tags = ask("ListTagsForResource", json!({"ResourceId": PROD}));
    assert_eq!(tags, json!({"Tags": []}));

    let filter = "SERVICE_CONTROL_POLICY";
    let policies = ask("ListPolicies", json!({"Filter": filter}));
    assert_eq!(ids(&policies, "Policies", "Name"), ["FullAWSAccess", "NoTopics"]);
    assert_eq!(
        policies["Policies"][0]["Arn"],
        "arn:aws:organizations::aws:policy/service_control_policy/p-FullAWSAccess"
    );
    let none = ask("ListPolicies", json!({"Filter": "TAG_POLICY"}));
    assert_eq!(none, json!({"Policies": []}));
    let id = &policies["Policies"][1]["Id"];
    let policy = ask("DescribePolicy", json!({"PolicyId": id}));
    assert_eq!(policy["Policy"]["Content"], NO_TOPICS);
    assert_eq!(
        ask("ListTargetsForPolicy", json!({"PolicyId": id}))["Targets"],
        json!([])
    );
    let targets = ask("ListTargetsForPolicy", json!({"PolicyId": "p-FullAWSAccess"}));
    assert_eq!(targets["Targets"].as_array().unwrap().len(), 1 + 2 + 4);
    let attached = ask(
        "ListPoliciesForTarget",
        json!({"TargetId": PROD, "Filter": filter}),
    );
    assert_eq!(ids(&attached, "Policies", "Id"), ["p-FullAWSAccess"]);
}

#[test]
fn lists_come_in_pages() {
    let mut world = World::new().account(Account::new(HEAD));
    let mut organization = Organization::new(HEAD);
    for n in 1..45 {
        let id = format!("{n:012}");
        world = world.account(Account::new(&id));
        organization = organization.account_at_root(&id);
    }
    let sandbox = Sandbox::builder()
        .world(world.organization(organization))
        .start()
        .unwrap();
    let head = admin(&sandbox, HEAD);
    let ask = |input: Value| organizations(&sandbox, &head, "ListAccounts", &input);
    for size in [None, Some(1), Some(7), Some(20)] {
        let (mut seen, mut token, mut pages) = (Vec::new(), Value::Null, 0);
        loop {
            let page = ask(json!({"MaxResults": size, "NextToken": token})).json();
            let page_ids = ids(&page, "Accounts", "Id");
            assert!(page_ids.len() <= size.unwrap_or(20));
            seen.extend(page_ids);
            pages += 1;
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(seen.len(), 45, "{size:?}");
        assert_eq!(pages, 45_usize.div_ceil(size.unwrap_or(20)));
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 45);
    }
    let first = ask(json!({"MaxResults": 1})).json();
    let other = json!({"ParentId": "r-cnry", "NextToken": first["NextToken"]});
    let other = organizations(&sandbox, &head, "ListAccountsForParent", &other);
    assert_eq!(other.json()["Reason"], "INVALID_NEXT_TOKEN");
    for (input, reason) in [
        (json!({"MaxResults": 0}), "MIN_VALUE_EXCEEDED"),
        (json!({"MaxResults": 21}), "MAX_VALUE_EXCEEDED"),
        (json!({"MaxResults": i64::MAX}), "MAX_VALUE_EXCEEDED"),
        (json!({"NextToken": "mine"}), "INVALID_NEXT_TOKEN"),
    ] {
        let answer = ask(input.clone());
        assert_eq!(answer.error(), "400 InvalidInputException", "{input}");
        assert_eq!(answer.json()["Reason"], reason, "{input}");
    }
}

#[test]
fn what_is_not_there_and_what_makes_no_sense() {
    let sandbox = start();
    let head = admin(&sandbox, HEAD);
    let (unit, policy) = ("ou-cnry-aaaaaaaa", "p-aaaaaaaa");
    let table = [
        (
            "DescribeAccount",
            json!({"AccountId": "555555555555"}),
            "AccountNotFoundException",
        ),
        (
            "DescribeAccount",
            json!({"AccountId": ALIEN}),
            "AccountNotFoundException",
        ),
        (
            "DescribeAccount",
            json!({"AccountId": "55"}),
            "InvalidInputException",
        ),
        ("DescribeAccount", json!({}), "InvalidInputException"),
        (
            "DescribeAccount",
            json!({"AccountId": 5}),
            "SerializationException",
        ),
        ("DescribeAccount", json!([]), "SerializationException"),
        (
            "DescribeOrganizationalUnit",
            json!({"OrganizationalUnitId": unit}),
            "OrganizationalUnitNotFoundException",
        ),
        (
            "DescribeOrganizationalUnit",
            json!({"OrganizationalUnitId": "ou-x"}),
            "InvalidInputException",
        ),
        (
            "ListAccountsForParent",
            json!({"ParentId": unit}),
            "ParentNotFoundException",
        ),
        (
            "ListAccountsForParent",
            json!({"ParentId": "r-zzzz"}),
            "ParentNotFoundException",
        ),
        (
            "ListAccountsForParent",
            json!({"ParentId": HEAD}),
            "InvalidInputException",
        ),
        (
            "ListOrganizationalUnitsForParent",
            json!({"ParentId": unit}),
            "ParentNotFoundException",
        ),
        (
            "ListChildren",
            json!({"ParentId": unit, "ChildType": "ACCOUNT"}),
            "ParentNotFoundException",
        ),
        (
            "ListChildren",
            json!({"ParentId": "r-cnry", "ChildType": "PET"}),
            "InvalidInputException",
        ),
        ("ListParents", json!({"ChildId": unit}), "ChildNotFoundException"),
        ("ListParents", json!({"ChildId": ALIEN}), "ChildNotFoundException"),
        (
            "ListParents",
            json!({"ChildId": "r-cnry"}),
            "InvalidInputException",
        ),
        (
            "DescribePolicy",
            json!({"PolicyId": policy}),
            "PolicyNotFoundException",
        ),
        (
            "ListTargetsForPolicy",
            json!({"PolicyId": policy}),
            "PolicyNotFoundException",
        ),
        ("ListPolicies", json!({"Filter": "SCP"}), "InvalidInputException"),
        (
            "ListPoliciesForTarget",
            json!({"TargetId": unit, "Filter": "SERVICE_CONTROL_POLICY"}),
            "TargetNotFoundException",
        ),
        (
            "ListTagsForResource",
            json!({"ResourceId": unit}),
            "TargetNotFoundException",
        ),
        (
            "AttachPolicy",
            json!({"PolicyId": policy, "TargetId": PROD}),
            "PolicyNotFoundException",
        ),
        (
            "AttachPolicy",
            json!({"PolicyId": "p-FullAWSAccess", "TargetId": ALIEN}),
            "TargetNotFoundException",
        ),
        (
            "AttachPolicy",
            json!({"PolicyId": "p-FullAWSAccess", "TargetId": PROD}),
            "DuplicatePolicyAttachmentException",
        ),
        (
            "DetachPolicy",
            json!({"PolicyId": "p-FullAWSAccess", "TargetId": PROD}),
            "ConstraintViolationException",
        ),
        (
            "DeletePolicy",
            json!({"PolicyId": "p-FullAWSAccess"}),
            "InvalidInputException",
        ),
        (
            "DeletePolicy",
            json!({"PolicyId": policy}),
            "PolicyNotFoundException",
        ),
        (
            "UpdatePolicy",
            json!({"PolicyId": policy}),
            "PolicyNotFoundException",
        ),
        (
            "MoveAccount",
            json!({"AccountId": PROD, "SourceParentId": "r-cnry", "DestinationParentId": unit}),
            "DestinationParentNotFoundException",
        ),
        (
            "MoveAccount",
            json!({"AccountId": PROD, "SourceParentId": unit, "DestinationParentId": "r-cnry"}),
            "SourceParentNotFoundException",
        ),
        (
            "MoveAccount",
            json!({"AccountId": ALIEN, "SourceParentId": "r-cnry", "DestinationParentId": "r-cnry"}),
            "AccountNotFoundException",
        ),
        (
            "MoveAccount",
            json!({"AccountId": AUDIT, "SourceParentId": "r-cnry", "DestinationParentId": "r-cnry"}),
            "DuplicateAccountException",
        ),
        (
            "CreateOrganizationalUnit",
            json!({"ParentId": "r-cnry", "Name": "Workloads"}),
            "DuplicateOrganizationalUnitException",
        ),
        (
            "CreateOrganizationalUnit",
            json!({"ParentId": unit, "Name": "New"}),
            "ParentNotFoundException",
        ),
        (
            "CreateOrganizationalUnit",
            json!({"ParentId": "r-cnry", "Name": ""}),
            "InvalidInputException",
        ),
    ];
    for (operation, input, code) in table {
        let answer = organizations(&sandbox, &head, operation, &input);
        assert_eq!(answer.error(), format!("400 {code}"), "{operation} {input}");
        let body = answer.json();
        assert_eq!(body["__type"], code);
        assert!(!body["Message"].as_str().unwrap().is_empty(), "{body}");
    }
}

#[test]
fn worlds_that_cannot_be_are_refused() {
    let table = [
        (Organization::new("888888888888"), "does not exist"),
        (
            Organization::new(HEAD).account_at_root("888888888888"),
            "does not exist",
        ),
        (Organization::new("12"), "12"),
        (Organization::new(HEAD).id("mine"), "o-"),
        (
            Organization::new(HEAD)
                .account_at_root(PROD)
                .unit(Unit::new("U").account(PROD)),
            "twice",
        ),
        (
            Organization::new(HEAD).unit(Unit::new("U")).unit(Unit::new("U")),
            "twice",
        ),
        (
            Organization::new(HEAD).unit(Unit::new("U").attach("Nothing")),
            "does not exist",
        ),
        (Organization::new(HEAD).attach_root("Nothing"), "does not exist"),
        (
            Organization::new(HEAD).attach_account(PROD, "FullAWSAccess"),
            "not in the organization",
        ),
        (
            Organization::new(HEAD).attach_account(HEAD, "FullAWSAccess"),
            "twice",
        ),
        (
            Organization::new(HEAD)
                .control_policy("P", NO_TOPICS)
                .control_policy("P", NO_TOPICS),
            "twice",
        ),
        (Organization::new(HEAD).control_policy("P", "{}"), "P"),
        (
            Organization::new(HEAD).root_without_full_access(),
            "no service control policy",
        ),
        (
            Organization::new(HEAD).unit(Unit::new("U").without_full_access()),
            "no service control policy",
        ),
        (
            Organization::new(HEAD).account_without_full_access(HEAD),
            "no service control policy",
        ),
        (Organization::new(HEAD).suspended(HEAD), "cannot be suspended"),
        (Organization::new(HEAD).delegated(HEAD), "needs no delegation"),
        (Organization::new(HEAD).delegated(PROD), "not in the organization"),
        (
            Organization::new(HEAD)
                .account_at_root(PROD)
                .account_email(PROD, "111111111111@example.com"),
            "address",
        ),
        (
            Organization::new(HEAD).unit(
                Unit::new("1").unit(
                    Unit::new("2")
                        .unit(Unit::new("3").unit(Unit::new("4").unit(Unit::new("5").unit(Unit::new("6"))))),
                ),
            ),
            "five levels",
        ),
    ];
    for (organization, word) in table {
        let world = World::new()
            .account(Account::new(HEAD))
            .account(Account::new(PROD))
            .organization(organization.clone());
        let error = Sandbox::builder().world(world).start().expect_err(word);
        assert!(
            error.to_string().contains(word),
            "{error} ({word}): {organization:?}"
        );
    }
}

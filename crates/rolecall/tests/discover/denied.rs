//! Every call denied in its turn, and other bad input: there is an answer, and it says what it lacks.

use std::time::Duration;

use rolecall::discover::{self, Part, Proof};
use rolecall::index::RoleVerdict;
use rolecall_sandbox::{Account, Fault, Group, Role, User, World};

use crate::brute::Place;

const HOME: &str = "111111111111";
const ROLE: &str = "arn:aws:iam::222222222222:role/Dev";

fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Sid":"S","Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}}}"#
    )
}

fn world(denied: &str) -> World {
    let joe = User::new("joe")
        .group("people")
        .attach("managed")
        .boundary("edge")
        .policy("inline", &statement("Allow", "*", "*"))
        .policy("denied", &statement("Deny", denied, "*"));
    let trust = statement("Allow", "sts:AssumeRole", "*")
        .replace(r#""Resource":"*""#, r#""Principal":{"AWS":"111111111111"}"#);
    World::new()
        .account(
            Account::new(HOME)
                .managed_policy("managed", &statement("Allow", "sts:AssumeRole", ROLE))
                .managed_policy("edge", &statement("Allow", "*", "*"))
                .group(
                    Group::new("people")
                        .policy("of-group", &statement("Allow", "sts:AssumeRole", ROLE))
                        .attach("managed"),
                )
                .user(joe)
                .role(Role::new("Own", &trust)),
        )
        .account(Account::new("222222222222").role(Role::new("Dev", &trust)))
        .profile_for_user("joe", HOME, "joe")
        .profile_for_role("dev", ROLE, "joe", None)
}

#[tokio::test]
async fn each_call_that_is_denied_leaves_the_rest_and_is_told_with_its_permission() {
    for (call, may_be_certain) in [
        ("iam:GetUser", false),
        ("iam:ListGroupsForUser", false),
        ("iam:ListAttachedUserPolicies", false),
        ("iam:ListUserPolicies", false),
        ("iam:GetUserPolicy", false),
        ("iam:ListAttachedGroupPolicies", false),
        ("iam:ListGroupPolicies", false),
        ("iam:GetGroupPolicy", false),
        ("iam:GetPolicy", false),
        ("iam:GetPolicyVersion", false),
        ("iam:ListRoles", true),
        ("organizations:DescribeOrganization", true),
        ("organizations:ListAccounts", true),
    ] {
        let place = Place::of(world(call));
        let found = place.found("joe", 0).await;
        let needs: Vec<_> = found.unread.iter().map(|unread| unread.needs.as_str()).collect();
        assert!(needs.contains(&call), "{call}: {:?}", found.unread);
        let role = found
            .roles
            .iter()
            .find(|role| role.arn.to_string() == ROLE)
            .unwrap();
        let expected = if may_be_certain {
            RoleVerdict::Allowed
        } else {
            RoleVerdict::Conditional
        };
        assert_eq!(role.judgement.verdict, expected, "{call}: {:#?}", role.judgement);
        let says_why = role
            .judgement
            .conditions
            .iter()
            .any(|condition| condition.starts_with("unread: "));
        assert_eq!(
            says_why, !may_be_certain,
            "{call}: {:?}",
            role.judgement.conditions
        );
    }
}

#[tokio::test]
async fn throttling_is_waited_for() {
    let place = Place::of(world("s3:Nothing"));
    for operation in ["GetUser", "GetPolicyVersion", "ListRoles"] {
        place.sandbox.inject(Fault::Throttle, operation, 2);
    }
    let found = place.found("joe", 0).await;
    assert!(
        !found.unread.iter().any(|unread| unread.needs.starts_with("iam:")),
        "{:?}",
        found.unread
    );
    assert!(found.roles.iter().any(|role| role.arn.to_string() == ROLE));
}

#[tokio::test]
async fn who_can_assume_nothing_is_told_so() {
    let place = Place::of(
        world("s3:Nothing")
            .account(Account::new("333333333333").root_key())
            .profile_for_user("root", "333333333333", "root"),
    );
    let error = discover::roles(&place.provider("root"), 0).await.unwrap_err();
    assert!(error.to_string().contains("root user"), "{error}");
    assert_eq!(error.hints().len(), 1);
}

#[tokio::test]
async fn a_proof_is_as_short_as_can_be_and_says_what_sts_says() {
    let place = Place::of(world("s3:Nothing"));
    let provider = place.provider("joe");
    let found = place.found("joe", 0).await;
    let role = |arn: &str| {
        found
            .roles
            .iter()
            .find(|role| role.arn.to_string() == arn)
            .unwrap()
    };
    let proof = discover::verify(&provider, role(ROLE), Duration::ZERO).await;
    assert!(matches!(proof, Proof::Assumed), "{proof:?}");
    let mut gone = role(ROLE).clone();
    gone.arn = "arn:aws:iam::222222222222:role/Gone".parse().unwrap();
    gone.profiles.clear();
    let proof = discover::verify(&provider, &gone, Duration::ZERO).await;
    assert!(
        matches!(&proof, Proof::Refused(error) if error.aws_code() == Some("AccessDenied")),
        "{proof:?}"
    );
    assert_eq!(place.sandbox.count("AssumeRole"), 2);
}

#[tokio::test]
async fn what_is_no_policy_may_say_anything() {
    let place = Place::of(world("s3:Nothing"));
    let mut holdings = discover::holdings(&place.provider("joe")).await.unwrap();
    assert_eq!(
        holdings.judge(&ROLE.parse().unwrap(), None).verdict,
        RoleVerdict::Allowed
    );
    holdings.opaque.insert("the policy odd of user joe".to_owned());
    let judgement = holdings.judge(&ROLE.parse().unwrap(), None);
    assert_eq!(judgement.conditions, ["unread: the policy odd of user joe"]);
    holdings.opaque.clear();
    holdings.boundary = Part::Unread;
    let judgement = holdings.judge(&ROLE.parse().unwrap(), None);
    assert_eq!(judgement.conditions, ["unread: the permissions boundary"]);
}

#[tokio::test]
async fn the_needed_policy_is_all_that_is_needed() {
    let needs = discover::needs(rolecall::Partition::Aws);
    let joe = User::new("joe")
        .policy("needs", &needs)
        .policy("assume", &statement("Allow", "sts:AssumeRole", ROLE));
    let world = World::new()
        .account(Account::new(HOME).user(joe))
        .profile_for_user("joe", HOME, "joe");
    let found = Place::of(world).found("joe", 0).await;
    assert_eq!(found.unread, [], "nothing is left to read");
    assert!(needs.len() < 2048, "it fits into an inline policy of a user");
}

//! Other accounts, read through roles that can be assumed there.

use rolecall::index::RoleVerdict;
use rolecall_sandbox::{Account, Role, User, World};

use crate::brute::Place;

const ANYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

fn trust(account: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{account}"}}}}}}"#
    )
}

/// 111 trusts nobody; joe may assume Reader of 222, whose session may assume Reader of 333, which leads back to 222.
fn world() -> World {
    let reader = |from: &str| Role::new("Reader", &trust(from)).policy("all", ANYTHING);
    let joe = User::new("joe").policy("all", ANYTHING);
    World::new()
        .account(Account::new("111111111111").user(joe))
        .account(
            Account::new("222222222222")
                .alias("two")
                .role(reader("111111111111"))
                .role(Role::new("Hidden", &trust("111111111111")))
                .role(Role::new("Back", &trust("333333333333"))),
        )
        .account(
            Account::new("333333333333")
                .role(Role::new("Reader", &trust("222222222222")).policy("all", ANYTHING))
                .role(Role::new("Far", &trust("111111111111"))),
        )
        .profile_for_user("joe", "111111111111", "joe")
        .profile_for_role("reader", "arn:aws:iam::222222222222:role/Reader", "joe", None)
        .profile_for_role("further", "arn:aws:iam::333333333333:role/Reader", "reader", None)
}

#[tokio::test]
async fn each_hop_shows_another_account_and_a_circle_ends() {
    let place = Place::of(world());
    for (hops, expected) in [
        (0, vec![]),
        (1, vec!["222222222222:role/Hidden", "222222222222:role/Reader"]),
        (
            5,
            vec![
                "222222222222:role/Hidden",
                "222222222222:role/Reader",
                "333333333333:role/Far",
            ],
        ),
    ] {
        let found = place.found("joe", hops).await;
        let mut allowed: Vec<String> = found
            .roles
            .iter()
            .filter(|role| role.judgement.verdict == RoleVerdict::Allowed && role.judgement.trust_read)
            .map(|role| role.arn.to_string().replace("arn:aws:iam::", ""))
            .collect();
        allowed.sort();
        assert_eq!(allowed, expected, "{hops} hops");
        // The pattern `*` stays: there may be accounts that nobody has heard of.
        assert_eq!(found.patterns.len(), 1);
        let named = found
            .accounts
            .get(&"222222222222".parse().unwrap())
            .and_then(|account| account.alias.clone());
        assert_eq!(named.as_deref(), (hops > 0).then_some("two"));
    }
    // No hop goes where it has been: each account is entered once.
    let entered = place
        .sandbox
        .calls()
        .iter()
        .filter(|call| call.operation == "AssumeRole")
        .count();
    assert!(entered <= 6, "{entered}");
}

//! The ready organization of twenty accounts: everybody in it, near and by hops.

use rolecall::index::RoleVerdict;
use rolecall_sandbox::{Sandbox, World};

use crate::brute::{Place, Tally, compare};

/// Every role of the world, as its own administrators see it.
fn roles() -> Vec<String> {
    let text = World::ready_toml("organization").unwrap();
    let mut arns: Vec<String> = text
        .split('"')
        .filter(|part| part.starts_with("arn:aws:iam::1") && part.contains(":role/") && !part.contains('*'))
        .map(str::to_owned)
        .collect();
    arns.sort();
    arns.dedup();
    arns
}

#[tokio::test]
async fn everybody_in_the_organization() {
    let place = Place::with(
        Sandbox::builder()
            .world(World::organization_of_twenty())
            .start()
            .unwrap(),
        "",
    );
    let roles = roles();
    assert!(roles.len() > 30, "{roles:?}");
    let mut tally = Tally::default();
    for target in ["ada", "omar", "newcomer", "trainee", "builder", "deployer"] {
        // The other side is not opened here: what it says is compared where it was read.
        let outcomes = place.brute_force(target, &roles).await;
        for hops in [0, 1, 2] {
            let found = place.found(target, hops).await;
            let mut certain = found.clone();
            certain
                .roles
                .retain(|role| role.judgement.verdict == RoleVerdict::Denied || role.judgement.trust_read);
            certain.holdings.service_control = rolecall::discover::Part::Read(None);
            let all_there = found.roles.clone();
            let wrong: Vec<_> = compare(&certain, &outcomes, &outcomes, &mut tally)
                .into_iter()
                .filter(|wrong| !wrong.ends_with("was missed"))
                .collect();
            assert!(wrong.is_empty(), "{target}, {hops} hops: {wrong:#?}");
            for (arn, _) in outcomes.iter().filter(|(_, works)| **works) {
                let is_there = all_there.iter().any(|role| role.arn.to_string() == *arn);
                let is_covered = found.patterns.iter().any(|pattern| pattern.covers(arn));
                assert!(
                    is_there || is_covered,
                    "{target} can assume {arn}, which was missed"
                );
            }
        }
    }
    assert!(tally.allowed > 5 && tally.denied > 100, "{tally:?}");
}

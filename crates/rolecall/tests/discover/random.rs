//! Two hundred worlds: discovery agrees with assuming everything, in every case that it calls allowed or denied.

use crate::brute::{Place, Tally, compare};
use crate::generated::draft;

const WORLDS: u64 = 200;

#[tokio::test]
async fn discovery_agrees_with_assuming_everything() {
    let mut tally = Tally::default();
    for seed in 0..WORLDS {
        let draft = draft(seed);
        let (roles, target, hops) = (draft.roles(), draft.target, draft.hops);
        let (place, open) = (Place::of(draft.world()), Place::of(draft.open()));
        // The organization may keep joe from his own role, and then it is joe who asks.
        let is_reached = place.provider(target).session().await.is_ok();
        let target = if is_reached { target } else { "joe" };
        let found = place.found(target, hops).await;
        let outcomes = place.brute_force(target, &roles).await;
        let in_the_open = open.brute_force(target, &roles).await;
        let wrong = compare(&found, &outcomes, &in_the_open, &mut tally);
        assert!(
            wrong.is_empty(),
            "world {seed}, {target}, {hops} hops: {}\n{:#?}",
            wrong.join("\n"),
            found.unread
        );
    }
    let Tally {
        allowed,
        denied,
        conditional,
        patterns,
        other_side_unread,
    } = tally;
    for (what, seen) in [
        ("allowed", allowed),
        ("denied", denied),
        ("conditional", conditional),
        ("patterns", patterns),
        ("other side unread", other_side_unread),
    ] {
        assert!(seen > 60, "{what}: {seen}");
    }
    // And enough that is certain on both sides.
    assert!(
        allowed > other_side_unread + 60,
        "{allowed} of which {other_side_unread} with one side unread"
    );
}

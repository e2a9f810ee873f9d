//! The two lines of a command that was refused: nothing more is assumed for them.

use rolecall::explain::brief;
use serde_json::json;

use super::world::{HUB, Scene, allow, of, trusting};

#[tokio::test]
async fn a_refusal_is_told_in_a_line_and_nothing_is_assumed_for_it() {
    let mut scene = Scene::default();
    scene.joe[1] = allow(json!("sts:AssumeRole"), HUB);
    let started = scene.start();
    let provider = started.provider(of("app"));
    let error = provider.session().await.unwrap_err();
    let assumed = started.sandbox.count("AssumeRole");
    let told = brief(&provider, &error).await.unwrap();
    assert!(told.is_decided, "{told:?}");
    assert!(
        told.sentence
            .contains("No policy of user joe in account 111111111111 allows"),
        "{told:?}"
    );
    assert!(!told.sentence.contains("below"), "{told:?}");
    assert_eq!(started.sandbox.count("AssumeRole"), assumed);
}

#[tokio::test]
async fn what_a_role_demands_is_not_in_it() {
    let mut scene = Scene {
        over_hub: true,
        ..Scene::default()
    };
    scene.trust = vec![trusting(HUB)];
    scene.trust[0]["Condition"] = json!({"StringEquals": {"sts:ExternalId": "partner-7421"}});
    let started = scene.start();
    let provider = started.provider(of("app"));
    let error = provider.session().await.unwrap_err();
    let assumed = started.sandbox.count("AssumeRole");
    let told = brief(&provider, &error).await.unwrap();
    assert!(
        told.is_decided && told.sentence.contains("demands an ExternalId"),
        "{told:?}"
    );
    assert!(!told.sentence.contains("7421"), "{told:?}");
    assert_eq!(started.sandbox.count("AssumeRole"), assumed);
}

#[tokio::test]
async fn which_side_stays_unknown_is_said() {
    let mut scene = Scene::default();
    scene.trust = vec![trusting(HUB)];
    let started = scene.start();
    let provider = started.provider(of("app"));
    let error = provider.session().await.unwrap_err();
    let told = brief(&provider, &error).await.unwrap();
    assert!(!told.is_decided, "{told:?}");
    assert!(told.sentence.contains("the role's side refuses"), "{told:?}");
    // Of what is no refusal of a role nothing is said.
    assert_eq!(brief(&started.provider(of("hub")), &error).await, None);
}

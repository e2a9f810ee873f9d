//! Rotations that nothing stops, and such as do not begin.

use rolecall::rotation::{Done, LastUse, Rotation, unfinished};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{ErrorKind, Secret};
use rolecall_sandbox::User;

use crate::support::{Desk, everything, provider};

#[tokio::test]
async fn the_new_key_takes_the_old_ones_place() {
    let desk = Desk::new();
    let (rotated, done) = desk.rotate().await;
    let rotated = rotated.unwrap();
    let (old, new) = (desk.first.clone(), rotated.new.clone());
    assert_ne!(old, new);
    assert_eq!(rotated.old, old);
    assert_eq!(rotated.arn, "arn:aws:iam::111111111111:user/joe");
    assert_eq!(
        done,
        [
            Done::Created(new.clone()),
            Done::Verified(new.clone()),
            Done::Turned(new.clone()),
            Done::Deactivated(old.clone()),
            Done::Deleted(old.clone()),
            Done::Swept(old.clone()),
        ]
    );
    desk.assert_only(&new).await;
    // The old key is ended by the new one: what the new one cannot do is not done.
    let calls = desk.sandbox().calls();
    let order: Vec<_> = calls
        .iter()
        .filter(|call| call.service == "iam" && call.principal.as_deref() == Some(rotated.arn.as_str()))
        .map(|call| call.operation.as_str())
        .collect();
    assert_eq!(
        order,
        [
            "GetAccessKeyLastUsed",
            "ListAccessKeys",
            // May it be deactivated?
            "UpdateAccessKey",
            "ListAccessKeys",
            "CreateAccessKey",
            "UpdateAccessKey",
            "DeleteAccessKey",
        ]
    );
    let entry = Vault::of(&desk.host)
        .list()
        .unwrap()
        .entry("joe")
        .unwrap()
        .clone();
    assert_eq!(entry.arn.as_deref(), Some("arn:aws:iam::111111111111:user/joe"));
    let again = desk.rotate().await.0.unwrap();
    assert_eq!(again.old, new);
    desk.assert_only(&again.new).await;
}

/// Whoever began before goes on after: with the key that is in the vault by then.
#[tokio::test]
async fn what_runs_meanwhile_goes_on_renewing() {
    let desk = Desk::new();
    let running = provider(&desk.host, "admin");
    running.refresh().await.unwrap();
    let as_joe = provider(&desk.host, "joe");
    as_joe.refresh().await.unwrap();
    let key = running.session_key();
    desk.rotate().await.0.unwrap();
    desk.aws.advance(50_000);
    for provider in [&running, &as_joe] {
        provider.session().await.unwrap();
        provider.refresh().await.unwrap();
    }
    assert_eq!(running.session_key(), key);
    let identity = running.caller_identity().await.unwrap();
    assert!(identity.arn.contains("assumed-role/Admin/"), "{}", identity.arn);
}

/// Another user's key in the place of the first: who runs does not become them.
#[tokio::test]
async fn what_runs_does_not_become_another_user() {
    let desk = Desk::new();
    let as_joe = provider(&desk.host, "joe");
    as_joe.refresh().await.unwrap();
    let theirs = desk.aws.sandbox.root_keys("111111111111").unwrap();
    let key = AccessKey::new(&theirs.access_key_id, Secret::new(theirs.secret_access_key)).unwrap();
    Vault::of(&desk.host)
        .add(
            "joe",
            &key,
            BackendKind::File,
            Some("arn:aws:iam::111111111111:root"),
        )
        .unwrap();
    let error = desk.refusal(as_joe.refresh().await);
    assert!(
        error.to_string().contains("another key of profile `joe`"),
        "{error}"
    );
    assert!(
        provider(&desk.host, "joe").refresh().await.is_ok(),
        "made anew it is used"
    );
}

#[tokio::test]
async fn a_look_changes_nothing() {
    let desk = Desk::new();
    let rotation = Rotation::look(&desk.provider, "joe").await.unwrap();
    let outlook = rotation.outlook().clone();
    assert_eq!(outlook.old.id, desk.first);
    assert!(outlook.old.is_active && outlook.old.created.is_some());
    assert_eq!(
        outlook.old.last_use,
        LastUse::Never,
        "what looks is not told of itself"
    );
    assert!(outlook.unfinished.is_none() && outlook.warnings.is_empty());
    for operation in ["CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey"] {
        assert_eq!(desk.sandbox().count(operation), 0);
    }
    let refused = desk.refusal(rotation.run(&mut |_| {}).await);
    assert_eq!(refused.kind(), ErrorKind::Internal);
    desk.assert_only(&desk.first).await;
}

#[tokio::test]
async fn who_uses_the_key_elsewhere_is_warned() {
    let desk = Desk::new();
    // Somebody else, a moment ago.
    let key = Vault::of(&desk.host).key("joe").unwrap();
    let text = format!(
        "[other]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        key.id(),
        "x".repeat(40)
    );
    std::fs::write(desk.home.path().join(".aws/credentials"), text).unwrap();
    Vault::of(&desk.host)
        .add("twin", &key, BackendKind::File, None)
        .unwrap();
    assert!(desk.vault_key_works().await);
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let provider = provider(&desk.host, "joe");
    let rotation = Rotation::look(&provider, "joe").await.unwrap();
    let warnings = rotation.outlook().warnings.join("\n");
    for word in ["(sts in ", "profile `other` (", "profile `twin` (in the vault)"] {
        assert!(warnings.contains(word), "{word}: {warnings}");
    }
    assert_eq!(rotation.outlook().warnings.len(), 3);
}

#[tokio::test]
async fn two_keys_leave_no_room_for_a_third() {
    let desk = Desk::new();
    let other = desk
        .admin()
        .create_access_key()
        .user_name("joe")
        .send()
        .await
        .unwrap();
    let other = other.access_key.unwrap().access_key_id;
    let error = desk.refusal(desk.rotate().await.0);
    assert_eq!(error.kind(), ErrorKind::Config);
    let hints = error.hints().join("\n");
    for word in [
        "(active, made 20",
        "never used",
        &format!("delete-access-key --access-key-id {other}"),
    ] {
        assert!(hints.contains(word), "{word}: {hints}");
    }
    assert!(unfinished(&desk.host).unwrap().is_empty());
    assert_eq!(desk.sandbox().count("UpdateAccessKey"), 0);
    assert_eq!(desk.keys().await.len(), 2);
}

#[tokio::test]
async fn one_process_rotates_at_a_time() {
    let desk = Desk::new();
    let first = desk.prepared().await.unwrap();
    let error = desk.refusal(desk.prepared().await);
    assert!(error.to_string().contains("another rolecall rotates"), "{error}");
    // To look is no rotation.
    Rotation::look(&desk.provider, "joe").await.unwrap();
    drop(first);
    desk.rotate().await.0.unwrap();
}

#[tokio::test]
async fn a_profile_that_starts_elsewhere_is_not_the_keys() {
    let desk = Desk::new();
    let admin = provider(&desk.host, "admin");
    let error = desk.refusal(Rotation::prepare(&admin, "admin").await);
    assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
    let joe = User::new("joe").policy("may", &everything());
    let other = Desk::with(joe, "credential_process = /bin/true");
    let error = other.refusal(Rotation::prepare(&other.provider, "joe").await);
    assert!(
        error.to_string().contains("does not start from its key"),
        "{error}"
    );
}

#[tokio::test]
async fn there_is_nothing_to_undo_where_nothing_was_begun() {
    let desk = Desk::new();
    let error = desk.refusal(desk.abort().await.0);
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    desk.rotate().await.0.unwrap();
    let error = desk.refusal(desk.abort().await.0);
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
}

//! Rotations that are stopped where AWS does not answer, as a process is that somebody kills.

use std::time::Duration;

use rolecall::rotation::{Done, Rotation, Step, Undone, unfinished};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, ErrorKind, Secret};
use rolecall_sandbox::Fault;

use crate::support::Desk;

/// Runs until AWS says nothing, then stops as if it had been killed.
async fn stopped_at(desk: &Desk, operation: &str, skip: usize) -> Vec<Done> {
    let rotation = desk.prepared().await.unwrap();
    if skip > 0 {
        desk.sandbox()
            .inject(Fault::Delay(Duration::ZERO), operation, skip);
    }
    desk.sandbox().inject(Fault::Hang, operation, 1);
    let mut done = Vec::new();
    let hangs = async {
        // The hang is the last of the calls that the sandbox records.
        let before = desk.sandbox().count(operation);
        while desk.sandbox().count(operation) <= before + skip {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let mut told = |it: &Done| done.push(it.clone());
    tokio::select! {
        outcome = rotation.run(&mut told) => panic!("{operation}: it was not stopped: {outcome:?}"),
        () = hangs => {}
    }
    desk.sandbox().clear_faults();
    done
}

/// Where it is stopped: the operation, how many of its calls are answered before, and what is to be done next.
const STOPS: [(&str, usize, Option<Step>); 6] = [
    ("UpdateAccessKey", 0, None),
    ("ListAccessKeys", 0, Some(Step::Create)),
    ("CreateAccessKey", 0, Some(Step::Create)),
    ("GetCallerIdentity", 0, Some(Step::Verify)),
    ("UpdateAccessKey", 1, Some(Step::Deactivate)),
    ("DeleteAccessKey", 0, Some(Step::Delete)),
];

#[tokio::test]
async fn it_goes_on_where_it_was_stopped() {
    for (operation, skip, step) in STOPS {
        let desk = Desk::new();
        stopped_at(&desk, operation, skip).await;
        let left = unfinished(&desk.host).unwrap();
        assert_eq!(left.first().map(|it| it.step), step, "{operation}");
        assert!(desk.vault_key_works().await, "{operation}");
        desk.assert_no_leak();
        let rotated = desk.rotate().await.0.unwrap();
        desk.assert_only(&rotated.new).await;
        assert_ne!(rotated.new, desk.first);
        assert_eq!(
            desk.sandbox().count("CreateAccessKey"),
            if operation == "CreateAccessKey" { 2 } else { 1 }
        );
    }
}

#[tokio::test]
async fn it_is_undone_from_where_it_was_stopped() {
    for (operation, skip, step) in STOPS {
        let desk = Desk::new();
        stopped_at(&desk, operation, skip).await;
        let (outcome, done) = desk.abort().await;
        if step.is_none() {
            desk.refusal(outcome);
        } else {
            assert_eq!(outcome.unwrap().kept, desk.first);
        }
        // It may have been deactivated.
        let was_inactive = step == Some(Step::Delete);
        assert_eq!(
            done.contains(&Done::Reactivated(desk.first.clone())),
            was_inactive,
            "{operation}"
        );
        desk.assert_only(&desk.first).await;
    }
}

/// Killed between the making of the key and its saving: nobody has the secret.
#[tokio::test]
async fn a_key_that_was_made_and_not_saved_is_deleted_by_the_next_run() {
    for undo in [false, true] {
        let desk = Desk::new();
        desk.sandbox().inject(Fault::LostAnswer, "CreateAccessKey", 1);
        // The first list is the one before the key is made, the second looks for what was made.
        stopped_at(&desk, "ListAccessKeys", 1).await;
        assert_eq!(desk.keys().await.len(), 2);
        let (id, done) = if undo {
            let (undone, done) = desk.abort().await;
            (undone.unwrap().kept, done)
        } else {
            let (rotated, done) = desk.rotate().await;
            (rotated.unwrap().new, done)
        };
        assert!(matches!(done[0], Done::LeftoverDeleted(_)), "{done:?}");
        assert_eq!(undo, id == desk.first);
        desk.assert_only(&id).await;
    }
}

/// Killed between the saving of the key and the journal's next line: the vault has it, and so it is gone on with.
#[tokio::test]
async fn a_key_that_was_saved_and_not_noted_is_found() {
    let desk = Desk::new();
    stopped_at(&desk, "GetCallerIdentity", 0).await;
    let journal = std::fs::read_dir(desk.vault_folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_string_lossy().contains("rotation-"))
        .unwrap();
    let text = std::fs::read_to_string(&journal).unwrap();
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    let new = value["new"].as_str().unwrap().to_owned();
    value["new"] = serde_json::Value::Null;
    value["step"] = "create".into();
    std::fs::write(&journal, value.to_string()).unwrap();
    let rotated = desk.rotate().await.0.unwrap();
    assert_eq!(rotated.new, new);
    assert_eq!(desk.sandbox().count("CreateAccessKey"), 1);
    desk.assert_only(&new).await;
}

/// What was begun to be undone is undone: it does not go forward from half way back.
#[tokio::test]
async fn undoing_that_is_stopped_is_gone_on_with() {
    let desk = Desk::new();
    stopped_at(&desk, "DeleteAccessKey", 0).await;
    // The new key is to be deleted, by the old one.
    desk.sandbox().inject(Fault::Hang, "DeleteAccessKey", 1);
    let rotation = desk.prepared().await.unwrap();
    let mut told = |_: &Done| {};
    let outcome = tokio::time::timeout(Duration::from_secs(3), rotation.abort(&mut told)).await;
    assert!(outcome.is_err(), "it was not stopped");
    desk.sandbox().clear_faults();
    assert!(unfinished(&desk.host).unwrap()[0].is_undone);
    assert!(desk.vault_key_works().await);
    let error = desk.refusal(desk.rotate().await.0);
    assert!(
        error.hints().join("\n").contains("--abort"),
        "{:?}",
        error.hints()
    );
    desk.abort().await.0.unwrap();
    desk.assert_only(&desk.first).await;
}

/// An administrator ends the old key half way: the new one is in the vault, and goes on alone.
#[tokio::test]
async fn it_goes_on_where_the_old_key_was_deleted_by_somebody_else() {
    let desk = Desk::new();
    stopped_at(&desk, "GetCallerIdentity", 0).await;
    let delete = desk
        .admin()
        .delete_access_key()
        .user_name("joe")
        .access_key_id(&desk.first);
    delete.send().await.unwrap();
    let error = desk.refusal(desk.abort().await.0);
    assert!(error.to_string().contains("no way back"), "{error}");
    let rotated = desk.rotate().await.0.unwrap();
    desk.assert_only(&rotated.new).await;
}

/// Puts a third key there, which is another user's, as a version of rolecall does that knows no rotations. Gives its id.
fn third_key(desk: &Desk) -> String {
    let account = &desk.sandbox().accounts()[0];
    let secret = Secret::new(account.secret_access_key.clone());
    let key = AccessKey::new(&account.access_key_id, secret).unwrap();
    Vault::of(&desk.host)
        .add("joe", &key, BackendKind::File, None)
        .unwrap();
    key.id().to_owned()
}

async fn undone(desk: &Desk) -> Result<Undone, Error> {
    let rotation = Rotation::prepare_to_undo(&desk.provider, "joe").await?;
    rotation.abort(&mut |_| {}).await
}

#[tokio::test]
async fn undoing_leaves_a_third_key_and_deletes_the_new_one() {
    let desk = Desk::new();
    stopped_at(&desk, "GetCallerIdentity", 0).await;
    let new = unfinished(&desk.host).unwrap()[0].new.clone();
    let third = third_key(&desk);
    let undone = undone(&desk).await.unwrap();
    assert_eq!((&undone.kept, &undone.dropped), (&third, &new));
    assert_eq!(undone.left.len(), 1, "{:?}", undone.left);
    assert!(undone.left[0].contains("was not put back"), "{:?}", undone.left);
    assert_eq!(desk.keys().await, [(desk.first.clone(), true)]);
    assert_eq!(desk.listed(), third);
    assert!(unfinished(&desk.host).unwrap().is_empty());
    assert!(Vault::of(&desk.host).orphans().unwrap().is_empty());
}

/// The new key cannot sign, and the old one is not in the vault any more.
#[tokio::test]
async fn undoing_says_what_nothing_in_the_vault_can_do() {
    let desk = Desk::new();
    stopped_at(&desk, "GetCallerIdentity", 0).await;
    let new = unfinished(&desk.host).unwrap()[0].new.clone().unwrap();
    let third = third_key(&desk);
    let gone = desk.admin().delete_access_key().user_name("joe");
    gone.access_key_id(&new).send().await.unwrap();
    let error = desk.refusal(desk.prepared().await);
    assert!(error.to_string().contains("a rotation was begun for"), "{error}");
    let undone = undone(&desk).await.unwrap();
    assert_eq!(undone.kept, third);
    assert_eq!(undone.left.len(), 2, "{:?}", undone.left);
    assert!(
        undone.left[0].contains("may still be in IAM"),
        "{:?}",
        undone.left
    );
    assert!(unfinished(&desk.host).unwrap().is_empty());
    assert!(Vault::of(&desk.host).orphans().unwrap().is_empty());
}

#[tokio::test]
async fn nothing_is_begun_for_a_key_that_was_replaced_meanwhile() {
    let desk = Desk::new();
    let rotation = desk.prepared().await.unwrap();
    let third = third_key(&desk);
    let error = desk.refusal(rotation.run(&mut |_| {}).await);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(desk.sandbox().count("CreateAccessKey"), 0);
    assert!(unfinished(&desk.host).unwrap().is_empty());
    assert_eq!(desk.listed(), third);
}

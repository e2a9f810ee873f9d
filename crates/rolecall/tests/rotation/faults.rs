//! What AWS, the network and the disk do to a rotation that nobody stops.

use std::fs;
use std::time::Duration;

use rolecall::ErrorKind;
use rolecall::rotation::{Done, LastUse, Rotation, Step, unfinished};
use rolecall_sandbox::{Fault, User};

use crate::support::{Desk, NEEDED, allow};

/// The answer with the secret is lost: the key is found, deleted, and another one made.
#[tokio::test]
async fn a_key_whose_secret_was_lost_on_the_way_is_deleted() {
    for fault in [
        Fault::LostAnswer,
        Fault::TruncatedXml,
        Fault::ServerError,
        Fault::Reset,
    ] {
        let desk = Desk::new();
        desk.sandbox().inject(fault, "CreateAccessKey", 1);
        let (rotated, done) = desk.rotate().await;
        let rotated = rotated.unwrap();
        let was_made = matches!(fault, Fault::LostAnswer | Fault::TruncatedXml);
        // Half an answer may hold half a secret, which is saved and does not work.
        let done: Vec<_> = match done[0] {
            Done::Created(_) if fault == Fault::TruncatedXml => done[1..].to_vec(),
            _ => done,
        };
        assert_eq!(
            matches!(done[0], Done::LeftoverDeleted(_)),
            was_made,
            "{fault}: {done:?}"
        );
        // Never sent again before it was looked at what came of it.
        assert_eq!(desk.sandbox().count("CreateAccessKey"), 2, "{fault}");
        assert!(desk.sandbox().count("ListAccessKeys") >= 3, "{fault}");
        desk.assert_only(&rotated.new).await;
    }
}

#[tokio::test]
async fn answers_that_are_lost_for_ever_leave_no_key_behind() {
    let desk = Desk::new();
    desk.sandbox().inject(Fault::LostAnswer, "CreateAccessKey", 100);
    let error = desk.refusal(desk.rotate().await.0);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(desk.keys().await, [(desk.first.clone(), true)]);
    assert_eq!(unfinished(&desk.host).unwrap()[0].step, Step::Create);
    desk.sandbox().clear_faults();
    let rotated = desk.rotate().await.0.unwrap();
    desk.assert_only(&rotated.new).await;
}

#[tokio::test]
async fn throttling_and_lost_answers_of_the_other_calls_are_waited_out() {
    for operation in [
        "GetAccessKeyLastUsed",
        "ListAccessKeys",
        "UpdateAccessKey",
        "DeleteAccessKey",
        "CreateAccessKey",
        "GetCallerIdentity",
    ] {
        for fault in [Fault::Throttle, Fault::LostAnswer] {
            let desk = Desk::new();
            desk.sandbox().inject(fault, operation, 1);
            let outcome = desk.rotate().await.0;
            let rotated = outcome.unwrap_or_else(|error| panic!("{operation}, {fault}: {error}"));
            desk.assert_only(&rotated.new).await;
        }
    }
}

#[tokio::test]
async fn a_key_that_aws_does_not_know_yet_is_waited_for() {
    let desk = Desk::new();
    desk.sandbox().inject(Fault::UnknownKey(3), "CreateAccessKey", 1);
    let rotated = desk.rotate().await.0.unwrap();
    desk.assert_only(&rotated.new).await;
}

#[tokio::test]
async fn a_key_that_aws_never_knows_does_not_take_anythings_place() {
    let desk = Desk::new();
    desk.sandbox()
        .inject(Fault::UnknownKey(100_000), "CreateAccessKey", 1);
    let rotation = desk.prepared().await.unwrap().patience(Duration::from_secs(1));
    let error = desk.refusal(rotation.run(&mut |_| {}).await);
    assert_eq!(error.aws_code(), Some("InvalidClientTokenId"));
    assert_eq!(unfinished(&desk.host).unwrap()[0].step, Step::Verify);
    assert_eq!(desk.listed(), desk.first);
    assert_eq!(desk.keys().await.iter().filter(|(_, active)| *active).count(), 2);
    desk.abort().await.0.unwrap();
    desk.assert_only(&desk.first).await;
}

/// Each permission that is missing is named, and what it leaves behind can be gone on with.
#[tokio::test]
async fn a_missing_permission_is_named_and_leaves_a_state_to_go_on_from() {
    for missing in NEEDED {
        let rest: Vec<_> = NEEDED
            .iter()
            .copied()
            .filter(|action| *action != missing)
            .collect();
        let desk = Desk::with(User::new("joe").policy("may", &allow(&rest)), "");
        let (outcome, done) = desk.rotate().await;
        if missing == "iam:GetAccessKeyLastUsed" {
            // It tells a person something, and nothing depends on it.
            desk.assert_only(&outcome.unwrap().new).await;
            continue;
        }
        let error = desk.refusal(outcome);
        assert_eq!(error.kind(), ErrorKind::Denied);
        let hints = error.hints().join("\n");
        assert!(
            hints.contains(&format!(r#""Action": "{missing}""#)),
            "{missing}: {hints}"
        );
        if missing == "iam:DeleteAccessKey" {
            let new = desk.listed();
            assert!(done.contains(&Done::Deactivated(desk.first.clone())));
            assert!(hints.contains("is inactive, and not deleted yet"), "{hints}");
            let mut keys = desk.keys().await;
            keys.sort_by_key(|(_, active)| *active);
            assert_eq!(keys, [(desk.first.clone(), false), (new, true)]);
        } else {
            assert!(done.is_empty(), "{missing}: {done:?}");
            let begins = missing != "iam:ListAccessKeys";
            assert_eq!(
                hints.contains("Nothing was changed"),
                begins,
                "{missing}: {hints}"
            );
            desk.assert_only(&desk.first).await;
        }
        let policy = allow(&NEEDED);
        let put = desk.admin().put_user_policy().user_name("joe").policy_name("may");
        put.policy_document(policy).send().await.unwrap();
        let rotated = desk.rotate().await.0.unwrap();
        desk.assert_only(&rotated.new).await;
    }
}

/// The vault does not take the new key: then IAM does not keep it either.
#[tokio::test]
async fn a_key_that_cannot_be_saved_is_deleted_again() {
    let desk = Desk::new();
    let rotation = desk.prepared().await.unwrap();
    let (records, aside) = (
        desk.vault_folder().join("records"),
        desk.vault_folder().join("aside"),
    );
    fs::rename(&records, &aside).unwrap();
    fs::write(&records, "in the way").unwrap();
    let mut done = Vec::new();
    let error = desk.refusal(rotation.run(&mut |it| done.push(it.clone())).await);
    let hints = error.hints().join("\n");
    assert!(
        hints.contains("is deleted in IAM again") && hints.contains("Nothing was changed:"),
        "{hints}"
    );
    assert_eq!(desk.sandbox().count("CreateAccessKey"), 1);
    assert!(done.is_empty(), "{done:?}");
    fs::remove_file(&records).unwrap();
    fs::rename(&aside, &records).unwrap();
    desk.assert_only(&desk.first).await;
}

/// Nothing is begun that is not written down before.
#[cfg(unix)]
#[tokio::test]
async fn without_a_journal_nothing_is_begun() {
    use std::os::unix::fs::PermissionsExt as _;
    let desk = Desk::new();
    let rotation = desk.prepared().await.unwrap();
    let mode = |mode| fs::set_permissions(desk.vault_folder(), fs::Permissions::from_mode(mode)).unwrap();
    mode(0o755);
    let error = desk.refusal(rotation.run(&mut |_| {}).await);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(desk.sandbox().count("CreateAccessKey"), 0);
    mode(0o700);
    desk.assert_only(&desk.first).await;
}

/// Somebody else's key is left alone, whatever the journal waits for.
#[tokio::test]
async fn a_key_of_somebody_elses_is_never_deleted() {
    let desk = Desk::new();
    desk.sandbox().inject(Fault::Reset, "CreateAccessKey", 100);
    desk.refusal(desk.rotate().await.0);
    desk.sandbox().clear_faults();
    // An administrator makes one, and it is used.
    let theirs = desk
        .admin()
        .create_access_key()
        .user_name("joe")
        .send()
        .await
        .unwrap();
    let theirs = theirs.access_key.unwrap();
    let credentials = aws_credential_types::Credentials::new(
        &theirs.access_key_id,
        &theirs.secret_access_key,
        None,
        None,
        "theirs",
    );
    let client = rolecall_sandbox::client::Client::new(desk.sandbox().endpoint(), "us-east-1", credentials);
    client.get_caller_identity().await.unwrap();
    let error = desk.refusal(desk.rotate().await.0);
    let hints = error.hints().join("\n");
    assert!(hints.contains("Nothing was done to it"), "{error}\n{hints}");
    assert_eq!(desk.keys().await.len(), 2);
    desk.abort().await.0.unwrap();
    assert_eq!(desk.keys().await.len(), 2);
    assert_eq!(desk.sandbox().count("DeleteAccessKey"), 0);
    assert!(unfinished(&desk.host).unwrap().is_empty());
    assert_eq!(desk.listed(), desk.first);
}

/// Whether it was used is not told: then nobody knows whose it is.
#[tokio::test]
async fn a_key_of_which_nothing_is_told_is_never_deleted() {
    let rest: Vec<_> = NEEDED
        .iter()
        .copied()
        .filter(|action| !action.contains("LastUsed"))
        .collect();
    let desk = Desk::with(User::new("joe").policy("may", &allow(&rest)), "");
    desk.sandbox().inject(Fault::Reset, "CreateAccessKey", 100);
    desk.refusal(desk.rotate().await.0);
    desk.sandbox().clear_faults();
    desk.admin()
        .create_access_key()
        .user_name("joe")
        .send()
        .await
        .unwrap();
    let error = desk.refusal(desk.rotate().await.0);
    let hints = error.hints().join("\n");
    assert!(hints.contains("Nothing was done to it"), "{error}\n{hints}");
    assert_eq!(desk.sandbox().count("DeleteAccessKey"), 0);
}

#[tokio::test]
async fn the_last_use_is_told_where_it_may_be_read() {
    let rest: Vec<_> = NEEDED
        .iter()
        .copied()
        .filter(|action| !action.contains("LastUsed"))
        .collect();
    let desk = Desk::with(User::new("joe").policy("may", &allow(&rest)), "");
    let rotation = Rotation::look(&desk.provider, "joe").await.unwrap();
    assert_eq!(rotation.outlook().old.last_use, LastUse::Unknown);
}

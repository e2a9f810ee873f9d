//! A user who may do nothing without MFA: one code for all of it.

use std::time::Duration;

use rolecall::rotation::Done;
use rolecall_sandbox::User;

use crate::support::{Desk, PHONE, SEED, everything};

const WITHOUT_MFA: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}}}"#;

fn joe() -> User {
    User::new("joe")
        .policy("may", &everything())
        .policy("never-without-mfa", WITHOUT_MFA)
        .mfa_device("phone", SEED)
}

#[tokio::test]
async fn one_code_is_enough_for_all_of_it() {
    let desk = Desk::with(joe(), &format!("mfa_serial = {PHONE}"));
    let rotated = desk.rotate().await.0.unwrap();
    assert_eq!(*desk.joe.codes.lock().unwrap(), 1);
    assert_eq!(desk.sandbox().count("GetSessionToken"), 1);
    desk.assert_only(&rotated.new).await;
}

#[tokio::test]
async fn without_the_device_it_does_not_begin_and_says_what_is_missing() {
    let desk = Desk::with(joe(), "");
    let error = desk.refusal(desk.rotate().await.0);
    let hints = error.hints().join("\n");
    assert!(hints.contains("--mfa-serial"), "{error}\n{hints}");
    assert_eq!(desk.sandbox().count("CreateAccessKey"), 0);
    desk.assert_only(&desk.first).await;
}

/// The session could delete the old key, whatever has become of the new one: it is not let.
#[tokio::test]
async fn the_old_key_is_not_deleted_when_the_new_one_stopped_working() {
    let desk = Desk::with(joe(), &format!("mfa_serial = {PHONE}"));
    let rotation = desk.prepared().await.unwrap().patience(Duration::from_secs(1));
    let admin = desk.admin();
    let mut told = |done: &Done| {
        let Done::Deactivated(_) = done else { return };
        // Somebody deactivates the new key at this very moment.
        let (admin, new) = (admin.clone(), desk.listed());
        let work = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let inactive = aws_sdk_iam::types::StatusType::Inactive;
            let update = admin.update_access_key().user_name("joe").access_key_id(new);
            runtime.block_on(update.status(inactive).send()).unwrap();
        });
        work.join().unwrap();
    };
    let error = desk.refusal(rotation.run(&mut told).await);
    assert_eq!(error.aws_code(), Some("InvalidClientTokenId"), "{error}");
    assert_eq!(desk.sandbox().count("DeleteAccessKey"), 0);
    assert!(desk.keys().await.contains(&(desk.first.clone(), false)));
}

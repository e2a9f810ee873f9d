//! A user who may do nothing without MFA: one code for all of it.

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

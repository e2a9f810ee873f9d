//! The cache: whose tokens are used, renewed and kept.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rolecall::ErrorKind;
use rolecall::provider::sso::{self, Status, Way};
use rolecall_sandbox::Fault;
use serde_json::json;

use crate::support::{CACHED, Home, LOCK};

/// Into the last 15 minutes of a token of 8 hours.
const NEARLY: u64 = 8 * 3600 - 300;

#[tokio::test]
async fn a_token_is_renewed_in_its_last_quarter_of_an_hour() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    let first = home.cached();
    home.provider(home.host(), "sso-admin").session().await.unwrap();
    assert_eq!(home.cached(), first);
    home.aws.advance(NEARLY);
    home.provider(home.host(), "sso-readonly")
        .session()
        .await
        .unwrap();
    let second = home.cached();
    for key in ["accessToken", "refreshToken", "expiresAt"] {
        assert_ne!(first[key], second[key], "{key}");
    }
    for key in [
        "startUrl",
        "region",
        "clientId",
        "clientSecret",
        "registrationExpiresAt",
    ] {
        assert_eq!(first[key], second[key], "{key}");
    }
    // And long after its end: the refresh token is good for another time.
    home.aws.advance(30 * 3600);
    home.provider(home.host(), "sso-admin").refresh().await.unwrap();
    assert_ne!(home.cached()["refreshToken"], second["refreshToken"]);
    let mode = std::fs::metadata(home.path(CACHED)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
}

#[tokio::test]
async fn many_at_once_renew_it_once() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    home.aws.advance(9 * 3600);
    let before = home.count("CreateToken");
    // Each on a host and a cache of its own, as processes are.
    let mut all = Vec::new();
    for _ in 0..20 {
        let provider = rolecall::Provider::builder(home.host())
            .profiles(&std::sync::Arc::new(home.aws.profiles()))
            .target("sso-admin")
            .build()
            .unwrap();
        all.push(tokio::spawn(async move { provider.session().await.map(|_| ()) }));
    }
    for one in all {
        one.await.unwrap().unwrap();
    }
    assert_eq!(home.count("CreateToken") - before, 1);
}

#[tokio::test]
async fn a_renewal_that_is_refused_leaves_the_token_in_use_while_it_lives() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    home.change_cached(|token| token["refreshToken"] = json!("CANARYTOKENstranger"));
    home.aws.advance(NEARLY);
    let before = home.count("CreateToken");
    home.provider(home.host(), "sso-admin").session().await.unwrap();
    home.provider(home.host(), "sso-readonly")
        .session()
        .await
        .unwrap();
    assert_eq!(
        home.count("CreateToken") - before,
        1,
        "not again within 30 seconds"
    );
    home.aws.advance(31);
    home.provider(home.host(), "sso-admin").refresh().await.unwrap();
    assert_eq!(home.count("CreateToken") - before, 2);
    home.aws.advance(3600);
    let error = home.refused("sso-admin").await;
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(error.to_string().contains("ended"), "{error}");
}

#[tokio::test]
async fn a_renewal_that_cannot_be_made_is_not_taken_for_a_refusal() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    home.aws.advance(9 * 3600);
    home.aws.sandbox.inject(Fault::Reset, "CreateToken", 9);
    let provider = home.provider(home.host(), "sso-admin");
    let error = provider.session().await.unwrap_err();
    home.aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Unavailable);
}

/// Another program renews without our lock, and its answer is the one that counts.
#[tokio::test]
async fn the_token_of_a_program_that_was_faster_is_taken() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    let stale = home.cached();
    home.aws.advance(9 * 3600);
    home.provider(home.host(), "sso-admin").session().await.unwrap();
    let fresh = home.cached();
    home.change_cached(|token| *token = stale.clone());
    home.aws
        .sandbox
        .inject(Fault::Delay(Duration::from_secs(1)), "CreateToken", 1);
    let provider = home.provider(home.host(), "sso-admin");
    let renewing = tokio::spawn(async move { provider.refresh().await });
    // The lock is held from before the call until after it.
    let lock = std::fs::File::open(home.path(LOCK)).unwrap();
    while lock.try_lock().is_ok() {
        lock.unlock().unwrap();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    home.change_cached(|token| *token = fresh.clone());
    renewing.await.unwrap().unwrap();
    assert_eq!(home.cached(), fresh);
}

#[tokio::test]
async fn a_token_ended_from_elsewhere_is_renewed_or_needs_a_person() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    let token = home.cached();
    home.end_elsewhere(token["accessToken"].as_str().unwrap());
    let error = home.refused("sso-admin").await;
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(error.to_string().contains("`sandbox`"), "{error}");
    assert_eq!(home.cached(), token, "what a stand-in refuses may be good at AWS");
    // Somebody is there: they sign in at once.
    let browser = crate::support::Fake::of(&home.aws.sandbox, "omar");
    home.provider(home.host_with(&browser), "sso-admin")
        .session()
        .await
        .unwrap();
    assert_eq!(browser.asked(), 1);
}

#[tokio::test]
async fn what_others_wrote_is_not_used() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    let path = home.path(CACHED);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o666)).unwrap();
    let before = home.aws.sandbox.calls().len();
    let error = home.refused("sso-admin").await;
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(sso::status(&home.host(), &home.session()).is_err());
    assert_eq!(home.aws.sandbox.calls().len(), before);
}

#[tokio::test]
async fn a_cache_that_holds_something_else_is_no_sign_in() {
    let home = Home::new();
    home.sign_in(Way::Browser).await;
    let good = home.cached();
    let changes: [&dyn Fn(&mut serde_json::Value); 6] = [
        &|token| *token = json!([]),
        &|token| token["accessToken"] = json!(5),
        &|token| token["accessToken"] = json!(""),
        &|token| token["expiresAt"] = json!("tomorrow"),
        &|token| token["expiresAt"] = json!(null),
        &|token| token["startUrl"] = json!("https://other.awsapps.com/start"),
    ];
    for change in changes {
        home.change_cached(|token| {
            *token = good.clone();
            change(token);
        });
        let status = sso::status(&home.host(), &home.session()).unwrap();
        assert!(matches!(status, Status::SignedOut(_)), "{:?}", home.cached());
        let error = home.refused("sso-admin").await;
        assert_eq!(error.kind(), ErrorKind::NeedsUser);
    }
    // Spelled otherwise, and as older versions wrote their dates.
    home.change_cached(|token| {
        *token = good.clone();
        token["startUrl"] = json!("https://canary.awsapps.com/start/#/");
        token["expiresAt"] = json!(good["expiresAt"].as_str().unwrap().replace('Z', "UTC"));
    });
    assert!(matches!(
        sso::status(&home.host(), &home.session()),
        Ok(Status::SignedIn { .. })
    ));
}

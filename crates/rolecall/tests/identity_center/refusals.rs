//! What the portal refuses or answers wrongly, and sessions without a section.

use rolecall::chain::SsoSession;
use rolecall::provider::sso::{self, Way};
use rolecall::{ErrorKind, ProfileSet};
use rolecall_sandbox::{Fault, Sandbox, World};

use crate::aws::Aws;
use crate::support::{Fake, Home, endpoints};

const MORE: &str = "
[profile typo]
sso_session = sandbox
sso_account_id = 100000000031
sso_role_name = Readonly
region = us-east-1
[profile elsewhere]
sso_session = sandbox
sso_account_id = 100000000021
sso_role_name = ReadOnly
region = us-east-1
[profile behind]
role_arn = arn:aws:iam::100000000011:role/Nothing
source_profile = sso-admin
region = us-east-1
[profile old]
sso_start_url = https://canary.awsapps.com/start
sso_region = us-east-1
sso_account_id = 100000000031
sso_role_name = ReadOnly
region = us-east-1
";

fn home() -> Home {
    Home::of(Aws::with(Sandbox::builder().world(World::ready("organization").unwrap())).with_config(MORE))
}

#[tokio::test]
async fn a_role_that_is_not_theirs_comes_with_what_there_is() {
    let home = home();
    home.sign_in(Way::Browser).await;
    for (target, hint) in [
        ("typo", "The roles they have there: ReadOnly, Administrator."),
        (
            "elsewhere",
            "The accounts they have at all: 100000000012 (data-dev), 100000000001 (management), ",
        ),
    ] {
        let error = home.provider(home.host(), target).session().await.unwrap_err();
        home.aws.assert_sentence(&error);
        assert_eq!(
            (error.kind(), error.aws_code()),
            (ErrorKind::Denied, Some("ForbiddenException"))
        );
        assert!(error.hints()[0].starts_with(hint), "{:?}", error.hints());
    }
}

#[tokio::test]
async fn a_role_assumed_from_it_says_how_to_sign_in_to_its_source() {
    let home = home();
    let error = home.provider(home.host(), "behind").session().await.unwrap_err();
    assert_eq!(error.hints(), ["Run `rolecall login sso-admin`, then try again."]);
}

#[tokio::test]
async fn answers_that_cannot_be_true_are_thrown_away() {
    let home = home();
    home.sign_in(Way::Browser).await;
    for (fault, word) in [
        (Fault::AlreadyExpired, "ended at"),
        (Fault::ExpiresTooLate, "no permission set allows"),
    ] {
        home.aws.sandbox.inject(fault, "GetRoleCredentials", 1);
        let error = home.refused("sso-admin").await;
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
    // What is no answer at all is not asked for again.
    for (fault, times) in [
        (Fault::Throttle, 3),
        (Fault::ServerError, 3),
        (Fault::Reset, 3),
        (Fault::Garbage, 1),
    ] {
        home.aws.sandbox.inject(fault, "GetRoleCredentials", times);
        let error = home.refused("sso-admin").await;
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{fault:?} {error}");
    }
    home.provider(home.host(), "sso-admin").refresh().await.unwrap();
}

#[tokio::test]
async fn a_wrong_clock_here_is_corrected_for() {
    let home = home();
    home.sign_in(Way::Browser).await;
    home.aws.sandbox.set_skew(3000);
    // A host whose clock stays as it is.
    let host = rolecall::Host::builder()
        .env("HOME", home.folder.path().to_str().unwrap())
        .env("AWS_ENDPOINT_URL", home.aws.sandbox.endpoint())
        .build();
    let session = home.provider(host, "sso-admin").refresh().await.unwrap();
    let lives = session
        .expires_at()
        .duration_since(session.issued_at())
        .unwrap()
        .as_secs();
    // The permission set's four hours, whatever the two clocks say.
    assert!((4 * 3600 - 60..=4 * 3600 + 60).contains(&lives), "{lives}");
}

#[tokio::test]
async fn a_session_without_a_section_signs_in_by_device_code_and_is_not_renewed() {
    let home = home();
    let browser = Fake::of(&home.aws.sandbox, "ada");
    let host = home.host_with(&browser);
    let all = SsoSession::all(&endpoints(&home.aws.profiles(), &host)).unwrap();
    let names: Vec<_> = all.iter().map(|session| session.name.as_deref()).collect();
    assert_eq!(names, [Some("sandbox"), None]);
    let done = sso::sign_in(&host, &all[1], Some(Way::Browser)).await.unwrap();
    assert_eq!((done.way, done.renewed), (Way::DeviceCode, false));
    // The two are two sign-ins, of one portal.
    home.provider(home.host(), "old").session().await.unwrap();
    assert!(
        home.provider(home.host(), "sso-readonly")
            .session()
            .await
            .is_err()
    );
    home.aws.advance(9 * 3600);
    let error = home.refused("old").await;
    assert_eq!(error.hints(), ["Run `rolecall login old`, then try again."]);
}

#[tokio::test]
async fn wrong_portals_and_scopes_are_told_with_what_to_change() {
    let home = home();
    let browser = Fake::of(&home.aws.sandbox, "ada");
    let host = home.host_with(&browser);
    let session = |url: &str, scopes: &str| {
        let text = format!(
            "[sso-session x]\nsso_start_url = {url}\nsso_region = us-east-1\nsso_registration_scopes = {scopes}\n"
        );
        let mut profiles = ProfileSet::default();
        profiles
            .add(rolecall::profile::FileKind::Config, "config".as_ref(), &text)
            .unwrap();
        SsoSession::named(&endpoints(&profiles, &host), "x").unwrap()
    };
    for (session, word) in [
        (session("https://other.awsapps.com/start", ""), "sso_start_url"),
        (
            session("https://canary.awsapps.com/start", "nonsense"),
            "sso_registration_scopes",
        ),
    ] {
        for way in [Way::Browser, Way::DeviceCode] {
            let error = sso::sign_in(&host, &session, Some(way)).await.unwrap_err();
            home.aws.assert_sentence(&error);
            assert_eq!(error.kind(), ErrorKind::Config, "{error}");
            assert!(error.hints()[0].contains(word), "{:?}", error.hints());
        }
    }
    let error = SsoSession::named(&endpoints(&home.aws.profiles(), &host), "corp").unwrap_err();
    assert_eq!(error.hints(), ["There are: `sandbox`."]);
}

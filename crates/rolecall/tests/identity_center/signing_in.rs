//! Both ways of signing in, and what reaches the port meanwhile.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use rolecall::ErrorKind;
use rolecall::host::Browser;
use rolecall::provider::sso::{self, SignedOut, Status, Way};

use crate::support::{CACHED, Fake, Home, http, location, visit};

#[tokio::test]
async fn a_browser_here_signs_in_and_the_cache_is_as_the_aws_cli_writes_it() {
    let home = Home::new();
    let done = home.sign_in(Way::Browser).await;
    assert!(done.renewed);
    let text = std::fs::read_to_string(home.path(CACHED)).unwrap();
    let keys: Vec<_> = home.cached().as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        keys,
        [
            "startUrl",
            "region",
            "accessToken",
            "expiresAt",
            "clientId",
            "clientSecret",
            "registrationExpiresAt",
            "refreshToken"
        ]
    );
    assert!(
        text.starts_with(r#"{"startUrl": "https://canary.awsapps.com/start", "region": "us-east-1", "#),
        "{}",
        &text[..40]
    );
    let mode = |path: &str| std::fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(CACHED), mode(".aws/sso/cache")), (0o600, 0o700));
    assert_eq!(
        sso::status(&home.host(), &home.session()).unwrap(),
        Status::SignedIn {
            until: whole(done.until),
            renewed: true
        }
    );
    let session = home.provider(home.host(), "sso-admin").session().await.unwrap();
    assert_eq!(session.account().unwrap().as_str(), "100000000011");
    assert_eq!(session.principal(), None);
    let identity = home
        .provider(home.host(), "sso-admin")
        .caller_identity()
        .await
        .unwrap();
    assert!(
        identity.arn.contains("AWSReservedSSO_Administrator_") && identity.arn.ends_with("/omar"),
        "{}",
        identity.arn
    );
    // The registration serves the next sign-in as well.
    home.sign_in(Way::Browser).await;
    assert_eq!((home.count("RegisterClient"), home.count("CreateToken")), (1, 2));
}

fn whole(time: std::time::SystemTime) -> std::time::SystemTime {
    let since = time.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap();
    std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}

#[tokio::test]
async fn a_device_code_signs_in_and_each_way_has_a_registration_of_its_own() {
    let home = Home::new();
    let mut browser = Fake::of(&home.aws.sandbox, "ada");
    browser.browser = Browser::Elsewhere;
    let host = home.host_with(&browser);
    let done = sso::sign_in(&host, &home.session(), None).await.unwrap();
    assert_eq!((done.way, done.renewed), (Way::DeviceCode, true));
    let page = browser.pages.lock().unwrap()[0].clone();
    assert!(
        page.url.contains(page.code.as_deref().unwrap()) && page.to.contains("`sandbox`"),
        "{page:?}"
    );
    assert!(home.provider(host, "sso-readonly").session().await.is_ok());
    home.sign_in(Way::DeviceCode).await;
    assert_eq!(home.count("RegisterClient"), 1);
    home.sign_in(Way::Browser).await;
    assert_eq!(home.count("RegisterClient"), 2);
}

#[tokio::test]
async fn whoever_is_there_signs_in_when_a_session_is_wanted_once_for_all() {
    let home = Home::new();
    let browser = Fake::of(&home.aws.sandbox, "omar");
    let host = home.host_with(&browser);
    let (one, other) = (
        home.provider(host.clone(), "sso-admin"),
        home.provider(host, "sso-readonly"),
    );
    let (one, other) = tokio::join!(one.session(), other.session());
    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(browser.asked(), 1);
}

#[tokio::test]
async fn without_anybody_nothing_is_asked_of_identity_center() {
    let home = Home::new();
    let error = home.refused("sso-admin").await;
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert_eq!(error.hints(), ["Run `rolecall login sso-admin`, then try again."]);
    let Status::SignedOut(why) = sso::status(&home.host(), &home.session()).unwrap() else {
        panic!("somebody is signed in");
    };
    assert_eq!(
        why,
        "nobody is signed in to the sso-session `sandbox` (https://canary.awsapps.com/start)"
    );
    assert_eq!(home.aws.sandbox.calls().len(), 0);
    // Somebody who is asked and leaves.
    let mut browser = Fake::of(&home.aws.sandbox, "omar");
    browser.answers = false;
    let error = home
        .provider(home.host_with(&browser), "sso-admin")
        .session()
        .await
        .unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.kind()),
        ("the person went away", ErrorKind::NeedsUser)
    );
}

#[tokio::test]
async fn what_reaches_the_port_and_is_not_the_answer_is_passed_over() {
    let home = Home::new();
    let mut browser = Fake::of(&home.aws.sandbox, "omar");
    browser.answers = true;
    let pages = browser.pages.clone();
    // Nobody says yes for this one: the test does.
    browser.browser = Browser::Here;
    let silent = Silent(browser);
    let host = home.host_builder().person(silent).build();
    let session = home.session();
    let signing_in = tokio::spawn(async move { sso::sign_in(&host, &session, None).await });
    let url = loop {
        if let Some(page) = pages.lock().unwrap().first() {
            break page.url.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    let told = tokio::task::spawn_blocking(move || {
        let back = location(&visit(&format!("{url}&user=omar")));
        let (origin, target) = back.split_at(back.find("/oauth").unwrap());
        assert!(origin.starts_with("http://127.0.0.1:"), "{origin}");
        let state = target.split("state=").nth(1).unwrap().split('&').next().unwrap();
        let status =
            |method: &str, target: &str, head: &str| http(origin, method, target, head)[9..12].to_owned();
        // A connection that says nothing, as browsers open ahead of need.
        let _idle = std::net::TcpStream::connect(origin.strip_prefix("http://").unwrap()).unwrap();
        assert_eq!(status("GET", "/", ""), "404");
        assert_eq!(status("POST", target, "content-length: 0\r\n"), "405");
        assert_eq!(status("GET", target, "origin: https://evil.example\r\n"), "403");
        assert_eq!(status("GET", target, "host: evil.example\r\n"), "403");
        assert_eq!(status("GET", &target.replace(state, "guessed"), ""), "400");
        assert_eq!(status("GET", "/oauth/callback?code=evil", ""), "400");
        let answer = http(origin, "GET", target, "sec-fetch-mode: navigate\r\n");
        for header in [
            "HTTP/1.1 200",
            "cache-control: no-store",
            "default-src 'none'",
            "referrer-policy: no-referrer",
        ] {
            assert!(answer.contains(header), "{answer}");
        }
        assert!(!answer.contains(state) && !answer.contains("code="), "{answer}");
        origin.to_owned()
    });
    let origin = told.await.unwrap();
    assert!(signing_in.await.unwrap().unwrap().renewed);
    assert!(
        std::net::TcpStream::connect(origin.strip_prefix("http://").unwrap()).is_err(),
        "the port is open still"
    );
}

/// A person who opens the page and does no more.
#[derive(Debug)]
struct Silent(Fake);

impl rolecall::host::Person for Silent {
    fn mfa_code(&self, question: &rolecall::host::MfaQuestion) -> Result<rolecall::Secret, rolecall::Error> {
        self.0.mfa_code(question)
    }

    fn choose(&self, choice: &rolecall::host::Choice) -> Result<usize, rolecall::Error> {
        self.0.choose(choice)
    }

    fn browser(&self) -> Browser {
        self.0.browser
    }

    fn sign_in(&self, page: &rolecall::host::SignIn) -> Result<(), rolecall::Error> {
        self.0.pages.lock().unwrap().push(page.clone());
        Ok(())
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

#[tokio::test]
async fn who_says_no_on_the_page_is_not_signed_in() {
    let home = Home::new();
    let browser = Fake::of(&home.aws.sandbox, "omar");
    let pages = browser.pages.clone();
    let host = home.host_builder().person(Silent(browser)).build();
    let session = home.session();
    let signing_in = tokio::spawn(async move { sso::sign_in(&host, &session, None).await });
    let url = loop {
        if let Some(page) = pages.lock().unwrap().first() {
            break page.url.clone();
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    tokio::task::spawn_blocking(move || visit(&location(&visit(&format!("{url}&decision=deny")))))
        .await
        .unwrap();
    let error = signing_in.await.unwrap().unwrap_err();
    home.aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(
        error.to_string().ends_with("was refused: access_denied"),
        "{error}"
    );
    assert!(!home.path(CACHED).exists());
}

#[tokio::test]
async fn signing_out_ends_it_at_the_portal_and_here() {
    let home = Home::new();
    assert!(matches!(
        sso::sign_out(&home.host(), &home.session()).await,
        Ok(SignedOut::Nobody)
    ));
    home.sign_in(Way::Browser).await;
    let token = home.cached();
    assert!(matches!(
        sso::sign_out(&home.host(), &home.session()).await,
        Ok(SignedOut::Everywhere)
    ));
    assert!(!home.path(CACHED).exists());
    let head = format!(
        "x-amz-sso_bearer_token: {}\r\n",
        token["accessToken"].as_str().unwrap()
    );
    let answer = http(home.aws.sandbox.endpoint(), "GET", "/assignment/accounts", &head);
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(
        std::fs::read_dir(home.path(".aws/sso/cache")).unwrap().count(),
        1,
        "the registration stays"
    );
    // A portal that cannot be told keeps nobody from signing out here.
    home.sign_in(Way::Browser).await;
    home.aws
        .sandbox
        .inject(rolecall_sandbox::Fault::Reset, "Logout", 9);
    let Ok(SignedOut::HereOnly(error)) = sso::sign_out(&home.host(), &home.session()).await else {
        panic!("the portal was told");
    };
    home.aws.assert_sentence(&error);
    assert!(!home.path(CACHED).exists());
}

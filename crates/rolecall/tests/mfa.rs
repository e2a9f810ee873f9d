//! MFA against the sandbox: one code for every role of a process, the two strategies, and which device it is.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws::Aws;
use rolecall::host::{Choice, HostBuilder, MfaQuestion, Person, SignIn};
use rolecall::{Error, ErrorKind, Host, Provider, Secret};
use rolecall_sandbox::{Account, Fault, Role, Sandbox, User, World};
use tempfile::TempDir;

const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";
const MAY: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:*","iam:ListMFADevices"],"Resource":"*"}}"#;

/// Shows what the sandbox's device shows, and remembers what was asked.
#[derive(Clone, Debug)]
struct Joe {
    sandbox: Arc<Sandbox>,
    asked: Arc<Mutex<Vec<MfaQuestion>>>,
    chosen: Arc<Mutex<Vec<Choice>>>,
    /// What is answered first, in the place of what the device shows.
    slips: Arc<Mutex<Vec<String>>>,
}

impl Joe {
    fn times_asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

impl Person for Joe {
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        self.asked.lock().unwrap().push(question.clone());
        if let Some(slip) = self.slips.lock().unwrap().pop() {
            return Ok(Secret::new(slip));
        }
        Ok(Secret::new(self.sandbox.mfa_code(&question.serial).unwrap()))
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        self.chosen.lock().unwrap().push(choice.clone());
        Ok(1)
    }

    fn sign_in(&self, _page: &SignIn) -> Result<(), Error> {
        unreachable!("nobody signs in here")
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

struct Desk {
    aws: Aws,
    joe: Joe,
    state: TempDir,
}

impl Desk {
    fn new() -> Self {
        Self::with(
            User::new("joe")
                .policy("may", MAY)
                .mfa_device("phone", "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR"),
            "",
        )
    }

    fn with(joe: User, config: &str) -> Self {
        let trust = |principal: &str, condition: &str| {
            format!(
                r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{{"AWS":"{principal}"}}{condition}}}}}"#
            )
        };
        let mfa = r#","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
        let users = trust("arn:aws:iam::111111111111:root", mfa);
        let mut roles = Account::new("222222222222")
            .role(
                Role::new("Hub", &users)
                    .max_session_seconds(43_200)
                    .policy("may", MAY),
            )
            .role(Role::new(
                "Spoke",
                &trust("arn:aws:iam::222222222222:role/Hub", ""),
            ));
        let mut text = config.to_owned();
        for number in 0..50 {
            roles = roles.role(Role::new(&format!("R{number}"), &users));
            text.push_str(&profile(
                &format!("r{number}"),
                &format!("R{number}"),
                "joe",
                &format!("mfa_serial = {PHONE}"),
            ));
        }
        text.push_str(&profile("hub", "Hub", "joe", &format!("mfa_serial = {PHONE}")));
        text.push_str(&profile("spoke", "Spoke", "hub", ""));
        text.push_str(&profile(
            "long-hub",
            "Hub",
            "joe",
            &format!("mfa_serial = {PHONE}\nduration_seconds = 14400"),
        ));
        text.push_str(&profile("long-spoke", "Spoke", "long-hub", ""));
        text.push_str(&profile("bare", "Hub", "joe", ""));
        let world = World::new()
            .account(Account::new("111111111111").user(joe))
            .account(roles);
        let aws = Aws::with(Sandbox::builder().world(world));
        let keys = aws.sandbox.user_keys("joe").unwrap();
        let aws = aws.with_config(&format!(
            "{text}\n[profile joe]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
            keys.access_key_id, keys.secret_access_key
        ));
        let joe = Joe {
            sandbox: Arc::clone(&aws.sandbox),
            asked: Arc::default(),
            chosen: Arc::default(),
            slips: Arc::default(),
        };
        Self {
            aws,
            joe,
            state: tempfile::tempdir().unwrap(),
        }
    }

    fn host_builder(&self) -> HostBuilder {
        self.aws
            .host_builder()
            .env("XDG_STATE_HOME", self.state.path().to_str().unwrap())
            .person(self.joe.clone())
    }

    fn provider(&self, target: &str) -> Provider {
        self.aws
            .builder_on(self.host_builder().build())
            .target(target)
            .build()
            .unwrap()
    }

    /// In the place of the time that passes: nobody waits for a code that no record knows.
    fn let_the_step_turn(&self) {
        let _ = std::fs::remove_dir_all(self.state.path().join("rolecall/mfa"));
        // The sandbox's device goes on too.
        let passed = i64::try_from(self.joe.times_asked()).unwrap();
        self.aws.sandbox.set_skew(30 * passed);
    }

    fn count(&self, operation: &str) -> usize {
        self.aws.sandbox.count(operation)
    }
}

fn profile(name: &str, role: &str, source: &str, more: &str) -> String {
    format!(
        "[profile {name}]\nrole_arn = arn:aws:iam::222222222222:role/{role}\nsource_profile = {source}\nregion = eu-west-1\n{more}\n"
    )
}

#[tokio::test]
async fn one_code_serves_every_role_of_a_process_until_its_session_ends() {
    let desk = Desk::new();
    let providers: Vec<_> = (0..50)
        .map(|number| desk.provider(&format!("r{number}")))
        .collect();
    let mut tasks = tokio::task::JoinSet::new();
    for provider in providers.clone() {
        tasks.spawn(async move { provider.session().await.map(drop) });
    }
    while let Some(outcome) = tasks.join_next().await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(
        (
            desk.joe.times_asked(),
            desk.count("GetSessionToken"),
            desk.count("AssumeRole")
        ),
        (1, 1, 50)
    );
    // A chain through a hub stands on the same session.
    desk.provider("spoke").session().await.unwrap();
    // The roles renew hour after hour, and nobody is asked.
    for _ in 0..10 {
        desk.aws.advance(3600);
        providers[0].refresh().await.unwrap();
    }
    assert_eq!(desk.joe.times_asked(), 1);
    // After twelve hours the session has ended.
    desk.aws.advance(2 * 3600 + 60);
    desk.let_the_step_turn();
    providers[0].refresh().await.unwrap();
    assert_eq!((desk.joe.times_asked(), desk.count("GetSessionToken")), (2, 2));
}

#[tokio::test]
async fn a_longer_role_takes_the_code_itself_and_asks_at_each_renewal() {
    let desk = Desk::new();
    let hub = desk.provider("long-hub");
    let session = hub.session().await.unwrap();
    let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
    assert!(lifetime > Duration::from_secs(14_300), "{lifetime:?}");
    assert_eq!((desk.count("GetSessionToken"), desk.joe.times_asked()), (0, 1));
    // What is chained to it renews by the hour without a word.
    let spoke = desk.provider("long-spoke");
    spoke.session().await.unwrap();
    desk.aws.advance(3500);
    spoke.refresh().await.unwrap();
    assert_eq!(desk.joe.times_asked(), 1);
    desk.let_the_step_turn();
    hub.refresh().await.unwrap();
    assert_eq!(desk.joe.times_asked(), 2);
    let asked = desk.joe.asked.lock().unwrap();
    assert_eq!(asked[0].purpose, "arn:aws:iam::222222222222:role/Hub");
}

#[tokio::test]
async fn a_code_is_recorded_before_it_is_sent_and_sent_once() {
    let desk = Desk::new();
    // No answer comes back, so that nobody knows whether the code was taken.
    desk.aws.sandbox.inject(Fault::Reset, "GetSessionToken", 1);
    let error = desk.provider("hub").session().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert_eq!(
        desk.count("GetSessionToken"),
        1,
        "not tried again with the same code"
    );
    let folder = desk.state.path().join("rolecall/mfa");
    let records = std::fs::read_dir(folder).unwrap();
    let kept = records.filter(|entry| {
        let path = entry.as_ref().unwrap().path();
        path.extension().is_some_and(|extension| extension == "json")
    });
    assert_eq!(kept.count(), 1);
}

#[tokio::test]
async fn a_wrong_code_is_asked_again_and_three_are_the_end() {
    let desk = Desk::new();
    desk.joe.slips.lock().unwrap().push("000000".to_owned());
    desk.provider("hub").session().await.unwrap();
    assert_eq!(
        desk.joe.asked.lock().unwrap()[1].refused.as_deref(),
        Some("AWS did not take that code")
    );
    desk.let_the_step_turn();
    let desk = Desk::new();
    *desk.joe.slips.lock().unwrap() = ["000000", "000001", "000002", "000003"]
        .map(str::to_owned)
        .to_vec();
    let provider = desk.provider("hub");
    let error = provider.session().await.unwrap_err();
    desk.aws.assert_sentence(&error);
    assert_eq!(
        (error.kind(), desk.count("GetSessionToken")),
        (ErrorKind::NeedsUser, 3)
    );
    assert_eq!(error.aws_code(), Some("AccessDenied"));
}

#[tokio::test]
async fn nobody_is_there_to_be_asked() {
    let desk = Desk::new();
    let host = desk.aws.host_builder().build();
    let provider = desk.aws.builder_on(host).target("hub").build().unwrap();
    let error = provider.session().await.unwrap_err();
    desk.aws.assert_sentence(&error);
    assert_eq!(
        (error.kind(), desk.aws.sandbox.calls().len()),
        (ErrorKind::NeedsUser, 0)
    );
}

#[tokio::test]
async fn the_device_is_looked_up_chosen_once_and_remembered() {
    let user = User::new("joe").policy("may", MAY);
    let desk = Desk::with(
        user.mfa_device("phone", "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR")
            .mfa_device("tablet", "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJS"),
        "",
    );
    let provider = || {
        let request = rolecall::Request {
            target: Some("bare".to_owned()),
            mfa: true,
            ..rolecall::Request::default()
        };
        let cache = Arc::new(rolecall::SessionCache::new());
        desk.aws
            .builder_on(desk.host_builder().build())
            .cache(&cache)
            .request(request)
            .build()
            .unwrap()
    };
    provider().session().await.unwrap();
    let chosen = desk.joe.chosen.lock().unwrap().clone();
    assert_eq!((chosen.len(), chosen[0].options.len()), (1, 2));
    let asked = desk.joe.asked.lock().unwrap()[0].serial.clone();
    assert_eq!(asked, chosen[0].options[1]);
    let records: Vec<_> = std::fs::read_dir(desk.state.path().join("rolecall/mfa"))
        .unwrap()
        .collect();
    for record in records {
        let path = record.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "json") {
            std::fs::remove_file(path).unwrap();
        }
    }
    provider().session().await.unwrap();
    assert_eq!(
        (
            desk.joe.chosen.lock().unwrap().len(),
            desk.count("ListMFADevices")
        ),
        (1, 1)
    );
}

#[tokio::test]
async fn without_a_device_it_is_said_what_to_do() {
    for (user, expected) in [
        (User::new("joe").policy("may", MAY), "this user has no MFA device"),
        (
            User::new("joe").policy("may", &MAY.replace("iam:ListMFADevices", "s3:Get*")),
            "may not list its own MFA devices",
        ),
    ] {
        let desk = Desk::with(user, "");
        let request = rolecall::Request {
            target: Some("bare".to_owned()),
            mfa: true,
            ..rolecall::Request::default()
        };
        let provider = desk
            .aws
            .builder_on(desk.host_builder().build())
            .request(request)
            .build()
            .unwrap();
        let error = provider.session().await.unwrap_err();
        desk.aws.assert_sentence(&error);
        assert!(error.to_string().contains(expected), "{error}");
        assert_eq!(desk.count("GetSessionToken"), 0);
        // And a refusal of the role names the way.
        let refused = desk.provider("bare").session().await.unwrap_err();
        assert!(
            refused.hints().iter().any(|hint| hint.contains("--mfa")),
            "{:?}",
            refused.hints()
        );
    }
    let key = "arn:aws:iam::111111111111:u2f/user/joe/key-ABCDEFGH";
    let desk = Desk::with(
        User::new("joe").policy("may", MAY),
        &profile("key", "Hub", "joe", &format!("mfa_serial = {key}")),
    );
    let error = desk.provider("key").session().await.unwrap_err();
    desk.aws.assert_sentence(&error);
    assert!(error.to_string().contains("FIDO"), "{error}");
    assert_eq!((desk.aws.sandbox.calls().len(), desk.joe.times_asked()), (0, 0));
}

#[test]
fn the_length_of_an_mfa_session_is_aws_runas_own_key() {
    for (text, seconds) in [
        ("8h", Some(28_800)),
        ("36h", Some(129_600)),
        ("1h30m", Some(5400)),
        ("900", Some(900)),
        ("37h", None),
        ("10m", None),
        ("x", None),
        ("1h5", None),
    ] {
        let mut set = rolecall::ProfileSet::default();
        let config = format!(
            "{}[profile joe]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = {}\nsession_token_duration = {text}\n",
            profile("hub", "Hub", "joe", &format!("mfa_serial = {PHONE}")),
            sentences::EXAMPLE_SECRET
        );
        set.add(rolecall::profile::FileKind::Config, "config".as_ref(), &config)
            .unwrap();
        let request = rolecall::Request {
            target: Some("hub".to_owned()),
            ..rolecall::Request::default()
        };
        let chain = rolecall::Chain::resolve(&set, &Host::builder().build(), &request);
        match seconds {
            Some(seconds) => assert_eq!(
                chain.unwrap().own,
                Some(rolecall::chain::OwnSession::Token { seconds }),
                "{text}"
            ),
            None => {
                let error = chain.unwrap_err();
                sentences::assert_well_spoken(&error);
                assert!(
                    error.to_string().contains("config:9: session_token_duration"),
                    "{error}"
                );
            }
        }
    }
}

/// A command may print temporary credentials where a long-term key was expected: such get no MFA session.
#[cfg(unix)]
#[tokio::test]
async fn temporary_credentials_of_a_command_take_the_code_with_the_role() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("printer");
    let text = format!(
        "{}[profile printed]\ncredential_process = {}\nregion = eu-west-1\n",
        profile("by-command", "Hub", "printed", &format!("mfa_serial = {PHONE}")),
        program.display()
    );
    let user = User::new("joe").policy("may", MAY);
    let desk = Desk::with(
        user.mfa_device("phone", "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR"),
        &text,
    );
    let session = desk.provider("joe").session().await.unwrap();
    let credentials = session.credentials();
    let json = serde_json::json!({
        "Version": 1,
        "AccessKeyId": credentials.access_key_id(),
        "SecretAccessKey": credentials.secret_access_key(),
        "SessionToken": credentials.session_token(),
        "Expiration": rolecall::time::rfc3339(session.advertised_end()),
    });
    std::fs::write(&program, format!("#!/bin/sh\ncat <<'END'\n{json}\nEND\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
    let tokens = desk.count("GetSessionToken");
    desk.provider("by-command").session().await.unwrap();
    assert_eq!(
        (desk.joe.times_asked(), desk.count("GetSessionToken")),
        (1, tokens)
    );
    assert_eq!(desk.count("AssumeRole"), 2, "as they are, and then with the code");
}

//! A request to the endpoint never hangs for a person: it says what is being asked for, and where.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use rolecall::host::{Choice, MfaQuestion, Person, SignIn};
use rolecall::{Error, Secret};
use rolecall_sandbox::{Account, Role, Sandbox, User, World};

use super::aws::Aws;
use super::support::Server;

const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";

/// Looks at the question and does not answer until they are told to.
#[derive(Clone, Debug)]
struct Slow {
    sandbox: Arc<Sandbox>,
    answers: Arc<(Mutex<bool>, Condvar)>,
}

impl Person for Slow {
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        let (may, told) = &*self.answers;
        let _may = told.wait_while(may.lock().unwrap(), |may| !*may).unwrap();
        Ok(Secret::new(self.sandbox.mfa_code(&question.serial).unwrap()))
    }

    fn choose(&self, _choice: &Choice) -> Result<usize, Error> {
        unreachable!("there is one device")
    }

    fn sign_in(&self, _page: &SignIn) -> Result<(), Error> {
        unreachable!("nobody signs in here")
    }

    fn waiting(&self, _what: &str, _left: Duration) {}
}

/// Has them answer however the test ends: the runtime waits for whoever is asked.
struct Release(Arc<(Mutex<bool>, Condvar)>);

impl Drop for Release {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }
}

#[test]
fn while_a_person_is_asked_the_client_is_told_so() {
    let may = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:*","Resource":"*"}}"#;
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#;
    let joe = User::new("joe")
        .policy("may", may)
        .mfa_device("phone", "INAU4QKSLFJUKQ2SIVKE6TKBKI2DOMJR");
    let world = World::new()
        .account(Account::new("111111111111").user(joe))
        .account(Account::new("222222222222").role(Role::new("Admin", trust)));
    let aws = Aws::with(Sandbox::builder().world(world));
    let keys = aws.sandbox.user_keys("joe").unwrap();
    let aws = aws.with_config(&format!(
        "[profile joe]\naws_access_key_id = {}\naws_secret_access_key = {}\n\
         [profile admin]\nrole_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = joe\nmfa_serial = {PHONE}\nregion = us-east-1\n\
         [profile plain]\nrole_arn = arn:aws:iam::222222222222:role/Admin\nsource_profile = joe\nregion = us-east-1\n",
        keys.access_key_id, keys.secret_access_key
    ));
    let state = tempfile::tempdir().unwrap();
    let person = Slow {
        sandbox: Arc::clone(&aws.sandbox),
        answers: Arc::default(),
    };
    let host = aws
        .host_builder()
        .env("XDG_STATE_HOME", state.path().to_str().unwrap())
        .person(person.clone())
        .build();
    let provider = aws.builder_on(host).target("admin").build().unwrap();
    let server = Server::start();
    let client = server.client(Arc::new(provider));
    let release = Release(Arc::clone(&person.answers));

    for _ in 0..2 {
        let response = client.send(&client.request());
        assert_eq!((response.status, response.code().as_str()), (403, "NeedsUser"));
        let message = response.json()["Message"].as_str().unwrap().to_owned();
        assert!(message.contains(PHONE), "{message}");
        assert!(message.contains("`rolecall whoami admin`"), "{message}");
    }
    // One question, however many have asked; and once it is answered the session is everybody's.
    drop(release);
    for attempt in 0.. {
        let response = client.send(&client.request());
        if response.status == 200 {
            break;
        }
        assert!(attempt < 20, "{response:?}");
    }
    assert_eq!(aws.sandbox.count("GetSessionToken"), 1);
    assert_eq!(aws.assumed(), 1);
}

//! A home, a portal, and a person with a browser.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::chain::{Endpoints, SsoSession};
use rolecall::host::{Browser, Choice, HostBuilder, MfaQuestion, Person, SignIn};
use rolecall::provider::sso::{self, SignedIn, Way};
use rolecall::{Error, ErrorKind, Host, ProfileSet, Provider, Secret};
use rolecall_sandbox::{Sandbox, World};
use serde_json::Value;
use tempfile::TempDir;

use crate::aws::Aws;

/// Python: `hashlib.sha1(b"sandbox").hexdigest()`: the world's session is called so.
pub(crate) const CACHED: &str = ".aws/sso/cache/9ed037b84943c4caa3a520e48a5540181c46c98c.json";

/// What is held while the token is renewed.
pub(crate) const LOCK: &str = ".local/state/rolecall/sso/9ed037b84943c4caa3a520e48a5540181c46c98c.lock";

pub(crate) struct Home {
    pub(crate) aws: Aws,
    pub(crate) folder: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self::of(Aws::with(
            Sandbox::builder().world(World::ready("organization").unwrap()),
        ))
    }

    pub(crate) fn of(aws: Aws) -> Self {
        Self {
            aws,
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn host_builder(&self) -> HostBuilder {
        let home = self.folder.path().to_str().unwrap();
        self.aws.host_builder().env("HOME", home)
    }

    /// Nobody is there.
    pub(crate) fn host(&self) -> Host {
        self.host_builder().build()
    }

    /// Somebody is there, with this browser.
    pub(crate) fn host_with(&self, browser: &Fake) -> Host {
        self.host_builder().person(browser.clone()).build()
    }

    pub(crate) fn session(&self) -> SsoSession {
        SsoSession::named(&endpoints(&self.aws.profiles(), &self.host()), "sandbox").unwrap()
    }

    /// Why a new session of that target is not to be had; the error is well spoken.
    pub(crate) async fn refused(&self, target: &str) -> Error {
        let error = self.provider(self.host(), target).refresh().await.unwrap_err();
        self.aws.assert_sentence(&error);
        error
    }

    pub(crate) fn provider(&self, host: Host, target: &str) -> Provider {
        self.aws.builder_on(host).target(target).build().unwrap()
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn cached(&self) -> Value {
        serde_json::from_str(&std::fs::read_to_string(self.path(CACHED)).unwrap()).unwrap()
    }

    pub(crate) fn change_cached(&self, change: impl FnOnce(&mut Value)) {
        let mut token = self.cached();
        change(&mut token);
        std::fs::write(self.path(CACHED), token.to_string()).unwrap();
    }

    pub(crate) async fn sign_in(&self, way: Way) -> SignedIn {
        let browser = Fake::of(&self.aws.sandbox, "omar");
        sso::sign_in(&self.host_with(&browser), &self.session(), Some(way))
            .await
            .unwrap()
    }

    pub(crate) fn count(&self, operation: &str) -> usize {
        self.aws.sandbox.count(operation)
    }

    /// Ends everything that came from the token, as if somebody had signed out elsewhere.
    pub(crate) fn end_elsewhere(&self, token: &str) {
        let head = format!("x-amz-sso_bearer_token: {token}\r\ncontent-length: 0\r\n");
        let answer = http(self.aws.sandbox.endpoint(), "POST", "/logout", &head);
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// One request on a connection of its own; the whole answer.
pub(crate) fn http(endpoint: &str, method: &str, target: &str, head: &str) -> String {
    let authority = endpoint
        .strip_prefix("http://")
        .unwrap()
        .split('/')
        .next()
        .unwrap();
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "{method} {target} HTTP/1.1\r\nhost: {authority}\r\n{head}connection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Asks for a page as a browser does, and where it leads to.
pub(crate) fn visit(url: &str) -> String {
    let (origin, target) = url.split_at(url["http://".len()..].find('/').unwrap() + "http://".len());
    http(origin, "GET", target, "")
}

pub(crate) fn location(answer: &str) -> String {
    let line = answer.lines().find_map(|line| line.strip_prefix("location: "));
    line.unwrap_or_else(|| panic!("no redirect: {answer}")).to_owned()
}

/// A person who says yes as one of the directory's users, and what they were shown.
#[derive(Clone)]
pub(crate) struct Fake {
    sandbox: Arc<Sandbox>,
    user: &'static str,
    pub(crate) browser: Browser,
    pub(crate) answers: bool,
    pub(crate) pages: Arc<Mutex<Vec<SignIn>>>,
}

impl std::fmt::Debug for Fake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fake")
    }
}

impl Fake {
    pub(crate) fn of(sandbox: &Arc<Sandbox>, user: &'static str) -> Self {
        Self {
            sandbox: Arc::clone(sandbox),
            user,
            browser: Browser::Here,
            answers: true,
            pages: Arc::default(),
        }
    }

    pub(crate) fn asked(&self) -> usize {
        self.pages.lock().unwrap().len()
    }
}

impl Person for Fake {
    fn mfa_code(&self, _question: &MfaQuestion) -> Result<Secret, Error> {
        unreachable!("no role here wants one")
    }

    fn choose(&self, _choice: &Choice) -> Result<usize, Error> {
        unreachable!("there is nothing to choose")
    }

    fn browser(&self) -> Browser {
        self.browser
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        self.pages.lock().unwrap().push(page.clone());
        if !self.answers {
            return Err(Error::new(ErrorKind::NeedsUser, "the person went away").with_hint("Come back."));
        }
        let (sandbox, user, page) = (Arc::clone(&self.sandbox), self.user, page.clone());
        std::thread::spawn(move || match page.code {
            Some(code) => assert!(sandbox.approve_device(&code, user)),
            None => {
                let answer = visit(&location(&visit(&format!("{}&user={user}", page.url))));
                assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            }
        });
        Ok(())
    }

    fn waiting(&self, what: &str, left: Duration) {
        assert!(!what.is_empty() && left <= Duration::from_secs(600));
    }
}

/// Where services are called with these files on this host, plain http on this machine alone.
pub(crate) fn endpoints<'a>(profiles: &'a ProfileSet, host: &'a Host) -> Endpoints<'a> {
    Endpoints {
        profiles,
        host,
        insecure: false,
    }
}

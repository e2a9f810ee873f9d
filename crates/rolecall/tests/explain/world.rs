//! Joe in one account, a role in another, and every policy between them, as JSON that a change can be made to.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolecall::explain::{Change, Explanation, How, Outcome, Says, Side, explain};
use rolecall::host::{Choice, Clock, MfaQuestion, Person, SignIn};
use rolecall::policy::PolicyKind;
use rolecall::profile::{FileKind, ProfileSet};
use rolecall::{Error, Host, Provider, Request, Secret, SessionCache};
use rolecall_sandbox::{Account, Organization, Role, Sandbox, User, World};
use serde_json::{Value, json};

pub(crate) const OURS: &str = "111111111111";
pub(crate) const THEIRS: &str = "666666666666";
pub(crate) const JOE: &str = "arn:aws:iam::111111111111:user/joe";
pub(crate) const APP: &str = "arn:aws:iam::666666666666:role/team/App";
pub(crate) const HUB: &str = "arn:aws:iam::666666666666:role/Hub";
const MANAGEMENT: &str = "999999999999";
const PHONE: &str = "arn:aws:iam::111111111111:mfa/phone";
const BOUNDARY: &str = "Boundary";

/// The statements of every policy, so that one can be added or replaced.
#[derive(Clone)]
pub(crate) struct Scene {
    pub(crate) joe: Vec<Value>,
    pub(crate) boundary: Option<Vec<Value>>,
    pub(crate) control: Option<Vec<Value>>,
    pub(crate) hub: Vec<Value>,
    pub(crate) trust: Vec<Value>,
    /// Whether the names in the trust policy are of nobody.
    pub(crate) dangling: bool,
    /// Whether joe goes over the hub.
    pub(crate) over_hub: bool,
    /// Whether the role's account may be read through somebody there.
    pub(crate) has_via: bool,
    pub(crate) longest: u32,
    pub(crate) target: &'static str,
    pub(crate) request: Request,
    pub(crate) config: &'static str,
}

pub(crate) fn allow(action: Value, resource: &str) -> Value {
    json!({"Effect": "Allow", "Action": action, "Resource": resource})
}

pub(crate) fn trusting(principal: &str) -> Value {
    json!({"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": principal}})
}

/// What joe needs to see his own policies.
fn reading() -> Value {
    allow(json!(["iam:Get*", "iam:List*", "organizations:*"]), "*")
}

impl Default for Scene {
    /// Everything is as it has to be.
    fn default() -> Self {
        Self {
            joe: vec![reading(), allow(json!("sts:AssumeRole"), "*")],
            boundary: None,
            control: None,
            hub: vec![reading(), allow(json!("sts:AssumeRole"), "*")],
            trust: vec![trusting(JOE)],
            dangling: false,
            over_hub: false,
            has_via: true,
            longest: 3600,
            target: "app",
            request: Request::default(),
            config: "",
        }
    }
}

/// The sandbox's session clock.
#[derive(Debug)]
struct Following(Arc<Sandbox>);

impl Clock for Following {
    fn now(&self) -> SystemTime {
        self.0.now()
    }
}

/// Shows what the device shows.
#[derive(Clone, Debug)]
struct Phone(Arc<Sandbox>);

impl Person for Phone {
    fn mfa_code(&self, _: &MfaQuestion) -> Result<Secret, Error> {
        Ok(Secret::new(self.0.mfa_code(PHONE).unwrap()))
    }

    fn choose(&self, _: &Choice) -> Result<usize, Error> {
        Ok(0)
    }

    fn sign_in(&self, _: &SignIn) -> Result<(), Error> {
        Err(Error::config("nobody signs in here"))
    }

    fn waiting(&self, _: &str, _: Duration) {}
}

fn policy(statements: &[Value]) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

impl Scene {
    fn world(&self) -> World {
        let mut joe = User::new("joe")
            .policy("own", &policy(&self.joe))
            .mfa_device("phone", "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");
        let mut ours = Account::new(OURS);
        if let Some(boundary) = &self.boundary {
            joe = joe.boundary(BOUNDARY);
            ours = ours.managed_policy(BOUNDARY, &policy(boundary));
        }
        let mut app = Role::new("App", &policy(&self.trust))
            .path("/team/")
            .max_session_seconds(self.longest);
        if self.dangling {
            app = app.dangling();
        }
        let hub = Role::new("Hub", &policy(&[trusting(JOE)])).policy("own", &policy(&self.hub));
        let theirs = Account::new(THEIRS)
            .role(app)
            .role(hub)
            .role(Role::new("Apple", &policy(&[trusting(JOE)])))
            .user(User::new("reader").policy("own", &policy(&[reading()])));
        let mut world = World::new().account(ours.user(joe)).account(theirs);
        if let Some(control) = &self.control {
            world = world.account(Account::new(MANAGEMENT)).organization(
                Organization::new(MANAGEMENT)
                    .account_at_root(OURS)
                    .delegated(OURS)
                    .control_policy("Control", &policy(control))
                    .account_without_full_access(OURS)
                    .attach_account(OURS, "Control"),
            );
        }
        let from = if self.over_hub { "hub" } else { "joe" };
        world
            .profile_for_user("joe", OURS, "joe")
            .profile_for_user("reader", THEIRS, "reader")
            .profile_for_role("hub", HUB, "joe", None)
            .profile_for_role("app", APP, from, None)
    }

    /// The scene as it stands, started.
    pub(crate) fn start(&self) -> Started {
        let sandbox = Arc::new(Sandbox::builder().world(self.world()).start().unwrap());
        let mut profiles = ProfileSet::default();
        let config = sandbox.config_file() + self.config;
        profiles
            .add(FileKind::Config, Path::new("config"), &config)
            .unwrap();
        profiles
            .add(
                FileKind::Credentials,
                Path::new("credentials"),
                &sandbox.credentials_file(),
            )
            .unwrap();
        Started {
            host: Host::builder()
                .env("AWS_ENDPOINT_URL", sandbox.endpoint())
                .login_name("joe")
                .person(Phone(Arc::clone(&sandbox)))
                .clock(Following(Arc::clone(&sandbox)))
                .build(),
            sandbox,
            profiles: Arc::new(profiles),
            cache: Arc::new(SessionCache::new()),
        }
    }

    pub(crate) async fn explained(&self) -> Explanation {
        let started = self.start();
        let request = Request {
            target: self.request.target.clone().or(Some(self.target.to_owned())),
            ..self.request.clone()
        };
        let provider = started.provider(request);
        let via: Vec<Provider> = self
            .has_via
            .then(|| started.provider(of("reader")))
            .into_iter()
            .collect();
        let explanation = explain(&provider, &via).await;
        let refused = started.sandbox.count("AssumeRole");
        assert!(refused <= 3, "{refused} roles were assumed");
        let leaks = started
            .sandbox
            .secrets()
            .leaks_in(format!("{explanation:?}").as_bytes());
        assert!(leaks.is_empty(), "{leaks:?}");
        explanation
    }

    /// Makes a change, as whoever reads it would.
    pub(crate) fn make(&mut self, change: &Change) {
        let kind = match change.side {
            Side::Call => return self.send(change),
            Side::Policy(kind) => kind,
        };
        let statements = match kind {
            PolicyKind::Identity if self.over_hub => &mut self.hub,
            PolicyKind::Identity => &mut self.joe,
            PolicyKind::Boundary => self.boundary.as_mut().unwrap(),
            PolicyKind::ServiceControl => self.control.as_mut().unwrap(),
            PolicyKind::Trust => {
                // Whoever writes a principal again writes it for somebody who is there.
                if self.dangling {
                    self.dangling = false;
                    self.trust.clear();
                }
                &mut self.trust
            }
            other => panic!("nobody here can change a {}", other.name()),
        };
        match &change.how {
            How::Add { .. } => statements.push(change.statement.clone().unwrap()),
            How::Replace { statement, .. } => statements[*statement] = change.statement.clone().unwrap(),
            How::Remove { statement, .. } => {
                statements.remove(*statement);
            }
            How::Argument { .. } => panic!("a flag is of the call"),
        }
    }

    fn send(&mut self, change: &Change) {
        let How::Argument { flag, value } = &change.how else {
            panic!("the call takes flags: {change:?}")
        };
        let value = || value.clone().unwrap();
        match *flag {
            "--external-id" => self.request.external_id = Some(value().parse().unwrap()),
            "--session-name" => self.request.session_name = Some(value().parse().unwrap()),
            "--source-identity" => self.request.source_identity = Some(value().parse().unwrap()),
            "--tag" => self.request.tags.push(value().parse().unwrap()),
            "--mfa" => {
                self.request.mfa = true;
                self.request.mfa_serial = Some(PHONE.parse().unwrap());
            }
            other => panic!("{other} is not made here"),
        }
    }

    /// That it is refused for that cause, that the statement is named, and that the changes make it work and no fewer do.
    pub(crate) async fn is_refused_for(&self, cause: &str, said: &str) -> Explanation {
        let explanation = self.explained().await;
        let hop = explanation.hops.last().unwrap();
        assert_eq!(hop.outcome, Outcome::Refused, "{hop:#?}");
        let names: Vec<_> = hop.causes.iter().map(|cause| cause.name).collect();
        assert!(names.contains(&cause), "{names:?} {hop:#?}");
        let all = hop
            .causes
            .iter()
            .map(|cause| format!("{} {}", cause.sentence, cause.fix))
            .collect::<Vec<_>>()
            .join("\n");
        assert!(all.contains(said), "{said}\n{all}");
        explanation
    }

    /// That the changes make it work, and that none of them is for nothing.
    pub(crate) async fn is_mended_by(&self, explanation: &Explanation, sides: &[&str]) {
        let hop = explanation.hops.last().unwrap();
        let changes: Vec<_> = hop.changes.iter().filter(|change| change.is_certain).collect();
        let of: Vec<_> = changes.iter().map(|change| change.side.name()).collect();
        assert_eq!(of, sides, "{hop:#?}");
        for left_out in 0..changes.len() {
            let mut scene = self.clone();
            // Later numbers first, so that the earlier stay true.
            for (at, change) in changes.iter().enumerate() {
                if at != left_out {
                    scene.make(change);
                }
            }
            let still = scene.explained().await.outcome();
            assert_eq!(still, Outcome::Refused, "without {:?}", changes[left_out]);
        }
        let mut scene = self.clone();
        for change in &changes {
            scene.make(change);
        }
        let mended = scene.explained().await;
        assert_eq!(mended.outcome(), Outcome::Works, "{changes:#?}\n{mended:#?}");
    }
}

pub(crate) fn of(target: &str) -> Request {
    Request {
        target: Some(target.to_owned()),
        ..Request::default()
    }
}

/// A running scene.
pub(crate) struct Started {
    pub(crate) sandbox: Arc<Sandbox>,
    pub(crate) host: Host,
    profiles: Arc<ProfileSet>,
    cache: Arc<SessionCache>,
}

impl Started {
    pub(crate) fn provider(&self, request: Request) -> Provider {
        Provider::builder(self.host.clone())
            .cache(&self.cache)
            .profiles(&self.profiles)
            .request(request)
            .build()
            .unwrap()
    }
}

/// What a kind of policy says about assuming the role, in the last hop.
pub(crate) fn said(explanation: &Explanation, kind: PolicyKind) -> &Says {
    let hop = explanation.hops.last().unwrap();
    let mut layers = hop.layers.iter();
    &layers.find(|layer| layer.kind == kind).unwrap().says
}

//! The embedded AWS: STS, IAM, Organizations, Identity Center, sign-in, a little S3 and SNS, on loopback, that enforces what
//! AWS enforces.
//!
//! A [`Sandbox`] is a real HTTP server on a thread of its own, for tests that are async and tests that are not. It stops
//! when it is dropped. What it issues are canaries: keys that look like no real ones, and that [`Sandbox::secrets`]
//! remembers, so that a test can search whatever was printed, logged or written for them.
//!
//! ```
//! use rolecall_sandbox::{Sandbox, client::Client};
//! let sandbox = Sandbox::builder().start()?;
//! let joe = sandbox.user_keys("joe.bloggs").expect("the article's user");
//! let client = Client::new(sandbox.endpoint(), "us-east-1", joe.credentials());
//! # let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
//! let identity = runtime.block_on(client.get_caller_identity()).expect("joe may ask who he is");
//! assert_eq!(identity.arn, "arn:aws:iam::111111111111:user/joe.bloggs");
//! # Ok::<(), std::io::Error>(())
//! ```
#![forbid(unsafe_code)]

mod api;
mod authorization_message;
mod authz;
mod call;
mod calls;
pub mod client;
mod clock;
mod container;
mod control;
mod explain;
mod faults;
mod iam;
mod ids;
mod instance;
mod issuer;
mod mfa;
mod oidc;
mod organizations;
mod s3;
mod secrets;
mod server;
mod service;
mod signin;
mod sigv4;
mod sns;
mod sso;
mod state;
mod sts;
mod tls;
mod validate;
mod workload;
mod world;

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub use calls::{Call, Decided};
pub use faults::{Fault, PlannedFault};
pub use secrets::{IssuedSecrets, Leak};
use server::Shared;
pub use world::{
    Account, Group, IdentityCenter, ManagedPolicy, Organization, PermissionSet, Role, Unit, User, World,
    WorldError, WorldErrors,
};

/// How a sandbox is to be.
#[derive(Clone)]
#[must_use]
pub struct Builder {
    world: World,
    session_seconds: Option<u64>,
    port: u16,
    skew_seconds: i64,
    faults: Vec<PlannedFault>,
    tls: bool,
    observer: Option<calls::Observer>,
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("session_seconds", &self.session_seconds)
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            world: World::article(),
            session_seconds: None,
            port: 0,
            skew_seconds: 0,
            faults: Vec::new(),
            tls: false,
            observer: None,
        }
    }
}

impl Builder {
    /// What exists in it; [`World::article`] unless told.
    pub fn world(mut self, world: World) -> Self {
        self.world = world;
        self
    }

    /// Sessions end this many seconds after they were issued (at least 2), whatever was asked for. What is asked for is
    /// still held to AWS's limits.
    pub fn session_seconds(mut self, seconds: u64) -> Self {
        self.session_seconds = Some(seconds);
        self
    }

    /// The port on 127.0.0.1; 0 is any free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// A fault that waits for its calls from the start.
    pub fn fault(mut self, planned: PlannedFault) -> Self {
        self.faults.push(planned);
        self
    }

    /// The server's clocks run this many seconds ahead of the machine's (behind, where negative).
    pub fn skew(mut self, seconds: i64) -> Self {
        self.skew_seconds = seconds;
        self
    }

    /// Answers over TLS, under a certificate of an authority that is made for this sandbox alone:
    /// [`Sandbox::certificate_authority`].
    pub fn tls(mut self) -> Self {
        self.tls = true;
        self
    }

    /// Tells `observer` of every call as soon as it is decided, on the sandbox's own thread: `rolecall sandbox --explain`.
    pub fn observe(mut self, observer: impl Fn(&Call) + Send + Sync + 'static) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Starts it.
    ///
    /// # Errors
    /// When the port is taken, when the world is not sound, or when sessions are to last less than 2 seconds.
    pub fn start(self) -> io::Result<Sandbox> {
        if self.session_seconds.is_some_and(|seconds| seconds < 2) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "sessions of less than 2 seconds end before a client has used them",
            ));
        }
        let bound = |port| {
            let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
            listener.set_nonblocking(true)?;
            io::Result::Ok(listener)
        };
        let listener = bound(self.port)?;
        let tls = self.tls.then(tls::Tls::new).transpose()?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let endpoint = format!("{scheme}://{}", listener.local_addr()?);
        // The SDKs ask machines in plain HTTP, and trust no bundle of the user's there.
        let plain = self.tls.then(|| bound(0)).transpose()?;
        let machines = match &plain {
            Some(listener) => format!("http://{}", listener.local_addr()?),
            None => endpoint.clone(),
        };
        let recorder = secrets::Recorder::default();
        let shared = Arc::new(Shared {
            clock: clock::Clock::default(),
            state: Mutex::new(self.world.build(&recorder, &endpoint)?),
            world: self.world,
            recorder,
            log: calls::Log::new(self.observer),
            faults: faults::Faults::default(),
            session_seconds: self.session_seconds,
            issuer: issuer::Issuer::new(&endpoint)?,
            messages: authorization_message::Messages::new()
                .ok_or_else(|| io::Error::other("the operating system has no randomness"))?,
            endpoint: endpoint.clone(),
            machines,
            tls,
        });
        shared.clock.set_skew(self.skew_seconds);
        for planned in self.faults {
            shared.faults.plan(planned);
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("sandbox".to_owned())
            .spawn(move || {
                runtime.block_on(async move {
                    let plain = plain.map(TcpListener::from_std).transpose();
                    if let (Ok(listener), Ok(plain)) = (TcpListener::from_std(listener), plain) {
                        server::serve(listener, plain, served, stopped).await;
                    }
                });
            })?;
        Ok(Sandbox {
            endpoint,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// A running embedded AWS. Dropped, it stops.
pub struct Sandbox {
    endpoint: String,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<Infallible>>,
    thread: Option<JoinHandle<()>>,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

/// An account and its administrator's key, in the shape of `rolecall sandbox --json`.
#[derive(Clone, serde::Serialize)]
pub struct AccountAccess {
    /// Twelve digits.
    pub id: String,
    /// The key id of the user `admin`.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl AccountAccess {
    pub(crate) fn of_all(state: &state::State) -> Vec<Self> {
        let of = |id: &rolecall::AccountId| {
            let (key_id, key) = state.key_of(*id, "admin")?;
            Some(Self {
                id: id.to_string(),
                access_key_id: key_id.to_owned(),
                secret_access_key: key.secret.clone(),
            })
        };
        state.accounts.keys().filter_map(of).collect()
    }
}

impl fmt::Debug for AccountAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountAccess")
            .field("id", &self.id)
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

/// A user's long-term key.
#[derive(Clone)]
pub struct UserKeys {
    /// `AKIA…`.
    pub access_key_id: String,
    /// Its secret.
    pub secret_access_key: String,
}

impl UserKeys {
    /// The key as every Rust AWS client takes it.
    pub fn credentials(&self) -> aws_credential_types::Credentials {
        aws_credential_types::Credentials::new(
            &self.access_key_id,
            &self.secret_access_key,
            None,
            None,
            "sandbox",
        )
    }
}

impl fmt::Debug for UserKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserKeys")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

impl Sandbox {
    /// A sandbox of the article's world, unless told otherwise.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// `http://127.0.0.1:PORT`, for every service; `https://…` where it was told to speak TLS.
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The certificate, in PEM, of the authority that signed for this endpoint alone: what clients of a sandbox with
    /// [`Builder::tls`] are to trust.
    pub fn certificate_authority(&self) -> Option<&str> {
        self.shared.tls.as_ref().map(tls::Tls::authority)
    }

    /// Every account with the key of its administrator.
    pub fn accounts(&self) -> Vec<AccountAccess> {
        AccountAccess::of_all(&self.shared.state())
    }

    /// The line of `rolecall sandbox --json`: `{"endpoint": …, "accounts": […]}`. It holds the administrators' secrets.
    pub fn ready_line(&self) -> String {
        self.ready_line_with(None)
    }

    /// The same line with `ca_bundle`, where the certificate of the endpoint's authority was written to a file.
    pub fn ready_line_with(&self, ca_bundle: Option<&Path>) -> String {
        let mut line = serde_json::json!({"endpoint": self.endpoint, "accounts": self.accounts()});
        if let Some(path) = ca_bundle {
            line["ca_bundle"] = path.display().to_string().into();
        }
        line.to_string()
    }

    /// The text of `~/.aws/config` inside of `rolecall sandbox -- CMD`.
    pub fn config_file(&self) -> String {
        self.shared.world.config_file(&self.shared.state())
    }

    /// The text of `~/.aws/credentials` inside of `rolecall sandbox -- CMD`.
    pub fn credentials_file(&self) -> String {
        self.shared.world.credentials_file(&self.shared.state())
    }

    /// The names of the profiles in those files, in the world's order.
    pub fn profiles(&self) -> Vec<String> {
        self.shared.world.profile_names().map(str::to_owned).collect()
    }

    /// The serial numbers of the MFA devices that are enabled, as [`Self::mfa_code`] takes them.
    pub fn mfa_devices(&self) -> Vec<String> {
        mfa::serials(&self.shared.state())
    }

    /// The start URL of the Identity Center, where the world has one.
    pub fn start_url(&self) -> Option<String> {
        let state = self.shared.state();
        state
            .identity_center
            .as_ref()
            .map(|center| center.start_url.clone())
    }

    /// The first access key of a user, in the first account that has a user of this name.
    pub fn user_keys(&self, name: &str) -> Option<UserKeys> {
        let state = self.shared.state();
        let account = state
            .accounts
            .iter()
            .find(|(_, account)| account.users.contains_key(name))
            .map(|(id, _)| *id)?;
        let (id, key) = state.key_of(account, name)?;
        Some(UserKeys {
            access_key_id: id.to_owned(),
            secret_access_key: key.secret.clone(),
        })
    }

    /// A key of the account's own user, which is made when it is first asked for.
    pub fn root_keys(&self, account: &str) -> Option<UserKeys> {
        let mut state = self.shared.state();
        let account = account
            .parse()
            .ok()
            .filter(|id| state.accounts.contains_key(id))?;
        let id = match state.keys_of_root(account).first() {
            Some((id, _)) => (*id).to_owned(),
            None => state.create_access_key(account, state::Actor::Root),
        };
        let secret_access_key = state.keys.get(&id)?.secret.clone();
        Some(UserKeys {
            access_key_id: id,
            secret_access_key,
        })
    }

    /// Moves the session clock on: sessions end, and `aws:CurrentTime` moves. Signatures are judged as before.
    pub fn advance(&self, by: Duration) {
        self.shared.clock.advance(by);
    }

    /// The session clock.
    pub fn now(&self) -> SystemTime {
        self.shared.clock.session()
    }

    /// Lets the server's clocks run this many seconds ahead of the machine's (behind, where negative): what a client
    /// sees whose own clock is wrong.
    pub fn set_skew(&self, seconds: i64) {
        self.shared.clock.set_skew(seconds);
    }

    /// The code that answers a prompt for this MFA device now, `arn:aws:iam::ACCOUNT:mfa/NAME`: that of the present
    /// step, or of the next one where that is used up. `None` where there is no such device.
    pub fn mfa_code(&self, serial: &str) -> Option<String> {
        let state = self.shared.state();
        let device = mfa::find(&state, serial)?;
        Some(device.present_code(self.shared.clock.wall()).0)
    }

    /// A token of the sandbox's own OpenID Connect issuer, `ENDPOINT/_sandbox/oidc`, for AssumeRoleWithWebIdentity.
    /// `claims` is an object, as in `{"sub": "joe", "aud": "sts.amazonaws.com"}`; `iss`, `iat` and `exp` are filled in
    /// unless they are given, as `null` to leave one out, and `lifetime_seconds` says when it ends.
    pub fn web_identity_token(&self, claims: serde_json::Value) -> String {
        let claims = match claims {
            serde_json::Value::Object(claims) => claims,
            _ => serde_json::Map::new(),
        };
        let (issuer, recorder) = (&self.shared.issuer, &self.shared.recorder);
        issuer.mint(claims, self.now(), recorder)
    }

    /// Every secret access key and session token issued until now.
    pub fn secrets(&self) -> IssuedSecrets {
        self.shared.recorder.snapshot()
    }

    /// What was asked until now, oldest first; the last 10,000.
    pub fn calls(&self) -> Vec<Call> {
        self.shared.log.all()
    }

    /// How often an operation was called, refusals and faults included.
    pub fn count(&self, operation: &str) -> usize {
        self.shared.log.count(operation)
    }

    /// The next `times` calls of `operation` (`*` is any) meet `fault`.
    pub fn inject(&self, fault: Fault, operation: &str, times: usize) {
        if times > 0 {
            self.shared.faults.plan(PlannedFault {
                fault,
                operation: operation.to_owned(),
                times: Some(times),
            });
        }
    }

    /// Takes back every fault that was planned and has not met its call.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }

    /// Lets a user of the Identity Center's directory approve the device that shows `user_code`. Whether one waited and
    /// there is such a user.
    pub fn approve_device(&self, user_code: &str, user: &str) -> bool {
        let now = self.now();
        let mut state = self.shared.state();
        let center = state.identity_center.as_mut();
        center.is_some_and(|center| center.approve(user_code, user, now))
    }

    /// Seats a user of the Identity Center's directory at the browser, who says yes to everything: then a GET of the address
    /// that a client would open (`/authorize`, a device's `verificationUriComplete`) is all that signing in takes. `None`
    /// lets the pages ask again. Whether there is such a user.
    pub fn set_browser_user(&self, user: Option<&str>) -> bool {
        let mut state = self.shared.state();
        let center = state.identity_center.as_mut();
        center.is_some_and(|center| center.seat(user))
    }

    /// Ends every access token of the Identity Center, as if its time had come.
    pub fn end_access_tokens(&self) {
        let now = self.now();
        if let Some(center) = &mut self.shared.state().identity_center {
            center.signed_in.end_access(now);
        }
    }

    /// Ends every refresh token of the Identity Center: whoever holds one has to sign in again.
    pub fn end_refresh_tokens(&self) {
        let now = self.now();
        if let Some(center) = &mut self.shared.state().identity_center {
            center.signed_in.end_refresh(now);
        }
    }

    /// Where a container's credentials are, and the token that opens them: what `AWS_CONTAINER_CREDENTIALS_FULL_URI` and
    /// `AWS_CONTAINER_AUTHORIZATION_TOKEN` say inside of it.
    pub fn container(&self, name: &str) -> Option<(String, String)> {
        let state = self.shared.state();
        let task = state.tasks.get(name)?;
        Some((container::uri(&self.shared.machines, name), task.token.clone()))
    }

    /// The names of the world's containers.
    pub fn containers(&self) -> Vec<String> {
        self.shared.state().tasks.keys().cloned().collect()
    }

    /// Where the metadata of the world's instance is, for `AWS_EC2_METADATA_SERVICE_ENDPOINT`. It is plain HTTP, as at
    /// AWS: this endpoint, or another port of it under [`Builder::tls`].
    pub fn metadata_endpoint(&self) -> Option<&str> {
        let is_there = self.shared.state().instance.is_some();
        is_there.then_some(self.shared.machines.as_str())
    }

    /// Turns the instance's metadata service on or off: then it answers 403.
    pub fn set_instance_metadata(&self, enabled: bool) {
        if let Some(instance) = &mut self.shared.state().instance {
            instance.enabled = enabled;
        }
    }

    /// Whether the metadata service has the newer paths with the account's id, `…/security-credentials-extended`; where it
    /// has not, they answer 404.
    pub fn set_extended_metadata(&self, extended: bool) {
        if let Some(instance) = &mut self.shared.state().instance {
            instance.extended = extended;
        }
    }

    /// Gives the instance another role, or none. Whether there is an instance, and such a role that trusts EC2.
    pub fn set_instance_role(&self, role_arn: Option<&str>) -> bool {
        self.shared.state().set_instance_role(role_arn)
    }

    /// Ends every token of the metadata service, whose holders then hear 401.
    pub fn end_metadata_tokens(&self) {
        if let Some(instance) = &mut self.shared.state().instance {
            instance.tokens.clear();
        }
    }

    /// Refuses every session of a role that was issued until now, as the console's "Revoke active sessions" does: by an
    /// inline policy on `aws:TokenIssueTime`. Whether there is such a role.
    pub fn revoke_sessions(&self, role_arn: &str) -> bool {
        self.shared.state().revoke_sessions(role_arn, self.now())
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

//! From a chain to a session: the one place that talks to STS.

pub(crate) mod access_keys;
mod answer;
mod audited;
mod beyond;
mod builder;
mod container;
mod decision;
mod document;
mod durations;
mod federated;
mod handover;
mod hops;
mod login;
mod metadata;
mod mfa;
mod plain;
mod process;
mod reach;
pub(crate) mod reading;
mod role;
mod shared;
mod skew;
mod source;
pub mod sso;
mod web_identity;
mod whose;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, future};

use self::audited::Audited;
use self::durations::Negotiation;
use self::role::By;
use crate::agent::{About, Agent, Peeked};
use crate::chain::{Chain, Mfa, MfaStrategy, Request, SourceKind, TokenSource};
use crate::endpoint::Grant;
use crate::error::{Error, ErrorKind, is_throttling};
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::session::{Pace, Session, SessionCache, SessionKey, Slot};
use crate::vault::Vault;

pub use builder::ProviderBuilder;
pub(crate) use mfa::blocking;

pub use decision::is_too_long;
pub use durations::{Tries, remembered as remembered_duration};
pub use federated::Federated;
pub use handover::Handover;
pub use reach::{Reached, reach};
pub use role::CallerIdentity;
pub use whose::whose;

/// Credentials for one target, always fresh. Clone it freely; give it to any AWS client.
///
/// Making one reads files and resolves the chain; the network is first touched when credentials are asked for.
/// Providers made with one [`SessionCache`] share every session, those of roles in the middle of their chains included.
///
/// ```no_run
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let provider = rolecall::Provider::for_profile("prod")?;
/// let config = aws_config::defaults(aws_config::BehaviorVersion::latest()).credentials_provider(provider).load().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Provider(Arc<Inner>);

struct Inner {
    host: Host,
    profiles: Arc<ProfileSet>,
    chain: Chain,
    /// Where its sessions are, with those of others.
    cache: Arc<SessionCache>,
    /// The source's own session, where it has one, then one for each role.
    slots: Vec<Arc<Slot>>,
    /// What to resolve again when AWS refuses the source's key. None where the profiles were given: they are the caller's.
    request: Option<Request>,
    /// Whether plain http may leave this machine.
    is_insecure: bool,
    /// Who keeps sessions for all processes of this user.
    agent: Option<Agent>,
    /// Where the source's key rests, where it is in the vault.
    vault: Vault,
    /// Whose the vault's key was when the chain was resolved, where that is known.
    key_of: Option<String>,
    pace: Arc<Pace>,
    audited: Option<Audited>,
    /// Whom it waits for now: for the session of this slot, and in words.
    waits: Mutex<Option<(usize, String)>>,
    /// A person is told once that somebody is waited for.
    has_told_wait: AtomicBool,
    /// The source's credentials, once the files have others than those that were read at first.
    replaced: Mutex<Option<Credentials>>,
}

/// What a role is assumed with.
#[derive(Clone, Copy)]
enum With<'a> {
    Credentials(&'a Credentials),
    /// And with a code of the device.
    Code(&'a Credentials, &'a Mfa),
    Token(&'a TokenSource),
}

impl Provider {
    /// A provider for a profile of the user's AWS files, on this process's own environment.
    ///
    /// # Errors
    /// What is wrong in the files, as [`Chain::resolve`] has it.
    pub fn for_profile(name: &str) -> Result<Self, Error> {
        Self::builder(Host::system()).target(name).build()
    }

    /// A provider on a host of the caller's choice.
    pub fn builder(host: Host) -> ProviderBuilder {
        ProviderBuilder::on(host)
    }

    /// How the credentials are obtained.
    pub fn chain(&self) -> &Chain {
        &self.0.chain
    }

    /// The profiles the chain was resolved from.
    pub fn profiles(&self) -> &ProfileSet {
        &self.0.profiles
    }

    /// What this provider looks at the world through.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// The key of the session that is handed out.
    pub fn session_key(&self) -> SessionKey {
        self.0.last().key()
    }

    /// A session that can be used now; it is renewed as and when needed, once however many ask.
    ///
    /// # Errors
    /// Why there is none: see [`ErrorKind`].
    pub async fn session(&self) -> Result<Session, Error> {
        match self.0.last().fresh(self.0.host.now()) {
            Some(session) => Ok(session),
            None => Inner::session_of(&self.0, self.0.slots.len() - 1).await,
        }
    }

    /// The session, where there is one that may be handed out without asking anybody.
    pub fn valid_session(&self) -> Option<Session> {
        self.0.last().valid(self.0.host.now())
    }

    /// Whether the session is to be renewed: there is none, or its time has come. [`Provider::session`] does it by itself.
    pub fn needs_refresh(&self) -> bool {
        self.0.last().fresh(self.0.host.now()).is_none()
    }

    /// Obtains a new session now, whatever there is; joins a renewal that is under way.
    ///
    /// # Errors
    /// Why there is none. The session there was stays in use.
    pub async fn refresh(&self) -> Result<Session, Error> {
        let (inner, last) = (Arc::clone(&self.0), self.0.slots.len() - 1);
        self.0.last().renew(&self.0.host, || inner.mint(last)).await
    }

    /// The session that the agent has, if it can be handed out now, and whether this caller is to get its successor. Needs
    /// no runtime, waits for nobody, and starts no agent; for a process that is gone in a moment.
    pub fn peek(&self) -> Option<Peeked> {
        let (inner, last) = (&self.0, self.0.slots.len() - 1);
        let peeked = inner
            .agent
            .as_ref()?
            .peek(inner.shared_key(last)?, &inner.about(last))?;
        let fits = inner.fits(last, &peeked.session);
        if fits {
            inner.last().offer(peeked.session.clone(), inner.host.now());
        }
        fits.then_some(peeked)
    }

    /// The session that the agent has, if it can be handed out now. Whoever looks uses nothing and renews nothing.
    pub fn glance(&self) -> Option<Session> {
        self.glance_at(self.0.slots.len() - 1)
    }

    /// The same of the source's own session; `None` of a source that has none.
    pub fn glance_at_own(&self) -> Option<Session> {
        self.0.chain.own.and_then(|_| self.glance_at(0))
    }

    fn glance_at(&self, at: usize) -> Option<Session> {
        let inner = &self.0;
        let session = inner
            .agent
            .as_ref()?
            .glance(inner.shared_key(at)?, &inner.about(at))?;
        let fits = inner.fits(at, &session);
        if fits {
            // So that a refresh asks for another one than this.
            inner.slots[at].offer(session.clone(), inner.host.now());
        }
        fits.then_some(session)
    }

    /// The key under which the agent keeps the session that is handed out; `None` of one that is not shared.
    pub fn shared_key(&self) -> Option<SessionKey> {
        self.0.shared_key(self.0.slots.len() - 1)
    }

    /// Whom it waits for, in words, while another process gets a session that it needs.
    pub fn waits_for(&self) -> Option<String> {
        let waits = self.0.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.as_ref().map(|(_, whom)| whom.clone())
    }

    /// The keys under which the agent keeps the sessions of this provider's chain, the source's own included; what depends
    /// on more than can be known beforehand is not shared, and has none.
    pub fn shared_keys(&self) -> Vec<SessionKey> {
        (0..self.0.slots.len())
            .filter_map(|at| self.0.shared_key(at))
            .collect()
    }

    /// What the session that is handed out is, for people.
    pub fn about(&self) -> About {
        self.0.about(self.0.slots.len() - 1)
    }

    /// The vault it takes keys from, with what it has unlocked.
    pub fn vault(&self) -> &Vault {
        &self.0.vault
    }

    /// The agent it shares sessions with.
    pub fn agent(&self) -> Option<&Agent> {
        self.0.agent.as_ref()
    }

    /// Forgets the sessions under these keys of the agent; without any, all of this provider's chain. The agent has wiped
    /// them, and the next caller gets new ones.
    pub fn forget_shared(&self, keys: Option<&[SessionKey]>) {
        for (at, slot) in self.0.slots.iter().enumerate() {
            let concerns = match keys {
                None => true,
                Some(keys) => self.0.shared_key(at).is_some_and(|key| keys.contains(&key)),
            };
            if concerns {
                slot.forget();
            }
        }
    }

    /// Obtains the source's own session, and proves MFA for it where the chain does: what a person is asked for is asked
    /// now, and not when it is needed. `None` of a source that has no session of its own.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn own_session(&self) -> Result<Option<Session>, Error> {
        match self.0.chain.own {
            Some(_) => Inner::session_of(&self.0, 0).await.map(Some),
            None => Ok(None),
        }
    }

    /// Forgets the session; the next caller gets a new one.
    pub fn forget(&self) {
        self.0.last().forget();
    }

    /// Asks STS who the source is, before any role is assumed from it; `None` of a source that has no session of its own.
    ///
    /// # Errors
    /// Why there is no session, or why STS did not answer.
    pub async fn source_identity(&self) -> Result<Option<CallerIdentity>, Error> {
        if self.0.chain.own.is_none() {
            return Ok(None);
        }
        let session = Inner::session_of(&self.0, 0).await?;
        let chain = &self.0.chain;
        let by = By::hop(chain, Some(0), session.credentials().clone());
        let identity = role::caller_identity(&self.0.host, &chain.source_sts, by).await?;
        Ok(Some(identity))
    }

    /// Asks STS who the session is (`GetCallerIdentity`, which needs no permission). A profile without a role is asked
    /// for with its own key.
    ///
    /// # Errors
    /// Why there is no session, or why STS did not answer.
    pub async fn caller_identity(&self) -> Result<CallerIdentity, Error> {
        let chain = &self.0.chain;
        let sts = chain.roles.last().map_or(&chain.source_sts, |role| &role.sts);
        role::caller_identity(&self.0.host, sts, self.by().await?).await
    }

    /// What signs a call of the target's own: its session, or the key of a profile without a role.
    async fn by(&self) -> Result<By<'_>, Error> {
        let chain = &self.0.chain;
        // A session that proved MFA may do what the key alone may not.
        let proved = self.at_hand().is_some_and(|session| session.proves_mfa());
        let is_own_key = chain.roles.is_empty() && !chain.source.hands_out_sessions() && !proved;
        Ok(if is_own_key {
            By::hop(chain, None, self.0.source_credentials().await?)
        } else {
            let credentials = self.session().await?.credentials().clone();
            By::hop(chain, Some(chain.roles.len()), credentials)
        })
    }

    /// Whether plain http may leave this machine for this target.
    pub(crate) fn is_insecure(&self) -> bool {
        self.0.is_insecure
    }
}

impl Inner {
    fn last(&self) -> &Arc<Slot> {
        &self.slots[self.slots.len() - 1]
    }

    /// The session of one slot: every hop is a session of its own, shared by all chains with the same beginning.
    fn session_of(me: &Arc<Self>, at: usize) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send>> {
        let me = Arc::clone(me);
        Box::pin(async move {
            let slot = Arc::clone(&me.slots[at]);
            let minting = Arc::clone(&me);
            slot.session(&me.host, || minting.mint(at)).await
        })
    }

    /// Gets the session of one slot, wherever it comes from: the agent, or AWS.
    async fn mint(self: Arc<Self>, at: usize) -> Result<Session, Error> {
        match self.agent.clone() {
            Some(agent) => self.shared(&agent, at).await,
            None => self.mint_here(at).await,
        }
    }

    /// Gets it from AWS.
    async fn mint_here(self: Arc<Self>, at: usize) -> Result<Session, Error> {
        let bucket = self.account_and_region(at);
        self.pace.turn(&bucket).await;
        let outcome = Arc::clone(&self).called(at).await;
        if let Err(error) = &outcome
            && error.aws_code().is_some_and(is_throttling)
        {
            self.pace.slow_down(&bucket);
        }
        outcome
    }

    async fn called(self: Arc<Self>, at: usize) -> Result<Session, Error> {
        let own = usize::from(self.chain.own.is_some());
        if at < own {
            return self.told(at, self.own_session().await);
        }
        let hop = at - own;
        if at == 0 {
            return self.told(at, self.session_from_source().await);
        }
        let before = Self::session_of(&self, at - 1).await?;
        let outcome = self.assume(hop, before.credentials(), before.proves_mfa()).await;
        match outcome {
            // The hop before was ended early, by a revocation or a clock: one new one, and one more try.
            Err(error) if error.aws_code().is_some_and(answer::credential_rejected) => {
                self.slots[at - 1].reject(before.credentials().access_key_id());
                let before = Self::session_of(&self, at - 1).await?;
                self.told(
                    at,
                    self.assume(hop, before.credentials(), before.proves_mfa()).await,
                )
            }
            outcome => self.told(at, outcome),
        }
    }

    /// Assumes a role of the chain with these credentials; the first with an MFA code, where the chain wants it so.
    async fn assume(
        &self,
        hop: usize,
        credentials: &Credentials,
        proves_mfa: bool,
    ) -> Result<Session, Error> {
        let mfa = self.chain.mfa.as_ref().filter(|_| hop == 0);
        let direct = mfa.filter(|mfa| mfa.strategy == MfaStrategy::Direct);
        if let Some(mfa) = direct {
            return self.negotiated(hop, With::Code(credentials, mfa)).await;
        }
        let refused = match self.negotiated(hop, With::Credentials(credentials)).await {
            Err(error) => error,
            session => return session,
        };
        // A command was taken for one that prints a long-term key, and prints temporary ones. They may have proved the
        // device already; where they have not, the code can only go with the role.
        match mfa {
            Some(mfa) if !proves_mfa && refused.aws_code() == Some("AccessDenied") => {
                self.negotiated(hop, With::Code(credentials, mfa)).await
            }
            _ => Err(refused),
        }
    }

    /// Assumes a role; for less and less, where it is wanted as long as it allows.
    async fn negotiated(&self, hop: usize, with: With<'_>) -> Result<Session, Error> {
        let role = &self.chain.roles[hop];
        let tries = match with {
            // Each try costs a code of its own.
            With::Code(..) => Tries::One,
            With::Credentials(_) | With::Token(_) => Tries::Many,
        };
        let mut asked = Negotiation::new(&self.host, role, tries);
        loop {
            let (host, role) = (&self.host, asked.role());
            let by = |credentials: &Credentials| By::hop(&self.chain, Some(hop), credentials.clone());
            let outcome = match with {
                With::Credentials(credentials) => role::assume(host, role, &by(credentials), None).await,
                With::Code(credentials, mfa) => {
                    let (purpose, by) = (role.arn.to_string(), by(credentials));
                    let call = |proof| role::assume(host, role, &by, Some(proof));
                    mfa::proved(host, &self.chain, mfa, credentials, &purpose, call).await
                }
                With::Token(token) => web_identity::assume(host, &self.chain, role, token).await,
            };
            if let Some(settled) = asked.settled(outcome) {
                return settled;
            }
        }
    }
}

impl ProvideCredentials for Provider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        // The warm path: no boxed future, no call, one clone.
        match self.0.last().fresh(self.0.host.now()) {
            Some(session) => future::ProvideCredentials::ready(Ok(session.credentials().clone())),
            None => future::ProvideCredentials::new(async move {
                let session = self.session().await.map_err(to_credentials_error)?;
                Ok(session.credentials().clone())
            }),
        }
    }
}

fn to_credentials_error(error: Error) -> CredentialsError {
    match error.kind() {
        ErrorKind::NotConfigured => CredentialsError::not_loaded(error),
        ErrorKind::Config => CredentialsError::invalid_configuration(error),
        _ => CredentialsError::provider_error(error),
    }
}

impl Grant for Provider {
    fn valid(&self) -> Option<Session> {
        self.valid_session()
    }

    fn session(&self) -> Pin<Box<dyn Future<Output = Result<Session, Error>> + Send + '_>> {
        Box::pin(Self::session(self))
    }

    fn waits_for_person(&self) -> Option<Error> {
        let chain = self.chain();
        // Others on the same host may be asking too.
        let asks =
            chain.mfa.is_some() || matches!(chain.source.kind, SourceKind::Sso(_) | SourceKind::Vault(_));
        let what = self.host().asked_for().filter(|_| asks)?;
        let error = Error::new(ErrorKind::NeedsUser, format!("{what} is being asked for"));
        Some(error.with_hint(format!(
            "Answer it where it is asked, or run `rolecall whoami {}` in a terminal, and try again.",
            chain.target
        )))
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Provider")
            .field("target", &self.0.chain.target.to_string())
            .finish_non_exhaustive()
    }
}

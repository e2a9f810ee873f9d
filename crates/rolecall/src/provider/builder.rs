//! Making a [`Provider`]: what it reads, keeps and shares.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

use super::audited::Audited;
use super::{Inner, Provider};
use crate::agent::Agent;
use crate::audit::{Delivery, Log};
use crate::chain::{Chain, Request, SourceKind};
use crate::error::Error;
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::session::SessionCache;
use crate::vault::{List, Vault};

/// Builds a [`Provider`].
#[derive(Clone, Debug)]
pub struct ProviderBuilder {
    host: Host,
    profiles: Option<Arc<ProfileSet>>,
    cache: Arc<SessionCache>,
    request: Request,
    agent: Option<Agent>,
    vault: Option<Vault>,
    audited: Option<Audited>,
}

impl ProviderBuilder {
    /// The vault, opened once for many providers: what it is locked with is then asked for once. Without it each opens its
    /// own when it needs it.
    #[must_use]
    pub fn vault(mut self, vault: &Vault) -> Self {
        self.vault = Some(vault.clone());
        self
    }

    /// The agent to share sessions with: what another process of this user has got is not got again, and what this one gets
    /// is there for the others. Without it a provider shares nothing.
    #[must_use]
    pub fn agent(mut self, agent: Option<Agent>) -> Self {
        self.agent = agent;
        self
    }

    /// The log that is told of every session that is got or refused, and by which way this provider's reach their user.
    /// Without it nothing is recorded.
    #[must_use]
    pub fn audit(mut self, log: Log, delivery: Delivery) -> Self {
        self.audited = Some(Audited { log, delivery });
        self
    }

    /// The cache to keep sessions in: one for all providers of a service.
    #[must_use]
    pub fn cache(mut self, cache: &Arc<SessionCache>) -> Self {
        self.cache = Arc::clone(cache);
        self
    }

    /// The profiles, read once for many providers. Without them the files are read for this one, and again when AWS
    /// refuses the access key they held.
    #[must_use]
    pub fn profiles(mut self, profiles: &Arc<ProfileSet>) -> Self {
        self.profiles = Some(Arc::clone(profiles));
        self
    }

    /// A profile, a role ARN or `ACCOUNT/[PATH/]ROLE`.
    #[must_use]
    pub fn target(mut self, target: impl Into<String>) -> Self {
        self.request.target = Some(target.into());
        self
    }

    /// The target and everything that overrides its settings.
    #[must_use]
    pub fn request(mut self, request: Request) -> Self {
        self.request = request;
        self
    }

    /// Reads what has not been read, and resolves the chain.
    ///
    /// # Errors
    /// What is wrong in the files or the request, as [`Chain::resolve`] has it.
    pub fn build(self) -> Result<Provider, Error> {
        let (profiles, is_ours) = match &self.profiles {
            Some(profiles) => (Arc::clone(profiles), false),
            None => (Arc::new(ProfileSet::load(&self.host)?), true),
        };
        let chain = Chain::resolve(&profiles, &self.host, &self.request)?;
        let request = is_ours.then(|| self.request.clone());
        Ok(self.of_chain(profiles, chain, request))
    }

    /// One on this host, of the default target.
    pub(super) fn on(host: Host) -> Self {
        Self {
            host,
            profiles: None,
            cache: Arc::new(SessionCache::new()),
            request: Request::default(),
            agent: None,
            vault: None,
            audited: None,
        }
    }

    /// What another provider recorded by.
    pub(super) fn audited(mut self, audited: Option<Audited>) -> Self {
        self.audited = audited;
        self
    }

    pub(super) fn of_chain(
        self,
        profiles: Arc<ProfileSet>,
        chain: Chain,
        request: Option<Request>,
    ) -> Provider {
        let own = chain.own.map(|_| chain.source_key());
        let keys = own.into_iter().chain(chain.role_keys());
        let now = self.host.now();
        let slots = keys.map(|key| self.cache.slot_at(key, now)).collect();
        Provider(Arc::new(Inner {
            key_of: key_of(&self.host, &chain),
            vault: self.vault.unwrap_or_else(|| Vault::of(&self.host)),
            host: self.host,
            is_insecure: self.request.insecure_endpoint,
            profiles,
            chain,
            slots,
            agent: self.agent,
            pace: Arc::clone(self.cache.pace()),
            audited: self.audited,
            cache: self.cache,
            request,
            waits: Mutex::default(),
            has_told_wait: AtomicBool::new(false),
            replaced: Mutex::default(),
        }))
    }
}

/// Whose the vault's key is that the chain starts from.
fn key_of(host: &Host, chain: &Chain) -> Option<String> {
    let (SourceKind::Vault(key), Some(profile)) = (&chain.source.kind, &chain.source.profile) else {
        return None;
    };
    let list = List::load(host).ok()?;
    let entry = list.entry(profile)?;
    entry
        .arn
        .clone()
        .filter(|_| entry.access_key_id == key.access_key_id)
}

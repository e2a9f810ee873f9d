//! Sessions that all processes of a user share, through the agent.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::Inner;
use crate::agent::{About, Acquired, Agent, Holder};
use crate::arn::RoleArn;
use crate::chain::{SourceKind, TokenSource};
use crate::error::Error;
use crate::host::Host;
use crate::session::{KeyBuilder, Session, SessionKey};

/// A web identity token larger than this is none.
const LARGEST_TOKEN: u64 = 64 * 1024;

impl Inner {
    /// The session of one slot: from the agent, or from AWS with a lease of the agent's, so that nobody else asks too.
    pub(super) async fn shared(self: Arc<Self>, agent: &Agent, at: usize) -> Result<Session, Error> {
        let Some(key) = self.shared_key(at) else {
            return self.mint_here(at).await;
        };
        let slot = Arc::clone(&self.slots[at]);
        let unwanted = slot.unwanted();
        let not = unwanted.as_ref().map(|unwanted| unwanted.access_key_id.as_str());
        let is_rejected = unwanted.as_ref().is_some_and(|unwanted| unwanted.is_rejected);
        let about = self.about(at);
        let waiting = Waiting { inner: &self, at };
        let acquired = agent
            .acquire(key, not, is_rejected, &about, |holder| waiting.for_(holder))
            .await;
        drop(waiting);
        match acquired {
            Acquired::Session(peeked) if self.fits(at, &peeked.session) => Ok(peeked.session),
            // What is under this key is not what it says: nothing of it is believed.
            Acquired::Session(_) | Acquired::Alone => self.mint_here(at).await,
            Acquired::Refused(error) => Err(error),
            Acquired::Lease(lease, valid) => {
                if let Some(valid) = valid.filter(|valid| self.fits(at, valid)) {
                    slot.offer(valid, self.host.now());
                }
                let outcome = self.mint_here(at).await;
                lease.settle(&outcome).await;
                outcome
            }
        }
    }

    /// Whether a session that the agent gave is the one of this slot. The key says so already; what is handed out is looked
    /// at all the same, as STS's own answers are.
    pub(super) fn fits(&self, at: usize, session: &Session) -> bool {
        let own = usize::from(self.chain.own.is_some());
        let Some(role) = at.checked_sub(own).and_then(|hop| self.chain.roles.get(hop)) else {
            return session.principal().is_none();
        };
        let fits = session
            .principal()
            .is_some_and(|principal| principal.is_session_of(&role.arn, role.session_name.value.as_str()));
        if !fits {
            tracing::error!(role = %role.arn, "the agent gave a session of somebody else; it was thrown away");
        }
        fits
    }

    /// The key of a slot's session among all processes of this user. The slot's own key is of one process, where what a
    /// command prints, or who is signed in, is the same for all; between processes it depends on more. None: on more than
    /// can be known beforehand.
    pub(super) fn shared_key(&self, at: usize) -> Option<SessionKey> {
        let key = self.slots[at].key();
        let mut shared = KeyBuilder::new("shared");
        shared.parent(key);
        match &self.chain.source.kind {
            SourceKind::AccessKey(_)
            | SourceKind::Environment(_)
            | SourceKind::Vault(_)
            | SourceKind::Container(_)
            | SourceKind::InstanceMetadata(_) => return Some(key),
            // Whose sign-in is in the cache.
            SourceKind::Sso(_) | SourceKind::Login(_) => {
                shared
                    .text("home")
                    .optional(self.host.home().and_then(|home| home.to_str()));
            }
            // What it reads, as far as it reads what AWS's tools do.
            SourceKind::Process(_) => {
                shared
                    .text("environment")
                    .optional(self.host.home().and_then(|home| home.to_str()));
                for name in self.host.env_names_os().filter_map(|name| name.to_str()) {
                    if name.starts_with("AWS_") {
                        shared.text(name).optional(self.host.env(name));
                    }
                }
            }
            SourceKind::WebIdentity(TokenSource::File(path)) => {
                let (issuer, subject) = identity_of_token(&self.host, path)?;
                shared.text("web identity").text(&issuer).text(&subject);
            }
            SourceKind::WebIdentity(TokenSource::Process(_)) => return None,
        }
        Some(shared.finish())
    }

    /// What the session of a slot is, for people.
    pub(super) fn about(&self, at: usize) -> About {
        let own = usize::from(self.chain.own.is_some());
        let role = at.checked_sub(own).and_then(|hop| self.chain.roles.get(hop));
        About {
            target: self.chain.target.to_string(),
            role_arn: role.map(|role| role.arn.to_string()),
            session_name: role.map(|role| role.session_name.value.as_str().to_owned()),
            account_and_region: self.account_and_region(at),
            sign_in: match &self.chain.source.kind {
                SourceKind::Sso(sso) => Some(sso.session.start_url.clone()),
                _ => None,
            },
        }
    }

    /// Whose budget of calls a new session of this slot counts for: the account that calls, and the region. AWS counts
    /// `AssumeRole` for the calling account. Of a source whose account is not known it is the source itself.
    pub(super) fn account_and_region(&self, at: usize) -> String {
        let own = usize::from(self.chain.own.is_some());
        let hop = at.checked_sub(own);
        let region = hop.and_then(|hop| self.chain.roles.get(hop)).map_or_else(
            || self.chain.source_sts.region.as_str(),
            |role| role.sts.region.as_str(),
        );
        let caller = hop
            .and_then(|hop| hop.checked_sub(1))
            .map(|before| &self.chain.roles[before].arn);
        let account = caller.map(RoleArn::account).map_or_else(
            || self.chain.source_key().to_string(),
            |account| account.to_string(),
        );
        format!("{account} {region}")
    }
}

/// Who a web identity token is of: its issuer and its subject. They are read, not proved: STS does that.
fn identity_of_token(host: &Host, path: &std::path::Path) -> Option<(String, String)> {
    #[derive(Deserialize)]
    struct Claims {
        iss: String,
        sub: String,
    }
    // A pipe can be read once, and by STS's call.
    let meta = std::fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > LARGEST_TOKEN {
        return None;
    }
    let token = Zeroizing::new(host.read(path).ok()??);
    let payload = token.trim().split('.').nth(1)?;
    let payload = Zeroizing::new(URL_SAFE_NO_PAD.decode(payload.trim_end_matches('=')).ok()?);
    let claims: Claims = serde_json::from_slice(&payload).ok()?;
    Some((claims.iss, claims.sub))
}

/// A wait for somebody else who gets a session. The person is told, once it takes long.
struct Waiting<'a> {
    inner: &'a Inner,
    at: usize,
}

impl Waiting<'_> {
    /// Called when it begins, and again every few seconds.
    fn for_(&self, holder: &Holder) {
        let mut waits = self.inner.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (self.at, whom(holder));
        // The first word comes at once, and most sessions come right behind it.
        let is_long = waits.as_ref() == Some(&now);
        if is_long && !self.inner.has_told_wait.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "waiting for {}: it is getting this session, and may be asking somebody",
                now.1
            );
        }
        *waits = Some(now);
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.inner.waits.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

/// A process as a person finds it: what it is, what it is for, and its number.
fn whom(holder: &Holder) -> String {
    let delivery = match holder.caller.delivery.as_str() {
        "" => "another rolecall".to_owned(),
        delivery => format!("`rolecall {delivery}`"),
    };
    let pid = holder.process.pid;
    match &holder.caller.program {
        Some(program) => format!("{delivery} (process {pid}, started by {program})"),
        None => format!("{delivery} (process {pid})"),
    }
}

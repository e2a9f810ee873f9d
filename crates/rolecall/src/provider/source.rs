//! What is asked for with the source's own credentials, and what becomes of them when AWS refuses them.

use std::sync::PoisonError;
use std::time::SystemTime;

use aws_credential_types::Credentials;

use super::role::By;
use super::{Inner, With, answer, container, login, metadata, mfa, process, role, sso};
use crate::arn::AccountId;
use crate::chain::{Chain, MfaStrategy, OwnSession, Source, SourceKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::session::{Session, SessionParts};

/// How long a session is asked for with a long-term key that a source handed out: the default of `GetSessionToken` itself.
const FROM_A_SOURCE: u32 = 43_200;

/// What a source handed out.
pub(super) enum Fetched {
    /// Temporary credentials with an end.
    Session(Session),
    /// A long-term key, which is never handed on.
    Key(Credentials),
}

impl Inner {
    /// The session of the source itself: what it hands out, or one by `GetSessionToken`.
    pub(super) async fn own_session(&self) -> Result<Session, Error> {
        let source = &self.chain.source;
        if source.is_temporary_key() {
            if let Some(end) = source.ends_at() {
                return self.temporary_key(end).await;
            }
            return Err(Error::config(format!(
                "{source} is temporary, and nothing says when it ends: it can neither be renewed nor handed on"
            ))
            .with_hint("Name a role to assume with it, or use it as it is, without rolecall."));
        }
        if !source.hands_out_sessions() {
            return self.session_from_source().await;
        }
        match self.fetched().await? {
            Fetched::Session(session) => Ok(session),
            Fetched::Key(credentials) => {
                let mfa = self.chain.mfa.as_ref();
                let seconds = mfa.map_or(FROM_A_SOURCE, |mfa| mfa.session_seconds.value);
                self.session_token(credentials, seconds).await
            }
        }
    }

    /// The source's temporary key itself, of which something says when it ends.
    async fn temporary_key(&self, end: SystemTime) -> Result<Session, Error> {
        let now = self.host.now();
        if end <= now {
            return Err(self.ended(end));
        }
        let credentials = self.source_credentials().await?;
        Ok(Session::new(SessionParts {
            access_key_id: credentials.access_key_id().to_owned(),
            secret_access_key: credentials.secret_access_key().to_owned(),
            session_token: credentials.session_token().unwrap_or_default().to_owned(),
            account: self.account(),
            principal: None,
            issued_at: now,
            expires_at: end,
        }))
    }

    /// The account that is named beside the source's credentials, for those that name none themselves.
    fn account(&self) -> Option<AccountId> {
        let id = match &self.chain.source.profile {
            Some(name) => self.profiles.profile(name)?.value("aws_account_id"),
            None => self.host.env("AWS_ACCOUNT_ID"),
        };
        id?.parse().ok()
    }

    fn ended(&self, end: SystemTime) -> Error {
        let source = &self.chain.source;
        Error::new(
            ErrorKind::NeedsUser,
            format!(
                "{source} ended at {} ({})",
                crate::time::rfc3339(end),
                source.origin
            ),
        )
        .with_hint("Get new credentials with the tool that put these there, as with `saml2aws login`.")
    }

    async fn fetched(&self) -> Result<Fetched, Error> {
        let (host, source) = (&self.host, &self.chain.source);
        match &source.kind {
            SourceKind::Container(container) => container::fetch(host, container).await,
            SourceKind::InstanceMetadata(metadata) => metadata::fetch(host, metadata).await,
            SourceKind::Login(login) => login::fetch(host, source, login).await,
            SourceKind::Process(command) => process::fetch(host, source, command, self.account()).await,
            SourceKind::Sso(sso) => sso::fetch(host, source, sso).await,
            SourceKind::AccessKey(_)
            | SourceKind::Environment(_)
            | SourceKind::Vault(_)
            | SourceKind::WebIdentity(_) => Err(Error::new(
                ErrorKind::Internal,
                format!("{source} hands out no sessions"),
            )
            .with_hint("This is a bug of rolecall: please report it.")),
        }
    }

    /// What is asked for with the source's own key or token: the first role's session, or the source's own. When AWS refuses the key for a role and the files hold
    /// another one by now, that one is tried: tools that rewrite temporary keys do so under a provider that lives for weeks.
    ///
    /// The session stays in the slot whose key was made with the first access key id. That is right because the slot
    /// stands for this provider's chain, and the chain is the same: the same profile, the same roles with the same
    /// parameters; and of a role's session STS's answer says whether it is the one that was asked for.
    pub(super) async fn session_from_source(&self) -> Result<Session, Error> {
        if let SourceKind::WebIdentity(token) = &self.chain.source.kind {
            return self.negotiated(0, With::Token(token)).await;
        }
        let used = self.source_credentials().await?;
        // What is known to have ended is not sent: it is refused here, as AWS would.
        let replaced = self
            .replaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .is_some();
        let ended = self
            .chain
            .source
            .ends_at()
            .filter(|end| !replaced && *end <= self.host.now());
        let refused = match ended {
            Some(end) => self.ended(end),
            None => match self.ask(used.clone()).await {
                Err(error) if error.aws_code().is_some_and(answer::credential_rejected) => error,
                outcome => return outcome,
            },
        };
        let changed = self.changed_credentials(&used, refused).await?;
        let session = self.ask(changed.clone()).await?;
        // What is in the vault is asked for there each time, and kept nowhere else.
        if !matches!(self.chain.source.kind, SourceKind::Vault(_)) {
            *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
        }
        Ok(session)
    }

    /// What the source's own key is for: a session of its own where the chain has one, else the first role.
    async fn ask(&self, credentials: Credentials) -> Result<Session, Error> {
        match self.chain.own {
            Some(OwnSession::Token { seconds }) => self.session_token(credentials, seconds).await,
            Some(OwnSession::Fetched) | None => self.assume(0, &credentials, false).await,
        }
    }

    /// `GetSessionToken`, with an MFA code where the chain wants it so.
    async fn session_token(&self, credentials: Credentials, seconds: u32) -> Result<Session, Error> {
        let (host, chain) = (&self.host, &self.chain);
        let mfa = chain.mfa.as_ref();
        let by = &By::hop(chain, None, credentials.clone());
        match mfa.filter(|mfa| mfa.strategy == MfaStrategy::Session) {
            None => role::session_token(host, &chain.source_sts, seconds, by, None).await,
            Some(mfa) => {
                // The role is what a person knows the risk of, and the target what they typed.
                let purpose = match chain.roles.last() {
                    Some(role) if role.arn.to_string() != chain.target.to_string() => {
                        format!("{}, {}", chain.target, role.arn)
                    }
                    _ => chain.target.to_string(),
                };
                let call = |proof| role::session_token(host, &chain.source_sts, seconds, by, Some(proof));
                mfa::proved(host, chain, mfa, &credentials, &purpose, call).await
            }
        }
    }

    /// The source's credentials as the files have them now; `refused`, with what was found, when that is no help.
    async fn changed_credentials(&self, used: &Credentials, refused: Error) -> Result<Credentials, Error> {
        let source = &self.chain.source;
        let (Some(request), SourceKind::AccessKey(_) | SourceKind::Vault(_), Some(profile)) =
            (&self.request, &source.kind, &source.profile)
        else {
            return Err(refused);
        };
        // Without a role nothing says that the new key is the same user's, and a process does not change who it is.
        if self.chain.roles.is_empty() {
            return Err(refused.with_hint("Start it anew if the key in the AWS files has been replaced."));
        }
        let again = ProfileSet::load(&self.host)
            .and_then(|profiles| Ok((Chain::resolve(&profiles, &self.host, request)?, profiles)));
        let (chain, profiles) = match again {
            Ok(again) => again,
            Err(error) => {
                return Err(refused.with_hint(format!("The AWS files were read again, in vain: {error}.")));
            }
        };
        if !self.chain.differs_in_key_only(&chain) {
            return Err(refused.with_hint(
                "The AWS files have changed since, in more than a key: make the provider anew to use them.",
            ));
        }
        let changed = self.credentials_of(&chain.source, &profiles).await?;
        if parts(&changed) == parts(used) {
            return Err(refused.with_hint(format!(
                "The keys of profile `{profile}` have not changed since they were read."
            )));
        }
        tracing::info!(
            profile,
            "the source's key was refused, and the files have another one"
        );
        Ok(changed)
    }

    /// The source's credentials: those the files had last, as far as this provider knows.
    pub(super) async fn source_credentials(&self) -> Result<Credentials, Error> {
        let replaced = self
            .replaced
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        match replaced {
            Some(credentials) => Ok(credentials),
            None => self.credentials_of(&self.chain.source, &self.profiles).await,
        }
    }

    async fn credentials_of(&self, source: &Source, profiles: &ProfileSet) -> Result<Credentials, Error> {
        let (SourceKind::Vault(_), Some(profile)) = (&source.kind, source.profile.clone()) else {
            return credentials(source, profiles, &self.host);
        };
        // It may wait for a person, or for a keyring that waits for one.
        let vault = self.vault.clone();
        let _asking = self
            .host
            .asking(format!("the vault's key of profile `{profile}`"));
        let asked = profile.clone();
        let (key, whose) = mfa::blocking(move || {
            let key = vault.key(&asked)?;
            vault.rest();
            let list = vault.list()?;
            let whose = list.entry(&asked).and_then(|entry| entry.arn.clone());
            Ok((key, whose))
        })
        .await?;
        self.check_user(&profile, key.id(), whose.as_deref())?;
        Ok(Credentials::new(
            key.id(),
            key.secret().expose(),
            None,
            None,
            "rolecall",
        ))
    }
}

impl Inner {
    /// A key that was put into the vault since the chain was resolved has to be the same user's: a process does not change who
    /// it is, and its sessions lie in slots that are named by the first key. A role that is assumed with it says by STS's own
    /// answer that it is the one that was asked for.
    fn check_user(&self, profile: &str, id: &str, whose: Option<&str>) -> Result<(), Error> {
        let source = &self.chain.source;
        let is_checked_by_role = self.chain.own.is_none() && !self.chain.roles.is_empty();
        let is_same = self.key_of.is_some() && self.key_of.as_deref() == whose;
        if source.access_key_id() == Some(id) || is_checked_by_role || is_same {
            return Ok(());
        }
        Err(Error::config(format!(
            "the vault has another key of profile `{profile}` by now, and it is not known to be the same user's"
        ))
        .with_hint("Start what runs anew to use it."))
    }
}

/// What makes two credentials the same.
fn parts(credentials: &Credentials) -> [Option<&str>; 3] {
    [
        Some(credentials.access_key_id()),
        Some(credentials.secret_access_key()),
        credentials.session_token(),
    ]
}

/// A source's credentials, looked up where the chain says that they are.
fn credentials(source: &Source, profiles: &ProfileSet, host: &Host) -> Result<Credentials, Error> {
    let gone = || {
        Error::new(
            ErrorKind::NotConfigured,
            format!("{source} is not there any more"),
        )
        .with_hint("Make the provider anew: it reads the files again.")
    };
    let (secret, token) = match &source.kind {
        SourceKind::AccessKey(_) => {
            let profile = source
                .profile
                .as_deref()
                .and_then(|name| profiles.profile(name))
                .ok_or_else(gone)?;
            (
                profile.value("aws_secret_access_key"),
                profile.value("aws_session_token"),
            )
        }
        SourceKind::Environment(_) => (
            host.env("AWS_SECRET_ACCESS_KEY"),
            host.env("AWS_SESSION_TOKEN")
                .or_else(|| host.env("AWS_SECURITY_TOKEN")),
        ),
        _ => (None, None),
    };
    let (id, secret) = (source.access_key_id().ok_or_else(gone)?, secret.ok_or_else(gone)?);
    Ok(Credentials::new(
        id,
        secret,
        token.map(str::to_owned),
        None,
        "rolecall",
    ))
}

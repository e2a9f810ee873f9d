//! What is asked for with the source's own credentials, and what becomes of them when AWS refuses them.

use std::sync::PoisonError;

use aws_credential_types::Credentials;

use super::{Inner, answer, role};
use crate::chain::{Chain, Role, Source, SourceKind};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::session::Session;

impl Inner {
    /// A session of the source itself, for a target without a role: long-term keys are never handed out.
    pub(super) async fn own_session(&self) -> Result<Session, Error> {
        let source = &self.chain.source;
        if source.temporary {
            return Err(Error::config(format!(
                "{source} is temporary, and nothing says when it ends: it can neither be renewed nor handed on"
            ))
            .with_hint("Name a role to assume with it, or use it as it is, without rolecall."));
        }
        self.session_from_source(None).await
    }

    /// The session of the first role, or the source's own. When AWS refuses the key for a role and the files hold
    /// another one by now, that one is tried: tools that rewrite temporary keys do so under a provider that lives for weeks.
    ///
    /// The session stays in the slot whose key was made with the first access key id. That is right because the slot
    /// stands for this provider's chain, and the chain is the same: the same profile, the same roles with the same
    /// parameters; and of a role's session STS's answer says whether it is the one that was asked for.
    pub(super) async fn session_from_source(&self, role: Option<&Role>) -> Result<Session, Error> {
        let used = self.source_credentials()?;
        let refused = match self.ask(role, used.clone()).await {
            Err(error) if error.aws_code().is_some_and(answer::credential_rejected) => error,
            outcome => return outcome,
        };
        let changed = self.changed_credentials(&used, refused)?;
        let session = self.ask(role, changed.clone()).await?;
        *self.replaced.lock().unwrap_or_else(PoisonError::into_inner) = Some(changed);
        Ok(session)
    }

    async fn ask(&self, role: Option<&Role>, credentials: Credentials) -> Result<Session, Error> {
        let chain = &self.chain;
        match role {
            Some(role) => role::assume(&self.host, role, credentials).await,
            None => {
                let seconds = chain.source_duration();
                role::session_token(&self.host, &chain.source_sts, seconds, credentials).await
            }
        }
    }

    /// The source's credentials as the files have them now; `refused`, with what was found, when that is no help.
    fn changed_credentials(&self, used: &Credentials, refused: Error) -> Result<Credentials, Error> {
        let source = &self.chain.source;
        let (Some(request), SourceKind::AccessKey, Some(profile)) =
            (&self.request, source.kind, &source.profile)
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
        let changed = credentials(&chain.source, &profiles, &self.host)?;
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
    pub(super) fn source_credentials(&self) -> Result<Credentials, Error> {
        let replaced = self.replaced.lock().unwrap_or_else(PoisonError::into_inner);
        match replaced.as_ref() {
            Some(credentials) => Ok(credentials.clone()),
            None => credentials(&self.chain.source, &self.profiles, &self.host),
        }
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
    let (secret, token) = match source.kind {
        SourceKind::AccessKey => {
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
        SourceKind::Environment => (host.env("AWS_SECRET_ACCESS_KEY"), host.env("AWS_SESSION_TOKEN")),
    };
    let secret = secret.ok_or_else(gone)?;
    Ok(Credentials::new(
        source.access_key_id.clone(),
        secret,
        token.map(str::to_owned),
        None,
        "rolecall",
    ))
}

//! The calls about a user's own access keys, each of which says what it would have needed where IAM refuses it.
//!
//! No call names a user: "if you do not specify a user name, IAM determines the user name implicitly based on the access
//! key ID signing the request" (IAM API reference, of all five).

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sdk_iam::Client as Iam;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_iam::operation::RequestId;
use aws_sdk_iam::types::StatusType;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::decision::{Context, Service, Signer};
use super::role::{self, By, CallerIdentity};
use super::skew::SkewMeter;
use super::{Provider, answer, mfa, reading};
use crate::chain::{Endpoints, Service as Called, StsEndpoint};
use crate::error::{Error, ErrorKind, is_throttling};
use crate::secret::Secret;
use crate::vault::AccessKey;

/// What may be asked twice is: IAM throttles quickly, and a deletion that is done already says so.
const TRIES: u32 = 5;
/// What makes something new is asked once: an answer that was lost leaves a key whose secret nobody has.
const ONCE: u32 = 1;
/// How long the session is asked for that a code is given for, in seconds: longer than any rotation takes.
const SESSION: u32 = 3600;

/// The calls, for the user of one chain's source.
pub(crate) struct AccessKeys<'a> {
    provider: &'a Provider,
    iam: StsEndpoint,
}

/// What signs: an access key, or a session that it proved MFA for.
#[derive(Clone)]
pub(crate) struct Signing {
    credentials: Credentials,
    signer: Signer,
}

impl Signing {
    /// With the key itself.
    pub(crate) fn by(key: &AccessKey) -> Self {
        Self {
            credentials: Credentials::new(key.id(), key.secret().expose(), None, None, "rolecall"),
            signer: Signer::LongTermKey,
        }
    }

    /// Whether it is a session that an MFA code was given for.
    pub(crate) fn proves_mfa(&self) -> bool {
        self.signer == Signer::MfaSession
    }
}

/// A key as IAM lists it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct ListedKey {
    pub(crate) id: String,
    pub(crate) is_active: bool,
    pub(crate) created: Option<SystemTime>,
}

/// When a key was last used, and for what.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Use {
    pub(crate) at: SystemTime,
    pub(crate) service: String,
    pub(crate) region: String,
}

/// Why no new key came back.
#[derive(Debug)]
pub(crate) enum NotCreated {
    /// IAM said no: there is none.
    Refused(Error),
    /// Nobody knows whether there is one: its secret is lost either way.
    Lost(Error),
}

/// Whether AWS does not know the key that signed, or not yet.
pub(crate) fn is_unknown_key(error: &Error) -> bool {
    error.aws_code().is_some_and(answer::credential_rejected)
}

/// Whether AWS knows the key, and another secret of it.
pub(crate) fn is_wrong_secret(error: &Error) -> bool {
    error.aws_code() == Some("SignatureDoesNotMatch")
}

/// Whether IAM says that what was named is not there.
pub(crate) fn is_gone(error: &Error) -> bool {
    error.aws_code() == Some("NoSuchEntity")
}

/// Whether IAM says that there are as many as there may be.
pub(crate) fn is_full(error: &Error) -> bool {
    error.aws_code() == Some("LimitExceeded")
}

impl<'a> AccessKeys<'a> {
    /// Those of the user whose key the provider's chain begins with.
    ///
    /// # Errors
    /// What is wrong about IAM's endpoint.
    pub(crate) fn of(provider: &'a Provider) -> Result<Self, Error> {
        let chain = provider.chain();
        let endpoints = Endpoints {
            profiles: provider.profiles(),
            host: provider.host(),
            insecure: provider.is_insecure(),
        };
        let name = chain.source.profile.as_deref();
        let profile = name.and_then(|name| provider.profiles().profile(name));
        let iam = endpoints.locate(Called::Iam, profile, &chain.source_sts.region, &mut Vec::new())?;
        Ok(Self { provider, iam })
    }

    /// What signs for this key: itself, or, where the chain proves MFA, a session for which one code is given.
    ///
    /// # Errors
    /// Why there is no such session.
    pub(crate) async fn signing(&self, key: &AccessKey, purpose: &str) -> Result<Signing, Error> {
        let plain = Signing::by(key);
        let (host, chain) = (self.provider.host(), self.provider.chain());
        let Some(device) = &chain.mfa else {
            return Ok(plain);
        };
        let by = &self.by(&plain);
        let call = |proof| role::session_token(host, &chain.source_sts, SESSION, by, Some(proof));
        let session = mfa::proved(host, chain, device, &plain.credentials, purpose, call).await?;
        Ok(Signing {
            credentials: session.credentials().clone(),
            signer: Signer::MfaSession,
        })
    }

    fn by(&self, signing: &Signing) -> By<'_> {
        By {
            credentials: signing.credentials.clone(),
            signer: signing.signer,
            chain: self.provider.chain(),
        }
    }

    /// Who signs.
    pub(crate) async fn identity(&self, signing: &Signing) -> Result<CallerIdentity, Error> {
        let sts = &self.provider.chain().source_sts;
        role::caller_identity(self.provider.host(), sts, self.by(signing)).await
    }

    /// Every key of the user. There are two at most ("IAM and AWS STS quotas"), so that one page is all.
    pub(crate) async fn list(&self, signing: &Signing) -> Result<Vec<ListedKey>, Error> {
        let (client, skew) = self.client(signing, TRIES)?;
        let reply = client.list_access_keys().send().await;
        let reply = self.answer("ListAccessKeys", signing, &skew, reply).await?;
        let keys = reply.access_key_metadata.into_iter();
        Ok(keys
            .filter_map(|key| {
                Some(ListedKey {
                    id: key.access_key_id?,
                    is_active: key.status != Some(StatusType::Inactive),
                    created: key.create_date.and_then(|date| SystemTime::try_from(date).ok()),
                })
            })
            .collect())
    }

    /// When a key was last used; `None` where it never was.
    pub(crate) async fn last_used(&self, signing: &Signing, id: &str) -> Result<Option<Use>, Error> {
        let (client, skew) = self.client(signing, TRIES)?;
        let reply = client.get_access_key_last_used().access_key_id(id).send().await;
        let reply = self.answer("GetAccessKeyLastUsed", signing, &skew, reply).await?;
        Ok(reply.access_key_last_used.and_then(|used| {
            Some(Use {
                at: SystemTime::try_from(used.last_used_date?).ok()?,
                service: answer::clause(&used.service_name),
                region: answer::clause(&used.region),
            })
        }))
    }

    /// Makes a key. It is sent once, whatever comes back.
    pub(crate) async fn create(&self, signing: &Signing) -> Result<AccessKey, NotCreated> {
        let (client, skew) = self.client(signing, ONCE).map_err(NotCreated::Refused)?;
        let reply = client.create_access_key().send().await;
        let reply = self
            .answer("CreateAccessKey", signing, &skew, reply)
            .await
            .map_err(|error| match error.aws_code() {
                Some(code)
                    if is_throttling(code) || is_full(&error) || error.kind() != ErrorKind::Unavailable =>
                {
                    NotCreated::Refused(error)
                }
                _ => NotCreated::Lost(error),
            })?;
        let key = reply.access_key.ok_or_else(|| NotCreated::Lost(self.empty()))?;
        let secret = Secret::new(key.secret_access_key);
        AccessKey::new(&key.access_key_id, secret).map_err(|invalid| {
            NotCreated::Lost(Error::new(
                ErrorKind::Untrusted,
                format!("what IAM calls a new key is none: {invalid}"),
            ))
        })
    }

    /// Makes a key active or inactive.
    pub(crate) async fn set_active(&self, signing: &Signing, id: &str, is_active: bool) -> Result<(), Error> {
        let (client, skew) = self.client(signing, TRIES)?;
        let status = if is_active {
            StatusType::Active
        } else {
            StatusType::Inactive
        };
        let reply = client
            .update_access_key()
            .access_key_id(id)
            .status(status)
            .send()
            .await;
        self.answer("UpdateAccessKey", signing, &skew, reply)
            .await
            .map(drop)
    }

    /// Deletes a key.
    pub(crate) async fn delete(&self, signing: &Signing, id: &str) -> Result<(), Error> {
        let (client, skew) = self.client(signing, TRIES)?;
        let reply = client.delete_access_key().access_key_id(id).send().await;
        self.answer("DeleteAccessKey", signing, &skew, reply)
            .await
            .map(drop)
    }

    fn client(&self, signing: &Signing, tries: u32) -> Result<(Iam, SkewMeter), Error> {
        let host = self.provider.host();
        let skew = SkewMeter::correcting(host, self.provider.chain().corrects_clock);
        let retries = RetryConfig::standard().with_max_attempts(tries);
        let config = reading::config(host, &self.iam, signing.credentials.clone(), &skew, retries)?;
        Ok((Iam::from_conf(config), skew))
    }

    async fn answer<T, E>(
        &self,
        operation: &'static str,
        signing: &Signing,
        skew: &SkewMeter,
        reply: Result<T, SdkError<E, HttpResponse>>,
    ) -> Result<T, Error>
    where
        E: ProvideErrorMetadata + RequestId + std::error::Error + Send + Sync + 'static,
    {
        let error = match reply {
            Ok(reply) => return Ok(reply),
            Err(error) => error,
        };
        let context = Context {
            origin: Some(&self.iam.origin),
            region: Some(&self.iam.region),
            signer: signing.signer,
            source: Some(&self.provider.chain().source),
            skew: skew.seconds(),
            ..Context::new(operation, &self.iam.url)
        };
        let told = answer::told(self.provider.host(), &self.iam, error, Service::Iam, &context).await;
        Err(if told.kind() == ErrorKind::Denied && !is_unknown_key(&told) {
            self.needs(told, operation, signing)
        } else {
            told
        })
    }

    /// What a refusal by a policy needs: the statement, or a code.
    fn needs(&self, refused: Error, operation: &str, signing: &Signing) -> Error {
        let refused = refused.with_hint(format!(
            r#"The user needs: `{{"Effect": "Allow", "Action": "iam:{operation}", "Resource": "arn:*:iam::*:user/${{aws:username}}"}}`."#
        ));
        if signing.proves_mfa() {
            return refused;
        }
        refused.with_hint(
            "If its policies ask for MFA, name the device: --mfa-serial, or `mfa_serial` in the profile.",
        )
    }

    fn empty(&self) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!("IAM at {} answered CreateAccessKey without a key", self.iam.url),
        )
        .with_hint("Check AWS_ENDPOINT_URL and the proxies on the way.")
    }
}

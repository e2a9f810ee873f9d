//! A user's own access key, as far as the console takes it: by `GetFederationToken`, because it takes neither long-term keys
//! nor the sessions of `GetSessionToken`.

use aws_credential_types::Credentials;

use super::Provider;
use super::role::{self, By};
use crate::audit::{Op, Record, Who};
use crate::error::{Error, ErrorKind};
use crate::parameters::SessionDuration;
use crate::session::{KeyBuilder, Session};

/// A federated session may do what its policies and the user's own both allow: this one leaves it to the user's own.
const EVERYTHING: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;
/// "The name … can contain 2 to 32 characters" (`GetFederationToken`), of those that a user's name has as well.
const LONGEST_NAME: usize = 32;

/// A session that acts for a user under a name of its own.
#[derive(Debug)]
pub struct Federated {
    /// The session.
    pub session: Session,
    /// Whom it acts as, as in `arn:aws:sts::111111111111:federated-user/joe`.
    pub arn: String,
}

impl Provider {
    /// Whether the target is a user's own access key, without a role: what the console takes of it is
    /// [`Provider::federated`].
    pub fn is_own_key(&self) -> bool {
        let chain = self.chain();
        chain.roles.is_empty() && chain.source.is_long_term_key()
    }

    /// A session for the console of a user's own access key, by `GetFederationToken`: so long, and with the user's own
    /// permissions. It is got anew each time, and kept nowhere. No MFA device can be proved with it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for the root user, and for what is no user; AWS's refusals, as of any call.
    pub async fn federated(&self, duration: SessionDuration) -> Result<Federated, Error> {
        let outcome = self.federation_token(duration).await;
        let inner = &self.0;
        if let Some(audited) = inner.audited.as_ref().filter(|it| it.log.is_on()) {
            let mut key = KeyBuilder::new("federation token");
            key.parent(inner.chain.source_key())
                .count(duration.seconds().into());
            let who = Who::current();
            let record = match &outcome {
                Ok(federated) => Record::mint(&federated.session, &who, audited.delivery),
                Err(error) => Record::refuse(error, &who, audited.delivery),
            };
            let record = record.target(&inner.chain.target.to_string());
            audited.log.note(&record.session_key(key.finish()));
        }
        outcome
    }

    async fn federation_token(&self, duration: SessionDuration) -> Result<Federated, Error> {
        let (inner, chain) = (&self.0, self.chain());
        let by = By::hop(chain, None, inner.source_credentials().await?);
        let identity = role::caller_identity(&inner.host, &chain.source_sts, by.clone()).await?;
        let user = user(&identity.arn)?;
        let name = federated_name(user);
        let called = role::federation_token(
            &inner.host,
            &chain.source_sts,
            duration.seconds(),
            &by,
            &name,
            EVERYTHING,
        );
        match called.await {
            Ok((session, arn)) => Ok(Federated { session, arn }),
            Err(error) if error.kind() == ErrorKind::Denied => {
                let error = error.with_hint(format!(
                    r#"The console of a user's own key is opened by GetFederationToken: `{{"Effect": "Allow", "Action": "sts:GetFederationToken", "Resource": "arn:*:sts::{}:federated-user/{name}"}}`. Or name a role, which needs no such permission."#,
                    identity.account
                ));
                Err(match chain.mfa {
                    Some(_) => error.with_hint("GetFederationToken takes no MFA code: where the user's policies demand MFA, only a role opens the console from here."),
                    None => error,
                })
            }
            Err(error) => Err(error),
        }
    }

    /// The temporary key that the target is, without a role, where nothing says when it ends: it can neither be kept nor
    /// handed on, but the console may take it.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] when it has gone.
    pub async fn key_without_end(&self) -> Result<Option<Credentials>, Error> {
        let chain = self.chain();
        match chain.roles.is_empty() && chain.source.is_temporary_key() && chain.source.ends_at().is_none() {
            true => self.0.source_credentials().await.map(Some),
            false => Ok(None),
        }
    }

    /// Records that such a key was handed over, where there is a log.
    pub fn served_key(&self) {
        if let Some(audited) = &self.0.audited {
            let record = Record::new(Op::Serve, &Who::current(), audited.delivery);
            audited.log.note(&record.target(&self.chain().target.to_string()));
        }
    }
}

/// The user whose key it is.
fn user(arn: &str) -> Result<&str, Error> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    if resource == "root" {
        return Err(Error::config("the root user's access key opens no console")
            .with_hint("A console session of root's key could do everything, and nobody could hold it to less: sign in to the console as root with its password, or use the key of an IAM user, or a role."));
    }
    let user = resource
        .strip_prefix("user/")
        .and_then(|path| path.rsplit('/').next());
    user.filter(|user| !user.is_empty()).ok_or_else(|| {
        Error::config(format!(
            "`{arn}` is no user, and only a user's own key gets a federated session"
        ))
        .with_hint("Name a role, or a profile with a user's own access key.")
    })
}

/// The name of the federated session: the user's, as far as it fits.
fn federated_name(user: &str) -> String {
    let name: String = user.chars().take(LONGEST_NAME).collect();
    match name.len() {
        // A name of one letter is a user's, and none of a federated session's.
        1 => format!("{name}-"),
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_keeps_the_name_and_root_gets_none() {
        for (arn, name) in [
            ("arn:aws:iam::111111111111:user/joe.bloggs", "joe.bloggs"),
            ("arn:aws:iam::111111111111:user/team/x/joe", "joe"),
            ("arn:aws:iam::111111111111:user/x", "x-"),
            (
                "arn:aws-cn:iam::111111111111:user/abcdefghijklmnopqrstuvwxyz0123456789",
                "abcdefghijklmnopqrstuvwxyz012345",
            ),
        ] {
            assert_eq!(federated_name(user(arn).unwrap()), name);
        }
        let root = user("arn:aws:iam::111111111111:root").unwrap_err();
        assert!(root.to_string().starts_with("the root user") && !root.hints().is_empty());
        for other in [
            "arn:aws:sts::111111111111:assumed-role/A/joe",
            "arn:aws:iam::111111111111:user/",
            "",
        ] {
            assert!(user(other).is_err(), "{other}");
        }
    }
}

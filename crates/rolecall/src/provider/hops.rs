//! The sessions along a chain, one by one; and what STS says about its refusals.

use std::sync::Arc;

use super::decision::{Context, Service};
use super::skew::SkewMeter;
use super::{Provider, answer, role};
use crate::chain::{Request, SourceKind, Target};
use crate::error::{Error, ErrorKind};
use crate::session::Session;

impl Provider {
    /// A provider of whoever assumes the role at `hop`: the same chain, cut off before it. It shares this one's sessions.
    ///
    /// Before the first role that may be a key without a session of its own, which is only for [`Provider::caller_identity`]
    /// and for readers; [`Provider::has_session`] tells.
    pub(crate) fn up_to(&self, hop: usize) -> Self {
        let mut chain = self.0.chain.clone();
        if hop >= chain.roles.len() {
            return self.clone();
        }
        chain.roles.truncate(hop);
        if let Some(last) = chain.roles.last() {
            chain.target = Target::Role(last.arn.clone());
        } else if let Some(profile) = &chain.source.profile {
            chain.target = Target::Profile(profile.clone());
        }
        let request = Request {
            insecure_endpoint: self.is_insecure(),
            ..Request::default()
        };
        self.builder_beside(request).agent(self.0.agent.clone()).of_chain(
            Arc::clone(&self.0.profiles),
            chain,
            None,
        )
    }

    /// Whether it hands out a session, and is more than a key that signs by itself.
    pub(crate) fn has_session(&self) -> bool {
        !self.0.slots.is_empty()
    }

    /// Whether the source is a token that is no key: nothing but its own call can be signed with it.
    pub(crate) fn is_token(&self) -> bool {
        self.0.chain.roles.is_empty() && matches!(self.0.chain.source.kind, SourceKind::WebIdentity(_))
    }

    /// The session, where there is one already.
    pub(crate) fn at_hand(&self) -> Option<Session> {
        let now = self.0.host.now();
        self.0.slots.last().and_then(|slot| slot.valid(now))
    }

    /// What STS says in an encoded authorization message (`DecodeAuthorizationMessage`), as the JSON that it is.
    ///
    /// # Errors
    /// Why there is no session, or why STS does not say it: it needs `sts:DecodeAuthorizationMessage`, and a message of the
    /// same account.
    pub async fn decode_authorization_message(&self, message: &str) -> Result<String, Error> {
        let chain = self.chain();
        let sts = chain.roles.last().map_or(&chain.source_sts, |role| &role.sts);
        let (host, by) = (self.host(), self.by().await?);
        let skew = SkewMeter::correcting(host, chain.corrects_clock);
        let sent = role::client(host, sts, by.credentials.clone(), &skew, role::TRIES)?
            .decode_authorization_message()
            .encoded_message(message)
            .send()
            .await;
        match sent {
            Ok(reply) => reply.decoded_message.ok_or_else(|| {
                Error::new(
                    ErrorKind::Unavailable,
                    format!("STS at {} answered without what the message says", sts.url),
                )
                .with_hint("Check AWS_ENDPOINT_URL and the proxies on the way.")
            }),
            Err(error) => {
                let context = Context {
                    origin: Some(&sts.origin),
                    region: Some(&sts.region),
                    signer: by.signer,
                    source: Some(&chain.source),
                    skew: skew.seconds(),
                    ..Context::new("DecodeAuthorizationMessage", &sts.url)
                };
                Err(answer::told(host, sts, error, Service::Sts, &context).await)
            }
        }
    }
}

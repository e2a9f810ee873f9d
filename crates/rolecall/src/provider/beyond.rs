//! Providers of a role that a target may assume: the target's own chain, with one more role at its end.

use std::sync::Arc;

use super::{Provider, ProviderBuilder};
use crate::arn::RoleArn;
use crate::chain::{Configured, Request, Role, Target};
use crate::error::Error;
use crate::parameters::{SessionDuration, SessionPolicy, Tags};
use crate::profile::Origin;

impl Provider {
    /// A provider of a role assumed by this one's target, for so long and held to that policy. It shares this one's sessions.
    pub(crate) fn beyond(
        &self,
        role: &RoleArn,
        policy: SessionPolicy,
        duration: SessionDuration,
    ) -> Result<Self, Error> {
        let mut chain = self.0.chain.clone();
        let Some(last) = chain.roles.last() else {
            // What the source's key needs to assume a role, a code of a device perhaps, is for resolving to find out.
            let request = Request {
                target: Some(role.to_string()),
                source_profile: chain.source.profile.clone(),
                policy: Some(policy),
                duration: Some(crate::chain::AskedDuration::For(duration)),
                region: chain.region.as_ref().map(|region| region.value.clone()),
                insecure_endpoint: self.0.is_insecure,
                ..Request::default()
            };
            return self.builder_beside(request).build();
        };
        let given = |value| Configured {
            value,
            origin: Origin::Argument("TARGET"),
        };
        let role = Role {
            arn: role.clone(),
            session_name: last.session_name.clone(),
            external_id: None,
            mfa_serial: None,
            duration: Configured {
                value: duration,
                origin: Origin::Argument("TARGET"),
            },
            duration_is_longest: false,
            duration_capped_by: None,
            source_identity: None,
            tags: Tags::default(),
            policy: Some(given(policy)),
            policy_arns: Vec::new(),
            sts: last.sts.clone(),
            origin: Origin::Argument("TARGET"),
        };
        chain.target = Target::Role(role.arn.clone());
        chain.roles.push(role);
        Ok(self
            .builder_beside(Request::default())
            .of_chain(Arc::clone(&self.0.profiles), chain, None))
    }

    /// A provider of a profile for that role, if it starts from this one's target; with another length and policy than the
    /// profile's own.
    pub(crate) fn beside(
        &self,
        profile: &str,
        role: &RoleArn,
        policy: SessionPolicy,
        duration: SessionDuration,
    ) -> Option<Self> {
        let request = Request {
            target: Some(profile.to_owned()),
            policy: Some(policy),
            duration: Some(crate::chain::AskedDuration::For(duration)),
            insecure_endpoint: self.0.is_insecure,
            ..Request::default()
        };
        let found = self.builder_beside(request).build().ok()?;
        let (ours, theirs) = (&self.0.chain, &found.0.chain);
        let starts_here = theirs.source.to_string() == ours.source.to_string()
            && theirs.roles.len() == ours.roles.len() + 1
            && theirs
                .roles
                .iter()
                .zip(&ours.roles)
                .all(|(theirs, ours)| theirs.arn == ours.arn);
        (starts_here && theirs.roles.last().is_some_and(|last| last.arn == *role)).then_some(found)
    }

    pub(super) fn builder_beside(&self, request: Request) -> ProviderBuilder {
        let inner = &self.0;
        Self::builder(inner.host.clone())
            .cache(&inner.cache)
            .profiles(&inner.profiles)
            // What is got only to look needs nobody else; a code of a device that was proved does.
            .agent(inner.agent.clone().filter(|_| inner.chain.mfa.is_some()))
            .audited(inner.audited.clone())
            .vault(&inner.vault)
            .request(request)
    }
}

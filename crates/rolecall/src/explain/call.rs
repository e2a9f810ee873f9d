//! What the call of a hop carries: here everything is known that a chain decides, and only the rest is in doubt.

use std::collections::BTreeMap;

use crate::chain::{Chain, MfaStrategy, OwnSession, Role, SourceKind};
use crate::discover::{Holdings, Who};
use crate::policy::Context;
use crate::provider::Provider;
use crate::provider::reading::Entity;

pub(super) const ASSUME_ROLE: &str = "sts:AssumeRole";
pub(super) const TAG_SESSION: &str = "sts:TagSession";
pub(super) const SET_SOURCE_IDENTITY: &str = "sts:SetSourceIdentity";
pub(super) const MFA_PRESENT: &str = "aws:MultiFactorAuthPresent";
pub(super) const MFA_AGE: &str = "aws:MultiFactorAuthAge";

/// The keys that a call carries only where the caller says so; and those that AWS says of other kinds of call.
const OF_THE_CALL: [&str; 8] = [
    "sts:externalid",
    "sts:rolesessionname",
    "sts:durationseconds",
    "sts:sourceidentity",
    "sts:transitivetagkeys",
    "aws:tagkeys",
    "aws:requesttag/",
    "saml:",
];

/// One `AssumeRole` of a chain.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) chain: &'a Chain,
    pub(super) hop: usize,
}

impl<'a> Call<'a> {
    pub(super) fn role(self) -> &'a Role {
        &self.chain.roles[self.hop]
    }

    /// Whether its flags are those of the command line: they are the last role's.
    pub(super) fn is_last(self) -> bool {
        self.hop + 1 == self.chain.roles.len()
    }

    /// What the roles before set and hand on.
    fn inherited(self) -> BTreeMap<&'a str, &'a str> {
        let mut handed_on = BTreeMap::new();
        for role in &self.chain.roles[..self.hop] {
            let transitive = role.tags.transitive();
            for tag in role.tags.iter() {
                if transitive.iter().any(|key| key.eq_ignore_ascii_case(tag.key())) {
                    handed_on.insert(tag.key(), tag.value());
                }
            }
        }
        handed_on
    }

    /// The tags that the session will have, those that it inherits among them.
    fn tags(self) -> BTreeMap<&'a str, &'a str> {
        let mut tags = self.inherited();
        tags.extend(self.role().tags.iter().map(|tag| (tag.key(), tag.value())));
        tags
    }

    /// Who was said to be behind the session before this one.
    pub(super) fn identity_before(self) -> Option<&'a str> {
        let roles = self.chain.roles[..self.hop].iter();
        let identities = roles.filter_map(|role| role.source_identity.as_ref());
        identities.map(|identity| identity.value.as_str()).next()
    }

    /// The same of the session itself: once set it stays ("Monitor and control actions taken with assumed roles").
    fn identity(self) -> Option<&'a str> {
        let own = self.role().source_identity.as_ref();
        self.identity_before()
            .or(own.map(|identity| identity.value.as_str()))
    }

    /// What both sides have to allow.
    pub(super) fn actions(self) -> Vec<&'static str> {
        let mut actions = vec![ASSUME_ROLE];
        if !self.tags().is_empty() {
            actions.push(TAG_SESSION);
        }
        if self.identity().is_some() {
            actions.push(SET_SOURCE_IDENTITY);
        }
        actions
    }

    /// Everything that the call carries ("IAM and AWS STS condition context keys").
    pub(super) fn context(self, by: &Provider, holdings: &Holdings, role: Option<&Entity>) -> Context {
        let asked = self.role();
        let mut context = holdings.context.clone();
        for beginning in OF_THE_CALL {
            context.set_absent(beginning);
        }
        context.set("aws:RequestedRegion", asked.sts.region.as_str());
        context.set(
            "aws:SecureTransport",
            asked.sts.url.starts_with("https://").to_string(),
        );
        context.set("aws:ResourceAccount", asked.arn.account().as_str());
        context.set("sts:RoleSessionName", asked.session_name.value.as_str());
        context.set("sts:DurationSeconds", asked.duration.value.seconds().to_string());
        if let Some(id) = &asked.external_id {
            context.set("sts:ExternalId", id.value.as_str());
        }
        if let Some(identity) = self.identity() {
            context.set("sts:SourceIdentity", identity);
        }
        if let Some(identity) = self.identity_before() {
            context.set("aws:SourceIdentity", identity);
        }
        let tags = self.tags();
        for (key, value) in &tags {
            context.set(&format!("aws:RequestTag/{key}"), *value);
        }
        if !tags.is_empty() {
            context.set_all("aws:TagKeys", tags.keys().map(|key| (*key).to_owned()));
        }
        let transitive = asked.tags.transitive();
        if !transitive.is_empty() {
            context.set_all("sts:TransitiveTagKeys", transitive.iter().cloned());
        }
        if let Some(role) = role {
            for beginning in ["aws:resourcetag/", "iam:resourcetag/"] {
                context.set_absent(beginning);
                for (key, value) in &role.tags {
                    context.set(&format!("{beginning}{key}"), value.as_str());
                }
            }
        }
        if let Some(session) = by.at_hand() {
            context.set("aws:TokenIssueTime", crate::time::rfc3339(session.issued_at()));
        }
        self.set_principal_tags(&mut context, holdings);
        self.set_mfa(&mut context, by, holdings);
        context
    }

    fn set_principal_tags(self, context: &mut Context, holdings: &Holdings) {
        let Some(tags) = &holdings.tags else { return };
        // What an identity provider tagged a session with is its own to know.
        if matches!(holdings.caller.who, Who::Role { .. }) && self.hop == 0 {
            return;
        }
        context.set_absent("aws:principaltag/");
        for (key, value) in tags {
            context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
        }
        if let Some(before) = self.hop.checked_sub(1) {
            let session = Call { hop: before, ..self };
            for (key, value) in session.tags() {
                context.set(&format!("aws:PrincipalTag/{key}"), value);
            }
        }
    }

    /// What the call says of a device. A long-term key says nothing, a session without one says `false`, and a role's
    /// session never carries on what was proved for it ("Configuring MFA-protected API access").
    fn set_mfa(self, context: &mut Context, by: &Provider, holdings: &Holdings) {
        let proves_now = self.hop == 0
            && self
                .chain
                .mfa
                .as_ref()
                .is_some_and(|mfa| mfa.strategy == MfaStrategy::Direct);
        let mut set = |present: bool, age: Option<u64>| {
            context.set_absent(MFA_AGE);
            context.set(MFA_PRESENT, present.to_string());
            if let Some(age) = age {
                context.set(MFA_AGE, age.to_string());
            }
        };
        if proves_now {
            return set(true, Some(0));
        }
        if let Some(session) = by.at_hand().filter(crate::session::Session::proves_mfa) {
            let age = by.host().now().duration_since(session.issued_at());
            return set(true, Some(age.unwrap_or_default().as_secs()));
        }
        let is_role = matches!(holdings.caller.who, Who::Role { .. });
        match (&self.chain.source.kind, self.chain.own) {
            _ if is_role => set(false, None),
            (SourceKind::AccessKey(key) | SourceKind::Environment(key) | SourceKind::Vault(key), own)
                if !key.temporary =>
            {
                match own {
                    // The first role is assumed with a session that was got with a code, by another process perhaps: how old that
                    // is only the session knows.
                    Some(OwnSession::Token { .. })
                        if self.hop == 0
                            && self
                                .chain
                                .mfa
                                .as_ref()
                                .is_some_and(|mfa| mfa.strategy == MfaStrategy::Session) =>
                    {
                        context.set(MFA_PRESENT, "true");
                    }
                    Some(OwnSession::Token { .. }) => set(false, None),
                    _ => {
                        context.set_absent(MFA_PRESENT);
                        context.set_absent(MFA_AGE);
                    }
                }
            }
            // A session in a file may have been made with a code.
            _ => {}
        }
    }
}

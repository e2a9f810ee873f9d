//! What AssumeRole and AssumeRoleWithWebIdentity have in common: a role that is asked for, and how long for.

use rolecall::policy::Context;
use rolecall::{Partition, RoleArn};

use super::session_parameters::Tags;
use crate::api::Refusal;
use crate::authz;
use crate::call::Open;
use crate::faults::Fault;
use crate::state::{Role, State};
use crate::validate::{Checks, NAME};
use crate::world::did_you_mean;

/// An hour, unless asked.
const DEFAULT_SECONDS: u32 = 3600;

pub(super) struct Asked<'a> {
    pub(super) arn: &'a str,
    pub(super) session_name: &'a str,
    seconds: Option<u32>,
}

impl<'a> Asked<'a> {
    pub(super) fn read(checks: &mut Checks<'a>) -> Self {
        let asked = Self {
            arn: checks.role_arn(),
            session_name: checks.required("RoleSessionName", 2, 64, NAME),
            seconds: checks.number("DurationSeconds", 900, 43_200),
        };
        checks.number("MinimumSessionTokenSize", 0, 4096);
        asked
    }

    pub(super) fn seconds(&self) -> u32 {
        self.seconds.unwrap_or(DEFAULT_SECONDS)
    }

    /// The parts of the ARN, which must be one of a role in this partition: credentials never cross partitions.
    pub(super) fn wanted(&self) -> Result<RoleArn, Refusal> {
        self.arn
            .parse::<RoleArn>()
            .ok()
            .filter(|arn| arn.partition() == Partition::Aws)
            .ok_or_else(|| Refusal::validation(format!("{} is invalid", self.arn)))
    }

    /// The role itself, if it is there. Names are case-sensitive here, and the path is part of the name ("IAM
    /// identifiers").
    pub(super) fn find<'s>(&self, state: &'s State, wanted: &RoleArn) -> Option<&'s Role> {
        state
            .accounts
            .get(&wanted.account())
            .and_then(|account| account.roles.get(wanted.name()))
            .filter(|role| role.named.arn(wanted.account(), "role") == self.arn)
    }

    /// The role, or the refusal that a role gets which does not trust the caller: AWS does not tell them apart. Why is
    /// kept for whoever may know.
    pub(super) fn find_or_refuse<'s>(
        &self,
        call: &Open<'_>,
        state: &'s State,
        wanted: &RoleArn,
        refused: impl FnOnce() -> Refusal,
    ) -> Result<&'s Role, Refusal> {
        self.find(state, wanted).ok_or_else(|| {
            *call.untold.borrow_mut() = Some(self.absence(state, wanted));
            refused()
        })
    }

    /// Why the role cannot be found.
    fn absence(&self, state: &State, wanted: &RoleArn) -> String {
        let account = wanted.account();
        let Some(home) = state.accounts.get(&account) else {
            return format!("there is no account {account}");
        };
        if let Some(role) = home.roles.get(wanted.name()) {
            let arn = role.named.arn(account, "role");
            return format!("there is no role {}: the one of this name is {arn}", self.arn);
        }
        let near = did_you_mean(wanted.name(), home.roles.keys().map(String::as_str));
        let near = near.map(|near| format!(". {near}")).unwrap_or_default();
        format!("there is no role {}{near}", self.arn)
    }

    pub(super) fn check_duration(&self, role: &Role) -> Result<(), Refusal> {
        if self.seconds() > role.max_session_seconds {
            return Err(Refusal::validation(
                "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
            ));
        }
        Ok(())
    }

    /// Who the answer says the caller now is, which faults make a lie.
    pub(super) fn assumed_user(&self, fault: Option<Fault>, wanted: &RoleArn, unique_id: &str) -> String {
        let account = wanted.account();
        let (account, role, name) = match fault {
            Some(Fault::OtherAccount) => ("999999999999", wanted.name(), self.session_name),
            Some(Fault::OtherRole) => (account.as_str(), "OtherRole", self.session_name),
            Some(Fault::OtherSessionName) => (account.as_str(), wanted.name(), "other-session"),
            _ => (account.as_str(), wanted.name(), self.session_name),
        };
        format!(
            "<AssumedRoleUser><AssumedRoleId>{unique_id}:{name}</AssumedRoleId>\
             <Arn>arn:aws:sts::{account}:assumed-role/{role}/{name}</Arn></AssumedRoleUser>"
        )
    }

    /// The keys that gate a role ("IAM and AWS STS condition context keys").
    pub(super) fn set_context(&self, context: &mut Context, state: &State, wanted: &RoleArn) {
        context.set("sts:RoleSessionName", self.session_name);
        if let Some(seconds) = self.seconds {
            context.set("sts:DurationSeconds", seconds.to_string());
        }
        authz::set_owner(context, state, wanted.account());
        if let Some(role) = self.find(state, wanted) {
            for (key, value) in &role.named.tags {
                context.set(&format!("aws:ResourceTag/{key}"), value.as_str());
                context.set(&format!("iam:ResourceTag/{key}"), value.as_str());
            }
        }
    }
}

/// The keys of the tags that a session will have, those that it inherits among them.
pub(super) fn set_tags(context: &mut Context, tags: &Tags) {
    for (key, value) in &tags.set {
        context.set(&format!("aws:RequestTag/{key}"), value.as_str());
    }
    if !tags.set.is_empty() {
        context.set_all("aws:TagKeys", tags.set.keys().cloned());
    }
    if !tags.transitive.is_empty() {
        context.set_all("sts:TransitiveTagKeys", tags.transitive.iter().cloned());
    }
}

/// What is asked of the role's trust policy, besides the call itself.
pub(super) fn actions<'a>(call: &'a str, tags: &Tags, source_identity: Option<&str>) -> Vec<&'a str> {
    let mut actions = vec![call];
    if !tags.set.is_empty() {
        actions.push("sts:TagSession");
    }
    if source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    actions
}

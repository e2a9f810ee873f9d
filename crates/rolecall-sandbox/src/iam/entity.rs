//! Users, groups and roles: finding one, and what is the same for all three.

use rolecall::policy::Context;

use super::{Answered, Iam, Kind, conflict, exists, limit, no_such, not_attachable};
use crate::api::Refusal;
use crate::state::{Account, Named, State};

/// The most that an account may have ("IAM and AWS STS quotas", the default quotas).
pub(super) const MOST_USERS: usize = 5000;
pub(super) const MOST_GROUPS: usize = 300;
pub(super) const MOST_ROLES: usize = 1000;

impl Account {
    pub(super) fn named(&self, kind: Kind, name: &str) -> Option<&Named> {
        match kind {
            Kind::Group => self.groups.get(name).map(|group| &group.named),
            Kind::Role => self.roles.get(name).map(|role| &role.named),
            Kind::User => self.users.get(name).map(|user| &user.named),
        }
    }

    fn named_mut(&mut self, kind: Kind, name: &str) -> Option<&mut Named> {
        match kind {
            Kind::Group => self.groups.get_mut(name).map(|group| &mut group.named),
            Kind::Role => self.roles.get_mut(name).map(|role| &mut role.named),
            Kind::User => self.users.get_mut(name).map(|user| &mut user.named),
        }
    }

    /// Refuses a new name that is taken, or one too many. "Names are not distinguished by case" ("IAM identifiers").
    fn check_free(&self, kind: Kind, name: &str) -> Result<(), Refusal> {
        let taken = match kind {
            Kind::Group => self.groups.keys().any(|other| other.eq_ignore_ascii_case(name)),
            Kind::Role => self.roles.keys().any(|other| other.eq_ignore_ascii_case(name)),
            Kind::User => self.users.keys().any(|other| other.eq_ignore_ascii_case(name)),
        };
        if taken {
            return Err(exists(&format!("{} with name {name}", kind.title())));
        }
        Ok(())
    }
}

impl Iam<'_> {
    /// The condition keys of an operation on something that is there: its tags and its boundary ("Actions, resources,
    /// and condition keys for AWS Identity and Access Management").
    pub(super) fn entity_context(&self, state: &State, kind: Kind, name: &str) -> Context {
        let mut context = self.context(state);
        let named = state
            .accounts
            .get(&self.account)
            .and_then(|account| account.named(kind, name));
        if let Some(named) = named {
            set_resource_tags(&mut context, &named.tags);
            if let Some(boundary) = &named.boundary {
                context.set("iam:PermissionsBoundary", boundary.as_str());
            }
        }
        context
    }

    /// Whether the caller may do that to what it names, and whether that exists.
    pub(super) fn found(&self, state: &State, kind: Kind, name: &str) -> Result<(), Refusal> {
        self.found_with(state, kind, name, &self.entity_context(state, kind, name))
    }

    pub(super) fn found_with(
        &self,
        state: &State,
        kind: Kind,
        name: &str,
        context: &Context,
    ) -> Result<(), Refusal> {
        let named = self.seen(state)?.named(kind, name);
        let arn = match named {
            Some(named) => named.arn(self.account, kind.word()),
            None => self.arn(kind.word(), "/", name),
        };
        self.check_with(state, &arn, context)?;
        let named = named.ok_or_else(|| no_such(kind.word(), name))?;
        let reads = self.operation.starts_with("Get") || self.operation.starts_with("List");
        if kind == Kind::Role && !reads {
            self.check_modifiable(named)?;
        }
        Ok(())
    }

    /// Tags and description of a service-linked role are the customer's ("TagRole"; "Edit a service-linked role").
    fn check_modifiable(&self, named: &Named) -> Result<(), Refusal> {
        let linked = named.path.starts_with("/aws-service-role/");
        let open = matches!(self.operation, "TagRole" | "UntagRole" | "UpdateRoleDescription");
        if !is_reserved(&named.path) || (linked && open) {
            return Ok(());
        }
        Err(Refusal::new(
            400,
            "UnmodifiableEntity",
            format!(
                "Cannot perform the operation on the protected role '{}' - this role is only modifiable by AWS",
                named.name
            ),
        ))
    }

    /// What was found before.
    pub(super) fn entity<'s>(
        &self,
        state: &'s mut State,
        kind: Kind,
        name: &str,
    ) -> Result<&'s mut Named, Refusal> {
        self.home(state)?
            .named_mut(kind, name)
            .ok_or_else(|| no_such(kind.word(), name))
    }

    /// The same, only to look at.
    pub(super) fn entity_seen<'s>(
        &self,
        state: &'s State,
        kind: Kind,
        name: &str,
    ) -> Result<&'s Named, Refusal> {
        self.seen(state)?
            .named(kind, name)
            .ok_or_else(|| no_such(kind.word(), name))
    }

    /// Whether the caller may make something new, by its ARN, its tags and its boundary.
    pub(super) fn check_new(
        &self,
        state: &State,
        kind: Kind,
        arn: &str,
        tags: &[(&str, &str)],
        boundary: Option<&str>,
    ) -> Result<(), Refusal> {
        let mut context = self.context(state);
        set_request_tags(&mut context, tags);
        if let Some(boundary) = boundary {
            context.set("iam:PermissionsBoundary", boundary);
        }
        self.check_with(state, arn, &context)?;
        self.check_tagging(state, kind.title(), arn, tags, &context)?;
        self.check_boundary(state, boundary)
    }

    /// To make something with tags on it is to tag it, too, and needs `iam:TagUser` and its like ("IAM: Create new users
    /// only with specific tags").
    pub(super) fn check_tagging(
        &self,
        state: &State,
        what: &str,
        arn: &str,
        tags: &[(&str, &str)],
        context: &Context,
    ) -> Result<(), Refusal> {
        if tags.is_empty() {
            return Ok(());
        }
        self.check_action(state, &format!("iam:Tag{what}"), arn, context)
    }

    /// A boundary must exist.
    pub(super) fn check_boundary(&self, state: &State, boundary: Option<&str>) -> Result<(), Refusal> {
        match boundary {
            Some(arn) if state.managed(self.account, arn).is_none() => Err(Refusal::new(
                404,
                "NoSuchEntity",
                format!("Scope ARN: {arn} does not exist or is not attachable."),
            )),
            _ => Ok(()),
        }
    }

    /// Whether there is room for one more, and its name is free.
    pub(super) fn check_room(&self, state: &State, kind: Kind, name: &str) -> Result<(), Refusal> {
        let home = self.seen(state)?;
        home.check_free(kind, name)?;
        let (count, most, quota) = match kind {
            Kind::Group => (home.groups.len(), MOST_GROUPS, "GroupsPerAccount"),
            Kind::Role => (home.roles.len(), MOST_ROLES, "RolesPerAccount"),
            Kind::User => (home.users.len(), MOST_USERS, "UsersPerAccount"),
        };
        if count >= most {
            return Err(limit(quota, most));
        }
        Ok(())
    }

    /// Whether something may be called so from now on; what differs by case alone from its own old name may.
    pub(super) fn check_rename(
        &self,
        state: &State,
        kind: Kind,
        old: &str,
        new: &str,
    ) -> Result<(), Refusal> {
        if old.eq_ignore_ascii_case(new) {
            return Ok(());
        }
        self.seen(state)?.check_free(kind, new)
    }

    /// A boundary replaces the one before. The new one is what a policy on `iam:PermissionsBoundary` judges.
    pub(super) fn put_boundary(&self, state: &mut State) -> Answered {
        let kind = Kind::of(self.operation);
        let mut input = self.input();
        let name = input.existing(kind);
        let boundary = input.policy_arn("PermissionsBoundary");
        input.finish()?;
        let mut context = self.entity_context(state, kind, name);
        context.set("iam:PermissionsBoundary", boundary);
        self.found_with(state, kind, name, &context)?;
        self.check_boundary(state, Some(boundary))?;
        self.entity(state, kind, name)?.boundary = Some(boundary.to_owned());
        Ok(String::new())
    }

    pub(super) fn delete_boundary(&self, state: &mut State) -> Answered {
        let kind = Kind::of(self.operation);
        let mut input = self.input();
        let name = input.existing(kind);
        input.finish()?;
        self.found(state, kind, name)?;
        match self.entity(state, kind, name)?.boundary.take() {
            Some(_) => Ok(String::new()),
            None => Err(Refusal::new(
                404,
                "NoSuchEntity",
                format!(
                    "{} with name {name} does not have a permissions boundary.",
                    kind.title()
                ),
            )),
        }
    }
}

/// Roles at these paths are AWS's own services', which alone change them ("Using service-linked roles", "Permission
/// sets").
pub(super) fn is_reserved(path: &str) -> bool {
    path.starts_with("/aws-reserved/") || path.starts_with("/aws-service-role/")
}

/// What stands in the way of deleting a user, group or role.
pub(super) fn check_deletable(named: &Named) -> Result<(), Refusal> {
    if !named.attached.is_empty() {
        return Err(conflict("detach all policies"));
    }
    if !named.inline.is_empty() {
        return Err(conflict("delete policies"));
    }
    Ok(())
}

/// The tags of what an operation is about, under both names they have.
pub(super) fn set_resource_tags(context: &mut Context, tags: &std::collections::BTreeMap<String, String>) {
    for (key, value) in tags {
        context.set(&format!("aws:ResourceTag/{key}"), value.as_str());
        context.set(&format!("iam:ResourceTag/{key}"), value.as_str());
    }
}

/// The tags that a call sets.
pub(super) fn set_request_tags(context: &mut Context, tags: &[(&str, &str)]) {
    for (key, value) in tags {
        context.set(&format!("aws:RequestTag/{key}"), *value);
    }
    if !tags.is_empty() {
        context.set_all("aws:TagKeys", tags.iter().map(|(key, _)| (*key).to_owned()));
    }
}

/// A managed policy that is to be attached or to be a boundary.
pub(super) fn check_attachable(state: &State, iam: &Iam<'_>, arn: &str) -> Result<(), Refusal> {
    match state.managed(iam.account, arn) {
        Some(_) => Ok(()),
        None => Err(not_attachable(arn)),
    }
}

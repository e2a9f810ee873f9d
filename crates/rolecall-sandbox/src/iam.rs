//! Identity and Access Management ("AWS Identity and Access Management API Reference").
//!
//! Every operation goes the same way: its parameters are read and held to their limits, its caller is found to be allowed
//! to do that to what it names, what it names is found to exist, and only then is anything looked at or changed.

mod absent;
mod access_keys;
mod account;
mod attachments;
mod details;
mod entity;
mod groups;
mod inline;
mod input;
mod mfa;
mod oidc_providers;
mod page;
mod policies;
mod render;
mod roles;
mod simulate;
mod tags;
mod trust;
mod users;
mod versions;

use rolecall::AccountId;
use rolecall::policy::Context;

use crate::api::{Answer, Refusal, query_answer};
use crate::authz::{self, Wish};
use crate::call::Call;
use crate::service::Service;
use crate::state::{Account, Actor, State};
use input::Input;

/// A call and the account it is about.
struct Iam<'a> {
    call: &'a Call<'a>,
    operation: &'a str,
    account: AccountId,
}

/// What holds policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Group,
    Role,
    User,
}

impl Kind {
    /// The kind an operation is about, by its name: the groups' and the roles' say so, everything else is the users'.
    fn of(operation: &str) -> Self {
        if operation.contains("Role") {
            Self::Role
        } else if operation.contains("Group") && !operation.contains("User") {
            Self::Group
        } else {
            Self::User
        }
    }

    /// As messages and ARNs have it.
    fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Role => "role",
            Self::User => "user",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Group => "Group",
            Self::Role => "Role",
            Self::User => "User",
        }
    }

    fn parameter(self) -> &'static str {
        match self {
            Self::Group => "GroupName",
            Self::Role => "RoleName",
            Self::User => "UserName",
        }
    }
}

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let caller = &call.verified.caller;
    // "You cannot call any IAM API operations unless MFA authentication information is included" (GetSessionToken).
    let barred = caller.session.as_ref().is_some_and(|session| match caller.actor {
        Actor::User(_) | Actor::Root => session.mfa.is_none(),
        Actor::Federated { .. } => true,
        Actor::Role { .. } => false,
    });
    if barred {
        return Err(Refusal::new(
            403,
            "InvalidClientTokenId",
            "The security token included in the request is invalid.",
        ));
    }
    let iam = Iam {
        call,
        operation,
        account: caller.account,
    };
    let rooms: [fn(&Iam<'_>, &mut State) -> Option<Answered>; 13] = [
        users::answer,
        access_keys::answer,
        groups::answer,
        roles::answer,
        policies::answer,
        versions::answer,
        attachments::answer,
        inline::answer,
        tags::answer,
        account::answer,
        simulate::answer,
        mfa::answer,
        oidc_providers::answer,
    ];
    let result = rooms
        .iter()
        .find_map(|room| room(&iam, state))
        .unwrap_or_else(|| {
            Err(Refusal::new(
                400,
                "InvalidAction",
                format!("Could not find operation {operation} for version 2010-05-08"),
            ))
        })?;
    Ok(query_answer(Service::Iam, operation, call.request_id, &result))
}

/// What every operation answers: the inside of its result element.
type Answered = Result<String, Refusal>;

impl<'a> Iam<'a> {
    fn input(&self) -> Input<'a> {
        Input::new(self.call.params)
    }

    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.account)
    }

    /// The condition keys of every call of IAM.
    fn context(&self, state: &State) -> Context {
        let mut context = self.call.context(state);
        authz::set_owner(&mut context, state, self.account);
        context
    }

    /// May the caller do this to that, without further keys?
    fn check(&self, state: &State, resource: &str) -> Result<(), Refusal> {
        self.check_with(state, resource, &self.context(state))
    }

    fn check_with(&self, state: &State, resource: &str, context: &Context) -> Result<(), Refusal> {
        self.check_action(state, &format!("iam:{}", self.operation), resource, context)
    }

    fn check_action(
        &self,
        state: &State,
        action: &str,
        resource: &str,
        context: &Context,
    ) -> Result<(), Refusal> {
        let wish = Wish {
            action,
            resource,
            owner: self.account,
            trust: None,
        };
        self.call.authorize(state, &wish, context)
    }

    fn home<'s>(&self, state: &'s mut State) -> Result<&'s mut Account, Refusal> {
        state
            .accounts
            .get_mut(&self.account)
            .ok_or_else(|| no_such("account", self.account.as_str()))
    }

    /// The same, only to look at.
    fn seen<'s>(&self, state: &'s State) -> Result<&'s Account, Refusal> {
        state
            .accounts
            .get(&self.account)
            .ok_or_else(|| no_such("account", self.account.as_str()))
    }
}

fn no_such(kind: &str, name: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("The {kind} with name {name} cannot be found."),
    )
}

/// A managed policy that is asked for itself.
fn no_such_policy(arn: &str) -> Refusal {
    Refusal::new(404, "NoSuchEntity", format!("Policy {arn} was not found."))
}

/// A managed policy, or a version of one, that something is to be done with.
fn not_attachable(what: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("Policy {what} does not exist or is not attachable."),
    )
}

fn exists(what: &str) -> Refusal {
    Refusal::new(409, "EntityAlreadyExists", format!("{what} already exists."))
}

fn conflict(why: &str) -> Refusal {
    Refusal::new(
        409,
        "DeleteConflict",
        format!("Cannot delete entity, must {why} first."),
    )
}

fn limit(quota: &str, most: usize) -> Refusal {
    Refusal::new(
        409,
        "LimitExceeded",
        format!("Cannot exceed quota for {quota}: {most}"),
    )
}

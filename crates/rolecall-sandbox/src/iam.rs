//! Enough of IAM to set up a world ("AWS Identity and Access Management API Reference").

mod policies;
mod render;
mod roles;
mod users;

use rolecall::AccountId;

use crate::api::{Answer, Refusal, query_answer};
use crate::authz::Wish;
use crate::call::Call;
use crate::service::Service;
use crate::state::{Account, Actor, Named, State};

/// A call and the account it is about.
struct Iam<'a> {
    call: &'a Call<'a>,
    account: AccountId,
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
        account: caller.account,
    };
    let result = users::answer(operation, &iam, state)
        .or_else(|| roles::answer(operation, &iam, state))
        .or_else(|| policies::answer(operation, &iam, state))
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

impl Iam<'_> {
    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.call.params.required(name)
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.call.params.find(name)
    }

    fn arn(&self, kind: &str, path: &str, name: &str) -> String {
        format!("arn:aws:iam::{}:{kind}{path}{name}", self.account)
    }

    fn check(&self, state: &State, operation: &str, resource: &str) -> Result<(), Refusal> {
        let action = format!("iam:{operation}");
        let wish = Wish {
            action: &action,
            resource,
            owner: self.account,
            trust: None,
        };
        let context = self.call.context(state);
        self.call.authorize(state, &wish, &context)
    }

    fn home<'s>(&self, state: &'s mut State) -> Result<&'s mut Account, Refusal> {
        state
            .accounts
            .get_mut(&self.account)
            .ok_or_else(|| no_such("account", self.account.as_str()))
    }

    /// The user or role a call names, after the caller was found to be allowed to do that to it.
    fn named<'s>(&self, state: &'s mut State, operation: &str, user: bool) -> Result<&'s mut Named, Refusal> {
        let (kind, parameter) = if user {
            ("user", "UserName")
        } else {
            ("role", "RoleName")
        };
        let name = match self.find(parameter) {
            Some(name) => name.to_owned(),
            None => match &self.call.verified.caller.actor {
                // "If you do not specify a user name, IAM determines it from the access key".
                Actor::User(own) if user => own.clone(),
                _ => self.required(parameter)?.to_owned(),
            },
        };
        let path = state.accounts.get(&self.account).and_then(|account| {
            if user {
                account.users.get(&name).map(|user| user.named.path.clone())
            } else {
                account.roles.get(&name).map(|role| role.named.path.clone())
            }
        });
        let arn = self.arn(kind, path.as_deref().unwrap_or("/"), &name);
        self.check(state, operation, &arn)?;
        let account = self.home(state)?;
        let found = if user {
            account.users.get_mut(&name).map(|user| &mut user.named)
        } else {
            account.roles.get_mut(&name).map(|role| &mut role.named)
        };
        found.ok_or_else(|| no_such(kind, &name))
    }

    /// Path and name of something new, by the rules of names and paths ("IAM and AWS STS quotas").
    fn new_name(&self, parameter: &str) -> Result<(String, String), Refusal> {
        let name = self.required(parameter)?;
        let path = self.find("Path").unwrap_or("/");
        let good_name = (1..=64).contains(&name.len())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c));
        if !good_name {
            return Err(Refusal::validation(format!(
                "The specified value for {} is invalid. It must contain only alphanumeric characters and/or the \
                 following: +=,.@_-",
                crate::api::lower_first(parameter)
            )));
        }
        let good_path = path.starts_with('/')
            && path.ends_with('/')
            && path.len() <= 512
            && path.bytes().all(|byte| (0x21..=0x7e).contains(&byte));
        if !good_path {
            return Err(Refusal::validation(
                "The specified value for path is invalid. It must begin and end with / and contain only \
                 alphanumeric characters and/or / characters.",
            ));
        }
        Ok((path.to_owned(), name.to_owned()))
    }

    fn tags(&self) -> Result<std::collections::BTreeMap<String, String>, Refusal> {
        let keys = self.call.params.members("Tags", "Key");
        let values = self.call.params.members("Tags", "Value");
        keys.iter()
            .zip(&values)
            .map(|(key, value)| {
                rolecall::Tag::new(key.unwrap_or_default(), value.unwrap_or_default())
                    .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
                    .map_err(|error| Refusal::validation(error.to_string()))
            })
            .collect()
    }

    /// The boundary of something new, which must exist.
    fn boundary(&self, state: &State) -> Result<Option<String>, Refusal> {
        match self.find("PermissionsBoundary") {
            Some(arn) if state.managed(self.account, arn).is_none() => Err(no_such_policy(arn)),
            boundary => Ok(boundary.map(str::to_owned)),
        }
    }
}

fn no_such(kind: &str, name: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("The {kind} with name {name} cannot be found."),
    )
}

fn no_such_policy(arn: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("Policy {arn} does not exist or is not attachable."),
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

/// What stands in the way of deleting a user or role.
fn check_deletable(named: &Named) -> Result<(), Refusal> {
    if !named.inline.is_empty() {
        return Err(conflict("delete policies"));
    }
    if !named.attached.is_empty() {
        return Err(conflict("detach all policies"));
    }
    Ok(())
}

//! Access keys of users, and of the account's own user.

use std::sync::atomic::Ordering;

use super::users::Whose;
use super::{Answered, Iam, Kind, limit};
use crate::api::{Refusal, escaped};
use crate::clock;
use crate::faults::Fault;
use crate::state::{AccessKey, Actor, State};

/// "AccessKeysPerUser" ("IAM and AWS STS quotas").
pub(super) const MOST_KEYS: usize = 2;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreateAccessKey" => create(iam, state),
        "DeleteAccessKey" => delete(iam, state),
        "GetAccessKeyLastUsed" => last_used(iam, state),
        "ListAccessKeys" => list(iam, state),
        "UpdateAccessKey" => update(iam, state),
        _ => return None,
    })
}

fn keys_of<'s>(iam: &Iam<'_>, state: &'s State, whose: &Whose) -> Vec<(&'s str, &'s AccessKey)> {
    match whose {
        Whose::Root => state.keys_of_root(iam.account),
        Whose::User(name) => state.keys_of(iam.account, name),
    }
}

/// The account's own user has no name.
fn user_name(whose: &Whose) -> String {
    match whose {
        Whose::Root => String::new(),
        Whose::User(name) => format!("<UserName>{}</UserName>", escaped(name)),
    }
}

fn status(key: &AccessKey) -> &'static str {
    if key.active { "Active" } else { "Inactive" }
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 128);
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    if keys_of(iam, state, &whose).len() >= MOST_KEYS {
        return Err(limit("AccessKeysPerUser", MOST_KEYS));
    }
    let actor = match &whose {
        Whose::Root => Actor::Root,
        Whose::User(name) => Actor::User(name.clone()),
    };
    let id = state.create_access_key(iam.account, actor);
    let key = state.keys.get(&id).ok_or_else(|| no_such_key(&id))?;
    if let Some(Fault::UnknownKey(calls)) = iam.call.open.fault {
        key.unknown_to.store(calls, Ordering::Relaxed);
    }
    Ok(format!(
        "<AccessKey>{}<AccessKeyId>{id}</AccessKeyId><Status>Active</Status>\
         <SecretAccessKey>{}</SecretAccessKey><CreateDate>{}</CreateDate></AccessKey>",
        user_name(&whose),
        key.secret,
        clock::iso8601(key.created)
    ))
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 128);
    let page = input.page();
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    let mut keys = keys_of(iam, state, &whose);
    keys.sort_by_key(|(id, _)| *id);
    page.list(
        "AccessKeyMetadata",
        keys.into_iter().map(|(id, key)| (id, (id, key))),
        |(id, key)| {
            format!(
                "{}<AccessKeyId>{id}</AccessKeyId><Status>{}</Status><CreateDate>{}</CreateDate>",
                user_name(&whose),
                status(key),
                clock::iso8601(key.created)
            )
        },
    )
}

fn no_such_key(id: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("The Access Key with id {id} cannot be found."),
    )
}

/// The key a call names must be the named user's.
fn check_owned(iam: &Iam<'_>, state: &State, whose: &Whose, id: &str) -> Result<(), Refusal> {
    iam.found_whose(state, whose)?;
    let owned = state.keys.get(id).is_some_and(|key| match whose {
        Whose::Root => key.account == iam.account && key.actor == Actor::Root,
        Whose::User(name) => key.is_of(iam.account, name),
    });
    if owned { Ok(()) } else { Err(no_such_key(id)) }
}

fn update(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let id = input.access_key_id();
    let name = input.optional_name("UserName", 128);
    let status = input.checks.choice("Status", &["Active", "Inactive"]);
    if status.is_none() {
        input.checks.missing("status");
    }
    input.finish()?;
    check_owned(iam, state, &iam.whose(name)?, id)?;
    if let Some(key) = state.keys.get_mut(id) {
        key.active = status == Some("Active");
    }
    Ok(String::new())
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let id = input.access_key_id();
    let name = input.optional_name("UserName", 128);
    input.finish()?;
    check_owned(iam, state, &iam.whose(name)?, id)?;
    state.delete_access_key(id);
    Ok(String::new())
}

/// A key that never signed anything has no date, and `N/A` for the rest ("AccessKeyLastUsed"). Keys of other accounts
/// are not to be told from keys that are not there.
fn last_used(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let id = input.access_key_id();
    input.finish()?;
    let key = state.keys.get(id).filter(|key| key.account == iam.account);
    let whose = match key.map(|key| &key.actor) {
        Some(Actor::User(name)) => Some(Whose::User(name.clone())),
        Some(Actor::Root) => Some(Whose::Root),
        _ => None,
    };
    let resource = match &whose {
        Some(Whose::User(name)) => iam.entity_seen(state, Kind::User, name)?.arn(iam.account, "user"),
        Some(Whose::Root) => iam.arn("root", "", ""),
        None => iam.arn("user", "/", "*"),
    };
    iam.check(state, &resource)?;
    // AWS says this with 403, not 404: the key's account is not the caller's to know.
    let whose = whose.ok_or_else(|| {
        Refusal::denied(format!(
            "User: {} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: access key {id}",
            iam.call.verified.caller.principal.arn()
        ))
    })?;
    let used = match state.usage.of_key(id) {
        Some(used) => format!(
            "<LastUsedDate>{}</LastUsedDate><ServiceName>{}</ServiceName><Region>{}</Region>",
            clock::iso8601(used.at),
            used.service,
            escaped(&used.region)
        ),
        None => "<ServiceName>N/A</ServiceName><Region>N/A</Region>".to_owned(),
    };
    Ok(format!(
        "{}<AccessKeyLastUsed>{used}</AccessKeyLastUsed>",
        user_name(&whose)
    ))
}

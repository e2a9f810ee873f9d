//! Users and their access keys.

use std::collections::BTreeSet;

use super::{Answered, Iam, check_deletable, conflict, exists, no_such, render};
use crate::api::{Refusal, escaped};
use crate::clock;
use crate::state::{Actor, Named, State, User};

pub(super) fn answer(operation: &str, iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match operation {
        "CreateAccessKey" => create_access_key(iam, state),
        "CreateUser" => create(iam, state),
        "DeleteAccessKey" => delete_access_key(iam, state),
        "DeleteUser" => delete(iam, state),
        "GetUser" => get(iam, state),
        "ListAccessKeys" => list_access_keys(iam, state),
        "ListUsers" => list(iam, state),
        "UpdateAccessKey" => update_access_key(iam, state),
        _ => return None,
    })
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (path, name) = iam.new_name("UserName")?;
    iam.check(state, "CreateUser", &iam.arn("user", &path, &name))?;
    let user = User {
        named: Named {
            boundary: iam.boundary(state)?,
            tags: iam.tags()?,
            ..Named::new("AIDA", &path, &name)
        },
        groups: BTreeSet::new(),
    };
    let home = iam.home(state)?;
    // Names differ by more than case ("IAM identifiers").
    if home.users.keys().any(|other| other.eq_ignore_ascii_case(&name)) {
        return Err(exists(&format!("User with name {name}")));
    }
    let answer = format!("<User>{}</User>", render::user(&user, iam.account));
    home.users.insert(name, user);
    Ok(answer)
}

fn get(iam: &Iam<'_>, state: &mut State) -> Answered {
    let name = iam.named(state, "GetUser", true)?.name.clone();
    let user = iam
        .home(state)?
        .users
        .get(&name)
        .ok_or_else(|| no_such("user", &name))?;
    Ok(format!("<User>{}</User>", render::user(user, iam.account)))
}

fn list(iam: &Iam<'_>, state: &mut State) -> Answered {
    iam.check(state, "ListUsers", &iam.arn("user", "/", ""))?;
    let prefix = iam.find("PathPrefix").unwrap_or("/");
    let home = iam.home(state)?;
    Ok(render::list(
        "Users",
        home.users
            .values()
            .filter(|user| user.named.path.starts_with(prefix))
            .map(|user| render::user(user, iam.account)),
    ))
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    iam.required("UserName")?;
    let named = iam.named(state, "DeleteUser", true)?;
    check_deletable(named)?;
    let name = named.name.clone();
    if state.key_of(iam.account, &name).is_some() {
        return Err(conflict("delete access keys"));
    }
    iam.home(state)?.users.remove(&name);
    Ok(String::new())
}

fn create_access_key(iam: &Iam<'_>, state: &mut State) -> Answered {
    let name = iam.named(state, "CreateAccessKey", true)?.name.clone();
    if state.keys_of(iam.account, &name).len() >= 2 {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            "Cannot exceed quota for AccessKeysPerUser: 2",
        ));
    }
    let id = state.create_access_key(iam.account, Actor::User(name.clone()));
    let key = &state.keys[&id];
    Ok(format!(
        "<AccessKey><UserName>{}</UserName><AccessKeyId>{id}</AccessKeyId><Status>Active</Status>\
         <SecretAccessKey>{}</SecretAccessKey><CreateDate>{}</CreateDate></AccessKey>",
        escaped(&name),
        key.secret,
        clock::iso8601(key.created)
    ))
}

fn list_access_keys(iam: &Iam<'_>, state: &mut State) -> Answered {
    let name = iam.named(state, "ListAccessKeys", true)?.name.clone();
    let members = state.keys_of(iam.account, &name).into_iter().map(|(id, key)| {
        let status = if key.active { "Active" } else { "Inactive" };
        format!(
            "<UserName>{}</UserName><AccessKeyId>{id}</AccessKeyId><Status>{status}</Status>\
                 <CreateDate>{}</CreateDate>",
            escaped(&name),
            clock::iso8601(key.created)
        )
    });
    Ok(render::list("AccessKeyMetadata", members))
}

/// The key a call names, which must be the named user's.
fn key_id(iam: &Iam<'_>, state: &mut State, operation: &str) -> Result<String, Refusal> {
    let id = iam.required("AccessKeyId")?.to_owned();
    let name = iam.named(state, operation, true)?.name.clone();
    match state.keys.get(&id) {
        Some(key) if key.is_of(iam.account, &name) => Ok(id),
        _ => Err(Refusal::new(
            404,
            "NoSuchEntity",
            format!("The Access Key with id {id} cannot be found."),
        )),
    }
}

fn update_access_key(iam: &Iam<'_>, state: &mut State) -> Answered {
    let active = match iam.required("Status")? {
        "Active" => true,
        "Inactive" => false,
        _ => return Err(Refusal::validation("Status is Active or Inactive")),
    };
    let id = key_id(iam, state, "UpdateAccessKey")?;
    if let Some(key) = state.keys.get_mut(&id) {
        key.active = active;
    }
    Ok(String::new())
}

fn delete_access_key(iam: &Iam<'_>, state: &mut State) -> Answered {
    let id = key_id(iam, state, "DeleteAccessKey")?;
    state.keys.remove(&id);
    Ok(String::new())
}

//! Roles.

use super::entity::{check_deletable, is_reserved};
use super::{Answered, Iam, Kind, input, no_such, render, trust};
use crate::api::Refusal;
use crate::state::{Named, Role, State};

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreateRole" => create(iam, state),
        "DeleteRole" => delete(iam, state),
        "DeleteRolePermissionsBoundary" => iam.delete_boundary(state),
        "GetRole" => get(iam, state),
        "ListRoles" => list(iam, state),
        "PutRolePermissionsBoundary" => iam.put_boundary(state),
        "UpdateAssumeRolePolicy" => update_trust(iam, state),
        "UpdateRole" => update(iam, state),
        "UpdateRoleDescription" => update_description(iam, state),
        _ => return None,
    })
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.name("RoleName", 64);
    let path = input.path("Path").unwrap_or("/");
    let document = input.document("AssumeRolePolicyDocument");
    let description = input.description();
    let seconds = input.max_session_seconds();
    let boundary = input.boundary();
    let tags = input.tags();
    input.finish()?;
    iam.check_new(state, Kind::Role, &iam.arn("role", path, name), &tags, boundary)?;
    // Only AWS makes roles there ("CreateRole"; "Using service-linked roles").
    if is_reserved(path) {
        return Err(Refusal::validation(format!(
            "The specified path {path} is reserved for use by AWS."
        )));
    }
    iam.check_room(state, Kind::Role, name)?;
    let role = Role {
        trust: trust::read(document, state)?,
        max_session_seconds: seconds.unwrap_or(3600),
        description: description.map(str::to_owned),
        named: Named {
            boundary: boundary.map(str::to_owned),
            tags: input::kept(&tags),
            ..Named::new("AROA", path, name)
        },
    };
    let answer = format!("<Role>{}</Role>", render::role_in_full(&role, iam.account, state));
    iam.home(state)?.roles.insert(name.to_owned(), role);
    Ok(answer)
}

/// The role that was found before.
fn role<'s>(iam: &Iam<'_>, state: &'s mut State, name: &str) -> Result<&'s mut Role, Refusal> {
    iam.home(state)?
        .roles
        .get_mut(name)
        .ok_or_else(|| no_such("role", name))
}

fn role_answer(iam: &Iam<'_>, state: &State, name: &str) -> Answered {
    let role = iam
        .seen(state)?
        .roles
        .get(name)
        .ok_or_else(|| no_such("role", name))?;
    Ok(format!(
        "<Role>{}</Role>",
        render::role_in_full(role, iam.account, state)
    ))
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Role);
    input.finish()?;
    iam.found(state, Kind::Role, name)?;
    role_answer(iam, state, name)
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    iam.check(state, &iam.arn("role", prefix, ""))?;
    let roles = iam.seen(state)?.roles.iter();
    page.list(
        "Roles",
        roles.filter(|(_, role)| role.named.path.starts_with(prefix)),
        |role| render::role(role, iam.account),
    )
}

fn update_trust(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Role);
    let document = input.document("PolicyDocument");
    input.finish()?;
    iam.found(state, Kind::Role, name)?;
    let policy = trust::read(document, state)?;
    role(iam, state, name)?.trust = policy;
    Ok(String::new())
}

fn update(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Role);
    let description = input.description();
    let seconds = input.max_session_seconds();
    input.finish()?;
    iam.found(state, Kind::Role, name)?;
    let role = role(iam, state, name)?;
    if let Some(seconds) = seconds {
        role.max_session_seconds = seconds;
    }
    if let Some(description) = description {
        role.description = Some(description.to_owned());
    }
    Ok(String::new())
}

fn update_description(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Role);
    let description = input.description();
    if description.is_none() {
        input.checks.missing("description");
    }
    input.finish()?;
    iam.found(state, Kind::Role, name)?;
    role(iam, state, name)?.description = description.map(str::to_owned);
    role_answer(iam, state, name)
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Role);
    input.finish()?;
    iam.found(state, Kind::Role, name)?;
    let named = iam.entity_seen(state, Kind::Role, name)?;
    check_deletable(named)?;
    let (arn, unique_id) = (named.arn(iam.account, "role"), named.unique_id.clone());
    iam.home(state)?.roles.remove(name);
    state.usage.forget_role(&unique_id);
    trust::rebind(state, &arn, &unique_id);
    Ok(String::new())
}

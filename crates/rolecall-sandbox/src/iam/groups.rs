//! Groups, and who is in them.

use super::entity::check_deletable;
use super::{Answered, Iam, Kind, conflict, limit, no_such, render};
use crate::api::Refusal;
use crate::state::{Group, Named, State};

/// "GroupsPerUser" ("IAM and AWS STS quotas").
pub(super) const MOST_GROUPS_OF_A_USER: usize = 10;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "AddUserToGroup" => add(iam, state),
        "CreateGroup" => create(iam, state),
        "DeleteGroup" => delete(iam, state),
        "GetGroup" => get(iam, state),
        "ListGroups" => list(iam, state),
        "ListGroupsForUser" => list_for_user(iam, state),
        "RemoveUserFromGroup" => remove(iam, state),
        "UpdateGroup" => update(iam, state),
        _ => return None,
    })
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.name("GroupName", 128);
    let path = input.path("Path").unwrap_or("/");
    input.finish()?;
    iam.check(state, &iam.arn("group", path, name))?;
    iam.check_room(state, Kind::Group, name)?;
    let group = Group {
        named: Named::new("AGPA", path, name),
    };
    let answer = format!("<Group>{}</Group>", render::group(&group.named, iam.account));
    iam.home(state)?.groups.insert(name.to_owned(), group);
    Ok(answer)
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Group);
    let page = input.page();
    input.finish()?;
    iam.found(state, Kind::Group, name)?;
    let group = render::group(iam.entity_seen(state, Kind::Group, name)?, iam.account);
    let members = iam
        .seen(state)?
        .users
        .iter()
        .filter(|(_, user)| user.groups.contains(name));
    let users = page.list("Users", members, |user| render::user(user, iam.account))?;
    Ok(format!("<Group>{group}</Group>{users}"))
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    iam.check(state, &iam.arn("group", prefix, ""))?;
    let groups = iam.seen(state)?.groups.iter();
    page.list(
        "Groups",
        groups.filter(|(_, group)| group.named.path.starts_with(prefix)),
        |group| render::group(&group.named, iam.account),
    )
}

fn list_for_user(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    let page = input.page();
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    let home = iam.seen(state)?;
    let user = home.users.get(name).ok_or_else(|| no_such("user", name))?;
    let groups = user
        .groups
        .iter()
        .filter_map(|group| home.groups.get_key_value(group));
    page.list("Groups", groups, |group| render::group(&group.named, iam.account))
}

fn update(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Group);
    let new_name = input.optional_name("NewGroupName", 128).unwrap_or(name);
    let new_path = input.path("NewPath");
    input.finish()?;
    iam.found(state, Kind::Group, name)?;
    let old = iam.entity_seen(state, Kind::Group, name)?;
    let path = new_path.unwrap_or(&old.path).to_owned();
    let new_arn = iam.arn("group", &path, new_name);
    if new_arn != old.arn(iam.account, "group") {
        iam.check(state, &new_arn)?;
    }
    iam.check_rename(state, Kind::Group, name, new_name)?;
    let home = iam.home(state)?;
    let Some(mut group) = home.groups.remove(name) else {
        return Err(no_such("group", name));
    };
    new_name.clone_into(&mut group.named.name);
    group.named.path = path;
    home.groups.insert(new_name.to_owned(), group);
    for user in home.users.values_mut() {
        if user.groups.remove(name) {
            user.groups.insert(new_name.to_owned());
        }
    }
    Ok(String::new())
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::Group);
    input.finish()?;
    iam.found(state, Kind::Group, name)?;
    if iam
        .seen(state)?
        .users
        .values()
        .any(|user| user.groups.contains(name))
    {
        return Err(conflict("remove users from group"));
    }
    check_deletable(iam.entity_seen(state, Kind::Group, name)?)?;
    iam.home(state)?.groups.remove(name);
    Ok(String::new())
}

/// The group and the user of a call; the group is what the decision is about.
fn both<'a>(iam: &Iam<'a>, state: &State) -> Result<(&'a str, &'a str), Refusal> {
    let mut input = iam.input();
    let group = input.existing(Kind::Group);
    let user = input.existing(Kind::User);
    input.finish()?;
    iam.found(state, Kind::Group, group)?;
    iam.entity_seen(state, Kind::User, user)?;
    Ok((group, user))
}

fn add(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (group, name) = both(iam, state)?;
    let user = iam
        .home(state)?
        .users
        .get_mut(name)
        .ok_or_else(|| no_such("user", name))?;
    if !user.groups.contains(group) && user.groups.len() >= MOST_GROUPS_OF_A_USER {
        return Err(limit("GroupsPerUser", MOST_GROUPS_OF_A_USER));
    }
    user.groups.insert(group.to_owned());
    Ok(String::new())
}

fn remove(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (group, name) = both(iam, state)?;
    let user = iam
        .home(state)?
        .users
        .get_mut(name)
        .ok_or_else(|| no_such("user", name))?;
    if !user.groups.remove(group) {
        return Err(Refusal::new(
            404,
            "NoSuchEntity",
            format!("User {name} is not a member of group {group}."),
        ));
    }
    Ok(String::new())
}

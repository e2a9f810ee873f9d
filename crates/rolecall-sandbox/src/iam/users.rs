//! Users.

use std::collections::BTreeSet;

use super::entity::check_deletable;
use super::{Answered, Iam, Kind, conflict, input, no_such, render, trust};
use crate::api::Refusal;
use crate::clock;
use crate::state::{Actor, Named, State, User};

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreateUser" => create(iam, state),
        "DeleteUser" => delete(iam, state),
        "DeleteUserPermissionsBoundary" => iam.delete_boundary(state),
        "GetUser" => get(iam, state),
        "ListUsers" => list(iam, state),
        "PutUserPermissionsBoundary" => iam.put_boundary(state),
        "UpdateUser" => update(iam, state),
        _ => return None,
    })
}

/// Whose keys or whose description a call is about.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Whose {
    Root,
    User(String),
}

impl Iam<'_> {
    /// "If you do not specify a user name, IAM determines the user name implicitly based on the access key" that signs:
    /// a user's own, or the account's.
    pub(super) fn whose(&self, name: Option<&str>) -> Result<Whose, Refusal> {
        match (name, &self.call.verified.caller.actor) {
            (Some(name), _) => Ok(Whose::User(name.to_owned())),
            (None, Actor::User(own)) => Ok(Whose::User(own.clone())),
            (None, Actor::Root) => Ok(Whose::Root),
            (None, _) => Err(Refusal::validation(
                "Must specify userName when calling with non-User credentials",
            )),
        }
    }

    /// Whether the caller may do that to that user, or the account's own user to itself.
    pub(super) fn found_whose(&self, state: &State, whose: &Whose) -> Result<(), Refusal> {
        match whose {
            Whose::User(name) => self.found(state, Kind::User, name),
            Whose::Root => self.check(state, &self.arn("root", "", "")),
        }
    }
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.name("UserName", 64);
    let path = input.path("Path").unwrap_or("/");
    let boundary = input.boundary();
    let tags = input.tags();
    input.finish()?;
    iam.check_new(state, Kind::User, &iam.arn("user", path, name), &tags, boundary)?;
    iam.check_room(state, Kind::User, name)?;
    let user = User {
        named: Named {
            boundary: boundary.map(str::to_owned),
            tags: input::kept(&tags),
            ..Named::new("AIDA", path, name)
        },
        groups: BTreeSet::new(),
    };
    let answer = format!("<User>{}</User>", render::user_in_full(&user, iam.account));
    iam.home(state)?.users.insert(name.to_owned(), user);
    Ok(answer)
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.optional_name("UserName", 128);
    input.finish()?;
    let whose = iam.whose(name)?;
    iam.found_whose(state, &whose)?;
    match whose {
        Whose::User(name) => {
            let user = iam
                .seen(state)?
                .users
                .get(&name)
                .ok_or_else(|| no_such("user", &name))?;
            Ok(format!(
                "<User>{}</User>",
                render::user_in_full(user, iam.account)
            ))
        }
        // The account's own user has neither name nor path.
        Whose::Root => Ok(format!(
            "<User><UserId>{}</UserId><Arn>{}</Arn><CreateDate>{}</CreateDate></User>",
            iam.account,
            iam.arn("root", "", ""),
            clock::iso8601(std::time::SystemTime::UNIX_EPOCH)
        )),
    }
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let prefix = input.path_prefix();
    let page = input.page();
    input.finish()?;
    iam.check(state, &iam.arn("user", prefix, ""))?;
    let users = iam.seen(state)?.users.iter();
    page.list(
        "Users",
        users.filter(|(_, user)| user.named.path.starts_with(prefix)),
        |user| render::user(user, iam.account),
    )
}

/// Who is renamed stays who it is: its keys, groups, devices and sessions follow it, and so do the trust policies that
/// name it, because AWS keeps them by its unique id ("Renaming an IAM user").
fn update(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    let new_name = input.optional_name("NewUserName", 64);
    let new_path = input.path("NewPath");
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    let old_arn = iam.entity_seen(state, Kind::User, name)?.arn(iam.account, "user");
    let new_name = new_name.unwrap_or(name);
    let path = match new_path {
        Some(path) => path.to_owned(),
        None => iam.entity_seen(state, Kind::User, name)?.path.clone(),
    };
    let new_arn = iam.arn("user", &path, new_name);
    // "You must also have permission on the target" ("UpdateUser").
    if new_arn != old_arn {
        iam.check(state, &new_arn)?;
    }
    iam.check_rename(state, Kind::User, name, new_name)?;

    let home = iam.home(state)?;
    let Some(mut user) = home.users.remove(name) else {
        return Err(no_such("user", name));
    };
    new_name.clone_into(&mut user.named.name);
    user.named.path = path;
    home.users.insert(new_name.to_owned(), user);
    for device in home.mfa_devices.values_mut() {
        if device.user.as_deref() == Some(name) {
            device.user = Some(new_name.to_owned());
        }
    }
    state.rename_keys(iam.account, name, new_name);
    trust::rebind(state, &old_arn, &new_arn);
    Ok(String::new())
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    let home = iam.seen(state)?;
    let user = home.users.get(name).ok_or_else(|| no_such("user", name))?;
    if !user.groups.is_empty() {
        return Err(conflict("remove users from group"));
    }
    check_deletable(&user.named)?;
    if home
        .mfa_devices
        .values()
        .any(|device| device.user.as_deref() == Some(name))
    {
        return Err(conflict("delete MFA virtual device"));
    }
    if state.key_of(iam.account, name).is_some() {
        return Err(conflict("delete access keys"));
    }
    let (arn, unique_id) = (user.named.arn(iam.account, "user"), user.named.unique_id.clone());
    iam.home(state)?.users.remove(name);
    trust::rebind(state, &arn, &unique_id);
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use crate::client::Client;
    use crate::state::Actor;
    use crate::{Sandbox, World};

    #[tokio::test]
    async fn the_accounts_own_user_may_do_everything_and_is_meant_where_no_name_is_given() {
        let sandbox = Sandbox::builder().world(World::empty()).start().unwrap();
        let account = "111111111111".parse().unwrap();
        let keys = {
            let mut state = sandbox.shared.state();
            let id = state.create_access_key(account, Actor::Root);
            let secret = state.keys[&id].secret.clone();
            crate::UserKeys {
                access_key_id: id,
                secret_access_key: secret,
            }
        };
        let client = Client::new(sandbox.endpoint(), "us-east-1", keys.credentials());
        let call = async |action: &str| client.query("iam", "2010-05-08", action, &[]).await.unwrap();
        let user = call("GetUser").await;
        assert!(user.contains("<Arn>arn:aws:iam::111111111111:root</Arn>") && !user.contains("<UserName>"));
        assert!(call("ListAccessKeys").await.contains(&keys.access_key_id));
        assert!(call("CreateAccessKey").await.contains("<Status>Active</Status>"));
        assert!(
            client
                .query("iam", "2010-05-08", "CreateAccessKey", &[])
                .await
                .is_err()
        );
        assert!(
            call("GetAccountSummary")
                .await
                .contains("<key>AccountAccessKeysPresent</key><value>1</value>")
        );
        let used = [("AccessKeyId", keys.access_key_id.as_str())];
        let used = client
            .query("iam", "2010-05-08", "GetAccessKeyLastUsed", &used)
            .await
            .unwrap();
        assert!(used.contains("<ServiceName>iam</ServiceName>"));
    }
}

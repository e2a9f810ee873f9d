//! IAM Identity Center's access portal ("IAM Identity Center Portal API Reference"): REST and JSON, unsigned; the token in
//! `x-amz-sso_bearer_token` says who asks.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rolecall::AccountId;
use serde_json::{Value, json};

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::oidc::ACCOUNT_ACCESS;
use crate::state::{Actor, Assignment, Grant, IdentityCenter, Session, State};
use crate::sts;

/// The most and the default of `max_result`.
const MOST: usize = 100;

pub(crate) fn answer(operation: &str, call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let now = call.clock.session();
    let grant = signed_in(call, state, now)?;
    match operation {
        "GetRoleCredentials" => get_role_credentials(call, state, &grant, now),
        "ListAccounts" => list_accounts(call, state, &grant),
        "ListAccountRoles" => list_account_roles(call, state, &grant),
        _ => {
            if let Some(center) = &mut state.identity_center {
                center.signed_in.sign_out(&grant.login);
            }
            Ok(Answer::empty(200))
        }
    }
}

fn invalid(message: &str) -> Refusal {
    Refusal::new(400, "InvalidRequestException", message)
}

/// What the portal says of every account and role that is not the caller's, whether it exists or not.
fn no_access() -> Refusal {
    Refusal::new(403, "ForbiddenException", "No access")
}

/// Whom the token was given to, while it is good.
fn signed_in(call: &Open<'_>, state: &State, now: SystemTime) -> Result<Grant, Refusal> {
    let token = call.incoming.header("x-amz-sso_bearer_token").unwrap_or_default();
    let center = state.identity_center.as_ref();
    let grant = center.and_then(|center| center.signed_in.access.get(token));
    grant
        .filter(|grant| now < grant.expires)
        // Clients that registered no scope have this one ("RegisterClient").
        .filter(|grant| grant.scopes.is_empty() || grant.scopes.iter().any(|scope| scope == ACCOUNT_ACCESS))
        .cloned()
        .ok_or_else(|| Refusal::new(401, "UnauthorizedException", "Session token not found or invalid"))
}

/// The assignments of the one who asks.
fn assigned<'a>(state: &'a State, grant: &'a Grant) -> impl Iterator<Item = &'a Assignment> {
    let assignments = state.identity_center.as_ref().map(|center| &center.assignments);
    assignments
        .into_iter()
        .flatten()
        .filter(|assignment| assignment.user == grant.user)
}

fn list_accounts(call: &Open<'_>, state: &State, grant: &Grant) -> Result<Answer, Refusal> {
    let mut accounts: Vec<AccountId> = assigned(state, grant)
        .map(|assignment| assignment.account)
        .collect();
    accounts.sort_unstable();
    accounts.dedup();
    let list = accounts.into_iter().map(|id| {
        let organization = state.organization.as_ref();
        let member = organization.and_then(|organization| organization.members.get(&id));
        let name = state.accounts.get(&id).map(|account| account.name.as_str());
        let name = name.filter(|name| !name.is_empty());
        json!({
            "accountId": id.as_str(),
            "accountName": name.map_or_else(|| format!("account-{id}"), str::to_owned),
            "emailAddress": member.map_or_else(|| format!("{id}@example.com"), |member| member.email.clone()),
        })
    });
    page(call, "accountList", "a", list.collect())
}

/// The account a call names.
fn account(call: &Open<'_>) -> Result<AccountId, Refusal> {
    let id = call.incoming.query("account_id").unwrap_or_default();
    id.parse().map_err(|_| invalid("Invalid account id provided"))
}

fn list_account_roles(call: &Open<'_>, state: &State, grant: &Grant) -> Result<Answer, Refusal> {
    let account = account(call)?;
    let mut roles: Vec<&str> = assigned(state, grant)
        .filter(|assignment| assignment.account == account)
        .map(|assignment| assignment.permission_set.as_str())
        .collect();
    if roles.is_empty() {
        return Err(no_access());
    }
    roles.sort_unstable();
    let list = roles
        .into_iter()
        .map(|name| json!({"roleName": name, "accountId": account.as_str()}));
    page(call, "roleList", "r", list.collect())
}

/// One page of a list.
fn page(call: &Open<'_>, list: &str, mark: &str, items: Vec<Value>) -> Result<Answer, Refusal> {
    let size = match call.incoming.query("max_result") {
        None => MOST,
        Some(text) => text
            .parse()
            .ok()
            .filter(|size| (1..=MOST).contains(size))
            .ok_or_else(|| invalid("max_result is 1 to 100"))?,
    };
    let start = match call.incoming.query("next_token") {
        None | Some("") => 0,
        Some(token) => {
            let decoded = URL_SAFE_NO_PAD.decode(token).unwrap_or_default();
            let text = String::from_utf8(decoded).unwrap_or_default();
            text.strip_prefix(mark)
                .and_then(|start| start.parse::<usize>().ok())
                .ok_or_else(|| invalid("Invalid next token provided"))?
        }
    };
    let end = start.saturating_add(size);
    let more = items.len() > end;
    let part: Vec<Value> = items.into_iter().skip(start).take(size).collect();
    let mut answer = json!({ list: part });
    if more {
        answer["nextToken"] = URL_SAFE_NO_PAD.encode(format!("{mark}{end}")).into();
    }
    Ok(Answer::json(&answer))
}

/// A session of the permission set's role, named like the user.
fn get_role_credentials(
    call: &Open<'_>,
    state: &mut State,
    grant: &Grant,
    now: SystemTime,
) -> Result<Answer, Refusal> {
    let account = account(call)?;
    let name = call.incoming.query("role_name").unwrap_or_default();
    if name.is_empty() {
        return Err(invalid("Invalid role name provided"));
    }
    let assignment = assigned(state, grant)
        .find(|assignment| assignment.account == account && assignment.permission_set == name)
        .ok_or_else(no_access)?;
    let center = state.identity_center.as_ref();
    let set = center.and_then(|center: &IdentityCenter| center.permission_sets.get(name));
    let home = state.accounts.get(&account);
    // Whoever deleted the role through IAM took the access with it.
    let role = home.and_then(|home| home.roles.get(&assignment.role));
    let (Some(set), Some(role)) = (set, role) else {
        return Err(no_access());
    };
    let seconds = call.session_seconds.unwrap_or(u64::from(set.session_seconds));
    let session = Session {
        secret: String::new(),
        token: String::new(),
        account,
        actor: Actor::Role {
            name: assignment.role.clone(),
            session_name: grant.user.clone(),
        },
        issued: now,
        expires: now + Duration::from_secs(seconds),
        policies: None,
        tags: BTreeMap::new(),
        transitive: Vec::new(),
        source_identity: None,
        unique_id: role.named.unique_id.clone(),
        mfa: None,
        federated_provider: Some(assignment.provider.clone()),
        chained: false,
    };
    let (id, session) = state.issue(session);
    let expires = sts::told_expiry(call.fault, &session).duration_since(SystemTime::UNIX_EPOCH);
    // What is told is in whole seconds, as AWS tells it, in milliseconds.
    let millis = expires.map_or(0, |since| since.as_secs().saturating_mul(1000));
    let answer = json!({"roleCredentials": {
        "accessKeyId": id,
        "secretAccessKey": session.secret,
        "sessionToken": session.token,
        "expiration": millis,
    }});
    Ok(Answer::json(&answer).header("cache-control", "no-store"))
}

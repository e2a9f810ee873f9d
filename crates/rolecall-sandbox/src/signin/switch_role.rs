//! The console's page for switching roles ("Switch to an IAM role (console)"): what a link to it asks for, checked. The
//! switch itself is not made here.

use rolecall::AccountId;

use super::invalid;
use super::page::{facts, page, paragraph};
use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::state::State;

pub(super) fn show(call: &Open<'_>, state: &State) -> Result<Answer, Refusal> {
    let find = |name| call.params.find(name).filter(|value| !value.is_empty());
    let wrong =
        "Invalid information in one or more fields. Check your information or contact your administrator.";
    let asked = find("account").ok_or_else(|| invalid("account is missing"))?;
    let path = find("roleName").ok_or_else(|| invalid("roleName is missing"))?;
    let color = find("color");
    let is_color = |color: &str| color.len() == 6 && color.bytes().all(|byte| byte.is_ascii_hexdigit());
    if color.is_some_and(|color| !is_color(color)) {
        return Err(invalid("color is six hexadecimal digits"));
    }
    let account = account(state, asked).ok_or_else(|| invalid(wrong))?;
    // "The combined Path and RoleName cannot exceed 64 characters"; names are case-sensitive.
    let path = path.trim_start_matches('/');
    let (before, name) = path.rsplit_once('/').unwrap_or(("", path));
    let role = state.accounts.get(&account).and_then(|home| home.roles.get(name));
    let role = role
        .filter(|role| path.len() <= 64 && role.named.path.trim_matches('/') == before)
        .ok_or_else(|| invalid(wrong))?;
    let arn = role.named.arn(account, "role");
    let shown = find("displayName").map_or_else(|| format!("{path} @ {asked}"), str::to_owned);
    let mut rows = vec![
        ("Account", account.as_str()),
        ("Role", path),
        ("Role ARN", &arn),
        ("Display name", &shown),
    ];
    rows.extend(color.map(|color| ("Color", color)));
    let why = "The console would switch to this role, as far as its trust policy lets you.";
    Ok(page(
        200,
        "Switch role",
        &format!("{}{}", facts(&rows), paragraph(why)),
    ))
}

/// An account by its id or its alias.
fn account(state: &State, asked: &str) -> Option<AccountId> {
    if let Ok(id) = asked.parse() {
        return state.accounts.contains_key(&id).then_some(id);
    }
    let mut accounts = state.accounts.iter();
    accounts
        .find(|(_, account)| account.alias.as_deref() == Some(asked))
        .map(|(id, _)| *id)
}

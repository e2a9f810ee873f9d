//! What a person may enter, where what was asked for is not theirs.

use aws_sdk_sso::Client;

use super::cache::Token;
use super::clients::unlogged;
use crate::chain::Sso;
use crate::error::Error;

/// How many names are told.
const MOST: usize = 8;

/// The same error with what there is: the accounts where the account is none of theirs, else the roles in it. Where that
/// cannot be had the error stands for itself.
pub(super) async fn with_what_there_is(error: Error, client: &Client, sso: &Sso, token: &Token) -> Error {
    let roles = client
        .list_account_roles()
        .account_id(sso.account.as_str())
        .access_token(token.access.expose());
    let roles = unlogged(roles.max_results(100).send()).await;
    let roles = roles.as_ref().map(|reply| reply.role_list()).unwrap_or_default();
    let roles: Vec<String> = roles
        .iter()
        .filter_map(|role| role.role_name())
        .map(str::to_owned)
        .collect();
    if !roles.is_empty() {
        return error.with_first_hint(sentence("there", "roles", &sso.role_name, roles));
    }
    let accounts = client.list_accounts().access_token(token.access.expose());
    let accounts = unlogged(accounts.max_results(100).send()).await;
    let accounts = accounts
        .as_ref()
        .map(|reply| reply.account_list())
        .unwrap_or_default();
    let accounts: Vec<String> = accounts
        .iter()
        .filter_map(|account| {
            let id = account.account_id()?;
            Some(
                account
                    .account_name()
                    .map_or(id.to_owned(), |name| format!("{id} ({name})")),
            )
        })
        .collect();
    if accounts.is_empty() {
        return error
            .with_first_hint("They have no account at all: ask for an assignment in Identity Center.");
    }
    error.with_first_hint(sentence("at all", "accounts", sso.account.as_str(), accounts))
}

/// The nearest first.
fn sentence(place: &str, things: &str, wanted: &str, mut names: Vec<String>) -> String {
    let near = |name: &str| {
        let bare = name.split(" (").next().unwrap_or(name);
        strsim::jaro_winkler(&bare.to_ascii_lowercase(), &wanted.to_ascii_lowercase())
    };
    names.sort_by(|one, other| near(other).total_cmp(&near(one)).then_with(|| one.cmp(other)));
    let more = names.len().saturating_sub(MOST);
    let mut list: Vec<String> = names
        .into_iter()
        .take(MOST)
        .map(|name| name.chars().take(80).collect())
        .collect();
    if more > 0 {
        list.push(format!("and {more} more"));
    }
    format!("The {things} they have {place}: {}.", list.join(", "))
}

//! Reads other accounts through roles that can be assumed there: nothing else lists the roles of another account.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{self, bounded, unread};
use super::held::{Caller, Holdings, Unread};
use super::patterns::granted;
use super::roles::Known;
use crate::arn::{AccountId, RoleArn};
use crate::error::Error;
use crate::index::RoleVerdict;
use crate::parameters::{SessionDuration, SessionPolicy};
use crate::provider::Provider;
use crate::provider::reading::{Entity, Reader};

/// What a hop's session may do: look, and go on.
const LOOK: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["iam:Get*","iam:List*","sts:AssumeRole"],"Resource":"*"}}"#;
/// How many roles of an account are tried before it counts as closed.
const TRIES: usize = 3;

/// What somebody may assume, by account.
type Doors = BTreeMap<AccountId, Vec<RoleArn>>;

/// What a hop saw.
struct Seen {
    account: AccountId,
    roles: Vec<Entity>,
    alias: Option<String>,
    provider: Provider,
}

/// Goes from account to account, breadth first, and into none that is known: roles that lead back lead nowhere. What is
/// closed to one may be open to whoever is a hop further, so each hop tries it once.
pub(super) async fn read(provider: &Provider, holdings: &Holdings, known: &mut Known, hops: u32) {
    let mut closed: BTreeMap<AccountId, Error> = BTreeMap::new();
    let mut from = vec![(provider.clone(), doors(holdings, known))];
    for hop in 1..=hops {
        let mut entered = BTreeSet::new();
        let mut calls = Vec::new();
        for (provider, doors) in &from {
            let doors = doors.iter().filter(|(account, _)| entered.insert(**account));
            calls.extend(doors.map(|(account, roles)| enter(provider, *account, roles)));
        }
        let mut next = Vec::new();
        for outcome in bounded(calls).await {
            match outcome {
                Ok(seen) => {
                    known.list(seen.account, seen.roles);
                    let entry = known.accounts.entry(seen.account).or_default();
                    entry.alias = seen.alias.or(entry.alias.take());
                    next.push(seen.provider);
                }
                Err((account, error)) => {
                    closed.insert(account, error);
                }
            }
        }
        if hop == hops {
            break;
        }
        let further = bounded(next.iter().map(|provider| async {
            let holdings = holdings_of(provider).await.ok()?;
            Some((provider.clone(), holdings))
        }))
        .await;
        let further = further.into_iter().flatten();
        from = further
            .map(|(provider, holdings)| (provider, doors(&holdings, known)))
            .collect();
    }
    for (account, error) in closed
        .into_iter()
        .filter(|(account, _)| !known.listed.contains(account))
    {
        let what = format!("the roles of account {account}");
        // A role that was refused is named by the error: nobody came as far as to list.
        known.unread.push(match error.hop() {
            Some(role) => Unread {
                what,
                needs: String::new(),
                on: String::new(),
                why: format!("no role of it lets the caller in; the last that was tried is {role}"),
            },
            None => unread(what, "iam:ListRoles", "*".to_owned(), &error),
        });
    }
}

async fn holdings_of(provider: &Provider) -> Result<Holdings, Error> {
    let caller = Caller::of(provider.caller_identity().await?)?;
    let reader = Reader::of(provider).await?;
    gather::of(provider, &reader, caller).await
}

/// The roles through which somebody may enter accounts that are not known: what is certain first.
fn doors(holdings: &Holdings, known: &Known) -> Doors {
    let spoken_of = known
        .candidates
        .keys()
        .filter_map(|arn| arn.parse::<RoleArn>().ok());
    let (concrete, _) = granted(holdings);
    let mut doors: BTreeMap<AccountId, Vec<(RoleVerdict, RoleArn)>> = BTreeMap::new();
    for arn in spoken_of.chain(concrete) {
        let account = arn.account();
        if known.listed.contains(&account) || arn.partition() != holdings.caller.partition {
            continue;
        }
        let verdict = holdings.judge(&arn, None).verdict;
        let in_account = doors.entry(account).or_default();
        if verdict < RoleVerdict::Pattern && !in_account.iter().any(|(_, known)| *known == arn) {
            in_account.push((verdict, arn));
        }
    }
    let doors = doors.into_iter().map(|(account, mut roles)| {
        roles.sort_by_key(|(verdict, arn)| (*verdict, arn.to_string()));
        (
            account,
            roles.into_iter().map(|(_, arn)| arn).take(TRIES).collect(),
        )
    });
    doors.collect()
}

/// Enters an account through the first role that lets it, and lists its roles.
async fn enter(from: &Provider, account: AccountId, roles: &[RoleArn]) -> Result<Seen, (AccountId, Error)> {
    let mut last = Error::config("no role of it may be assumed");
    for role in roles {
        match list(from, role).await {
            Ok((provider, roles, alias)) => {
                return Ok(Seen {
                    account,
                    roles,
                    alias,
                    provider,
                });
            }
            Err(error) => last = error,
        }
    }
    Err((account, last))
}

async fn list(from: &Provider, role: &RoleArn) -> Result<(Provider, Vec<Entity>, Option<String>), Error> {
    let policy: SessionPolicy = LOOK.parse()?;
    let provider = from.beyond(role, policy, SessionDuration::HOUR)?;
    let reader = Reader::of(&provider).await?;
    let (roles, alias) = futures_util::join!(reader.roles(), reader.alias());
    let (roles, alias) = (roles?, alias.unwrap_or_default());
    drop(reader);
    Ok((provider, roles, alias))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Document, Effect, Statement, action_matches};

    #[test]
    fn a_hop_can_look_and_go_on_and_nothing_else() {
        let look: Document = LOOK.parse().unwrap();
        for (action, may) in [
            ("iam:ListRoles", true),
            ("iam:GetRole", true),
            ("sts:AssumeRole", true),
            ("iam:CreateUser", false),
            ("iam:PassRole", false),
            ("s3:GetObject", false),
            ("organizations:ListAccounts", false),
        ] {
            let allows = |statement: &Statement| {
                statement.effect() == Effect::Allow
                    && statement
                        .actions()
                        .unwrap()
                        .iter()
                        .any(|pattern| action_matches(pattern, action))
            };
            assert_eq!(look.statements().iter().any(allows), may, "{action}");
        }
    }
}

//! Every role that can be found, and whether the caller may assume it.

use std::collections::{BTreeMap, BTreeSet};

use super::gather::{self, unread};
use super::held::{Caller, Holdings, Unread, Who};
use super::hops;
use super::judge::Judgement;
use super::patterns::{Pattern, granted};
use crate::arn::{AccountId, RoleArn};
use crate::error::{Error, ErrorKind};
use crate::index::{IndexedAccount, IndexedRole, RoleVerdict};
use crate::policy::Document;
use crate::provider::Provider;
use crate::provider::reading::{Entity, Reader};

/// A role, and whether the caller may assume it.
#[derive(Clone, Debug)]
pub struct FoundRole {
    /// The role.
    pub arn: RoleArn,
    /// Whether they may, and why.
    pub judgement: Judgement,
    /// The user's own profiles of this role.
    pub profiles: Vec<String>,
    /// Whether the role was seen, or is only spoken of by a policy or a profile.
    pub seen: bool,
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Whose roles they are, with all that was read of them.
    pub holdings: Holdings,
    /// The roles, by account and name: denied ones too.
    pub roles: Vec<FoundRole>,
    /// What the caller's policies allow and what could not be resolved to roles.
    pub patterns: Vec<Pattern>,
    /// What is known of accounts.
    pub accounts: BTreeMap<AccountId, IndexedAccount>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// A role that may be one of the caller's.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    pub(super) trust: Option<Document>,
    pub(super) seen: bool,
}

/// What is known so far.
#[derive(Debug, Default)]
pub(super) struct Known {
    pub(super) candidates: BTreeMap<String, Candidate>,
    /// The accounts all of whose roles are known.
    pub(super) listed: BTreeSet<AccountId>,
    pub(super) accounts: BTreeMap<AccountId, IndexedAccount>,
    pub(super) unread: Vec<Unread>,
}

impl Known {
    /// Takes in the roles of an account.
    pub(super) fn list(&mut self, account: AccountId, roles: Vec<Entity>) {
        self.listed.insert(account);
        for role in roles {
            let trust = role.trust.as_deref().map(str::parse::<Document>);
            let trust = match trust {
                Some(Ok(document)) => Some(document),
                Some(Err(invalid)) => {
                    self.unread.push(Unread {
                        what: format!("the trust policy of {}", role.arn),
                        needs: String::new(),
                        on: String::new(),
                        why: format!("it is not understood: {}", invalid.sentence()),
                    });
                    None
                }
                None => None,
            };
            self.candidates.insert(role.arn, Candidate { trust, seen: true });
        }
    }

    pub(super) fn speak_of(&mut self, arn: &RoleArn) {
        self.candidates.entry(arn.to_string()).or_default();
    }

    fn name(&mut self, account: AccountId, alias: Option<String>) {
        self.accounts.entry(account).or_default().alias = alias;
    }
}

/// Finds the roles that the provider's target may assume.
///
/// They come out of the caller's policies, of the profiles, of the caller's own account and, where the organization can be
/// read, of its accounts; with `hops` above 0 also of accounts in which the caller can assume a role that may list them, so
/// many accounts deep. A hop's session can read IAM and assume roles, and nothing else.
///
/// # Errors
/// Why there is no session, and [`ErrorKind::Config`] for callers that can assume no role at all.
pub async fn roles(provider: &Provider, hops: u32) -> Result<Found, Error> {
    let caller = Caller::of(provider.caller_identity().await?)?;
    refuse(&caller)?;
    let reader = Reader::of(provider).await?;
    let own = caller.account;
    let (holdings, listed, accounts, alias) = futures_util::join!(
        gather::of(provider, &reader, caller),
        reader.roles(),
        reader.accounts(),
        reader.alias(),
    );
    let holdings = holdings?;
    let mut known = Known::default();
    known.name(own, alias.unwrap_or_default());
    let (concrete, patterns) = granted(&holdings);
    let partition = holdings.caller.partition.id();
    match listed {
        Ok(roles) => known.list(own, roles),
        Err(error) => {
            let what = format!("the roles of account {own}, the caller's own");
            known
                .unread
                .push(unread(what, "iam:ListRoles", "*".to_owned(), &error));
        }
    }
    let members = match accounts {
        Ok(members) => {
            for member in &members {
                known
                    .accounts
                    .entry(member.id)
                    .or_default()
                    .name
                    .clone_from(&member.name);
            }
            Some(
                members
                    .into_iter()
                    .filter(|member| member.is_active)
                    .map(|member| member.id)
                    .collect::<Vec<_>>(),
            )
        }
        Err(error) => {
            // The accounts matter where a policy leaves them open.
            if patterns.iter().any(|pattern| pattern.account().is_none()) && !is_no_organization(&error) {
                let what = "the accounts of the organization".to_owned();
                known
                    .unread
                    .push(unread(what, "organizations:ListAccounts", "*".to_owned(), &error));
            }
            None
        }
    };
    concrete.iter().for_each(|arn| known.speak_of(arn));
    for pattern in &patterns {
        let in_accounts = members
            .iter()
            .flatten()
            .filter_map(|account| pattern.in_account(partition, *account));
        in_accounts.for_each(|arn| known.speak_of(&arn));
    }
    let profiles = profiles(provider);
    profiles.keys().for_each(|arn| known.speak_of(arn));
    if hops > 0 {
        hops::read(provider, &holdings, &mut known, hops).await;
    }
    let Known {
        candidates,
        listed,
        accounts,
        unread,
    } = known;
    let roles = candidates.into_iter().filter_map(|(text, candidate)| {
        let arn: RoleArn = text.parse().ok()?;
        let mut judgement = holdings.judge(&arn, candidate.trust.as_ref());
        // Spoken of, and not there.
        if !candidate.seen && listed.contains(&arn.account()) {
            judgement.verdict = RoleVerdict::Denied;
            judgement.conditions.clear();
            judgement.because.clear();
        }
        let profiles = profiles.get(&arn).cloned().unwrap_or_default();
        let seen = candidate.seen;
        Some(FoundRole {
            arn,
            judgement,
            profiles,
            seen,
        })
    });
    let roles = roles.collect();
    let resolved = |pattern: &Pattern| match pattern.account() {
        Some(account) => listed.contains(&account),
        None => members.as_ref().is_some_and(|members| {
            members
                .iter()
                .all(|account| listed.contains(account) || pattern.in_account(partition, *account).is_some())
        }),
    };
    let patterns = patterns
        .into_iter()
        .filter(|pattern| !resolved(pattern) && !is_denied(&holdings, pattern));
    let patterns = patterns.collect();
    let unread = holdings.unread.iter().cloned().chain(unread).collect();
    Ok(Found {
        holdings,
        roles,
        patterns,
        accounts,
        unread,
    })
}

/// Who can assume no role, whatever policies say.
fn refuse(caller: &Caller) -> Result<(), Error> {
    match &caller.who {
        Who::Root => Err(Error::config(format!(
            "{} is a root user, and AWS lets no root user assume a role",
            caller.identity.arn
        ))
        .with_hint("Use an IAM user or a role of that account: --source-profile, or another target.")),
        Who::Federated { .. } => Err(Error::config(format!(
            "{} is a session of GetFederationToken, which may assume no role",
            caller.identity.arn
        ))
        .with_hint("Use the access key of the user who made it.")),
        Who::User { .. } | Who::Role { .. } => Ok(()),
    }
}

fn is_no_organization(error: &Error) -> bool {
    error.kind() != ErrorKind::Unavailable && error.aws_code() == Some("AWSOrganizationsNotInUseException")
}

/// The roles that the user's profiles name.
fn profiles(provider: &Provider) -> BTreeMap<RoleArn, Vec<String>> {
    let mut found: BTreeMap<RoleArn, Vec<String>> = BTreeMap::new();
    for profile in provider.profiles().profiles() {
        let arn = profile.value("role_arn").and_then(|arn| arn.parse().ok());
        if let Some(arn) = arn {
            found.entry(arn).or_default().push(profile.name().to_owned());
        }
    }
    found
}

/// Whether a statement denies everything that a pattern covers, whatever a call carries: as a text it fits the denial's own
/// pattern, and what fits it fits that.
fn is_denied(holdings: &Holdings, pattern: &Pattern) -> bool {
    use crate::policy::{Effect, resource_matches};
    holdings
        .policies
        .iter()
        .flat_map(|held| held.document.statements())
        .any(|statement| {
            statement.effect() == Effect::Deny
                && statement.condition_keys().next().is_none()
                && statement.is_about_action("sts:AssumeRole")
                && statement.resources().is_some_and(|resources| {
                    resources
                        .iter()
                        .any(|denied| resource_matches(denied, &pattern.text))
                })
        })
}

impl Found {
    /// What is kept of it between runs: the roles that a statement grants, but for those in `but`. Of a role that nothing that
    /// could be read speaks of, all that is known is its name. `source` is the target that found them.
    pub fn indexed(&self, source: Option<&str>, but: &[&RoleArn]) -> Vec<IndexedRole> {
        let may = |role: &&FoundRole| {
            let verdict = role.judgement.verdict;
            matches!(verdict, RoleVerdict::Allowed | RoleVerdict::Conditional)
                && !role.judgement.because.is_empty()
                && !but.contains(&&role.arn)
        };
        let indexed = self.roles.iter().filter(may).map(|role| IndexedRole {
            arn: role.arn.clone(),
            caller: self.holdings.arn.clone(),
            source: source.map(str::to_owned),
            verdict: role.judgement.verdict,
            conditions: role.judgement.conditions.clone(),
        });
        indexed.collect()
    }
}

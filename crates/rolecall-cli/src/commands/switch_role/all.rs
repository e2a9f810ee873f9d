//! Every role there is a link for: those of the profiles, and those that `rolecall roles` found.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use rolecall::index::{IndexedAccount, IndexedRole, RoleIndex, RoleVerdict};
use rolecall::switch_role::{Color, SwitchLink, Way, name_with_path};
use rolecall::{AccountId, Error, ErrorKind, Host, Region, Request, RoleArn};
use serde_json::{Value, json};

use super::{Maker, display_name, page, way_found};
use crate::command_error::{CommandError, Ended};
use crate::output;

/// A role, and its link or the reason why it has none.
pub(super) struct Entry {
    pub(super) role: RoleArn,
    /// The profiles it stands in.
    pub(super) profiles: Vec<String>,
    pub(super) link: Result<Link, String>,
    /// What whoever opens the link should know.
    pub(super) notes: Vec<String>,
}

pub(super) struct Link {
    pub(super) url: String,
    pub(super) display_name: String,
    pub(super) color: Option<Color>,
}

/// An account, and its roles by name.
pub(super) struct Account {
    pub(super) id: AccountId,
    pub(super) known: IndexedAccount,
    pub(super) entries: Vec<Entry>,
}

pub(super) fn run(
    maker: &Maker<'_>,
    index: &RoleIndex,
    path: &Path,
    json: bool,
) -> Result<Ended, CommandError> {
    let accounts = accounts(maker, index);
    let entries = || accounts.iter().flat_map(|account| &account.entries);
    let (all, linked) = (
        entries().count(),
        entries().filter(|entry| entry.link.is_ok()).count(),
    );
    if all == 0 {
        return Err(Error::new(
            ErrorKind::NotConfigured,
            "no role is known: no profile has one, and none was found",
        )
        .with_hint("`rolecall roles` finds the roles you may assume.")
        .into());
    }
    let is_stdout = path.as_os_str() == "-";
    if !is_stdout {
        let path = place(maker.host, path)?;
        maker.host.write_private(&path, &page::render(&accounts))?;
        output::tell(&format!(
            "{linked} of {all} roles have a link in {}\n",
            path.display()
        ));
    } else if !json {
        output::print(&page::render(&accounts))?;
    }
    if json {
        let roles: Vec<_> = accounts
            .iter()
            .flat_map(|account| account.entries.iter().map(|entry| as_json(account, entry)))
            .collect();
        output::print_json(&json!({"roles": roles, "links": linked}))?;
    }
    Ok(Ended::WELL)
}

/// Where the page goes: a new file, or in the place of a page of ours. What a link leads to is what is written.
fn place(host: &Host, path: &Path) -> Result<PathBuf, Error> {
    let other = || {
        Error::config(format!(
            "{} is not a page of rolecall's, and is left as it is",
            path.display()
        ))
        .with_hint("Name another file, or take this one away first.")
    };
    let unwritable =
        |error: std::io::Error| Error::config(format!("cannot write {}: {error}", path.display()));
    let Ok(about) = fs::metadata(path) else {
        return std::path::absolute(path).map_err(unwritable);
    };
    if !about.is_file() {
        return Err(other());
    }
    let text = host.read(path).map_err(|_| other())?.unwrap_or_default();
    if !page::is_ours(&text) && !text.is_empty() {
        return Err(other());
    }
    fs::canonicalize(path).map_err(unwritable)
}

/// What is gathered of a role before it is one entry.
struct Draft {
    role: RoleArn,
    profiles: Vec<(String, Option<Region>, Way)>,
}

/// Every role once, by its account. The order depends on names alone, so that the same roles make the same page.
fn accounts(maker: &Maker<'_>, index: &RoleIndex) -> Vec<Account> {
    let mut drafts: BTreeMap<(AccountId, String), Draft> = BTreeMap::new();
    let draft = |drafts: &mut BTreeMap<_, _>, role: &RoleArn| {
        let key = (role.account(), role.to_string());
        drafts.entry(key).or_insert_with(|| Draft {
            role: role.clone(),
            profiles: Vec::new(),
        });
    };
    let mut found: HashMap<&RoleArn, Vec<&IndexedRole>> = HashMap::new();
    for role in &index.roles {
        if !matches!(role.verdict, RoleVerdict::Pattern | RoleVerdict::Denied) {
            draft(&mut drafts, &role.arn);
        }
        found.entry(&role.arn).or_default().push(role);
    }
    let with_role = maker
        .profiles
        .profiles()
        .filter(|profile| profile.property("role_arn").is_some());
    for profile in with_role {
        let request = Request {
            target: Some(profile.name().to_owned()),
            ..Request::default()
        };
        match maker.known(&request) {
            Ok(known) => {
                draft(&mut drafts, &known.role);
                let key = (known.role.account(), known.role.to_string());
                if let Some(draft) = drafts.get_mut(&key) {
                    draft
                        .profiles
                        .push((profile.name().to_owned(), known.region, known.way));
                }
            }
            Err(error) => tracing::warn!("profile `{}` is left out: {error}", profile.name()),
        }
    }
    let mut accounts: BTreeMap<AccountId, Account> = BTreeMap::new();
    for ((id, _), draft) in drafts {
        let found = found.get(&draft.role).map(Vec::as_slice).unwrap_or_default();
        let account = accounts.entry(id).or_insert_with(|| Account {
            id,
            known: index.accounts.get(&id).cloned().unwrap_or_default(),
            entries: Vec::new(),
        });
        account.entries.push(entry(maker, index, draft, found));
    }
    let mut accounts: Vec<_> = accounts.into_values().collect();
    accounts.sort_by_cached_key(|account| {
        let name = account.known.name.as_ref().or(account.known.alias.as_ref());
        // Those with a name first.
        (name.is_none(), name.map(|name| name.to_lowercase()), account.id)
    });
    for account in &mut accounts {
        account.entries.sort_by_cached_key(|entry| {
            let name = name_with_path(&entry.role);
            (name.to_lowercase(), name, entry.role.to_string())
        });
    }
    accounts
}

fn entry(maker: &Maker<'_>, index: &RoleIndex, draft: Draft, found: &[&IndexedRole]) -> Entry {
    let Draft { role, profiles } = draft;
    let found = way_found(found);
    let ways = profiles.iter().map(|(_, _, way)| way.clone());
    let way = match (ways.reduce(Way::or), found) {
        (Some(way), Some(found)) => way.with_found(found),
        (Some(way), None) | (None, Some(way)) => way,
        (None, None) => Way::default(),
    };
    let goes = |(_, _, way): &&(String, Option<Region>, Way)| way.check(&role).is_ok();
    let shown = profiles.iter().find(goes).or(profiles.first());
    let profile = shown.map(|(name, _, _)| name.as_str());
    let region = shown.and_then(|(_, region, _)| region.as_ref());
    let mut notes = Vec::new();
    let link = way
        .check(&role)
        .map_err(|obstacle| obstacle.reason())
        .and_then(|known| {
            notes.extend_from_slice(known);
            let place = maker
                .place(&role, profile, region)
                .map_err(|error| error.to_string())?;
            notes.extend(place.warning());
            let name = display_name(index, &role, profile).map_err(|error| error.to_string())?;
            let (color, warning) = maker.color_of(profile);
            if let Some(warning) = warning {
                tracing::warn!("{warning}");
            }
            let url = SwitchLink {
                page: &place.page,
                role: &role,
                display_name: &name,
                color,
            }
            .to_string();
            Ok(Link {
                url,
                display_name: name.to_string(),
                color,
            })
        });
    Entry {
        profiles: profiles.into_iter().map(|(name, ..)| name).collect(),
        role,
        link,
        notes,
    }
}

fn as_json(account: &Account, entry: &Entry) -> Value {
    let link = entry.link.as_ref().ok();
    json!({
        "role_arn": entry.role.to_string(),
        "account_id": account.id.as_str(),
        "account_name": account.known.name,
        "account_alias": account.known.alias,
        "role_name": name_with_path(&entry.role),
        "profiles": entry.profiles,
        "url": link.map(|link| &link.url),
        "display_name": link.map(|link| &link.display_name),
        "color": link.and_then(|link| link.color).map(|color| color.to_string()),
        "reason": entry.link.as_ref().err(),
        "warnings": entry.notes,
    })
}

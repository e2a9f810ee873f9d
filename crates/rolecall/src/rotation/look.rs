//! Before anything is done: whose key it is, what IAM has of that user, and what was begun before.

use std::time::{Duration, SystemTime};

use super::journal::{Journal, Step};
use super::{KeyAbout, LastUse, Outlook, PATIENCE, Rotation, Unfinished, elsewhere};
use crate::chain::SourceKind;
use crate::error::{Error, ErrorKind};
use crate::provider::access_keys::{AccessKeys, ListedKey, Signing, is_unknown_key};
use crate::provider::{CallerIdentity, Provider, blocking};
use crate::session::masked_key_id;
use crate::time::{rfc3339, spoken};
use crate::vault::AccessKey;

/// Whoever used the key within this time is probably still at it.
const RECENTLY: Duration = Duration::from_secs(3600);
/// Uses are told to the second.
const SECOND: Duration = Duration::from_secs(1);

/// What it is opened for.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Purpose {
    Look,
    Run,
    Undo,
}

/// What the first calls said.
struct First {
    signing: Signing,
    identity: CallerIdentity,
    /// Of the key that was listed, before anything else was signed with it.
    last_use: LastUse,
}

impl<'a> Rotation<'a> {
    /// Looks, and does nothing else. The provider's target is the profile whose key it is.
    ///
    /// # Errors
    /// Why it could not begin: the key is another source's, AWS does not know it, the user has two keys, a permission is
    /// missing.
    pub async fn look(provider: &'a Provider, profile: &str) -> Result<Self, Error> {
        Self::open(provider, profile, Purpose::Look)
            .await
            .map_err(|error| explained(provider, profile, error))
    }

    /// Looks, for a rotation that is to be run or undone: no other process rotates meanwhile.
    ///
    /// # Errors
    /// As [`Rotation::look`]; and that another process rotates now.
    pub async fn prepare(provider: &'a Provider, profile: &str) -> Result<Self, Error> {
        Self::open(provider, profile, Purpose::Run)
            .await
            .map_err(|error| explained(provider, profile, error))
    }

    /// Looks, for a rotation that is to be undone, even where no key in the vault is that user's any more: then IAM is left
    /// as it is, and [`super::Undone`] says so.
    ///
    /// # Errors
    /// As [`Rotation::prepare`].
    pub async fn prepare_to_undo(provider: &'a Provider, profile: &str) -> Result<Self, Error> {
        Self::open(provider, profile, Purpose::Undo)
            .await
            .map_err(|error| explained(provider, profile, error))
    }

    async fn open(provider: &'a Provider, profile: &str, purpose: Purpose) -> Result<Self, Error> {
        let (host, vault) = (provider.host().clone(), provider.vault().clone());
        let list = vault.list()?;
        let entry = list.entry(profile).cloned();
        if entry.is_some() {
            check_source(provider, profile)?;
        }
        let lock = match purpose {
            Purpose::Run | Purpose::Undo => Some(
                host.try_lock(&vault.folder()?.join("rotation.lock"))?
                    .ok_or_else(|| {
                        Error::new(ErrorKind::Unavailable, "another rolecall rotates a key now")
                            .with_hint("Try again when it is done.")
                    })?,
            ),
            Purpose::Look => None,
        };
        let begun = Journal::load(&host, &vault, profile)?;
        let candidates = {
            let (vault, profile, begun) = (vault.clone(), profile.to_owned(), begun.clone());
            blocking(move || {
                let mut keys = vec![vault.key(&profile)?];
                let listed = keys[0].id().to_owned();
                if let Some(journal) = begun {
                    let others = [journal.new.as_deref(), Some(journal.old.as_str())];
                    for id in others.into_iter().flatten().filter(|id| *id != listed) {
                        keys.extend(vault.staged(&profile, id, journal.backend)?);
                    }
                }
                Ok(keys)
            })
            .await?
        };
        let keys = AccessKeys::of(provider)?;
        let user = begun.as_ref().map(|journal| journal.user_id.as_str());
        let first = first(&host, &keys, profile, &candidates, user).await?;
        let is_begun = begun.is_some();
        let stranger = begun
            .as_ref()
            .and_then(|journal| same_user(journal, &first.identity).err());
        let (listed, stranger) = match stranger {
            // What another user has is none of its business.
            Some(error) if purpose == Purpose::Undo => (Vec::new(), Some(error)),
            Some(error) => return Err(error),
            None => (keys.list(&first.signing).await?, None),
        };
        let journal = match begun {
            Some(journal) if stranger.is_some() => journal,
            // A user that was renamed is the same one.
            Some(journal) => Journal {
                arn: first.identity.arn.clone(),
                ..journal
            },
            None => Journal {
                profile: profile.to_owned(),
                user_id: first.identity.user_id.clone(),
                arn: first.identity.arn.clone(),
                backend: entry.map(|entry| entry.backend).ok_or_else(|| {
                    Error::config("the vault's list changed meanwhile").with_hint("Try again.")
                })?,
                old: candidates[0].id().to_owned(),
                new: None,
                known: listed.iter().map(|key| key.id.clone()).collect(),
                asked_at: host.now(),
                step: Step::Create,
                is_undone: false,
            },
        };
        let old = about(&listed, &journal.old, first.last_use.clone());
        if !is_begun {
            check_keys(&keys, &first.signing, &listed, &journal.old).await?;
        }
        let mut outlook = Outlook {
            profile: profile.to_owned(),
            arn: journal.arn.clone(),
            old,
            unfinished: is_begun.then(|| Unfinished::of(&journal)),
            proves_mfa: first.signing.proves_mfa(),
            warnings: Vec::new(),
        };
        let shared = list
            .entries()
            .iter()
            .filter(|entry| entry.access_key_id == journal.old && entry.profile != profile)
            .map(|entry| format!("profile `{}` (in the vault)", entry.profile));
        let mut places = elsewhere(provider.profiles(), &host, &journal.old);
        places.extend(shared);
        outlook.warn(&host.now(), &places);
        Ok(Self {
            keys,
            host,
            vault,
            outlook,
            journal,
            is_begun,
            signing: first.signing,
            patience: PATIENCE,
            has_started_over: false,
            stranger,
            lock,
        })
    }
}

impl Outlook {
    fn warn(&mut self, now: &SystemTime, places: &[String]) {
        let id = masked_key_id(&self.old.id);
        if let LastUse::At { at, service, region } = &self.old.last_use
            && let Ok(since) = now.duration_since(*at)
            && since <= RECENTLY
        {
            let ago = match since.as_secs() {
                0 => "just now".to_owned(),
                seconds => format!("{} ago", spoken(Duration::from_secs(seconds))),
            };
            self.warnings.push(format!(
                "{id} was last used {ago} ({service} in {region}): if that was not rolecall, it will stop working."
            ));
        }
        for place in places {
            self.warnings.push(format!(
                "{id} stands in {place} too: what reads it there will stop working."
            ));
        }
        if self.arn.ends_with(":root") {
            self.warnings.push(
                "This is the key of an account's root user: AWS advises to delete it, and to have none."
                    .to_owned(),
            );
        }
    }
}

/// The error with the state of what was begun before; where nothing was, there is none.
fn explained(provider: &Provider, profile: &str, error: Error) -> Error {
    match Journal::load(provider.host(), provider.vault(), profile) {
        Ok(Some(journal)) => {
            let unfinished = Unfinished::of(&journal);
            error.with_hint(unfinished.state()).with_hint(unfinished.advice())
        }
        Ok(None) | Err(_) => error,
    }
}

/// The profile has to start from its key in the vault: only then its endpoints, its region and its MFA device are the key's.
fn check_source(provider: &Provider, profile: &str) -> Result<(), Error> {
    let source = &provider.chain().source;
    let is_own = matches!(source.kind, SourceKind::Vault(_)) && source.profile.as_deref() == Some(profile);
    if is_own {
        return Ok(());
    }
    Err(Error::config(format!(
        "profile `{profile}` does not start from its key in the vault, but from {source}"
    ))
    .with_hint(
        "Put the key under a profile of its own, which names nothing else: `rolecall vault add NAME`.",
    ))
}

/// The first of the keys that AWS knows, and as this user's where there is one such: of a rotation that was begun, one may be
/// gone, and another user's in its place.
async fn first(
    host: &crate::Host,
    keys: &AccessKeys<'_>,
    profile: &str,
    candidates: &[AccessKey],
    user: Option<&str>,
) -> Result<First, Error> {
    let (mut refused, mut stranger) = (None, None);
    for key in candidates {
        match signed_by(host, keys, profile, key).await {
            Err(error) if is_unknown_key(&error) => {
                refused.get_or_insert(error);
            }
            Ok(first) if user.is_some_and(|user| user != first.identity.user_id) => {
                stranger.get_or_insert(first);
            }
            outcome => return outcome,
        }
    }
    if let Some(stranger) = stranger {
        return Ok(stranger);
    }
    Err(refused.unwrap_or_else(|| {
        Error::new(ErrorKind::Internal, "there was no key to look with")
            .with_hint("This is a bug of rolecall: please report it.")
    }))
}

async fn signed_by(
    host: &crate::Host,
    keys: &AccessKeys<'_>,
    profile: &str,
    key: &AccessKey,
) -> Result<First, Error> {
    let started = host.now();
    let signing = keys
        .signing(key, &format!("a new access key of profile `{profile}`"))
        .await?;
    // Before anything else: what is signed now is a use, too.
    let last_use = last_use(keys, &signing, key.id(), started).await?;
    let identity = keys.identity(&signing).await?;
    let is_user = identity.arn.contains(":user/") || identity.arn.ends_with(":root");
    if !is_user {
        return Err(Error::new(
            ErrorKind::Untrusted,
            format!("AWS says that the key is {}'s, which is no user", identity.arn),
        )
        .with_hint("Something answers in the place of STS: check the endpoint and the proxies on the way."));
    }
    Ok(First {
        signing,
        identity,
        last_use,
    })
}

/// When a key was last used. That it is not told is no reason to stop.
async fn last_use(
    keys: &AccessKeys<'_>,
    signing: &Signing,
    id: &str,
    started: SystemTime,
) -> Result<LastUse, Error> {
    match keys.last_used(signing, id).await {
        Ok(None) => Ok(LastUse::Never),
        Ok(Some(used)) if used.at + SECOND >= started => Ok(LastUse::Unknown),
        Ok(Some(used)) => Ok(LastUse::At {
            at: used.at,
            service: used.service,
            region: used.region,
        }),
        Err(error) if error.kind() == ErrorKind::Denied && !is_unknown_key(&error) => {
            tracing::debug!(%error, "when the key was last used is not told");
            Ok(LastUse::Unknown)
        }
        Err(error) => Err(error),
    }
}

fn about(listed: &[ListedKey], id: &str, last_use: LastUse) -> KeyAbout {
    let found = listed.iter().find(|key| key.id == id);
    KeyAbout {
        id: id.to_owned(),
        is_active: found.is_some_and(|key| key.is_active),
        created: found.and_then(|key| key.created),
        last_use,
    }
}

/// A rotation needs room for a second key, and takes it from nobody.
async fn check_keys(
    keys: &AccessKeys<'_>,
    signing: &Signing,
    listed: &[ListedKey],
    old: &str,
) -> Result<(), Error> {
    if !listed.iter().any(|key| key.id == old) {
        return Err(Error::new(
            ErrorKind::Unavailable,
            format!("IAM does not list {} among the user's keys", masked_key_id(old)),
        )
        .with_hint("A key that was made a moment ago is listed later: try again in a minute."));
    }
    let Some(other) = listed.iter().find(|key| key.id != old) else {
        return Ok(());
    };
    let last_use = match keys.last_used(signing, &other.id).await {
        Ok(None) => LastUse::Never,
        Ok(Some(used)) => LastUse::At {
            at: used.at,
            service: used.service,
            region: used.region,
        },
        Err(_) => LastUse::Unknown,
    };
    Err(two_keys(&KeyAbout {
        last_use,
        ..about(listed, &other.id, LastUse::Unknown)
    }))
}

/// "A maximum of two access keys for each user" ("IAM and AWS STS quotas").
pub(super) fn two_keys(other: &KeyAbout) -> Error {
    let id = &other.id;
    Error::config("the user has two access keys, which is as many as AWS allows, and a rotation needs room for one")
        .with_hint(format!("The other one is {}.", described(other)))
        .with_hint(format!(
            "If nothing needs it any more: `aws iam update-access-key --access-key-id {id} --status Inactive`, and after some days `aws iam delete-access-key --access-key-id {id}`."
        ))
}

/// A key in words.
pub(super) fn described(key: &KeyAbout) -> String {
    let status = if key.is_active { "active" } else { "inactive" };
    let created = match key.created {
        Some(created) => format!(", made {}", rfc3339(created)),
        None => String::new(),
    };
    let used = match &key.last_use {
        LastUse::Never => ", never used".to_owned(),
        LastUse::At { at, service, region } => {
            format!(", last used {} ({service} in {region})", rfc3339(*at))
        }
        LastUse::Unknown => String::new(),
    };
    format!("{} ({status}{created}{used})", masked_key_id(&key.id))
}

/// Whether the journal is this user's.
fn same_user(journal: &Journal, identity: &CallerIdentity) -> Result<(), Error> {
    if journal.user_id != identity.user_id {
        return Err(Error::config(format!(
            "a rotation was begun for {}, and the vault's key is {}'s by now",
            journal.arn, identity.arn
        ))
        .with_hint("Put a key of that user into the vault again, and go on; or undo it (--abort), which leaves IAM as it is."));
    }
    Ok(())
}

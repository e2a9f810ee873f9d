//! Doing what was shown, and trying it.

use std::path::PathBuf;

use rolecall::audit::{Delivery, Log};
use rolecall::host::SecretQuestion;
use rolecall::profile::FileKind;
use rolecall::provider::whose;
use rolecall::session::masked_key_id;
use rolecall::vault::{AccessKey, Expected, Vault};
use rolecall::{CallerIdentity, Error, ErrorKind, Host, ProfileSet, Provider, Secret};
use zeroize::Zeroizing;

use super::Seen;
use super::planning::{From, New, Plan};
use crate::command_error::CommandError;
use crate::output;

/// How often a key may be mistyped.
const TRIES: usize = 3;

/// What was done.
pub(super) struct Done {
    /// The files that were written.
    pub(super) written: Vec<PathBuf>,
    /// Whom AWS was asked about.
    pub(super) tried: Vec<Tried>,
}

/// A profile, and who AWS says it is.
pub(super) struct Tried {
    pub(super) target: String,
    pub(super) identity: Result<CallerIdentity, Error>,
}

pub(super) fn act(host: &Host, seen: &Seen, plan: &Plan) -> Result<Done, CommandError> {
    // One for all of it: it is unlocked once.
    let vault = Vault::of(host);
    let mut written = Vec::new();
    if plan.imports {
        written.extend(seen.import.run(host, &vault)?.written);
    }
    if let Some(new) = &plan.new {
        written.push(keep(host, &vault, new)?);
    }
    if let Some((_, edit)) = &plan.written {
        written.push(edit.save(host)?);
    }
    let tried = try_each(host, &vault, &plan.tried)?;
    Ok(Done { written, tried })
}

/// Puts a key into the vault, and then its profile into the config file.
fn keep(host: &Host, vault: &Vault, new: &New) -> Result<PathBuf, CommandError> {
    let (key, identity) = key(host, new)?;
    let arn = identity.as_ref().map(|identity| identity.arn.as_str());
    vault.add_expecting(&new.profile, &key, new.chosen.kind, arn, Expected::NoOther)?;
    Ok(new.edit.save(host).map_err(|error| {
        error.with_hint("The key is in the vault; run `rolecall init` again for the profile.")
    })?)
}

/// The key, and whose AWS says it is. One that AWS refuses is asked for again, where a person typed it.
fn key(host: &Host, new: &New) -> Result<(AccessKey, Option<CallerIdentity>), CommandError> {
    let mut refused = None;
    for _ in 0..TRIES {
        let key = match &new.from {
            From::Person => typed(host, refused.as_ref()),
            From::Csv(path) => from_csv(host, path),
            From::Environment => from_environment(host),
        };
        let asked = match key {
            Ok(key) => verified(host, new, &key)?.map(|identity| (key, identity)),
            Err(error) => Err(error),
        };
        match asked {
            Ok(found) => return Ok(found),
            Err(error) if new.from == From::Person && error.kind() != ErrorKind::NeedsUser => {
                refused = Some(error);
            }
            Err(error) => return Err(error.with_hint("Nothing was saved.").into()),
        }
    }
    let error = refused.unwrap_or_else(|| Error::new(ErrorKind::NeedsUser, "no key was given"));
    Err(error
        .with_hint("Nothing was saved. Look the key up again, or make a new one in the IAM console.")
        .into())
}

/// Whose it is; none where AWS cannot be asked now. What AWS refuses is refused.
fn verified(
    host: &Host,
    new: &New,
    key: &AccessKey,
) -> Result<Result<Option<CallerIdentity>, Error>, CommandError> {
    // In the region that the profile is going to have.
    let mut profiles = ProfileSet::default();
    profiles.add(FileKind::Config, new.edit.path(), new.edit.after())?;
    let asked = super::super::block_on(async { Ok(whose(host, &profiles, &new.profile, key).await) })?;
    Ok(match asked {
        Ok(identity) => Ok(Some(identity)),
        Err(error) if error.kind() == ErrorKind::Denied => Err(error),
        Err(error) => {
            output::tell(&format!("It was not found out whose key it is: {error}\n"));
            Ok(None)
        }
    })
}

fn typed(host: &Host, refused: Option<&Error>) -> Result<AccessKey, Error> {
    let person = host.person();
    if let Some(refused) = refused {
        output::tell(&format!("rolecall: {refused}\n"));
    }
    let id = person.text("The access key id")?;
    let secret = person.secret(&SecretQuestion {
        what: format!("the secret access key of {}", masked_key_id(&id)),
        refused: None,
        is_new: false,
    })?;
    Ok(AccessKey::new(
        &id,
        Secret::new(secret.expose().trim().to_owned()),
    )?)
}

fn from_csv(host: &Host, path: &std::path::Path) -> Result<AccessKey, Error> {
    let text = host.read(path)?.map(Zeroizing::new);
    let text = text.ok_or_else(|| Error::config(format!("{} is gone", path.display())))?;
    AccessKey::from_csv(&text, None)
}

fn from_environment(host: &Host) -> Result<AccessKey, Error> {
    let value = |name: &str| host.env(name).map(str::trim).unwrap_or_default();
    let secret = Secret::new(value("AWS_SECRET_ACCESS_KEY").to_owned());
    Ok(AccessKey::new(value("AWS_ACCESS_KEY_ID"), secret)?)
}

/// Asks AWS who each is, by the files as they are now.
fn try_each(host: &Host, vault: &Vault, targets: &[String]) -> Result<Vec<Tried>, CommandError> {
    let mut tried = Vec::new();
    for target in targets {
        let provider = Provider::builder(host.clone())
            .target(target.as_str())
            .vault(vault)
            .audit(Log::of(host), Delivery::Whoami)
            .build();
        let identity = match provider {
            Ok(provider) => super::super::block_on(async { Ok(provider.caller_identity().await) })?,
            Err(error) => Err(error),
        };
        tried.push(Tried {
            target: target.clone(),
            identity,
        });
    }
    Ok(tried)
}

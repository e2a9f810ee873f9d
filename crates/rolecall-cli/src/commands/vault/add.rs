//! `rolecall vault add`: put a key into the vault.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use rolecall::host::SecretQuestion;
use rolecall::provider::whose;
use rolecall::session::masked_key_id;
use rolecall::time::rfc3339;
use rolecall::vault::{AccessKey, Added, Expected, check_name};
use rolecall::{CallerIdentity, Error, ErrorKind, Host, ProfileSet};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::VaultAddArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultAddArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = super::vault(host);
    let profile = args.profile.as_str();
    // What is wrong about the name or the place is said before anything is asked.
    check_name(profile)?;
    let chosen = vault.choose(args.backend)?;
    let before = vault.list()?.entry(profile).cloned();
    if let Some(before) = &before {
        super::not_while_rotated(host, before)?;
        let id = masked_key_id(&before.access_key_id);
        let question = format!("Replace key {id} of profile `{profile}` in {}", before.backend);
        if !super::agreed(host, args.yes, &question)? {
            return super::declined(json);
        }
    }
    super::tell_choice(&chosen);
    let key = read(host, args)?;
    let identity = if args.no_verify {
        None
    } else {
        verified(host, profile, &key)?
    };
    let arn = identity.as_ref().map(|identity| identity.arn.as_str());
    // Whoever waits at a prompt does not take away what another process put there meanwhile.
    let expected = Expected::Listed(before.as_ref());
    let added = vault.add_expecting(profile, &key, chosen.kind, arn, expected)?;
    if json {
        output::print_json(&as_json(&added, identity.as_ref()))?;
    } else {
        output::print(&as_text(&added, identity.as_ref()))?;
        hints(host, args);
    }
    Ok(Ended::WELL)
}

/// The key, from where the arguments say.
fn read(host: &Host, args: &VaultAddArgs) -> Result<AccessKey, Error> {
    if let Some(path) = &args.csv {
        let text = if path == Path::new("-") {
            super::read_whole(&mut io::stdin(), "stdin")?
        } else {
            let text = host.read(path)?.map(Zeroizing::new);
            text.ok_or_else(|| {
                Error::config(format!("there is no file {}", path.display()))
                    .with_hint("The IAM console saves it where your browser saves files.")
            })?
        };
        return AccessKey::from_csv(&text, args.user.as_deref());
    }
    if args.stdin {
        if io::stdin().is_terminal() {
            output::hint(
                "Leave --stdin away to be asked: what is typed here is shown. Otherwise type the id, the secret, and Ctrl-D.",
            );
        }
        return AccessKey::from_text(&super::read_whole(&mut io::stdin(), "stdin")?);
    }
    asked(host, &args.profile)
}

fn asked(host: &Host, profile: &str) -> Result<AccessKey, Error> {
    let ways = |error: Error| match error.kind() {
        ErrorKind::NeedsUser => error.with_hint("Or give the key with --stdin, or with --csv FILE."),
        _ => error,
    };
    let person = host.person();
    let id = person
        .text(&format!("Access key id of profile `{profile}`"))
        .map_err(ways)?;
    let question = SecretQuestion {
        what: format!("the secret access key of {}", masked_key_id(&id)),
        refused: None,
        is_new: false,
    };
    let secret = person.secret(&question).map_err(ways)?;
    let trimmed = rolecall::Secret::new(secret.expose().trim().to_owned());
    Ok(AccessKey::new(&id, trimmed)?)
}

/// Whose it is, by AWS. A key that AWS refuses is not taken; one that nobody can be asked about is, with a word about it.
fn verified(host: &Host, profile: &str, key: &AccessKey) -> Result<Option<CallerIdentity>, CommandError> {
    let profiles = ProfileSet::load(host)?;
    let asked = super::super::block_on(async { Ok(whose(host, &profiles, profile, key).await) })?;
    match asked {
        Ok(identity) => Ok(Some(identity)),
        Err(error) if error.kind() == ErrorKind::Denied => Err(error
            .with_hint("Nothing was saved. Say --no-verify to save it all the same.")
            .into()),
        Err(error) => {
            output::tell(&format!("It was not found out whose key it is: {error}\n"));
            Ok(None)
        }
    }
}

fn as_text(added: &Added, identity: Option<&CallerIdentity>) -> String {
    let entry = &added.entry;
    let id = masked_key_id(&entry.access_key_id);
    let whose = identity.map_or_else(String::new, |identity| format!(", {}", identity.arn));
    let what = format!(
        "Key {id}{whose} rests in {} as profile `{}`.\n",
        entry.backend, entry.profile
    );
    match &added.before {
        Some(before) if before.access_key_id != entry.access_key_id => format!(
            "{what}It took the place of {}, which AWS still takes: delete it there if nobody needs it.\n",
            masked_key_id(&before.access_key_id)
        ),
        _ => what,
    }
}

fn as_json(added: &Added, identity: Option<&CallerIdentity>) -> serde_json::Value {
    let entry = &added.entry;
    json!({
        "profile": entry.profile,
        "access_key_id": entry.access_key_id,
        "backend": entry.backend.name(),
        "saved_at": rfc3339(entry.saved_at),
        "arn": identity.map(|identity| &identity.arn),
        "replaced": added.before.as_ref().map(|before| &before.access_key_id),
    })
}

/// What is left to do.
fn hints(host: &Host, args: &VaultAddArgs) {
    let profile = &args.profile;
    if let Some(path) = args.csv.as_ref().filter(|path| path.as_os_str() != "-") {
        output::hint(&format!(
            "The key still stands in {}: remove that file.",
            path.display()
        ));
    }
    let Ok(profiles) = ProfileSet::load(host) else {
        return;
    };
    let Some(found) = profiles.profile(profile) else {
        return;
    };
    if let Some(property) = found.property("aws_secret_access_key") {
        output::hint(&format!(
            "A key of this profile stands in the clear in {}, and other tools take that one: `rolecall vault import {profile}` takes it out.",
            property.origin()
        ));
    } else if found.value("credential_process").is_none() && found.value("role_arn").is_none() {
        output::hint(&format!(
            "rolecall knows the profile by its name. For the AWS CLI and SDKs write `credential_process = {}` into its section of the config file, or run them with `rolecall exec {profile} -- CMD`.",
            rolecall::profile::own_process(profile)
        ));
    }
}

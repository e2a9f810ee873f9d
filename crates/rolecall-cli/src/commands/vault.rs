//! `rolecall vault`: users' access keys, encrypted.

mod add;
pub(super) mod import;
mod list;
mod lock;
mod move_keys;
mod remove;
mod restore;
mod rotate;

use std::io::Read as _;

use rolecall::vault::{Chosen, Entry, Vault};
use rolecall::{Error, Host};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::{VaultAction, VaultArgs};
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: VaultArgs) -> Result<Ended, CommandError> {
    let json = args.json;
    match args.action {
        VaultAction::Add(args) => add::run(host, &args, json),
        VaultAction::List(args) => list::run(host, &args, json),
        VaultAction::Remove(args) => remove::run(host, &args, json),
        VaultAction::Import(args) => import::run(host, &args, json),
        VaultAction::Restore(args) => restore::run(host, &args, json),
        VaultAction::Rotate(args) => rotate::run(host, &args, json),
        VaultAction::Move(args) => move_keys::run(host, &args, json),
        VaultAction::Passphrase => lock::change(host, json),
        VaultAction::Lock => lock::run(host, json),
    }
}

/// Says where a key is going to rest, and why not somewhere better.
pub(crate) fn tell_choice(chosen: &Chosen) {
    for (kind, why) in &chosen.passed_over {
        output::tell(&format!("{kind} cannot be used: {why}\n"));
        for hint in why.hints() {
            output::hint(hint);
        }
    }
    if !chosen.passed_over.is_empty() {
        output::tell(&format!("Keys go into {}: {}.\n", chosen.kind, chosen.why));
    }
}

/// Asks whether to do it, unless that was said already.
pub(crate) fn agreed(host: &Host, yes: bool, question: &str) -> Result<bool, CommandError> {
    if yes {
        return Ok(true);
    }
    let said = host.person().confirm(question);
    Ok(said.map_err(|error| error.with_hint("Nothing was done. Say --yes to do it without being asked."))?)
}

/// A key that a rotation has begun to replace stays as it is: what the rotation needs of it must not go. Where the vault
/// has another key by now, or none, there is nothing to keep.
fn not_while_rotated(host: &Host, entry: &Entry) -> Result<(), Error> {
    let begun = rolecall::rotation::unfinished(host)?.into_iter().find(|it| {
        let is_of_it = it.old == entry.access_key_id || it.new.as_ref() == Some(&entry.access_key_id);
        it.profile == entry.profile && is_of_it
    });
    match begun {
        Some(it) => Err(Error::config(it.to_string())
            .with_hint(format!("Nothing was done. {}", it.state()))
            .with_hint(it.advice())),
        None => Ok(()),
    }
}

/// What was asked about is not done, because the person said no: which is an answer, and no error.
pub(crate) fn declined(json: bool) -> Result<Ended, CommandError> {
    output::tell("Nothing was done.\n");
    if json {
        output::print_json(&json!({ "done": false, "declined": true }))?;
    }
    Ok(Ended::WELL)
}

/// The file, or stdin, whole: a key is small.
fn read_whole(from: &mut impl std::io::Read, what: &str) -> Result<Zeroizing<String>, Error> {
    const LARGEST: u64 = 1024 * 1024;
    let mut text = Zeroizing::new(String::with_capacity(16 * 1024));
    let fail = |why: &dyn std::fmt::Display| Error::config(format!("cannot read {what}: {why}"));
    match from.take(LARGEST + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > LARGEST => Err(fail(&"it is larger than 1 MiB")),
        Ok(_) => Ok(text),
        Err(error) => Err(fail(&error)),
    }
}

/// The vault of this host.
fn vault(host: &Host) -> Vault {
    Vault::of(host)
}

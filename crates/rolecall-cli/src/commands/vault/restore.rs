//! `rolecall vault restore`: put the files back as they were before an import.

use std::path::Path;

use rolecall::profile::edit::Edit;
use rolecall::vault::{Backup, Replaced, Vault};
use rolecall::{Error, ErrorKind, Host};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::VaultRestoreArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;
use crate::person::plain;

/// A file that is to be put back.
struct File {
    backup: Backup,
    edit: Edit,
    /// Whether it is still what took its place.
    is_as_replaced: bool,
}

pub(crate) fn run(host: &Host, args: &VaultRestoreArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = Vault::of(host);
    let backups = chosen(vault.list()?.backups(), args.backup.as_deref())?;
    if args.discard {
        return discard(host, &vault, &backups, args.yes, json);
    }
    let mut files = Vec::with_capacity(backups.len());
    // The keys come back before what stands for them goes: the import went the other way.
    for backup in backups.into_iter().rev() {
        files.push(File::read(host, &vault, backup)?);
    }
    let changed: Vec<_> = files.iter().filter(|file| file.has_changed()).collect();
    if !args.force && !changed.is_empty() {
        return Err(refused(&changed).into());
    }
    let to_write: Vec<_> = files.iter().filter(|file| !file.edit.is_nothing()).collect();
    for file in &to_write {
        file.edit.check(host)?;
        output::tell(&file.edit.diff());
    }
    if to_write.is_empty() {
        output::tell("The files are as they were before the import.\n");
    } else {
        let paths: Vec<_> = to_write.iter().map(|file| shown(file.edit.path())).collect();
        let question = format!(
            "Put access keys back in the clear, and write {}",
            paths.join(" and ")
        );
        if !agrees(host, &question, args.yes)? {
            output::tell("Nothing was changed.\n");
            if json {
                output::print_json(&told_json(&vault, &files, &[], false)?)?;
            }
            return Ok(Ended::WELL);
        }
    }
    // What was written since is not lost either.
    let kept = keep(&vault, &changed)?;
    for file in &to_write {
        let path = file.edit.save(host)?;
        output::tell(&format!("Wrote {}.\n", shown(&path)));
    }
    for file in &files {
        vault.discard_backup(&file.backup.id)?;
    }
    tell_rest(&vault, &files, &kept)?;
    if json {
        output::print_json(&told_json(&vault, &files, &kept, true)?)?;
    }
    Ok(Ended::WELL)
}

/// The backups that are meant: one, or all of an import. Without a name, all of the last import.
fn chosen(all: &[Backup], named: Option<&str>) -> Result<Vec<Backup>, Error> {
    let Some(last) = all.last() else {
        return Err(
            Error::new(ErrorKind::NotConfigured, "the vault has no backup of a file")
                .with_hint("`rolecall vault import` makes them; one that was restored is not kept."),
        );
    };
    let named = named.unwrap_or(last.run());
    let meant: Vec<_> = all
        .iter()
        .filter(|backup| backup.id == named || backup.run() == named)
        .cloned()
        .collect();
    if meant.is_empty() {
        let runs: Vec<_> = all.iter().map(|backup| backup.id.as_str()).collect();
        return Err(Error::new(
            ErrorKind::NotConfigured,
            format!("the vault has no backup `{named}`"),
        )
        .with_hint(format!("There are {}.", runs.join(", "))));
    }
    Ok(meant)
}

impl File {
    fn read(host: &Host, vault: &Vault, backup: Backup) -> Result<Self, Error> {
        let bytes = vault.backup_text(&backup)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| {
            Error::new(
                ErrorKind::Untrusted,
                format!("the backup {} is no text of a file", backup.id),
            )
            .with_hint("It was changed or damaged; nothing was written.")
        })?;
        let now = host.read(&backup.path)?.map(Zeroizing::new);
        let now = now.as_ref().map(|text| text.as_str());
        Ok(Self {
            is_as_replaced: Vault::is_as_replaced(&backup, now.unwrap_or_default().as_bytes()),
            edit: Edit::replacing(&backup.path, now, text),
            backup,
        })
    }

    /// Whether somebody has written it since, otherwise than it was.
    fn has_changed(&self) -> bool {
        !self.is_as_replaced && !self.edit.is_nothing()
    }
}

fn refused(changed: &[&File]) -> Error {
    let paths: Vec<_> = changed.iter().map(|file| shown(file.edit.path())).collect();
    let error = Error::config(format!(
        "{} changed since the import, and that would be lost",
        paths.join(" and ")
    ));
    error
        .with_hint("Say --force to put back what was there before all the same: what is there now is kept encrypted first.")
        .with_hint(
            "Or leave the files as they are: the keys are in the vault, and `rolecall vault list` shows them.",
        )
}

fn agrees(host: &Host, question: &str, yes: bool) -> Result<bool, Error> {
    if yes {
        return Ok(true);
    }
    host.person()
        .confirm(question)
        .map_err(|error| match error.kind() {
            ErrorKind::NeedsUser => {
                error.with_hint("Nothing was changed. Say --yes to do it without being asked.")
            }
            _ => error,
        })
}

/// Keeps what a forced restore replaces.
fn keep(vault: &Vault, changed: &[&File]) -> Result<Vec<Backup>, Error> {
    let Some(first) = changed.first() else {
        return Ok(Vec::new());
    };
    let replaced: Vec<_> = changed
        .iter()
        .map(|file| Replaced {
            path: file.edit.path(),
            before: file.edit.before().as_bytes(),
            after: file.edit.after().as_bytes(),
        })
        .collect();
    vault.back_up(&replaced, first.backup.backend, &first.backup.profiles)
}

/// The profiles of these backups that have a key in the vault.
fn in_vault(vault: &Vault, files: &[File]) -> Result<Vec<String>, Error> {
    let list = vault.list()?;
    let mut profiles: Vec<_> = files
        .iter()
        .flat_map(|file| &file.backup.profiles)
        .filter(|profile| list.entry(profile).is_some())
        .cloned()
        .collect();
    profiles.sort_unstable();
    profiles.dedup();
    Ok(profiles)
}

fn tell_rest(vault: &Vault, files: &[File], kept: &[Backup]) -> Result<(), Error> {
    if let Some(kept) = kept.first() {
        output::tell(&format!(
            "What was there until now is kept encrypted as {}.\n",
            kept.run()
        ));
    }
    for profile in in_vault(vault, files)? {
        let profile = plain(&profile);
        output::tell(&format!(
            "The vault still has the key of {profile}, and rolecall uses that one: `rolecall vault remove {profile}` takes it out.\n"
        ));
    }
    Ok(())
}

fn told_json(vault: &Vault, files: &[File], kept: &[Backup], is_done: bool) -> Result<Value, Error> {
    let file = |file: &File| {
        json!({
            "file": file.edit.path(),
            "backup": file.backup.id,
            "changed": file.has_changed(),
            "written": is_done && !file.edit.is_nothing(),
            "diff": file.edit.diff(),
        })
    };
    Ok(json!({
        "done": is_done,
        "discarded": false,
        "files": files.iter().map(file).collect::<Vec<_>>(),
        "kept": kept.iter().map(|backup| &backup.id).collect::<Vec<_>>(),
        "in_vault": in_vault(vault, files)?,
    }))
}

/// Deletes backups that are not needed any more.
fn discard(
    host: &Host,
    vault: &Vault,
    backups: &[Backup],
    yes: bool,
    json: bool,
) -> Result<Ended, CommandError> {
    for backup in backups {
        output::tell(&format!("{}  {}\n", backup.id, shown(&backup.path)));
    }
    let question = match backups {
        [_] => "Delete this backup: the file cannot be put back any more".to_owned(),
        all => format!(
            "Delete these {} backups: the files cannot be put back any more",
            all.len()
        ),
    };
    let agrees = agrees(host, &question, yes)?;
    if agrees {
        for backup in backups {
            vault.discard_backup(&backup.id)?;
        }
        output::tell("Deleted.\n");
    } else {
        output::tell("Nothing was changed.\n");
    }
    if json {
        output::print_json(&json!({
            "done": agrees,
            "discarded": agrees,
            "files": backups.iter().map(|backup| json!({
                "file": backup.path, "backup": backup.id,
            })).collect::<Vec<_>>(),
        }))?;
    }
    Ok(Ended::WELL)
}

fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

//! `rolecall vault list`: what is in the vault. Nothing is unlocked for it.

use rolecall::Host;
use rolecall::rotation::{self, Unfinished};
use rolecall::session::masked_key_id;
use rolecall::time::{rfc3339, spoken};
use rolecall::vault::{Backup, Entry, List, Vault};
use serde_json::json;

use crate::cli::VaultListArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultListArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = super::vault(host);
    if args.rebuild {
        rebuild(host, &vault)?;
    }
    if args.sweep && !sweep(host, &vault, args.yes)? {
        output::tell("Nothing was done.\n");
        return Ok(Ended::WELL);
    }
    let list = vault.list()?;
    let begun = begun(host);
    for unfinished in begun.iter().flatten() {
        output::tell(&format!("{unfinished}: {}\n", unfinished.state()));
        output::hint(&unfinished.advice());
    }
    if json {
        output::print_json(&as_json(&list, begun.as_deref()))?;
    } else if list.entries().is_empty() && list.backups().is_empty() {
        // Only where it would mislead: a bus is not asked for every empty list.
        if vault.holds_records_of_a_lost_list() {
            output::tell("The vault's list is lost, and its records are there.\n");
            output::hint("`rolecall vault list --rebuild` makes it anew from them.");
            return Ok(Ended::WELL);
        }
        output::tell("The vault is empty.\n");
        output::hint(
            "`rolecall vault import` takes keys out of ~/.aws/credentials, `rolecall vault add PROFILE` takes a new one.",
        );
    } else {
        output::print(&as_text(host, &list))?;
    }
    Ok(Ended::WELL)
}

/// Every rotation that is unfinished. One journal that cannot be read keeps nobody from the list: it is told, and it is
/// not known which there are.
fn begun(host: &Host) -> Option<Vec<Unfinished>> {
    match rotation::unfinished(host) {
        Ok(begun) => Some(begun),
        Err(error) => {
            output::tell(&format!("Unfinished rotations are not listed: {error}\n"));
            error.hints().iter().for_each(|hint| output::hint(hint));
            None
        }
    }
}

/// Makes the list anew, and tells what could not be listed.
fn rebuild(host: &Host, vault: &Vault) -> Result<(), CommandError> {
    // Where they are not known, it is told with the list.
    let begun = rotation::unfinished(host).unwrap_or_default();
    let idle = begun.iter().filter_map(|begun| {
        let id = begun.not_in_use()?;
        Some((begun.profile.clone(), id.to_owned()))
    });
    let rebuilt = vault.rebuild_without(&idle.collect::<Vec<_>>())?;
    for (kind, error) in &rebuilt.unread {
        output::tell(&format!("{kind} was not looked into: {error}\n"));
    }
    for left_out in &rebuilt.left_out {
        output::tell(&format!("{left_out}\n"));
    }
    if !rebuilt.left_out.is_empty() {
        output::hint("`rolecall vault list --sweep` deletes those that the list does not name.");
    }
    Ok(())
}

/// Deletes the records that the list does not name, but those that it could name again and those of profiles whose rotation
/// is unfinished. Whether it was agreed to.
fn sweep(host: &Host, vault: &Vault, yes: bool) -> Result<bool, CommandError> {
    let found = vault.orphans()?;
    // After the records: what a rotation saves meanwhile is not among them, and what it saved before has its journal.
    let begun = rotation::unfinished(host)?;
    let list = vault.list()?;
    let mut orphans = Vec::new();
    for (kind, record) in found {
        if begun.iter().any(|begun| begun.profile == record.name) {
            continue;
        }
        if list.is_lost(&record) {
            output::tell(&format!("The {record} in {kind} stays: the list lost it.\n"));
            output::hint("`rolecall vault list --rebuild` lists it again.");
            continue;
        }
        output::tell(&format!("The {record} in {kind} is not in the list.\n"));
        orphans.push((kind, record));
    }
    if orphans.is_empty() {
        output::tell("There is nothing to delete.\n");
        return Ok(true);
    }
    let (what, it) = match orphans.len() {
        1 => ("this record".to_owned(), "it"),
        count => (format!("these {count} records"), "them"),
    };
    if !super::agreed(host, yes, &format!("Delete {what}; nothing brings {it} back"))? {
        return Ok(false);
    }
    for (kind, record) in &orphans {
        vault.discard_orphan(*kind, record)?;
        output::tell(&format!("Deleted the {record} in {kind}.\n"));
    }
    Ok(true)
}

fn as_text(host: &Host, list: &List) -> String {
    let row = |cells: &[&str]| cells.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>();
    let mut text = String::new();
    if !list.entries().is_empty() {
        let mut rows = vec![row(&["PROFILE", "KEY", "WHERE", "AGE", "WHOSE"])];
        rows.extend(list.entries().iter().map(|entry| {
            let age = host.now().duration_since(entry.saved_at).unwrap_or_default();
            row(&[
                &entry.profile,
                &masked_key_id(&entry.access_key_id),
                entry.backend.name(),
                &spoken(age),
                entry.arn.as_deref().unwrap_or("-"),
            ])
        }));
        text.push_str(&output::table(&rows));
    }
    if !list.backups().is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        let mut rows = vec![row(&["BACKUP", "OF", "WHERE", "KEYS OF"])];
        rows.extend(list.backups().iter().map(|backup| {
            row(&[
                &backup.id,
                &backup.path.display().to_string(),
                backup.backend.name(),
                &backup.profiles.join(", "),
            ])
        }));
        text.push_str(&output::table(&rows));
    }
    text
}

/// `rotations` is null where they are not known.
fn as_json(list: &List, begun: Option<&[Unfinished]>) -> serde_json::Value {
    let entry = |entry: &Entry| {
        json!({
            "profile": entry.profile,
            "access_key_id": entry.access_key_id,
            "backend": entry.backend.name(),
            "saved_at": rfc3339(entry.saved_at),
            "arn": entry.arn,
        })
    };
    let backup = |backup: &Backup| {
        json!({
            "id": backup.id,
            "path": backup.path,
            "backend": backup.backend.name(),
            "saved_at": rfc3339(backup.saved_at),
            "profiles": backup.profiles,
        })
    };
    let rotation = |begun: &Unfinished| {
        json!({
            "profile": begun.profile,
            "old": begun.old,
            "new": begun.new,
            "is_undone": begun.is_undone,
        })
    };
    json!({
        "keys": list.entries().iter().map(entry).collect::<Vec<_>>(),
        "backups": list.backups().iter().map(backup).collect::<Vec<_>>(),
        "rotations": begun.map(|begun| begun.iter().map(rotation).collect::<Vec<_>>()),
    })
}

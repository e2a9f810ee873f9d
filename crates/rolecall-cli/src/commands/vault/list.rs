//! `rolecall vault list`: what is in the vault. Nothing is unlocked for it.

use rolecall::Host;
use rolecall::rotation::Unfinished;
use rolecall::session::masked_key_id;
use rolecall::time::{rfc3339, spoken};
use rolecall::vault::{Backup, Entry, List};
use serde_json::json;

use crate::cli::VaultListArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultListArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = super::vault(host);
    if args.rebuild {
        let rebuilt = vault.rebuild()?;
        for (kind, error) in &rebuilt.unread {
            output::tell(&format!("{kind} was not looked into: {error}\n"));
        }
    }
    let list = vault.list()?;
    let begun = rolecall::rotation::unfinished(host)?;
    for unfinished in &begun {
        output::tell(&format!("{unfinished}: {}\n", unfinished.state()));
        output::hint(&unfinished.advice());
    }
    if json {
        output::print_json(&as_json(&list, &begun))?;
    } else if list.entries().is_empty() && list.backups().is_empty() {
        output::tell("The vault is empty.\n");
        output::hint(
            "`rolecall vault import` takes keys out of ~/.aws/credentials, `rolecall vault add PROFILE` takes a new one.",
        );
    } else {
        output::print(&as_text(host, &list))?;
    }
    Ok(Ended::WELL)
}

fn as_text(host: &Host, list: &List) -> String {
    let row = |cells: [&str; 5]| cells.map(str::to_owned).to_vec();
    let mut text = String::new();
    if !list.entries().is_empty() {
        let mut rows = vec![row(["PROFILE", "KEY", "WHERE", "AGE", "WHOSE"])];
        rows.extend(list.entries().iter().map(|entry| {
            let age = host.now().duration_since(entry.saved_at).unwrap_or_default();
            row([
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
        let mut rows = vec![row(["BACKUP", "OF", "WHERE", "KEYS OF", ""])];
        rows.extend(list.backups().iter().map(|backup| {
            row([
                &backup.id,
                &backup.path.display().to_string(),
                backup.backend.name(),
                &backup.profiles.join(", "),
                "",
            ])
        }));
        text.push_str(&output::table(&rows));
    }
    text
}

fn as_json(list: &List, begun: &[Unfinished]) -> serde_json::Value {
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
    json!({
        "keys": list.entries().iter().map(entry).collect::<Vec<_>>(),
        "backups": list.backups().iter().map(backup).collect::<Vec<_>>(),
        "rotations": begun.iter().map(|begun| json!({
            "profile": begun.profile,
            "old": begun.old,
            "new": begun.new,
            "is_undone": begun.is_undone,
        })).collect::<Vec<_>>(),
    })
}

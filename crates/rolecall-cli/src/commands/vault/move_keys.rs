//! `rolecall vault move`: keys to another backend.

use rolecall::session::masked_key_id;
use rolecall::vault::Entry;
use rolecall::{Error, ErrorKind, Host};
use serde_json::json;

use crate::cli::VaultMoveArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

pub(crate) fn run(host: &Host, args: &VaultMoveArgs, json: bool) -> Result<Ended, CommandError> {
    let vault = super::vault(host);
    let to = args.to;
    let list = vault.list()?;
    if let Some(missing) = args.profiles.iter().find(|name| list.entry(name).is_none()) {
        return Err(Error::new(
            ErrorKind::NotConfigured,
            format!("the vault has no key of a profile `{missing}`"),
        )
        .with_hint("Nothing was moved. `rolecall vault list` shows what is in it.")
        .into());
    }
    let is_meant = |entry: &&Entry| {
        entry.backend != to && (args.profiles.is_empty() || args.profiles.contains(&entry.profile))
    };
    let entries: Vec<_> = list.entries().iter().filter(is_meant).collect();
    for entry in &entries {
        super::not_while_rotated(host, entry)?;
    }
    vault.choose(Some(to))?;
    if entries.is_empty() {
        output::tell(&format!("There is nothing to move: all of it rests in {to}.\n"));
    } else {
        for entry in &entries {
            output::tell(&format!(
                "{} of profile `{}`: from {} to {to}\n",
                masked_key_id(&entry.access_key_id),
                entry.profile,
                entry.backend
            ));
        }
        let question = format!("Move {}", counted(entries.len()));
        if !super::agreed(host, args.yes, &question)? {
            return super::declined(json);
        }
    }
    let mut moved = Vec::new();
    for entry in entries {
        let now = vault.move_to(&entry.profile, to).map_err(|error| {
            error.with_hint(format!(
                "{} moved before it; say it again to go on.",
                counted(moved.len())
            ))
        })?;
        moved.push(now);
    }
    if json {
        let shown = moved.iter().map(|entry| {
            json!({
                "profile": entry.profile,
                "access_key_id": entry.access_key_id,
                "backend": entry.backend.name(),
            })
        });
        output::print_json(&json!({ "moved": shown.collect::<Vec<_>>() }))?;
    } else if !moved.is_empty() {
        output::print(&format!("Moved {} to {to}.\n", counted(moved.len())))?;
    }
    Ok(Ended::WELL)
}

fn counted(count: usize) -> String {
    match count {
        1 => "1 key".to_owned(),
        count => format!("{count} keys"),
    }
}

//! What a person and a program see of an import.

use std::path::Path;

use rolecall::error::is_hidden;
use rolecall::session::masked_key_id;
use serde_json::{Value, json};

use super::{Done, Import, Process, Taken};
use crate::output;

impl Import {
    /// What would be done, for a person.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let Some(chosen) = &self.chosen else {
            text.push_str(match self.left.is_empty() {
                true => "There is no access key in the config or credentials file.\n",
                false => "There is no access key in the config or credentials file that can be taken.\n",
            });
            text.push_str(&self.left_text());
            return text;
        };
        text.push_str(&format!(
            "Into the vault, in {} ({}):\n",
            chosen.kind,
            plain(&chosen.why)
        ));
        let rows: Vec<_> = self.taken.iter().map(Taken::row).collect();
        text.push_str(&output::table(&rows));
        for (kind, error) in &chosen.passed_over {
            text.push_str(&format!("Not in {kind}: {}.\n", plain(&error.to_string())));
        }
        text.push_str(&self.left_text());
        for edit in &self.edits {
            text.push_str(&format!("\n{}", edit.diff()));
        }
        let files = match self.edits.len() {
            1 => "The file as it is now is kept",
            _ => "Both files as they are now are kept",
        };
        text.push_str(&format!(
            "\n{files} in the vault first, encrypted: `rolecall vault restore` undoes this.\n"
        ));
        for warning in &self.warnings {
            text.push_str(&format!("Note: {}\n", plain(warning)));
        }
        text
    }

    fn left_text(&self) -> String {
        let mut text = String::new();
        if !self.left.is_empty() {
            text.push_str("Left where it is:\n");
        }
        for left in &self.left {
            let who = match &left.profile {
                Some(profile) => format!("profile {profile}"),
                None => left.places.join(", "),
            };
            text.push_str(&format!("  {}: {}\n", plain(&who), plain(&left.why)));
        }
        text
    }

    /// What is asked before it is done.
    pub(crate) fn question(&self) -> String {
        let keys = match self.taken.as_slice() {
            [one] => format!("the key of {}", one.profile),
            all => format!("{} keys", all.len()),
        };
        let files: Vec<_> = self.edits.iter().map(|edit| shown(edit.path())).collect();
        format!("Put {keys} into the vault, and write {}", files.join(" and "))
    }

    /// What was done, and what to do next.
    pub(crate) fn told(&self, done: &Done) -> String {
        let profiles = self.profiles().join(", ");
        let kind = self.chosen.as_ref().map(|chosen| format!(", in {}", chosen.kind));
        let mut text = format!(
            "In the vault{}: {}.\n",
            kind.unwrap_or_default(),
            plain(&profiles)
        );
        for path in &done.written {
            text.push_str(&format!("Wrote {}.\n", shown(path)));
        }
        if let Some(backup) = done.backups.first() {
            text.push_str(&format!(
                "What was there before is kept encrypted as {}: `rolecall vault restore` puts it back.\n",
                backup.run()
            ));
        }
        let first = self.taken.first().map_or("", |taken| taken.profile.as_str());
        text.push_str(&format!("Try it: `rolecall whoami {}`.\n", plain(first)));
        let them = match self.taken.as_slice() {
            [_] => format!("`rolecall vault rotate {}` makes it worthless", plain(first)),
            _ => format!(
                "`rolecall vault rotate` makes each of them worthless ({})",
                plain(&profiles)
            ),
        };
        text.push_str(&format!(
            "What lay in the clear cannot be wiped from where the disk and its backups still hold it: {them}.\n"
        ));
        text
    }

    /// For machines.
    pub(crate) fn json(&self, done: Option<&Done>, has_declined: bool) -> Value {
        let file = |edit: &rolecall::profile::edit::Edit| {
            let backup = done.and_then(|done| done.backups.iter().find(|backup| backup.path == edit.path()));
            json!({
                "file": edit.path(),
                "diff": edit.diff(),
                "backup": backup.map(|backup| &backup.id),
            })
        };
        json!({
            "done": done.is_some(),
            "declined": has_declined,
            "backend": self.chosen.as_ref().map(|chosen| chosen.kind.name()),
            "why": self.chosen.as_ref().map(|chosen| &chosen.why),
            "passed_over": self.chosen.iter().flat_map(|chosen| &chosen.passed_over).map(|(kind, error)| json!({
                "backend": kind.name(), "why": error.to_string(),
            })).collect::<Vec<_>>(),
            "keys": self.taken.iter().map(Taken::json).collect::<Vec<_>>(),
            "left": self.left.iter().map(|left| json!({
                "profile": left.profile, "places": left.places, "why": left.why,
            })).collect::<Vec<_>>(),
            "files": self.edits.iter().map(file).collect::<Vec<_>>(),
            "notes": self.warnings,
        })
    }
}

impl Taken {
    fn row(&self) -> Vec<String> {
        let listed = if self.is_listed { "is there already" } else { "" };
        vec![
            format!("  {}", plain(&self.profile)),
            masked_key_id(&self.access_key_id),
            plain(&self.places.join(", ")),
            listed.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        let (process, why) = match &self.process {
            Process::Written => ("written", None),
            Process::There => ("there", None),
            Process::Not(why) => ("none", Some(why)),
        };
        json!({
            "profile": self.profile,
            "access_key_id": self.access_key_id,
            "places": self.places,
            "listed": self.is_listed,
            "process": process,
            "why_no_process": why,
        })
    }
}

fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '?' } else { c }).collect()
}

//! The vault: where keys rest, whether they are there, how old they are, and whether its backends keep what they are given.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use super::{Area, Finding, Severity};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::rotation::{self, Unfinished};
use crate::vault::{BackendKind, List, RecordKey, RecordKind, Vault};

/// A key that has been there longer is to be replaced: AWS's own advice ("Update access keys when needed", IAM User Guide,
/// and the credential report's check of ninety days).
const OLD: Duration = Duration::from_secs(90 * 24 * 3600);
const DAY: u64 = 24 * 3600;

fn finding(severity: Severity, check: &'static str, what: impl Into<String>) -> Finding {
    Finding::new(Area::Vault, severity, check, what)
}

pub(super) fn look(host: &Host, vault: &Vault) -> Vec<Finding> {
    let mut found = Vec::new();
    let list = match vault.list() {
        Ok(list) => list,
        Err(error) => {
            let otherwise = "`rolecall vault list --rebuild` makes the list anew.";
            return vec![Finding::of_error(
                Area::Vault,
                Severity::Problem,
                "vault_list",
                &error,
                otherwise,
            )];
        }
    };
    found.push(match list.entries().len() {
        0 => finding(Severity::Note, "vault_empty", "there is no key in the vault")
            .hint("`rolecall init` proposes what to put there; `rolecall vault add PROFILE` puts one there."),
        1 => finding(Severity::Ok, "vault_keys", "there is 1 key in the vault"),
        keys => finding(
            Severity::Ok,
            "vault_keys",
            format!("there are {keys} keys in the vault"),
        ),
    });
    choice(vault, &mut found);
    let begun = rotation::unfinished(host);
    records(
        host,
        vault,
        &list,
        begun.as_deref().unwrap_or_default(),
        &mut found,
    );
    ages(host, &list, &mut found);
    rotations(&begun, &mut found);
    if let [first, ..] = list.backups() {
        let count = list.backups().len();
        found.push(
            finding(
                Severity::Note,
                "backups",
                format!("the vault keeps {count} file(s) as they were before keys were taken out"),
            )
            .hint(format!(
                "When everything works without them: `rolecall vault restore --discard {}`.",
                first.id
            )),
        );
    }
    found
}

/// Where a new key would rest, and why not elsewhere.
fn choice(vault: &Vault, found: &mut Vec<Finding>) {
    match vault.choose(None) {
        Ok(chosen) => {
            let what = format!("a new key would rest in {}: {}", chosen.kind, chosen.why);
            found.push(finding(Severity::Ok, "backend", what));
            for (kind, error) in chosen.passed_over {
                let (kind, error_said) = (kind.to_string(), error.to_string());
                let what = match error_said.contains(&kind) {
                    true => error_said,
                    false => format!("{kind} is passed over: {error_said}"),
                };
                let hint = match error.hints() {
                    [] => "Nothing has to be done.".to_owned(),
                    hints => hints.join(" "),
                };
                found.push(finding(Severity::Note, "backend_passed_over", what).hint(hint));
            }
        }
        Err(error) => found.push(Finding::of_error(
            Area::Vault,
            Severity::Problem,
            "backend",
            &error,
            "Choose another with `--backend`, or ROLECALL_VAULT_BACKEND.",
        )),
    }
}

/// Whether what is listed is there, and what is there is listed.
fn records(host: &Host, vault: &Vault, list: &List, begun: &[Unfinished], found: &mut Vec<Finding>) {
    let kinds: BTreeSet<_> = list.records().map(|(kind, _)| kind).collect();
    for kind in kinds {
        let keys = match vault.backend(kind).and_then(|backend| backend.keys()) {
            Ok(keys) => keys,
            Err(error) => {
                let otherwise = "Look at it with its own tools.";
                let what =
                    Finding::of_error(Area::Vault, Severity::Problem, "backend_away", &error, otherwise);
                found.push(what);
                continue;
            }
        };
        let of_kind = list.entries().iter().filter(|entry| entry.backend == kind);
        for entry in of_kind.filter(|entry| !keys.contains(&entry.record())) {
            let name = &entry.profile;
            found.push(
                finding(
                    Severity::Problem,
                    "record_missing",
                    format!("the key of profile `{name}` is listed, and not there in {kind}"),
                )
                .hint(format!(
                    "Somebody removed it there. `rolecall vault add {name}` puts a key there again; `rolecall vault remove {name}` takes it off the list."
                )),
            );
        }
        let of_kind = list.backups().iter().filter(|backup| backup.backend == kind);
        for backup in of_kind.filter(|backup| !keys.contains(&backup.record())) {
            let (id, path) = (&backup.id, backup.path.display());
            found.push(
                finding(
                    Severity::Problem,
                    "backup_missing",
                    format!("the backup {id} of {path} is listed, and not there in {kind}"),
                )
                .hint(format!(
                    "Somebody removed it there. `rolecall vault restore --discard {id}` takes it off the list."
                )),
            );
        }
    }
    // The keys of a rotation are in its journal until it is finished.
    let is_of_rotation = |record: &RecordKey| {
        record.kind == RecordKind::AccessKey
            && begun.iter().any(|begun| {
                begun.profile == record.name
                    && (begun.old == record.id || begun.new.as_deref() == Some(&record.id))
            })
    };
    let orphans = vault.orphans().unwrap_or_default();
    for (kind, record) in orphans.into_iter().filter(|(_, record)| !is_of_rotation(record)) {
        let hint = match (list.is_lost(&record), record.kind) {
            (true, _) => "`rolecall vault list --rebuild` lists it again.",
            (_, RecordKind::AccessKey) => {
                "A command was interrupted, and nothing uses it. `rolecall vault list --sweep` deletes it."
            }
            (_, RecordKind::Backup) => {
                "A command was interrupted, or the list was lost. Where you do not need it, `rolecall vault list --sweep` deletes it."
            }
        };
        let what = format!("the {record} is in {kind}, and not listed");
        let orphan = finding(Severity::Warning, "orphan", what).hint(hint);
        let place = match kind {
            BackendKind::File => folder(host).map(|folder| folder.join("records").join(record.file().0)),
            _ => None,
        };
        found.push(match place {
            Some(place) => orphan.at(place.display()),
            None => orphan,
        });
    }
}

fn ages(host: &Host, list: &List, found: &mut Vec<Finding>) {
    for entry in list.entries() {
        let age = host.now().duration_since(entry.saved_at).unwrap_or_default();
        if age >= OLD {
            let name = &entry.profile;
            found.push(
                finding(
                    Severity::Warning,
                    "key_age",
                    format!(
                        "the key of profile `{name}` has been in the vault for {} days, and may be older",
                        age.as_secs() / DAY
                    ),
                )
                .hint(format!(
                    "`rolecall vault rotate {name}` puts a new one in its place."
                )),
            );
        }
    }
}

/// Rotations that were begun and not finished: each has its journal beside the list.
fn rotations(begun: &Result<Vec<Unfinished>, Error>, found: &mut Vec<Finding>) {
    match begun {
        Ok(begun) => found.extend(begun.iter().map(|begun| {
            let what = finding(Severity::Warning, "rotation", begun.to_string());
            what.hint(format!("{} {}", begun.state(), begun.advice()))
        })),
        Err(error) => found.push(Finding::of_error(
            Area::Vault,
            Severity::Problem,
            "rotation",
            error,
            "Look at the file, and take it away where it is none of rolecall's.",
        )),
    }
}

fn folder(host: &Host) -> Option<PathBuf> {
    Some(host.data_dir()?.join("vault"))
}

/// Saves something in each backend that holds keys, reads it back and deletes it. Where there are none nothing is made.
pub(super) fn round_trips(host: &Host, vault: &Vault) -> Vec<Finding> {
    let list = vault.list().unwrap_or_default();
    let kinds: BTreeSet<BackendKind> = list.entries().iter().map(|entry| entry.backend).collect();
    let prove = |kind: BackendKind| match vault.prove(kind) {
        Ok(()) => finding(
            Severity::Ok,
            "round_trip",
            format!("{kind} gives back what it is given"),
        ),
        Err(error) if error.kind() == ErrorKind::NeedsUser && host.person().way_to_ask().is_none() => {
            finding(
                Severity::Note,
                "round_trip",
                format!("{kind} was not tried: nobody can be asked to unlock it here"),
            )
            .hint("Run `rolecall doctor` in a terminal.")
        }
        Err(error) => Finding::of_error(
            Area::Vault,
            Severity::Problem,
            "round_trip",
            &error,
            "Look at it with its own tools, and at the free space there.",
        ),
    };
    kinds.into_iter().map(prove).collect()
}

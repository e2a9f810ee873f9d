//! Keys and sessions that lie about in the clear. Each file is read up to a bound, and no finding has any of its text.

mod text;

use std::path::{Path, PathBuf};

use super::{Area, Finding, Severity};
use crate::host::{Host, LookKind};
use crate::profile::ProfileSet;
use crate::time::{parsed, rfc3339};

/// As much of one file is read.
const MOST_BYTES: u64 = 16 * 1024 * 1024;
/// The console's file with one key is a few hundred bytes; one with a thousand users is below this.
const MOST_CSV: u64 = 64 * 1024;
/// As many names of one folder are looked at.
const MOST_NAMES: usize = 5000;

/// Where the console's file is saved, below the home directory.
const DOWNLOADS: [&str; 3] = ["Downloads", "Desktop", ""];
/// Files of other tools that hold keys, below the home directory, and how their secret is called.
const OTHERS: [(&str, &str); 4] = [
    (".boto", "aws_secret_access_key"),
    (".s3cfg", "secret_key"),
    (".config/rclone/rclone.conf", "secret_access_key"),
    (".passwd-s3fs", ":"),
];
/// What shells, and those who type into other things, have typed.
const HISTORIES: [&str; 8] = [
    ".bash_history",
    ".zsh_history",
    ".zhistory",
    ".history",
    ".sh_history",
    ".local/share/fish/fish_history",
    ".python_history",
    ".psql_history",
];
/// Sessions of other tools, below the home directory: the folder, and whose they are.
const CACHES: [(&str, &str); 3] = [
    (".aws/cli/cache", "the AWS CLI"),
    (".aws/boto/cache", "botocore"),
    (".awsume/cache", "awsume"),
];

fn finding(severity: Severity, check: &'static str, what: String, hint: String, place: String) -> Finding {
    Finding::new(Area::Leftovers, severity, check, what)
        .hint(hint)
        .at(place)
}

pub(super) fn look(host: &Host, profiles: &ProfileSet) -> Vec<Finding> {
    let mut found = Vec::new();
    in_profiles(host, profiles, &mut found);
    if let Some(home) = host.home() {
        for (path, _) in consoles_files(host) {
            found.push(finding(
                Severity::Warning,
                "console_csv",
                "the console's file with an access key lies there, in plain text".to_owned(),
                format!(
                    "`rolecall vault add PROFILE --csv '{}'` puts the key into the vault; then delete the file, in the wastebasket too.",
                    path.display()
                ),
                path.display().to_string(),
            ));
        }
        copies(host, home, &mut found);
        other_tools(host, home, &mut found);
        caches(host, home, &mut found);
        histories(host, home, &mut found);
    }
    if found.is_empty() {
        let what = "no key and no session was found in the clear";
        found.push(Finding::new(Area::Leftovers, Severity::Ok, "leftovers", what));
    }
    found
}

/// Keys in the two files themselves.
fn in_profiles(host: &Host, profiles: &ProfileSet, found: &mut Vec<Finding>) {
    for profile in profiles.profiles() {
        let name = profile.name();
        let Some(key) = profile.property("aws_access_key_id") else {
            continue;
        };
        let place = key.origin().to_string();
        let is_temporary = profile.value("aws_session_token").is_some() || key.value().starts_with("ASIA");
        if is_temporary {
            let end = ["aws_credential_expiration", "x_security_token_expires"]
                .iter()
                .find_map(|key| parsed(profile.value(key)?));
            let what = match end {
                Some(end) if end <= host.now() => {
                    format!("profile `{name}` holds a session that ended at {}", rfc3339(end))
                }
                _ => format!("profile `{name}` holds a session in plain text"),
            };
            let hint = "Take it out; `rolecall exec` needs no session in a file.";
            found.push(finding(
                Severity::Note,
                "session_in_file",
                what,
                hint.to_owned(),
                place,
            ));
        } else if profile.vault_key().is_some() {
            found.push(finding(
                Severity::Warning,
                "key_in_file_and_vault",
                format!("the key of profile `{name}` is in the vault, and in plain text still"),
                format!("`rolecall vault import {name}` takes it out of the file."),
                place,
            ));
        } else {
            found.push(finding(
                Severity::Warning,
                "key_in_file",
                format!("profile `{name}` holds a long-term access key in plain text"),
                format!(
                    "`rolecall vault import {name}` puts it into the vault, and takes it out of the file."
                ),
                place,
            ));
        }
    }
}

/// The files that the console gives for a new access key, with the number of keys in each: in the folders where browsers put
/// them.
pub(super) fn consoles_files(host: &Host) -> Vec<(PathBuf, usize)> {
    let Some(home) = host.home() else {
        return Vec::new();
    };
    let mut files = Vec::new();
    for folder in DOWNLOADS {
        let folder = home.join(folder);
        for name in host.names_near(&folder, MOST_NAMES) {
            if !name.to_ascii_lowercase().ends_with(".csv") {
                continue;
            }
            let path = folder.join(name);
            let Some(bytes) = host.beginning(&path, MOST_CSV) else {
                continue;
            };
            if let Some(keys) = text::consoles_keys(&bytes) {
                files.push((path, keys));
            }
        }
    }
    files
}

/// Copies of the AWS files: editors' backups, swap files, what somebody saved before changing them.
fn copies(host: &Host, home: &Path, found: &mut Vec<Finding>) {
    let known: Vec<_> = ProfileSet::paths(host)
        .into_iter()
        .map(|(_, path)| path)
        .collect();
    let mut folders: Vec<_> = known
        .iter()
        .filter_map(|path| Some(path.parent()?.to_owned()))
        .collect();
    folders.push(home.join(".aws"));
    folders.sort_unstable();
    folders.dedup();
    for folder in folders {
        for name in host.names_near(&folder, MOST_NAMES) {
            let path = folder.join(&name);
            let is_copy = ["credentials", "config"].iter().any(|of| name.contains(of));
            if known.contains(&path) || !is_copy {
                continue;
            }
            let Some(bytes) = host.beginning(&path, MOST_BYTES) else {
                continue;
            };
            if text::has_secret_of(&bytes, "aws_secret_access_key") {
                found.push(finding(
                    Severity::Warning,
                    "copy_with_key",
                    "a copy of an AWS file holds an access key in plain text".to_owned(),
                    "Delete it; an editor keeps such copies, and can be told not to for this folder."
                        .to_owned(),
                    path.display().to_string(),
                ));
            }
        }
    }
}

fn other_tools(host: &Host, home: &Path, found: &mut Vec<Finding>) {
    for (name, secret) in OTHERS {
        let path = home.join(name);
        let bytes = host.beginning(&path, MOST_BYTES);
        if bytes.is_some_and(|bytes| text::has_secret_of(&bytes, secret)) {
            found.push(finding(
                Severity::Warning,
                "key_of_other_tool",
                "another tool's file holds an access key in plain text".to_owned(),
                "Let the tool run under `rolecall exec TARGET --`, and take the key out.".to_owned(),
                path.display().to_string(),
            ));
        }
    }
}

/// Sessions, which end by themselves; until then whoever reads the file has them.
fn caches(host: &Host, home: &Path, found: &mut Vec<Finding>) {
    for (folder, whose) in CACHES {
        let folder = home.join(folder);
        let is_session = |name: &String| {
            let is_file = |path: &Path| matches!(host.look_behind(path), Ok(Some(about)) if about.kind == LookKind::File);
            !name.starts_with("session.db") && is_file(&folder.join(name))
        };
        let names = host.names_near(&folder, MOST_NAMES);
        let count = names.iter().filter(|name| is_session(name)).count();
        if count > 0 {
            found.push(finding(
                Severity::Note,
                "cached_sessions",
                format!("{count} file(s) with sessions of {whose} lie there in plain text"),
                "They end by themselves; what is over can be deleted. A session of rolecall is never in a file."
                    .to_owned(),
                folder.display().to_string(),
            ));
        }
    }
}

/// Lines with an access key's id: the secret is likely beside it.
fn histories(host: &Host, home: &Path, found: &mut Vec<Finding>) {
    let mut paths: Vec<_> = HISTORIES.iter().map(|name| home.join(name)).collect();
    paths.extend(host.env("HISTFILE").map(|path| host.expand_home(path)));
    paths.sort_unstable();
    paths.dedup();
    for path in paths {
        let Some(bytes) = host.beginning(&path, MOST_BYTES) else {
            continue;
        };
        let lines = text::lines_with_key_ids(&bytes);
        let Some(first) = lines.first() else { continue };
        let what = match lines.len() {
            1 => "an access key's id was typed, and its secret may stand beside it".to_owned(),
            count => {
                format!("access keys' ids were typed in {count} lines, and secrets may stand beside them")
            }
        };
        found.push(finding(
            Severity::Warning,
            "key_in_history",
            what,
            "Look at it; where the secret is there, delete the line and replace the key.".to_owned(),
            format!("{}:{first}", path.display()),
        ));
    }
}

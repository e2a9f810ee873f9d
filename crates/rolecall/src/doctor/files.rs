//! Who owns the files and folders, and who else gets at them.

use std::path::Path;

use super::{Area, Finding, Severity};
use crate::host::{Host, Look, LookKind};
use crate::profile::{FileKind, Origin, ProfileSet};

/// Folders of AWS's tools with tokens and sessions in them, below the home directory.
const CACHES: [&str; 4] = [
    ".aws/cli/cache",
    ".aws/sso/cache",
    ".aws/login/cache",
    ".aws/boto/cache",
];
/// More files than this in one folder are not looked at one by one.
const MOST: usize = 1000;

const CLOSE: &str =
    "Find out who could have; then close it (chmod go=), and replace the keys in it if you are not sure.";

fn finding(severity: Severity, check: &'static str, what: String) -> Finding {
    Finding::new(Area::Files, severity, check, what)
}

pub(super) fn look(host: &Host, profiles: &ProfileSet) -> Vec<Finding> {
    let mut found = Vec::new();
    for (kind, path) in ProfileSet::paths(host) {
        aws_file(host, profiles, kind, &path, &mut found);
    }
    if host.home().is_none() {
        found.push(
            finding(
                Severity::Problem,
                "home",
                "HOME is not set: the files have no place".to_owned(),
            )
            .hint("Set HOME."),
        );
    }
    if let Some(data) = host.data_dir() {
        let vault = data.join("vault");
        closed(host, &vault, not_ours, "vault_files", &mut found);
        for name in host.names_near(&vault, MOST) {
            closed(host, &vault.join(name), not_ours, "vault_files", &mut found);
        }
        let records = vault.join("records");
        for name in host.names_near(&records, MOST) {
            closed(host, &records.join(name), not_ours, "vault_files", &mut found);
        }
    }
    if let Some(state) = host.state_dir() {
        closed(host, &state, foreign, "state_files", &mut found);
        for name in host.names_near(&state, MOST) {
            closed(host, &state.join(name), foreign, "state_files", &mut found);
        }
    }
    caches(host, &mut found);
    runtime(host, &mut found);
    if found.is_empty() {
        let what = "the files and folders are yours, and others cannot get at them";
        found.push(finding(Severity::Ok, "files", what.to_owned()));
    }
    found
}

/// One of the two files. A link is fine, as of people who keep such files together elsewhere: what it leads to is judged.
fn aws_file(host: &Host, profiles: &ProfileSet, kind: FileKind, path: &Path, found: &mut Vec<Finding>) {
    let (name, can) = match kind {
        FileKind::Config => ("config", "name commands that are run as you"),
        FileKind::Credentials => ("credentials", "choose whom you act as"),
    };
    let shown = path.display();
    let mut say = |severity, check, what: String, hint: &str| {
        found.push(finding(severity, check, what).hint(hint).at(&shown));
    };
    let about = match host.look_behind(path) {
        // Whether one has to be there is a question of what is in the other.
        Ok(None) => return,
        Ok(Some(about)) => about,
        Err(error) => {
            return say(
                Severity::Problem,
                "file_unreadable",
                format!("the {name} file cannot be looked at: {error}"),
                "Check who owns its folder, and its mode (ls -ld).",
            );
        }
    };
    if about.kind != LookKind::File {
        return say(
            Severity::Problem,
            "file_unreadable",
            format!("the {name} file is not a file"),
            "Take it away, or name the right one.",
        );
    }
    if let Some(uid) = about.foreign {
        say(
            Severity::Problem,
            "file_owner",
            format!("the {name} file belongs to user {uid}, who can {can}"),
            "Make it yours (chown), or name a file of your own.",
        );
    }
    let open = host.openness(path);
    if open.all_write {
        say(
            Severity::Problem,
            "file_writable",
            format!("every user of this machine may write the {name} file, and {can}"),
            "Read it through, then close it and its folder (chmod go-w).",
        );
    } else if open.group_writes {
        say(
            Severity::Note,
            "file_group_writable",
            format!("the group of the {name} file may write it, and {can}"),
            "Close it and its folder (chmod g-w), unless you are alone in that group.",
        );
    }
    if holds_keys(profiles, path) && (open.all_read || open.group_reads) {
        let (severity, who) = match open.all_read {
            true => (Severity::Problem, "every user of this machine"),
            false => (Severity::Warning, "its group"),
        };
        say(
            severity,
            "keys_readable",
            format!("{who} may read the keys in the {name} file"),
            "Close it (chmod go=), and replace the keys in it (`rolecall vault import`, then `rolecall vault rotate`).",
        );
    }
}

fn holds_keys(profiles: &ProfileSet, path: &Path) -> bool {
    let stands_here =
        |origin: &Origin| matches!(origin, Origin::File { path: stands_in, .. } if **stands_in == *path);
    profiles.profiles().any(|profile| {
        let secret = profile.property("aws_secret_access_key");
        secret.is_some_and(|secret| stands_here(secret.origin()))
    })
}

/// Whose something is that [`Host::read_private`] refuses: it takes root's for another's, as `sudo` leaves them behind.
fn not_ours(about: &Look) -> Option<u32> {
    about.not_ours
}

/// Whose something is that root may have made for us.
fn foreign(about: &Look) -> Option<u32> {
    about.foreign
}

/// What is ours alone: no link, no other's, closed. Of the vault the same as what [`Host::read_private`] refuses.
fn closed(
    host: &Host,
    path: &Path,
    others: fn(&Look) -> Option<u32>,
    check: &'static str,
    found: &mut Vec<Finding>,
) {
    let shown = path.display();
    let mut say = |what: String, hint: &str| {
        found.push(finding(Severity::Problem, check, what).hint(hint).at(&shown));
    };
    let about = match host.look_at(path) {
        Ok(None) => return,
        Ok(Some(about)) => about,
        Err(error) => {
            return say(
                format!("{shown} cannot be looked at: {error}"),
                "Check who owns the folder above it, and its mode (ls -ld).",
            );
        }
    };
    match about.kind {
        LookKind::Link => {
            return say(
                format!("{shown} is a link, and none is followed there"),
                "Put the thing itself there; XDG_DATA_HOME and XDG_STATE_HOME say where rolecall keeps what it keeps.",
            );
        }
        LookKind::Other => {
            return say(
                format!("{shown} is neither a file nor a folder"),
                "Look at it, and take it away.",
            );
        }
        LookKind::File | LookKind::Folder => {}
    }
    if let Some(uid) = others(&about) {
        return say(
            format!("{shown} belongs to user {uid}"),
            "Run rolecall as that user, and without sudo; or give it to its user (chown).",
        );
    }
    if about.mode & 0o077 != 0 {
        say(
            format!("others may read or write {shown} (mode {:04o})", about.mode),
            CLOSE,
        );
    } else if about.kind == LookKind::File && about.names > 1 {
        say(
            format!("{shown} has {} names (hard links)", about.names),
            "Remove the other names.",
        );
    }
}

/// Tokens and sessions of AWS's tools, which they write for their owner alone.
fn caches(host: &Host, found: &mut Vec<Finding>) {
    let Some(home) = host.home() else { return };
    for cache in CACHES {
        let folder = home.join(cache);
        for name in host.names_near(&folder, MOST) {
            let path = folder.join(&name);
            let Ok(Some(about)) = host.look_behind(&path) else {
                continue;
            };
            if !name.ends_with(".json") || about.kind != LookKind::File {
                continue;
            }
            let open = host.openness(&path);
            let why = match about.foreign {
                Some(uid) => format!("belongs to user {uid}"),
                None if open.all_read || open.all_write => {
                    "can be read or written by every user of this machine".to_owned()
                }
                None => continue,
            };
            found.push(
                finding(
                    Severity::Problem,
                    "cache_open",
                    format!("a file with tokens or sessions {why}"),
                )
                .hint(
                    "Remove it, sign in again, and look at the mask that other tools run under (umask 077).",
                )
                .at(path.display()),
            );
        }
    }
}

/// The runtime directory. Where there is none yet it is not made for this; the first command that needs it does.
#[cfg(unix)]
fn runtime(host: &Host, found: &mut Vec<Finding>) {
    let (path, _) = host.runtime_path();
    let is_missing = matches!(host.look_at(&path), Ok(None));
    let has_place = path
        .parent()
        .is_some_and(|parent| path.is_absolute() && matches!(host.look_behind(parent), Ok(Some(_))));
    if is_missing && has_place {
        return;
    }
    if let Err(error) = host.runtime_dir() {
        let otherwise = "Name another with ROLECALL_RUNTIME_DIR.";
        let finding = Finding::of_error(Area::Files, Severity::Problem, "runtime_dir", &error, otherwise);
        found.push(finding.at(path.display()));
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    /// What `sudo rolecall` made is root's, and the vault refuses it: it is not called fine. As root everything of root is
    /// ours, so the test is run again as nobody.
    #[test]
    fn what_is_roots_is_not_ours_where_a_vault_is_looked_for() {
        if rustix::process::geteuid().is_root() {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let program = folder.path().join("test");
            fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
            let name = std::thread::current().name().unwrap().to_owned();
            let output = Command::new(&program)
                .args(["--exact", &name])
                .current_dir("/")
                .uid(65_534)
                .gid(65_534)
                .output()
                .unwrap();
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success() && said.contains("1 passed"), "{said}");
            return;
        }
        let host = Host::builder().build();
        let said = |others| {
            let mut found = Vec::new();
            closed(&host, Path::new("/"), others, "vault_files", &mut found);
            found
                .iter()
                .map(|finding| finding.what.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(said(not_ours), ["/ belongs to user 0"]);
        assert!(!said(foreign).iter().any(|what| what.contains("belongs")));
    }
}

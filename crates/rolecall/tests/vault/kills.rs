//! A kill at any call: the vault is as it was or as it was to be, nothing lies open, and nothing is in the way.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rolecall::Error;
use rolecall::vault::{BackendKind, RecordKind, Vault};
use rolecall_sandbox::{Sandbox, UserKeys};

use super::support::{
    Answers, Drawer, PASSPHRASE, Place, back_up, host, key, made_up, sandbox, says_nothing, two, vault_of,
};
use super::together::in_place;

const NEW_PASSPHRASE: &str = "another horse, another battery";

/// What the vault holds: the id of each profile's key, how many backups, and by which passphrase it opens.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct State {
    keys: BTreeMap<String, String>,
    backups: usize,
    passphrase: &'static str,
}

fn open(home: &Path, passphrases: &[&str]) -> Vault {
    opened(home, &Answers::of(passphrases))
}

fn opened(home: &Path, answers: &Arc<Answers>) -> Vault {
    // The drawer is somebody else's, and lies beside the home.
    Vault::of(&host(home, answers)).using(Drawer::at(&home.join("../drawer")))
}

/// Does one job; also in the process that is killed.
fn job(home: &Path, job: &str, given: &UserKeys) -> Result<(), Error> {
    let vault = open(home, &[PASSPHRASE, NEW_PASSPHRASE]);
    match job {
        "add" | "create" => vault.add("new", &key(given), BackendKind::File, None).map(drop),
        "replace" => vault.add("old", &key(given), BackendKind::File, None).map(drop),
        "remove" => vault.remove("old").map(drop),
        "move" => vault.move_to("old", BackendKind::SecretService).map(drop),
        "move-back" => vault.move_to("drawn", BackendKind::File).map(drop),
        "back-up" => {
            let text = format!("[new]\naws_secret_access_key = {}\n", given.secret_access_key);
            let path = Path::new("/home/ada/.aws/credentials");
            back_up(&vault, path, text.as_bytes(), b"", BackendKind::File).map(drop)
        }
        "discard" => {
            let id = vault.list()?.backups()[0].id.clone();
            vault.discard_backup(&id).map(drop)
        }
        "passphrase" => vault.change_passphrase(),
        "rebuild" => vault.rebuild().map(drop),
        other => panic!("{other}"),
    }
}

pub(crate) fn do_job(home: &Path, name: &str, given: &UserKeys) {
    job(home, name, given).unwrap();
}

/// A copy of a tree, modes and all.
fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(status.success());
}

/// Whether there is an strace, and this process may trace another: a container may forbid it.
fn can_trace() -> bool {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "true"]);
    command.output().is_ok_and(|output| output.status.success())
}

/// Runs a job that is killed at the `number`th call of this name. Whether it was killed.
fn killed_at(home: &Path, name: &str, given: &UserKeys, call: &str, number: usize) -> bool {
    let mut command = Command::new("strace");
    let (trace, inject) = (
        format!("trace={call}"),
        format!("inject={call}:signal=KILL:when={number}"),
    );
    command
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject])
        .arg(std::env::current_exe().unwrap());
    in_place(&mut command, home, name, given);
    let output = command
        .arg("--test-threads=1")
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_ne!(
        output.status.code(),
        Some(101),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    !output.status.success()
}

/// Whether it is the identity that a test made, of little work, and none that the vault made.
fn is_quick(identity: &[u8]) -> bool {
    let stanza = identity.split(|byte| *byte == b'\n').nth(1).unwrap_or_default();
    stanza.ends_with(b" 2")
}

/// What is in the vault of this home, all of it read.
fn state(home: &Path, name: &str, sandbox: &Sandbox) -> State {
    let known: BTreeMap<String, String> = ["ada", "omar"]
        .map(|user| sandbox.user_keys(user).unwrap())
        .into_iter()
        .map(|keys| (keys.access_key_id, keys.secret_access_key))
        .collect();
    let list = open(home, &[]).list().unwrap();
    // The likelier one first: a wrong one costs a second.
    let identity = fs::read(vault_of(home).join("identity.age")).unwrap_or_default();
    let (first, second) = match name == "create" || is_quick(&identity) {
        true => (PASSPHRASE, NEW_PASSPHRASE),
        false => (NEW_PASSPHRASE, PASSPHRASE),
    };
    let answers = Answers::of(&[first, second]);
    let vault = opened(home, &answers);
    let keys = list.entries().iter().map(|entry| {
        let key = vault.key(&entry.profile).unwrap();
        assert_eq!(&known[key.id()], key.secret().expose(), "{}", entry.profile);
        (
            entry.profile.clone(),
            format!("{} in {}", key.id(), entry.backend),
        )
    });
    let keys: BTreeMap<_, _> = keys.collect();
    for backup in list.backups() {
        let text = vault.backup_text(backup).unwrap();
        assert!(text.starts_with(b"[new]\n") && text.ends_with(b"\n"));
    }
    State {
        keys,
        backups: list.backups().len(),
        // Where the first answer was wrong, the second was right.
        passphrase: match answers.asked() {
            0 => PASSPHRASE,
            1 => first,
            _ => second,
        },
    }
}

/// Kills the job at each of these calls, and holds what is left against what may be left.
fn kill(name: &str, calls: &[&str], at_least: usize, prepare: impl FnOnce(&Path, &Place, &[UserKeys; 2])) {
    if !can_trace() {
        return super::skip::skip("there is no strace that may trace");
    }
    let sandbox = sandbox();
    let keys = two(&sandbox);
    let template = Place {
        home: tempfile::tempdir().unwrap(),
    };
    let base = template.home.path().join("base");
    for folder in ["base/home", "base/drawer"] {
        fs::create_dir_all(template.home.path().join(folder)).unwrap();
    }
    let place = if name == "create" {
        Place::empty()
    } else {
        Place::new()
    };
    prepare(&template.home.path().join("base/drawer"), &place, &keys);
    copy(&place.home.path().join("."), &base.join("home"));
    let work = template.home.path().join("work");
    let renew = || {
        let _ = fs::remove_dir_all(&work);
        copy(&base, &work);
        work.join("home")
    };
    let home = renew();
    let before = state(&home, name, &sandbox);
    job(&home, name, &keys[1]).unwrap();
    let after = state(&home, name, &sandbox);
    // Where each look costs a second: the key derivation is a real one.
    let is_dear = ["passphrase", "create"].contains(&name);
    let mut seen = BTreeSet::new();
    let mut killed = 0;
    for call in calls {
        for number in 1.. {
            let home = renew();
            let was_killed = killed_at(&home, name, &keys[1], call, number);
            let what = format!("{name} at {call} {number}");
            says_nothing(&home, &sandbox);
            let now = state(&home, name, &sandbox);
            assert!([&before, &after].contains(&&now), "{what}: {now:?}");
            if !was_killed {
                assert_eq!(now, after, "{what}: a whole run does it");
                break;
            }
            killed += 1;
            assert!(number < 400, "{call} has no end");
            let is_first = seen.insert(now.clone());
            if is_dear && !is_first {
                continue;
            }
            // Nothing that was left behind is in the way: done once more, it is done, and nothing stays.
            if now == before {
                job(&home, name, &keys[1]).unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(state(&home, name, &sandbox), after, "{what}");
            }
            tidy(&home, after.passphrase, &what);
            says_nothing(&home, &sandbox);
        }
    }
    assert!(killed >= at_least, "{name} was killed {killed} times only");
    if before != after {
        assert_eq!(
            seen.len(),
            2,
            "{name} was never killed on either side of the change"
        );
    }
}

/// The next change leaves no record that nothing names, but for a backup that was never listed.
fn tidy(home: &Path, passphrase: &str, what: &str) {
    let vault = open(home, &[passphrase]);
    vault.add("next", &made_up(1), BackendKind::File, None).unwrap();
    let orphans = vault.orphans().unwrap();
    let is_backup = |kind: RecordKind| kind == RecordKind::Backup && what.starts_with("back-up");
    assert!(
        orphans.iter().all(|(_, record)| is_backup(record.kind)),
        "{what}: {orphans:?}"
    );
    assert!(orphans.len() <= 1);
    for (kind, record) in orphans {
        vault.discard_orphan(kind, &record).unwrap();
    }
    assert_eq!(vault.orphans().unwrap(), []);
}

/// Every call by which a change of files begins, happens or ends.
const CALLS: [&str; 7] = [
    "openat", "write", "fsync", "/^rename", "/^unlink", "flock", "close",
];
/// Those alone that change something: where what comes before them takes a second each time.
const FEW: [&str; 3] = ["fsync", "/^rename", "flock"];

fn with_old(_: &Path, place: &Place, keys: &[UserKeys; 2]) {
    place.add("old", &keys[0]);
}

#[test]
fn a_kill_while_a_key_is_added() {
    kill("add", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_a_key_is_replaced() {
    kill("replace", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_a_key_is_removed() {
    kill("remove", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_a_key_is_moved_away() {
    kill("move", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_a_key_is_moved_here() {
    kill("move-back", &CALLS, 20, |drawer, place, keys| {
        let vault = place.vault().using(Drawer::at(drawer));
        vault
            .add("drawn", &key(&keys[0]), BackendKind::SecretService, None)
            .unwrap();
    });
}

#[test]
fn a_kill_while_a_file_is_backed_up() {
    kill("back-up", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_a_backup_is_discarded() {
    kill("discard", &CALLS, 20, |_, place, keys| {
        place.add("old", &keys[0]);
        let path = Path::new("/home/ada/.aws/credentials");
        back_up(&place.vault(), path, b"[new]\n", b"", BackendKind::File).unwrap();
    });
}

#[test]
fn a_kill_while_the_list_is_made_anew() {
    kill("rebuild", &CALLS, 20, with_old);
}

#[test]
fn a_kill_while_the_passphrase_is_changed() {
    kill("passphrase", &FEW, 4, with_old);
}

#[test]
fn a_kill_while_the_vault_is_made() {
    kill("create", &FEW[..2], 8, |_, _, _| ());
}

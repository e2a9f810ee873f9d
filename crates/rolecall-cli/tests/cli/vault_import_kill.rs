//! An import that is ended at any call of the system: the key is in the file, in the vault, or in both, nothing else is in
//! the clear, and run again it finishes.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::support::{BINARY, NO_TRACER, can_trace, skip};
use super::vault::Vaulted;
use super::vault_import::{in_the_clear, read, vaulted};

const FILES: [&str; 2] = [".aws/config", ".aws/credentials"];
const KILL: &str = "signal=KILL";
const VAULT: &str = ".local/share/rolecall/vault";

/// Whether the command failed, where the `number`th call of this name ends it or fails.
fn failed_at(it: &Vaulted, arguments: &[&str], call: &str, number: usize, how: &str) -> bool {
    let mut command = Command::new("strace");
    let inject = format!("inject={call}:{how}:when={number}");
    let trace = format!("trace={call}");
    command.args(["-f", "-qq", "-o", "/dev/null", "-e", &trace, "-e", &inject]);
    it.machine.furnish(command.arg(BINARY).args(arguments));
    let output = command
        .env_remove("ROLECALL_LOG")
        .env("ROLECALL_VAULT_BACKEND", "file")
        .env("ROLECALL_VAULT_KEEP", "off")
        .env("ROLECALL_ASKPASS", it.machine.path("askpass"))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    it.machine.no_secret(&output.stderr);
    !output.status.success()
}

/// As it was before the import.
fn reset(it: &Vaulted, before: &[String; 2]) {
    let _ = fs::remove_dir_all(it.machine.path(&format!("{VAULT}/records")));
    let _ = fs::remove_file(it.machine.path(&format!("{VAULT}/vault.json")));
    for (name, text) in FILES.iter().zip(before) {
        it.machine.write(name, text);
    }
    for entry in fs::read_dir(it.machine.path(".aws")).unwrap() {
        let path = entry.unwrap().path();
        if !FILES.iter().any(|name| it.machine.path(name) == path) {
            fs::remove_file(path).unwrap();
        }
    }
}

/// How far it came: each file as before, as after; whether the key is listed, and whether its record is there.
type State = (bool, bool, bool, usize, usize);

fn state(it: &Vaulted, before: &[String; 2], after: &[String; 2], at: &str) -> State {
    let is_old = |file: usize| {
        let text = read(it, FILES[file]);
        assert!(
            text == before[file] || text == after[file],
            "{at}: half of {}: {text}",
            FILES[file]
        );
        text == before[file]
    };
    let list = fs::read_to_string(it.machine.path(&format!("{VAULT}/vault.json"))).unwrap_or_default();
    let list: serde_json::Value = match list.as_str() {
        "" => serde_json::json!({"entries": [], "backups": []}),
        text => serde_json::from_str(text).expect(at),
    };
    let count = |what: &str| list[what].as_array().unwrap().len();
    let records = fs::read_dir(it.machine.path(&format!("{VAULT}/records")));
    let names = records
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().file_name());
    let names: Vec<_> = names.map(|name| name.into_string().unwrap()).collect();
    let keys = names
        .iter()
        .filter(|name| name.starts_with("access-key.") && name.ends_with(".age"));
    (
        is_old(0),
        is_old(1),
        count("entries") == 1,
        count("backups"),
        keys.count(),
    )
}

#[test]
fn a_kill_at_any_call_loses_no_key_and_leaves_none_in_the_clear() {
    if !can_trace() {
        return skip(NO_TRACER);
    }
    let it = vaulted();
    let before = FILES.map(|name| read(&it, name));
    let import = ["vault", "import", "--yes"];
    it.run(&import).ok();
    let after = FILES.map(|name| read(&it, name));
    let credentials = it.machine.path(FILES[1]);
    let mut seen = BTreeSet::new();
    let mut killed = 0;
    for call in ["/^rename", "fsync", "write", "flock", "openat", "fchmod"] {
        for number in 1.. {
            reset(&it, &before);
            let at = format!("{call} {number}");
            let was_killed = failed_at(&it, &import, call, number, KILL);
            let state = state(&it, &before, &after, &at);
            let (is_config_old, is_in_file, is_listed, backups, records) = state;
            let is_untouched = is_config_old && is_in_file;
            assert!(
                is_untouched || backups == 2,
                "{at}: files are kept before they are replaced"
            );
            assert!(is_in_file || (is_listed && records == 1), "{at}: the key is lost");
            let clear: &[PathBuf] = if is_in_file {
                std::slice::from_ref(&credentials)
            } else {
                &[]
            };
            assert_eq!(in_the_clear(&it), clear, "{at}");
            if !was_killed {
                assert!(!is_in_file, "{at}: a whole run does it");
                break;
            }
            killed += 1;
            assert!(number < 400, "{call} has no end");
            if seen.insert(state) {
                it.run(&import).ok();
                let now = FILES.map(|name| read(&it, name));
                assert_eq!(now, after, "{at}: it is not finished");
                assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new(), "{at}");
                assert!(
                    it.run(&["whoami", "joe"]).ok().contains("user/joe.bloggs"),
                    "{at}"
                );
            }
        }
    }
    assert!(killed >= 30, "{killed}");
    // From nothing at all to all but the credentials file.
    let all: Vec<_> = seen.iter().collect();
    assert!(seen.contains(&(true, true, false, 0, 0)), "{all:?}");
    assert!(seen.iter().any(|state| !state.0 && state.1), "{all:?}");
}

#[test]
fn a_restore_that_is_ended_leaves_no_second_copy_in_the_clear() {
    if !can_trace() {
        return skip(NO_TRACER);
    }
    let it = vaulted();
    let before = FILES.map(|name| read(&it, name));
    it.run(&["vault", "import", "--yes"]).ok();
    let after = FILES.map(|name| read(&it, name));
    let saved = it.machine.path("saved");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let _ = fs::remove_dir_all(to);
        let done = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
        assert!(done.success());
    };
    let vault = it.machine.path(VAULT);
    copy(&vault, &saved);
    let restore = ["vault", "restore", "--yes"];
    for call in ["/^rename", "fsync", "/^unlink"] {
        for number in 1.. {
            copy(&saved, &vault);
            reset_files(&it, &after);
            let at = format!("{call} {number}");
            let was_killed = failed_at(&it, &restore, call, number, KILL);
            if !was_killed {
                break;
            }
            assert!(number < 100, "{call} has no end");
            // What a draft holds goes with the next run, whichever file it was for.
            let ran = it.run(&restore);
            if !ran.stderr.contains("the vault has no backup") {
                ran.ok();
            }
            assert_eq!(FILES.map(|name| read(&it, name)), before, "{at}");
            assert_eq!(in_the_clear(&it), [it.machine.path(FILES[1])], "{at}");
        }
    }
}

fn reset_files(it: &Vaulted, texts: &[String; 2]) {
    for (name, text) in FILES.iter().zip(texts) {
        it.machine.write(name, text);
    }
}

#[test]
fn a_full_disk_loses_no_key_either() {
    if !can_trace() {
        return skip(NO_TRACER);
    }
    let it = vaulted();
    let before = FILES.map(|name| read(&it, name));
    let import = ["vault", "import", "--yes"];
    it.run(&import).ok();
    let after = FILES.map(|name| read(&it, name));
    let mut failed = 0;
    for (call, most) in [("/^rename", 8), ("fsync", 16), ("write", 40)] {
        for number in 1..=most {
            reset(&it, &before);
            let at = format!("{call} {number}");
            let has_failed = failed_at(&it, &import, call, number, "error=ENOSPC");
            let (_, is_in_file, is_listed, _, records) = state(&it, &before, &after, &at);
            assert!(is_in_file || (is_listed && records == 1), "{at}: the key is lost");
            assert_eq!(in_the_clear(&it).len(), usize::from(is_in_file), "{at}");
            if has_failed {
                failed += 1;
                let names = fs::read_dir(it.machine.path(".aws")).unwrap();
                assert_eq!(names.count(), 2, "{at}: a draft was left");
                it.run(&import).ok();
            }
            assert_eq!(FILES.map(|name| read(&it, name)), after, "{at}");
        }
    }
    assert!(failed >= 14, "{failed}");
}

#[test]
fn two_at_once_do_it_once() {
    let it = vaulted();
    let mut command = it.command(&["vault", "import", "--yes"]);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let both = [command.spawn().unwrap(), command.spawn().unwrap()];
    let mut well = 0;
    for child in both {
        let output = child.wait_with_output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        well += usize::from(output.status.success());
        let is_known = ["changed since it was read", "another rolecall writes"]
            .iter()
            .any(|why| said.contains(why));
        assert!(output.status.success() || is_known, "{said}");
    }
    assert!(well >= 1);
    it.run(&["vault", "import", "--yes"]).ok();
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    assert_eq!(read(&it, FILES[0]).matches("credential_process").count(), 1);
    assert!(it.run(&["whoami", "joe"]).ok().contains("user/joe.bloggs"));
}

//! The list on the command line: made anew, swept, and shown whatever lies beside it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use super::support::Machine;
use super::vault::Vaulted;
use super::vault_import::cheap;

const VAULT: &str = ".local/share/rolecall/vault";
const NEW: &str = "AKIACANARYMADEUP0001";

/// With a key of `home` in the vault.
fn with_home() -> Vaulted {
    let it = cheap(Machine::new());
    it.add("home").ok();
    it
}

fn write(it: &Vaulted, name: &str, text: &str) {
    let path = it.machine.path(&format!("{VAULT}/{name}"));
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn record(it: &Vaulted, profile: &str, id: &str) -> String {
    let name = format!("records/access-key.{profile}.{id}.age");
    write(it, &name, "");
    name
}

fn is_there(it: &Vaulted, name: &str) -> bool {
    it.machine.path(&format!("{VAULT}/{name}")).exists()
}

/// The journal of a rotation of `home` as it is at that step (`rotation::journal`).
fn journal(it: &Vaulted, step: &str) {
    let journal = json!({
        "version": 1, "profile": "home", "user_id": "AIDAQWERTYUIOPASDFGH",
        "arn": "arn:aws:iam::111111111111:user/joe", "backend": "file", "old": it.id(), "new": NEW,
        "known": [], "asked_at": "2026-01-01T00:00:00Z", "step": step, "is_undone": false,
    });
    write(it, "rotation-0123.json", &journal.to_string());
}

fn listed(it: &Vaulted, arguments: &[&str]) -> Value {
    let arguments = [&["vault", "list", "--json"], arguments].concat();
    serde_json::from_str(&it.run(&arguments).ok()).unwrap()
}

#[test]
fn a_rebuilt_list_names_the_key_that_a_rotation_uses() {
    let it = with_home();
    record(&it, "home", NEW);
    for (step, used) in [("verify", it.id()), ("delete", NEW.to_owned())] {
        journal(&it, step);
        write(&it, "vault.json", "{");
        let list = listed(&it, &["--rebuild"]);
        assert_eq!(list["keys"][0]["access_key_id"], used, "{step}");
        assert_eq!(list["keys"].as_array().unwrap().len(), 1);
    }
}

#[test]
fn what_could_not_be_listed_is_told() {
    let it = with_home();
    record(&it, "ann", "X");
    record(&it, "home", NEW);
    let ran = it.run(&["vault", "list", "--rebuild"]);
    for told in ["key X of profile `ann`", NEW, "--sweep"] {
        assert!(ran.stderr.contains(told), "{told}: {}", ran.stderr);
    }
    ran.ok();
    it.run(&["vault", "list"]).ok();
}

#[test]
fn a_sweep_deletes_what_nothing_names_and_only_when_it_is_said() {
    let it = with_home();
    let home = format!("records/access-key.home.{}.age", it.id());
    let [old, odd, lost] =
        [("home", NEW), ("ann", "X"), ("mary", NEW)].map(|(name, id)| record(&it, name, id));
    // Nobody can be asked here.
    let said = it.run(&["vault", "list", "--sweep"]).failed(1);
    assert!(said.contains("Say --yes"), "{said}");
    assert!(is_there(&it, &old) && is_there(&it, &odd));
    // A rotation that is unfinished needs both of its keys.
    journal(&it, "verify");
    let ran = it.run(&["vault", "list", "--sweep", "--yes"]);
    assert!(ran.stderr.contains("--rebuild"), "{}", ran.stderr);
    ran.ok();
    assert!(!is_there(&it, &odd));
    assert!(is_there(&it, &old) && is_there(&it, &home));
    fs::remove_file(it.machine.path(&format!("{VAULT}/rotation-0123.json"))).unwrap();
    it.run(&["vault", "list", "--sweep", "--yes"]).ok();
    assert!(!is_there(&it, &old));
    // The only key of a profile is not thrown away, and the listed one stays.
    assert!(is_there(&it, &lost) && is_there(&it, &home));
    assert_eq!(listed(&it, &[])["keys"].as_array().unwrap().len(), 1);
    it.run(&["vault", "list", "--yes"]).failed(2);
}

#[test]
fn a_damaged_journal_keeps_nobody_from_the_list() {
    let it = with_home();
    write(&it, "rotation-0123.json", "{}");
    let ran = it.run(&["vault", "list"]);
    assert!(
        ran.stderr.contains("rotation-0123.json is no journal"),
        "{}",
        ran.stderr
    );
    assert!(ran.ok().contains("home"));
    let list = listed(&it, &[]);
    assert_eq!(
        (&list["rotations"], &list["keys"][0]["profile"]),
        (&Value::Null, &json!("home"))
    );
    // What it may need is not swept.
    let kept = record(&it, "home", NEW);
    it.run(&["vault", "list", "--sweep", "--yes"]).failed(1);
    assert!(is_there(&it, &kept));
}

#[test]
fn an_import_of_a_file_that_is_named_by_a_relative_path_can_be_read_and_put_back() {
    let it = cheap(Machine::new());
    let before = fs::read_to_string(it.machine.path(".aws/credentials")).unwrap();
    fs::write(it.machine.path("creds"), &before).unwrap();
    fs::set_permissions(it.machine.path("creds"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = it.command(&["vault", "import", "--yes"]);
    command
        .current_dir(it.machine.home.path())
        .env("AWS_SHARED_CREDENTIALS_FILE", "creds");
    it.machine.finish(&mut command).ok();
    let list = listed(&it, &[]);
    let paths: Vec<_> = list["backups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|backup| &backup["path"])
        .collect();
    assert!(paths.contains(&&json!(it.machine.path("creds"))), "{paths:?}");
    it.run(&["vault", "restore", "--yes"]).ok();
    assert_eq!(fs::read_to_string(it.machine.path("creds")).unwrap(), before);
}

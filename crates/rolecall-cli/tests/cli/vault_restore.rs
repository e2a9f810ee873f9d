//! The files as they were before an import, from their encrypted backups.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::vault::Vaulted;
use super::vault_import::{in_the_clear, read, vaulted};

const RESTORE: [&str; 3] = ["vault", "restore", "--yes"];

fn imported() -> (Vaulted, [String; 2]) {
    let it = vaulted();
    let before = [".aws/config", ".aws/credentials"].map(|name| read(&it, name));
    it.run(&["vault", "import", "--yes"]).ok();
    it.times_asked();
    (it, before)
}

fn backups(it: &Vaulted) -> Vec<String> {
    let list: Value = serde_json::from_str(&it.run(&["vault", "list", "--json"]).ok()).unwrap();
    let all = list["backups"].as_array().unwrap().iter();
    all.map(|backup| backup["id"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn both_files_are_put_back_byte_for_byte() {
    let (it, before) = imported();
    let ran = it.run(&["vault", "restore", "--yes", "--json"]);
    for told in [
        "+aws_secret_access_key = **********",
        "-credential_process = rolecall credential-process joe\n",
        "The vault still has the key of joe, and rolecall uses that one: `rolecall vault remove joe` takes it out.",
    ] {
        assert!(ran.stderr.contains(told), "{}", ran.stderr);
    }
    let json: Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(
        (&json["done"], &json["in_vault"][0]),
        (&true.into(), &"joe".into())
    );
    assert_eq!(json["files"].as_array().unwrap().len(), 2);
    assert_eq!(it.times_asked(), 1);
    assert_eq!(
        [".aws/config", ".aws/credentials"].map(|name| read(&it, name)),
        before
    );
    // What is back needs no backup.
    assert_eq!(backups(&it), Vec::<String>::new());
    let said = it.run(&RESTORE).failed(1);
    assert!(said.contains("the vault has no backup of a file"), "{said}");
    assert!(it.run(&["plan", "joe", "--json"]).ok().contains("\"the vault\""));
    it.run(&["vault", "remove", "joe", "--yes"]).ok();
    assert!(it.run(&["whoami", "joe"]).ok().contains("user/joe.bloggs"));
}

#[test]
fn what_was_written_since_is_not_lost() {
    let (it, before) = imported();
    let config = read(&it, ".aws/config") + "\n[profile new]\nregion = eu-west-1\n";
    it.machine.write(".aws/config", &config);
    let said = it.run(&RESTORE).failed(1);
    assert!(said.contains(".aws/config changed since the import"), "{said}");
    assert!(said.contains("--force"), "{said}");
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
    let ran = it.run(&["vault", "restore", "--force", "--yes"]);
    assert!(
        ran.stderr
            .contains("What was there until now is kept encrypted as "),
        "{}",
        ran.stderr
    );
    ran.ok();
    assert_eq!(
        [".aws/config", ".aws/credentials"].map(|name| read(&it, name)),
        before
    );
    // And that can be put back too.
    assert_eq!(backups(&it).len(), 1);
    it.run(&RESTORE).ok();
    assert_eq!(read(&it, ".aws/config"), config);
}

#[test]
fn imports_are_undone_from_the_last_one_on_or_one_file_alone() {
    let (it, before) = imported();
    let first = backups(&it);
    let keys = it.machine.sandbox.user_keys("joe.bloggs").unwrap();
    let jim = format!(
        "[jim]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    let between = read(&it, ".aws/config");
    it.machine.write(".aws/credentials", &jim);
    it.run(&["vault", "import", "--yes"]).ok();
    assert_eq!((first.len(), backups(&it).len()), (2, 4));
    it.run(&RESTORE).ok();
    assert_eq!(
        [read(&it, ".aws/config"), read(&it, ".aws/credentials")],
        [between, jim]
    );
    // Only the config file of the first import: its backup is the first.
    it.run(&["vault", "restore", &first[0], "--yes"]).ok();
    assert_eq!(read(&it, ".aws/config"), before[0]);
    assert_eq!(backups(&it), first[1..]);
    let said = it.run(&["vault", "restore", "nothing", "--yes"]).failed(1);
    assert!(
        said.contains("the vault has no backup `nothing`") && said.contains(&first[1]),
        "{said}"
    );
}

#[test]
fn a_backup_is_discarded_without_being_opened() {
    let (it, _) = imported();
    let said = it.run(&["vault", "restore", "--discard"]).failed(1);
    assert!(said.contains("Say --yes"), "{said}");
    assert_eq!(backups(&it).len(), 2);
    it.run(&["vault", "restore", "--discard", "--yes"]).ok();
    assert_eq!((backups(&it).len(), it.times_asked()), (0, 0));
    let records = fs::read_dir(it.machine.path(".local/share/rolecall/vault/records")).unwrap();
    assert_eq!(records.count(), 1, "the key");
}

#[test]
fn a_backup_that_was_changed_writes_nothing() {
    let (it, _) = imported();
    let records = it.machine.path(".local/share/rolecall/vault/records");
    for entry in fs::read_dir(records).unwrap() {
        let path = entry.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("backup.") {
            let mut bytes = fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            fs::write(&path, bytes).unwrap();
        }
    }
    let said = it.run(&RESTORE).failed(1);
    assert!(said.contains("is damaged"), "{said}");
    assert_eq!(in_the_clear(&it), Vec::<PathBuf>::new());
}

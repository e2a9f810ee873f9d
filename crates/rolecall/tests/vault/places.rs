//! Where the vault lies: only where nobody else could have read, written or replaced it. Nothing is waited for, no link is
//! followed, and what cannot be written leaves everything as it was.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;

use rolecall::ErrorKind;
use rolecall::vault::{BackendKind, RecordKey, RecordKind};

use super::support::{Place, key, made_up, names, refused, sandbox, two, vault_of};

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn what_others_may_read_or_write_is_refused() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let record = place.record();
    for (name, modes) in [
        ("", &[0o755, 0o710, 0o770][..]),
        ("records", &[0o755]),
        ("vault.json", &[0o644, 0o602]),
        ("identity.age", &[0o640]),
        (record.as_str(), &[0o604, 0o620]),
    ] {
        let path = place.path(name);
        let usual = fs::metadata(&path).unwrap().mode();
        for mode in modes {
            set_mode(&path, *mode);
            let error = refused(&sandbox, place.vault().key("ada"));
            assert_eq!(error.kind(), ErrorKind::Config);
            let said = error.to_string();
            let named = path.to_str().unwrap().trim_end_matches('/');
            assert!(
                said.contains(named) && said.contains("others may read or write it"),
                "{said}"
            );
            // And it is not repaired: somebody may have read it.
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, *mode);
        }
        set_mode(&path, usual);
        assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
    }
}

#[test]
fn no_link_and_no_second_name_is_followed() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let elsewhere = tempfile::tempdir().unwrap();
    for name in ["vault.json", "identity.age", &place.record(), "records", ""] {
        let (path, kept) = (place.path(name), elsewhere.path().join("kept"));
        // Without the slash at its end, which would follow.
        let path: std::path::PathBuf = path.components().collect();
        fs::rename(&path, &kept).unwrap();
        symlink(&kept, &path).unwrap();
        let said = refused(&sandbox, place.vault().key("ada")).to_string();
        assert!(said.contains("link"), "{name}: {said}");
        fs::remove_file(&path).unwrap();
        fs::rename(&kept, &path).unwrap();
    }
    for name in ["vault.json", "identity.age", &place.record()] {
        let second = elsewhere.path().join("second");
        fs::hard_link(place.path(name), &second).unwrap();
        let said = refused(&sandbox, place.vault().key("ada")).to_string();
        assert!(said.contains("it has 2 names"), "{name}: {said}");
        fs::remove_file(second).unwrap();
    }
    // A lock is no file of somebody's choice either.
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    fs::remove_file(place.path("vault.lock")).unwrap();
    symlink(&victim, place.path("vault.lock")).unwrap();
    refused(&sandbox, place.vault().remove("ada"));
    assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn a_folder_that_is_a_link_is_not_written_or_deleted_in() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let (elsewhere, records) = (tempfile::tempdir().unwrap(), place.path("records"));
    let theirs = elsewhere.path().join("records");
    fs::rename(&records, &theirs).unwrap();
    symlink(&theirs, &records).unwrap();
    let before = names(&theirs);
    refused(&sandbox, place.vault().remove("ada"));
    refused(
        &sandbox,
        place
            .vault()
            .add("omar", &key(&omar), BackendKind::File, None)
            .map(drop),
    );
    assert_eq!(names(&theirs), before);
    assert!(place.entry("ada").is_some(), "what was not deleted is listed");
}

#[test]
fn nothing_that_has_no_end_is_waited_for() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    for name in ["vault.json", "identity.age", &place.record()] {
        let (path, bytes) = (place.path(name), place.read(name));
        fs::remove_file(&path).unwrap();
        let mode = rustix::fs::Mode::from_raw_mode(0o600);
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let said = refused(&sandbox, place.vault().key("ada")).to_string();
        assert!(said.contains("it is no file"), "{name}: {said}");
        fs::remove_file(&path).unwrap();
        place.write(name, &bytes);
    }
    // And no file that is too large is read.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(place.path("vault.json"))
        .unwrap();
    file.set_len(17 << 20).unwrap();
    let said = refused(&sandbox, place.vault().list().map(drop)).to_string();
    assert!(said.contains("larger than 16 MiB"), "{said}");
}

#[test]
fn where_others_may_put_another_vault_in_its_place_none_is_used() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let vault = vault_of(place.home.path());
    for above in [vault.parent().unwrap(), vault.ancestors().nth(2).unwrap()] {
        set_mode(above, 0o777);
        let said = refused(&sandbox, place.vault().key("ada")).to_string();
        assert!(said.contains("others may write the folder above it"), "{said}");
        // In a folder like /tmp nobody replaces what is another's.
        set_mode(above, 0o1777);
        place.vault().key("ada").unwrap();
        // A home that its own group may write is what many systems make.
        set_mode(above, 0o775);
        place.vault().key("ada").unwrap();
        set_mode(above, 0o755);
    }
}

#[test]
fn another_users_home_is_not_used_nor_left_with_files_of_ours() {
    if !is_root() {
        eprintln!("not tried: only root can give files away");
        return;
    }
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let record = place.record();
    for name in ["vault.json", "identity.age", &record, "records", ""] {
        chown(place.path(name), Some(4242), None).unwrap();
        let said = refused(&sandbox, place.vault().key("ada")).to_string();
        assert!(said.contains("it belongs to user 4242"), "{said}");
        chown(place.path(name), Some(0), None).unwrap();
    }
    // As with sudo, that keeps HOME: nothing is there yet, and nothing is made that its user could not read.
    let theirs = Place::empty();
    chown(theirs.home.path(), Some(4242), None).unwrap();
    let said = refused(
        &sandbox,
        theirs
            .vault()
            .add("ada", &key(&ada), BackendKind::File, None)
            .map(drop),
    )
    .to_string();
    assert!(
        said.contains("the folder above it belongs to user 4242"),
        "{said}"
    );
    assert_eq!(names(theirs.home.path()), Vec::<String>::new());
}

#[test]
fn what_is_made_is_closed_whatever_the_mask() {
    let sandbox = sandbox();
    let [ada, _] = two(&sandbox);
    for mask in [0o000, 0o077] {
        let place = Place::empty();
        // The mask is the process's: no other test may make a file under it.
        let status = super::together::other_process(place.home.path(), "mask", &ada, |command| {
            command.env("VAULT_TEST_MASK", mask.to_string());
        })
        .status()
        .unwrap();
        assert!(status.success());
        let mut folders = vec![vault_of(place.home.path())];
        let mut seen = 0;
        while let Some(folder) = folders.pop() {
            assert_eq!(fs::metadata(&folder).unwrap().mode() & 0o777, 0o700, "{folder:?}");
            for name in names(&folder) {
                let path = folder.join(name);
                let about = fs::symlink_metadata(&path).unwrap();
                if about.is_dir() {
                    folders.push(path);
                } else {
                    assert_eq!(about.mode() & 0o777, 0o600, "{path:?}");
                    seen += 1;
                }
            }
        }
        assert!(seen >= 4, "{seen}");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_read_all_the_same() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let before = (place.read("vault.json"), place.records());
    if is_root() {
        // Modes do not bind root: what it cannot write is a file system.
        let status = super::together::other_process(place.home.path(), "read-only", &omar, |_| ());
        match super::together::in_a_mount(
            status,
            "mount --bind \"$VAULT_TEST_HOME\" \"$VAULT_TEST_HOME\" && mount -o remount,bind,ro \"$VAULT_TEST_HOME\"",
        ) {
            Some(status) => assert!(status.success()),
            None => return,
        }
    } else {
        for name in ["records", ""] {
            set_mode(&place.path(name), 0o500);
        }
        let vault = place.vault();
        assert_eq!(vault.key("ada").unwrap().id(), ada.access_key_id);
        let result = vault.add("omar", &key(&omar), BackendKind::File, None);
        refused(&sandbox, result.map(drop));
        refused(&sandbox, vault.remove("ada"));
        for name in ["", "records"] {
            set_mode(&place.path(name), 0o700);
        }
    }
    assert_eq!((place.read("vault.json"), place.records()), before);
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn names_of_every_kind_fit_and_are_told_apart() {
    let place = Place::new();
    let vault = place.vault();
    let long = "L\u{f6}ng ".repeat(40) + "end";
    let longest = "\u{1f511}".repeat(64);
    let profiles = [
        ".",
        "..",
        "../../.aws/credentials",
        "/etc/passwd",
        "prod",
        "Prod",
        "PROD",
        "a.b",
        "a%2Eb",
        "~",
        "CON",
        "con.",
        "caf\u{e9}",
        "cafe\u{301}",
        "name with blanks",
        &long,
        &longest,
    ];
    for (number, profile) in profiles.iter().enumerate() {
        vault
            .add(profile, &made_up(number), BackendKind::File, None)
            .unwrap();
    }
    // One key of two profiles, whose names are one where case is nothing.
    vault.add("pROD", &made_up(4), BackendKind::File, None).unwrap();
    for (number, profile) in profiles.iter().enumerate() {
        assert_eq!(
            vault.key(profile).unwrap().id(),
            made_up(number).id(),
            "{profile}"
        );
    }
    assert_eq!(vault.key("pROD").unwrap().id(), made_up(4).id());
    let files = place.records();
    let lower: std::collections::HashSet<_> = files.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), files.len());
    assert!(
        files
            .iter()
            .all(|name| name.len() <= 140 && name.is_ascii() && !name.contains('/'))
    );
    // From the names alone, the list is found again.
    let before = vault.list().unwrap();
    fs::remove_file(place.path("vault.json")).unwrap();
    vault.rebuild().unwrap();
    let after = vault.list().unwrap();
    let told = |list: &rolecall::vault::List| -> Vec<RecordKey> {
        list.entries()
            .iter()
            .map(rolecall::vault::Entry::record)
            .collect()
    };
    assert_eq!(told(&after), told(&before));
    for profile in profiles.iter().copied().chain(["pROD"]) {
        vault.remove(profile).unwrap();
    }
    assert_eq!(place.records(), Vec::<String>::new());
    for odd in ["", " ", " x", "a\nb", "a\u{202e}b", "[x]", &"x".repeat(257)] {
        let error = vault.add(odd, &made_up(0), BackendKind::File, None).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(!error.to_string().contains(['\n', '\u{202e}']));
    }
}

#[test]
fn files_that_are_not_ours_are_no_records() {
    let place = Place::new();
    place
        .vault()
        .add("ada", &made_up(1), BackendKind::File, None)
        .unwrap();
    let record = RecordKey {
        kind: RecordKind::AccessKey,
        name: "ada".to_owned(),
        id: made_up(1).id().to_owned(),
    };
    let (file, label) = record.file();
    assert_eq!((place.records(), label), (vec![file.clone()], None));
    for name in [
        file.replace("ada", "%61da"),
        file.replace("ada", "A%64a"),
        file.replace("access-key", "session"),
        file.replace(".age", ".bak"),
        "access-key.~0123456789abcdef0123456789abcdef.age".to_owned(),
        "README".to_owned(),
        "...age".to_owned(),
    ] {
        place.write(&format!("records/{name}"), b"");
        assert_eq!(RecordKey::of_file(&name, b"{}"), None, "{name}");
    }
    assert_eq!(place.vault().orphans().unwrap(), []);
    fs::remove_file(place.path("vault.json")).unwrap();
    assert_eq!(place.vault().rebuild().unwrap().entries.len(), 1);
}

#[test]
fn what_a_killed_process_began_is_swept_and_what_one_writes_now_is_not() {
    let place = Place::new();
    let vault = place.vault();
    vault.add("ada", &made_up(1), BackendKind::File, None).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(3600);
    for name in [".new-abandoned", "records/.new-abandoned"] {
        place.write(name, b"half");
        let file = fs::OpenOptions::new().write(true).open(place.path(name)).unwrap();
        file.set_modified(old).unwrap();
    }
    for name in [".new-written", "records/.new-written"] {
        place.write(name, b"half");
    }
    vault.add("omar", &made_up(2), BackendKind::File, None).unwrap();
    for folder in ["", "records"] {
        let names = names(&place.path(folder));
        assert!(!names.contains(&".new-abandoned".to_owned()), "{names:?}");
        assert!(names.contains(&".new-written".to_owned()), "{names:?}");
    }
}

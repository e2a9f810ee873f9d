//! Several processes at once, full disks and limits: each key that was said to be in is in, and the others never were.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};

use rolecall::ErrorKind;
use rolecall::vault::{BackendKind, Expected, Vault};
use rolecall_sandbox::UserKeys;

use super::support::{
    Answers, Drawer, PASSPHRASE, Place, back_up, host, key, made_up, names, refused, sandbox, two, vault_of,
    wrapped,
};

/// This test program as another process, which does only what `job` says.
pub(crate) fn other_process(
    home: &Path,
    job: &str,
    keys: &UserKeys,
    furnish: impl FnOnce(&mut Command),
) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    in_place(&mut command, home, job, keys);
    furnish(&mut command);
    command
}

pub(crate) fn in_place(command: &mut Command, home: &Path, job: &str, keys: &UserKeys) {
    command
        .args([
            "--exact",
            "together::the_other_process",
            "--ignored",
            "--nocapture",
        ])
        .env("VAULT_TEST_HOME", home)
        .env("VAULT_TEST_JOB", job)
        .env("VAULT_TEST_ID", &keys.access_key_id)
        .env("VAULT_TEST_SECRET", &keys.secret_access_key)
        .stdout(Stdio::null());
}

/// The same process in a file system of its own; `None` where nobody may mount one.
pub(crate) fn in_a_mount(other: Command, mount: &str) -> Option<ExitStatus> {
    let may = Command::new("unshare")
        .args(["-m", "true"])
        .stderr(Stdio::null())
        .status();
    if may.is_err() {
        super::skip::skip("there is no unshare");
        return None;
    }
    if !may.is_ok_and(|status| status.success()) {
        eprintln!("not tried: this needs a mount namespace");
        return None;
    }
    let mut command = Command::new("unshare");
    command
        .args([
            "-m",
            "sh",
            "-c",
            &format!("{mount} || exit 77; exec \"$0\" \"$@\""),
        ])
        .arg(other.get_program())
        .args(other.get_args())
        .stdout(Stdio::null());
    for (name, value) in other.get_envs() {
        command.env(name, value.unwrap());
    }
    let status = command.status().unwrap();
    if status.code() == Some(77) {
        eprintln!("not tried: nothing may be mounted here");
        return None;
    }
    Some(status)
}

fn told(name: &str) -> String {
    std::env::var(name).unwrap()
}

#[test]
#[ignore = "it is what the other tests start"]
fn the_other_process() {
    let Ok(home) = std::env::var("VAULT_TEST_HOME") else {
        return;
    };
    let home = Path::new(&home);
    let given = UserKeys {
        access_key_id: told("VAULT_TEST_ID"),
        secret_access_key: told("VAULT_TEST_SECRET"),
    };
    let vault = Vault::of(&host(home, &Answers::of(&[PASSPHRASE])));
    let add = |profile: &str| vault.add(profile, &key(&given), BackendKind::File, None);
    match told("VAULT_TEST_JOB").as_str() {
        "mask" => {
            let mask = told("VAULT_TEST_MASK").parse().unwrap();
            rustix::process::umask(rustix::fs::Mode::from_raw_mode(mask));
            add("ada").unwrap();
        }
        "read-only" => {
            assert_eq!(vault.list().unwrap().entries().len(), 1);
            vault.key("ada").unwrap();
            add("omar").unwrap_err();
            vault.remove("ada").unwrap_err();
        }
        "twenty" => {
            let prefix = told("VAULT_TEST_PREFIX");
            for number in 0..20 {
                add(&format!("{prefix}-{number}")).unwrap();
            }
        }
        "one" => drop(add(&told("VAULT_TEST_PREFIX")).unwrap()),
        "full" => until_it_is_full(home, &given),
        "limited" => {
            let mut errors = (0..40).filter_map(|number| add(&format!("limited-{number}")).err());
            let error = errors.next().expect("no limit");
            assert!(error.to_string().contains("too large"), "{error}");
        }
        other => super::kills::do_job(home, other, &given),
    }
}

fn until_it_is_full(home: &Path, given: &UserKeys) {
    let place = vault_of(home);
    fs::create_dir_all(&place).unwrap();
    for folder in place.ancestors().take(3) {
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    }
    let identity = place.join("identity.age");
    fs::write(&identity, wrapped(&age::x25519::Identity::generate(), 2)).unwrap();
    fs::set_permissions(&identity, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let vault = Vault::of(&host(home, &Answers::of(&[PASSPHRASE])));
    vault.add("ada", &key(given), BackendKind::File, None).unwrap();
    let ballast = home.join("ballast");
    let fill = || {
        let mut file = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(&ballast)
            .unwrap();
        while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {}
    };
    fill();
    let before = (
        vault.list().unwrap(),
        names(&place),
        names(&place.join("records")),
    );
    for error in [
        vault
            .add("omar", &made_up(1), BackendKind::File, None)
            .unwrap_err(),
        vault
            .add("ada", &made_up(1), BackendKind::File, None)
            .unwrap_err(),
        vault.remove("ada").unwrap_err(),
        back_up(&vault, Path::new("/x"), b"x", b"", BackendKind::File).unwrap_err(),
    ] {
        assert!(error.to_string().contains("space"), "{error}");
        let after = (
            vault.list().unwrap(),
            names(&place),
            names(&place.join("records")),
        );
        assert_eq!(after, before, "nothing changed, and nothing of it stays");
        assert_eq!(
            vault.key("ada").unwrap().secret().expose(),
            given.secret_access_key
        );
    }
    fs::remove_file(&ballast).unwrap();
    vault.add("omar", &made_up(1), BackendKind::File, None).unwrap();
    vault.remove("ada").unwrap();
}

#[test]
fn two_processes_lose_no_key_of_each_other() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let start = |(prefix, keys): (&str, &UserKeys)| {
        other_process(place.home.path(), "twenty", keys, |command| {
            command.env("VAULT_TEST_PREFIX", prefix);
        })
        .spawn()
        .unwrap()
    };
    let children: Vec<Child> = [("first", &ada), ("second", &omar)]
        .into_iter()
        .map(start)
        .collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let vault = place.vault();
    assert_eq!(vault.list().unwrap().entries().len(), 40);
    for (prefix, keys) in [("first", &ada), ("second", &omar)] {
        for number in 0..20 {
            let key = vault.key(&format!("{prefix}-{number}")).unwrap();
            assert_eq!(key.secret().expose(), keys.secret_access_key);
        }
    }
    assert_eq!(vault.orphans().unwrap(), []);
    place.assert_says_nothing(&sandbox);
}

#[test]
fn processes_that_make_the_identity_at_once_have_one_in_the_end() {
    let (sandbox, place) = (sandbox(), Place::empty());
    let [ada, omar] = two(&sandbox);
    let start = |(profile, keys): (&str, &UserKeys)| {
        other_process(place.home.path(), "one", keys, |command| {
            command.env("VAULT_TEST_PREFIX", profile);
        })
        .spawn()
        .unwrap()
    };
    let all = [("ada", &ada), ("omar", &omar), ("third", &ada)];
    let children: Vec<Child> = all.into_iter().map(start).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    let vault = place.vault();
    for (profile, keys) in all {
        assert_eq!(
            vault.key(profile).unwrap().secret().expose(),
            keys.secret_access_key
        );
    }
    place.assert_says_nothing(&sandbox);
}

#[test]
fn a_key_is_there_for_others_at_every_moment_of_a_move_and_of_a_replacement() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let elsewhere = tempfile::tempdir().unwrap();
    let is_done = AtomicBool::new(false);
    let open = || place.vault().using(Drawer::at(elsewhere.path()));
    let read = std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (vault, mut read) = (open(), 0);
                    while !is_done.load(Ordering::SeqCst) {
                        let key = vault.key("ada").unwrap();
                        assert!([&ada, &omar].iter().any(|keys| keys.access_key_id == key.id()));
                        read += 1;
                    }
                    read
                })
            })
            .collect();
        let vault = open();
        for _ in 0..40 {
            vault.move_to("ada", BackendKind::SecretService).unwrap();
            vault.move_to("ada", BackendKind::File).unwrap();
            vault.add("ada", &key(&omar), BackendKind::File, None).unwrap();
            vault.add("ada", &key(&ada), BackendKind::File, None).unwrap();
        }
        is_done.store(true, Ordering::SeqCst);
        readers
            .into_iter()
            .map(|reader| reader.join().unwrap())
            .sum::<usize>()
    });
    assert!(read > 20, "{read}");
}

#[test]
fn who_changes_the_vault_now_is_waited_for_and_then_given_up() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let host = host(place.home.path(), &Answers::of(&[PASSPHRASE]));
    let held = host.try_lock(&place.path("vault.lock")).unwrap();
    assert!(held.is_some());
    let vault = Vault::of(&host);
    let error = vault.add("ada", &key(&ada), BackendKind::File, None).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    // Reading is never locked out.
    assert_eq!(vault.list().unwrap().entries().len(), 0);
    drop(held);
    vault.add("ada", &key(&ada), BackendKind::File, None).unwrap();
}

#[test]
fn a_full_disk_changes_nothing() {
    let sandbox = sandbox();
    let [ada, _] = two(&sandbox);
    let home = tempfile::tempdir().unwrap();
    let other = other_process(home.path(), "full", &ada, |_| ());
    if let Some(status) = in_a_mount(
        other,
        "mount -t tmpfs -o size=64k,mode=700 none \"$VAULT_TEST_HOME\"",
    ) {
        assert!(status.success());
    }
}

#[test]
fn a_limit_on_the_size_of_files_ends_nobody() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let mut command = Command::new("sh");
    command
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(std::env::current_exe().unwrap());
    in_place(&mut command, place.home.path(), "limited", &ada);
    assert!(command.status().unwrap().success(), "SIGXFSZ would have ended it");
    let vault = place.vault();
    let list = vault.list().unwrap();
    assert!(!list.entries().is_empty());
    for entry in list.entries() {
        assert_eq!(vault.key(&entry.profile).unwrap().id(), ada.access_key_id);
    }
    assert_eq!(vault.orphans().unwrap(), []);
}

/// Who waits at a prompt meanwhile does not take away what another process put there.
#[test]
fn a_key_that_was_put_there_meanwhile_stays() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let vault = place.vault();
    let add = |expected| vault.add_expecting("joe", &made_up(1), BackendKind::File, None, expected);
    place.add("joe", &ada);
    let shown = place.entry("joe").unwrap();
    for expected in [Expected::Listed(None), Expected::NoOther] {
        let error = refused(&sandbox, add(expected));
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
    place.add("joe", &omar);
    refused(&sandbox, add(Expected::Listed(Some(&shown))));
    assert_eq!(place.vault().key("joe").unwrap().id(), omar.access_key_id);
    assert_eq!(place.records().len(), 1, "nothing stays that nothing names");
    let now = place.entry("joe").unwrap();
    add(Expected::Listed(Some(&now))).unwrap();
    // The same id is the same key.
    add(Expected::NoOther).unwrap();
    assert_eq!(place.vault().key("joe").unwrap().id(), made_up(1).id());
}

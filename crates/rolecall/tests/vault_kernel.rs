//! The kernel's keyring, which holds the encrypted file's unlocked identity, on the kernel of this machine: a passphrase is
//! asked for once, and what the kernel holds is this user's, this vault's, and has an end.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at its own files from outside"
)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use linux_keyutils::{Key, KeyPermissionsBuilder, KeyRing, KeyRingIdentifier, Permission};
use rolecall::host::{Choice, HostBuilder, MfaQuestion, Person, SecretQuestion, SignIn};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, ErrorKind, Host, Secret};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

#[path = "support/skip.rs"]
mod skip;

const ID: &str = "AKIACANARYAAAAAAAAAA";
const PASSPHRASE: &str = "correct horse battery staple";
const SECRET: &str = "CANARYSECRET/abcdefghijklmnopqrstuvwxyz0";
/// Where the test that runs as another user finds its folder.
const FOLDER: &str = "ROLECALL_TEST_FOLDER";

/// Knows the passphrase, and how often it was asked for.
#[derive(Clone, Debug, Default)]
struct Knows(Arc<AtomicUsize>);

impl Knows {
    fn was_asked(&self) -> usize {
        self.0.swap(0, Ordering::Relaxed)
    }
}

impl Person for Knows {
    fn secret(&self, _: &SecretQuestion) -> Result<Secret, Error> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Secret::new(PASSPHRASE.to_owned()))
    }

    fn mfa_code(&self, _: &MfaQuestion) -> Result<Secret, Error> {
        panic!("no code is needed")
    }

    fn choose(&self, _: &Choice) -> Result<usize, Error> {
        panic!("nothing is to be chosen")
    }

    fn sign_in(&self, _: &SignIn) -> Result<(), Error> {
        panic!("nobody signs in")
    }

    fn waiting(&self, _: &str, _: Duration) {}
}

/// A vault with a key in it, whose passphrase was asked for once. What the kernel holds of it goes with it.
struct Room {
    folder: TempDir,
    person: Knows,
}

impl Room {
    /// With an identity of little work: what the kernel keeps of it is the same.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        quick_identity(&folder.path().join("rolecall/vault"));
        Self::with(folder)
    }

    /// With the identity that the vault makes, which costs seconds.
    fn real() -> Self {
        Self::with(tempfile::tempdir().unwrap())
    }

    fn with(folder: TempDir) -> Self {
        let room = Self {
            folder,
            person: Knows::default(),
        };
        add(&room.vault("1h"));
        assert_eq!(room.person.was_asked(), 1, "for a new vault");
        room
    }

    fn host(&self, keep: &str) -> HostBuilder {
        host_at(self.folder.path(), keep).person(self.person.clone())
    }

    /// As a new process opens it.
    fn vault(&self, keep: &str) -> Vault {
        Vault::of(&self.host(keep).build())
    }

    fn reads(&self, keep: &str) -> usize {
        assert_eq!(self.vault(keep).key("joe").unwrap().secret().expose(), SECRET);
        self.person.was_asked()
    }

    fn name(&self) -> String {
        name(self.folder.path())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        let _ = self.vault("1h").lock_up();
    }
}

fn quick_identity(folder: &Path) {
    fs::create_dir_all(folder).unwrap();
    for folder in folder.ancestors().take(2) {
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
    }
    let mut by = age::scrypt::Recipient::new(PASSPHRASE.to_owned().into());
    by.set_work_factor(1);
    let identity = age::x25519::Identity::generate().to_string();
    let sealed = age::encrypt(&by, identity.expose_secret().as_bytes()).unwrap();
    let path = folder.join("identity.age");
    fs::write(&path, sealed).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

fn host_at(folder: &Path, keep: &str) -> HostBuilder {
    Host::builder()
        .home(folder)
        .env("XDG_DATA_HOME", folder.to_str().unwrap())
        .env("ROLECALL_VAULT_KEEP", keep)
}

fn add(vault: &Vault) {
    let key = AccessKey::new(ID, Secret::new(SECRET.to_owned())).unwrap();
    vault.add("joe", &key, BackendKind::File, None).unwrap();
}

/// What the key is called in the kernel: it says nothing of where the vault is.
fn name(folder: &Path) -> String {
    let digest = Sha256::digest(folder.join("rolecall/vault").as_os_str().as_encoded_bytes());
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("rolecall:vault:{hex}")
}

fn user_ring() -> KeyRing {
    KeyRing::from_special_id(KeyRingIdentifier::User, true).unwrap()
}

/// What the kernel holds under that name, without asking whether it may be read.
fn held(name: &str) -> Option<Key> {
    user_ring().search(name).ok()
}

/// Whether this kernel, in this container, has no keyring for us.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn is_without_keyring() -> bool {
    let probe = || {
        let thread = KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?;
        thread.add_key("rolecall:probe", b"x")?.invalidate()
    };
    match probe() {
        Ok(()) => false,
        Err(error) => {
            eprintln!("skipped: no kernel keyring here: {error:?}");
            true
        }
    }
}

#[test]
fn a_passphrase_is_asked_for_once() {
    if is_without_keyring() {
        return;
    }
    let room = Room::real();
    assert_eq!(room.reads("1h"), 0, "the kernel has it");
    assert_eq!(room.reads("8h"), 0);
    // Where nobody is, too.
    let alone = Vault::of(&host_at(room.folder.path(), "1h").build());
    assert_eq!(alone.key("joe").unwrap().secret().expose(), SECRET);
    // An identity is a secret: it is nowhere in the vault's folder.
    assert!(held(&room.name()).is_some());
    for file in ["vault.json", "identity.age"] {
        let bytes = fs::read(room.folder.path().join("rolecall/vault").join(file)).unwrap();
        assert!(
            !bytes.windows(15).any(|window| window == b"AGE-SECRET-KEY-"),
            "{file}"
        );
    }
}

#[test]
fn off_is_off() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    assert_eq!(room.reads("off"), 1, "what is there is not taken either");
    assert!(room.vault("1h").lock_up().unwrap());
    assert_eq!(room.reads("off"), 1);
    assert!(held(&room.name()).is_none(), "and nothing is put there");
}

#[test]
fn locking_up_forgets_it() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    let vault = room.vault("1h");
    vault.key("joe").unwrap();
    assert!(vault.lock_up().unwrap());
    assert!(held(&room.name()).is_none());
    assert!(!vault.lock_up().unwrap(), "there is nothing any more");
    // In this process too, which had it unlocked.
    assert_eq!(vault.key("joe").unwrap().secret().expose(), SECRET);
    assert_eq!(room.person.was_asked(), 1);
    assert_eq!(room.reads("1h"), 0, "and then it is kept again");
    // It works where nothing is to be kept, for what was kept before.
    assert!(room.vault("off").lock_up().unwrap());
}

#[test]
fn it_has_an_end() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    room.vault("1h").lock_up().unwrap();
    assert_eq!(room.reads("1s"), 1);
    let name = room.name();
    for _ in 0..100 {
        std::thread::sleep(Duration::from_millis(100));
        if held(&name).is_none() {
            break;
        }
    }
    assert!(held(&name).is_none(), "a second is over");
    assert_eq!(room.reads("1h"), 1);
}

/// Its end is there from the moment it is: `/proc/keys` says when.
#[test]
fn the_usual_end_is_that_of_a_working_day() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    room.vault("1h").lock_up().unwrap();
    let host = Host::builder()
        .home(room.folder.path())
        .env("XDG_DATA_HOME", room.folder.path().to_str().unwrap())
        .person(room.person.clone())
        .build();
    Vault::of(&host).key("joe").unwrap();
    let line = listed(&room.name()).expect("it is listed for whom it is");
    let ends = line.split_whitespace().nth(3).unwrap();
    assert!(["7h", "8h"].contains(&ends), "{line}");
}

/// The line of `/proc/keys`: serial, flags, usage, end, rights, owner, group, type, name.
fn listed(name: &str) -> Option<String> {
    let keys = fs::read_to_string("/proc/keys").unwrap();
    keys.lines().find(|line| line.contains(name)).map(str::to_owned)
}

#[test]
fn a_time_that_is_none_is_refused() {
    let room = Room::new();
    for keep in [
        "",
        "8",
        "h",
        "0s",
        "25h",
        "1441m",
        "-1h",
        "1.5h",
        "8 h",
        "forever",
        "99999999999999h",
    ] {
        let host = room.host(keep).build();
        if keep.is_empty() {
            // Empty is not set.
            assert!(Vault::of(&host).key("joe").is_ok());
            continue;
        }
        let error = Vault::of(&host).key("joe").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{keep}: {error}");
        assert!(error.to_string().contains("ROLECALL_VAULT_KEEP"), "{error}");
    }
    for keep in ["24h", "1440m", "86400s"] {
        assert!(room.vault(keep).key("joe").is_ok(), "{keep}");
    }
}

/// Another identity was put in the place of the vault's, or its passphrase is another: what the kernel has is not used.
#[test]
fn only_what_fits_the_vaults_identity_is_used() {
    if is_without_keyring() {
        return;
    }
    let (room, other) = (Room::new(), Room::new());
    let place = |room: &Room| room.folder.path().join("rolecall/vault/identity.age");
    let own = fs::read(place(&room)).unwrap();
    fs::copy(place(&other), place(&room)).unwrap();
    let refused = room.vault("1h").key("joe").unwrap_err();
    assert_eq!(
        refused.kind(),
        ErrorKind::Untrusted,
        "the other identity opens nothing: {refused}"
    );
    assert_eq!(room.person.was_asked(), 1, "and it was asked for");
    fs::write(place(&room), own).unwrap();
    assert_eq!(
        room.reads("1h"),
        1,
        "what was kept of the other is not taken for the own"
    );
}

/// Another program of this user may put anything there.
#[test]
fn what_is_no_identity_is_as_if_nothing_were_there() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    let digest = Sha256::digest(fs::read(room.folder.path().join("rolecall/vault/identity.age")).unwrap());
    let fitting = [&digest[..], b"AGE-SECRET-KEY-1NONE"].concat();
    for planted in [&b"x"[..], &[0; 32], &[0xff; 5000], &fitting] {
        room.vault("1h").lock_up().unwrap();
        let ring = user_ring();
        let thread = KeyRing::from_special_id(KeyRingIdentifier::Thread, true).unwrap();
        let key = thread.add_key(&room.name(), planted).unwrap();
        let all = KeyPermissionsBuilder::builder()
            .posessor(Permission::ALL)
            .user(Permission::ALL)
            .build();
        key.set_perms(all).unwrap();
        ring.link_key(key).unwrap();
        thread.unlink_key(key).unwrap();
        assert_eq!(room.reads("1h"), 1, "{} bytes", planted.len());
        assert_eq!(room.reads("1h"), 0, "the real one took its place");
    }
}

/// Who merely knows its number reads nothing: not another user, and not a process of this one that has not got the user's
/// keyring in its session.
#[test]
fn others_cannot_read_it() {
    if is_without_keyring() {
        return;
    }
    let room = Room::new();
    let line = listed(&room.name()).unwrap();
    let rights = line.split_whitespace().nth(4).unwrap();
    assert!(
        rights.ends_with("000000"),
        "nothing for others by owner, group or all: {line}"
    );
    let Some(keyctl) = ["/usr/bin/keyctl", "/bin/keyctl"]
        .into_iter()
        .find(|path| Path::new(path).exists())
    else {
        return skip::skip("keyctl is not on this machine");
    };
    let serial = held(&room.name()).unwrap().get_id().as_raw_id().to_string();
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("only root can look as another user: that part is skipped");
    }
    for uid in root.then_some(65_534).into_iter() {
        let output = Command::new(keyctl)
            .args(["pipe", &serial])
            .uid(uid)
            .gid(uid)
            .output()
            .unwrap();
        assert!(!output.status.success());
        assert!(
            !output
                .stdout
                .windows(15)
                .any(|window| window == b"AGE-SECRET-KEY-")
        );
    }
    let output = Command::new(keyctl)
        .args(["session", "-", keyctl, "pipe", &serial])
        .output()
        .unwrap();
    assert!(
        !output
            .stdout
            .windows(15)
            .any(|window| window == b"AGE-SECRET-KEY-"),
        "no possession"
    );
    // The control: whoever has the keyring reads it, and so does any process of this user that wants to.
    let script = format!("keyctl link @u @s && keyctl pipe {serial}");
    let output = Command::new(keyctl)
        .args(["session", "-", "sh", "-c", &script])
        .output()
        .unwrap();
    assert!(
        output
            .stdout
            .windows(15)
            .any(|window| window == b"AGE-SECRET-KEY-")
    );
}

/// A user who is not root has room for 200 keys and 20,000 bytes in the kernel; where that is full, everything goes on and
/// the passphrase is asked for.
#[test]
fn as_another_user_with_a_full_quota() {
    if is_without_keyring() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can run a test as another user");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let binary = folder.path().join("kernel-test");
    fs::copy(std::env::current_exe().unwrap(), &binary).unwrap();
    let home = folder.path().join("home");
    fs::create_dir(&home).unwrap();
    // Nobody else's: what another test run of that user does would make room, or take it.
    let uid = 2_000_000 + std::process::id();
    std::os::unix::fs::chown(&home, Some(uid), Some(uid)).unwrap();
    let output = Command::new(&binary)
        .args(["--ignored", "--exact", "--nocapture", "works_as_another_user"])
        .env(FOLDER, &home)
        .current_dir("/")
        .uid(uid)
        .gid(uid)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success() && said.contains("HELD"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
#[ignore = "what as_another_user_with_a_full_quota runs as another user"]
fn works_as_another_user() {
    let folder = std::path::PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let person = Knows::default();
    let vault = || Vault::of(&host_at(&folder, "1h").person(person.clone()).build());
    add(&vault());
    assert_eq!(person.was_asked(), 1);
    vault().key("joe").unwrap();
    assert_eq!(person.was_asked(), 0, "it is kept for a user who is not root");
    assert!(vault().lock_up().unwrap());
    // A thread's keys go with the thread, and so does what they took of the quota.
    let thread = KeyRing::from_special_id(KeyRingIdentifier::Thread, true).unwrap();
    let full = (0..300).find_map(|number| thread.add_key(&format!("full:{number}"), &[0; 90]).err());
    assert_eq!(full, Some(linux_keyutils::KeyError::QuotaExceeded));
    for _ in 0..2 {
        assert_eq!(vault().key("joe").unwrap().secret().expose(), SECRET);
        assert_eq!(person.was_asked(), 1, "there is no room");
    }
    println!("HELD");
}

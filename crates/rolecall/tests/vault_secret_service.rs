//! Keys in the Secret Service, with GNOME Keyring on a bus of the test's own; and the ladder of backends where there is no
//! bus, none that answers, and none with such a service.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test looks at its own files from outside"
)]

use std::os::unix::net::UnixListener;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dbus::blocking::Connection;
use dbus::channel::Channel;
use dbus::strings::Path as ObjectPath;
use rolecall::vault::{AccessKey, Backend, BackendKind, Chosen, RecordKey, RecordKind, Vault};
use rolecall::{Error, ErrorKind, Host, Secret};

#[path = "support/desktop.rs"]
mod desktop;

use desktop::{Desktop, Waits, host_at, is_missing, until};

const PROGRAMS: &[&str] = &["dbus-daemon", "gnome-keyring-daemon", "setpriv"];
const SECRET: &str = "CANARYSECRET/abcdefghijklmnopqrstuvwxyz0";

fn record(name: &str, id: &str) -> RecordKey {
    RecordKey {
        kind: RecordKind::AccessKey,
        name: name.to_owned(),
        id: id.to_owned(),
    }
}

fn open(host: &Host) -> Arc<dyn Backend> {
    Vault::of(host).backend(BackendKind::SecretService).unwrap()
}

fn loaded(backend: &dyn Backend, key: &RecordKey) -> Option<Vec<u8>> {
    backend.load(key).unwrap().map(|bytes| bytes.to_vec())
}

/// Locks the default collection, as a screen saver does.
fn lock(desktop: &Desktop) {
    let mut channel = Channel::open_private(&desktop.address()).unwrap();
    channel.register().unwrap();
    let connection = Connection::from(channel);
    let service = connection.with_proxy(
        "org.freedesktop.secrets",
        "/org/freedesktop/secrets",
        Duration::from_secs(10),
    );
    const INTERFACE: &str = "org.freedesktop.Secret.Service";
    let (collection,): (ObjectPath<'static>,) =
        service.method_call(INTERFACE, "ReadAlias", ("default",)).unwrap();
    let (locked, _): (Vec<ObjectPath<'static>>, ObjectPath<'static>) = service
        .method_call(INTERFACE, "Lock", (vec![collection],))
        .unwrap();
    assert_eq!(locked.len(), 1);
}

#[test]
fn a_record_is_saved_replaced_listed_and_deleted() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let host = desktop.host().build();
    let backend = open(&host);
    let (joe, ann) = (
        record("joe", "AKIACANARYAAAAAAAAAA"),
        record("ann", "AKIACANARYBBBBBBBBBB"),
    );
    assert_eq!(loaded(&*backend, &joe), None);
    backend.unlock().unwrap();
    backend.save(&joe, b"first").unwrap();
    // Whatever bytes they are, and however many: a record is no text.
    let bytes: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    backend.save(&ann, &bytes).unwrap();
    backend.save(&joe, b"second").unwrap();
    assert_eq!(loaded(&*backend, &joe).as_deref(), Some(&b"second"[..]));
    assert_eq!(loaded(&*backend, &ann), Some(bytes));
    let mut keys = backend.keys().unwrap();
    keys.sort();
    assert_eq!(keys, [ann.clone(), joe.clone()]);
    // Another process sees the same, and a name that is like another is another.
    let other = open(&desktop.host().build());
    assert_eq!(loaded(&*other, &joe).as_deref(), Some(&b"second"[..]));
    assert_eq!(loaded(&*other, &record("jo", "AKIACANARYAAAAAAAAAA")), None);
    backend.delete(&joe).unwrap();
    backend.delete(&joe).unwrap();
    assert_eq!(loaded(&*backend, &joe), None);
    assert_eq!(other.keys().unwrap(), [ann]);
}

#[test]
fn names_of_every_kind_come_back() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let backend = open(&desktop.host().build());
    let mut records: Vec<_> = ["a b", "ü/ß", "x'\"\\", "名前", "%41", "a.b", "-"]
        .iter()
        .map(|name| record(name, "AKIACANARYAAAAAAAAAA"))
        .collect();
    records.push(RecordKey {
        kind: RecordKind::Backup,
        name: "/home/joe/.aws/credentials".to_owned(),
        id: "20261128T000000Z-0011".to_owned(),
    });
    for key in &records {
        backend.save(key, key.name.as_bytes()).unwrap();
    }
    records.sort();
    let mut keys = backend.keys().unwrap();
    keys.sort();
    assert_eq!(keys, records);
    for key in &records {
        assert_eq!(loaded(&*backend, key).as_deref(), Some(key.name.as_bytes()));
    }
}

#[test]
fn items_of_others_are_left_alone() {
    if is_missing(PROGRAMS) || is_missing(&["secret-tool"]) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let backend = open(&desktop.host().build());
    // One of another program, and one that calls itself ours and is none.
    for attributes in [
        ["application", "mail", "name", "joe"],
        ["application", "rolecall", "user", "joe"],
    ] {
        let mut store = desktop
            .command("secret-tool")
            .args(["store", "--label=other"])
            .args(attributes)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut store.stdin.take().unwrap(), b"theirs").unwrap();
        assert!(store.wait().unwrap().success());
    }
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    backend.save(&joe, b"ours").unwrap();
    assert_eq!(backend.keys().unwrap(), std::slice::from_ref(&joe));
    backend.delete(&joe).unwrap();
    for attributes in [["application", "mail"], ["application", "rolecall"]] {
        let found = desktop
            .command("secret-tool")
            .arg("lookup")
            .args(attributes)
            .output()
            .unwrap();
        assert_eq!(found.stdout, b"theirs", "{attributes:?}");
    }
}

#[test]
fn a_person_knows_the_item_by_its_label_and_nothing_in_it_is_secret() {
    if is_missing(PROGRAMS) || is_missing(&["secret-tool"]) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let vault = Vault::of(&desktop.host().build());
    let key = AccessKey::new("AKIACANARYAAAAAAAAAA", Secret::new(SECRET.to_owned())).unwrap();
    vault.add("joe", &key, BackendKind::SecretService, None).unwrap();
    let found = desktop
        .command("secret-tool")
        .args(["search", "--all", "application", "rolecall"])
        .output()
        .unwrap();
    let said = [&found.stdout[..], &found.stderr[..]].concat();
    let said = String::from_utf8(said).unwrap();
    for line in [
        "label = rolecall: access key AKIACANARYAAAAAAAAAA of profile joe",
        "attribute.kind = access-key",
        "attribute.name = joe",
        "attribute.id = AKIACANARYAAAAAAAAAA",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let open_to_all: Vec<_> = said
        .lines()
        .filter(|line| !line.starts_with("secret = "))
        .collect();
    assert!(!open_to_all.concat().contains("CANARYSECRET"), "{open_to_all:?}");
    assert_eq!(vault.key("joe").unwrap().secret().expose(), SECRET);
}

/// Whoever watches the bus sees ciphertext: the monitor is the control, and does see what is not encrypted.
#[test]
fn no_secret_crosses_the_bus_in_the_clear() {
    if is_missing(PROGRAMS) || is_missing(&["dbus-monitor"]) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let heard = desktop.folder.path().join("heard");
    let mut monitor = desktop
        .command("setpriv")
        .args(["--pdeathsig", "KILL", "dbus-monitor", "--pcap", "--address"])
        .arg(desktop.address())
        .stdout(std::fs::File::create(&heard).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let backend = open(&desktop.host().build());
    let contains = |what: &str| {
        let bytes = std::fs::read(&heard).unwrap();
        bytes.windows(what.len()).any(|window| window == what.as_bytes())
    };
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    // Until it is heard, the monitor may not have begun to listen.
    assert!(until(|| {
        backend.save(&joe, SECRET.as_bytes()).unwrap();
        contains("AKIACANARYAAAAAAAAAA")
    }));
    backend.save(&joe, SECRET.as_bytes()).unwrap();
    assert_eq!(loaded(&*backend, &joe).as_deref(), Some(SECRET.as_bytes()));
    backend.delete(&joe).unwrap();
    assert!(until(|| contains("GetSecret") && contains("Delete")));
    assert!(!contains("CANARYSECRET"));
    monitor.kill().unwrap();
    monitor.wait().unwrap();
}

#[test]
fn a_record_survives_a_restart_of_the_service() {
    if is_missing(PROGRAMS) {
        return;
    }
    let mut desktop = Desktop::with_keyring();
    let host = desktop.host().build();
    let backend = open(&host);
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    backend.save(&joe, SECRET.as_bytes()).unwrap();
    desktop.restart_keyring(true);
    // What was opened before the restart works as what is opened after it.
    assert_eq!(loaded(&*backend, &joe).as_deref(), Some(SECRET.as_bytes()));
    assert_eq!(loaded(&*open(&host), &joe).as_deref(), Some(SECRET.as_bytes()));
    backend.save(&joe, b"new").unwrap();
    assert_eq!(loaded(&*open(&host), &joe).as_deref(), Some(&b"new"[..]));
    for file in walk(&desktop.data()) {
        let bytes = std::fs::read(&file).unwrap();
        assert!(
            !bytes.windows(12).any(|window| window == b"CANARYSECRET"),
            "{}",
            file.display()
        );
    }
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(walk(&path)),
            false => found.push(path),
        }
    }
    found
}

fn needs_user<T>(done: Result<T, Error>) -> Error {
    let error = done.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser, "{error}");
    assert_eq!(error.hints().len(), 1, "{error}");
    error
}

#[test]
fn a_locked_keyring_is_listed_and_asks_nobody_who_may_not_be_asked() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let nobody = open(&desktop.host().build());
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    nobody.save(&joe, SECRET.as_bytes()).unwrap();
    lock(&desktop);
    let listed = nobody.keys().unwrap();
    assert_eq!(listed, std::slice::from_ref(&joe), "a list needs no secret");
    assert_eq!(loaded(&*nobody, &record("ann", "AKIACANARYBBBBBBBBBB")), None);
    for done in [
        nobody.unlock(),
        nobody.load(&joe).map(drop),
        nobody.save(&joe, b"new"),
        nobody.delete(&joe),
    ] {
        let error = needs_user(done);
        assert!(error.to_string().contains("locked"), "{error}");
    }
    assert_eq!(nobody.keys().unwrap(), [joe]);
}

/// There is no display, and so the keyring's window is dismissed at once.
#[test]
fn a_dismissed_window_leaves_everything_as_it_was() {
    if is_missing(PROGRAMS) {
        return;
    }
    let mut desktop = Desktop::with_keyring();
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    open(&desktop.host().build())
        .save(&joe, SECRET.as_bytes())
        .unwrap();
    lock(&desktop);
    let host = desktop.host().person(Waits(Duration::from_secs(60))).build();
    let backend = open(&host);
    for done in [
        backend.unlock(),
        backend.load(&joe).map(drop),
        backend.save(&joe, b"new"),
        backend.delete(&joe),
    ] {
        needs_user(done);
    }
    desktop.restart_keyring(true);
    assert_eq!(loaded(&*open(&host), &joe).as_deref(), Some(SECRET.as_bytes()));
}

#[test]
fn a_keyring_that_was_never_unlocked_says_so() {
    if is_missing(PROGRAMS) {
        return;
    }
    let mut desktop = Desktop::with_keyring();
    let joe = record("joe", "AKIACANARYAAAAAAAAAA");
    open(&desktop.host().build())
        .save(&joe, SECRET.as_bytes())
        .unwrap();
    desktop.restart_keyring(false);
    let backend = open(&desktop.host().build());
    needs_user(backend.load(&joe));
    needs_user(backend.save(&joe, b"new"));
}

fn ladder(host: &Host) -> Chosen {
    Vault::of(host).choose(None).unwrap()
}

#[test]
fn where_there_is_no_bus_the_file_is_chosen_and_the_reason_said() {
    let folder = tempfile::tempdir().unwrap();
    let chosen = ladder(&host_at(folder.path()).build());
    assert_eq!(chosen.kind, BackendKind::File);
    let [(BackendKind::SecretService, why)] = &chosen.passed_over[..] else {
        panic!("{chosen:?}");
    };
    assert_eq!(why.kind(), ErrorKind::NotConfigured, "{why}");
    // A session that is over leaves its address behind.
    let gone = format!("unix:path={}", folder.path().join("bus").display());
    let host = host_at(folder.path())
        .env("DBUS_SESSION_BUS_ADDRESS", &gone)
        .build();
    let chosen = ladder(&host);
    assert_eq!(chosen.kind, BackendKind::File);
    let asked = Vault::of(&host)
        .choose(Some(BackendKind::SecretService))
        .unwrap_err();
    assert!(!asked.hints().is_empty(), "{asked}");
    assert_eq!(asked.to_string(), chosen.passed_over[0].1.to_string());
}

/// No bus is started, and no program that an address names.
#[test]
fn an_address_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let ran = folder.path().join("ran");
    for address in [
        format!("unixexec:path=/usr/bin/touch,argv1={}", ran.display()),
        "autolaunch:".to_owned(),
        "tcp:host=127.0.0.1,port=1".to_owned(),
    ] {
        let host = host_at(folder.path())
            .env("DBUS_SESSION_BUS_ADDRESS", &address)
            .build();
        let error = Vault::of(&host)
            .choose(Some(BackendKind::SecretService))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{address}: {error}");
    }
    assert!(!ran.exists());
}

/// A socket that takes connections and says nothing.
#[test]
fn a_bus_that_hangs_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    let held = std::thread::spawn(move || {
        listener.set_nonblocking(false).unwrap();
        listener.incoming().take(2).collect::<Vec<_>>()
    });
    let address = format!("unix:path={}", socket.display());
    let host = host_at(folder.path())
        .env("DBUS_SESSION_BUS_ADDRESS", &address)
        .build();
    let began = Instant::now();
    let chosen = ladder(&host);
    assert!(began.elapsed() < Duration::from_secs(10));
    assert_eq!(chosen.kind, BackendKind::File);
    let (_, why) = &chosen.passed_over[0];
    assert_eq!(why.kind(), ErrorKind::Unavailable, "{why}");
    drop(held);
}

#[test]
fn a_bus_without_the_service_is_passed_over() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::bare();
    let chosen = ladder(&desktop.host().build());
    assert_eq!(chosen.kind, BackendKind::File);
    let (_, why) = &chosen.passed_over[0];
    assert_eq!(why.kind(), ErrorKind::NotConfigured, "{why}");
}

/// As of a keyring that was started for the first time, by the bus.
#[test]
fn a_service_without_a_default_keyring_is_passed_over() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::bare();
    let mut keyring = desktop
        .command("setpriv")
        .args([
            "--pdeathsig",
            "KILL",
            "gnome-keyring-daemon",
            "--foreground",
            "--components=secrets",
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let host = desktop.host().build();
    let says = || {
        let error = Vault::of(&host).backend(BackendKind::SecretService).unwrap_err();
        (error.kind() == ErrorKind::NotConfigured && error.to_string().contains("default")).then_some(error)
    };
    assert!(
        until(|| says().is_some()),
        "{:?}",
        Vault::of(&host).backend(BackendKind::SecretService)
    );
    assert_eq!(ladder(&host).kind, BackendKind::File);
    keyring.kill().unwrap();
    keyring.wait().unwrap();
}

#[test]
fn where_a_keyring_is_unlocked_it_is_the_first_choice() {
    if is_missing(PROGRAMS) {
        return;
    }
    let desktop = Desktop::with_keyring();
    let chosen = ladder(&desktop.host().build());
    assert_eq!(chosen.kind, BackendKind::SecretService);
    assert!(chosen.passed_over.is_empty());
    let named = desktop.host().env("ROLECALL_VAULT_BACKEND", "file").build();
    assert_eq!(ladder(&named).kind, BackendKind::File, "the variable is obeyed");
}

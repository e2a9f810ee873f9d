//! Changes that do not go through: the vault is as it was, and what was to be deleted is, in the end.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;

use rolecall::ErrorKind;
use rolecall::vault::{BackendKind, Vault};

use super::support::{Answers, Drawer, PASSPHRASE, Place, back_up, host, key, names, refused, sandbox, two};

#[test]
fn a_key_moves_there_and_back_and_leaves_nothing_behind() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let elsewhere = tempfile::tempdir().unwrap();
    let answers = Answers::of(&[PASSPHRASE]);
    let vault = place.vault_asking(&answers).using(Drawer::at(elsewhere.path()));
    let moved = vault.move_to("ada", BackendKind::SecretService).unwrap();
    assert_eq!(moved.backend, BackendKind::SecretService);
    assert_eq!((place.records().len(), names(elsewhere.path()).len()), (0, 1));
    assert_eq!(vault.key("ada").unwrap().secret().expose(), ada.secret_access_key);
    // Where it is already, there is nothing to do.
    assert_eq!(
        vault.move_to("ada", BackendKind::SecretService).unwrap(),
        place.entry("ada").unwrap()
    );
    vault.move_to("ada", BackendKind::File).unwrap();
    assert_eq!((place.records().len(), names(elsewhere.path()).len()), (1, 0));
    assert_eq!(vault.key("ada").unwrap().secret().expose(), ada.secret_access_key);
    assert_eq!(answers.asked(), 1);
    assert_eq!(
        refused(&sandbox, vault.move_to("nobody", BackendKind::File)).kind(),
        ErrorKind::NotConfigured
    );
    fs::remove_file(place.path(&place.record())).unwrap();
    let error = refused(&sandbox, vault.move_to("ada", BackendKind::SecretService));
    assert!(error.to_string().contains("listed, and not there"), "{error}");
    place.assert_says_nothing(&sandbox);
}

#[test]
fn what_cannot_be_read_back_is_not_listed() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let elsewhere = tempfile::tempdir().unwrap();
    let drawer = Drawer::at(elsewhere.path());
    let vault = place.vault().using(drawer.clone());
    vault
        .add("ada", &key(&ada), BackendKind::SecretService, None)
        .unwrap();
    drawer.lies.store(true, Ordering::SeqCst);
    let before = vault.list().unwrap();
    // A new key, another in its place, and a backup.
    let add = |profile| {
        vault
            .add(profile, &key(&omar), BackendKind::SecretService, None)
            .map(drop)
    };
    for result in [
        add("omar"),
        add("ada"),
        back_up(&vault, Path::new("/x"), b"text", b"", BackendKind::SecretService).map(drop),
    ] {
        let error = refused(&sandbox, result);
        assert_eq!(error.kind(), ErrorKind::Untrusted);
    }
    drawer.lies.store(false, Ordering::SeqCst);
    assert_eq!(vault.list().unwrap(), before);
    assert_eq!(
        names(elsewhere.path()).len(),
        1,
        "nothing stays that nothing names"
    );
    assert_eq!(vault.key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn a_list_that_cannot_be_written_takes_the_record_back() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let (record, list) = (place.record(), place.read("vault.json"));
    // A folder in its place cannot be replaced by a file, not even by root.
    fs::remove_file(place.path("vault.json")).unwrap();
    let elsewhere = tempfile::tempdir().unwrap();
    let vault = Vault::of(&host(place.home.path(), &Answers::of(&[PASSPHRASE])))
        .using(Wrecker::at(&place, elsewhere.path()));
    let result = vault.add("omar", &key(&omar), BackendKind::SecretService, None);
    refused(&sandbox, result.map(drop));
    assert_eq!(names(elsewhere.path()), Vec::<String>::new());
    fs::remove_dir(place.path("vault.json")).unwrap();
    place.write("vault.json", &list);
    assert_eq!(place.record(), record);
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
}

/// A drawer that puts a folder in the place of the list when something is put into it.
#[derive(Debug)]
struct Wrecker {
    drawer: std::sync::Arc<Drawer>,
    list: std::path::PathBuf,
}

impl Wrecker {
    fn at(place: &Place, folder: &Path) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self {
            drawer: Drawer::at(folder),
            list: place.path("vault.json"),
        })
    }
}

impl rolecall::vault::Backend for Wrecker {
    fn kind(&self) -> BackendKind {
        self.drawer.kind()
    }

    fn unlock(&self) -> Result<(), rolecall::Error> {
        Ok(())
    }

    fn load(
        &self,
        key: &rolecall::vault::RecordKey,
    ) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, rolecall::Error> {
        self.drawer.load(key)
    }

    fn save(&self, key: &rolecall::vault::RecordKey, value: &[u8]) -> Result<(), rolecall::Error> {
        fs::create_dir(&self.list).unwrap();
        self.drawer.save(key, value)
    }

    fn delete(&self, key: &rolecall::vault::RecordKey) -> Result<(), rolecall::Error> {
        self.drawer.delete(key)
    }

    fn keys(&self) -> Result<Vec<rolecall::vault::RecordKey>, rolecall::Error> {
        self.drawer.keys()
    }
}

#[test]
fn what_cannot_be_deleted_stays_listed_or_leaves_with_the_next_change() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let elsewhere = tempfile::tempdir().unwrap();
    let drawer = Drawer::at(elsewhere.path());
    let vault = place.vault().using(drawer.clone());
    vault
        .add("ada", &key(&ada), BackendKind::SecretService, None)
        .unwrap();
    drawer.clings.store(true, Ordering::SeqCst);
    let before = vault.list().unwrap();
    assert_eq!(
        refused(&sandbox, vault.remove("ada")).to_string(),
        "the drawer is stuck"
    );
    assert_eq!(vault.list().unwrap(), before);
    assert_eq!(vault.key("ada").unwrap().id(), ada.access_key_id);
    // A key that is replaced is replaced all the same; the old record leaves as soon as it can.
    vault
        .add("ada", &key(&omar), BackendKind::SecretService, None)
        .unwrap();
    assert_eq!(vault.key("ada").unwrap().id(), omar.access_key_id);
    assert_eq!(names(elsewhere.path()).len(), 2);
    assert_eq!(vault.orphans().unwrap(), [], "what leaves is no orphan");
    // It is not taken for a key that the list lost.
    vault.remove("ada").unwrap_err();
    vault.rebuild().unwrap();
    assert_eq!(
        vault.list().unwrap().entry("ada").unwrap().access_key_id,
        omar.access_key_id
    );
    drawer.clings.store(false, Ordering::SeqCst);
    vault.add("other", &key(&omar), BackendKind::File, None).unwrap();
    assert_eq!(names(elsewhere.path()).len(), 1);
    // And what leaves and is put back in between stays.
    drawer.clings.store(true, Ordering::SeqCst);
    vault
        .add("ada", &key(&ada), BackendKind::SecretService, None)
        .unwrap();
    drawer.clings.store(false, Ordering::SeqCst);
    vault
        .add("ada", &key(&omar), BackendKind::SecretService, None)
        .unwrap();
    assert_eq!(vault.key("ada").unwrap().id(), omar.access_key_id);
    assert_eq!(vault.orphans().unwrap(), []);
}

#[test]
fn a_key_that_is_replaced_while_it_moves_is_not_put_over_the_new_one() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let elsewhere = tempfile::tempdir().unwrap();
    place.add("mine", &ada);
    // The backend's own question comes between the reading and the writing.
    let (home, omar_key) = (place.home.path().to_owned(), key(&omar));
    let between = Between::at(elsewhere.path(), move || {
        let vault = Vault::of(&host(&home, &Answers::of(&[PASSPHRASE])));
        vault.add("mine", &omar_key, BackendKind::File, None).unwrap();
    });
    let vault = place.vault().using(between);
    let moved = vault.move_to("mine", BackendKind::SecretService).unwrap();
    assert_eq!(moved.access_key_id, omar.access_key_id);
    assert_eq!(
        vault.key("mine").unwrap().secret().expose(),
        omar.secret_access_key
    );
    assert_eq!((place.records().len(), names(elsewhere.path()).len()), (0, 1));
}

/// A drawer that does something once, when it is unlocked.
struct Between {
    drawer: std::sync::Arc<Drawer>,
    first: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Between {
    fn at(folder: &Path, first: impl FnOnce() + Send + 'static) -> std::sync::Arc<Self> {
        std::sync::Arc::new(Self {
            drawer: Drawer::at(folder),
            first: std::sync::Mutex::new(Some(Box::new(first))),
        })
    }
}

impl std::fmt::Debug for Between {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Between")
    }
}

impl rolecall::vault::Backend for Between {
    fn kind(&self) -> BackendKind {
        self.drawer.kind()
    }

    fn unlock(&self) -> Result<(), rolecall::Error> {
        if let Some(first) = self.first.lock().unwrap().take() {
            first();
        }
        Ok(())
    }

    fn load(
        &self,
        key: &rolecall::vault::RecordKey,
    ) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, rolecall::Error> {
        self.drawer.load(key)
    }

    fn save(&self, key: &rolecall::vault::RecordKey, value: &[u8]) -> Result<(), rolecall::Error> {
        self.drawer.save(key, value)
    }

    fn delete(&self, key: &rolecall::vault::RecordKey) -> Result<(), rolecall::Error> {
        self.drawer.delete(key)
    }

    fn keys(&self) -> Result<Vec<rolecall::vault::RecordKey>, rolecall::Error> {
        self.drawer.keys()
    }
}

/// A drawer under a lock, whose owner opens it when asked; and asks whether others could change the vault meanwhile.
#[derive(Debug)]
struct Locked {
    drawer: std::sync::Arc<Drawer>,
    lock: std::path::PathBuf,
    is_locked: std::sync::atomic::AtomicBool,
    asked: std::sync::atomic::AtomicUsize,
}

impl rolecall::vault::Backend for Locked {
    fn kind(&self) -> BackendKind {
        self.drawer.kind()
    }

    fn unlock(&self) -> Result<(), rolecall::Error> {
        if self.is_locked.swap(false, Ordering::SeqCst) {
            self.asked.fetch_add(1, Ordering::SeqCst);
            let file = fs::File::open(&self.lock).unwrap();
            assert!(
                file.try_lock().is_ok(),
                "a person is asked while others are locked out"
            );
        }
        Ok(())
    }

    fn load(
        &self,
        key: &rolecall::vault::RecordKey,
    ) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, rolecall::Error> {
        self.drawer.load(key)
    }

    fn save(&self, key: &rolecall::vault::RecordKey, value: &[u8]) -> Result<(), rolecall::Error> {
        self.drawer.save(key, value)
    }

    fn delete(&self, key: &rolecall::vault::RecordKey) -> Result<(), rolecall::Error> {
        match self.is_locked.load(Ordering::SeqCst) {
            true => {
                Err(rolecall::Error::new(ErrorKind::NeedsUser, "the drawer is locked").with_hint("Open it."))
            }
            false => self.drawer.delete(key),
        }
    }

    fn keys(&self) -> Result<Vec<rolecall::vault::RecordKey>, rolecall::Error> {
        self.drawer.keys()
    }
}

#[test]
fn what_is_locked_is_unlocked_for_a_removal_while_nobody_is_locked_out() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let elsewhere = tempfile::tempdir().unwrap();
    let locked = std::sync::Arc::new(Locked {
        drawer: Drawer::at(elsewhere.path()),
        lock: place.path("vault.lock"),
        is_locked: false.into(),
        asked: 0.into(),
    });
    let vault = place.vault().using(locked.clone());
    let add = |profile| vault.add(profile, &key(&ada), BackendKind::SecretService, None);
    add("ada").unwrap();
    add("ben").unwrap();
    vault.remove("ben").unwrap();
    assert_eq!(locked.asked.load(Ordering::SeqCst), 0, "nothing was locked");
    locked.is_locked.store(true, Ordering::SeqCst);
    vault.remove("ada").unwrap();
    assert_eq!(locked.asked.load(Ordering::SeqCst), 1);
    assert!(vault.list().unwrap().entries().is_empty());
    assert_eq!(names(elsewhere.path()), Vec::<String>::new());
}

//! A home with a vault in it, people who know passphrases, keys that are searched for, and a drawer as another backend.

use std::collections::VecDeque;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use age::secrecy::{ExposeSecret as _, SecretString};
use rolecall::host::{Choice, MfaQuestion, Person, SecretQuestion, SignIn};
use rolecall::vault::{AccessKey, Backend, BackendKind, Backup, Entry, RecordKey, Replaced, Vault};
use rolecall::{Error, ErrorKind, Host, Secret};
use rolecall_sandbox::{Sandbox, UserKeys, World};
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::sentences::assert_well_spoken;

pub(crate) const PASSPHRASE: &str = "correct horse battery staple";

/// Answers each question with the next of its answers; the last one is given for ever.
#[derive(Debug)]
pub(crate) struct Answers {
    given: Mutex<VecDeque<String>>,
    /// Whether nobody answers after the last one.
    ends: bool,
    pub(crate) asked: AtomicUsize,
    /// What became of the answer before, as the last question said.
    pub(crate) refused: Mutex<Option<String>>,
}

impl Answers {
    pub(crate) fn of(given: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            given: Mutex::new(given.iter().map(|text| (*text).to_owned()).collect()),
            ends: false,
            asked: AtomicUsize::new(0),
            refused: Mutex::default(),
        })
    }

    /// The same, but each is given once: a wrong one for a real identity costs a second each time.
    pub(crate) fn once(given: &[&str]) -> Arc<Self> {
        let mut answers = Self::of(given);
        if let Some(answers) = Arc::get_mut(&mut answers) {
            answers.ends = true;
        }
        answers
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

#[derive(Debug)]
struct Asked(Arc<Answers>);

impl Person for Asked {
    fn mfa_code(&self, _: &MfaQuestion) -> Result<Secret, Error> {
        unreachable!("nobody asks for a code here")
    }

    fn secret(&self, question: &SecretQuestion) -> Result<Secret, Error> {
        self.0.asked.fetch_add(1, Ordering::SeqCst);
        self.0.refused.lock().unwrap().clone_from(&question.refused);
        let mut given = self.0.given.lock().unwrap();
        let answer = match given.len() {
            0 => {
                return Err(Error::new(ErrorKind::NeedsUser, "nobody is there").with_hint("Come back."));
            }
            1 if !self.0.ends => given[0].clone(),
            _ => given.pop_front().unwrap(),
        };
        Ok(Secret::new(answer))
    }

    fn choose(&self, _: &Choice) -> Result<usize, Error> {
        unreachable!("nothing is chosen here")
    }

    fn sign_in(&self, _: &SignIn) -> Result<(), Error> {
        unreachable!("nobody signs in here")
    }

    fn waiting(&self, _: &str, _: Duration) {}
}

/// A home, and in it the vault of somebody.
pub(crate) struct Place {
    pub(crate) home: TempDir,
}

impl Place {
    /// Nothing is in it.
    pub(crate) fn empty() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
        }
    }

    /// With an identity that is wrapped with little work, so that a test costs milliseconds and not seconds.
    pub(crate) fn new() -> Self {
        let place = Self::empty();
        place.make_folder();
        place.write("identity.age", &wrapped(&age::x25519::Identity::generate(), 2));
        place
    }

    pub(crate) fn make_folder(&self) {
        let folder = self.path("records");
        fs::create_dir_all(&folder).unwrap();
        for folder in folder.ancestors().take(4) {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).unwrap();
        }
    }

    /// A file of the vault.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        vault_of(self.home.path()).join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    /// The names of the record files.
    pub(crate) fn records(&self) -> Vec<String> {
        names(&self.path("records"))
    }

    /// The only record there is, as the vault's files name it.
    pub(crate) fn record(&self) -> String {
        let [one] = self.records().try_into().unwrap();
        format!("records/{one}")
    }

    /// The vault, for somebody who knows the passphrase.
    pub(crate) fn vault(&self) -> Vault {
        self.vault_asking(&Answers::of(&[PASSPHRASE]))
    }

    pub(crate) fn vault_asking(&self, answers: &Arc<Answers>) -> Vault {
        Vault::of(&host(self.home.path(), answers))
    }

    /// Puts a key in, into the file.
    pub(crate) fn add(&self, profile: &str, keys: &UserKeys) {
        self.vault()
            .add(profile, &key(keys), BackendKind::File, None)
            .unwrap();
    }

    pub(crate) fn entry(&self, profile: &str) -> Option<Entry> {
        self.vault().list().unwrap().entry(profile).cloned()
    }

    /// Nothing in the home says a secret, in any of its forms, nor the passphrase, nor the identity.
    pub(crate) fn assert_says_nothing(&self, sandbox: &Sandbox) {
        let seen = says_nothing(self.home.path(), sandbox);
        assert!(seen > 0, "nothing was searched");
    }
}

pub(crate) fn vault_of(home: &Path) -> PathBuf {
    home.join(".local/share/rolecall/vault")
}

pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

pub(crate) fn host(home: &Path, answers: &Arc<Answers>) -> Host {
    Host::builder()
        .env("HOME", home.to_str().unwrap())
        // The kernel would know it from one test to the next.
        .env("ROLECALL_VAULT_KEEP", "off")
        .home(home)
        .person(Asked(Arc::clone(answers)))
        .build()
}

/// How many files were searched.
pub(crate) fn says_nothing(home: &Path, sandbox: &Sandbox) -> usize {
    let secrets = sandbox.secrets();
    let mut folders = vec![home.to_owned()];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            assert_eq!(secrets.leaks_in(&bytes), [], "{}", path.display());
            for word in [PASSPHRASE, "AGE-SECRET-KEY-"] {
                let found = bytes.windows(word.len()).any(|window| window == word.as_bytes());
                assert!(!found, "{word} in {}", path.display());
            }
            seen += 1;
        }
    }
    seen
}

pub(crate) fn sandbox() -> Sandbox {
    Sandbox::builder()
        .world(World::ready("organization").unwrap())
        .start()
        .unwrap()
}

/// The keys of two users.
pub(crate) fn two(sandbox: &Sandbox) -> [UserKeys; 2] {
    ["ada", "omar"].map(|user| sandbox.user_keys(user).unwrap())
}

pub(crate) fn key(keys: &UserKeys) -> AccessKey {
    AccessKey::new(&keys.access_key_id, Secret::new(keys.secret_access_key.clone())).unwrap()
}

/// A key that no sandbox knows.
pub(crate) fn made_up(number: usize) -> AccessKey {
    let secret = Secret::new(format!("CANARYSECRETOFNOBODY{number:020}"));
    AccessKey::new(&format!("AKIACANARYMADEUP{number:04}"), secret).unwrap()
}

/// An identity under the passphrase, with 2^`work` rounds.
pub(crate) fn wrapped(identity: &age::x25519::Identity, work: u8) -> Vec<u8> {
    wrapped_text(identity.to_string().expose_secret(), work)
}

pub(crate) fn wrapped_text(text: &str, work: u8) -> Vec<u8> {
    let mut by = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE.to_owned()));
    by.set_work_factor(work);
    let recipient: &dyn age::Recipient = &by;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).unwrap();
    let mut wrapped = Vec::new();
    let mut writer = encryptor.wrap_output(&mut wrapped).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.finish().unwrap();
    wrapped
}

/// The error that it is, which reads well and quotes no secret.
pub(crate) fn refused<T>(sandbox: &Sandbox, result: Result<T, Error>) -> Error {
    let Err(error) = result else {
        panic!("it was taken")
    };
    assert_well_spoken(&error);
    let all = format!("{error} {error:?} {:?}", error.hints());
    assert_eq!(sandbox.secrets().leaks_in(all.as_bytes()), [], "{error}");
    error
}

/// Keeps one file's text, which is replaced by `after`.
pub(crate) fn back_up(
    vault: &Vault,
    path: &Path,
    before: &[u8],
    after: &[u8],
    kind: BackendKind,
) -> Result<Backup, Error> {
    let replaced = Replaced { path, before, after };
    let mut backups = vault.back_up(&[replaced], kind, &["ada".to_owned()])?;
    Ok(backups.remove(0))
}

/// Another backend: a drawer in somebody else's hands, outside of the home. It writes as it is told, whole.
#[derive(Debug)]
pub(crate) struct Drawer {
    folder: PathBuf,
    /// Whether it keeps what it is to delete.
    pub(crate) clings: AtomicBool,
    /// Whether it gives something else back than it was given.
    pub(crate) lies: AtomicBool,
}

impl Drawer {
    pub(crate) fn at(folder: &Path) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.to_owned(),
            clings: AtomicBool::new(false),
            lies: AtomicBool::new(false),
        })
    }

    fn path(&self, key: &RecordKey) -> PathBuf {
        self.folder.join(key.file().0)
    }
}

impl Backend for Drawer {
    fn kind(&self) -> BackendKind {
        BackendKind::SecretService
    }

    fn unlock(&self) -> Result<(), Error> {
        Ok(())
    }

    fn load(&self, key: &RecordKey) -> Result<Option<Zeroizing<Vec<u8>>>, Error> {
        let bytes = fs::read(self.path(key)).ok().map(Zeroizing::new);
        Ok(match self.lies.load(Ordering::SeqCst) {
            true => bytes.map(|_| Zeroizing::new(b"{}".to_vec())),
            false => bytes,
        })
    }

    fn save(&self, key: &RecordKey, value: &[u8]) -> Result<(), Error> {
        let mut file = tempfile::NamedTempFile::new_in(&self.folder).unwrap();
        file.write_all(value).unwrap();
        file.persist(self.path(key)).unwrap();
        Ok(())
    }

    fn delete(&self, key: &RecordKey) -> Result<(), Error> {
        if self.clings.load(Ordering::SeqCst) {
            return Err(Error::new(ErrorKind::Unavailable, "the drawer is stuck").with_hint("Pull."));
        }
        let _ = fs::remove_file(self.path(key));
        Ok(())
    }

    fn keys(&self) -> Result<Vec<RecordKey>, Error> {
        let names = names(&self.folder);
        Ok(names
            .iter()
            .filter_map(|name| RecordKey::of_file(name, b""))
            .collect())
    }
}

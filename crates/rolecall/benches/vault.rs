//! What a list of 500 keys costs, which every command reads; what a key costs once the vault is unlocked; and what unlocking
//! costs, which is one key derivation.

#![expect(clippy::disallowed_methods, reason = "its yardstick is the system's own call")]

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use age::secrecy::{ExposeSecret as _, SecretString};
use divan::Bencher;
use rolecall::host::{Choice, MfaQuestion, Nobody, Person, SecretQuestion, SignIn};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, Host, Secret};
use tempfile::TempDir;

const KEYS: usize = 500;
const PASSPHRASE: &str = "correct horse battery staple";

fn main() {
    divan::main();
}

/// The numbered one.
#[divan::bench]
fn list_500_keys(bencher: Bencher<'_, '_>) {
    let home = Home::new(1);
    bencher.bench(|| {
        let list = home.vault().list().expect("a list");
        assert_eq!(list.entries().len(), KEYS);
        list
    });
}

/// The yardstick: the same bytes are read, and that is all.
#[divan::bench]
fn read_the_same_file(bencher: Bencher<'_, '_>) {
    let home = Home::new(1);
    let path = home.path("vault.json");
    bencher.bench(|| fs::read(&path).expect("a list"));
}

/// One of 500 keys, in a vault that is unlocked.
#[divan::bench]
fn one_key_once_unlocked(bencher: Bencher<'_, '_>) {
    let home = Home::new(1);
    let vault = home.vault();
    bencher.bench(|| vault.key("team/profile-321").expect("a key"));
}

/// The same with the passphrase: 2^18 rounds of scrypt, once.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn one_key_with_the_passphrase(bencher: Bencher<'_, '_>) {
    let home = Home::new(18);
    bencher.bench(|| home.vault().key("team/profile-321").expect("a key"));
}

/// Its yardstick: the key derivation alone.
#[divan::bench(sample_count = 5, sample_size = 1)]
fn the_key_derivation_alone(bencher: Bencher<'_, '_>) {
    let sealed = wrapped("x", 18);
    bencher.bench(|| {
        let mut by = age::scrypt::Identity::new(SecretString::from(PASSPHRASE));
        by.set_max_work_factor(18);
        age::decrypt(&by, &sealed).expect("the passphrase")
    });
}

struct Home(TempDir);

impl Home {
    /// With an identity that is wrapped with 2^`work` rounds, and keys of which one is there.
    fn new(work: u8) -> Self {
        let home = Self(tempfile::tempdir().expect("a folder"));
        home.vault().list().expect("no list yet");
        fs::create_dir_all(home.path("records")).expect("a folder");
        for folder in home.path("records").ancestors().take(4) {
            close(folder, 0o700);
        }
        let identity = age::x25519::Identity::generate();
        home.write(
            "identity.age",
            &wrapped(identity.to_string().expose_secret(), work),
        );
        let secret = Secret::new("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned());
        let key = AccessKey::new("AKIAIOSFODNN7EXAMPLE", secret).expect("a key");
        home.vault()
            .add("team/profile-321", &key, BackendKind::File, None)
            .expect("a vault");
        let entry = |n: usize| {
            format!(
                r#"{{"profile":"team/profile-{n}","access_key_id":"AKIAIOSFODNN7EXAMPLE","backend":"file",
                "saved_at":"2026-11-28T05:00:00Z","arn":"arn:aws:iam::111111111111:user/joe-{n}"}}"#
            )
        };
        let entries: Vec<_> = (0..KEYS).map(entry).collect();
        let list = format!(
            r#"{{"version":1,"entries":[{}],"backups":[]}}"#,
            entries.join(",")
        );
        home.write("vault.json", list.as_bytes());
        home
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(".local/share/rolecall/vault").join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).expect("a file");
        close(&self.path(name), 0o600);
    }

    fn vault(&self) -> Vault {
        Vault::of(&Host::builder().home(self.0.path()).person(Knows).build())
    }
}

fn close(path: &Path, mode: u32) {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(path, mode).expect("a mode");
}

fn wrapped(text: &str, work: u8) -> Vec<u8> {
    let mut by = age::scrypt::Recipient::new(SecretString::from(PASSPHRASE));
    by.set_work_factor(work);
    let recipient: &dyn age::Recipient = &by;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(recipient)).expect("a recipient");
    let mut wrapped = Vec::new();
    let mut writer = encryptor.wrap_output(&mut wrapped).expect("a header");
    writer.write_all(text.as_bytes()).expect("memory");
    writer.finish().expect("memory");
    wrapped
}

/// Knows the passphrase, and nothing else.
#[derive(Debug)]
struct Knows;

impl Person for Knows {
    fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
        Nobody.mfa_code(question)
    }

    fn secret(&self, _: &SecretQuestion) -> Result<Secret, Error> {
        Ok(Secret::new(PASSPHRASE.to_owned()))
    }

    fn choose(&self, choice: &Choice) -> Result<usize, Error> {
        Nobody.choose(choice)
    }

    fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
        Nobody.sign_in(page)
    }

    fn waiting(&self, _: &str, _: Duration) {}
}

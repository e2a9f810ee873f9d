//! The identity and its passphrase: asked for once, never made over what is lost, changed whole or not at all.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};

use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use rolecall::ErrorKind;
use rolecall::vault::BackendKind;

use super::support::{Answers, PASSPHRASE, Place, key, refused, sandbox, two, wrapped, wrapped_text};

#[path = "../support/log.rs"]
mod log;

#[test]
fn a_passphrase_is_asked_for_once_and_for_nothing_that_needs_none() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    let answers = Answers::of(&[PASSPHRASE]);
    let vault = place.vault_asking(&answers);
    vault.add("ada", &key(&ada), BackendKind::File, None).unwrap();
    vault.add("omar", &key(&omar), BackendKind::File, None).unwrap();
    vault.key("ada").unwrap();
    vault.key("omar").unwrap();
    assert_eq!(answers.asked(), 1);
    let nobody = Answers::of(&[]);
    let vault = place.vault_asking(&nobody);
    assert_eq!(vault.list().unwrap().entries().len(), 2);
    assert_eq!(vault.orphans().unwrap(), []);
    assert_eq!(vault.rebuild().unwrap().entries.len(), 2);
    vault.remove("ada").unwrap();
    assert_eq!(nobody.asked(), 0);
    assert_eq!(refused(&sandbox, vault.key("omar")).kind(), ErrorKind::NeedsUser);
}

#[test]
fn three_wrong_ones_are_refused_and_nothing_was_changed() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let answers = Answers::of(&["wrong", "Correct horse battery staple", "", PASSPHRASE]);
    let vault = place.vault_asking(&answers);
    let error = refused(&sandbox, vault.add("ada", &key(&ada), BackendKind::File, None));
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert_eq!(answers.asked(), 3);
    assert_eq!(
        answers.refused.lock().unwrap().as_deref(),
        Some("that is not the passphrase")
    );
    assert!(place.records().is_empty() && place.entry("ada").is_none());
    let answers = Answers::of(&["wrong", "wrong", PASSPHRASE]);
    let vault = place.vault_asking(&answers);
    vault.add("ada", &key(&ada), BackendKind::File, None).unwrap();
    assert_eq!(answers.asked(), 3);
}

#[test]
fn a_first_passphrase_is_not_empty_and_a_short_one_is_warned_of() {
    let (sandbox, place) = (sandbox(), Place::empty());
    let [ada, _] = two(&sandbox);
    let nothing = Answers::of(&[""]);
    let vault = place.vault_asking(&nothing);
    let error = refused(&sandbox, vault.add("ada", &key(&ada), BackendKind::File, None));
    assert_eq!((error.kind(), nothing.asked()), (ErrorKind::NeedsUser, 3));
    assert!(!place.path("identity.age").exists());
    let (log, _listening) = log::Log::start(tracing::Level::WARN);
    // Combined or not is not the same: as `age` has it.
    let composed = "gr\u{fc}n";
    place
        .vault_asking(&Answers::of(&["", composed]))
        .add("ada", &key(&ada), BackendKind::File, None)
        .unwrap();
    assert!(log.to_string().contains("fewer than 12 characters"), "{log}");
    assert!(!log.to_string().contains(composed));
    let other = Answers::once(&["gru\u{308}n"]);
    assert!(place.vault_asking(&other).key("ada").is_err());
    assert_eq!(
        place
            .vault_asking(&Answers::of(&[composed]))
            .key("ada")
            .unwrap()
            .id(),
        ada.access_key_id
    );
    let about = fs::metadata(place.path("identity.age")).unwrap();
    assert_eq!((about.mode() & 0o777, about.nlink()), (0o600, 1));
    place.assert_says_nothing(&sandbox);
}

#[test]
fn no_identity_is_made_over_records_that_only_another_opens() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let identity = place.read("identity.age");
    fs::remove_file(place.path("identity.age")).unwrap();
    let answers = Answers::of(&[PASSPHRASE]);
    let vault = place.vault_asking(&answers);
    for error in [
        refused(&sandbox, vault.key("ada")),
        refused(
            &sandbox,
            vault.add("omar", &key(&omar), BackendKind::File, None).map(drop),
        ),
        refused(&sandbox, vault.change_passphrase()),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotConfigured, "{error}");
    }
    assert_eq!(answers.asked(), 0);
    assert!(!place.path("identity.age").exists());
    place.write("identity.age", &identity);
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn an_identity_that_asks_for_too_much_work_is_not_tried() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let mut text = wrapped(&Identity::generate(), 2);
    // The header's authentication is only looked at once the work is done.
    let at = text.windows(3).position(|window| window == b" 2\n").unwrap();
    for work in ["21", "30", "63"] {
        let mut heavy = text[..=at].to_vec();
        heavy.extend_from_slice(work.as_bytes());
        heavy.extend_from_slice(&text[at + 2..]);
        place.write("identity.age", &heavy);
        let error = refused(&sandbox, place.vault().key("ada"));
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert!(error.to_string().contains("rounds"), "{error}");
    }
    text.truncate(at);
    place.write("identity.age", &text);
    assert_eq!(
        refused(&sandbox, place.vault().key("ada")).kind(),
        ErrorKind::Untrusted
    );
}

#[test]
fn what_is_no_identity_is_refused() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let plain = Identity::generate().to_string().expose_secret().to_owned();
    let sealed = age::encrypt(&Identity::generate().to_public(), plain.as_bytes()).unwrap();
    for bytes in [
        Vec::new(),
        b"age-encryption.org/v1\n".to_vec(),
        plain.clone().into_bytes(),
        sealed,
        wrapped_text("no identity", 2),
        wrapped_text("AGE-SECRET-KEY-1QQQQ", 2),
    ] {
        place.write("identity.age", &bytes);
        let error = refused(&sandbox, place.vault().key("ada"));
        assert_eq!(error.kind(), ErrorKind::Untrusted, "{error}");
        assert!(!format!("{error:?}").contains("AGE-SECRET"));
    }
}

#[test]
fn an_identity_that_other_tools_made_is_one() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let identity = Identity::generate();
    let text = format!(
        "# created: 2026-11-28T05:00:00Z\n# public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret()
    );
    place.write("identity.age", &wrapped_text(&text, 2));
    place.add("ada", &ada);
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn a_changed_passphrase_opens_and_the_old_one_does_not() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let (record, before) = (place.read(&place.record()), place.read("identity.age"));
    // Not before the old one is known, whether or not it is unlocked.
    let wrong = Answers::of(&[PASSPHRASE, "wrong"]);
    let vault = place.vault_asking(&wrong);
    vault.key("ada").unwrap();
    assert_eq!(
        refused(&sandbox, vault.change_passphrase()).kind(),
        ErrorKind::NeedsUser
    );
    let empty = Answers::of(&[PASSPHRASE, ""]);
    refused(&sandbox, place.vault_asking(&empty).change_passphrase());
    assert_eq!(place.read("identity.age"), before);
    let new = "another horse, another battery";
    let answers = Answers::of(&[PASSPHRASE, new]);
    let vault = place.vault_asking(&answers);
    vault.change_passphrase().unwrap();
    // It goes on with what it has.
    vault.add("omar", &key(&omar), BackendKind::File, None).unwrap();
    assert_eq!(answers.asked(), 2);
    assert_ne!(place.read("identity.age"), before);
    assert!(
        place
            .records()
            .iter()
            .any(|name| place.read(&format!("records/{name}")) == record)
    );
    let old = Answers::once(&[PASSPHRASE]);
    assert!(place.vault_asking(&old).key("ada").is_err());
    let vault = place.vault_asking(&Answers::of(&[new]));
    for (profile, keys) in [("ada", &ada), ("omar", &omar)] {
        assert_eq!(
            vault.key(profile).unwrap().secret().expose(),
            keys.secret_access_key
        );
    }
    let mode = fs::metadata(place.path("identity.age"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    place.assert_says_nothing(&sandbox);
}

#[test]
fn only_the_file_has_a_passphrase() {
    let (sandbox, place) = (sandbox(), Place::empty());
    let error = refused(&sandbox, place.vault().change_passphrase());
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    let drawer = super::support::Drawer::at(place.home.path());
    let backend: &dyn rolecall::vault::Backend = drawer.as_ref();
    assert_eq!(
        refused(&sandbox, backend.change_passphrase()).kind(),
        ErrorKind::Config
    );
}

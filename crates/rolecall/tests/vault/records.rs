//! Records that somebody cut, changed, swapped or brought from elsewhere: never taken for what they are not.

use std::fs;

use age::x25519::Identity;
use rolecall::ErrorKind;
use rolecall::vault::{AccessKey, BackendKind, RecordKey, RecordKind};

use super::support::{Place, back_up, key, refused, sandbox, two, wrapped};

#[test]
fn a_key_comes_back_as_it_was_put_in_and_its_file_says_nothing() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let back = place.vault().key("ada").unwrap();
    assert_eq!(back.id(), ada.access_key_id);
    assert_eq!(back.secret().expose(), ada.secret_access_key);
    assert!(!format!("{back:?}").contains(&ada.secret_access_key));
    place.assert_says_nothing(&sandbox);
}

#[test]
fn a_record_with_any_byte_changed_or_cut_off_is_refused() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let (record, vault) = (place.record(), place.vault());
    let whole = place.read(&record);
    for at in 0..whole.len() {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        place.write(&record, &changed);
        let error = refused(&sandbox, vault.key("ada"));
        assert_eq!(error.kind(), ErrorKind::Untrusted, "byte {at}: {error}");
        place.write(&record, &whole[..at]);
        assert_eq!(refused(&sandbox, vault.key("ada")).kind(), ErrorKind::Untrusted);
    }
    let mut longer = whole.clone();
    longer.push(0);
    place.write(&record, &longer);
    assert_eq!(refused(&sandbox, vault.key("ada")).kind(), ErrorKind::Untrusted);
    place.write(&record, &whole);
    assert_eq!(vault.key("ada").unwrap().id(), ada.access_key_id);
}

#[test]
fn a_record_under_the_name_of_another_is_refused() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let first = place.record();
    place.add("omar", &omar);
    let second = place.records().into_iter().find(|name| !first.ends_with(name));
    let second = format!("records/{}", second.unwrap());
    let (ours, theirs) = (place.read(&first), place.read(&second));
    place.write(&first, &theirs);
    place.write(&second, &ours);
    for profile in ["ada", "omar"] {
        let error = refused(&sandbox, place.vault().key(profile));
        assert_eq!(error.kind(), ErrorKind::Untrusted);
        assert!(error.to_string().contains("another profile's"), "{error}");
    }
    // Or where the list was changed to lead there, which has no secret to keep it from that.
    place.write(&first, &ours);
    let list = String::from_utf8(place.read("vault.json")).unwrap();
    let swapped = list.replace(&ada.access_key_id, &omar.access_key_id);
    place.write("vault.json", swapped.as_bytes());
    let there = RecordKey {
        kind: RecordKind::AccessKey,
        name: "ada".to_owned(),
        id: omar.access_key_id.clone(),
    };
    place.write(&format!("records/{}", there.file().0), &ours);
    let error = refused(&sandbox, place.vault().key("ada"));
    assert!(error.to_string().contains("another profile's"), "{error}");
}

#[test]
fn an_old_record_that_is_brought_back_is_not_used() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("mine", &ada);
    let (record, old) = (place.record(), place.read(&place.record()));
    place.add("mine", &omar);
    assert_ne!(place.record(), record, "a new key is a new record");
    place.write(&record, &old);
    assert_eq!(place.vault().key("mine").unwrap().id(), omar.access_key_id);
    let [(kind, orphan)] = place.vault().orphans().unwrap().try_into().unwrap();
    assert_eq!(
        (kind, orphan.id.as_str()),
        (BackendKind::File, ada.access_key_id.as_str())
    );
    place.vault().discard_orphan(kind, &orphan).unwrap();
    assert_eq!(place.vault().orphans().unwrap(), []);
    // Never one that is listed.
    let listed = place.entry("mine").unwrap().record();
    place.vault().discard_orphan(kind, &listed).unwrap();
    assert_eq!(place.vault().key("mine").unwrap().id(), omar.access_key_id);
}

#[test]
fn a_record_of_another_identity_is_refused() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    let forged = age::encrypt(&Identity::generate().to_public(), b"{}").unwrap();
    place.write(&place.record(), &forged);
    let error = refused(&sandbox, place.vault().key("ada"));
    assert!(error.hints()[0].contains("under another identity"), "{error}");
}

#[test]
fn what_is_sealed_well_and_is_no_record_is_refused_and_not_quoted() {
    let sandbox = sandbox();
    let [ada, _] = two(&sandbox);
    let record = RecordKey {
        kind: RecordKind::AccessKey,
        name: "ada".to_owned(),
        id: ada.access_key_id.clone(),
    };
    let (id, secret) = (&ada.access_key_id, &ada.secret_access_key);
    for text in [
        secret.clone(),
        format!("\"{secret}\""),
        format!("{{\"{secret}\":1}}"),
        format!(r#"{{"version":"{secret}"}}"#),
        format!(r#"{{"version":2,"profile":"ada","access_key_id":"{id}","secret_access_key":"{secret}"}}"#),
        format!(r#"{{"version":1,"profile":"ada","access_key_id":"{id}","secret_access_key":"{secret} "}}"#),
        format!(r#"{{"version":1,"profile":"ada","access_key_id":"{id}","secret_access_key":["{secret}"]}}"#),
        format!(
            r#"{{"version":1,"profile":"ada","access_key_id":"{id}","secret_access_key":"{secret}","x":"{secret}"}}"#
        ),
    ] {
        let error = refused(&sandbox, AccessKey::from_record(&record, text.as_bytes()));
        assert_eq!(error.kind(), ErrorKind::Untrusted);
    }
    let good =
        format!(r#"{{"version":1,"profile":"ada","access_key_id":"{id}","secret_access_key":"{secret}"}}"#);
    let key = AccessKey::from_record(&record, good.as_bytes()).unwrap();
    assert_eq!(key.secret().expose(), secret);
}

#[test]
fn a_record_that_is_gone_is_said_to_be() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    place.add("ada", &ada);
    fs::remove_file(place.path(&place.record())).unwrap();
    let error = refused(&sandbox, place.vault().key("ada"));
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert!(error.to_string().contains("listed, and not there"), "{error}");
    // It can be put there again, and taken out.
    place.add("ada", &ada);
    assert_eq!(place.vault().key("ada").unwrap().id(), ada.access_key_id);
    fs::remove_file(place.path(&place.record())).unwrap();
    place.vault().remove("ada").unwrap();
    assert_eq!(place.entry("ada"), None);
}

#[test]
fn a_process_that_lives_long_reads_a_vault_that_was_made_anew() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let old = place.vault();
    old.key("ada").unwrap();
    // Somebody lost the passphrase and began again.
    fs::remove_dir_all(place.path("records")).unwrap();
    place.make_folder();
    place.write("identity.age", &wrapped(&Identity::generate(), 2));
    place.add("ada", &ada);
    assert_eq!(old.key("ada").unwrap().id(), ada.access_key_id);
    // And what it saves, the others can read.
    place.write("identity.age", &wrapped(&Identity::generate(), 2));
    old.add("omar", &key(&omar), BackendKind::File, None).unwrap();
    assert_eq!(place.vault().key("omar").unwrap().id(), omar.access_key_id);
}

#[test]
fn a_backup_comes_back_whole_and_never_as_another() {
    let (sandbox, place) = (sandbox(), Place::new());
    let text = sandbox.credentials_file();
    let vault = place.vault();
    let path = place.home.path().join("credentials");
    let keep = |text: &[u8]| back_up(&vault, &path, text, b"after", BackendKind::File).unwrap();
    let first = keep(text.as_bytes());
    let one = place.record();
    let second = keep(b"\n\xff\x00\n");
    let two = place.records().into_iter().find(|name| !one.ends_with(name));
    let two = format!("records/{}", two.unwrap());
    place.assert_says_nothing(&sandbox);
    let vault = place.vault();
    assert_eq!(*vault.backup_text(&first).unwrap(), text.as_bytes());
    assert_eq!(*vault.backup_text(&second).unwrap(), b"\n\xff\x00\n");
    assert!(rolecall::vault::Vault::is_as_replaced(&first, b"after"));
    assert!(!rolecall::vault::Vault::is_as_replaced(&first, b"after "));
    let (ours, theirs) = (place.read(&one), place.read(&two));
    place.write(&one, &theirs);
    let error = refused(&sandbox, vault.backup_text(&first));
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    place.write(&one, &ours);
    assert_eq!(vault.discard_backup(&first.id).unwrap().id, first.id);
    refused(&sandbox, vault.backup_text(&first));
    refused(&sandbox, vault.discard_backup(&first.id));
    assert_eq!(place.records().len(), 1);
    let odd = std::ffi::OsStr::new("odd");
    let odd = [odd.as_encoded_bytes(), b"\xff"].concat();
    let odd = std::path::PathBuf::from(<std::ffi::OsString as std::os::unix::ffi::OsStringExt>::from_vec(
        odd,
    ));
    refused(&sandbox, back_up(&vault, &odd, b"", b"", BackendKind::File));
    // Nor one whose name would be shown as another, or that no system opens.
    for odd in [
        "/home/ada/\u{202e}slaitnederc",
        "/a\nb",
        &format!("/{}", "x/".repeat(2500)),
    ] {
        let odd = std::path::Path::new(odd);
        refused(&sandbox, back_up(&vault, odd, b"", b"", BackendKind::File));
    }
    assert_eq!(place.records().len(), 1, "nothing of it was kept");
    assert_eq!(vault.list().unwrap().backups().len(), 1);
}

#[test]
fn a_backup_of_a_relative_path_is_of_the_file_that_it_leads_to() {
    let place = Place::new();
    let vault = place.vault();
    let path = std::path::Path::new("creds");
    let backup = back_up(&vault, path, b"as it was", b"after", BackendKind::File).unwrap();
    assert_eq!(backup.path, std::env::current_dir().unwrap().join("creds"));
    let list = place.vault().list().unwrap();
    assert_eq!(list.backups()[0].path, backup.path);
    assert_eq!(*vault.backup_text(&backup).unwrap(), b"as it was");
}

#[test]
fn what_no_reader_would_take_is_not_written() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, omar] = two(&sandbox);
    place.add("ada", &ada);
    let before = place.read("vault.json");
    let arn = "arn:aws:iam::1:user/\u{202e}ramo";
    let added = place
        .vault()
        .add("omar", &key(&omar), BackendKind::File, Some(arn));
    let error = refused(&sandbox, added);
    assert!(error.to_string().contains("could not be read again"), "{error}");
    assert_eq!(place.read("vault.json"), before);
    assert_eq!(place.records().len(), 1, "its record is taken back");
}

#[test]
fn a_record_whose_label_cannot_be_deleted_is_gone_all_the_same() {
    let (sandbox, place) = (sandbox(), Place::new());
    let [ada, _] = two(&sandbox);
    let long = "x".repeat(200);
    place.add(&long, &ada);
    let record = place.entry(&long).unwrap().record();
    let (file, _) = record.file();
    let label = place.path(&format!("records/{}", file.replace(".age", ".name")));
    // No file any more: it cannot be removed as one.
    fs::remove_file(&label).unwrap();
    fs::create_dir(&label).unwrap();
    place.vault().remove(&long).unwrap();
    assert_eq!(place.entry(&long), None);
    assert!(!place.path(&format!("records/{file}")).exists());
}

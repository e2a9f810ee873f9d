//! Any bytes as the vault's list, as what is in a record, as the name of a record's file and as what lies beside it: read or
//! refused, with nothing of it quoted; what is read is written and read again as the same. Where the input says `%%`, a
//! secret is put.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rolecall::vault::{AccessKey, List, RecordKey, RecordKind};
use rolecall::{Error, ErrorKind};

/// As long as a secret access key.
const CANARY: &str = "CANARYSECRETwJalrXUtnFEMIK7MDENGbPxRfiCY";
const ID: &str = "AKIACANARYFUZZ000001";

fuzz_target!(|input: &[u8]| {
    let text = String::from_utf8_lossy(input).replace("%%", CANARY);
    // What is no text is refused too.
    for bytes in [input, text.as_bytes()] {
        list(bytes);
        record(bytes);
    }
    let (name, label) = text.split_once('\n').unwrap_or((&text, ""));
    file(name, label.as_bytes());
    // Any name has a file, and is found by it.
    for kind in [RecordKind::AccessKey, RecordKind::Backup] {
        let key = RecordKey {
            kind,
            name: name.to_owned(),
            id: label.to_owned(),
        };
        let (file, label) = key.file();
        assert!(file.len() <= 140 && file.is_ascii() && !file.contains(['/', '\\', '\0']));
        assert_eq!(
            RecordKey::of_file(&file, label.as_deref().unwrap_or_default()),
            Some(key)
        );
    }
});

fn list(bytes: &[u8]) {
    match List::parse(Path::new("vault.json"), bytes) {
        Ok(list) => {
            let written = list.to_text().expect("what was read can be written");
            let again = List::parse(Path::new("vault.json"), &written).expect("what was written can be read");
            assert_eq!(again, list);
            assert!(
                list.entries()
                    .is_sorted_by(|one, other| one.profile < other.profile)
            );
            for entry in list.entries() {
                assert_eq!(list.entry(&entry.profile), Some(entry));
            }
        }
        Err(error) => silent(&error, ErrorKind::Config),
    }
}

fn record(bytes: &[u8]) {
    for name in ["ada", "prod"] {
        let key = RecordKey {
            kind: RecordKind::AccessKey,
            name: name.to_owned(),
            id: ID.to_owned(),
        };
        match AccessKey::from_record(&key, bytes) {
            Ok(read) => {
                assert_eq!(read.id(), ID);
                assert!(!format!("{read:?}").contains(read.secret().expose()));
            }
            Err(error) => silent(&error, ErrorKind::Untrusted),
        }
    }
}

fn file(name: &str, label: &[u8]) {
    if let Some(key) = RecordKey::of_file(name, label) {
        assert_eq!(key.file().0, name, "another file would be read");
        assert!(!key.to_string().contains(char::is_control));
    }
}

fn silent(error: &Error, kind: ErrorKind) {
    assert_eq!(error.kind(), kind);
    assert!(!error.hints().is_empty());
    for said in [error.to_string(), format!("{error:?} {:?}", error.hints())] {
        assert!(!said.contains(CANARY), "{said}");
    }
    assert!(!error.to_string().contains(char::is_control));
}

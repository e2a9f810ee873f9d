//! The list: what is odd about it is said and never quoted, and what it lost is found again.

use std::fs;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use proptest::prelude::*;
use rolecall::ErrorKind;
use rolecall::vault::{BackendKind, List, RecordKey, RecordKind};
use serde_json::{Value, json};

use super::support::{Place, back_up, made_up, refused, sandbox};

fn entry(profile: &str) -> Value {
    json!({
        "profile": profile, "access_key_id": "AKIACANARYMADEUP0001", "backend": "file",
        "saved_at": "2026-11-28T05:00:00Z", "arn": null,
    })
}

fn list(entries: &[Value]) -> Value {
    json!({ "version": 1, "entries": entries, "backups": [] })
}

#[test]
fn what_is_no_list_is_refused_and_not_quoted() {
    let (sandbox, place) = (sandbox(), Place::new());
    let secret = sandbox.user_keys("ada").unwrap().secret_access_key;
    let with = |field: &str, value: Value| {
        let mut odd = entry("ada");
        odd[field] = value;
        list(&[odd]).to_string()
    };
    let whole = list(&[entry("ada")]).to_string();
    let cut = (0..whole.len()).map(|at| whole[..at].to_owned());
    let odd = [
        secret.clone(),
        format!("\"{secret}\""),
        format!("{{\"{secret}\":1}}"),
        with(&secret, json!(1)),
        with("profile", json!(format!("{secret}\n"))),
        with("profile", json!("")),
        with("access_key_id", json!(format!("{secret}/"))),
        with("backend", json!(secret)),
        with("saved_at", json!(secret)),
        with("arn", json!(format!("{secret}\u{1b}[2J"))),
        with("arn", json!([secret])),
        list(&[entry("ada"), entry("ada")]).to_string(),
        whole.replace("\"version\":1", "\"version\":1,\"version\":1"),
        whole.clone() + "x",
        "[".repeat(100_000),
    ];
    for text in cut.chain(odd) {
        place.write("vault.json", text.as_bytes());
        let error = refused(&sandbox, place.vault().list().map(drop));
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(
            error.to_string().contains("vault.json is no list of a vault"),
            "{error}"
        );
        assert!(
            error.hints()[0].contains("--rebuild"),
            "{text}: {:?}",
            error.hints()
        );
    }
    place.write("vault.json", whole.as_bytes());
    assert_eq!(place.vault().list().unwrap().entries().len(), 1);
}

#[test]
fn a_list_of_another_version_is_left_alone() {
    let (sandbox, place) = (sandbox(), Place::new());
    place
        .vault()
        .add("ada", &made_up(1), BackendKind::File, None)
        .unwrap();
    let newer = json!({ "version": 2, "keys": [] }).to_string();
    place.write("vault.json", newer.as_bytes());
    for error in [
        refused(&sandbox, place.vault().list().map(drop)),
        refused(&sandbox, place.vault().rebuild()),
        refused(&sandbox, place.vault().remove("ada")),
    ] {
        assert!(error.to_string().ends_with("it is of version 2"), "{error}");
        assert!(error.hints()[0].contains("Another version of rolecall"));
    }
    assert_eq!(place.read("vault.json"), newer.as_bytes());
}

#[test]
fn a_lost_list_is_found_again_in_the_names_of_the_records() {
    let (sandbox, place) = (sandbox(), Place::new());
    let vault = place.vault();
    vault
        .add(
            "ada",
            &made_up(1),
            BackendKind::File,
            Some("arn:aws:iam::1:user/ada"),
        )
        .unwrap();
    vault.add("omar", &made_up(2), BackendKind::File, None).unwrap();
    let path = Path::new("/home/ada/.aws/credentials");
    back_up(&vault, path, b"as it was", b"after", BackendKind::File).unwrap();
    let before = vault.list().unwrap();
    // A list that is whole loses nothing.
    vault.rebuild().unwrap();
    assert_eq!(vault.list().unwrap(), before);
    let broken = b"{ \"version\": 1, \"entries\": [";
    place.write("vault.json", broken);
    refused(&sandbox, vault.list().map(drop));
    let rebuilt = vault.rebuild().unwrap();
    assert_eq!(rebuilt.entries.len(), 2);
    assert_eq!(place.read("vault.json.broken"), broken);
    let after = vault.list().unwrap();
    assert_eq!(after.entry("ada").unwrap().access_key_id, made_up(1).id());
    assert_eq!(vault.key("omar").unwrap().id(), made_up(2).id());
    // Where a backup belongs, only its record says.
    assert_eq!(after.backups(), []);
    let [(_, orphan)] = vault.orphans().unwrap().try_into().unwrap();
    assert_eq!(
        (orphan.kind, orphan.name.as_str()),
        (RecordKind::Backup, "credentials")
    );
    // A list that others may have written is no broken one.
    fs::set_permissions(
        place.path("vault.json"),
        std::os::unix::fs::PermissionsExt::from_mode(0o666),
    )
    .unwrap();
    refused(&sandbox, vault.rebuild());
}

#[test]
fn five_hundred_are_listed() {
    let place = Place::new();
    let entries: Vec<_> = (0..500).map(|n| entry(&format!("team/profile-{n}"))).collect();
    place.write("vault.json", list(&entries).to_string().as_bytes());
    let list = place.vault().list().unwrap();
    assert_eq!(list.entries().len(), 500);
    assert!(list.entries().is_sorted_by_key(|entry| &entry.profile));
    assert!(list.entry("team/profile-321").is_some() && list.entry("team/profile-500").is_none());
}

fn a_name() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z0-9-]{0,20}",
        "[A-Za-z0-9 ._/@%~+:\\\\\"'-]{1,256}",
        "\\PC{1,64}",
    ]
}

fn a_profile() -> impl Strategy<Value = String> {
    let is_odd = |c: char| rolecall::error::is_hidden(c) || matches!(c, '[' | ']');
    a_name().prop_filter("a profile's name", move |name| {
        name.trim() == name && !name.is_empty() && name.len() <= 256 && !name.contains(is_odd)
    })
}

fn a_record() -> impl Strategy<Value = RecordKey> {
    let kind = prop_oneof![Just(RecordKind::AccessKey), Just(RecordKind::Backup)];
    (kind, ".{0,300}", "[A-Za-z0-9_-]{0,128}").prop_map(|(kind, name, id)| RecordKey { kind, name, id })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_list_is_read_as_it_was_written(
        keys in prop::collection::btree_map(a_profile(), ("[A-Z0-9_]{16,128}", 0_u64..4_000_000_000, prop::option::of("[ -~]{0,80}")), 0..20),
        backups in prop::collection::btree_map("[0-9A-Z-]{1,40}", ("(/\\PC{1,20}){1,4}", 0_u64..4_000_000_000), 0..4),
    ) {
        let time = |seconds: u64| {
            let time = UNIX_EPOCH + Duration::from_secs(seconds);
            rolecall::time::rfc3339(time)
        };
        let is_shown = |path: &str| !path.contains(rolecall::error::is_hidden);
        let stored = json!({
            "version": 1,
            "entries": keys.iter().map(|(profile, (id, at, arn))| json!({
                "profile": profile, "access_key_id": id, "backend": "keychain", "saved_at": time(*at), "arn": arn,
            })).collect::<Vec<_>>(),
            "backups": backups.iter().filter(|(_, (path, _))| is_shown(path)).map(|(id, (path, at))| json!({
                "id": id, "path": path, "backend": "file", "saved_at": time(*at), "replaced_by": "a".repeat(64),
                "profiles": keys.keys().collect::<Vec<_>>(),
            })).collect::<Vec<_>>(),
        });
        let list = List::parse(Path::new("vault.json"), stored.to_string().as_bytes()).unwrap();
        prop_assert_eq!(list.entries().len(), keys.len());
        for (profile, (id, ..)) in &keys {
            prop_assert_eq!(&list.entry(profile).unwrap().access_key_id, id);
        }
        let written = list.to_text().unwrap();
        prop_assert_eq!(&List::parse(Path::new("vault.json"), &written).unwrap(), &list);
        let again: Value = serde_json::from_slice(&written).unwrap();
        prop_assert_eq!(again, stored);
    }

    #[test]
    fn any_record_is_found_again_by_the_name_of_its_file(record in a_record(), other in a_record()) {
        let (file, label) = record.file();
        prop_assert!(file.len() <= 140 && file.is_ascii() && !file.contains(['/', '\\', '\0']), "{}", file);
        prop_assert!(!file.starts_with('.') && file.ends_with(".age"));
        let found = RecordKey::of_file(&file, label.as_deref().unwrap_or_default());
        prop_assert_eq!(found.as_ref(), Some(&record));
        let theirs = other.file().0;
        prop_assert_eq!(theirs.eq_ignore_ascii_case(&file), other == record);
    }

    #[test]
    fn names_that_differ_by_case_only_have_files_that_differ_by_more(name in "[a-zA-Z]{1,8}", id in "[A-Z0-9]{16,20}") {
        let named = |name: &str, id: &str| RecordKey {
            kind: RecordKind::AccessKey, name: name.to_owned(), id: id.to_owned(),
        }.file().0.to_lowercase();
        let (upper, lower) = (name.to_uppercase(), name.to_lowercase());
        prop_assert_eq!(named(&upper, &id) == named(&lower, &id), upper == lower);
        prop_assert_ne!(named(&name, &id), named(&name, &format!("{}a", &id[..id.len() - 1])));
    }
}

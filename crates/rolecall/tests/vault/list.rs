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

fn record(profile: &str, id: &str) -> String {
    format!("records/access-key.{profile}.{id}.age")
}

#[test]
fn a_list_that_is_made_anew_can_be_read_and_says_what_is_not_in_it() {
    let place = Place::new();
    let vault = place.vault();
    vault.add("omar", &made_up(3), BackendKind::File, None).unwrap();
    for name in [
        record("ann", "X"),
        record("ada", made_up(2).id()),
        record("ada", made_up(1).id()),
    ] {
        place.write(&name, b"");
    }
    let broken: [&[u8]; 3] = [b"{", b"{ }", b"{ }"];
    for broken in broken {
        place.write("vault.json", broken);
        let rebuilt = vault.rebuild().unwrap();
        let told: Vec<_> = rebuilt.left_out.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(
            told.iter()
                .any(|told| told.contains("key X of profile `ann`") && told.contains("no key has"))
        );
        assert!(
            told.iter()
                .any(|told| told.contains(made_up(2).id()) && told.contains("the profile has key"))
        );
        let list = vault.list().unwrap();
        assert_eq!(list.entry("ada").unwrap().access_key_id, made_up(1).id());
        assert_eq!(list.entries().len(), rebuilt.entries.len());
    }
    // The first one that broke is what is worth keeping; none is kept twice.
    assert_eq!(place.read("vault.json.broken"), b"{");
    assert_eq!(place.read("vault.json.broken-2"), b"{ }");
    assert!(!place.path("vault.json.broken-3").exists());
}

#[test]
fn the_key_that_a_rotation_does_not_use_is_listed_only_where_there_is_no_other() {
    let place = Place::new();
    let vault = place.vault();
    let [first, second] = [made_up(1), made_up(2)];
    for key in [&first, &second] {
        place.write(&record("ada", key.id()), b"");
    }
    for (idle, used) in [(&first, &second), (&second, &first)] {
        let _ = fs::remove_file(place.path("vault.json"));
        let not_in_use = [("ada".to_owned(), idle.id().to_owned())];
        let rebuilt = vault.rebuild_without(&not_in_use).unwrap();
        assert_eq!(rebuilt.entries[0].access_key_id, used.id());
        assert_eq!(rebuilt.left_out, []);
    }
    fs::remove_file(place.path("vault.json")).unwrap();
    fs::remove_file(place.path(&record("ada", first.id()))).unwrap();
    let not_in_use = [("ada".to_owned(), second.id().to_owned())];
    assert_eq!(vault.rebuild_without(&not_in_use).unwrap().entries.len(), 1);
}

#[test]
fn what_leaves_is_no_orphan_and_goes_when_the_list_is_made_anew() {
    let place = Place::new();
    let vault = place.vault();
    vault.add("ada", &made_up(1), BackendKind::File, None).unwrap();
    // As a `remove` leaves it that was killed before it deleted the record.
    let leaving = json!([{ "backend": "file", "kind": "access-key", "name": "ada", "id": made_up(1).id() }]);
    let list = json!({ "version": 1, "entries": [], "backups": [], "leaving": leaving });
    place.write("vault.json", list.to_string().as_bytes());
    assert_eq!(vault.orphans().unwrap(), []);
    assert_eq!(place.records().len(), 1);
    let rebuilt = vault.rebuild().unwrap();
    assert_eq!((rebuilt.entries, rebuilt.left_out), (vec![], vec![]));
    assert_eq!(place.records(), Vec::<String>::new());
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

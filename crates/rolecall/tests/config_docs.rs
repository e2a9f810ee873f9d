//! What `docs/config.md` says of keys, and what the code does with them.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the project's own files, not the user's"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use rolecall::profile::keys::{self, KEYS};
use rolecall::profile::{FileKind, ProfileSet};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("docs/config.md")).unwrap()
}

#[test]
fn the_table_of_keys_is_the_one_of_the_code() {
    let rows = KEYS.iter().map(|key| {
        let is_read = if key.is_read { "yes" } else { "–" };
        format!(
            "| `{}` | {} | {} | {is_read} |\n",
            key.name, key.purpose, key.owner
        )
    });
    let table =
        "| key | what for | whose | read |\n|---|---|---|---|\n".to_owned() + &rows.collect::<String>();
    assert!(page().contains(&table), "docs/config.md is to have:\n{table}");
}

/// The text of the library and the command, without tests and without the table itself.
fn code() -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![
        root().join("crates/rolecall/src"),
        root().join("crates/rolecall-cli/src"),
    ];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if !["tests.rs", "keys.rs", "include.rs", "child_env.rs"]
                .iter()
                .any(|name| path.ends_with(name))
            {
                let text = std::fs::read_to_string(&path).unwrap();
                found.push(text.split("\nmod tests").next().unwrap().to_owned());
            }
        }
    }
    found
}

/// Where the code names a key as a property to be read.
fn read_by_code() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for text in code() {
        for call in ["property(\"", ".value(\"", "boolean(\"", "flag(\""] {
            for (at, _) in text.match_indices(call) {
                let name = text[at + call.len()..].split('"').next().unwrap();
                // A method of the same name may be one of the environment.
                if !name.starts_with("AWS_") {
                    found.insert(name.to_owned());
                }
            }
        }
    }
    found
}

#[test]
fn whatever_the_code_reads_is_in_the_table_as_read() {
    let read = read_by_code();
    assert!(read.len() > 20, "{read:?}");
    let wrong: Vec<_> = read
        .iter()
        .filter(|name| !keys::known(name).is_some_and(|key| key.is_read))
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn whatever_is_in_the_table_as_read_is_named_by_the_code() {
    let code = code();
    let is_named = |name: &str| code.iter().any(|text| text.contains(&format!("\"{name}\"")));
    let wrong: Vec<_> = KEYS
        .iter()
        .filter(|key| key.is_read && !is_named(key.name))
        .map(|key| key.name)
        .collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn the_examples_of_the_page_are_read_without_a_warning() {
    let page = page();
    let blocks: Vec<_> = page
        .split("```ini\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    let [config, credentials, include, written] = blocks[..] else {
        panic!("{blocks:#?}");
    };
    let mut set = ProfileSet::default();
    set.add(FileKind::Config, Path::new("config"), config).unwrap();
    set.add(FileKind::Config, Path::new("include"), include).unwrap();
    set.add(FileKind::Credentials, Path::new("credentials"), credentials)
        .unwrap();
    set.add(FileKind::Config, Path::new("block"), written).unwrap();
    assert_eq!(set.warnings(), Vec::<String>::new());
    let prod = set.profile("prod").unwrap();
    assert_eq!(prod.property("region").unwrap().origin().to_string(), "include:2");
}

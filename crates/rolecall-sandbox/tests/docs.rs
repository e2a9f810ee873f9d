//! The tables of `docs/rules.md` name the tests that prove them; each of these must exist.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "reads the project's own files, and its helper is a test too"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every test function and every module of tests.
fn tests() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let functions = text.lines().filter_map(|line| {
                    let line = line.trim();
                    let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ")?;
                    name.split('(').next()
                });
                found.extend(functions.map(str::to_owned));
                found.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            }
        }
    }
    found
}

#[test]
fn every_rule_names_a_test_that_exists() {
    let tests = tests();
    let text = std::fs::read_to_string(root().join("docs/rules.md")).unwrap();
    let (mut rows, mut wrong) = (0, Vec::new());
    for line in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| rule"))
    {
        let cell = line.trim_end_matches(" |").rsplit(" | ").next().unwrap();
        let named: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty() || cell.contains("as above"), "no test: {line}");
        for name in named {
            let last = name.rsplit("::").next().unwrap();
            if !tests.contains(last) {
                wrong.push(format!("`{name}` is no test: {line}"));
            }
        }
        rows += 1;
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(rows > 80, "{rows} rows");
}

//! `THREAT_MODEL.md` is a page of claims: every test that it names exists, every attack and every test of the checklist has
//! its row, and no cell is empty.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the project's own files, not the user's"
)]

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn page() -> String {
    std::fs::read_to_string(root().join("THREAT_MODEL.md")).unwrap()
}

/// A source file: the words of its path, and its text.
struct Source {
    path: Vec<String>,
    text: String,
}

fn sources() -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let words = path.with_extension("");
                found.push(Source {
                    path: words
                        .components()
                        .map(|part| part.as_os_str().to_string_lossy().into_owned())
                        .collect(),
                    text: std::fs::read_to_string(path).unwrap(),
                });
            }
        }
    }
    found
}

/// The cells of each row of each table, without the rules below their headings.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let lines = page.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| {
        line.trim_matches('|')
            .split(" | ")
            .map(str::trim)
            .collect::<Vec<_>>()
    });
    cells
        .filter(|row| !row.iter().all(|cell| cell.contains("---")))
        .collect()
}

/// What is written in backticks and is the name of a test: `room::test`, or a test's long name alone.
fn names(page: &str) -> Vec<&str> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted
        .filter(|name| {
            let is_path = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == ':';
            let underscores = name.rsplit("::").next().unwrap_or(name).matches('_').count();
            name.chars().all(is_path) && underscores >= if name.contains("::") { 2 } else { 4 }
        })
        .collect()
}

/// Whether there is such a test, in a file or a folder of that name.
fn exists(name: &str, sources: &[Source]) -> bool {
    let (rooms, test) = name.rsplit_once("::").unwrap_or(("", name));
    let room = rooms
        .split("::")
        .filter(|room| *room != "tests")
        .last()
        .unwrap_or_default();
    let room = if room.is_empty() { rooms } else { room };
    let function = format!("fn {test}(");
    sources.iter().any(|source| {
        source.text.contains(&function) && (room.is_empty() || source.path.iter().any(|word| word == room))
    })
}

#[test]
fn every_test_that_is_named_exists() {
    let (page, sources) = (page(), sources());
    let names = names(&page);
    assert!(names.len() > 150, "the page is read: {}", names.len());
    let missing: Vec<_> = names.iter().filter(|name| !exists(name, &sources)).collect();
    assert!(
        missing.is_empty(),
        "THREAT_MODEL.md names tests that there are not: {missing:#?}"
    );
    assert!(!exists("gates::no_such_test_at_all", &sources));
    assert!(
        !exists("cache::only_the_advertised_host_is_answered", &sources),
        "the room counts"
    );
}

#[test]
fn every_attack_and_every_test_of_the_checklist_has_one_row() {
    let page = page();
    let firsts: Vec<_> = rows(&page).iter().map(|row| row[0]).collect();
    for (letter, last) in [('A', 28), ('T', 33)] {
        let expected: Vec<_> = (1..=last).map(|number| format!("{letter}{number}")).collect();
        let found: Vec<_> = firsts
            .iter()
            .filter(|first| {
                first
                    .strip_prefix(letter)
                    .is_some_and(|number| number.parse::<u32>().is_ok())
            })
            .collect();
        assert_eq!(found, expected.iter().collect::<Vec<_>>());
    }
}

#[test]
fn no_cell_is_empty_and_every_row_is_whole() {
    let page = page();
    let mut columns = 0;
    let mut is_in_table = false;
    for line in page.lines() {
        if !line.starts_with('|') {
            is_in_table = false;
            continue;
        }
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !is_in_table {
            columns = cells.len();
            is_in_table = true;
            continue;
        }
        assert_eq!(cells.len(), columns, "{line}");
        assert!(cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}

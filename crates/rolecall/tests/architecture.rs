//! The shape of the code, held by reading it: who imports whom, who calls AWS, and what is nowhere.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test reads the sources, not the user's files"
)]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Each module, and the modules of the library it may import. Whatever is not here may not be.
const MAY_IMPORT: [(&str, &[&str]); 28] = [
    // The leaves.
    ("error", &[]),
    ("secret", &[]),
    ("hex", &[]),
    ("time", &[]),
    ("partition", &["error"]),
    ("arn", &["error", "partition"]),
    ("parameters", &["arn", "error", "hex"]),
    ("command_line", &["error"]),
    ("host", &["error", "secret"]),
    ("hardening", &["error"]),
    ("seal", &["error", "hardening"]),
    ("index", &["arn", "error", "host", "partition"]),
    // Bytes by key, and a list without secrets: it knows neither profiles nor AWS.
    (
        "vault",
        &["error", "hardening", "hex", "host", "seal", "secret", "time"],
    ),
    // The one path, in its order.
    // Its block of found roles names what it writes by what was parsed; keys in the clear are found as secrets.
    (
        "profile",
        &[
            "arn",
            "command_line",
            "error",
            "hex",
            "host",
            "parameters",
            "partition",
            "secret",
            "vault",
        ],
    ),
    (
        "chain",
        &[
            "arn",
            "command_line",
            "error",
            "host",
            "index",
            "parameters",
            "partition",
            "profile",
            "session",
            "time",
        ],
    ),
    ("session", &["arn", "error", "host", "time"]),
    (
        "agent",
        &["audit", "error", "hardening", "host", "seal", "session", "time"],
    ),
    (
        "provider",
        &[
            "agent",
            "arn",
            "audit",
            "chain",
            "command_line",
            "endpoint",
            "error",
            "hex",
            "host",
            "parameters",
            "partition",
            "profile",
            "secret",
            "session",
            "time",
            "vault",
        ],
    ),
    (
        "discover",
        &[
            "arn",
            "error",
            "index",
            "parameters",
            "partition",
            "policy",
            "provider",
            "time",
        ],
    ),
    (
        "explain",
        &[
            "arn", "chain", "discover", "error", "policy", "provider", "session", "time",
        ],
    ),
    // It looks at everything, and nothing looks at it.
    (
        "doctor",
        &[
            "agent",
            "chain",
            "command_line",
            "error",
            "hardening",
            "host",
            "partition",
            "profile",
            "provider",
            "rotation",
            "seal",
            "time",
            "vault",
        ],
    ),
    // It changes keys by the calls of the provider, and knows no SDK.
    (
        "rotation",
        &[
            "chain", "error", "hex", "host", "profile", "provider", "session", "time", "vault",
        ],
    ),
    ("export", &["error", "partition", "session", "time"]),
    (
        "endpoint",
        &[
            "error",
            "export",
            "host",
            "partition",
            "secret",
            "session",
            "time",
        ],
    ),
    (
        "federation",
        &[
            "arn",
            "chain",
            "error",
            "host",
            "parameters",
            "partition",
            "secret",
        ],
    ),
    // Beside it.
    ("audit", &["arn", "error", "hex", "host", "session", "time"]),
    ("policy", &["arn", "error", "parameters", "partition", "time"]),
    ("switch_role", &["arn", "chain", "error", "index", "partition"]),
];

/// Where a module may name a part of another only: these items and no others.
const ONLY: [(&str, &str, &[&str]); 5] = [
    // Which profiles have a key; never the key.
    ("profile", "vault", &["List"]),
    // A link is made for a place that the chain knows; it resolves nothing.
    ("federation", "chain", &["StsEndpoint"]),
    // A chain is data: it may name sessions, never hold one.
    ("chain", "session", &["KeyBuilder", "SessionKey", "masked_key_id"]),
    ("provider", "endpoint", &["Grant"]),
    // The server looks at no file, clock or person; it only says who was served.
    ("endpoint", "host", &["Process"]),
];

fn sources(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The lines of code: no comments, and nothing of the tests within the file.
fn code(text: &str) -> impl Iterator<Item = &str> {
    let production = text.split("\nmod tests").next().unwrap_or(text);
    production
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

/// The top module a file belongs to; `lib` for the crate's own.
fn module(path: &Path) -> String {
    let inside = path.strip_prefix(src()).unwrap();
    Path::new(inside.iter().next().unwrap())
        .file_stem()
        .unwrap()
        .to_string_lossy()
        .into_owned()
}

/// What of the library a text names, as (module, items): `crate::a::b`, `crate::a::{b, c}` and `crate::{a, b}`.
fn imports(text: &str) -> BTreeSet<(String, String)> {
    let code = code(text).collect::<Vec<_>>().join(" ");
    let word = |text: &str| -> String {
        text.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        // `$crate::` and the like are none.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$') {
            continue;
        }
        let rest = &code[at + "crate::".len()..];
        let group = |text: &str| -> Vec<String> {
            let inner = text.split('}').next().unwrap_or_default();
            inner
                .split(',')
                .map(|item| word(item.trim()))
                .filter(|item| !item.is_empty())
                .collect()
        };
        if let Some(several) = rest.strip_prefix('{') {
            found.extend(group(several).into_iter().map(|name| (name, String::new())));
            continue;
        }
        let name = word(rest);
        let items = match rest[name.len()..].strip_prefix("::") {
            Some(after) => after.strip_prefix('{').map_or_else(|| vec![word(after)], group),
            None => vec![String::new()],
        };
        found.extend(items.into_iter().map(|item| (name.clone(), item)));
    }
    // An item of the crate's own root is not a module: it is re-exported from one.
    found.retain(|(name, _)| !name.starts_with(char::is_uppercase));
    found
}

fn wrong_imports(module: &str, text: &str) -> Vec<String> {
    let allowed = MAY_IMPORT
        .iter()
        .find(|(name, _)| *name == module)
        .map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else {
        return vec![format!("module `{module}` is not in the table")];
    };
    let mut wrong = Vec::new();
    for (name, item) in imports(text) {
        if name == module {
            continue;
        }
        if !allowed.contains(&name.as_str()) {
            wrong.push(format!("`{module}` imports `{name}`"));
        }
        let only = ONLY.iter().find(|(from, to, _)| *from == module && *to == name);
        if only.is_some_and(|(_, _, items)| !items.contains(&item.as_str())) {
            wrong.push(format!("`{module}` imports `{name}::{item}`"));
        }
    }
    wrong
}

#[test]
fn modules_import_in_one_direction() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for path in sources(&src()) {
        let module = module(&path);
        if module != "lib" {
            wrong.extend(wrong_imports(&module, &std::fs::read_to_string(&path).unwrap()));
            seen.insert(module);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let table: BTreeSet<_> = MAY_IMPORT.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(seen, table, "the table and the modules");
}

#[test]
fn the_reader_finds_what_it_is_for() {
    for (module, text) in [
        ("session", "use crate::provider::Provider;"),
        ("session", "fn f() { crate::chain::Chain::resolve() }"),
        ("error", "use crate::{\n    host, time};"),
        ("chain", "use crate::session::{KeyBuilder,\n SessionCache};"),
        ("provider", "use crate::endpoint::Endpoint;"),
        ("novel", ""),
    ] {
        assert!(!wrong_imports(module, text).is_empty(), "{module}: {text}");
    }
    for (module, text) in [
        ("session", "use crate::error::{Error, ErrorKind};"),
        (
            "session",
            "// use crate::provider::Provider;\nuse crate::session::key::SessionKey;",
        ),
        (
            "chain",
            "use crate::session::{KeyBuilder, SessionKey, masked_key_id};",
        ),
    ] {
        assert_eq!(
            wrong_imports(module, text),
            Vec::<String>::new(),
            "{module}: {text}"
        );
    }
}

#[test]
fn only_the_provider_names_the_sdk() {
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        let names_it = code(&text).any(|line| line.contains("aws_sdk_"));
        assert!(!names_it || module(&path) == "provider", "{}", path.display());
    }
}

/// How often the library has code that the compiler does not prove. Whoever changes it reads all of `hardening` first.
const UNSAFE: usize = 39;

fn is_unsafe(line: &str) -> bool {
    ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern", "unsafe("]
        .iter()
        .any(|word| line.contains(word))
}

#[test]
fn nothing_is_printed_by_the_library() {
    for path in sources(&src()) {
        let text = std::fs::read_to_string(&path).unwrap();
        for line in code(&text) {
            let prints = ["println!", "print!(", "dbg!("]
                .iter()
                .any(|word| line.contains(word));
            assert!(!prints, "{}: {line}", path.display());
        }
    }
}

#[test]
fn only_hardening_is_unsafe_and_says_why() {
    let crates = src().ancestors().nth(2).unwrap().to_owned();
    let mut seen = 0;
    for entry in std::fs::read_dir(&crates).unwrap() {
        for path in sources(&entry.unwrap().path().join("src")) {
            let text = std::fs::read_to_string(&path).unwrap();
            let ours = path.starts_with(src().join("hardening"));
            let lines: Vec<_> = text.split("\nmod tests").next().unwrap().lines().collect();
            for (at, line) in lines.iter().enumerate() {
                if line.trim_start().starts_with("//") || !is_unsafe(line) {
                    continue;
                }
                assert!(ours, "{}:{}: {line}", path.display(), at + 1);
                // The methods of `GlobalAlloc` are unsafe by their trait, which its `impl` speaks for.
                let by_trait = line.starts_with("    unsafe fn ");
                // A comment, attributes and one line of a statement may stand between.
                let above = &lines[at.saturating_sub(9)..at];
                let why = above
                    .iter()
                    .rev()
                    .take_while(|line| !line.trim().is_empty())
                    .any(|line| line.contains("SAFETY: ") || line.contains("# Safety"));
                assert!(why || by_trait, "{}:{}: {line}", path.display(), at + 1);
                seen += 1;
            }
        }
    }
    assert_eq!(seen, UNSAFE);
}

#[test]
fn every_crate_says_that_it_is_safe() {
    let crates = src().ancestors().nth(2).unwrap().to_owned();
    for (file, line) in [
        ("rolecall/src/lib.rs", "\n#![deny(unsafe_code)]\n"),
        ("rolecall-cli/src/main.rs", "\n#![forbid(unsafe_code)]\n"),
        ("rolecall-sandbox/src/lib.rs", "\n#![forbid(unsafe_code)]\n"),
    ] {
        let text = std::fs::read_to_string(crates.join(file)).unwrap();
        assert!(text.contains(line), "{file}");
    }
}

#[test]
fn no_file_is_longer_than_a_person_reads() {
    let crates = src().ancestors().nth(2).unwrap().to_owned();
    let mut seen = 0;
    for entry in std::fs::read_dir(&crates).unwrap() {
        for part in ["src", "tests", "benches", "examples"] {
            for path in sources(&entry.as_ref().unwrap().path().join(part)) {
                let lines = std::fs::read_to_string(&path).unwrap().lines().count();
                assert!(lines <= 600, "{} has {lines} lines", path.display());
                seen += 1;
            }
        }
    }
    assert!(seen > 80, "only {seen} files were looked at");
}

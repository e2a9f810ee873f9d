//! `rolecall roles --write`: a profile for each role that was found, in a block of the config file that is ours.

use std::io::{self, IsTerminal as _};
use std::path::Path;

use rolecall::error::is_hidden;
use rolecall::profile::block::{self, ConfigFile, Edit, Entry, Options, Saved, Wanted};
use rolecall::{ErrorKind, Host};
use serde_json::{Value, json};

use crate::command_error::CommandError;
use crate::output;

/// What came of it.
#[derive(Debug)]
pub(crate) struct Written {
    edit: Edit,
    /// None where nothing was to be written, or they said no.
    saved: Option<Saved>,
    has_declined: bool,
}

/// Shows what would change in the user's config file, asks, and writes it. All is told on stderr.
///
/// # Errors
/// Marks in the file that are not one pair, a block that was edited by hand, a file that cannot be written; and nobody to
/// ask, without `yes`: the change has been shown by then, and nothing is written.
pub(crate) fn write(
    host: &Host,
    wanted: &[Wanted],
    options: &Options,
    yes: bool,
) -> Result<Written, CommandError> {
    let file = ConfigFile::read(host)?;
    let edit = block::plan(&file, wanted, options)?;
    if edit.is_nothing() {
        output::tell(&nothing(&edit));
        return Ok(Written {
            edit,
            saved: None,
            has_declined: false,
        });
    }
    output::tell(&coloured(&edit.diff(), wants_colour(host)));
    output::tell(&summary(&edit));
    let question = format!("Write {}", edit.path().display());
    let agrees = yes
        || host
            .person()
            .confirm(&question)
            .map_err(|error| match error.kind() {
                ErrorKind::NeedsUser => error.with_hint(
                    "Nothing was written. Say --yes to write what is shown above without being asked.",
                ),
                _ => error,
            })?;
    let saved = if agrees { Some(edit.save(host)?) } else { None };
    output::tell(&match &saved {
        Some(saved) => told(saved),
        None => "Nothing was written.\n".to_owned(),
    });
    Ok(Written {
        edit,
        saved,
        has_declined: !agrees,
    })
}

impl Written {
    /// For machines: what `rolecall roles --write --json` says under `write`.
    pub(crate) fn json(&self) -> Value {
        let edit = &self.edit;
        let entry = |entry: &Entry| json!({"profile": entry.name, "role_arn": entry.role});
        let entries = |all: &[Entry]| all.iter().map(entry).collect::<Vec<_>>();
        let backup = self.saved.as_ref().and_then(|saved| saved.backup.as_ref());
        json!({
            "file": edit.path(),
            "written": self.saved.is_some(),
            "declined": self.has_declined,
            "backup": backup,
            "added": entries(&edit.added),
            "changed": entries(&edit.changed),
            "kept": entries(&edit.kept),
            "left": edit.left.iter().map(|(left, why)| json!({
                "profile": left.name, "role_arn": left.role, "why": why,
            })).collect::<Vec<_>>(),
            "pruned": entries(&edit.pruned),
            "skipped": edit.skipped.iter().map(|(role, why)| json!({
                "role_arn": role.to_string(), "why": why,
            })).collect::<Vec<_>>(),
        })
    }
}

fn nothing(edit: &Edit) -> String {
    let there = edit.kept.len() + edit.left.len();
    let mut text = match there {
        0 => format!("There is nothing to write to {}.\n", edit.path().display()),
        _ => format!(
            "{} is up to date: {} in its block.\n",
            edit.path().display(),
            counted(there, "profile")
        ),
    };
    text.push_str(&passed_over(edit));
    text
}

/// What the change does, below it.
fn summary(edit: &Edit) -> String {
    let mut text = String::new();
    for (what, entries) in [
        ("added", &edit.added),
        ("changed", &edit.changed),
        ("pruned", &edit.pruned),
    ] {
        for entry in entries {
            text.push_str(&format!("{what:8} {}  {}\n", entry.name, plain(&entry.role)));
        }
    }
    text.push_str(&passed_over(edit));
    text.push_str(&format!(
        "{} added, {} changed, {} kept, {} pruned.\n",
        edit.added.len(),
        edit.changed.len(),
        edit.kept.len() + edit.left.len(),
        edit.pruned.len()
    ));
    text
}

/// What is as it is, and why.
fn passed_over(edit: &Edit) -> String {
    let left = edit.left.iter();
    let left = left.map(|(entry, why)| format!("left     {}: {}\n", entry.name, plain(why)));
    let skipped = edit.skipped.iter();
    let skipped = skipped.map(|(role, why)| format!("skipped  {role}: {}\n", plain(why)));
    left.chain(skipped).collect()
}

fn told(saved: &Saved) -> String {
    let wrote = format!("Wrote {}.", saved.path.display());
    match &saved.backup {
        Some(backup) => format!("{wrote} What it was before is in {}.\n", shown(backup)),
        None => format!("{wrote}\n"),
    }
}

fn shown(path: &Path) -> String {
    plain(&path.display().to_string())
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if is_hidden(c) { '?' } else { c }).collect()
}

fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Whether stderr is a terminal whose user has not asked for it to be plain (<https://no-color.org>).
fn wants_colour(host: &Host) -> bool {
    io::stderr().is_terminal() && host.env("NO_COLOR").is_none() && host.env("TERM") != Some("dumb")
}

/// A diff with its lines coloured as everybody's are.
fn coloured(diff: &str, wanted: bool) -> String {
    if !wanted {
        return diff.to_owned();
    }
    let colour = |line: &str| match line.as_bytes() {
        [b'-', b'-', b'-', ..] | [b'+', b'+', b'+', ..] => Some("1"),
        [b'-', ..] => Some("31"),
        [b'+', ..] => Some("32"),
        [b'@', ..] => Some("36"),
        _ => None,
    };
    let line = |line: &str| match colour(line) {
        Some(colour) => format!("\x1b[{colour}m{line}\x1b[0m\n"),
        None => format!("{line}\n"),
    };
    diff.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use rolecall::host::{Choice, MfaQuestion, Nobody, Person, SignIn};
    use rolecall::profile::block::Start;
    use rolecall::{Error, ProfileSet, Secret};

    use super::*;

    const JOE: &str = "[profile joe]\nregion = eu-west-1\n";
    const ADMIN: &str = "arn:aws:iam::111111111111:role/Admin";

    /// Somebody who says this.
    #[derive(Debug)]
    struct Says(bool, Arc<AtomicBool>);

    impl Person for Says {
        fn mfa_code(&self, question: &MfaQuestion) -> Result<Secret, Error> {
            Nobody.mfa_code(question)
        }

        fn choose(&self, choice: &Choice) -> Result<usize, Error> {
            Nobody.choose(choice)
        }

        fn confirm(&self, question: &str) -> Result<bool, Error> {
            assert!(question.starts_with("Write "), "{question}");
            self.1.store(true, Ordering::SeqCst);
            Ok(self.0)
        }

        fn sign_in(&self, page: &SignIn) -> Result<(), Error> {
            Nobody.sign_in(page)
        }

        fn waiting(&self, _what: &str, _left: Duration) {}
    }

    fn home() -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir(home.path().join(".aws")).unwrap();
        fs::write(home.path().join(".aws/config"), JOE).unwrap();
        home
    }

    fn config(home: &Path) -> String {
        let host = Host::builder().home(home).build();
        host.read(&home.join(".aws/config")).unwrap().unwrap()
    }

    fn wanted() -> [Wanted; 1] {
        let start = Start::Profile("joe".to_owned());
        [Wanted::new(ADMIN.parse().unwrap(), Some("prod"), Some(start))]
    }

    #[test]
    fn who_says_no_keeps_the_file_and_who_says_yes_gets_profiles() {
        let home = home();
        let asked = Arc::new(AtomicBool::new(false));
        let host = |answer| {
            let person = Says(answer, Arc::clone(&asked));
            Host::builder().home(home.path()).person(person).build()
        };
        let written = write(&host(false), &wanted(), &Options::default(), false).unwrap();
        assert!(asked.swap(false, Ordering::SeqCst));
        let told = written.json();
        assert_eq!(
            (&told["written"], &told["declined"]),
            (&json!(false), &json!(true))
        );
        assert_eq!(config(home.path()), JOE);
        let written = write(&host(true), &wanted(), &Options::default(), false).unwrap();
        assert!(asked.swap(false, Ordering::SeqCst));
        let told = written.json();
        assert_eq!(told["written"], json!(true));
        assert_eq!(
            told["added"],
            json!([{"profile": "prod-Admin", "role_arn": ADMIN}])
        );
        let backup = home.path().join(".aws/config.rolecall-backup");
        assert_eq!(told["backup"], json!(backup));
        let set = ProfileSet::load(&host(true)).unwrap();
        assert_eq!(
            set.profile("prod-Admin").unwrap().value("source_profile"),
            Some("joe")
        );
        // There is nothing to ask about any more.
        let written = write(&host(false), &wanted(), &Options::default(), false).unwrap();
        assert!(!asked.load(Ordering::SeqCst) && !written.has_declined);
        assert!(nothing(&written.edit).contains("is up to date: 1 profile in its block"));
    }

    #[test]
    fn where_nobody_is_it_takes_a_yes() {
        let home = home();
        let host = Host::builder().home(home.path()).build();
        match write(&host, &wanted(), &Options::default(), false) {
            Err(CommandError::Failed { error, code: 1 }) => {
                assert_eq!(error.kind(), ErrorKind::NeedsUser);
                assert!(error.hints()[0].contains("Say --yes"), "{:?}", error.hints());
            }
            other => unreachable!("{other:?}"),
        }
        assert_eq!(config(home.path()), JOE);
        write(&host, &wanted(), &Options::default(), true).unwrap();
        assert!(config(home.path()).contains("[profile prod-Admin]"));
    }

    #[test]
    fn it_says_what_it_does() {
        let home = home();
        let host = Host::builder().home(home.path()).build();
        let file = ConfigFile::read(&host).unwrap();
        let mut nowhere = wanted()[0].clone();
        nowhere.role = "arn:aws:iam::222222222222:role/Audit".parse().unwrap();
        nowhere.start = None;
        let all = [wanted()[0].clone(), nowhere];
        let edit = block::plan(&file, &all, &Options::default()).unwrap();
        assert_eq!(
            summary(&edit),
            format!(
                "added    prod-Admin  {ADMIN}\nskipped  arn:aws:iam::222222222222:role/Audit: no profile can say what it is \
                 assumed with\n1 added, 0 changed, 0 kept, 0 pruned.\n"
            )
        );
        assert_eq!(coloured("--- f\n-a\n+b\n c\n", false), "--- f\n-a\n+b\n c\n");
        assert_eq!(
            coloured("--- f\n-a\n+b\n c\n", true),
            "\x1b[1m--- f\x1b[0m\n\x1b[31m-a\x1b[0m\n\x1b[32m+b\x1b[0m\n c\n"
        );
    }
}

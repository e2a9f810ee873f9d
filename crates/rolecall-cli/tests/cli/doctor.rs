//! `doctor`: each finding where it is true and nowhere else, nothing secret said, and nothing changed.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use rolecall::host::{Choice, MfaQuestion, Person, SecretQuestion, SignIn};
use rolecall::vault::{AccessKey, BackendKind, Vault};
use rolecall::{Error, ErrorKind, Host, Secret};
use serde_json::Value;

use super::doctor_cases::{CASES, none};
use super::doctor_more_cases::MORE;
use super::support::Machine;

pub(crate) const PASSPHRASE: &str = "a passphrase for tests";
/// Forty characters, as a secret access key has.
pub(crate) const SECRET: &str = "0123456789abcdefghijABCDEFGHIJ+/klmnopqr";
pub(crate) const KEY_ID: &str = "AKIAQWERTYUIOPASDFGH";

/// Somebody who knows the passphrase.
#[derive(Debug)]
pub(crate) struct Knows;

impl Person for Knows {
    fn mfa_code(&self, _question: &MfaQuestion) -> Result<Secret, Error> {
        Err(Error::new(ErrorKind::NeedsUser, "no code"))
    }

    fn secret(&self, _question: &SecretQuestion) -> Result<Secret, Error> {
        Ok(Secret::new(PASSPHRASE.to_owned()))
    }

    fn choose(&self, _choice: &Choice) -> Result<usize, Error> {
        Ok(0)
    }

    fn sign_in(&self, _page: &SignIn) -> Result<(), Error> {
        Ok(())
    }

    fn waiting(&self, _what: &str, _left: std::time::Duration) {}
}

/// Puts a key into the machine's vault, in the encrypted file.
pub(crate) fn keep(machine: &Machine, profile: &str, id: &str, secret: &str) {
    let home = machine.path("");
    let host = Host::builder().env("HOME", home.to_str().unwrap()).build();
    let vault = Vault::of(&host.with_person(Knows));
    let key = AccessKey::new(id, Secret::new(secret.to_owned())).unwrap();
    vault.add(profile, &key, BackendKind::File, None).unwrap();
}

/// A program that prints the passphrase.
pub(crate) fn askpass(machine: &Machine) -> String {
    let path = machine.path("askpass");
    fs::write(&path, format!("#!/bin/sh\necho '{PASSPHRASE}'\n")).unwrap();
    mode(&path, 0o700);
    path.display().to_string()
}

/// A user's machine as it should be: a role, and its key in the vault.
fn healthy() -> Machine {
    let machine = without_key();
    let [id, secret] = key_of_joe(&machine);
    keep(&machine, "joe", &id, &secret);
    machine
}

/// The id and the secret of the sandbox's user.
pub(crate) fn key_of_joe(machine: &Machine) -> [String; 2] {
    let text = machine.sandbox.credentials_file();
    let (_, section) = text.split_once("[joe]").unwrap();
    ["aws_access_key_id", "aws_secret_access_key"].map(|key| {
        let (_, rest) = section.split_once(key).unwrap();
        rest.trim_start_matches([' ', '='])
            .lines()
            .next()
            .unwrap()
            .to_owned()
    })
}

fn without_key() -> Machine {
    let machine = Machine::new();
    machine.write(
        ".aws/config",
        "[profile joe]\nregion = eu-west-1\n\n[profile prod]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nregion = eu-west-1\n",
    );
    fs::remove_file(machine.path(".aws/credentials")).unwrap();
    mode(&machine.path(".aws/config"), 0o600);
    askpass(&machine);
    machine
}

/// The same with a copy of a vault that was made once: a passphrase costs a second.
fn healthy_copy(of: &Machine) -> Machine {
    let machine = without_key();
    let copied = Command::new("cp")
        .arg("-a")
        .args([of.path(".local"), machine.path(".local")])
        .status();
    assert!(copied.unwrap().success());
    machine
}

pub(crate) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub(crate) type Variables = Vec<(&'static str, String)>;

fn doctor(machine: &Machine, arguments: &[&str], variables: &Variables) -> Command {
    let mut command = machine.command(["doctor"]);
    command
        .args(arguments)
        .env("ROLECALL_ASKPASS", machine.path("askpass"))
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("ROLECALL_LOG")
        .envs(variables.iter().map(|(name, value)| (name, value)));
    command
}

/// Nobody is there who knows the passphrase.
fn nobody() -> Variables {
    vec![("ROLECALL_ASKPASS", String::new())]
}

/// What it says as JSON, with its exit code.
fn findings(machine: &Machine, arguments: &[&str], variables: &Variables) -> (Vec<Value>, i32) {
    let ran = machine.finish(doctor(machine, arguments, variables).arg("--json"));
    let said: Value = serde_json::from_str(&ran.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", ran.stdout, ran.stderr));
    for secret in [SECRET, PASSPHRASE] {
        assert!(!ran.stdout.contains(secret) && !ran.stderr.contains(secret));
    }
    let findings = said["findings"].as_array().unwrap().clone();
    for finding in &findings {
        let is_to_be_mended = ["warning", "problem"].contains(&finding["severity"].as_str().unwrap());
        assert!(!is_to_be_mended || finding["hint"].is_string(), "{finding}");
        for part in ["what", "hint"] {
            assert!(
                finding[part]
                    .as_str()
                    .is_none_or(|text| !text.contains('\n') && !text.is_empty()),
                "{finding}"
            );
        }
    }
    (findings, ran.status.code().unwrap())
}

fn of<'a>(findings: &'a [Value], check: &str, severity: &str) -> Vec<&'a Value> {
    findings
        .iter()
        .filter(|finding| finding["check"] == check && finding["severity"] == severity)
        .collect()
}

/// Every file and folder of the machine, with all that a user would notice of a change.
pub(crate) fn tree(folder: &Path) -> BTreeMap<PathBuf, (u32, i64, Vec<u8>)> {
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let about = fs::symlink_metadata(&path).unwrap();
        let text = match about.is_file() {
            true => fs::read(&path).unwrap(),
            false => Vec::new(),
        };
        // A folder's time says that something was made in it and taken away: the vault's test record is.
        let changed_at = if about.is_file() { about.mtime_nsec() } else { 0 };
        seen.insert(path.clone(), (about.mode(), changed_at, text));
        if about.is_dir() {
            seen.extend(tree(&path));
        }
    }
    seen
}

#[test]
fn each_finding_is_where_it_is_true_and_nowhere_else() {
    let well = healthy();
    let (usual, code) = findings(&well, &["--offline"], &nobody());
    assert_eq!(code, 0, "{usual:#?}");
    let odd = |finding: &&Value| ["warning", "problem"].contains(&finding["severity"].as_str().unwrap());
    assert_eq!(usual.iter().find(odd), None);
    let mut missed = Vec::new();
    for case in CASES.iter().chain(MORE) {
        let matching = |findings: &[Value]| {
            let of_kind = of(findings, case.check, case.severity);
            let says = |finding: &&&Value| finding["what"].as_str().unwrap().contains(case.says);
            of_kind.iter().filter(says).count()
        };
        assert_eq!(matching(&usual), 0, "{} is found without a cause", case.name);
        let machine = healthy_copy(&well);
        let mut variables = nobody();
        variables.extend((case.set_up)(&machine));
        let before = tree(&machine.path(""));
        let (found, code) = findings(&machine, &["--offline"], &variables);
        if matching(&found) != 1 {
            missed.push(format!("{}: {} times in {found:#?}", case.name, matching(&found)));
        }
        assert!(!format!("{found:?}").contains("hunter2"), "{}", case.name);
        assert_eq!(
            code == 1,
            found.iter().any(|finding| finding["severity"] == "problem"),
            "{}",
            case.name
        );
        let after = tree(&machine.path(""));
        let paths: Vec<_> = before.keys().collect();
        assert_eq!(paths, after.keys().collect::<Vec<_>>(), "{}", case.name);
        assert!(before == after, "{}: something was changed", case.name);
        assert_eq!(
            machine.sandbox.calls().len(),
            0,
            "{}: somebody was called",
            case.name
        );
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_vaults_round_trip_leaves_nothing_behind() {
    let machine = healthy();
    let records = machine.path(".local/share/rolecall/vault/records");
    // What an earlier one has left that was killed.
    let left = records.join("backup.rolecall%20doctor.0123.age");
    fs::write(&left, "x").unwrap();
    mode(&left, 0o600);
    let (found, _) = findings(&machine, &["--offline"], &none());
    assert_eq!(of(&found, "round_trip", "ok").len(), 1, "{found:#?}");
    assert!(!left.exists());
    assert_eq!(
        fs::read_dir(records).unwrap().count(),
        1,
        "the key of joe, and no more"
    );
}

#[test]
fn targets_are_tried_for_real_and_one_passphrase_is_enough() {
    let machine = healthy();
    let endpoint = vec![("AWS_ENDPOINT_URL", machine.sandbox.endpoint().to_owned())];
    // A descriptor is read once.
    let line = format!(
        "ROLECALL_VAULT_PASSPHRASE_FD=9 {} doctor prod joe --json 9<<'.'\n{PASSPHRASE}\n.",
        super::support::BINARY
    );
    let ran = machine.finish(machine.shell(&line).env_remove("ROLECALL_LOG"));
    let said: Value = serde_json::from_str(&ran.ok()).unwrap();
    let found = said["findings"].as_array().unwrap();
    let tried = of(found, "target", "ok");
    assert_eq!(tried.len(), 2, "{found:#?}");
    let text = format!("{tried:?}");
    assert!(
        text.contains("assumed-role/BlahRole") && text.contains("user/joe.bloggs"),
        "{text}"
    );
    assert_eq!(of(found, "clock", "ok").len(), 1);
    // One that does not work, among one that does.
    machine.append_config(
        "[profile denied]\nrole_arn = arn:aws:iam::666666666666:role/Nobody\nsource_profile = joe\nregion = eu-west-1\n",
    );
    let (found, code) = findings(&machine, &["prod", "denied", "nonesuch"], &endpoint);
    assert_eq!(code, 1);
    assert_eq!(of(&found, "target", "ok").len(), 1);
    let refused = of(&found, "target", "problem");
    let text = format!("{refused:?}");
    assert!(
        text.contains("`denied`: ") && text.contains("`nonesuch`: "),
        "{text}"
    );
    assert!(text.contains("`rolecall explain denied` says why."), "{text}");
}

#[test]
fn the_clock_and_the_way_to_sts_are_looked_at_without_credentials() {
    let machine = healthy();
    let endpoint = vec![("AWS_ENDPOINT_URL", machine.sandbox.endpoint().to_owned())];
    for (skew, severity) in [(0, "ok"), (-120, "warning"), (3600, "problem")] {
        machine.sandbox.set_skew(skew);
        let (found, code) = findings(&machine, &[], &endpoint);
        assert_eq!(of(&found, "clock", severity).len(), 1, "{skew}: {found:#?}");
        assert_eq!(of(&found, "reach", "ok").len(), 1);
        assert_eq!(code == 1, severity == "problem");
    }
    assert_eq!(machine.sandbox.count("AssumeRole"), 0);
    let nowhere = vec![("AWS_ENDPOINT_URL", "http://127.0.0.1:9".to_owned())];
    let (found, code) = findings(&machine, &[], &nowhere);
    assert_eq!((of(&found, "reach", "problem").len(), code), (1, 1), "{found:#?}");
}

#[test]
fn a_person_reads_lines_and_what_to_do() {
    let machine = healthy();
    let said = machine
        .finish(&mut doctor(&machine, &["--offline"], &none()))
        .ok();
    assert!(said.starts_with("files and owners\n  ok       "), "{said}");
    assert!(!said.contains('\u{1b}'), "no colour where no terminal is");
    machine
        .append_config("[profile a]\nrole_arn = arn:aws:iam::666666666666:role/A\nsource_profile = nobody\n");
    let ran = machine.finish(&mut doctor(&machine, &["--offline"], &none()));
    assert_eq!(ran.status.code(), Some(1));
    assert!(ran.stdout.contains("\n  problem  "), "{}", ran.stdout);
    assert!(ran.stdout.contains("\n1 problem"), "{}", ran.stdout);
    let said = machine
        .finish(&mut doctor(&machine, &["--offline", "prod"], &none()))
        .failed(1);
    assert!(said.contains("--offline calls nobody"), "{said}");
    // Of many of a kind the first.
    for number in 0..20 {
        machine.append_config(&format!(
            "[profile x{number}]\ncredential_process = /nowhere/{number}\n"
        ));
    }
    let ran = machine.finish(&mut doctor(&machine, &["--offline"], &none()));
    assert!(ran.stdout.contains("and 12 more of this kind"), "{}", ran.stdout);
}

#[test]
fn an_empty_machine_is_no_problem() {
    let machine = Machine::new();
    fs::remove_dir_all(machine.path(".aws")).unwrap();
    fs::remove_dir(machine.path("run")).unwrap();
    let before = tree(&machine.path(""));
    let (found, code) = findings(&machine, &[], &none());
    assert_eq!(code, 0, "{found:#?}");
    assert_eq!(of(&found, "no_profiles", "note").len(), 1);
    assert_eq!(of(&found, "vault_empty", "note").len(), 1);
    assert!(before == tree(&machine.path("")), "nothing is made by looking");
}

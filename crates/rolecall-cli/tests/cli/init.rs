//! `init`: what it says it would do is what it does, and nothing else.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::doctor::{PASSPHRASE, askpass, keep, key_of_joe, tree};
use super::support::{Machine, wait_for};
use super::terminal::Screen;

const JOE: &str = "arn:aws:iam::111111111111:user/joe.bloggs";

fn init(machine: &Machine, arguments: &[&str]) -> Command {
    let mut command = machine.command(["init"]);
    command
        .args(arguments)
        .env("ROLECALL_ASKPASS", machine.path("askpass"))
        .env("ROLECALL_VAULT_BACKEND", "file")
        .env_remove("ROLECALL_LOG");
    command
}

/// A machine with somebody who knows a passphrase, and keys in plain text.
fn machine() -> Machine {
    let machine = Machine::new();
    askpass(&machine);
    machine
}

/// The same without any file of AWS's.
fn bare() -> Machine {
    let machine = machine();
    fs::remove_dir_all(machine.path(".aws")).unwrap();
    machine
}

fn text(machine: &Machine, name: &str) -> String {
    fs::read_to_string(machine.path(name)).unwrap_or_default()
}

fn whoami(machine: &Machine, profile: &str) -> String {
    let mut command = machine.command(["whoami", profile]);
    machine
        .finish(command.env("ROLECALL_ASKPASS", machine.path("askpass")))
        .ok()
}

#[test]
fn keys_in_plain_text_go_into_the_vault_and_work_there() {
    let machine = machine();
    let before = tree(&machine.path(""));
    let shown = machine.finish(&mut init(&machine, &["--dry-run"])).ok();
    for part in [
        "2 long-term access keys in plain text",
        "1. You choose a passphrase",
        "put into the vault, as `rolecall vault import` does",
        "`credential_process = rolecall credential-process PROFILE`",
        "+credential_process = rolecall credential-process joe",
        "-aws_access_key_id = AKIACANARY",
        "AWS is asked who `default`, `joe` is",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }
    assert!(before == tree(&machine.path("")), "a dry run changes nothing");
    assert_eq!(machine.sandbox.calls().len(), 0);

    let ran = machine.finish(&mut init(&machine, &["--yes"]));
    assert!(
        ran.stderr.contains("1. You choose a passphrase"),
        "{}",
        ran.stderr
    );
    let said = ran.ok();
    assert!(said.contains(&format!("`joe` works: you are {JOE}.")), "{said}");
    assert!(said.contains("rolecall roles default --write"), "{said}");
    assert!(!text(&machine, ".aws/credentials").contains("aws_secret_access_key"));
    assert!(text(&machine, ".aws/config").contains("credential_process = rolecall credential-process joe"));
    for path in tree(&machine.path("")).into_values() {
        machine.no_secret(&path.2);
    }
    assert!(whoami(&machine, "joe").contains(JOE));

    let before = tree(&machine.path(""));
    let said = machine.finish(&mut init(&machine, &["--yes"])).ok();
    assert!(said.contains("Everything is set up"), "{said}");
    assert!(before == tree(&machine.path("")), "there was nothing to do");
}

#[test]
fn the_consoles_file_becomes_a_profile() {
    let machine = bare();
    let [id, secret] = key_of_joe(&machine);
    fs::create_dir(machine.path("Downloads")).unwrap();
    machine.write(
        "Downloads/joe_accessKeys.csv",
        &format!("\u{feff}Access key ID,Secret access key\r\n{id},{secret}\r\n"),
    );
    let said = machine.finish(&mut init(&machine, &["--dry-run"])).ok();
    assert!(
        said.contains("joe_accessKeys.csv") && said.contains("+[profile joe]"),
        "{said}"
    );
    let mut command = init(&machine, &["--yes", "--json"]);
    let ran = machine.finish(command.env("AWS_REGION", "eu-west-1"));
    let said: Value = serde_json::from_str(&ran.ok()).unwrap();
    assert_eq!(said["tried"][0]["arn"], JOE, "{said}");
    assert_eq!(said["steps"][0]["from"], "csv");
    assert_eq!(
        text(&machine, ".aws/config"),
        "[profile joe]\nregion = eu-west-1\ncredential_process = rolecall credential-process joe\n"
    );
    assert!(whoami(&machine, "joe").contains(JOE));
}

#[test]
fn a_key_of_the_environment_is_taken() {
    let machine = bare();
    let [id, secret] = key_of_joe(&machine);
    let mut command = init(&machine, &["--yes"]);
    command
        .env("AWS_ACCESS_KEY_ID", id)
        .env("AWS_SECRET_ACCESS_KEY", secret);
    let said = machine.finish(&mut command).ok();
    assert!(
        said.contains(&format!("`default` works: you are {JOE}")),
        "{said}"
    );
    assert!(
        said.contains("Take AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY out"),
        "{said}"
    );
    assert!(text(&machine, ".aws/config").starts_with("[default]\n"));
}

#[test]
fn what_aws_refuses_is_not_saved() {
    let machine = bare();
    let [id, _] = key_of_joe(&machine);
    let wrong = "0123456789abcdefghijABCDEFGHIJ+/klmnopqr";
    machine.write(
        "joe_accessKeys.csv",
        &format!("Access key ID,Secret access key\n{id},{wrong}\n"),
    );
    let ran = machine.finish(&mut init(&machine, &["--yes"]));
    assert_eq!(ran.status.code(), Some(1), "{}", ran.stdout);
    assert!(ran.stderr.contains("Nothing was saved."), "{}", ran.stderr);
    assert!(!ran.stderr.contains(wrong));
    assert!(!machine.path(".aws").exists());
    assert!(!machine.path(".local/share/rolecall/vault/vault.json").exists());
}

#[test]
fn a_newcomer_is_asked_shown_and_asked_once() {
    let machine = bare();
    let [id, secret] = key_of_joe(&machine);
    let screen = Screen::new();
    let child = screen.start(&machine, &["init"], &[("ROLECALL_VAULT_BACKEND", "file")]);
    screen.shows("Its number, 1 to 2", 1);
    screen.type_in("1\n");
    screen.shows("The name of the profile [default]", 1);
    screen.type_in("two words\n");
    screen.shows("The name of the profile [default]", 2);
    screen.type_in("joe\n");
    screen.shows("Its region [us-east-1]", 1);
    screen.type_in("eu-west-1\n");
    screen.shows("Do all of this? [y/N]", 1);
    assert!(!machine.path(".aws").exists() && !machine.path(".local/share").exists());
    screen.type_in("y\n");
    screen.shows("The access key id", 1);
    screen.type_in(&format!("{id}\n"));
    screen.answer(1, "0123456789abcdefghijABCDEFGHIJ+/klmnopqr");
    // Refused: asked again.
    screen.shows("The access key id", 2);
    screen.type_in(&format!("{id}\n"));
    screen.answer(2, &secret);
    screen.answer(3, PASSPHRASE);
    screen.answer(4, PASSPHRASE);
    let output = child.wait_with_output().unwrap();
    machine.no_secret(&output.stdout);
    machine.no_secret(&output.stderr);
    machine.no_secret(screen.text().as_bytes());
    let stdout = String::from_utf8(output.stdout).unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(
        stdout.contains(&format!("`joe` works: you are {JOE}.")),
        "{stdout}"
    );
    assert!(
        stderr.contains("two words") && stderr.contains("+[profile joe]"),
        "{stderr}"
    );
    assert_eq!(
        text(&machine, ".aws/config"),
        "[profile joe]\nregion = eu-west-1\ncredential_process = rolecall credential-process joe\n"
    );
}

#[test]
fn whoever_says_no_or_goes_away_has_changed_nothing() {
    for answer in ["n\n", "\n", "\u{3}"] {
        let machine = machine();
        let before = tree(&machine.path(""));
        let screen = Screen::new();
        let mut child = screen.start(&machine, &["init"], &[("ROLECALL_VAULT_BACKEND", "file")]);
        screen.shows("Do all of this? [y/N]", 1);
        screen.type_in(answer);
        child.wait().unwrap();
        assert!(before == tree(&machine.path("")), "{answer:?}");
        assert_eq!(machine.sandbox.calls().len(), 0);
    }
    // At the passphrase: the keys are where they were, and no half of a vault is left.
    let machine = machine();
    let [config, credentials] = [".aws/config", ".aws/credentials"].map(|name| text(&machine, name));
    let screen = Screen::new();
    let mut child = screen.start(
        &machine,
        &["init", "--yes"],
        &[("ROLECALL_VAULT_BACKEND", "file")],
    );
    screen.shows("not shown", 1);
    screen.hides_typing();
    screen.type_in("\u{3}");
    wait_for("an end", || child.try_wait().unwrap());
    assert_eq!(
        [config, credentials],
        [".aws/config", ".aws/credentials"].map(|name| text(&machine, name))
    );
    assert!(!machine.path(".local/share/rolecall/vault/vault.json").exists());
    assert!(!machine.path(".local/share/rolecall/vault/identity.age").exists());
}

#[test]
fn what_was_interrupted_goes_on() {
    let machine = bare();
    let [id, secret] = key_of_joe(&machine);
    // As it is when it ends between the vault and the file.
    keep(&machine, "joe", &id, &secret);
    let said = machine.finish(&mut init(&machine, &["--yes"])).ok();
    assert!(said.contains(&format!("`joe` works: you are {JOE}.")), "{said}");
    assert_eq!(
        text(&machine, ".aws/config"),
        "[profile joe]\nregion = us-east-1\ncredential_process = rolecall credential-process joe\n"
    );
}

#[test]
fn identity_center_needs_no_key() {
    let machine = bare();
    fs::create_dir(machine.path(".aws")).unwrap();
    machine.write(
        ".aws/config",
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n",
    );
    let before = tree(&machine.path(""));
    let said = machine.finish(&mut init(&machine, &[])).ok();
    assert!(
        said.contains("`rolecall login --sso-session corp` signs in"),
        "{said}"
    );
    assert!(before == tree(&machine.path("")));
    // Nor where nothing is there, and the person says so.
    let machine = bare();
    let screen = Screen::new();
    let child = screen.start(&machine, &["init"], &[]);
    screen.shows("Its number, 1 to 2", 1);
    screen.type_in("2\n");
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && said.contains("Identity Center needs no key"),
        "{said}"
    );
    assert!(!machine.path(".aws").exists());
}

#[test]
fn where_it_cannot_work_it_says_so_in_one_sentence() {
    let machine = bare();
    let mut command = init(&machine, &["--yes"]);
    let said = machine.finish(command.env_remove("ROLECALL_ASKPASS")).failed(1);
    assert!(
        said.contains("nobody can be asked for one here") && said.contains("vault add PROFILE --stdin"),
        "{said}"
    );
    let mut command = init(&machine, &["--yes"]);
    let said = machine
        .finish(command.env("ROLECALL_EXEC_DIR", "/nowhere"))
        .failed(1);
    assert!(said.contains("inside `rolecall exec`"), "{said}");
    // A dry run asks nobody.
    let said = machine.finish(&mut init(&machine, &["--dry-run"])).ok();
    assert!(said.contains("You are asked how you sign in"), "{said}");
    // And where it has not been agreed to, nothing is done.
    let machine = super::init::machine();
    let mut command = init(&machine, &[]);
    let said = machine.finish(command.env_remove("ROLECALL_ASKPASS")).failed(1);
    assert!(said.contains("--yes"), "{said}");
    assert!(text(&machine, ".aws/credentials").contains("aws_secret_access_key"));
}

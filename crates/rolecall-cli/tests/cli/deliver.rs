//! `env` and `credential-process`: a session on stdout, and nowhere else.

use std::fs::File;
use std::io::Read as _;
use std::process::Stdio;

use serde_json::Value;

use super::support::{BINARY, Machine};

#[test]
fn credential_process_prints_awss_json_and_nothing_else() {
    let machine = Machine::new();
    let json: Value =
        serde_json::from_str(&machine.run_for_secrets(&["credential-process", "blah"]).ok()).unwrap();
    assert_eq!(json["Version"], 1);
    assert!(json["AccessKeyId"].as_str().unwrap().starts_with("ASIA"));
    assert_eq!(json["AccountId"], "666666666666");
    let secret = machine.sandbox.secrets();
    assert!(
        !secret
            .leaks_in(json["SecretAccessKey"].as_str().unwrap().as_bytes())
            .is_empty()
    );
    assert!(
        !secret
            .leaks_in(json["SessionToken"].as_str().unwrap().as_bytes())
            .is_empty()
    );
    let end = json["Expiration"].as_str().unwrap();
    assert!(end.len() == 20 && end.ends_with('Z'), "{end}");
}

/// A pipe in place of a file is never read to its end, and no deadline of ours reaches into that.
#[test]
fn credential_process_ends_whatever_it_hangs_at() {
    let machine = Machine::new();
    let pipe = machine.path("config.pipe");
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &pipe,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    let mut command = machine.command(["credential-process", "blah"]);
    let said = machine.finish(command.env("AWS_CONFIG_FILE", &pipe)).failed(1);
    assert!(said.contains("there was no session within 18 seconds"), "{said}");
}

#[test]
fn the_search_for_secrets_finds_one_that_is_there() {
    let machine = Machine::new();
    let ran = machine.run_for_secrets(&["credential-process", "blah"]);
    assert!(!machine.sandbox.secrets().leaks_in(ran.ok().as_bytes()).is_empty());
}

#[test]
fn env_gives_a_shell_the_session() {
    let machine = Machine::new();
    let script = format!(
        "AWS_PROFILE=stray; export AWS_PROFILE; eval \"$({BINARY} env blah)\"; \
         echo \"${{#AWS_SECRET_ACCESS_KEY}} ${{AWS_ACCESS_KEY_ID%??????????}} $AWS_REGION ${{AWS_PROFILE-none}} $AWS_CREDENTIAL_EXPIRATION\""
    );
    let said = machine.finish(&mut machine.shell(&script)).ok();
    assert!(said.starts_with("40 ASIACANARY us-east-1 none 20"), "{said}");
}

#[test]
fn every_form_of_env() {
    let machine = Machine::new();
    for (arguments, expected) in [
        (["--shell", "bash"], "export AWS_SESSION_TOKEN='"),
        (["--shell", "zsh"], "export AWS_SESSION_TOKEN='"),
        (["--shell", "fish"], "set -gx AWS_SESSION_TOKEN '"),
        (["--shell", "powershell"], "$Env:AWS_SESSION_TOKEN = '"),
        (["--shell", "cmd"], "set \"AWS_SESSION_TOKEN="),
        (["--format", "process"], "{\"Version\":1,"),
        (["--format", "env"], "export AWS_SESSION_TOKEN=CANARYTOKEN"),
        (["--format", "env-no-export"], "\nAWS_SESSION_TOKEN="),
        (["--format", "windows-cmd"], "set AWS_SESSION_TOKEN="),
    ] {
        let said = machine
            .run_for_secrets(&["env", "blah", arguments[0], arguments[1]])
            .ok();
        assert!(said.contains(expected), "{arguments:?}");
    }
    assert!(
        machine
            .run(&["env", "blah", "--shell", "tcsh"])
            .failed(2)
            .contains("not a known shell")
    );
}

#[test]
fn secrets_do_not_go_to_a_terminal_unless_asked_for() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let machine = Machine::new();
    for (arguments, shown) in [
        (vec!["env", "blah"], false),
        (vec!["credential-process", "blah"], false),
        (vec!["env", "blah", "--show"], true),
    ] {
        let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&terminal).unwrap();
        unlockpt(&terminal).unwrap();
        let name = ptsname(&terminal, Vec::new()).unwrap();
        let side = || {
            File::options()
                .read(true)
                .write(true)
                .open(name.to_str().unwrap())
                .unwrap()
        };
        let keep_open = side();
        let output = machine
            .command(&arguments)
            .stdout(side())
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(output.status.success(), shown, "{arguments:?}");
        if shown {
            let mut seen = vec![0; 4096];
            let count = File::from(terminal).read(&mut seen).unwrap();
            assert!(String::from_utf8_lossy(&seen[..count]).contains("unset AWS_PROFILE"));
        } else {
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(
                stderr.contains("stdout is a terminal") && stderr.contains("hint: "),
                "{stderr}"
            );
            assert_eq!(machine.sandbox.count("AssumeRole"), 0);
        }
        drop(keep_open);
    }
}

#[test]
fn a_closed_stdout_ends_quietly() {
    let machine = Machine::new();
    for arguments in [
        vec!["credential-process", "blah"],
        vec!["plan", "blah"],
        vec!["profiles", "--json"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = machine
            .command(&arguments)
            .env_remove("ROLECALL_LOG")
            .stdout(writer)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(1), &b""[..]),
            "{arguments:?}"
        );
    }
}

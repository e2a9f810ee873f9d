//! Sources as a person has them: a helper that asks on the terminal, helpers in a circle, a rolecall inside of `exec`.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use super::support::{BINARY, Machine};

impl Machine {
    /// A script for `sh` in the home, and its path.
    fn helper(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// What a helper prints to hand out Joe's key.
    fn joes_key(&self) -> String {
        let joe = self.sandbox.user_keys("joe.bloggs").unwrap();
        format!(
            r#"echo '{{"Version":1,"AccessKeyId":"{}","SecretAccessKey":"{}"}}'"#,
            joe.access_key_id, joe.secret_access_key
        )
    }
}

/// A helper in a process group of its own would be stopped when it reads from the terminal.
#[test]
fn a_helper_asks_on_the_terminal() {
    let machine = Machine::new();
    let asks = format!(
        "printf 'code? ' > /dev/tty\nread -r code < /dev/tty\n[ \"$code\" = 246 ] || exit 5\n{}",
        machine.joes_key()
    );
    let helper = machine.helper("asks", &asks);
    machine.append_config(&format!(
        "[profile asks]\nregion = us-east-1\ncredential_process = {helper}\n"
    ));
    let mut terminal = machine
        .shell(&format!("exec script -qec '{BINARY} whoami asks' /dev/null"))
        .env_remove("ROLECALL_LOG")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    terminal.stdin.as_mut().unwrap().write_all(b"246\n").unwrap();
    let output = terminal.wait_with_output().unwrap();
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(
        shown.contains("code? ") && shown.contains("joe.bloggs"),
        "{shown}"
    );
    assert!(output.status.success(), "{shown}");
    machine.no_secret(&output.stdout);
}

#[test]
fn helpers_that_lead_back_to_themselves_end_with_a_word() {
    let machine = Machine::new();
    machine.append_config(&format!(
        "[profile one]\nregion = us-east-1\ncredential_process = {BINARY} credential-process two\n\
         [profile two]\nregion = us-east-1\ncredential_process = {BINARY} credential-process one\n"
    ));
    let said = machine.run_quietly(&["whoami", "one"]).failed(1);
    assert!(said.contains("failed with exit status 1"), "{said}");
    let deep = machine.command(["credential-process", "one"]).output().unwrap();
    let said = String::from_utf8_lossy(&deep.stderr);
    assert!(!deep.status.success() && deep.stdout.is_empty(), "{said}");
}

#[test]
fn a_rolecall_inside_of_exec_starts_from_its_endpoint() {
    let machine = Machine::new();
    machine.append_config("[profile inside]\nregion = us-east-1\ncredential_source = EcsContainer\n");
    let arguments = ["exec", "blah", "--", BINARY, "whoami", "inside"];
    let shown = machine.run(&arguments).ok();
    assert!(shown.contains("assumed-role/BlahRole"), "{shown}");
    let shown = machine
        .run(&["exec", "--token-file", "blah", "--", BINARY, "whoami", "inside"])
        .ok();
    assert!(shown.contains("assumed-role/BlahRole"), "{shown}");
}

/// What a helper says on stderr may be a secret: one line of it is shown, without what looks like one.
#[test]
fn what_a_helper_says_is_in_no_log() {
    let machine = Machine::new();
    let joe = machine.sandbox.user_keys("joe.bloggs").unwrap();
    let talks = format!(
        "echo '{secret}' >&2\necho 'no login: {secret} {id}' >&2\nexit 4",
        secret = joe.secret_access_key,
        id = joe.access_key_id
    );
    let helper = machine.helper("talks", &talks);
    machine.append_config(&format!(
        "[profile talks]\nregion = us-east-1\ncredential_process = {helper}\n"
    ));
    let said = machine.run(&["whoami", "talks"]).failed(1);
    assert!(said.contains("exit status 4: no login: … …"), "{said}");
    assert!(!said.contains(&joe.access_key_id), "{said}");
}

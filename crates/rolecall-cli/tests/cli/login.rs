//! `login` and `logout`: by a browser, by a device code, and what there is nothing to sign in to.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::process::{Command, Stdio};

use rolecall_sandbox::{Sandbox, World};
use serde_json::Value;

use super::support::{Machine, wait_for};

pub(crate) fn machine() -> Machine {
    let world = World::ready("organization").unwrap();
    let machine = Machine::with(Sandbox::builder().world(world).start().unwrap());
    // A browser in which omar says yes to everything.
    machine.write(
        "browser",
        "#!/bin/sh\nexec curl -s -L \"$1&user=omar\" >\"$HOME/page\"\n",
    );
    fs::set_permissions(machine.path("browser"), fs::Permissions::from_mode(0o700)).unwrap();
    machine
}

pub(crate) fn log_in(machine: &Machine, arguments: &[&str]) -> String {
    let mut command = machine.command(arguments);
    machine
        .finish(command.env("BROWSER", machine.path("browser")))
        .ok()
}

fn tokens(machine: &Machine) -> Vec<String> {
    let Ok(folder) = fs::read_dir(machine.path(".aws/sso/cache")) else {
        return Vec::new();
    };
    let texts = folder.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap());
    texts.filter(|text| text.contains("accessToken")).collect()
}

#[test]
fn a_browser_signs_in_and_everything_works_from_then_on() {
    let machine = machine();
    let plan =
        || -> Value { serde_json::from_str(&machine.run(&["plan", "sso-admin", "--json"]).ok()).unwrap() };
    assert_eq!(plan()["asks"], serde_json::json!(["sign_in"]));
    assert_eq!(machine.sandbox.calls().len(), 0, "plan calls nothing");
    let error = machine
        .run_quietly(&["credential-process", "sso-admin"])
        .failed(1);
    assert!(
        error.contains("nobody is signed in") && error.contains("rolecall login sso-admin"),
        "{error}"
    );

    let said: Value = serde_json::from_str(&log_in(&machine, &["login", "sso-admin", "--json"])).unwrap();
    assert_eq!(
        (&said["way"], &said["renewed"]),
        (&Value::from("browser"), &Value::from(true))
    );
    assert!(said["identity"].as_str().unwrap().ends_with("/omar"), "{said}");
    wait_for("the page", || {
        fs::read_to_string(machine.path("page"))
            .ok()
            .filter(|page| page.contains("That is all"))
    });
    assert_eq!(plan()["asks"], serde_json::json!([]));
    assert!(
        machine
            .run(&["plan", "sso-admin"])
            .ok()
            .contains("renewed by itself")
    );
    // The other profile of the same sign-in, and each delivery.
    assert!(
        machine
            .run(&["whoami", "sso-readonly"])
            .ok()
            .contains("100000000031")
    );
    let json = machine.run_for_secrets(&["credential-process", "sso-admin"]).ok();
    assert!(json.contains("100000000011"), "an account id");

    assert!(
        machine
            .run(&["logout", "sso-admin"])
            .ok()
            .starts_with("signed out of")
    );
    assert_eq!(tokens(&machine).len(), 0);
    assert!(
        machine
            .run(&["logout", "--all"])
            .ok()
            .starts_with("nobody was signed in to")
    );
    machine
        .run_quietly(&["credential-process", "sso-admin"])
        .failed(1);
}

#[test]
fn a_device_code_is_shown_and_compared() {
    let machine = machine();
    let mut command = machine.command(["login", "--sso-session", "sandbox", "--device-code"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut said = String::new();
    let code = loop {
        let start = said.len();
        assert!(stderr.read_line(&mut said).unwrap() > 0, "{said}");
        if let Some((_, code)) = said[start..].split_once("this very code: ") {
            break code.trim().to_owned();
        }
    };
    assert!(said.contains("/_sandbox/device?user_code="), "{said}");
    assert!(machine.sandbox.approve_device(&code, "ada"));
    stderr.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    machine.no_secret(said.as_bytes());
    machine.no_secret(&output.stdout);
    assert!(output.status.success(), "{said}");
    assert!(
        String::from_utf8(output.stdout)
            .unwrap()
            .contains("the sso-session `sandbox`")
    );
    assert_eq!(tokens(&machine).len(), 1);
}

#[test]
fn two_processes_renew_a_sign_in_once() {
    let machine = machine();
    log_in(&machine, &["login", "sso-admin"]);
    let folder = machine.path(".aws/sso/cache");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        if let Some(at) = text
            .find("\"expiresAt\": \"")
            .filter(|_| text.contains("accessToken"))
        {
            let year = at + "\"expiresAt\": \"".len();
            fs::write(&path, format!("{}2020{}", &text[..year], &text[year + 4..])).unwrap();
        }
    }
    let before = machine.sandbox.count("CreateToken");
    let start = || {
        machine
            .command(["whoami", "sso-admin"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let all: Vec<_> = (0..8).map(|_| start()).collect();
    for child in all {
        let output = child.wait_with_output().unwrap();
        machine.no_secret(&output.stderr);
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    assert_eq!(machine.sandbox.count("CreateToken") - before, 1);
}

#[test]
fn what_has_no_sign_in_says_so() {
    let machine = Machine::new();
    machine.append_config(
        "[profile cli]\nlogin_session = arn:aws:iam::111111111111:user/joe.bloggs\nregion = us-east-1\n",
    );
    for (arguments, words) in [
        (
            &["login", "blah"][..],
            &["nothing to sign in to", "access key"][..],
        ),
        (
            &["login", "cli"],
            &["nothing to sign in to", "`aws login --profile cli`"],
        ),
        (&["logout", "blah"], &["nothing to sign in to"]),
        (&["login", "--sso-session", "corp"], &["no sso-session `corp`"]),
    ] {
        let error = machine.run_quietly(arguments).failed(1);
        for word in words {
            assert!(error.contains(word), "{word}: {error}");
        }
    }
    machine
        .run_quietly(&["login", "blah", "--sso-session", "corp"])
        .failed(2);
}

/// Root may read what is another's, so this is asked as somebody else, by a copy of the command that they can reach.
#[test]
fn a_sign_in_that_belongs_to_another_user_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        return; // Only root can give a file to another user.
    }
    let machine = machine();
    log_in(&machine, &["login", "sso-admin"]);
    let binary = machine.path("rolecall");
    fs::copy(super::support::BINARY, &binary).unwrap();
    fs::set_permissions(&binary, fs::Permissions::from_mode(0o755)).unwrap();
    let give = |path: &std::path::Path, user| chown(path, Some(user), Some(65534)).unwrap();
    let cache = machine.path(".aws/sso/cache");
    let files: Vec<_> = fs::read_dir(&cache)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    for name in [
        "",
        "run",
        ".aws",
        ".aws/config",
        ".aws/credentials",
        ".aws/sso",
        ".aws/sso/cache",
    ] {
        give(&machine.path(name), 65534);
    }
    let _ = fs::remove_dir_all(machine.path(".local"));
    let ask = || {
        let mut command = Command::new("setpriv");
        machine.furnish(
            command
                .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
                .arg(&binary)
                .args(["whoami", "sso-admin"]),
        );
        machine.finish(command.env_remove("ROLECALL_LOG"))
    };
    for file in &files {
        give(file, 4242);
        fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();
    }
    let said = ask().failed(1);
    assert!(said.contains("it belongs to user 4242"), "{said}");
    for file in &files {
        give(file, 65534);
    }
    assert!(ask().ok().contains("omar"), "their own is used");
}

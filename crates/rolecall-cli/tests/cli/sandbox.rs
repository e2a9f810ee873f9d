//! `sandbox` and `demo`.

use std::fs::DirBuilder;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::support::{BINARY, Machine};

/// Outside of any machine: with an environment that the sandbox has to keep out.
pub(crate) fn rolecall(arguments: &[&str]) -> Command {
    // Of the test's own: what the machine has for one may be missing, or open to others.
    let run = Path::new(env!("CARGO_TARGET_TMPDIR")).join("run");
    let _ = DirBuilder::new().mode(0o700).create(&run);
    let mut command = Command::new(BINARY);
    command
        .args(arguments)
        .env("AWS_PROFILE", "hostile")
        .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
        .env("AWS_CA_BUNDLE", "/nowhere")
        .env("ROLECALL_CONFIG_FILE", "/nowhere")
        .env("ROLECALL_RUNTIME_DIR", run)
        .stdin(Stdio::null());
    command
}

/// Every secret of a sandbox elsewhere begins like this.
pub(crate) fn no_canary(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for canary in ["CANARYSECRET", "CANARYTOKEN", "Q0FOQVJZ", "DQU5BUl", "NBTkFSW"] {
        assert!(!text.contains(canary), "{canary}\n{text}");
    }
}

fn inside(script: &str) -> (i32, String, String) {
    let output = rolecall(&["sandbox", "--", "sh", "-c", script])
        .env("ROLECALL_LOG", "trace")
        .output()
        .unwrap();
    no_canary(&output.stdout);
    no_canary(&output.stderr);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (
        output.status.code().unwrap(),
        text(output.stdout),
        text(output.stderr),
    )
}

#[test]
fn a_command_inside_has_a_home_and_profiles_of_its_own() {
    let (code, stdout, stderr) = inside(
        "rolecall whoami blah --json; rolecall whoami partner; rolecall whoami chained; \
         env | grep -E '^(AWS|ROLECALL|XDG|HOME)' | sort; ls -d \"$HOME\"; stat -c %a ~/.aws/credentials; exit 5",
    );
    assert_eq!(code, 5, "{stdout}\n{stderr}");
    for word in [
        "assumed-role/BlahRole/",
        "assumed-role/PartnerRole/",
        "assumed-role/ChainedRole/",
        "AWS_ENDPOINT_URL=http://127.0.0.1:",
        "\n600\n",
    ] {
        assert!(stdout.contains(word), "{word}\n{stdout}");
    }
    for word in ["hostile", "AKIAIOSFODNN7EXAMPLE", "/nowhere"] {
        assert!(!stdout.contains(word), "{word}\n{stdout}");
    }
    let home = stdout
        .lines()
        .find_map(|line| line.strip_prefix("HOME="))
        .unwrap();
    assert!(!std::path::Path::new(home).exists());
}

#[test]
fn the_hostile_default_is_never_the_childs_identity() {
    let (code, stdout, stderr) =
        inside("rolecall whoami; rolecall exec blah -- sh -c 'rolecall whoami blah --json'");
    assert_eq!(code, 0, "{stdout}\n{stderr}");
    assert!(
        stdout.contains("user/stray") && stdout.contains("assumed-role/BlahRole/"),
        "{stdout}"
    );
}

#[test]
fn a_command_without_home_does_not_find_the_users_files() {
    let (code, stdout, _) = inside("env -u HOME rolecall whoami blah");
    assert!(code == 0 && stdout.contains("assumed-role/BlahRole/"), "{stdout}");
}

#[test]
fn a_command_that_is_not_there_is_127() {
    let output = rolecall(&["sandbox", "--", "no-such-command"]).output().unwrap();
    assert_eq!(output.status.code(), Some(127));
}

#[test]
fn json_is_one_line_when_ready_and_a_signal_ends_it() {
    for (flags, accounts) in [
        (&["--json"][..], ["111111111111", "666666666666"]),
        (&["--json", "--empty"], ["111111111111", "222222222222"]),
    ] {
        let mut arguments = vec!["sandbox"];
        arguments.extend(flags);
        let mut child = rolecall(&arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert!(
            ready["endpoint"]
                .as_str()
                .unwrap()
                .starts_with("http://127.0.0.1:")
        );
        let ids: Vec<_> = ready["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| account["id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, accounts);
        assert!(
            ready["accounts"][0]["access_key_id"].is_string()
                && ready["accounts"][0]["secret_access_key"].is_string()
        );
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn people_are_told_how_to_reach_it() {
    let mut child = rolecall(&["sandbox", "--empty"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    assert!(first.contains("answers as AWS at http://127.0.0.1:"), "{first}");
    assert!(lines.any(|line| line.unwrap().starts_with("# the administrator of 222222222222")));
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A world of many accounts stays on one screen, and says where the rest is.
#[test]
fn a_large_world_is_reached_from_one_screen() {
    let mut child = rolecall(&["sandbox", "--world", "organization"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = Vec::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        told.push(line.unwrap());
        if told
            .last()
            .is_some_and(|line| line.starts_with("`rolecall sandbox -- CMD`"))
        {
            break;
        }
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let text = told.join("\n");
    assert!(
        told.len() <= 30 && text.matches("# the administrator of ").count() == 3,
        "{text}"
    );
    for words in [
        "all 20 accounts",
        "/_sandbox/accounts",
        "/_sandbox/credentials >",
        "profiles ada, omar,",
        "/_sandbox/mfa-code?serial=arn:aws:iam::100000000002:mfa/omar",
        "aws sso login",
        " AWS_EC2_METADATA_SERVICE_ENDPOINT=http://127.0.0.1:",
        "containers indexer: curl -s http",
    ] {
        assert!(text.contains(words), "{words}\n{text}");
    }
}

#[test]
fn sessions_of_one_second_are_refused() {
    for seconds in ["1", "18446744073709551615"] {
        let output = rolecall(&["sandbox", "--session-seconds", seconds])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(
            String::from_utf8(output.stderr)
                .unwrap()
                .contains("from 2 to 43200")
        );
    }
}

/// The world's instance is the machine inside; where there is none, nobody looks for one.
#[test]
fn a_command_inside_finds_the_worlds_instance_or_none() {
    let script = "echo $AWS_EC2_METADATA_DISABLED; [ \"$AWS_EC2_METADATA_SERVICE_ENDPOINT\" = \"$AWS_ENDPOINT_URL\" ] && echo same; \
                  [ -z \"$AWS_EC2_METADATA_SERVICE_ENDPOINT\" ] && echo none; env | grep -c AWS_CONTAINER";
    for (world, expected) in [("organization", "\nsame\n0\n"), ("article", "true\nnone\n0\n")] {
        let output = rolecall(&["sandbox", "--world", world, "--", "sh", "-c", script])
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://198.51.100.1")
            .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://198.51.100.1")
            .output()
            .unwrap();
        assert_eq!(String::from_utf8(output.stdout).unwrap(), expected, "{world}");
    }
}

#[test]
fn the_demo_tells_the_whole_story_and_no_secret() {
    let output = rolecall(&["demo"]).env("ROLECALL_LOG", "trace").output().unwrap();
    no_canary(&output.stdout);
    no_canary(&output.stderr);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    for word in [
        "role 1 of 1",
        "assumed-role/BlahRole/",
        "blah-reports",
        "AccessDenied",
        "ExpiredToken",
        "has taken over",
        "no call failed",
        "there is none",
    ] {
        assert!(said.contains(word), "{word}\n{said}");
    }
}

#[test]
fn the_canary_search_finds_what_is_there() {
    let machine = Machine::new();
    let ran = machine.run_for_secrets(&["credential-process", "blah"]).ok();
    assert!(std::panic::catch_unwind(|| no_canary(ran.as_bytes())).is_err());
}

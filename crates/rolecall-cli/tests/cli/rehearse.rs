//! `sandbox --explain`, `--fault` and `--skew`: what goes wrong on purpose, and who decided.

use std::process::Output;

use super::sandbox::{no_canary, rolecall};

fn sandbox(flags: &[&str], script: &str) -> (Output, String) {
    let mut arguments = vec!["sandbox"];
    arguments.extend(flags);
    arguments.extend(["--", "sh", "-c", script]);
    let output = rolecall(&arguments).output().unwrap();
    no_canary(&output.stdout);
    no_canary(&output.stderr);
    let said = format!(
        "{}\n{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    (output, said)
}

const FORBIDDEN: &str = "rolecall whoami 666666666666/Forbidden --source-profile joe";

#[test]
fn every_request_is_explained_on_stderr_or_in_a_file() {
    let (output, said) = sandbox(&["--explain"], FORBIDDEN);
    assert_eq!(output.status.code(), Some(1), "{said}");
    let by = "by an explicit Deny: identity-based policy `assume-in-blah`, statement 2 `NeverForbidden`";
    assert!(said.contains(by), "{said}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("explicit Deny"));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("decisions");
    let flag = format!("--explain={}", file.display());
    let (_, said) = sandbox(&[&flag], FORBIDDEN);
    let written = std::fs::read(&file).unwrap();
    no_canary(&written);
    let written = String::from_utf8(written).unwrap();
    assert!(written.contains(by) && written.ends_with('\n'), "{written}");
    assert!(!said.contains("explicit Deny:"), "{said}");

    let (output, said) = sandbox(&["--explain=/no/such/folder/file"], "true");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write to `/no/such/folder/file`"), "{said}");
}

#[test]
fn faults_and_skew_are_met_by_what_runs_inside() {
    let (output, said) = sandbox(&["--fault", "AssumeRole:throttle:always"], "rolecall whoami blah");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("throttling"), "{said}");

    let (output, said) = sandbox(
        &[
            "--fault",
            "AssumeRole:throttle",
            "--fault",
            "*:delay=1ms",
            "--skew=-3600",
        ],
        "rolecall whoami blah",
    );
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(said.contains("clock"), "the person is told: {said}");

    for (flag, value, words) in [
        ("--fault", "throttle", "OPERATION:FAULT[:TIMES]"),
        ("--fault", "AssumeRole:explode", "other-role"),
        ("--fault", "AssumeRole:throttle:none", "`always`"),
        ("--skew", "yesterday", "a whole number from -315360000"),
        ("--port", "none", "a whole number from 0 to 65535"),
        ("--explain", "FILE", "--explain=FILE"),
    ] {
        let (output, said) = sandbox(&[flag, value], "true");
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(words), "{said}");
    }
}

/// A misspelled operation rehearses nothing, and that is said.
#[test]
fn faults_that_met_nothing_are_told() {
    let faults = [
        "--fault",
        "assumerole:throttle",
        "--fault",
        "AssumeRole:delay=1ms",
    ];
    let (output, said) = sandbox(&faults, "rolecall whoami blah");
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert!(
        said.contains("hint: The fault assumerole:throttle met nothing"),
        "{said}"
    );
    assert!(!said.contains("AssumeRole:delay"), "{said}");
}

//! `sandbox --tls DIR`.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::sandbox::{no_canary, rolecall};

/// Starts `sandbox --tls` on a folder: the child, and what it says when it is ready.
fn started(folder: &Path) -> (Child, Value) {
    let mut child = rolecall(&["sandbox", "--json", "--tls", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    (child, serde_json::from_str(&line).unwrap())
}

fn end(mut child: Child) {
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

fn curl(arguments: &[&str]) -> Option<(Option<i32>, String)> {
    let output = Command::new("curl")
        .args(["-sS", "--noproxy", "*", "--max-time", "20"])
        .args(arguments)
        .output()
        .ok()?;
    Some((
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned(),
    ))
}

#[test]
fn its_certificate_is_in_the_folder_and_its_key_is_not() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("trust me");
    let (child, ready) = started(&folder);
    let endpoint = ready["endpoint"].as_str().unwrap();
    assert!(endpoint.starts_with("https://127.0.0.1:"), "{ready}");
    let path = folder.canonicalize().unwrap().join("ca.pem");
    assert_eq!(ready["ca_bundle"], path.to_str().unwrap());
    let names: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["ca.pem"]);
    let pem = fs::read_to_string(&path).unwrap();
    assert!(
        pem.starts_with("-----BEGIN CERTIFICATE-----") && !pem.contains("PRIVATE"),
        "{pem}"
    );
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

    let health = format!("{endpoint}/_sandbox/health");
    if let Some((code, said)) = curl(&["--cacert", path.to_str().unwrap(), &health]) {
        assert_eq!((code, said.as_str()), (Some(0), r#"{"ok":true}"#));
        // Without it nobody is served: 60 is what curl says of a peer that it cannot authenticate.
        assert_eq!(curl(&[&health]).unwrap().0, Some(60));
    }
    end(child);

    // Each run has an authority of its own; the file is replaced, whatever it was.
    let outside = home.path().join("outside");
    fs::write(&outside, "mine").unwrap();
    fs::remove_file(&path).unwrap();
    symlink(&outside, &path).unwrap();
    let (child, _) = started(&folder);
    end(child);
    let second = fs::read_to_string(&path).unwrap();
    assert!(second != pem && second.starts_with("-----BEGIN CERTIFICATE-----"));
    assert_eq!(fs::read_to_string(&outside).unwrap(), "mine");
}

#[test]
fn a_command_inside_is_told_whom_to_trust() {
    let home = tempfile::tempdir().unwrap();
    let script = "echo $AWS_ENDPOINT_URL; echo $AWS_CA_BUNDLE; cd /; head -1 \"$AWS_CA_BUNDLE\"";
    let output = rolecall(&["sandbox", "--tls", "trust", "--", "sh", "-c", script])
        .current_dir(home.path())
        .output()
        .unwrap();
    no_canary(&output.stdout);
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("https://127.0.0.1:"), "{said}");
    let path = home.path().canonicalize().unwrap().join("trust/ca.pem");
    assert_eq!(
        lines[1..],
        [path.to_str().unwrap(), "-----BEGIN CERTIFICATE-----"]
    );
}

#[test]
fn people_are_told_whom_to_trust() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("it's here");
    let mut child = rolecall(&["sandbox", "--empty", "--tls", folder.to_str().unwrap()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let line = lines
        .find_map(|line| line.ok().filter(|line| line.starts_with("export AWS_CA_BUNDLE=")))
        .unwrap();
    end(child);
    let script = format!("{line}; cat \"$AWS_CA_BUNDLE\"");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(
        output.stdout.starts_with(b"-----BEGIN CERTIFICATE-----"),
        "{line}"
    );
}

#[test]
fn what_is_no_folder_of_ones_own_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let path = |name: &str| home.path().join(name);
    fs::write(path("file"), "").unwrap();
    fs::create_dir_all(path("taken/ca.pem/x")).unwrap();
    fs::create_dir(path("open")).unwrap();
    fs::set_permissions(path("open"), fs::Permissions::from_mode(0o777)).unwrap();
    for (name, words) in [
        ("file", "is no directory"),
        ("missing/deeper", "cannot be made"),
        ("open", "others may write there"),
        ("taken", "ca.pem"),
    ] {
        let output = rolecall(&[
            "sandbox",
            "--tls",
            path(name).to_str().unwrap(),
            "--",
            "echo",
            "ran",
        ])
        .output()
        .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{name}: {stderr}");
        assert!(
            stderr.contains(words) && stderr.contains("hint: "),
            "{name}: {stderr}"
        );
        assert!(output.stdout.is_empty(), "{name}");
    }
}

//! `sandbox --world`: ready worlds, files, and what is said of files that are no worlds.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

use super::sandbox::{no_canary, rolecall};

/// Runs the sandbox in a folder that holds some worlds.
fn run(folder: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = rolecall(&[&["sandbox"], arguments].concat())
        .current_dir(folder)
        .output()
        .unwrap();
    no_canary(&stdout);
    no_canary(&stderr);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("own.toml"),
        "profile = [{ name = 'ann', account = '123456789012', user = 'ann' }]\n[[account]]\nid = '123456789012'\n\
         [[account.user]]\nname = 'ann'\npolicies.p = { file = 'policies/p.json' }\n",
    )
    .unwrap();
    fs::create_dir(folder.path().join("policies")).unwrap();
    fs::write(
        folder.path().join("policies/p.json"),
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}}"#,
    )
    .unwrap();
    fs::write(
        folder.path().join("bad.toml"),
        "[[account]]\nid = '123456789012'\nalais = 'x'\n[[account.user]]\nname = 'ann'\ngroups = ['x']\n",
    )
    .unwrap();
    fs::write(folder.path().join("empty"), "[[account]]\nid = '123456789012'\n").unwrap();
    fs::write(folder.path().join("bytes"), b"\xff").unwrap();
    folder
}

#[test]
fn worlds_are_ready_or_files() {
    let folder = folder();
    for (world, profile, words) in [
        ("own.toml", "ann", "arn:aws:iam::123456789012:user/ann"),
        ("article", "blah", "assumed-role/BlahRole/"),
        (
            "organization",
            "shop-prod-deploy",
            "arn:aws:sts::100000000031:assumed-role/Deploy/",
        ),
    ] {
        let (code, stdout, stderr) = run(
            folder.path(),
            &["--world", world, "--", "rolecall", "whoami", profile],
        );
        assert!(
            code == Some(0) && stdout.contains(words),
            "{world}\n{stdout}\n{stderr}"
        );
    }
}

/// A ready world is never mistaken for a file, nor a file for it.
#[test]
fn a_file_that_is_called_like_a_ready_world_has_a_path() {
    let folder = folder();
    let script = "rolecall profiles | grep -c admin-111111111111";
    let (code, stdout, stderr) = run(folder.path(), &["--world", "empty", "--", "sh", "-c", script]);
    assert!(code == Some(0) && stdout == "1\n", "{stdout}\n{stderr}");
    assert!(stderr.contains("The file of that name is ./empty."), "{stderr}");
    let (code, stdout, stderr) = run(folder.path(), &["--world", "./empty", "--", "sh", "-c", script]);
    assert!(code == Some(1) && stdout == "0\n", "{stdout}\n{stderr}");
    assert!(!stderr.contains("ready world"), "{stderr}");
}

#[test]
fn every_mistake_is_an_error_of_its_own() {
    let folder = folder();
    let (code, stdout, stderr) = run(folder.path(), &["--world", "bad.toml", "--", "true"]);
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(
        stderr,
        "error: bad.toml:3: an account has no key `alais`\nhint: Did you mean `alias`?\n\
         error: bad.toml:6: user ann of account 123456789012 is in the group x, which does not exist\n"
    );
    let (code, _, stderr) = run(folder.path(), &["--json", "--world", "bad.toml"]);
    assert_eq!(code, Some(1));
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["error"]["kind"], "config");
    assert_eq!(error["error"]["hints"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_file_of_text_is_refused() {
    let folder = folder();
    for (world, words) in [
        ("organisation", "organisation: there is no such file"),
        ("policies", "policies: it is a folder, not a file"),
        ("bytes", "bytes: it is not text in UTF-8"),
        ("/dev/zero", "/dev/zero: it is larger than 16 MiB"),
        ("", "--world names no world"),
    ] {
        let (code, _, stderr) = run(folder.path(), &["--world", world, "--", "true"]);
        assert!(
            code == Some(1) && stderr.starts_with(&format!("error: {words}")),
            "{stderr}"
        );
        assert!(stderr.contains("article, organization, empty"), "{stderr}");
    }
}

/// What is printed is a world again.
#[test]
fn a_ready_world_is_something_to_start_from() {
    let folder = folder();
    for name in ["article", "organization", "empty"] {
        let (code, stdout, stderr) = run(folder.path(), &["--print-world", name]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        fs::write(folder.path().join("copy.toml"), stdout).unwrap();
        let (code, _, stderr) = run(folder.path(), &["--world", "copy.toml", "--", "true"]);
        assert_eq!(code, Some(0), "{name}\n{stderr}");
    }
    for arguments in [
        &["--print-world", "none"][..],
        &["--print-world", "empty", "--world", "empty"],
        &["--empty", "--world", "empty"],
    ] {
        assert_eq!(run(folder.path(), arguments).0, Some(2), "{arguments:?}");
    }
}

/// Follows `docs/rehearsal.md`: its files as they stand there, and what it says of each step.
#[test]
fn the_rehearsal_goes_as_it_is_written() {
    let page = include_str!("../../../../docs/rehearsal.md");
    let block = |kind: &str, number: usize| {
        let opening = format!("```{kind}\n");
        let begun = page.split(opening.as_str()).nth(number).unwrap();
        begun.split("```").next().unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let rehearse = |external_id: &str| {
        let target = ["222222222222/Deploy", "--source-profile", "joe", "--external-id"];
        let command = [
            &["--world", "mine.toml", "--explain", "--", "rolecall", "whoami"],
            &target[..],
        ];
        let (code, stdout, stderr) = run(folder.path(), &[&command.concat()[..], &[external_id]].concat());
        assert_eq!(code, Some(i32::from(stdout.is_empty())), "{stdout}{stderr}");
        stdout + &stderr
    };

    let (trust, world, policy) = (block("json", 1), block("toml", 1), block("toml", 2));
    write("trust.json", trust);
    write("mine.toml", world);
    let said = rehearse("blue-7");
    assert!(
        said.contains("because no identity-based policy allows it"),
        "{said}"
    );

    let allowed = world.replacen("name = \"joe\"\n", &format!("name = \"joe\"\n{policy}"), 1);
    write("mine.toml", &allowed);
    let said = rehearse("blue-7");
    assert!(said.contains("assumed-role/Deploy/"), "{said}");
    let said = rehearse("blue-8");
    assert!(
        said.contains("wants `blue-7` where the request has `blue-8`"),
        "{said}"
    );

    let organized = allowed.replacen("1\"\n", "1\"\nunit = \"People\"\n", 1) + block("toml", 3);
    write("mine.toml", &organized);
    let said = rehearse("blue-7");
    let refused = "by an explicit Deny: service control policy `StayHome`, statement 1 `NoRolesAbroad`";
    assert!(said.contains(refused) && page.contains(refused), "{said}");

    write("mine.toml", &allowed);
    write(
        "trust.json",
        &trust.replace(
            "\"}}\n",
            "\"}, \"Bool\": {\"aws:MultiFactorAuthPresent\": \"true\"}}\n",
        ),
    );
    let said = rehearse("blue-7");
    assert!(said.contains("wants `true` where the request has none"), "{said}");
}

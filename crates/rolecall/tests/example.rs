//! The example is what the documentation sends people to, so it is run: as a program of its own, with a home of its own.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

use std::path::PathBuf;
use std::process::Command;

use rolecall_sandbox::Sandbox;

/// `target/debug/examples/service`, next to where this test lies. `cargo test` builds it; with `--test example` alone
/// it may have to be built here.
fn service() -> PathBuf {
    let deps = std::env::current_exe().unwrap();
    let path = deps
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples/service")
        .with_extension(std::env::consts::EXE_EXTENSION);
    if !path.exists() {
        let built = Command::new(env!("CARGO"))
            .args([
                "build",
                "--quiet",
                "--package",
                "rolecall",
                "--example",
                "service",
            ])
            .status()
            .unwrap();
        assert!(built.success());
    }
    path
}

#[test]
fn the_service_works_in_the_other_account_through_several_sessions() {
    let sandbox = Sandbox::builder().session_seconds(3).start().unwrap();
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join(".aws")).unwrap();
    std::fs::write(home.path().join(".aws/config"), sandbox.config_file()).unwrap();
    std::fs::write(home.path().join(".aws/credentials"), sandbox.credentials_file()).unwrap();
    let output = Command::new(service())
        .arg("8")
        .env_clear()
        .env("HOME", home.path())
        .env("AWS_PROFILE", "blah")
        .env("AWS_ENDPOINT_URL", sandbox.endpoint())
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .output()
        .unwrap();
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{out}{err}");
    assert_eq!(err, "");
    assert!(
        out.starts_with("acting as arn:aws:sts::666666666666:assumed-role/BlahRole/"),
        "{out}"
    );
    let rounds: Vec<_> = out
        .lines()
        .filter(|line| line.contains("blah-reports holds 2 objects; published as "))
        .collect();
    assert_eq!(rounds.len(), 8, "{out}");
    let id = rounds[7].rsplit(' ').next().unwrap();
    assert!(id.len() >= 32, "{out}");
    let sessions: usize = out.trim_end().rsplit(' ').next().unwrap().parse().unwrap();
    assert!(sessions >= 2, "{out}");
    assert!(sandbox.count("AssumeRole") >= sessions);
    // Nobody was ever refused, and nobody else was ever seen.
    for call in sandbox.calls() {
        assert_eq!(call.code, None, "{call:?}");
        let who = call.principal.unwrap();
        let expected = if call.operation == "AssumeRole" {
            "user/joe.bloggs"
        } else {
            "assumed-role/BlahRole/"
        };
        assert!(who.contains(expected), "{who}");
    }
    assert_eq!(sandbox.secrets().leaks_in(&output.stdout), []);
    assert_eq!(sandbox.secrets().leaks_in(&output.stderr), []);
}

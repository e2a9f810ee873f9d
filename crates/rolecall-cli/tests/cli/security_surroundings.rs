//! What lies around a command decides nothing: a hostile folder, a hostile PATH, a foreign STS; and what AWS refuses later is
//! told and never replaced by something else (A14, A15, A17, A20, A21, A22; T21, T23, T26, T27, T28).

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use aws_credential_types::Credentials;
use rolecall_sandbox::Sandbox;
use rolecall_sandbox::client::Client;
use serde_json::Value;

use super::security_secrets::{Keeper, get};
use super::support::{Machine, wait_for};

#[test]
fn a_hostile_folder_to_stand_in_decides_nothing() {
    let machine = Machine::new();
    let attacker = Sandbox::builder().start().unwrap();
    let url = attacker.endpoint();
    fs::create_dir_all(machine.path("repo/.aws")).unwrap();
    let config = format!(
        "{}\n[default]\nendpoint_url = {url}\n[profile blah]\nendpoint_url = {url}\nservices = s\n[services s]\nsts =\n  endpoint_url = {url}\n",
        attacker.config_file()
    );
    let environment = format!("AWS_ENDPOINT_URL={url}\nAWS_ENDPOINT_URL_STS={url}\nAWS_PROFILE=blah\n");
    for (name, text) in [
        (".aws/config", &config),
        (".aws/credentials", &attacker.credentials_file()),
        ("config", &config),
        ("credentials", &attacker.credentials_file()),
        ("aws.toml", &config),
        ("rolecall.toml", &config),
        (".rolecall", &config),
        (".env", &environment),
        (".envrc", &environment),
    ] {
        machine.write(&format!("repo/{name}"), text);
    }
    for arguments in [
        &["whoami", "blah"][..],
        &["env", "blah"],
        &["credential-process", "blah"],
        &["plan", "blah"],
        &["profiles"],
        &["exec", "blah", "--", "true"],
    ] {
        let mut command = machine.command(arguments);
        let output = command.current_dir(machine.path("repo")).output().unwrap();
        assert!(output.status.success(), "{arguments:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(!text.contains(url), "{arguments:?}: {text}");
    }
    assert_eq!(attacker.calls().len(), 0);
    assert_eq!(machine.sandbox.count("AssumeRole"), 4);
}

#[test]
fn a_foreign_sts_without_tls_is_not_called() {
    let machine = Machine::new();
    for variable in ["AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL"] {
        for url in [
            "http://evil.example",
            "http://192.0.2.1:80",
            "ftp://127.0.0.1",
            "evil.example",
        ] {
            let mut command = machine.command(["whoami", "blah"]);
            command.env_remove("ROLECALL_LOG").env(variable, url);
            let said = machine.finish(&mut command).failed(1);
            assert!(said.contains(variable), "{variable}={url}: {said}");
            // Refused before anybody is called, not because nobody answered.
            let why = ["over plain http only", "its scheme is neither", "it is not a URL"];
            assert!(
                why.iter().any(|why| said.contains(why)),
                "{variable}={url}: {said}"
            );
        }
    }
    machine.append_config("[profile lured]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nregion = us-east-1\nendpoint_url = http://evil.example\n");
    let mut command = machine.command(["whoami", "lured"]);
    command.env_remove("ROLECALL_LOG").env_remove("AWS_ENDPOINT_URL");
    let said = machine.finish(&mut command).failed(1);
    assert!(
        said.contains("evil.example") && said.contains("config:"),
        "{said}"
    );
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn a_session_of_one_external_id_is_never_given_for_another() {
    let machine = Machine::new();
    let _keeper = Keeper::of(&machine);
    let policy =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sns:ListTopics","Resource":"*"}}"#;
    machine.write("policy.json", policy);
    let policy = machine.path("policy.json").display().to_string();
    let key_of = |arguments: &[&str]| -> String {
        let mut command = machine.command(["credential-process", "blah"]);
        let output = command
            .args(arguments)
            .env("ROLECALL_AGENT", "on")
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let json: Value = serde_json::from_slice(&output.stdout).unwrap();
        json["AccessKeyId"].as_str().unwrap().to_owned()
    };
    let asked: [&[&str]; 5] = [
        &["--external-id", "a1"],
        &["--external-id", "b1"],
        &[],
        &["--external-id", "a1", "--policy", &policy],
        &["--session-name", "somebody"],
    ];
    let keys = asked.map(key_of);
    assert_eq!(machine.sandbox.count("AssumeRole"), asked.len());
    for (arguments, key) in asked.iter().zip(&keys) {
        assert_eq!(key_of(arguments), *key, "{arguments:?}");
        assert_eq!(keys.iter().filter(|other| *other == key).count(), 1);
    }
    assert_eq!(machine.sandbox.count("AssumeRole"), asked.len());
    // Who has the wrong one is refused, whatever is kept of who has the right one.
    let shared = |id: &str| {
        let mut command = machine.command(["whoami", "partner", "--external-id", id]);
        machine.finish(command.env("ROLECALL_AGENT", "on"))
    };
    let _ = shared("partner-7421").ok();
    assert!(shared("partner-7422").failed(1).contains("AccessDenied"));
}

#[test]
fn a_length_that_aws_refuses_is_refused_here() {
    let machine = Machine::new();
    for seconds in ["899", "43201", "0", "-1", "1e3"] {
        let asked = format!("--duration={seconds}");
        let said = machine.run_quietly(&["whoami", "blah", &asked]).failed(2);
        assert!(said.contains("--duration"), "{said}");
    }
    assert_eq!(machine.sandbox.calls().len(), 0);
}

/// From now on nobody may assume the role.
fn deny_everybody(machine: &Machine) {
    let accounts = machine.sandbox.accounts();
    let account = accounts
        .iter()
        .find(|account| account.id == "666666666666")
        .unwrap();
    let admin = Credentials::new(
        &account.access_key_id,
        &account.secret_access_key,
        None,
        None,
        "test",
    );
    let client = Client::new(machine.sandbox.endpoint(), "us-east-1", admin);
    let document =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole"}}"#;
    let parameters = [("RoleName", "BlahRole"), ("PolicyDocument", document)];
    let update = client.query("iam", "2010-05-08", "UpdateAssumeRolePolicy", &parameters);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(update).unwrap();
}

#[test]
fn a_role_that_is_denied_later_is_served_to_its_end_and_no_further() {
    let machine = Machine::with_sessions_of(6);
    let script = "echo \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"; read line";
    let mut child = machine
        .command(["exec", "blah", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let [uri, token] = [(); 2].map(|()| lines.next().unwrap().unwrap());
    let (status, first) = get(&uri, &token);
    assert_eq!(status, 200);
    let key = |answer: &str| -> String {
        let json: Value = serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap();
        json["AccessKeyId"].as_str().unwrap_or_default().to_owned()
    };
    deny_everybody(&machine);
    let refused = machine.sandbox.count("AssumeRole");
    let refusal = wait_for("the end of what was valid", || {
        let (status, answer) = get(&uri, &token);
        if status == 200 {
            assert_eq!(key(&answer), key(&first), "there is no other session");
            return None;
        }
        Some((status, answer))
    });
    assert!([403, 503].contains(&refusal.0), "{}", refusal.1);
    machine.no_secret(refusal.1.as_bytes());
    assert!(
        machine.sandbox.count("AssumeRole") > refused,
        "it was asked for again"
    );
    // It stays so: nothing that has ended comes back.
    assert_ne!(get(&uri, &token).0, 200);
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    let _ = child.wait().unwrap();
}

#[test]
fn helpers_that_others_could_have_put_into_path_are_not_run() {
    let machine = super::mfa::machine();
    for (folder, mode) in [("open", 0o777), ("here", 0o755)] {
        fs::create_dir(machine.path(folder)).unwrap();
        for name in ["pinentry", "xdg-open", "helper"] {
            let file = machine.path(&format!("{folder}/{name}"));
            fs::write(&file, "#!/bin/sh\n: >\"$HOME/ran\"\n").unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::set_permissions(machine.path(folder), fs::Permissions::from_mode(mode)).unwrap();
    }
    machine.append_config("[profile helped]\ncredential_process = helper\nregion = us-east-1\n");
    let open = machine.path("open");
    let path = format!(".::{}", open.display());
    for (target, more) in [("One", None), ("One", Some("pinentry")), ("helped", None)] {
        let mut command = machine.command(["whoami", target]);
        command
            .current_dir(machine.path("here"))
            .env("PATH", &path)
            .env("DISPLAY", ":0")
            .envs(more.map(|program| ("ROLECALL_PINENTRY", program)));
        let said = machine.finish(&mut command).failed(1);
        assert!(!machine.path("ran").exists(), "{target}: {said}");
        // A pinentry that nobody named is only looked for.
        assert!(said.contains("passed over") || said.contains("needed"), "{said}");
    }
}

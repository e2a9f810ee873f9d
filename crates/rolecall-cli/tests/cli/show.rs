//! `plan`, `profiles`, `whoami`: what is shown, and that showing calls nothing.

use serde_json::Value;

use super::support::Machine;

#[test]
fn plan_shows_the_chain_and_calls_nothing() {
    let machine = Machine::new();
    let said = machine.run(&["plan", "chained"]).ok();
    for word in [
        "role 1 of 2: arn:aws:iam::666666666666:role/BlahRole",
        "role 2 of 2: arn:aws:iam::666666666666:role/team/ChainedRole",
        "of profile `joe`",
        ".aws/credentials:",
        "default: the login name",
        "$AWS_ENDPOINT_URL",
        "asks you",
    ] {
        assert!(said.contains(word), "{word}\n{said}");
    }
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn plan_json_has_the_promised_shape() {
    let machine = Machine::new();
    let said = machine
        .run(&["plan", "partner", "--json", "--duration", "2h", "--read-only"])
        .ok();
    let plan: Value = serde_json::from_str(&said).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&plan),
        [
            "target",
            "profile",
            "region",
            "source",
            "mfa",
            "roles",
            "session_key",
            "cached",
            "expires_at",
            "asks",
            "warnings"
        ]
    );
    assert_eq!(
        keys(&plan["source"]),
        ["kind", "profile", "access_key_id", "origin", "details", "chosen"]
    );
    let role = &plan["roles"][0];
    assert_eq!(
        keys(role),
        [
            "role_arn",
            "session_name",
            "external_id",
            "mfa_serial",
            "duration_seconds",
            "duration_is_longest",
            "duration_remembered_seconds",
            "duration_capped_by",
            "source_identity",
            "tags",
            "transitive_tags",
            "policy",
            "policy_arns",
            "region",
            "sts_endpoint",
            "origin"
        ]
    );
    assert_eq!(role["duration_seconds"], 7200);
    assert_eq!(role["policy_arns"][0], "arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert!(role["external_id"].is_string() && plan["expires_at"].is_null());
}

#[test]
fn a_chained_roles_longer_session_is_capped_and_said_to_be() {
    let machine = Machine::new();
    let said = machine.run(&["plan", "chained", "--duration", "4h"]).ok();
    assert!(said.contains("at most one hour"), "{said}");
    let said = machine.run_quietly(&["whoami", "chained", "--duration", "4h"]);
    assert!(said.stderr.contains("one hour instead"), "{}", said.stderr);
    let _ = said.ok();
}

#[test]
fn profiles_lists_all_and_masks_secrets() {
    let machine = Machine::new();
    let said = machine.run(&["profiles"]).ok();
    for name in ["blah", "chained", "default", "joe", "partner"] {
        assert!(said.lines().any(|line| line.starts_with(name)), "{said}");
    }
    let json: Value = serde_json::from_str(&machine.run(&["profiles", "--json"]).ok()).unwrap();
    assert_eq!(json["profiles"]["joe"]["aws_secret_access_key"], "**********");
    assert_eq!(json["profiles"]["blah"]["source_profile"], "joe");
    assert!(json["warnings"].is_array() && json["sso_sessions"].is_object() && json["services"].is_object());
}

#[test]
fn whoami_says_identity_account_and_end() {
    let machine = Machine::new();
    let said = machine.run(&["whoami", "blah", "--session-name", "joe"]).ok();
    assert!(
        said.contains("arn:aws:sts::666666666666:assumed-role/BlahRole/joe"),
        "{said}"
    );
    let json: Value = serde_json::from_str(&machine.run(&["whoami", "joe", "--json"]).ok()).unwrap();
    assert_eq!(json["arn"], "arn:aws:iam::111111111111:user/joe.bloggs");
    assert_eq!(
        (&json["account"], &json["expires_at"]),
        (&Value::from("111111111111"), &Value::Null)
    );
}

#[test]
fn a_role_without_a_profile_is_a_target_too() {
    let machine = Machine::new();
    for target in ["666666666666/BlahRole", "arn:aws:iam::666666666666:role/BlahRole"] {
        let said = machine.run(&["whoami", target, "--source-profile", "joe"]).ok();
        assert!(said.contains("assumed-role/BlahRole/"), "{said}");
    }
    // Without a source profile it starts from the default source, here the stray one, and is refused.
    let said = machine
        .run_quietly(&["whoami", "666666666666/BlahRole"])
        .failed(1);
    assert!(said.contains("AccessDenied"), "{said}");
}

#[test]
fn a_session_policy_narrows_the_session() {
    let machine = Machine::new();
    machine.write(
        "deny.json",
        r#"{"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}}"#,
    );
    let path = machine.path("deny.json");
    let said = machine
        .run(&["plan", "blah", "--policy", path.to_str().unwrap()])
        .ok();
    assert!(said.contains("held to"), "{said}");
    // BlahRole could assume ChainedRole; held to a policy that denies everything it cannot.
    machine.append_config(
        "[profile narrow]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\n",
    );
    let _ = machine
        .run(&["whoami", "narrow", "--policy", path.to_str().unwrap()])
        .ok();
    assert_eq!(machine.sandbox.count("AssumeRole"), 1);
}

/// Every kind of source, in a namespace that has no network at all: what would call something fails there.
#[test]
fn plan_needs_no_network() {
    if !can_unshare() {
        eprintln!("skipped: this machine lets nobody make a network namespace (unshare -rn)");
        return;
    }
    let machine = Machine::new();
    let config = machine.path("sources");
    let role = "role_arn = arn:aws:iam::666666666666:role/BlahRole\nregion = us-east-1\n";
    let text = format!(
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
         [profile sso]\nsso_session = corp\nsso_account_id = 111111111111\nsso_role_name = Reader\n\
         [profile login]\nlogin_session = arn:aws:iam::111111111111:user/joe\n\
         [profile process]\ncredential_process = /bin/false\n\
         [profile from-sso]\n{role}source_profile = sso\n[profile from-login]\n{role}source_profile = login\n\
         [profile from-process]\n{role}source_profile = process\n\
         [profile from-web]\n{role}web_identity_token_file = /nowhere/token\n\
         [profile from-instance]\n{role}credential_source = Ec2InstanceMetadata\n\
         [profile from-key]\n{role}source_profile = joe\nmfa_serial = arn:aws:iam::111111111111:mfa/joe\nduration_seconds = max\n"
    );
    machine.write("sources", &text);
    let inside = |arguments: &[&str]| {
        std::process::Command::new("unshare")
            .args(["-rn", env!("CARGO_BIN_EXE_rolecall")])
            .args(arguments)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", machine.path(""))
            .env("AWS_CONFIG_FILE", &config)
            .output()
            .unwrap()
    };
    let calling = inside(&["whoami", "joe", "--region", "us-east-1"]);
    let said = String::from_utf8_lossy(&calling.stderr);
    assert!(said.contains("cannot reach STS"), "there is no network: {said}");
    for (target, kind) in [
        ("sso", "sso"),
        ("from-sso", "sso"),
        ("from-login", "login"),
        ("from-process", "process"),
        ("from-web", "web_identity"),
        ("from-instance", "instance_metadata"),
        ("from-key", "access_key"),
    ] {
        let output = inside(&["plan", target, "--json"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{target}: {said}");
        let plan: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(plan["source"]["kind"], kind, "{target}");
    }
}

fn can_unshare() -> bool {
    let status = std::process::Command::new("unshare")
        .args(["-rn", "/bin/true"])
        .status();
    status.is_ok_and(|status| status.success())
}

#[test]
fn profiles_says_of_each_kind_where_it_comes_from() {
    let machine = Machine::new();
    machine.append_config(
        "[sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-west-1\n\
         [profile p-sso]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Reader\n\
         [profile p-lost]\nsso_session = nobody\n\
         [profile p-legacy]\nsso_start_url = https://old.awsapps.com/start\n\
         [profile p-web]\nrole_arn = arn:aws:iam::666666666666:role/team/Web\nweb_identity_token_file = /run/token\n\
         [profile p-login]\nlogin_session = arn:aws:iam::111111111111:user/joe\n\
         [profile p-process]\ncredential_process = helper --password CANARYSECRET\n\
         [profile p-instance]\nrole_arn = arn:aws:iam::666666666666:role/R\ncredential_source = Ec2InstanceMetadata\n\
         [profile p-base]\ninclude_profile = p-sso\n\
         [profile p-settings]\nregion = eu-west-1\n",
    );
    let said = machine.run(&["profiles"]).ok();
    for (name, cells) in [
        ("p-sso", "sso 123456789012 Reader https://corp.awsapps.com/start"),
        ("p-base", "sso 123456789012 Reader https://corp.awsapps.com/start"),
        ("p-lost", "sso - - no [sso-session nobody]"),
        ("p-legacy", "sso - - https://old.awsapps.com/start"),
        ("p-web", "web identity 666666666666 team/Web /run/token"),
        ("p-login", "login - - arn:aws:iam::111111111111:user/joe"),
        ("p-process", "process - - -"),
        ("p-instance", "role 666666666666 R Ec2InstanceMetadata"),
        ("p-settings", "settings - - -"),
    ] {
        let line = said
            .lines()
            .find(|line| line.split_whitespace().next() == Some(name))
            .unwrap();
        let words = line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ");
        assert!(words.starts_with(&format!("{cells} ")), "{name}: {words}");
    }
    assert!(!said.contains("CANARYSECRET"));
}

#[test]
fn profiles_warns_of_what_other_tools_read_otherwise_and_of_two_sources() {
    let machine = Machine::new();
    machine.append_config(
        "[profile odd]\nrole_arm = x\nregion = eu-west-1 # c\nsso_session = s\nlogin_session = l\n",
    );
    let said = machine.run_quietly(&["profiles"]);
    for words in [
        "is `role_arn` meant",
        "the comment behind `region`",
        "more than one source",
    ] {
        assert!(said.stderr.contains(words), "{}", said.stderr);
    }
    assert!(!said.stdout.contains("more than one source"));
    let many: String = (0..30)
        .map(|n| format!("[profile m{n}]\nrole_arm = x\n"))
        .collect();
    machine.append_config(&many);
    let said = machine.run_quietly(&["profiles"]);
    assert!(said.stderr.contains("13 more warnings"), "{}", said.stderr);
    let json: Value = serde_json::from_str(&machine.run(&["profiles", "--json"]).ok()).unwrap();
    assert_eq!(json["warnings"].as_array().unwrap().len(), 33);
}

//! What the child of `exec` sees: the role, and nothing that could win over it.

use std::collections::BTreeMap;

use super::support::Machine;

/// The child's environment under hostile variables and a hostile `[default]`.
fn environment(machine: &Machine, flags: &[&str]) -> BTreeMap<String, String> {
    let mut arguments = vec!["exec", "blah"];
    arguments.extend(flags);
    arguments.extend(["--", "env"]);
    let mut command = machine.command(&arguments);
    for name in HOSTILE {
        command.env(name, "hostile");
    }
    command
        .env("AWS_CA_BUNDLE", "/keep/ca.pem")
        .env("AWS_USE_FIPS_ENDPOINT", "false");
    // `--env` prints keys by contract; everything else is searched.
    let output = command.output().unwrap();
    machine.no_secret(&output.stderr);
    if !flags.contains(&"--env") {
        machine.no_secret(&output.stdout);
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

const HOSTILE: [&str; 27] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_PROFILE",
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    "AWS_BEARER_TOKEN_BEDROCK",
    "BOTO_CONFIG",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_ACCOUNT_ID",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SESSION_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "ROLECALL_MFA_FD",
];

#[test]
fn the_default_delivery_is_an_endpoint_and_no_key() {
    let machine = Machine::new();
    let env = environment(&machine, &[]);
    let strays: Vec<_> = env.iter().filter(|(_, value)| *value == "hostile").collect();
    assert!(strays.is_empty(), "{strays:?}");
    for gone in [
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ] {
        assert!(!env.contains_key(gone), "{gone}");
    }
    assert!(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"].starts_with("http://127.0.0.1:"));
    assert!(env["AWS_CONTAINER_AUTHORIZATION_TOKEN"].len() >= 43);
    for (name, value) in [
        ("AWS_REGION", "us-east-1"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
        ("AWS_SDK_LOAD_CONFIG", "1"),
        ("AWS_EC2_METADATA_DISABLED", "true"),
        ("AWS_ENDPOINT_URL", machine.sandbox.endpoint()),
        ("AWS_CA_BUNDLE", "/keep/ca.pem"),
        ("AWS_USE_FIPS_ENDPOINT", "false"),
        (
            "ROLECALL_CONFIG_FILE",
            machine.path(".aws/config").to_str().unwrap(),
        ),
        (
            "ROLECALL_SHARED_CREDENTIALS_FILE",
            machine.path(".aws/credentials").to_str().unwrap(),
        ),
    ] {
        assert_eq!(env.get(name).map(String::as_str), Some(value), "{name}");
    }
}

#[test]
fn the_childs_files_have_settings_and_no_credentials() {
    let machine = Machine::new();
    machine.append_config(
        "[profile tuned]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nregion = us-east-1\n\
         output = json\ns3 =\n  addressing_style = path\n",
    );
    let script = "cat \"$AWS_CONFIG_FILE\"; echo --; cat \"$AWS_SHARED_CREDENTIALS_FILE\"; echo --; stat -c %a \"$AWS_CONFIG_FILE\" \"${AWS_CONFIG_FILE%/*}\"";
    let said = machine.run(&["exec", "tuned", "--", "sh", "-c", script]).ok();
    assert_eq!(
        said,
        "[default]\nregion = us-east-1\noutput = json\ns3 =\n  addressing_style = path\n--\n--\n600\n700\n"
    );
}

#[test]
fn fixed_keys_by_choice_are_isolated_too() {
    let machine = Machine::new();
    let env = environment(&machine, &["--env"]);
    let strays: Vec<_> = env.iter().filter(|(_, value)| *value == "hostile").collect();
    assert!(strays.is_empty(), "{strays:?}");
    assert!(env["AWS_ACCESS_KEY_ID"].starts_with("ASIA"));
    assert!(
        !machine
            .sandbox
            .secrets()
            .leaks_in(env["AWS_SECRET_ACCESS_KEY"].as_bytes())
            .is_empty()
    );
    assert!(env["AWS_CREDENTIAL_EXPIRATION"].ends_with('Z'));
    assert_eq!(env["AWS_REGION"], "us-east-1");
    assert!(!env.contains_key("AWS_CONTAINER_CREDENTIALS_FULL_URI"));
    // .NET's SDK takes a `[default]` profile before the keys of the environment.
    let script = "cat \"$AWS_SHARED_CREDENTIALS_FILE\" \"$AWS_CONFIG_FILE\"";
    let said = machine
        .run(&["exec", "blah", "--env", "--", "sh", "-c", script])
        .ok();
    assert_eq!(said, "[default]\nregion = us-east-1\n");
    // The command has taken our place; its files go with the next one.
    let _ = machine.run(&["exec", "blah", "--", "true"]).ok();
    assert_eq!(std::fs::read_dir(machine.path("run")).unwrap().count(), 0);
}

#[test]
fn the_token_in_a_file_by_choice() {
    let machine = Machine::new();
    let env = environment(&machine, &["--token-file"]);
    assert!(!env.contains_key("AWS_CONTAINER_AUTHORIZATION_TOKEN"));
    let said = machine
        .run(&["exec", "blah", "--token-file", "--", "sh", "-c", "stat -c %a \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"; wc -l < \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\""])
        .ok();
    assert_eq!(said, "600\n0\n");
}

#[test]
fn the_users_files_by_choice_with_a_warning_about_default() {
    let machine = Machine::new();
    let env = environment(&machine, &["--keep-config"]);
    assert!(!env.contains_key("AWS_CONFIG_FILE") && !env.contains_key("AWS_SHARED_CREDENTIALS_FILE"));
    for default in [
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = x",
        "credential_process = x",
        "sso_session = x",
    ] {
        machine.write(
            ".aws/credentials",
            &machine.sandbox.credentials_file().replace("[default]", "[other]"),
        );
        machine.append_config(&format!("[default]\n{default}\n"));
        let ran = machine.run_quietly(&["exec", "blah", "--keep-config", "--", "true"]);
        assert!(ran.stderr.contains("[default]"), "{default}: {}", ran.stderr);
        assert_eq!(ran.ok(), "");
        machine.write(".aws/config", &machine.sandbox.config_file());
    }
}

#[test]
fn a_rolecall_inside_finds_the_originals_and_never_guesses() {
    let machine = Machine::new();
    let inside = |flag: &str, arguments: &str| {
        let script = format!("'{}' {arguments}", super::support::BINARY);
        let words = ["exec", "blah", flag, "--", "sh", "-c", &script];
        let mut command = machine.command(words.iter().filter(|word| !word.is_empty()));
        machine.finish(command.env_remove("ROLECALL_LOG"))
    };
    assert!(
        inside("", "whoami chained")
            .ok()
            .contains("assumed-role/ChainedRole/")
    );
    assert!(inside("", "exec chained -- true").ok().is_empty());
    for flag in ["", "--env", "--keep-config"] {
        let stderr = inside(flag, "whoami").failed(1);
        assert!(stderr.contains("inside `rolecall exec`"), "{flag}: {stderr}");
    }
    let stderr = inside("", "whoami 666666666666/BlahRole").failed(1);
    assert!(stderr.contains("inside `rolecall exec`"), "{stderr}");
    // The keys of `--env` are the role's own session, and a source of their own.
    assert!(
        inside("--env", "whoami 666666666666/team/ChainedRole")
            .ok()
            .contains("assumed-role/ChainedRole/")
    );
    // A file that is named inside is meant.
    machine.write("other", "[profile blah]\nregion = eu-west-1\n");
    let script = format!(
        "AWS_CONFIG_FILE={} '{}' plan blah",
        machine.path("other").display(),
        super::support::BINARY
    );
    let mut command = machine.command(["exec", "blah", "--", "sh", "-c", &script]);
    let stderr = machine.finish(command.env_remove("ROLECALL_LOG")).failed(1);
    assert!(stderr.contains("neither a role nor credentials"), "{stderr}");
}

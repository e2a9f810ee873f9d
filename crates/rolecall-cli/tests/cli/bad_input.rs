//! Wrong inputs: each gets one clear sentence, a hint what to do, the right exit code, and loses nothing.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use rolecall_sandbox::Fault;
use serde_json::Value;

use super::support::{Machine, Ran};

/// One sentence and at least one hint.
fn refused(ran: Ran, code: i32, words: &[&str]) {
    let stderr = ran.failed(code);
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(
        lines.iter().filter(|line| line.starts_with("error: ")).count(),
        1,
        "{stderr}"
    );
    assert!(lines.iter().any(|line| line.starts_with("hint: ")), "{stderr}");
    for word in words {
        assert!(stderr.contains(word), "{word}\n{stderr}");
    }
}

#[test]
fn the_articles_own_inputs() {
    let machine = Machine::new();
    machine.append_config(
        "[profile copied]\nrole_arn = arn:aws:iam:666666:role/BlahRole\nsource_profile = joe\n",
    );
    refused(
        machine.run_quietly(&["plan", "copied"]),
        1,
        &["a colon is missing", "6 digits", "arn:aws:iam::"],
    );
    refused(
        machine.run_quietly(&["plan", "arn:aws:iam:666666:role/BlahRole"]),
        1,
        &["arn:aws:iam::<12 digits>:role/BlahRole"],
    );
    machine.append_config(
        "[profile named]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nrole_session_name = Fred's Session\n",
    );
    refused(
        machine.run_quietly(&["plan", "named"]),
        1,
        &["an apostrophe", "Freds-Session", "config:"],
    );
    machine.append_config(
        "[profile timed]\nrole_arn = arn:aws:iam::666666666666:role/BlahRole\nsource_profile = joe\nduration_seconds = \"1000\"\n",
    );
    refused(
        machine.run_quietly(&["plan", "timed"]),
        1,
        &["text in quotes", "`1000`", "config:"],
    );
    let stderr = machine
        .run_quietly(&["plan", "blah", "--session-name", "Fred's Session"])
        .failed(2);
    assert!(stderr.contains("did you mean `Freds-Session`?"), "{stderr}");
}

#[test]
fn profiles_that_lead_nowhere() {
    let machine = Machine::new();
    machine.append_config(
        "[profile a]\nrole_arn = arn:aws:iam::666666666666:role/R\nsource_profile = b\n\
         [profile b]\nrole_arn = arn:aws:iam::666666666666:role/R\nsource_profile = a\n\
         [profile half]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
         [profile nosource]\nrole_arn = arn:aws:iam::666666666666:role/R\n\
         [profile gone]\nrole_arn = arn:aws:iam::666666666666:role/R\nsource_profile = jo\n\
         [profile self]\ncredential_process = rolecall credential-process self\n\
         [profile empty]\nregion = eu-west-1\n",
    );
    for (target, words) in [
        ("blha", vec!["no profile `blha`", "`blah`"]),
        ("a", vec!["`a` → `b` → `a`"]),
        ("half", vec!["half a key pair", "aws_secret_access_key"]),
        (
            "nosource",
            vec!["no credentials to assume it with", "source_profile"],
        ),
        ("gone", vec!["`jo`", "no such profile", "`joe`"]),
        ("self", vec!["for itself", "self-role"]),
        ("empty", vec!["neither a role nor credentials"]),
    ] {
        refused(machine.run_quietly(&["plan", target]), 1, &words);
        refused(machine.run_quietly(&["exec", target, "--", "true"]), 125, &words);
    }
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn files_that_are_missing_or_cannot_be_read() {
    let machine = Machine::new();
    refused(
        machine.finish(
            machine
                .command(["plan", "blah"])
                .env_remove("ROLECALL_LOG")
                .env("HOME", machine.path("run")),
        ),
        1,
        &["no profile `blah`", "not there", "rolecall demo"],
    );
    machine.write(".aws/config", "[profile blah\nregion = x\n");
    refused(
        machine.run_quietly(&["plan", "blah"]),
        1,
        &["config:1: ", "`]` is missing"],
    );
    machine.write(".aws/config", "[profile blah]\n");
    std::fs::write(machine.path(".aws/credentials"), b"\xff\xfe[\0").unwrap();
    refused(
        machine.run_quietly(&["plan", "blah"]),
        1,
        &["credentials", "not UTF-8"],
    );
    std::fs::remove_file(machine.path(".aws/credentials")).unwrap();
    std::fs::create_dir(machine.path(".aws/credentials")).unwrap();
    assert!(
        machine
            .run_quietly(&["plan", "blah"])
            .failed(1)
            .contains("cannot read")
    );
}

#[test]
fn an_sts_that_is_not_there_throttles_or_talks_nonsense() {
    let machine = Machine::new();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{closed}");
    refused(
        machine.finish(
            machine
                .command(["whoami", "blah"])
                .env_remove("ROLECALL_LOG")
                .env("AWS_ENDPOINT_URL", &url),
        ),
        1,
        &["cannot reach STS", "refused", "AWS_ENDPOINT_URL"],
    );
    for (fault, words) in [
        (Fault::Throttle, vec!["throttling", "Try again"]),
        (Fault::ServerError, vec!["STS failed"]),
        (Fault::Garbage, vec!["does not speak as STS does"]),
        (Fault::TruncatedXml, vec!["thrown away"]),
        (Fault::OtherRole, vec!["asked for", "thrown away"]),
        (Fault::OtherAccount, vec!["asked for", "thrown away"]),
        (Fault::OtherSessionName, vec!["asked for", "thrown away"]),
        (
            Fault::ExpiresTooLate,
            vec!["asked for 3600 seconds", "thrown away"],
        ),
        (Fault::AlreadyExpired, vec!["ended at", "thrown away"]),
    ] {
        let machine = Machine::new();
        // As often as the SDK tries.
        machine.sandbox.inject(fault, "AssumeRole", 3);
        refused(machine.run_quietly(&["whoami", "blah"]), 1, &words);
    }
}

#[test]
fn a_clock_that_is_off_by_an_hour_is_corrected_and_told() {
    for (skew, way) in [(3600, "behind AWS's"), (-3600, "ahead of AWS's")] {
        let machine = Machine::new();
        machine.sandbox.set_skew(skew);
        let ran = machine.run_quietly(&["whoami", "blah"]);
        let said: Vec<_> = ran.stderr.lines().collect();
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(
            said[0].contains("clock is") && said[0].contains(way) && said[0].contains("timedatectl"),
            "{said:?}"
        );
        let stdout = ran.ok();
        // The end is told in this machine's own terms, or it would have passed already.
        assert!(
            stdout.contains("in 59 min") || stdout.contains("in 1 h"),
            "{stdout}"
        );
    }
}

#[test]
fn the_sdks_variables_for_whole_bodies_show_no_secret() {
    let machine = Machine::new();
    for filter in [
        "trace",
        "rolecall=debug,aws_smithy_runtime::client::orchestrator::http=trace",
    ] {
        let mut command = machine.command(["whoami", "blah"]);
        command
            .env("LOG_SENSITIVE_BODIES", "true")
            .env("LOG_SIGNABLE_BODY", "true")
            .env("ROLECALL_LOG", filter);
        let ran = machine.finish(&mut command);
        assert!(ran.stderr.contains("AssumeRole"), "the log is on");
        let _ = ran.ok();
    }
}

#[test]
fn refusals_say_which_side_and_the_external_id() {
    let machine = Machine::new();
    refused(
        machine.run_quietly(&["whoami", "partner", "--external-id", "wrong"]),
        1,
        &[
            "AccessDenied",
            "Which side refuses could not be read",
            "`rolecall explain partner`, with the same flags",
            "The ExternalId sent was `wrong` (--external-id)",
        ],
    );
    let role = "arn:aws:iam::666666666666:role/PartnerRole";
    refused(
        machine.run_quietly(&["whoami", role, "--source-profile", "joe"]),
        1,
        &["may demand an ExternalId"],
    );
}

#[test]
fn errors_are_json_where_json_was_asked_for() {
    let machine = Machine::new();
    for (command, code) in [("exec", 125), ("env", 1), ("credential-process", 1)] {
        let stderr = machine.run_quietly(&[command, "nobody", "--json"]).failed(code);
        assert_eq!(
            serde_json::from_str::<Value>(&stderr).unwrap()["error"]["kind"],
            "not_configured"
        );
    }
    let stderr = machine
        .run_quietly(&["whoami", "partner", "--external-id", "wrong", "--json"])
        .failed(1);
    let error: Value = serde_json::from_str::<Value>(&stderr).unwrap()["error"].clone();
    assert_eq!(
        (&error["kind"], &error["aws_code"]),
        (&Value::from("denied"), &Value::from("AccessDenied"))
    );
    assert_eq!(error["hop"], "arn:aws:iam::666666666666:role/PartnerRole");
    assert!(
        error["hints"].as_array().is_some_and(|hints| !hints.is_empty()) && error["request_id"].is_string()
    );
}

#[test]
fn commands_that_cannot_run() {
    let machine = Machine::new();
    refused(
        machine.run_quietly(&["exec", "blah", "--", "no-such-command"]),
        127,
        &["no-such-command"],
    );
    machine.write("plain", "not a program");
    let plain = machine.path("plain");
    refused(
        machine.run_quietly(&["exec", "blah", "--", plain.to_str().unwrap()]),
        126,
        &["cannot be executed"],
    );
    refused(
        machine.run_quietly(&["exec", "blah", "--env", "--", "no-such-command"]),
        127,
        &["no-such-command"],
    );
}

#[test]
fn a_runtime_directory_that_others_could_enter_is_refused() {
    let machine = Machine::new();
    let run = machine.path("run");
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o755)).unwrap();
    refused(
        machine.run_quietly(&["exec", "blah", "--", "true"]),
        125,
        &["others may enter it"],
    );
    std::fs::remove_dir(&run).unwrap();
    std::os::unix::fs::symlink(machine.path(".aws"), &run).unwrap();
    refused(
        machine.run_quietly(&["exec", "blah", "--", "true"]),
        125,
        &["a link"],
    );
}

#[test]
fn a_runtime_directory_that_others_could_replace_is_refused() {
    let machine = Machine::new();
    let run = |directory: &str| {
        let mut command = machine.command(["exec", "blah", "--", "true"]);
        machine.finish(
            command
                .env_remove("ROLECALL_LOG")
                .env("ROLECALL_RUNTIME_DIR", machine.path(directory)),
        )
    };
    std::os::unix::fs::symlink(machine.path("run"), machine.path("link")).unwrap();
    refused(run("link/"), 125, &["a link"]);
    std::fs::create_dir(machine.path("open")).unwrap();
    std::fs::set_permissions(machine.path("open"), std::fs::Permissions::from_mode(0o777)).unwrap();
    refused(run("open/rolecall"), 125, &["others may replace it"]);
    refused(run("nowhere/rolecall"), 125, &["nowhere", "ROLECALL_RUNTIME_DIR"]);
    let _ = run("run").ok();
}

#[test]
fn a_variable_that_is_no_text_decides_nothing() {
    use std::os::unix::ffi::OsStrExt as _;
    let machine = Machine::new();
    for name in [
        "AWS_PROFILE",
        "AWS_ENDPOINT_URL",
        "AWS_CONFIG_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ] {
        let mut command = machine.command(["plan", "blah"]);
        command
            .env_remove("ROLECALL_LOG")
            .env(name, std::ffi::OsStr::from_bytes(b"blah\xff"));
        refused(machine.finish(&mut command), 1, &[name, "UTF-8"]);
    }
    assert_eq!(machine.sandbox.calls().len(), 0);
}

#[test]
fn policies_that_are_none() {
    let machine = Machine::new();
    machine.write("half.json", "{\"Version\": ");
    let half = machine.path("half.json");
    for (policy, word) in [
        ("/", "cannot read"),
        ("nowhere.json", "no policy file"),
        (half.to_str().unwrap(), "half.json: "),
    ] {
        refused(
            machine.run_quietly(&["plan", "blah", "--policy", policy]),
            1,
            &[word, "--policy takes a file"],
        );
    }
}

#[test]
fn usage_errors_are_json_too_and_say_where_the_command_stands() {
    let machine = Machine::new();
    let stderr = machine
        .run_quietly(&["plan", "blah", "--json", "--duration", "x"])
        .failed(2);
    assert_eq!(
        serde_json::from_str::<Value>(&stderr).unwrap()["error"]["kind"],
        "usage"
    );
    for (arguments, shown) in [
        (&["exec", "blah", "ls"][..], "rolecall exec TARGET -- CMD"),
        (&["sandbox", "ls"], "rolecall sandbox -- CMD"),
    ] {
        let stderr = machine.run_quietly(arguments).failed(2);
        let hint = format!("hint: The command to run stands behind `--`, as in `{shown}`");
        assert!(stderr.contains(&hint), "{stderr}");
    }
}

#[test]
fn wrong_usage_is_two() {
    let machine = Machine::new();
    for arguments in [
        &["exce"][..],
        &["exec", "blah", "--nope"],
        &["plan", "blah", "--duration", "1s"],
        &["plan", "blah", "--region", "a b"],
    ] {
        assert!(
            machine.run_quietly(arguments).failed(2).starts_with("error: "),
            "{arguments:?}"
        );
    }
}

//! `explain`: the tree, the JSON, encoded messages; and the two lines that every other command ends with.

use std::process::Stdio;

use rolecall_sandbox::{Account, Role, Sandbox, User, World};
use serde_json::{Value, json};

use super::support::Machine;

const APP: &str = "arn:aws:iam::666666666666:role/App";

fn policy(statements: &Value) -> String {
    json!({"Version": "2012-10-17", "Statement": statements}).to_string()
}

/// Joe may read his own policies and assume what he likes; the role wants an ExternalId.
fn machine(joe: &Value) -> Machine {
    let trust = json!([{"Sid": "Partner", "Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "111111111111"}, "Condition": {"StringEquals": {"sts:ExternalId": "partner-7421"}}}]);
    let read = json!([{"Effect": "Allow", "Action": "iam:Get*", "Resource": "*"}]);
    let world = World::new()
        .account(Account::new("111111111111").user(User::new("joe").policy("own", &policy(joe))))
        .account(
            Account::new("666666666666")
                .role(Role::new("App", &policy(&trust)))
                .user(User::new("reader").policy("read", &policy(&read))),
        )
        .profile_for_user("joe", "111111111111", "joe")
        .profile_for_user("reader", "666666666666", "reader")
        .profile_for_role("app", APP, "joe", None)
        .profile_for_role("known", APP, "joe", Some("partner-7421"));
    Machine::with(Sandbox::builder().world(world).start().unwrap())
}

fn able() -> Value {
    json!([
        {"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"},
        {"Sid": "Roles", "Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
    ])
}

#[test]
fn what_works_ends_with_0_and_what_does_not_with_1_and_both_explain() {
    let machine = machine(&able());
    let said = machine.run_quietly(&["explain", "known"]).ok();
    for word in [
        "known works.",
        "access key",
        "role 1 of 1  arn:aws:iam::666666666666:role/App",
        "arn:aws:iam::111111111111:user/joe",
        "gives the session, until ",
        "statement 2 (`Roles`) of the policy `own` of user joe",
    ] {
        assert!(said.contains(word), "{word}\n{said}");
    }
    let ran = machine.run_quietly(&["explain", "app", "--via", "reader"]);
    assert_eq!((ran.status.code(), ran.stderr.as_str()), (Some(1), ""));
    for word in [
        "app is refused.",
        "refuses: the caller may not assume the role",
        "statement 1 (`Partner`) of the trust policy of role App",
        "The role demands an ExternalId, and none was sent",
        "the smallest change",
        "--external-id partner-7421",
    ] {
        assert!(ran.stdout.contains(word), "{word}\n{}", ran.stdout);
    }
    // Without anybody there it is the owner who knows.
    let ran = machine.run_quietly(&["explain", "app"]);
    assert!(
        ran.stdout.contains("Ask the owner of account 666666666666")
            && ran.stdout.contains("what it may be")
            && ran.stdout.contains("may demand an ExternalId")
            && ran
                .stdout
                .contains("needs iam:GetRole on arn:aws:iam::666666666666:role/App")
            && !ran.stdout.contains("partner-7421"),
        "{}",
        ran.stdout
    );
}

#[test]
fn explain_json_has_the_promised_shape() {
    let machine = machine(&able());
    let ran = machine.run_quietly(&["explain", "app", "--via", "reader", "--json"]);
    assert_eq!(ran.status.code(), Some(1));
    let told: Value = serde_json::from_str(&ran.stdout).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(
        keys(&told),
        [
            "target",
            "source",
            "identity",
            "outcome",
            "roles",
            "source_refused",
            "causes",
            "hops"
        ]
    );
    assert_eq!(
        (&told["target"], &told["outcome"]),
        (&json!("app"), &json!("refused"))
    );
    let hop = &told["hops"][0];
    assert_eq!(hop["refusal"]["aws_code"], "AccessDenied");
    assert_eq!(hop["reading"], "denied");
    assert_eq!(hop["trust_read_by"], "reader");
    assert_eq!(hop["causes"][0]["name"], "external-id-missing");
    assert_eq!(
        hop["changes"][0]["how"],
        json!({"send": "--external-id", "value": "partner-7421"})
    );
    let trust = hop["layers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|layer| layer["kind"] == "role trust policy");
    assert_eq!(trust.unwrap()["says"], "silent");
    // A profile without a role, and one that is not there.
    let told: Value = serde_json::from_str(&machine.run_quietly(&["explain", "joe", "--json"]).ok()).unwrap();
    assert_eq!(told["identity"], "arn:aws:iam::111111111111:user/joe");
    let said = machine.run_quietly(&["explain", "nobody"]).failed(1);
    assert!(said.starts_with("error: "), "{said}");
}

#[test]
fn every_command_that_is_refused_ends_with_the_same_two_lines() {
    let machine =
        machine(&json!([{"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"}]));
    for command in [
        &["whoami", "app"][..],
        &["exec", "app", "--", "true"],
        &["env", "app"],
        &["credential-process", "app"],
    ] {
        let before = machine.sandbox.count("AssumeRole");
        let ran = machine.run_quietly(command);
        assert!(!ran.status.success());
        let hints: Vec<&str> = ran
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("hint: "))
            .collect();
        assert_eq!(hints.len(), 2, "{}", ran.stderr);
        assert!(
            hints[0].starts_with("No policy of user joe in account 111111111111 allows sts:AssumeRole"),
            "{}",
            ran.stderr
        );
        assert!(hints[1].starts_with("`rolecall explain app`"), "{}", ran.stderr);
        assert_eq!(machine.sandbox.count("AssumeRole"), before + 1, "{command:?}");
    }
    let stderr = machine.run_quietly(&["whoami", "app", "--json"]).failed(1);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    assert_eq!(error["error"]["hints"].as_array().unwrap().len(), 2, "{stderr}");
}

#[test]
fn where_nothing_can_be_read_the_lines_say_so() {
    let machine = machine(&json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}]));
    let stderr = machine.run_quietly(&["whoami", "app"]).failed(1);
    assert!(
        stderr.contains("hint: Which side refuses could not be read: that needs iam:")
            && stderr.contains("may demand an ExternalId")
            && stderr.contains("hint: `rolecall explain app`"),
        "{stderr}"
    );
    assert!(stderr.lines().count() <= 5, "{stderr}");
}

#[test]
fn an_encoded_message_is_decoded_from_an_argument_or_from_stdin() {
    let mut joe = able();
    joe[1]["Effect"] = json!("Deny");
    joe.as_array_mut()
        .unwrap()
        .push(json!({"Effect": "Allow", "Action": "sts:DecodeAuthorizationMessage", "Resource": "*"}));
    let machine = machine(&joe);
    let stderr = machine.run_quietly(&["whoami", "app", "--json"]).failed(1);
    let error: Value = serde_json::from_str(&stderr).unwrap();
    let request = error["error"]["request_id"].as_str().unwrap();
    let message = encoded(&machine, request);
    let said = machine
        .run_quietly(&["explain", "joe", "--decode", &message])
        .ok();
    for word in [
        "decision   denied by a statement",
        "principal  arn:aws:iam::111111111111:user/joe",
        "action     sts:AssumeRole",
        "statement  DENY Roles: sts:AssumeRole on arn:aws:iam::666666666666:role/App",
    ] {
        assert!(said.contains(word), "{word}\n{said}");
    }
    let error = format!("An error occurred. Encoded authorization failure message: {message}\n");
    machine.write("message", &error);
    let mut command = machine.command(["explain", "joe", "--decode", "-", "--json"]);
    command.stdin(Stdio::from(std::fs::File::open(machine.path("message")).unwrap()));
    let told: Value = serde_json::from_str(&machine.finish(&mut command).ok()).unwrap();
    assert_eq!(told["context"]["action"], "sts:AssumeRole");
    let said = machine
        .run_quietly(&["explain", "joe", "--decode", "nonsense"])
        .failed(1);
    assert!(said.contains("not one that STS wrote"), "{said}");
    let said = machine
        .run_quietly(&["explain", "joe", "--decode", " "])
        .failed(1);
    assert!(said.contains("there is no message"), "{said}");
}

/// The message of a refused call, as the sandbox hands it out.
fn encoded(machine: &Machine, request: &str) -> String {
    use std::io::{Read as _, Write as _};
    let address = machine.sandbox.endpoint().trim_start_matches("http://");
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    write!(
        stream,
        "GET /_sandbox/encoded-message?request_id={request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let body: Value = serde_json::from_str(body).unwrap();
    body["encoded_message"].as_str().unwrap().to_owned()
}

#[test]
fn a_misspelled_role_that_nobody_can_look_for_is_told_by_ones_own_profiles() {
    let machine = machine(&able());
    let misspelled = "arn:aws:iam::666666666666:role/app";
    let said = machine.run_quietly(&["explain", misspelled, "--source-profile", "joe"]);
    assert_eq!(said.status.code(), Some(1), "{}", said.stderr);
    assert!(
        said.stdout.contains("your profiles name `App` in that account"),
        "{}",
        said.stdout
    );
    let other = machine.run_quietly(&[
        "explain",
        "arn:aws:iam::666666666666:role/Zzzzz",
        "--source-profile",
        "joe",
    ]);
    assert!(!other.stdout.contains("your profiles name"), "{}", other.stdout);
}

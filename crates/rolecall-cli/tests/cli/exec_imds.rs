//! `exec --imds`: the role for programs that know instance metadata and nothing else.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use super::support::{Machine, wait_for};

const ROLES: &str = "/latest/meta-data/iam/security-credentials/";

fn environment(machine: &Machine, flags: &[&str]) -> BTreeMap<String, String> {
    let mut arguments = vec!["exec", "blah"];
    arguments.extend(flags);
    arguments.extend(["--", "env"]);
    let mut command = machine.command(arguments);
    let command = command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://198.51.100.1");
    let said = machine.finish(command).ok();
    let pairs = said.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn the_child_is_told_of_it() {
    let machine = Machine::new();
    let env = environment(&machine, &["--imds"]);
    let endpoint = &env["AWS_EC2_METADATA_SERVICE_ENDPOINT"];
    // Some SDKs put a path behind it and some in the place of its own: it is a port and nothing else.
    let port = endpoint.strip_prefix("http://127.0.0.1:").unwrap();
    port.parse::<u16>().unwrap();
    assert_eq!(env["AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE"], "IPv4");
    assert_eq!(env["AWS_EC2_METADATA_V1_DISABLED"], "true");
    assert!(!env.contains_key("AWS_EC2_METADATA_DISABLED"));
    assert!(env["AWS_CONTAINER_CREDENTIALS_FULL_URI"].starts_with(endpoint.as_str()));

    let env = environment(&machine, &["--imds=only"]);
    assert!(env.contains_key("AWS_EC2_METADATA_SERVICE_ENDPOINT"));
    assert!(
        !env.keys().any(|name| name.starts_with("AWS_CONTAINER_")),
        "{env:?}"
    );
}

#[test]
fn it_is_an_endpoint_or_nothing() {
    let machine = Machine::new();
    for flags in [["--imds", "--env"], ["--imds=always", "--keep-config"]] {
        let mut arguments = vec!["exec", "blah"];
        arguments.extend(flags);
        arguments.extend(["--", "true"]);
        let ran = machine.run(&arguments);
        assert_eq!(ran.status.code(), Some(2), "{flags:?}: {}", ran.stderr);
    }
}

/// One request; the status and the body.
fn ask(authority: &str, line: &str, header: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(authority).unwrap();
    write!(
        stream,
        "{line} HTTP/1.1\r\nHost: {authority}\r\n{header}\r\nConnection: close\r\n\r\n"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn its_credentials_are_the_roles_and_are_renewed() {
    let machine = Machine::with_sessions_of(4);
    let script = "echo \"$AWS_EC2_METADATA_SERVICE_ENDPOINT\"; read line";
    let mut child = machine
        .command(["exec", "blah", "--imds=only", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    let authority = line.trim_end().strip_prefix("http://").unwrap();
    let (status, token) = ask(
        authority,
        "PUT /latest/api/token",
        "X-aws-ec2-metadata-token-ttl-seconds: 21600",
    );
    assert_eq!(status, 200);
    let header = format!("X-aws-ec2-metadata-token: {token}");
    let get = |path: &str| {
        let (status, body) = ask(authority, &format!("GET {path}"), &header);
        assert_eq!(status, 200, "{path}: {body}");
        body
    };
    assert_eq!(get(ROLES), "BlahRole");
    assert_eq!(get("/latest/meta-data/placement/region"), "us-east-1");
    let document = get("/latest/dynamic/instance-identity/document");
    assert!(document.contains(r#""accountId":"666666666666""#), "{document}");
    let key = || {
        let credentials: serde_json::Value = serde_json::from_str(&get(&format!("{ROLES}BlahRole"))).unwrap();
        assert_eq!(credentials["AccountId"], "666666666666");
        credentials["AccessKeyId"].as_str().unwrap().to_owned()
    };
    let first = key();
    wait_for("a renewal", || (key() != first).then_some(()));
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    child.wait().unwrap();
}

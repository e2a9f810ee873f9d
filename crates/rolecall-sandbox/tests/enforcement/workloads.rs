//! Credentials that services hand to instances and containers.

mod containers;
mod instance;

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use rolecall_sandbox::{Account, Role, Sandbox, User, World};
use serde_json::Value;

use crate::common::Answer;
use crate::sts_world::{ONE, TWO, allow, trust};

const WEB: &str = "arn:aws:iam::111111111111:role/app/Web";
const SPARE: &str = "arn:aws:iam::111111111111:role/Spare";
const JOB: &str = "arn:aws:iam::111111111111:role/Job";
const NEXT: &str = "arn:aws:iam::222222222222:role/Next";

const ASSUME: &str = r#""sts:AssumeRole""#;
const EC2: &str = r#"{"Service":"ec2.amazonaws.com"}"#;
const ECS: &str = r#"{"Service":"ecs-tasks.amazonaws.com"}"#;

fn world() -> World {
    let all = allow(r#"["sts:*","s3:*"]"#);
    let task_of_ours = r#"{"StringEquals":{"aws:SourceAccount":"111111111111"},"ArnLike":{"aws:SourceArn":"arn:aws:ecs:us-east-1:111111111111:*"}}"#;
    let one = Account::new(ONE)
        .user(User::new("ann").policy("may", &all))
        .role(
            Role::new("Web", &trust(EC2, ASSUME, ""))
                .path("/app/")
                .policy("may", &all),
        )
        .role(Role::new("Spare", &trust(EC2, ASSUME, "")))
        .role(Role::new("Job", &trust(ECS, ASSUME, task_of_ours)).policy("may", &all))
        .role(Role::new("Batch", &trust(ECS, ASSUME, "")));
    let next = trust(r#"{"AWS":"111111111111"}"#, ASSUME, "");
    let two = Account::new(TWO).role(Role::new("Next", &next).max_session_seconds(7200));
    World::new()
        .account(one)
        .account(two)
        .instance_role(WEB)
        .container("job", JOB)
        .container("batch", "arn:aws:iam::111111111111:role/Batch")
}

fn start() -> Sandbox {
    Sandbox::builder()
        .world(world())
        .start()
        .expect("the world is sound")
}

/// What clients read of either answer.
fn credentials(answer: &Answer) -> Credentials {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let found = answer.json();
    let text = |name: &str| found[name].as_str().expect(name).to_owned();
    Credentials::new(
        text("AccessKeyId"),
        text("SecretAccessKey"),
        Some(text("Token")),
        None,
        "test",
    )
}

/// What the instance under this role is served.
pub(crate) fn of_instance(sandbox: &Sandbox, role: &str) -> Credentials {
    let path = format!("/latest/meta-data/iam/security-credentials/{role}");
    credentials(&instance::Metadata::of(sandbox).get(&path))
}

/// What this container is served.
pub(crate) fn of_container(sandbox: &Sandbox, name: &str) -> Credentials {
    let (uri, token) = sandbox.container(name).expect("the world has this container");
    credentials(&containers::get(sandbox, &uri, Some(&token)))
}

/// How many seconds after `now` they end, as they say.
fn left(answer: &Answer, now: SystemTime) -> i64 {
    let end = answer.json()["Expiration"]
        .as_str()
        .expect("an expiration")
        .to_owned();
    assert!(end.ends_with('Z') && end.len() == 20, "{end}");
    let end: jiff::Timestamp = end.parse().expect("a time");
    let now = jiff::Timestamp::try_from(now).expect("a time");
    end.as_second() - now.as_second()
}

fn is_about(seconds: i64, expected: i64) -> bool {
    (expected - 30..=expected).contains(&seconds)
}

/// Both are worlds in TOML as well.
#[test]
fn both_are_described_in_toml() {
    let text = r#"
[[account]]
id = "111111111111"
[[account.role]]
name = "Web"
trust = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal.Service = ["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"] }]
[instance]
role = "arn:aws:iam::111111111111:role/Web"
region = "eu-central-1"
[[container]]
name = "job"
role = "arn:aws:iam::111111111111:role/Web"
"#;
    let world = World::from_toml(text, "w.toml").unwrap_or_else(|errors| panic!("{errors}"));
    let sandbox = Sandbox::builder().world(world).start().unwrap();
    assert_eq!(sandbox.metadata_endpoint(), Some(sandbox.endpoint()));
    assert_eq!(sandbox.containers(), ["job"]);
    let region = instance::Metadata::of(&sandbox).get("/latest/meta-data/placement/region");
    assert_eq!(region.body, "eu-central-1");
    let table = [
        (
            "role = \"arn:aws:iam::111111111111:role/Web\"\nregion",
            "role = \"arn:aws:iam::111111111111:role/Wep\"\nregion",
            "w.toml:8: the instance has the role",
            "Did you mean `Web`?",
        ),
        (
            "role = \"arn:aws:iam::111111111111:role/Web\"\nregion",
            "role = \"Web\"\nregion",
            "w.toml:8: `role` of the instance",
            "",
        ),
        ("eu-central-1", "Moon!", "w.toml:9: `region`", ""),
        (
            "\"ec2.amazonaws.com\", ",
            "",
            "w.toml:8: the instance has the role arn:aws:iam::111111111111:role/Web, whose trust policy does not let ec2.amazonaws.com in",
            "Principal.Service",
        ),
        (
            ", \"ecs-tasks.amazonaws.com\"",
            "",
            "w.toml:12: container job has the role",
            "ecs-tasks.amazonaws.com",
        ),
        (
            "name = \"job\"",
            "name = \"a/b\"",
            "w.toml:11: container `a/b`",
            "",
        ),
        (
            "region =",
            "regoin =",
            "w.toml:9: the instance has no key `regoin`",
            "region",
        ),
        ("name = \"job\"\n", "", "w.toml:10: a container has no `name`", ""),
        (
            "[[container]]",
            "[container]",
            "w.toml:10: `container` of the world",
            "[[container]]",
        ),
    ];
    for (good, bad, words, hint) in table {
        assert!(text.contains(good), "{good}");
        let errors = World::from_toml(&text.replacen(good, bad, 1), "w.toml").expect_err(bad);
        let error = &errors.errors()[0];
        assert!(error.to_string().starts_with(words), "{error}\n{words}");
        assert!(
            error.hint().unwrap_or_default().contains(hint),
            "{:?}",
            error.hint()
        );
    }
    let twice =
        format!("{text}[[container]]\nname = \"job\"\nrole = \"arn:aws:iam::111111111111:role/Web\"\n");
    let errors = World::from_toml(&twice, "w.toml").expect_err("twice");
    assert_eq!(
        errors.errors()[0].to_string(),
        "w.toml:14: container job is there twice; see line 11"
    );
}

/// Everything that is handed out can be searched for, and is not in the record.
#[test]
fn what_is_handed_out_is_known_and_not_in_the_record() {
    let sandbox = start();
    let before = sandbox.secrets().len();
    let metadata = instance::Metadata::of(&sandbox);
    let of_instance = metadata.get("/latest/meta-data/iam/security-credentials/Web");
    let (uri, token) = sandbox.container("job").unwrap();
    let of_task = containers::get(&sandbox, &uri, Some(&token));
    // A token, and a secret and a session token each.
    assert_eq!(sandbox.secrets().len(), before + 5);
    for text in [&of_instance.body, &of_task.body, &token, &metadata.token] {
        assert!(!sandbox.secrets().leaks_in(text.as_bytes()).is_empty());
    }
    let record = format!("{:?}", sandbox.calls());
    let told: String = sandbox
        .calls()
        .iter()
        .map(rolecall_sandbox::Call::explain)
        .collect();
    for text in [record, told] {
        assert!(sandbox.secrets().leaks_in(text.as_bytes()).is_empty(), "{text}");
    }
    let operations: Vec<_> = sandbox.calls().into_iter().map(|call| call.operation).collect();
    let expected = [
        "InstanceMetadataToken",
        "InstanceMetadataCredentials",
        "ContainerCredentials",
    ];
    assert_eq!(operations, expected);
    let calls: Value = crate::rest::get(&sandbox, "/_sandbox/calls", &[]).json();
    assert_eq!(calls[2]["decided"][0]["principal"], "ecs-tasks.amazonaws.com");
}

/// `--explain` says who let the service in.
#[test]
fn the_first_credentials_are_explained() {
    let sandbox = start();
    instance::Metadata::of(&sandbox).get("/latest/meta-data/iam/security-credentials/Web");
    let told = sandbox
        .calls()
        .last()
        .map(rolecall_sandbox::Call::explain)
        .unwrap();
    assert!(
        told.contains("instance InstanceMetadataCredentials: 200 OK"),
        "{told}"
    );
    assert!(
        told.contains(&format!("allowed: sts:AssumeRole on {WEB}")),
        "{told}"
    );
}

const MINUTE: Duration = Duration::from_secs(60);

//! The ready world `organization`, walked profile by profile as its config file has them: who gets in, and who is
//! refused by what. `docs/worlds.md` has the same table for people.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use rolecall::policy::Verdict;
use rolecall_sandbox::{Sandbox, World};

use crate::common::{Answer, assume, exchange, query, s3, user};

type Sections = BTreeMap<String, BTreeMap<String, String>>;

/// The sections of AWS's two files, as far as the sandbox writes them.
fn sections(text: &str) -> Sections {
    let mut sections = Sections::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(heading) = line.strip_prefix('[') {
            let heading = heading.trim_end_matches(']');
            heading
                .strip_prefix("profile ")
                .unwrap_or(heading)
                .clone_into(&mut name);
            sections.entry(name.clone()).or_default();
        } else if let Some((key, value)) = line.split_once(" = ") {
            let section = sections.get_mut(&name).expect("a test's own helper");
            section.insert(key.to_owned(), value.to_owned());
        }
    }
    sections
}

struct Walk {
    sandbox: Sandbox,
    config: Sections,
    credentials: Sections,
}

impl Walk {
    fn new() -> Self {
        let world = World::organization_of_twenty();
        let sandbox = Sandbox::builder()
            .world(world)
            .start()
            .expect("a test's own helper");
        Self {
            config: sections(&sandbox.config_file()),
            credentials: sections(&sandbox.credentials_file()),
            sandbox,
        }
    }

    /// What AWS's own tools do with a profile: its key, or its role assumed with its source's credentials.
    fn credentials(&self, profile: &str) -> Credentials {
        match self.credentials.get(profile) {
            Some(key) => Credentials::new(
                &key["aws_access_key_id"],
                &key["aws_secret_access_key"],
                None,
                None,
                "walk",
            ),
            None => {
                let answer = self.enter(profile);
                assert_eq!(answer.status, 200, "{profile}: {}", answer.body);
                answer.credentials()
            }
        }
    }

    fn enter(&self, profile: &str) -> Answer {
        let keys = &self.config[profile];
        let source = match keys.get("source_profile") {
            Some(profile) => self.credentials(profile),
            None => {
                assert_eq!(keys["credential_source"], "Ec2InstanceMetadata");
                crate::workloads::of_instance(&self.sandbox, "Bastion")
            }
        };
        let code = keys.get("mfa_serial").map(|serial| self.code(serial));
        let mut more = Vec::new();
        for (key, parameter) in [
            ("external_id", "ExternalId"),
            ("duration_seconds", "DurationSeconds"),
            ("mfa_serial", "SerialNumber"),
        ] {
            more.extend(keys.get(key).map(|value| (parameter, value.as_str())));
        }
        more.extend(code.as_deref().map(|code| ("TokenCode", code)));
        assume(&self.sandbox, &source, &keys["role_arn"], &more)
    }

    /// The code that the device shows now.
    fn code(&self, serial: &str) -> String {
        let head = format!(
            "GET /_sandbox/mfa-code?serial={serial} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n",
            self.sandbox.endpoint().trim_start_matches("http://")
        );
        let answer = exchange(&self.sandbox, head.as_bytes(), std::time::Duration::from_secs(10));
        let code: serde_json::Value = serde_json::from_str(&answer.body).expect("a test's own helper");
        code["code"].as_str().expect("a test's own helper").to_owned()
    }

    /// `allowed`, the kind of policy that refused the last AssumeRole, or the error code where no policy was asked.
    fn outcome(&self, profile: &str) -> String {
        let answer = self.enter(profile);
        if answer.status == 200 {
            return "allowed".to_owned();
        }
        let calls = self.sandbox.calls();
        let call = calls.last().expect("a test's own helper");
        assert_eq!(
            (call.operation.as_str(), call.status),
            ("AssumeRole", answer.status)
        );
        match call.decided.last().map(|decided| &decided.verdict) {
            Some(Verdict::ImplicitDeny(kind)) => format!("no {}", kind.name()),
            Some(Verdict::ExplicitDeny(matched)) => format!("{} denies", matched.kind.name()),
            _ => answer.code(),
        }
    }
}

/// What each broken profile meets.
const BROKEN: [(&str, &str); 10] = [
    ("broken-wrong-account", "no role trust policy"),
    ("broken-no-external-id", "no role trust policy"),
    ("broken-boundary", "no permissions boundary"),
    ("broken-no-identity-policy", "no identity-based policy"),
    ("broken-made-anew", "no role trust policy"),
    ("broken-too-long", "400 ValidationError"),
    ("broken-chained-too-long", "400 ValidationError"),
    ("broken-no-mfa", "no role trust policy"),
    ("broken-path", "no identity-based policy"),
    ("broken-session-name", "no role trust policy"),
];
/// Refused before there is a role to ask, and not refused at all.
const OTHERWISE_BROKEN: [(&str, &str); 2] = [
    ("broken-typo", "403 AccessDenied"),
    ("broken-mfa-deny", "allowed"),
];
/// What needs the judgement of service control policies.
const HELD_BY_THE_ORGANIZATION: &str = "broken-service-control";

#[test]
fn every_role_profile_is_allowed_or_refused_by_what_it_says() {
    let walk = Walk::new();
    let mut walked = 0;
    for (profile, keys) in &walk.config {
        if !keys.contains_key("role_arn") || profile == HELD_BY_THE_ORGANIZATION {
            continue;
        }
        // Each code is taken once: the administrators' turn comes in a test of its own.
        if keys.contains_key("mfa_serial") {
            continue;
        }
        let broken = BROKEN.iter().chain(&OTHERWISE_BROKEN);
        let expected = broken
            .into_iter()
            .find(|(name, _)| name == profile)
            .map_or("allowed", |(_, outcome)| outcome);
        assert_eq!(walk.outcome(profile), expected, "{profile}");
        walked += 1;
    }
    // deployer, nine to deploy and nine to read, two sandboxes, the vendor's, the reports' and the bastion's, and the
    // broken ones.
    assert_eq!(walked, 1 + 9 + 9 + 2 + 3 + BROKEN.len() + OTHERWISE_BROKEN.len());
}

#[test]
fn every_key_profile_is_who_it_says() {
    let walk = Walk::new();
    for (profile, arn) in [
        ("ada", "arn:aws:iam::100000000002:user/ada"),
        ("omar", "arn:aws:iam::100000000002:user/omar"),
        ("newcomer", "arn:aws:iam::100000000002:user/newcomer"),
        ("trainee", "arn:aws:iam::100000000002:user/trainee"),
        ("builder", "arn:aws:iam::100000000002:user/builder"),
        ("vendor", "arn:aws:iam::100000000091:user/scanner"),
        ("root-of-sandbox", "arn:aws:iam::100000000041:root"),
    ] {
        let answer = query(
            &walk.sandbox,
            &walk.credentials(profile),
            "sts",
            "GetCallerIdentity",
            &[],
        );
        assert_eq!(answer.text("Arn").as_deref(), Some(arn), "{profile}");
    }
    assert_eq!(walk.credentials.len(), 7);
    assert_eq!(walk.sandbox.accounts().len(), 20);
    let entered = walk
        .config
        .values()
        .filter(|keys| keys.contains_key("sso_account_id"));
    assert_eq!(entered.count(), 2);
    assert_eq!(walk.config["sso-session sandbox"]["sso_region"], "us-east-1");
}

/// The positive controls of what is broken: the same roles with the mistake taken away.
#[test]
fn what_is_broken_works_once_it_is_mended() {
    let walk = Walk::new();
    let sandbox = &walk.sandbox;
    let deployer = walk.credentials("deployer");
    let nightly = assume(
        sandbox,
        &user(sandbox, "ada"),
        "arn:aws:iam::100000000002:role/Deployer",
        &[("RoleSessionName", "nightly")],
    );
    let role = "arn:aws:iam::100000000022:role/NightlyOnly";
    assert_eq!(assume(sandbox, &nightly.credentials(), role, &[]).status, 200);
    // Saved with the ARN again, a trust policy has the id of who is there now.
    let admin = sandbox
        .accounts()
        .into_iter()
        .find(|account| account.id == "100000000021")
        .unwrap();
    let admin = Credentials::new(admin.access_key_id, admin.secret_access_key, None, None, "walk");
    let trust = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole",
        "Principal": {"AWS": "arn:aws:iam::100000000002:role/Deployer"}}}"#;
    let saved = query(
        sandbox,
        &admin,
        "iam",
        "UpdateAssumeRolePolicy",
        &[("RoleName", "MadeAnew"), ("PolicyDocument", trust)],
    );
    assert_eq!(saved.status, 200, "{}", saved.body);
    let role = "arn:aws:iam::100000000021:role/MadeAnew";
    assert_eq!(assume(sandbox, &deployer, role, &[]).status, 200);
}

/// A session policy only takes away: neither what it alone allows nor what the role alone allows is allowed.
#[test]
fn a_session_policy_does_not_give() {
    let walk = Walk::new();
    let sandbox = &walk.sandbox;
    let ada = user(sandbox, "ada");
    let role = "arn:aws:iam::100000000032:role/Reports";
    let may_read = |policy: Option<&str>| {
        let more: Vec<_> = policy.map(|policy| ("Policy", policy)).into_iter().collect();
        let session = assume(sandbox, &ada, role, &more).credentials();
        let topics = query(sandbox, &session, "sns", "ListTopics", &[]);
        let object = s3(sandbox, &session, "GET", "/canary-reports/2026/q1.csv", "");
        (object.status, topics.status)
    };
    assert_eq!(may_read(None), (200, 403));
    let topics = r#"{"Statement": {"Effect": "Allow", "Action": "sns:*", "Resource": "*"}}"#;
    assert_eq!(may_read(Some(topics)), (403, 403));
    let everything = r#"{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}"#;
    assert_eq!(may_read(Some(everything)), (200, 403));
}

#[test]
fn the_organization_holds_its_accounts() {
    let walk = Walk::new();
    let sandbox = &walk.sandbox;
    assert_eq!(
        walk.outcome(HELD_BY_THE_ORGANIZATION),
        "service control policy denies"
    );
    // The control: ada's sandbox may do everything else.
    let owner = walk.credentials("sandbox-ada");
    assert_eq!(s3(sandbox, &owner, "GET", "/", "").status, 200);
    // A root user is denied everything that can be denied.
    let root = walk.credentials("root-of-sandbox");
    assert_eq!(s3(sandbox, &root, "GET", "/", "").status, 403);
}

/// The container may read the reports, and nothing else.
#[test]
fn the_container_has_its_role() {
    let walk = Walk::new();
    let sandbox = &walk.sandbox;
    assert_eq!(sandbox.containers(), ["indexer"]);
    let indexer = crate::workloads::of_container(sandbox, "indexer");
    let object = s3(sandbox, &indexer, "GET", "/canary-reports/2026/q1.csv", "");
    assert_eq!(object.status, 200, "{}", object.body);
    assert_eq!(s3(sandbox, &indexer, "GET", "/", "").status, 403);
}

#[test]
fn administrators_enter_with_a_code() {
    let walk = Walk::new();
    assert_eq!(walk.outcome("shop-prod-admin"), "allowed");
    let profiles = walk.config.values();
    let serials = profiles.filter(|keys| keys.contains_key("role_arn") && keys.contains_key("mfa_serial"));
    assert_eq!(serials.count(), 9);
}

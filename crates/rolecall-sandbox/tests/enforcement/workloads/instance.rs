//! The instance metadata service, version 2.

use std::time::Duration;

use aws_config::imds;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::ProvideCredentials;
use rolecall_sandbox::{Fault, Sandbox, World};
use serde_json::{Value, json};

use super::{MINUTE, NEXT, SPARE, credentials, is_about, left, start, world};
use crate::common::{Answer, assume, query, s3};
use crate::rest::{admin, get, post_json, rest};
use crate::sts_world::ONE;

const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
const WEB: &str = "/latest/meta-data/iam/security-credentials/Web";

/// The metadata, for who has a token.
pub(super) struct Metadata<'a> {
    sandbox: &'a Sandbox,
    pub(super) token: String,
}

impl<'a> Metadata<'a> {
    pub(super) fn of(sandbox: &'a Sandbox) -> Self {
        let answer = token(sandbox, &[(TTL, "21600")]);
        assert_eq!(answer.status, 200, "{}", answer.body);
        Self {
            sandbox,
            token: answer.body,
        }
    }

    pub(super) fn get(&self, path: &str) -> Answer {
        let header = [("x-aws-ec2-metadata-token", self.token.as_str())];
        rest(self.sandbox, "GET", path, &header, "")
    }
}

fn token(sandbox: &Sandbox, headers: &[(&str, &str)]) -> Answer {
    rest(sandbox, "PUT", "/latest/api/token", headers, "")
}

#[test]
fn a_token_opens_the_metadata_and_nothing_else_does() {
    let sandbox = start();
    for (headers, status) in [
        (&[][..], 400),
        (&[(TTL, "")], 400),
        (&[(TTL, "0")], 400),
        (&[(TTL, "21601")], 400),
        (&[(TTL, "-1")], 400),
        (&[(TTL, "1h")], 400),
        (&[(TTL, "60"), ("x-forwarded-for", "203.0.113.9")], 403),
        (&[(TTL, "1")], 200),
        (&[(TTL, "21600")], 200),
    ] {
        let answer = token(&sandbox, headers);
        assert_eq!(answer.status, status, "{headers:?}");
        let echoed = (status == 200).then(|| headers[0].1);
        assert_eq!(answer.header(TTL), echoed, "{headers:?}");
    }
    for method in ["GET", "POST", "DELETE"] {
        assert_eq!(
            rest(&sandbox, method, "/latest/api/token", &[(TTL, "60")], "").status,
            405
        );
    }
    let good = Metadata::of(&sandbox);
    for path in [
        ROLES,
        WEB,
        "/latest/meta-data/placement/region",
        "/latest/meta-data/none",
    ] {
        assert_eq!(get(&sandbox, path, &[]).status, 401, "version 1: {path}");
        let spoilt = Metadata {
            sandbox: &sandbox,
            token: good.token.replace("==", "=="[1..].repeat(3).as_str()),
        };
        assert_eq!(spoilt.get(path).status, 401, "{path}");
    }
    assert_eq!(good.get(ROLES).body, "Web");
    assert_eq!(
        rest(
            &sandbox,
            "POST",
            ROLES,
            &[("x-aws-ec2-metadata-token", &good.token)],
            ""
        )
        .status,
        405
    );
    // The token's own time, and the end of all tokens.
    let short = token(&sandbox, &[(TTL, "60")]).body;
    let short = Metadata {
        sandbox: &sandbox,
        token: short,
    };
    assert_eq!(short.get(ROLES).status, 200);
    sandbox.advance(MINUTE);
    assert_eq!((short.get(ROLES).status, good.get(ROLES).status), (401, 200));
    sandbox.end_metadata_tokens();
    assert_eq!(good.get(ROLES).status, 401);
}

#[test]
fn every_path_that_clients_read() {
    let sandbox = start();
    let metadata = Metadata::of(&sandbox);
    let extended = "/latest/meta-data/iam/security-credentials-extended";
    for (path, body) in [
        ("/latest/meta-data/iam/security-credentials", "Web"),
        (ROLES, "Web"),
        ("//latest/meta-data/iam/security-credentials/", "Web"),
        (extended, "Web"),
        (&format!("{extended}/"), "Web"),
        ("/latest/meta-data/placement/region", "us-east-1"),
        ("/latest/meta-data/placement/availability-zone", "us-east-1a"),
        ("/latest/meta-data/placement/availability-zone/", "us-east-1a"),
    ] {
        let answer = metadata.get(path);
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    let id = metadata.get("/latest/meta-data/instance-id").body;
    let document = metadata.get("/latest/dynamic/instance-identity/document").json();
    assert_eq!(document["region"], "us-east-1");
    assert_eq!(
        (&document["accountId"], &document["instanceId"]),
        (&json!(ONE), &json!(id))
    );
    let info = metadata.get("/latest/meta-data/iam/info").json();
    assert_eq!(info["Code"], "Success");
    assert_eq!(
        info["InstanceProfileArn"],
        "arn:aws:iam::111111111111:instance-profile/Web"
    );

    let plain = metadata.get(WEB).json();
    assert_eq!(
        (&plain["Code"], &plain["Type"]),
        (&json!("Success"), &json!("AWS-HMAC"))
    );
    assert_eq!(plain.get("AccountId"), None);
    let with_account = metadata.get(&format!("{extended}/Web")).json();
    assert_eq!(with_account["AccountId"], ONE);
    assert_eq!(with_account["AccessKeyId"], plain["AccessKeyId"]);
    for path in [
        "/latest/meta-data/iam/security-credentials/Other",
        "/latest/meta-data/iam/security-credentialsX",
        "/latest/meta-data/none",
        "/latest/",
    ] {
        assert_eq!(metadata.get(path).status, 404, "{path}");
    }
    // Where the newer paths are not, the others are.
    sandbox.set_extended_metadata(false);
    assert_eq!(metadata.get(extended).status, 404);
    assert_eq!(metadata.get(&format!("{extended}/Web")).status, 404);
    assert_eq!(metadata.get(WEB).status, 200);
    // Signed requests are S3's: a bucket may be called `latest`.
    let ann = crate::common::user(&sandbox, "ann");
    assert_eq!(
        s3(&sandbox, &ann, "GET", "/latest/meta-data", "").code(),
        "404 NoSuchBucket"
    );
}

/// "AWS does not treat using roles to grant permissions to applications that run on EC2 instances as role chaining"; to
/// assume another role with them is, and lasts an hour at most.
#[test]
fn an_instance_acts_as_its_role_and_chains_for_an_hour() {
    let sandbox = start();
    let metadata = Metadata::of(&sandbox);
    let answer = metadata.get(WEB);
    assert!(
        is_about(left(&answer, sandbox.now()), 6 * 3600),
        "{}",
        answer.body
    );
    let session = credentials(&answer);
    assert!(session.access_key_id().starts_with("ASIA"));
    let id = metadata.get("/latest/meta-data/instance-id").body;
    assert!(id.starts_with("i-0") && id.len() == 19, "{id}");
    let identity = query(&sandbox, &session, "sts", "GetCallerIdentity", &[]);
    let arn = format!("arn:aws:sts::111111111111:assumed-role/Web/{id}");
    assert_eq!(identity.text("Arn"), Some(arn));
    assert_eq!(assume(&sandbox, &session, NEXT, &[]).status, 200);
    let long = assume(&sandbox, &session, NEXT, &[("DurationSeconds", "7200")]);
    assert_eq!(long.code(), "400 ValidationError");
    assert!(long.message().contains("role chaining"), "{}", long.body);
    // The role's own policies hold it, and the session's end does.
    assert_eq!(s3(&sandbox, &session, "GET", "/", "").status, 200);
    assert_eq!(
        query(&sandbox, &session, "iam", "ListUsers", &[]).code(),
        "403 AccessDenied"
    );
    sandbox.advance(Duration::from_secs(6 * 3600));
    let identity = query(&sandbox, &session, "sts", "GetCallerIdentity", &[]);
    assert_eq!(identity.code(), "403 ExpiredToken");
}

/// "We make new credentials available at least five minutes before the expiration of the old credentials".
#[test]
fn credentials_are_renewed_before_they_end() {
    let sandbox = start();
    let key = || credentials(&Metadata::of(&sandbox).get(WEB));
    let first = key();
    sandbox.advance(Duration::from_secs(6 * 3600) - 6 * MINUTE);
    assert_eq!(key().access_key_id(), first.access_key_id());
    sandbox.advance(MINUTE);
    let second = key();
    assert_ne!(second.access_key_id(), first.access_key_id());
    for session in [&first, &second] {
        assert_eq!(
            query(&sandbox, session, "sts", "GetCallerIdentity", &[]).status,
            200
        );
    }

    // Of what does not last for minutes, the first half is served again.
    let sandbox = Sandbox::builder()
        .world(world())
        .session_seconds(60)
        .start()
        .unwrap();
    let key = || Metadata::of(&sandbox).get(WEB);
    let first = key();
    assert!(is_about(left(&first, sandbox.now()), 60), "{}", first.body);
    sandbox.advance(MINUTE / 4);
    assert_eq!(credentials(&key()), credentials(&first));
    sandbox.advance(MINUTE / 4);
    assert_ne!(credentials(&key()), credentials(&first));
}

#[test]
fn metadata_can_be_off_and_the_role_another_or_none() {
    let sandbox = start();
    sandbox.set_instance_metadata(false);
    assert_eq!(token(&sandbox, &[(TTL, "60")]).status, 403);
    assert_eq!(get(&sandbox, ROLES, &[]).status, 403);
    sandbox.set_instance_metadata(true);
    let metadata = Metadata::of(&sandbox);
    assert_eq!(metadata.get(WEB).status, 200);
    for role in [
        "arn:aws:iam::111111111111:role/Job",
        "arn:aws:iam::111111111111:role/None",
        "Spare",
    ] {
        assert!(!sandbox.set_instance_role(Some(role)), "{role}");
    }
    assert!(sandbox.set_instance_role(Some(SPARE)));
    assert_eq!(metadata.get(ROLES).body, "Spare");
    assert_eq!(
        (
            metadata.get(WEB).status,
            metadata.get(&format!("{ROLES}Spare")).status
        ),
        (404, 200)
    );
    assert!(sandbox.set_instance_role(None));
    for path in [ROLES, "/latest/meta-data/iam/info", "/latest/meta-data/iam/"] {
        assert_eq!(metadata.get(path).status, 404, "{path}");
    }
    assert_eq!(metadata.get("/latest/meta-data/placement/region").status, 200);

    // The same from any language.
    let set = |body: Value| post_json(&sandbox, "/_sandbox/instance", &body);
    assert_eq!(
        set(json!({"role_arn": SPARE, "extended": false})).json()["role_arn"],
        SPARE
    );
    assert_eq!(
        set(json!({"role_arn": "arn:aws:iam::111111111111:role/Job"})).status,
        404
    );
    assert_eq!(set(json!({"role": SPARE})).status, 400);
    assert_eq!(set(json!({"enabled": false})).json()["enabled"], false);
    assert_eq!(metadata.get(ROLES).status, 403);
    let now = set(json!({"role_arn": "", "enabled": true})).json();
    assert_eq!(
        (&now["role_arn"], &now["extended"]),
        (&Value::Null, &json!(false))
    );
    assert_eq!(get(&sandbox, "/_sandbox/instance", &[]).json(), now);

    let bare = Sandbox::builder().world(World::empty()).start().unwrap();
    assert!(bare.metadata_endpoint().is_none() && !bare.set_instance_role(None));
    assert_eq!(token(&bare, &[(TTL, "60")]).status, 404);
    assert_eq!(get(&bare, "/_sandbox/instance", &[]).status, 404);
}

/// What was handed out stays good; the next are refused where clients look for it.
#[test]
fn a_role_that_no_longer_trusts_is_said_to_be_so() {
    let sandbox = start();
    let admin = admin(&sandbox, ONE);
    let metadata = Metadata::of(&sandbox);
    let before = credentials(&metadata.get(WEB));
    let trust = r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"sts:AssumeRole","Principal":{"Service":"ec2.amazonaws.com"}}}"#;
    let parameters = [("RoleName", "Web"), ("PolicyDocument", trust)];
    assert_eq!(
        query(&sandbox, &admin, "iam", "UpdateAssumeRolePolicy", &parameters).status,
        200
    );
    assert_eq!(credentials(&metadata.get(WEB)), before);
    sandbox.advance(Duration::from_secs(6 * 3600) - MINUTE);
    let metadata = Metadata::of(&sandbox);
    let refused = metadata.get(WEB);
    assert_eq!(
        (refused.status, &refused.json()["Code"]),
        (200, &json!("AssumeRoleUnauthorizedAccess"))
    );
    assert_eq!(refused.json().get("Token"), None);
    let told = sandbox
        .calls()
        .last()
        .map(rolecall_sandbox::Call::explain)
        .unwrap();
    assert!(told.contains("by an explicit Deny"), "{told}");
}

#[test]
fn faults_are_met_here_too() {
    let sandbox = start();
    let metadata = Metadata::of(&sandbox);
    for (fault, status) in [
        (Fault::Throttle, 503),
        (Fault::ServerError, 500),
        (Fault::Unavailable, 503),
        (Fault::Reset, 0),
    ] {
        sandbox.inject(fault, "InstanceMetadataCredentials", 1);
        assert_eq!(metadata.get(ROLES).status, 200);
        assert_eq!(metadata.get(WEB).status, status, "{fault}");
        sandbox.inject(fault, "InstanceMetadataToken", 1);
        assert_eq!(token(&sandbox, &[(TTL, "60")]).status, status, "{fault}");
        sandbox.inject(fault, "InstanceMetadata", 1);
        assert_eq!(metadata.get(ROLES).status, status, "{fault}");
    }
    sandbox.inject(Fault::Garbage, "InstanceMetadataCredentials", 1);
    assert!(metadata.get(WEB).body.starts_with("<html>"));
    sandbox.inject(Fault::TruncatedXml, "InstanceMetadataCredentials", 1);
    let half = metadata.get(WEB);
    assert!(half.status == 200 && serde_json::from_str::<Value>(&half.body).is_err());
    sandbox.inject(Fault::AlreadyExpired, "InstanceMetadataCredentials", 1);
    assert!(left(&metadata.get(WEB), sandbox.now()) < 0);
    sandbox.inject(Fault::ExpiresTooLate, "InstanceMetadataCredentials", 1);
    assert!(left(&metadata.get(WEB), sandbox.now()) > 29 * 3600);
    assert!(is_about(left(&metadata.get(WEB), sandbox.now()), 6 * 3600));
    let counts = [
        "InstanceMetadataToken",
        "InstanceMetadataCredentials",
        "InstanceMetadata",
    ];
    assert_eq!(counts.map(|operation| sandbox.count(operation)), [5, 9, 8]);
}

/// AWS's own client of the metadata service, over plain HTTP.
#[test]
fn awss_own_client_gets_in() {
    let sandbox = start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let found = runtime.block_on(async {
        let http = aws_smithy_http_client::Builder::new().build_http();
        let config = ProviderConfig::without_region().with_http_client(http);
        let client = imds::Client::builder()
            .configure(&config)
            .endpoint(sandbox.endpoint())
            .unwrap()
            .build();
        let provider = imds::credentials::ImdsCredentialsProvider::builder()
            .configure(&config)
            .imds_client(client)
            .build();
        provider.provide_credentials().await.unwrap()
    });
    let identity = query(&sandbox, &found, "sts", "GetCallerIdentity", &[]);
    assert!(
        identity.body.contains("assumed-role/Web/i-0"),
        "{}",
        identity.body
    );
}

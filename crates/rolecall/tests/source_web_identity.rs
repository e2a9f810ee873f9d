//! Web identity tokens, exchanged at the sandbox: fetched anew, looked at before they are sent, and never signed for.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test writes the files that it is about"
)]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/liar.rs"]
#[expect(
    dead_code,
    reason = "shared with tests/source_machine.rs, which lies in more ways"
)]
mod liar;
#[path = "support/sentences.rs"]
mod sentences;
#[path = "support/tool.rs"]
#[expect(dead_code, reason = "shared with tests/source_process.rs, which runs more")]
mod tool;

use aws::Aws;
use liar::{Liar, Reply};
use rolecall::{Error, ErrorKind, Provider, Request};
use rolecall_sandbox::{Sandbox, World};
use serde_json::json;
use tool::Tools;

const WORLD: &str = r#"
[[account]]
id = "111111111111"

[[account.oidc_provider]]
url = "sandbox"
client_ids = ["sts.amazonaws.com"]

[[account.role]]
name = "Ci"
max_session_seconds = 43200
policies.all = [{ Effect = "Allow", Action = "sts:*", Resource = "*" }]
trust = [{ Effect = "Allow", Action = "sts:AssumeRoleWithWebIdentity", Principal.Federated = "arn:aws:iam::111111111111:oidc-provider/sandbox", Condition.StringLike."sandbox:sub" = "repo:acme/*" }]

[[account.role]]
name = "Next"
max_session_seconds = 43200
trust = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal.AWS = "arn:aws:iam::111111111111:role/Ci" }]
"#;

const CI: &str = "role_arn = arn:aws:iam::111111111111:role/Ci";

struct Pod {
    aws: Aws,
    tools: Tools,
}

impl Pod {
    fn new() -> Self {
        let world = World::from_toml(WORLD, "world.toml").unwrap();
        Self {
            aws: Aws::with(Sandbox::builder().world(world)),
            tools: Tools::new(),
        }
    }

    fn token(&self, subject: &str) -> String {
        let claims = json!({"sub": subject, "aud": "sts.amazonaws.com"});
        self.aws.sandbox.web_identity_token(claims)
    }

    fn file(&self) -> String {
        self.tools.path("token").display().to_string()
    }

    fn write(&self, text: &str) {
        std::fs::write(self.tools.path("token"), text).unwrap();
    }

    /// A provider for profile `p` that has these lines, with `TOKEN` for the token's file.
    fn provider(&self, lines: &str, request: Request) -> Result<Provider, Error> {
        let lines = lines.replace("TOKEN", &self.file());
        let host = self.aws.host_builder().env("PATH", "/usr/bin:/bin").build();
        let request = Request {
            target: Some("p".to_owned()),
            ..request
        };
        self.tools.builder(host, &lines).request(request).build()
    }

    async fn refused(&self, text: &str) -> Error {
        self.write(text);
        let lines = format!("{CI}\nweb_identity_token_file = TOKEN");
        let provider = self.provider(&lines, Request::default()).unwrap();
        let error = provider.session().await.unwrap_err();
        self.aws.assert_sentence(&error);
        error
    }
}

#[tokio::test]
async fn a_token_is_exchanged_and_read_anew_for_each_session() {
    let pod = Pod::new();
    let lines = format!(
        "{CI}\nweb_identity_token_file = TOKEN\nduration_seconds = 43200\nrole_session_name = pipeline"
    );
    let provider = pod.provider(&lines, Request::default()).unwrap();
    for subject in ["repo:acme/one", "repo:acme/two"] {
        pod.write(&format!("{}\n", pod.token(subject)));
        let session = provider.refresh().await.unwrap();
        assert!(
            session
                .principal()
                .unwrap()
                .to_string()
                .ends_with("assumed-role/Ci/pipeline")
        );
        let lifetime = session
            .expires_at()
            .duration_since(session.issued_at())
            .unwrap()
            .as_secs();
        assert!((43_190..=43_210).contains(&lifetime), "{lifetime}");
    }
    pod.write(&pod.token("repo:other/one"));
    let error = provider.refresh().await.unwrap_err();
    pod.aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(pod.aws.sandbox.count("AssumeRoleWithWebIdentity"), 3);
}

#[tokio::test]
async fn a_command_may_print_the_token_and_roles_start_from_there() {
    let pod = Pod::new();
    pod.write(&pod.token("repo:acme/one"));
    let script = pod.tools.script("tool", &format!("cat {}", pod.file()));
    let lines = format!(
        "role_arn = arn:aws:iam::111111111111:role/Next\nsource_profile = ci\nduration_seconds = 7200\nexternal_id = theirs\n\
         [profile ci]\nregion = eu-west-1\n{CI}\nweb_identity_token_process = {script}\nduration_seconds = 7200\nexternal_id = ours"
    );
    let provider = pod.provider(&lines, Request::default()).unwrap();
    let chain = provider.chain();
    let seconds: Vec<_> = chain
        .roles
        .iter()
        .map(|role| role.duration.value.seconds())
        .collect();
    assert_eq!(seconds, [7200, 3600], "only what is chained is capped");
    assert!(chain.roles[0].external_id.is_none() && chain.roles[1].external_id.is_some());
    assert!(
        chain
            .warnings
            .iter()
            .any(|warning| warning.contains("external_id")),
        "{:?}",
        chain.warnings
    );
    let session = provider.session().await.unwrap();
    assert!(
        session
            .principal()
            .unwrap()
            .to_string()
            .contains("assumed-role/Next/")
    );
}

#[tokio::test]
async fn what_cannot_be_a_token_is_not_sent() {
    let pod = Pod::new();
    for (text, said) in [
        ("", "is empty"),
        ("\n", "is empty"),
        ("CANARYSECRET", "is no JSON Web Token"),
        ("a.b.c", "is no JSON Web Token"),
        ("eyJhbGciOiJub25lIn0.CANARY CANARY.x", "is no JSON Web Token"),
    ] {
        let error = pod.refused(text).await;
        assert!(error.to_string().contains(said), "{text}: {error}");
        assert!(
            error.to_string().contains(&pod.file()) && !error.to_string().contains("CANARY"),
            "{error}"
        );
    }
    let error = pod.refused(&"x".repeat(20_001)).await;
    assert!(error.to_string().contains("20000"), "{error}");
    let ended = json!({"sub": "repo:acme/one", "aud": "sts.amazonaws.com", "exp": 1_000_000_000});
    let error = pod.refused(&pod.aws.sandbox.web_identity_token(ended)).await;
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(
        error.to_string().contains("ended at 2001-09-09T01:46:40Z"),
        "{error}"
    );
    std::fs::remove_file(pod.tools.path("token")).unwrap();
    let lines = format!("{CI}\nweb_identity_token_file = TOKEN");
    let missing = pod
        .provider(&lines, Request::default())
        .unwrap()
        .session()
        .await
        .unwrap_err();
    pod.aws.assert_sentence(&missing);
    assert_eq!(missing.kind(), ErrorKind::NotConfigured);
    pod.tools.folder("token", 0o755);
    let folder = pod
        .provider(&lines, Request::default())
        .unwrap()
        .session()
        .await
        .unwrap_err();
    assert_eq!(folder.kind(), ErrorKind::Config);
    assert_eq!(pod.aws.sandbox.count("AssumeRoleWithWebIdentity"), 0);
}

#[tokio::test]
async fn flags_that_the_call_does_not_know_are_refused() {
    let pod = Pod::new();
    let lines = format!("{CI}\nweb_identity_token_file = TOKEN");
    let requests = [
        Request {
            external_id: Some("theirs".parse().unwrap()),
            ..Request::default()
        },
        Request {
            source_identity: Some("joe".parse().unwrap()),
            ..Request::default()
        },
        Request {
            tags: vec!["a=b".parse().unwrap()],
            ..Request::default()
        },
    ];
    for request in requests {
        let error = pod.provider(&lines, request).unwrap_err();
        pod.aws.assert_sentence(&error);
        assert!(error.to_string().contains("cannot be used here"), "{error}");
    }
    let tagged = format!("{lines}\nsession_tags = a=b");
    let provider = pod.provider(&tagged, Request::default()).unwrap();
    assert!(provider.chain().roles[0].tags.iter().next().is_none());
    assert!(
        provider
            .chain()
            .warnings
            .iter()
            .any(|warning| warning.contains("session_tags"))
    );
}

/// Whoever could sign would not need the token; and what is sent to a stranger would be a signature too many.
#[tokio::test]
async fn the_exchange_is_not_signed_and_its_answer_is_checked() {
    let pod = Pod::new();
    pod.write(&pod.token("repo:acme/one"));
    let other = "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>ASIACANARY00000000</AccessKeyId><SecretAccessKey>CANARYSECRET</SecretAccessKey><SessionToken>CANARYTOKEN</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials><AssumedRoleUser><AssumedRoleId>AROA:joe.bloggs</AssumedRoleId><Arn>arn:aws:sts::111111111111:assumed-role/Other/joe.bloggs</Arn></AssumedRoleUser></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>";
    let soon = rolecall::time::rfc3339(pod.aws.sandbox.now() + std::time::Duration::from_secs(1800));
    let other = other.replace("2099-01-01T00:00:00Z", &soon);
    let liar = Liar::start(move |_, _| Reply::Say(200, other.clone())).await;
    let host = pod.aws.host_builder().env("AWS_ENDPOINT_URL", &liar.url).build();
    let lines = format!("{CI}\nweb_identity_token_file = {}", pod.file());
    let provider = pod.tools.builder(host, &lines).build().unwrap();
    let error = provider.session().await.unwrap_err();
    pod.aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Untrusted);
    assert!(error.to_string().contains("assumed-role/Other"), "{error}");
    let heads = liar.asked();
    assert!(!heads.is_empty());
    assert!(
        heads
            .iter()
            .all(|head| !head.to_lowercase().contains("authorization:")),
        "{heads:?}"
    );
}

/// What waits for a pipe can be given up, and the thread that others need is free meanwhile.
#[tokio::test]
async fn a_pipe_in_place_of_the_token_holds_up_nobody() {
    let aws = Aws::article();
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("token");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0).unwrap();
    let host = aws
        .host_builder()
        .env("AWS_WEB_IDENTITY_TOKEN_FILE", pipe.to_str().unwrap())
        .env("AWS_ROLE_ARN", "arn:aws:iam::666666666666:role/BlahRole")
        .build();
    let provider = Provider::builder(host)
        .target("arn:aws:iam::666666666666:role/BlahRole")
        .build()
        .unwrap();
    let moment = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(moment, provider.session()).await.is_err());
    // Whoever writes at last lets the reader go.
    drop(std::fs::OpenOptions::new().write(true).open(&pipe).unwrap());
}

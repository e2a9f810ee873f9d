//! A source whose key is changed in the files, under a provider that has read them long ago.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
#[expect(dead_code, reason = "shared with tests/provider.rs, which uses more of it")]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use aws::Aws;
use rolecall::provider::ProviderBuilder;
use rolecall::{ErrorKind, Host, Provider, Session};
use tempfile::TempDir;

/// The user's files, which somebody rewrites.
struct Files {
    aws: Aws,
    folder: TempDir,
}

impl Files {
    fn new() -> Self {
        let files = Self {
            aws: Aws::article(),
            folder: tempfile::tempdir().unwrap(),
        };
        files.config(&files.aws.sandbox.config_file());
        files
    }

    fn config(&self, text: &str) {
        std::fs::write(self.folder.path().join("config"), text).unwrap();
    }

    fn keys(&self, id: &str, secret: &str, token: &str) {
        let text = format!(
            "[joe]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\naws_session_token = {token}\n"
        );
        std::fs::write(self.folder.path().join("credentials"), text).unwrap();
    }

    fn joes_keys(&self) {
        let joe = self.aws.sandbox.user_keys("joe.bloggs").unwrap();
        self.keys(&joe.access_key_id, &joe.secret_access_key, "");
    }

    fn unknown_keys(&self) {
        self.keys("AKIAIOSFODNN7EXAMPLE", sentences::EXAMPLE_SECRET, "");
    }

    fn session_as_keys(&self, session: &Session) {
        let credentials = session.credentials();
        let token = credentials.session_token().unwrap();
        self.keys(
            credentials.access_key_id(),
            credentials.secret_access_key(),
            token,
        );
    }

    fn host(&self) -> Host {
        let path = |name| self.folder.path().join(name).display().to_string();
        self.aws
            .host_builder()
            .env("AWS_CONFIG_FILE", &path("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", &path("credentials"))
            .build()
    }

    fn builder(&self, target: &str) -> ProviderBuilder {
        Provider::builder(self.host()).target(target)
    }
}

#[tokio::test]
async fn a_key_that_was_replaced_is_picked_up_once_and_kept() {
    let files = Files::new();
    files.unknown_keys();
    let provider = files.builder("blah").build().unwrap();
    let key = provider.session_key();
    let error = provider.refresh().await.unwrap_err();
    files.aws.assert_sentence(&error);
    assert_eq!(error.aws_code(), Some("InvalidClientTokenId"));
    assert_eq!(
        error.hints().last().unwrap(),
        "The keys of profile `joe` have not changed since they were read."
    );
    let count = || files.aws.sandbox.count("AssumeRole");
    assert_eq!(count(), 1, "the same key is not tried twice");

    files.joes_keys();
    provider.refresh().await.unwrap();
    assert_eq!(count(), 3);
    provider.refresh().await.unwrap();
    assert_eq!(count(), 4, "and is known from then on");
    assert_eq!(provider.session_key(), key);
    assert!(provider.caller_identity().await.is_ok());
}

/// Nothing says that the new key is the same user's, and nobody's process becomes somebody else.
#[tokio::test]
async fn a_process_that_acts_as_the_source_itself_keeps_to_its_key() {
    let files = Files::new();
    files.unknown_keys();
    let provider = files.builder("joe").build().unwrap();
    files.joes_keys();
    let error = provider.refresh().await.unwrap_err();
    files.aws.assert_sentence(&error);
    assert!(
        error.hints().last().unwrap().starts_with("Start it anew"),
        "{:?}",
        error.hints()
    );
    assert_eq!(files.aws.sandbox.count("GetSessionToken"), 1);
}

#[tokio::test]
async fn a_temporary_key_that_ends_is_followed_by_its_successor() {
    let files = Files::new();
    files.config(
        "[profile chained]\nrole_arn = arn:aws:iam::666666666666:role/team/ChainedRole\nsource_profile = joe\n\
         region = us-east-1\n",
    );
    let hub = files.aws.provider("blah");
    files.session_as_keys(&hub.session().await.unwrap());
    let provider = files.builder("chained").build().unwrap();
    provider.refresh().await.unwrap();
    for _ in 0..2 {
        files.aws.advance(3700);
        let error = provider.refresh().await.unwrap_err();
        assert_eq!(error.aws_code(), Some("ExpiredToken"));
        files.session_as_keys(&hub.refresh().await.unwrap());
        provider.refresh().await.unwrap();
    }
}

#[tokio::test]
async fn files_that_say_something_else_by_now_are_not_followed() {
    let files = Files::new();
    files.unknown_keys();
    let provider = files.builder("blah").build().unwrap();
    files.joes_keys();
    let config = files.aws.sandbox.config_file();
    files.config(&config.replace("role/BlahRole", "role/OtherRole"));
    let error = provider.refresh().await.unwrap_err();
    files.aws.assert_sentence(&error);
    assert!(error.hints().last().unwrap().contains("in more than a key"));
    files.config("[profile blah\n");
    let error = provider.refresh().await.unwrap_err();
    files.aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert!(error.hints().last().unwrap().contains("in vain"));
    assert_eq!(files.aws.assumed(), 2);
}

#[tokio::test]
async fn profiles_that_were_given_are_the_callers() {
    let files = Files::new();
    files.unknown_keys();
    let given = std::sync::Arc::new(rolecall::ProfileSet::load(&files.host()).unwrap());
    let provider = files.builder("blah").profiles(&given).build().unwrap();
    files.joes_keys();
    let error = provider.refresh().await.unwrap_err();
    // Nothing is said of files: they are not this provider's to read.
    assert!(
        !error.hints().iter().any(|hint| hint.contains("read")),
        "{:?}",
        error.hints()
    );
    assert_eq!(files.aws.assumed(), 1);
}

//! From a chain to a session, over real sockets, against an AWS that enforces.

#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]

#[path = "support/aws.rs"]
mod aws;
#[path = "support/sentences.rs"]
mod sentences;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use aws::Aws;
use aws_credential_types::provider::ProvideCredentials;
use rolecall::{ErrorKind, Provider, Request, Session};

const BLAH: &str = "arn:aws:iam::666666666666:role/BlahRole";

fn id(session: &Session) -> String {
    session.credentials().access_key_id().to_owned()
}

/// Waits until a renewal behind the caller has landed.
async fn renewed(provider: &Provider) {
    while provider.needs_refresh() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test]
async fn a_role_is_assumed_and_acted_as() {
    let aws = Aws::article();
    let provider = aws.provider("blah");
    assert!(provider.needs_refresh() && provider.valid_session().is_none());
    let session = provider.session().await.unwrap();
    assert!(!provider.needs_refresh());
    let principal = session.principal().unwrap().to_string();
    assert_eq!(
        principal,
        "arn:aws:sts::666666666666:assumed-role/BlahRole/joe.bloggs"
    );
    let identity = provider.caller_identity().await.unwrap();
    assert_eq!(
        (identity.arn, identity.account.as_str()),
        (principal, "666666666666")
    );
    let credentials = provider.provide_credentials().await.unwrap();
    assert_eq!(credentials.account_id().unwrap().as_str(), "666666666666");
    assert_eq!(credentials.expiry(), Some(session.advertised_end()));
    assert_eq!(aws.assumed(), 1);
}

#[tokio::test]
async fn sessions_are_handed_to_a_process_of_the_same_chain_and_to_no_other() {
    let aws = Aws::article();
    let handed = |provider: &Provider| serde_json::to_value(provider.hand_over()).unwrap();
    let take = |provider: &Provider, sent: &serde_json::Value| {
        provider.take_over(&serde_json::from_value(sent.clone()).unwrap());
        provider.valid_session().map(|session| id(&session))
    };
    // A process of its own has a cache of its own.
    let process = |target: &str| {
        let builder = aws.builder().cache(&Arc::default());
        builder.target(target).build().unwrap()
    };
    let here = process("chained");
    let first = id(&here.session().await.unwrap());
    let sent = handed(&here);
    let there = process("chained");
    assert_eq!(take(&there, &sent), Some(first.clone()));
    assert_eq!(id(&there.session().await.unwrap()), first);
    assert_eq!(aws.assumed(), 2, "nothing was obtained anew");
    assert_eq!(take(&process("partner"), &sent), None, "another role's");
    assert!(
        take(&process("blah"), &sent).is_some(),
        "what the chains have in common"
    );
    // One under the key of another is not believed.
    let mut forged = sent.clone();
    let records = forged.as_array_mut().unwrap();
    let last = records.len() - 1;
    let (one, other) = (records[last - 1][1].take(), records[last][1].take());
    (records[last - 1][1], records[last][1]) = (other, one);
    assert_eq!(take(&process("chained"), &forged), None);
    // The one that ends last stays.
    aws.advance(60);
    let second = id(&here.refresh().await.unwrap());
    assert_eq!(take(&there, &handed(&here)), Some(second.clone()));
    assert_eq!(take(&there, &sent), Some(second));
    assert_eq!(aws.leaks(format!("{:?}", here.hand_over()).as_bytes()), []);
}

#[tokio::test]
async fn the_log_scan_finds_a_leak() {
    let aws = Aws::article();
    let session = aws.provider("blah").session().await.unwrap();
    assert!(aws.log().contains("AssumeRole"), "the log is there to be scanned");
    assert!(aws.log().contains("TRACE"), "and at its most talkative");
    assert_eq!(aws.leaks(aws.log().as_bytes()), []);
    let credentials = session.credentials();
    for secret in [
        credentials.secret_access_key(),
        credentials.session_token().unwrap(),
    ] {
        let log = aws.log() + &format!("careless: {secret:?}");
        assert_eq!(aws.leaks(log.as_bytes()).len(), 1);
    }
}

#[tokio::test]
async fn a_chain_is_walked_and_every_hop_is_a_session_of_its_own() {
    let aws = Aws::article();
    let chained = aws.provider("chained");
    let session = chained.session().await.unwrap();
    assert_eq!(
        session.principal().unwrap().to_string(),
        "arn:aws:sts::666666666666:assumed-role/ChainedRole/joe.bloggs"
    );
    assert_eq!(aws.assumed(), 2);
    // The hub is there already, for its own profile and for another chain through it.
    aws.provider("blah").session().await.unwrap();
    assert_eq!(aws.assumed(), 2);
    let request = Request {
        target: Some("chained".to_owned()),
        session_name: Some("somebody-else".parse().unwrap()),
        ..Request::default()
    };
    let other = aws.builder().request(request).build().unwrap();
    assert!(
        other
            .session()
            .await
            .unwrap()
            .principal()
            .unwrap()
            .to_string()
            .ends_with("/somebody-else")
    );
    assert_eq!(aws.assumed(), 3);
}

#[tokio::test]
async fn the_external_id_decides() {
    let aws = Aws::article();
    let partner = aws.provider("partner");
    assert!(partner.session().await.is_ok());

    let wrong = Request {
        target: Some("partner".to_owned()),
        external_id: Some("partner-7422".parse().unwrap()),
        ..Request::default()
    };
    let error = aws
        .builder()
        .request(wrong)
        .build()
        .unwrap()
        .session()
        .await
        .unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Denied);
    assert_eq!(error.aws_code(), Some("AccessDenied"));
    assert_eq!(error.hop(), Some("arn:aws:iam::666666666666:role/PartnerRole"));
    assert!(error.request_id().is_some());
    assert!(error.hints()[1].contains("`partner-7422` (--external-id)"));

    let missing = Request {
        target: Some("666666666666/PartnerRole".to_owned()),
        source_profile: Some("joe".to_owned()),
        ..Request::default()
    };
    let error = aws
        .builder()
        .request(missing)
        .build()
        .unwrap()
        .session()
        .await
        .unwrap_err();
    aws.assert_sentence(&error);
    assert!(error.hints()[1].contains("--external-id"));
}

#[tokio::test]
async fn a_session_is_renewed_before_it_ends_and_nobody_waits() {
    let aws = Aws::article();
    let provider = aws.provider("blah");
    let first = provider.session().await.unwrap();
    for hour in 1..=5 {
        let before = provider.session().await.unwrap();
        aws.advance(1920);
        assert!(provider.needs_refresh());
        assert_eq!(
            id(&provider.session().await.unwrap()),
            id(&before),
            "handed out at once"
        );
        renewed(&provider).await;
        assert_eq!(aws.assumed(), hour + 1);
    }
    // Nobody asked for a day: what has ended is not handed out.
    aws.advance(86_400);
    assert!(provider.valid_session().is_none());
    let last = provider.session().await.unwrap();
    assert_ne!(id(&first), id(&last));
    assert_eq!(aws.assumed(), 7);
    assert!(provider.caller_identity().await.is_ok());
}

#[tokio::test]
async fn needs_refresh_and_refresh_mean_what_they_say() {
    let aws = Aws::article();
    let provider = aws.provider("blah");
    let first = provider.refresh().await.unwrap();
    assert!(!provider.needs_refresh());
    let second = provider.refresh().await.unwrap();
    assert_ne!(id(&first), id(&second));
    assert_eq!(id(&provider.session().await.unwrap()), id(&second));
    assert_eq!(aws.assumed(), 2);
    aws.sandbox
        .inject(rolecall_sandbox::Fault::OtherRole, "AssumeRole", 1);
    assert!(provider.refresh().await.is_err());
    assert_eq!(
        id(&provider.session().await.unwrap()),
        id(&second),
        "what there was stays"
    );
    provider.forget();
    assert!(provider.needs_refresh());
    assert_ne!(id(&provider.session().await.unwrap()), id(&second));
}

#[tokio::test]
async fn a_profile_without_a_role_gets_a_session_of_its_own_key() {
    let aws = Aws::article();
    let joe = aws.provider("joe");
    let session = joe.session().await.unwrap();
    assert!(session.principal().is_none());
    assert!(
        session.credentials().session_token().is_some(),
        "long-term keys are never handed out"
    );
    assert_ne!(
        id(&session),
        aws.sandbox.user_keys("joe.bloggs").unwrap().access_key_id
    );
    let lifetime = session.expires_at().duration_since(session.issued_at()).unwrap();
    assert!(lifetime > Duration::from_secs(43_190) && lifetime < Duration::from_secs(43_210));
    assert_eq!(
        joe.caller_identity().await.unwrap().arn,
        "arn:aws:iam::111111111111:user/joe.bloggs"
    );
    assert_eq!((aws.sandbox.count("GetSessionToken"), aws.assumed()), (1, 0));
}

#[tokio::test]
async fn a_temporary_source_without_a_role_is_not_handed_on() {
    let aws = Aws::article().with_config("[profile env]\ncredential_source = Environment\n");
    let host = aws
        .host_builder()
        .env("AWS_ACCESS_KEY_ID", "ASIAIOSFODNN7EXAMPLE")
        .env("AWS_SECRET_ACCESS_KEY", sentences::EXAMPLE_SECRET)
        .env("AWS_SESSION_TOKEN", "CANARYTOKEN")
        .build();
    let provider = aws.builder_on(host).target("env").build().unwrap();
    let error = provider.session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!(error.kind(), ErrorKind::Config);
    assert_eq!(aws.sandbox.calls().len(), 0);
}

#[tokio::test]
async fn an_mfa_device_needs_the_person_and_no_call() {
    let aws = Aws::article().with_config(&format!(
        "[profile mfa]\nrole_arn = {BLAH}\nsource_profile = joe\nmfa_serial = arn:aws:iam::111111111111:mfa/joe\n"
    ));
    let error = aws.provider("mfa").session().await.unwrap_err();
    aws.assert_sentence(&error);
    assert_eq!((error.kind(), aws.assumed()), (ErrorKind::NeedsUser, 0));
}

#[tokio::test]
async fn environment_keys_assume_a_role_without_a_profile() {
    let aws = Aws::article();
    let joe = aws.sandbox.user_keys("joe.bloggs").unwrap();
    let host = aws
        .host_builder()
        .env("AWS_ACCESS_KEY_ID", &joe.access_key_id)
        .env("AWS_SECRET_ACCESS_KEY", &joe.secret_access_key)
        .build();
    let by_arn = aws.builder_on(host).target(BLAH).build().unwrap();
    by_arn.session().await.unwrap();
    // The same key in a file: the same session.
    assert_eq!(by_arn.session_key(), aws.provider("blah").session_key());
    aws.provider("blah").session().await.unwrap();
    assert_eq!(aws.assumed(), 1);
}

#[tokio::test]
async fn a_source_key_that_is_unknown_or_whose_secret_is_wrong() {
    let aws = Aws::article();
    let joe = aws.sandbox.user_keys("joe.bloggs").unwrap();
    for (key_id, code, hint) in [
        (
            "AKIAIOSFODNN7EXAMPLE",
            "InvalidClientTokenId",
            "deleted, inactive or mistyped",
        ),
        (
            joe.access_key_id.as_str(),
            "SignatureDoesNotMatch",
            "copy both again",
        ),
    ] {
        let host = aws
            .host_builder()
            .env("AWS_ACCESS_KEY_ID", key_id)
            .env("AWS_SECRET_ACCESS_KEY", sentences::EXAMPLE_SECRET)
            .build();
        let provider = aws.builder_on(host).target(BLAH).build().unwrap();
        let error = provider.session().await.unwrap_err();
        aws.assert_sentence(&error);
        assert_eq!(error.kind(), ErrorKind::Denied);
        assert_eq!(error.aws_code(), Some(code));
        assert!(error.hints()[0].contains(hint), "{:?}", error.hints());
        // A refusal is remembered for a moment.
        provider.session().await.unwrap_err();
    }
    assert_eq!(aws.assumed(), 2);
}

#[tokio::test]
async fn a_rejected_hub_is_renewed_once() {
    /// This machine's clock stands, while the server's goes on: it ends sessions earlier than this machine believes.
    #[derive(Debug)]
    struct Standing(std::time::SystemTime);
    impl rolecall::host::Clock for Standing {
        fn now(&self) -> std::time::SystemTime {
            self.0
        }
    }
    let aws = Aws::with(rolecall_sandbox::Sandbox::builder().session_seconds(30));
    let host = aws.host_builder().clock(Standing(aws.sandbox.now())).build();
    let chained = aws.builder_on(host).target("chained").build().unwrap();
    let first = chained.session().await.unwrap();
    assert_eq!(aws.assumed(), 2);
    aws.advance(31);
    let second = chained.refresh().await.unwrap();
    assert_ne!(id(&first), id(&second));
    // Refused with the old hub, a new hub, and once more.
    assert_eq!(aws.assumed(), 5);
    let codes: Vec<_> = aws
        .sandbox
        .calls()
        .into_iter()
        .filter_map(|call| call.code)
        .collect();
    assert_eq!(codes, ["ExpiredToken"]);
}

#[tokio::test]
async fn a_thousand_targets_share_one_cache_and_one_reading_of_the_files() {
    let mut config = String::new();
    for n in 0..1000 {
        config.push_str(&format!(
            "[profile t{n}]\nrole_arn = arn:aws:iam::666666666666:role/team/ChainedRole\nsource_profile = blah\n\
             region = us-east-1\nrole_session_name = tenant-{n}\n"
        ));
    }
    let aws = Aws::quiet().with_config(&config);
    let (host, profiles) = (aws.host_builder().build(), Arc::new(aws.profiles()));
    let providers: Vec<_> = (0..1000)
        .map(|n| {
            let builder = Provider::builder(host.clone())
                .cache(&aws.cache)
                .profiles(&profiles);
            builder.target(format!("t{n}")).build().unwrap()
        })
        .collect();
    let mut ids = BTreeSet::new();
    let asking: Vec<_> = providers
        .iter()
        .cloned()
        .map(|provider| tokio::spawn(async move { provider.session().await }))
        .collect();
    for (n, asked) in asking.into_iter().enumerate() {
        let session = asked.await.unwrap().unwrap();
        assert!(
            session
                .principal()
                .unwrap()
                .to_string()
                .ends_with(&format!("/tenant-{n}"))
        );
        ids.insert(id(&session));
    }
    assert_eq!(ids.len(), 1000);
    assert_eq!(aws.assumed(), 1001, "one hub for all of them");
    for provider in &providers {
        provider.provide_credentials().await.unwrap();
    }
    assert_eq!(aws.assumed(), 1001);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thundering_herd_is_one_call() {
    let aws = Aws::quiet();
    let herd: Vec<_> = (0..200)
        .map(|_| {
            let provider = aws.provider("blah");
            tokio::spawn(async move { provider.provide_credentials().await })
        })
        .collect();
    let mut ids = BTreeSet::new();
    for caller in herd {
        ids.insert(caller.await.unwrap().unwrap().access_key_id().to_owned());
    }
    assert_eq!((aws.assumed(), ids.len()), (1, 1));
}

#[tokio::test]
async fn an_sdks_error_says_what_kind_it_is() {
    use aws_credential_types::provider::error::CredentialsError;
    let aws = Aws::article().with_config(&format!(
        "[profile no]\nrole_arn = {BLAH}x\nsource_profile = joe\n"
    ));
    let error = aws.provider("no").provide_credentials().await.unwrap_err();
    assert!(matches!(error, CredentialsError::ProviderError(_)));
    let cause = std::error::Error::source(&error)
        .unwrap()
        .downcast_ref::<rolecall::Error>()
        .unwrap();
    aws.assert_sentence(cause);
    assert_eq!(cause.kind(), ErrorKind::Denied);
}

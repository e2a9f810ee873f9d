//! Credentials that others keep: console sign-ins of the AWS CLI, and temporary keys with their ends beside them.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test ends at what it did not expect")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test writes the files that it is about"
)]

#[path = "support/sentences.rs"]
mod sentences;
#[path = "support/tool.rs"]
#[expect(dead_code, reason = "shared with tests/source_process.rs, which runs more")]
mod tool;

use rolecall::chain::OwnSession;
use rolecall::{Error, ErrorKind, Session};
use tool::Tools;

/// `arn:aws:iam::111122223333:user/joe` by its SHA-256, as the AWS CLI names the file.
const SESSION_ARN: &str = "arn:aws:iam::111122223333:user/joe";
const FILE: &str = "65f51f2b4a96b0b773f049ed8e3d63b4c037bc678a8446907d207552f12f3d9c.json";

fn kept(end: &str) -> String {
    format!(
        r#"{{"accessToken":{{"accessKeyId":"ASIACANARYLOGIN00000","secretAccessKey":"CANARYSECRETOFALOGIN","sessionToken":"CANARYTOKENOFALOGIN","accountId":"111122223333","expiresAt":"{end}"}},"tokenType":"aws_sigv4","refreshToken":"CANARYREFRESH","clientId":"arn:aws:signin:::devtools/same-device","dpopKey":"CANARYDPOP"}}"#
    )
}

async fn signed_in(tools: &Tools) -> Result<Session, Error> {
    let lines = format!("login_session = {SESSION_ARN}");
    let outcome = tools
        .builder(tools.host().build(), &lines)
        .build()
        .unwrap()
        .session()
        .await;
    if let Err(error) = &outcome {
        sentences::assert_well_spoken(error);
        assert!(
            !format!("{error:?} {:?}", error.hints()).contains("CANARY"),
            "{error:?}"
        );
    }
    outcome
}

#[tokio::test]
async fn a_console_sign_in_is_used_while_it_lasts() {
    let tools = Tools::new();
    let error = signed_in(&tools).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert_eq!(error.hints()[0], "Run `aws login --profile p`.");
    let cache = tools.folder(".aws/login/cache", 0o700);
    std::fs::write(cache.join(FILE), kept("2099-01-01T00:00:00Z")).unwrap();
    let session = signed_in(&tools).await.unwrap();
    assert_eq!(session.credentials().session_token(), Some("CANARYTOKENOFALOGIN"));
    assert_eq!(session.account().unwrap().as_str(), "111122223333");
    std::fs::write(cache.join(FILE), kept("2020-01-01T00:00:00Z")).unwrap();
    let error = signed_in(&tools).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NeedsUser);
    assert!(
        error.to_string().contains("ended at 2020-01-01T00:00:00Z"),
        "{error}"
    );
    for broken in [
        "",
        "{",
        r#"{"accessToken":5}"#,
        r#"{"accessToken":{"accessKeyId":"CANARY"}}"#,
    ] {
        std::fs::write(cache.join(FILE), broken).unwrap();
        assert_eq!(
            signed_in(&tools).await.unwrap_err().kind(),
            ErrorKind::Config,
            "{broken}"
        );
    }
    let elsewhere = tools.folder("elsewhere", 0o700);
    std::fs::write(elsewhere.join(FILE), kept("2099-01-01T00:00:00Z")).unwrap();
    let host = tools
        .host()
        .env("AWS_LOGIN_CACHE_DIRECTORY", elsewhere.to_str().unwrap())
        .build();
    let lines = format!("login_session = {SESSION_ARN}");
    assert!(
        tools
            .builder(host, &lines)
            .build()
            .unwrap()
            .session()
            .await
            .is_ok()
    );
}

const KEY: &str = "aws_access_key_id = ASIACANARYKEY0000000\naws_secret_access_key = CANARYSECRET\naws_session_token = CANARYTOKEN";

#[tokio::test]
async fn a_temporary_key_is_handed_on_where_its_end_is_known() {
    let tools = Tools::new();
    for end in [
        "x_security_token_expires = 2099-01-01T02:00:00+02:00",
        "aws_credential_expiration = 2099-01-01T00:00:00Z",
    ] {
        let lines = format!("{KEY}\n{end}\naws_account_id = 111122223333");
        let provider = tools.builder(tools.host().build(), &lines).build().unwrap();
        assert_eq!(provider.chain().own, Some(OwnSession::Fetched));
        let session = provider.session().await.unwrap();
        assert_eq!(session.credentials().session_token(), Some("CANARYTOKEN"));
        assert_eq!(
            rolecall::time::rfc3339(session.expires_at()),
            "2099-01-01T00:00:00Z"
        );
        assert_eq!(session.account().unwrap().as_str(), "111122223333");
    }
    let unknown = tools.builder(tools.host().build(), KEY).build().unwrap();
    assert_eq!(unknown.session().await.unwrap_err().kind(), ErrorKind::Config);
    let environment = tools
        .host()
        .env("AWS_ACCESS_KEY_ID", "ASIACANARYKEY0000000")
        .env("AWS_SECRET_ACCESS_KEY", "CANARYSECRET")
        .env("AWS_SECURITY_TOKEN", "CANARYTOKEN")
        .env("AWS_CREDENTIAL_EXPIRATION", "2099-01-01T00:00:00Z")
        .env("AWS_ACCOUNT_ID", "444455556666");
    let provider = tools
        .builder(environment.build(), "credential_source = Environment")
        .build()
        .unwrap();
    let session = provider.session().await.unwrap();
    assert_eq!(session.credentials().session_token(), Some("CANARYTOKEN"));
    assert_eq!(session.account().unwrap().as_str(), "444455556666");
}

#[tokio::test]
async fn a_temporary_key_that_has_ended_is_said_to_have_and_not_sent() {
    let tools = Tools::new();
    let ended = format!("{KEY}\nx_security_token_expires = 2020-01-01T00:00:00Z");
    let through = format!(
        "role_arn = arn:aws:iam::111122223333:role/Next\nsource_profile = q\nendpoint_url = http://127.0.0.1:9\n[profile q]\n{ended}"
    );
    for lines in [&ended, &through] {
        let provider = tools.builder(tools.host().build(), lines).build().unwrap();
        let error = provider.session().await.unwrap_err();
        sentences::assert_well_spoken(&error);
        assert_eq!(error.kind(), ErrorKind::NeedsUser, "{error}");
        assert!(
            error.to_string().contains("ended at 2020-01-01T00:00:00Z"),
            "{error}"
        );
        assert!(error.hints()[0].contains("saml2aws"));
    }
    let odd = format!("{KEY}\nx_security_token_expires = tomorrow");
    let error = tools.builder(tools.host().build(), &odd).build().unwrap_err();
    sentences::assert_well_spoken(&error);
    assert!(error.to_string().contains("config:6"), "{error}");
}

//! The yardstick `rolecall credential-process` is measured against: two keys from the environment, one AssumeRole for
//! the role named as argument, AWS's JSON on stdout. The SDK, ring, and nothing else. With `--no-tls` it does not even
//! read the machine's certificates: the least that this call can cost on plain HTTP.

use std::error::Error;

use aws_credential_types::Credentials;
use aws_sdk_sts::config::{BehaviorVersion, Region};
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let role = std::env::args().nth(1).ok_or("usage: minimal ROLE_ARN")?;
    let keys = Credentials::new(
        std::env::var("AWS_ACCESS_KEY_ID")?,
        std::env::var("AWS_SECRET_ACCESS_KEY")?,
        None,
        None,
        "environment",
    );
    let http = if std::env::args().nth(2).as_deref() == Some("--no-tls") {
        Builder::new().build_http()
    } else {
        Builder::new()
            .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
            .build_https()
    };
    let config = aws_sdk_sts::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL")?)
        .credentials_provider(keys)
        .http_client(http)
        .build();
    let answer = aws_sdk_sts::Client::from_conf(config)
        .assume_role()
        .role_arn(role)
        .role_session_name("minimal")
        .duration_seconds(3600)
        .send()
        .await?;
    let session = answer.credentials().ok_or("no credentials in the answer")?;
    println!(
        "{}",
        serde_json::json!({
            "Version": 1,
            "AccessKeyId": session.access_key_id(),
            "SecretAccessKey": session.secret_access_key(),
            "SessionToken": session.session_token(),
            "Expiration": session.expiration().to_string(),
        })
    );
    Ok(())
}

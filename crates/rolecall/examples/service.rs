//! A service that works in another account: it lists the buckets there, and publishes to a topic, for as long as it is
//! told, through as many sessions as that takes.
//!
//! ```text
//! AWS_PROFILE=blah cargo run -p rolecall --example service -- 3
//! ```
//!
//! Profile, region and endpoint come from the environment and `~/.aws`, as for every user of AWS.

#![expect(clippy::print_stdout, reason = "a program shows what it does")]

use std::collections::BTreeSet;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, tls};
use rolecall::{Host, Provider};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds: usize = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "1".to_owned())
        .parse()?;

    // The profile of AWS_PROFILE; `Provider::for_profile("prod")` names one.
    let provider = Provider::builder(Host::system()).build()?;
    let config = aws_config::defaults(BehaviorVersion::latest())
        .credentials_provider(provider.clone())
        // Ordinary users leave this line out: this workspace switches the SDK's default client off, because it brings
        // a second cryptography library along.
        .http_client(
            Builder::new()
                .tls_provider(tls::Provider::Rustls(CryptoMode::Ring))
                .build_https(),
        )
        .load()
        .await;
    let s3 = aws_sdk_s3::Client::new(&config);
    let sns = aws_sdk_sns::Client::new(&config);

    println!("acting as {}", provider.caller_identity().await?.arn);
    let mut sessions = BTreeSet::new();
    for round in 1..=rounds {
        // The clients renew by themselves, behind the call that finds it due. Who would rather choose the moment, as
        // between two requests, asks and does it here; `refresh` brings new credentials to every client made above.
        if round % 2 == 0 && provider.needs_refresh() {
            provider.refresh().await?;
        }
        let buckets = s3.list_buckets().send().await?;
        let bucket = buckets
            .buckets()
            .first()
            .and_then(|bucket| bucket.name())
            .ok_or("no bucket")?;
        let objects = s3.list_objects_v2().bucket(bucket).send().await?;
        let topics = sns.list_topics().send().await?;
        let topic = topics
            .topics()
            .first()
            .and_then(|topic| topic.topic_arn())
            .ok_or("no topic")?;
        let text = format!("{bucket} holds {} objects", objects.contents().len());
        let published = sns.publish().topic_arn(topic).message(&text).send().await?;
        println!(
            "{round}: {text}; published as {}",
            published.message_id().unwrap_or_default()
        );
        sessions.insert(provider.provide_credentials().await?.access_key_id().to_owned());
        if round < rounds {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }
    println!("sessions used: {}", sessions.len());
    Ok(())
}

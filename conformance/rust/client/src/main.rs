//! Uses a role in another account for some seconds with the AWS SDK for Rust, and knows nothing of where its
//! credentials come from. One JSON line a round; any error ends it.

use std::error::Error;
use std::time::{Duration, Instant};

use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::ProvideCredentials;
use aws_smithy_http_client::{Builder, tls};

const BUCKET: &str = "blah-reports";
const TOPIC: &str = "arn:aws:sns:us-east-1:666666666666:blah-events";

type Outcome<T> = Result<T, Box<dyn Error>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    let seconds: f64 = std::env::args().nth(1).ok_or("usage: client SECONDS")?.parse()?;
    let http = Builder::new()
        .tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(http)
        .load()
        .await;
    let sts = aws_sdk_sts::Client::new(&config);
    let sns = aws_sdk_sns::Client::new(&config);
    let s3 = aws_sdk_s3::Client::from_conf(
        aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(true)
            .build(),
    );

    put_and_get(&s3).await?;
    let start = Instant::now();
    while start.elapsed().as_secs_f64() < seconds {
        round(&config, &sts, &s3, &sns).await?;
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    Ok(())
}

async fn round(
    config: &SdkConfig,
    sts: &aws_sdk_sts::Client,
    s3: &aws_sdk_s3::Client,
    sns: &aws_sdk_sns::Client,
) -> Outcome<()> {
    let who = sts.get_caller_identity().send().await?;
    let listed = s3.list_buckets().send().await?;
    let sent = sns.publish().topic_arn(TOPIC).message("a round").send().await?;
    let credentials = config
        .credentials_provider()
        .ok_or("no credentials provider")?
        .provide_credentials()
        .await?;
    println!(
        "{}",
        serde_json::json!({
            "arn": who.arn(),
            "access_key_id": credentials.access_key_id(),
            "buckets": listed.buckets().iter().map(|bucket| bucket.name()).collect::<Vec<_>>(),
            "message_id": sent.message_id(),
        })
    );
    Ok(())
}

async fn put_and_get(s3: &aws_sdk_s3::Client) -> Outcome<()> {
    let key = "conformance/rust.txt";
    let body = b"written by aws-sdk-rust".to_vec();
    s3.put_object()
        .bucket(BUCKET)
        .key(key)
        .body(body.clone().into())
        .send()
        .await?;
    let read = s3
        .get_object()
        .bucket(BUCKET)
        .key(key)
        .send()
        .await?
        .body
        .collect()
        .await?
        .into_bytes();
    if read != body {
        return Err(format!("read back {read:?}").into());
    }
    Ok(())
}

//! Resolves credentials with the AWS SDK for Rust from the environment and the files it finds, and prints what it would
//! call: every request, and nothing leaves the process. usage: resolve profile NAME | default | role ARN

mod aws;

use std::error::Error;

use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::web_identity_token::WebIdentityTokenCredentialsProvider;
use aws_config::{BehaviorVersion, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use serde_json::{Value, json};

use crate::aws::Aws;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let aws = Aws::default();
    let told = match arguments[..] {
        ["profile", name] => tell(&of_profile(&aws, name).await, None).await,
        ["default"] => tell(&by_default(&aws).await, None).await,
        ["role", arn] => tell(&by_default(&aws).await, Some(arn)).await,
        _ => return Err("usage: resolve profile NAME | default | role ARN".into()),
    };
    println!("{}", json!({ "told": told, "calls": aws.calls() }));
    Ok(())
}

/// As an application gets it that says nothing.
async fn by_default(aws: &Aws) -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws.client())
        .load()
        .await
}

/// As an application gets it that names a profile, but for the first link of the chain: keys in the environment win even
/// over a profile that is named, and what the profile says would never be seen.
async fn of_profile(aws: &Aws, name: &str) -> SdkConfig {
    let config = aws_config::defaults(BehaviorVersion::latest())
        .http_client(aws.client())
        .profile_name(name)
        .load()
        .await;
    let provider = ProviderConfig::without_region()
        .with_behavior_version(Some(BehaviorVersion::latest()))
        .with_http_client(aws.client())
        .with_region(config.region().cloned())
        .with_use_fips(config.use_fips())
        .with_use_dual_stack(config.use_dual_stack());
    let profile = ProfileFileCredentialsProvider::builder()
        .configure(&provider)
        .profile_name(name)
        .build();
    let web_identity = WebIdentityTokenCredentialsProvider::builder()
        .configure(&provider)
        .build();
    let container = aws_config::ecs::EcsCredentialsProvider::builder()
        .configure(&provider)
        .build();
    let instance = aws_config::imds::credentials::ImdsCredentialsProvider::builder()
        .configure(&provider)
        .build();
    let chain = CredentialsProviderChain::first_try("Profile", profile)
        .or_else("WebIdentityToken", web_identity)
        .or_else("EcsContainer", container)
        .or_else("Ec2InstanceMetadata", instance);
    config
        .to_builder()
        .credentials_provider(SharedCredentialsProvider::new(chain))
        .build()
}

async fn tell(config: &SdkConfig, role: Option<&str>) -> Value {
    let region = config.region().map(AsRef::as_ref);
    let Some(provider) = config.credentials_provider() else {
        return json!({ "error": "no_credentials", "message": "no provider" });
    };
    let credentials = match provider.provide_credentials().await {
        Ok(credentials) => credentials,
        Err(error) => {
            let class = match &error {
                CredentialsError::CredentialsNotLoaded(_) => "no_credentials",
                CredentialsError::InvalidConfiguration(_) => "config",
                _ => "call",
            };
            return json!({ "error": class, "message": whole(&error), "region": region });
        }
    };
    if let Some(arn) = role {
        let asked = aws_sdk_sts::Client::new(config)
            .assume_role()
            .role_arn(arn)
            .role_session_name("probe")
            .send()
            .await;
        if let Err(error) = asked {
            return json!({ "error": "call", "message": whole(&error), "region": region });
        }
    }
    json!({ "access_key_id": credentials.access_key_id(), "region": region })
}

fn whole(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

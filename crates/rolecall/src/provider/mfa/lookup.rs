//! Which device it is, where no profile says so: `ListMFADevices`, and what was chosen before.

use std::path::PathBuf;
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_sdk_iam::config::retry::RetryConfig;
use aws_sdk_iam::config::timeout::TimeoutConfig;
use aws_sdk_iam::config::{BehaviorVersion, IdentityCache, Region as SdkRegion};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::super::answer;
use super::super::decision::{Context, Service, Signer};
use super::super::skew::SkewMeter;
use super::register;
use crate::chain::{Chain, Mfa, StsEndpoint};
use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::{Choice, Host};
use crate::parameters::MfaSerial;

const NAME_IT: &str = "Name the device: --mfa-serial, or `mfa_serial` in the profile.";

#[derive(Deserialize, Serialize)]
struct Remembered {
    serial: String,
}

/// The device of whoever these credentials are. What was found is remembered by access key, so that IAM is called once
/// and a person chooses once.
pub(super) async fn device(
    host: &Host,
    chain: &Chain,
    mfa: &Mfa,
    credentials: &Credentials,
) -> Result<String, Error> {
    let path = path(host, credentials);
    if let Some(serial) = path.as_ref().and_then(|path| {
        let text = host.read(path).ok().flatten()?;
        let remembered: Remembered = serde_json::from_str(&text).ok()?;
        // Whatever stands in the file goes into a request and before a person.
        remembered.serial.parse::<MfaSerial>().ok()
    }) {
        return Ok(serial.as_str().to_owned());
    }
    let Some(iam) = &mfa.devices else {
        return Err(
            Error::new(ErrorKind::Internal, "a device is looked up that is named")
                .with_hint("This is a bug of rolecall: please report it."),
        );
    };
    let found = list(host, chain, iam, credentials).await?;
    let usable: Vec<&String> = found.iter().filter(|serial| usable(serial).is_ok()).collect();
    let serial = match usable.as_slice() {
        [] => return Err(nothing(&found)),
        [one] => (*one).clone(),
        several => {
            let choice = Choice {
                question: "which MFA device do you have at hand".to_owned(),
                options: several.iter().map(|serial| (*serial).clone()).collect(),
            };
            let (person, asked) = (host.person(), choice.clone());
            let _asking = host.asking(choice.question.clone());
            let chosen = super::blocking(move || person.choose(&asked)).await;
            let chosen = chosen.map_err(|error| error.with_hint(NAME_IT))?;
            match choice.options.get(chosen) {
                Some(serial) => serial.clone(),
                None => {
                    return Err(
                        Error::new(ErrorKind::Internal, "the choice was none of the devices")
                            .with_hint(NAME_IT),
                    );
                }
            }
        }
    };
    if let Some(path) = path {
        let text = serde_json::to_string(&Remembered {
            serial: serial.clone(),
        });
        // Not remembered, it is looked up again: a call more, and nothing else.
        if let Err(error) = host.write_private(&path, &text.unwrap_or_default()) {
            tracing::debug!(%error, "the MFA device is not remembered");
        }
    }
    Ok(serial)
}

/// Forgets what was chosen for these credentials: its codes were refused.
pub(super) fn forget(host: &Host, credentials: &Credentials) {
    if let Some(path) = path(host, credentials) {
        let _ = host.remove(&path);
    }
}

/// Refuses a device that STS takes no code of.
pub(super) fn usable(serial: &str) -> Result<(), Error> {
    let resource = serial.split(':').nth(5).unwrap_or_default();
    if serial.starts_with("arn:") && resource.starts_with("u2f/") {
        return Err(keys_only(&format!(
            "{serial} is a FIDO key or passkey, and STS takes no code of such"
        )));
    }
    Ok(())
}

/// The ways out where a key is all there is: AWS has no call that a key could sign for.
fn keys_only(message: &str) -> Error {
    Error::config(message)
        .with_hint(
            "Register a virtual MFA device besides it (a user may have eight), and name that one: --mfa-serial, or `mfa_serial`.",
        )
        .with_hint("Or sign in where the key does work: with Identity Center (`rolecall login`), or with `aws login`.")
}

fn nothing(found: &[String]) -> Error {
    match found {
        [] => Error::config("this user has no MFA device").with_hint(
            "Register one in the IAM console (Security credentials), or leave --mfa away where no role demands it.",
        ),
        [one] => keys_only(&format!(
            "{one} is a FIDO key or passkey, and STS takes no code of such"
        )),
        several => keys_only(&format!(
            "all {} MFA devices of this user are FIDO keys or passkeys, and STS takes no code of such",
            several.len()
        )),
    }
}

/// Temporary credentials change each time, and so nothing is remembered by them.
fn path(host: &Host, credentials: &Credentials) -> Option<PathBuf> {
    let is_long_term = credentials.session_token().is_none();
    let folder = register::folder(host).filter(|_| is_long_term)?;
    let name = hex(&Sha256::digest(credentials.access_key_id().as_bytes()));
    Some(folder.join("devices").join(format!("{name}.json")))
}

async fn list(
    host: &Host,
    chain: &Chain,
    iam: &StsEndpoint,
    credentials: &Credentials,
) -> Result<Vec<String>, Error> {
    let skew = SkewMeter::correcting(host, chain.corrects_clock);
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(3))
        .operation_attempt_timeout(Duration::from_secs(5))
        .operation_timeout(Duration::from_secs(8))
        .build();
    let config = aws_sdk_iam::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(SdkRegion::new(iam.region.as_str().to_owned()))
        .endpoint_url(&iam.url)
        .http_client(host.client_for(&iam.transport())?)
        .credentials_provider(credentials.clone())
        .identity_cache(IdentityCache::no_cache())
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts)
        .time_source(skew.time_source())
        .disable_clock_skew_correction(!skew.corrects())
        .interceptor(skew.clone());
    tracing::debug!("ListMFADevices");
    let reply = aws_sdk_iam::Client::from_conf(config.build())
        .list_mfa_devices()
        .send()
        .await;
    let reply = match reply {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                origin: Some(&iam.origin),
                region: Some(&iam.region),
                signer: Signer::of(chain, None),
                source: Some(&chain.source),
                skew: skew.seconds(),
                ..Context::new("ListMFADevices", &iam.url)
            };
            let told = answer::told(host, iam, error, Service::Iam, &context).await;
            return Err(if told.hints().iter().any(|hint| hint.contains("--mfa-serial")) {
                told
            } else {
                told.with_hint(NAME_IT)
            });
        }
    };
    let serials = reply.mfa_devices().iter();
    Ok(serials
        .map(|device| device.serial_number().to_owned())
        .filter(|serial| serial.parse::<MfaSerial>().is_ok())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_show_no_code_are_refused_with_ways_out() {
        for good in [
            "arn:aws:iam::111111111111:mfa/phone",
            "arn:aws-cn:iam::111111111111:mfa/u2f/phone",
            "GAHT12345678",
        ] {
            assert!(usable(good).is_ok(), "{good}");
        }
        for bad in [
            "arn:aws:iam::111111111111:u2f/user/joe/key-ABC",
            "arn:aws-us-gov:iam::111111111111:u2f/root-account/x",
        ] {
            let error = usable(bad).unwrap_err();
            assert!(error.to_string().contains("FIDO"), "{error}");
            assert_eq!(error.hints().len(), 2);
        }
    }
}

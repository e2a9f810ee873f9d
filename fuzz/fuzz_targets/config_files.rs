//! Any text as the two AWS files: read or refused with a line that exists, and whatever is asked for then is resolved or
//! refused, without a secret in what is said. The input is the config file, `---`, the credentials file, `---`, and lines
//! `NAME=VALUE` of the environment; TARGET and SOURCE are what a person would type.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use rolecall::profile::{FileKind, ProfileSet, Taken};
use rolecall::{Chain, Error, Host, Request};

const CANARY: &str = "CANARYSECRET";
/// Where a line gives one of these keys the value `%`, the canary is put.
const SECRET_KEYS: [&str; 7] = [
    "aws_secret_access_key",
    "aws_session_token",
    "aws_security_token",
    "credential_process",
    "mfa_process",
    "web_identity_token_process",
    "okta_password",
];

fuzz_target!(|text: &str| {
    if text.contains(CANARY) {
        return;
    }
    let mut parts = text.split("\n---\n");
    let mut part = || parts.next().unwrap_or_default();
    let (config, credentials, environment) = (with_canaries(part()), with_canaries(part()), part());
    let mut profiles = ProfileSet::default();
    for (kind, path, text) in [
        (FileKind::Config, "config", &config),
        (FileKind::Credentials, "credentials", &credentials),
    ] {
        if let Err(error) = profiles.add(kind, Path::new(path), text) {
            silent(&error);
            let message = error.to_string();
            let line = message.strip_prefix(&format!("{path}:"));
            let line = line.and_then(|rest| rest.split(':').next()?.parse::<usize>().ok());
            let line = line.unwrap_or_else(|| panic!("no line: {message}"));
            assert!((1..=text.split('\n').count()).contains(&line), "{message}");
        }
    }
    no_canary(&format!("{profiles:?}"));
    let mut request = Request::default();
    let mut host = Host::builder().home("/nowhere").login_name("joe");
    for line in environment.lines() {
        match line.split_once('=') {
            Some(("TARGET", value)) => request.target = Some(value.to_owned()),
            Some(("SOURCE", value)) => request.source_profile = Some(value.to_owned()),
            Some((name, "%")) if name.contains("SECRET") || name.ends_with("TOKEN") => {
                host = host.env(name, CANARY);
            }
            Some((name, value)) if name.starts_with("AWS_") => host = host.env(name, value),
            _ => {}
        }
    }
    let host = host.build();
    resolve(&profiles, &host, &request);
    for profile in profiles.profiles().take(16) {
        for (key, property) in profile.properties() {
            no_canary(&property.shown());
            assert_eq!(
                profile.property(key).is_some(),
                !property.value().trim().is_empty()
            );
            assert!(property.nested().count() <= property.value().matches('\n').count());
        }
        for taken in [Taken::AsTarget, Taken::AsSource] {
            for warning in profiles.warnings_for([(profile.name(), taken)]) {
                no_canary(&warning);
            }
        }
        request.target = Some(profile.name().to_owned());
        resolve(&profiles, &host, &request);
    }
    for warning in profiles.warnings() {
        no_canary(&warning);
        assert!(!warning.contains(char::is_control), "{warning:?}");
    }
});

fn with_canaries(text: &str) -> String {
    let line = |line: &str| match line.split_once('=') {
        Some((key, "%" | " %")) if SECRET_KEYS.contains(&key.trim().to_ascii_lowercase().as_str()) => {
            // A program is named to whoever is asked; what it is called with is not.
            let program = if key.trim().to_ascii_lowercase().ends_with("process") {
                "helper "
            } else {
                ""
            };
            format!("{key}= {program}{CANARY}")
        }
        _ => line.to_owned(),
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

fn resolve(profiles: &ProfileSet, host: &Host, request: &Request) {
    match Chain::resolve(profiles, host, request) {
        Ok(chain) => {
            no_canary(&format!("{chain:?} {}", chain.source));
            chain.session_key();
        }
        Err(error) => silent(&error),
    }
}

fn silent(error: &Error) {
    no_canary(&format!("{error} {error:?} {:?}", error.hints()));
}

fn no_canary(text: &str) {
    assert!(!text.contains(CANARY), "a secret is shown: {text}");
}

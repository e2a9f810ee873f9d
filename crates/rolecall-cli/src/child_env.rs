//! What a child sees under `exec`: the role, and nothing that could win over it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::Path;

use rolecall::chain::Target;
use rolecall::profile::{FileKind, Profile, ProfileSet, Property};
use rolecall::{Error, Host, Provider, Region};
use zeroize::Zeroizing;

use crate::private_dir::PrivateDir;

/// Variables that name credentials, or a place to get them from.
const REMOVED: [&str; 21] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_ACCESS_KEY",
    "AWS_SECRET_KEY",
    "AWS_ACCOUNT_ID",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_SESSION_EXPIRATION",
    "AWS_CREDENTIAL_FILE",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CREDENTIAL_PROFILES_FILE",
    // JavaScript v2 looks here before it asks the endpoint.
    "AMAZON_ACCESS_KEY_ID",
    "AMAZON_SECRET_ACCESS_KEY",
    "AMAZON_SESSION_TOKEN",
    // A number of ours: what stands there in the child is something else.
    "ROLECALL_MFA_FD",
    "ROLECALL_VAULT_PASSPHRASE_FD",
];
/// A bearer token is used instead of a signature, so it would act as somebody else.
const REMOVED_PREFIXES: [&str; 3] = [
    "AWS_CONTAINER_",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_BEARER_TOKEN_",
];

/// Settings of a profile that lead to credentials; everything else is the child's to keep.
const CREDENTIAL_KEYS: [&str; 35] = [
    "aws_access_key_id",
    "aws_account_id",
    "aws_credential_expiration",
    "aws_secret_access_key",
    "aws_security_token",
    "aws_session_token",
    "credential_process",
    "credential_source",
    "credentials_duration",
    "duration_seconds",
    "ec2_instance_profile_name",
    "external_id",
    "include_profile",
    "jump_role_arn",
    "login_session",
    "mfa_process",
    "mfa_serial",
    "mfa_type",
    "role_arn",
    "role_session_name",
    rolecall::profile::VAULT,
    "session_tags",
    "session_token_duration",
    "source_identity",
    "source_profile",
    "sso_account_id",
    "sso_region",
    "sso_registration_scopes",
    "sso_role_name",
    "sso_session",
    "sso_start_url",
    "transitive_session_tags",
    "web_identity_token_file",
    "web_identity_token_process",
    "x_security_token_expires",
];

/// What a program sees that is to act as a target: nothing that could win over it, and files without credentials in a
/// folder for `what`; with `--keep-config` the user's own files stay.
pub(crate) fn isolated(
    host: &Host,
    provider: &Provider,
    keep_config: bool,
    what: &str,
) -> Result<(ChildEnv, Option<PrivateDir>), Error> {
    let mut env = ChildEnv::scrubbed(host);
    let (chain, profiles) = (provider.chain(), provider.profiles());
    let region = chain.region.as_ref().map(|region| &region.value);
    env.region(region);
    env.set("AWS_SDK_LOAD_CONFIG", "1");
    env.set("AWS_EC2_METADATA_DISABLED", "true");
    // Tells a rolecall inside that `default` is not whom it runs under.
    env.set("ROLECALL_EXEC", "1");
    if keep_config {
        if profiles.profile("default").is_some_and(has_credentials) {
            tracing::warn!(
                "--keep-config: SDKs take the credentials of your `[default]` profile before the role's"
            );
        }
        return Ok((env, None));
    }
    let private = PrivateDir::new(host, what)?;
    let profile = match &chain.target {
        Target::Profile(name) => profiles.profile(name),
        Target::Role(_) => None,
    };
    let config = private.write("config", &config_file(profiles, profile, region))?;
    let credentials = private.write("credentials", "")?;
    env.isolate(host, &config, &credentials);
    env.set("ROLECALL_EXEC_DIR", private.path().display().to_string());
    Ok((env, Some(private)))
}

/// The changes to the environment a child inherits.
#[derive(Default)]
pub(crate) struct ChildEnv {
    pub(crate) remove: Vec<OsString>,
    pub(crate) set: BTreeMap<&'static str, Zeroizing<String>>,
}

impl ChildEnv {
    /// Takes away every variable of ours that could decide whom the child acts as.
    pub(crate) fn scrubbed(host: &Host) -> Self {
        let has_prefix = |name: &&OsStr| {
            REMOVED_PREFIXES
                .iter()
                .any(|prefix| name.as_encoded_bytes().starts_with(prefix.as_bytes()))
        };
        let stray = host.env_names_os().filter(has_prefix).map(OsStr::to_owned);
        Self {
            remove: REMOVED.iter().map(OsString::from).chain(stray).collect(),
            set: BTreeMap::new(),
        }
    }

    pub(crate) fn set(&mut self, name: &'static str, value: impl Into<String>) {
        self.set.insert(name, Zeroizing::new(value.into()));
    }

    /// Takes a variable away, whoever set it.
    pub(crate) fn unset(&mut self, name: &'static str) {
        self.set.remove(name);
        self.remove.push(name.into());
    }

    /// Both variables: boto3 reads only one of them, most others only the other.
    pub(crate) fn region(&mut self, region: Option<&Region>) {
        if let Some(region) = region {
            self.set("AWS_REGION", region.as_str());
            self.set("AWS_DEFAULT_REGION", region.as_str());
        }
    }

    /// Points the child to an empty credentials file and a config file without credentials, so that no stray `[default]`
    /// comes before the endpoint; a rolecall inside still finds the originals.
    pub(crate) fn isolate(&mut self, host: &Host, config: &Path, credentials: &Path) {
        self.set("AWS_CONFIG_FILE", config.display().to_string());
        self.set("AWS_SHARED_CREDENTIALS_FILE", credentials.display().to_string());
        // botocore reads `~/.boto` before it asks the endpoint, unless this names another file.
        self.set("BOTO_CONFIG", credentials.display().to_string());
        for (kind, original) in ProfileSet::paths(host) {
            let name = match kind {
                FileKind::Config => "ROLECALL_CONFIG_FILE",
                FileKind::Credentials => "ROLECALL_SHARED_CREDENTIALS_FILE",
            };
            self.set(name, original.display().to_string());
        }
    }
}

/// Whether a profile leads SDKs to credentials of its own.
pub(crate) fn has_credentials(profile: &Profile) -> bool {
    CREDENTIAL_KEYS.iter().any(|key| profile.value(key).is_some())
}

/// The target's settings without its credentials, as the `[default]` of a config file that every SDK reads alike.
pub(crate) fn config_file(
    profiles: &ProfileSet,
    profile: Option<&Profile>,
    region: Option<&Region>,
) -> String {
    let mut text = "[default]\n".to_owned();
    if let Some(region) = region {
        section_line(&mut text, "region", region.as_str());
    }
    // What may not be shown is nobody's setting but a secret of some other tool's.
    let is_setting = |(key, property): &(&str, &Property)| {
        !CREDENTIAL_KEYS.contains(key) && *key != "region" && property.shown() == property.value()
    };
    for (key, property) in profile
        .into_iter()
        .flat_map(Profile::properties)
        .filter(is_setting)
    {
        section_line(&mut text, key, property.value());
    }
    let services = profile.and_then(|profile| profile.value("services"));
    if let Some(services) = profiles
        .services()
        .find(|section| Some(section.name()) == services)
    {
        let _ = writeln!(text, "[services {}]", services.name());
        for (key, property) in services.properties().filter(is_setting) {
            section_line(&mut text, key, property.value());
        }
    }
    text
}

/// `key = value`, with the further lines of a nested value indented below it.
fn section_line(text: &mut String, key: &str, value: &str) {
    let mut lines = value.split('\n');
    let _ = writeln!(
        text,
        "{}",
        format!("{key} = {}", lines.next().unwrap_or_default()).trim_end()
    );
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
}

#[cfg(test)]
mod tests {
    use rolecall::profile::keys::KEYS;

    use super::*;

    /// Whoever teaches rolecall a new key has to say which of the two it is.
    #[test]
    fn every_key_that_is_read_is_a_setting_or_leads_to_credentials() {
        const SETTINGS: [&str; 12] = [
            "ca_bundle",
            "color",
            "disable_clock_skew_correction",
            "ec2_metadata_service_endpoint",
            "ec2_metadata_service_endpoint_mode",
            "endpoint_url",
            "ignore_configured_endpoint_urls",
            "region",
            "services",
            "sts_regional_endpoints",
            "use_dualstack_endpoint",
            "use_fips_endpoint",
        ];
        for key in KEYS.iter().filter(|key| key.is_read) {
            let (leads, sets) = (CREDENTIAL_KEYS.contains(&key.name), SETTINGS.contains(&key.name));
            assert!(leads != sets, "{}", key.name);
        }
    }

    #[test]
    fn a_childs_config_has_the_settings_and_no_credentials() {
        let mut profiles = ProfileSet::default();
        let text = "[profile p]\nrole_arn = arn:aws:iam::666666666666:role/R\nsource_profile = s\nregion = eu-west-1\noutput = json\n\
                    aws_secret_access_key = CANARYSECRET\ngithub_token = CANARYTOKEN\nmfa_serial = x\nservices = mine\ns3 =\n  addressing_style = path\n  x = 1\n\
                    [services mine]\nsts =\n  endpoint_url = http://127.0.0.1:1\n";
        profiles.add(FileKind::Config, Path::new("config"), text).unwrap();
        let region = "us-east-2".parse().unwrap();
        assert_eq!(
            config_file(&profiles, profiles.profile("p"), Some(&region)),
            "[default]\nregion = us-east-2\noutput = json\ns3 =\n  addressing_style = path\n  x = 1\nservices = mine\n\
             [services mine]\nsts =\n  endpoint_url = http://127.0.0.1:1\n"
        );
        assert_eq!(config_file(&profiles, None, None), "[default]\n");
    }

    #[test]
    fn stray_variables_of_every_kind_are_taken_away() {
        let host = Host::builder()
            .env("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "/x")
            .env("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE", "IPv6")
            .env("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
            .build();
        let env = ChildEnv::scrubbed(&host);
        let removes = |name: &str| env.remove.iter().any(|removed| removed == name);
        for name in [
            "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
            "AWS_PROFILE",
        ] {
            assert!(removes(name), "{name}");
        }
        assert!(!removes("AWS_ENDPOINT_URL"));
    }
}

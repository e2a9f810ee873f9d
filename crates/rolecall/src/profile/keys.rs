//! The keys of AWS's files and of the tools that people come from: whose each is, what it is for, and who reads it here.
//!
//! A key that is not in this table is nobody's business, unless it is nearly one that is: then it is a slip of the pen.

use std::fmt;

/// Whose key it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Owner {
    /// AWS's SDKs and the AWS CLI.
    Aws,
    /// The AWS CLI alone.
    AwsCli,
    /// AWS Extend Switch Roles.
    AwsExtendSwitchRoles,
    /// aws-runas.
    AwsRunas,
    /// aws-vault.
    AwsVault,
    /// awsume.
    Awsume,
    /// Granted.
    Granted,
    /// saml2aws.
    Saml2aws,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aws => "AWS",
            Self::AwsCli => "AWS CLI",
            Self::AwsExtendSwitchRoles => "AWS Extend Switch Roles",
            Self::AwsRunas => "aws-runas",
            Self::AwsVault => "aws-vault",
            Self::Awsume => "awsume",
            Self::Granted => "Granted",
            Self::Saml2aws => "saml2aws",
        })
    }
}

/// One key of a profile or of an sso-session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Key {
    /// The key, in lower case.
    pub name: &'static str,
    /// Whose it is.
    pub owner: Owner,
    /// Whether rolecall reads it. The others are for others, and left as they are.
    pub is_read: bool,
    /// What it is for, in a few words.
    pub purpose: &'static str,
}

/// Rolecall reads it.
const READ: bool = true;
/// Rolecall leaves it to others.
const LEFT: bool = false;

/// A line for each key: its name, whose it is, whether rolecall reads it, and what it is for.
macro_rules! keys {
    ($($name:literal $owner:ident $is_read:ident $purpose:literal)*) => {
        &[$(Key { name: $name, owner: Owner::$owner, is_read: $is_read, purpose: $purpose }),*]
    };
}

/// Every key that is known, by name. `docs/config.md` has the same table, which a test compares.
pub const KEYS: &[Key] = keys! {
    "account_id_endpoint_mode"             Aws      LEFT "whether endpoints hold the account's id"
    "api_versions"                         Aws      LEFT "which version of a service botocore speaks"
    "auth_browser"                         AwsRunas LEFT "the browser to sign in with"
    "auth_scheme_preference"               Aws      LEFT "which signatures an SDK prefers"
    "autoawsume"                           Awsume   LEFT "whether awsume renews by itself"
    "aws_access_key_id"                    Aws      READ "half of a stored access key"
    "aws_account_id"                       Aws      READ "the account that the credentials belong to"
    "aws_credential_expiration"            AwsCli   READ "when a temporary access key ends, as some tools write it"
    "aws_secret_access_key"                Aws      READ "the other half"
    "aws_security_token"                   Aws      LEFT "what botocore reads where there is no `aws_session_token`"
    "aws_session_token"                    Aws      READ "goes with a temporary access key"
    "ca_bundle"                            Aws      READ "a file of certificates to trust instead of the system's"
    "cli_auto_prompt"                      AwsCli   LEFT "a setting of the AWS CLI"
    "cli_binary_format"                    AwsCli   LEFT "a setting of the AWS CLI"
    "cli_error_format"                     AwsCli   LEFT "a setting of the AWS CLI"
    "cli_follow_urlparam"                  AwsCli   LEFT "a setting of the AWS CLI"
    "cli_help_output"                      AwsCli   LEFT "a setting of the AWS CLI"
    "cli_hide_file_access_token"           AwsCli   LEFT "a setting of the AWS CLI"
    "cli_history"                          AwsCli   LEFT "a setting of the AWS CLI"
    "cli_pager"                            AwsCli   LEFT "a setting of the AWS CLI"
    "cli_timestamp_format"                 AwsCli   LEFT "a setting of the AWS CLI"
    "color"                                AwsExtendSwitchRoles READ "the colour that the console shows after a switch"
    "credential_process"                   Aws      READ "a command that prints credentials"
    "credential_process_auto_login"        Granted  LEFT "whether Granted signs in by itself"
    "credential_source"                    Aws      READ "`Environment`, `Ec2InstanceMetadata` or `EcsContainer`, instead of a source profile"
    "credentials_duration"                 AwsRunas READ "how long a role's session is asked for, as `1h30m`"
    "defaults_mode"                        Aws      LEFT "an SDK's set of defaults"
    "disable_clock_skew_correction"        Aws      READ "`true`: a clock that is wrong is not corrected"
    "disable_request_compression"          Aws      LEFT "whether an SDK compresses what it sends"
    "duration_seconds"                     Aws      READ "how long the role's session is asked for, 900 to 43200"
    "dynamodb"                             Aws      LEFT "a block of settings for DynamoDB"
    "ec2_instance_profile_name"            Aws      READ "the role, so that instance metadata is not asked for its name"
    "ec2_metadata_service_endpoint"        Aws      READ "where instance metadata is asked for"
    "ec2_metadata_service_endpoint_mode"   Aws      READ "`IPv4` or `IPv6`"
    "ec2_metadata_v1_disabled"             Aws      LEFT "whether version 1 of instance metadata is used; rolecall never does"
    "endpoint_discovery_enabled"           Aws      LEFT "whether an SDK asks a service for its endpoints"
    "endpoint_url"                         Aws      READ "where services are called instead of at AWS"
    "external_id"                          Aws      READ "what a third party's role demands"
    "federated_username"                   AwsRunas LEFT "the name to sign in with"
    "granted_color"                        Granted  LEFT "the colour of a browser's tab"
    "granted_description"                  Granted  LEFT "a note"
    "granted_icon"                         Granted  LEFT "its icon"
    "granted_sso_account_id"               Granted  LEFT "an Identity Center profile for Granted alone"
    "granted_sso_region"                   Granted  LEFT "an Identity Center profile for Granted alone"
    "granted_sso_registration_scopes"      Granted  LEFT "an Identity Center profile for Granted alone"
    "granted_sso_role_name"                Granted  LEFT "an Identity Center profile for Granted alone"
    "granted_sso_start_url"                Granted  LEFT "an Identity Center profile for Granted alone"
    "ignore_configured_endpoint_urls"      Aws      READ "`true`: no `endpoint_url` counts, wherever it stands"
    "include_profile"                      AwsVault READ "the profile to inherit from what this one does not set"
    "jump_role_arn"                        AwsRunas READ "a role between the source and the role"
    "login_session"                        Aws      READ "the console sign-in that `aws login` keeps"
    "max_attempts"                         Aws      LEFT "how often an SDK tries"
    "metadata_service_num_attempts"        Aws      LEFT "how often it is tried"
    "metadata_service_timeout"             Aws      LEFT "seconds to wait for instance metadata"
    "mfa_process"                          AwsVault READ "a command that prints an MFA code"
    "mfa_serial"                           Aws      READ "the device whose code the role demands"
    "mfa_type"                             AwsRunas LEFT "how the code is asked for"
    "output"                               AwsCli   LEFT "how the AWS CLI prints"
    "parameter_validation"                 Aws      LEFT "whether botocore checks parameters"
    "parent_profile"                       AwsVault LEFT "the old name of `include_profile`"
    "plugins"                              AwsCli   LEFT "plug-ins of the AWS CLI"
    "region"                               Aws      READ "the region, for STS and for the child"
    "request_checksum_calculation"         Aws      LEFT "when an SDK sends checksums"
    "request_min_compression_size_bytes"   Aws      LEFT "from which size on"
    "response_checksum_validation"         Aws      LEFT "when an SDK checks them"
    "retry_mode"                           Aws      LEFT "how an SDK tries again"
    "role_arn"                             Aws      READ "the role to assume"
    "role_session_name"                    Aws      READ "the name the session carries into CloudTrail"
    "s3"                                   Aws      LEFT "a block of settings for S3"
    "s3_disable_express_session_auth"      Aws      LEFT "a setting of S3"
    "s3_disable_multiregion_access_points" Aws      LEFT "a setting of S3"
    "s3_us_east_1_regional_endpoint"       Aws      LEFT "a setting of S3"
    "s3_use_arn_region"                    Aws      LEFT "a setting of S3"
    "s3api"                                Aws      LEFT "a block of settings for S3"
    "saml_auth_url"                        AwsRunas LEFT "sign-in through SAML"
    "saml_entity_id"                       AwsRunas LEFT "sign-in through SAML"
    "saml_provider"                        AwsRunas LEFT "sign-in through SAML"
    "saml_username"                        AwsRunas LEFT "sign-in through SAML"
    "sdk_ua_app_id"                        Aws      LEFT "a name in the user agent"
    "services"                             Aws      READ "the `[services NAME]` with an `endpoint_url` for each service"
    "session_tags"                         AwsVault READ "tags of the session, `KEY=VALUE,…`"
    "session_token_duration"               AwsRunas READ "how long the MFA session is asked for, as `12h`"
    "sigv4a_signing_region_set"            Aws      LEFT "regions a signature is for"
    "source_identity"                      AwsVault READ "who the person behind the chain is"
    "source_profile"                       Aws      READ "the profile whose credentials assume the role"
    "sso_account_id"                       Aws      READ "the account to work in"
    "sso_region"                           Aws      READ "its region"
    "sso_registration_scopes"              Aws      READ "scopes to register the client with"
    "sso_role_name"                        Aws      READ "the role, as IAM Identity Center calls it"
    "sso_session"                          Aws      READ "the `[sso-session NAME]` to sign in to"
    "sso_start_url"                        Aws      READ "the start URL of IAM Identity Center"
    "sts_regional_endpoints"               Aws      READ "`legacy` asks for the global STS endpoint, `regional` for the region's"
    "tcp_keepalive"                        Aws      LEFT "a setting of connections"
    "transitive_session_tags"              AwsVault READ "keys of tags that go on to the next roles of a chain"
    "use_dualstack_endpoint"               Aws      READ "`true`: endpoints that speak IPv6 too"
    "use_fips_endpoint"                    Aws      READ "`true`: endpoints that comply with FIPS"
    "web_identity_auth_url"                AwsRunas LEFT "sign-in through OpenID Connect"
    "web_identity_client_id"               AwsRunas LEFT "sign-in through OpenID Connect"
    "web_identity_provider"                AwsRunas LEFT "sign-in through OpenID Connect"
    "web_identity_redirect_uri"            AwsRunas LEFT "sign-in through OpenID Connect"
    "web_identity_token_file"              Aws      READ "a file with an OpenID Connect token that assumes the role"
    "web_identity_token_process"           AwsVault READ "a command that prints an OpenID Connect token"
    "web_identity_username"                AwsRunas LEFT "sign-in through OpenID Connect"
    "x_principal_arn"                      Saml2aws LEFT "what saml2aws wrote"
    "x_security_token_expires"             Saml2aws READ "when a temporary access key ends, as saml2aws writes it"
};

/// The key of that name, in lower case.
pub fn known(name: &str) -> Option<&'static Key> {
    KEYS.binary_search_by(|key| key.name.cmp(name))
        .ok()
        .map(|at| &KEYS[at])
}

/// The key that was probably meant by one that is not known: another mark between its words, or a letter or two off.
pub(super) fn nearest(name: &str) -> Option<&'static Key> {
    let words = name.replace(['-', '.', ' '], "_");
    if let Some(key) = known(&words) {
        return Some(key);
    }
    // In a short word one other letter makes another word.
    let allowed = match words.len() {
        ..6 => return None,
        6..10 => 1,
        _ => 2,
    };
    KEYS.iter()
        .filter(|key| key.name.len().abs_diff(words.len()) <= allowed)
        .map(|key| (strsim::osa_distance(key.name, &words), key))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, key)| key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_finds_each_key() {
        assert!(KEYS.windows(2).all(|pair| pair[0].name < pair[1].name));
        for key in KEYS {
            assert_eq!(known(key.name), Some(key));
            let is_key = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
            assert!(key.name.bytes().all(is_key), "{}", key.name);
        }
        assert_eq!(known("role_arm"), None);
    }

    #[test]
    fn a_slip_of_the_pen_is_seen_and_a_stranger_left_alone() {
        for (written, meant) in [
            ("role_arm", Some("role_arn")),
            ("rolearn", Some("role_arn")),
            ("source-profile", Some("source_profile")),
            ("mfa-serial", Some("mfa_serial")),
            ("mfa_serials", Some("mfa_serial")),
            ("regoin", Some("region")),
            ("credentials_process", Some("credential_process")),
            ("aws_secret_acess_key", Some("aws_secret_access_key")),
            ("duration_second", Some("duration_seconds")),
            ("sso_account", None),
            ("team", None),
            ("s4", None),
            ("my_own_note", None),
        ] {
            assert_eq!(nearest(written).map(|key| key.name), meant, "{written}");
        }
    }
}

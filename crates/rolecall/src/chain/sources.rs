//! What a profile or the environment says about each kind of source.

use std::path::PathBuf;
use std::time::SystemTime;

use super::resolve::{Resolver, Step, parsed};
use super::{
    Configured, Container, ContainerToken, KeySource, LoginSession, Metadata, Role, Source, SourceKind,
    TokenSource,
};
use crate::arn::RoleArn;
use crate::command_line::CommandLine;
use crate::error::{Error, ErrorKind, Invalid};
use crate::parameters::Tags;
use crate::profile::{Origin, Profile, Property};

/// Where instance metadata is, unless told otherwise.
const METADATA_V4: &str = "http://169.254.169.254";
const METADATA_V6: &str = "http://[fd00:ec2::254]";

impl<'a> Resolver<'a> {
    /// The source of a profile that assumes no role by itself, in the order of AWS's SDK for Rust.
    pub(super) fn base(&mut self, profile: &'a Profile, steps: &mut Vec<Step<'a>>) -> Result<Source, Error> {
        if let Some(source) = profile.property("credential_source") {
            return self.credential_source(profile, source);
        }
        if let Some(source) = self.web_identity(profile, steps)? {
            return Ok(source);
        }
        if let Some(source) = self.sso(profile)? {
            return Ok(source);
        }
        let of = |kind: SourceKind, property: &Property| Source {
            kind,
            profile: Some(profile.name().to_owned()),
            origin: property.origin().clone(),
        };
        if let Some(property) = profile.property("login_session") {
            let session = property.one_line("login_session")?.to_owned();
            return Ok(of(SourceKind::Login(LoginSession { session }), property));
        }
        if let Some(property) = profile.property("credential_process") {
            let command = parsed::<CommandLine>(property, "credential_process")?;
            if !profile.names_itself() {
                return Ok(of(SourceKind::Process(command), property));
            }
            // So the AWS CLI gets at a key in the vault.
            return vaulted(profile)?.ok_or_else(|| match self.profiles.vault_error() {
                Some(error) => error.clone(),
                None => self_naming(profile, property),
            });
        }
        own_key(profile)?.ok_or_else(|| {
            let error = Error::config(format!(
                "profile `{}` ({}) holds neither a role nor credentials",
                profile.name(),
                profile.origin()
            ));
            self.profiles.with_vault(error).with_hint(format!(
                "Give it `role_arn` and `source_profile`, or put its access key into the vault: `rolecall vault add {}`.",
                profile.name()
            ))
        })
    }

    pub(super) fn credential_source(&self, profile: &Profile, source: &Property) -> Result<Source, Error> {
        let named = |found: Option<Source>, missing: &str, hint: &str| {
            let found = found.map(|source| Source {
                profile: Some(profile.name().to_owned()),
                ..source
            });
            found.ok_or_else(|| {
                Error::new(
                    ErrorKind::NotConfigured,
                    format!(
                        "profile `{}` takes its credentials from {missing}",
                        profile.name(),
                    ),
                )
                .with_hint(hint)
            })
        };
        match source.one_line("credential_source")? {
            "Environment" => self.environment()?.ok_or_else(|| {
                Error::new(
                    ErrorKind::NotConfigured,
                    format!(
                        "profile `{}` takes its credentials from the environment ({}), and AWS_ACCESS_KEY_ID is not set",
                        profile.name(),
                        source.origin()
                    ),
                )
                .with_hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.")
            }),
            "EcsContainer" => named(
                self.container()?,
                &format!(
                    "its container ({}), and neither AWS_CONTAINER_CREDENTIALS_RELATIVE_URI nor AWS_CONTAINER_CREDENTIALS_FULL_URI is set",
                    source.origin()
                ),
                "ECS and EKS set them in their containers; elsewhere name another source.",
            ),
            "Ec2InstanceMetadata" => named(
                self.metadata(Some(profile))?,
                &format!(
                    "the instance metadata ({}), which AWS_EC2_METADATA_DISABLED switches off",
                    source.origin()
                ),
                "Unset AWS_EC2_METADATA_DISABLED, or name another source.",
            ),
            other => Err(Error::config(format!(
                "`{other}` ({}) is not a credential_source",
                source.origin()
            ))
            .with_hint("It is one of Environment, Ec2InstanceMetadata and EcsContainer, in these very letters.")),
        }
    }

    /// Keys in the environment.
    pub(super) fn environment(&self) -> Result<Option<Source>, Error> {
        let (id, secret) = (
            self.host.env("AWS_ACCESS_KEY_ID"),
            self.host.env("AWS_SECRET_ACCESS_KEY"),
        );
        match (id, secret) {
            (Some(id), Some(_)) => Ok(Some(Source {
                kind: SourceKind::Environment(KeySource {
                    access_key_id: id.to_owned(),
                    // The older name, as botocore reads it too.
                    temporary: ["AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN"]
                        .iter()
                        .any(|name| self.host.env(name).is_some()),
                    ends_at: end_of(
                        self.host.env("AWS_CREDENTIAL_EXPIRATION"),
                        &Origin::Variable("AWS_CREDENTIAL_EXPIRATION"),
                    )?,
                }),
                profile: None,
                origin: Origin::Variable("AWS_ACCESS_KEY_ID"),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(half_pair("$AWS_ACCESS_KEY_ID is set", "AWS_SECRET_ACCESS_KEY")),
            (None, Some(_)) => Err(half_pair("$AWS_SECRET_ACCESS_KEY is set", "AWS_ACCESS_KEY_ID")),
        }
    }

    /// `AWS_WEB_IDENTITY_TOKEN_FILE` and `AWS_ROLE_ARN`, which EKS sets for a pod.
    pub(super) fn environment_web_identity(
        &self,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<Option<Source>, Error> {
        let Some(file) = self.host.env("AWS_WEB_IDENTITY_TOKEN_FILE") else {
            return Ok(None);
        };
        let Some(arn) = self.host.env("AWS_ROLE_ARN") else {
            return Err(
                Error::config("$AWS_WEB_IDENTITY_TOKEN_FILE is set, but no AWS_ROLE_ARN").with_hint(
                    "Set AWS_ROLE_ARN to the role that the token is exchanged for, or unset both.",
                ),
            );
        };
        let arn = arn
            .parse::<RoleArn>()
            .map_err(|invalid| Error::from(invalid.at(&Origin::Variable("AWS_ROLE_ARN"))))?;
        steps.push(Step {
            arn,
            profile: None,
            origin: Origin::Variable("AWS_ROLE_ARN"),
        });
        Ok(Some(Source {
            kind: SourceKind::WebIdentity(TokenSource::File(PathBuf::from(file))),
            profile: None,
            origin: Origin::Variable("AWS_WEB_IDENTITY_TOKEN_FILE"),
        }))
    }

    /// A token file, or a command that prints a token, and the role it is exchanged for: the first step of the chain.
    fn web_identity(&self, profile: &'a Profile, steps: &mut Vec<Step<'a>>) -> Result<Option<Source>, Error> {
        let file = profile.property("web_identity_token_file");
        let process = profile.property("web_identity_token_process");
        let (token, property) = match (file, process) {
            (Some(file), _) => (
                TokenSource::File(self.host.expand_home(file.one_line("web_identity_token_file")?)),
                file,
            ),
            (None, Some(process)) => (
                TokenSource::Process(parsed(process, "web_identity_token_process")?),
                process,
            ),
            (None, None) => return Ok(None),
        };
        let Some(role_arn) = profile.property("role_arn") else {
            return Err(Error::config(format!(
                "profile `{}` has a web identity token ({}), but no role_arn to exchange it for",
                profile.name(),
                property.origin()
            ))
            .with_hint("Add `role_arn` to it."));
        };
        steps.push(Step {
            arn: parsed(role_arn, "role_arn")?,
            profile: Some(profile),
            origin: role_arn.origin().clone(),
        });
        // aws-runas: the token is exchanged for this role, and `role_arn` is assumed from it.
        if let Some(jump) = profile.property("jump_role_arn") {
            steps.push(Step {
                arn: parsed(jump, "jump_role_arn")?,
                profile: None,
                origin: jump.origin().clone(),
            });
        }
        Ok(Some(Source {
            kind: SourceKind::WebIdentity(token),
            profile: Some(profile.name().to_owned()),
            origin: property.origin().clone(),
        }))
    }

    /// What `AssumeRoleWithWebIdentity` does not know: a flag for it is refused, a property is told of and left out.
    pub(super) fn of_web_identity(&mut self, source: &Source, roles: &mut [Role]) -> Result<(), Error> {
        let SourceKind::WebIdentity(_) = source.kind else {
            return Ok(());
        };
        // Flags are the last role's.
        let is_only = roles.len() == 1;
        let Some(role) = roles.first_mut() else {
            return Ok(());
        };
        let external_id = role
            .external_id
            .take()
            .map(|id| ("external_id", "external-id", id.origin));
        let identity = role
            .source_identity
            .take()
            .map(|id| ("source_identity", "source-identity", id.origin));
        for (key, flag, origin) in external_id.into_iter().chain(identity) {
            if let Origin::Flag(_) = origin {
                return Err(not_of_web_identity(&role.arn, flag));
            }
            self.warn(format!(
                "a role that a web identity token is exchanged for takes no {key} ({origin}): it is not used"
            ));
        }
        if role.tags.iter().next().is_some() || !role.tags.transitive().is_empty() {
            if is_only && (!self.request.tags.is_empty() || !self.request.transitive_tags.is_empty()) {
                return Err(not_of_web_identity(&role.arn, "tag"));
            }
            self.warn(format!(
                "a role that a web identity token is exchanged for takes its tags from the token: session_tags of {} are not used",
                role.arn
            ));
            role.tags = Tags::default();
        }
        // EKS and others set it beside the token file; a profile has a property for it.
        const NAME: &str = "AWS_ROLE_SESSION_NAME";
        if let (Origin::Variable(_), Origin::Default(_), Some(name)) =
            (&source.origin, &role.session_name.origin, self.host.env(NAME))
        {
            let name = name
                .parse()
                .map_err(|invalid: Invalid| Error::from(invalid.at(&Origin::Variable(NAME))))?;
            role.session_name = Configured::new(name, Origin::Variable(NAME));
        }
        Ok(())
    }

    /// The container endpoint that the environment names. The relative form counts first, as in botocore and the SDK for Rust.
    pub(super) fn container(&self) -> Result<Option<Source>, Error> {
        const RELATIVE: &str = "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI";
        const FULL: &str = "AWS_CONTAINER_CREDENTIALS_FULL_URI";
        let (uri, variable) = match (self.host.env(RELATIVE), self.host.env(FULL)) {
            (Some(path), _) if path.starts_with('/') => (format!("http://169.254.170.2{path}"), RELATIVE),
            (Some(_), _) => {
                return Err(Error::config(format!("${RELATIVE} does not begin with `/`"))
                    .with_hint(format!("A whole URI belongs into {FULL}.")));
            }
            (None, Some(uri)) => (uri.to_owned(), FULL),
            (None, None) => return Ok(None),
        };
        let file = self.host.env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
        let token = match (file, self.host.env("AWS_CONTAINER_AUTHORIZATION_TOKEN")) {
            (Some(file), _) => Some(ContainerToken::File(PathBuf::from(file))),
            (None, Some(_)) => Some(ContainerToken::Variable),
            (None, None) => None,
        };
        Ok(Some(Source {
            kind: SourceKind::Container(Container { uri, token }),
            profile: None,
            origin: Origin::Variable(variable),
        }))
    }

    /// The instance metadata service; none where it is switched off.
    pub(super) fn metadata(&self, profile: Option<&Profile>) -> Result<Option<Source>, Error> {
        let env = |name: &'static str| self.host.env(name).map(|value| (value, Origin::Variable(name)));
        let setting = |name: &'static str, key: &str| {
            env(name).or_else(|| {
                let property = profile?.property(key)?;
                Some((property.value(), property.origin().clone()))
            })
        };
        if env("AWS_EC2_METADATA_DISABLED").is_some_and(|(value, _)| value.eq_ignore_ascii_case("true")) {
            return Ok(None);
        }
        let endpoint = setting(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            "ec2_metadata_service_endpoint",
        );
        let mode = setting(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
            "ec2_metadata_service_endpoint_mode",
        );
        let (endpoint, origin) = match (endpoint, mode) {
            (Some((endpoint, origin)), _) => (endpoint.trim_end_matches('/').to_owned(), origin),
            (None, Some((mode, origin))) if mode.eq_ignore_ascii_case("ipv6") => {
                (METADATA_V6.to_owned(), origin)
            }
            (None, Some((mode, origin))) if mode.eq_ignore_ascii_case("ipv4") => {
                (METADATA_V4.to_owned(), origin)
            }
            (None, Some((mode, origin))) => {
                return Err(
                    Error::config(format!("`{mode}` ({origin}) is neither IPv4 nor IPv6"))
                        .with_hint("The mode of the metadata endpoint is one of the two."),
                );
            }
            (None, None) => (
                METADATA_V4.to_owned(),
                Origin::Default("the address of instance metadata"),
            ),
        };
        let role = setting("AWS_EC2_INSTANCE_PROFILE_NAME", "ec2_instance_profile_name");
        Ok(Some(Source {
            kind: SourceKind::InstanceMetadata(Metadata {
                endpoint,
                role: role.map(|(role, _)| role.to_owned()),
            }),
            profile: None,
            origin,
        }))
    }
}

/// The key of a profile: in the vault, else in a file.
pub(super) fn own_key(profile: &Profile) -> Result<Option<Source>, Error> {
    match vaulted(profile)? {
        Some(source) => Ok(Some(source)),
        None => static_keys(profile),
    }
}

/// A profile's key in the vault.
fn vaulted(profile: &Profile) -> Result<Option<Source>, Error> {
    let Some(property) = profile.vault_key() else {
        return Ok(None);
    };
    Ok(Some(Source {
        kind: SourceKind::Vault(KeySource {
            access_key_id: property.one_line(property.key())?.to_owned(),
            temporary: false,
            ends_at: None,
        }),
        profile: Some(profile.name().to_owned()),
        origin: Origin::Vault,
    }))
}

/// An access key in a profile.
fn static_keys(profile: &Profile) -> Result<Option<Source>, Error> {
    let (id, secret) = (
        profile.property("aws_access_key_id"),
        profile.property("aws_secret_access_key"),
    );
    let half = |there: &str, one: &Property, missing: &str| {
        let place = format!("profile `{}` has an {there} ({})", profile.name(), one.origin());
        Err(half_pair(&place, missing))
    };
    match (id, secret) {
        (Some(id), Some(_)) => Ok(Some(Source {
            kind: SourceKind::AccessKey(KeySource {
                access_key_id: id.one_line("aws_access_key_id")?.to_owned(),
                temporary: profile.value("aws_session_token").is_some(),
                // What tools write beside a temporary key about its end; the second is saml2aws's.
                ends_at: match profile
                    .property("aws_credential_expiration")
                    .or_else(|| profile.property("x_security_token_expires"))
                {
                    Some(property) => end_of(Some(property.value()), property.origin())?,
                    None => None,
                },
            }),
            profile: Some(profile.name().to_owned()),
            origin: id.origin().clone(),
        })),
        (None, None) => Ok(None),
        (Some(one), None) => half("aws_access_key_id", one, "aws_secret_access_key"),
        (None, Some(one)) => half("aws_secret_access_key", one, "aws_access_key_id"),
    }
}

fn not_of_web_identity(role: &RoleArn, flag: &str) -> Error {
    Error::config(format!(
        "--{flag} cannot be used here: a web identity token is exchanged for the role, and that call takes none"
    ))
    .with_hop(role.to_string())
    .with_hint("Leave it away; where the token comes from decides about tags and the source identity.")
}

fn end_of(text: Option<&str>, origin: &Origin) -> Result<Option<SystemTime>, Error> {
    let Some(text) = text else {
        return Ok(None);
    };
    match crate::time::parsed(text) {
        Some(end) => Ok(Some(end)),
        None => Err(Error::config(format!(
            "the end of the temporary key ({origin}) is no time like 2026-01-01T00:00:00Z"
        ))
        .with_hint("Correct it, or take it away.")),
    }
}

fn half_pair(there: &str, missing: &str) -> Error {
    Error::config(format!("{there}, but no {missing}: half a key pair"))
        .with_hint(format!("Add `{missing}`, or take the other half away."))
}

/// `credential_process = rolecall credential-process NAME` in profile NAME would call itself for ever.
fn self_naming(profile: &Profile, property: &Property) -> Error {
    let name = profile.name();
    Error::config(format!(
        "profile `{name}` asks rolecall for itself ({}), for ever",
        property.origin()
    ))
    .with_hint(format!(
        "Put `role_arn` and `source_profile` into `[profile {name}-role]`, and write \
         `credential_process = rolecall credential-process {name}-role` here; or put an access key of its own into the vault: \
         `rolecall vault add {name}`."
    ))
}

//! From a profile down to the source its roles start from.

use super::resolve::{Resolver, Step, parsed};
use super::{Source, SourceKind};
use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind};
use crate::profile::{Origin, Profile, Property};

/// What a profile is visited as.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Visit {
    /// The target: its role comes before its keys, and `--source-profile` replaces its source.
    Target,
    /// The default source of a role named without a profile: its role comes before its keys.
    Selected,
    /// Somebody's `source_profile`: its keys come before its role.
    Source,
}

impl<'a> Resolver<'a> {
    /// A role named without a profile: from `--source-profile`, else from the default source.
    pub(super) fn bare_role(
        &mut self,
        arn: Option<RoleArn>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<Source, Error> {
        if let Some(arn) = arn {
            steps.push(Step {
                arn,
                profile: None,
                origin: Origin::Argument("TARGET"),
            });
        }
        if let Some(name) = self.request.source_profile.clone() {
            return self.walk_from(&name, Visit::Source, &mut vec![], steps);
        }
        if let Some(source) = self.environment()? {
            return Ok(source);
        }
        if self.is_nested() {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                "inside `rolecall exec` a role needs a source: name one with --source-profile",
            )
            .with_hint(
                "Profile `default` would be another identity than the one this command runs under; AWS_PROFILE names a source too.",
            ));
        }
        let name = self.default_profile().to_owned();
        if self.profiles.profile(&name).is_none() {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                "a role was named without a profile, and there are no credentials to assume it with",
            )
            .with_hint(format!(
                "Looked for AWS_ACCESS_KEY_ID in the environment, then for profile `{name}`. Name a source with --source-profile."
            )));
        }
        // What AWS's own tools use with this profile selected, and so its role before its keys.
        self.walk_from(&name, Visit::Selected, &mut vec![], steps)
    }

    /// The steps and the source of the profile that is the target; `--source-profile` replaces its own source.
    pub(super) fn walk(&mut self, name: &str, steps: &mut Vec<Step<'a>>) -> Result<Source, Error> {
        self.walk_from(name, Visit::Target, &mut Vec::new(), steps)
    }

    fn walk_from(
        &mut self,
        name: &str,
        visit: Visit,
        seen: &mut Vec<String>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<Source, Error> {
        let profiles = self.profiles;
        let profile = profiles
            .profile(name)
            .ok_or_else(|| self.missing(name, seen.last().map(String::as_str)))?;
        if seen.iter().any(|known| known == name) {
            seen.push(name.to_owned());
            let path: Vec<_> = seen.iter().map(|name| format!("`{name}`")).collect();
            return Err(Error::config(format!(
                "the source profiles go round in a circle: {}",
                path.join(" → ")
            ))
            .with_hint(
                "One profile of the circle needs credentials of its own instead of a `source_profile`.",
            ));
        }
        seen.push(name.to_owned());
        // For the profile that was asked for its role comes before its keys; for a source its keys before its role.
        if visit == Visit::Source
            && let Some(source) = static_keys(profile)?
        {
            return Ok(source);
        }
        let assumes = profile
            .property("role_arn")
            .filter(|_| profile.value("web_identity_token_file").is_none());
        let Some(role_arn) = assumes else {
            return self.base(profile);
        };
        let arn = parsed::<RoleArn>(role_arn, "role_arn")?;
        steps.push(Step {
            arn,
            profile: Some(profile),
            origin: role_arn.origin().clone(),
        });
        let overriding = match visit {
            Visit::Target => self.request.source_profile.clone(),
            Visit::Selected | Visit::Source => None,
        };
        match (
            overriding,
            profile.property("source_profile"),
            profile.property("credential_source"),
        ) {
            (Some(source), ..) if source != name => self.walk_from(&source, Visit::Source, seen, steps),
            (None, Some(source), Some(other)) => Err(Error::config(format!(
                "profile `{name}` has both a source_profile ({}) and a credential_source ({})",
                source.origin(),
                other.origin()
            ))
            .with_hint("Keep one of the two: they say where the role's first credentials come from.")),
            (Some(_), ..) => Self::own_keys(profile),
            (None, Some(source), None) if source.value() == name => Self::own_keys(profile),
            (None, Some(source), None) => {
                let source = source.one_line("source_profile")?.to_owned();
                self.walk_from(&source, Visit::Source, seen, steps)
            }
            (None, None, Some(source)) => self.credential_source(profile, source),
            (None, None, None) => Err(Error::config(format!(
                "profile `{name}` names a role ({}), but no credentials to assume it with",
                role_arn.origin()
            ))
            .with_hint(format!(
                "Add `source_profile = NAME` to it, or say --source-profile NAME. {}",
                self.with_keys()
            ))),
        }
    }

    /// The error for a profile that is not there, said of whatever names it.
    fn missing(&self, name: &str, from: Option<&str>) -> Error {
        let unknown = self.profiles.unknown(name);
        let place =
            from.and_then(|from| Some((from, self.profiles.profile(from)?.property("source_profile")?)));
        match place {
            Some((from, property)) if property.value() == name => {
                let error = Error::config(format!(
                    "profile `{from}` names `{name}` as its source_profile ({}), and there is no such profile",
                    property.origin()
                ));
                unknown
                    .hints()
                    .iter()
                    .fold(error, |error, hint| error.with_hint(hint.as_str()))
            }
            _ if from.is_none() && self.request.target.is_none() => match self.host.env("AWS_PROFILE") {
                Some(_) => unknown.with_hint("AWS_PROFILE names it, because no target was given."),
                None => unknown.with_hint(
                    "No target was given, and AWS_PROFILE is not set: name a profile, a role ARN or ACCOUNT/ROLE.",
                ),
            },
            _ => unknown,
        }
    }

    /// A profile that is its own source has to hold keys, or it would be a circle of one.
    fn own_keys(profile: &Profile) -> Result<Source, Error> {
        static_keys(profile)?.ok_or_else(|| {
            Error::config(format!(
                "the source profiles go round in a circle: `{0}` → `{0}`, and `{0}` has no keys of its own",
                profile.name()
            ))
            .with_hint("Put the access key into a profile of its own, and name that one as `source_profile`.")
        })
    }

    fn with_keys(&self) -> String {
        let names: Vec<_> = self
            .profiles
            .profiles()
            .filter(|profile| profile.value("aws_access_key_id").is_some())
            .map(|profile| format!("`{}`", profile.name()))
            .take(5)
            .collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("Profiles with keys: {}.", names.join(", "))
        }
    }

    fn credential_source(&self, profile: &Profile, source: &Property) -> Result<Source, Error> {
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
            known @ ("Ec2InstanceMetadata" | "EcsContainer") => Err(unsupported(profile, source, known)),
            other => Err(Error::config(format!(
                "`{other}` ({}) is not a credential_source",
                source.origin()
            ))
            .with_hint("It is one of Environment, Ec2InstanceMetadata and EcsContainer, in these very letters.")),
        }
    }

    /// The source of a profile that assumes no role, in the order of AWS's SDK for Rust.
    fn base(&self, profile: &'a Profile) -> Result<Source, Error> {
        if let Some(source) = profile.property("credential_source") {
            return self.credential_source(profile, source);
        }
        for (key, what) in [
            ("web_identity_token_file", "a web identity token"),
            ("sso_session", "IAM Identity Center"),
            ("sso_start_url", "IAM Identity Center"),
            ("login_session", "a console sign-in"),
        ] {
            if let Some(property) = profile.property(key) {
                return Err(unsupported(profile, property, what));
            }
        }
        if let Some(process) = profile.property("credential_process") {
            return Err(self_naming(profile, process)
                .unwrap_or_else(|| unsupported(profile, process, "a credential_process")));
        }
        static_keys(profile)?.ok_or_else(|| {
            Error::config(format!("profile `{}` ({}) holds neither a role nor credentials", profile.name(), profile.origin()))
                .with_hint(
                    "Give it `role_arn` and `source_profile`, or `aws_access_key_id` and `aws_secret_access_key`.",
                )
        })
    }

    fn environment(&self) -> Result<Option<Source>, Error> {
        let (id, secret) = (
            self.host.env("AWS_ACCESS_KEY_ID"),
            self.host.env("AWS_SECRET_ACCESS_KEY"),
        );
        match (id, secret) {
            (Some(id), Some(_)) => Ok(Some(Source {
                kind: SourceKind::Environment,
                profile: None,
                access_key_id: id.to_owned(),
                temporary: self.host.env("AWS_SESSION_TOKEN").is_some(),
                origin: Origin::Variable("AWS_ACCESS_KEY_ID"),
            })),
            (None, None) => Ok(None),
            (Some(_), None) => Err(half_pair("$AWS_ACCESS_KEY_ID is set", "AWS_SECRET_ACCESS_KEY")),
            (None, Some(_)) => Err(half_pair("$AWS_SECRET_ACCESS_KEY is set", "AWS_ACCESS_KEY_ID")),
        }
    }
}

fn static_keys(profile: &Profile) -> Result<Option<Source>, Error> {
    let (id, secret) = (
        profile.property("aws_access_key_id"),
        profile.property("aws_secret_access_key"),
    );
    match (id, secret) {
        (Some(id), Some(_)) => Ok(Some(Source {
            kind: SourceKind::AccessKey,
            profile: Some(profile.name().to_owned()),
            access_key_id: id.one_line("aws_access_key_id")?.to_owned(),
            temporary: profile.value("aws_session_token").is_some(),
            origin: id.origin().clone(),
        })),
        (None, None) => Ok(None),
        (Some(one), None) => Err(half_pair(
            &format!(
                "profile `{}` has an aws_access_key_id ({})",
                profile.name(),
                one.origin()
            ),
            "aws_secret_access_key",
        )),
        (None, Some(one)) => Err(half_pair(
            &format!(
                "profile `{}` has an aws_secret_access_key ({})",
                profile.name(),
                one.origin()
            ),
            "aws_access_key_id",
        )),
    }
}

fn half_pair(there: &str, missing: &str) -> Error {
    Error::config(format!("{there}, but no {missing}: half a key pair"))
        .with_hint(format!("Add `{missing}`, or take the other half away."))
}

fn unsupported(profile: &Profile, property: &Property, what: &str) -> Error {
    Error::config(format!(
        "profile `{}` gets its credentials from {what} ({}), which this version cannot do yet",
        profile.name(),
        property.origin()
    ))
    .with_hint(
        "Sources of this version: access keys in the AWS files, and AWS_ACCESS_KEY_ID in the environment.",
    )
}

/// `credential_process = rolecall credential-process NAME` in profile NAME would call itself for ever.
fn self_naming(profile: &Profile, process: &Property) -> Option<Error> {
    let words: Vec<_> = process
        .value()
        .split_whitespace()
        .map(|word| word.trim_matches(['"', '\'']))
        .collect();
    let at = words.iter().position(|word| *word == "credential-process")?;
    let is_ours = words.first().is_some_and(|word| {
        word.rsplit(['/', '\\'])
            .next()
            .is_some_and(|name| name.starts_with("rolecall"))
    });
    let name = profile.name();
    (is_ours && words.get(at + 1).copied() == Some(name)).then(|| {
        Error::config(format!(
            "profile `{name}` asks rolecall for itself ({}), for ever",
            process.origin()
        ))
        .with_hint(format!(
            "Put `role_arn` and `source_profile` into `[profile {name}-role]`, and write \
                 `credential_process = rolecall credential-process {name}-role` here."
        ))
    })
}

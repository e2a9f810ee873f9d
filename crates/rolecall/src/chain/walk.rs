//! From a profile down to the source its roles start from.

use super::Source;
use super::resolve::{Resolver, Step, parsed};
use super::sources::own_key;
use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind};
use crate::profile::{Origin, Profile};

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
    /// A role named without a profile: from `--source-profile`, else from the profile it was found by, else from the
    /// default source.
    pub(super) fn bare_role(
        &mut self,
        role: Option<(RoleArn, Origin)>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<Source, Error> {
        if let Some((arn, origin)) = role {
            steps.push(Step {
                arn,
                profile: None,
                origin,
            });
        }
        if let Some(source) = self.named_source() {
            let walked = self.walk_from(&source.value, Visit::Source, &mut vec![], steps);
            let is_gone = source.origin == Origin::Found && self.profiles.profile(&source.value).is_none();
            return walked.map_err(|error| match is_gone {
                true => error.with_hint(format!(
                    "`rolecall roles {0}` found the role with `{0}`; name another source with --source-profile, or find it again.",
                    source.value
                )),
                false => error,
            });
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
            return match self.without_profile(steps)? {
                // A profile that is named has to be there; only the one that nobody named may be missing.
                Some(source) if self.host.env("AWS_PROFILE").is_none() => Ok(source),
                _ => Err(Error::new(
                    ErrorKind::NotConfigured,
                    "a role was named without a profile, and there are no credentials to assume it with",
                )
                .with_hint(format!(
                    "Looked for AWS_ACCESS_KEY_ID in the environment, then for profile `{name}`. Name a source with --source-profile."
                ))),
            };
        }
        // What AWS's own tools use with this profile selected, and so its role before its keys.
        self.walk_from(&name, Visit::Selected, &mut vec![], steps)
    }

    /// What there may be where nothing is configured: a pod's token, a container, an instance.
    fn without_profile(&self, steps: &mut Vec<Step<'a>>) -> Result<Option<Source>, Error> {
        if let Some(source) = self.environment_web_identity(steps)? {
            return Ok(Some(source));
        }
        match self.container()? {
            Some(source) => Ok(Some(source)),
            None => self.metadata(None),
        }
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
            && let Some(source) = own_key(profile)?
        {
            return Ok(source);
        }
        let has_token = ["web_identity_token_file", "web_identity_token_process"]
            .iter()
            .any(|key| profile.value(key).is_some());
        let Some(role_arn) = profile.property("role_arn").filter(|_| !has_token) else {
            return self.base(profile, steps);
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
            (Some(_), ..) => self.own_source(profile, steps),
            (None, Some(source), None) if source.value() == name => self.own_source(profile, steps),
            (None, Some(source), None) => {
                let source = source.one_line("source_profile")?.to_owned();
                self.walk_from(&source, Visit::Source, seen, steps)
            }
            (None, None, Some(source)) => self.credential_source(profile, source),
            // As aws-vault has it: a key that was put into the vault for this very profile assumes its role.
            (None, None, None) if profile.vault_key().is_some() => self.own_source(profile, steps),
            (None, None, None) => Err(Error::config(format!(
                "profile `{name}` names a role ({}), but no credentials to assume it with",
                role_arn.origin()
            ))
            .with_hint(
                format!(
                    "Add `source_profile = NAME` to it, or say --source-profile NAME. {}",
                    self.with_keys()
                )
                .trim_end(),
            )),
        }
    }

    /// The error for a profile that is not there, said of whatever names it.
    fn missing(&self, name: &str, from: Option<&str>) -> Error {
        let unknown = self.profiles.unknown(name);
        // It is there, and cannot be read: profiles that include each other.
        if unknown.kind() == ErrorKind::Config {
            return unknown;
        }
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

    /// A profile that is its own source has to hold one, or it would be a circle of one. Any kind will do, in the order of
    /// AWS's SDK for Rust; botocore takes keys only.
    fn own_source(&mut self, profile: &'a Profile, steps: &mut Vec<Step<'a>>) -> Result<Source, Error> {
        /// What makes a profile a source of its own, besides keys.
        const SOURCES: [&str; 4] = [
            "sso_session",
            "sso_start_url",
            "login_session",
            "credential_process",
        ];
        if SOURCES.iter().any(|key| profile.value(key).is_some()) {
            return self.base(profile, steps);
        }
        own_key(profile)?.ok_or_else(|| {
            Error::config(format!(
                "the source profiles go round in a circle: `{0}` → `{0}`, and `{0}` has no credentials of its own",
                profile.name()
            ))
            .with_hint("Put the access key into a profile of its own, and name that one as `source_profile`.")
        })
    }

    fn with_keys(&self) -> String {
        let names: Vec<_> = self
            .profiles
            .profiles()
            .filter(|profile| profile.vault_key().is_some() || profile.value("aws_access_key_id").is_some())
            .map(|profile| format!("`{}`", profile.name()))
            .take(5)
            .collect();
        if names.is_empty() {
            String::new()
        } else {
            format!("Profiles with keys: {}.", names.join(", "))
        }
    }
}

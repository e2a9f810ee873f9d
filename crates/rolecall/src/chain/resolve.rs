//! From profiles and a request to a chain. Nothing is called.

use super::endpoint_url::sts_endpoint;
use super::target::Named;
use super::{Chain, Configured, Request, Role, Source, SourceKind, Target};
use crate::arn::{PolicyArn, RoleArn};
use crate::error::{Error, Invalid};
use crate::host::Host;
use crate::parameters::{SessionDuration, SessionName, Tag, Tags};
use crate::partition::{Partition, Region};
use crate::profile::{Origin, Profile, ProfileSet, Property};

impl Chain {
    /// Works out how to reach the target of `request`. Reads nothing but `profiles` and the environment of `host`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotConfigured`] for a name nobody knows, [`crate::ErrorKind::Config`] for everything that is
    /// wrong in a file, a variable or the request, with the place.
    pub fn resolve(profiles: &ProfileSet, host: &Host, request: &Request) -> Result<Self, Error> {
        Resolver {
            profiles,
            host,
            request,
            warnings: Vec::new(),
        }
        .chain()
    }
}

/// A role as the files and the request have it, before regions and caps are known.
struct Step<'a> {
    arn: RoleArn,
    /// The profile it stands in; a role named without one has none.
    profile: Option<&'a Profile>,
    origin: Origin,
}

struct Resolver<'a> {
    profiles: &'a ProfileSet,
    host: &'a Host,
    request: &'a Request,
    warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    fn chain(mut self) -> Result<Chain, Error> {
        let named = match &self.request.target {
            Some(text) => Named::read(text, self.profiles)?,
            None => Named::Profile(self.default_profile().to_owned()),
        };
        // The last role first, until a source is reached.
        let mut steps = Vec::new();
        let (target, source) = match named {
            Named::Profile(name) => {
                let source = self.walk_from(&name, &mut Vec::new(), &mut steps);
                (
                    Target::Profile(name),
                    source.map_err(|error| self.unnamed(error))?,
                )
            }
            Named::Role(arn) => (Target::Role(arn.clone()), self.bare_role(Some(arn), &mut steps)?),
            Named::InSourcesPartition { account, resource } => {
                let source = self.bare_role(None, &mut steps)?;
                let partition = match steps.first() {
                    Some(step) => step.arn.partition(),
                    None => self
                        .region(&steps, &source)?
                        .map_or(Partition::Aws, |region| region.value.partition()),
                };
                let arn = RoleArn::new(partition, account, &resource)?;
                steps.insert(
                    0,
                    Step {
                        arn: arn.clone(),
                        profile: None,
                        origin: Origin::Argument("TARGET"),
                    },
                );
                (Target::Role(arn), source)
            }
        };
        self.check_flags(&steps, &target)?;
        let region = self.region(&steps, &source)?;
        let roles = self.roles(&steps, &source, region.as_ref())?;
        let source_profile = source
            .profile
            .as_deref()
            .and_then(|name| self.profiles.profile(name));
        let source_region = match (&region, roles.first()) {
            (_, Some(role)) => role.sts.region.clone(),
            (Some(region), None) => region.value.clone(),
            (None, None) => Partition::Aws.default_region(),
        };
        Ok(Chain {
            target,
            source_sts: sts_endpoint(self.host, source_profile, source_region)?,
            source_duration: if roles.is_empty() {
                self.request.duration
            } else {
                None
            },
            source,
            roles,
            region,
            warnings: self.warnings,
        })
    }

    /// An error about a profile nobody named says where the name comes from.
    fn unnamed(&self, error: Error) -> Error {
        if self.request.target.is_some() || error.kind() != crate::ErrorKind::NotConfigured {
            return error;
        }
        match self.host.env("AWS_PROFILE") {
            Some(_) => error.with_hint("The name comes from AWS_PROFILE."),
            None => error.with_hint("No target was named, and AWS_PROFILE is not set: name a profile, a role ARN or ACCOUNT/ROLE."),
        }
    }

    fn default_profile(&self) -> &str {
        self.host.env("AWS_PROFILE").unwrap_or("default")
    }

    /// A role named without a profile: from `--source-profile`, else from the default source.
    fn bare_role(&mut self, arn: Option<RoleArn>, steps: &mut Vec<Step<'a>>) -> Result<Source, Error> {
        if let Some(arn) = arn {
            steps.push(Step {
                arn,
                profile: None,
                origin: Origin::Argument("TARGET"),
            });
        }
        if let Some(name) = self.request.source_profile.clone() {
            return self.walk_from(&name, &mut vec![], steps);
        }
        if let Some(source) = self.environment()? {
            return Ok(source);
        }
        let name = self.default_profile().to_owned();
        if self.profiles.profile(&name).is_none() {
            return Err(Error::new(
                crate::ErrorKind::NotConfigured,
                "a role was named without a profile, and there are no credentials to assume it with",
            )
            .with_hint(format!(
                "Looked for AWS_ACCESS_KEY_ID in the environment, then for profile `{name}`. Name a source with --source-profile."
            )));
        }
        self.walk_from(&name, &mut vec![], steps)
    }

    /// The steps and the source of a profile; `--source-profile` replaces the target's own source.
    fn walk_from(
        &mut self,
        name: &str,
        seen: &mut Vec<String>,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<Source, Error> {
        let profiles = self.profiles;
        let profile = profiles.profile(name).ok_or_else(|| match seen.last() {
            Some(from) => {
                let error = profiles.unknown(name);
                let place = profiles.profile(from).and_then(|from| from.property("source_profile"));
                place.map_or(error.clone(), |place| {
                    let mut better = Error::config(format!(
                        "profile `{from}` names `{name}` as its source_profile ({}), and there is no such profile",
                        place.origin()
                    ));
                    for hint in error.hints() {
                        better = better.with_hint(hint.as_str());
                    }
                    better
                })
            }
            None => profiles.unknown(name),
        })?;
        let first = seen.is_empty();
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
        if !first && let Some(source) = static_keys(profile)? {
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
        let overriding = self
            .request
            .source_profile
            .clone()
            .filter(|_| first && self.request.target.is_some());
        match (
            overriding,
            profile.property("source_profile"),
            profile.property("credential_source"),
        ) {
            (Some(source), ..) if source != name => self.walk_from(&source, seen, steps),
            (None, Some(source), Some(other)) => Err(Error::config(format!(
                "profile `{name}` has both a source_profile ({}) and a credential_source ({})",
                source.origin(),
                other.origin()
            ))
            .with_hint("Keep one of the two: they say where the role's first credentials come from.")),
            (Some(_), ..) => self.own_keys(profile, seen),
            (None, Some(source), None) if source.value() == name => self.own_keys(profile, seen),
            (None, Some(source), None) => {
                let source = source.value().to_owned();
                self.walk_from(&source, seen, steps)
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

    /// A profile that is its own source has to hold keys, or it would be a circle of one.
    fn own_keys(&self, profile: &Profile, seen: &mut Vec<String>) -> Result<Source, Error> {
        static_keys(profile)?.ok_or_else(|| {
            seen.push(profile.name().to_owned());
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
        match source.value() {
            "Environment" => self.environment()?.ok_or_else(|| {
                Error::new(
                    crate::ErrorKind::NotConfigured,
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
                "`{other}` ({}) is not a credential_source: it is Environment, Ec2InstanceMetadata or EcsContainer",
                source.origin()
            ))),
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

    /// Flags that belong to a role are refused where there is none: ignoring `--read-only` would hand out more than was asked.
    fn check_flags(&self, steps: &[Step<'_>], target: &Target) -> Result<(), Error> {
        let request = self.request;
        let flags = [
            ("external-id", request.external_id.is_some()),
            ("session-name", request.session_name.is_some()),
            ("policy", request.policy.is_some()),
            ("policy-arn", !request.policy_arns.is_empty()),
            ("read-only", request.read_only),
            ("source-profile", request.source_profile.is_some()),
        ];
        match flags.iter().find(|(_, given)| *given && steps.is_empty()) {
            Some((flag, _)) => Err(Error::config(format!(
                "--{flag} belongs to a role, and profile `{target}` assumes none"
            ))
            .with_hint("Name a role: a profile with `role_arn`, a role ARN, or ACCOUNT/ROLE.")),
            None => Ok(()),
        }
    }

    /// The flag, then the environment, then the profiles from the target down to the source.
    fn region(&self, steps: &[Step<'a>], source: &Source) -> Result<Option<Configured<Region>>, Error> {
        if let Some(region) = &self.request.region {
            return Ok(Some(Configured::new(region.clone(), Origin::Flag("region"))));
        }
        for name in ["AWS_REGION", "AWS_DEFAULT_REGION"] {
            if let Some(text) = self.host.env(name) {
                let region = text
                    .parse()
                    .map_err(|invalid: Invalid| placed(invalid, &Origin::Variable(name)))?;
                return Ok(Some(Configured::new(region, Origin::Variable(name))));
            }
        }
        let source = source
            .profile
            .as_deref()
            .and_then(|name| self.profiles.profile(name));
        let mut regions = steps.iter().filter_map(|step| step.profile).chain(source);
        match regions.find_map(|profile| profile.property("region")) {
            Some(property) => Ok(Some(Configured::new(
                parsed(property, "region")?,
                property.origin().clone(),
            ))),
            None => Ok(None),
        }
    }

    fn roles(
        &mut self,
        steps: &[Step<'a>],
        source: &Source,
        region: Option<&Configured<Region>>,
    ) -> Result<Vec<Role>, Error> {
        let mut roles: Vec<Role> = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate().rev() {
            let chained = source.temporary || !roles.is_empty();
            if let Some(before) = roles.last()
                && before.arn.partition() != step.arn.partition()
            {
                return Err(Error::config(format!(
                    "the chain goes from partition `{}` to `{}`, and credentials never cross partitions",
                    before.arn.partition(),
                    step.arn.partition()
                ))
                .with_hop(step.arn.to_string()));
            }
            roles.push(self.role(step, index == 0, chained, region)?);
        }
        Ok(roles)
    }

    fn role(
        &mut self,
        step: &Step<'a>,
        last: bool,
        chained: bool,
        region: Option<&Configured<Region>>,
    ) -> Result<Role, Error> {
        let property = |key: &str| step.profile.and_then(|profile| profile.property(key));
        let request = if last { self.request } else { &Request::default() };
        let (duration, duration_capped_by) = duration(request, property("duration_seconds"), chained)?;
        let tags = tags(property("session_tags"), property("transitive_session_tags"))?;
        let mut policy_arns = request.policy_arns.clone();
        if request.read_only {
            policy_arns.push(PolicyArn::read_only(step.arn.partition()));
        }
        if policy_arns.len() > 10 {
            return Err(Error::config(format!(
                "{} session policies are more than the 10 STS takes",
                policy_arns.len()
            )));
        }
        Ok(Role {
            session_name: self.session_name(request, property("role_session_name"))?,
            external_id: given(
                request.external_id.as_ref(),
                "external-id",
                property("external_id"),
            )?,
            mfa_serial: given(None, "", property("mfa_serial"))?,
            duration,
            duration_capped_by,
            source_identity: given(None, "", property("source_identity"))?,
            tags,
            policy: given(request.policy.as_ref(), "policy", None)?,
            policy_arns,
            sts: sts_endpoint(self.host, step.profile, self.sts_region(step, region)?)?,
            origin: step.origin.clone(),
            arn: step.arn.clone(),
        })
    }

    /// The region whose STS is called for a role: the configured one, which has to lie in the role's partition.
    fn sts_region(&mut self, step: &Step<'a>, region: Option<&Configured<Region>>) -> Result<Region, Error> {
        let partition = step.arn.partition();
        let Some(region) = region else {
            let region = partition.default_region();
            let warning =
                format!("no region is configured: STS is called in {region}, and a child gets none");
            if !self.warnings.contains(&warning) {
                self.warnings.push(warning);
            }
            return Ok(region);
        };
        // A hop's own profile may name another region of the same partition, unless a flag or a variable rules.
        let own = step.profile.and_then(|profile| profile.property("region"));
        let chosen = match (&region.origin, own) {
            (Origin::File { .. }, Some(own)) => parsed(own, "region")?,
            _ => region.value.clone(),
        };
        if chosen.partition() != partition {
            return Err(Error::config(format!(
                "region `{chosen}` lies in partition `{}`, and the role in `{partition}`",
                chosen.partition()
            ))
            .with_hop(step.arn.to_string())
            .with_hint(format!(
                "Name a region of the role's partition, as in --region {}.",
                partition.default_region()
            )));
        }
        Ok(chosen)
    }

    fn session_name(
        &self,
        request: &Request,
        property: Option<&Property>,
    ) -> Result<Configured<SessionName>, Error> {
        if let Some(name) = given(request.session_name.as_ref(), "session-name", property)? {
            return Ok(name);
        }
        let name = SessionName::sanitized(self.host.login_name().unwrap_or_default());
        Ok(Configured::new(name, Origin::Default("the login name")))
    }
}

fn duration(
    request: &Request,
    property: Option<&Property>,
    chained: bool,
) -> Result<(Configured<SessionDuration>, Option<&'static str>), Error> {
    let configured = match (request.duration, property) {
        (Some(duration), _) => Configured::new(duration, Origin::Flag("duration")),
        (None, Some(property)) => {
            let duration = SessionDuration::parse_seconds(property.value())
                .map_err(|invalid| placed_as(invalid, "duration_seconds", property.origin()))?;
            Configured::new(duration, property.origin().clone())
        }
        (None, None) => Configured::new(SessionDuration::HOUR, Origin::Default("one hour")),
    };
    if chained && configured.value > SessionDuration::HOUR {
        let capped = Configured::new(SessionDuration::HOUR, configured.origin);
        return Ok((
            capped,
            Some("AWS gives a role that is assumed with temporary credentials at most one hour"),
        ));
    }
    Ok((configured, None))
}

/// `session_tags` and `transitive_session_tags` as aws-vault reads them: `key=value,key=value` and `key,key`.
fn tags(tags: Option<&Property>, transitive: Option<&Property>) -> Result<Tags, Error> {
    let list = |property: Option<&Property>| -> Vec<String> {
        let text = property.map(Property::value).unwrap_or_default();
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let place = |invalid: Invalid| match tags.or(transitive) {
        Some(property) => placed_as(invalid, "session_tags", property.origin()),
        None => invalid.into(),
    };
    let parsed: Result<Vec<Tag>, _> = list(tags).iter().map(|tag| tag.parse()).collect();
    Tags::new(parsed.map_err(place)?, list(transitive)).map_err(place)
}

/// The flag's value, else the property's.
fn given<T>(
    flag: Option<&T>,
    name: &'static str,
    property: Option<&Property>,
) -> Result<Option<Configured<T>>, Error>
where
    T: std::str::FromStr<Err = Invalid> + Clone,
{
    match (flag, property) {
        (Some(value), _) => Ok(Some(Configured::new(value.clone(), Origin::Flag(name)))),
        (None, Some(property)) => {
            let value = property
                .value()
                .parse()
                .map_err(|invalid| placed(invalid, property.origin()))?;
            Ok(Some(Configured::new(value, property.origin().clone())))
        }
        (None, None) => Ok(None),
    }
}

fn parsed<T: std::str::FromStr<Err = Invalid>>(property: &Property, key: &str) -> Result<T, Error> {
    property
        .value()
        .parse()
        .map_err(|invalid| placed_as(invalid, key, property.origin()))
}

fn placed_as(invalid: Invalid, key: &str, origin: &Origin) -> Error {
    placed(invalid.within(key), origin)
}

/// The error of a value, with where it stands in front.
fn placed(invalid: Invalid, origin: &Origin) -> Error {
    Error::from(invalid.at(origin))
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
            access_key_id: id.value().to_owned(),
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

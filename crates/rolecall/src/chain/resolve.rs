//! From profiles and a request to a chain. Nothing is called.

use super::endpoint_url::is_on;
use super::limits;
use super::target::Named;
use super::{
    AskedDuration, Chain, Configured, Endpoints, Mfa, MfaStrategy, OwnSession, Request, Role, Service,
    Source, StsEndpoint, Target,
};
use crate::arn::{PolicyArn, RoleArn};
use crate::error::{Error, ErrorKind, Invalid};
use crate::host::Host;
use crate::parameters::{SessionDuration, SessionName, Tag, Tags};
use crate::partition::{Partition, Region};
use crate::profile::{Origin, Profile, ProfileSet, Property, Taken};

impl Chain {
    /// Works out how to reach the target of `request`. Reads nothing but `profiles` and the environment of `host`,
    /// and, for a role that is named by its account's name, the [`crate::index::RoleIndex`].
    ///
    /// # Errors
    /// [`crate::ErrorKind::NotConfigured`] for a name nobody knows, [`crate::ErrorKind::Config`] for everything that is
    /// wrong in a file, a variable or the request, with the place.
    pub fn resolve(profiles: &ProfileSet, host: &Host, request: &Request) -> Result<Self, Error> {
        // Also for profiles that were read on another host, or given as text.
        host.check()?;
        Resolver {
            profiles,
            host,
            request,
            found_by: None,
            warnings: Vec::new(),
        }
        .chain()
    }
}

/// A role as the files and the request have it, before regions and caps are known.
pub(super) struct Step<'a> {
    pub(super) arn: RoleArn,
    /// The profile it stands in; a role named without one has none.
    pub(super) profile: Option<&'a Profile>,
    pub(super) origin: Origin,
}

pub(super) struct Resolver<'a> {
    pub(super) profiles: &'a ProfileSet,
    pub(super) host: &'a Host,
    pub(super) request: &'a Request,
    /// The profile by which the target's role was found.
    found_by: Option<String>,
    warnings: Vec<String>,
}

impl<'a> Resolver<'a> {
    fn chain(mut self) -> Result<Chain, Error> {
        let named = match &self.request.target {
            Some(text) => Named::read(text, self.profiles, self.host)?,
            None if self.is_nested() => {
                return Err(Error::new(
                    ErrorKind::NotConfigured,
                    "inside `rolecall exec` a target has to be named",
                )
                .with_hint(
                    "Name a profile, a role ARN or ACCOUNT/ROLE: profile `default` would be another identity than the one this command runs under.",
                ));
            }
            None => Named::Profile(self.default_profile().to_owned()),
        };
        // The last role first, until a source is reached.
        let mut steps = Vec::new();
        let (target, source) = match named {
            Named::Profile(name) => (Target::Profile(name.clone()), self.walk(&name, &mut steps)?),
            Named::Role(arn) => {
                let source = self.bare_role(Some((arn.clone(), Origin::Argument("TARGET"))), &mut steps)?;
                (Target::Role(arn), source)
            }
            Named::Found { arn, by } => {
                self.found_by = by;
                let source = self.bare_role(Some((arn.clone(), Origin::Found)), &mut steps)?;
                (Target::Role(arn), source)
            }
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
        let mut roles = self.roles(&steps, &source, region.as_ref())?;
        self.of_web_identity(&source, &mut roles)?;
        limits::check(&source, &roles)?;
        let source_profile = self.set_up_by(&source);
        let source_region = match (&region, roles.first()) {
            (_, Some(role)) => role.sts.region.clone(),
            (Some(region), None) => region.value.clone(),
            (None, None) => Partition::Aws.default_region(),
        };
        let mfa = self.mfa(&steps, &source, &roles, &source_region)?;
        let own = self.own_session(&source, &roles, mfa.as_ref());
        let source_sts = self.located(Service::Sts, source_profile, &source_region)?;
        let corrects_clock = self.corrects_clock(&steps, source_profile)?;
        let oddities = self.oddities(&steps, &source, &target);
        let set_up_by = self.target_set_up_by(&steps, source_profile);
        self.warnings.extend(oddities);
        Ok(Chain {
            target,
            corrects_clock,
            set_up_by: set_up_by.map(|profile| profile.name().to_owned()),
            source_sts,
            source,
            source_profile: self.named_source(),
            own,
            mfa,
            roles,
            region,
            warnings: self.warnings,
        })
    }

    /// What is odd about the profiles on the way, and what botocore makes of them.
    fn oddities(&self, steps: &[Step<'a>], source: &Source, target: &Target) -> Vec<String> {
        let first = match target {
            Target::Profile(name) => name,
            Target::Role(_) => self.default_profile(),
        };
        let of_steps = steps.iter().filter_map(|step| step.profile.map(Profile::name));
        // A profile that is its own source is on the way twice.
        let mut used: Vec<_> = of_steps.chain(source.profile.as_deref()).collect();
        used.dedup();
        let taken = |name| match name == first {
            true => Taken::AsTarget,
            false => Taken::AsSource,
        };
        self.profiles
            .warnings_for(used.into_iter().map(|name| (name, taken(name))))
    }

    pub(super) fn default_profile(&self) -> &str {
        self.host.env("AWS_PROFILE").unwrap_or("default")
    }

    /// The profile that the target's role is to start from, as the flag says, else as the role was found.
    pub(super) fn named_source(&self) -> Option<Configured<String>> {
        let by_flag = self.request.source_profile.clone();
        let flag = by_flag.map(|name| Configured::new(name, Origin::Flag("source-profile")));
        flag.or_else(|| Some(Configured::new(self.found_by.clone()?, Origin::Found)))
    }

    /// Whether this runs inside `exec` and nothing names a profile: `default` would then quietly be another identity
    /// than the one the command was given.
    pub(super) fn is_nested(&self) -> bool {
        let inside = ["ROLECALL_EXEC_DIR", "ROLECALL_EXEC"]
            .iter()
            .any(|name| self.host.env(name).is_some());
        inside && self.host.env("AWS_PROFILE").is_none()
    }

    /// Where a service is called, as this profile and the environment have it.
    pub(super) fn located(
        &mut self,
        service: Service,
        profile: Option<&Profile>,
        region: &Region,
    ) -> Result<StsEndpoint, Error> {
        let endpoints = Endpoints {
            profiles: self.profiles,
            host: self.host,
            insecure: self.request.insecure_endpoint,
        };
        endpoints.locate(service, profile, region, &mut self.warnings)
    }

    /// The profile whose region and endpoints count for a source: its own, else the selected one, as in AWS's tools; inside
    /// `exec`, where nobody selected one, none.
    fn set_up_by(&self, source: &Source) -> Option<&'a Profile> {
        match &source.profile {
            Some(name) => self.profiles.profile(name),
            None if self.is_nested() => None,
            None => self.profiles.profile(self.default_profile()),
        }
    }

    /// The profile that counts for what is called with the session: the last role's, or, of a role without one, that which
    /// it starts from.
    fn target_set_up_by(&self, steps: &[Step<'a>], source: Option<&'a Profile>) -> Option<&'a Profile> {
        let mut steps = steps.iter();
        match steps.next() {
            None => source,
            Some(last) => last.profile.or_else(|| match steps.next() {
                Some(before) => before.profile,
                None => source,
            }),
        }
    }

    pub(super) fn warn(&mut self, warning: String) {
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// The environment, then the profiles from the target down to the source, as the SDKs have it.
    fn corrects_clock(&self, steps: &[Step<'a>], source: Option<&'a Profile>) -> Result<bool, Error> {
        const KEY: &str = "disable_clock_skew_correction";
        const VARIABLE: &str = "AWS_DISABLE_CLOCK_SKEW_CORRECTION";
        let variable = self.host.env(VARIABLE);
        let mut profiles = steps.iter().filter_map(|step| step.profile).chain(source);
        let property = profiles.find_map(|profile| profile.property(KEY));
        let found = match (variable, property) {
            (Some(value), _) => Configured::new(value.to_owned(), Origin::Variable(VARIABLE)),
            (None, Some(property)) => {
                Configured::new(property.one_line(KEY)?.to_owned(), property.origin().clone())
            }
            (None, None) => return Ok(true),
        };
        Ok(!is_on(&found, KEY)?)
    }

    /// The session before any role: the source's own where it hands out such, else one by `GetSessionToken` where an MFA
    /// device is to be proved once for all roles, or where there is no role and a long-term key is never handed out.
    fn own_session(&self, source: &Source, roles: &[Role], mfa: Option<&Mfa>) -> Option<OwnSession> {
        /// The default of `GetSessionToken` itself.
        const TWELVE_HOURS: u32 = 43_200;
        let is_handed_out = roles.is_empty() && source.ends_at().is_some();
        if source.hands_out_sessions() || is_handed_out {
            return Some(OwnSession::Fetched);
        }
        if roles.is_empty() {
            let asked = self.request.duration.map(|asked| asked.first().seconds());
            let with_code = mfa.map(|mfa| mfa.session_seconds.value);
            return Some(OwnSession::Token {
                seconds: asked.or(with_code).unwrap_or(TWELVE_HOURS),
            });
        }
        mfa.filter(|mfa| mfa.strategy == MfaStrategy::Session)
            .map(|mfa| OwnSession::Token {
                seconds: mfa.session_seconds.value,
            })
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
            ("source-identity", request.source_identity.is_some()),
            ("tag", !request.tags.is_empty()),
            ("transitive-tag", !request.transitive_tags.is_empty()),
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
        let source = self.set_up_by(source);
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
            let chained = source.is_temporary_key() || source.hands_out_sessions() || !roles.is_empty();
            if let Some(before) = roles.last()
                && before.arn.partition() != step.arn.partition()
            {
                return Err(Error::config(format!(
                    "the chain goes from partition `{}` to `{}`, and credentials never cross partitions",
                    before.arn.partition(),
                    step.arn.partition()
                ))
                .with_hop(step.arn.to_string())
                .with_hint(format!(
                    "Start from credentials of partition `{}`.",
                    step.arn.partition()
                )));
            }
            // A role named without a profile is called for as the profile is set up that it starts from.
            let set_up_by = step.profile.or_else(|| match steps.get(index + 1) {
                Some(before) => before.profile,
                None => self.set_up_by(source),
            });
            let sts_region = self.sts_region(step, region)?;
            let sts = self.located(Service::Sts, set_up_by, &sts_region)?;
            roles.push(self.role(step, index == 0, chained, sts)?);
        }
        Ok(roles)
    }

    fn role(&self, step: &Step<'a>, last: bool, chained: bool, sts: StsEndpoint) -> Result<Role, Error> {
        let property = |key: &str| step.profile.and_then(|profile| profile.property(key));
        let request = if last { self.request } else { &Request::default() };
        let (duration, duration_is_longest, duration_capped_by) = duration(
            request,
            property("duration_seconds"),
            property("credentials_duration"),
            chained,
        )?;
        let tags = tags(
            request,
            property("session_tags"),
            property("transitive_session_tags"),
        )?;
        let mut policy_arns = request.policy_arns.clone();
        if request.read_only {
            policy_arns.push(PolicyArn::read_only(step.arn.partition()));
        }
        if policy_arns.len() > 10 {
            return Err(Error::config(format!(
                "{} session policies are more than the 10 STS takes",
                policy_arns.len()
            ))
            .with_hint("Put what they allow into fewer managed policies, or into --policy."));
        }
        Ok(Role {
            session_name: self.session_name(request, property("role_session_name"))?,
            external_id: given(
                request.external_id.as_ref(),
                "external-id",
                "external_id",
                property("external_id"),
            )?,
            mfa_serial: given(None, "", "mfa_serial", property("mfa_serial"))?,
            duration,
            duration_is_longest,
            duration_capped_by,
            source_identity: given(
                request.source_identity.as_ref(),
                "source-identity",
                "source_identity",
                property("source_identity"),
            )?,
            tags,
            policy: given(request.policy.as_ref(), "policy", "policy", None)?,
            policy_arns,
            sts,
            origin: step.origin.clone(),
            arn: step.arn.clone(),
        })
    }

    /// The region whose STS is called for a role: the configured one, which has to lie in the role's partition.
    fn sts_region(&mut self, step: &Step<'a>, region: Option<&Configured<Region>>) -> Result<Region, Error> {
        let partition = step.arn.partition();
        let Some(region) = region else {
            let region = partition.default_region();
            self.warn(format!(
                "no region is configured: STS is called in {region}, and a child gets none"
            ));
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
        if let Some(name) = given(
            request.session_name.as_ref(),
            "session-name",
            "role_session_name",
            property,
        )? {
            return Ok(name);
        }
        let name = SessionName::sanitized(self.host.login_name().unwrap_or_default());
        Ok(Configured::new(name, Origin::Default("the login name")))
    }
}

/// How long a role is asked for, whether as long as it allows, and why not for as long as was said.
fn duration(
    request: &Request,
    property: Option<&Property>,
    of_runas: Option<&Property>,
    chained: bool,
) -> Result<(Configured<SessionDuration>, bool, Option<&'static str>), Error> {
    let asked = match (request.duration, property) {
        (Some(asked), _) => Configured::new(asked, Origin::Flag("duration")),
        (None, Some(property)) => {
            let asked = match property.one_line("duration_seconds")? {
                "max" => AskedDuration::Longest,
                text => AskedDuration::For(
                    SessionDuration::parse_seconds(text)
                        .map_err(|invalid| placed_as(invalid, "duration_seconds", property.origin()))?,
                ),
            };
            Configured::new(asked, property.origin().clone())
        }
        (None, None) => match of_runas {
            // What aws-runas calls it: `1h`, `8h30m`.
            Some(property) => Configured::new(
                AskedDuration::For(parsed(property, "credentials_duration")?),
                property.origin().clone(),
            ),
            None => Configured::new(
                AskedDuration::For(SessionDuration::HOUR),
                Origin::Default("one hour"),
            ),
        },
    };
    let first = asked.value.first();
    if chained && first > SessionDuration::HOUR {
        let capped = Configured::new(SessionDuration::HOUR, asked.origin);
        return Ok((
            capped,
            false,
            Some("AWS gives a role that is assumed with temporary credentials at most one hour"),
        ));
    }
    let is_longest = asked.value == AskedDuration::Longest;
    Ok((Configured::new(first, asked.origin), is_longest, None))
}

/// `session_tags` and `transitive_session_tags` as aws-vault reads them: `key=value,key=value` and `key,key`. The
/// request's tags come on top; of the same key its value wins.
fn tags(request: &Request, tags: Option<&Property>, transitive: Option<&Property>) -> Result<Tags, Error> {
    let list = |property: Option<&Property>| -> Vec<String> {
        let text = property.map(Property::value).unwrap_or_default();
        text.split([',', '\n'])
            .map(str::trim)
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    let place = |key: &'static str, property: Option<&Property>| {
        let origin = property.map(|property| property.origin().clone());
        move |invalid: Invalid| match &origin {
            Some(origin) => placed_as(invalid, key, origin),
            None => invalid.into(),
        }
    };
    let of_tags = place("session_tags", tags);
    let parsed: Result<Vec<Tag>, _> = list(tags).iter().map(|tag| tag.parse()).collect();
    // First alone, so that what is wrong with the second property is said of its own line.
    let set = Tags::new(parsed.map_err(&of_tags)?, Vec::new()).map_err(&of_tags)?;
    let is_replaced = |tag: &&Tag| {
        let mut ours = request.tags.iter();
        !ours.any(|ours| ours.key().to_lowercase() == tag.key().to_lowercase())
    };
    let mut all: Vec<Tag> = set.iter().filter(is_replaced).cloned().collect();
    all.extend(request.tags.iter().cloned());
    let with_profile =
        Tags::new(all.clone(), list(transitive)).map_err(place("transitive_session_tags", transitive))?;
    if request.transitive_tags.is_empty() {
        return Ok(with_profile);
    }
    let keys = with_profile.transitive().iter().chain(&request.transitive_tags);
    Ok(Tags::new(all, keys.cloned().collect())?)
}

/// The flag's value, else the property's, which stands at `key`.
fn given<T>(
    flag: Option<&T>,
    name: &'static str,
    key: &str,
    property: Option<&Property>,
) -> Result<Option<Configured<T>>, Error>
where
    T: std::str::FromStr<Err = Invalid> + Clone,
{
    match (flag, property) {
        (Some(value), _) => Ok(Some(Configured::new(value.clone(), Origin::Flag(name)))),
        (None, Some(property)) => {
            let value = property
                .one_line(key)?
                .parse()
                .map_err(|invalid| placed(invalid, property.origin()))?;
            Ok(Some(Configured::new(value, property.origin().clone())))
        }
        (None, None) => Ok(None),
    }
}

pub(super) fn parsed<T: std::str::FromStr<Err = Invalid>>(
    property: &Property,
    key: &str,
) -> Result<T, Error> {
    property
        .one_line(key)?
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

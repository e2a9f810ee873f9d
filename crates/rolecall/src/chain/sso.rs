//! IAM Identity Center in the files: what one signs in to, and the roles that come from it.

use super::resolve::Resolver;
use super::{Endpoints, Service, Source, SourceKind, Sso, SsoSession, StsEndpoint};
use crate::error::{Error, ErrorKind, Invalid};
use crate::partition::Region;
use crate::profile::{Origin, Profile, Property};

impl SsoSession {
    /// The session of a section `[sso-session NAME]`.
    ///
    /// # Errors
    /// [`ErrorKind::NotConfigured`] where there is no such section, [`ErrorKind::Config`] where something is wrong in it.
    pub fn named(endpoints: &Endpoints<'_>, name: &str) -> Result<Self, Error> {
        let profiles = endpoints.profiles;
        let section = profiles.sso_session(name).ok_or_else(|| {
            let known: Vec<_> = profiles
                .sso_sessions()
                .map(|section| format!("`{}`", section.name()))
                .collect();
            Error::new(
                ErrorKind::NotConfigured,
                format!("there is no sso-session `{name}`"),
            )
            .with_hint(if known.is_empty() {
                add(name)
            } else {
                format!("There are: {}.", known.join(", "))
            })
        })?;
        let whose = format!("sso-session `{name}` ({})", section.origin());
        read(&whose, Some(section), section, &mut |service, region| {
            alone(endpoints, section, service, region)
        })
    }

    /// Every session that the files know: the sections, then the portals of profiles that name no section, each once.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where something is wrong in one of them.
    pub fn all(endpoints: &Endpoints<'_>) -> Result<Vec<Self>, Error> {
        let profiles = endpoints.profiles;
        let mut all = Vec::new();
        for section in profiles.sso_sessions() {
            all.push(Self::named(endpoints, section.name())?);
        }
        for profile in profiles.profiles() {
            if profile.property("sso_session").is_some() || profile.property("sso_start_url").is_none() {
                continue;
            }
            let session = read(&whose(profile), None, profile, &mut |service, region| {
                alone(endpoints, profile, service, region)
            })?;
            // The cache knows them by their start URL alone.
            if !all
                .iter()
                .any(|known: &Self| known.name.is_none() && known.start_url == session.start_url)
            {
                all.push(session);
            }
        }
        Ok(all)
    }
}

impl<'a> Resolver<'a> {
    /// A role of Identity Center: by a section of its own (`sso_session`), or all in the profile, as before there were such.
    pub(super) fn sso(&mut self, profile: &Profile) -> Result<Option<Source>, Error> {
        let named = profile.property("sso_session");
        let Some(property) = named.or_else(|| profile.property("sso_start_url")) else {
            return Ok(None);
        };
        let section = match named {
            Some(named) => Some(self.section(profile, named)?),
            None => None,
        };
        // What stands in both places has to say the same: SDKs disagree about which of the two counts.
        for key in ["sso_start_url", "sso_region"] {
            if let Some(section) = section
                && let (Some(own), Some(of_session)) = (profile.property(key), section.property(key))
                && own.value() != of_session.value()
            {
                return Err(Error::config(format!(
                    "profile `{}` says {key} = {} ({}), and its sso-session {} ({})",
                    profile.name(),
                    own.shown(),
                    own.origin(),
                    of_session.shown(),
                    of_session.origin()
                ))
                .with_hint("Take it out of the profile: the sso-session says it."));
            }
        }
        let whose = whose(profile);
        let session = read(&whose, section, profile, &mut |service, region| {
            self.located(service, Some(profile), region)
        })?;
        let (account, account_origin) = need(&whose, profile, "sso_account_id")?;
        let (role_name, _) = need(&whose, profile, "sso_role_name")?;
        let source = Sso {
            session,
            account: account
                .parse()
                .map_err(|invalid| placed(invalid, "sso_account_id", account_origin))?,
            role_name: role_name.to_owned(),
        };
        Ok(Some(Source {
            kind: SourceKind::Sso(Box::new(source)),
            profile: Some(profile.name().to_owned()),
            origin: property.origin().clone(),
        }))
    }

    fn section(&self, profile: &Profile, named: &Property) -> Result<&'a Profile, Error> {
        let name = named.one_line("sso_session")?;
        self.profiles.sso_session(name).ok_or_else(|| {
            Error::config(format!(
                "profile `{}` names the sso-session `{name}` ({}), and there is no such section",
                profile.name(),
                named.origin()
            ))
            .with_hint(add(name))
        })
    }
}

/// Where a service is called for a session that no chain is resolved for: what a chain would warn of is logged.
fn alone(
    endpoints: &Endpoints<'_>,
    profile: &Profile,
    service: Service,
    region: &Region,
) -> Result<StsEndpoint, Error> {
    let mut warnings = Vec::new();
    let located = endpoints.locate(service, Some(profile), region, &mut warnings);
    warnings.iter().for_each(|warning| tracing::warn!("{warning}"));
    located
}

fn add(name: &str) -> String {
    format!("Add `[sso-session {name}]` with sso_start_url and sso_region to the config file.")
}

/// A profile that gets its credentials from Identity Center, in words.
fn whose(profile: &Profile) -> String {
    let of = ["sso_session", "sso_start_url"]
        .iter()
        .find_map(|key| profile.property(key));
    let place = of.map_or(profile.origin(), Property::origin);
    format!(
        "profile `{}` gets its credentials from Identity Center ({place})",
        profile.name()
    )
}

/// What one signs in to: the section's, or without one the profile's own.
fn read(
    whose: &str,
    section: Option<&Profile>,
    profile: &Profile,
    locate: &mut dyn FnMut(Service, &Region) -> Result<StsEndpoint, Error>,
) -> Result<SsoSession, Error> {
    let holder = section.unwrap_or(profile);
    let (start_url, _) = need(whose, holder, "sso_start_url")?;
    let (region, origin) = need(whose, holder, "sso_region")?;
    let region: Region = region
        .parse()
        .map_err(|invalid| placed(invalid, "sso_region", origin))?;
    // Only a section has scopes: tokens of the older form cannot be renewed, whatever is asked for.
    let scopes = section
        .and_then(|section| section.value("sso_registration_scopes"))
        .unwrap_or_default();
    Ok(SsoSession {
        name: section.map(|section| section.name().to_owned()),
        start_url: start_url.to_owned(),
        scopes: scopes
            .split([',', '\n'])
            .map(|scope| scope.trim().to_owned())
            .filter(|scope| !scope.is_empty())
            .collect(),
        portal: locate(Service::Sso, &region)?,
        oidc: locate(Service::SsoOidc, &region)?,
        region,
    })
}

fn need<'p>(whose: &str, holder: &'p Profile, key: &'static str) -> Result<(&'p str, &'p Origin), Error> {
    let Some(found) = holder.property(key) else {
        return Err(Error::config(format!(
            "{whose}, but `{}` ({}) has no {key}",
            holder.name(),
            holder.origin()
        ))
        .with_hint(format!("Add `{key}` there; `aws configure sso` writes it.")));
    };
    Ok((found.one_line(key)?, found.origin()))
}

fn placed(invalid: Invalid, key: &str, origin: &Origin) -> Error {
    Error::from(invalid.within(key).at(origin))
}

//! Where a service is called, and what a call there needs: the URL, the signing region, the trusted authorities.

mod rules;

use std::net::IpAddr;
use std::path::PathBuf;

use super::{Configured, StsEndpoint};
use crate::error::Error;
use crate::host::Host;
use crate::partition::{Partition, Region};
use crate::profile::{Origin, Profile, ProfileSet, shown_url};
pub use rules::Service;

/// The regions in which `legacy` means STS's one global endpoint (the rule set of STS, `UseGlobalEndpoint`).
const LEGACY_REGIONS: [&str; 16] = [
    "ap-northeast-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "aws-global",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// What decides where services are called.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints<'a> {
    /// The files, for their sections of services.
    pub profiles: &'a ProfileSet,
    /// The environment.
    pub host: &'a Host,
    /// Whether plain http may leave this machine.
    pub insecure: bool,
}

impl Endpoints<'_> {
    /// Where `service` is called in `region` for `profile`. What a person should know goes to `warnings`, once.
    ///
    /// The service's own variable, then `AWS_ENDPOINT_URL`, then the section of services that the profile names, then
    /// the profile's `endpoint_url`, then the region's own endpoint by the rules of [`Service`]: FIPS and dual-stack as
    /// they are set, never the global endpoint of STS. `ignore_configured_endpoint_urls` passes over all that is
    /// configured, as in every AWS SDK.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`] for a URL that may not be called, a switch that is neither `true` nor `false`, and
    /// settings that exclude each other, each with its place.
    pub fn locate(
        &self,
        service: Service,
        profile: Option<&Profile>,
        region: &Region,
        warnings: &mut Vec<String>,
    ) -> Result<StsEndpoint, Error> {
        let fips = self.switch("AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", profile)?;
        let dual_stack = self.switch("AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint", profile)?;
        let legacy = match service {
            Service::Sts => self.legacy(profile)?,
            _ => None,
        };
        let mut warn = |warning: String| {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        };
        let ca_bundle = self.ca_bundle(profile)?;
        if let Some(Configured { value, origin }) = self.overridden(service, profile)? {
            for (switch, name) in [(&fips, "FIPS"), (&dual_stack, "dual-stack")] {
                if let Some(switch) = switch {
                    return Err(clash(service, &value, &origin, name, switch));
                }
            }
            let (url, warning) = checked(service, &value, &origin, self.insecure)?;
            warning.into_iter().for_each(&mut warn);
            let signing = service.host(region, false, false).map(|(_, signing)| signing);
            return Ok(StsEndpoint {
                url,
                region: signing.unwrap_or_else(|| region.partition().default_region()),
                origin,
                ca_bundle,
            });
        }
        let is_plain = fips.is_none() && dual_stack.is_none();
        let is_legacy_region = LEGACY_REGIONS.contains(&region.as_str()) && !region.is_global();
        if let Some(origin) = legacy.filter(|_| is_plain && is_legacy_region) {
            warn(format!(
                "`legacy` ({origin}) is passed over: STS is called in {region}; botocore would call https://sts.amazonaws.com, signed for us-east-1, whose tokens regions that have to be enabled do not take"
            ));
        }
        let Some((name, signing)) = service.host(region, fips.is_some(), dual_stack.is_some()) else {
            return Err(Error::config(format!(
                "`{region}` is a partition's name for services without a region, and {} has no such endpoint",
                service.name()
            ))
            .with_hint(format!(
                "Name a region, as in --region {}.",
                region.partition().default_region()
            )));
        };
        Ok(StsEndpoint {
            url: format!("https://{name}"),
            region: signing,
            origin: match (fips, dual_stack) {
                (Some(origin), _) | (None, Some(origin)) => origin,
                (None, None) => Origin::Default("the region's own endpoint"),
            },
            ca_bundle,
        })
    }

    /// What is configured in the place of the service's own endpoint, for a link that a browser opens: the same places in
    /// the same order, judged alike. `None` where nothing is. FIPS and dual-stack are of calls, and not of pages.
    ///
    /// # Errors
    /// As [`Self::locate`], of a URL that may not be called.
    pub fn stand_in(
        &self,
        service: Service,
        profile: Option<&Profile>,
    ) -> Result<Option<Configured<String>>, Error> {
        let Some(Configured { value, origin }) = self.overridden(service, profile)? else {
            return Ok(None);
        };
        let (url, _) = checked(service, &value, &origin, self.insecure)?;
        Ok(Some(Configured::new(url, origin)))
    }

    /// What is configured in place of the service's own endpoint.
    fn overridden(
        &self,
        service: Service,
        profile: Option<&Profile>,
    ) -> Result<Option<Configured<String>>, Error> {
        let ignored = self.switch(
            "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
            "ignore_configured_endpoint_urls",
            profile,
        )?;
        if ignored.is_some() {
            return Ok(None);
        }
        for name in [service.endpoint_variable(), "AWS_ENDPOINT_URL"] {
            if let Some(url) = self.host.env(name) {
                return Ok(Some(Configured::new(url.to_owned(), Origin::Variable(name))));
            }
        }
        let Some(profile) = profile else { return Ok(None) };
        let nested = self
            .profiles
            .service_value(profile, service.section_key(), "endpoint_url");
        if let Some((url, origin)) = nested {
            return Ok(Some(Configured::new(url.to_owned(), origin.clone())));
        }
        setting(profile, "endpoint_url")
    }

    /// The value of a setting: the variable's, then the profile's.
    fn value(
        &self,
        variable: &'static str,
        key: &str,
        profile: Option<&Profile>,
    ) -> Result<Option<Configured<String>>, Error> {
        match (self.host.env(variable), profile) {
            (Some(value), _) => Ok(Some(Configured::new(
                value.to_owned(),
                Origin::Variable(variable),
            ))),
            (None, Some(profile)) => setting(profile, key),
            (None, None) => Ok(None),
        }
    }

    /// Where a switch is turned on. One that is neither `true` nor `false` is refused: to take it for off would call
    /// another endpoint than the one that somebody must have.
    fn switch(
        &self,
        variable: &'static str,
        key: &str,
        profile: Option<&Profile>,
    ) -> Result<Option<Origin>, Error> {
        let Some(found) = self.value(variable, key, profile)? else {
            return Ok(None);
        };
        Ok(is_on(&found, key)?.then_some(found.origin))
    }

    /// Where the global endpoint of STS is asked for.
    fn legacy(&self, profile: Option<&Profile>) -> Result<Option<Origin>, Error> {
        let found = self.value("AWS_STS_REGIONAL_ENDPOINTS", "sts_regional_endpoints", profile)?;
        let Some(found) = found else { return Ok(None) };
        match found.value.trim().to_ascii_lowercase().as_str() {
            "legacy" => Ok(Some(found.origin)),
            "regional" => Ok(None),
            _ => Err(Error::config(format!(
                "{}: `{}` is neither `regional` nor `legacy`",
                found.origin, found.value
            ))
            .with_hint("Take it out: STS is always called in the region.")),
        }
    }

    fn ca_bundle(&self, profile: Option<&Profile>) -> Result<Option<Configured<PathBuf>>, Error> {
        let found = self.value("AWS_CA_BUNDLE", "ca_bundle", profile)?;
        Ok(found.map(|found| Configured::new(PathBuf::from(found.value), found.origin)))
    }
}

/// What a switch says, in capitals or not: what is meant by `yes` or `1`, AWS's tools do not agree on.
pub(super) fn is_on(found: &Configured<String>, key: &str) -> Result<bool, Error> {
    match found.value.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::config(format!(
            "{}: `{}` is neither `true` nor `false`",
            found.origin, found.value
        ))
        .with_hint(format!("Set `{key}` to `true` or `false`, or take it out."))),
    }
}

/// A property that says something: one that is empty counts as not set, as an empty variable does.
fn setting(profile: &Profile, key: &str) -> Result<Option<Configured<String>>, Error> {
    match profile.property(key) {
        Some(property) if !property.value().trim().is_empty() => Ok(Some(Configured::new(
            property.one_line(key)?.to_owned(),
            property.origin().clone(),
        ))),
        _ => Ok(None),
    }
}

/// The rule sets have it so: an endpoint of one's own is neither a FIPS nor a dual-stack one.
fn clash(service: Service, url: &str, origin: &Origin, name: &str, switch: &Origin) -> Error {
    Error::config(format!(
        "{} cannot have both the endpoint `{}` ({origin}) and a {name} one ({switch})",
        service.name(),
        shown_url(url)
    ))
    .with_hint(format!(
        "Take one of the two out; AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true passes over {origin}."
    ))
}

/// `https` anywhere; `http` to a literal loopback address, because over it secrets travel in the clear, and anywhere
/// where the caller insists. With what a person should know about it.
fn checked(
    service: Service,
    url: &str,
    origin: &Origin,
    insecure: bool,
) -> Result<(String, Option<String>), Error> {
    let shown = shown_url(url);
    let fail = |why: &str| {
        Error::config(format!(
            "`{shown}` ({origin}) cannot be the endpoint of {}: {why}",
            service.name()
        ))
    };
    // Wherever it stands: behind a `/` that belongs to a password it would be taken for a path, and shown.
    if url.contains('@') {
        return Err(
            fail("it holds a user name").with_hint("Write the URL without what stands before the `@`.")
        );
    }
    let uri: http::Uri = url.parse().map_err(|_| {
        fail("it is not a URL").with_hint("Write it out, as in `https://sts.eu-west-1.amazonaws.com`.")
    })?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(fail("it is not a URL with a scheme and a host").with_hint(
            "Write it out, as in `https://sts.eu-west-1.amazonaws.com` or `http://127.0.0.1:4566`.",
        ));
    };
    let name = authority.host().trim_matches(['[', ']']);
    let is_loopback = name
        .parse::<IpAddr>()
        .is_ok_and(|address| address.to_canonical().is_loopback());
    let warning = match scheme {
        _ if is_loopback && matches!(scheme, "https" | "http") => None,
        "https" if name == "localhost" || Partition::is_aws_host(name) => None,
        "https" => Some(format!(
            "{} is called at {shown} ({origin}), which is no host of AWS: whoever answers there sees what is asked and hands out the credentials",
            service.name()
        )),
        "http" if insecure => Some(format!(
            "{} is called at {shown} ({origin}) over plain http: the credentials can be read on the way",
            service.name()
        )),
        "http" => {
            return Err(fail("over plain http only a loopback address is called, or the credentials could be read on the way")
                .with_hint("Use https, or a literal address such as `http://127.0.0.1:4566` for a stand-in on this machine.")
                .with_hint("In a network that nobody else is in, --insecure-endpoint calls it all the same."));
        }
        _ => {
            return Err(fail("its scheme is neither https nor http")
                .with_hint("Write it out, as in `https://sts.eu-west-1.amazonaws.com`."));
        }
    };
    if uri.query().is_some() {
        return Err(fail("it holds a query").with_hint("Write the URL without the `?` and what follows it."));
    }
    Ok((url.trim_end_matches('/').to_owned(), warning))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::profile::FileKind;

    #[test]
    fn a_switch_is_true_or_false_or_an_error_with_its_place() {
        let mut profiles = ProfileSet::default();
        let text = "[profile a]\nyes = TRUE\nno = False\nodd = yes\nlong = true\n  false\n";
        profiles.add(FileKind::Config, Path::new("config"), text).unwrap();
        let read = |key| {
            let found = setting(profiles.profile("a").unwrap(), key)?.unwrap();
            is_on(&found, key)
        };
        assert_eq!((read("yes").unwrap(), read("no").unwrap()), (true, false));
        let error = read("odd").unwrap_err();
        assert_eq!(error.to_string(), "config:4: `yes` is neither `true` nor `false`");
        assert!(error.hints()[0].contains("`odd`"), "{:?}", error.hints());
        assert!(read("long").is_err());
    }
}

//! Which URL STS is called at.

use std::net::IpAddr;

use super::StsEndpoint;
use crate::error::Error;
use crate::host::Host;
use crate::partition::Region;
use crate::profile::{Origin, Profile, ProfileSet, without_userinfo};

/// `AWS_ENDPOINT_URL_STS`, then `AWS_ENDPOINT_URL`, then the section of services that the profile names, then its own
/// `endpoint_url`, then the region's own endpoint. `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` passes over all that is
/// configured, as in every AWS SDK.
pub(super) fn sts_endpoint(
    profiles: &ProfileSet,
    host: &Host,
    profile: Option<&Profile>,
    region: Region,
) -> Result<StsEndpoint, Error> {
    let ignored = host
        .env("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")
        .is_some_and(|v| v.eq_ignore_ascii_case("true"))
        || profile
            .and_then(|profile| profile.value("ignore_configured_endpoint_urls"))
            .is_some_and(|v| v.eq_ignore_ascii_case("true"));
    let variable = |name: &'static str| host.env(name).map(|url| (url.to_owned(), Origin::Variable(name)));
    let nested = || {
        let (url, origin) = profiles.service_value(profile?, "sts", "endpoint_url")?;
        Some((url.to_owned(), origin.clone()))
    };
    let configured = || -> Result<_, Error> {
        let found = variable("AWS_ENDPOINT_URL_STS")
            .or_else(|| variable("AWS_ENDPOINT_URL"))
            .or_else(nested);
        match profile.and_then(|profile| profile.property("endpoint_url")) {
            Some(property) if found.is_none() => Ok(Some((
                property.one_line("endpoint_url")?.to_owned(),
                property.origin().clone(),
            ))),
            _ => Ok(found),
        }
    };
    match if ignored { None } else { configured()? } {
        Some((url, origin)) => Ok(StsEndpoint {
            url: checked(&url, &origin)?,
            region,
            origin,
        }),
        None => {
            let url = region.partition().sts_url(&region);
            Ok(StsEndpoint {
                url,
                region,
                origin: Origin::Default("the region's own endpoint"),
            })
        }
    }
}

/// `https` anywhere, `http` to a literal loopback address only: over it secrets would travel in the clear.
pub(super) fn checked(url: &str, origin: &Origin) -> Result<String, Error> {
    // A password may stand before the host, and a key in the query.
    let shown = without_userinfo(url);
    let shown = match shown.split_once('?') {
        Some((place, _)) => format!("{place}?…"),
        None => shown,
    };
    let fail = |why: &str| {
        Error::config(format!(
            "`{shown}` ({origin}) cannot be the endpoint of STS: {why}"
        ))
    };
    // Wherever it stands: behind a `/` that belongs to a password it would be taken for a path, and shown.
    if url.contains('@') {
        return Err(
            fail("it holds a user name").with_hint("Write the URL without what stands before the `@`.")
        );
    }
    let uri: http::Uri = url.parse().map_err(|_| fail("it is not a URL"))?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(fail("it is not a URL with a scheme and a host").with_hint(
            "Write it out, as in `https://sts.eu-west-1.amazonaws.com` or `http://127.0.0.1:4566`.",
        ));
    };
    let address = authority.host().trim_matches(['[', ']']).parse::<IpAddr>();
    match scheme {
        "https" => {}
        "http" if address.is_ok_and(|address| address.is_loopback()) => {}
        "http" => {
            return Err(fail("over plain http only a loopback address is called, or the credentials could be read on the way")
                .with_hint("Use https, or a literal address such as `http://127.0.0.1:4566` for a stand-in on this machine."));
        }
        _ => return Err(fail("its scheme is neither https nor http")),
    }
    if uri.query().is_some() {
        return Err(fail("it holds a query"));
    }
    Ok(url.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(pairs: &[(&str, &str)]) -> Result<String, String> {
        let host = pairs
            .iter()
            .fold(Host::builder(), |host, (name, value)| host.env(name, value))
            .build();
        sts_endpoint(&ProfileSet::default(), &host, None, "eu-west-1".parse().unwrap())
            .map(|e| e.url)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_service_variable_wins_over_the_general_one() {
        assert_eq!(url(&[]).unwrap(), "https://sts.eu-west-1.amazonaws.com");
        let general = ("AWS_ENDPOINT_URL", "http://127.0.0.1:1/");
        assert_eq!(url(&[general]).unwrap(), "http://127.0.0.1:1");
        assert_eq!(
            url(&[general, ("AWS_ENDPOINT_URL_STS", "https://sts.example")]).unwrap(),
            "https://sts.example"
        );
        assert_eq!(
            url(&[general, ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true")]).unwrap(),
            "https://sts.eu-west-1.amazonaws.com"
        );
    }

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in [
            "http://127.0.0.1:4566",
            "http://127.8.9.1",
            "http://[::1]:4566",
            "https://anything.example",
        ] {
            assert!(url(&[("AWS_ENDPOINT_URL", good)]).is_ok(), "{good}");
        }
        for bad in [
            "http://sts.example",
            "http://localhost:4566",
            "http://127.0.0.1.evil.example",
            "http://127.0.0.1@evil.example",
            "ftp://127.0.0.1",
            "127.0.0.1:4566",
            "nonsense",
            "https://a.example/?x=1",
        ] {
            assert!(url(&[("AWS_ENDPOINT_URL", bad)]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_url_that_is_refused_is_quoted_without_its_secrets() {
        for (bad, shown) in [
            ("https://u:CANARY@h", "`https://***@h` ($AWS_ENDPOINT_URL)"),
            ("https://u:CAN/ARY@h", "`https://***@h`"),
            ("u:CANARY@h", "`***@h`"),
            ("ftp://h?key=CANARY", "`ftp://h?…`"),
        ] {
            let error = url(&[("AWS_ENDPOINT_URL", bad)]).unwrap_err();
            assert!(
                error.starts_with(shown) && !error.contains("CAN") && !error.contains("ARY"),
                "{error}"
            );
        }
    }
}

//! Where in the console a link leads: a service by name, the page of an ARN, or an address that was copied.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

use super::resources;
use super::services::Service;
use crate::arn::AccountId;
use crate::error::{Error, ErrorKind};
use crate::partition::{Partition, Region};

/// Whatever is a value as a whole, as `encodeURIComponent` has it and stricter.
pub(super) const WHOLE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// The longest ARN or address that is taken.
const LONGEST: usize = 2048;

/// Where one is in AWS.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The partition of the session.
    pub partition: Partition,
    /// The region to look at.
    pub region: &'a Region,
}

impl<'a> Place<'a> {
    /// The place of a region: its own partition.
    pub fn new(region: &'a Region) -> Self {
        Self {
            partition: region.partition(),
            region,
        }
    }
}

/// A page of the console.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Destination {
    url: String,
    what: String,
    account: Option<AccountId>,
    note: Option<String>,
}

impl Destination {
    /// The page that is meant by a service's name, an ARN, or an `https` address of the partition's console; without any,
    /// the console's home. Calls nothing.
    ///
    /// # Errors
    /// [`ErrorKind::Config`]: a name that no service has (with the nearest), an ARN that is none or is of another
    /// partition, an address elsewhere, a partition whose console is not known.
    pub fn read(text: Option<&str>, place: &Place<'_>) -> Result<Self, Error> {
        let host = console_host(place.partition)?;
        match text.map(str::trim) {
            None => {
                let page = Service::named("console")?;
                Ok(Self::service(page, place, host))
            }
            Some(arn) if arn.starts_with("arn:") => Self::arn(arn, place, host),
            Some(url) if url.contains("://") => Self::address(url, place, host),
            Some(name) => Ok(Self::service(Service::named(name)?, place, host)),
        }
    }

    /// The address of the page. There is nothing secret in it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What the page is, in words.
    pub fn what(&self) -> &str {
        &self.what
    }

    /// The account of the resource, where the ARN names one: with a session of another account the page shows nothing.
    pub fn account(&self) -> Option<AccountId> {
        self.account
    }

    /// What a person should know of it: that there is no page for a resource of that kind, and where it leads instead.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    fn service(service: &Service, place: &Place<'_>, host: &str) -> Self {
        let region = (!service.is_global).then_some(place.region);
        Self {
            url: address_of(place.partition, host, region, service.page),
            what: service.title.to_owned(),
            account: None,
            note: None,
        }
    }

    fn arn(text: &str, place: &Place<'_>, host: &str) -> Result<Self, Error> {
        let bad = |why: String| {
            Error::config(why)
                .with_hint("An ARN is `arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE`, as in `arn:aws:s3:::my-bucket/report.csv`.")
        };
        let shown: String = text.chars().take(120).collect();
        let arn = Arn::read(text).ok_or_else(|| bad(format!("`{shown}` is not an ARN")))?;
        let partition: Partition = arn.partition.parse().map_err(|_| {
            bad(format!(
                "`{shown}` is not an ARN: there is no partition `{}`",
                arn.partition
            ))
        })?;
        if partition != place.partition {
            return Err(Error::config(format!(
                "the resource lies in partition `{partition}`, and the session in `{}`",
                place.partition
            ))
            .with_hint("Credentials never cross partitions: name a target of the resource's partition."));
        }
        let region = match arn.region {
            "" => None,
            region => Some(
                region
                    .parse::<Region>()
                    .ok()
                    .filter(|region| region.partition() == partition)
                    .ok_or_else(|| bad(format!("`{shown}` names the region `{region}`, which partition `{partition}` does not have")))?,
            ),
        };
        // AWS's own policies have `aws` there, and a bucket has nothing.
        let account = match arn.account {
            "" | "aws" => None,
            account => Some(account.parse::<AccountId>().map_err(|_| {
                bad(format!(
                    "`{shown}` names the account `{account}`, and an account has 12 digits"
                ))
            })?),
        };
        let region = region.as_ref().unwrap_or(place.region);
        let service = Service::find(arn.service);
        let page = resources::page(&arn, partition, region);
        let (page, note) = match (page, service) {
            (Some(page), _) => (page, None),
            (None, Some(service)) => (
                service.page.to_owned(),
                Some(format!(
                    "no page is known for a resource of this kind: the link leads to {}",
                    service.title
                )),
            ),
            (None, None) => (
                "console/home".to_owned(),
                Some(format!(
                    "no page is known for resources of `{}`: the link leads to the console's home",
                    arn.service
                )),
            ),
        };
        let is_global = service.is_some_and(|service| service.is_global);
        Ok(Self {
            url: address_of(partition, host, (!is_global).then_some(region), &page),
            what: text.to_owned(),
            account,
            note,
        })
    }

    fn address(text: &str, place: &Place<'_>, host: &str) -> Result<Self, Error> {
        let shown: String = text
            .split(['?', '#'])
            .next()
            .unwrap_or_default()
            .chars()
            .take(120)
            .collect();
        let refuse = |why: String| {
            Err(Error::new(ErrorKind::Config, why).with_hint(format!(
                "A link leads to the console of the session's partition only: an address under https://{host}, a service's name, or an ARN."
            )))
        };
        let Some(rest) = text.strip_prefix("https://") else {
            return refuse(format!("`{shown}` is no https address"));
        };
        let named = rest.split(['/', '?', '#']).next().unwrap_or_default();
        // Also without a user name, a port, or what a browser might read as a `/`.
        let is_plain = text.len() <= LONGEST
            && text
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && !b"\\<>\"`{}|^".contains(&byte))
            && named
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        let name = named.to_ascii_lowercase();
        let is_console = name == host
            || name
                .strip_suffix(host)
                .and_then(|before| before.strip_suffix('.'))
                .is_some_and(|before| before.split('.').all(|label| !label.is_empty()));
        if !is_plain || !is_console {
            return refuse(format!(
                "`{shown}` is no address of the console of partition `{}`",
                place.partition
            ));
        }
        Ok(Self {
            url: text.to_owned(),
            what: shown,
            account: None,
            note: None,
        })
    }
}

/// The host that a partition's console is under.
fn console_host(partition: Partition) -> Result<&'static str, Error> {
    partition.console_host().ok_or_else(|| {
        Error::config(format!("no console is known of partition `{partition}`"))
            .with_hint("The addresses of the isolated partitions' consoles are not public. `rolecall exec` and `rolecall env` work there.")
    })
}

/// `PATH[?QUERY][#FRAGMENT]` of the console, in a region. In the commercial regions a region has a host of its own.
fn address_of(partition: Partition, host: &str, region: Option<&Region>, page: &str) -> String {
    let (page, fragment) = match page.split_once('#') {
        Some((page, fragment)) => (page, format!("#{fragment}")),
        None => (page, String::new()),
    };
    let (path, query) = page.split_once('?').unwrap_or((page, ""));
    let before = match (partition, region) {
        (Partition::Aws, Some(region)) => format!("{region}."),
        _ => String::new(),
    };
    let region = region
        .map(|region| format!("region={region}"))
        .unwrap_or_default();
    let mark = if region.is_empty() && query.is_empty() {
        ""
    } else {
        "?"
    };
    let and = if region.is_empty() || query.is_empty() {
        ""
    } else {
        "&"
    };
    format!("https://{before}{host}/{path}{mark}{region}{and}{query}{fragment}")
}

/// The parts of an ARN, none of them proved but in its characters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arn<'a> {
    pub(super) text: &'a str,
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

impl<'a> Arn<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let is_plain = text.len() <= LONGEST && !text.chars().any(crate::error::is_hidden);
        let mut parts = text.splitn(6, ':');
        let mut next = || parts.next();
        let (_, partition, service, region) = (next()?, next()?, next()?, next()?);
        let (account, resource) = (next()?, next()?);
        let is_name = |text: &str| {
            !text.is_empty()
                && text
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        (is_plain && is_name(service) && !resource.is_empty()).then_some(Self {
            text,
            partition,
            service,
            region,
            account,
            resource,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::federation::SERVICES;

    fn read(text: &str, region: &str) -> Result<Destination, Error> {
        Destination::read(Some(text), &Place::new(&region.parse().unwrap()))
    }

    #[test]
    fn every_service_has_a_well_formed_page_in_every_partition_with_a_console() {
        for (region, host) in [
            ("eu-central-1", "console.aws.amazon.com"),
            ("cn-north-1", "console.amazonaws.cn"),
            ("us-gov-east-1", "console.amazonaws-us-gov.com"),
            ("eusc-de-east-1", "console.amazonaws-eusc.eu"),
        ] {
            for service in SERVICES {
                let page = read(service.name, region).unwrap();
                let uri: http::Uri = page.url().parse().unwrap();
                let expected = match (region, service.is_global) {
                    ("eu-central-1", false) => format!("eu-central-1.{host}"),
                    _ => host.to_owned(),
                };
                assert_eq!(uri.scheme_str(), Some("https"));
                assert_eq!(uri.authority().unwrap().as_str(), expected, "{}", service.name);
                assert!(
                    uri.path().len() > 2 && !uri.path().contains("//"),
                    "{}",
                    page.url()
                );
                let query = (!service.is_global).then(|| format!("region={region}"));
                assert_eq!(uri.query(), query.as_deref(), "{}", page.url());
                assert!(page.url().bytes().all(|b| b.is_ascii_graphic()));
                // And it passes as an address that somebody copied.
                assert_eq!(read(page.url(), region).unwrap().url(), page.url());
            }
        }
    }

    #[test]
    fn a_partition_without_a_known_console_says_so() {
        for region in [
            "us-iso-east-1",
            "us-isob-east-1",
            "eu-isoe-west-1",
            "us-isof-south-1",
        ] {
            for text in [None, Some("s3")] {
                let error = Destination::read(text, &Place::new(&region.parse().unwrap())).unwrap_err();
                assert!(
                    error
                        .to_string()
                        .starts_with("no console is known of partition `aws-iso"),
                    "{error}"
                );
            }
        }
    }

    #[test]
    fn only_addresses_of_the_partitions_console_are_taken() {
        for good in [
            "https://console.aws.amazon.com/",
            "https://eu-west-1.console.aws.amazon.com/s3/buckets?region=eu-west-1#x",
            "https://S3.Console.aws.amazon.com/s3/home",
            "https://111111111111-abc.eu-west-1.console.aws.amazon.com/ec2/home",
        ] {
            assert_eq!(read(good, "eu-west-1").unwrap().url(), good);
        }
        let long = format!("https://console.aws.amazon.com/{}", "x".repeat(LONGEST));
        for bad in [
            "http://console.aws.amazon.com/",
            "https://evil.example/",
            "https://console.aws.amazon.com.evil.example/",
            "https://evilconsole.aws.amazon.com/",
            "https://.console.aws.amazon.com/",
            "https://console.aws.amazon.com@evil.example/",
            "https://console.aws.amazon.com:8443/",
            "https://evil.example\\.console.aws.amazon.com/",
            "https://console.aws.amazon.com/\u{202e}",
            "https://console.aws.amazon.com/ x",
            "https://signin.aws.amazon.com/oauth?Action=logout",
            "https://console.amazonaws.cn/",
            "javascript://console.aws.amazon.com/",
            "https://",
            &long,
        ] {
            let error = read(bad, "eu-west-1").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{bad}");
            assert!(
                error.hints()[0].contains("https://console.aws.amazon.com"),
                "{bad}"
            );
        }
        assert!(read("https://console.amazonaws.cn/ec2/home", "cn-north-1").is_ok());
    }

    #[test]
    fn an_arn_that_is_none_is_refused_with_its_reason() {
        for (arn, why) in [
            ("arn:aws:s3", "is not an ARN"),
            ("arn:aws:s3:::", "is not an ARN"),
            ("arn:aws::::x", "is not an ARN"),
            ("arn:aws:S3:::x", "is not an ARN"),
            ("arn:moon:s3:::x", "there is no partition `moon`"),
            (
                "arn:aws-cn:s3:::x",
                "lies in partition `aws-cn`, and the session in `aws`",
            ),
            ("arn:aws:sns:eu_west:666666666666:x", "names the region `eu_west`"),
            (
                "arn:aws:sns:cn-north-1:666666666666:x",
                "names the region `cn-north-1`",
            ),
            ("arn:aws:sns:eu-west-1:6666:x", "names the account `6666`"),
            ("arn:aws:s3:::a\u{1b}[2J", "is not an ARN"),
        ] {
            let error = read(arn, "eu-west-1").unwrap_err();
            assert!(error.to_string().contains(why), "{arn}: {error}");
        }
    }

    #[test]
    fn an_arn_says_its_region_its_account_and_what_is_not_known_of_it() {
        let queue = read("arn:aws:sqs:us-east-2:666666666666:jobs", "eu-west-1").unwrap();
        assert!(
            queue
                .url()
                .starts_with("https://us-east-2.console.aws.amazon.com/"),
            "{queue:?}"
        );
        assert_eq!(queue.account().unwrap().as_str(), "666666666666");
        assert_eq!(queue.note(), None);
        let bucket = read("arn:aws:s3:::b", "eu-west-1").unwrap();
        assert!(bucket.url().contains("region=eu-west-1") && bucket.account().is_none());
        let odd = read(
            "arn:aws:ec2:eu-west-1:666666666666:carrier-gateway/cagw-1",
            "eu-west-1",
        )
        .unwrap();
        assert!(
            odd.url().ends_with("/ec2/home?region=eu-west-1#Instances:"),
            "{odd:?}"
        );
        assert!(odd.note().unwrap().ends_with("leads to EC2"));
        let strange = read("arn:aws:novel:eu-west-1:666666666666:thing/1", "eu-west-1").unwrap();
        assert!(
            strange.url().ends_with("/console/home?region=eu-west-1"),
            "{strange:?}"
        );
        assert!(strange.note().unwrap().contains("`novel`"));
        let managed = read("arn:aws:iam::aws:policy/ReadOnlyAccess", "eu-west-1").unwrap();
        assert_eq!(managed.account(), None);
    }
}

//! AWS's partitions and regions, and the names their endpoints have.

use std::fmt;
use std::str::FromStr;

use crate::error::Invalid;

/// A closed world of AWS with its own accounts, regions and host names. Credentials never cross from one to another.
///
/// The table is the one AWS's SDKs ship (`partitions.json` of the endpoint rules).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Partition {
    /// The commercial regions.
    Aws,
    /// China.
    AwsCn,
    /// The European sovereign cloud.
    AwsEusc,
    /// US isolated, top secret.
    AwsIso,
    /// US isolated, secret.
    AwsIsoB,
    /// European isolated.
    AwsIsoE,
    /// US isolated, F.
    AwsIsoF,
    /// US government.
    AwsUsGov,
}

impl Partition {
    /// Every partition there is.
    pub const ALL: [Self; 8] = [
        Self::Aws,
        Self::AwsCn,
        Self::AwsEusc,
        Self::AwsIso,
        Self::AwsIsoB,
        Self::AwsIsoE,
        Self::AwsIsoF,
        Self::AwsUsGov,
    ];

    /// The name in the second field of an ARN.
    pub fn id(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::AwsCn => "aws-cn",
            Self::AwsEusc => "aws-eusc",
            Self::AwsIso => "aws-iso",
            Self::AwsIsoB => "aws-iso-b",
            Self::AwsIsoE => "aws-iso-e",
            Self::AwsIsoF => "aws-iso-f",
            Self::AwsUsGov => "aws-us-gov",
        }
    }

    /// What the host names of its regional endpoints end in.
    pub fn dns_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "amazonaws.com",
            Self::AwsCn => "amazonaws.com.cn",
            Self::AwsEusc => "amazonaws.eu",
            Self::AwsIso => "c2s.ic.gov",
            Self::AwsIsoB => "sc2s.sgov.gov",
            Self::AwsIsoE => "cloud.adc-e.uk",
            Self::AwsIsoF => "csp.hci.ic.gov",
        }
    }

    /// The region its global services are signed for, and the one STS is called in where no region is configured.
    pub fn default_region(self) -> Region {
        Region::known(match self {
            Self::Aws => "us-east-1",
            Self::AwsCn => "cn-northwest-1",
            Self::AwsEusc => "eusc-de-east-1",
            Self::AwsIso => "us-iso-east-1",
            Self::AwsIsoB => "us-isob-east-1",
            Self::AwsIsoE => "eu-isoe-west-1",
            Self::AwsIsoF => "us-isof-south-1",
            Self::AwsUsGov => "us-gov-west-1",
        })
    }

    /// What the host names of its dual-stack endpoints end in, which answer over IPv6 as well.
    pub fn dual_stack_suffix(self) -> &'static str {
        match self {
            Self::Aws | Self::AwsUsGov => "api.aws",
            Self::AwsCn => "api.amazonwebservices.com.cn",
            Self::AwsEusc => "api.amazonwebservices.eu",
            Self::AwsIso => "api.aws.ic.gov",
            Self::AwsIsoB => "api.aws.scloud",
            Self::AwsIsoE => "api.cloud-aws.adc-e.uk",
            Self::AwsIsoF => "api.aws.hci.ic.gov",
        }
    }

    /// What the host names of the sign-in service end in, as its own endpoint rules have them.
    pub fn sign_in_suffix(self) -> &'static str {
        match self {
            Self::Aws => "aws.amazon.com",
            Self::AwsCn => "amazonaws.cn",
            Self::AwsEusc => "amazonaws-eusc.eu",
            Self::AwsIso => "c2shome.ic.gov",
            Self::AwsIsoB => "sc2shome.sgov.gov",
            Self::AwsIsoE => "csphome.adc-e.uk",
            Self::AwsIsoF => "csphome.hci.ic.gov",
            Self::AwsUsGov => "amazonaws-us-gov.com",
        }
    }

    /// The host of the console, under which regions have hosts of their own. None of the isolated partitions: theirs is not
    /// public.
    pub fn console_host(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("console.aws.amazon.com"),
            Self::AwsCn => Some("console.amazonaws.cn"),
            Self::AwsEusc => Some("console.amazonaws-eusc.eu"),
            Self::AwsUsGov => Some("console.amazonaws-us-gov.com"),
            Self::AwsIso | Self::AwsIsoB | Self::AwsIsoE | Self::AwsIsoF => None,
        }
    }

    /// Whether a host lies under a suffix that AWS gives to its own endpoints. A customer's bucket or load balancer lies
    /// there too: this tells a typing mistake from an endpoint, not a friend from a foe.
    pub fn is_aws_host(host: &str) -> bool {
        let host = host.trim_end_matches('.').to_ascii_lowercase();
        Self::ALL.iter().any(|partition| {
            [
                partition.dns_suffix(),
                partition.dual_stack_suffix(),
                partition.sign_in_suffix(),
            ]
            .iter()
            .any(|suffix| {
                host.strip_suffix(suffix)
                    .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            })
        })
    }

    /// What its regions' names begin with, up to `-WORD-NUMBER`: the regular expressions of `partitions.json`.
    fn region_prefixes(self) -> &'static [&'static str] {
        match self {
            Self::Aws => &["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"],
            Self::AwsCn => &["cn"],
            Self::AwsEusc => &["eusc-de"],
            Self::AwsIso => &["us-iso"],
            Self::AwsIsoB => &["us-isob"],
            Self::AwsIsoE => &["eu-isoe"],
            Self::AwsIsoF => &["us-isof"],
            Self::AwsUsGov => &["us-gov"],
        }
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.id())
    }
}

impl FromStr for Partition {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL
            .into_iter()
            .find(|partition| partition.id() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|partition| partition.id()).collect();
                Invalid::new(format!(
                    "`{text}` is not an AWS partition (there are {})",
                    names.join(", ")
                ))
            })
    }
}

/// A region's name, safe to put into a host name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Region(String);

impl Region {
    /// A region by a name that stands in the code.
    pub(crate) fn known(name: &str) -> Self {
        Self(name.to_owned())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition the region lies in, by the regular expressions of the SDKs' partition table; a name that fits none,
    /// as of a region to come, is `aws`.
    pub fn partition(&self) -> Partition {
        /// `-WORD-NUMBER`.
        fn is_rest(rest: &str) -> bool {
            let mut parts = rest.split('-');
            let (first, word, number) = (parts.next(), parts.next(), parts.next());
            first == Some("")
                && word.is_some_and(|word| !word.is_empty())
                && number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
                && parts.next().is_none()
        }
        let owns = |partition: &Partition| {
            let mut prefixes = partition.region_prefixes().iter();
            self.0.strip_suffix("-global") == Some(partition.id())
                || prefixes.any(|prefix| self.0.strip_prefix(prefix).is_some_and(is_rest))
        };
        Partition::ALL.into_iter().find(owns).unwrap_or(Partition::Aws)
    }

    /// Whether this is no region but a partition's name for services that have none: `aws-global`, `aws-cn-global`.
    pub fn is_global(&self) -> bool {
        self.0
            .strip_suffix("-global")
            .is_some_and(|id| id.starts_with("aws"))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Region {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if is_region(text) {
            return Ok(Self(text.to_owned()));
        }
        let invalid = Invalid::new(format!(
            "`{text}` is not a region: a region is lowercase letters, digits and hyphens, as in `eu-west-1`"
        ));
        let tidy = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        Err(if is_region(&tidy) {
            invalid.suggest(tidy)
        } else {
            invalid
        })
    }
}

/// One label of a host name, so that a region cannot point an endpoint elsewhere.
fn is_region(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_partition_reads_back_and_owns_its_default_region() {
        for partition in Partition::ALL {
            assert_eq!(partition.id().parse::<Partition>().unwrap(), partition);
            assert_eq!(partition.default_region().partition(), partition);
        }
        assert!(
            "aws-moon"
                .parse::<Partition>()
                .unwrap_err()
                .sentence()
                .contains("aws-iso-f")
        );
    }

    #[test]
    fn a_region_lies_where_awss_own_table_has_it() {
        for (partition, regions) in [
            (
                Partition::Aws,
                "us-east-1 eu-isolated-1 il-central-1 mx-central-1 ap-southeast-17 aws-global",
            ),
            (Partition::AwsCn, "cn-north-1 cn-northwest-1 aws-cn-global"),
            (Partition::AwsEusc, "eusc-de-east-1"),
            (Partition::AwsIso, "us-iso-east-1 us-iso-west-1 aws-iso-global"),
            (
                Partition::AwsIsoB,
                "us-isob-east-1 us-isob-west-1 aws-iso-b-global",
            ),
            (Partition::AwsIsoE, "eu-isoe-west-1 aws-iso-e-global"),
            (
                Partition::AwsIsoF,
                "us-isof-south-1 us-isof-east-1 aws-iso-f-global",
            ),
            (
                Partition::AwsUsGov,
                "us-gov-west-1 us-gov-east-1 aws-us-gov-global",
            ),
            // What fits no expression is `aws`: a region to come, and what only begins like another partition's.
            (
                Partition::Aws,
                "xx-blah-9 moon us-gov-west cn-north eusc-fr-east-1 us-gov-west-1-lax-1 us-gov-west-1a",
            ),
        ] {
            for region in regions.split(' ') {
                assert_eq!(
                    region.parse::<Region>().unwrap().partition(),
                    partition,
                    "{region}"
                );
            }
        }
        for (region, is_global) in [
            ("aws-global", true),
            ("aws-iso-b-global", true),
            ("us-east-1", false),
        ] {
            assert_eq!(region.parse::<Region>().unwrap().is_global(), is_global);
        }
    }

    #[test]
    fn awss_own_hosts_are_told_from_others() {
        for (hosts, expected) in [
            (
                "sts.eu-west-1.amazonaws.com amazonaws.com STS.Us-East-1.API.aws. signin.aws.amazon.com sts.cn-north-1.amazonaws.com.cn",
                true,
            ),
            (
                "vpce-0123-abcd.sts.eu-west-1.vpce.amazonaws.com us-iso-east-1.signin.c2shome.ic.gov",
                true,
            ),
            (
                "sts.example notamazonaws.com amazonaws.com.evil.example amazon.com 127.0.0.1",
                false,
            ),
        ] {
            for host in hosts.split(' ') {
                assert_eq!(Partition::is_aws_host(host), expected, "{host}");
            }
        }
    }

    #[test]
    fn a_region_cannot_leave_its_host_name() {
        for bad in [
            "",
            "-",
            "us-east-1.evil.example",
            "us-east-1@evil",
            "us/east",
            "us-east-1-",
            "x#",
        ] {
            assert!(bad.parse::<Region>().is_err(), "{bad}");
        }
        assert_eq!(
            "EU_West-1".parse::<Region>().unwrap_err().suggestion(),
            Some("eu-west-1")
        );
    }
}

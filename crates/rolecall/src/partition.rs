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
        Region(
            match self {
                Self::Aws => "us-east-1",
                Self::AwsCn => "cn-northwest-1",
                Self::AwsEusc => "eusc-de-east-1",
                Self::AwsIso => "us-iso-east-1",
                Self::AwsIsoB => "us-isob-east-1",
                Self::AwsIsoE => "eu-isoe-west-1",
                Self::AwsIsoF => "us-isof-south-1",
                Self::AwsUsGov => "us-gov-west-1",
            }
            .to_owned(),
        )
    }

    /// The URL of STS in `region`: always the regional endpoint, whose tokens are valid everywhere.
    pub fn sts_url(self, region: &Region) -> String {
        format!("https://sts.{region}.{}", self.dns_suffix())
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
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The partition the region lies in, by the prefixes of the SDKs' partition table; unknown names are `aws`.
    pub fn partition(&self) -> Partition {
        // The longer prefixes first: `us-isob-` begins with `us-iso`.
        const PREFIXES: [(&str, Partition); 7] = [
            ("cn-", Partition::AwsCn),
            ("eusc-", Partition::AwsEusc),
            ("us-isob-", Partition::AwsIsoB),
            ("us-isof-", Partition::AwsIsoF),
            ("us-iso-", Partition::AwsIso),
            ("eu-isoe-", Partition::AwsIsoE),
            ("us-gov-", Partition::AwsUsGov),
        ];
        PREFIXES
            .iter()
            .find(|(prefix, _)| self.0.starts_with(prefix))
            .map_or(Partition::Aws, |(_, partition)| *partition)
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
    fn sts_is_regional_in_every_partition() {
        let urls: Vec<_> = Partition::ALL
            .map(|p| p.sts_url(&p.default_region()))
            .into_iter()
            .collect();
        assert_eq!(
            urls,
            [
                "https://sts.us-east-1.amazonaws.com",
                "https://sts.cn-northwest-1.amazonaws.com.cn",
                "https://sts.eusc-de-east-1.amazonaws.eu",
                "https://sts.us-iso-east-1.c2s.ic.gov",
                "https://sts.us-isob-east-1.sc2s.sgov.gov",
                "https://sts.eu-isoe-west-1.cloud.adc-e.uk",
                "https://sts.us-isof-south-1.csp.hci.ic.gov",
                "https://sts.us-gov-west-1.amazonaws.com",
            ]
        );
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

//! The endpoint rules of the services that are called: AWS's rule sets, as code.
//!
//! Facts: the rule set of each service in botocore 1.44 (`endpoint-rule-set-1.json`) and `partitions.json`, which says of
//! all eight partitions that they have FIPS and dual-stack endpoints.

use crate::partition::{Partition, Region};

/// A service of AWS that is called on the way to a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Service {
    /// Identity and Access Management: which MFA devices a user has.
    Iam,
    /// Organizations: which accounts there are, and what binds them.
    Organizations,
    /// The sign-in service: console links, and the sessions of `aws login`.
    Signin,
    /// The portal of IAM Identity Center: a role's credentials for a token.
    Sso,
    /// IAM Identity Center's OpenID Connect service: tokens.
    SsoOidc,
    /// The Security Token Service.
    Sts,
}

impl Service {
    /// Every service there is.
    pub const ALL: [Self; 6] = [
        Self::Iam,
        Self::Organizations,
        Self::Signin,
        Self::Sso,
        Self::SsoOidc,
        Self::Sts,
    ];

    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Iam => "IAM",
            Self::Organizations => "Organizations",
            Self::Signin => "the sign-in service",
            Self::Sso => "the portal of Identity Center",
            Self::SsoOidc => "the OIDC service of Identity Center",
            Self::Sts => "STS",
        }
    }

    /// The variable that overrides its endpoint alone: `AWS_ENDPOINT_URL_` and its service id in capitals.
    pub fn endpoint_variable(self) -> &'static str {
        match self {
            Self::Iam => "AWS_ENDPOINT_URL_IAM",
            Self::Organizations => "AWS_ENDPOINT_URL_ORGANIZATIONS",
            Self::Signin => "AWS_ENDPOINT_URL_SIGNIN",
            Self::Sso => "AWS_ENDPOINT_URL_SSO",
            Self::SsoOidc => "AWS_ENDPOINT_URL_SSO_OIDC",
            Self::Sts => "AWS_ENDPOINT_URL_STS",
        }
    }

    /// Its key in a section of services.
    pub fn section_key(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Organizations => "organizations",
            Self::Signin => "signin",
            Self::Sso => "sso",
            Self::SsoOidc => "sso_oidc",
            Self::Sts => "sts",
        }
    }

    /// The host of the service's own endpoint in a region, and the region its calls are signed for. `None` where a
    /// partition's global name stands for a region, and the service has no global endpoint of that kind.
    pub(super) fn host(self, region: &Region, fips: bool, dual_stack: bool) -> Option<(String, Region)> {
        let partition = region.partition();
        if self == Self::Iam {
            let (host, region) = iam(partition, fips, dual_stack);
            return Some((host, region));
        }
        if self == Self::Organizations {
            // One region of each partition has it, and no GovCloud endpoint has another name for being validated.
            let region = partition.default_region();
            let fips = fips && partition != Partition::AwsUsGov;
            let host = regional("organizations", partition, &region, fips, dual_stack);
            return Some((host, region));
        }
        if region.is_global() {
            // The one rule there is: STS's global endpoint of the commercial regions.
            let is_there = self == Self::Sts && partition == Partition::Aws && !fips && !dual_stack;
            return is_there.then(|| ("sts.amazonaws.com".to_owned(), partition.default_region()));
        }
        let host = match self {
            Self::Signin => sign_in(partition, region, fips, dual_stack),
            Self::Sso => regional("portal.sso", partition, region, fips, dual_stack),
            Self::SsoOidc => regional("oidc", partition, region, fips, dual_stack),
            Self::Iam | Self::Organizations | Self::Sts => {
                regional("sts", partition, region, fips, dual_stack)
            }
        };
        Some((host, region.clone()))
    }
}

fn regional(name: &str, partition: Partition, region: &Region, fips: bool, dual_stack: bool) -> String {
    // GovCloud's ordinary endpoints are validated: they have no other name.
    let has_own_name = dual_stack || partition != Partition::AwsUsGov;
    let fips = if fips && has_own_name { "-fips" } else { "" };
    let suffix = if dual_stack {
        partition.dual_stack_suffix()
    } else {
        partition.dns_suffix()
    };
    format!("{name}{fips}.{region}.{suffix}")
}

fn sign_in(partition: Partition, region: &Region, fips: bool, dual_stack: bool) -> String {
    let suffix = partition.sign_in_suffix();
    match (fips, dual_stack) {
        (false, false) => format!("{region}.signin.{suffix}"),
        (true, false) if partition == Partition::AwsUsGov => {
            if *region == partition.default_region() {
                format!("signin-fips.{suffix}")
            } else {
                format!("{region}.signin-fips.{suffix}")
            }
        }
        (true, false) => format!("signin-fips.{region}.{}", partition.dns_suffix()),
        (_, true) => {
            let fips = if fips { "-fips" } else { "" };
            format!("signin{fips}.{region}.{}", partition.dual_stack_suffix())
        }
    }
}

/// IAM has one endpoint for each partition, and no common rule for its name.
fn iam(partition: Partition, fips: bool, dual_stack: bool) -> (String, Region) {
    let region = match partition {
        Partition::AwsCn => Region::known("cn-north-1"),
        _ => partition.default_region(),
    };
    let suffix = partition.dns_suffix();
    let dual = partition.dual_stack_suffix();
    let host = match (partition, fips, dual_stack) {
        (Partition::AwsUsGov, _, false) => format!("iam.us-gov.{suffix}"),
        (Partition::AwsUsGov, _, true) => format!("iam.us-gov.{dual}"),
        (Partition::Aws, false, false) => format!("iam.{suffix}"),
        (_, false, false) => format!("iam.{region}.{suffix}"),
        (Partition::AwsIso | Partition::AwsIsoB, true, false) => format!("iam-fips.{region}.{suffix}"),
        (_, true, false) => format!("iam-fips.{suffix}"),
        (Partition::Aws | Partition::AwsCn | Partition::AwsEusc, false, true) => format!("iam.global.{dual}"),
        (_, false, true) => format!("iam.{dual}"),
        (Partition::Aws, true, true) => format!("iam-fips.global.{dual}"),
        (_, true, true) => format!("iam-fips.{dual}"),
    };
    (host, region)
}

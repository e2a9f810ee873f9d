//! `PolicyExclusionList`: what would be if a policy were removed.

use rolecall::policy::wildcard_matches;

use super::super::{Input, Kind};
use super::world::invalid;
use crate::api::{Params, Refusal};
use crate::validate::ANY;

const TYPES: [&str; 6] = [
    "inline",
    "aws-managed",
    "user-managed",
    "permission-boundary",
    "scp",
    "rcp",
];

/// What names policies to leave out.
enum Exclusion<'a> {
    Type(&'a str),
    Arn(&'a str),
    Inline {
        kind: &'a str,
        holder: &'a str,
        name: &'a str,
    },
}

/// The policies that a simulation leaves out. What matches none is ignored.
#[derive(Default)]
pub(super) struct Exclusions<'a>(Vec<Exclusion<'a>>);

impl<'a> Exclusions<'a> {
    pub(super) fn read(params: &'a Params, input: &mut Input<'a>) -> Result<Self, Refusal> {
        let list = |field: &str| params.members("PolicyExclusionList", field);
        let (types, arns) = (list("PolicyType"), list("PolicyArn"));
        let names = list("InlinePolicyIdentifier.PolicyName");
        let kinds = list("InlinePolicyIdentifier.AttachmentType");
        let holders = list("InlinePolicyIdentifier.AttachmentName");
        input.checks.at_most(&types, "policyExclusionList", 256);
        let mut exclusions = Vec::new();
        for (index, kind) in types.iter().enumerate() {
            let member = format!("policyExclusionList.{}.member", index + 1);
            let at = |list: &[Option<&'a str>]| list.get(index).copied().flatten();
            if let Some(kind) = kind {
                input.checks.choose(kind, &format!("{member}.policyType"), &TYPES);
                exclusions.push(Exclusion::Type(kind));
            } else if let Some(arn) = at(&arns) {
                input
                    .checks
                    .check(arn, &format!("{member}.policyArn"), 20, 2048, ANY);
                if !arn.starts_with("arn:") || arn.splitn(6, ':').count() != 6 {
                    return Err(invalid(format!("ARN {arn} is not valid.")));
                }
                exclusions.push(Exclusion::Arn(arn));
            } else if let (Some(name), Some(kind), Some(holder)) = (at(&names), at(&kinds), at(&holders)) {
                let kind_member = format!("{member}.inlinePolicyIdentifier.attachmentType");
                input
                    .checks
                    .choose(kind, &kind_member, &["user", "group", "role"]);
                exclusions.push(Exclusion::Inline { kind, holder, name });
            } else {
                return Err(invalid(format!(
                    "Policy identifier {} names no policy.",
                    index + 1
                )));
            }
        }
        Ok(Self(exclusions))
    }

    fn any(&self, test: impl Fn(&Exclusion<'a>) -> bool) -> bool {
        self.0.iter().any(test)
    }

    pub(super) fn inline(&self, of: Kind, holder: &str, name: &str) -> bool {
        self.any(|exclusion| match exclusion {
            Exclusion::Type(kind) => *kind == "inline",
            Exclusion::Arn(_) => false,
            Exclusion::Inline {
                kind,
                holder: other_holder,
                name: other_name,
            } => (*kind, *other_holder, *other_name) == (of.word(), holder, name),
        })
    }

    pub(super) fn managed(&self, arn: &str, kind: &str) -> bool {
        self.any(|exclusion| match exclusion {
            Exclusion::Type(other) => *other == kind,
            Exclusion::Arn(pattern) => wildcard_matches(pattern, arn),
            Exclusion::Inline { .. } => false,
        })
    }

    pub(super) fn boundary(&self, arn: &str) -> bool {
        self.managed(arn, "permission-boundary")
    }

    /// By its id, with which its ARN ends.
    pub(super) fn service_control(&self, id: &str) -> bool {
        self.any(|exclusion| match exclusion {
            Exclusion::Type(kind) => *kind == "scp",
            Exclusion::Arn(arn) => arn.rsplit('/').next() == Some(id),
            Exclusion::Inline { .. } => false,
        })
    }
}

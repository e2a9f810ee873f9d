//! `rolecall roles`: which roles the caller may assume, by the policies that say so.

mod show;
mod write;

use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::chain::{SourceKind, Target};
use rolecall::discover::{self, Found, FoundRole, Proof};
use rolecall::index::{IndexedAccount, RoleIndex, RoleVerdict};
use rolecall::profile::block::{Options, Start, Wanted};
use rolecall::{Host, Partition, Provider, Region};

use crate::cli::RolesArgs;
use crate::command_error::{CommandError, Ended};
use crate::output;

/// STS takes hundreds of calls a second; CloudTrail and whoever reads it take fewer.
const PAUSE: Duration = Duration::from_secs(1);

pub(crate) fn run(host: &Host, args: RolesArgs) -> Result<Ended, CommandError> {
    if args.needs {
        let region = args.target.region();
        let partition = region.map_or(Partition::Aws, |region| region.partition());
        output::print(&format!("{}\n", discover::needs(partition)))?;
        return Ok(Ended::WELL);
    }
    let as_json = args.target.json;
    let provider = super::provider(host, args.target, Delivery::Roles)?;
    let (found, proofs) = super::block_on(async {
        let found = discover::roles(&provider, args.hops).await?;
        // Before anything is tried, which takes a second each and may be cut short.
        keep(host, &found, &[], &provider);
        let mut proofs = Vec::new();
        let tries = found
            .roles
            .iter()
            .filter(|role| args.verify && may_be_assumed(role))
            .count();
        if tries > 0 && !as_json {
            output::tell(&format!(
                "Trying {tries} of {} roles, one a second.\n",
                found.roles.len()
            ));
        }
        for role in &found.roles {
            let worth_a_try = may_be_assumed(role);
            proofs.push(match args.verify && worth_a_try {
                true => Some(discover::verify(&provider, role, PAUSE).await),
                false => None,
            });
        }
        Ok((found, proofs))
    })?;
    if args.verify {
        keep(host, &found, &proofs, &provider);
    }
    let shown = show::Shown {
        found: &found,
        proofs: &proofs,
        all: args.all,
    };
    let mut json = shown.json();
    if args.write {
        if !as_json {
            output::print(&shown.table())?;
            output::tell(&shown.remarks());
        }
        let start = start(&provider);
        let options = Options {
            name: args.profile_name,
            // What could not be read may hold what a profile of the block is for.
            searched: start
                .iter()
                .filter(|_| found.holdings.opaque.is_empty())
                .cloned()
                .collect(),
            force: args.force,
        };
        let written = write::write(
            host,
            &wanted(
                &found,
                &proofs,
                start.as_ref(),
                region(&provider, start.as_ref()).as_ref(),
            ),
            &options,
            args.yes,
        )?;
        json["write"] = written.json();
        if as_json {
            output::print_json(&json)?;
        }
    } else if as_json {
        output::print_json(&json)?;
    } else if args.tree {
        output::print(&shown.tree())?;
        output::tell(&shown.remarks());
    } else {
        output::print(&shown.table())?;
        output::tell(&shown.remarks());
    }
    Ok(Ended::WELL)
}

/// What a person sees of what was found and not tried.
pub(super) fn table(found: &Found) -> String {
    let proofs = vec![None; found.roles.len()];
    let shown = show::Shown {
        found,
        proofs: &proofs,
        all: false,
    };
    shown.table()
}

fn may_be_assumed(role: &FoundRole) -> bool {
    matches!(
        role.judgement.verdict,
        RoleVerdict::Allowed | RoleVerdict::Conditional
    )
}

/// Keeps what was found, for picking and completing without a network. What cannot be kept is found again.
fn keep(host: &Host, found: &Found, proofs: &[Option<Proof>], provider: &Provider) {
    let chain = provider.chain();
    let source = match &chain.target {
        Target::Profile(name) => Some(name.as_str()),
        // Whatever starts without a profile; a role that was named by its ARN can be nobody's source.
        Target::Role(_) if chain.roles.is_empty() => None,
        Target::Role(_) => return,
    };
    let refused = found
        .roles
        .iter()
        .zip(proofs)
        .filter(|(_, proof)| disproved(proof.as_ref()));
    let refused: Vec<_> = refused.map(|(role, _)| &role.arn).collect();
    let kept = RoleIndex::keep(
        host,
        &found.holdings.arn,
        found.indexed(source, &refused),
        found.accounts.clone(),
    );
    if let Err(error) = kept {
        tracing::warn!("the roles are not kept for the next time: {error}");
    }
}

fn disproved(proof: Option<&Proof>) -> bool {
    proof.and_then(Proof::verdict) == Some(false)
}

/// What a profile says of how the caller starts; `None` where no profile can say it.
fn start(provider: &Provider) -> Option<Start> {
    let chain = provider.chain();
    match (&chain.target, &chain.source.kind) {
        (
            Target::Profile(name),
            SourceKind::Environment(_) | SourceKind::Container(_) | SourceKind::InstanceMetadata(_),
        ) if chain.source.profile.is_some() || !chain.roles.is_empty() => Some(Start::Profile(name.clone())),
        (_, SourceKind::Environment(_)) if chain.roles.is_empty() => Some(Start::Environment),
        (_, SourceKind::Container(_)) if chain.roles.is_empty() => Some(Start::EcsContainer),
        (_, SourceKind::InstanceMetadata(_)) if chain.roles.is_empty() => Some(Start::Ec2InstanceMetadata),
        (Target::Profile(name), _) => Some(Start::Profile(name.clone())),
        (Target::Role(_), _) => None,
    }
}

/// The region that the profile they start with names: other tools take none from a `source_profile`.
fn region(provider: &Provider, start: Option<&Start>) -> Option<Region> {
    let Some(Start::Profile(name)) = start else {
        return None;
    };
    provider.profiles().profile(name)?.value("region")?.parse().ok()
}

/// A profile for each role that may be assumed, but for those that STS refused when it was asked.
fn wanted(
    found: &Found,
    proofs: &[Option<Proof>],
    start: Option<&Start>,
    region: Option<&Region>,
) -> Vec<Wanted> {
    let roles = found.roles.iter().zip(proofs);
    let may = roles.filter(|(role, proof)| {
        // Where nothing that was read grants it, and STS did not, all that is known is the name.
        let is_granted = !role.judgement.because.is_empty();
        let verdict = proof.as_ref().and_then(Proof::verdict);
        may_be_assumed(role) && verdict.unwrap_or(is_granted)
    });
    may.map(|(role, _)| {
        let account = found.accounts.get(&role.arn.account());
        let name = account.and_then(|IndexedAccount { name, alias }| name.as_deref().or(alias.as_deref()));
        Wanted {
            region: region.cloned(),
            ..Wanted::new(role.arn.clone(), name, start.cloned())
        }
    })
    .collect()
}

/// What `--verify` says of a role.
fn proved(proof: Option<&Proof>) -> Option<&'static str> {
    match proof? {
        Proof::Assumed => Some("proved: it was assumed"),
        Proof::Refused(_) => Some("disproved: STS refused it"),
        Proof::Unknown(_) => Some("could not be tried"),
    }
}

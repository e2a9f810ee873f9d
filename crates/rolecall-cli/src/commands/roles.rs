//! `rolecall roles`: which roles the caller may assume, by the policies that say so.

mod show;

use std::time::Duration;

use rolecall::audit::Delivery;
use rolecall::discover::{self, Found, FoundRole, Proof};
use rolecall::index::{RoleIndex, RoleVerdict};
use rolecall::{Host, Partition};

mod write;

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
    let named = args.target.target.clone();
    let provider = super::provider(host, args.target, Delivery::Roles)?;
    let (found, proofs) = super::block_on(async {
        let found = discover::roles(&provider, args.hops).await?;
        let mut proofs = Vec::new();
        for role in &found.roles {
            let worth_a_try = may_be_assumed(role);
            proofs.push(match args.verify && worth_a_try {
                true => Some(discover::verify(&provider, role, PAUSE).await),
                false => None,
            });
        }
        Ok((found, proofs))
    })?;
    // The profile that others may start from: a role's own, or whatever the target starts from.
    let source = match &provider.chain().target {
        rolecall::chain::Target::Profile(name) => Some(name.clone()),
        rolecall::chain::Target::Role(_) => None,
    };
    keep(host, &found, source.or(named).as_deref());
    let shown = show::Shown {
        found: &found,
        proofs: &proofs,
        all: args.all,
    };
    if as_json {
        output::print_json(&shown.json())?;
    } else if args.tree {
        output::print(&shown.tree())?;
        output::tell(&shown.remarks());
    } else {
        output::print(&shown.table())?;
        output::tell(&shown.remarks());
    }
    Ok(Ended::WELL)
}

fn may_be_assumed(role: &FoundRole) -> bool {
    matches!(
        role.judgement.verdict,
        RoleVerdict::Allowed | RoleVerdict::Conditional
    )
}

/// Keeps what was found, for picking and completing without a network. What cannot be kept is found again.
fn keep(host: &Host, found: &Found, source: Option<&str>) {
    let kept = RoleIndex::keep(
        host,
        &found.holdings.arn,
        found.indexed(source),
        found.accounts.clone(),
    );
    if let Err(error) = kept {
        tracing::warn!("the roles are not kept for the next time: {error}");
    }
}

/// What `--verify` says of a role.
fn proved(proof: Option<&Proof>) -> Option<&'static str> {
    match proof? {
        Proof::Assumed => Some("proved: it was assumed"),
        Proof::Refused(_) => Some("disproved: STS refused it"),
        Proof::Unknown(_) => Some("could not be tried"),
    }
}

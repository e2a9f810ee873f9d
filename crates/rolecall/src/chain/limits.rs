//! What AWS would refuse of a chain as a whole, said before any call.

use super::{Role, Source, SourceKind};
use crate::error::Error;

/// "The plaintext that you use for both inline and managed session policies can't exceed 2,048 characters" (`AssumeRole`).
const POLICY_CHARACTERS: usize = 2048;

/// Checks each role by itself, and what the roles before it leave to it.
pub(super) fn check(source: &Source, roles: &[Role]) -> Result<(), Error> {
    if let (SourceKind::Sso(sso), Some(first)) = (&source.kind, roles.first())
        && sso.session.region.partition() != first.arn.partition()
    {
        return Err(Error::config(format!(
            "the chain goes from Identity Center in partition `{}` ({}) to `{}`, and credentials never cross partitions",
            sso.session.region.partition(),
            source.origin,
            first.arn.partition()
        ))
        .with_hop(first.arn.to_string())
        .with_hint(format!("Start from credentials of partition `{}`.", first.arn.partition())));
    }
    for (hop, role) in roles.iter().enumerate() {
        let before = &roles[..hop];
        policies(role)
            .and_then(|()| inherited_tags(role, before))
            .and_then(|()| source_identity(role, before))
            .map_err(|error| error.with_hop(role.arn.to_string()))?;
    }
    Ok(())
}

fn policies(role: &Role) -> Result<(), Error> {
    let partition = role.arn.partition();
    for arn in &role.policy_arns {
        let mut fields = arn.as_str().split(':').skip(1);
        let (of, account) = (
            fields.next().unwrap_or_default(),
            fields.nth(2).unwrap_or_default(),
        );
        if of != partition.id() {
            return Err(Error::config(format!(
                "session policy {arn} lies in partition `{of}`, and the role in `{partition}`"
            ))
            .with_hint(format!(
                "Name the policy of partition `{partition}`: --policy-arn arn:{partition}:iam::…."
            )));
        }
        if account != "aws" && account != role.arn.account().as_str() {
            return Err(Error::config(format!(
                "session policy {arn} lies in account {account}, and the role in {}",
                role.arn.account()
            ))
            .with_hint("Name one of AWS's own (`arn:aws:iam::aws:policy/…`) or of the role's account: STS takes no others."));
        }
    }
    let inline = role
        .policy
        .as_ref()
        .map_or(0, |policy| policy.value.as_str().chars().count());
    let characters = inline
        + role
            .policy_arns
            .iter()
            .map(|arn| arn.as_str().len())
            .sum::<usize>();
    if characters > POLICY_CHARACTERS {
        return Err(Error::config(format!(
            "the session policies have {characters} characters together, STS takes at most {POLICY_CHARACTERS}"
        ))
        .with_hint("Shorten --policy, or put what it allows into a managed policy of the role's account (--policy-arn)."));
    }
    Ok(())
}

/// "The chain's roles inherit transitive tags", and setting one of them again fails ("Chaining roles with session tags").
fn inherited_tags(role: &Role, before: &[Role]) -> Result<(), Error> {
    for earlier in before {
        for key in earlier.tags.transitive() {
            let again = role
                .tags
                .iter()
                .find(|tag| tag.key().to_lowercase() == key.to_lowercase());
            if let Some(tag) = again {
                return Err(Error::config(format!(
                    "tag `{}` is handed on by {}, and STS lets no later role set it again",
                    tag.key(),
                    earlier.arn
                ))
                .with_hint("Take the tag away from the later role, or from `transitive_session_tags` of the earlier one."));
            }
        }
    }
    Ok(())
}

/// Once set, a source identity stays for the whole chain ("Monitor and control actions taken with assumed roles").
fn source_identity(role: &Role, before: &[Role]) -> Result<(), Error> {
    let Some(now) = &role.source_identity else {
        return Ok(());
    };
    let mut earlier = before
        .iter()
        .filter_map(|role| Some((role, role.source_identity.as_ref()?)));
    match earlier.find(|(_, identity)| identity.value != now.value) {
        Some((first, identity)) => Err(Error::config(format!(
            "the source identity is `{}` ({}), and {} has set `{}` ({}) before, which stays",
            now.value.as_str(),
            now.origin,
            first.arn,
            identity.value.as_str(),
            identity.origin
        ))
        .with_hint("Set it once, on the first role of the chain: every later one inherits it.")),
        None => Ok(()),
    }
}

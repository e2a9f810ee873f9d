//! The operations that only read.

use serde_json::{Value, json};

use super::{Answered, Asked, Kind, Who, no_such, render};
use crate::api::Refusal;
use crate::state::{Organization, State};

const PARENT: &[Kind] = &[Kind::Root, Kind::Unit];
const TARGET: &[Kind] = &[Kind::Account, Kind::Root, Kind::Unit];

pub(super) fn answer(asked: &Asked<'_>, state: &State) -> Option<Answered> {
    Some(match asked.operation {
        "DescribeAccount" => describe_account(asked, state),
        "DescribeOrganization" => {
            let organization = asked.organization(state, &[], Who::Member);
            organization.map(|found| json!({"Organization": render::organization(found)}))
        }
        "DescribeOrganizationalUnit" => describe_unit(asked, state),
        "DescribePolicy" => describe_policy(asked, state),
        "ListAccounts" => list_accounts(asked, state),
        "ListAccountsForParent" => list_accounts_for_parent(asked, state),
        "ListChildren" => list_children(asked, state),
        "ListDelegatedAdministrators" => list_delegated_administrators(asked, state),
        "ListOrganizationalUnitsForParent" => list_units(asked, state),
        "ListParents" => list_parents(asked, state),
        "ListPolicies" => list_policies(asked, state),
        "ListPoliciesForTarget" => list_policies_for_target(asked, state),
        "ListRoots" => {
            let organization = asked.organization(state, &[], Who::Reader);
            organization.and_then(|found| asked.page("Roots", vec![render::root(found)]))
        }
        "ListTagsForResource" => list_tags(asked, state),
        "ListTargetsForPolicy" => list_targets(asked, state),
        _ => return None,
    })
}

fn describe_account(asked: &Asked<'_>, state: &State) -> Answered {
    let id = asked.account("AccountId")?;
    let organization = asked.organization(state, &[id.as_str()], Who::Reader)?;
    let member = organization.members.get(&id);
    let member = member.ok_or_else(|| no_such("AccountNotFoundException"))?;
    Ok(json!({"Account": render::account(organization, id, member)}))
}

fn describe_unit(asked: &Asked<'_>, state: &State) -> Answered {
    let id = asked.id("OrganizationalUnitId", &[Kind::Unit])?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    let unit = organization.units.get(id);
    let unit = unit.ok_or_else(|| no_such("OrganizationalUnitNotFoundException"))?;
    Ok(json!({"OrganizationalUnit": render::unit(organization, id, unit)}))
}

fn describe_policy(asked: &Asked<'_>, state: &State) -> Answered {
    let id = asked.id("PolicyId", &[Kind::Policy])?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    let policy = organization.policies.get(id);
    let policy = policy.ok_or_else(|| no_such("PolicyNotFoundException"))?;
    Ok(json!({"Policy": render::policy(organization, id, policy)}))
}

fn list_accounts(asked: &Asked<'_>, state: &State) -> Answered {
    let organization = asked.organization(state, &[], Who::Reader)?;
    let members = organization.members.iter();
    let accounts = members.map(|(id, member)| render::account(organization, *id, member));
    asked.page("Accounts", accounts.collect())
}

/// The parent a call names, which must be the root or a unit.
fn parent<'a>(asked: &'a Asked<'_>, state: &'a State) -> Result<(&'a Organization, &'a str), Refusal> {
    let id = asked.id("ParentId", PARENT)?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    if organization.is_parent(id) {
        Ok((organization, id))
    } else {
        Err(no_such("ParentNotFoundException"))
    }
}

fn list_accounts_for_parent(asked: &Asked<'_>, state: &State) -> Answered {
    let (organization, parent) = parent(asked, state)?;
    let below = organization
        .members
        .iter()
        .filter(|(_, member)| member.parent == parent);
    let accounts = below.map(|(id, member)| render::account(organization, *id, member));
    asked.page("Accounts", accounts.collect())
}

fn list_units(asked: &Asked<'_>, state: &State) -> Answered {
    let (organization, parent) = parent(asked, state)?;
    let below = organization
        .units
        .iter()
        .filter(|(_, unit)| unit.parent == parent);
    let units = below.map(|(id, unit)| render::unit(organization, id, unit));
    asked.page("OrganizationalUnits", units.collect())
}

fn list_children(asked: &Asked<'_>, state: &State) -> Answered {
    let kind = asked.required("ChildType")?;
    if !["ACCOUNT", "ORGANIZATIONAL_UNIT"].contains(&kind) {
        return Err(super::invalid(
            "INVALID_ENUM",
            "You specified an invalid value for an enumerated type.",
        ));
    }
    let (organization, parent) = parent(asked, state)?;
    let child = |id: &str| json!({"Id": id, "Type": kind});
    let children: Vec<Value> = if kind == "ACCOUNT" {
        let members = organization.members.iter();
        members
            .filter(|(_, member)| member.parent == parent)
            .map(|(id, _)| child(id.as_str()))
            .collect()
    } else {
        let units = organization.units.iter();
        units
            .filter(|(_, unit)| unit.parent == parent)
            .map(|(id, _)| child(id))
            .collect()
    };
    asked.page("Children", children)
}

/// The root's or a unit's id above an account or a unit: there is exactly one.
fn list_parents(asked: &Asked<'_>, state: &State) -> Answered {
    let id = asked.id("ChildId", &[Kind::Account, Kind::Unit])?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    let parent = organization
        .parent_of(id)
        .ok_or_else(|| no_such("ChildNotFoundException"))?;
    let kind = if parent == organization.root_id {
        "ROOT"
    } else {
        "ORGANIZATIONAL_UNIT"
    };
    asked.page("Parents", vec![json!({"Id": parent, "Type": kind})])
}

fn list_policies(asked: &Asked<'_>, state: &State) -> Answered {
    let in_use = asked.is_service_control("Filter")?;
    let organization = asked.organization(state, &[], Who::Reader)?;
    let policies = organization.policies.iter().filter(|_| in_use);
    let policies = policies.map(|(id, policy)| render::summary(organization, id, policy));
    asked.page("Policies", policies.collect())
}

fn list_policies_for_target(asked: &Asked<'_>, state: &State) -> Answered {
    let in_use = asked.is_service_control("Filter")?;
    let id = asked.id("TargetId", TARGET)?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    let attached = organization.attached(id);
    let attached = attached.ok_or_else(|| no_such("TargetNotFoundException"))?;
    let policies = attached
        .iter()
        .filter(|_| in_use)
        .filter_map(|id| organization.policies.get_key_value(id))
        .map(|(id, policy)| render::summary(organization, id, policy));
    asked.page("Policies", policies.collect())
}

fn list_targets(asked: &Asked<'_>, state: &State) -> Answered {
    let id = asked.id("PolicyId", &[Kind::Policy])?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    if !organization.policies.contains_key(id) {
        return Err(no_such("PolicyNotFoundException"));
    }
    let targets = organization.targets(id);
    let targets = targets.iter().map(|target| render::target(organization, target));
    asked.page("Targets", targets.collect())
}

fn list_delegated_administrators(asked: &Asked<'_>, state: &State) -> Answered {
    let organization = asked.organization(state, &[], Who::Reader)?;
    let delegated = organization
        .delegated
        .iter()
        .filter_map(|id| organization.members.get_key_value(id))
        .map(|(id, member)| render::administrator(organization, *id, member));
    asked.page("DelegatedAdministrators", delegated.collect())
}

/// Nothing here is tagged.
fn list_tags(asked: &Asked<'_>, state: &State) -> Answered {
    let kinds = &[Kind::Account, Kind::Policy, Kind::Root, Kind::Unit];
    let id = asked.id("ResourceId", kinds)?;
    let organization = asked.organization(state, &[id], Who::Reader)?;
    if organization.attached(id).is_none() && !organization.policies.contains_key(id) {
        return Err(no_such("TargetNotFoundException"));
    }
    asked.page("Tags", Vec::new())
}

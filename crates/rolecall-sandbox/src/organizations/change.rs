//! The operations that change the tree and its service control policies. The next decision is made by what they leave.

use serde_json::{Value, json};

use super::{Answered, Asked, Kind, Who, constraint, invalid, is_aws_managed, no_such, refusal, render};
use crate::api::Refusal;
use crate::ids;
use crate::state::{ControlPolicy, FULL_ACCESS, Organization, Policy, State, Unit};

/// "Maximum size of a policy document" and "Maximum number of policies attached" (quotas of AWS Organizations).
const CONTENT_CHARACTERS: usize = 5120;
const ATTACHED: usize = 5;
/// "OU nesting: five levels".
const LEVELS: usize = 5;

const PARENT: &[Kind] = &[Kind::Root, Kind::Unit];
const TARGET: &[Kind] = &[Kind::Account, Kind::Root, Kind::Unit];

pub(super) fn answer(asked: &Asked<'_>, state: &mut State) -> Option<Answered> {
    Some(match asked.operation {
        "AttachPolicy" => attach(asked, state),
        "CreateOrganizationalUnit" => create_unit(asked, state),
        "CreatePolicy" => create_policy(asked, state),
        "DeletePolicy" => delete_policy(asked, state),
        "DetachPolicy" => detach(asked, state),
        "MoveAccount" => move_account(asked, state),
        "UpdatePolicy" => update_policy(asked, state),
        _ => return None,
    })
}

/// The organization, to be changed, after the management account was found to be the one who asks.
fn organization<'s>(
    asked: &Asked<'_>,
    state: &'s mut State,
    about: &[&str],
) -> Result<&'s mut Organization, Refusal> {
    asked.organization(state, about, Who::Management)?;
    state
        .organization
        .as_mut()
        .ok_or_else(|| no_such("TargetNotFoundException"))
}

fn done() -> Value {
    json!({})
}

fn content(text: &str) -> Result<Policy, Refusal> {
    if text.chars().count() > CONTENT_CHARACTERS {
        return Err(constraint(
            "POLICY_CONTENT_LIMIT_EXCEEDED",
            "You have exceeded the maximum policy size.",
        ));
    }
    ControlPolicy::parse(text).map_err(|error| {
        refusal(
            "MalformedPolicyDocumentException",
            format!("The provided policy document does not meet the requirements of the specified policy type: {error}"),
        )
    })
}

fn check_name(organization: &Organization, name: &str, own: Option<&str>) -> Result<(), Refusal> {
    match organization.policy_named(name) {
        Some(id) if Some(id) != own => Err(refusal(
            "DuplicatePolicyException",
            "A policy with the same name already exists.",
        )),
        _ => Ok(()),
    }
}

fn create_policy(asked: &Asked<'_>, state: &mut State) -> Answered {
    let name = asked.text("Name", 1, 128)?;
    let description = asked.text("Description", 0, 512)?;
    let text = asked.text("Content", 1, 1_000_000)?;
    let available = asked.is_service_control("Type")?;
    let organization = organization(asked, state, &[])?;
    if !available {
        return Err(refusal(
            "PolicyTypeNotAvailableForOrganizationException",
            "This policy type isn't available for your organization.",
        ));
    }
    let policy = content(text)?;
    check_name(organization, name, None)?;
    let id = ids::directory("p-");
    let built = ControlPolicy::new(name, description, policy);
    let answer = json!({"Policy": render::policy(organization, &id, &built)});
    organization.policies.insert(id, built);
    Ok(answer)
}

/// The policy a call names, which must not be AWS's own.
fn own_policy<'o>(organization: &'o mut Organization, id: &str) -> Result<&'o mut ControlPolicy, Refusal> {
    if is_aws_managed(id) {
        return Err(invalid(
            "IMMUTABLE_POLICY",
            "You specified a policy that is managed by AWS and can't be modified.",
        ));
    }
    let policy = organization.policies.get_mut(id);
    policy.ok_or_else(|| no_such("PolicyNotFoundException"))
}

fn update_policy(asked: &Asked<'_>, state: &mut State) -> Answered {
    let id = asked.id("PolicyId", &[Kind::Policy])?;
    let name = match asked.find("Name")? {
        Some(_) => Some(asked.text("Name", 1, 128)?),
        None => None,
    };
    let description = match asked.find("Description")? {
        Some(_) => Some(asked.text("Description", 0, 512)?),
        None => None,
    };
    let text = asked.find("Content")?;
    let organization = organization(asked, state, &[id])?;
    own_policy(organization, id)?;
    if let Some(name) = name {
        check_name(organization, name, Some(id))?;
    }
    let changed = text.map(content).transpose()?;
    let policy = own_policy(organization, id)?;
    if let Some(name) = name {
        name.clone_into(&mut policy.name);
    }
    if let Some(description) = description {
        description.clone_into(&mut policy.description);
    }
    if let Some(changed) = changed {
        policy.policy = changed;
    }
    let policy = organization.policies.get(id);
    let policy = policy.ok_or_else(|| no_such("PolicyNotFoundException"))?;
    Ok(json!({"Policy": render::policy(organization, id, policy)}))
}

fn delete_policy(asked: &Asked<'_>, state: &mut State) -> Answered {
    let id = asked.id("PolicyId", &[Kind::Policy])?;
    let organization = organization(asked, state, &[id])?;
    own_policy(organization, id)?;
    if !organization.targets(id).is_empty() {
        return Err(refusal(
            "PolicyInUseException",
            "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts \
             before performing this operation.",
        ));
    }
    organization.policies.remove(id);
    Ok(done())
}

/// The policy and the list it is or shall be in.
fn attachment<'s>(asked: &Asked<'_>, state: &'s mut State) -> Result<(String, &'s mut Vec<String>), Refusal> {
    let policy = asked.id("PolicyId", &[Kind::Policy])?;
    let target = asked.id("TargetId", TARGET)?;
    let organization = organization(asked, state, &[policy, target])?;
    if !organization.policies.contains_key(policy) {
        return Err(no_such("PolicyNotFoundException"));
    }
    let attached = organization.attached_mut(target);
    let attached = attached.ok_or_else(|| no_such("TargetNotFoundException"))?;
    Ok((policy.to_owned(), attached))
}

fn attach(asked: &Asked<'_>, state: &mut State) -> Answered {
    let (policy, attached) = attachment(asked, state)?;
    if attached.contains(&policy) {
        return Err(refusal(
            "DuplicatePolicyAttachmentException",
            "The selected policy is already attached to the specified target.",
        ));
    }
    if attached.len() >= ATTACHED {
        return Err(constraint(
            "MAX_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You have attached the maximum number of policies to the specified target.",
        ));
    }
    attached.push(policy);
    Ok(done())
}

fn detach(asked: &Asked<'_>, state: &mut State) -> Answered {
    let (policy, attached) = attachment(asked, state)?;
    if !attached.contains(&policy) {
        return Err(refusal(
            "PolicyNotAttachedException",
            "The policy isn't attached to the specified target in the specified root.",
        ));
    }
    if attached.len() == 1 {
        return Err(constraint(
            "MIN_POLICY_TYPE_ATTACHMENT_LIMIT_EXCEEDED",
            "You cannot remove the last policy attached to the specified target. You must have at least one attached \
             at all times.",
        ));
    }
    attached.retain(|id| *id != policy);
    Ok(done())
}

fn move_account(asked: &Asked<'_>, state: &mut State) -> Answered {
    let account = asked.account("AccountId")?;
    let source = asked.id("SourceParentId", PARENT)?;
    let destination = asked.id("DestinationParentId", PARENT)?;
    let organization = organization(asked, state, &[account.as_str(), source, destination])?;
    if !organization.members.contains_key(&account) {
        return Err(no_such("AccountNotFoundException"));
    }
    if !organization.is_parent(source) {
        return Err(no_such("SourceParentNotFoundException"));
    }
    if !organization.is_parent(destination) {
        return Err(no_such("DestinationParentNotFoundException"));
    }
    let Some(member) = organization.members.get_mut(&account) else {
        return Err(no_such("AccountNotFoundException"));
    };
    if member.parent == destination {
        return Err(refusal(
            "DuplicateAccountException",
            "That account is already present in the specified destination.",
        ));
    }
    if member.parent != source {
        return Err(no_such("AccountNotFoundException"));
    }
    destination.clone_into(&mut member.parent);
    Ok(done())
}

fn create_unit(asked: &Asked<'_>, state: &mut State) -> Answered {
    let parent = asked.id("ParentId", PARENT)?;
    let name = asked.text("Name", 1, 128)?;
    let organization = organization(asked, state, &[parent])?;
    if !organization.is_parent(parent) {
        return Err(no_such("ParentNotFoundException"));
    }
    let mut others = organization.units.values();
    if others.any(|unit| unit.parent == parent && unit.name == name) {
        return Err(refusal(
            "DuplicateOrganizationalUnitException",
            "An OU with the same name already exists.",
        ));
    }
    if organization.depth(parent) >= LEVELS {
        return Err(constraint(
            "OU_DEPTH_LIMIT_EXCEEDED",
            "You have exceeded the number of levels of organizational units you can have.",
        ));
    }
    let root = organization.root_id.trim_start_matches("r-");
    let id = ids::directory(&format!("ou-{root}-"));
    let built = Unit {
        name: name.to_owned(),
        parent: parent.to_owned(),
        policies: vec![FULL_ACCESS.to_owned()],
    };
    organization.units.insert(id.clone(), built);
    let unit = organization.units.get(&id);
    let unit = unit.ok_or_else(|| no_such("ParentNotFoundException"))?;
    Ok(json!({"OrganizationalUnit": render::unit(organization, &id, unit)}))
}

//! Accounts, units, roots and policies, as answers have them.

use rolecall::AccountId;
use serde_json::{Value, json};

use super::{Kind, is_aws_managed};
use crate::clock;
use crate::state::{ControlPolicy, Member, Organization, Unit};

/// `arn:aws:organizations::MANAGEMENT:KIND/o-…/ID`; AWS's own policies belong to no account.
pub(super) fn arn(organization: &Organization, id: &str) -> String {
    let kind = match Kind::of(id) {
        Some(Kind::Root) => "root",
        Some(Kind::Unit) => "ou",
        Some(Kind::Policy) if is_aws_managed(id) => {
            return format!("arn:aws:organizations::aws:policy/service_control_policy/{id}");
        }
        Some(Kind::Policy) => {
            return format!(
                "arn:aws:organizations::{}:policy/{}/service_control_policy/{id}",
                organization.management, organization.id
            );
        }
        Some(Kind::Account) | None => "account",
    };
    format!(
        "arn:aws:organizations::{}:{kind}/{}/{id}",
        organization.management, organization.id
    )
}

pub(super) fn organization(organization: &Organization) -> Value {
    let (id, management) = (&organization.id, organization.management);
    let email = organization
        .members
        .get(&management)
        .map_or("", |member| member.email.as_str());
    json!({
        "Id": id,
        "Arn": format!("arn:aws:organizations::{management}:organization/{id}"),
        "FeatureSet": "ALL",
        "MasterAccountArn": arn(organization, management.as_str()),
        "MasterAccountId": management.as_str(),
        "MasterAccountEmail": email,
        "AvailablePolicyTypes": [policy_type()],
    })
}

fn policy_type() -> Value {
    json!({"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"})
}

pub(super) fn account(organization: &Organization, id: AccountId, member: &Member) -> Value {
    let state = if member.suspended { "SUSPENDED" } else { "ACTIVE" };
    let joined = if id == organization.management {
        "INVITED"
    } else {
        "CREATED"
    };
    let path = organization.path(id).unwrap_or_default();
    json!({
        "Id": id.as_str(),
        "Arn": arn(organization, id.as_str()),
        "Email": member.email,
        "Name": member.name,
        "Status": state,
        "State": state,
        "Paths": [format!("{path}{id}/")],
        "JoinedMethod": joined,
        "JoinedTimestamp": clock::epoch_seconds(member.joined),
    })
}

/// An account that was made an administrator; it was one when it joined.
pub(super) fn administrator(organization: &Organization, id: AccountId, member: &Member) -> Value {
    let mut account = account(organization, id, member);
    account["DelegationEnabledDate"] = clock::epoch_seconds(member.joined).into();
    account
}

pub(super) fn root(organization: &Organization) -> Value {
    json!({
        "Id": organization.root_id,
        "Arn": arn(organization, &organization.root_id),
        "Name": "Root",
        "PolicyTypes": [policy_type()],
    })
}

pub(super) fn unit(organization: &Organization, id: &str, unit: &Unit) -> Value {
    json!({
        "Id": id,
        "Arn": arn(organization, id),
        "Name": unit.name,
        "Path": organization.unit_path(id),
    })
}

pub(super) fn summary(organization: &Organization, id: &str, policy: &ControlPolicy) -> Value {
    json!({
        "Id": id,
        "Arn": arn(organization, id),
        "Name": policy.name,
        "Description": policy.description,
        "Type": "SERVICE_CONTROL_POLICY",
        "AwsManaged": is_aws_managed(id),
    })
}

pub(super) fn policy(organization: &Organization, id: &str, policy: &ControlPolicy) -> Value {
    json!({
        "PolicySummary": summary(organization, id, policy),
        "Content": policy.policy.text,
    })
}

/// What a policy is attached to.
pub(super) fn target(organization: &Organization, id: &str) -> Value {
    let (name, kind) = match Kind::of(id) {
        Some(Kind::Root) => ("Root", "ROOT"),
        Some(Kind::Unit) => {
            let unit = organization.units.get(id);
            (unit.map_or("", |unit| unit.name.as_str()), "ORGANIZATIONAL_UNIT")
        }
        _ => {
            let id: Option<AccountId> = id.parse().ok();
            let member = id.and_then(|id| organization.members.get(&id));
            (member.map_or("", |member| member.name.as_str()), "ACCOUNT")
        }
    };
    json!({"TargetId": id, "Arn": arn(organization, id), "Name": name, "Type": kind})
}

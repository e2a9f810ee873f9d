//! Inline and managed policies of users and roles.

use super::{Answered, Iam, exists, no_such_policy, render};
use crate::api::{Refusal, escaped};
use crate::state::{ManagedPolicy, Policy, State};

pub(super) fn answer(operation: &str, iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    let user = operation.contains("User");
    Some(match operation {
        "AttachRolePolicy" | "AttachUserPolicy" => attach(iam, state, operation, user),
        "CreatePolicy" => create(iam, state),
        "DeletePolicy" => delete(iam, state),
        "DeleteRolePolicy" | "DeleteUserPolicy" => delete_inline(iam, state, operation, user),
        "DetachRolePolicy" | "DetachUserPolicy" => detach(iam, state, operation, user),
        "GetRolePolicy" | "GetUserPolicy" => get_inline(iam, state, operation, user),
        "ListAttachedRolePolicies" | "ListAttachedUserPolicies" => list_attached(iam, state, operation, user),
        "ListRolePolicies" | "ListUserPolicies" => list_inline(iam, state, operation, user),
        "PutRolePolicy" | "PutUserPolicy" => put_inline(iam, state, operation, user),
        _ => return None,
    })
}

fn identity_policy(text: &str, quota: &str, most: usize) -> Result<Policy, Refusal> {
    // White space does not count ("IAM and AWS STS quotas").
    if text.chars().filter(|c| !c.is_whitespace()).count() > most {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            format!("Cannot exceed quota for {quota}: {most}"),
        ));
    }
    Policy::identity(text).map_err(|error| Refusal::malformed_policy(error.to_string()))
}

fn no_inline(kind: bool, name: &str) -> Refusal {
    let kind = if kind { "user" } else { "role" };
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("The {kind} policy with name {name} cannot be found."),
    )
}

fn put_inline(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let name = iam.required("PolicyName")?.to_owned();
    let text = iam.required("PolicyDocument")?;
    let policy = if user {
        identity_policy(text, "UserPolicySize", 2048)?
    } else {
        identity_policy(text, "RolePolicySize", 10_240)?
    };
    iam.named(state, operation, user)?.inline.insert(name, policy);
    Ok(String::new())
}

fn get_inline(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let name = iam.required("PolicyName")?;
    let named = iam.named(state, operation, user)?;
    let policy = named.inline.get(name).ok_or_else(|| no_inline(user, name))?;
    let owner = if user { "UserName" } else { "RoleName" };
    Ok(format!(
        "<{owner}>{}</{owner}><PolicyName>{}</PolicyName><PolicyDocument>{}</PolicyDocument>",
        escaped(&named.name),
        escaped(name),
        render::document(&policy.text)
    ))
}

fn delete_inline(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let name = iam.required("PolicyName")?;
    iam.named(state, operation, user)?
        .inline
        .remove(name)
        .ok_or_else(|| no_inline(user, name))?;
    Ok(String::new())
}

fn list_inline(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let named = iam.named(state, operation, user)?;
    let names = named.inline.keys().map(|name| escaped(name));
    Ok(render::list("PolicyNames", names))
}

fn attach(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let arn = iam.required("PolicyArn")?.to_owned();
    let known = state.managed(iam.account, &arn).is_some();
    let named = iam.named(state, operation, user)?;
    if !known {
        return Err(no_such_policy(&arn));
    }
    if !named.attached.contains(&arn) {
        if named.attached.len() >= 10 {
            return Err(Refusal::new(
                409,
                "LimitExceeded",
                "Cannot exceed quota for PoliciesPerEntity: 10",
            ));
        }
        named.attached.push(arn);
    }
    Ok(String::new())
}

fn detach(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let arn = iam.required("PolicyArn")?;
    let named = iam.named(state, operation, user)?;
    let before = named.attached.len();
    named.attached.retain(|attached| attached != arn);
    if named.attached.len() == before {
        return Err(Refusal::new(
            404,
            "NoSuchEntity",
            format!("Policy {arn} was not found."),
        ));
    }
    Ok(String::new())
}

fn list_attached(iam: &Iam<'_>, state: &mut State, operation: &str, user: bool) -> Answered {
    let named = iam.named(state, operation, user)?;
    let members = named.attached.iter().map(|arn| {
        let name = arn.rsplit('/').next().unwrap_or_default();
        format!(
            "<PolicyName>{}</PolicyName><PolicyArn>{}</PolicyArn>",
            escaped(name),
            escaped(arn)
        )
    });
    Ok(render::list("AttachedPolicies", members))
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (path, name) = iam.new_name("PolicyName")?;
    let arn = iam.arn("policy", &path, &name);
    iam.check(state, "CreatePolicy", &arn)?;
    let policy = identity_policy(iam.required("PolicyDocument")?, "PolicySize", 6144)?;
    let home = iam.home(state)?;
    if home.policies.contains_key(&arn) {
        return Err(exists(&format!("A policy called {name}")));
    }
    let managed = ManagedPolicy::new(arn.clone(), &path, &name, policy);
    let unique_id = managed.unique_id.clone();
    home.policies.insert(arn.clone(), managed);
    Ok(format!(
        "<Policy><PolicyName>{}</PolicyName><PolicyId>{}</PolicyId><Arn>{}</Arn><Path>{}</Path>\
         <DefaultVersionId>v1</DefaultVersionId><AttachmentCount>0</AttachmentCount>\
         <IsAttachable>true</IsAttachable></Policy>",
        escaped(&name),
        unique_id,
        escaped(&arn),
        escaped(&path)
    ))
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let arn = iam.required("PolicyArn")?.to_owned();
    iam.check(state, "DeletePolicy", &arn)?;
    let home = iam.home(state)?;
    let attached = home
        .everyone()
        .any(|named| named.attached.contains(&arn) || named.boundary.as_ref() == Some(&arn));
    if attached {
        return Err(Refusal::new(
            409,
            "DeleteConflict",
            "Cannot delete a policy attached to entities.",
        ));
    }
    home.policies
        .remove(&arn)
        .map(|_| String::new())
        .ok_or_else(|| no_such_policy(&arn))
}

//! Versions of managed policies ("Versioning IAM policies").

use super::policies::{own, read};
use super::{Answered, Iam, not_attachable, render};
use crate::api::Refusal;
use crate::clock;
use crate::state::{PolicyVersion, State};

/// "VersionsPerPolicy" ("IAM and AWS STS quotas").
pub(super) const MOST_VERSIONS: usize = 5;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreatePolicyVersion" => create(iam, state),
        "DeletePolicyVersion" => delete(iam, state),
        "GetPolicyVersion" => get(iam, state),
        "ListPolicyVersions" => list(iam, state),
        "SetDefaultPolicyVersion" => set_default(iam, state),
        _ => return None,
    })
}

fn no_such_version(arn: &str, number: u32) -> Refusal {
    not_attachable(&format!("{arn} version v{number}"))
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    let text = input.document("PolicyDocument");
    let set_as_default = input.flag("SetAsDefault");
    input.finish()?;
    iam.found_policy(state, arn)?;
    let policy = read(text)?;
    let managed = own(iam, state, arn)?;
    if managed.versions.len() >= MOST_VERSIONS {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            format!(
                "A managed policy can have up to {MOST_VERSIONS} versions. Before you create a new version, you must \
                 delete an existing version."
            ),
        ));
    }
    let created = clock::now();
    let number = managed.last_version.saturating_add(1);
    managed.last_version = number;
    managed.versions.insert(number, PolicyVersion { policy, created });
    if set_as_default {
        managed.default_version = number;
    }
    managed.updated = created;
    let version = managed
        .versions
        .get(&number)
        .ok_or_else(|| no_such_version(arn, number))?;
    Ok(format!(
        "<PolicyVersion>{}</PolicyVersion>",
        render::version(managed, number, version)
    ))
}

/// The policy and the version that a call names.
fn named<'a>(iam: &Iam<'a>, state: &State) -> Result<(&'a str, u32), Refusal> {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    let number = input.version();
    input.finish()?;
    let managed = iam.found_policy(state, arn)?;
    if !managed.versions.contains_key(&number) {
        return Err(no_such_version(arn, number));
    }
    Ok((arn, number))
}

fn get(iam: &Iam<'_>, state: &State) -> Answered {
    let (arn, number) = named(iam, state)?;
    let managed = super::policies::found(iam, state, arn)?;
    let version = managed
        .versions
        .get(&number)
        .ok_or_else(|| no_such_version(arn, number))?;
    Ok(format!(
        "<PolicyVersion>{}</PolicyVersion>",
        render::version_in_full(managed, number, version)
    ))
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let arn = input.policy_arn("PolicyArn");
    let page = input.page();
    input.finish()?;
    let managed = iam.found_policy(state, arn)?;
    // The newest first.
    let versions = managed.versions.iter().rev();
    page.list(
        "Versions",
        versions.map(|(number, version)| (format!("{:010}", u32::MAX - number), (*number, version))),
        |(number, version)| render::version(managed, number, version),
    )
}

fn set_default(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (arn, number) = named(iam, state)?;
    let managed = own(iam, state, arn)?;
    managed.default_version = number;
    managed.updated = clock::now();
    Ok(String::new())
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let (arn, number) = named(iam, state)?;
    let managed = own(iam, state, arn)?;
    if managed.default_version == number {
        return Err(Refusal::new(
            409,
            "DeleteConflict",
            "Cannot delete the default version of a policy.",
        ));
    }
    managed.versions.remove(&number);
    Ok(String::new())
}

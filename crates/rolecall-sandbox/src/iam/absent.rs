//! What users and roles could have in AWS and have not here: instance profiles, passwords, certificates, keys of other
//! kinds. Whoever takes an account down asks for them first, as Terraform does, and is told that there are none.

use super::{Answered, Iam, Kind};
use crate::api::Refusal;
use crate::state::State;

pub(super) fn answer(iam: &Iam<'_>, state: &State) -> Option<Answered> {
    Some(match iam.operation {
        "DeleteLoginProfile" | "GetLoginProfile" => login_profile(iam, state),
        "ListInstanceProfiles" => instance_profiles(iam, state),
        "ListInstanceProfilesForRole" => of(iam, state, Kind::Role, "InstanceProfiles"),
        "ListServiceSpecificCredentials" => of(iam, state, Kind::User, "ServiceSpecificCredentials"),
        "ListSigningCertificates" => of(iam, state, Kind::User, "Certificates"),
        "ListSSHPublicKeys" => of(iam, state, Kind::User, "SSHPublicKeys"),
        _ => return None,
    })
}

fn none(element: &str) -> String {
    format!("<{element}/><IsTruncated>false</IsTruncated>")
}

/// The list of a role, or of a user, which is the caller where none is named.
fn of(iam: &Iam<'_>, state: &State, kind: Kind, element: &str) -> Answered {
    let mut input = iam.input();
    if kind == Kind::Role {
        let name = input.existing(kind);
        input.finish()?;
        iam.found(state, kind, name)?;
    } else {
        let name = input.optional_name("UserName", 128);
        input.finish()?;
        iam.found_whose(state, &iam.whose(name)?)?;
    }
    Ok(none(element))
}

fn instance_profiles(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let prefix = input.path_prefix();
    input.finish()?;
    iam.check(state, &iam.arn("instance-profile", prefix, ""))?;
    Ok(none("InstanceProfiles"))
}

fn login_profile(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let name = input.existing(Kind::User);
    input.finish()?;
    iam.found(state, Kind::User, name)?;
    Err(Refusal::new(
        404,
        "NoSuchEntity",
        format!("Login Profile for User {name} cannot be found."),
    ))
}

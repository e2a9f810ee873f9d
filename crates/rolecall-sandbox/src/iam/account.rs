//! What concerns an account as a whole: its alias, its numbers, its details.

use super::access_keys::MOST_KEYS;
use super::attachments::MOST_ATTACHED;
use super::entity::{MOST_GROUPS, MOST_ROLES, MOST_USERS};
use super::groups::MOST_GROUPS_OF_A_USER;
use super::versions::MOST_VERSIONS;
use super::{Answered, Iam, Kind, absent, details, inline, policies, trust};
use crate::api::{Refusal, escaped};
use crate::state::State;
use crate::validate::Pattern;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "CreateAccountAlias" => create_alias(iam, state),
        "DeleteAccountAlias" => delete_alias(iam, state),
        "GetAccountAuthorizationDetails" => details::get(iam, state),
        "GetAccountSummary" => summary(iam, state),
        "ListAccountAliases" => list_aliases(iam, state),
        _ => return absent::answer(iam, state),
    })
}

const ALIAS: Pattern = (
    |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
    r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$",
);
/// What no alias satisfies, to say so in the same words.
const NO_ALIAS: Pattern = (|_| false, ALIAS.1);

fn alias<'a>(iam: &Iam<'a>) -> Result<&'a str, Refusal> {
    let mut input = iam.input();
    let alias = input.checks.required("AccountAlias", 3, 63, ALIAS);
    if alias.starts_with('-') || alias.ends_with('-') || alias.contains("--") {
        input.checks.check(alias, "accountAlias", 3, 63, NO_ALIAS);
    }
    input.finish()?;
    iam.call.params.required("AccountAlias")
}

/// "The account alias must be unique across all AWS products"; an account has one, which a new one replaces ("Use an alias
/// for your AWS account ID").
fn create_alias(iam: &Iam<'_>, state: &mut State) -> Answered {
    let alias = alias(iam)?;
    iam.check(state, "*")?;
    let owner = state
        .accounts
        .iter()
        .find(|(_, account)| account.alias.as_deref() == Some(alias));
    match owner {
        Some((id, _)) if *id == iam.account => return Ok(String::new()),
        Some(_) => {
            return Err(Refusal::new(
                409,
                "EntityAlreadyExists",
                format!("The account alias {alias} already exists."),
            ));
        }
        None => {}
    }
    iam.home(state)?.alias = Some(alias.to_owned());
    Ok(String::new())
}

fn delete_alias(iam: &Iam<'_>, state: &mut State) -> Answered {
    let wanted = alias(iam)?;
    iam.check(state, "*")?;
    let alias = &mut iam.home(state)?.alias;
    if alias.as_deref() != Some(wanted) {
        return Err(Refusal::new(
            404,
            "NoSuchEntity",
            format!("The account alias {wanted} cannot be found."),
        ));
    }
    *alias = None;
    Ok(String::new())
}

fn list_aliases(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let page = input.page();
    input.finish()?;
    iam.check(state, "*")?;
    let aliases = iam.seen(state)?.alias.iter();
    page.list("AccountAliases", aliases.map(|alias| (alias, alias)), |alias| {
        escaped(alias)
    })
}

/// Counts are the account's own; what the sandbox does not have is 0.
fn summary(iam: &Iam<'_>, state: &State) -> Answered {
    iam.check(state, "*")?;
    let home = iam.seen(state)?;
    let versions: usize = home.policies.values().map(|policy| policy.versions.len()).sum();
    let devices_in_use = home
        .mfa_devices
        .values()
        .filter(|device| device.user.is_some())
        .count();
    let entries = [
        ("AccessKeysPerUserQuota", MOST_KEYS),
        (
            "AccountAccessKeysPresent",
            usize::from(!state.keys_of_root(iam.account).is_empty()),
        ),
        ("AccountMFAEnabled", 0),
        ("AccountPasswordPresent", 1),
        ("AccountSigningCertificatesPresent", 0),
        ("AssumeRolePolicySizeQuota", trust::MOST_CHARACTERS),
        ("AttachedPoliciesPerGroupQuota", MOST_ATTACHED),
        ("AttachedPoliciesPerRoleQuota", MOST_ATTACHED),
        ("AttachedPoliciesPerUserQuota", MOST_ATTACHED),
        ("GlobalEndpointTokenVersion", 1),
        ("GroupPolicySizeQuota", inline::most(Kind::Group)),
        ("Groups", home.groups.len()),
        ("GroupsPerUserQuota", MOST_GROUPS_OF_A_USER),
        ("GroupsQuota", MOST_GROUPS),
        ("InstanceProfiles", 0),
        ("InstanceProfilesQuota", 1000),
        ("MFADevices", home.mfa_devices.len()),
        ("MFADevicesInUse", devices_in_use),
        ("Policies", home.policies.len()),
        ("PoliciesQuota", policies::MOST_POLICIES),
        ("PolicySizeQuota", policies::MOST_CHARACTERS),
        ("PolicyVersionsInUse", versions),
        ("PolicyVersionsInUseQuota", 10_000),
        ("Providers", home.oidc_providers.len()),
        ("RolePolicySizeQuota", inline::most(Kind::Role)),
        ("Roles", home.roles.len()),
        ("RolesQuota", MOST_ROLES),
        ("ServerCertificates", 0),
        ("ServerCertificatesQuota", 20),
        ("SigningCertificatesPerUserQuota", 2),
        ("UserPolicySizeQuota", inline::most(Kind::User)),
        ("Users", home.users.len()),
        ("UsersQuota", MOST_USERS),
        ("VersionsPerPolicyQuota", MOST_VERSIONS),
    ];
    let entries: String = entries
        .iter()
        .map(|(key, value)| format!("<entry><key>{key}</key><value>{value}</value></entry>"))
        .collect();
    Ok(format!("<SummaryMap>{entries}</SummaryMap>"))
}

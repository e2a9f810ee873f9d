//! Things of IAM as XML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::AccountId;

use super::page::members;
use crate::api::escaped;
use crate::clock;
use crate::state::{ManagedPolicy, Named, PolicyVersion, Role, State, User};

/// What RFC 3986 leaves as it is besides letters and digits.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A policy document in an answer is percent-encoded (RFC 3986).
pub(super) fn document(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

pub(super) fn tag((key, value): (&String, &String)) -> String {
    format!("<Key>{}</Key><Value>{}</Value>", escaped(key), escaped(value))
}

pub(super) fn tags(tags: &std::collections::BTreeMap<String, String>) -> String {
    if tags.is_empty() {
        return String::new();
    }
    format!("<Tags>{}</Tags>", members(tags.iter().map(tag)))
}

pub(super) fn boundary(named: &Named) -> String {
    named.boundary.as_ref().map_or_else(String::new, |arn| {
        format!(
            "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
             <PermissionsBoundaryArn>{}</PermissionsBoundaryArn></PermissionsBoundary>",
            escaped(arn)
        )
    })
}

/// What users, groups and roles have in common.
pub(super) fn named(named: &Named, kind: &str, account: AccountId) -> String {
    format!(
        "<Path>{}</Path><{kind}Name>{}</{kind}Name><{kind}Id>{}</{kind}Id><Arn>{}</Arn><CreateDate>{}</CreateDate>",
        escaped(&named.path),
        escaped(&named.name),
        named.unique_id,
        escaped(&named.arn(account, &kind.to_lowercase())),
        clock::iso8601(named.created),
    )
}

pub(super) fn group(group: &Named, account: AccountId) -> String {
    named(group, "Group", account)
}

/// A user in a list: "ListUsers does not return … PermissionsBoundary, Tags" ("ListUsers").
pub(super) fn user(user: &User, account: AccountId) -> String {
    named(&user.named, "User", account)
}

pub(super) fn user_in_full(of: &User, account: AccountId) -> String {
    format!(
        "{}{}{}",
        user(of, account),
        boundary(&of.named),
        tags(&of.named.tags)
    )
}

/// A role in a list: "ListRoles does not return … PermissionsBoundary, RoleLastUsed, Tags" ("ListRoles").
pub(super) fn role(role: &Role, account: AccountId) -> String {
    let description = role.description.as_ref().map_or_else(String::new, |text| {
        format!("<Description>{}</Description>", escaped(text))
    });
    format!(
        "{}<AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>{description}\
         <MaxSessionDuration>{}</MaxSessionDuration>",
        named(&role.named, "Role", account),
        document(&role.trust.text),
        role.max_session_seconds,
    )
}

pub(super) fn role_in_full(of: &Role, account: AccountId, state: &State) -> String {
    format!(
        "{}{}{}{}",
        role(of, account),
        boundary(&of.named),
        tags(&of.named.tags),
        role_last_used(&of.named, state)
    )
}

/// Empty for a role that nobody has used.
pub(super) fn role_last_used(named: &Named, state: &State) -> String {
    let used = state
        .usage
        .of_role(&named.unique_id)
        .map_or_else(String::new, |used| {
            format!(
                "<LastUsedDate>{}</LastUsedDate><Region>{}</Region>",
                clock::iso8601(used.at),
                escaped(&used.region)
            )
        });
    format!("<RoleLastUsed>{used}</RoleLastUsed>")
}

/// How often a policy is attached, and how often it is a boundary.
#[derive(Clone, Copy, Default)]
pub(super) struct Uses {
    pub(super) attached: usize,
    pub(super) boundary: usize,
}

/// A managed policy, without the description and the tags that lists leave out ("ListPolicies").
pub(super) fn policy(policy: &ManagedPolicy, uses: Uses) -> String {
    format!(
        "<PolicyName>{}</PolicyName><PolicyId>{}</PolicyId><Arn>{}</Arn><Path>{}</Path>\
         <DefaultVersionId>v{}</DefaultVersionId><AttachmentCount>{}</AttachmentCount>\
         <PermissionsBoundaryUsageCount>{}</PermissionsBoundaryUsageCount><IsAttachable>true</IsAttachable>\
         <CreateDate>{}</CreateDate><UpdateDate>{}</UpdateDate>",
        escaped(&policy.name),
        policy.unique_id,
        escaped(&policy.arn),
        escaped(&policy.path),
        policy.default_version,
        uses.attached,
        uses.boundary,
        clock::iso8601(policy.created),
        clock::iso8601(policy.updated),
    )
}

pub(super) fn policy_in_full(of: &ManagedPolicy, uses: Uses) -> String {
    let description = of.description.as_ref().map_or_else(String::new, |text| {
        format!("<Description>{}</Description>", escaped(text))
    });
    format!("{}{description}{}", policy(of, uses), tags(&of.tags))
}

/// A version without its document, as lists have it ("ListPolicyVersions").
pub(super) fn version(policy: &ManagedPolicy, number: u32, version: &PolicyVersion) -> String {
    format!(
        "<VersionId>v{number}</VersionId><IsDefaultVersion>{}</IsDefaultVersion><CreateDate>{}</CreateDate>",
        number == policy.default_version,
        clock::iso8601(version.created)
    )
}

pub(super) fn version_in_full(policy: &ManagedPolicy, number: u32, of: &PolicyVersion) -> String {
    format!(
        "<Document>{}</Document>{}",
        document(&of.policy.text),
        version(policy, number, of)
    )
}

pub(super) fn attached(arn: &str) -> String {
    let name = arn.rsplit('/').next().unwrap_or_default();
    format!(
        "<PolicyName>{}</PolicyName><PolicyArn>{}</PolicyArn>",
        escaped(name),
        escaped(arn)
    )
}

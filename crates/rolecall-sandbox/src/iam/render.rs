//! Things of IAM as XML.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rolecall::AccountId;

use crate::api::escaped;
use crate::clock;
use crate::state::{Named, Role, User};

/// A policy document in an answer is percent-encoded (RFC 3986).
pub(super) fn document(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn tags(named: &Named) -> String {
    let members: String = named
        .tags
        .iter()
        .map(|(key, value)| {
            format!(
                "<member><Key>{}</Key><Value>{}</Value></member>",
                escaped(key),
                escaped(value)
            )
        })
        .collect();
    if members.is_empty() {
        members
    } else {
        format!("<Tags>{members}</Tags>")
    }
}

fn boundary(named: &Named) -> String {
    named.boundary.as_ref().map_or_else(String::new, |arn| {
        format!(
            "<PermissionsBoundary><PermissionsBoundaryType>Policy</PermissionsBoundaryType>\
             <PermissionsBoundaryArn>{}</PermissionsBoundaryArn></PermissionsBoundary>",
            escaped(arn)
        )
    })
}

pub(super) fn user(user: &User, account: AccountId) -> String {
    let named = &user.named;
    format!(
        "<Path>{}</Path><UserName>{}</UserName><UserId>{}</UserId><Arn>{}</Arn><CreateDate>{}</CreateDate>{}{}",
        escaped(&named.path),
        escaped(&named.name),
        named.unique_id,
        escaped(&named.arn(account, "user")),
        clock::iso8601(named.created),
        boundary(named),
        tags(named)
    )
}

pub(super) fn role(role: &Role, account: AccountId) -> String {
    let named = &role.named;
    let description = role.description.as_ref().map_or_else(String::new, |text| {
        format!("<Description>{}</Description>", escaped(text))
    });
    format!(
        "<Path>{}</Path><RoleName>{}</RoleName><RoleId>{}</RoleId><Arn>{}</Arn><CreateDate>{}</CreateDate>\
         <AssumeRolePolicyDocument>{}</AssumeRolePolicyDocument>{description}\
         <MaxSessionDuration>{}</MaxSessionDuration>{}{}",
        escaped(&named.path),
        escaped(&named.name),
        named.unique_id,
        escaped(&named.arn(account, "role")),
        clock::iso8601(named.created),
        document(&role.trust.text),
        role.max_session_seconds,
        boundary(named),
        tags(named)
    )
}

/// A list that is never cut into pages.
pub(super) fn list(element: &str, members: impl Iterator<Item = String>) -> String {
    let members: String = members
        .map(|member| format!("<member>{member}</member>"))
        .collect();
    format!("<{element}>{members}</{element}><IsTruncated>false</IsTruncated>")
}

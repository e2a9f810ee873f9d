//! `AccessDenied`: which side refused, by which kind of policy, and which statement is missing.

use super::{Context, Decision, Service, Signer, bare};

pub(super) fn decide(service: Service, code: &str, message: &str, context: &Context<'_>) -> Option<Decision> {
    match bare(code) {
        "AccessDenied" | "UnauthorizedOperation" | "NotAuthorized" => {}
        "NoSuchEntity" if service == Service::Sts => {
            return Some(
                Decision::denied("there is no such role")
                    .hint("Check the account, the path and the name; case counts."),
            );
        }
        "NoSuchEntity" => {
            return Some(
                Decision::denied("what was asked for is not there")
                    .hint("Check the account, the path and the name; case counts."),
            );
        }
        _ => return None,
    }
    let decision = about_mfa(message)
        .or_else(|| about_the_caller(message, context))
        .or_else(|| explicit(message, context))
        .or_else(|| named(service, message, context));
    Some(decision.unwrap_or_else(|| both_sides(context)))
}

fn about_mfa(message: &str) -> Option<Decision> {
    if message.contains("invalid MFA one time pass code") {
        return Some(
            Decision::needs_user("the MFA code was wrong, or has been used before")
                .hint("Wait for the next code of the device (30 seconds at most), then give that one.")
                .hint("If every code is refused, the device's clock or its serial is wrong: `rolecall plan` shows the serial and where it comes from."),
        );
    }
    if message.contains("must provide both MFA serial number and one time pass code") {
        return Some(
            Decision::config("the MFA code came without its device, or the device without a code")
                .hint("Name the device with --mfa-serial or `mfa_serial`, so that both are sent together."),
        );
    }
    if message.contains("MultiFactorAuthentication failed") {
        return Some(
            Decision::denied("the MFA device was not taken")
                .hint("It has to be the device of the user whose key signs: check `mfa_serial` and --mfa-serial against `aws iam list-mfa-devices`.")
                .hint("A FIDO key or passkey has no codes that STS takes: an authenticator app beside it has."),
        );
    }
    None
}

/// What AWS takes from no credentials of this kind, whatever the policies say.
fn about_the_caller(message: &str, context: &Context<'_>) -> Option<Decision> {
    if message.contains("with session credentials") {
        return Some(
            Decision::config(format!(
                "only a user's own access key gets {}, and these credentials are temporary",
                context.operation
            ))
            .hint("Leave --mfa and `mfa_serial` away where the source hands out temporary credentials: they proved what they proved when they were made.")
            .hint("Or start from a profile with a long-term access key: --source-profile NAME."),
        );
    }
    if message.contains("root accounts") {
        return Some(
            Decision::denied("AWS lets no root user assume a role")
                .hint("Start from the key of an IAM user, or from Identity Center: --source-profile NAME."),
        );
    }
    None
}

/// A policy that says no, and cannot be outvoted.
fn explicit(message: &str, context: &Context<'_>) -> Option<Decision> {
    let (_, kind) = message.split_once("with an explicit deny in a")?;
    let kind = kind.trim_start_matches('n').trim_start();
    let (cause, hint) = if kind.starts_with("service control policy") {
        (
            "an organization's service control policy forbids it",
            "Only the organization's administrators can change that: give them the message, with its request id.",
        )
    } else if kind.starts_with("resource control policy") {
        (
            "a resource control policy of the role's organization forbids it",
            "Only the administrators of the role's organization can change that: give them the message.",
        )
    } else if kind.starts_with("permissions boundary") {
        (
            "the caller's permissions boundary forbids it",
            "Have the boundary changed; no policy of the caller's own can outvote it.",
        )
    } else if kind.starts_with("session policy") {
        (
            "the session policy of the step before forbids it",
            "Leave --policy, --policy-arn or --read-only of that step away.",
        )
    } else if kind.starts_with("resource-based policy") {
        (
            "the trust policy of the role forbids it",
            "Have the Deny in the role's trust policy changed, or meet its condition (MFA, source address, ExternalId).",
        )
    } else if kind.starts_with("VPC endpoint policy") {
        (
            "the policy of the VPC endpoint forbids it",
            "Have the endpoint's policy changed, or call another endpoint with AWS_ENDPOINT_URL_STS.",
        )
    } else {
        (
            "a policy of the caller forbids it",
            "Have the Deny changed, or meet its condition.",
        )
    };
    let decision = Decision::denied(cause).hint(hint);
    Some(match (context.signer, kind.starts_with("identity-based")) {
        // `AWSRevokeOlderSessions` is such a policy.
        (Signer::Role | Signer::IdentityCenter, true) => decision.hint(
            "The sessions of the step before may have been revoked: a new one is obtained by itself, so try again once.",
        ),
        (Signer::LongTermKey, true) if !context.proved && context.role.is_some() => {
            decision.hint("Such a Deny often asks for MFA: try --mfa.")
        }
        _ => decision,
    })
}

/// The message names the action, and often whose policy has no Allow for it.
fn named(service: Service, message: &str, context: &Context<'_>) -> Option<Decision> {
    let (_, rest) = message.split_once("not authorized to perform: ")?;
    let action: String = rest
        .chars()
        .take_while(|c| c.is_ascii_alphanumeric() || *c == ':')
        .collect();
    let role = context.role.map(|role| role.arn.to_string());
    let role = role.as_deref().unwrap_or("the role");
    let statement =
        |action: &str| format!(r#"`{{"Effect": "Allow", "Action": "{action}", "Resource": "{role}"}}`"#);
    match action.as_str() {
        "sts:TagSession" => Some(
            Decision::denied("the session carries tags, and somebody has not allowed that")
                .hint(format!("Add to the caller's policy: {}.", statement("sts:TagSession")))
                .hint("Add `sts:TagSession` to the actions of the role's trust policy as well; or leave the tags away (--tag, `session_tags`)."),
        ),
        "sts:SetSourceIdentity" => Some(
            Decision::denied("the session carries a source identity, and that is not allowed, or another one was set before")
                .hint(format!("Add to the caller's policy: {}.", statement("sts:SetSourceIdentity")))
                .hint("Add `sts:SetSourceIdentity` to the actions of the role's trust policy as well. Once set in a chain, a source identity stays: a later role cannot set another."),
        ),
        "sts:AssumeRole" | "sts:AssumeRoleWithWebIdentity" => one_side(message, context, &statement(&action)),
        "iam:ListMFADevices" => Some(
            Decision::denied("the user may not list its own MFA devices")
                .hint("Name the device instead: --mfa-serial ARN, or `mfa_serial` in the profile.")
                .hint(r#"Or add to the user's policy: `{"Effect": "Allow", "Action": "iam:ListMFADevices", "Resource": "arn:*:iam::*:user/${aws:username}"}`."#),
        ),
        _ => Some(
            Decision::denied(format!("{service} does not let the caller do this"))
                .hint(format!("A policy of the caller has to allow `{action}`.")),
        ),
    }
}

/// `because no … policy allows the … action`: AWS says so within one account, and for some kinds across accounts.
fn one_side(message: &str, context: &Context<'_>, statement: &str) -> Option<Decision> {
    let (_, kind) = message.split_once("because no ")?;
    let decision = if kind.starts_with("identity-based policy") {
        Decision::denied("the caller's own policies do not allow it")
            .hint(format!("Add to the caller's policy: {statement}."))
    } else if kind.starts_with("resource-based policy") {
        return Some(trust(
            Decision::denied("the role's trust policy does not let the caller in"),
            context,
        ));
    } else if kind.starts_with("permissions boundary") {
        Decision::denied("the caller's permissions boundary does not allow it")
            .hint(format!("Add to the boundary: {statement}."))
    } else if kind.starts_with("session policy") {
        Decision::denied("the session policy of the step before does not allow it").hint(
            "Leave --policy, --policy-arn or --read-only of that step away, or let it allow sts:AssumeRole.",
        )
    } else if kind.starts_with("service control policy") || kind.starts_with("resource control policy") {
        Decision::denied("the organization does not allow it")
            .hint("Only the organization's administrators can change that: give them the message, with its request id.")
    } else if kind.starts_with("VPC endpoint policy") {
        Decision::denied("the policy of the VPC endpoint does not allow it")
            .hint("Have the endpoint's policy changed, or call another endpoint with AWS_ENDPOINT_URL_STS.")
    } else {
        return None;
    };
    Some(decision)
}

/// AWS does not say which side: across accounts it says as little as it can.
fn both_sides(context: &Context<'_>) -> Decision {
    let Some(role) = context.role else {
        return Decision::denied("the caller is not allowed to do this").hint(format!(
            "A policy of the caller has to allow {}, and none may deny it.",
            context.operation
        ));
    };
    let decision = Decision::denied("the caller may not assume the role, or the role does not trust the caller").hint(format!(
        "Both sides must allow it: a policy of the caller has to allow sts:AssumeRole on {0}, and the trust policy of {0} has to name the caller.",
        role.arn
    ));
    trust(decision, context)
}

/// The conditions that trust policies have.
fn trust(decision: Decision, context: &Context<'_>) -> Decision {
    let Some(role) = context.role else {
        return decision.hint("Have the role's trust policy name the caller.");
    };
    let decision = match &role.external_id {
        None => decision.hint("If the role belongs to a third party, it may demand an ExternalId: --external-id, or `external_id` in the profile."),
        Some(id) => decision.hint(format!(
            "The ExternalId sent was `{}` ({}): a role that demands another one refuses like this.",
            id.value.as_str(),
            id.origin
        )),
    };
    match context.signer {
        Signer::LongTermKey if !context.proved => {
            decision.hint("The role may demand MFA, and none was proved: try --mfa.")
        }
        Signer::PlainSession | Signer::TemporaryKey => decision
            .hint("The role may demand MFA: these credentials prove it only if they were made with a code."),
        _ => decision,
    }
}

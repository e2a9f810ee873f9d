//! Refusals of a token of an OpenID Connect provider.

use super::{Context, Decision, bare};
use crate::chain::{SourceKind, TokenSource};

pub(super) fn decide(code: &str, message: &str, context: &Context<'_>) -> Option<Decision> {
    let decision = match bare(code) {
        "ExpiredToken" => Decision::denied("the web identity token has ended").hint(new_token(context)),
        "InvalidIdentityToken" => invalid(message, context),
        "IDPRejectedClaim" => {
            Decision::denied("the identity provider's claims are not what AWS takes: ended, revoked, or for another audience")
                .hint(new_token(context))
                .hint("The token's `aud` has to be a client id of the IAM identity provider in the role's account.")
        }
        "IDPCommunicationError" => {
            Decision::unavailable("AWS could not reach the identity provider to check the token")
                .hint("Try again; if it stays so, the provider's `/.well-known/openid-configuration` and its keys have to be reachable from the internet.")
        }
        "AccessDenied" => {
            let decision = Decision::denied("the role does not trust the token").hint(
                "The role's trust policy has to allow sts:AssumeRoleWithWebIdentity to the identity provider, and its conditions on `aud` and `sub` have to fit the token's.",
            );
            match context.role {
                Some(role) if !role.tags.is_empty() => decision
                    .hint("Tags of such a session come out of the token, and the trust policy has to allow sts:TagSession for them."),
                _ => decision,
            }
        }
        _ => return None,
    };
    Some(decision)
}

fn invalid(message: &str, context: &Context<'_>) -> Decision {
    let account = context.role.map_or_else(
        || "the role's account".to_owned(),
        |role| format!("account {}", role.arn.account()),
    );
    if message.contains("OpenIDConnect provider found") {
        return Decision::config(format!("{account} has no identity provider for the token's issuer"))
            .hint("Have one added in that account (`aws iam create-open-id-connect-provider`), its URL exactly the token's `iss`.");
    }
    if message.contains("audience") {
        return Decision::config("the token is for another audience")
            .hint("The token's `aud` has to be a client id of the IAM identity provider (`sts.amazonaws.com` for most).");
    }
    if message.contains("retrieve verification key") {
        return Decision::unavailable("AWS could not get the keys that the token is signed with")
            .hint("Try again; if it stays so, the provider's keys have to be reachable from the internet.");
    }
    Decision::config("AWS does not take the token")
        .hint(new_token(context))
        .hint("It is a JWT that its issuer signed (RS256 to RS512, ES256 to ES512), with `iss`, `sub`, `aud`, `exp` and `iat`.")
}

/// Where a token comes from is where a new one does.
fn new_token(context: &Context<'_>) -> String {
    match context.source.map(|source| &source.kind) {
        Some(SourceKind::WebIdentity(TokenSource::File(path))) => format!(
            "What projects the token has to write a new one to {}: it is read again for every session.",
            path.display()
        ),
        Some(SourceKind::WebIdentity(TokenSource::Process(command))) => format!(
            "`{}` has to print a new token: it is run for every session.",
            command.program()
        ),
        _ => "Obtain a new token from its provider.".to_owned(),
    }
}

//! Refusals of IAM Identity Center: its access portal, and its sign-in.

use super::{Context, Decision, bare};
use crate::chain::{SourceKind, Sso};

fn sso<'a>(context: &Context<'a>) -> Option<&'a Sso> {
    match context.source.map(|source| &source.kind) {
        Some(SourceKind::Sso(sso)) => Some(sso),
        _ => None,
    }
}

fn sign_in_again(context: &Context<'_>) -> String {
    format!("Sign in with `rolecall login {}`.", context.login())
}

/// `GetRoleCredentials`, `ListAccounts`, `ListAccountRoles`, `Logout`.
pub(super) fn portal(code: &str, message: &str, context: &Context<'_>) -> Option<Decision> {
    let (role, account) = sso(context).map_or(("the permission set", "the account".to_owned()), |sso| {
        (sso.role_name.as_str(), sso.account.to_string())
    });
    let region = context.region.map_or("the region", |region| region.as_str());
    let decision = match bare(code) {
        "Unauthorized" | "ExpiredToken" | "InvalidToken" | "UnrecognizedClient" => {
            Decision::needs_user("the sign-in to Identity Center has ended")
                .hint(sign_in_again(context))
                .hint(format!("If you have just signed in: `sso_region` has to be Identity Center's own region, and here it is {region}."))
        }
        "Forbidden" | "AccessDenied" => Decision::denied(format!(
            "Identity Center does not give this person {role} in account {account}"
        ))
        .hint("Names are `sso_role_name` and `sso_account_id`; case counts. The access portal's page shows which accounts and roles there are.")
        .hint(format!("Or sign in as somebody else: `rolecall logout`, then `rolecall login {}`.", context.login())),
        "ResourceNotFound" => Decision::denied(format!("Identity Center knows no {role} in account {account}"))
            .hint("Correct `sso_role_name` and `sso_account_id`; the access portal's page shows which there are."),
        "InvalidRequest" if message.contains("oken") => {
            Decision::needs_user("the sign-in to Identity Center is not one that the portal takes").hint(sign_in_again(context))
        }
        "InvalidRequest" => Decision::config("the portal does not take the account or the role")
            .hint("Correct `sso_role_name` and `sso_account_id` in the profile: an account has twelve digits."),
        _ => return None,
    };
    Some(decision)
}

/// `RegisterClient`, `StartDeviceAuthorization`, `CreateToken`.
pub(super) fn sign_in(code: &str, context: &Context<'_>) -> Option<Decision> {
    let region = context.region.map_or("the region", |region| region.as_str());
    let decision = match bare(code) {
        "AuthorizationPending" => Decision::needs_user("the sign-in has not been confirmed yet")
            .hint("Confirm it in the browser, on the page that shows the same code."),
        "ExpiredToken" => Decision::needs_user("the sign-in was not confirmed in time").hint(sign_in_again(context)),
        "AccessDenied" => Decision::denied("the sign-in was declined")
            .hint(format!("Confirm it in the browser next time: `rolecall login {}`.", context.login()))
            .hint("If the page confirms it and this is still said, the administrators of Identity Center do not let this person in."),
        "InvalidGrant" => Decision::needs_user("the sign-in can be neither used nor renewed any more").hint(sign_in_again(context)),
        "InvalidClient" | "UnauthorizedClient" | "ExpiredClient" => {
            Decision::needs_user("Identity Center does not know this client any more").hint(sign_in_again(context))
        }
        "InvalidScope" => Decision::config("Identity Center does not know a scope of the sign-in")
            .hint("Correct `sso_registration_scopes`: `sso:account:access` is what roles need."),
        "InvalidRequestRegion" => Decision::config(format!("Identity Center is not in {region}"))
            .hint("`sso_region` has to be the region it was set up in: the access portal's page or its administrators know."),
        "InvalidRequest" | "InvalidRedirectUri" | "InvalidClientMetadata" | "UnsupportedGrantType" => {
            Decision::config("Identity Center does not take the sign-in as it was asked for")
                .hint("Check `sso_start_url` and `sso_region`: both have to be those of one Identity Center.")
        }
        _ => return None,
    };
    Some(decision)
}

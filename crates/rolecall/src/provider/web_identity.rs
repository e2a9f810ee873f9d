//! A token of an OpenID Connect provider, exchanged for a role's session. Nobody's key is needed for it, and no signature.

use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sdk_sts::operation::RequestId as _;
use aws_sdk_sts::types::PolicyDescriptorType;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::decision::{Context, Service};
use super::skew::SkewMeter;
use super::{answer, process, role};
use crate::chain::{Chain, Role, TokenSource};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::profile::Origin;
use crate::session::Session;

/// The longest that STS takes.
const LONGEST: usize = 20_000;

/// Exchanges the token, which is fetched anew for every session: whoever projects it renews it.
pub(super) async fn assume(
    host: &Host,
    chain: &Chain,
    role: &Role,
    token: &TokenSource,
) -> Result<Session, Error> {
    let hop = role.arn.to_string();
    let (token, place) = fetched(host, token, &chain.source.origin)
        .await
        .map_err(|error| error.with_hop(hop.clone()))?;
    checked(host, &token, &place).map_err(|error| error.with_hop(hop.clone()))?;
    let skew = SkewMeter::correcting(host, chain.corrects_clock);
    let seconds = role.duration.value.seconds();
    tracing::debug!(role = %hop, session_name = role.session_name.value.as_str(), seconds, sts = %role.sts.url, "AssumeRoleWithWebIdentity");
    // The SDK does not sign this call, whatever key there is.
    let nobody = Credentials::new("nobody", "nobody", None, None, "rolecall");
    let mut call = role::client(host, &role.sts, nobody, &skew, role::TRIES)?
        .assume_role_with_web_identity()
        .role_arn(&hop)
        .role_session_name(role.session_name.value.as_str())
        .web_identity_token(token.as_str())
        .duration_seconds(i32::try_from(seconds).unwrap_or(i32::MAX))
        .set_policy(
            role.policy
                .as_ref()
                .map(|policy| policy.value.as_str().to_owned()),
        );
    for arn in &role.policy_arns {
        call = call.policy_arns(PolicyDescriptorType::builder().arn(arn.as_str()).build());
    }
    let reply = match call.send().await {
        Ok(reply) => reply,
        Err(error) => {
            let context = Context {
                origin: Some(&role.sts.origin),
                region: Some(&role.sts.region),
                source: Some(&chain.source),
                role: Some(role),
                skew: skew.seconds(),
                ..Context::new("AssumeRoleWithWebIdentity", &role.sts.url)
            };
            return Err(answer::told(host, &role.sts, error, Service::Sts, &context).await);
        }
    };
    let session = role::checked(host, &skew, role, reply.assumed_role_user(), reply.credentials())?;
    Ok(session.answering(reply.request_id()))
}

async fn fetched(
    host: &Host,
    token: &TokenSource,
    origin: &Origin,
) -> Result<(Zeroizing<String>, String), Error> {
    let (text, place) = match token {
        TokenSource::File(path) => (file(host, path).await?, path.display().to_string()),
        TokenSource::Process(command) => {
            let what = "web_identity_token_process";
            let printed = process::run(host, command, what, origin, process::DEADLINE).await?;
            (printed, format!("`{command}` ({what})"))
        }
    };
    Ok((Zeroizing::new(text.trim().to_owned()), place))
}

async fn file(host: &Host, path: &Path) -> Result<Zeroizing<String>, Error> {
    host.read_secret(path).await?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotConfigured,
            format!("there is no web identity token at {}", path.display()),
        )
        .with_hint("Whoever runs this, as EKS does for a pod, has to put a token there.")
    })
}

/// What would be refused anyway is said before anything is sent. Nothing of the token is shown, and nothing verified.
fn checked(host: &Host, token: &str, place: &str) -> Result<(), Error> {
    let fail = |what: &str, hint: &str| {
        Err(Error::config(format!("the web identity token from {place} {what}")).with_hint(hint))
    };
    if token.is_empty() {
        return fail("is empty", "Wait until it is written, or check who writes it.");
    }
    if token.len() > LONGEST {
        return fail(
            "is longer than the 20000 characters that STS takes",
            "Check that it is a token.",
        );
    }
    let parts: Vec<_> = token.split('.').collect();
    let is_made_of_parts = parts.len() == 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        });
    let claims = match parts.get(1).filter(|_| is_made_of_parts) {
        Some(claims) => URL_SAFE_NO_PAD.decode(claims.as_bytes()).ok().map(Zeroizing::new),
        None => None,
    };
    let claims = claims.and_then(|claims| serde_json::from_slice::<Claims>(&claims).ok());
    let Some(claims) = claims else {
        return fail(
            "is no JSON Web Token (three parts between dots)",
            "OpenID Connect hands out an access token too: the ID token is the one that is wanted.",
        );
    };
    let end = claims
        .exp
        .and_then(|exp| Duration::try_from_secs_f64(exp).ok())
        .and_then(|since| UNIX_EPOCH.checked_add(since));
    match end {
        // On the real clock, as those who made it and those who take it have it.
        Some(end) if end <= host.wall_clock() => Err(Error::new(
            ErrorKind::NeedsUser,
            format!(
                "the web identity token from {place} ended at {}",
                crate::time::rfc3339(end)
            ),
        )
        .with_hint("Whoever puts it there has to renew it; check this machine's clock as well.")),
        _ => Ok(()),
    }
}

#[derive(serde::Deserialize)]
struct Claims {
    exp: Option<f64>,
}

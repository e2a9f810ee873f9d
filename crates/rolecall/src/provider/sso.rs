//! IAM Identity Center: a sign-in, shared with the AWS CLI, and the credentials of roles that the portal hands out for it.

mod answer;
mod cache;
mod callback;
mod clients;
mod near;
mod sign_in;
mod token;

use std::time::{Duration, SystemTime};

use self::cache::{Files, Token};
use self::token::Over;
use super::decision::Service;
use super::skew::SkewMeter;
use super::source::Fetched;
use crate::chain::{Source, Sso, SsoSession};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::secret::Secret;
use crate::session::{Session, SessionParts};
use crate::time::rfc3339;

pub use self::sign_in::{SignedIn, SignedOut, Way, sign_in, sign_out};

/// The longest session of a permission set, and a minute for the way.
const LONGEST: Duration = Duration::from_secs(12 * 3600 + 60);

/// Whether somebody is signed in, as far as the cache knows.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Status {
    /// Somebody is.
    SignedIn {
        /// When the token ends.
        until: SystemTime,
        /// Whether it is renewed by itself.
        renewed: bool,
    },
    /// Nobody is; why.
    SignedOut(String),
}

/// Whether somebody is signed in to a session: one look at the cache. Calls nothing, and asks nobody.
///
/// # Errors
/// [`ErrorKind::Config`] where the cache cannot be read, or others may write it.
pub fn status(host: &Host, session: &SsoSession) -> Result<Status, Error> {
    Ok(match token::look(host, session)? {
        Ok((until, renewed)) => Status::SignedIn { until, renewed },
        Err(over) => Status::SignedOut(why(session, over)),
    })
}

/// The role's credentials. Signs in where that is needed and somebody is there.
pub(super) async fn fetch(host: &Host, source: &Source, sso: &Sso) -> Result<Fetched, Error> {
    let session = &sso.session;
    let files = Files::of(host, session)?;
    let token = match token::good(host, session, &files, None).await? {
        Ok(token) => token,
        Err(over) => signed_in(host, source, session, &files, over, None).await?,
    };
    let error = match credentials(host, source, sso, &token).await {
        Err(error) if error.aws_code() == Some(answer::UNAUTHORIZED) => error,
        outcome => return outcome.map(Fetched::Session),
    };
    // Ended from elsewhere: a new token may be had for the refresh token, or of a person.
    tracing::debug!("{error}");
    let refused = Some(&token.access);
    let token = match token::good(host, session, &files, refused).await? {
        Ok(token) => token,
        Err(over) => signed_in(host, source, session, &files, over, refused).await?,
    };
    match credentials(host, source, sso, &token).await {
        Err(error) if error.aws_code() == Some(answer::UNAUTHORIZED) => {
            Err(needed(source, session, Over::Refused).with_aws(error.aws_code(), error.request_id()))
        }
        outcome => outcome.map(Fetched::Session),
    }
}

/// The token of a person who signs in now; without one, what they have to do.
async fn signed_in(
    host: &Host,
    source: &Source,
    session: &SsoSession,
    files: &Files,
    over: Over,
    refused: Option<&Secret>,
) -> Result<Token, Error> {
    let token = sign_in::at_once(host, session, files, refused).await?;
    token.ok_or_else(|| needed(source, session, over))
}

fn why(session: &SsoSession, over: Over) -> String {
    match over {
        Over::Never => format!("nobody is signed in to {session}"),
        Over::At(end) => format!("the sign-in to {session} ended at {}", rfc3339(end)),
        Over::Refused => format!("the sign-in to {session} was ended from elsewhere"),
    }
}

fn needed(source: &Source, session: &SsoSession, over: Over) -> Error {
    let command = match (&source.profile, &session.name) {
        (Some(profile), _) => format!("rolecall login {profile}"),
        (None, Some(name)) => format!("rolecall login --sso-session {name}"),
        (None, None) => "rolecall login".to_owned(),
    };
    Error::new(ErrorKind::NeedsUser, why(session, over))
        .with_hint(format!("Run `{command}`, then try again."))
}

/// `GetRoleCredentials`, checked.
async fn credentials(host: &Host, source: &Source, sso: &Sso, token: &Token) -> Result<Session, Error> {
    let (session, endpoint) = (&sso.session, &sso.session.portal);
    let skew = SkewMeter::new(host);
    let client = clients::portal(host, session, &skew)?;
    tracing::debug!(account = %sso.account, role = sso.role_name, portal = %endpoint.url, "GetRoleCredentials");
    let call = client
        .get_role_credentials()
        .account_id(sso.account.as_str())
        .role_name(&sso.role_name)
        .access_token(token.access.expose());
    let reply = match clients::unlogged(call.send()).await {
        Ok(reply) => reply,
        Err(error) => {
            let error = answer::of_portal(host, session, Some(source), "GetRoleCredentials", error).await;
            if error.aws_code() != Some(answer::FORBIDDEN) {
                return Err(error);
            }
            return Err(near::with_what_there_is(error, &client, sso, token).await);
        }
    };
    skew.warn();
    let untrusted = |what: &str| answer::untrusted(what, Service::Portal, endpoint);
    let found = reply
        .role_credentials()
        .ok_or_else(|| untrusted("answered without credentials"))?;
    let part = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(str::to_owned);
    let (Some(access_key_id), Some(secret_access_key), Some(session_token)) = (
        part(found.access_key_id()),
        part(found.secret_access_key()),
        part(found.session_token()),
    ) else {
        return Err(untrusted("answered with half a set of credentials"));
    };
    // Milliseconds, as the API reference has it.
    let end = u64::try_from(found.expiration()).ok().map(Duration::from_millis);
    let end = end.and_then(|since| SystemTime::UNIX_EPOCH.checked_add(since));
    let end = end.ok_or_else(|| untrusted("answered with an end that is no time"))?;
    let (issued_at, expires_at) = (host.now(), skew.to_local(end));
    if expires_at <= issued_at {
        return Err(untrusted(&format!(
            "answered with a session that ended at {}",
            rfc3339(end)
        )));
    }
    if expires_at > issued_at + LONGEST {
        return Err(untrusted(&format!(
            "answered with an end at {}, which no permission set allows",
            rfc3339(end)
        )));
    }
    Ok(Session::new(SessionParts {
        access_key_id,
        secret_access_key,
        session_token,
        account: Some(sso.account),
        principal: None,
        issued_at,
        expires_at,
    }))
}

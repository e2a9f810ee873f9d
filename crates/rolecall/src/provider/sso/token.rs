//! A token that is good now: the cached one, or its successor.
//!
//! Facts: `botocore/tokens.py` (`SSOTokenProvider`): renewed in the last 15 minutes, with the client the token was given to,
//! as long as that is registered; a renewal that fails leaves the token in use while it lives.

use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::answer;
use super::cache::{Client, Files, Renewal, Token};
use super::clients;
use crate::chain::SsoSession;
use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::{FileLock, Host};
use crate::provider::decision::Service;
use crate::secret::Secret;
use crate::time::rfc3339;

/// A token is renewed when it lives no longer than this.
const RENEW_IN_LAST: Duration = Duration::from_secs(900);
/// How long after a renewal that failed the next one is tried.
const BETWEEN_ATTEMPTS: Duration = Duration::from_secs(30);
/// Who finds the renewal under way waits for it when the token lives no longer than this.
const WAIT_IN_LAST: Duration = Duration::from_secs(60);
/// How long another process is waited for: longer than its call may take.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// What stands in the way of a token that is good.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Over {
    /// Nobody signed in, or not to this portal.
    Never,
    /// It ended then, and cannot be renewed.
    At(SystemTime),
    /// AWS does not take it any more.
    Refused,
}

/// Whether a token may be used, and what is to be done about it.
enum State {
    Good,
    /// Still good; to be renewed.
    Ending,
    /// Not good any more; it may be renewed.
    Ended,
    Over(Over),
}

fn state(token: Option<&Token>, session: &SsoSession, refused: Option<&Secret>, now: SystemTime) -> State {
    let Some(token) = token.filter(|token| token.is_of(session)) else {
        return State::Over(Over::Never);
    };
    let is_refused = refused.is_some_and(|refused| refused.expose() == token.access.expose());
    let lives = token.expires_at > now && !is_refused;
    match token.renewable(now) {
        _ if lives && token.expires_at > now + RENEW_IN_LAST => State::Good,
        Some(_) if lives => State::Ending,
        Some(_) => State::Ended,
        None if lives => State::Good,
        None if is_refused => State::Over(Over::Refused),
        None => State::Over(Over::At(token.expires_at)),
    }
}

/// Why somebody has to sign in, as far as the cache knows; `None` where nobody has to. Then until when the token lives,
/// and whether it is renewed without a word. Calls nothing.
pub(super) fn look(host: &Host, session: &SsoSession) -> Result<Result<(SystemTime, bool), Over>, Error> {
    let token = Files::of(host, session)?.token(host)?;
    let now = host.now();
    Ok(match (state(token.as_ref(), session, None, now), token) {
        (State::Over(over), _) => Err(over),
        (_, Some(token)) => Ok((token.expires_at, token.renewable(now).is_some())),
        (_, None) => Err(Over::Never),
    })
}

/// A token that is good now. `refused` is one that the portal did not take.
///
/// Renewing is one process's work: the others wait for it, or go on with the token while that lives.
pub(super) async fn good(
    host: &Host,
    session: &SsoSession,
    files: &Files,
    refused: Option<&Secret>,
) -> Result<Result<Token, Over>, Error> {
    let mut waited = Duration::ZERO;
    loop {
        let now = host.now();
        let token = read(host, files).await?;
        let lives = match (state(token.as_ref(), session, refused, now), &token) {
            (State::Over(over), _) => return Ok(Err(over)),
            (_, None) => return Ok(Err(Over::Never)),
            (State::Good, Some(_)) => None,
            (State::Ending, Some(token)) => token.expires_at.duration_since(now).ok(),
            (State::Ended, Some(_)) => Some(Duration::ZERO),
        };
        let Some(token) = token else {
            return Ok(Err(Over::Never));
        };
        let Some(lives) = lives else { return Ok(Ok(token)) };
        match failed_lately(host, files, &token, now) {
            Some(_) if !lives.is_zero() => return Ok(Ok(token)),
            Some(Failure::Refused) => return Ok(Err(Over::Refused)),
            _ => {}
        }
        if let Some(lock) = host.try_lock(&files.lock)? {
            // Somebody may have renewed it between the look and the lock.
            let again = read(host, files).await?;
            if again
                .as_ref()
                .is_some_and(|again| again.access.expose() == token.access.expose())
            {
                match renewed(host, session, files, token, lives, &lock).await? {
                    Some(outcome) => return Ok(outcome),
                    None => continue,
                }
            }
            continue;
        }
        if lives > WAIT_IN_LAST {
            return Ok(Ok(token));
        }
        waited += pause().await;
        if waited > LONGEST_WAIT {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "another rolecall has been renewing the sign-in to {session} for {} s",
                    LONGEST_WAIT.as_secs()
                ),
            )
            .with_hint("Try again; if it stays so, end that one."));
        }
    }
}

/// Renews a token under the lock. None: the cache has changed meanwhile, and is to be looked at again.
async fn renewed(
    host: &Host,
    session: &SsoSession,
    files: &Files,
    token: Token,
    lives: Duration,
    _lock: &FileLock,
) -> Result<Option<Result<Token, Over>>, Error> {
    let Some((client, refresh)) = token.renewable(host.now()) else {
        return Ok(None);
    };
    tracing::debug!(session = %session, until = %rfc3339(token.expires_at), "CreateToken (refresh_token)");
    let error = match create(host, session, client, refresh).await {
        Ok(fresh) => {
            let before = mark(&token);
            let fresh = with_renewal(fresh, token);
            // Whoever signed out, or in anew, meanwhile has the last word.
            if !is_same(read(host, files).await?.as_ref(), &before) {
                return Ok(None);
            }
            if let Err(error) = files.write_token(host, session, &fresh) {
                tracing::warn!("{error}: the sign-in was renewed for this once only");
            }
            return Ok(Some(Ok(fresh)));
        }
        Err(error) => error,
    };
    // Another program, which knows no lock of ours, may have renewed it first.
    let again = read(host, files).await?;
    if !is_same(again.as_ref(), &mark(&token)) {
        return Ok(None);
    }
    let failure = if answer::grant_is_over(&error) {
        Failure::Refused
    } else {
        Failure::Unavailable
    };
    note_failure(host, files, &token, failure);
    if !lives.is_zero() {
        tracing::warn!(
            "the sign-in to {session} could not be renewed, and ends at {}: {error}",
            rfc3339(token.expires_at)
        );
        return Ok(Some(Ok(token)));
    }
    match failure {
        Failure::Refused => Ok(Some(Err(Over::At(token.expires_at)))),
        Failure::Unavailable => Err(error),
    }
}

async fn create(
    host: &Host,
    session: &SsoSession,
    client: &Client,
    refresh: &Secret,
) -> Result<Issued, Error> {
    let call = clients::oidc(host, session)?
        .create_token()
        .grant_type("refresh_token")
        .client_id(&client.id)
        .client_secret(client.secret.expose())
        .refresh_token(refresh.expose());
    match clients::unlogged(call.send()).await {
        Ok(reply) => Issued::read(host, session, &reply),
        Err(error) => Err(answer::of_oidc(host, session, "CreateToken", error).await),
    }
}

/// What CreateToken answered.
pub(super) struct Issued {
    access: Secret,
    expires_at: SystemTime,
    refresh: Option<Secret>,
}

impl Issued {
    pub(super) fn read(
        host: &Host,
        session: &SsoSession,
        reply: &aws_sdk_ssooidc::operation::create_token::CreateTokenOutput,
    ) -> Result<Self, Error> {
        /// Identity Center's longest: "up to 90 days".
        const LONGEST: u64 = 90 * 86_400;
        let untrusted = |what: &str| answer::untrusted(what, Service::SignIn, &session.oidc);
        let access = reply.access_token().filter(|token| !token.is_empty());
        let access = access.ok_or_else(|| untrusted("answered without a token"))?;
        let seconds = u64::try_from(reply.expires_in())
            .ok()
            .filter(|seconds| (1..=LONGEST).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            untrusted(&format!(
                "answered with a token of {} seconds",
                reply.expires_in()
            ))
        })?;
        let refresh = reply.refresh_token().filter(|token| !token.is_empty());
        Ok(Self {
            access: Secret::new(access.to_owned()),
            // How long, not until when: no clock but ours is in it.
            expires_at: host.now() + Duration::from_secs(seconds),
            refresh: refresh.map(|token| Secret::new(token.to_owned())),
        })
    }

    /// The token of a client that has just signed in.
    pub(super) fn of(self, client: Client) -> Token {
        Token {
            start_url: None,
            access: self.access,
            expires_at: self.expires_at,
            renewal: Some(Renewal {
                client,
                refresh: self.refresh,
            }),
        }
    }
}

/// The successor of a token. Without a refresh token of its own the old one is not good for another time.
fn with_renewal(fresh: Issued, old: Token) -> Token {
    Token {
        start_url: old.start_url,
        access: fresh.access,
        expires_at: fresh.expires_at,
        renewal: old.renewal.map(|renewal| Renewal {
            refresh: fresh.refresh,
            ..renewal
        }),
    }
}

/// The token. The AWS CLI writes its files in place: one that cannot be read may be whole in a moment.
async fn read(host: &Host, files: &Files) -> Result<Option<Token>, Error> {
    for _ in 0..3 {
        match files.token(host)? {
            None if host.read_trusted(&files.token)?.is_some() => {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            found => return Ok(found),
        }
    }
    Ok(None)
}

/// Waits a moment, of a length by chance: many that wait do not look all at once.
pub(super) async fn pause() -> Duration {
    let mut byte = [0];
    // Without randomness all look at once.
    let _ = getrandom::fill(&mut byte);
    let moment = Duration::from_millis(30 + u64::from(byte[0]) / 2);
    tokio::time::sleep(moment).await;
    moment
}

/// Why a renewal failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Failure {
    /// It will fail again.
    Refused,
    /// It may succeed later.
    Unavailable,
}

/// Which token a failure was of: a digest that leads to nothing.
fn mark(token: &Token) -> String {
    hex(&Sha256::digest(token.access.expose().as_bytes())[..8])
}

fn is_same(token: Option<&Token>, before: &str) -> bool {
    token.is_some_and(|token| mark(token) == before)
}

fn note_failure(host: &Host, files: &Files, token: &Token, failure: Failure) {
    let seconds = host
        .now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let text = format!("{seconds} {failure:?} {}\n", mark(token));
    if let Err(error) = host.write_private(&files.failed, &text) {
        tracing::debug!("{error}");
    }
}

/// What became of the last attempt to renew this token, if that is not long ago.
fn failed_lately(host: &Host, files: &Files, token: &Token, now: SystemTime) -> Option<Failure> {
    let text = host.read(&files.failed).ok().flatten()?;
    let mut words = text.split_whitespace();
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(words.next()?.parse().ok()?);
    let failure = match words.next()? {
        "Refused" => Failure::Refused,
        _ => Failure::Unavailable,
    };
    let is_recent = now.duration_since(at).is_ok_and(|since| since < BETWEEN_ATTEMPTS);
    (is_recent && words.next() == Some(mark(token).as_str())).then_some(failure)
}

//! Signing in and out.

use std::time::{Duration, SystemTime};

use aws_smithy_types::DateTime;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::answer;
use super::cache::{ACCOUNT_ACCESS, CODE_GRANTS, Client, Files, Grant, Token};
use super::callback::{Brought, Callback, PATH};
use super::clients;
use super::token::{Issued, pause};
use crate::chain::SsoSession;
use crate::error::{Error, ErrorKind};
use crate::host::{Browser, FileLock, Host, Person, SignIn};
use crate::provider::decision::Service;
use crate::provider::skew::SkewMeter;
use crate::secret::Secret;

/// How long a person has, as the AWS CLI gives them and as a device code lives.
const PATIENCE: Duration = Duration::from_secs(600);
const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// What is left as it is in a query (RFC 3986, 2.3).
const QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// How a person signs in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Way {
    /// In a browser on this machine, which comes back to an address of loopback (authorization code with PKCE).
    Browser,
    /// In a browser anywhere, by a code that is compared or typed (device authorization).
    DeviceCode,
}

/// A signing in that went well.
#[derive(Clone, Copy, Debug)]
pub struct SignedIn {
    /// When the token ends.
    pub until: SystemTime,
    /// Whether it is renewed by itself, for as long as Identity Center's session lasts.
    pub renewed: bool,
    /// How it was done.
    pub way: Way,
}

/// Signs in: shows the person a page, waits until they have agreed there, and keeps the token where the AWS CLI keeps it.
///
/// Without a `way` it is the browser's where [`Person::browser`] says that it is here. Sessions without a section have
/// device codes only, as in the AWS CLI.
///
/// # Errors
/// [`ErrorKind::NeedsUser`] where nobody is there or nobody answered, [`ErrorKind::Denied`] where they said no, and why
/// Identity Center could not be asked.
pub async fn sign_in(host: &Host, session: &SsoSession, way: Option<Way>) -> Result<SignedIn, Error> {
    let files = Files::of(host, session)?;
    // Whoever finds it taken does not ask the same person: see `at_once`.
    let _held = host.try_lock(&files.sign_in_lock)?;
    let token = attended(host, session, &files, way).await?;
    Ok(token.1)
}

/// Signs in on behalf of a call that needs it, where somebody is there: one process asks, the others wait for it.
/// None: nobody is there.
///
/// `refused` says of the token in the cache that the portal did not take it.
pub(super) async fn at_once(
    host: &Host,
    session: &SsoSession,
    files: &Files,
    refused: Option<&Secret>,
) -> Result<Option<Token>, Error> {
    if host.person().browser() == Browser::Nowhere {
        return Ok(None);
    }
    let mut waited = Duration::ZERO;
    loop {
        if let Some(_held) = host.try_lock(&files.sign_in_lock)? {
            // The one before may have signed in.
            if let Ok(token) = super::token::good(host, session, files, refused).await? {
                return Ok(Some(token));
            }
            return Ok(Some(attended(host, session, files, None).await?.0));
        }
        tell(
            host,
            "another rolecall to sign in",
            PATIENCE.saturating_sub(waited),
        )
        .await?;
        waited += pause().await;
        if waited > PATIENCE {
            return Err(nobody_answered(session));
        }
    }
}

async fn attended(
    host: &Host,
    session: &SsoSession,
    files: &Files,
    way: Option<Way>,
) -> Result<(Token, SignedIn), Error> {
    let _asking = host.asking(format!("a sign-in to {session}"));
    let is_here = host.person().browser() != Browser::Elsewhere;
    let way = match (&session.name, way) {
        (None, _) => Way::DeviceCode,
        (Some(_), Some(way)) => way,
        (Some(_), None) if is_here => Way::Browser,
        (Some(_), None) => Way::DeviceCode,
    };
    let outcome = match way {
        Way::Browser => by_browser(host, session, files).await,
        Way::DeviceCode => by_device(host, session, files).await,
    };
    // However it ended, nobody waits any more.
    tell(host, "the sign-in", Duration::ZERO).await?;
    let token = outcome?;
    let _lock = lock(host, files).await?;
    files.write_token(host, session, &token)?;
    let signed_in = SignedIn {
        until: token.expires_at,
        renewed: token.renewable(host.now()).is_some(),
        way,
    };
    Ok((token, signed_in))
}

/// The lock of the token's file. It is held for a call at most; who holds it longer is not waited for.
pub(super) async fn lock(host: &Host, files: &Files) -> Result<Option<FileLock>, Error> {
    let mut waited = Duration::ZERO;
    while waited < Duration::from_secs(20) {
        if let Some(lock) = host.try_lock(&files.lock)? {
            return Ok(Some(lock));
        }
        waited += pause().await;
    }
    Ok(None)
}

fn nobody_answered(session: &SsoSession) -> Error {
    let minutes = PATIENCE.as_secs() / 60;
    Error::new(
        ErrorKind::NeedsUser,
        format!("nobody signed in to {session} within {minutes} min"),
    )
    .with_hint("Begin again when somebody is there.")
}

/// Tells the person what is waited for, on a thread that may be kept.
async fn tell(host: &Host, what: &'static str, left: Duration) -> Result<(), Error> {
    ask(host, move |person| person.waiting(what, left)).await
}

/// The page may be a stand-in's or an attacker's: only what a browser may be sent to gets there.
async fn show(host: &Host, page: SignIn) -> Result<(), Error> {
    ask(host, move |person| person.sign_in(&page)).await?
}

async fn ask<T: Send + 'static>(
    host: &Host,
    question: impl FnOnce(&dyn Person) -> T + Send + 'static,
) -> Result<T, Error> {
    let person = host.person();
    tokio::task::spawn_blocking(move || question(&*person))
        .await
        .map_err(|error| {
            Error::new(
                ErrorKind::Internal,
                format!("the question to the person ended early: {error}"),
            )
            .with_hint("This is a bug of rolecall: please report it.")
        })
}

/// Waits for `answer`, telling the person how long there is left.
async fn patiently<T>(
    host: &Host,
    session: &SsoSession,
    answer: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    let mut left = PATIENCE;
    tokio::pin!(answer);
    loop {
        tell(host, "the sign-in", left).await?;
        tokio::select! {
            answered = &mut answer => return answered,
            () = tokio::time::sleep(Duration::from_secs(1)) => left = left.saturating_sub(Duration::from_secs(1)),
        }
        if left.is_zero() {
            return Err(nobody_answered(session));
        }
    }
}

async fn by_browser(host: &Host, session: &SsoSession, files: &Files) -> Result<Token, Error> {
    let callback = Callback::open().await?;
    let uri = callback.uri();
    let client = registered(host, session, files, Grant::Code, false).await?;
    let (verifier, state) = (random(48)?, random(32)?);
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose().as_bytes()));
    let scopes = asked_scopes(session).join(" ");
    let quoted = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    // In the AWS CLI's order, and `scopes` where the standard has `scope`: as Identity Center reads it.
    let url = format!(
        "{}/authorize?response_type=code&client_id={}&redirect_uri={}&state={}&code_challenge_method=S256&scopes={}&code_challenge={challenge}",
        session.oidc.url,
        quoted(&client.id),
        quoted(&uri),
        quoted(state.expose()),
        quoted(&scopes),
    );
    tracing::debug!(session = %session, "waiting for the browser at {uri}");
    let page = SignIn {
        url,
        code: None,
        to: session.to_string(),
    };
    show(host, page).await?;
    let brought = patiently(host, session, callback.answer(state.expose())).await;
    let code = match brought {
        Ok(Brought::Code(code)) => code,
        Ok(Brought::Refusal(error)) => {
            return Err(Error::new(
                ErrorKind::Denied,
                format!("the sign-in to {session} was refused: {error}"),
            )
            .with_hint("Begin again, and allow the access on the page."));
        }
        Err(error) => {
            // The page may have said that it does not know the client, and this process does not see the page.
            files.forget_client(host)?;
            return Err(error);
        }
    };
    let call = clients::oidc(host, session)?
        .create_token()
        .grant_type("authorization_code")
        .client_id(&client.id)
        .client_secret(client.secret.expose())
        .redirect_uri(uri)
        .code(code.expose())
        .code_verifier(verifier.expose());
    tracing::debug!(session = %session, "CreateToken (authorization_code)");
    match clients::unlogged(call.send()).await {
        Ok(reply) => Ok(Issued::read(host, session, &reply)?.of(client)),
        Err(error) => Err(answer::of_oidc(host, session, "CreateToken", error).await),
    }
}

async fn by_device(host: &Host, session: &SsoSession, files: &Files) -> Result<Token, Error> {
    let mut client = registered(host, session, files, Grant::Device, false).await?;
    let started = match start_device(host, session, &client).await {
        // Registered with another instance, or removed there: once more.
        Err(error) if answer::client_is_unknown(&error) => {
            client = registered(host, session, files, Grant::Device, true).await?;
            start_device(host, session, &client).await?
        }
        started => started?,
    };
    let device_code = Secret::new(started.device_code().unwrap_or_default().to_owned());
    let url = [started.verification_uri_complete(), started.verification_uri()]
        .into_iter()
        .flatten()
        .next();
    let Some(url) = url.filter(|url| is_for_a_browser(url)) else {
        return Err(answer::untrusted(
            "named no page that a browser may be sent to",
            Service::SignIn,
            &session.oidc,
        ));
    };
    let is_shown_as_it_is = |code: &&str| {
        code.bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let code = started
        .user_code()
        .filter(|code| (1..=32).contains(&code.len()))
        .filter(is_shown_as_it_is);
    let Some(code) = code else {
        return Err(answer::untrusted(
            "named no code that a person could compare",
            Service::SignIn,
            &session.oidc,
        ));
    };
    let page = SignIn {
        url: url.to_owned(),
        code: Some(code.to_owned()),
        to: session.to_string(),
    };
    show(host, page).await?;
    // "If omitted, the client uses 5 seconds" (RFC 8628, 3.2); and each `slow_down` adds 5.
    let interval = match started.interval() {
        seconds @ 1..=60 => seconds.unsigned_abs(),
        _ => 5,
    };
    let polled = async {
        let mut interval = Duration::from_secs(interval.into());
        loop {
            tokio::time::sleep(interval).await;
            let call = clients::oidc(host, session)?
                .create_token()
                .grant_type(DEVICE_GRANT)
                .client_id(&client.id)
                .client_secret(client.secret.expose())
                .device_code(device_code.expose());
            let error = match clients::unlogged(call.send()).await {
                Ok(reply) => return Issued::read(host, session, &reply),
                Err(error) => answer::of_oidc(host, session, "CreateToken", error).await,
            };
            match error.aws_code() {
                Some(answer::PENDING) => {}
                Some(answer::SLOW_DOWN) => interval += Duration::from_secs(5),
                Some("ExpiredTokenException") => return Err(nobody_answered(session)),
                _ if error.kind() == ErrorKind::Unavailable => tracing::debug!("{error}; asking again"),
                _ => return Err(error),
            }
        }
    };
    let issued = patiently(host, session, polled).await?;
    Ok(issued.of(client))
}

async fn start_device(
    host: &Host,
    session: &SsoSession,
    client: &Client,
) -> Result<aws_sdk_ssooidc::operation::start_device_authorization::StartDeviceAuthorizationOutput, Error> {
    let call = clients::oidc(host, session)?
        .start_device_authorization()
        .client_id(&client.id)
        .client_secret(client.secret.expose())
        .start_url(&session.start_url);
    tracing::debug!(session = %session, oidc = %session.oidc.url, "StartDeviceAuthorization");
    match clients::unlogged(call.send()).await {
        Ok(reply) => Ok(reply),
        Err(error) => Err(answer::of_oidc(host, session, "StartDeviceAuthorization", error).await),
    }
}

/// `https`, or a stand-in on this machine.
fn is_for_a_browser(url: &str) -> bool {
    let uri: Option<http::Uri> = url.parse().ok();
    let Some((uri, scheme)) = uri.as_ref().and_then(|uri| Some((uri, uri.scheme_str()?))) else {
        return false;
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let is_loopback = host
        .parse::<std::net::IpAddr>()
        .is_ok_and(|address| address.is_loopback());
    !url.contains('@') && (scheme == "https" || (scheme == "http" && is_loopback))
}

/// What is asked for. Tokens of sessions without a section cannot be renewed, and name no scope, as in the AWS CLI.
fn asked_scopes(session: &SsoSession) -> Vec<String> {
    match (&session.name, session.scopes.as_slice()) {
        (None, _) => Vec::new(),
        (Some(_), []) => vec![ACCOUNT_ACCESS.to_owned()],
        (Some(_), scopes) => scopes.to_vec(),
    }
}

/// A client that is registered for this grant: the cached one, or `anew`.
async fn registered(
    host: &Host,
    session: &SsoSession,
    files: &Files,
    grant: Grant,
    anew: bool,
) -> Result<Client, Error> {
    if let Some(client) = files.client(host, grant)?.filter(|_| !anew) {
        return Ok(client);
    }
    let scopes = asked_scopes(session);
    let mut call = clients::oidc(host, session)?
        .register_client()
        .client_name(format!(
            "rolecall-{}",
            session.name.as_deref().unwrap_or("sign-in")
        ))
        .client_type("public")
        .set_scopes((!scopes.is_empty()).then(|| scopes.clone()));
    if grant == Grant::Code {
        call = call
            .set_grant_types(Some(CODE_GRANTS.map(str::to_owned).to_vec()))
            // Any port of it will do (RFC 8252, 7.3).
            .redirect_uris(format!("http://127.0.0.1{PATH}"))
            .issuer_url(&session.start_url);
    }
    tracing::debug!(session = %session, oidc = %session.oidc.url, "RegisterClient");
    let reply = match clients::unlogged(call.send()).await {
        Ok(reply) => reply,
        Err(error) => return Err(answer::of_oidc(host, session, "RegisterClient", error).await),
    };
    let untrusted = |what| answer::untrusted(what, Service::SignIn, &session.oidc);
    let (Some(id), Some(secret)) = (reply.client_id(), reply.client_secret()) else {
        return Err(untrusted("registered a client without an id or a secret"));
    };
    let expires_at = SystemTime::try_from(DateTime::from_secs(reply.client_secret_expires_at()))
        .map_err(|_| untrusted("registered a client until a time that is none"))?;
    let client = Client {
        id: id.to_owned(),
        secret: Secret::new(secret.to_owned()),
        expires_at,
    };
    files.write_client(host, &client, grant, &scopes)?;
    Ok(client)
}

/// So many random bytes, as text of a URL.
fn random(bytes: usize) -> Result<Secret, Error> {
    let mut random = Zeroizing::new(vec![0; bytes]);
    getrandom::fill(&mut random).map_err(|error| {
        Error::new(
            ErrorKind::Internal,
            format!("the operating system gives no random numbers: {error}"),
        )
        .with_hint("This is no machine to sign in on.")
    })?;
    Ok(Secret::new(URL_SAFE_NO_PAD.encode(&*random)))
}

/// How a signing out ended.
#[derive(Clone, Debug)]
pub enum SignedOut {
    /// Nobody was signed in.
    Nobody,
    /// The token is removed, and AWS knows that it is not good any more.
    Everywhere,
    /// The token is removed here; why AWS could not be told.
    HereOnly(Error),
}

/// Signs out: tells the portal, then removes the token from the cache, whatever the portal said. Other sessions' tokens
/// stay, and so do registrations.
///
/// # Errors
/// Why the token could not be removed.
pub async fn sign_out(host: &Host, session: &SsoSession) -> Result<SignedOut, Error> {
    let files = Files::of(host, session)?;
    // Nobody renews it meanwhile.
    let _lock = lock(host, &files).await?;
    // What cannot be read, or is not to be trusted, is removed all the same.
    let (token, is_there) = match files.token(host) {
        Ok(None) => (
            None,
            host.read_trusted(&files.token)
                .map_or(true, |text| text.is_some()),
        ),
        Ok(Some(token)) => (Some(token), true),
        Err(_) => (None, true),
    };
    let Some(token) = token.filter(|token| token.is_of(session)) else {
        host.remove(&files.token)?;
        if !is_there {
            return Ok(SignedOut::Nobody);
        }
        let error = Error::config(format!(
            "what was cached for {session} was no token of its portal"
        ));
        return Ok(SignedOut::HereOnly(error.with_hint(
            "It is removed. If it was a sign-in elsewhere, it ends by itself.",
        )));
    };
    let skew = SkewMeter::new(host);
    let call = clients::portal(host, session, &skew)?
        .logout()
        .access_token(token.access.expose());
    tracing::debug!(session = %session, portal = %session.portal.url, "Logout");
    let told = clients::unlogged(call.send()).await;
    host.remove(&files.token)?;
    let error = match told {
        Ok(_) => return Ok(SignedOut::Everywhere),
        Err(error) => answer::of_portal(host, session, None, "Logout", error).await,
    };
    Ok(match error.aws_code() {
        // It was not good any more.
        Some(answer::UNAUTHORIZED) => SignedOut::Everywhere,
        _ => SignedOut::HereOnly(error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browsers_are_sent_to_https_and_to_loopback_only() {
        for good in [
            "https://device.sso.us-east-1.amazonaws.com/?user_code=ABCD-EFGH",
            "http://127.0.0.1:1/x",
        ] {
            assert!(is_for_a_browser(good), "{good}");
        }
        for bad in [
            "http://device.example/",
            "http://localhost:1/",
            "file:///etc/passwd",
            "javascript:alert(1)",
            "https://a@evil.example/",
            "/relative",
            "",
            "-x",
        ] {
            assert!(!is_for_a_browser(bad), "{bad}");
        }
    }

    #[test]
    fn a_verifier_is_long_enough_and_never_the_same() {
        let (one, other) = (random(48).unwrap(), random(48).unwrap());
        // 43 to 128 characters (RFC 7636, 4.1).
        assert_eq!(one.expose().len(), 64);
        assert_ne!(one.expose(), other.expose());
    }
}

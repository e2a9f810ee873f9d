//! CreateToken: what turns a code into tokens.

use std::time::{Duration, SystemTime};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::device::INTERVAL;
use super::{
    ACCOUNT_ACCESS, AUTHORIZATION_CODE, DEVICE_CODE, Input, REFRESH_TOKEN, center, client, invalid, refusal,
};
use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::ids;
use crate::secrets::Recorder;
use crate::state::{Grant, IdentityCenter, State, Verdict};

/// How long one signing in can be renewed: "up to 90 days" (session duration of IAM Identity Center).
const LOGIN: Duration = Duration::from_secs(90 * 86_400);
/// Clocks of two processes may be read in the wrong order by so much.
const TOLERANCE: Duration = Duration::from_millis(100);

pub(super) fn create(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let input = Input::of(call)?;
    let now = call.clock.session();
    let recorder = state.recorder.clone();
    let center = center(state)?;
    let grant_type = input.required("grantType")?;
    let (client_id, client) = client(center, &input, now)?;
    if ![AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN].contains(&grant_type) {
        return Err(refusal("UnsupportedGrantTypeException", "Unsupported grant type"));
    }
    if !client.may(grant_type) {
        return Err(refusal(
            "UnauthorizedClientException",
            "The client is not authorized to use this grant type",
        ));
    }
    let registered = client.scopes.clone();
    let refreshable = client.may(REFRESH_TOKEN);
    let scopes = input.list("scope")?;
    let mut grant = match grant_type {
        DEVICE_CODE => by_device(center, &input, &client_id, registered, now)?,
        AUTHORIZATION_CODE => by_code(center, &input, &client_id, now)?,
        _ => by_refresh(center, &input, &client_id, now)?,
    };
    if !scopes.iter().all(|scope| grant.scopes.contains(scope)) {
        return Err(refusal("InvalidScopeException", "Invalid scope"));
    }
    if !scopes.is_empty() {
        grant.scopes = scopes;
    }
    Ok(issue(center, &recorder, &grant, refreshable, now))
}

fn invalid_grant(description: &str) -> Refusal {
    refusal("InvalidGrantException", description)
}

/// A new signing in of a user.
fn login(client_id: &str, user: String, scopes: Vec<String>, now: SystemTime) -> Grant {
    Grant {
        client_id: client_id.to_owned(),
        user,
        scopes,
        login: ids::request(),
        expires: now + LOGIN,
    }
}

fn by_device(
    center: &mut IdentityCenter,
    input: &Input,
    client_id: &str,
    scopes: Vec<String>,
    now: SystemTime,
) -> Result<Grant, Refusal> {
    let code = input.required("deviceCode")?;
    let device = center.signed_in.devices.get_mut(code);
    let device = device
        .filter(|device| device.client_id == client_id)
        .ok_or_else(|| invalid_grant("Invalid device code provided"))?;
    if now >= device.expires {
        return Err(refusal("ExpiredTokenException", "Device code has expired"));
    }
    let last = device.asked.replace(now);
    let user = match &device.verdict {
        Verdict::Pending => {
            let since = last.and_then(|last| now.duration_since(last).ok());
            let hasty = since.is_some_and(|since| since + TOLERANCE < Duration::from_secs(INTERVAL));
            return Err(if hasty {
                refusal("SlowDownException", "The client is asking too often")
            } else {
                refusal(
                    "AuthorizationPendingException",
                    "The person has not confirmed yet",
                )
            });
        }
        Verdict::Denied => return Err(refusal("AccessDeniedException", "The person said no")),
        Verdict::Approved(user) => user.clone(),
    };
    center.signed_in.devices.remove(code);
    Ok(login(client_id, user, scopes, now))
}

fn by_code(
    center: &mut IdentityCenter,
    input: &Input,
    client_id: &str,
    now: SystemTime,
) -> Result<Grant, Refusal> {
    let text = input.required("code")?;
    let redirect_uri = input.required("redirectUri")?;
    let verifier = input.required("codeVerifier")?;
    // 43 to 128 unreserved characters (RFC 7636, 4.1).
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    if !(43..=128).contains(&verifier.len()) || !verifier.bytes().all(unreserved) {
        return Err(invalid("Invalid codeVerifier provided"));
    }
    let wrong = || invalid_grant("Invalid authorization code provided");
    let codes = &mut center.signed_in.codes;
    if codes.get(text).is_none_or(|code| code.client_id != client_id) {
        return Err(wrong());
    }
    // One attempt is all there is, whether it succeeds or not.
    let code = codes.remove(text).ok_or_else(wrong)?;
    let proof = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
    if now >= code.expires || redirect_uri != code.redirect_uri || proof != code.challenge {
        return Err(wrong());
    }
    Ok(login(client_id, code.user, code.scopes, now))
}

/// A refresh token is good for once: its successor comes with the answer.
fn by_refresh(
    center: &mut IdentityCenter,
    input: &Input,
    client_id: &str,
    now: SystemTime,
) -> Result<Grant, Refusal> {
    let text = input.required("refreshToken")?;
    let wrong = || invalid_grant("Invalid refresh token provided");
    let tokens = &mut center.signed_in.refresh;
    if tokens.get(text).is_none_or(|grant| grant.client_id != client_id) {
        return Err(wrong());
    }
    let grant = tokens.remove(text).ok_or_else(wrong)?;
    if now >= grant.expires {
        return Err(wrong());
    }
    Ok(grant)
}

fn issue(
    center: &mut IdentityCenter,
    recorder: &Recorder,
    grant: &Grant,
    refreshable: bool,
    now: SystemTime,
) -> Answer {
    let seconds = center.token_seconds;
    let access = ids::token();
    recorder.token(&grant.client_id, &access);
    let mut answer = json!({"accessToken": access, "tokenType": "Bearer", "expiresIn": seconds});
    let of_access = Grant {
        expires: now + Duration::from_secs(u64::from(seconds)),
        ..grant.clone()
    };
    center.signed_in.access.insert(access, of_access);
    if refreshable && grant.scopes.iter().any(|scope| scope == ACCOUNT_ACCESS) {
        let refresh = ids::token();
        recorder.token(&grant.client_id, &refresh);
        answer["refreshToken"] = refresh.as_str().into();
        center.signed_in.refresh.insert(refresh, grant.clone());
    }
    center.signed_in.forget(now);
    Answer::json(&answer).header("cache-control", "no-store")
}

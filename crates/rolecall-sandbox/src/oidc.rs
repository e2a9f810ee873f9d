//! IAM Identity Center's OIDC service ("IAM Identity Center OIDC API Reference"): REST and JSON, unsigned.

pub(crate) mod authorize;
pub(crate) mod device;
mod token;

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};
use subtle::ConstantTimeEq;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::clock;
use crate::ids;
use crate::state::{Client, IdentityCenter, State};

/// How long a registration is good: "clientSecretExpiresAt" lies about 90 days ahead.
const REGISTRATION: Duration = Duration::from_secs(90 * 86_400);

/// The longest text that is taken.
const MOST_CHARACTERS: usize = 4096;

pub(crate) const AUTHORIZATION_CODE: &str = "authorization_code";
pub(crate) const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";
pub(crate) const REFRESH_TOKEN: &str = "refresh_token";
/// The one scope of the access portal ("Understanding access scopes").
pub(crate) const ACCOUNT_ACCESS: &str = "sso:account:access";

pub(crate) fn answer(operation: &str, call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    match operation {
        "Authorize" => authorize::asked(call, state),
        "CreateToken" => token::create(call, state),
        "RegisterClient" => register(call, state),
        _ => device::start(call, state),
    }
}

/// A refusal, with the OAuth code and its sentence as the service's model has them.
fn refusal(code: &'static str, description: &str) -> Refusal {
    let (status, error) = match code {
        "AccessDeniedException" => (400, "access_denied"),
        "AuthorizationPendingException" => (400, "authorization_pending"),
        "ExpiredTokenException" => (400, "expired_token"),
        "InvalidClientException" => (401, "invalid_client"),
        "InvalidClientMetadataException" => (400, "invalid_client_metadata"),
        "InvalidGrantException" => (400, "invalid_grant"),
        "InvalidRedirectUriException" => (400, "invalid_redirect_uri"),
        "InvalidScopeException" => (400, "invalid_scope"),
        "SlowDownException" => (400, "slow_down"),
        "UnauthorizedClientException" => (400, "unauthorized_client"),
        "UnsupportedGrantTypeException" => (400, "unsupported_grant_type"),
        _ => (400, "invalid_request"),
    };
    Refusal::new(status, code, description)
        .with("error", error)
        .with("error_description", description)
}

fn invalid(description: &str) -> Refusal {
    refusal("InvalidRequestException", description)
}

fn center(state: &mut State) -> Result<&mut IdentityCenter, Refusal> {
    let center = state.identity_center.as_mut();
    center.ok_or_else(|| invalid("This world has no IAM Identity Center"))
}

/// The JSON of a request.
struct Input(Map<String, Value>);

impl Input {
    fn of(call: &Open<'_>) -> Result<Self, Refusal> {
        match serde_json::from_slice(&call.incoming.body) {
            Ok(Value::Object(input)) => Ok(Self(input)),
            _ => Err(invalid("Invalid request: the body is no JSON object")),
        }
    }

    fn find(&self, name: &str) -> Result<Option<&str>, Refusal> {
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.len() <= MOST_CHARACTERS => Ok(Some(text)),
            Some(_) => Err(invalid(&format!("Invalid value for {name}"))),
        }
    }

    fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.find(name)?
            .filter(|text| !text.is_empty())
            .ok_or_else(|| invalid(&format!("Missing required parameter: {name}")))
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Refusal> {
        let wrong = || invalid(&format!("Invalid value for {name}"));
        match self.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(items)) if items.len() <= 100 => items
                .iter()
                .map(|item| {
                    let text = item.as_str().filter(|text| text.len() <= MOST_CHARACTERS);
                    text.map(str::to_owned).ok_or_else(wrong)
                })
                .collect(),
            Some(_) => Err(wrong()),
        }
    }
}

/// The client that a request names and proves to be.
fn client<'c>(
    center: &'c IdentityCenter,
    input: &Input,
    now: SystemTime,
) -> Result<(String, &'c Client), Refusal> {
    let (id, secret) = (input.required("clientId")?, input.required("clientSecret")?);
    let wrong = || refusal("InvalidClientException", "Invalid client provided");
    let client = center.signed_in.clients.get(id).ok_or_else(wrong)?;
    if !bool::from(client.secret.as_bytes().ct_eq(secret.as_bytes())) {
        return Err(wrong());
    }
    if now >= client.expires {
        return Err(refusal(
            "InvalidClientException",
            "The client registration has expired",
        ));
    }
    Ok((id.to_owned(), client))
}

fn register(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let input = Input::of(call)?;
    let name = input.required("clientName")?;
    if input.required("clientType")? != "public" {
        return Err(refusal(
            "InvalidClientMetadataException",
            "Only public clients can be registered",
        ));
    }
    let scopes = input.list("scopes")?;
    check_scopes(&scopes)?;
    let grant_types = input.list("grantTypes")?;
    let known = [AUTHORIZATION_CODE, DEVICE_CODE, REFRESH_TOKEN];
    if !grant_types.iter().all(|grant| known.contains(&grant.as_str())) {
        return Err(refusal("UnsupportedGrantTypeException", "Unsupported grant type"));
    }
    let redirect_uris = input.list("redirectUris")?;
    if !redirect_uris.iter().all(|uri| authorize::may_be_registered(uri)) {
        return Err(refusal("InvalidRedirectUriException", "Invalid redirect uri"));
    }
    let code_flow = grant_types.iter().any(|grant| grant == AUTHORIZATION_CODE);
    if code_flow && redirect_uris.is_empty() {
        return Err(invalid(
            "redirectUris are required for the authorization code grant",
        ));
    }
    let issuer = input.find("issuerUrl")?;
    let now = call.clock.session();
    let recorder = state.recorder.clone();
    let center = center(state)?;
    if issuer.is_some_and(|issuer| !center.is_start_url(issuer)) {
        return Err(invalid("Invalid issuerUrl provided"));
    }
    if code_flow && issuer.is_none() {
        return Err(invalid("issuerUrl is required for the authorization code grant"));
    }
    center.signed_in.forget(now);
    let (id, secret) = (ids::client(), ids::secret());
    recorder.secret(&id, &secret);
    let expires = now + REGISTRATION;
    let answer = json!({
        "clientId": id,
        "clientSecret": secret,
        "clientIdIssuedAt": clock::epoch_seconds(now),
        "clientSecretExpiresAt": clock::epoch_seconds(expires),
        "authorizationEndpoint": format!("{}/authorize", call.endpoint),
        "tokenEndpoint": format!("{}/token", call.endpoint),
    });
    let client = Client {
        secret,
        name: name.to_owned(),
        redirect_uris,
        grant_types,
        scopes,
        expires,
    };
    center.signed_in.clients.insert(id, client);
    Ok(Answer::json(&answer))
}

/// Scopes that Identity Center knows.
fn check_scopes(scopes: &[String]) -> Result<(), Refusal> {
    let known = |scope: &String| {
        [ACCOUNT_ACCESS, "aws", "openid"].contains(&scope.as_str())
            || ["codewhisperer:", "sts:", "verified_access:"]
                .iter()
                .any(|prefix| scope.starts_with(prefix))
    };
    if scopes.iter().all(known) {
        Ok(())
    } else {
        Err(refusal("InvalidScopeException", "Invalid scope"))
    }
}

impl Client {
    /// Whether it may use a grant. Clients that named none get what the first version of the service had.
    fn may(&self, grant: &str) -> bool {
        if self.grant_types.is_empty() {
            grant == DEVICE_CODE || grant == REFRESH_TOKEN
        } else {
            self.grant_types.iter().any(|granted| granted == grant)
        }
    }
}

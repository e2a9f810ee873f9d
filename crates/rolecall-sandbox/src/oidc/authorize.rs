//! The authorization code grant with PKCE (RFC 6749 4.1, RFC 7636): where the person's browser goes, and what it brings
//! back to the client.

use std::time::Duration;

use http::Method;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::AUTHORIZATION_CODE;
use crate::api::{Answer, Params, Refusal};
use crate::call::Open;
use crate::ids;
use crate::signin::page::{facts, hidden, page, paragraph, users};
use crate::state::{Client, Code, IdentityCenter, State};

/// "A maximum authorization code lifetime of 10 minutes is RECOMMENDED" (RFC 6749, 4.1.2).
const LIFETIME: Duration = Duration::from_secs(600);
const TITLE: &str = "Authorize an application";

/// What the form hands on.
const FIELDS: [&str; 8] = [
    "response_type",
    "client_id",
    "redirect_uri",
    "state",
    "code_challenge_method",
    "code_challenge",
    "scopes",
    "scope",
];

/// A client's request to authorize it, checked.
struct Asked {
    client_id: String,
    client_name: String,
    redirect_uri: String,
    challenge: String,
    scopes: Vec<String>,
}

/// `/authorize` shows the page; with a `user` in the query, or one at the browser, it is as if that user had confirmed.
pub(super) fn asked(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let center = state.identity_center.as_ref();
    let seated = center.and_then(|center| center.browser.clone());
    Ok(answer(
        call,
        state,
        call.incoming.query("user").or(seated.as_deref()),
    ))
}

/// `/_sandbox/authorize`: what the page's form posts.
pub(crate) fn confirmed(call: &Open<'_>, state: &mut State) -> Answer {
    let posted = call.incoming.method == Method::POST;
    answer(call, state, call.params.find("user").filter(|_| posted))
}

fn answer(call: &Open<'_>, state: &mut State, user: Option<&str>) -> Answer {
    let recorder = state.recorder.clone();
    let now = call.clock.session();
    let Some(center) = state.identity_center.as_mut() else {
        return page(404, TITLE, &paragraph("This world has no IAM Identity Center."));
    };
    let params = call.params;
    // Who cannot be told from an attacker gets no redirect ("Error Response", RFC 6749, 4.1.2.1).
    let (client, redirect_uri) = match client_of(center, params, now) {
        Ok(found) => found,
        Err(why) => return page(400, TITLE, &paragraph(why)),
    };
    let asked = match check(client, params) {
        Ok((challenge, scopes)) => Asked {
            client_id: params.find("client_id").unwrap_or_default().to_owned(),
            client_name: client.name.clone(),
            redirect_uri,
            challenge,
            scopes,
        },
        Err((error, why)) => {
            return redirect(
                &redirect_uri,
                params,
                &[("error", error), ("error_description", why)],
            );
        }
    };
    if params.find("decision") == Some("deny") {
        let denied = [
            ("error", "access_denied"),
            ("error_description", "The user said no"),
        ];
        return redirect(&asked.redirect_uri, params, &denied);
    }
    match user {
        None => form(center, &asked, params),
        Some(user) if !center.users.contains(user) => {
            page(400, TITLE, &paragraph("The directory has no such user."))
        }
        Some(user) => {
            let code = ids::token();
            recorder.token(&asked.client_id, &code);
            let granted = Code {
                client_id: asked.client_id,
                redirect_uri: asked.redirect_uri.clone(),
                challenge: asked.challenge,
                user: user.to_owned(),
                scopes: asked.scopes,
                expires: now + LIFETIME,
            };
            center.signed_in.forget(now);
            center.signed_in.codes.insert(code.clone(), granted);
            redirect(&asked.redirect_uri, params, &[("code", &code)])
        }
    }
}

/// The client, and where to send the person back to.
fn client_of<'c>(
    center: &'c IdentityCenter,
    params: &Params,
    now: std::time::SystemTime,
) -> Result<(&'c Client, String), &'static str> {
    let id = params.find("client_id").unwrap_or_default();
    let client = center.signed_in.clients.get(id);
    let client = client
        .filter(|client| now < client.expires)
        .ok_or("No client is registered under this client_id.")?;
    let asked = params.find("redirect_uri").unwrap_or_default();
    let registered = client.redirect_uris.iter().any(|uri| is_same(uri, asked));
    if registered {
        Ok((client, asked.to_owned()))
    } else {
        Err("The client has not registered this redirect_uri.")
    }
}

/// The challenge and the scopes.
fn check(client: &Client, params: &Params) -> Result<(String, Vec<String>), (&'static str, &'static str)> {
    let find = |name| params.find(name).unwrap_or_default();
    if find("response_type") != "code" {
        return Err(("unsupported_response_type", "response_type must be code"));
    }
    if !client.may(AUTHORIZATION_CODE) {
        return Err((
            "unauthorized_client",
            "The client has not registered the authorization code grant",
        ));
    }
    let challenge = find("code_challenge");
    if find("code_challenge_method") != "S256" {
        return Err(("invalid_request", "code_challenge_method must be S256"));
    }
    // Base64 of 32 bytes, without padding (RFC 7636, 4.2).
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    if challenge.len() != 43 || !challenge.bytes().all(base64) {
        return Err(("invalid_request", "code_challenge is no SHA-256 in base64url"));
    }
    let text = params.find("scopes").or_else(|| params.find("scope"));
    let scopes: Vec<String> = match text {
        Some(text) => text
            .split([' ', '+', ','])
            .filter(|scope| !scope.is_empty())
            .map(str::to_owned)
            .collect(),
        None => client.scopes.clone(),
    };
    if scopes.iter().all(|scope| client.scopes.contains(scope)) {
        Ok((challenge.to_owned(), scopes))
    } else {
        Err(("invalid_scope", "The client has not registered these scopes"))
    }
}

fn form(center: &IdentityCenter, asked: &Asked, params: &Params) -> Answer {
    let fields = FIELDS.iter().filter_map(|name| Some((*name, params.find(name)?)));
    let body = format!(
        "{}{}<form method=\"post\" action=\"/_sandbox/authorize\">{}{}<br>\
         <button type=\"submit\" name=\"decision\" value=\"approve\">Allow access</button>\
         <button type=\"submit\" name=\"decision\" value=\"deny\">Deny</button></form>",
        paragraph("Allow this only if you started it yourself."),
        facts(&[
            ("Client", asked.client_name.as_str()),
            ("It asks for", asked.scopes.join(" ").as_str()),
            ("Start URL", center.start_url.as_str()),
        ]),
        hidden(fields),
        users(&center.users),
    );
    page(200, TITLE, &body)
}

/// Back to the client, with the state it sent along.
fn redirect(uri: &str, params: &Params, fields: &[(&str, &str)]) -> Answer {
    let state = params.find("state").map(|state| ("state", state));
    let encoded: Vec<String> = fields
        .iter()
        .copied()
        .chain(state)
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    let joint = if uri.contains('?') { '&' } else { '?' };
    Answer::empty(302)
        .header("location", format!("{uri}{joint}{}", encoded.join("&")))
        .header("cache-control", "no-store")
        .header("referrer-policy", "no-referrer")
}

/// A loopback address without its port, and what follows ("Loopback Interface Redirection", RFC 8252, 7.3).
fn loopback(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    ["127.0.0.1", "[::1]"].into_iter().find_map(|host| {
        let port = authority.strip_prefix(host)?;
        let good = match port.strip_prefix(':') {
            Some(port) => port.parse::<u16>().is_ok(),
            None => port.is_empty(),
        };
        good.then_some((host, path))
    })
}

/// Whether a client may register an address to be sent back to: its own on loopback, or one over TLS.
pub(super) fn may_be_registered(uri: &str) -> bool {
    let printable = uri.bytes().all(|byte| byte.is_ascii_graphic());
    let whole = uri.len() <= 2048 && printable && !uri.contains(['#', '"', '<', '>', '\\']);
    whole && (loopback(uri).is_some() || uri.strip_prefix("https://").is_some_and(|rest| !rest.is_empty()))
}

/// Whether the address asked for is the registered one; on loopback, whatever the port.
fn is_same(registered: &str, asked: &str) -> bool {
    may_be_registered(asked)
        && (registered == asked || loopback(registered).is_some_and(|own| loopback(asked) == Some(own)))
}

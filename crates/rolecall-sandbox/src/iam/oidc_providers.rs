//! OpenID Connect providers: whose tokens an account takes ("Create an OpenID Connect (OIDC) identity provider in IAM").

use super::input::Input;
use super::page::members;
use super::{Answered, Iam, limit};
use crate::api::{Refusal, escaped};
use crate::clock;
use crate::issuer;
use crate::state::{OidcProvider, State};
use crate::validate::{Checks, Pattern};

const ANYTHING: Pattern = (|_| true, "");
/// The quotas of "IAM and AWS STS quotas".
const MOST_PROVIDERS: usize = 100;
const MOST_CLIENTS: usize = 100;
const MOST_THUMBPRINTS: usize = 5;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "AddClientIDToOpenIDConnectProvider" => add_client(iam, state),
        "CreateOpenIDConnectProvider" => create(iam, state),
        "DeleteOpenIDConnectProvider" => delete(iam, state),
        "GetOpenIDConnectProvider" => get(iam, state),
        "ListOpenIDConnectProviders" => list(iam, state),
        "RemoveClientIDFromOpenIDConnectProvider" => remove_client(iam, state),
        "UpdateOpenIDConnectProviderThumbprint" => update_thumbprints(iam, state),
        _ => return None,
    })
}

fn thumbprints<'a>(input: &mut Input<'a>) -> Vec<&'a str> {
    let found = input.texts("ThumbprintList", 40, 40);
    input.checks.at_most(&found, "thumbprintList", MOST_THUMBPRINTS);
    found
}

fn owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn create(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let url = input.checks.required("Url", 1, 255, ANYTHING);
    let clients = input.texts("ClientIDList", 1, 255);
    let thumbprints = thumbprints(&mut input);
    input.finish()?;
    let host = host(url, &issuer::url(iam.call.endpoint))?;
    let arn = iam.arn("oidc-provider", "/", host);
    iam.check(state, &arn)?;
    let providers = &mut iam.home(state)?.oidc_providers;
    if providers.contains_key(&arn) {
        return Err(Refusal::new(
            409,
            "EntityAlreadyExists",
            format!("Provider with url {url} already exists."),
        ));
    }
    if providers.len() >= MOST_PROVIDERS {
        return Err(limit("OpenIDConnectProvidersPerAccount", MOST_PROVIDERS));
    }
    if clients.len() > MOST_CLIENTS {
        return Err(limit("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS));
    }
    let provider = OidcProvider {
        url: host.to_owned(),
        client_ids: owned(&clients),
        thumbprints: owned(&thumbprints),
        created: clock::now(),
    };
    providers.insert(arn.clone(), provider);
    Ok(format!(
        "<OpenIDConnectProviderArn>{}</OpenIDConnectProviderArn>",
        escaped(&arn)
    ))
}

/// The URL without its scheme. "The URL must begin with https://"; "query parameters are not" allowed, and it "should not
/// contain a port number". The sandbox's own issuer, which is on loopback, is taken as it is.
fn host<'a>(url: &'a str, own: &str) -> Result<&'a str, Refusal> {
    let invalid = || Refusal::validation("Invalid Open ID Connect Provider URL");
    if url == own {
        return url.strip_prefix("http://").ok_or_else(invalid);
    }
    let host = url.strip_prefix("https://").ok_or_else(invalid)?;
    let good = |c: char| c.is_ascii_alphanumeric() || "-._~/%".contains(c);
    if host.is_empty() || host.starts_with('/') || !host.chars().all(good) {
        return Err(invalid());
    }
    Ok(host)
}

fn arn<'a>(checks: &mut Checks<'a>) -> &'a str {
    checks.required("OpenIDConnectProviderArn", 20, 2048, ANYTHING)
}

fn found<'s>(iam: &Iam<'_>, state: &'s mut State, arn: &str) -> Result<&'s mut OidcProvider, Refusal> {
    iam.check(state, arn)?;
    iam.home(state)?
        .oidc_providers
        .get_mut(arn)
        .ok_or_else(|| no_such_provider(arn))
}

fn no_such_provider(arn: &str) -> Refusal {
    Refusal::new(
        404,
        "NoSuchEntity",
        format!("OpenIDConnect Provider not found for arn {arn}"),
    )
}

fn get(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = arn(&mut input.checks);
    input.finish()?;
    let provider = found(iam, state, arn)?;
    let list = |texts: &[String]| members(texts.iter().map(|text| escaped(text)));
    Ok(format!(
        "<Url>{}</Url><ClientIDList>{}</ClientIDList><ThumbprintList>{}</ThumbprintList>\
         <CreateDate>{}</CreateDate>",
        escaped(&provider.url),
        list(&provider.client_ids),
        list(&provider.thumbprints),
        clock::iso8601(provider.created)
    ))
}

/// "This operation does not … paginate."
fn list(iam: &Iam<'_>, state: &State) -> Answered {
    iam.check(state, &iam.arn("oidc-provider", "/", "*"))?;
    let providers = iam.seen(state)?.oidc_providers.keys();
    let providers = members(providers.map(|arn| format!("<Arn>{}</Arn>", escaped(arn))));
    Ok(format!(
        "<OpenIDConnectProviderList>{providers}</OpenIDConnectProviderList>"
    ))
}

fn delete(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = arn(&mut input.checks);
    input.finish()?;
    found(iam, state, arn)?;
    iam.home(state)?.oidc_providers.remove(arn);
    Ok(String::new())
}

/// "This operation is idempotent", and so is its opposite.
fn add_client(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = arn(&mut input.checks);
    let client = input.checks.required("ClientID", 1, 255, ANYTHING);
    input.finish()?;
    let provider = found(iam, state, arn)?;
    if provider.client_ids.iter().any(|known| known == client) {
        return Ok(String::new());
    }
    if provider.client_ids.len() >= MOST_CLIENTS {
        return Err(limit("ClientIdsPerOpenIdConnectProvider", MOST_CLIENTS));
    }
    provider.client_ids.push(client.to_owned());
    Ok(String::new())
}

fn remove_client(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = arn(&mut input.checks);
    let client = input.checks.required("ClientID", 1, 255, ANYTHING);
    input.finish()?;
    let provider = found(iam, state, arn)?;
    provider.client_ids.retain(|known| known != client);
    Ok(String::new())
}

/// Kept and shown; nothing is fetched over TLS that they could be held against.
fn update_thumbprints(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let arn = arn(&mut input.checks);
    let thumbprints = thumbprints(&mut input);
    if thumbprints.is_empty() {
        input.checks.missing("thumbprintList");
    }
    input.finish()?;
    found(iam, state, arn)?.thumbprints = owned(&thumbprints);
    Ok(String::new())
}

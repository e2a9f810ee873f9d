//! AssumeRoleWithWebIdentity: a role for whom an OpenID Connect provider vouches for. Unsigned: the token is the proof.
//!
//! STS API reference, AssumeRoleWithWebIdentity; "Create a role for OpenID Connect federation" and "Available keys for AWS
//! OIDC federation" (IAM user guide).

use rolecall::policy::{Context, Policies, PolicySource, Principal, Request};
use serde_json::Value;

use super::role::{Asked, actions, set_tags};
use super::session_parameters::{self, Tags, packed_size, packed_size_element};
use super::{ANYTHING, credentials, new_session};
use crate::api::{Refusal, escaped};
use crate::call::Open;
use crate::calls::Decided;
use crate::clock;
use crate::issuer::{Issuer, Token};
use crate::state::{Actor, OidcProvider, Session, State};
use crate::validate::{Checks, NAME};

const CALL: &str = "sts:AssumeRoleWithWebIdentity";
/// How far the clocks of issuer and STS may be apart.
const LEEWAY_SECONDS: f64 = 300.0;

/// Who somebody is, as their provider says.
struct Identity<'a> {
    provider_arn: String,
    provider: &'a OidcProvider,
    subject: String,
    /// The client that the provider vouches to.
    audience: String,
    token: &'a Token<'a>,
}

pub(super) fn assume_role(call: &Open<'_>, state: &mut State, issuer: &Issuer) -> Result<String, Refusal> {
    let mut checks = Checks::new(call.params);
    let asked = Asked::read(&mut checks);
    let text = checks.secret("WebIdentityToken", 4, 20_000);
    let provider_id = checks.text("ProviderId", 4, 2048, ANYTHING);
    let policies = session_parameters::Policies::read(&mut checks);
    checks.finish()?;
    if provider_id.is_some() {
        // "Do not specify this value for OpenID Connect ID tokens."
        return Err(Refusal::validation(
            "ProviderId must not be specified for OpenID Connect tokens",
        ));
    }
    let wanted = asked.wanted()?;
    let token = Token::parse(text).ok_or_else(|| {
        invalid(
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an Access Token)",
        )
    })?;
    let account = wanted.account();
    let identity = identify(call, state, issuer, account, &token)?;
    let tags = session_tags(&token)?;
    let source_identity = source_identity(&token)?;
    let packed = packed_size(&policies, &tags.set)?;

    let mut context = context(call, &identity);
    asked.set_context(&mut context, state, &wanted);
    set_tags(&mut context, &tags);
    if let Some(identity) = source_identity {
        context.set("sts:SourceIdentity", identity);
    }
    let role = asked.find_or_refuse(call, state, &wanted, || denied(CALL))?;
    let principal = Principal::federated(identity.provider_arn.as_str());
    for action in actions(CALL, &tags, source_identity) {
        let request = Request {
            principal: &principal,
            action,
            resource: asked.arn,
            resource_account: account,
            context: &context,
        };
        let trust = Some(PolicySource {
            name: "AssumeRolePolicyDocument",
            document: &role.trust.document,
        });
        let decided = Decided::of(
            &request,
            &Policies {
                trust,
                ..Policies::default()
            },
        );
        let allowed = decided.is_allowed();
        call.decided.borrow_mut().push(decided);
        if !allowed {
            return Err(denied(action));
        }
    }
    asked.check_duration(role)?;

    let unique_id = role.named.unique_id.clone();
    let actor = Actor::Role {
        name: wanted.name().to_owned(),
        session_name: asked.session_name.to_owned(),
    };
    let session = Session {
        policies: policies.resolve(state, account)?,
        tags: tags.set,
        transitive: tags.transitive,
        source_identity: source_identity.map(str::to_owned),
        federated_provider: Some(identity.provider_arn.clone()),
        ..new_session(call, account, asked.seconds(), actor, &unique_id)
    };
    let told = format!(
        "<SubjectFromWebIdentityToken>{}</SubjectFromWebIdentityToken><Provider>{}</Provider>\
         <Audience>{}</Audience>",
        escaped(&identity.subject),
        escaped(token.text("iss").unwrap_or_default()),
        escaped(&identity.audience)
    );
    let (id, session) = state.issue(session);
    let mut result = credentials(call, &id, &session);
    result.push_str(&told);
    result.push_str(&asked.assumed_user(call.fault, &wanted, &unique_id));
    result.push_str(&packed_size_element(packed));
    if let Some(identity) = &session.source_identity {
        result.push_str(&format!("<SourceIdentity>{}</SourceIdentity>", escaped(identity)));
    }
    Ok(result)
}

fn invalid(why: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidIdentityToken", why)
}

fn denied(action: &str) -> Refusal {
    Refusal::denied(format!("Not authorized to perform {action}"))
}

/// Believes the token, or says why not: its issuer must be a provider of the role's account, its signature the issuer's,
/// its time now, and its audience a client of the provider's.
fn identify<'a>(
    call: &Open<'_>,
    state: &'a State,
    issuer: &Issuer,
    account: rolecall::AccountId,
    token: &'a Token<'a>,
) -> Result<Identity<'a>, Refusal> {
    let claim = |name: &str| {
        token
            .text(name)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| invalid(format!("Missing a required claim: {name}")))
    };
    let iss = claim("iss")?;
    let host = iss.split_once("://").map_or(iss.as_str(), |(_, host)| host);
    let provider_arn = format!("arn:aws:iam::{account}:oidc-provider/{host}");
    let provider = state
        .accounts
        .get(&account)
        .and_then(|home| home.oidc_providers.get(&provider_arn))
        .ok_or_else(|| {
            invalid(format!(
                "No OpenIDConnect provider found in your account for {iss}"
            ))
        })?;
    if iss != issuer.url() {
        // Nothing outside of this machine is ever called.
        return Err(Refusal::new(
            400,
            "IDPCommunicationError",
            "The request could not be fulfilled because the identity provider (IDP) that was asked to verify the \
             incoming identity token could not be reached.",
        ));
    }
    if !issuer.signed(token) {
        return Err(invalid(
            "The token's signature is not one of its issuer's keys and algorithms.",
        ));
    }
    check_time(token, clock::epoch_seconds(call.clock.session()) as f64)?;
    let audience = audience(token, provider)?;
    let subject = claim("sub")?;
    if issuer.is_revoked(token) {
        return Err(Refusal::new(
            403,
            "IDPRejectedClaim",
            "The identity provider (IdP) reported that authentication failed. This might be because the claim is \
             invalid.",
        ));
    }
    Ok(Identity {
        provider_arn,
        provider,
        subject,
        audience,
        token,
    })
}

fn check_time(token: &Token<'_>, now: f64) -> Result<(), Refusal> {
    let time = |name: &str| token.claims.get(name).and_then(Value::as_f64);
    let needed = |name: &str| time(name).ok_or_else(|| invalid(format!("Missing a required claim: {name}")));
    let (ends, made) = (needed("exp")?, needed("iat")?);
    if now >= ends {
        return Err(Refusal::new(
            400,
            "ExpiredTokenException",
            format!("Token expired: current date/time {now} must be before the expiration date/time {ends}"),
        ));
    }
    for (name, begins) in [("iat", Some(made)), ("nbf", time("nbf"))] {
        if begins.is_some_and(|begins| begins > now + LEEWAY_SECONDS) {
            return Err(invalid(format!(
                "Token is not valid yet: {name} is in the future"
            )));
        }
    }
    Ok(())
}

/// The texts of a claim that may be one or several.
fn texts<'a>(token: &'a Token<'_>, claim: &str) -> Vec<&'a str> {
    match token.claims.get(claim) {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The first audience that is a client of the provider's. Where there is an authorized party, it is the audience ("azp").
fn audience(token: &Token<'_>, provider: &OidcProvider) -> Result<String, Refusal> {
    let mut candidates = texts(token, "azp");
    if candidates.is_empty() {
        candidates = texts(token, "aud");
    }
    if candidates.is_empty() {
        return Err(invalid("Missing a required claim: aud"));
    }
    candidates
        .into_iter()
        .find(|audience| provider.client_ids.iter().any(|client| client == audience))
        .map(str::to_owned)
        .ok_or_else(|| invalid("Incorrect token audience"))
}

/// The keys of somebody without credentials, and what their token says of them.
fn context(call: &Open<'_>, identity: &Identity<'_>) -> Context {
    let mut context = Context::new();
    let now = call.clock.session();
    context.set("aws:CurrentTime", clock::iso8601(now));
    context.set("aws:EpochTime", clock::epoch_seconds(now).to_string());
    context.set("aws:SecureTransport", "false");
    context.set("aws:ViaAWSService", "false");
    context.set("aws:SourceIp", call.incoming.from.to_string());
    if let Some(agent) = call.incoming.header("user-agent") {
        context.set("aws:UserAgent", agent);
    }
    context.set("aws:FederatedProvider", identity.provider_arn.as_str());
    let provider = &identity.provider.url;
    context.set(&format!("{provider}:sub"), identity.subject.as_str());
    context.set(&format!("{provider}:aud"), identity.audience.as_str());
    for (key, claim) in [("amr", "amr"), ("email", "email")] {
        let values = texts(identity.token, claim);
        if !values.is_empty() {
            context.set_all(
                &format!("{provider}:{key}"),
                values.into_iter().map(str::to_owned),
            );
        }
    }
    if !texts(identity.token, "azp").is_empty() {
        let original = texts(identity.token, "aud").into_iter().map(str::to_owned);
        context.set_all(&format!("{provider}:oaud"), original);
    }
    context
}

/// The tags in the token: `{"principal_tags": {KEY: [VALUE]}, "transitive_tag_keys": […]}` ("Pass session tags using
/// AssumeRoleWithWebIdentity").
fn session_tags(token: &Token<'_>) -> Result<Tags, Refusal> {
    let Some(claim) = token.claims.get("https://aws.amazon.com/tags") else {
        return Ok(Tags::default());
    };
    let malformed = || invalid("The tags in the token are not in the form that they must have.");
    let principal_tags = claim
        .get("principal_tags")
        .and_then(Value::as_object)
        .ok_or_else(malformed)?;
    let mut tags = Vec::new();
    for (key, value) in principal_tags {
        let value = match value {
            Value::String(value) => value,
            Value::Array(values) => match values.as_slice() {
                [Value::String(value)] => value,
                _ => return Err(malformed()),
            },
            _ => return Err(malformed()),
        };
        rolecall::Tag::new(key, value).map_err(|_| malformed())?;
        tags.push((key.as_str(), value.as_str()));
    }
    if tags.len() > 50 {
        return Err(malformed());
    }
    let transitive: Vec<&str> = match claim.get("transitive_tag_keys") {
        None => Vec::new(),
        Some(Value::Array(keys)) => keys.iter().filter_map(Value::as_str).collect(),
        Some(_) => return Err(malformed()),
    };
    Tags::new(&tags, &transitive)
}

fn source_identity<'a>(token: &'a Token<'_>) -> Result<Option<&'a str>, Refusal> {
    match token.claims.get("https://aws.amazon.com/source_identity") {
        None => Ok(None),
        Some(Value::String(identity))
            if (2..=64).contains(&identity.len()) && identity.chars().all(NAME.0) =>
        {
            Ok(Some(identity))
        }
        Some(_) => Err(invalid("The source identity in the token is not a valid one.")),
    }
}

//! The instance metadata service, version 2 ("Use the Instance Metadata Service to access instance metadata"): a token by
//! PUT, and nothing without one.

use std::time::Duration;

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::api::{Answer, Refusal};
use crate::call::Open;
use crate::clock;
use crate::ids;
use crate::state::{Instance, State};
use crate::workload;

/// Carries a token's lifetime in seconds, both ways.
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";
/// A token lasts from one second to six hours.
const MOST_SECONDS: u64 = 21_600;
/// How many tokens are kept before those that are over are dropped.
const SWEEP_AT: usize = 1024;

const CREDENTIALS: &str = "meta-data/iam/security-credentials";
const EXTENDED: &str = "meta-data/iam/security-credentials-extended";

/// The path below `/latest/`, however many slashes are before it: JavaScript's SDK puts a slash too many.
pub(crate) fn path(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?.trim_start_matches('/');
    rest.strip_prefix("latest/")
}

/// What a call is in the record.
pub(crate) fn operation(whole: &str) -> &'static str {
    let path = path(whole).unwrap_or_default();
    let role = path
        .strip_prefix(EXTENDED)
        .or_else(|| path.strip_prefix(CREDENTIALS));
    if path == "api/token" {
        "InstanceMetadataToken"
    } else if role.is_some_and(|role| role.len() > 1) {
        "InstanceMetadataCredentials"
    } else {
        "InstanceMetadata"
    }
}

pub(crate) fn answer(call: &Open<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let path = path(&call.incoming.path).unwrap_or_default();
    let recorder = state.recorder.clone();
    let now = call.clock.session();
    let Some(instance) = &mut state.instance else {
        return Err(not_found("this world has no instance"));
    };
    if !instance.enabled {
        return Err(Refusal::new(
            403,
            "Forbidden",
            "the instance metadata service is turned off",
        ));
    }
    if path == "api/token" {
        let seconds = lifetime(call)?;
        let token = ids::token();
        recorder.token(&instance.id, &token);
        if instance.tokens.len() >= SWEEP_AT {
            instance.tokens.retain(|_, ends| *ends > now);
        }
        instance
            .tokens
            .insert(token.clone(), now + Duration::from_secs(seconds));
        return Ok(text(&token).header(TTL, seconds.to_string()));
    }
    if !matches!(call.incoming.method, Method::GET | Method::HEAD) {
        return Err(Refusal::new(405, "Method Not Allowed", "metadata is read by GET"));
    }
    let given = call.incoming.header(TOKEN).unwrap_or_default();
    if instance.tokens.get(given).is_none_or(|ends| *ends <= now) {
        return Err(Refusal::new(
            401,
            "Unauthorized",
            "there is no token in the request, or it is over",
        ));
    }
    let extended = instance.extended;
    match path.strip_prefix(EXTENDED).filter(|_| extended) {
        Some(rest) => credentials(call, state, rest, true),
        None => match path.strip_prefix(CREDENTIALS) {
            Some(rest) if rest.is_empty() || rest.starts_with('/') => credentials(call, state, rest, false),
            _ => data(instance, path.trim_end_matches('/')),
        },
    }
}

fn not_found(why: &str) -> Refusal {
    Refusal::new(404, "Not Found", why)
}

fn text(body: &str) -> Answer {
    let mut answer = Answer::text(body);
    answer.headers = vec![("content-type", "text/plain".to_owned())];
    answer
}

/// How long the token is to last. Whoever forwards for others gets none: an open proxy must not lend them the role.
fn lifetime(call: &Open<'_>) -> Result<u64, Refusal> {
    if call.incoming.method != Method::PUT {
        return Err(Refusal::new(405, "Method Not Allowed", "a token is made by PUT"));
    }
    if call.incoming.headers.contains_key("x-forwarded-for") {
        return Err(Refusal::new(
            403,
            "Forbidden",
            "the request has an X-Forwarded-For header",
        ));
    }
    let seconds = call.incoming.header(TTL).and_then(|text| text.parse().ok());
    seconds
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
        .ok_or_else(|| {
            Refusal::new(
                400,
                "Bad Request",
                format!("{TTL} is missing, or not from 1 to {MOST_SECONDS}"),
            )
        })
}

/// The role's name, or its credentials. `rest` is what follows the path's last word.
fn credentials(call: &Open<'_>, state: &mut State, rest: &str, extended: bool) -> Result<Answer, Refusal> {
    let no_role = || not_found("the instance has no such role");
    let mut workload = state
        .instance
        .as_ref()
        .and_then(|instance| instance.workload.clone())
        .ok_or_else(no_role)?;
    let name = workload.role.name().to_owned();
    let asked = rest.trim_matches('/');
    if asked.is_empty() {
        return Ok(text(&name));
    }
    if percent_decode_str(asked).decode_utf8_lossy() != name {
        return Err(no_role());
    }
    let Some(issued) = workload::credentials(call, state, &mut workload) else {
        // The status says nothing; `Code` does ("Troubleshoot IAM and Amazon EC2", AssumeRoleUnauthorizedAccess).
        return Ok(Answer::json(&json!({
            "Code": "AssumeRoleUnauthorizedAccess",
            "Message": format!("EC2 cannot assume the role {name}: it is not there, or does not trust EC2."),
            "LastUpdated": clock::iso8601(call.clock.session()),
        })));
    };
    let session = &issued.session;
    let mut body = json!({
        "Code": "Success",
        "LastUpdated": clock::iso8601(session.issued),
        "Type": "AWS-HMAC",
        "AccessKeyId": issued.access_key_id,
        "SecretAccessKey": session.secret,
        "Token": session.token,
        "Expiration": issued.expiration,
    });
    if extended {
        body["AccountId"] = session.account.as_str().into();
    }
    if let Some(instance) = &mut state.instance {
        instance.workload = Some(workload);
    }
    let mut answer = Answer::json(&body);
    answer.headers = vec![("content-type", "text/plain".to_owned())];
    Ok(answer)
}

/// Everything else that clients ask for.
fn data(instance: &Instance, path: &str) -> Result<Answer, Refusal> {
    let zone = format!("{}a", instance.region);
    match path {
        "meta-data" => Ok(text("iam/\ninstance-id\nplacement/")),
        "meta-data/instance-id" => Ok(text(&instance.id)),
        "meta-data/placement" => Ok(text("availability-zone\nregion")),
        "meta-data/placement/region" => Ok(text(&instance.region)),
        "meta-data/placement/availability-zone" => Ok(text(&zone)),
        "meta-data/iam" if instance.workload.is_some() => Ok(text("info\nsecurity-credentials/")),
        "meta-data/iam/info" => {
            let workload = instance.workload.as_ref();
            let role = &workload
                .ok_or_else(|| not_found("the instance has no role"))?
                .role;
            Ok(Answer::json(&json!({
                "Code": "Success",
                "LastUpdated": clock::iso8601(instance.launched),
                "InstanceProfileArn":
                    format!("arn:aws:iam::{}:instance-profile/{}", role.account(), role.name()),
                "InstanceProfileId": "AIPACANARYINSTANCE001",
            })))
        }
        "dynamic/instance-identity/document" => Ok(Answer::json(&json!({
            "accountId": instance.account.as_str(),
            "architecture": "x86_64",
            "availabilityZone": zone,
            "imageId": "ami-00000000000000000",
            "instanceId": instance.id,
            "instanceType": "t3.micro",
            "pendingTime": clock::iso8601(instance.launched),
            "privateIp": "127.0.0.1",
            "region": instance.region,
            "version": "2017-09-30",
        }))),
        _ => Err(not_found("the sandbox has no such metadata")),
    }
}

/// A refusal as a page, whose heading is all that clients see.
pub(crate) fn refused(refusal: &Refusal) -> Answer {
    let heading = format!("{} - {}", refusal.status.as_u16(), refusal.code);
    let body = format!("<html><head><title>{heading}</title></head><body><h1>{heading}</h1></body></html>\n");
    Answer {
        status: refusal.status,
        body: body.into_bytes(),
        headers: vec![("content-type", "text/html".to_owned())],
        metadata: Vec::new(),
    }
}

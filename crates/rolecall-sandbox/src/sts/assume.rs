//! AssumeRole: who may become whom, for how long, and held to what.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use rolecall::policy::{Context, Document};
use rolecall::{RoleArn, Tag, Tags};

use super::{credentials, new_session, refuse_mfa};
use crate::api::{Params, Refusal, escaped};
use crate::authz::{self, Wish};
use crate::call::Call;
use crate::faults::Fault;
use crate::state::{Actor, Caller, Session, State};
use crate::validate::{Checks, EXTERNAL_ID, NAME};

/// The most that a session signed for by temporary credentials may last ("Role chaining").
const CHAINED_SECONDS: u32 = 3600;

struct Asked<'a> {
    role_arn: &'a str,
    session_name: &'a str,
    seconds: Option<u32>,
    external_id: Option<&'a str>,
    source_identity: Option<&'a str>,
    policies: Option<Vec<(String, Document)>>,
    tags: BTreeMap<String, String>,
    transitive: Vec<String>,
    packed_percent: Option<usize>,
}

pub(super) fn assume_role(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let caller = &call.verified.caller;
    let asked = read(call.params)?;
    refuse_mfa(call.params)?;
    let wanted: RoleArn = asked
        .role_arn
        .parse()
        .map_err(|_| Refusal::validation(format!("{} is invalid", asked.role_arn)))?;
    let tags = inherited_tags(caller, &asked)?;
    let source_identity = source_identity(caller, &asked)?;

    let context = context(call, state, &asked, &tags, source_identity.as_deref());
    let refused = || {
        Refusal::denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller.principal.arn(),
            asked.role_arn
        ))
    };
    // A role that is not there is refused in the same words as one that does not trust the caller. Names are
    // case-sensitive here, and the path is part of the name ("IAM identifiers").
    let role = state
        .accounts
        .get(&wanted.account())
        .and_then(|account| account.roles.get(wanted.name()))
        .filter(|role| role.named.arn(wanted.account(), "role") == asked.role_arn)
        .ok_or_else(refused)?;
    let mut actions = vec!["sts:AssumeRole"];
    if !tags.is_empty() {
        actions.push("sts:TagSession");
    }
    if source_identity.is_some() {
        actions.push("sts:SetSourceIdentity");
    }
    for action in actions {
        let wish = Wish {
            action,
            resource: asked.role_arn,
            owner: wanted.account(),
            trust: Some(&role.trust),
        };
        call.authorize(state, &wish, &context)?;
    }

    let seconds = asked.seconds.unwrap_or(3600);
    if caller.session.is_some() && seconds > CHAINED_SECONDS {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    if seconds > role.max_session_seconds {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    let policies = managed_policies(call.params, state, &wanted, asked.policies)?;
    let unique_id = role.named.unique_id.clone();
    let actor = Actor::Role {
        name: wanted.name().to_owned(),
        session_name: asked.session_name.to_owned(),
    };
    let mut transitive = asked.transitive;
    if let Some(session) = &caller.session {
        transitive.extend(session.transitive.iter().cloned());
    }
    let session = Session {
        account: wanted.account(),
        policies,
        tags,
        transitive,
        source_identity: source_identity.clone(),
        ..new_session(call, seconds, actor, &unique_id)
    };
    let (id, session) = state.issue(session);

    let (account, role, name) = assumed_user(call.fault, &wanted, asked.session_name);
    let mut result = credentials(&id, &session, told_expiry(call.fault, &session));
    result.push_str(&format!(
        "<AssumedRoleUser><AssumedRoleId>{unique_id}:{name}</AssumedRoleId>\
         <Arn>arn:aws:sts::{account}:assumed-role/{role}/{name}</Arn></AssumedRoleUser>"
    ));
    if let Some(percent) = asked.packed_percent {
        result.push_str(&format!("<PackedPolicySize>{percent}</PackedPolicySize>"));
    }
    if let Some(identity) = source_identity {
        result.push_str(&format!(
            "<SourceIdentity>{}</SourceIdentity>",
            escaped(&identity)
        ));
    }
    Ok(result)
}

fn read(params: &Params) -> Result<Asked<'_>, Refusal> {
    let mut checks = Checks::new(params);
    let role_arn = checks.role_arn();
    let session_name = checks.required("RoleSessionName", 2, 64, NAME);
    let seconds = checks.number("DurationSeconds", 900, 43_200);
    let external_id = checks.text("ExternalId", 2, 1224, EXTERNAL_ID);
    let source_identity = checks.text("SourceIdentity", 2, 64, NAME);
    let policy = checks.policy();
    checks.mfa();
    let keys = params.members("Tags", "Key");
    let values = params.members("Tags", "Value");
    let transitive = params.members("TransitiveTagKeys", "");
    let policy_arns = params.members("PolicyArns", "arn");
    checks.at_most(&keys, "tags", 50);
    checks.at_most(&transitive, "transitiveTagKeys", 50);
    checks.at_most(&policy_arns, "policyArns", 10);
    checks.finish()?;

    if source_identity.is_some_and(|identity| identity.to_ascii_lowercase().starts_with("aws:")) {
        return Err(Refusal::validation(
            "SourceIdentity must not begin with the reserved prefix aws:",
        ));
    }
    // The library's own types know the limits of tags; what they refuse, STS refuses.
    let invalid = |error: rolecall::Invalid| Refusal::validation(error.to_string());
    let tags = keys
        .iter()
        .zip(&values)
        .map(|(key, value)| Tag::new(key.unwrap_or_default(), value.unwrap_or_default()).map_err(invalid))
        .collect::<Result<Vec<_>, _>>()?;
    let transitive: Vec<String> = transitive.into_iter().flatten().map(str::to_owned).collect();
    let tags = Tags::new(tags, transitive.clone()).map_err(invalid)?;
    let policies = match policy {
        Some(text) => {
            let document = text
                .parse::<Document>()
                .and_then(|document| document.check_identity().map(|()| document))
                .map_err(|error| Refusal::malformed_policy(error.to_string()))?;
            Some(vec![("session policy".to_owned(), document)])
        }
        None => None,
    };
    let arns: usize = policy_arns.iter().flatten().map(|arn| arn.len()).sum();
    let size = policy.map_or(0, str::len)
        + tags
            .iter()
            .map(|tag| tag.key().len() + tag.value().len())
            .sum::<usize>();
    let packed_percent = (size + arns > 0).then(|| (size + arns).div_ceil(PACKED_BYTES_OF_A_PERCENT));
    // What AWS packs and how is not documented; a plain sum of bytes errs on the side of letting through.
    if packed_percent.is_some_and(|percent| percent > 100) {
        return Err(Refusal::new(
            400,
            "PackedPolicyTooLarge",
            format!(
                "Packed size consumes {}% of allotted space, must be less than 100%",
                packed_percent.unwrap_or_default()
            ),
        ));
    }
    Ok(Asked {
        role_arn,
        session_name,
        seconds,
        external_id,
        source_identity,
        policies,
        tags: tags
            .iter()
            .map(|tag| (tag.key().to_owned(), tag.value().to_owned()))
            .collect(),
        transitive,
        packed_percent,
    })
}

const PACKED_BYTES_OF_A_PERCENT: usize = 41;

/// The tags of the call and those that a chain hands on, which must not be set again ("Passing session tags", "Chaining
/// roles with session tags").
fn inherited_tags(caller: &Caller, asked: &Asked<'_>) -> Result<BTreeMap<String, String>, Refusal> {
    let mut tags = asked.tags.clone();
    let Some(session) = &caller.session else {
        return Ok(tags);
    };
    for key in &session.transitive {
        if tags.keys().any(|set| set.eq_ignore_ascii_case(key)) {
            return Err(Refusal::new(
                400,
                "InvalidParameterValue",
                format!(
                    "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key from the calling session: {key}"
                ),
            ));
        }
        if let Some(value) = session.tags.get(key) {
            tags.insert(key.clone(), value.clone());
        }
    }
    Ok(tags)
}

/// Once set, it stays for the whole chain ("Monitor and control actions taken with assumed roles").
fn source_identity(caller: &Caller, asked: &Asked<'_>) -> Result<Option<String>, Refusal> {
    let before = caller
        .session
        .as_ref()
        .and_then(|session| session.source_identity.clone());
    match (before, asked.source_identity) {
        (Some(before), Some(now)) if before != now => Err(Refusal::denied(format!(
            "User: {} is not authorized to perform: sts:SetSourceIdentity on resource: {}",
            caller.principal.arn(),
            asked.role_arn
        ))),
        (before, now) => Ok(before.or(now.map(str::to_owned))),
    }
}

/// The keys that gate AssumeRole ("IAM and AWS STS condition context keys").
fn context(
    call: &Call<'_>,
    state: &State,
    asked: &Asked<'_>,
    tags: &BTreeMap<String, String>,
    source_identity: Option<&str>,
) -> Context {
    let mut context = call.context(state);
    context.set("sts:RoleSessionName", asked.session_name);
    if let Some(external_id) = asked.external_id {
        context.set("sts:ExternalId", external_id);
    }
    if let Some(seconds) = asked.seconds {
        context.set("sts:DurationSeconds", seconds.to_string());
    }
    if let Some(identity) = source_identity {
        context.set("sts:SourceIdentity", identity);
    }
    for (key, value) in tags {
        context.set(&format!("aws:RequestTag/{key}"), value.as_str());
    }
    if !tags.is_empty() {
        context.set_all("aws:TagKeys", tags.keys().cloned());
    }
    if !asked.transitive.is_empty() {
        context.set_all("sts:TransitiveTagKeys", asked.transitive.iter().cloned());
    }
    if let Some(Ok(owner)) = asked.role_arn.split(':').nth(4).map(str::parse) {
        authz::set_owner(&mut context, state, owner);
    }
    context
}

/// Adds the managed session policies, which must be the role's account's own or AWS's.
fn managed_policies(
    params: &Params,
    state: &State,
    role: &RoleArn,
    inline: Option<Vec<(String, Document)>>,
) -> Result<Option<Vec<(String, Document)>>, Refusal> {
    let mut policies = inline;
    for arn in params.members("PolicyArns", "arn").into_iter().flatten() {
        let policy = state
            .managed_source(role.account(), arn)
            .ok_or_else(|| Refusal::validation(format!("ARN {arn} is not valid.")))?;
        policies
            .get_or_insert_default()
            .push((arn.to_owned(), policy.document.clone()));
    }
    Ok(policies)
}

/// Account, role and session name of the answer, as the faults have them.
fn assumed_user(fault: Option<Fault>, role: &RoleArn, session_name: &str) -> (String, String, String) {
    let mut user = (
        role.account().to_string(),
        role.name().to_owned(),
        session_name.to_owned(),
    );
    match fault {
        Some(Fault::OtherAccount) => "999999999999".clone_into(&mut user.0),
        Some(Fault::OtherRole) => "OtherRole".clone_into(&mut user.1),
        Some(Fault::OtherSessionName) => "other-session".clone_into(&mut user.2),
        _ => {}
    }
    user
}

/// What the answer says of the end, which a fault makes a lie.
fn told_expiry(fault: Option<Fault>, session: &Session) -> SystemTime {
    match fault {
        Some(Fault::ExpiresTooLate) => session.issued + Duration::from_secs(30 * 3600),
        Some(Fault::AlreadyExpired) => session.issued - Duration::from_secs(60),
        _ => session.expires,
    }
}

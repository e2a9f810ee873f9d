//! AssumeRole: who may become whom, for how long, and held to what.

use rolecall::policy::Context;

use super::role::{Asked, actions, set_tags};
use super::session_parameters::{Policies, Tags, packed_size, packed_size_element};
use super::{credentials, new_session};
use crate::api::{Params, Refusal, escaped};
use crate::authz::Wish;
use crate::call::Call;
use crate::mfa;
use crate::state::{Actor, Caller, Session, State};
use crate::validate::{ANY, Checks, EXTERNAL_ID, NAME, Pattern};

/// The most that a session signed for by temporary credentials may last ("Role chaining").
const CHAINED_SECONDS: u32 = 3600;
/// The model sets no pattern.
const ASSERTION: Pattern = (|_| true, "");

/// What is asked for beyond role, name and duration.
struct Options<'a> {
    external_id: Option<&'a str>,
    source_identity: Option<&'a str>,
    policies: Policies<'a>,
    tags: Tags,
}

pub(super) fn assume_role(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let caller = &call.verified.caller;
    let (asked, options) = read(call.params)?;
    if caller.actor == Actor::Root {
        return Err(Refusal::denied("Roles may not be assumed by root accounts."));
    }
    let wanted = asked.wanted()?;
    let tags = inherited_tags(caller, options.tags)?;
    let source_identity = source_identity(caller, options.source_identity, asked.arn)?;
    let packed = packed_size(&options.policies, &tags.set)?;
    let proved = mfa::prove(call, state)?;

    let mut context = call.context(state);
    asked.set_context(&mut context, state, &wanted);
    set_tags(&mut context, &tags);
    set_keys(
        &mut context,
        options.external_id,
        source_identity.as_deref(),
        proved,
    );
    let refused = || {
        Refusal::denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            caller.principal.arn(),
            asked.arn
        ))
    };
    // A role that is not there is refused in the same words as one that does not trust the caller.
    let role = asked.find_or_refuse(call, state, &wanted, refused)?;
    for action in actions("sts:AssumeRole", &tags, source_identity.as_deref()) {
        let wish = Wish {
            action,
            resource: asked.arn,
            owner: wanted.account(),
            trust: Some(&role.trust),
        };
        call.authorize(state, &wish, &context)?;
    }

    if caller.session.is_some() && asked.seconds() > CHAINED_SECONDS {
        return Err(Refusal::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.",
        ));
    }
    asked.check_duration(role)?;
    let policies = options.policies.resolve(state, wanted.account())?;
    let unique_id = role.named.unique_id.clone();
    let actor = Actor::Role {
        name: wanted.name().to_owned(),
        session_name: asked.session_name.to_owned(),
    };
    let mut transitive = tags.transitive;
    if let Some(session) = &caller.session {
        transitive.extend(session.transitive.iter().cloned());
    }
    let session = Session {
        policies,
        tags: tags.set,
        transitive,
        source_identity: source_identity.clone(),
        chained: caller.session.is_some(),
        ..new_session(call, wanted.account(), asked.seconds(), actor, &unique_id)
    };
    let (id, session) = state.issue(session);

    let mut result = credentials(call, &id, &session);
    result.push_str(&asked.assumed_user(call.fault, &wanted, &unique_id));
    result.push_str(&packed_size_element(packed));
    if let Some(identity) = source_identity {
        result.push_str(&format!(
            "<SourceIdentity>{}</SourceIdentity>",
            escaped(&identity)
        ));
    }
    Ok(result)
}

fn read(params: &Params) -> Result<(Asked<'_>, Options<'_>), Refusal> {
    let mut checks = Checks::new(params);
    let asked = Asked::read(&mut checks);
    let external_id = checks.text("ExternalId", 2, 1224, EXTERNAL_ID);
    let source_identity = checks.text("SourceIdentity", 2, 64, NAME);
    checks.mfa();
    let policies = Policies::read(&mut checks);
    let tags = checks.tags("Tags");
    let transitive = checks.tag_keys("TransitiveTagKeys");
    let contexts = provided_contexts(&mut checks, params);
    checks.finish()?;
    if contexts > 0 {
        // Who vouches for them is IAM Identity Center, and here it vouches for nobody.
        return Err(Refusal::validation(
            "The provided context assertion is not valid: no context provider issued it.",
        ));
    }
    let tags = Tags::new(&tags, &transitive)?;
    let options = Options {
        external_id,
        source_identity,
        policies,
        tags,
    };
    Ok((asked, options))
}

/// How many contexts were provided, each held to its limits.
fn provided_contexts(checks: &mut Checks<'_>, params: &Params) -> usize {
    let providers = params.members("ProvidedContexts", "ProviderArn");
    let assertions = params.members("ProvidedContexts", "ContextAssertion");
    checks.at_most(&providers, "providedContexts", 5);
    for (at, (provider, assertion)) in providers.iter().zip(&assertions).enumerate() {
        let member = format!("providedContexts.{}.member", at + 1);
        if let Some(provider) = provider {
            checks.check(provider, &format!("{member}.providerArn"), 20, 2048, ANY);
        }
        if let Some(assertion) = assertion {
            checks.check(
                assertion,
                &format!("{member}.contextAssertion"),
                4,
                2048,
                ASSERTION,
            );
        }
    }
    providers.len()
}

/// The tags of the call and those that a chain hands on, which must not be set again ("Passing session tags", "Chaining
/// roles with session tags").
fn inherited_tags(caller: &Caller, mut tags: Tags) -> Result<Tags, Refusal> {
    let Some(session) = &caller.session else {
        return Ok(tags);
    };
    for key in &session.transitive {
        if tags
            .set
            .keys()
            .any(|set| set.to_lowercase() == key.to_lowercase())
        {
            return Err(Refusal::new(
                400,
                "InvalidParameterValue",
                "One of the specified transitive tag keys can't be set because it conflicts with a transitive tag key \
                 from the calling session.",
            ));
        }
        if let Some(value) = session.tags.get(key) {
            tags.set.insert(key.clone(), value.clone());
        }
    }
    Ok(tags)
}

/// Once set, it stays for the whole chain ("Monitor and control actions taken with assumed roles").
fn source_identity(caller: &Caller, asked: Option<&str>, role_arn: &str) -> Result<Option<String>, Refusal> {
    let before = caller
        .session
        .as_ref()
        .and_then(|session| session.source_identity.clone());
    match (before, asked) {
        (Some(before), Some(now)) if before != now => Err(Refusal::denied(format!(
            "User: {} is not authorized to perform: sts:SetSourceIdentity on resource: {role_arn}",
            caller.principal.arn(),
        ))),
        (before, now) => Ok(before.or(now.map(str::to_owned))),
    }
}

fn set_keys(context: &mut Context, external_id: Option<&str>, source_identity: Option<&str>, proved: bool) {
    if let Some(external_id) = external_id {
        context.set("sts:ExternalId", external_id);
    }
    if let Some(identity) = source_identity {
        context.set("sts:SourceIdentity", identity);
    }
    if proved {
        // For this call alone: the session it makes does not carry it on ("Configuring MFA-protected API access").
        context.set("aws:MultiFactorAuthPresent", "true");
        context.set("aws:MultiFactorAuthAge", "0");
    }
}

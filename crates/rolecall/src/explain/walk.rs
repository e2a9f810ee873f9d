//! Walks a chain, hop by hop, with the session of the hop before; and reads for each what has a say.

use super::call::Call;
use super::causes::{self, Absence, Seen};
use super::mend::Mending;
use super::weigh::Asked;
use super::{Decoded, Explanation, Hop, Layer, Outcome, Reading, Says, is_refusal};
use crate::arn::RoleArn;
use crate::discover::{Holdings, Part, UNREAD, Unread, holdings, unread};
use crate::error::Error;
use crate::policy::{Document, PolicyKind, Possible};
use crate::provider::Provider;
use crate::provider::reading::{Entity, Reader};
use crate::session::Session;
use std::collections::BTreeSet;

/// Explains why a provider's target works or does not.
///
/// The roles of the chain are assumed as any command would assume them, each at most once; the walk ends at the first that
/// cannot be. `via` are targets in other accounts, through which the trust policies of their roles are read.
pub async fn explain(provider: &Provider, via: &[Provider]) -> Explanation {
    let chain = provider.chain();
    let mut explanation = Explanation {
        target: chain.target.to_string(),
        source: chain.source.to_string(),
        hops: Vec::new(),
        of: chain.roles.len(),
        source_refused: None,
        source_causes: Vec::new(),
        identity: None,
    };
    if chain.roles.is_empty() {
        match provider.caller_identity().await {
            Ok(identity) => explanation.identity = Some(identity.arn),
            Err(error) => explanation.refuse(error),
        }
        return explanation;
    }
    for hop in 0..chain.roles.len() {
        let by = provider.up_to(hop);
        let answer = provider.up_to(hop + 1).session().await;
        let held = if by.is_token() {
            None
        } else {
            match (holdings(&by).await, &answer) {
                (Ok(held), _) => Some(held),
                // Not everything that speaks STS's protocol says who calls.
                (Err(_), Ok(_)) => None,
                (Err(error), Err(refusal)) => {
                    let is_of_the_role = refusal.hop().is_some() && refusal.aws_code() != error.aws_code();
                    if is_of_the_role {
                        None
                    } else {
                        explanation.refuse(refusal.clone());
                        return explanation;
                    }
                }
            }
        };
        let studied = study(provider, hop, &by, held, Some(&answer), via).await;
        let goes_on = studied.outcome == Outcome::Works;
        explanation.hops.push(studied);
        if !goes_on {
            break;
        }
    }
    explanation
}

impl Explanation {
    fn refuse(&mut self, error: Error) {
        self.source_causes = causes::of_refusal(&error, None);
        self.source_refused = Some(error);
    }
}

/// The role of a hop, as far as somebody could read it.
struct Looked {
    entity: Option<Entity>,
    by: Option<String>,
    absence: Option<Absence>,
    unread: Option<Unread>,
}

/// Puts together what is known of one hop.
pub(super) async fn study(
    provider: &Provider,
    hop: usize,
    by: &Provider,
    held: Option<Holdings>,
    answer: Option<&Result<Session, Error>>,
    via: &[Provider],
) -> Hop {
    let call = Call {
        chain: provider.chain(),
        hop,
    };
    let role = &call.role().arn;
    let session = answer.and_then(|answer| answer.as_ref().ok());
    let refusal = answer.and_then(|answer| answer.as_ref().err());
    let looked = look(provider, hop, by, held.as_ref(), session.is_some(), via).await;
    let mut hop_told = Hop {
        role: role.to_string(),
        account: role.account().to_string(),
        caller: held.as_ref().map(|held| held.caller.identity.arn.clone()),
        outcome: Outcome::Unknown,
        refusal: refusal.cloned(),
        until: session.map(Session::expires_at),
        reading: Reading::Nothing,
        layers: Vec::new(),
        trust_read_by: looked.by.clone(),
        causes: Vec::new(),
        changes: Vec::new(),
        notes: Vec::new(),
        unread: held.as_ref().map(|held| held.unread.clone()).unwrap_or_default(),
        decoded: None,
    };
    hop_told.unread.extend(looked.unread.clone());
    let trust = trust(&looked, &mut hop_told, role);
    let is_there = looked.absence.is_none();
    if let Some(held) = &held {
        let context = call.context(by, held, looked.entity.as_ref());
        let asked = Asked {
            holdings: held,
            role,
            trust: trust.as_ref(),
            context: &context,
        };
        hop_told.reading = read(&asked, &call.actions());
        hop_told.layers = call
            .actions()
            .iter()
            .flat_map(|action| asked.layers(action))
            .collect();
    }
    hop_told.outcome = outcome(session, refusal, &hop_told.reading, is_there);
    if hop_told.outcome != Outcome::Works {
        let absent = looked
            .absence
            .as_ref()
            .map(|absence| causes::absent(role, absence));
        hop_told.causes.extend(absent);
        let known = refusal.map(|error| causes::of_refusal(error, looked.entity.as_ref()));
        hop_told.causes.extend(known.unwrap_or_default());
        if let Some(held) = &held {
            find(call, by, held, trust.as_ref(), &looked, &mut hop_told);
        }
        hop_told.decoded = decode(by, refusal).await;
    }
    note(call, held.as_ref(), &mut hop_told);
    // STS refuses a role that is not there as any other, and nobody here could look.
    let may_be_misspelled =
        hop_told.outcome == Outcome::Refused && looked.entity.is_none() && looked.absence.is_none();
    let names = may_be_misspelled.then(|| names_in_profiles(provider, role));
    hop_told
        .notes
        .extend(names.and_then(|names| causes::alike(role, &names)));
    hop_told
}

/// The other roles of that account that the user has profiles for.
fn names_in_profiles(provider: &Provider, role: &RoleArn) -> Vec<String> {
    let profiles = provider.profiles().profiles();
    let arns = profiles.filter_map(|profile| profile.value("role_arn")?.parse::<RoleArn>().ok());
    let others = arns.filter(|arn| arn.account() == role.account() && arn.name() != role.name());
    let names: BTreeSet<String> = others.map(|arn| arn.name().to_owned()).collect();
    names.into_iter().collect()
}

/// The causes that the policies tell, and the changes.
fn find(
    call: Call<'_>,
    by: &Provider,
    held: &Holdings,
    trust: Option<&Document>,
    looked: &Looked,
    told: &mut Hop,
) {
    let context = call.context(by, held, looked.entity.as_ref());
    let seen = Seen {
        call,
        holdings: held,
        trust,
        layers: &told.layers,
        is_mfa_proved: context
            .values(super::call::MFA_PRESENT)
            .is_some_and(|values| values == ["true"]),
    };
    // Where it is not denied, what is silent need not speak: in the caller's own account a trust policy may be enough.
    let is_denied = told.reading == Reading::Denied;
    let mut of_policies: Vec<_> = causes::of_the_caller(&seen).into_iter().collect();
    // What is not there needs no permission.
    if is_denied && looked.absence.is_none() {
        of_policies.extend(causes::of_policies(&seen));
    }
    let names: Vec<&str> = of_policies.iter().map(|cause| cause.name).collect();
    told.causes.retain(|cause| !names.contains(&cause.name));
    told.causes.extend(of_policies);
    let asked = Asked {
        holdings: held,
        role: &call.role().arn,
        trust,
        context: &context,
    };
    let mending = Mending::new(call, &asked);
    let is_refused_by_policy = told.refusal.as_ref().is_none_or(|error| {
        error
            .aws_code()
            .is_some_and(|code| code.starts_with("AccessDenied"))
    });
    let presumed =
        (trust.is_none() && looked.absence.is_none() && is_refused_by_policy).then(|| mending.trust_unread());
    if is_denied && looked.absence.is_none() {
        let (changes, is_whole) = mending.run();
        told.changes = changes;
        if !is_whole {
            told.notes.push(
                "The changes below are not all: what is left is not to be changed by a policy.".to_owned(),
            );
        }
    }
    told.changes.extend(presumed);
}

fn outcome(session: Option<&Session>, refusal: Option<&Error>, reading: &Reading, is_there: bool) -> Outcome {
    match (session, refusal) {
        (Some(_), _) => Outcome::Works,
        (None, Some(error)) if is_refusal(error) => Outcome::Refused,
        _ if *reading == Reading::Denied || !is_there => Outcome::Refused,
        _ => Outcome::Unknown,
    }
}

/// What was read says of all actions together.
fn read(asked: &Asked<'_>, actions: &[&str]) -> Reading {
    let mut depends: Vec<String> = Vec::new();
    let mut add = |key: String| {
        let key = match key.strip_prefix(UNREAD) {
            Some(what) => format!("unread: {what}"),
            None => key,
        };
        if !depends.contains(&key) {
            depends.push(key);
        }
    };
    for action in actions {
        match asked.possible(action) {
            Possible::Denied(_) => return Reading::Denied,
            Possible::Conditional { keys, .. } => keys.into_iter().for_each(&mut add),
            Possible::Allowed(_) => {}
        }
    }
    if asked.trust.is_none() {
        add(format!("{UNREAD}the role's trust policy"));
    }
    if matches!(asked.holdings.service_control, Part::Unread) {
        add(format!(
            "{UNREAD}the service control policies of the organization"
        ));
    }
    if depends.is_empty() {
        Reading::Allowed
    } else {
        Reading::Depends(depends)
    }
}

/// The trust policy, where it was read and is one.
fn trust(looked: &Looked, told: &mut Hop, role: &RoleArn) -> Option<Document> {
    let text = looked.entity.as_ref()?.trust.as_ref()?;
    match text.parse::<Document>() {
        Ok(document) => Some(document),
        Err(invalid) => {
            told.unread.push(Unread {
                what: format!("the trust policy of {role}"),
                needs: "iam:GetRole".to_owned(),
                on: role.to_string(),
                why: format!("it is not understood: {}", invalid.sentence()),
            });
            None
        }
    }
}

/// Reads the role with whatever session may: the caller's own, an earlier one of the chain, a target that was named for
/// it, or that of the role itself.
async fn look(
    provider: &Provider,
    hop: usize,
    by: &Provider,
    held: Option<&Holdings>,
    is_granted: bool,
    via: &[Provider],
) -> Looked {
    let chain = provider.chain();
    let role = &chain.roles[hop].arn;
    let mut readers: Vec<(String, Provider)> = Vec::new();
    if held.is_some_and(|held| held.caller.account == role.account()) {
        readers.push(("the caller".to_owned(), by.clone()));
    }
    for (before, earlier) in chain.roles[..hop].iter().enumerate().rev().skip(1) {
        if earlier.arn.account() == role.account() {
            readers.push((earlier.arn.to_string(), provider.up_to(before + 1)));
        }
    }
    for target in via {
        let identity = target.caller_identity().await;
        if identity.is_ok_and(|identity| identity.account == role.account().as_str()) {
            readers.push((target.chain().target.to_string(), target.clone()));
        }
    }
    if is_granted {
        readers.push(("the role itself".to_owned(), provider.up_to(hop + 1)));
    }
    let mut last = None;
    for (name, reader) in readers {
        match looked_at(&reader, role).await {
            Ok((entity, absence)) => {
                return Looked {
                    entity: entity.filter(|_| absence.is_none()),
                    by: Some(name),
                    absence,
                    unread: None,
                };
            }
            Err(error) => last = Some(error),
        }
    }
    let what = format!("the trust policy of {role}");
    let unread = match last {
        Some(error) => unread(what, "iam:GetRole", role.to_string(), &error),
        None => Unread {
            what,
            needs: "iam:GetRole".to_owned(),
            on: role.to_string(),
            why: format!(
                "nobody of this chain is in account {}; --via names a target that is",
                role.account()
            ),
        },
    };
    Looked {
        entity: None,
        by: None,
        absence: None,
        unread: Some(unread),
    }
}

async fn looked_at(provider: &Provider, role: &RoleArn) -> Result<(Option<Entity>, Option<Absence>), Error> {
    let reader = Reader::of(provider).await?;
    let wanted = role.to_string();
    let error = match reader.role(role.name()).await {
        Ok(entity) if entity.arn == wanted => return Ok((Some(entity), None)),
        Ok(entity) => return Ok((None, Some(Absence::Other(entity.arn)))),
        Err(error) => error,
    };
    if !error
        .aws_code()
        .is_some_and(|code| code.starts_with("NoSuchEntity"))
    {
        return Err(error);
    }
    // The names are a help and no more.
    let arns: Vec<String> = reader
        .roles()
        .await
        .unwrap_or_default()
        .into_iter()
        .map(|entity| entity.arn)
        .collect();
    if let Some(arn) = arns.iter().find(|arn| arn.eq_ignore_ascii_case(&wanted)) {
        return Ok((None, Some(Absence::Other(arn.clone()))));
    }
    let names = arns
        .iter()
        .filter_map(|arn| arn.rsplit('/').next())
        .map(str::to_owned)
        .collect();
    Ok((None, Some(Absence::NoName(names))))
}

/// What an encoded message in a refusal says, if whoever was refused may know.
async fn decode(by: &Provider, refusal: Option<&Error>) -> Option<Decoded> {
    let message = refusal?.encoded_message()?;
    let text = by.decode_authorization_message(message).await.ok()?;
    Decoded::read(&text)
}

/// Where reading and STS disagree, what remains; and what else one should know.
fn note(call: Call<'_>, held: Option<&Holdings>, told: &mut Hop) {
    if let Some(reason) = call.role().duration_capped_by {
        told.notes.push(format!(
            "The session is asked for one hour and not for what was configured: {reason}."
        ));
    }
    let code = told
        .refusal
        .as_ref()
        .and_then(Error::aws_code)
        .unwrap_or_default();
    match (told.outcome, &told.reading) {
        (Outcome::Refused, Reading::Allowed) if told.causes.is_empty() && code.starts_with("AccessDenied") => {
            let mut remains = vec![
                "a resource control policy of the role's organization",
                "the policy of a VPC endpoint",
                "a change of a moment ago that has not reached everywhere",
            ];
            if call.chain.source.is_temporary_key() || call.chain.own.is_some() {
                remains.insert(0, "a session policy that the source's credentials were made with");
            }
            told.notes.push(format!(
                "STS refuses although everything that could be read allows it. What remains is {}.",
                listed(&remains, "or")
            ));
        }
        (Outcome::Refused, Reading::Depends(keys)) if told.causes.is_empty() => {
            let known: Vec<&str> = keys
                .iter()
                .map(String::as_str)
                .filter(|key| !key.starts_with("unread: "))
                .collect();
            let side = caller_side(&told.layers);
            let depends = match known.as_slice() {
                [] => "it depends on what could not be read".to_owned(),
                known => format!("it depends on {}", listed(known, "and")),
            };
            told.notes
                .push(format!("{side}What decides could not be told: {depends}."));
        }
        (Outcome::Works, Reading::Denied) => told.notes.push(
            "STS gives the session although what was read denies it: a policy was changed a moment ago, or the session is older than the change."
                .to_owned(),
        ),
        _ => {}
    }
    if told.outcome == Outcome::Unknown
        && let Some(error) = &told.refusal
    {
        told.notes.push(format!("STS could not be asked: {error}."));
    }
    if held.is_none() && told.outcome != Outcome::Works {
        told.notes.push(
            "Who calls has no policies that could be read: the trust policy of the role alone decides."
                .to_owned(),
        );
    }
}

fn caller_side(layers: &[Layer]) -> &'static str {
    let mut own = layers.iter().filter(|layer| layer.kind != PolicyKind::Trust);
    if own.all(|layer| matches!(layer.says, Says::Allows(_))) {
        "The caller's own side allows it. "
    } else {
        ""
    }
}

pub(super) fn listed(items: &[&str], word: &str) -> String {
    match items {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} {word} {last}", rest.join(", ")),
    }
}

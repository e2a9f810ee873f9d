//! Tags of users, roles and managed policies ("Tags for AWS Identity and Access Management resources").

use std::collections::BTreeMap;

use super::entity::{set_request_tags, set_resource_tags};
use super::input::{Input, MOST_TAGS};
use super::{Answered, Iam, Kind, no_such_policy, policies, render};
use crate::api::Refusal;
use crate::state::State;

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "TagPolicy" | "TagRole" | "TagUser" => tag(iam, state),
        "UntagPolicy" | "UntagRole" | "UntagUser" => untag(iam, state),
        "ListPolicyTags" | "ListRoleTags" | "ListUserTags" => list(iam, state),
        _ => return None,
    })
}

/// What is tagged, by name or by ARN.
#[derive(Clone, Copy)]
enum Tagged<'a> {
    Entity(Kind, &'a str),
    Policy(&'a str),
}

fn tagged<'a>(iam: &Iam<'_>, input: &mut Input<'a>) -> Tagged<'a> {
    if iam.operation.contains("Policy") {
        return Tagged::Policy(input.policy_arn("PolicyArn"));
    }
    let kind = Kind::of(iam.operation);
    Tagged::Entity(kind, input.existing(kind))
}

/// Whether the caller may do that to it with those tags or keys, and whether it exists.
fn found(
    iam: &Iam<'_>,
    state: &State,
    tagged: Tagged<'_>,
    tags: &[(&str, &str)],
    keys: &[&str],
) -> Result<(), Refusal> {
    let mut context = match tagged {
        Tagged::Entity(kind, name) => iam.entity_context(state, kind, name),
        Tagged::Policy(arn) => {
            let mut context = iam.context(state);
            if let Some(policy) = state.managed(iam.account, arn) {
                set_resource_tags(&mut context, &policy.tags);
            }
            context
        }
    };
    set_request_tags(&mut context, tags);
    if !keys.is_empty() {
        context.set_all("aws:TagKeys", keys.iter().map(|key| (*key).to_owned()));
    }
    match tagged {
        Tagged::Entity(kind, name) => iam.found_with(state, kind, name, &context),
        Tagged::Policy(arn) => {
            iam.check_with(state, arn, &context)?;
            policies::found(iam, state, arn).map(|_| ())
        }
    }
}

fn tags_of<'s>(
    iam: &Iam<'_>,
    state: &'s mut State,
    tagged: Tagged<'_>,
) -> Result<&'s mut BTreeMap<String, String>, Refusal> {
    match tagged {
        Tagged::Entity(kind, name) => Ok(&mut iam.entity(state, kind, name)?.tags),
        Tagged::Policy(arn) => iam
            .home(state)?
            .policies
            .get_mut(arn)
            .map(|policy| &mut policy.tags)
            .ok_or_else(|| no_such_policy(arn)),
    }
}

/// The key under which a tag is kept: those of users and roles are told apart by more than case, and the first spelling
/// stays.
fn spelling(tags: &BTreeMap<String, String>, tagged: Tagged<'_>, key: &str) -> String {
    let same = |other: &&String| match tagged {
        Tagged::Entity(..) => other.to_lowercase() == key.to_lowercase(),
        Tagged::Policy(_) => other.as_str() == key,
    };
    tags.keys().find(same).cloned().unwrap_or_else(|| key.to_owned())
}

fn tag(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let tagged = tagged(iam, &mut input);
    let tags = match tagged {
        Tagged::Entity(..) => input.tags(),
        Tagged::Policy(_) => input.policy_tags(),
    };
    if tags.is_empty() {
        input.checks.missing("tags");
    }
    input.finish()?;
    found(iam, state, tagged, &tags, &[])?;
    let kept = tags_of(iam, state, tagged)?;
    let mut wanted = kept.clone();
    for (key, value) in tags {
        wanted.insert(spelling(kept, tagged, key), value.to_owned());
    }
    if wanted.len() > MOST_TAGS {
        return Err(Refusal::new(
            409,
            "LimitExceeded",
            "The number of tags has reached the maximum limit.",
        ));
    }
    *kept = wanted;
    Ok(String::new())
}

fn untag(iam: &Iam<'_>, state: &mut State) -> Answered {
    let mut input = iam.input();
    let tagged = tagged(iam, &mut input);
    let keys = input.tag_keys();
    input.finish()?;
    found(iam, state, tagged, &[], &keys)?;
    let kept = tags_of(iam, state, tagged)?;
    for key in keys {
        let key = spelling(kept, tagged, key);
        kept.remove(&key);
    }
    Ok(String::new())
}

fn list(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let tagged = tagged(iam, &mut input);
    let page = input.page();
    input.finish()?;
    found(iam, state, tagged, &[], &[])?;
    let tags = match tagged {
        Tagged::Entity(kind, name) => &iam.entity_seen(state, kind, name)?.tags,
        Tagged::Policy(arn) => &policies::found(iam, state, arn)?.tags,
    };
    // A key may be longer than a marker; its number, of at most fifty, is not.
    let tags = tags.iter().enumerate();
    page.list(
        "Tags",
        tags.map(|(number, tag)| (format!("{number:02}"), tag)),
        render::tag,
    )
}

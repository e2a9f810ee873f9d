//! A little of SNS, in the query protocol ("Amazon Simple Notification Service API Reference").

use rolecall::AccountId;

use crate::api::{Answer, Refusal, escaped, query_answer};
use crate::authz::{self, Wish};
use crate::call::Call;
use crate::ids;
use crate::service::Service;
use crate::state::State;

pub(crate) fn answer(operation: &str, call: &Call<'_>, state: &mut State) -> Result<Answer, Refusal> {
    let result = match operation {
        "CreateTopic" => create_topic(call, state)?,
        "DeleteTopic" => delete_topic(call, state)?,
        "ListTopics" => list_topics(call, state)?,
        "Publish" => publish(call, state)?,
        other => {
            return Err(Refusal::new(
                400,
                "InvalidAction",
                format!("The action {other} is not valid for this endpoint."),
            ));
        }
    };
    Ok(query_answer(Service::Sns, operation, call.request_id, &result))
}

fn invalid(what: &str) -> Refusal {
    Refusal::new(400, "InvalidParameter", format!("Invalid parameter: {what}"))
}

fn check(
    call: &Call<'_>,
    state: &State,
    action: &str,
    resource: &str,
    owner: AccountId,
) -> Result<(), Refusal> {
    let wish = Wish {
        action,
        resource,
        owner,
        trust: None,
    };
    let mut context = call.context(state);
    authz::set_owner(&mut context, state, owner);
    call.authorize(state, &wish, &context)
}

fn here(call: &Call<'_>, name: &str) -> String {
    let (region, account) = (&call.verified.region, call.verified.caller.account);
    format!("arn:aws:sns:{region}:{account}:{name}")
}

/// "Topic names must … be between 1 and 256 characters long" (CreateTopic).
fn is_name(name: &str) -> bool {
    (1..=256).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
}

fn create_topic(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let name = call.params.find("Name").unwrap_or_default();
    if !is_name(name) {
        return Err(invalid("Topic Name"));
    }
    let arn = here(call, name);
    check(call, state, "SNS:CreateTopic", &arn, call.verified.caller.account)?;
    state.topics.insert(arn.clone());
    Ok(format!("<TopicArn>{arn}</TopicArn>"))
}

/// The account in a topic's ARN; the topic must be in the region that was called.
fn owner(call: &Call<'_>, arn: &str) -> Result<AccountId, Refusal> {
    let fields: Vec<&str> = arn.split(':').collect();
    match fields[..] {
        ["arn", "aws", "sns", region, account, name] if region == call.verified.region && is_name(name) => {
            account.parse().map_err(|_| invalid("TopicArn"))
        }
        _ => Err(invalid("TopicArn")),
    }
}

fn delete_topic(call: &Call<'_>, state: &mut State) -> Result<String, Refusal> {
    let arn = call.params.find("TopicArn").unwrap_or_default();
    check(call, state, "SNS:DeleteTopic", arn, owner(call, arn)?)?;
    state.topics.remove(arn);
    Ok(String::new())
}

fn list_topics(call: &Call<'_>, state: &State) -> Result<String, Refusal> {
    let prefix = here(call, "");
    check(
        call,
        state,
        "SNS:ListTopics",
        &format!("{prefix}*"),
        call.verified.caller.account,
    )?;
    let members: String = state
        .topics
        .iter()
        .filter(|arn| arn.starts_with(&prefix))
        .map(|arn| format!("<member><TopicArn>{arn}</TopicArn></member>"))
        .collect();
    Ok(format!("<Topics>{members}</Topics>"))
}

fn publish(call: &Call<'_>, state: &State) -> Result<String, Refusal> {
    let arn = call
        .params
        .find("TopicArn")
        .or_else(|| call.params.find("TargetArn"))
        .ok_or_else(|| invalid("TopicArn or TargetArn Reason: no value for required parameter"))?;
    let message = call.params.find("Message").unwrap_or_default();
    if message.is_empty() {
        return Err(invalid("Empty message"));
    }
    if message.len() > 262_144 {
        return Err(invalid("Message too long"));
    }
    check(call, state, "SNS:Publish", arn, owner(call, arn)?)?;
    if !state.topics.contains(arn) {
        return Err(Refusal::new(404, "NotFound", "Topic does not exist"));
    }
    Ok(format!("<MessageId>{}</MessageId>", escaped(&ids::request())))
}

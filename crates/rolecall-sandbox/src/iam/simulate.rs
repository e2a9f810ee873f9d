//! SimulatePrincipalPolicy and SimulateCustomPolicy: what would be decided, by the evaluator that decides.

mod entries;
mod exclusions;
mod statements;
mod template;
mod weigh;
mod world;

use super::{Answered, Iam, Input, page::Page};
use crate::api::Refusal;
use crate::state::State;
use crate::validate::ANY;
use world::{World, invalid};

pub(super) fn answer(iam: &Iam<'_>, state: &mut State) -> Option<Answered> {
    Some(match iam.operation {
        "SimulateCustomPolicy" => custom(iam, state),
        "SimulatePrincipalPolicy" => principal(iam, state),
        _ => return None,
    })
}

/// The actions, the resources and the page of a call.
struct Asked<'a> {
    actions: Vec<&'a str>,
    resources: Vec<&'a str>,
    page: Page,
}

fn asked<'a>(input: &mut Input<'a>) -> Asked<'a> {
    let actions = input.texts("ActionNames", 3, 128);
    if actions.is_empty() {
        input.checks.missing("actionNames");
    }
    let resources = input.texts("ResourceArns", 1, 2048);
    input.checks.choice(
        "ResourceHandlingOption",
        &[
            "EC2-VPC-InstanceStore",
            "EC2-VPC-InstanceStore-Subnet",
            "EC2-VPC-EBS",
            "EC2-VPC-EBS-Subnet",
        ],
    );
    Asked {
        actions,
        resources: if resources.is_empty() {
            vec!["*"]
        } else {
            resources
        },
        page: input.page(),
    }
}

impl Asked<'_> {
    fn check(&self) -> Result<(), Refusal> {
        for action in &self.actions {
            let good = action.split_once(':').is_some_and(|(service, name)| {
                !service.is_empty() && !name.is_empty() && !action.contains(['*', '?'])
            });
            if !good {
                return Err(invalid(format!("Invalid Action Name: {action}")));
            }
        }
        for resource in &self.resources {
            if *resource != "*" && !(resource.starts_with("arn:") && resource.splitn(6, ':').count() == 6) {
                return Err(invalid(format!(
                    "ResourceNames are not in a valid ARN format: {resource}."
                )));
            }
        }
        Ok(())
    }

    /// Only what is on the page is weighed.
    fn results(&self, world: &World) -> Answered {
        let numbered = self.actions.iter().enumerate();
        self.page.list(
            "EvaluationResults",
            numbered.map(|(number, action)| (format!("{number:04}"), *action)),
            |action| weigh::result(world, action, &self.resources),
        )
    }
}

fn principal(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let source = input.checks.required("PolicySourceArn", 20, 2048, ANY);
    let asked = asked(&mut input);
    let given = world::given(iam, &mut input)?;
    input.finish()?;
    let entity = world::entity(source)?;
    iam.check_with(
        state,
        source,
        &iam.entity_context(state, entity.kind, entity.name),
    )?;
    if entity.account != iam.account {
        return Err(Refusal::denied(format!(
            "User: {} is not authorized to perform: iam:{} on resource: {source}",
            iam.call.verified.caller.principal.arn(),
            iam.operation
        )));
    }
    asked.check()?;
    let world = given.world(iam, state, Some(&entity))?;
    asked.results(&world)
}

fn custom(iam: &Iam<'_>, state: &State) -> Answered {
    let mut input = iam.input();
    let asked = asked(&mut input);
    let given = world::given(iam, &mut input)?;
    if !given.has_policies() {
        input.checks.missing("policyInputList");
    }
    input.finish()?;
    iam.check(state, "*")?;
    asked.check()?;
    let world = given.world(iam, state, None)?;
    asked.results(&world)
}

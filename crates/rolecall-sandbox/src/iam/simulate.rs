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

/// How many characters of policies may be gone through in one call: all others wait meanwhile.
const MOST_CHARACTERS: usize = 100_000_000;

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
        let actions = self.page.most().min(self.actions.len());
        if actions.saturating_mul(world.work(&self.resources)) > MOST_CHARACTERS {
            return Err(invalid(
                "There are too many actions, resources and statements to simulate them all at once.",
            ));
        }
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use crate::client::Client;
    use crate::state::{ControlPolicy, FULL_ACCESS, Member, Organization, Policy, Unit};
    use crate::{Sandbox, World};

    fn control(text: &str) -> ControlPolicy {
        ControlPolicy {
            name: "policy".to_owned(),
            description: String::new(),
            policy: Policy::parse(text).unwrap(),
        }
    }

    fn member(parent: &str) -> Member {
        Member {
            name: "member".to_owned(),
            email: "member@example.com".to_owned(),
            joined: std::time::SystemTime::UNIX_EPOCH,
            suspended: false,
            parent: parent.to_owned(),
            policies: vec![FULL_ACCESS.to_owned()],
        }
    }

    /// 222222222222 manages; 111111111111 is in a unit that may not use SNS.
    fn organization() -> Organization {
        let full = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
        let unit = Unit {
            name: "unit".to_owned(),
            parent: "r-root".to_owned(),
            policies: vec![FULL_ACCESS.to_owned(), "p-nosns".to_owned()],
        };
        Organization {
            id: "o-exampleorg".to_owned(),
            root_id: "r-root".to_owned(),
            management: "222222222222".parse().unwrap(),
            root_policies: vec![FULL_ACCESS.to_owned()],
            units: BTreeMap::from([("ou-unit".to_owned(), unit)]),
            members: BTreeMap::from([
                ("111111111111".parse().unwrap(), member("ou-unit")),
                ("222222222222".parse().unwrap(), member("r-root")),
            ]),
            policies: BTreeMap::from([
                (FULL_ACCESS.to_owned(), control(full)),
                (
                    "p-nosns".to_owned(),
                    control(
                        &full
                            .replace("Allow", "Deny")
                            .replace(r#""*","R"#, r#""sns:*","R"#),
                    ),
                ),
            ]),
            delegated: BTreeSet::new(),
        }
    }

    #[tokio::test]
    async fn the_organization_of_the_account_has_its_say() {
        let sandbox = Sandbox::builder().world(World::empty()).start().unwrap();
        sandbox.shared.state().organization = Some(organization());
        let clients: Vec<(String, Client)> = sandbox
            .accounts()
            .into_iter()
            .map(|account| {
                let keys = crate::UserKeys {
                    access_key_id: account.access_key_id,
                    secret_access_key: account.secret_access_key,
                };
                let client = Client::new(sandbox.endpoint(), "us-east-1", keys.credentials());
                (account.id, client)
            })
            .collect();
        let every = ("PolicyExclusionList.member.1.PolicyType", "scp");
        let this = (
            "PolicyExclusionList.member.1.PolicyArn",
            "arn:aws:organizations::222222222222:policy/o-exampleorg/service_control_policy/p-nosns",
        );
        for (account, action, more, decision, allowed) in [
            (0, "sns:Publish", None, "explicitDeny", Some(false)),
            (0, "sns:Publish", Some(this), "allowed", Some(true)),
            (0, "sns:Publish", Some(every), "allowed", None),
            (0, "s3:GetObject", None, "allowed", Some(true)),
            // No policy holds the management account.
            (1, "sns:Publish", None, "allowed", Some(true)),
        ] {
            let (id, client) = &clients[account];
            let admin = format!("arn:aws:iam::{id}:user/admin");
            let mut parameters = vec![
                ("PolicySourceArn", admin.as_str()),
                ("ActionNames.member.1", action),
            ];
            parameters.extend(more);
            let answer = client
                .query("iam", "2010-05-08", "SimulatePrincipalPolicy", &parameters)
                .await
                .unwrap();
            assert!(
                answer.contains(&format!("<EvalDecision>{decision}</EvalDecision>")),
                "{action}: {answer}"
            );
            let detail =
                |allowed: &bool| format!("<AllowedByOrganizations>{allowed}</AllowedByOrganizations>");
            for said in [true, false] {
                let expected = allowed == Some(said);
                assert_eq!(answer.contains(&detail(&said)), expected, "{action}: {answer}");
            }
        }
    }
}

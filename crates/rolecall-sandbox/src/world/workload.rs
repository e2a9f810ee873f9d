//! An instance and tasks in containers, described: whom a service hands a role to.

use std::collections::HashMap;

use rolecall::RoleArn;

use super::World;
use super::error::{Place, Problems, Told, did_you_mean};
use super::names;
use crate::clock;
use crate::ids;
use crate::state::{self, State, Task, Workload};
use crate::workload;

/// The machine whose metadata is served.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) role: Told,
    pub(super) region: Told,
}

/// A task in a container.
#[derive(Clone, Debug)]
pub(super) struct Container {
    pub(super) name: Told,
    pub(super) role: Told,
}

impl World {
    /// The same world with an instance under a role, whose trust policy names `ec2.amazonaws.com`: the endpoint serves its
    /// metadata. It is in us-east-1.
    #[must_use]
    pub fn instance_role(mut self, role_arn: &str) -> Self {
        self.instance = Some(Machine {
            role: role_arn.into(),
            region: "us-east-1".into(),
        });
        self
    }

    /// The same world with a task in a container under a role, whose trust policy names `ecs-tasks.amazonaws.com`.
    /// [`crate::Sandbox::container`] says where its credentials are.
    #[must_use]
    pub fn container(mut self, name: &str, role_arn: &str) -> Self {
        self.containers.push(Container {
            name: name.into(),
            role: role_arn.into(),
        });
        self
    }

    /// Checks both and makes them real, in the world that was just built.
    pub(super) fn build_workloads(&self, state: &mut State, problems: &mut Problems) {
        if let Some(machine) = &self.instance {
            names::check_region(&machine.region, problems);
            let id = ids::instance();
            let made = |role| Workload::of_instance(role, &machine.region, &id);
            if let Some(workload) = workload_of("the instance", &machine.role, made, state, problems) {
                state.instance = Some(state::Instance {
                    account: workload.role.account(),
                    region: machine.region.text.clone(),
                    enabled: true,
                    extended: true,
                    workload: Some(workload),
                    tokens: HashMap::new(),
                    launched: clock::now(),
                    id,
                });
            }
        }
        let mut seen: HashMap<&str, Place> = HashMap::new();
        for container in &self.containers {
            let name = &container.name;
            names::check_task(name, problems);
            if let Some(before) = seen.insert(name, name.at) {
                let message = format!("container {name} is there twice{}", names::see(before));
                problems.add(name.at, message);
            }
            let what = format!("container {name}");
            let made = |role| Workload::of_task(role, &ids::task());
            if let Some(workload) = workload_of(&what, &container.role, made, state, problems) {
                let token = ids::token();
                state.recorder.token(&container.role, &token);
                state.tasks.insert(name.text.clone(), Task { workload, token });
            }
        }
    }
}

/// The role that was named, if it is there and trusts the service.
fn workload_of(
    what: &str,
    told: &Told,
    made: impl FnOnce(RoleArn) -> Workload,
    state: &State,
    problems: &mut Problems,
) -> Option<Workload> {
    let arn: RoleArn = match told.parse() {
        Ok(arn) => arn,
        Err(invalid) => {
            problems.add(told.at, format!("`role` of {what}: {invalid}"));
            return None;
        }
    };
    let workload = made(arn);
    match workload::decide(state, &workload, clock::now()) {
        Some(decided) if decided.is_allowed() => Some(workload),
        Some(_) => {
            let service = workload.service;
            problems.add_with_hint(
                told.at,
                format!("{what} has the role {told}, whose trust policy does not let {service} in"),
                format!(
                    "Its trust says Effect Allow, Action sts:AssumeRole, Principal.Service = \"{service}\"."
                ),
            );
            None
        }
        None => {
            let home = state.accounts.get(&workload.role.account());
            let roles = home.map(|account| account.roles.keys().map(String::as_str));
            let hint = did_you_mean(workload.role.name(), roles.into_iter().flatten());
            let message = format!("{what} has the role {told}, which does not exist");
            match hint {
                Some(hint) => problems.add_with_hint(told.at, message, hint),
                None => problems.add(told.at, message),
            }
            None
        }
    }
}

impl State {
    /// Gives the instance another role, or none. Whether there is an instance, and a role that trusts EC2.
    pub(crate) fn set_instance_role(&mut self, role_arn: Option<&str>) -> bool {
        let Some(instance) = &self.instance else {
            return false;
        };
        let workload = match role_arn.map(str::parse::<RoleArn>) {
            None => None,
            Some(Err(_)) => return false,
            Some(Ok(role)) => {
                let workload = Workload::of_instance(role, &instance.region, &instance.id);
                let decided = workload::decide(self, &workload, clock::now());
                if !decided.is_some_and(|decided| decided.is_allowed()) {
                    return false;
                }
                Some(workload)
            }
        };
        if let Some(instance) = &mut self.instance {
            instance.workload = workload;
        }
        true
    }
}

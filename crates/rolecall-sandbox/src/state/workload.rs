//! What runs under a role that a service hands it: an instance of EC2, tasks in containers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rolecall::{AccountId, RoleArn};

use super::Session;

/// The service that trust policies of instances' roles name.
const EC2: &str = "ec2.amazonaws.com";
/// The service that trust policies of tasks' roles name.
const ECS: &str = "ecs-tasks.amazonaws.com";

/// A role in use, and the credentials that are served now.
#[derive(Clone)]
pub(crate) struct Workload {
    pub(crate) role: RoleArn,
    /// The service that hands it out.
    pub(crate) service: &'static str,
    /// What the service calls the sessions: the instance's id, the task's.
    pub(crate) session_name: String,
    /// The ARN of the instance or task, `aws:SourceArn`.
    pub(crate) source_arn: String,
    /// The key id, and the session.
    pub(crate) current: Option<(String, Arc<Session>)>,
}

impl Workload {
    /// An instance's role, before its first credentials.
    pub(crate) fn of_instance(role: RoleArn, region: &str, id: &str) -> Self {
        Self {
            source_arn: format!("arn:aws:ec2:{region}:{}:instance/{id}", role.account()),
            service: EC2,
            session_name: id.to_owned(),
            current: None,
            role,
        }
    }

    /// A task's role, before its first credentials.
    pub(crate) fn of_task(role: RoleArn, id: &str) -> Self {
        Self {
            source_arn: format!("arn:aws:ecs:us-east-1:{}:task/sandbox/{id}", role.account()),
            service: ECS,
            session_name: id.to_owned(),
            current: None,
            role,
        }
    }
}

/// The machine whose metadata is served.
pub(crate) struct Instance {
    pub(crate) id: String,
    pub(crate) account: AccountId,
    pub(crate) region: String,
    /// Whether the metadata service is on.
    pub(crate) enabled: bool,
    /// Whether it has the newer paths, `security-credentials-extended`.
    pub(crate) extended: bool,
    pub(crate) workload: Option<Workload>,
    /// When each token ends.
    pub(crate) tokens: HashMap<String, SystemTime>,
    pub(crate) launched: SystemTime,
}

/// A task in a container.
pub(crate) struct Task {
    pub(crate) workload: Workload,
    /// What its `Authorization` has to be.
    pub(crate) token: String,
}

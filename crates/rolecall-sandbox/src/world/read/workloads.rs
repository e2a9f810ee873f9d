//! The instance and the containers.

use super::Reader;
use super::fields::Fields;
use crate::world::workload::{Container, Machine};

impl<'t> Reader<'t> {
    pub(super) fn instance(&mut self, root: &Fields<'t>) -> Option<Machine> {
        let fields = self.table(root, "instance", "the instance")?;
        self.known(&fields, &["role", "region"]);
        let region = self.text(&fields, "region").unwrap_or_else(|| "us-east-1".into());
        let role = self.required(&fields, "role")?;
        Some(Machine { role, region })
    }

    pub(super) fn containers(&mut self, root: &Fields<'t>) -> Vec<Container> {
        let mut containers = Vec::new();
        for fields in self.tables(root, "container", "a container") {
            self.known(&fields, &["name", "role"]);
            let (name, role) = (self.required(&fields, "name"), self.required(&fields, "role"));
            if let (Some(name), Some(role)) = (name, role) {
                containers.push(Container { name, role });
            }
        }
        containers
    }
}

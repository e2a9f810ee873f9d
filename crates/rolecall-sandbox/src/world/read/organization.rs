//! The organization: references are looked at here, where the lines are known.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::Reader;
use super::fields::Fields;
use crate::world::account::Account;
use crate::world::error::{Place, Told, did_you_mean};
use crate::world::organization::{Organization, Unit};
use crate::world::policy_text::Purpose;

/// What the root is called where a unit is named.
const ROOT: &str = "Root";
/// The deepest tree of units ("Quotas and service limits for AWS Organizations").
const DEEPEST: usize = 5;
/// Policies on one root, unit or account, `FullAWSAccess` included (the same page).
const MOST_POLICIES: usize = 5;

/// What an account says of its place in the organization.
pub(super) struct Member {
    id: Told,
    at: Place,
    unit: Option<Told>,
    email: Option<Told>,
    suspended: bool,
    delegated: bool,
    service_control: Option<Attachments>,
}

/// The service control policies of a root, unit or account.
#[derive(Default)]
struct Attachments {
    policies: Vec<Told>,
    without_full_access: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn member(&mut self, fields: &Fields<'t>, account: &Account) -> Member {
        Member {
            id: account.id.clone(),
            at: fields.at,
            unit: self.text(fields, "unit"),
            email: self.text(fields, "email"),
            suspended: self.flag(fields, "suspended").unwrap_or(false),
            delegated: self.flag(fields, "delegated").unwrap_or(false),
            service_control: fields
                .table
                .contains_key("service_control")
                .then(|| self.attachments(fields)),
        }
    }

    /// `FullAWSAccess` is attached as long as the list does not name what is attached instead of it.
    fn attachments(&mut self, fields: &Fields<'t>) -> Attachments {
        Attachments {
            policies: self.texts(fields, "service_control"),
            without_full_access: self.flag(fields, "full_access") == Some(false),
        }
    }

    pub(super) fn organization(
        &mut self,
        root: &Fields<'t>,
        members: Vec<Member>,
    ) -> Option<(Organization, Place)> {
        let Some(fields) = self.table(root, "organization", "the organization") else {
            for member in members {
                let stray = member.unit.map(|unit| unit.at).or_else(|| {
                    (member.suspended || member.delegated || member.service_control.is_some())
                        .then_some(member.at)
                });
                if let Some(at) = stray {
                    let message = format!("account {} is in an organization, and there is none", member.id);
                    self.problems.add_with_hint(
                        at,
                        message,
                        "Describe it: [organization] with its `management`.",
                    );
                }
            }
            return None;
        };
        let before = self.problems.count();
        self.known(&fields, &["id", "management", "policies", "unit"]);
        let management = self.required(&fields, "management")?;
        if !members.iter().any(|member| member.id.text == management.text) {
            let ids = members.iter().map(|member| member.id.text.as_str());
            self.dangling(
                &management,
                &format!("the management account {management} does not exist"),
                ids,
            );
        }
        let mut organization = Organization::new(&management);
        if let Some(id) = self.text(&fields, "id") {
            organization = organization.id(&id);
        }
        let mut policies = HashSet::new();
        for (name, policy) in self.policies(&fields, "policies") {
            let what = format!("service control policy `{name}`");
            policy.parse(&what, Purpose::Identity, &mut self.problems);
            organization = organization.control_policy(&name, &policy.json);
            policies.insert(name.text);
        }
        let mut units = self.units(&fields, &policies);
        for member in &members {
            organization = self.place_member(organization, &management, member, &mut units, &policies);
        }
        // Only a tree that is sound is walked: it is as deep as AWS has it, and no deeper.
        (self.problems.count() == before).then(|| (units.into_organization(organization), fields.at))
    }

    fn units(&mut self, fields: &Fields<'t>, policies: &HashSet<String>) -> Units {
        let mut units = Units::default();
        units.known.insert(ROOT.to_owned(), Described::default());
        for unit in self.tables(fields, "unit", "a unit") {
            self.known(&unit, &["name", "service_control", "full_access"]);
            let attached = self.attachments(&unit);
            let Some(name) = self.required(&unit, "name") else {
                continue;
            };
            self.check_attachments(&format!("unit {name}"), &attached, policies, unit.at);
            let parts: Vec<&str> = name.split('/').collect();
            if parts.len() > DEEPEST {
                let message = format!("unit {name} lies deeper than the {DEEPEST} levels that AWS has");
                self.problems.add(name.at, message);
            }
            if parts
                .iter()
                .any(|part| part.is_empty() || part.chars().count() > 128)
            {
                self.problems.add_with_hint(
                    name.at,
                    format!("unit `{name}`: each part of its name has 1 to 128 characters"),
                    "A unit in a unit is written with a slash, as in \"Workloads/Production\".",
                );
            }
            if name.text != ROOT {
                let parent = name.rsplit_once('/').map_or(ROOT, |(parent, _)| parent);
                let children = units.children.entry(parent.to_owned()).or_default();
                children.push(name.clone());
            }
            let described = Described {
                attached,
                accounts: Vec::new(),
                at: name.at,
            };
            let before = units.known.insert(name.text.clone(), described);
            if let Some(line) = before.and_then(|before| before.at.line()) {
                self.problems
                    .add(name.at, format!("unit {name} is there twice; see line {line}"));
            }
        }
        let mut orphans: Vec<(&String, &Vec<Told>)> = units
            .children
            .iter()
            .filter(|(parent, _)| !units.known.contains_key(*parent))
            .collect();
        orphans.sort_by_key(|(_, children)| children.first().map(|child| child.at));
        for (parent, children) in orphans {
            for child in children {
                let message = format!("unit {child} is in the unit {parent}, which does not exist");
                let names = units.known.keys().map(String::as_str);
                self.dangling(child, &message, names);
            }
        }
        units
    }

    fn place_member(
        &mut self,
        mut organization: Organization,
        management: &Told,
        member: &Member,
        units: &mut Units,
        policies: &HashSet<String>,
    ) -> Organization {
        let id = &member.id;
        let is_management = id.text == management.text;
        match &member.unit {
            Some(unit) => match units.known.get_mut(&unit.text) {
                Some(known) => known.accounts.push(id.text.clone()),
                None => {
                    let message = format!("account {id} is in the unit {unit}, which does not exist");
                    self.dangling(unit, &message, units.known.keys().map(String::as_str));
                }
            },
            // The management account is in its organization wherever it stands.
            None if is_management => {}
            None if member.suspended || member.delegated || member.service_control.is_some() => {
                self.problems.add_with_hint(
                    member.at,
                    format!("account {id} is not in the organization"),
                    "Say where it is: unit = \"Root\", or the name of a unit.",
                );
            }
            None => return organization,
        }
        if let Some(email) = &member.email {
            if let Some(before) = units.emails.insert(email.text.to_lowercase(), email.at) {
                let line = before.line().unwrap_or_default();
                let message = format!("two accounts have the address {email}; see line {line}");
                self.problems.add(email.at, message);
            }
            organization = organization.account_email(id, email);
        }
        if member.suspended {
            if is_management {
                self.problems
                    .add(member.at, "the management account cannot be suspended");
            }
            organization = organization.suspended(id);
        }
        if member.delegated {
            if is_management {
                self.problems
                    .add(member.at, "the management account needs no delegation");
            }
            organization = organization.delegated(id);
        }
        if let Some(attached) = &member.service_control {
            self.check_attachments(&format!("account {id}"), attached, policies, member.at);
            for policy in &attached.policies {
                organization = organization.attach_account(id, policy);
            }
            if attached.without_full_access {
                organization = organization.account_without_full_access(id);
            }
        }
        organization
    }

    fn check_attachments(
        &mut self,
        what: &str,
        attached: &Attachments,
        policies: &HashSet<String>,
        at: Place,
    ) {
        let mut seen = HashSet::new();
        for policy in &attached.policies {
            if policy.text == "FullAWSAccess" {
                self.problems.add_with_hint(
                    policy.at,
                    format!("{what} has `FullAWSAccess` without being told"),
                    "Leave it out; full_access = false takes it away.",
                );
            } else if !policies.contains(&policy.text) {
                let message = format!("{what} has the service control policy {policy}, which does not exist");
                self.dangling(policy, &message, policies.iter().map(String::as_str));
            }
            if !seen.insert(policy.text.as_str()) {
                self.problems.add(
                    policy.at,
                    format!("{what} has the service control policy {policy} twice"),
                );
            }
        }
        let full_access = usize::from(!attached.without_full_access);
        match attached.policies.len() + full_access {
            0 => self
                .problems
                .add(at, format!("{what} has no service control policy at all")),
            count if count > MOST_POLICIES => self.problems.add(
                at,
                format!("{what} has {count} service control policies, `FullAWSAccess` included: AWS lets it have {MOST_POLICIES}"),
            ),
            _ => {}
        }
    }

    fn dangling<'a>(&mut self, told: &Told, message: &str, names: impl IntoIterator<Item = &'a str>) {
        match did_you_mean(told, names) {
            Some(hint) => self.problems.add_with_hint(told.at, message, hint),
            None => self.problems.add(told.at, message),
        }
    }
}

/// The tree of units, as it is found in the file.
#[derive(Default)]
struct Units {
    /// By the whole name, `Workloads/Production`.
    known: BTreeMap<String, Described>,
    children: HashMap<String, Vec<Told>>,
    emails: HashMap<String, Place>,
}

#[derive(Default)]
struct Described {
    attached: Attachments,
    accounts: Vec<String>,
    at: Place,
}

impl Units {
    fn into_organization(mut self, mut organization: Organization) -> Organization {
        let root = self.known.remove(ROOT).unwrap_or_default();
        for account in &root.accounts {
            organization = organization.account_at_root(account);
        }
        for policy in &root.attached.policies {
            organization = organization.attach_root(policy);
        }
        if root.attached.without_full_access {
            organization = organization.root_without_full_access();
        }
        for child in self.children.remove(ROOT).unwrap_or_default() {
            organization = organization.unit(self.unit(&child));
        }
        organization
    }

    /// Each unit is taken out of the tree when it is reached, so that this ends whatever the names are.
    fn unit(&mut self, path: &str) -> Unit {
        let described = self.known.remove(path).unwrap_or_default();
        let mut unit = Unit::new(path.rsplit('/').next().unwrap_or_default());
        for account in &described.accounts {
            unit = unit.account(account);
        }
        for policy in &described.attached.policies {
            unit = unit.attach(policy);
        }
        if described.attached.without_full_access {
            unit = unit.without_full_access();
        }
        for child in self.children.remove(path).unwrap_or_default() {
            unit = unit.unit(self.unit(&child));
        }
        unit
    }
}

//! Accounts, and who and what is in them.

use toml::de::DeValue;

use super::Reader;
use super::fields::Fields;
use crate::world::account::{Account, Bucket, ManagedPolicy, OidcProvider, Topic};
use crate::world::error::{Place, Told};
use crate::world::principal::{Device, Group, Holder, Role, User};

const ACCOUNT: [&str; 17] = [
    "id",
    "name",
    "alias",
    "root_key",
    "unit",
    "email",
    "suspended",
    "delegated",
    "service_control",
    "full_access",
    "user",
    "group",
    "role",
    "policy",
    "oidc_provider",
    "bucket",
    "topic",
];
const USER: [&str; 9] = [
    "name",
    "path",
    "groups",
    "policies",
    "attached",
    "boundary",
    "tags",
    "access_key",
    "mfa",
];
const GROUP: [&str; 4] = ["name", "path", "policies", "attached"];
const ROLE: [&str; 10] = [
    "name",
    "path",
    "trust",
    "policies",
    "attached",
    "boundary",
    "tags",
    "max_session_seconds",
    "description",
    "dangling",
];
const POLICY: [&str; 7] = [
    "name",
    "path",
    "description",
    "tags",
    "document",
    "versions",
    "default_version",
];

impl<'t> Reader<'t> {
    pub(super) fn account(&mut self, fields: &Fields<'t>) -> Option<Account> {
        self.known(fields, &ACCOUNT);
        let id = self.required(fields, "id");
        let mut account = Account::told(id.clone().unwrap_or_default());
        account.name = self.text(fields, "name");
        account.alias = self.text(fields, "alias");
        account.root_key = self.flag(fields, "root_key").unwrap_or(false);
        for user in self.tables(fields, "user", "a user") {
            account.users.extend(self.user(&user));
        }
        for group in self.tables(fields, "group", "a group") {
            self.known(&group, &GROUP);
            account
                .groups
                .extend(self.holder(&group).map(|holder| Group { holder }));
        }
        for role in self.tables(fields, "role", "a role") {
            account.roles.extend(self.role(&role));
        }
        for policy in self.tables(fields, "policy", "a managed policy") {
            account.policies.extend(self.managed_policy(&policy));
        }
        for provider in self.tables(fields, "oidc_provider", "an OIDC provider") {
            self.known(&provider, &["url", "client_ids"]);
            let client_ids = self.texts(&provider, "client_ids");
            let url = self.required(&provider, "url");
            account
                .oidc_providers
                .extend(url.map(|url| OidcProvider { url, client_ids }));
        }
        for bucket in self.tables(fields, "bucket", "a bucket") {
            self.known(&bucket, &["name", "objects"]);
            let objects = self.pairs(&bucket, "objects");
            let objects = objects.into_iter().map(|(key, text)| (key, text.text)).collect();
            let name = self.required(&bucket, "name");
            account.buckets.extend(name.map(|name| Bucket { name, objects }));
        }
        for topic in self.tables(fields, "topic", "a topic") {
            self.known(&topic, &["name", "region"]);
            let region = self.text(&topic, "region").unwrap_or_else(|| "us-east-1".into());
            let name = self.required(&topic, "name");
            account.topics.extend(name.map(|name| Topic { name, region }));
        }
        id.map(|_| account)
    }

    fn holder(&mut self, fields: &Fields<'t>) -> Option<Holder> {
        let name = self.required(fields, "name");
        let mut holder = Holder::new(name.clone().unwrap_or_default());
        if let Some(path) = self.text(fields, "path") {
            holder.path = path;
        }
        holder.policies = self.policies(fields, "policies");
        holder.attached = self.texts(fields, "attached");
        holder.boundary = self.text(fields, "boundary");
        holder.tags = self.pairs(fields, "tags");
        name.map(|_| holder)
    }

    fn user(&mut self, fields: &Fields<'t>) -> Option<User> {
        self.known(fields, &USER);
        let groups = self.texts(fields, "groups");
        let access_key = self.flag(fields, "access_key").unwrap_or(true);
        let holder = self.holder(fields);
        let devices = self.devices(fields, holder.as_ref().map(|holder| &holder.name));
        Some(User {
            holder: holder?,
            groups,
            access_key,
            devices,
        })
    }

    /// `mfa = true` is a device that is called like its user.
    fn devices(&mut self, fields: &Fields<'t>, user: Option<&Told>) -> Vec<Device> {
        let flag = match fields.table.get("mfa").map(|value| (value, value.get_ref())) {
            Some((value, DeValue::Boolean(flag))) => Some((*flag, self.place_of(value))),
            _ => None,
        };
        if let Some((flag, at)) = flag {
            let name = user.filter(|_| flag).map(|user| Told { at, ..user.clone() });
            return name.map(|name| Device { name, seed: None }).into_iter().collect();
        }
        let mut devices = Vec::new();
        for device in self.tables(fields, "mfa", "an MFA device") {
            self.known(&device, &["name", "seed"]);
            let seed = self.text(&device, "seed");
            let name = self.text(&device, "name").or_else(|| {
                user.map(|user| Told {
                    at: device.at,
                    ..user.clone()
                })
            });
            devices.extend(name.map(|name| Device { name, seed }));
        }
        devices
    }

    fn role(&mut self, fields: &Fields<'t>) -> Option<Role> {
        self.known(fields, &ROLE);
        let trust = self.required_policy(fields, "trust");
        let max_session_seconds = self
            .number(fields, "max_session_seconds")
            .unwrap_or((3600, Place::default()));
        let description = self.text(fields, "description");
        let dangling = self.flag(fields, "dangling").unwrap_or(false);
        let holder = self.holder(fields);
        Some(Role {
            holder: holder?,
            trust: trust?,
            max_session_seconds,
            description,
            dangling,
        })
    }

    fn managed_policy(&mut self, fields: &Fields<'t>) -> Option<ManagedPolicy> {
        self.known(fields, &POLICY);
        let name = self.required(fields, "name");
        let path = self.text(fields, "path").unwrap_or_else(|| "/".into());
        let versions = if fields.table.contains_key("versions") {
            if fields.table.contains_key("document") {
                self.problems.add(
                    fields.at,
                    "a managed policy has a `document` or `versions`, not both",
                );
            }
            self.versions(fields, "versions")
        } else {
            self.required_policy(fields, "document").into_iter().collect()
        };
        let description = self.text(fields, "description");
        let tags = self.pairs(fields, "tags");
        let default_version = self.number(fields, "default_version");
        Some(ManagedPolicy {
            name: name?,
            path,
            description,
            tags,
            versions,
            default_version,
        })
    }
}

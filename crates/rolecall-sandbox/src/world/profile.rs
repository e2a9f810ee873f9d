//! Profiles of the config files inside of `rolecall sandbox -- CMD`: described, checked, and written as AWS's two files.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use rolecall::{AccountId, RoleArn};

use super::error::{Place, Problems, Told, did_you_mean};
use super::{World, names};
use crate::state::State;

/// The user a key profile names when it means the root user.
const ROOT: &str = "root";

/// A profile.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: Told,
    pub(super) region: Told,
    pub(super) kind: ProfileKind,
}

/// What a profile draws its credentials from.
#[derive(Clone, Debug)]
pub(super) enum ProfileKind {
    /// A user's access key.
    Key {
        account: Told,
        user: Told,
        mfa_serial: Option<Told>,
    },
    /// A role.
    Role {
        role_arn: Told,
        source: RoleSource,
        external_id: Option<Told>,
        mfa_serial: Option<Told>,
        duration_seconds: Option<(u32, Place)>,
        role_session_name: Option<Told>,
        /// Whether the role and the device may be missing.
        dangling: bool,
    },
    /// A permission set in an account.
    Sso { account: Told, permission_set: Told },
}

/// Whose credentials assume a role.
#[derive(Clone, Debug)]
pub(super) enum RoleSource {
    /// Another profile's.
    Profile(Told),
    /// What the machine has: `Ec2InstanceMetadata`, `EcsContainer` or `Environment`.
    Machine(Told),
}

/// Looks at every profile, in the world that was just built.
pub(super) fn check(profiles: &[Profile], state: &State, problems: &mut Problems) {
    let mut known: HashMap<&str, Place> = HashMap::new();
    for profile in profiles {
        names::check_profile(&profile.name, problems);
        names::check_region(&profile.region, problems);
        if let Some(before) = known.insert(&profile.name, profile.name.at) {
            let message = format!("profile {} is there twice{}", profile.name, names::see(before));
            problems.add(profile.name.at, message);
        }
    }
    // A user's keys are looked for in all keys: once for all profiles, not once for each.
    let holders: HashSet<(AccountId, &str)> = state
        .keys
        .values()
        .map(|key| {
            let user = match &key.actor {
                crate::state::Actor::User(name) => name.as_str(),
                _ => ROOT,
            };
            (key.account, user)
        })
        .collect();
    for profile in profiles {
        let check = Check {
            profile,
            known: &known,
            holders: &holders,
            state,
        };
        check.run(problems);
    }
}

struct Check<'a> {
    profile: &'a Profile,
    known: &'a HashMap<&'a str, Place>,
    holders: &'a HashSet<(AccountId, &'a str)>,
    state: &'a State,
}

impl Check<'_> {
    fn run(&self, problems: &mut Problems) {
        match &self.profile.kind {
            ProfileKind::Key {
                account,
                user,
                mfa_serial,
            } => {
                self.key(account, user, problems);
                self.serial(mfa_serial.as_ref(), problems);
            }
            ProfileKind::Role {
                role_arn,
                source,
                external_id,
                mfa_serial,
                duration_seconds,
                role_session_name,
                dangling,
            } => {
                if !dangling {
                    self.role(role_arn, problems);
                    self.serial(mfa_serial.as_ref(), problems);
                }
                match source {
                    RoleSource::Profile(source_profile) => self.source_profile(source_profile, problems),
                    RoleSource::Machine(source) => self.machine(source, problems),
                }
                if let Some(external_id) = external_id {
                    names::check_external_id(external_id, problems);
                }
                if let Some(name) = role_session_name {
                    names::check_session_name(name, problems);
                }
                if let Some((seconds, at)) = duration_seconds
                    && !(900..=43_200).contains(seconds)
                {
                    let message = format!(
                        "`duration_seconds` of profile {} is {seconds}: a session lasts 900 to 43200 seconds",
                        self.profile.name
                    );
                    problems.add(*at, message);
                }
            }
            ProfileKind::Sso {
                account,
                permission_set,
            } => self.sso(account, permission_set, problems),
        }
    }

    fn source_profile(&self, source_profile: &Told, problems: &mut Problems) {
        if !self.known.contains_key(source_profile.text.as_str()) {
            let message = format!(
                "profile {} has the source profile {source_profile}, which does not exist",
                self.profile.name
            );
            add(
                problems,
                source_profile.at,
                message,
                did_you_mean(source_profile, self.known.keys().copied()),
            );
        }
    }

    fn machine(&self, source: &Told, problems: &mut Problems) {
        let name = &self.profile.name;
        let (is_there, table) = match source.text.as_str() {
            "Ec2InstanceMetadata" => (self.state.instance.is_some(), "[instance] with its `role`"),
            "EcsContainer" => (
                !self.state.tasks.is_empty(),
                "[[container]] with its `name` and `role`",
            ),
            "Environment" => return,
            _ => {
                let message = format!("`credential_source` of profile {name} is `{source}`");
                let hint = "It is Ec2InstanceMetadata, EcsContainer or Environment.";
                return problems.add_with_hint(source.at, message, hint);
            }
        };
        if !is_there {
            let message = format!("profile {name} has the credential source {source}, and there is none");
            problems.add_with_hint(source.at, message, format!("Describe it: {table}."));
        }
    }

    fn key(&self, account: &Told, user: &Told, problems: &mut Problems) {
        let Ok(id) = account.parse::<AccountId>() else {
            problems.add(
                account.at,
                format!(
                    "profile {} names the account `{account}`, which is no account id",
                    self.profile.name
                ),
            );
            return;
        };
        let Some(home) = self.state.accounts.get(&id) else {
            let message = format!(
                "profile {} names account {account}, which does not exist",
                self.profile.name
            );
            problems.add(account.at, message);
            return;
        };
        if self.holders.contains(&(id, user.text.as_str())) {
            return;
        }
        if user.text == ROOT || home.users.contains_key(&user.text) {
            let message = format!("{user} of account {account} has no access key");
            let hint = if user.text == ROOT {
                "Say root_key = true in the account."
            } else {
                "Leave access_key = false out of the user."
            };
            problems.add_with_hint(user.at, message, hint);
            return;
        }
        let message = format!("account {account} has no user {user}");
        let hint = did_you_mean(user, home.users.keys().map(String::as_str));
        add(problems, user.at, message, hint);
    }

    fn role(&self, arn: &Told, problems: &mut Problems) {
        let name = &self.profile.name;
        let parsed: RoleArn = match arn.parse() {
            Ok(parsed) => parsed,
            Err(invalid) => {
                problems.add(arn.at, format!("`role_arn` of profile {name}: {invalid}"));
                return;
            }
        };
        let home = self.state.accounts.get(&parsed.account());
        let role = home.and_then(|account| account.roles.get(parsed.name()));
        match role {
            Some(role) if role.named.arn(parsed.account(), "role") == arn.text => {}
            Some(role) => problems.add_with_hint(
                arn.at,
                format!("profile {name} names the role {arn}, which has another path"),
                format!(
                    "Its ARN is {}; dangling = true lets the profile be wrong.",
                    role.named.arn(parsed.account(), "role")
                ),
            ),
            None => {
                let roles = home.map(|account| account.roles.keys().map(String::as_str));
                let hint = did_you_mean(parsed.name(), roles.into_iter().flatten())
                    .unwrap_or_else(|| "dangling = true lets the profile be wrong.".to_owned());
                let message = format!("profile {name} names the role {arn}, which does not exist");
                problems.add_with_hint(arn.at, message, hint);
            }
        }
    }

    fn serial(&self, serial: Option<&Told>, problems: &mut Problems) {
        let Some(serial) = serial else {
            return;
        };
        let account = serial.split(':').nth(4).and_then(|id| id.parse().ok());
        let home = account.and_then(|id: AccountId| self.state.accounts.get(&id));
        let devices = home.map(|account| &account.mfa_devices);
        if devices.is_some_and(|devices| devices.contains_key(&serial.text)) {
            return;
        }
        let serials = devices.map(|devices| devices.keys().map(String::as_str));
        let hint = did_you_mean(serial, serials.into_iter().flatten());
        let message = format!(
            "profile {} names the MFA device {serial}, which does not exist",
            self.profile.name
        );
        add(problems, serial.at, message, hint);
    }

    fn sso(&self, account: &Told, permission_set: &Told, problems: &mut Problems) {
        let name = &self.profile.name;
        let Some(center) = &self.state.identity_center else {
            let message = format!("profile {name} enters through Identity Center, and there is none");
            problems.add_with_hint(
                account.at,
                message,
                "Describe it: [identity_center] with its `start_url`.",
            );
            return;
        };
        let is_assigned = center.assignments.iter().any(|assignment| {
            assignment.account.as_str() == account.text && assignment.permission_set == permission_set.text
        });
        if !is_assigned {
            let message = format!(
                "profile {name}: nobody may enter account {account} under the permission set {permission_set}"
            );
            let hint = did_you_mean(permission_set, center.permission_sets.keys().map(String::as_str));
            add(
                problems,
                permission_set.at,
                message,
                hint.filter(|hint| !hint.contains(&permission_set.text)),
            );
        }
    }
}

fn add(problems: &mut Problems, at: Place, message: String, hint: Option<String>) {
    match hint {
        Some(hint) => problems.add_with_hint(at, message, hint),
        None => problems.add(at, message),
    }
}

impl World {
    pub(crate) fn profile_names(&self) -> impl Iterator<Item = &str> {
        self.profiles.iter().map(|profile| profile.name.text.as_str())
    }

    /// The text of `~/.aws/config`.
    pub(crate) fn config_file(&self, state: &State) -> String {
        let mut text = String::new();
        let mut enters = false;
        for profile in &self.profiles {
            let name = &profile.name;
            match &profile.kind {
                // What is hostile about a stray `[default]` is its key; a region would only help.
                ProfileKind::Key { .. } if name.text == "default" => continue,
                _ if name.text == "default" => text.push_str("[default]\n"),
                _ => {
                    let _ = writeln!(text, "[profile {name}]");
                }
            }
            let mut line = |key: &str, value: Option<String>| {
                if let Some(value) = value {
                    let _ = writeln!(text, "{key} = {value}");
                }
            };
            let said = |told: &Option<Told>| told.as_ref().map(|told| told.text.clone());
            match &profile.kind {
                ProfileKind::Key { mfa_serial, .. } => line("mfa_serial", said(mfa_serial)),
                ProfileKind::Role {
                    role_arn,
                    source,
                    external_id,
                    mfa_serial,
                    duration_seconds,
                    role_session_name,
                    ..
                } => {
                    line("role_arn", Some(role_arn.text.clone()));
                    match source {
                        RoleSource::Profile(name) => line("source_profile", Some(name.text.clone())),
                        RoleSource::Machine(name) => line("credential_source", Some(name.text.clone())),
                    }
                    line("external_id", said(external_id));
                    line("mfa_serial", said(mfa_serial));
                    line(
                        "duration_seconds",
                        duration_seconds.map(|(seconds, _)| seconds.to_string()),
                    );
                    line("role_session_name", said(role_session_name));
                }
                ProfileKind::Sso {
                    account,
                    permission_set,
                } => {
                    enters = true;
                    line("sso_session", Some("sandbox".to_owned()));
                    line("sso_account_id", Some(account.text.clone()));
                    line("sso_role_name", Some(permission_set.text.clone()));
                }
            }
            line("region", Some(profile.region.text.clone()));
            text.push('\n');
        }
        if let Some(center) = state.identity_center.as_ref().filter(|_| enters) {
            let _ = writeln!(
                text,
                "[sso-session sandbox]\nsso_start_url = {}\nsso_region = {}\n\
                 sso_registration_scopes = sso:account:access\n",
                center.start_url, center.region
            );
        }
        text
    }

    /// The text of `~/.aws/credentials`.
    pub(crate) fn credentials_file(&self, state: &State) -> String {
        let mut text = String::new();
        for profile in &self.profiles {
            let ProfileKind::Key { account, user, .. } = &profile.kind else {
                continue;
            };
            let Ok(account) = account.parse::<AccountId>() else {
                continue;
            };
            let root = || {
                let mut keys = state.keys.iter();
                keys.find(|(_, key)| key.account == account && key.actor == crate::state::Actor::Root)
                    .map(|(id, key)| (id.as_str(), key))
            };
            let key = state.key_of(account, user);
            if let Some((id, key)) = key.or_else(|| root().filter(|_| user.text == ROOT)) {
                let (name, secret) = (&profile.name, &key.secret);
                let _ = writeln!(
                    text,
                    "[{name}]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"
                );
            }
        }
        text
    }
}

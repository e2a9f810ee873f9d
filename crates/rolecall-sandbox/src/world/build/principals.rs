//! Users, groups, roles and devices.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rolecall::AccountId;

use super::{ADMIN, Build, Names, administrator, plain};
use crate::clock;
use crate::mfa;
use crate::state::{self, Named};
use crate::world::account::Account;
use crate::world::error::{Problems, Told, did_you_mean};
use crate::world::names;
use crate::world::policy_text::Purpose;
use crate::world::principal::{Device, Holder, Role, User};

/// What IAM lets things have ("IAM and AWS STS quotas"), at most: AWS raises 10 managed policies to 20, and 2,048
/// characters of a trust policy to 4,096, for those who ask.
const ATTACHED: usize = 20;
const GROUP_ATTACHED: usize = 10;
const GROUPS: usize = 10;
const DEVICES: usize = 8;
const USER_INLINE: usize = 2048;
const GROUP_INLINE: usize = 5120;
const ROLE_INLINE: usize = 10_240;
const TRUST: usize = 4096;

/// What is looked up while one account is built.
struct Home<'a> {
    id: AccountId,
    /// The account, with its policies.
    account: &'a state::Account,
    /// The ARNs of its policies.
    by_name: HashMap<String, String>,
}

impl<'w> Build<'w> {
    /// Everyone of an account whose policies are there already.
    pub(super) fn principals(&mut self, id: AccountId, account: &'w Account, built: &mut state::Account) {
        let by_name = built
            .policies
            .values()
            .map(|policy| (policy.name.clone(), policy.arn.clone()));
        let by_name = by_name.collect();
        let home = Home {
            id,
            account: built,
            by_name,
        };
        let mut groups = BTreeMap::new();
        let mut group_names = Names::new("group", id);
        for group in &account.groups {
            let name = &group.holder.name;
            if !group_names.add(name, &mut self.problems) {
                continue;
            }
            let what = format!("group {name} of account {id}");
            names::check_name("group", name, 128, &mut self.problems);
            let named = self.named("AGPA", &what, &group.holder, &home, GROUP_INLINE, GROUP_ATTACHED);
            groups.insert(name.text.clone(), state::Group { named });
        }
        let mut users = BTreeMap::new();
        let mut devices = BTreeMap::new();
        let admin = administrator();
        let what = format!("user {ADMIN} of account {id}");
        let named = self.named("AIDA", &what, &admin.holder, &home, USER_INLINE, ATTACHED);
        let groups_of_admin = BTreeSet::new();
        users.insert(
            ADMIN.to_owned(),
            state::User {
                named,
                groups: groups_of_admin,
            },
        );
        let mut user_names = Names::new("user", id);
        for user in &account.users {
            let name = &user.holder.name;
            if name.eq_ignore_ascii_case(ADMIN) {
                self.problems.add_with_hint(
                    name.at,
                    format!("account {id} has its administrator, the user {ADMIN}, without being told"),
                    "Call this one something else, or leave it out.",
                );
                continue;
            }
            if user_names.add(name, &mut self.problems) {
                let user_built = self.user(user, &home, &groups, &mut devices);
                users.insert(name.text.clone(), user_built);
            }
        }
        let mut roles = BTreeMap::new();
        let mut role_names = Names::new("role", id);
        for role in &account.roles {
            if role_names.add(&role.holder.name, &mut self.problems)
                && let Some(role_built) = self.role(role, &home)
            {
                roles.insert(role.holder.name.text.clone(), role_built);
            }
        }
        built.users = users;
        built.groups = groups;
        built.roles = roles;
        built.mfa_devices = devices;
    }

    fn user(
        &mut self,
        user: &User,
        home: &Home<'_>,
        groups: &BTreeMap<String, state::Group>,
        devices: &mut BTreeMap<String, state::MfaDevice>,
    ) -> state::User {
        let name = &user.holder.name;
        let what = format!("user {name} of account {}", home.id);
        names::check_name("user", name, 64, &mut self.problems);
        for group in &user.groups {
            if !groups.contains_key(&group.text) {
                let message = format!("{what} is in the group {group}, which does not exist");
                match did_you_mean(group, groups.keys().map(String::as_str)) {
                    Some(hint) => self.problems.add_with_hint(group.at, message, hint),
                    None => self.problems.add(group.at, message),
                }
            }
        }
        if user.groups.len() > GROUPS {
            let message = format!(
                "{what} is in {} groups: IAM lets it be in {GROUPS}",
                user.groups.len()
            );
            self.problems.add(name.at, message);
        }
        if user.devices.len() > DEVICES {
            let message = format!(
                "{what} has {} MFA devices: IAM lets it have {DEVICES}",
                user.devices.len()
            );
            self.problems.add(name.at, message);
        }
        for device in &user.devices {
            self.device(device, name, home.id, devices);
        }
        state::User {
            named: self.named("AIDA", &what, &user.holder, home, USER_INLINE, ATTACHED),
            groups: user.groups.iter().map(|group| group.text.clone()).collect(),
        }
    }

    fn device(
        &mut self,
        device: &Device,
        user: &Told,
        id: AccountId,
        devices: &mut BTreeMap<String, state::MfaDevice>,
    ) {
        names::check_name("MFA device", &device.name, 226, &mut self.problems);
        let serial = format!("arn:aws:iam::{id}:mfa/{}", device.name);
        let seed = match &device.seed {
            Some(text) => names::seed(text)
                .inspect(|_| self.state.recorder.seed(&serial, text))
                .unwrap_or_else(|| {
                    self.problems.add_with_hint(
                        text.at,
                        format!("the seed of MFA device {} is no seed", device.name),
                        "A seed has 16 letters or more in base32: A to Z and 2 to 7.",
                    );
                    Vec::new()
                }),
            None => {
                let (text, seed) = mfa::new_seed();
                self.state.recorder.seed(&serial, &text);
                seed
            }
        };
        let built = state::MfaDevice {
            seed,
            user: Some(user.text.clone()),
            enabled: Some(clock::now()),
            last_step: None,
        };
        if devices.insert(serial.clone(), built).is_some() {
            let message = format!("MFA device {serial} is there twice");
            self.problems.add_with_hint(
                device.name.at,
                message,
                "Give each device of an account a `name` of its own.",
            );
        }
    }

    fn role(&mut self, role: &Role, home: &Home<'_>) -> Option<state::Role> {
        let name = &role.holder.name;
        let what = format!("role {name} of account {}", home.id);
        names::check_name("role", name, 64, &mut self.problems);
        let (seconds, at) = role.max_session_seconds;
        names::check_session_seconds(&what, seconds, at, &mut self.problems);
        if let Some(description) = role
            .description
            .as_ref()
            .filter(|text| text.chars().count() > 1000)
        {
            self.problems.add(
                description.at,
                format!("the description of {what} has more than 1000 characters"),
            );
        }
        let size = role.trust.size();
        if size > TRUST {
            let message = format!(
                "the trust policy of {what} has {size} characters without white space: IAM lets it have {TRUST}"
            );
            let problem = role.trust.problem(role.trust.at, message, &self.problems);
            self.problems.push(problem);
        }
        let trust = role.trust.parse(
            &format!("trust policy of {what}"),
            Purpose::Trust,
            &mut self.problems,
        );
        self.is_lossy |= trust.is_none();
        let named = self.named("AROA", &what, &role.holder, home, ROLE_INLINE, ATTACHED);
        Some(state::Role {
            named,
            trust: trust?,
            max_session_seconds: seconds,
            description: role.description.as_ref().map(|told| told.text.clone()),
        })
    }

    fn named(
        &mut self,
        prefix: &str,
        what: &str,
        holder: &Holder,
        home: &Home<'_>,
        inline_size: usize,
        most_attached: usize,
    ) -> Named {
        names::check_path(what, &holder.path, &mut self.problems);
        names::check_tags(what, &holder.tags, &mut self.problems);
        let mut inline = BTreeMap::new();
        let mut size = 0;
        for (name, text) in &holder.policies {
            names::check_inline_name(what, name, &mut self.problems);
            let policy_what = format!("policy {name} of {what}");
            size += text.size();
            let Some(policy) = text.parse(&policy_what, Purpose::Identity, &mut self.problems) else {
                continue;
            };
            if inline.insert(name.text.clone(), policy).is_some() {
                self.problems
                    .add(name.at, format!("{policy_what} is there twice"));
            }
        }
        if size > inline_size {
            let message = format!(
                "the inline policies of {what} have {size} characters without white space: IAM lets them have \
                 {inline_size}"
            );
            self.problems
                .add_with_hint(holder.name.at, message, "Managed policies have 6144 each.");
        }
        let attached = self.attached(what, holder, home, most_attached);
        let boundary = holder.boundary.as_ref().map(|told| {
            self.policy_arn(
                &format!("the boundary of {what}"),
                told,
                &home.by_name,
                home.account,
            )
        });
        Named {
            inline,
            attached,
            boundary,
            tags: plain(&holder.tags),
            ..Named::new(prefix, &holder.path, &holder.name)
        }
    }

    fn attached(&mut self, what: &str, holder: &Holder, home: &Home<'_>, most: usize) -> Vec<String> {
        if holder.attached.len() > most {
            let count = holder.attached.len();
            let message = format!("{what} has {count} managed policies: IAM lets it have {most}");
            self.problems.add(holder.name.at, message);
        }
        let mut attached: Vec<String> = Vec::with_capacity(holder.attached.len());
        // What is beyond the quota was refused already.
        for told in holder.attached.iter().take(most) {
            let arn = self.policy_arn(what, told, &home.by_name, home.account);
            if attached.contains(&arn) {
                twice(what, told, &mut self.problems);
            }
            attached.push(arn);
        }
        attached
    }
}

fn twice(what: &str, told: &Told, problems: &mut Problems) {
    problems.add(told.at, format!("{what} has the managed policy {told} twice"));
}

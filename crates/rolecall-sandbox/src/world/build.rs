//! A description becomes a state. Everything that is wrong with its meaning is found on the way, for worlds from files
//! and for worlds from code alike.
//!
//! Each thing is looked up in a map: a world of ten thousand roles is checked in one pass.

mod principals;
mod trust;

use std::collections::HashMap;
use std::io;

use rolecall::AccountId;

use super::account::{Account, Bucket, ManagedPolicy, OidcProvider, Topic};
use super::error::{Place, Problems, Told, did_you_mean};
use super::policy_text::Purpose;
use super::principal::User;
use super::{World, names, profile};
use crate::clock;
use crate::secrets::Recorder;
use crate::state::{self, Actor, PolicyVersion, State};

/// What IAM lets things have ("IAM and AWS STS quotas"). Where AWS raises a quota on request, it is the raised one:
/// such a world can be.
const MANAGED_POLICY_SIZE: usize = 6144;
const POLICY_VERSIONS: usize = 5;

impl World {
    /// Everything that is wrong with the meaning of this description.
    pub(super) fn check(&self) -> Problems {
        Build::run(self, &Recorder::default(), "http://127.0.0.1").1
    }

    /// Checks the description and makes it real, for a sandbox that answers at `endpoint`.
    pub(crate) fn build(&self, recorder: &Recorder, endpoint: &str) -> io::Result<State> {
        let (state, problems) = Build::run(self, recorder, endpoint);
        problems
            .into_result()
            .map_err(|errors| io::Error::new(io::ErrorKind::InvalidInput, errors))?;
        Ok(state)
    }
}

struct Build<'w> {
    state: State,
    problems: Problems,
    /// The issuer of the sandbox's own tokens, without its scheme.
    issuer: String,
    buckets: HashMap<&'w str, Place>,
    aliases: HashMap<&'w str, Place>,
    /// Whether somebody who was described is not there, so that whoever names them would be blamed for it.
    is_lossy: bool,
}

/// Names of one kind in one account, which differ in more than case.
struct Names<'w> {
    what: &'static str,
    account: AccountId,
    seen: HashMap<String, (&'w str, Place)>,
}

impl<'w> Names<'w> {
    fn new(what: &'static str, account: AccountId) -> Self {
        Self {
            what,
            account,
            seen: HashMap::new(),
        }
    }

    /// Whether the name is new. IAM does not tell names apart by case ("IAM name requirements").
    fn add(&mut self, name: &'w Told, problems: &mut Problems) -> bool {
        let (what, account) = (self.what, self.account);
        let folded = name.to_ascii_lowercase();
        let Some(&(other, before)) = self.seen.get(&folded) else {
            self.seen.insert(folded, (&name.text, name.at));
            return true;
        };
        if other == name.text {
            let message = format!(
                "{what} {name} of account {account} is there twice{}",
                names::see(before)
            );
            problems.add(name.at, message);
        } else {
            let message = format!(
                "account {account} has the {what}s {other} and {name}, whose names differ in nothing but case{}",
                names::see(before)
            );
            problems.add(name.at, message);
        }
        false
    }
}

impl<'w> Build<'w> {
    fn run(world: &'w World, recorder: &Recorder, endpoint: &str) -> (State, Problems) {
        let mut build = Self {
            state: State::new(recorder.clone()),
            problems: Problems::new(&world.file),
            issuer: format!(
                "{}/_sandbox/oidc",
                endpoint.split_once("://").map_or(endpoint, |(_, host)| host)
            ),
            buckets: HashMap::new(),
            aliases: HashMap::new(),
            is_lossy: false,
        };
        let mut accounts = Vec::with_capacity(world.accounts.len());
        let mut seen: HashMap<AccountId, Place> = HashMap::new();
        for account in &world.accounts {
            let id: AccountId = match account.id.parse() {
                Ok(id) => id,
                Err(invalid) => {
                    build.is_lossy = true;
                    build
                        .problems
                        .add(account.id.at, format!("account `{}`: {invalid}", account.id));
                    continue;
                }
            };
            if let Some(before) = seen.insert(id, account.id.at) {
                build.is_lossy = true;
                let message = format!("account {id} is there twice{}", names::see(before));
                build.problems.add(account.id.at, message);
                continue;
            }
            build.account(id, account);
            accounts.push((id, account));
        }
        if !build.is_lossy {
            build.directory(world);
            for (id, account) in accounts {
                build.trusts(id, account);
            }
        }
        // What is not there because of a problem elsewhere would be missed here once more.
        if build.problems.count() == 0 {
            world.build_workloads(&mut build.state, &mut build.problems);
            profile::check(&world.profiles, &build.state, &mut build.problems);
        }
        (build.state, build.problems)
    }

    /// The organization and the Identity Center, which make roles in accounts that are there already.
    fn directory(&mut self, world: &World) {
        if let Some((organization, at)) = &world.organization
            && let Err(why) = organization.build(&mut self.state)
        {
            self.problems.add(*at, why);
        }
        if let Some((center, at)) = &world.identity_center
            && let Err(why) = center.build(&mut self.state)
        {
            self.problems.add(*at, why);
        }
    }

    fn account(&mut self, id: AccountId, account: &'w Account) {
        let mut built = state::Account::default();
        if let Some(name) = &account.name {
            if name.is_empty() || name.chars().count() > 50 {
                self.problems.add(
                    name.at,
                    format!("the name of account {id} has 1 to 50 characters"),
                );
            }
            built.name.clone_from(&name.text);
        }
        if let Some(alias) = &account.alias {
            names::check_alias(alias, &mut self.problems);
            if let Some(before) = self.aliases.insert(&alias.text, alias.at) {
                let message = format!("two accounts have the alias {alias}{}", names::see(before));
                self.problems.add(alias.at, message);
            }
            built.alias = Some(alias.text.clone());
        }
        let mut policies = Names::new("policy", id);
        for policy in &account.policies {
            if policies.add(&policy.name, &mut self.problems) {
                self.managed_policy(id, policy, &mut built);
            }
        }
        for provider in &account.oidc_providers {
            self.oidc_provider(id, provider, &mut built);
        }
        self.principals(id, account, &mut built);
        self.state.accounts.insert(id, built);
        self.state.create_access_key(id, Actor::User(ADMIN.to_owned()));
        if account.root_key {
            self.state.create_access_key(id, Actor::Root);
        }
        for user in account.users.iter().filter(|user| user.access_key) {
            let actor = Actor::User(user.holder.name.text.clone());
            self.state.create_access_key(id, actor);
        }
        for bucket in &account.buckets {
            self.bucket(id, bucket);
        }
        for topic in &account.topics {
            self.topic(id, topic);
        }
    }

    fn managed_policy(&mut self, id: AccountId, policy: &ManagedPolicy, account: &mut state::Account) {
        let name = &policy.name;
        let what = format!("policy {name} of account {id}");
        names::check_name("policy", name, 128, &mut self.problems);
        names::check_path(&what, &policy.path, &mut self.problems);
        names::check_tags(&what, &policy.tags, &mut self.problems);
        let count = policy.versions.len();
        if count > POLICY_VERSIONS {
            let message = format!("{what} has {count} versions: IAM lets it have {POLICY_VERSIONS}");
            self.problems.add(name.at, message);
        }
        let mut versions = Vec::new();
        for text in &policy.versions {
            if text.size() > MANAGED_POLICY_SIZE {
                let size = text.size();
                let message = format!(
                    "{what} has {size} characters without white space: IAM lets it have {MANAGED_POLICY_SIZE}"
                );
                let problem = text.problem(text.at, message, &self.problems);
                self.problems.push(problem);
            }
            versions.push(text.parse(&what, Purpose::Identity, &mut self.problems));
        }
        let last = u32::try_from(count).unwrap_or(u32::MAX);
        let default_version = match policy.default_version {
            Some((number, at)) if !(1..=last).contains(&number) => {
                let message = format!("{what} has no version {number}: it has 1 to {last}");
                self.problems.add(at, message);
                last
            }
            Some((number, _)) => number,
            None => last,
        };
        let mut versions = (1..)
            .zip(versions)
            .filter_map(|(number, policy)| Some((number, policy?)));
        let arn = format!("arn:aws:iam::{id}:policy{}{name}", policy.path);
        let Some((first, document)) = versions.next() else {
            if count == 0 {
                self.problems.add(name.at, format!("{what} has no version"));
            }
            return;
        };
        let mut built = state::ManagedPolicy::new(arn.clone(), &policy.path, name, document);
        let created = built.created;
        built.versions = built
            .versions
            .into_values()
            .map(|version| (first, version))
            .chain(versions.map(|(number, policy)| (number, PolicyVersion { policy, created })))
            .collect();
        built.default_version = default_version;
        built.last_version = last;
        built.description = policy.description.as_ref().map(|told| told.text.clone());
        built.tags = plain(&policy.tags);
        account.policies.insert(arn, built);
    }

    fn oidc_provider(&mut self, id: AccountId, provider: &OidcProvider, account: &mut state::Account) {
        let url = if provider.url.text == SANDBOX {
            self.issuer.clone()
        } else {
            names::check_issuer(&provider.url, &mut self.problems);
            provider.url.trim_start_matches("https://").to_owned()
        };
        let what = format!("OIDC provider {} of account {id}", provider.url);
        if provider.client_ids.len() > 100 {
            self.problems
                .add(provider.url.at, format!("{what} has more than 100 client ids"));
        }
        for client in &provider.client_ids {
            if client.is_empty() || client.len() > 255 {
                self.problems.add(
                    client.at,
                    format!("a client id of {what} has 1 to 255 characters"),
                );
            }
        }
        let built = state::OidcProvider {
            url: url.clone(),
            client_ids: provider.client_ids.iter().map(|id| id.text.clone()).collect(),
            thumbprints: Vec::new(),
            created: clock::now(),
        };
        let arn = format!("arn:aws:iam::{id}:oidc-provider/{url}");
        if account.oidc_providers.insert(arn, built).is_some() {
            self.problems
                .add(provider.url.at, format!("{what} is there twice"));
        }
    }

    fn bucket(&mut self, id: AccountId, bucket: &'w Bucket) {
        let name = &bucket.name;
        names::check_bucket(name, &mut self.problems);
        if let Some(before) = self.buckets.insert(&name.text, name.at) {
            let message = format!("bucket {name} is there twice{}", names::see(before));
            self.problems
                .add_with_hint(name.at, message, "Buckets of all accounts share their names.");
        }
        for (key, _) in &bucket.objects {
            if key.is_empty() || key.len() > 1024 {
                self.problems
                    .add(key.at, format!("a key in bucket {name} has 1 to 1024 bytes"));
            }
        }
        let objects = bucket.objects.iter().map(|(key, text)| {
            let object = state::Object::new(text.clone().into_bytes(), "text/plain");
            (key.text.clone(), object)
        });
        let built = state::Bucket {
            owner: id,
            created: clock::now(),
            objects: objects.collect(),
        };
        self.state.buckets.insert(name.text.clone(), built);
    }

    fn topic(&mut self, id: AccountId, topic: &Topic) {
        let (name, region) = (&topic.name, &topic.region);
        names::check_topic(name, &mut self.problems);
        names::check_region(region, &mut self.problems);
        if !self
            .state
            .topics
            .insert(format!("arn:aws:sns:{region}:{id}:{name}"))
        {
            self.problems
                .add(name.at, format!("topic {name} of account {id} is there twice"));
        }
    }

    /// The ARN of a managed policy that was named by it, or by the name of one of the account's own.
    fn policy_arn(
        &mut self,
        what: &str,
        told: &Told,
        by_name: &HashMap<String, String>,
        account: &state::Account,
    ) -> String {
        if told.starts_with("arn:") {
            if !account.policies.contains_key(&told.text) && !self.state.aws_managed.contains_key(&told.text)
            {
                let arns = account.policies.keys().chain(self.state.aws_managed.keys());
                let hint = did_you_mean(told, arns.map(String::as_str));
                self.dangling_policy(what, told, hint);
            }
            return told.text.clone();
        }
        if let Some(arn) = by_name.get(&told.text) {
            return arn.clone();
        }
        let aws = self
            .state
            .aws_managed
            .values()
            .find(|policy| policy.name == told.text);
        let hint = match aws {
            Some(policy) => Some(format!(
                "AWS's own policies are named by their ARNs: {}.",
                policy.arn
            )),
            None => did_you_mean(told, by_name.keys().map(String::as_str)),
        };
        self.dangling_policy(what, told, hint);
        told.text.clone()
    }

    fn dangling_policy(&mut self, what: &str, told: &Told, hint: Option<String>) {
        let hint = hint.unwrap_or_else(|| {
            "It is one of the account's own policies ([[account.policy]]), or one of AWS's that the sandbox has."
                .to_owned()
        });
        let message = format!("{what} has the managed policy {told}, which does not exist");
        self.problems.add_with_hint(told.at, message, hint);
    }
}

/// The administrator that every account has.
const ADMIN: &str = "admin";
/// What stands for the sandbox's own issuer.
const SANDBOX: &str = "sandbox";

fn administrator() -> User {
    User::new(ADMIN).attach("arn:aws:iam::aws:policy/AdministratorAccess")
}

fn plain(tags: &[(Told, Told)]) -> std::collections::BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| (key.text.clone(), value.text.clone()))
        .collect()
}

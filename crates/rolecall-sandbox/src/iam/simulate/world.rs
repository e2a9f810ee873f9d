//! What a simulation weighs: whose call it is, under which policies, with which condition keys.

use rolecall::AccountId;
use rolecall::policy::{Context, Document, Policies, PolicySource, Principal};

use super::super::{Iam, Input, Kind, no_such};
use super::exclusions::Exclusions;
use super::statements::Source;
use crate::api::{Params, Refusal};
use crate::state::{Named, Policy, State};

/// Everything but the actions and resources.
pub(super) struct World {
    pub(super) account: AccountId,
    pub(super) principal: Principal,
    pub(super) identity: Vec<Source>,
    pub(super) boundary: Option<Source>,
    pub(super) resource: Option<Source>,
    /// The owner of resources whose ARNs do not say.
    pub(super) owner: AccountId,
    /// Service control policies from the root down; `None` outside of organizations.
    pub(super) service_control: Option<Vec<Vec<Document>>>,
    /// How long the ones that were given are.
    control_characters: usize,
    pub(super) context: Context,
}

impl World {
    /// All of them, as the evaluator takes them.
    pub(super) fn policies(&self) -> Policies<'_> {
        fn source(source: &Source) -> PolicySource<'_> {
            PolicySource {
                name: &source.key,
                document: &source.document,
            }
        }
        fn level(level: &[Document]) -> Vec<PolicySource<'_>> {
            let unnamed = |document| PolicySource { name: "", document };
            level.iter().map(unnamed).collect()
        }
        Policies {
            identity: self.identity.iter().map(source).collect(),
            boundary: self.boundary.as_ref().map(source),
            resource: self.resource.as_ref().map(source),
            service_control: self
                .service_control
                .as_ref()
                .map(|levels| levels.iter().map(|documents| level(documents)).collect()),
            ..Policies::default()
        }
    }

    /// How much is gone through to weigh an action on these resources, in characters of policies: once for each resource,
    /// and again for every so many characters that patterns may be measured by.
    pub(super) fn work(&self, resources: &[&str]) -> usize {
        let own = self.identity.iter().chain(&self.boundary).chain(&self.resource);
        let policies: usize = own.map(|source| source.characters).sum();
        let lengths = self
            .context
            .iter()
            .map(|(_, values)| values.iter().map(String::len).sum::<usize>());
        let longest = lengths.max().unwrap_or_default();
        let rounds: usize = resources
            .iter()
            .map(|resource| 1 + (resource.len() + longest) / 256)
            .sum();
        policies
            .saturating_add(self.control_characters)
            .saturating_mul(rounds)
    }

    /// The policy that the evaluator calls so.
    pub(super) fn source(&self, key: &str) -> Option<&Source> {
        self.identity
            .iter()
            .chain(&self.resource)
            .find(|source| source.key == key)
    }
}

pub(super) fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(400, "InvalidInput", message)
}

/// A user, group or role by its ARN.
pub(super) struct Entity<'a> {
    pub(super) account: AccountId,
    pub(super) kind: Kind,
    pub(super) name: &'a str,
    pub(super) arn: &'a str,
}

/// Sessions, federated users and services are no entities.
pub(super) fn entity(arn: &str) -> Result<Entity<'_>, Refusal> {
    let unclear = || {
        invalid(format!(
            "Invalid Entity Arn: {arn} does not clearly define entity type and name."
        ))
    };
    let fields: Vec<&str> = arn.splitn(6, ':').collect();
    let ["arn", _, "iam", "", account, resource] = fields[..] else {
        return Err(unclear());
    };
    let (kind, path) = resource.split_once('/').ok_or_else(unclear)?;
    let kind = match kind {
        "group" => Kind::Group,
        "role" => Kind::Role,
        "user" => Kind::User,
        _ => return Err(unclear()),
    };
    Ok(Entity {
        account: account.parse().map_err(|_| unclear())?,
        kind,
        name: path.rsplit('/').next().unwrap_or_default(),
        arn,
    })
}

impl Entity<'_> {
    pub(super) fn principal(&self) -> Principal {
        match self.kind {
            // A role acts through its sessions.
            Kind::Role => {
                let session = format!(
                    "arn:aws:sts::{}:assumed-role/{}/simulation",
                    self.account, self.name
                );
                Principal::role_session("aws", self.account, session, self.arn)
            }
            _ => Principal::user("aws", self.account, self.arn),
        }
    }

    /// The thing itself, where it exists.
    fn named<'s>(&self, state: &'s State) -> Option<&'s Named> {
        let named = state.accounts.get(&self.account)?.named(self.kind, self.name)?;
        (named.arn(self.account, self.kind.word()) == self.arn).then_some(named)
    }

    /// The condition keys that follow from who calls.
    fn set_keys(&self, state: &State, context: &mut Context) {
        context.set("aws:PrincipalArn", self.arn);
        context.set("aws:PrincipalAccount", self.account.as_str());
        match self.kind {
            Kind::User => {
                context.set("aws:username", self.name);
                context.set("aws:PrincipalType", "User");
            }
            Kind::Role => context.set("aws:PrincipalType", "AssumedRole"),
            Kind::Group => {}
        }
        if let Some(named) = self.named(state) {
            if self.kind == Kind::User {
                context.set("aws:userid", named.unique_id.as_str());
            }
            for (key, value) in &named.tags {
                context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
            }
        }
        if let Some(organization) = &state.organization
            && let Some(path) = organization.path(self.account)
        {
            context.set("aws:PrincipalOrgID", organization.id.as_str());
            context.set_all("aws:PrincipalOrgPaths", [path]);
        }
    }
}

/// The policies that are given as texts.
fn inputs(input: &mut Input<'_>, parameter: &str) -> Vec<String> {
    input
        .texts(parameter, 1, 131_072)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

fn identity_source(id: String, kind: &'static str, text: &str) -> Result<Source, Refusal> {
    let policy = Policy::identity(text).map_err(|error| invalid(format!("{id}: {error}")))?;
    Ok(Source::new(id, kind, text, policy.document))
}

/// What both operations take.
pub(super) struct Given<'a> {
    policies: Vec<String>,
    boundaries: Vec<String>,
    resource: Option<&'a str>,
    owner: Option<&'a str>,
    caller: Option<&'a str>,
    entries: Context,
    exclusions: Exclusions<'a>,
    /// The levels of service control policies of SimulateCustomPolicy.
    levels: Vec<Vec<&'a str>>,
}

pub(super) fn given<'a>(iam: &Iam<'a>, input: &mut Input<'a>) -> Result<Given<'a>, Refusal> {
    Ok(Given {
        policies: inputs(input, "PolicyInputList"),
        boundaries: inputs(input, "PermissionsBoundaryPolicyInputList"),
        resource: input
            .checks
            .text("ResourcePolicy", 1, 131_072, crate::validate::DOCUMENT),
        owner: input.checks.text("ResourceOwner", 1, 2048, crate::validate::ANY),
        caller: input.checks.text("CallerArn", 1, 2048, crate::validate::ANY),
        entries: super::entries::read(iam, input)?,
        exclusions: Exclusions::read(iam.call.params, input)?,
        levels: levels(iam.call.params, input),
    })
}

/// `OrderedOrganizationPolicyInputList`, from the root to the account.
fn levels<'a>(params: &'a Params, input: &mut Input<'a>) -> Vec<Vec<&'a str>> {
    let list = "OrderedOrganizationPolicyInputList";
    let count = params.members(list, "").len();
    input
        .checks
        .at_most(&vec![(); count], "orderedOrganizationPolicyInputList", 7);
    (1..=count.min(7))
        .map(|level| {
            input.texts(
                &format!("{list}.member.{level}.ServiceControlPolicyInputList"),
                1,
                131_072,
            )
        })
        .collect()
}

impl Given<'_> {
    fn given_levels(&self) -> Result<Option<Vec<Vec<Document>>>, Refusal> {
        let read = |text: &&str| {
            let document = text.parse::<Document>();
            document
                .and_then(|document| document.check_service_control().map(|()| document))
                .map_err(|error| invalid(format!("ServiceControlPolicyInputList: {error}")))
        };
        let levels = self.levels.iter().map(|level| level.iter().map(read).collect());
        let levels: Vec<Vec<Document>> = levels.collect::<Result<_, _>>()?;
        Ok(if levels.is_empty() { None } else { Some(levels) })
    }

    pub(super) fn has_policies(&self) -> bool {
        !self.policies.is_empty()
    }

    /// The owner may be given by number, as the reference says, or by its root user's ARN, as the service wants it.
    fn owner(&self) -> Result<Option<AccountId>, Refusal> {
        let Some(text) = self.owner else { return Ok(None) };
        let number = match text.strip_prefix("arn:aws:iam::") {
            Some(rest) => rest.strip_suffix(":root").unwrap_or_default(),
            None => text,
        };
        let owner = number.parse().map(Some);
        owner.map_err(|_| invalid(format!("'{text}' is not a valid as a Resource Owner.")))
    }

    fn resource(&self, caller: Option<&Entity<'_>>) -> Result<Option<Source>, Refusal> {
        let Some(text) = self.resource else {
            return Ok(None);
        };
        match caller.map(|caller| caller.kind) {
            Some(Kind::User) => {}
            Some(_) => {
                return Err(invalid(
                    "Simulation of resource-based policies is supported for IAM users only.",
                ));
            }
            None => {
                return Err(invalid(
                    "CallerArn is required when a ResourcePolicy is included.",
                ));
            }
        }
        let document: Document = text
            .parse()
            .map_err(|error| invalid(format!("ResourcePolicy: {error}")))?;
        let id = "ResourcePolicy".to_owned();
        Ok(Some(Source {
            key: id.clone(),
            ..Source::new(id, "resource", text, document)
        }))
    }

    /// The world of SimulatePrincipalPolicy, where an entity is given, or of SimulateCustomPolicy.
    pub(super) fn world(
        self,
        iam: &Iam<'_>,
        state: &State,
        source: Option<&Entity<'_>>,
    ) -> Result<World, Refusal> {
        let called = self.caller.map(entity).transpose()?;
        let caller = called.as_ref().or(source);
        let mut identity = match source {
            Some(source) => attached(state, source, &self.exclusions)?,
            None => Vec::new(),
        };
        for (index, text) in self.policies.iter().enumerate() {
            identity.push(identity_source(
                format!("PolicyInputList.{}", index + 1),
                "none",
                text,
            )?);
        }
        let boundary = match &self.boundaries[..] {
            [] => source.and_then(|source| boundary(state, source, &self.exclusions)),
            [text] => {
                let id = "PermissionsBoundaryPolicyInputList.1".to_owned();
                Some(identity_source(id, "none", text)?)
            }
            _ => {
                return Err(invalid(
                    "You can input only one permissions boundary when you pass a policy to this operation.",
                ));
            }
        };
        for (number, source) in identity.iter_mut().enumerate() {
            source.key = number.to_string();
        }
        let account = caller.map_or(iam.account, |caller| caller.account);
        let mut context = Context::new();
        if let Some(caller) = caller {
            caller.set_keys(state, &mut context);
        }
        for (key, values) in self.entries.iter() {
            context.set_all(key, values.iter().cloned());
        }
        Ok(World {
            account,
            principal: caller.map_or_else(
                || Principal::user("aws", account, format!("arn:aws:iam::{account}:user/simulation")),
                Entity::principal,
            ),
            resource: self.resource(caller)?,
            owner: self.owner()?.unwrap_or(account),
            identity,
            boundary,
            control_characters: self.levels.iter().flatten().map(|text| text.len()).sum(),
            service_control: match source {
                Some(source) => service_control(state, source.account, &self.exclusions),
                None => self.given_levels()?,
            },
            context,
        })
    }
}

/// What is attached to a user, group or role, and to the groups of a user.
fn attached(state: &State, source: &Entity<'_>, without: &Exclusions<'_>) -> Result<Vec<Source>, Refusal> {
    let named = source
        .named(state)
        .ok_or_else(|| no_such(source.kind.word(), source.name))?;
    let mut holders = vec![(source.kind, named)];
    if source.kind == Kind::User
        && let Some(home) = state.accounts.get(&source.account)
        && let Some(user) = home.users.get(source.name)
    {
        let groups = user.groups.iter().filter_map(|name| home.groups.get(name));
        holders.extend(groups.map(|group| (Kind::Group, &group.named)));
    }
    let mut sources = Vec::new();
    for (kind, named) in holders {
        let inline = named.inline.iter();
        for (name, policy) in inline.filter(|(name, _)| !without.inline(kind, &named.name, name)) {
            let id = format!("{}_{}_{name}", kind.word(), named.name);
            sources.push(Source::new(
                id,
                kind.word(),
                &policy.text,
                policy.document.clone(),
            ));
        }
        let managed = named
            .attached
            .iter()
            .filter_map(|arn| managed(state, source.account, arn));
        sources.extend(
            managed
                .filter(|(arn, source)| !without.managed(arn, source.kind))
                .map(|(_, source)| source),
        );
    }
    Ok(sources)
}

fn managed<'s>(state: &'s State, account: AccountId, arn: &str) -> Option<(&'s str, Source)> {
    let managed = state.managed(account, arn)?;
    let policy = managed.in_force()?;
    let own = arn.split(':').nth(4) != Some("aws");
    let kind = if own { "user-managed" } else { "aws-managed" };
    let source = Source::new(managed.name.clone(), kind, &policy.text, policy.document.clone());
    Some((&managed.arn, source))
}

fn boundary(state: &State, source: &Entity<'_>, without: &Exclusions<'_>) -> Option<Source> {
    let arn = source.named(state)?.boundary.as_ref()?;
    let (_, source) = managed(state, source.account, arn).filter(|_| !without.boundary(arn))?;
    Some(source)
}

/// The levels of service control policies over an account; none hold the management account back, which is in the
/// organization all the same.
fn service_control(
    state: &State,
    account: AccountId,
    without: &Exclusions<'_>,
) -> Option<Vec<Vec<Document>>> {
    let organization = state.organization.as_ref().filter(|_| !without.organizations())?;
    organization.members.get(&account)?;
    let levels = organization.service_control(account).unwrap_or_default();
    let documents = |level: Vec<PolicySource<'_>>| {
        let kept = level
            .into_iter()
            .filter(|policy| !without.service_control(policy.name));
        kept.map(|policy| policy.document.clone()).collect()
    };
    Some(levels.into_iter().map(documents).collect())
}

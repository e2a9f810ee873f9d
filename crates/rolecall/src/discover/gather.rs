//! Reads what a caller holds. Every call may be denied on its own: what could not be read is told, with the permission that
//! would let it, and everything else goes on.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;
use futures_util::stream;

use super::held::{Caller, Held, Holdings, Part, Unread, Who};
use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind};
use crate::policy::{Context, Document};
use crate::provider::Provider;
use crate::provider::reading::{Entity, Holder, Membership, Reader};
use crate::time::rfc3339;

/// Calls at once: below the rate at which IAM throttles one account's readers.
pub(super) const AT_ONCE: usize = 12;

/// Runs them all, some at once, and gives the answers in the order of the questions.
pub(super) async fn bounded<T>(calls: impl IntoIterator<Item = impl Future<Output = T>>) -> Vec<T> {
    stream::iter(calls).buffered(AT_ONCE).collect().await
}

/// What is being read, and what could not be.
struct Gathering<'a> {
    reader: &'a Reader<'a>,
    caller: &'a Caller,
    unread: Vec<Unread>,
    opaque: BTreeSet<String>,
}

/// What became of one policy: whose, its name, its version, and its text or why there is none.
struct Fetched {
    holder: String,
    name: String,
    version: Option<String>,
    text: Result<String, (&'static str, Error)>,
}

/// Reads everything that has a say about what the provider's target may do.
///
/// # Errors
/// Why there is no session, or why STS does not say whose it is. Nothing else fails.
pub async fn holdings(provider: &Provider) -> Result<Holdings, Error> {
    let caller = Caller::of(provider.caller_identity().await?)?;
    let reader = Reader::of(provider).await?;
    of(provider, &reader, caller).await
}

pub(super) async fn of(provider: &Provider, reader: &Reader<'_>, caller: Caller) -> Result<Holdings, Error> {
    let mut gathering = Gathering {
        reader,
        caller: &caller,
        unread: Vec::new(),
        opaque: BTreeSet::new(),
    };
    let own_role = own_role(provider, &caller);
    let (found, service_control) = match &caller.who {
        // Neither may call IAM or assume a role, whatever their policies say.
        Who::Root | Who::Federated { .. } => (Found::default(), Part::Read(None)),
        Who::User { name } => gathering.everything(Holder::User(name)).await,
        Who::Role { name } => gathering.everything(Holder::Role(name)).await,
    };
    let session = gathering.session(provider).await;
    let arn = match (&found.entity, &own_role, &caller.who) {
        (_, Some(role), _) => role.to_string(),
        (Some(entity), ..) => entity.arn.clone(),
        (None, None, Who::Role { name }) => {
            format!(
                "arn:{}:iam::{}:role/{name}",
                caller.partition.id(),
                caller.account
            )
        }
        (None, None, _) => caller.identity.arn.clone(),
    };
    let context = context(provider, &caller, &arn, found.entity.as_ref());
    let Gathering { unread, opaque, .. } = gathering;
    Ok(Holdings {
        arn,
        policies: found.policies,
        opaque,
        boundary: found.boundary,
        session,
        service_control,
        context,
        tags: found.entity.map(|entity| entity.tags),
        unread,
        caller,
    })
}

/// The role of a session, where the chain says it whole.
fn own_role(provider: &Provider, caller: &Caller) -> Option<RoleArn> {
    let Who::Role { name } = &caller.who else {
        return None;
    };
    let role = provider.chain().roles.last().map(|role| role.arn.clone())?;
    (role.name() == name && role.account() == caller.account).then_some(role)
}

struct Found {
    entity: Option<Entity>,
    policies: Vec<Held>,
    boundary: Part<Option<Held>>,
}

impl Default for Found {
    fn default() -> Self {
        Self {
            entity: None,
            policies: Vec::new(),
            boundary: Part::Read(None),
        }
    }
}

type Levels = Option<Vec<Vec<Held>>>;
/// The same as it was read, as (name, text); or the permission it lacked, and why.
type ReadLevels = Result<Option<Vec<Vec<(String, String)>>>, (&'static str, Error)>;

impl Gathering<'_> {
    /// Everything about a user or a role: themselves, their groups, their policies, their boundary, their organization.
    async fn everything(&mut self, holder: Holder<'_>) -> (Found, Part<Levels>) {
        let reader = self.reader;
        let (entity, groups, levels) = futures_util::join!(
            async {
                match holder {
                    Holder::User(name) => reader.user(name).await,
                    Holder::Role(name) | Holder::Group(name) => reader.role(name).await,
                }
            },
            async {
                match holder {
                    Holder::User(name) => Some((name, reader.groups(name).await)),
                    _ => None,
                }
            },
            self.levels(),
        );
        let entity = match entity {
            Ok(entity) => Some(entity),
            Err(error) => {
                let needs = match holder {
                    Holder::User(_) => "iam:GetUser",
                    Holder::Role(_) | Holder::Group(_) => "iam:GetRole",
                };
                let what = format!("the permissions boundary and tags of {}", called(holder));
                self.not_read(what, needs, self.on(holder), &error);
                None
            }
        };
        let groups = match groups {
            Some((_, Ok(groups))) => groups,
            Some((user, Err(error))) => {
                let what = format!("the groups of user {user}");
                self.opaque.insert(what.clone());
                self.not_read(what, "iam:ListGroupsForUser", self.on(holder), &error);
                Vec::new()
            }
            None => Vec::new(),
        };
        let groups = groups.iter().map(|name| Holder::Group(name));
        let policies = self
            .policies(std::iter::once(holder).chain(groups).collect())
            .await;
        let boundary = match &entity {
            None => Part::Unread,
            Some(Entity { boundary: None, .. }) => Part::Read(None),
            Some(Entity {
                boundary: Some(arn), ..
            }) => self.boundary(arn).await,
        };
        let service_control = self.service_control(levels);
        (
            Found {
                entity,
                policies,
                boundary,
            },
            service_control,
        )
    }

    /// Every policy of these holders.
    async fn policies(&mut self, holders: Vec<Holder<'_>>) -> Vec<Held> {
        let reader = self.reader;
        let lists = bounded(holders.iter().map(|holder| async {
            futures_util::join!(reader.attached(*holder), reader.inline_names(*holder))
        }))
        .await;
        let mut managed: Vec<(String, String)> = Vec::new();
        let mut inline: Vec<(Holder<'_>, String)> = Vec::new();
        for (holder, (attached, names)) in holders.iter().zip(lists) {
            match attached {
                // The same policy may come by several ways, and is read once.
                Ok(arns) => managed.extend(arns.into_iter().map(|arn| (called(*holder), arn))),
                Err(error) => self.list_not_read(*holder, "managed", &error),
            }
            match names {
                Ok(names) => inline.extend(names.into_iter().map(|name| (*holder, name))),
                Err(error) => self.list_not_read(*holder, "inline", &error),
            }
        }
        let mut seen = BTreeSet::new();
        managed.retain(|(_, arn)| seen.insert(arn.clone()));
        let (managed, inline) = futures_util::join!(
            bounded(
                managed
                    .into_iter()
                    .map(|(holder, arn)| fetched(reader, holder, arn))
            ),
            bounded(inline.into_iter().map(|(holder, name)| async move {
                let text = reader
                    .inline(holder, &name)
                    .await
                    .map_err(|error| (inline_permission(holder), error));
                Fetched {
                    holder: called(holder),
                    name,
                    version: None,
                    text,
                }
            })),
        );
        managed
            .into_iter()
            .chain(inline)
            .filter_map(|fetched| self.held(fetched))
            .collect()
    }

    async fn boundary(&mut self, arn: &str) -> Part<Option<Held>> {
        let policy = fetched(self.reader, "permissions boundary".to_owned(), arn.to_owned()).await;
        match self.understood(policy) {
            Ok(held) => Part::Read(Some(held)),
            Err(_) => Part::Unread,
        }
    }

    /// What the target's own session is held to.
    async fn session(&mut self, provider: &Provider) -> Option<Part<Vec<Held>>> {
        const HOLDER: &str = "the session";
        let role = provider.chain().roles.last()?;
        if role.policy.is_none() && role.policy_arns.is_empty() {
            return None;
        }
        let inline = role.policy.iter().map(|policy| Fetched {
            holder: HOLDER.to_owned(),
            name: "the session policy".to_owned(),
            version: None,
            text: Ok(policy.value.as_str().to_owned()),
        });
        let reader = self.reader;
        let arns = role.policy_arns.iter().map(|arn| arn.as_str().to_owned());
        let managed = bounded(arns.map(|arn| fetched(reader, HOLDER.to_owned(), arn))).await;
        let mut held = Vec::new();
        let mut is_whole = true;
        for policy in inline.chain(managed) {
            match self.understood(policy) {
                Ok(policy) => held.push(policy),
                Err(_) => is_whole = false,
            }
        }
        Some(if is_whole { Part::Read(held) } else { Part::Unread })
    }

    /// What the organization says about the account.
    async fn levels(&self) -> ReadLevels {
        let account = self.caller.account;
        let membership = self.reader.membership(account).await;
        match membership.map_err(|error| ("organizations:DescribeOrganization", error))? {
            Membership::None | Membership::Management => Ok(None),
            Membership::Member => {
                let levels = self.reader.service_control(account).await;
                levels
                    .map(Some)
                    .map_err(|error| ("organizations:ListPoliciesForTarget", error))
            }
        }
    }

    fn service_control(&mut self, levels: ReadLevels) -> Part<Levels> {
        let what = "the service control policies of the organization";
        let levels = match levels {
            Ok(None) => return Part::Read(None),
            Ok(Some(levels)) => levels,
            Err((needs, error)) => {
                self.not_read(what.to_owned(), needs, "*".to_owned(), &error);
                return Part::Unread;
            }
        };
        let mut read = Vec::new();
        for (at, level) in levels.into_iter().enumerate() {
            let mut held = Vec::new();
            for (name, text) in level {
                match text.parse::<Document>() {
                    Ok(document) => held.push(Held::new(
                        &format!("level {at} of the organization"),
                        &name,
                        None,
                        document,
                    )),
                    Err(invalid) => {
                        self.not_understood(
                            format!("the service control policy {name}"),
                            &invalid.sentence(),
                        );
                        return Part::Unread;
                    }
                }
            }
            read.push(held);
        }
        Part::Read(Some(read))
    }

    /// A policy that was read and understood; what was not may say anything.
    fn held(&mut self, fetched: Fetched) -> Option<Held> {
        match self.understood(fetched) {
            Ok(held) => Some(held),
            Err(what) => {
                self.opaque.insert(what);
                None
            }
        }
    }

    fn understood(&mut self, fetched: Fetched) -> Result<Held, String> {
        let Fetched {
            holder,
            name,
            version,
            text,
        } = fetched;
        let what = format!("the policy {name} of {holder}");
        match text {
            Ok(text) => match text.parse::<Document>() {
                Ok(document) => Ok(Held::new(&holder, &name, version, document)),
                Err(invalid) => {
                    self.not_understood(what.clone(), &invalid.sentence());
                    Err(what)
                }
            },
            Err((needs, error)) => {
                let on = if name.starts_with("arn:") {
                    name
                } else {
                    "*".to_owned()
                };
                self.not_read(what.clone(), needs, on, &error);
                Err(what)
            }
        }
    }

    fn list_not_read(&mut self, holder: Holder<'_>, kind: &str, error: &Error) {
        let what = format!("the {kind} policies of {}", called(holder));
        let needs = match (holder, kind) {
            (Holder::User(_), "managed") => "iam:ListAttachedUserPolicies",
            (Holder::Group(_), "managed") => "iam:ListAttachedGroupPolicies",
            (Holder::Role(_), "managed") => "iam:ListAttachedRolePolicies",
            (Holder::User(_), _) => "iam:ListUserPolicies",
            (Holder::Group(_), _) => "iam:ListGroupPolicies",
            (Holder::Role(_), _) => "iam:ListRolePolicies",
        };
        self.opaque.insert(what.clone());
        self.not_read(what, needs, self.on(holder), error);
    }

    fn not_read(&mut self, what: String, needs: &str, on: String, error: &Error) {
        self.unread.push(unread(what, needs, on, error));
    }

    fn not_understood(&mut self, what: String, why: &str) {
        self.unread.push(Unread {
            what,
            needs: String::new(),
            on: String::new(),
            why: format!("it is not understood: {why}"),
        });
    }

    /// The ARN that a permission to read somebody is needed on. Paths are not known before they are read.
    fn on(&self, holder: Holder<'_>) -> String {
        let (partition, account) = (self.caller.partition.id(), self.caller.account);
        let (kind, name) = match holder {
            Holder::User(_) => return self.caller.identity.arn.clone(),
            Holder::Group(name) => ("group", name),
            Holder::Role(name) => ("role", name),
        };
        format!("arn:{partition}:iam::{account}:{kind}/{name}")
    }
}

pub(crate) fn unread(what: String, needs: &str, on: String, error: &Error) -> Unread {
    let why = match error.kind() {
        ErrorKind::Denied
            if error
                .aws_code()
                .is_some_and(|code| code.starts_with("AccessDenied")) =>
        {
            "denied".to_owned()
        }
        _ => error.to_string(),
    };
    Unread {
        what,
        needs: needs.to_owned(),
        on,
        why,
    }
}

async fn fetched(reader: &Reader<'_>, holder: String, arn: String) -> Fetched {
    let (version, text) = match reader.default_version(&arn).await {
        Ok(version) => {
            let text = reader
                .managed(&arn, &version)
                .await
                .map_err(|error| ("iam:GetPolicyVersion", error));
            (Some(version), text)
        }
        Err(error) => (None, Err(("iam:GetPolicy", error))),
    };
    Fetched {
        holder,
        name: arn,
        version,
        text,
    }
}

fn called(holder: Holder<'_>) -> String {
    match holder {
        Holder::User(name) => format!("user {name}"),
        Holder::Group(name) => format!("group {name}"),
        Holder::Role(name) => format!("role {name}"),
    }
}

fn inline_permission(holder: Holder<'_>) -> &'static str {
    match holder {
        Holder::User(_) => "iam:GetUserPolicy",
        Holder::Group(_) => "iam:GetGroupPolicy",
        Holder::Role(_) => "iam:GetRolePolicy",
    }
}

/// The condition keys that are known of every call of theirs ("AWS global condition context keys"). Everything else may be
/// there or not: it is the caller's to choose, or not to be known from here.
fn context(provider: &Provider, caller: &Caller, arn: &str, entity: Option<&Entity>) -> Context {
    let chain = provider.chain();
    let sts = chain.roles.last().map_or(&chain.source_sts, |role| &role.sts);
    let mut context = Context::new();
    let now = provider.host().now();
    context.set("aws:CurrentTime", rfc3339(now));
    let since = now.duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    context.set("aws:EpochTime", since.as_secs().to_string());
    context.set("aws:SecureTransport", sts.url.starts_with("https://").to_string());
    context.set("aws:PrincipalIsAWSService", "false");
    context.set("aws:ViaAWSService", "false");
    context.set("aws:RequestedRegion", sts.region.as_str());
    context.set("aws:PrincipalAccount", caller.account.as_str());
    context.set("aws:PrincipalArn", arn);
    context.set("aws:userid", caller.identity.user_id.as_str());
    let is_own_key =
        chain.roles.is_empty() && !chain.source.hands_out_sessions() && !chain.source.is_temporary_key();
    match &caller.who {
        Who::User { name } => {
            context.set("aws:PrincipalType", "User");
            context.set("aws:username", name.as_str());
            let tags = entity.map(|entity| entity.tags.as_slice()).unwrap_or_default();
            for (key, value) in tags {
                context.set(&format!("aws:PrincipalTag/{key}"), value.as_str());
            }
            match (entity.is_some(), is_own_key) {
                (true, true) => {
                    context.in_doubt(|key| is_none_of_keys(key) || key.starts_with("aws:principaltag/"))
                }
                (false, true) => context.in_doubt(is_none_of_keys),
                (_, false) => context.in_doubt(|_| false),
            }
        }
        Who::Role { .. } => {
            context.set("aws:PrincipalType", "AssumedRole");
            context.in_doubt(|key| key == "aws:username")
        }
        Who::Federated { .. } | Who::Root => context.in_doubt(|_| false),
    }
}

/// What a call signed with a user's own key never carries.
fn is_none_of_keys(key: &str) -> bool {
    matches!(
        key,
        "aws:tokenissuetime" | "aws:federatedprovider" | "aws:sourceidentity"
    )
}

//! What exists now: accounts, keys, sessions, the organization, buckets, topics.

mod identity;
mod identity_center;
mod keys;
mod organization;
mod session;
mod storage;
mod usage;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rolecall::AccountId;
use rolecall::policy::{PolicySource, Principal};

use crate::ids;
use crate::secrets::Recorder;

pub(crate) use identity::{
    Account, Group, ManagedPolicy, MfaDevice, Named, OidcProvider, Policy, PolicyVersion, Role, User,
};
pub(crate) use identity_center::{Assignment, IdentityCenter, PermissionSet};
pub(crate) use organization::{ControlPolicy, FULL_ACCESS, Member, Organization, Unit};
pub(crate) use session::{AccessKey, Actor, Caller, Session};
pub(crate) use storage::{Bucket, Object};
pub(crate) use usage::Usage;

pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    /// By access key id. [`State::insert_access_key`] and [`State::delete_access_key`] change it.
    pub(crate) keys: HashMap<String, AccessKey>,
    key_owners: keys::Owners,
    pub(crate) usage: Usage,
    pub(crate) sessions: HashMap<String, Arc<Session>>,
    pub(crate) organization: Option<Organization>,
    pub(crate) identity_center: Option<IdentityCenter>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// ARNs.
    pub(crate) topics: BTreeSet<String>,
    pub(crate) aws_managed: BTreeMap<String, ManagedPolicy>,
    pub(crate) recorder: Recorder,
}

/// AWS's own managed policies, as far as they are known here: path, name, document.
const AWS_MANAGED: [(&str, &str, &str); 2] = [
    (
        "/",
        "AdministratorAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ),
    (
        "/",
        "ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[
            "iam:Get*","iam:List*","s3:Get*","s3:List*","sns:Get*","sns:List*","sts:Get*",
            "organizations:Describe*","organizations:List*"]}]}"#,
    ),
];

impl State {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            accounts: BTreeMap::new(),
            keys: HashMap::new(),
            key_owners: HashMap::new(),
            usage: Usage::default(),
            sessions: HashMap::new(),
            organization: None,
            identity_center: None,
            buckets: BTreeMap::new(),
            topics: BTreeSet::new(),
            aws_managed: AWS_MANAGED
                .into_iter()
                .filter_map(|(path, name, text)| {
                    let arn = format!("arn:aws:iam::aws:policy{path}{name}");
                    let policy = Policy::identity(text).ok()?;
                    Some((arn.clone(), ManagedPolicy::new(arn, path, name, policy)))
                })
                .collect(),
            recorder,
        }
    }

    /// A managed policy, the account's own or AWS's.
    pub(crate) fn managed(&self, account: AccountId, arn: &str) -> Option<&ManagedPolicy> {
        self.accounts
            .get(&account)
            .and_then(|account| account.policies.get(arn))
            .or_else(|| self.aws_managed.get(arn))
    }

    /// The version of a managed policy that is in force.
    pub(crate) fn managed_source(&self, account: AccountId, arn: &str) -> Option<PolicySource<'_>> {
        let managed = self.managed(account, arn)?;
        Some(PolicySource {
            name: &managed.arn,
            document: &managed.in_force()?.document,
        })
    }

    /// Issues a session: gives it its key, secret and token, and remembers all three.
    pub(crate) fn issue(&mut self, mut session: Session) -> (String, Arc<Session>) {
        let id = ids::temporary_key();
        session.secret = ids::secret();
        session.token = ids::token();
        self.recorder.secret(&id, &session.secret);
        self.recorder.token(&id, &session.token);
        let session = Arc::new(session);
        self.sessions.insert(id.clone(), Arc::clone(&session));
        (id, session)
    }

    /// The caller behind a key, as far as its user or role still exists.
    pub(crate) fn caller(
        &self,
        account: AccountId,
        actor: &Actor,
        session: Option<Arc<Session>>,
    ) -> Option<Caller> {
        let home = self.accounts.get(&account)?;
        // Made anew under the old name, a user or role is another one; a user that was renamed is the same.
        let same = |unique_id: &str| {
            session
                .as_ref()
                .is_none_or(|session| session.unique_id == unique_id)
        };
        let user_called = |name: &str| {
            let user = home.users.get(name).filter(|user| same(&user.named.unique_id));
            let renamed = || home.users.values().find(|user| same(&user.named.unique_id));
            Some(&user.or_else(|| session.as_ref().and_then(|_| renamed()))?.named)
        };
        let mut actor = actor.clone();
        let (principal, user_id) = match &mut actor {
            Actor::Federated { user, name } => {
                user_called(user)?.name.clone_into(user);
                let arn = format!("arn:aws:sts::{account}:federated-user/{name}");
                (Principal::user("aws", account, arn), format!("{account}:{name}"))
            }
            Actor::Role { name, session_name } => {
                let role = &home.roles.get(name)?.named;
                same(&role.unique_id).then_some(())?;
                let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}");
                (
                    Principal::role_session("aws", account, arn, role.arn(account, "role")),
                    format!("{}:{session_name}", role.unique_id),
                )
            }
            Actor::Root => (Principal::root("aws", account), account.to_string()),
            Actor::User(name) => {
                let user = user_called(name)?;
                user.name.clone_into(name);
                (
                    Principal::user("aws", account, user.arn(account, "user")),
                    user.unique_id.clone(),
                )
            }
        };
        Some(Caller {
            account,
            actor,
            principal,
            user_id,
            session,
        })
    }

    /// The user or role a caller draws its permissions from; a root user draws them from nobody.
    pub(crate) fn named(&self, caller: &Caller) -> Option<&Named> {
        let home = self.accounts.get(&caller.account)?;
        match &caller.actor {
            Actor::Federated { user: name, .. } | Actor::User(name) => {
                home.users.get(name).map(|user| &user.named)
            }
            Actor::Role { name, .. } => home.roles.get(name).map(|role| &role.named),
            Actor::Root => None,
        }
    }

    /// Every identity policy of a caller: its own and its groups', inline and managed.
    pub(crate) fn identity_policies(&self, caller: &Caller) -> Vec<PolicySource<'_>> {
        let Some(home) = self.accounts.get(&caller.account) else {
            return Vec::new();
        };
        let mut holders: Vec<&Named> = self.named(caller).into_iter().collect();
        if let Actor::Federated { user: name, .. } | Actor::User(name) = &caller.actor
            && let Some(user) = home.users.get(name)
        {
            let groups = user.groups.iter().filter_map(|name| home.groups.get(name));
            holders.extend(groups.map(|group| &group.named));
        }
        holders
            .into_iter()
            .flat_map(|named| self.policies_of(caller.account, named))
            .collect()
    }

    /// The policies of one user, group or role, inline and managed.
    pub(crate) fn policies_of<'a>(
        &'a self,
        account: AccountId,
        named: &'a Named,
    ) -> impl Iterator<Item = PolicySource<'a>> {
        let inline = named.inline.iter().map(|(name, policy)| PolicySource {
            name,
            document: &policy.document,
        });
        let attached = named.attached.iter();
        inline.chain(attached.filter_map(move |arn| self.managed_source(account, arn)))
    }
}

//! What exists now: accounts, keys, sessions, the organization, buckets, topics.

mod identity;
mod identity_center;
mod keys;
mod organization;
mod session;
mod signin;
mod storage;
mod usage;
mod workload;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rolecall::policy::{PolicySource, Principal};
use rolecall::{AccountId, RoleArn};

use crate::clock;
use crate::ids;
use crate::secrets::Recorder;

pub(crate) use identity::{
    Account, Group, ManagedPolicy, MfaDevice, Named, OidcProvider, Policy, PolicyVersion, Role, User,
};
pub(crate) use identity_center::{
    Assignment, Client, Code, Device, Grant, IdentityCenter, PermissionSet, SignedIn, Verdict,
};
pub(crate) use organization::{ControlPolicy, FULL_ACCESS, Member, Organization, Unit};
pub(crate) use session::{AccessKey, Actor, Caller, Session};
pub(crate) use signin::{Console, SignInToken, SignIns};
pub(crate) use storage::{Bucket, Object};
pub(crate) use usage::Usage;
pub(crate) use workload::{Instance, Task, Workload};

pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    /// By access key id. [`State::insert_access_key`] and [`State::delete_access_key`] change it.
    pub(crate) keys: HashMap<String, AccessKey>,
    key_owners: keys::Owners,
    pub(crate) usage: Usage,
    pub(crate) sessions: HashMap<String, Arc<Session>>,
    /// How many sessions there may be before those that are long over are dropped.
    sweep_at: usize,
    pub(crate) organization: Option<Organization>,
    pub(crate) identity_center: Option<IdentityCenter>,
    pub(crate) sign_ins: SignIns,
    pub(crate) instance: Option<Instance>,
    /// By name.
    pub(crate) tasks: BTreeMap<String, Task>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// ARNs.
    pub(crate) topics: BTreeSet<String>,
    pub(crate) aws_managed: BTreeMap<String, ManagedPolicy>,
    pub(crate) recorder: Recorder,
}

/// How long a session that is over is still known to be one, so that it is refused as expired and not as unknown.
const REMEMBERED_AFTER_THE_END: Duration = Duration::from_secs(24 * 3600);
/// Fewer sessions than this are not worth a look.
const SWEEP_AT: usize = 1024;

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
            sweep_at: SWEEP_AT,
            organization: None,
            identity_center: None,
            sign_ins: SignIns::default(),
            instance: None,
            tasks: BTreeMap::new(),
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

    /// Issues a session: gives it its key, its secret and, unless it has one, its token, and remembers all three.
    pub(crate) fn issue(&mut self, mut session: Session) -> (String, Arc<Session>) {
        let id = ids::temporary_key();
        session.secret = ids::secret();
        if session.token.is_empty() {
            session.token = ids::token();
        }
        self.recorder.secret(&id, &session.secret);
        self.recorder.token(&id, &session.token);
        let session = Arc::new(session);
        self.sessions.insert(id.clone(), Arc::clone(&session));
        self.sweep(session.issued);
        (id, session)
    }

    /// Drops the sessions that ended long ago, each time there are twice as many as were left: what a sandbox holds stays
    /// in proportion to what is alive, and one session costs no more than another.
    fn sweep(&mut self, now: SystemTime) {
        if self.sessions.len() < self.sweep_at {
            return;
        }
        self.sessions
            .retain(|_, session| session.expires + REMEMBERED_AFTER_THE_END > now);
        self.sweep_at = SWEEP_AT.max(self.sessions.len() * 2);
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
                let mut behind = format!("arn:aws:iam::{account}:root");
                if !user.is_empty() {
                    let found = user_called(user)?;
                    found.name.clone_into(user);
                    behind = found.arn(account, "user");
                }
                let arn = format!("arn:aws:sts::{account}:federated-user/{name}");
                (
                    Principal::federated_user("aws", account, arn, behind),
                    format!("{account}:{name}"),
                )
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
        if caller.actor.is_federated_by_root() {
            // What its session policies are held against is everything ("AWS account root user").
            let everything =
                self.managed_source(caller.account, "arn:aws:iam::aws:policy/AdministratorAccess");
            return everything.into_iter().collect();
        }
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

    /// Refuses every session of a role that was issued until now, as the console's "Revoke active sessions" does: by an
    /// inline policy on `aws:TokenIssueTime` ("Revoke IAM role temporary security credentials"). Whether there is such a
    /// role.
    pub(crate) fn revoke_sessions(&mut self, role_arn: &str, now: SystemTime) -> bool {
        let before = clock::iso8601(now + Duration::from_secs(1));
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Sid": "RevokeOlderSessions", "Effect": "Deny",
                "Action": "*", "Resource": "*",
                "Condition": {{"DateLessThan": {{"aws:TokenIssueTime": "{before}"}}}}}}]}}"#
        );
        let (Ok(policy), Ok(arn)) = (Policy::identity(&text), role_arn.parse::<RoleArn>()) else {
            return false;
        };
        let role = self
            .accounts
            .get_mut(&arn.account())
            .and_then(|account| account.roles.get_mut(arn.name()))
            .filter(|role| role.named.arn(arn.account(), "role") == role_arn);
        let revoked = role.map(|role| {
            role.named
                .inline
                .insert("AWSRevokeOlderSessions".to_owned(), policy)
        });
        revoked.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_that_are_long_over_are_dropped() {
        let mut state = State::new(Recorder::default());
        let session = |issued: SystemTime| Session {
            secret: String::new(),
            token: String::new(),
            account: "111111111111".parse().unwrap(),
            actor: Actor::Root,
            issued,
            expires: issued + Duration::from_secs(900),
            policies: None,
            tags: BTreeMap::new(),
            transitive: Vec::new(),
            source_identity: None,
            unique_id: String::new(),
            mfa: None,
            federated_provider: None,
            chained: false,
        };
        let start = SystemTime::UNIX_EPOCH;
        let (last, _) = (0..SWEEP_AT).map(|_| state.issue(session(start))).last().unwrap();
        assert_eq!(state.sessions.len(), SWEEP_AT);
        // Over, but not for long.
        let later = start + Duration::from_secs(3600);
        for _ in 0..SWEEP_AT {
            state.issue(session(later));
        }
        assert!(state.sessions.contains_key(&last));
        let much_later = later + Duration::from_secs(48 * 3600);
        for _ in 0..2 * SWEEP_AT {
            state.issue(session(much_later));
        }
        assert!(state.sessions.len() <= 2 * SWEEP_AT && !state.sessions.contains_key(&last));
    }
}

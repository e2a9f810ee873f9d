//! What exists now: accounts, keys, sessions, buckets, topics.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use rolecall::policy::{Document, PolicySource, Principal};
use rolecall::{AccountId, Invalid};
use sha2::{Digest, Sha256};

use crate::clock;
use crate::ids;
use crate::secrets::Recorder;

/// A policy, as it was written and as it is judged.
#[derive(Clone)]
pub(crate) struct Policy {
    pub(crate) text: String,
    pub(crate) document: Document,
}

impl Policy {
    pub(crate) fn parse(text: &str) -> Result<Self, Invalid> {
        Ok(Self {
            text: text.to_owned(),
            document: text.parse()?,
        })
    }
}

/// What users and roles have in common.
pub(crate) struct Named {
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) unique_id: String,
    pub(crate) created: SystemTime,
    pub(crate) inline: BTreeMap<String, Policy>,
    /// ARNs of managed policies.
    pub(crate) attached: Vec<String>,
    pub(crate) boundary: Option<String>,
    pub(crate) tags: BTreeMap<String, String>,
}

impl Named {
    /// `arn:aws:iam::ACCOUNT:KIND/PATH/NAME`.
    pub(crate) fn arn(&self, account: AccountId, kind: &str) -> String {
        format!("arn:aws:iam::{account}:{kind}{}{}", self.path, self.name)
    }
}

pub(crate) struct User(pub(crate) Named);

pub(crate) struct Role {
    pub(crate) named: Named,
    pub(crate) trust: Policy,
    pub(crate) max_session_seconds: u32,
    pub(crate) description: Option<String>,
}

#[derive(Default)]
pub(crate) struct Account {
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) roles: BTreeMap<String, Role>,
    /// By ARN.
    pub(crate) policies: BTreeMap<String, Policy>,
}

/// A user's long-term key.
pub(crate) struct AccessKey {
    pub(crate) account: AccountId,
    pub(crate) user: String,
    pub(crate) secret: String,
    pub(crate) active: bool,
    pub(crate) created: SystemTime,
}

/// Whom a key acts as.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Actor {
    User(String),
    Role { name: String, session_name: String },
}

/// Temporary credentials and everything that holds them to less than their role.
pub(crate) struct Session {
    pub(crate) secret: String,
    pub(crate) token: String,
    pub(crate) account: AccountId,
    pub(crate) actor: Actor,
    pub(crate) issued: SystemTime,
    pub(crate) expires: SystemTime,
    /// Session policies and their names; `None` where none were given.
    pub(crate) policies: Option<Vec<(String, Document)>>,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) transitive: Vec<String>,
    pub(crate) source_identity: Option<String>,
    /// The unique id of the user or role at the time, so that one made anew is not the old one.
    pub(crate) unique_id: String,
}

/// Who signed a request.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) account: AccountId,
    pub(crate) actor: Actor,
    pub(crate) principal: Principal,
    /// What GetCallerIdentity calls `UserId`.
    pub(crate) user_id: String,
    /// `None` for long-term keys.
    pub(crate) session: Option<Arc<Session>>,
}

pub(crate) struct Object {
    pub(crate) body: Bytes,
    pub(crate) content_type: String,
    pub(crate) etag: String,
    pub(crate) modified: SystemTime,
    /// `x-amz-meta-*`, lower case.
    pub(crate) metadata: Vec<(String, String)>,
}

impl Object {
    pub(crate) fn new(body: impl Into<Bytes>, content_type: &str) -> Self {
        let body = body.into();
        let digest = Sha256::digest(&body);
        let hex: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            // The suffix says that it is no MD5, as S3's own multi-part tags do.
            etag: format!("\"{hex}-1\""),
            body,
            content_type: content_type.to_owned(),
            modified: clock::now(),
            metadata: Vec::new(),
        }
    }
}

pub(crate) struct Bucket {
    pub(crate) owner: AccountId,
    pub(crate) created: SystemTime,
    pub(crate) objects: BTreeMap<String, Object>,
}

pub(crate) struct State {
    pub(crate) accounts: BTreeMap<AccountId, Account>,
    pub(crate) keys: BTreeMap<String, AccessKey>,
    pub(crate) sessions: HashMap<String, Arc<Session>>,
    pub(crate) buckets: BTreeMap<String, Bucket>,
    /// ARNs.
    pub(crate) topics: BTreeSet<String>,
    aws_managed: BTreeMap<&'static str, Policy>,
    recorder: Recorder,
}

/// AWS's own managed policies, as far as they are known here.
const AWS_MANAGED: [(&str, &str); 2] = [
    (
        "arn:aws:iam::aws:policy/AdministratorAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#,
    ),
    (
        "arn:aws:iam::aws:policy/ReadOnlyAccess",
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Resource":"*","Action":[
            "iam:Get*","iam:List*","s3:Get*","s3:List*","sns:Get*","sns:List*","sts:Get*","organizations:Describe*"]}]}"#,
    ),
];

impl State {
    pub(crate) fn new(recorder: Recorder) -> Self {
        Self {
            accounts: BTreeMap::new(),
            keys: BTreeMap::new(),
            sessions: HashMap::new(),
            buckets: BTreeMap::new(),
            topics: BTreeSet::new(),
            aws_managed: AWS_MANAGED
                .into_iter()
                .filter_map(|(arn, text)| Some((arn, Policy::parse(text).ok()?)))
                .collect(),
            recorder,
        }
    }

    pub(crate) fn aws_managed(&self, arn: &str) -> Option<&Policy> {
        self.aws_managed.get(arn)
    }

    /// A managed policy, the account's own or AWS's.
    pub(crate) fn managed(&self, account: AccountId, arn: &str) -> Option<&Policy> {
        self.accounts
            .get(&account)
            .and_then(|account| account.policies.get(arn))
            .or_else(|| self.aws_managed(arn))
    }

    pub(crate) fn create_access_key(&mut self, account: AccountId, user: &str) -> String {
        let (id, secret) = (ids::long_term_key(), ids::secret());
        self.recorder.secret(&id, &secret);
        self.keys.insert(
            id.clone(),
            AccessKey {
                account,
                user: user.to_owned(),
                secret,
                active: true,
                created: clock::now(),
            },
        );
        id
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

    /// The first key of a user.
    pub(crate) fn key_of(&self, account: AccountId, user: &str) -> Option<(&str, &AccessKey)> {
        self.keys
            .iter()
            .filter(|(_, key)| key.account == account && key.user == user)
            .min_by_key(|(_, key)| key.created)
            .map(|(id, key)| (id.as_str(), key))
    }

    /// The caller behind a key, as far as its user or role still exists.
    pub(crate) fn caller(
        &self,
        account: AccountId,
        actor: &Actor,
        session: Option<Arc<Session>>,
    ) -> Option<Caller> {
        let home = self.accounts.get(&account)?;
        let (principal, user_id) = match actor {
            Actor::User(name) => {
                let user = &home.users.get(name)?.0;
                if session
                    .as_ref()
                    .is_some_and(|session| session.unique_id != user.unique_id)
                {
                    return None;
                }
                (
                    Principal::user("aws", account, user.arn(account, "user")),
                    user.unique_id.clone(),
                )
            }
            Actor::Role { name, session_name } => {
                let role = &home.roles.get(name)?.named;
                let arn = format!("arn:aws:sts::{account}:assumed-role/{name}/{session_name}");
                let unique_id = &role.unique_id;
                if session
                    .as_ref()
                    .is_some_and(|session| session.unique_id != *unique_id)
                {
                    return None;
                }
                (
                    Principal::role_session("aws", account, arn, role.arn(account, "role")),
                    format!("{unique_id}:{session_name}"),
                )
            }
        };
        Some(Caller {
            account,
            actor: actor.clone(),
            principal,
            user_id,
            session,
        })
    }

    /// The user or role a caller draws its permissions from.
    pub(crate) fn named(&self, caller: &Caller) -> Option<&Named> {
        let home = self.accounts.get(&caller.account)?;
        match &caller.actor {
            Actor::User(name) => home.users.get(name).map(|user| &user.0),
            Actor::Role { name, .. } => home.roles.get(name).map(|role| &role.named),
        }
    }

    /// Every identity policy of a user or role.
    pub(crate) fn identity_policies<'a>(
        &'a self,
        account: AccountId,
        named: &'a Named,
    ) -> Vec<PolicySource<'a>> {
        let inline = named.inline.iter().map(|(name, policy)| PolicySource {
            name,
            document: &policy.document,
        });
        let attached = named.attached.iter().filter_map(|arn| {
            Some(PolicySource {
                name: arn,
                document: &self.managed(account, arn)?.document,
            })
        });
        inline.chain(attached).collect()
    }
}

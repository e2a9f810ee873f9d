//! What a caller holds: who they are, and every policy that has a say about what they may do.

use std::collections::BTreeSet;

use super::judge;
use crate::arn::{AccountId, RoleArn};
use crate::error::{Error, ErrorKind};
use crate::partition::Partition;
use crate::policy::{Context, Document, PolicySource, Principal};
use crate::provider::CallerIdentity;

/// Somebody whose policies are read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Who {
    /// An IAM user.
    User {
        /// The name, without a path.
        name: String,
    },
    /// A session of a role; Identity Center's too.
    Role {
        /// The role's name, without its path.
        name: String,
    },
    /// The root user of an account.
    Root,
    /// A session of `GetFederationToken`.
    Federated {
        /// The name it was given.
        name: String,
    },
}

/// Who calls.
#[derive(Clone, Debug)]
pub struct Caller {
    /// As STS says.
    pub identity: CallerIdentity,
    /// What kind of caller that is.
    pub who: Who,
    /// The account.
    pub account: AccountId,
    /// The partition.
    pub partition: Partition,
}

impl Caller {
    /// Reads who it is out of what STS says.
    ///
    /// # Errors
    /// [`ErrorKind::Untrusted`] where that is no identity.
    pub fn of(identity: CallerIdentity) -> Result<Self, Error> {
        let strange = || {
            Error::new(
                ErrorKind::Untrusted,
                format!("STS answered with an identity that is none: `{}`", identity.arn),
            )
            .with_hint(
                "Something answers in the place of STS: check the endpoint and the proxies on the way.",
            )
        };
        let fields: Vec<&str> = identity.arn.splitn(6, ':').collect();
        let &["arn", partition, service, "", account, resource] = fields.as_slice() else {
            return Err(strange());
        };
        let mut names = resource.split('/');
        let who = match (service, names.next()) {
            ("iam", Some("root")) => Who::Root,
            ("iam", Some("user")) => Who::User {
                name: names.next_back().ok_or_else(strange)?.to_owned(),
            },
            ("sts", Some("assumed-role")) => Who::Role {
                name: names.next().ok_or_else(strange)?.to_owned(),
            },
            ("sts", Some("federated-user")) => Who::Federated {
                name: names.next().ok_or_else(strange)?.to_owned(),
            },
            _ => return Err(strange()),
        };
        Ok(Self {
            account: account.parse().map_err(|_| strange())?,
            partition: partition.parse().map_err(|_| strange())?,
            who,
            identity,
        })
    }
}

/// A policy, and where it is attached.
#[derive(Clone, Debug)]
pub struct Held {
    /// The name of an inline policy, or the ARN of a managed one.
    pub name: String,
    /// The version of a managed policy.
    pub version: Option<String>,
    /// Whose it is, as in `user joe`, `group Developers` or `role Hub`.
    pub holder: String,
    /// What it says.
    pub document: Document,
    /// What it is known by among all of a caller's: names of inline policies are each holder's own.
    pub(crate) id: String,
}

impl Held {
    /// A policy that `holder` has, as in `user joe`.
    pub fn new(holder: &str, name: &str, version: Option<String>, document: Document) -> Self {
        Self {
            name: name.to_owned(),
            version,
            holder: holder.to_owned(),
            document,
            id: format!("{holder}\n{name}"),
        }
    }

    /// A policy that is only tried: nobody holds it.
    pub(crate) fn new_statement(document: Document) -> Self {
        Self::new("nobody", "a statement that is tried", None, document)
    }
}

/// Something that could not be read.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Unread {
    /// What, as in `the policy arn:…:policy/X`.
    pub what: String,
    /// The permission that would let it, as in `iam:GetPolicyVersion`.
    pub needs: String,
    /// The resource that the permission is needed on.
    pub on: String,
    /// Why it could not be read, in a clause.
    pub why: String,
}

/// A part of the caller's side, where it could be read.
#[derive(Clone, Debug)]
pub enum Part<T> {
    /// It was.
    Read(T),
    /// It was not.
    Unread,
}

/// A caller with every policy that has a say.
#[derive(Clone, Debug)]
pub struct Holdings {
    /// Who.
    pub caller: Caller,
    /// The ARN that policies know them by: a session's role with its path.
    pub arn: String,
    /// Their own policies.
    pub policies: Vec<Held>,
    /// Those of their policies that could not be read, or not be understood: each may allow or deny anything.
    pub opaque: BTreeSet<String>,
    /// Their permissions boundary, where they have one.
    pub boundary: Part<Option<Held>>,
    /// What their session is held to; `None` of what is no session, or of one that was not held to anything.
    pub session: Option<Part<Vec<Held>>>,
    /// The service control policies that bind their account, a list for each level from the root down; `None` where none
    /// does.
    pub service_control: Part<Option<Vec<Vec<Held>>>>,
    /// The tags of the user, or of the role behind the session; `None` where they could not be read.
    pub tags: Option<Vec<(String, String)>>,
    /// The condition keys that are known of every call of theirs.
    pub context: Context,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

impl Holdings {
    /// Who they are to a policy.
    pub fn principal(&self) -> Principal {
        let (partition, account) = (self.caller.partition.id(), self.caller.account);
        let arn = self.caller.identity.arn.clone();
        match &self.caller.who {
            Who::User { .. } => Principal::user(partition, account, arn),
            Who::Role { .. } => Principal::role_session(partition, account, arn, self.arn.clone()),
            Who::Federated { .. } => Principal::federated_user(partition, account, arn, self.arn.clone()),
            Who::Root => Principal::root(partition, account),
        }
    }

    /// The whole ARN of the role of a session, where it is known.
    pub fn role(&self) -> Option<RoleArn> {
        self.arn.parse().ok()
    }

    /// Whether they may assume a role, by what was read; `trust` is the role's trust policy, where that was read too.
    pub fn judge(&self, role: &RoleArn, trust: Option<&Document>) -> judge::Judgement {
        judge::judge(self, role, trust)
    }
}

pub(super) fn sources(held: &[Held]) -> Vec<PolicySource<'_>> {
    held.iter().map(source).collect()
}

pub(super) fn source(held: &Held) -> PolicySource<'_> {
    PolicySource {
        name: &held.id,
        document: &held.document,
    }
}

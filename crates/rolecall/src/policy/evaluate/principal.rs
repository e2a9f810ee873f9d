//! Who asks, and how closely a policy names them.

use crate::arn::AccountId;
use crate::policy::document::PrincipalClause;

/// Who asks, under all the names a policy may know them by.
#[derive(Clone, Debug)]
pub struct Principal {
    kind: Kind,
    arn: String,
    /// The account and its `…:root`, which stands for everybody in it.
    home: Option<(AccountId, String)>,
}

#[derive(Clone, Debug)]
enum Kind {
    /// The user whose policies and boundary a federated user has.
    FederatedUser(String),
    /// Somebody an identity provider vouches for, before they have a session.
    Federated,
    Root,
    /// The role of a session.
    RoleSession(String),
    Service,
    User,
}

impl Principal {
    /// An IAM user, also with the temporary credentials of `GetSessionToken`.
    pub fn user(partition: &str, account: AccountId, arn: impl Into<String>) -> Self {
        Self::at_home(Kind::User, partition, account, arn.into())
    }

    /// A session of a role: `arn` is the session's (`…:assumed-role/…`), `role` the role's own, with its path.
    pub fn role_session(
        partition: &str,
        account: AccountId,
        arn: impl Into<String>,
        role: impl Into<String>,
    ) -> Self {
        Self::at_home(Kind::RoleSession(role.into()), partition, account, arn.into())
    }

    /// A session of `GetFederationToken`: `arn` is the session's (`…:federated-user/…`), `user` that of the user who
    /// asked for it. Its identity policies are the user's.
    pub fn federated_user(
        partition: &str,
        account: AccountId,
        arn: impl Into<String>,
        user: impl Into<String>,
    ) -> Self {
        Self::at_home(Kind::FederatedUser(user.into()), partition, account, arn.into())
    }

    /// The root user of an account. It needs no policy at home, and is bound by the account's service control policies.
    pub fn root(partition: &str, account: AccountId) -> Self {
        let arn = format!("arn:{partition}:iam::{account}:root");
        Self::at_home(Kind::Root, partition, account, arn)
    }

    /// Somebody with a token or an assertion of an identity provider, by the provider's name or ARN: whom a trust policy
    /// calls `Federated`. They have no policies of their own, so that the trust alone decides.
    pub fn federated(provider: impl Into<String>) -> Self {
        Self {
            kind: Kind::Federated,
            arn: provider.into(),
            home: None,
        }
    }

    /// A service of AWS, as in `ec2.amazonaws.com`. It has no policies of its own.
    pub fn service(name: impl Into<String>) -> Self {
        Self {
            kind: Kind::Service,
            arn: name.into(),
            home: None,
        }
    }

    fn at_home(kind: Kind, partition: &str, account: AccountId, arn: String) -> Self {
        Self {
            kind,
            arn,
            home: Some((account, format!("arn:{partition}:iam::{account}:root"))),
        }
    }

    /// The account it belongs to; services and the users of an identity provider belong to none.
    pub fn account(&self) -> Option<AccountId> {
        self.home.as_ref().map(|(account, _)| *account)
    }

    /// Its ARN, a session's for a session; the name of a service or of an identity provider.
    pub fn arn(&self) -> &str {
        &self.arn
    }

    /// The role behind a session.
    pub fn role(&self) -> Option<&str> {
        match &self.kind {
            Kind::RoleSession(role) => Some(role),
            _ => None,
        }
    }

    /// Whether it is the root user of its account.
    pub fn is_root(&self) -> bool {
        matches!(self.kind, Kind::Root)
    }

    /// Whether it has policies of its own.
    pub(super) fn has_identity_policies(&self) -> bool {
        self.home.is_some() && !self.is_root()
    }

    /// The user or role behind a session, whose permissions its session policies are a ceiling of.
    fn behind(&self) -> Option<&str> {
        match &self.kind {
            Kind::FederatedUser(arn) | Kind::RoleSession(arn) => Some(arn),
            _ => None,
        }
    }

    /// The element of a `Principal` that may name it.
    fn element(&self) -> &'static str {
        match self.kind {
            Kind::Federated => "Federated",
            Kind::Service => "Service",
            _ => "AWS",
        }
    }

    /// Whether a name is one of its account's: the number, or the ARN of the root user.
    fn is_account(&self, name: &str) -> bool {
        self.home
            .as_ref()
            .is_some_and(|(account, root)| name == account.as_str() || name == root)
    }
}

/// How a statement's principal names the one who asks. The closer, the fewer other policies have a say ("Policy evaluation
/// for requests within a single account").
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Named {
    /// By their account: the account's own policies then decide.
    Account,
    /// By the user or role behind their session.
    Behind,
    /// By their own ARN, or as anyone.
    Itself,
}

/// How closely a `Principal` names somebody. `*` and `{"AWS": "*"}` are one and the same, reach services too, and name everybody
/// as themselves: "permissions boundaries or session policies do not limit permissions granted using … a wildcard (*) in
/// the Principal element" ("AWS JSON policy elements: Principal").
pub(super) fn names(clause: &PrincipalClause, principal: &Principal) -> Option<Named> {
    let PrincipalClause::Named(named) = clause else {
        return Some(Named::Itself);
    };
    named
        .iter()
        .filter(|(kind, _)| kind == principal.element())
        .filter_map(|(_, name)| {
            if *name == principal.arn {
                Some(Named::Itself)
            } else if principal.behind() == Some(name) {
                Some(Named::Behind)
            } else if principal.is_account(name) {
                Some(Named::Account)
            } else {
                None
            }
        })
        .max()
}

/// Whether a `NotPrincipal` leaves somebody out: it must name their account, the role or user behind their session, and
/// themselves, because AWS looks at one after the other ("AWS JSON policy elements: NotPrincipal").
pub(super) fn spares(clause: &PrincipalClause, principal: &Principal) -> bool {
    let PrincipalClause::Named(named) = clause else {
        return true;
    };
    let mut names = named
        .iter()
        .filter(|(kind, _)| kind == principal.element())
        .map(|(_, name)| name.as_str());
    let has = |wanted: &dyn Fn(&str) -> bool| names.clone().any(wanted);
    let account = principal.home.is_none() || has(&|name| principal.is_account(name));
    let behind = principal
        .behind()
        .is_none_or(|behind| has(&|name| name == behind));
    account && behind && (principal.is_root() || names.any(|name| name == principal.arn))
}

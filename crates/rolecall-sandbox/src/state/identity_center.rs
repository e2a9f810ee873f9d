//! IAM Identity Center: who may enter which account under which permission set, and who is signed in now.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::AccountId;

use super::Policy;

/// The instance, where the world has one.
pub(crate) struct IdentityCenter {
    /// As `sso_start_url` in the config file has it.
    pub(crate) start_url: String,
    pub(crate) region: String,
    /// Names of the directory's users.
    pub(crate) users: BTreeSet<String>,
    /// By name.
    pub(crate) permission_sets: BTreeMap<String, PermissionSet>,
    pub(crate) assignments: Vec<Assignment>,
    pub(crate) signed_in: SignedIn,
}

/// Who is signed in now, and who is about to be.
#[derive(Default)]
pub(crate) struct SignedIn {}

/// What an assignment becomes in an account: a role `AWSReservedSSO_NAME_…`.
pub(crate) struct PermissionSet {
    /// How long GetRoleCredentials' sessions last.
    pub(crate) session_seconds: u32,
    pub(crate) inline: Option<Policy>,
    pub(crate) attached: Vec<String>,
}

/// A user may enter an account under a permission set.
pub(crate) struct Assignment {
    pub(crate) user: String,
    pub(crate) account: AccountId,
    pub(crate) permission_set: String,
    /// The name of the role in the account.
    pub(crate) role: String,
}

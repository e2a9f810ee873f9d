//! What exists when a sandbox starts: accounts, and who and what is in them.
//!
//! A world is a description, read from TOML ([`read`]) or made in code, until [`build`] checks it and makes it real.

mod account;
mod build;
mod error;
mod file;
mod identity_center;
mod names;
mod organization;
mod policy_text;
mod principal;
mod profile;
mod read;
mod workload;

use std::path::Path;

pub use account::{Account, ManagedPolicy};
use error::Place;
pub(crate) use error::did_you_mean;
pub use error::{WorldError, WorldErrors};
pub use identity_center::{IdentityCenter, PermissionSet};
pub use organization::{Organization, Unit};
pub use principal::{Group, Role, User};
use profile::{Profile, ProfileKind, RoleSource};
use workload::{Container, Machine};

/// A world to start from. What is made in code is not checked before [`crate::Builder::start`].
///
/// ```
/// use rolecall_sandbox::{Account, Role, Sandbox, User, World};
/// let trust = r#"{"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111111111111"}}}"#;
/// let world = World::new()
///     .account(Account::new("111111111111").user(User::new("ann")))
///     .account(Account::new("222222222222").role(Role::new("Deploy", trust).max_session_seconds(7200)));
/// let sandbox = Sandbox::builder().world(world).start()?;
/// assert_eq!(sandbox.accounts().len(), 2);
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct World {
    /// The file it was read from, as it was named; empty for a world that was made in code.
    file: String,
    accounts: Vec<Account>,
    organization: Option<(Organization, Place)>,
    identity_center: Option<(IdentityCenter, Place)>,
    instance: Option<Machine>,
    containers: Vec<Container>,
    profiles: Vec<Profile>,
}

/// The ready worlds: what they are called, and their files.
const READY: [(&str, &str); 3] = [
    ("article", include_str!("../worlds/article.toml")),
    ("organization", include_str!("../worlds/organization.toml")),
    ("empty", include_str!("../worlds/empty.toml")),
];

impl World {
    /// A world without accounts.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads a world from TOML; `docs/worlds.md` has the format. `file_name` is what errors call it.
    ///
    /// ```
    /// use rolecall_sandbox::World;
    /// let errors = World::from_toml("[[account]]\nid = '111111111111'\naliass = 'ours'\n", "ours.toml").unwrap_err();
    /// assert_eq!(errors.errors()[0].to_string(), "ours.toml:3: an account has no key `aliass`");
    /// assert_eq!(errors.errors()[0].hint(), Some("Did you mean `alias`?"));
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with it, each problem with its line.
    pub fn from_toml(text: &str, file_name: &str) -> Result<Self, WorldErrors> {
        read::read(text, file_name, None)
    }

    /// Reads a world from a file of at most 16 MiB. The files of policies that it names are relative to its folder.
    ///
    /// # Errors
    /// Why the file cannot be read, or everything that is wrong with it.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, WorldErrors> {
        let path = path.as_ref();
        let name = path.display().to_string();
        let text = file::read(path).map_err(|why| WorldError::new(&name, None, why))?;
        read::read(&text, &name, Some(path.parent().unwrap_or(Path::new(""))))
    }

    /// The names of the ready worlds.
    pub fn ready_names() -> impl Iterator<Item = &'static str> {
        READY.iter().map(|(name, _)| *name)
    }

    /// The TOML of a ready world, to read and to start from.
    pub fn ready_toml(name: &str) -> Option<&'static str> {
        READY
            .iter()
            .find(|(ready, _)| *ready == name)
            .map(|(_, text)| *text)
    }

    /// A ready world by its name.
    pub fn ready(name: &str) -> Option<Self> {
        let text = Self::ready_toml(name)?;
        let world = Self::from_toml(text, &format!("{name}.toml"));
        Some(world.expect("a test reads every ready world"))
    }

    /// Two bare accounts, 111111111111 and 222222222222, with their administrators.
    pub fn empty() -> Self {
        Self::ready("empty").unwrap_or_default()
    }

    /// The world of the article: joe.bloggs in 111111111111, BlahRole and its neighbours in 666666666666.
    pub fn article() -> Self {
        Self::ready("article").unwrap_or_default()
    }

    /// An organization of twenty accounts, with a hub whose role and groups reach the others; some of its roles are
    /// broken, each in a way of its own, as `docs/worlds.md` lists.
    pub fn organization_of_twenty() -> Self {
        Self::ready("organization").unwrap_or_default()
    }

    /// The same world with one more account.
    #[must_use]
    pub fn account(mut self, account: Account) -> Self {
        self.accounts.push(account);
        self
    }

    /// The same world with an organization over its accounts.
    #[must_use]
    pub fn organization(mut self, organization: Organization) -> Self {
        self.organization = Some((organization, Place::default()));
        self
    }

    /// The same world with an IAM Identity Center.
    #[must_use]
    pub fn identity_center(mut self, identity_center: IdentityCenter) -> Self {
        self.identity_center = Some((identity_center, Place::default()));
        self
    }

    /// The same world with a profile that holds a user's access key.
    #[must_use]
    pub fn profile_for_user(mut self, name: &str, account: &str, user: &str) -> Self {
        self.profiles.push(Profile {
            name: name.into(),
            region: "us-east-1".into(),
            kind: ProfileKind::Key {
                account: account.into(),
                user: user.into(),
                mfa_serial: None,
            },
        });
        self
    }

    /// The same world with a profile that assumes a role.
    #[must_use]
    pub fn profile_for_role(
        mut self,
        name: &str,
        role_arn: &str,
        source_profile: &str,
        external_id: Option<&str>,
    ) -> Self {
        self.profiles.push(Profile {
            name: name.into(),
            region: "us-east-1".into(),
            kind: ProfileKind::Role {
                role_arn: role_arn.into(),
                source: RoleSource::Profile(source_profile.into()),
                external_id: external_id.map(Into::into),
                mfa_serial: None,
                duration_seconds: None,
                role_session_name: None,
                dangling: false,
            },
        });
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ready_world_is_sound() {
        for name in World::ready_names() {
            let text = World::ready_toml(name).unwrap();
            if let Err(errors) = World::from_toml(text, name) {
                panic!("{errors}");
            }
        }
    }
}

//! Where the first credentials come from.

use std::fmt;
use std::path::PathBuf;
use std::time::SystemTime;

use super::StsEndpoint;
use crate::arn::AccountId;
use crate::command_line::CommandLine;
use crate::partition::Region;
use crate::profile::{Origin, shown_url};
use crate::session::{KeyBuilder, masked_key_id};

/// Where the first credentials come from. It needs no credentials itself, and holds no secret.
#[derive(Clone, Debug)]
pub struct Source {
    /// What kind it is, with what that kind needs to be found.
    pub kind: SourceKind,
    /// The profile it belongs to, where it does.
    pub profile: Option<String>,
    /// Where it stands.
    pub origin: Origin,
}

/// The kinds of sources.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourceKind {
    /// An access key in a config or credentials file.
    AccessKey(KeySource),
    /// The container credentials endpoint (ECS, EKS Pod Identity, or another rolecall's).
    Container(Container),
    /// An access key in environment variables.
    Environment(KeySource),
    /// The instance metadata service of EC2, version 2.
    InstanceMetadata(Metadata),
    /// A console sign-in that the AWS CLI keeps (`aws login`).
    Login(LoginSession),
    /// A command that prints credentials (`credential_process`).
    Process(CommandLine),
    /// A role of IAM Identity Center.
    Sso(Box<Sso>),
    /// An access key in the vault, under the profile's name.
    Vault(KeySource),
    /// A token of an OpenID Connect provider, exchanged for the first role's session.
    WebIdentity(TokenSource),
}

/// An access key by its id.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct KeySource {
    /// The access key's id.
    pub access_key_id: String,
    /// Whether the key is temporary: a role assumed with it is a chained one, capped at an hour.
    pub temporary: bool,
    /// When it ends, where something beside the key says so.
    pub ends_at: Option<SystemTime>,
}

/// A container credentials endpoint.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Container {
    /// The full URI.
    pub uri: String,
    /// Where the authorization token is, where one is set: it is sent as it is.
    pub token: Option<ContainerToken>,
}

/// Where a container endpoint's token is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum ContainerToken {
    /// In this file, which may change: it is read for every request.
    File(PathBuf),
    /// In `AWS_CONTAINER_AUTHORIZATION_TOKEN`.
    Variable,
}

/// An instance metadata service.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// The endpoint, without a slash at its end.
    pub endpoint: String,
    /// The instance profile's role, where it is named and not asked for.
    pub role: Option<String>,
}

/// A console sign-in of the AWS CLI.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LoginSession {
    /// Whose it is: an ARN, by whose digest the cache file is named.
    pub session: String,
}

/// A role of IAM Identity Center.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Sso {
    /// What one signs in to for it.
    pub session: SsoSession,
    /// The account.
    pub account: AccountId,
    /// The permission set's name.
    pub role_name: String,
}

/// What one signs in to: an instance of IAM Identity Center. One sign-in serves all its accounts and roles.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SsoSession {
    /// The name of the `[sso-session]` section, where there is one; the token cache is named by it.
    pub name: Option<String>,
    /// The access portal's page, as people know it.
    pub start_url: String,
    /// The region Identity Center runs in.
    pub region: Region,
    /// What the sign-in asks for, where the section says it (`sso_registration_scopes`).
    pub scopes: Vec<String>,
    /// Where roles' credentials come from.
    pub portal: StsEndpoint,
    /// Where tokens come from.
    pub oidc: StsEndpoint,
}

/// Where a web identity token comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenSource {
    /// A file, read for every session: whoever projects the token renews it there.
    File(PathBuf),
    /// A command that prints it.
    Process(CommandLine),
}

impl fmt::Display for SsoSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "the sso-session `{name}` ({})", self.start_url),
            None => f.write_str(&self.start_url),
        }
    }
}

impl SourceKind {
    /// The name used in JSON and in session keys.
    pub fn name(&self) -> &'static str {
        match self {
            Self::AccessKey(_) => "access_key",
            Self::Container(_) => "container",
            Self::Environment(_) => "environment",
            Self::InstanceMetadata(_) => "instance_metadata",
            Self::Login(_) => "login",
            Self::Process(_) => "process",
            Self::Sso(_) => "sso",
            Self::Vault(_) => "vault",
            Self::WebIdentity(_) => "web_identity",
        }
    }
}

impl Source {
    /// The access key's id, where the source is one.
    pub fn access_key_id(&self) -> Option<&str> {
        self.key().map(|key| key.access_key_id.as_str())
    }

    /// Whether the source is an access key that ends.
    pub fn is_temporary_key(&self) -> bool {
        self.key().is_some_and(|key| key.temporary)
    }

    /// When the source's temporary key ends, where something says so.
    pub fn ends_at(&self) -> Option<SystemTime> {
        self.key().filter(|key| key.temporary)?.ends_at
    }

    /// Whether the source is a user's own access key, which can get a session with an MFA code.
    pub fn is_long_term_key(&self) -> bool {
        self.key().is_some_and(|key| !key.temporary)
    }

    /// Whether the source hands out temporary credentials of its own: a session before any role.
    pub fn hands_out_sessions(&self) -> bool {
        match self.kind {
            SourceKind::AccessKey(_)
            | SourceKind::Environment(_)
            | SourceKind::Vault(_)
            | SourceKind::WebIdentity(_) => false,
            SourceKind::Container(_)
            | SourceKind::InstanceMetadata(_)
            | SourceKind::Login(_)
            | SourceKind::Process(_)
            | SourceKind::Sso(_) => true,
        }
    }

    fn key(&self) -> Option<&KeySource> {
        match &self.kind {
            SourceKind::AccessKey(key) | SourceKind::Environment(key) | SourceKind::Vault(key) => Some(key),
            _ => None,
        }
    }

    /// What sets this source's sessions apart from every other's.
    pub(super) fn fingerprint(&self) -> KeyBuilder {
        let mut key = KeyBuilder::new("source");
        match &self.kind {
            // Not the kind: the same access key in a file, in a variable and in the vault is the same identity.
            SourceKind::AccessKey(source) | SourceKind::Environment(source) | SourceKind::Vault(source) => {
                key.text("access key").text(&source.access_key_id);
            }
            SourceKind::Container(container) => {
                let token = match &container.token {
                    Some(ContainerToken::File(path)) => path.to_str(),
                    Some(ContainerToken::Variable) => Some(""),
                    None => None,
                };
                key.text("container").text(&container.uri).optional(token);
            }
            SourceKind::InstanceMetadata(metadata) => {
                key.text("instance metadata")
                    .text(&metadata.endpoint)
                    .optional(metadata.role.as_deref());
            }
            SourceKind::Login(login) => {
                key.text("login").text(&login.session);
            }
            SourceKind::Process(command) => {
                key.text("process").list(command.words());
            }
            SourceKind::Sso(sso) => {
                key.text("sso")
                    .text(&sso.session.start_url)
                    .text(sso.session.region.as_str())
                    // What a stand-in hands out is never AWS's.
                    .text(&sso.session.portal.url)
                    // Two sessions of one portal may be two people's.
                    .optional(sso.session.name.as_deref())
                    .text(sso.account.as_str())
                    .text(&sso.role_name);
            }
            SourceKind::WebIdentity(TokenSource::File(path)) => {
                key.text("web identity file").text(&path.to_string_lossy());
            }
            SourceKind::WebIdentity(TokenSource::Process(command)) => {
                key.text("web identity process").list(command.words());
            }
        }
        key
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.kind {
            SourceKind::AccessKey(key) => {
                let id = masked_key_id(&key.access_key_id);
                match &self.profile {
                    Some(profile) => write!(f, "access key {id} of profile `{profile}`"),
                    None => write!(f, "access key {id}"),
                }
            }
            SourceKind::Vault(key) => {
                let id = masked_key_id(&key.access_key_id);
                let profile = self.profile.as_deref().unwrap_or_default();
                write!(f, "access key {id} of profile `{profile}`, in the vault")
            }
            SourceKind::Environment(key) => {
                write!(
                    f,
                    "access key {} from the environment",
                    masked_key_id(&key.access_key_id)
                )
            }
            SourceKind::Container(container) => {
                write!(f, "the container credentials at {}", container.shown())
            }
            SourceKind::InstanceMetadata(metadata) => {
                write!(f, "the instance metadata at {}", metadata.shown())
            }
            SourceKind::Login(login) => write!(f, "the console sign-in of {}", login.session),
            SourceKind::Process(command) => write!(f, "the command `{command}`"),
            SourceKind::Sso(sso) => {
                write!(
                    f,
                    "Identity Center's {} in account {} ({})",
                    sso.role_name, sso.account, sso.session.start_url
                )
            }
            SourceKind::WebIdentity(TokenSource::File(path)) => {
                write!(f, "the web identity token in {}", path.display())
            }
            SourceKind::WebIdentity(TokenSource::Process(command)) => {
                write!(f, "the web identity token that `{command}` prints")
            }
        }
    }
}

impl Container {
    /// The URI as it may be shown: a query, and what stands before the host, may hold what lets people in.
    pub fn shown(&self) -> String {
        shown_url(&self.uri)
    }
}

impl Metadata {
    /// The endpoint as it may be shown.
    pub fn shown(&self) -> String {
        shown_url(&self.endpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lets_people_in_is_not_shown() {
        let container = Container {
            uri: "http://u:CAN/ARY@127.0.0.1:1/x?key=CANARY".to_owned(),
            token: None,
        };
        let metadata = Metadata {
            endpoint: "http://u:CANARY@127.0.0.1:1".to_owned(),
            role: None,
        };
        for kind in [
            SourceKind::Container(container),
            SourceKind::InstanceMetadata(metadata),
        ] {
            let source = Source {
                kind,
                profile: None,
                origin: Origin::Default("a test"),
            };
            let shown = source.to_string();
            assert!(shown.contains("http://***@127.0.0.1:1"), "{shown}");
            assert!(!shown.contains("CAN") && !shown.contains("ARY"), "{shown}");
        }
    }
}

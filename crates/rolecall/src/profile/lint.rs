//! What is odd about one profile: two sources in it, or a section it names and nobody wrote.

use super::parse::FileKind;
use super::{Profile, Property};
use crate::command_line::CommandLine;

/// What a profile is taken for: its role comes before its keys where it is the target, and after them where it is the
/// source of another. AWS's SDKs do the same.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Taken {
    /// What the user named, or the profile that is selected.
    AsTarget,
    /// The source of a role.
    AsSource,
}

/// A kind of source that a profile may name.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum SourceSetting {
    /// `role_arn`, with another profile or an environment as its source.
    Role,
    /// `credential_source` without a role.
    CredentialSource,
    /// `web_identity_token_file` or `web_identity_token_process`.
    WebIdentity,
    /// `sso_session` or `sso_start_url`.
    Sso,
    /// `login_session`.
    Login,
    /// `credential_process`.
    Process,
    /// `aws_access_key_id`.
    AccessKey,
    /// A key in the vault.
    Vault,
}

impl SourceSetting {
    /// The word for it in a table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::CredentialSource => "environment",
            Self::WebIdentity => "web identity",
            Self::Sso => "sso",
            Self::Login => "login",
            Self::Process => "process",
            Self::AccessKey => "access key",
            Self::Vault => "vault",
        }
    }
}

impl Profile {
    /// Every source this profile names, the one that is taken first: the order of AWS's SDK for Rust.
    pub fn sources(&self, taken: Taken) -> Vec<(SourceSetting, &Property)> {
        let first = |keys: &[&str]| keys.iter().find_map(|key| self.property(key));
        let web_identity = first(&["web_identity_token_file", "web_identity_token_process"]);
        let role = self.property("role_arn").filter(|_| web_identity.is_none());
        // A role of a profile that is its own source starts from the other sources of this profile.
        let is_own_source = self.value("source_profile") == Some(self.name());
        let role = role.filter(|_| !is_own_source);
        let access_key = first(&["aws_access_key_id", "aws_secret_access_key"]);
        let vault = self.vault_key();
        let (early, late) = match taken {
            Taken::AsSource => ([vault, access_key], [None; 2]),
            // Keys beside a role are what it has to be somebody's source, not a second source of its own.
            Taken::AsTarget => (
                [None; 2],
                [vault, access_key].map(|key| key.filter(|_| role.is_none())),
            ),
        };
        let process = self
            .property("credential_process")
            .filter(|_| vault.is_none() || !self.names_itself());
        let named = self
            .property("credential_source")
            .filter(|_| self.value("role_arn").is_none());
        [
            (SourceSetting::Vault, early[0]),
            (SourceSetting::AccessKey, early[1]),
            (SourceSetting::Role, role),
            (SourceSetting::CredentialSource, named),
            (SourceSetting::WebIdentity, web_identity),
            (SourceSetting::Sso, first(&["sso_session", "sso_start_url"])),
            (SourceSetting::Login, self.property("login_session")),
            (SourceSetting::Process, process),
            (SourceSetting::Vault, late[0]),
            (SourceSetting::AccessKey, late[1]),
        ]
        .into_iter()
        .filter_map(|(setting, property)| Some((setting, property?)))
        .collect()
    }
}

/// What other tools run to get a session of this profile's key in the vault: the value of its `credential_process`. A name
/// with blanks is quoted, as every SDK reads such a line.
pub fn own_process(profile: &str) -> String {
    let name = shlex::try_quote(profile).unwrap_or_else(|_| profile.into());
    format!("rolecall credential-process {name}")
}

impl Profile {
    /// Whether its `credential_process` is `rolecall credential-process` of this very profile. With a key in the vault that
    /// is how other tools get at it; without one it would ask for itself for ever.
    pub fn names_itself(&self) -> bool {
        let command = self.property("credential_process").and_then(|property| {
            property
                .one_line("credential_process")
                .ok()?
                .parse::<CommandLine>()
                .ok()
        });
        let Some(command) = command else {
            return false;
        };
        let words: Vec<_> = command.words().collect();
        let Some(at) = words.iter().position(|word| *word == "credential-process") else {
            return false;
        };
        let program = command.program().rsplit(['/', '\\']).next();
        program.is_some_and(|name| name.starts_with("rolecall"))
            && words.get(at + 1).copied() == Some(self.name())
    }
}

/// More than one source in a profile, and which of them is taken by whom.
pub(super) fn two_sources(profile: &Profile, taken: Taken) -> Option<String> {
    let mut sources = profile.sources(taken);
    // AWS's tools agree on a source that has a role besides its keys.
    if taken == Taken::AsSource
        && let [
            (SourceSetting::AccessKey | SourceSetting::Vault, _),
            (SourceSetting::Role, _),
            ..,
        ] = sources[..]
    {
        sources.remove(1);
    }
    let [(_, ours), _, ..] = sources[..] else {
        return None;
    };
    let theirs = sources
        .iter()
        .min_by_key(|(setting, property)| botocores_rank(*setting, property))
        .map(|(_, property)| *property)?;
    let all: Vec<_> = sources
        .iter()
        .map(|(_, property)| format!("{} ({})", property.key(), property.origin()))
        .collect();
    let who = if theirs.key() == ours.key() {
        format!("{} is taken, by AWS's tools too", ours.key())
    } else {
        format!(
            "{} is taken, as AWS's SDK for Rust does; the AWS CLI and botocore take {}",
            ours.key(),
            theirs.key()
        )
    };
    Some(format!(
        "{}: profile `{}` names more than one source, {}: {who}",
        ours.origin(),
        profile.name(),
        all.join(" and ")
    ))
}

/// Where botocore looks first. It looks for keys in the credentials file before it looks for a process, and for keys in
/// the config file last; a `credential_source` without a role it does not see.
fn botocores_rank(setting: SourceSetting, property: &Property) -> u8 {
    match setting {
        SourceSetting::Role => 0,
        SourceSetting::WebIdentity => 1,
        SourceSetting::Sso => 2,
        SourceSetting::AccessKey if property.file_kind() == FileKind::Credentials => 3,
        SourceSetting::Login => 4,
        SourceSetting::Process => 5,
        SourceSetting::AccessKey => 6,
        SourceSetting::CredentialSource => 7,
        // It knows nothing of it.
        SourceSetting::Vault => 8,
    }
}

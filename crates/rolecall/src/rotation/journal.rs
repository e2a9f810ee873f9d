//! What a rotation was about to do: written before each step, so that whatever stops it, it is known where.

use std::path::PathBuf;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::{Error, ErrorKind};
use crate::hex::hex;
use crate::host::Host;
use crate::time::{parsed, rfc3339};
use crate::vault::{BackendKind, Vault};

/// The form of the file. Another one is not understood.
const VERSION: u32 = 1;
const BEGINNING: &str = "rotation-";
const END: &str = ".json";

/// What comes next in a rotation. Each can be done again: what is done already stays as it is.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// A new key is made and saved in the vault.
    Create,
    /// AWS has to know it, as the same user's.
    Verify,
    /// The vault's list is turned to it.
    Turn,
    /// The old key is deactivated.
    Deactivate,
    /// The new key is tried once more, and the old one is deleted.
    Delete,
    /// The old key is deleted in the vault.
    Sweep,
}

impl Step {
    /// Its name in the journal and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Verify => "verify",
            Self::Turn => "turn",
            Self::Deactivate => "deactivate",
            Self::Delete => "delete",
            Self::Sweep => "sweep",
        }
    }
}

/// The journal of one rotation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Journal {
    pub(super) profile: String,
    /// Whose keys they are, by the id that stays when a user is renamed.
    pub(super) user_id: String,
    pub(super) arn: String,
    /// Where both keys rest.
    pub(super) backend: BackendKind,
    pub(super) old: String,
    /// The new key, once it is in the vault.
    pub(super) new: Option<String>,
    /// The keys that the user had before.
    pub(super) known: Vec<String>,
    /// When the new key was asked for, on AWS's clock.
    pub(super) asked_at: SystemTime,
    pub(super) step: Step,
    /// Whether it is being undone.
    pub(super) is_undone: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    version: u32,
    profile: String,
    user_id: String,
    arn: String,
    backend: String,
    old: String,
    new: Option<String>,
    known: Vec<String>,
    asked_at: String,
    step: Step,
    is_undone: bool,
}

/// By a digest of the profile's name, which may hold what no file's name may.
fn path(vault: &Vault, profile: &str) -> Result<PathBuf, Error> {
    let name = hex(&Sha256::digest(profile.as_bytes()));
    Ok(vault.folder()?.join(format!("{BEGINNING}{name}{END}")))
}

impl Journal {
    /// That of the profile's rotation, where one is unfinished.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: it cannot be read, or is none.
    pub(super) fn load(host: &Host, vault: &Vault, profile: &str) -> Result<Option<Self>, Error> {
        Self::read(host, path(vault, profile)?)
    }

    /// Those of every rotation that is unfinished.
    pub(super) fn all(host: &Host, vault: &Vault) -> Result<Vec<Self>, Error> {
        let folder = vault.folder()?;
        let mut found = Vec::new();
        for name in host.names_in(&folder)? {
            if name.starts_with(BEGINNING) && name.ends_with(END) {
                found.extend(Self::read(host, folder.join(name))?);
            }
        }
        Ok(found)
    }

    fn read(host: &Host, path: PathBuf) -> Result<Option<Self>, Error> {
        let Some(bytes) = host.read_private(&path)? else {
            return Ok(None);
        };
        let odd = |why: &str| {
            Error::config(format!("{} is no journal of a rotation: {why}", path.display())).with_hint(
                "It holds no secret: look at it. If it is taken away, `rolecall vault list` and the user's keys in IAM say how far the rotation came.",
            )
        };
        let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| odd(&error.to_string()))?;
        if stored.version != VERSION {
            return Err(odd(&format!("it is of version {}", stored.version)));
        }
        Ok(Some(Self {
            backend: stored
                .backend
                .parse()
                .map_err(|_| odd("there is no such backend"))?,
            asked_at: parsed(&stored.asked_at).ok_or_else(|| odd("its time is none"))?,
            profile: stored.profile,
            user_id: stored.user_id,
            arn: stored.arn,
            old: stored.old,
            new: stored.new,
            known: stored.known,
            step: stored.step,
            is_undone: stored.is_undone,
        }))
    }

    /// Writes it, whole or not at all, and so that it outlives a crash.
    pub(super) fn write(&self, host: &Host, vault: &Vault) -> Result<(), Error> {
        let stored = Stored {
            version: VERSION,
            profile: self.profile.clone(),
            user_id: self.user_id.clone(),
            arn: self.arn.clone(),
            backend: self.backend.name().to_owned(),
            old: self.old.clone(),
            new: self.new.clone(),
            known: self.known.clone(),
            asked_at: rfc3339(self.asked_at),
            step: self.step,
            is_undone: self.is_undone,
        };
        let text = serde_json::to_vec_pretty(&stored)
            .map_err(|error| Error::new(ErrorKind::Internal, format!("the journal: {error}")))?;
        host.write_private_bytes(&path(vault, &self.profile)?, &text)
    }

    /// The rotation is over.
    pub(super) fn remove(&self, host: &Host, vault: &Vault) -> Result<(), Error> {
        host.remove(&path(vault, &self.profile)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal(profile: &str) -> Journal {
        Journal {
            profile: profile.to_owned(),
            user_id: "AIDAEXAMPLE".to_owned(),
            arn: "arn:aws:iam::111111111111:user/joe".to_owned(),
            backend: BackendKind::File,
            old: "AKIAIOSFODNN7EXAMPLE".to_owned(),
            new: None,
            known: vec!["AKIAIOSFODNN7EXAMPLE".to_owned()],
            asked_at: SystemTime::UNIX_EPOCH,
            step: Step::Create,
            is_undone: false,
        }
    }

    #[test]
    fn what_is_written_is_read_again_whatever_the_profile_is_called() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder()
            .env("XDG_DATA_HOME", folder.path().to_str().unwrap())
            .build();
        let vault = Vault::of(&host);
        assert!(Journal::all(&host, &vault).unwrap().is_empty());
        let names = ["joe", "../../joe", "é/ü", &"x".repeat(256), &"x".repeat(255)];
        for name in names {
            journal(name).write(&host, &vault).unwrap();
        }
        for name in names {
            let read = Journal::load(&host, &vault, name).unwrap().unwrap();
            assert_eq!(read, journal(name));
        }
        assert_eq!(Journal::all(&host, &vault).unwrap().len(), names.len());
        for name in names {
            journal(name).remove(&host, &vault).unwrap();
        }
        assert!(Journal::all(&host, &vault).unwrap().is_empty());
    }

    #[test]
    fn what_is_no_journal_is_an_error_with_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let host = Host::builder()
            .env("XDG_DATA_HOME", folder.path().to_str().unwrap())
            .build();
        let vault = Vault::of(&host);
        journal("joe").write(&host, &vault).unwrap();
        let path = path(&vault, "joe").unwrap();
        let good = host.read(&path).unwrap().unwrap();
        for bad in [
            String::new(),
            "{}".to_owned(),
            good.replace("\"version\": 1", "\"version\": 2"),
            good.replace("\"create\"", "\"explode\""),
            good.replace("\"file\"", "\"sieve\""),
            good.replace("1970-01-01", "yesterday"),
        ] {
            host.write_private_bytes(&path, bad.as_bytes()).unwrap();
            let error = Journal::load(&host, &vault, "joe").unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.to_string().contains("is no journal"), "{bad}: {error}");
        }
    }
}

//! Whether a set-up works and is safe: what is, and for each thing that is not as it should be one line what to do.
//!
//! Looking changes nothing and calls nobody; [`Doctor::call`] asks STS, with credentials only for targets that were named.
//! No finding has a secret in it: of a key that lies about in a file there is the place, and never the text.

mod calls;
mod environment;
mod files;
mod keys;
mod leftovers;
mod machine;
mod profiles;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::{Error, printable};
use crate::host::Host;
use crate::profile::ProfileSet;
use crate::vault::Vault;

pub use calls::Try;

/// What a finding is about.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Area {
    /// Who owns the files and folders, and who else gets at them.
    Files,
    /// What stands in the AWS files.
    Profiles,
    /// The variables that AWS's tools read.
    Environment,
    /// The vault, and its keys.
    Vault,
    /// Keys and sessions that lie about in the clear.
    Leftovers,
    /// How a person is asked, the agent, and memory.
    Machine,
    /// What STS answers.
    Aws,
}

impl Area {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 7] = [
        Self::Files,
        Self::Profiles,
        Self::Environment,
        Self::Vault,
        Self::Leftovers,
        Self::Machine,
        Self::Aws,
    ];

    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Files => "files",
            Self::Profiles => "profiles",
            Self::Environment => "environment",
            Self::Vault => "vault",
            Self::Leftovers => "leftovers",
            Self::Machine => "machine",
            Self::Aws => "aws",
        }
    }
}

/// How much a finding matters.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It is as it should be.
    Ok,
    /// Worth knowing; nothing has to be done.
    Note,
    /// It works, and is not as it should be.
    Warning,
    /// It does not work, or others get at what is secret.
    Problem,
}

impl Severity {
    /// The name in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Problem => "problem",
        }
    }
}

/// One thing that was looked at.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// What it is about.
    pub area: Area,
    /// How much it matters.
    pub severity: Severity,
    /// Which check it is, for programs: a name that stays.
    pub check: &'static str,
    /// What is, in one clause.
    pub what: String,
    /// What to do about it, in sentences. Always there for a warning and a problem.
    pub hint: Option<String>,
    /// Where it is: a file, a file with its line, a variable.
    pub place: Option<String>,
}

impl Finding {
    fn new(area: Area, severity: Severity, check: &'static str, what: impl Into<String>) -> Self {
        Self {
            area,
            severity,
            check,
            what: printable(what),
            hint: None,
            place: None,
        }
    }

    /// What an error says, with its hints; `otherwise` is the hint of one that has none.
    fn of_error(area: Area, severity: Severity, check: &'static str, error: &Error, otherwise: &str) -> Self {
        let hint = match error.hints() {
            [] => otherwise.to_owned(),
            hints => hints.join(" "),
        };
        Self::new(area, severity, check, error.to_string()).hint(hint)
    }

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(printable(hint));
        self
    }

    fn at(mut self, place: impl ToString) -> Self {
        self.place = Some(printable(place.to_string()));
        self
    }
}

/// Looks at the set-up of one user.
#[derive(Debug)]
pub struct Doctor {
    host: Host,
    profiles: Result<Arc<ProfileSet>, Error>,
    vault: Vault,
}

impl Doctor {
    /// The set-up of whoever's files `host` reads. The AWS files are read now, and once.
    pub fn of(host: &Host) -> Self {
        Self {
            host: host.clone(),
            profiles: ProfileSet::load(host).map(Arc::new),
            vault: Vault::of(host),
        }
    }

    /// The profiles, where the files could be read.
    ///
    /// # Errors
    /// As [`ProfileSet::load`]; [`Doctor::look`] says so as well.
    pub fn profiles(&self) -> Result<&Arc<ProfileSet>, Error> {
        self.profiles.as_ref().map_err(Error::clone)
    }

    /// The vault, with what was unlocked in it: whoever tries targets unlocks nothing again by it.
    pub fn vault(&self) -> &Vault {
        &self.vault
    }

    /// The files that the console gives for a new access key, where browsers put them, with the number of keys in each.
    pub fn consoles_files(&self) -> Vec<(PathBuf, usize)> {
        leftovers::consoles_files(&self.host)
    }

    /// Everything that can be found out without calling anybody. It blocks; where keys are in the vault, their backend is
    /// tried, and may ask the person for a passphrase.
    pub fn look(&self) -> Vec<Finding> {
        let mut found = self.look_without_asking();
        found.extend(keys::round_trips(&self.host, &self.vault));
        found
    }

    /// The same without what may ask the person.
    pub fn look_without_asking(&self) -> Vec<Finding> {
        let empty = ProfileSet::default();
        let profiles = match &self.profiles {
            Ok(profiles) => profiles.as_ref(),
            Err(_) => &empty,
        };
        let mut found = files::look(&self.host, profiles);
        found.extend(profiles::look(&self.host, &self.profiles));
        found.extend(environment::look(&self.host, profiles, self.profiles.is_ok()));
        found.extend(keys::look(&self.host, &self.vault));
        found.extend(leftovers::look(&self.host, profiles));
        found.extend(machine::look(&self.host));
        // Many profiles share one mistake; two places are two.
        let mut seen = HashSet::new();
        found.retain(|finding| seen.insert((finding.check, finding.what.clone(), finding.place.clone())));
        found
    }
}

//! The user's AWS config and credentials files, read as AWS's own tools read them.

pub mod block;
pub mod edit;
mod include;
pub mod keys;
mod lint;
mod mask;
mod parse;
mod property;
mod warning;

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use crate::error::{Error, ErrorKind, printable};
use crate::host::Host;
use crate::vault::List;
use include::Included;
pub use lint::{SourceSetting, Taken, own_process};
pub(crate) use mask::shown_url;
pub use parse::FileKind;
pub use property::Property;
use warning::{About, Warning};

/// What the format takes for a blank: no other white space counts.
const BLANKS: [char; 2] = [' ', '\t'];

/// Where a value comes from.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Origin {
    /// A command-line argument of that name.
    Argument(&'static str),
    /// Nobody said anything; the text names the rule.
    Default(&'static str),
    /// A line of a file.
    File {
        /// The file.
        path: Arc<Path>,
        /// The line, from 1.
        line: usize,
    },
    /// What `rolecall roles` found.
    Found,
    /// A command-line flag or a method of the library of that name.
    Flag(&'static str),
    /// An environment variable.
    Variable(&'static str),
    /// The vault.
    Vault,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Argument(name) => f.write_str(name),
            Self::Default(rule) => write!(f, "default: {rule}"),
            Self::File { path, line } => write!(f, "{}:{line}", path.display()),
            Self::Found => f.write_str("as found by `rolecall roles`"),
            Self::Flag(name) => write!(f, "--{name}"),
            Self::Variable(name) => write!(f, "${name}"),
            Self::Vault => f.write_str("the vault"),
        }
    }
}

/// One named section; each property remembers its file and line.
#[derive(Clone, Debug)]
pub struct Profile {
    name: String,
    origin: Origin,
    /// By key, each once.
    properties: Vec<Property>,
}

impl Profile {
    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it begins.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The property of that (lowercase) key; one that is empty counts as absent.
    pub fn property(&self, key: &str) -> Option<&Property> {
        let at = self
            .properties
            .binary_search_by(|property| property.key().cmp(key))
            .ok()?;
        Some(&self.properties[at]).filter(|property| !property.is_blank())
    }

    /// The value of that key.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.property(key).map(Property::value)
    }

    /// What names its key in the vault. A line `rolecall_vault` in a file is none: no file gives a profile a key there.
    pub fn vault_key(&self) -> Option<&Property> {
        self.property(VAULT)
            .filter(|property| *property.origin() == Origin::Vault)
    }

    /// Every property, by key.
    pub fn properties(&self) -> impl Iterator<Item = (&str, &Property)> {
        self.properties.iter().map(|property| (property.key(), property))
    }

    /// Puts the properties in order; of those with one key the last one counts.
    fn settle(&mut self) {
        if self.properties.is_sorted_by(|one, other| one.key() < other.key()) {
            return;
        }
        self.properties.sort_by(|one, other| one.key().cmp(other.key()));
        self.properties.dedup_by(|later, earlier| {
            let is_same = later.key() == earlier.key();
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
    }
}

/// The merged contents of the config and credentials files.
#[derive(Clone, Debug, Default)]
pub struct ProfileSet {
    /// As they are written.
    profiles: BTreeMap<String, Profile>,
    /// Those that include another, with what they inherit.
    included: BTreeMap<String, Included>,
    sso_sessions: BTreeMap<String, Profile>,
    services: BTreeMap<String, Profile>,
    warnings: Vec<Warning>,
    /// The files that were looked at, and whether they were there.
    files: Vec<(PathBuf, bool)>,
    /// Why nobody knows which profiles have a key in the vault.
    vault: Option<Error>,
}

/// The property by which a profile has a key in the vault: the key's id. It stands in no file.
pub const VAULT: &str = "rolecall_vault";

impl ProfileSet {
    /// Reads the files that `host` points to. A missing file is an empty one, as to AWS's tools.
    ///
    /// `ROLECALL_CONFIG_FILE` and `ROLECALL_SHARED_CREDENTIALS_FILE`, which `exec` sets for its child, come before
    /// `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE`, and these before `~/.aws/config` and `~/.aws/credentials`.
    /// They come first only while the `AWS_` ones lie in `ROLECALL_EXEC_DIR`, as `exec` set them: whoever sets one again
    /// inside means it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for a file or a variable that cannot be read, and for what the format does not allow, with file and line.
    pub fn load(host: &Host) -> Result<Self, Error> {
        host.check()?;
        let mut set = Self::default();
        for (kind, path) in Self::paths(host) {
            let text = host.read(&path)?.map(Zeroizing::new);
            if let Some(text) = &text {
                set.add(kind, &path, text)?;
            }
            set.files.push((path, text.is_some()));
        }
        // A vault that cannot be read takes no profile away that has nothing to do with it.
        match List::load(host) {
            Ok(list) => set.add_vault(&list),
            Err(error) => set.vault = Some(error),
        }
        Ok(set)
    }

    /// Adds the keys of the vault: each to the profile of its name, which need not stand in any file.
    pub fn add_vault(&mut self, list: &List) {
        for entry in list.entries() {
            let profile = self
                .profiles
                .entry(entry.profile.clone())
                .or_insert_with(|| Profile {
                    name: entry.profile.clone(),
                    origin: Origin::Vault,
                    properties: Vec::new(),
                });
            let kept = Property::kept(VAULT, &entry.access_key_id, Origin::Vault);
            profile.properties.push(kept);
            profile.settle();
        }
        if !list.entries().is_empty() {
            self.included = include::resolve(&self.profiles);
        }
    }

    /// Why it is not known which profiles have a key in the vault, where that is so.
    pub fn vault_error(&self) -> Option<&Error> {
        self.vault.as_ref()
    }

    /// The files that [`ProfileSet::load`] reads, in that order.
    pub fn paths(host: &Host) -> Vec<(FileKind, PathBuf)> {
        let places = [
            (
                FileKind::Config,
                ["ROLECALL_CONFIG_FILE", "AWS_CONFIG_FILE"],
                "config",
            ),
            (
                FileKind::Credentials,
                ["ROLECALL_SHARED_CREDENTIALS_FILE", "AWS_SHARED_CREDENTIALS_FILE"],
                "credentials",
            ),
        ];
        let place = |[ours, theirs]: [&str; 2], name| {
            let (ours, theirs) = (host.env(ours), host.env(theirs));
            let named = match (theirs, host.env("ROLECALL_EXEC_DIR")) {
                (Some(path), Some(folder)) if !lies_in(&host.expand_home(path), Path::new(folder)) => {
                    Some(path)
                }
                _ => ours.or(theirs),
            };
            named
                .map(|path| host.expand_home(path))
                .or_else(|| Some(host.home()?.join(".aws").join(name)))
        };
        places
            .into_iter()
            .filter_map(|(kind, variables, name)| Some((kind, place(variables, name)?)))
            .collect()
    }

    /// Adds the text of one file. The credentials file is to be added last: its properties win.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what the format does not allow, with file and line.
    pub fn add(&mut self, kind: FileKind, path: &Path, text: &str) -> Result<(), Error> {
        let parsed = parse::parse(kind, &Arc::from(path), text)?;
        for (into, from) in [
            (&mut self.profiles, parsed.profiles),
            (&mut self.sso_sessions, parsed.sso_sessions),
            (&mut self.services, parsed.services),
        ] {
            if into.is_empty() {
                *into = from;
                continue;
            }
            for (name, profile) in from {
                match into.get_mut(&name) {
                    Some(known) => {
                        known.properties.extend(profile.properties);
                        known.settle();
                    }
                    None => drop(into.insert(name, profile)),
                }
            }
        }
        self.warnings.extend(parsed.warnings);
        self.included = include::resolve(&self.profiles);
        Ok(())
    }

    /// The profile of exactly that name, with what it inherits by `include_profile`. A profile that includes itself in the
    /// end is none: [`ProfileSet::load`] reads it, and whoever uses it is told.
    pub fn profile(&self, name: &str) -> Option<&Profile> {
        match self.included.get(name) {
            Some(Included::Whole(profile)) => Some(profile),
            Some(Included::Circle(_)) => None,
            None => self.profiles.get(name),
        }
    }

    /// Every profile, by name, with what it inherits. One that includes itself is as it is written.
    pub fn profiles(&self) -> impl Iterator<Item = &Profile> {
        self.profiles
            .iter()
            .map(|(name, profile)| match self.included.get(name) {
                Some(Included::Whole(whole)) => whole,
                _ => profile,
            })
    }

    /// The `[sso-session NAME]` of that name.
    pub fn sso_session(&self, name: &str) -> Option<&Profile> {
        self.sso_sessions.get(name)
    }

    /// Every `[sso-session NAME]`.
    pub fn sso_sessions(&self) -> impl Iterator<Item = &Profile> {
        self.sso_sessions.values()
    }

    /// Every `[services NAME]`.
    pub fn services(&self) -> impl Iterator<Item = &Profile> {
        self.services.values()
    }

    /// The value of `key` for one service in the `[services …]` section that `profile` names, as in
    /// `[services local]`, `sts =`, and below it, set in, `endpoint_url = …`; and where it stands.
    pub(crate) fn service_value<'a>(
        &'a self,
        profile: &Profile,
        service: &str,
        key: &str,
    ) -> Option<(&'a str, Origin)> {
        let section = self.services.get(profile.value("services")?)?;
        let nested = section.property(service)?.nested();
        let (_, value, origin) = nested
            .filter(|(name, ..)| name.eq_ignore_ascii_case(key))
            .last()?;
        (!value.is_empty()).then_some((value, origin))
    }

    /// Everything odd in the files, with file and line: what was passed over, what botocore reads otherwise, profiles with
    /// two sources.
    pub fn warnings(&self) -> Vec<String> {
        let mut said: Vec<_> = self.warnings.iter().map(Warning::text).collect();
        said.extend(self.vault.as_ref().map(ToString::to_string));
        for profile in self.profiles() {
            said.extend(self.oddities(profile, Taken::AsTarget));
        }
        said
    }

    /// Those of the warnings that concern these profiles, what they include and name, and the files they stand in.
    pub fn warnings_for<'a>(&self, used: impl IntoIterator<Item = (&'a str, Taken)>) -> Vec<String> {
        let mut abouts = Vec::new();
        let mut paths = Vec::new();
        let mut oddities = Vec::new();
        for (name, taken) in used {
            abouts.push(About::Profile(name.to_owned()));
            let Some(profile) = self.profile(name) else {
                continue;
            };
            oddities.extend(self.oddities(profile, taken));
            for (key, about) in [
                ("sso_session", About::SsoSession as fn(String) -> About),
                ("services", About::Services),
                ("include_profile", About::Profile),
            ] {
                abouts.extend(profile.value(key).map(|name| about(name.to_owned())));
            }
            let origins = profile.properties.iter().map(Property::origin);
            paths.extend(
                origins
                    .chain([profile.origin()])
                    .filter_map(|origin| match origin {
                        Origin::File { path, .. } => Some(Arc::clone(path)),
                        _ => None,
                    }),
            );
            paths.sort_unstable();
            paths.dedup();
        }
        let concerns = |warning: &&Warning| match &warning.about {
            About::File => paths.iter().any(|path| **path == *warning.path()),
            about => abouts.contains(about),
        };
        let said = self.warnings.iter().filter(concerns).map(Warning::text);
        let vault = self.vault.as_ref().map(ToString::to_string);
        said.chain(oddities).chain(vault).collect()
    }

    /// What is odd about one profile that no single line shows.
    fn oddities(&self, profile: &Profile, taken: Taken) -> impl Iterator<Item = String> {
        let services = profile.property("services").filter(|property| {
            let name = property.value();
            !self.services.contains_key(name)
        });
        let services = services.map(|property| {
            format!(
                "{}: services of `{}` names a section that is not there",
                property.origin(),
                profile.name()
            )
        });
        let include = include::problem(profile, &self.profiles, &self.included);
        [lint::two_sources(profile, taken), services, include]
            .into_iter()
            .flatten()
            .map(printable)
    }

    /// The error for a name that no profile has, with the nearest names; or for a profile that includes itself.
    pub(crate) fn unknown(&self, name: &str) -> Error {
        if let Some(Included::Circle(error)) = self.included.get(name) {
            return error.clone();
        }
        let looked_at: Vec<_> = self
            .files
            .iter()
            .map(|(path, there)| format!("{}{}", path.display(), if *there { "" } else { " (not there)" }))
            .collect();
        let error = Error::new(ErrorKind::NotConfigured, format!("there is no profile `{name}`"));
        let error = self.with_vault(error);
        let near = self.nearest(name);
        let error = match near.len() {
            0 => error,
            _ => error.with_hint(format!("Did you mean {}?", near.join(", "))),
        };
        if self.profiles.is_empty() {
            return error.with_hint(format!(
                "No profile was found in {}. `rolecall demo` shows the whole way without any.",
                if looked_at.is_empty() {
                    "any file: HOME is not set".to_owned()
                } else {
                    looked_at.join(" and ")
                }
            ));
        }
        error.with_hint(match looked_at.len() {
            0 => "`rolecall profiles` lists what there is.".to_owned(),
            _ => format!(
                "`rolecall profiles` lists what is in {}.",
                looked_at.join(" and ")
            ),
        })
    }

    /// The same error, where the vault may hold what is missing and cannot be read.
    pub(crate) fn with_vault(&self, error: Error) -> Error {
        match &self.vault {
            None => error,
            Some(vault) => vault.hints().iter().fold(
                error.with_hint(format!("It may be in the vault: {vault}.")),
                |error, hint| error.with_hint(hint.as_str()),
            ),
        }
    }

    fn nearest(&self, name: &str) -> Vec<String> {
        let lower = name.to_lowercase();
        let mut near: Vec<_> = self
            .profiles
            .keys()
            .map(|known| {
                let likeness = strsim::jaro_winkler(&lower, &known.to_lowercase());
                (
                    if known.to_lowercase().contains(&lower) {
                        likeness.max(0.9)
                    } else {
                        likeness
                    },
                    known,
                )
            })
            .filter(|(likeness, _)| *likeness > 0.78)
            .collect();
        near.sort_by(|one, other| other.0.total_cmp(&one.0));
        near.into_iter()
            .take(3)
            .map(|(_, known)| format!("`{known}`"))
            .collect()
    }
}

/// By the names alone. A path that goes up may lie anywhere.
fn lies_in(path: &Path, folder: &Path) -> bool {
    path.starts_with(folder) && !path.components().any(|part| part == Component::ParentDir)
}

#[cfg(test)]
mod tests;

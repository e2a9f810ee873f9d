//! Edits of the user's own files that keep every byte they do not own.
//!
//! Two things are done here, and no third: the two halves of an access key are taken out of a profile, and a property is put
//! into one. Comments, blank lines, line ends, a byte order mark, sections that stand twice and the spelling of everything
//! else stay as they are. Before anything is written, the text is read again: every profile has to say what it said before,
//! but for what was asked for.
//!
//! ```
//! use rolecall::profile::FileKind;
//! use rolecall::profile::edit::{Change, UserFile};
//!
//! let text = "[joe] # mine\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = CANARY\n";
//! let file = UserFile::of(FileKind::Credentials, "credentials".as_ref(), Some(text))?;
//! let edit = file.edit(&[Change::TakeKey { profile: "joe".to_owned() }])?;
//! assert_eq!(edit.after(), "[joe] # mine\n");
//! assert!(!edit.diff().contains("CANARY"));
//! # Ok::<(), rolecall::Error>(())
//! ```

mod clear;
mod lines;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zeroize::Zeroizing;

use self::lines::{Lines, is_plain};
use super::block::diff;
use super::parse::outline::{Piece, outline};
use super::{FileKind, ProfileSet, Property};
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::secret::Secret;

pub use self::clear::{ClearKey, Found, Half, Stray, clear_keys};

/// The two halves of an access key.
const PAIR: [&str; 2] = ["aws_access_key_id", "aws_secret_access_key"];

/// What an edit is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Change {
    /// Takes `aws_access_key_id` and `aws_secret_access_key` out of a profile, wherever in the file they stand; and a section
    /// that has nothing else in it then, no comment either.
    TakeKey {
        /// The profile.
        profile: String,
    },
    /// Puts a property into a profile, which is made at the end of the file where it is not there. One that is there with
    /// this value stays as it is written.
    Set {
        /// The profile.
        profile: String,
        /// The key, in lower case.
        key: &'static str,
        /// The value: one line.
        value: String,
    },
}

/// One of the user's two files, as it is now.
pub struct UserFile {
    kind: FileKind,
    path: Arc<Path>,
    /// None where there is no such file.
    text: Option<Zeroizing<String>>,
    pieces: Vec<Piece>,
}

impl fmt::Debug for UserFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold access keys.
        f.debug_struct("UserFile")
            .field("kind", &self.kind)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl UserFile {
    /// The two that [`ProfileSet::load`] reads: the config file, then the credentials file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] as [`ProfileSet::load`], and for a file that others may have written: what is put into the vault
    /// out of it is trusted from then on. [`ErrorKind::NotConfigured`] where there is no home to have them in.
    pub fn read_both(host: &Host) -> Result<[Self; 2], Error> {
        host.check()?;
        let mut files = Vec::with_capacity(2);
        for (kind, path) in ProfileSet::paths(host) {
            not_anybodys(host, &path)?;
            let text = host.read(&path)?.map(Zeroizing::new);
            files.push(Self::made(kind, &path, text)?);
        }
        files.try_into().map_err(|_| {
            Error::new(
                ErrorKind::NotConfigured,
                "there is no home directory, and so no config or credentials file",
            )
            .with_hint("Set AWS_CONFIG_FILE and AWS_SHARED_CREDENTIALS_FILE to the files that are meant.")
        })
    }

    /// One of this text, `None` where there is no file.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what the format does not allow, with file and line.
    pub fn of(kind: FileKind, path: &Path, text: Option<&str>) -> Result<Self, Error> {
        Self::made(kind, path, text.map(|text| Zeroizing::new(text.to_owned())))
    }

    fn made(kind: FileKind, path: &Path, text: Option<Zeroizing<String>>) -> Result<Self, Error> {
        let path = Arc::from(path);
        let pieces = outline(kind, &path, text.as_ref().map_or("", |text| text.as_str()))?;
        Ok(Self {
            kind,
            path,
            text,
            pieces,
        })
    }

    /// Which of the two it is.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its text; nothing where there is no file. It may hold access keys.
    pub fn text(&self) -> &str {
        self.text.as_ref().map_or("", |text| text.as_str())
    }

    /// The edit that does these changes. Nothing is written before [`Edit::save`].
    ///
    /// # Errors
    /// [`ErrorKind::Config`] where a profile has another value of a property that is to be put into it, with file and line; or
    /// where a value cannot stand in a file. [`ErrorKind::Internal`] where the text would not be read as it is meant.
    pub fn edit(&self, changes: &[Change]) -> Result<Edit, Error> {
        let mut lines = Lines::of(self);
        for change in changes {
            if let Change::TakeKey { profile } = change {
                lines.take(profile, &PAIR);
            }
        }
        for change in changes {
            if let Change::Set { profile, key, value } = change {
                if !is_plain(value) {
                    return Err(Error::config(format!(
                        "the value of `{key}` of profile `{profile}` cannot stand in a line of a file"
                    ))
                    .with_hint("Write it without line ends, blanks around it, and ` #` or ` ;` in it."));
                }
                lines.set(profile, key, value)?;
            }
        }
        let after = lines.text();
        self.check(changes, &after)?;
        Ok(Edit {
            path: self.path.to_path_buf(),
            before: self.text.clone(),
            after,
        })
    }

    /// The reader is the judge: what will be written says what it is meant to, and all else what it said.
    fn check(&self, changes: &[Change], after: &str) -> Result<(), Error> {
        let bug = |what: &str| {
            Error::new(
                ErrorKind::Internal,
                format!("{} would not be read as it is meant: {what}", self.path.display()),
            )
            .with_hint("Nothing was written. This is a bug of rolecall: please report it.")
        };
        let (old, new) = (self.read(self.text())?, self.read(after)?);
        let mut meant = old.clone();
        for change in changes {
            match change {
                Change::TakeKey { profile } => {
                    meant.retain(|(section, key, _)| section != profile || !PAIR.contains(&key.as_str()));
                }
                Change::Set { profile, key, value } => {
                    // One that is blank counts as absent, and is replaced.
                    meant.retain(|(section, other, _)| section != profile || other != key);
                    meant.push((profile.clone(), (*key).to_owned(), Zeroizing::new(value.clone())));
                }
            }
        }
        in_order(&mut meant);
        match meant.iter().zip(&new).find(|(meant, new)| meant != new) {
            Some(((section, key, _), _)) => Err(bug(&format!("`{key}` of `{section}`"))),
            None if meant.len() != new.len() => Err(bug("the number of properties")),
            None => Ok(()),
        }
    }

    /// Everything that is set in a text of this file: section, key and value, in order.
    fn read(&self, text: &str) -> Result<Vec<Setting>, Error> {
        let mut set = ProfileSet::default();
        set.add(self.kind, &self.path, text)?;
        let settings = |kind: &str, sections: &std::collections::BTreeMap<String, super::Profile>| {
            let mut all = Vec::new();
            for section in sections.values() {
                let name = format!("{kind}{}", section.name());
                all.extend(section.properties.iter().map(|property: &Property| {
                    let value = Zeroizing::new(property.value().to_owned());
                    (name.clone(), property.key().to_owned(), value)
                }));
            }
            all
        };
        let mut all = settings("", &set.profiles);
        // No profile's name begins so.
        all.extend(settings("[sso-session] ", &set.sso_sessions));
        all.extend(settings("[services] ", &set.services));
        in_order(&mut all);
        Ok(all)
    }
}

/// A key that somebody else wrote into the file, or whose file was put there, would be taken for the user's own.
fn not_anybodys(host: &Host, path: &Path) -> Result<(), Error> {
    let by_its_folder = || {
        let open = host.openness(path).all_write;
        open.then(|| "everybody may put another in its place".to_owned())
    };
    match host.may_be_anybodys(path).or_else(by_its_folder) {
        None => Ok(()),
        Some(why) => Err(
            Error::config(format!("{} is not changed: {why}", path.display())).with_hint(
                "Read it through: what is in it may be another's work. Make it and its folder yours and close them (chown, chmod go-w), and say it again.",
            ),
        ),
    }
}

/// Section, key, value.
type Setting = (String, String, Zeroizing<String>);

/// Of one section each key stands there once.
fn in_order(settings: &mut [Setting]) {
    settings.sort_by(|one, other| (&one.0, &one.1).cmp(&(&other.0, &other.1)));
}

/// A new text of a file. Nothing is written before [`Edit::save`].
pub struct Edit {
    path: PathBuf,
    before: Option<Zeroizing<String>>,
    after: Zeroizing<String>,
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts may hold access keys.
        f.debug_struct("Edit")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl UserFile {
    /// Files that lie beside this one, have its name in theirs, and hold one of these secrets: what editors and people kept of
    /// it. What was written over or deleted cannot be found.
    pub fn copies(&self, host: &Host, secrets: &[&Secret]) -> Vec<PathBuf> {
        let holds = |path: &PathBuf| {
            host.bytes(path).is_some_and(|bytes| {
                let mut secrets = secrets.iter().map(|secret| secret.expose().as_bytes());
                secrets.any(|secret| {
                    !secret.is_empty() && bytes.windows(secret.len()).any(|part| part == secret)
                })
            })
        };
        let mut places = vec![self.path.to_path_buf()];
        places.extend(
            host.replaceable(&self.path)
                .ok()
                .filter(|target| **target != *self.path),
        );
        let mut found: Vec<_> = places
            .iter()
            .flat_map(|path| host.kept_beside(path))
            .filter(holds)
            .collect();
        found.dedup();
        found
    }

    /// The mode of the file, where others than its owner may read it.
    pub fn mode_open_to_others(&self, host: &Host) -> Option<u32> {
        host.mode_open_to_others(&self.path)
    }
}

impl Edit {
    /// The whole of a file replaced by `after`: as it is put back. `before` is what is in it now, `None` where it is not there.
    pub fn replacing(path: &Path, before: Option<&str>, after: &str) -> Self {
        let keep = |text: &str| Zeroizing::new(text.to_owned());
        Self {
            path: path.to_owned(),
            before: before.map(keep),
            after: keep(after),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether there is such a file.
    pub fn is_there(&self) -> bool {
        self.before.is_some()
    }

    /// Its text as it was read. It may hold access keys.
    pub fn before(&self) -> &str {
        self.before.as_ref().map_or("", |text| text.as_str())
    }

    /// Its text as it will be. It may hold access keys.
    pub fn after(&self) -> &str {
        &self.after
    }

    /// Whether there is nothing to write.
    pub fn is_nothing(&self) -> bool {
        self.before() == self.after()
    }

    /// What changes, as a unified diff for a person to read: what may be secret in it is masked.
    pub fn diff(&self) -> String {
        diff::unified(&self.path.display().to_string(), self.before(), self.after())
    }

    /// Whether it could be written: the file where links lead to, which is where it will be.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path and why not.
    pub fn check(&self, host: &Host) -> Result<PathBuf, Error> {
        host.replaceable(&self.path)
    }

    /// Writes the file: whole or not at all, with its mode and its owner, through a link to what it leads to. What it was
    /// before is kept nowhere: it may hold access keys, and whoever wants it back keeps it encrypted first.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: it is not as it was read, cannot be written or replaced, or is no file.
    /// [`ErrorKind::Unavailable`] while another rolecall writes it.
    pub fn save(&self, host: &Host) -> Result<PathBuf, Error> {
        let before = self.before.as_ref().map(|text| text.as_str());
        host.replace_file(&self.path, before, &self.after, None)
    }
}

#[cfg(test)]
mod tests;

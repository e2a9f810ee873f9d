//! Profiles for the roles that were found, in one marked block of the user's config file.
//!
//! What stands between the two marks is made anew each time; every byte outside of them is kept as it is. The block holds
//! only what all of AWS's tools read alike: `key = value` in sections whose names need no quotes, comments on lines of their
//! own, no section twice. Its first line carries a digest of the rest, so that an edit by hand is noticed and not lost.
//!
//! ```
//! use rolecall::profile::block::{self, ConfigFile, Options, Start, Wanted};
//!
//! let file = ConfigFile::of("config".as_ref(), Some("[profile joe]\nregion = eu-west-1\n"), None)?;
//! let role = "arn:aws:iam::666666666666:role/Admin".parse()?;
//! let wanted = [Wanted::new(role, Some("prod"), Some(Start::Profile("joe".to_owned())))];
//! let edit = block::plan(&file, &wanted, &Options::default())?;
//! assert_eq!(edit.added[0].name, "prod-Admin");
//! assert!(edit.diff().contains("+[profile prod-Admin]\n+role_arn = arn:aws:iam::666666666666:role/Admin\n"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(super) mod diff;
mod marks;
mod names;
mod planner;
mod sections;

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use self::planner::{Planner, names_in};
use self::sections::{Section, Sections};
use super::{FileKind, ProfileSet, Property};
use crate::arn::RoleArn;
use crate::error::{Error, ErrorKind};
use crate::host::Host;
use crate::parameters::{ExternalId, MfaSerial};
use crate::partition::Region;

pub use self::names::NameTemplate;

/// With what credentials a role is assumed: what a profile can say of it.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Start {
    /// Those of this profile (`source_profile`).
    Profile(String),
    /// Those in environment variables (`credential_source = Environment`).
    Environment,
    /// Those of a container (`credential_source = EcsContainer`).
    EcsContainer,
    /// Those of an EC2 instance (`credential_source = Ec2InstanceMetadata`).
    Ec2InstanceMetadata,
}

impl Start {
    fn key(&self) -> &'static str {
        match self {
            Self::Profile(_) => "source_profile",
            _ => "credential_source",
        }
    }

    fn value(&self) -> &str {
        match self {
            Self::Profile(name) => name,
            Self::Environment => "Environment",
            Self::EcsContainer => "EcsContainer",
            Self::Ec2InstanceMetadata => "Ec2InstanceMetadata",
        }
    }

    /// What a profile says; SDKs do not heed the case of a `credential_source`.
    fn of(profile: &super::Profile) -> Option<Self> {
        if let Some(name) = profile.value("source_profile") {
            return Some(Self::Profile(name.to_owned()));
        }
        let said = profile.value("credential_source")?;
        [Self::Environment, Self::EcsContainer, Self::Ec2InstanceMetadata]
            .into_iter()
            .find(|start| start.value().eq_ignore_ascii_case(said))
    }
}

impl fmt::Display for Start {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.key(), self.value())
    }
}

/// A role that is to have a profile.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The role.
    pub role: RoleArn,
    /// What its account is called, where that is known.
    pub account_name: Option<String>,
    /// What it is assumed with; `None` where no config file can say it, and then it gets no profile.
    pub start: Option<Start>,
    /// `external_id`, where the role demands one.
    pub external_id: Option<ExternalId>,
    /// `mfa_serial`, where the role demands a device.
    pub mfa_serial: Option<MfaSerial>,
    /// `region`, where the profile is to have one.
    pub region: Option<Region>,
}

impl Wanted {
    /// A role, what its account is called, and what it is assumed with.
    pub fn new(role: RoleArn, account_name: Option<&str>, start: Option<Start>) -> Self {
        Self {
            role,
            account_name: account_name.map(str::to_owned),
            start,
            external_id: None,
            mfa_serial: None,
            region: None,
        }
    }

    fn properties(&self, start: &Start) -> Vec<(&'static str, String)> {
        let mut all = vec![
            ("role_arn", self.role.to_string()),
            (start.key(), start.value().to_owned()),
        ];
        let mut add = |key, value: Option<&str>| all.extend(value.map(|value| (key, value.to_owned())));
        add("external_id", self.external_id.as_ref().map(ExternalId::as_str));
        add("mfa_serial", self.mfa_serial.as_ref().map(MfaSerial::as_str));
        add("region", self.region.as_ref().map(Region::as_str));
        all
    }
}

/// How the block is made.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// How profiles are named. Without it new ones are `{account_name}-{role}`, and those in the block keep their names; with
    /// it they are named anew, but for those that others name.
    pub name: Option<NameTemplate>,
    /// The starts whose roles were all found. What of theirs stands in the block and is not wanted is taken out of it; what
    /// belongs to another start, or to one of which a part could not be read, stays.
    pub searched: Vec<Start>,
    /// Replaces what was edited by hand in the block too.
    pub force: bool,
}

/// The user's config file as it is now, and what else decides about names.
pub struct ConfigFile {
    path: PathBuf,
    /// None where there is no such file.
    text: Option<Zeroizing<String>>,
    credentials: Option<(PathBuf, Zeroizing<String>)>,
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The text may hold access keys.
        f.debug_struct("ConfigFile")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl ConfigFile {
    /// The one that [`ProfileSet::load`] reads.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] as [`ProfileSet::load`]; [`ErrorKind::NotConfigured`] where there is no home to have one in.
    pub fn read(host: &Host) -> Result<Self, Error> {
        host.check()?;
        let (mut config, mut credentials) = (None, None);
        for (kind, path) in ProfileSet::paths(host) {
            let text = host.read(&path)?.map(Zeroizing::new);
            match kind {
                FileKind::Config => config = Some((path, text)),
                FileKind::Credentials => credentials = text.map(|text| (path, text)),
            }
        }
        let Some((path, text)) = config else {
            return Err(Error::new(
                ErrorKind::NotConfigured,
                "there is no home directory, and so no config file",
            )
            .with_hint("Set AWS_CONFIG_FILE to the file that is to be written."));
        };
        let file = Self {
            path,
            text,
            credentials,
        };
        file.profiles(file.text())?;
        Ok(file)
    }

    /// One of this text, `None` where there is no file; and the credentials file beside it.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] for what the format does not allow, with file and line.
    pub fn of(path: &Path, text: Option<&str>, credentials: Option<(&Path, &str)>) -> Result<Self, Error> {
        let keep = |text: &str| Zeroizing::new(text.to_owned());
        let file = Self {
            path: path.to_owned(),
            text: text.map(keep),
            credentials: credentials.map(|(path, text)| (path.to_owned(), keep(text))),
        };
        file.profiles(file.text())?;
        Ok(file)
    }

    fn text(&self) -> &str {
        self.text.as_ref().map_or("", |text| text.as_str())
    }

    /// What the two files say where the config file's text is this one.
    fn profiles(&self, text: &str) -> Result<ProfileSet, Error> {
        let mut set = ProfileSet::default();
        set.add(FileKind::Config, &self.path, text)?;
        if let Some((path, text)) = &self.credentials {
            set.add(FileKind::Credentials, path, text)?;
        }
        Ok(set)
    }
}

/// A profile of the block.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry {
    /// The profile's name.
    pub name: String,
    /// The role's ARN, as it stands there.
    pub role: String,
}

/// What an edit of the config file does. Nothing is written before [`Edit::save`].
pub struct Edit {
    path: PathBuf,
    before: Option<Zeroizing<String>>,
    after: Zeroizing<String>,
    /// New in the block.
    pub added: Vec<Entry>,
    /// In the block before, and otherwise now: named or set up differently.
    pub changed: Vec<Entry>,
    /// In the block as before.
    pub kept: Vec<Entry>,
    /// In the block as before though not asked for, and why.
    pub left: Vec<(Entry, String)>,
    /// Taken out of the block.
    pub pruned: Vec<Entry>,
    /// Roles that get no profile, and why.
    pub skipped: Vec<(RoleArn, String)>,
}

impl fmt::Debug for Edit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The texts may hold access keys.
        f.debug_struct("Edit")
            .field("path", &self.path)
            .field("added", &self.added)
            .field("changed", &self.changed)
            .field("pruned", &self.pruned)
            .finish_non_exhaustive()
    }
}

/// What was written.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Saved {
    /// The file, or where the link to it leads.
    pub path: PathBuf,
    /// The file as it was before; none where there was none.
    pub backup: Option<PathBuf>,
}

impl Edit {
    /// The config file.
    pub fn path(&self) -> &Path {
        &self.path
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

    /// What changes, as a unified diff for a person to read: what may be secret in the lines around is masked.
    pub fn diff(&self) -> String {
        diff::unified(&self.path.display().to_string(), self.before(), self.after())
    }

    /// Writes the file: whole or not at all, with its mode and its owner, through a link to what it leads to. What it was
    /// before is kept beside it as `NAME.rolecall-backup`, readable by its owner only.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with the path: it is not as it was read, cannot be written or replaced, or is no file.
    /// [`ErrorKind::Unavailable`] while another rolecall writes it.
    pub fn save(&self, host: &Host) -> Result<Saved, Error> {
        let before = self.before.as_ref().map(|text| text.as_str());
        let mut backup = self.path.file_name().unwrap_or_default().to_owned();
        backup.push(".rolecall-backup");
        let backup = self.path.with_file_name(backup);
        let path = host.replace_file(&self.path, before, &self.after, Some(&backup))?;
        Ok(Saved {
            path,
            backup: before.map(|_| backup),
        })
    }
}

/// What to do to the file so that its block holds a profile for each of these roles. It is pure, takes linear time but for
/// sorting, and gives the same text for the same roles in any order.
///
/// A role with a profile outside of the block, with the same start, gets no other. A name that stands outside of it, or in the
/// credentials file, is not taken. A profile that another names (`source_profile`, `include_profile`) stays whatever was
/// found.
///
/// # Errors
/// [`ErrorKind::Config`] with file and line: marks that are not one pair; without [`Options::force`], a block that was edited
/// by hand, where that would be undone.
pub fn plan(file: &ConfigFile, wanted: &[Wanted], options: &Options) -> Result<Edit, Error> {
    let text = file.text();
    let found = marks::find(&file.path, text)?;
    let around = match &found {
        Some(found) => Zeroizing::new([&text[..found.range.start], &text[found.range.end..]].concat()),
        None => Zeroizing::new(text.to_owned()),
    };
    let outside = file.profiles(&around)?;
    let old = match &found {
        Some(found) => Sections::read(&file.path, found)?,
        None => Sections::default(),
    };
    let mut planner = Planner {
        taken: names_in(&around, &outside),
        outside: &outside,
        old: &old,
        edit: Edit {
            path: file.path.clone(),
            before: file.text.clone(),
            after: Zeroizing::default(),
            added: Vec::new(),
            changed: Vec::new(),
            kept: Vec::new(),
            left: Vec::new(),
            pruned: Vec::new(),
            skipped: Vec::new(),
        },
    };
    let sections = planner.sections(wanted, options);
    let mut edit = planner.edit;
    edit.after = Zeroizing::new(sections::replaced(text, found.as_ref(), &sections));
    if let Some(found) = found.filter(|found| !found.is_untouched && !options.force) {
        keeps_edits(&edit, &found)?;
    }
    check(file, &outside, &edit.after, &sections)?;
    Ok(edit)
}

/// Whoever edited the block means something by it. Another name is kept, and a profile that was taken out and comes again is
/// seen in the diff; what else was written there, or taken out of a profile, is not undone unasked.
fn keeps_edits(edit: &Edit, found: &marks::Found<'_>) -> Result<(), Error> {
    let (before, after) = (edit.before(), edit.after());
    let before: Vec<_> = before.lines().collect();
    let after: Vec<_> = after.lines().collect();
    let lost: Vec<usize> = diff::steps(&before, &after)
        .into_iter()
        .filter_map(|step| match step {
            diff::Op::Gone(line) if line + 1 != found.line && !before[line].is_empty() => Some(line + 1),
            _ => None,
        })
        .collect();
    let (path, line) = (edit.path.display(), found.line);
    let error = match lost.as_slice() {
        [] if edit.changed.is_empty() => return Ok(()),
        [] => Error::config(format!(
            "{path}:{line}: lines were taken by hand out of the block that rolecall makes, and would be written again"
        )),
        lost => Error::config(format!(
            "{path}:{line}: the block that rolecall makes was edited by hand, and {} would be lost",
            spans(lost)
        )),
    };
    Err(error
        .with_hint("Move what is yours out of the block, to above its first line or below its last one.")
        .with_hint("Say --force to have the block made anew; the file as it is now is kept beside it."))
}

/// `line 4`, `lines 4, 7 to 9`: the first few.
fn spans(lines: &[usize]) -> String {
    const SHOWN: usize = 8;
    let mut spans: Vec<(usize, usize)> = Vec::new();
    for line in lines {
        match spans.last_mut() {
            Some((_, last)) if *last + 1 == *line => *last = *line,
            _ => spans.push((*line, *line)),
        }
    }
    let text: Vec<_> = spans
        .iter()
        .take(SHOWN)
        .map(|(first, last)| match last - first {
            0 => first.to_string(),
            1 => format!("{first}, {last}"),
            _ => format!("{first} to {last}"),
        })
        .collect();
    let more = if spans.len() > SHOWN { " and more" } else { "" };
    let word = if lines.len() == 1 { "line" } else { "lines" };
    format!("{word} {}{more}", text.join(", "))
}

/// What will be written says what it is meant to: every profile of the block as it is wanted, every other one as it was.
fn check(
    file: &ConfigFile,
    outside: &ProfileSet,
    after: &str,
    sections: &[Section<'_>],
) -> Result<(), Error> {
    let bug = |what: String| {
        Error::new(
            ErrorKind::Internal,
            format!("the block would not be read as it is meant: {what}"),
        )
        .with_hint("Nothing was written. This is a bug of rolecall: please report it.")
    };
    let new = file.profiles(after).map_err(|error| bug(error.to_string()))?;
    let properties = |set: &ProfileSet, name: &str| -> Option<Vec<(String, Zeroizing<String>)>> {
        let own = |property: &Property| {
            (
                property.key().to_owned(),
                Zeroizing::new(property.value().to_owned()),
            )
        };
        Some(set.profiles.get(name)?.properties.iter().map(own).collect())
    };
    for name in outside.profiles.keys() {
        if properties(outside, name) != properties(&new, name) {
            return Err(bug(format!("profile `{name}`, which is not in it")));
        }
    }
    for section in sections {
        let Some(mut meant) = section.properties() else {
            continue;
        };
        meant.sort();
        let there = properties(&new, &section.name);
        let is_as_meant = there.is_some_and(|there| {
            there.len() == meant.len()
                && there
                    .iter()
                    .zip(&meant)
                    .all(|((key, value), (wanted, meant))| key == wanted && **value == **meant)
        });
        if !is_as_meant {
            return Err(bug(format!("profile `{}`", section.name)));
        }
    }
    if new.profiles.len() != outside.profiles.len() + sections.len() {
        return Err(bug("the number of profiles".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! The grammar of AWS's shared files, as the SDKs for Rust, Java and .NET share it. It is not INI.
//!
//! botocore, and with it the AWS CLI, reads the same files with Python's `configparser`, which is another grammar. Where
//! the two make different things of one text, the SDKs' is taken and a [`Warning`] says what botocore makes of it.

mod heading;
pub(super) mod outline;

use std::borrow::Cow;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::keys::{self, Key, Owner};
use super::mask::is_secret;
use super::property::{FileText, Property};
use super::warning::{About, Said, Warning};
use super::{BLANKS, Profile};
use crate::error::Error;
use heading::{Heading, Home};

/// Which of the two files a text is: they name their sections differently.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum FileKind {
    /// `~/.aws/config`: `[default]`, `[profile NAME]`, `[sso-session NAME]`, `[services NAME]`.
    Config,
    /// `~/.aws/credentials`: `[NAME]`.
    Credentials,
}

#[derive(Debug, Default)]
pub(super) struct Parsed {
    pub(super) profiles: BTreeMap<String, Profile>,
    pub(super) sso_sessions: BTreeMap<String, Profile>,
    pub(super) services: BTreeMap<String, Profile>,
    pub(super) warnings: Vec<Warning>,
}

/// One line of the text, without its end.
#[derive(Clone, Copy)]
struct Line<'a> {
    number: usize,
    /// Where it begins in the text.
    start: usize,
    text: &'a str,
}

/// The section that is being read.
struct Section {
    heading: Heading,
    line: usize,
    properties: Vec<Property>,
    /// Not the very heading of a section above.
    is_spelled_anew: bool,
    /// `[default]` below a `[profile default]`: read, and then dropped.
    is_dropped: bool,
}

/// The property whose further lines may follow.
struct Open {
    key: Cow<'static, str>,
    line: usize,
    first: Range<usize>,
    below: Range<usize>,
    /// Not kept: its key is none, or its section is ignored.
    is_dropped: bool,
}

struct Parser<'a> {
    file: &'a Arc<FileText>,
    text: &'a str,
    parsed: Parsed,
    section: Option<Section>,
    open: Option<Open>,
    /// `[profile default]` beats `[default]`, wherever the two stand.
    default_prefixed: bool,
    /// Where each heading stood first, as it is written.
    headings: HashMap<&'a str, usize>,
    /// Keys that are not known, and the one that each is taken for.
    slips: HashMap<String, Option<&'static str>>,
    /// Keys that were met, by a cheap hash: a file of thousands of profiles has the same few over and over.
    met: [Option<&'static Key>; MET],
    /// Whether a carriage return stands anywhere in the text: most files are searched once for all.
    has_returns: bool,
    has_semicolons: bool,
    /// Whether a section went on with an earlier one, or has a key twice.
    has_repeats: bool,
}

const MET: usize = 64;

pub(super) fn parse(kind: FileKind, path: &Arc<Path>, text: &str) -> Result<Parsed, Error> {
    let file = Arc::new(FileText {
        kind,
        path: Arc::clone(path),
        text: Zeroizing::new(text.to_owned()),
    });
    let text: &str = &file.text;
    let mut parser = Parser {
        file: &file,
        text,
        parsed: Parsed::default(),
        section: None,
        open: None,
        default_prefixed: false,
        headings: HashMap::new(),
        slips: HashMap::new(),
        met: [None; MET],
        has_returns: text.contains('\r'),
        has_semicolons: text.contains(';'),
        has_repeats: false,
    };
    if let Some(at) = text.find('\0') {
        let number = text[..at].matches('\n').count() + 1;
        return Err(parser
            .fatal(number, "there is a NUL byte in this line, and so this is no text")
            .with_hint(
                "Save the file as UTF-8; a crash, or an editor that writes UTF-16, leaves such bytes.",
            ));
    }
    parser.read()?;
    Ok(parser.parsed)
}

/// Lines that are nothing: blank ones, comments, and within a block an indented comment too.
pub(super) fn is_passed_over(line: &str, in_block: bool) -> bool {
    let text = line.trim_start_matches(BLANKS);
    text.trim_end_matches('\r').is_empty()
        || (text.starts_with(['#', ';']) && (in_block || text.len() == line.len()))
}

/// A comment begins with `#` or `;` after a blank; without the blank it is a part of what stands before it.
fn without_comment(line: &str, has_semicolons: bool) -> &str {
    let begins = |mark: char| {
        let mut places = line.match_indices(mark).map(|(at, _)| at);
        places.find(|at| line[..*at].ends_with(char::is_whitespace))
    };
    let semicolon = if has_semicolons { begins(';') } else { None };
    let end = [begins('#'), semicolon].into_iter().flatten().min();
    line[..end.unwrap_or(line.len())].trim_end_matches(BLANKS)
}

impl<'a> Parser<'a> {
    fn read(&mut self) -> Result<(), Error> {
        let mut start = 0;
        if self.text.starts_with('\u{feff}') {
            start = '\u{feff}'.len_utf8();
            self.warn(
                1,
                About::File,
                "the file begins with a byte order mark, at which AWS's own tools stop",
            );
        }
        let mut number = 0;
        while start < self.text.len() {
            number += 1;
            let rest = &self.text[start..];
            let end = rest.find('\n').unwrap_or(rest.len());
            let mut text = &rest[..end];
            if self.has_returns {
                text = text.trim_end_matches('\r');
            }
            self.line(Line { number, start, text })?;
            start += end + 1;
        }
        self.end_section();
        if self.has_repeats {
            let Parsed {
                profiles,
                sso_sessions,
                services,
                ..
            } = &mut self.parsed;
            for sections in [profiles, sso_sessions, services] {
                sections.values_mut().for_each(Profile::settle);
            }
        }
        Ok(())
    }

    fn line(&mut self, line: Line<'a>) -> Result<(), Error> {
        if self.has_returns && line.text.contains('\r') {
            let about = self.about();
            self.warn(
                line.number,
                about,
                "a carriage return stands within this line, and the AWS CLI begins a new line there",
            );
        }
        if is_passed_over(line.text, false) {
            return Ok(());
        }
        if line.text.starts_with(BLANKS) {
            return self.continuation(line);
        }
        if line.text.starts_with('[') {
            return self.heading(line);
        }
        self.property(line)
    }

    fn property(&mut self, line: Line<'a>) -> Result<(), Error> {
        self.end_property();
        let whole = without_comment(line.text, self.has_semicolons);
        let Some((written, value)) = whole.split_once('=') else {
            let error = self.fatal(
                line.number,
                "this line is neither a `[section]` nor `key = value`",
            );
            return Err(if line.text.contains(':') {
                error.with_hint("The AWS CLI takes a `:` for a `=`, AWS's SDKs do not: write `=`.")
            } else {
                error.with_hint("Correct that line; AWS's own tools stop at it too.")
            });
        };
        let written = written.trim_matches(BLANKS);
        if written.is_empty() {
            return Err(self.fatal_to_all(line.number, "there is no key before the `=`"));
        }
        if self.section.is_none() {
            return Err(self.fatal_to_all(line.number, "this stands before any `[section]`"));
        }
        let value_start = whole.len() - value.len();
        let before = value.len() - value.trim_start_matches(BLANKS).len();
        let first = line.start + value_start + before;
        let first = first..first + value.trim_matches(BLANKS).len();
        let is_wanted = self.section.as_ref().is_some_and(Section::is_kept);
        let known = self.known(written);
        let is_key = known.is_some()
            || written
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
        let key = match known {
            Some(key) => Cow::Borrowed(key.name),
            None => Cow::Owned(written.to_ascii_lowercase()),
        };
        if is_wanted && !is_key {
            self.no_key(line, written);
        }
        if is_wanted && is_key {
            let has_comment = whole.len() < line.text.trim_end_matches(BLANKS).len();
            match known {
                Some(known) => self.look_at_comment(line, known, has_comment),
                None => self.look_at_stranger(line, &key),
            }
        }
        let below = line.start + line.text.len();
        self.open = Some(Open {
            key,
            line: line.number,
            first,
            below: below..below,
            is_dropped: !is_wanted || !is_key,
        });
        Ok(())
    }

    /// What stands before the `=` is no key. It is not quoted: a secret pasted on a line of its own may hold an `=`.
    fn no_key(&mut self, line: Line<'a>, written: &str) {
        let colon = written
            .split_once(':')
            .and_then(|(key, _)| keys::known(&key.trim_matches(BLANKS).to_ascii_lowercase()));
        let about = self.about();
        match colon {
            Some(key) => self.warn(
                line.number,
                about,
                format!(
                    "`{}` is followed by a `:`, and the line is ignored; the AWS CLI takes it for a `=`",
                    key.name
                ),
            ),
            None => self.warn(
                line.number,
                about,
                "what stands before the `=` is not a key, and the line is ignored",
            ),
        }
    }

    /// A key that nobody knows may be one with a slip of the pen.
    fn look_at_stranger(&mut self, line: Line<'a>, key: &str) {
        if self.is_in_services() {
            return;
        }
        let meant = match self.slips.get(key) {
            Some(meant) => *meant,
            None => {
                let meant = keys::nearest(key).map(|key| key.name);
                self.slips.insert(key.to_owned(), meant);
                meant
            }
        };
        if let Some(meant) = meant {
            let about = self.about();
            self.warn(
                line.number,
                about,
                format!("nobody reads `{key}`: is `{meant}` meant?"),
            );
        }
    }

    fn look_at_comment(&mut self, line: Line<'a>, key: &'static Key, has_comment: bool) {
        if !has_comment || !matches!(key.owner, Owner::Aws | Owner::AwsCli) || self.is_in_services() {
            return;
        }
        let about = self.about();
        let said = Said::InlineComment(key.name);
        let warning = Warning::new(&self.file.path, line.number, about, said);
        self.parsed.warnings.push(warning);
    }

    /// There the keys are services.
    fn is_in_services(&self) -> bool {
        self.section
            .as_ref()
            .is_some_and(|section| section.heading.home == Home::Services)
    }

    /// The key of the table, whatever its case.
    fn known(&mut self, written: &str) -> Option<&'static Key> {
        let [first, .., last] = written.as_bytes() else {
            return keys::known(&written.to_ascii_lowercase());
        };
        let hash = usize::from(*first) * 7 + usize::from(*last) * 3 + written.len();
        let met = &mut self.met[hash % MET];
        if let Some(key) = met.filter(|key| key.name == written) {
            return Some(key);
        }
        let found = if written.bytes().any(|b| b.is_ascii_uppercase()) {
            keys::known(&written.to_ascii_lowercase())
        } else {
            keys::known(written)
        };
        if found.is_some() {
            *met = found;
        }
        found
    }

    /// A line that begins with a blank goes on with the property above it; comments in it belong to it.
    fn continuation(&mut self, line: Line<'a>) -> Result<(), Error> {
        let text = line.text.trim_matches(BLANKS);
        let is_comment = text.starts_with(['#', ';']);
        let Some(open) = &self.open else {
            // The SDKs stop at it, and a person sees nothing wrong with it.
            if is_comment {
                let about = self.about();
                self.warn(
                    line.number,
                    about,
                    "the comment begins with a blank, and AWS's SDKs stop at it",
                );
                return Ok(());
            }
            return Err(self
                .fatal(
                    line.number,
                    "this line begins with a blank, and no property stands above it",
                )
                .with_hint(
                    "Take the blank away: the AWS CLI reads such a line, and AWS's SDKs stop at it.",
                ));
        };
        let is_block = open.first.is_empty();
        if is_block && !is_comment {
            let setting = without_comment(text, self.has_semicolons).split_once('=');
            if setting.is_none_or(|(key, _)| key.trim_matches(BLANKS).is_empty()) {
                let problem = format!("below the empty `{}`, each line is `key = value`", open.key);
                return Err(self.fatal_to_all(line.number, &problem));
            }
        }
        if !is_block && !open.is_dropped && is_indented_key(&open.key, text) {
            // Not quoted: the value that would become a part of the one above it may be a secret.
            let problem = format!(
                "this line begins with a blank, and so would be a part of the value of `{}` above it",
                open.key
            );
            return Err(self
                .fatal(line.number, &problem)
                .with_hint("Take the blanks before it away."));
        }
        let words = if !is_comment || open.is_dropped {
            None
        } else if is_block {
            Some(format!(
                "the comment below `{}` begins with a blank, and AWS's SDKs stop at it",
                open.key
            ))
        } else {
            Some(format!(
                "the comment begins with a blank and so is a part of the value of `{}`; the AWS CLI passes over it",
                open.key
            ))
        };
        if let Some(open) = &mut self.open {
            open.below.end = line.start + line.text.len();
        }
        if let Some(words) = words {
            let about = self.about();
            self.warn(line.number, about, words);
        }
        Ok(())
    }

    fn heading(&mut self, line: Line<'a>) -> Result<(), Error> {
        self.end_section();
        let (inside, is_misread) = heading::inside(line.text).map_err(|problem| match problem {
            heading::Unclosed::NoBracket => self.fatal_to_all(line.number, "the section's `]` is missing"),
            heading::Unclosed::Behind => self
                .fatal(line.number, "something stands behind the section's `]`")
                .with_hint("Take it away, or begin it with a `#`; AWS's SDKs stop at it."),
        })?;
        let heading = Heading::read(self.file.kind, inside);
        if let Some(words) = heading.warning(self.file.kind, inside, is_misread) {
            self.warn(line.number, heading.about(), words);
        }
        let before = self.headings.insert(inside, line.number);
        if let Some(before) = before {
            let words = format!(
                "the same section stands in line {before}; the AWS CLI refuses the whole file for it"
            );
            self.warn(line.number, About::File, words);
        }
        let is_dropped = self.is_plain_default_beaten(&heading, line.number);
        self.section = Some(Section {
            heading,
            line: line.number,
            properties: Vec::with_capacity(8),
            is_spelled_anew: before.is_none(),
            is_dropped,
        });
        Ok(())
    }

    /// `[default]` and `[profile default]` in one file: the second spelling is taken, and the first thrown away.
    fn is_plain_default_beaten(&mut self, heading: &Heading, line: usize) -> bool {
        if self.file.kind != FileKind::Config || heading.home != Home::Profile || heading.name != "default" {
            return false;
        }
        let about = || About::Profile("default".to_owned());
        if heading.is_prefixed && !self.default_prefixed {
            self.default_prefixed = true;
            if self.parsed.profiles.remove("default").is_some() {
                self.warn(
                    line,
                    about(),
                    "`[profile default]` replaces the `[default]` above it",
                );
            }
        } else if !heading.is_prefixed && self.default_prefixed {
            self.warn(
                line,
                about(),
                "`[default]` is ignored, because there is a `[profile default]`; the AWS CLI takes the last of the two",
            );
            return true;
        }
        false
    }

    fn end_property(&mut self) {
        let Some(open) = self.open.take().filter(|open| !open.is_dropped) else {
            return;
        };
        let property = Property::new(open.key, self.file, open.line, open.first, open.below);
        if let Some(section) = &mut self.section {
            section.properties.push(property);
        }
    }

    fn end_section(&mut self) {
        self.end_property();
        let Some(section) = self.section.take().filter(Section::is_kept) else {
            return;
        };
        let Section {
            heading,
            line,
            mut properties,
            is_spelled_anew,
            ..
        } = section;
        self.sort(&mut properties);
        let origin = self.file.origin(line);
        let sections = match heading.home {
            Home::Profile => &mut self.parsed.profiles,
            Home::SsoSession => &mut self.parsed.sso_sessions,
            Home::Services => &mut self.parsed.services,
            Home::Nowhere => return,
        };
        match sections.entry(heading.name) {
            Entry::Vacant(place) => {
                let name = place.key().clone();
                place.insert(Profile {
                    name,
                    origin,
                    properties,
                });
            }
            Entry::Occupied(mut known) => {
                self.has_repeats = true;
                known.get_mut().properties.append(&mut properties);
                let name = known.key().clone();
                if is_spelled_anew && heading.home == Home::Profile && name != "default" {
                    let words = format!(
                        "profile `{name}` goes on here, spelled otherwise; the AWS CLI reads the last of its sections only"
                    );
                    self.warn(line, About::Profile(name), words);
                }
            }
        }
    }

    /// Keys that stand twice in one section: the last one counts, and Python's parser stops.
    fn sort(&mut self, properties: &mut [Property]) {
        properties.sort_by(|one, other| one.key().cmp(other.key()));
        for pair in properties.windows(2) {
            if pair[0].key() == pair[1].key() {
                self.has_repeats = true;
                let words = format!(
                    "`{}` stands in line {} of this section too; the last one counts, and the AWS CLI refuses the whole file",
                    pair[1].key(),
                    pair[0].line()
                );
                self.warn(pair[1].line(), About::File, words);
            }
        }
    }

    /// What a warning about the present line is of.
    fn about(&self) -> About {
        self.section
            .as_ref()
            .map_or(About::File, |section| section.heading.about())
    }

    fn fatal(&self, number: usize, problem: &str) -> Error {
        Error::config(format!("{}:{number}: {problem}", self.file.path.display()))
    }

    fn fatal_to_all(&self, number: usize, problem: &str) -> Error {
        self.fatal(number, problem)
            .with_hint("Correct that line; AWS's own tools stop at it too.")
    }

    fn warn(&mut self, number: usize, about: About, words: impl Into<Cow<'static, str>>) {
        self.parsed.warnings.push(Warning::new(
            &self.file.path,
            number,
            about,
            Said::Words(words.into()),
        ));
    }
}

impl Section {
    fn is_kept(&self) -> bool {
        self.heading.home != Home::Nowhere && !self.is_dropped
    }
}

/// Whether a line below the property `above` is a property of its own that was indented by mistake.
fn is_indented_key(above: &str, line: &str) -> bool {
    let Some((key, _)) = line.split_once('=') else {
        return false;
    };
    let key = key.trim_end_matches(BLANKS).to_ascii_lowercase();
    let is_known = keys::known(&key).is_some();
    // A list of tags may go on with one of any name, but for what nobody calls a tag.
    if above == "session_tags" {
        return is_known && (is_secret(&key) || key.starts_with("aws_"));
    }
    is_known
        || (is_secret(&key)
            && key
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'))
}

#[cfg(test)]
mod tests;

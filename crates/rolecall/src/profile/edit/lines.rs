//! The lines of a file, and what becomes of each.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use zeroize::Zeroizing;

use super::UserFile;
use crate::error::Error;
use crate::profile::parse::outline::{Piece, What};
use crate::profile::{BLANKS, FileKind};

/// The lines of a file, and what becomes of each.
pub(super) struct Lines<'a> {
    file: &'a UserFile,
    sections: Vec<Section<'a>>,
    by_profile: HashMap<&'a str, Vec<usize>>,
    /// Lines that go, each with what stays of it.
    gone: BTreeMap<usize, String>,
    /// Lines that come below one that is there.
    below: BTreeMap<usize, Vec<String>>,
    /// Sections that come at the end.
    new: Vec<(String, Vec<String>)>,
}

struct Section<'a> {
    /// The heading, and all below it.
    pieces: Range<usize>,
    profile: Option<&'a str>,
    is_prefixed: bool,
}

/// Whether it is one value of one line, as every reader reads it.
pub(super) fn is_plain(value: &str) -> bool {
    !value.is_empty()
        && value.trim() == value
        && !value.contains(char::is_control)
        && ![" #", " ;"].iter().any(|comment| value.contains(comment))
}

impl<'a> Lines<'a> {
    pub(super) fn of(file: &'a UserFile) -> Self {
        let mut sections: Vec<Section<'a>> = Vec::new();
        for (at, piece) in file.pieces.iter().enumerate() {
            if let What::Heading {
                profile, is_prefixed, ..
            } = &piece.what
            {
                if let Some(last) = sections.last_mut() {
                    last.pieces.end = at;
                }
                sections.push(Section {
                    pieces: at..file.pieces.len(),
                    profile: profile.as_deref(),
                    is_prefixed: *is_prefixed,
                });
            }
        }
        let mut by_profile: HashMap<&str, Vec<usize>> = HashMap::new();
        for (at, section) in sections.iter().enumerate() {
            if let Some(profile) = section.profile {
                by_profile.entry(profile).or_default().push(at);
            }
        }
        Self {
            file,
            sections,
            by_profile,
            gone: BTreeMap::new(),
            below: BTreeMap::new(),
            new: Vec::new(),
        }
    }

    fn piece(&self, at: usize) -> &'a Piece {
        &self.file.pieces[at]
    }

    fn sections_of(&self, profile: &str) -> Vec<usize> {
        self.by_profile.get(profile).cloned().unwrap_or_default()
    }

    /// Takes properties out of every section of a profile. Comments behind them stay, as lines of their own.
    pub(super) fn take(&mut self, profile: &str, keys: &[&str]) {
        for section in self.sections_of(profile) {
            let pieces = self.sections[section].pieces.clone();
            let mut goes = false;
            for at in pieces.clone() {
                match &self.piece(at).what {
                    What::Property { key, comment, .. } => {
                        goes = keys.contains(&key.as_str());
                        if goes {
                            let stays = comment.clone().map(|range| self.comment(at, range));
                            self.gone.insert(at, stays.unwrap_or_default());
                        }
                    }
                    What::More if goes => drop(self.gone.insert(at, String::new())),
                    _ => {}
                }
            }
        }
    }

    /// The comment of a line, with the line's end.
    fn comment(&self, at: usize, comment: Range<usize>) -> String {
        let text = self.file.text();
        let line = &text[self.piece(at).range.clone()];
        let end = &line[line.trim_end_matches(['\r', '\n']).len()..];
        format!("{}{end}", &text[comment])
    }

    /// Puts a property into a profile: below what stands last in its last section.
    pub(super) fn set(&mut self, profile: &str, key: &str, value: &str) -> Result<(), Error> {
        let mut sections = self.sections_of(profile);
        // `[profile default]` beats `[default]`.
        if self.file.kind == FileKind::Config && profile == "default" {
            let is_prefixed = |at: &usize| self.sections[*at].is_prefixed;
            if sections.iter().any(is_prefixed) {
                sections.retain(is_prefixed);
            }
        }
        let mut there = None;
        for at in sections
            .iter()
            .flat_map(|section| self.sections[*section].pieces.clone())
        {
            if let What::Property {
                key: known, value, ..
            } = &self.piece(at).what
                && known == key
            {
                there = Some((at, &self.file.text()[value.clone()]));
            }
        }
        let line = format!("{key} = {value}");
        match there {
            Some((_, known)) if known == value => return Ok(()),
            // A blank one counts as absent; a second one below it would be one too many for the AWS CLI.
            Some((at, "")) if !matches!(self.next(at), Some(What::More)) => {
                self.gone.insert(at, String::new());
                self.below.entry(at).or_default().push(line);
                return Ok(());
            }
            Some((at, _)) => {
                return Err(Error::config(format!(
                    "{}:{}: profile `{profile}` has another `{key}`",
                    self.file.path.display(),
                    self.piece(at).line
                ))
                .with_hint("It is not replaced: take it away if it is not wanted any more."));
            }
            None => {}
        }
        let Some(section) = sections.last() else {
            match self.new.iter_mut().find(|(name, _)| name == profile) {
                Some((_, lines)) => lines.push(line),
                None => self.new.push((profile.to_owned(), vec![line])),
            }
            return Ok(());
        };
        let mut pieces = self.sections[*section].pieces.clone();
        let start = pieces.start;
        let last = pieces.rfind(|at| !matches!(self.piece(*at).what, What::Blank | What::Comment));
        self.below.entry(last.unwrap_or(start)).or_default().push(line);
        Ok(())
    }

    /// What the next line is that is anything.
    fn next(&self, at: usize) -> Option<&What> {
        let mut next = self.file.pieces[at + 1..].iter().map(|piece| &piece.what);
        next.find(|what| !matches!(what, What::Blank | What::Comment))
    }

    /// Sections that had something taken out, and have nothing left in them but blank lines. A comment right above the
    /// heading is about it, and keeps it.
    fn empty_sections(&self) -> Vec<Range<usize>> {
        let is_empty = |section: &&Section<'_>| {
            let pieces = section.pieces.clone();
            let heading = pieces.start;
            let is_bare = matches!(
                &self.piece(heading).what,
                What::Heading {
                    has_comment: false,
                    ..
                }
            );
            let is_commented = heading > 0 && self.piece(heading - 1).what == What::Comment;
            let is_left = |at: usize| match self.gone.get(&at) {
                Some(stays) => stays.is_empty(),
                None => self.piece(at).what == What::Blank,
            };
            is_bare
                && !is_commented
                && self.gone.range(pieces.clone()).next().is_some()
                && self.below.range(pieces.clone()).next().is_none()
                && (heading + 1..pieces.end).all(is_left)
        };
        let empty = self.sections.iter().filter(is_empty);
        empty.map(|section| section.pieces.clone()).collect()
    }

    /// The new text.
    pub(super) fn text(mut self) -> Zeroizing<String> {
        for at in self.empty_sections().into_iter().flatten() {
            self.gone.insert(at, String::new());
        }
        let text = self.file.text();
        let end = match text.find('\n') {
            Some(at) if text[..at].ends_with('\r') => "\r\n",
            _ => "\n",
        };
        let added = self.below.values().flatten();
        let added = added.chain(self.new.iter().flat_map(|(_, lines)| lines));
        let added: usize = added.map(|line| line.len() + 4).sum();
        let headings: usize = self.new.iter().map(|(name, _)| name.len() + 16).sum();
        // Of the whole size from the beginning: growing would leave copies behind.
        let mut after = Zeroizing::new(String::with_capacity(text.len() + added + headings + 4));
        let begin = self
            .file
            .pieces
            .first()
            .map_or(text.len(), |piece| piece.range.start);
        after.push_str(&text[..begin]);
        for (at, piece) in self.file.pieces.iter().enumerate() {
            match self.gone.get(&at) {
                Some(stays) => after.push_str(stays),
                None => after.push_str(&text[piece.range.clone()]),
            }
            for line in self.below.get(&at).into_iter().flatten() {
                finish(&mut after, begin, end);
                after.push_str(line);
                after.push_str(end);
            }
        }
        for (profile, lines) in &self.new {
            finish(&mut after, begin, end);
            if !after[begin..].is_empty() && !ends_blank(&after) {
                after.push_str(end);
            }
            let word = match (self.file.kind, profile.as_str()) {
                (FileKind::Config, "default") | (FileKind::Credentials, _) => "",
                (FileKind::Config, _) => "profile ",
            };
            after.push_str(&format!("[{word}{profile}]{end}"));
            for line in lines {
                after.push_str(line);
                after.push_str(end);
            }
        }
        after
    }
}

/// Ends a last line that has no end.
fn finish(text: &mut String, begin: usize, end: &str) {
    if text.len() > begin && !text.ends_with('\n') {
        text.push_str(end);
    }
}

fn ends_blank(text: &str) -> bool {
    let last = text.trim_end_matches('\n').len();
    let last = text[..last].trim_end_matches('\r').len();
    let rest = text[last..].matches('\n').count();
    rest > 1 || text[..last].trim_matches(BLANKS).is_empty()
}

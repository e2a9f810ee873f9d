//! The profiles in the block: read from the old one, and written into the new one.

use std::collections::HashMap;
use std::path::Path;

use super::marks::{self, Found};
use super::{Entry, Start, Wanted};
use crate::arn::RoleArn;
use crate::error::Error;
use crate::profile::{FileKind, Origin, ProfileSet};

/// What stands below the first mark.
const WORDS: &str =
    "# `rolecall roles --write` makes the profiles from here to the end mark anew: write your own outside.";

/// One profile of the block.
#[derive(Clone)]
pub(super) struct Section<'a> {
    pub(super) name: String,
    /// As it stands there; the ARN's own text where it is one.
    role: String,
    account: String,
    pub(super) start: Option<Start>,
    content: Content<'a>,
}

#[derive(Clone)]
enum Content<'a> {
    /// Lines of the old block, with the heading.
    Old(Vec<&'a str>),
    New(Vec<(&'static str, String)>),
}

impl<'a> Section<'a> {
    pub(super) fn of(name: &str, wanted: &Wanted, start: &Start) -> Self {
        Self {
            name: name.to_owned(),
            role: wanted.role.to_string(),
            account: wanted.role.account().to_string(),
            start: Some(start.clone()),
            content: Content::New(wanted.properties(start)),
        }
    }

    pub(super) fn entry(&self) -> Entry {
        Entry {
            name: self.name.clone(),
            role: self.role.clone(),
        }
    }

    /// By account, then name.
    pub(super) fn order(&self) -> (&str, &str) {
        (&self.account, &self.name)
    }

    /// What is set in it, where it is made anew.
    pub(super) fn properties(&self) -> Option<Vec<(&str, &str)>> {
        match &self.content {
            Content::Old(_) => None,
            Content::New(all) => Some(all.iter().map(|(key, value)| (*key, value.as_str())).collect()),
        }
    }

    /// Whether the other has the same lines.
    pub(super) fn is(&self, other: &Section<'_>) -> bool {
        self.lines() == other.lines()
    }

    fn lines(&self) -> Vec<String> {
        match &self.content {
            Content::Old(lines) => lines.iter().map(|line| (*line).to_owned()).collect(),
            Content::New(all) => {
                let heading = format!("[profile {}]", self.name);
                let settings = all.iter().map(|(key, value)| format!("{key} = {value}"));
                [heading].into_iter().chain(settings).collect()
            }
        }
    }
}

/// The profiles of the old block.
#[derive(Default)]
pub(super) struct Sections<'a> {
    all: Vec<Section<'a>>,
    names: HashMap<String, usize>,
    roles: HashMap<(String, Start), usize>,
}

impl<'a> Sections<'a> {
    pub(super) fn read(path: &Path, found: &Found<'a>) -> Result<Self, Error> {
        let mut set = ProfileSet::default();
        set.add(FileKind::Config, path, found.body)?;
        let by_line: HashMap<usize, &str> = set
            .profiles()
            .filter_map(|profile| match profile.origin() {
                Origin::File { line, .. } => Some((*line, profile.name())),
                _ => None,
            })
            .collect();
        let mut sections = Self::default();
        // Lines below a heading that is no profile's belong to nobody.
        let mut open = false;
        for line in marks::lines(found.body) {
            let text = line.text();
            if text.starts_with('[') {
                let profile = by_line.get(&line.number).and_then(|name| set.profiles.get(*name));
                open = profile.is_some();
                if let Some(profile) = profile {
                    let role = profile.value("role_arn").unwrap_or_default().to_owned();
                    let account = role.parse::<RoleArn>().map(|arn| arn.account().to_string());
                    sections.all.push(Section {
                        name: profile.name().to_owned(),
                        account: account.unwrap_or_default(),
                        role,
                        start: Start::of(profile),
                        content: Content::Old(Vec::new()),
                    });
                }
            }
            if open
                && let Some(Section {
                    content: Content::Old(lines),
                    ..
                }) = sections.all.last_mut()
            {
                lines.push(text);
            }
        }
        for (index, section) in sections.all.iter_mut().enumerate() {
            if let Content::Old(lines) = &mut section.content {
                let last = lines.iter().rposition(|line| !line.trim().is_empty());
                lines.truncate(last.map_or(0, |last| last + 1));
            }
            sections.names.insert(section.name.clone(), index);
            if let Some(start) = &section.start {
                let key = (section.role.clone(), start.clone());
                sections.roles.entry(key).or_insert(index);
            }
        }
        Ok(sections)
    }

    pub(super) fn all(&self) -> &[Section<'a>] {
        &self.all
    }

    pub(super) fn named(&self, name: &str) -> Option<&Section<'a>> {
        self.names.get(name).map(|index| &self.all[*index])
    }

    /// The one for that role with that start.
    pub(super) fn of(&self, wanted: &Wanted, start: &Start) -> Option<&Section<'a>> {
        let index = self.roles.get(&(wanted.role.to_string(), start.clone()))?;
        Some(&self.all[*index])
    }
}

/// The text with the block of these sections in the place of the one found, else at the end. Without any section there is no
/// block.
pub(super) fn replaced(text: &str, found: Option<&Found<'_>>, sections: &[Section<'_>]) -> String {
    let end = marks::line_end(text);
    let mut block = String::new();
    if !sections.is_empty() {
        let mut body = format!("{WORDS}\n\n");
        for section in sections {
            for line in section.lines() {
                body.push_str(&line);
                body.push('\n');
            }
            body.push('\n');
        }
        block = format!("{}\n{body}{}\n", marks::begin(&body), marks::END);
        if end != "\n" {
            block = block.replace('\n', end);
        }
    }
    match found {
        Some(found) => {
            let old = &text[found.range.clone()];
            if !old.ends_with('\n') {
                block.truncate(block.trim_end().len());
            }
            [&text[..found.range.start], &block, &text[found.range.end..]].concat()
        }
        None if block.is_empty() => text.to_owned(),
        None => {
            let bare = text.trim_start_matches('\u{feff}');
            let separator =
                if bare.is_empty() || bare.ends_with("\n\n") || bare.ends_with("\n\r\n") || bare == "\n" {
                    String::new()
                } else if bare.ends_with('\n') {
                    end.to_owned()
                } else {
                    end.repeat(2)
                };
            [text, &separator, &block].concat()
        }
    }
}

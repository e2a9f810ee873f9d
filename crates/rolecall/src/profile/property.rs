//! One value of a profile: a place in the text of its file, so that reading thousands of them copies nothing.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::mask::masked;
use super::parse::{FileKind, is_passed_over};
use super::{BLANKS, Origin};
use crate::error::Error;

/// The text of one file, kept once for all that stands in it and wiped with the last of them.
pub(super) struct FileText {
    pub(super) kind: FileKind,
    pub(super) path: Arc<Path>,
    pub(super) text: Zeroizing<String>,
}

impl FileText {
    pub(super) fn origin(&self, line: usize) -> Origin {
        Origin::File {
            path: Arc::clone(&self.path),
            line,
        }
    }
}

/// One value of a profile, and where it stands. Its `Debug` masks what is secret.
#[derive(Clone)]
pub struct Property {
    key: Cow<'static, str>,
    file: Arc<FileText>,
    /// What stands behind the `=`.
    first: Range<usize>,
    /// The lines that go on with it, as they are in the file.
    below: Range<usize>,
    /// The value, where it has more than one line.
    joined: Option<Arc<Zeroizing<String>>>,
    origin: Origin,
}

impl Property {
    /// The property `key` of line `line`, whose value is `first` and all that `below` adds.
    pub(super) fn new(
        key: Cow<'static, str>,
        file: &Arc<FileText>,
        line: usize,
        first: Range<usize>,
        below: Range<usize>,
    ) -> Self {
        let mut property = Self {
            key,
            origin: file.origin(line),
            file: Arc::clone(file),
            first,
            below,
            joined: None,
        };
        if !property.below.is_empty() {
            // Large enough from the start, because a buffer that grows leaves a copy of what it held behind.
            let mut joined =
                Zeroizing::new(String::with_capacity(property.first.len() + property.below.len()));
            joined.push_str(&file.text[property.first.clone()]);
            for (_, line) in property.lines_below() {
                joined.push('\n');
                joined.push_str(line);
            }
            property.joined = Some(Arc::new(joined));
        }
        property
    }

    /// A property that stands in none of the two files: what rolecall itself keeps of a profile.
    pub(super) fn kept(key: &'static str, value: &str, origin: Origin) -> Self {
        let file = FileText {
            kind: FileKind::Config,
            path: Arc::from(Path::new("")),
            text: Zeroizing::new(value.to_owned()),
        };
        let end = value.len()..value.len();
        Self {
            key: Cow::Borrowed(key),
            file: Arc::new(file),
            first: 0..value.len(),
            below: end,
            joined: None,
            origin,
        }
    }

    /// The key, in lower case.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value as it stands in the file.
    pub fn value(&self) -> &str {
        match &self.joined {
            Some(joined) => joined,
            None => &self.file.text[self.first.clone()],
        }
    }

    /// The value, which has to be one line: nothing that is one word goes on below.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Config`], with the first line only: what was indented by mistake below it may be a secret.
    pub(crate) fn one_line(&self, key: &str) -> Result<&str, Error> {
        match self.value().split_once('\n') {
            None => Ok(self.value()),
            Some((first, _)) => Err(Error::config(format!(
                "{}: {key}: the value `{}…` goes on in the lines below it",
                self.origin,
                masked(key, first)
            ))
            .with_hint("Take the blanks before those lines away, or the lines.")),
        }
    }

    /// The settings nested below an empty value, as in `s3 =` and indented lines below it: key, value and place of each.
    pub fn nested(&self) -> impl Iterator<Item = (&str, &str, Origin)> {
        let is_block = self.first.is_empty();
        self.lines_below()
            .filter(move |_| is_block)
            .filter_map(|(number, line)| {
                let (key, value) = line.split_once('=')?;
                Some((
                    key.trim_matches(BLANKS),
                    value.trim_matches(BLANKS),
                    self.file.origin(number),
                ))
            })
    }

    /// The value as it may be shown: what is secret in it is masked.
    pub fn shown(&self) -> Cow<'_, str> {
        masked(&self.key, self.value())
    }

    /// Where it stands.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Which of the two files it stands in.
    pub(super) fn file_kind(&self) -> FileKind {
        self.file.kind
    }

    pub(super) fn line(&self) -> usize {
        match self.origin {
            Origin::File { line, .. } => line,
            // A property is made from a line of a file.
            _ => 0,
        }
    }

    /// Whether nothing is set by it, as if it were not there.
    pub(super) fn is_blank(&self) -> bool {
        self.value().trim().is_empty()
    }

    /// The lines that go on with the value, and their numbers.
    fn lines_below(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_block = self.first.is_empty();
        self.file.text[self.below.clone()]
            .split('\n')
            .zip(self.line()..)
            .filter(move |(text, _)| !is_passed_over(text, is_block))
            .map(|(text, number)| (number, text.trim_end_matches('\r').trim_matches(BLANKS)))
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} ({})", self.shown(), self.origin)
    }
}

//! What each line of a text is, and where: for edits, which keep every byte that is not theirs.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::heading::{self, Heading, Home};
use super::{FileKind, is_passed_over, parse, without_comment};
use crate::error::Error;
use crate::profile::BLANKS;

/// One line.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::profile) struct Piece {
    /// With its end, and without a byte order mark before it.
    pub(in crate::profile) range: Range<usize>,
    /// From 1.
    pub(in crate::profile) line: usize,
    pub(in crate::profile) what: What,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(in crate::profile) enum What {
    Blank,
    Comment,
    Heading {
        /// Whose properties stand below it; none where it is another kind of section.
        profile: Option<String>,
        /// Whether it is `[profile NAME]`.
        is_prefixed: bool,
        has_comment: bool,
    },
    Property {
        /// In lower case.
        key: String,
        value: Range<usize>,
        /// The comment behind it.
        comment: Option<Range<usize>>,
    },
    /// It goes on with the property above it.
    More,
}

/// The lines of a text, all of them, in their order.
///
/// # Errors
/// As reading it: what is no such file has no lines that could be edited.
pub(in crate::profile) fn outline(kind: FileKind, path: &Arc<Path>, text: &str) -> Result<Vec<Piece>, Error> {
    parse(kind, path, text)?;
    let mut start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    let mut pieces = Vec::new();
    while start < text.len() {
        let end = text[start..].find('\n').map_or(text.len(), |at| start + at + 1);
        let line = text[start..end].trim_end_matches('\n').trim_end_matches('\r');
        pieces.push(Piece {
            range: start..end,
            line: pieces.len() + 1,
            what: what(kind, line, start),
        });
        start = end;
    }
    Ok(pieces)
}

fn what(kind: FileKind, line: &str, start: usize) -> What {
    if is_passed_over(line, false) {
        return if line.starts_with(['#', ';']) {
            What::Comment
        } else {
            What::Blank
        };
    }
    if line.starts_with(BLANKS) {
        return What::More;
    }
    if line.starts_with('[') {
        let has_comment = line.find(']').is_some_and(|at| line[at..].contains(['#', ';']));
        let heading = heading::inside(line)
            .ok()
            .map(|(inside, _)| Heading::read(kind, inside));
        let heading = heading.filter(|heading| heading.home == Home::Profile);
        return What::Heading {
            is_prefixed: heading.as_ref().is_some_and(|heading| heading.is_prefixed),
            profile: heading.map(|heading| heading.name),
            has_comment,
        };
    }
    let whole = without_comment(line, true);
    // It was read: there is a `=` in it.
    let (key, value) = whole.split_once('=').unwrap_or((whole, ""));
    let at = start + whole.len() - value.trim_start_matches(BLANKS).len();
    let behind = line[whole.len()..].trim_matches(BLANKS);
    let comment = start + line.trim_end_matches(BLANKS).len() - behind.len();
    What::Property {
        key: key.trim_matches(BLANKS).to_ascii_lowercase(),
        value: at..at + value.trim_matches(BLANKS).len(),
        comment: (!behind.is_empty()).then(|| comment..comment + behind.len()),
    }
}

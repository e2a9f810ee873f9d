//! Where the block stands in the text of a config file, and what must not stand around it.

use std::ops::Range;
use std::path::Path;

use sha2::{Digest as _, Sha256};

use crate::error::Error;
use crate::hex::hex;
use crate::profile::BLANKS;
use crate::profile::parse::is_passed_over;

/// The first words of the line that begins the block; its digest stands behind them.
pub(super) const BEGIN: &str = "# BEGIN rolecall roles";
/// The line that ends it.
pub(super) const END: &str = "# END rolecall roles";
const DIGEST: &str = "sha256:";

/// One line of a text with its end.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// From 1.
    pub(super) number: usize,
    /// Where it begins in the text.
    pub(super) start: usize,
    /// With its end.
    pub(super) whole: &'a str,
}

impl<'a> Line<'a> {
    /// Without its end.
    pub(super) fn text(&self) -> &'a str {
        self.whole.trim_end_matches(['\n', '\r'])
    }
}

/// The lines of a text; a byte order mark is no part of the first.
pub(super) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut start = if text.starts_with('\u{feff}') {
        '\u{feff}'.len_utf8()
    } else {
        0
    };
    text[start..]
        .split_inclusive('\n')
        .zip(1..)
        .map(move |(whole, number)| {
            let line = Line { number, start, whole };
            start += whole.len();
            line
        })
}

/// The block of a text.
pub(super) struct Found<'a> {
    /// All of it, with both marks and the end of the last line.
    pub(super) range: Range<usize>,
    /// The line of its first mark.
    pub(super) line: usize,
    /// What stands between the marks.
    pub(super) body: &'a str,
    /// Whether that is what was written there.
    pub(super) is_untouched: bool,
}

/// The block, where there is one.
///
/// # Errors
/// [`crate::ErrorKind::Config`] with file and line: marks that are not one pair, and settings beside the block that would go
/// over to another profile with it.
pub(super) fn find<'a>(path: &Path, text: &'a str) -> Result<Option<Found<'a>>, Error> {
    let fail = |line: usize, problem: String, hint: &str| {
        Err(Error::config(format!("{}:{line}: {problem}", path.display())).with_hint(hint))
    };
    let (mut begin, mut end): (Option<Line<'a>>, Option<Line<'a>>) = (None, None);
    // The first line in the block that is neither blank nor a comment has been seen, and the same below it.
    let (mut is_within, mut is_below) = (false, false);
    for line in lines(text) {
        let written = line.text();
        let bare = written.trim_start_matches(BLANKS);
        let (begins, ends) = (is_mark(bare, BEGIN), is_mark(bare, END));
        if (begins || ends) && bare.len() < written.len() {
            return fail(
                line.number,
                format!(
                    "the mark `{}` begins with a blank, and so is a part of what stands above it",
                    if begins { BEGIN } else { END }
                ),
                "Take the blanks before it away; or remove both marks with all between them, and the block is made anew.",
            );
        }
        if begins {
            if let Some(first) = begin {
                return fail(
                    line.number,
                    format!("`{BEGIN}` stands in line {} already", first.number),
                    "There is one block in a file: remove one of the two with all up to its end.",
                );
            }
            begin = Some(line);
            continue;
        }
        if ends {
            match (begin, end) {
                (None, _) => {
                    return fail(
                        line.number,
                        format!("`{END}` stands here, and no `{BEGIN}` above it"),
                        "Remove that line; or put the first line of the block back where it stood.",
                    );
                }
                (_, Some(first)) => {
                    return fail(
                        line.number,
                        format!("`{END}` stands in line {} already", first.number),
                        "Remove the one that is too much.",
                    );
                }
                (Some(_), None) => end = Some(line),
            }
            continue;
        }
        if begin.is_none() || is_passed_over(written, false) {
            continue;
        }
        let is_heading = written.starts_with('[');
        if end.is_some() {
            if !is_below && !is_heading {
                return fail(
                    line.number,
                    "this line stands below the block and belongs to the last profile in it".to_owned(),
                    "Move it into a section of your own: what stands in the block is made anew each time.",
                );
            }
            is_below = true;
        } else {
            if !is_within && !is_heading {
                return fail(
                    line.number,
                    "this line stands in the block and belongs to the profile above it".to_owned(),
                    "Move it to its profile, out of the block: what stands in the block is made anew each time.",
                );
            }
            is_within = true;
        }
    }
    let (begin, end) = match (begin, end) {
        (None, _) => return Ok(None),
        (Some(begin), None) => {
            return fail(
                begin.number,
                format!("`{BEGIN}` stands here, and no `{END}` below it"),
                "Put the line back behind the last profile of the block; or remove this line to keep what is below it as \
                 your own.",
            );
        }
        (Some(begin), Some(end)) => (begin, end),
    };
    let body = &text[begin.start + begin.whole.len()..end.start];
    let written = begin.text()[BEGIN.len()..].trim_matches(BLANKS);
    Ok(Some(Found {
        range: begin.start..end.start + end.whole.len(),
        line: begin.number,
        body,
        is_untouched: written.strip_prefix(DIGEST) == Some(digest(body).as_str()),
    }))
}

fn is_mark(line: &str, mark: &str) -> bool {
    line.strip_prefix(mark)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with(BLANKS))
}

/// The first line of a block with this body.
pub(super) fn begin(body: &str) -> String {
    format!("{BEGIN} {DIGEST}{}", digest(body))
}

/// By its lines: whoever turns the ends of a file's lines around edits nothing.
fn digest(body: &str) -> String {
    let mut digest = Sha256::new();
    for line in lines(body) {
        digest.update(line.text());
        digest.update("\n");
    }
    // It is there to notice an edit, not to keep anybody from one.
    hex(&digest.finalize()[..8])
}

/// How the lines of this text end: as most of them do.
pub(super) fn line_end(text: &str) -> &'static str {
    let all = text.matches('\n').count();
    let returns = text.matches("\r\n").count();
    if returns * 2 > all { "\r\n" } else { "\n" }
}

//! What is wrong with a world, and where.

use std::fmt;

/// The most problems that are told at once: more are not read, and most follow from the first.
const TOLD: usize = 20;
/// The longest message, in characters: names that are quoted in it may be of any length.
const LONGEST: usize = 400;
/// The longest name for which a likeness is looked for, and the most names: it takes the product of both lengths.
const LONGEST_LIKENESS: usize = 256;
const MOST_LIKENESSES: usize = 1000;

/// One thing that is wrong with a world.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct WorldError {
    file: String,
    line: Option<u32>,
    message: String,
    hint: Option<String>,
}

impl WorldError {
    pub(super) fn new(file: &str, line: Option<u32>, message: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            line,
            message: clipped(message.into()),
            hint: None,
        }
    }

    #[must_use]
    pub(super) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(clipped(hint.into()));
        self
    }

    /// The file as it was named; empty for a world that was made in code.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, from 1; `None` where there is none, as for a file that cannot be read.
    pub fn line(&self) -> Option<u32> {
        self.line
    }

    /// What is wrong: one clause, without a final period.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, where that is known: a sentence.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

/// `FILE:LINE: MESSAGE`, without the hint.
impl fmt::Display for WorldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.file.as_str(), self.line) {
            ("", _) => f.write_str(&self.message),
            (file, Some(line)) => write!(f, "{file}:{line}: {}", self.message),
            (file, None) => write!(f, "{file}: {}", self.message),
        }
    }
}

impl std::error::Error for WorldError {}

/// Everything that is wrong with a world: at least one problem, and at most the first twenty.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct WorldErrors {
    errors: Vec<WorldError>,
    left_out: usize,
}

impl WorldErrors {
    /// The problems, in the order of their lines.
    pub fn errors(&self) -> &[WorldError] {
        &self.errors
    }

    /// How many more there are.
    pub fn left_out(&self) -> usize {
        self.left_out
    }
}

impl From<WorldError> for WorldErrors {
    fn from(error: WorldError) -> Self {
        Self {
            errors: vec![error],
            left_out: 0,
        }
    }
}

/// One problem on each line, with its hint in parentheses.
impl fmt::Display for WorldErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, error) in self.errors.iter().enumerate() {
            let before = if at == 0 { "" } else { "\n" };
            write!(f, "{before}{error}")?;
            if let Some(hint) = error.hint() {
                write!(f, " ({hint})")?;
            }
        }
        if self.left_out > 0 {
            write!(f, "\nand {} more", self.left_out)?;
        }
        Ok(())
    }
}

impl std::error::Error for WorldErrors {}

/// A line of the world's file; none for what was said in code.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Place(u32);

impl Place {
    pub(super) fn of_line(line: usize) -> Self {
        Self(u32::try_from(line).unwrap_or(u32::MAX))
    }

    pub(super) fn line(self) -> Option<u32> {
        (self.0 > 0).then_some(self.0)
    }

    /// The place `lines` further down, in the same text.
    pub(super) fn down(self, lines: usize) -> Self {
        match self.0 {
            0 => self,
            line => Self(line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX))),
        }
    }
}

/// Something that was said, and where.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) text: String,
    pub(super) at: Place,
}

impl From<&str> for Told {
    fn from(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            at: Place::default(),
        }
    }
}

impl std::ops::Deref for Told {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Collects problems.
#[derive(Debug)]
pub(super) struct Problems {
    file: String,
    errors: Vec<WorldError>,
}

impl Problems {
    pub(super) fn new(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            errors: Vec::new(),
        }
    }

    pub(super) fn file(&self) -> &str {
        &self.file
    }

    pub(super) fn add(&mut self, at: Place, message: impl Into<String>) {
        self.errors.push(WorldError::new(&self.file, at.line(), message));
    }

    pub(super) fn add_with_hint(&mut self, at: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.errors
            .push(WorldError::new(&self.file, at.line(), message).with_hint(hint));
    }

    pub(super) fn count(&self) -> usize {
        self.errors.len()
    }

    pub(super) fn push(&mut self, error: WorldError) {
        self.errors.push(error);
    }

    pub(super) fn append(&mut self, mut others: Self) {
        self.errors.append(&mut others.errors);
    }

    /// Nothing, or everything that was found, in the order of the lines.
    pub(super) fn into_result(mut self) -> Result<(), WorldErrors> {
        if self.errors.is_empty() {
            return Ok(());
        }
        // What stands in other files comes after what stands in the world's own.
        self.errors
            .sort_by_key(|error| (error.file != self.file, error.file.clone(), error.line));
        self.errors.dedup();
        let left_out = self.errors.len().saturating_sub(TOLD);
        self.errors.truncate(TOLD);
        Err(WorldErrors {
            errors: self.errors,
            left_out,
        })
    }
}

fn clipped(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text,
    }
}

/// "Did you mean …?", where one of `names` is near to what was written.
pub(crate) fn did_you_mean<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    if written.len() > LONGEST_LIKENESS {
        return None;
    }
    let folded = written.to_lowercase();
    // ARNs of one kind begin alike, whatever they name.
    let last = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let likeness = |name: &str| {
        let name = name.to_lowercase();
        strsim::jaro_winkler(&folded, &name).min(strsim::jaro_winkler(&last(&folded), &last(&name)))
    };
    names
        .into_iter()
        .filter(|name| name.len() <= LONGEST_LIKENESS)
        .take(MOST_LIKENESSES)
        .map(|name| (likeness(name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|one, other| one.0.total_cmp(&other.0))
        .map(|(_, name)| format!("Did you mean `{name}`?"))
}

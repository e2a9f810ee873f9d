//! Reading the log, and proving that nobody changed it on the way.

use std::collections::VecDeque;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Take};
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::chain::{self, Flaw, LONGEST_LINE, Link};
use crate::host::Part;

/// The records of a log, oldest first, each checked against the one before.
///
/// It ends at the first break, because behind it nothing is proved. A last line that is not whole is none: whoever wrote
/// it was ended, and the next writer cuts it off.
#[derive(Debug)]
pub struct History {
    parts: VecDeque<Part>,
    open: Option<(PathBuf, BufReader<Take<File>>, u64)>,
    last: Option<Link>,
    kept: Option<String>,
    has_kept: bool,
    torn: Option<(PathBuf, u64)>,
    records: u64,
    is_over: bool,
}

/// One record, and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// The record as it was written, fields of later versions included.
    pub record: Value,
    /// Its hash.
    pub hash: String,
    /// Whether it stands behind the hash that was kept; true where none was.
    pub is_new: bool,
}

/// The place where the chain does not hold, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Break {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: u64,
    /// One clause.
    pub why: String,
}

impl fmt::Display for Break {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.why)
    }
}

impl History {
    pub(super) fn of(parts: Vec<Part>) -> Self {
        Self {
            parts: parts.into(),
            open: None,
            last: None,
            kept: None,
            has_kept: false,
            torn: None,
            records: 0,
            is_over: false,
        }
    }

    /// A history of that text, as one file.
    ///
    /// # Errors
    /// What the system says of the file that the text is put into.
    #[doc(hidden)]
    pub fn of_text(text: &[u8]) -> io::Result<Self> {
        use std::io::{Seek as _, Write as _};
        let mut file = tempfile::tempfile()?;
        file.write_all(text)?;
        file.rewind()?;
        Ok(Self::of(vec![Part {
            path: PathBuf::from("audit.jsonl"),
            file,
            length: text.len() as u64,
        }]))
    }

    /// Holds the log to a hash that was kept elsewhere: it has to be there, and records are new behind it. A log that
    /// begins right behind it is whole too: what came before was put elsewhere.
    #[must_use]
    pub fn since(mut self, hash: &str) -> Self {
        self.kept = Some(hash.to_ascii_lowercase());
        self
    }

    /// How many records were read.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// The hash of the last record that was read: whoever keeps it elsewhere can tell later whether the end was cut off.
    pub fn last_hash(&self) -> Option<&str> {
        self.last.as_ref().map(|last| last.hash.as_str())
    }

    /// Whether the kept hash was met. True where none was kept.
    pub fn has_kept(&self) -> bool {
        self.kept.is_none() || self.has_kept
    }

    /// The file whose last line is not whole, and that line.
    pub fn torn(&self) -> Option<(&Path, u64)> {
        self.torn.as_ref().map(|(path, line)| (path.as_path(), *line))
    }

    fn advance(&mut self) -> Option<Result<Entry, Break>> {
        loop {
            if self.open.is_none() {
                let part = self.parts.pop_front()?;
                let reader = BufReader::with_capacity(64 * 1024, part.file.take(part.length));
                self.open = Some((part.path, reader, 0));
            }
            let (path, reader, line) = self.open.as_mut()?;
            let mut bytes = Vec::new();
            let read = reader
                .by_ref()
                .take(LONGEST_LINE as u64 + 1)
                .read_until(b'\n', &mut bytes);
            let (file, at) = (path.clone(), *line + 1);
            let broken = |why: String| {
                Some(Err(Break {
                    file: file.clone(),
                    line: at,
                    why,
                }))
            };
            match read {
                Ok(0) => {
                    self.open = None;
                    continue;
                }
                Ok(_) => *line += 1,
                Err(error) => return broken(format!("it cannot be read: {error}")),
            }
            let has_newline = bytes.last() == Some(&b'\n');
            if !has_newline && bytes.len() > LONGEST_LINE {
                return broken("the line is longer than any record".to_owned());
            }
            if has_newline {
                bytes.pop();
            }
            let is_last = self.parts.is_empty();
            return match (chain::unsealed(&bytes), self.last.as_ref()) {
                (Err(_), _) if !has_newline && is_last => {
                    self.torn = Some((file, at));
                    None
                }
                (Err(Flaw::NotARecord), _) => broken("the line is no record".to_owned()),
                (Err(Flaw::Changed), _) => broken("the record was changed after it was written".to_owned()),
                (Ok(sealed), last) => match displaced(&sealed, last, self.kept.as_deref()) {
                    Some(why) => broken(why),
                    None => {
                        let kept = self.kept.as_deref();
                        // Behind the kept one, or right behind where it would be.
                        self.has_kept |= kept.is_some() && kept == sealed.prev.as_deref();
                        let is_new = kept.is_none() || self.has_kept;
                        self.has_kept |= kept == Some(&*sealed.link.hash);
                        let record = serde_json::from_str(sealed.text).unwrap_or_default();
                        let hash = sealed.link.hash.clone();
                        self.last = Some(sealed.link);
                        self.records += 1;
                        Some(Ok(Entry {
                            file,
                            line: at,
                            record,
                            hash,
                            is_new,
                        }))
                    }
                },
            };
        }
    }
}

impl Iterator for History {
    type Item = Result<Entry, Break>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_over {
            return None;
        }
        let next = self.advance();
        self.is_over = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Why a whole record does not stand where it was written.
fn displaced(sealed: &chain::Sealed<'_>, last: Option<&Link>, kept: Option<&str>) -> Option<String> {
    let (seq, prev) = (sealed.link.seq, sealed.prev.as_deref());
    match last {
        None if prev.is_none() && seq == 1 => None,
        None if prev.is_some() && prev == kept => None,
        None => Some(format!(
            "the log begins with record {seq}: those before it are missing"
        )),
        Some(last) if prev == Some(&*last.hash) && seq == last.seq.saturating_add(1) => None,
        Some(last) if seq > last.seq.saturating_add(1) => Some(format!(
            "record {seq} follows record {}: those between are missing",
            last.seq
        )),
        Some(last) => Some(format!(
            "record {seq} follows record {}, and was not written there",
            last.seq
        )),
    }
}

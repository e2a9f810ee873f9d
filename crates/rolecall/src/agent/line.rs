//! Lines of bytes that may hold secrets, out of a stream.

use std::fmt;

use zeroize::{Zeroize as _, Zeroizing};

/// Bytes until there is a line's end. Wiped as they are consumed.
pub(super) struct Lines {
    buffer: Zeroizing<Vec<u8>>,
    filled: usize,
    /// Up to here there is no line's end.
    seen: usize,
    longest: usize,
}

/// The line is longer than any message.
#[derive(Debug)]
pub(super) struct TooLong;

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines")
            .field("filled", &self.filled)
            .finish_non_exhaustive()
    }
}

impl Lines {
    /// For lines that are no longer than this, their end included.
    pub(super) fn up_to(longest: usize) -> Self {
        Self {
            buffer: Zeroizing::new(vec![0; 2048]),
            filled: 0,
            seen: 0,
            longest,
        }
    }

    pub(super) fn longest(&self) -> usize {
        self.longest
    }

    /// Whether a line has been begun.
    pub(super) fn is_begun(&self) -> bool {
        self.filled > 0
    }

    /// A whole line, without its end.
    pub(super) fn next(&mut self) -> Option<Zeroizing<Vec<u8>>> {
        let end = self.buffer[self.seen..self.filled]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(end) = end.map(|at| self.seen + at) else {
            self.seen = self.filled;
            return None;
        };
        let line = Zeroizing::new(self.buffer[..end].to_vec());
        self.buffer.copy_within(end + 1..self.filled, 0);
        let rest = self.filled - end - 1;
        self.buffer[rest..self.filled].zeroize();
        self.filled = rest;
        self.seen = 0;
        Some(line)
    }

    /// Where more may be read into.
    pub(super) fn space(&mut self) -> Result<&mut [u8], TooLong> {
        if self.filled == self.buffer.len() {
            if self.filled >= self.longest {
                return Err(TooLong);
            }
            // Moved by hand: the bytes left behind are wiped.
            let mut larger = Zeroizing::new(vec![0; (2 * self.filled).min(self.longest)]);
            larger[..self.filled].copy_from_slice(&self.buffer);
            self.buffer = larger;
        }
        Ok(&mut self.buffer[self.filled..])
    }

    /// So many bytes were read there.
    pub(super) fn read(&mut self, length: usize) {
        self.filled += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::protocol::LONGEST_LINE;

    fn feed(lines: &mut Lines, mut bytes: &[u8]) -> Result<Vec<String>, TooLong> {
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let space = lines.space()?;
            let length = space.len().min(bytes.len());
            space[..length].copy_from_slice(&bytes[..length]);
            lines.read(length);
            bytes = &bytes[length..];
            while let Some(line) = lines.next() {
                found.push(String::from_utf8(line.to_vec()).unwrap());
            }
        }
        Ok(found)
    }

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let mut lines = Lines::up_to(LONGEST_LINE);
        assert_eq!(feed(&mut lines, b"one\ntw").unwrap(), ["one"]);
        assert!(lines.is_begun());
        assert_eq!(feed(&mut lines, b"o\n\nthree\n").unwrap(), ["two", "", "three"]);
        assert!(!lines.is_begun());
        assert!(
            lines.buffer.iter().all(|byte| *byte == 0),
            "what was read is wiped"
        );
        let long = "x".repeat(LONGEST_LINE - 1);
        assert_eq!(
            feed(&mut lines, format!("{long}\n").as_bytes()).unwrap(),
            std::slice::from_ref(&long)
        );
        assert!(feed(&mut lines, format!("{long}xx\n").as_bytes()).is_err());
    }
}

//! From bytes to keys.

use std::collections::VecDeque;

/// What a key does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Key {
    Char(char),
    Back,
    BackWord,
    Clear,
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Enter,
    Leave,
}

/// What was typed, and not yet read.
#[derive(Debug, Default)]
pub(super) struct Keys {
    bytes: VecDeque<u8>,
    has_ended: bool,
}

impl Keys {
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.has_ended = false;
    }

    /// Nothing follows on what there is.
    pub(super) fn end(&mut self) {
        self.has_ended = true;
    }

    /// Whether the rest may be the start of a key.
    pub(super) fn is_unfinished(&self) -> bool {
        !self.bytes.is_empty()
    }

    /// The next key that is whole.
    pub(super) fn next(&mut self) -> Option<Key> {
        loop {
            let bytes = self.bytes.make_contiguous();
            let (length, key) = match *bytes.first()? {
                0x1b => match escape(bytes) {
                    Some(found) => found,
                    None if self.has_ended => (bytes.len(), (bytes.len() == 1).then_some(Key::Leave)),
                    None => return None,
                },
                b'\r' | b'\n' => (1, Some(Key::Enter)),
                // Ctrl-C where it sends no signal, Ctrl-D, Ctrl-G.
                0x03 | 0x04 | 0x07 => (1, Some(Key::Leave)),
                0x08 | 0x7f => (1, Some(Key::Back)),
                0x0e => (1, Some(Key::Down)),
                0x10 => (1, Some(Key::Up)),
                0x15 => (1, Some(Key::Clear)),
                0x17 => (1, Some(Key::BackWord)),
                0x00..0x20 => (1, None),
                _ => match character(bytes) {
                    Some((length, c)) => (length, c.map(Key::Char)),
                    None if self.has_ended => (bytes.len(), None),
                    None => return None,
                },
            };
            self.bytes.drain(..length);
            if key.is_some() {
                return key;
            }
        }
    }
}

/// A sequence that begins with an escape, and how long it is; none where more of it is to come.
fn escape(bytes: &[u8]) -> Option<(usize, Option<Key>)> {
    match *bytes.get(1)? {
        b'[' => {
            let end = bytes[2..].iter().position(|byte| (0x40..=0x7e).contains(byte))? + 2;
            let key = match (&bytes[2..end], bytes[end]) {
                (_, b'A') => Some(Key::Up),
                (_, b'B') => Some(Key::Down),
                (_, b'H') | (b"1" | b"7", b'~') => Some(Key::First),
                (_, b'F') | (b"4" | b"8", b'~') => Some(Key::Last),
                (b"5", b'~') => Some(Key::PageUp),
                (b"6", b'~') => Some(Key::PageDown),
                _ => None,
            };
            Some((end + 1, key))
        }
        // As terminals send it whose keypad is switched to applications.
        b'O' => {
            let key = match *bytes.get(2)? {
                b'A' => Some(Key::Up),
                b'B' => Some(Key::Down),
                b'H' => Some(Key::First),
                b'F' => Some(Key::Last),
                b'M' => Some(Key::Enter),
                _ => None,
            };
            Some((3, key))
        }
        0x1b => Some((1, Some(Key::Leave))),
        0x7f | 0x08 => Some((2, Some(Key::BackWord))),
        _ => Some((2, None)),
    }
}

/// A character, and how many bytes it has; none where more of it is to come. What is no UTF-8 is passed over.
fn character(bytes: &[u8]) -> Option<(usize, Option<char>)> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) if error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
        }
        Err(error) => return error.error_len().map(|length| (length, None)),
    };
    let c = text.chars().next()?;
    Some((c.len_utf8(), (!c.is_control()).then_some(c)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(parts: &[&[u8]]) -> Vec<Key> {
        let mut keys = Keys::default();
        let mut all = Vec::new();
        for part in parts {
            keys.push(part);
            all.extend(std::iter::from_fn(|| keys.next()));
        }
        keys.end();
        all.extend(std::iter::from_fn(|| keys.next()));
        assert!(!keys.is_unfinished());
        all
    }

    #[test]
    fn bytes_are_keys_however_they_come() {
        use Key::*;
        assert_eq!(
            keys(&[b"a\r\x0e\x10\x15\x17\x7f"]),
            [Char('a'), Enter, Down, Up, Clear, BackWord, Back]
        );
        assert_eq!(
            keys(&[b"\x1b[A\x1bOB\x1b[5~\x1b[6~\x1b[H\x1b[4~"]),
            [Up, Down, PageUp, PageDown, First, Last]
        );
        assert_eq!(keys(&[b"\x1b[1;5A\x1b[200~x\x1bz"]), [Up, Char('x')]);
        // In pieces.
        assert_eq!(keys(&[b"\x1b", b"[", b"B"]), [Down]);
        assert_eq!(
            keys(&["é".as_bytes(), &"東".as_bytes()[..1], &"東".as_bytes()[1..]]),
            [Char('é'), Char('東')]
        );
        // The key of that name, and what never was one.
        assert_eq!(keys(&[b"\x1b"]), [Leave]);
        assert_eq!(keys(&[b"\x1b\x1b"]), [Leave, Leave]);
        assert_eq!(keys(&[b"\x03"]), [Leave]);
        assert_eq!(keys(&[b"\xffa\xe6"]), [Char('a')]);
    }
}

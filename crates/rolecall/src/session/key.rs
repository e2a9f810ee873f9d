//! What makes two sessions interchangeable.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

use crate::error::Invalid;

/// Names everything that went into a session: equal keys, interchangeable sessions. A SHA-256, safe to print.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey([u8; 32]);

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The 64 hexadecimal digits that [`fmt::Display`] writes.
impl FromStr for SessionKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let digit = |byte: &u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = text
            .as_bytes()
            .chunks(2)
            .map(|pair| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?))
            .collect();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes
            .map(Self)
            .ok_or_else(|| Invalid::new("a session key has 64 hexadecimal digits, in lower case"))
    }
}

impl serde::Serialize for SessionKey {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SessionKey {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Gathers the canonical form: every text with its length before it, so that no two different lists read the same.
#[derive(Clone)]
pub struct KeyBuilder(Sha256);

impl KeyBuilder {
    /// Begins a form; `kind` sets it apart from every other form.
    pub fn new(kind: &str) -> Self {
        let mut builder = Self(Sha256::new());
        builder.text("rolecall session key v1").text(kind);
        builder
    }

    /// One text.
    pub fn text(&mut self, text: &str) -> &mut Self {
        self.0.update((text.len() as u64).to_be_bytes());
        self.0.update(text.as_bytes());
        self
    }

    /// A text that may be absent, which is not the same as empty.
    pub fn optional(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.count(1).text(text),
            None => self.count(0),
        }
    }

    /// A list, with its length before it.
    pub fn list<'a>(&mut self, texts: impl ExactSizeIterator<Item = &'a str>) -> &mut Self {
        self.count(texts.len() as u64);
        for text in texts {
            self.text(text);
        }
        self
    }

    /// A number.
    pub fn count(&mut self, number: u64) -> &mut Self {
        self.0.update(number.to_be_bytes());
        self
    }

    /// The key of what this one is built upon.
    pub fn parent(&mut self, key: SessionKey) -> &mut Self {
        self.0.update(key.0);
        self
    }

    /// The key.
    pub fn finish(self) -> SessionKey {
        SessionKey(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(build: impl FnOnce(&mut KeyBuilder)) -> SessionKey {
        let mut builder = KeyBuilder::new("test");
        build(&mut builder);
        builder.finish()
    }

    #[test]
    fn absent_empty_and_shifted_texts_differ() {
        let keys = [
            key(|k| {
                k.optional(None);
            }),
            key(|k| {
                k.optional(Some(""));
            }),
            key(|k| {
                k.text("ab").text("c");
            }),
            key(|k| {
                k.text("a").text("bc");
            }),
            key(|k| {
                k.list(["a", "b"].into_iter());
            }),
            key(|k| {
                k.list(["ab"].into_iter());
            }),
        ];
        for (n, one) in keys.iter().enumerate() {
            assert!(keys[n + 1..].iter().all(|other| other != one));
        }
        assert_eq!(
            key(|k| {
                k.text("a");
            }),
            key(|k| {
                k.text("a");
            })
        );
        assert_eq!(keys[0].to_string().len(), 64);
        assert_eq!(keys[0].to_string().parse::<SessionKey>().unwrap(), keys[0]);
        for wrong in ["", "00", &"g".repeat(64), &"0".repeat(63), &"A".repeat(64)] {
            assert!(wrong.parse::<SessionKey>().is_err(), "{wrong}");
        }
    }
}

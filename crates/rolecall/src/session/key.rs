//! What makes two sessions interchangeable.

use std::fmt;

use sha2::{Digest, Sha256};

/// Names everything that went into a session: equal keys, interchangeable sessions. A SHA-256, safe to print.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionKey([u8; 32]);

impl fmt::Display for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    }
}

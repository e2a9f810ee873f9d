//! What a request carries for conditions and variables to be measured by.

use std::collections::BTreeMap;

/// The condition keys of a request and their values. Keys do not differ by case.
#[derive(Clone, Debug, Default)]
pub struct Context(BTreeMap<String, Vec<String>>);

impl Context {
    /// Nothing known.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets a key with one value.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        self.set_all(key, [value.into()]);
    }

    /// Sets a key with several values (`aws:TagKeys`).
    pub fn set_all(&mut self, key: &str, values: impl IntoIterator<Item = String>) {
        self.0
            .insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// The values of a key; `None` where the request does not carry it.
    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.lower_case(&key.to_ascii_lowercase())
    }

    /// The same for a key that is known to be in lower case, without making it so again.
    pub(super) fn lower_case(&self, key: &str) -> Option<&[String]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// Every key with its values, in the order of the keys' lower-case names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

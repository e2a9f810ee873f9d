//! What a request carries for conditions and variables to be measured by.

use std::collections::BTreeMap;

/// The condition keys of a request and their values. Keys do not differ by case.
#[derive(Clone, Debug, Default)]
pub struct Context {
    values: BTreeMap<String, Vec<String>>,
    /// The beginnings of keys, in lower case, that are known to be absent where they are not set.
    absent: Vec<String>,
    doubt: Option<Doubt>,
}

/// Which keys are known to be absent, and what becomes of a statement that depends on another.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    is_known: fn(&str) -> bool,
    benefit: Benefit,
}

/// To whose benefit a statement is taken that depends on what is not known.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Benefit {
    /// Whoever asks: grants count, refusals do not.
    Caller,
    /// The other way round.
    Owner,
}

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
        self.values
            .insert(key.to_ascii_lowercase(), values.into_iter().collect());
    }

    /// Says that every key that begins so is known to be absent where it is not set, whatever else is in doubt.
    pub fn set_absent(&mut self, beginning: &str) {
        self.absent.push(beginning.to_ascii_lowercase());
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) {
        self.values.remove(&key.to_ascii_lowercase());
    }

    /// The same context of a request of which no more is known: a key that is not set may have any value or none, but for
    /// those that `is_known` says yes to (in lower case), which are absent. Only [`super::possible`] can tell then.
    #[must_use]
    pub fn in_doubt(mut self, is_known: fn(&str) -> bool) -> Self {
        let benefit = Benefit::Owner;
        self.doubt = Some(Doubt { is_known, benefit });
        self
    }

    /// The same context, with every doubt decided to the benefit of one side.
    pub(super) fn to_benefit_of(&self, benefit: Benefit) -> Self {
        let doubt = self.doubt.map(|doubt| Doubt { benefit, ..doubt });
        Self {
            values: self.values.clone(),
            absent: self.absent.clone(),
            doubt,
        }
    }

    /// Whether it is not known what a request carries for a key.
    pub(super) fn is_unknown(&self, key: &str) -> bool {
        let Some(doubt) = self.doubt else { return false };
        let key = key.to_ascii_lowercase();
        let is_absent = || self.absent.iter().any(|absent| key.starts_with(absent));
        !self.values.contains_key(&key) && !(doubt.is_known)(&key) && !is_absent()
    }

    /// To whose benefit doubts are decided; `None` where there are none.
    pub(super) fn benefit(&self) -> Option<Benefit> {
        self.doubt.map(|doubt| doubt.benefit)
    }

    /// The values of a key; `None` where the request does not carry it.
    pub fn values(&self, key: &str) -> Option<&[String]> {
        self.lower_case(&key.to_ascii_lowercase())
    }

    /// The same for a key that is known to be in lower case, without making it so again.
    pub(super) fn lower_case(&self, key: &str) -> Option<&[String]> {
        self.values.get(key).map(Vec::as_slice)
    }

    /// Every key with its values, in the order of the keys' lower-case names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.values
            .iter()
            .map(|(key, values)| (key.as_str(), values.as_slice()))
    }
}

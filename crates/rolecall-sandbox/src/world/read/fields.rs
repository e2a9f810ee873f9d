//! The values of a table, each with its line.

use toml::de::{DeTable, DeValue};

use super::Reader;
use crate::world::error::{Place, Told, did_you_mean};

/// A value of the file, with its place.
pub(super) type Value<'t> = toml::Spanned<DeValue<'t>>;

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Fields<'t> {
    /// What it describes, with its article.
    pub(super) what: &'static str,
    pub(super) at: Place,
    pub(super) table: &'t DeTable<'t>,
}

/// What the root of the file describes.
pub(super) const WORLD: &str = "the world";

/// The lists of tables that accounts have.
const ACCOUNT_TABLES: [&str; 7] = [
    "user",
    "group",
    "role",
    "policy",
    "oidc_provider",
    "bucket",
    "topic",
];

/// What stands before a key in the heading of a table.
fn heading(what: &str) -> &'static str {
    match what {
        "an account" => "account.",
        "a user" => "account.user.",
        "the organization" => "organization.",
        "the Identity Center" => "identity_center.",
        _ => "",
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

impl<'t> Reader<'t> {
    pub(super) fn place_of(&self, value: &Value<'t>) -> Place {
        self.place(&value.span())
    }

    /// Refuses keys that mean nothing here: a misspelled `boundary` must not leave a role without one.
    pub(super) fn known(&mut self, fields: &Fields<'t>, names: &[&str]) {
        for key in fields.table.keys() {
            let name = key.get_ref();
            if names.contains(&name.as_ref()) {
                continue;
            }
            let at = self.place(&key.span());
            let hint = if fields.what == WORLD && ACCOUNT_TABLES.contains(&name.as_ref()) {
                format!("It belongs to the account above it: [[account.{name}]].")
            } else {
                did_you_mean(name, names.iter().copied())
                    .unwrap_or_else(|| format!("It has {}.", names.join(", ")))
            };
            let message = format!("{} has no key `{name}`", fields.what);
            self.problems.add_with_hint(at, message, hint);
        }
    }

    fn wrong_type(&mut self, fields: &Fields<'t>, key: &str, value: &Value<'t>, wanted: &str) {
        let at = self.place_of(value);
        let message = format!(
            "`{key}` of {} is {}, not {wanted}",
            fields.what,
            kind(value.get_ref())
        );
        match (wanted, value.get_ref()) {
            ("a text", DeValue::Integer(number)) => {
                let hint = format!("Say it in quotes: {key} = \"{}\".", number.as_str());
                self.lose_with_hint(at, message, hint);
            }
            ("a list of texts", DeValue::String(text)) => {
                self.lose_with_hint(at, message, format!("Say it in brackets: {key} = [\"{text}\"]."));
            }
            ("a list of tables", DeValue::Table(_)) => self.lose_with_hint(
                at,
                message,
                format!(
                    "A list of tables has two brackets on each side: [[{}{key}]].",
                    heading(fields.what)
                ),
            ),
            _ => self.lose(at, message),
        }
    }

    pub(super) fn text(&mut self, fields: &Fields<'t>, key: &str) -> Option<Told> {
        let value = fields.table.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Told {
                text: text.to_string(),
                at: self.place_of(value),
            }),
            _ => {
                self.wrong_type(fields, key, value, "a text");
                None
            }
        }
    }

    pub(super) fn required(&mut self, fields: &Fields<'t>, key: &str) -> Option<Told> {
        if !fields.table.contains_key(key) {
            self.lose_with_hint(
                fields.at,
                format!("{} has no `{key}`", fields.what),
                format!("Write {key} = \"…\" below its heading."),
            );
            return None;
        }
        self.text(fields, key)
    }

    pub(super) fn texts(&mut self, fields: &Fields<'t>, key: &str) -> Vec<Told> {
        let Some(value) = fields.table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(fields, key, value, "a list of texts");
            return Vec::new();
        };
        let mut texts = Vec::with_capacity(list.len());
        for item in list.iter() {
            match item.get_ref() {
                DeValue::String(text) => texts.push(Told {
                    text: text.to_string(),
                    at: self.place_of(item),
                }),
                _ => self.wrong_type(fields, key, item, "a text"),
            }
        }
        texts
    }

    pub(super) fn flag(&mut self, fields: &Fields<'t>, key: &str) -> Option<bool> {
        let value = fields.table.get(key)?;
        if let DeValue::Boolean(flag) = value.get_ref() {
            return Some(*flag);
        }
        self.wrong_type(fields, key, value, "true or false");
        None
    }

    pub(super) fn number(&mut self, fields: &Fields<'t>, key: &str) -> Option<(u32, Place)> {
        let value = fields.table.get(key)?;
        let at = self.place_of(value);
        let DeValue::Integer(number) = value.get_ref() else {
            self.wrong_type(fields, key, value, "a number");
            return None;
        };
        let parsed = u32::from_str_radix(number.as_str(), number.radix()).ok();
        if parsed.is_none() {
            self.lose(
                at,
                format!("`{key}` of {} is out of bounds: {}", fields.what, number.as_str()),
            );
        }
        parsed.map(|number| (number, at))
    }

    /// A table within, where there is one.
    pub(super) fn table(&mut self, fields: &Fields<'t>, key: &str, what: &'static str) -> Option<Fields<'t>> {
        let value = fields.table.get(key)?;
        let at = self.place_of(value);
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Fields { what, at, table });
        }
        self.wrong_type(fields, key, value, "a table");
        None
    }

    /// The tables of a list.
    pub(super) fn tables(&mut self, fields: &Fields<'t>, key: &str, what: &'static str) -> Vec<Fields<'t>> {
        let Some(value) = fields.table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(list) = value.get_ref() else {
            self.wrong_type(fields, key, value, "a list of tables");
            return Vec::new();
        };
        let mut tables = Vec::with_capacity(list.len());
        for item in list.iter() {
            let at = self.place_of(item);
            match item.get_ref() {
                DeValue::Table(table) => tables.push(Fields { what, at, table }),
                _ => self.wrong_type(fields, key, item, "a table"),
            }
        }
        tables
    }

    /// The names of a table and what stands behind them.
    pub(super) fn named(&mut self, fields: &Fields<'t>, key: &str) -> Vec<(Told, &'t Value<'t>)> {
        let Some(table) = self.table(fields, key, fields.what) else {
            return Vec::new();
        };
        let mut named: Vec<_> = table
            .table
            .iter()
            .map(|(name, value)| {
                let told = Told {
                    text: name.get_ref().to_string(),
                    at: self.place(&name.span()),
                };
                (told, value)
            })
            .collect();
        // Tables are sorted by name; what is said of them is said in the order of the file.
        named.sort_by_key(|(name, _)| name.at);
        named
    }

    /// A table whose values are texts, such as tags.
    pub(super) fn pairs(&mut self, fields: &Fields<'t>, key: &str) -> Vec<(Told, Told)> {
        let mut pairs = Vec::new();
        for (name, value) in self.named(fields, key) {
            let at = self.place_of(value);
            match value.get_ref() {
                DeValue::String(text) => {
                    let text = text.to_string();
                    pairs.push((name, Told { text, at }));
                }
                _ => self.wrong_type(fields, &format!("{key}.{name}"), value, "a text"),
            }
        }
        pairs
    }
}

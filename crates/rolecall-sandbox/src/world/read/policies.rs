//! Policies: JSON, TOML of the same structure, or the name of a file.

use toml::de::{DeTable, DeValue};

use super::Reader;
use super::fields::{Fields, Value};
use crate::world::error::{Place, Told};
use crate::world::file;
use crate::world::policy_text::{PolicyText, Written};

impl<'t> Reader<'t> {
    /// The policy behind a key.
    pub(super) fn policy(&mut self, fields: &Fields<'t>, key: &str) -> Option<PolicyText> {
        let value = fields.table.get(key)?;
        self.policy_of(value, &format!("`{key}` of {}", fields.what))
    }

    /// A policy that must be there.
    pub(super) fn required_policy(&mut self, fields: &Fields<'t>, key: &str) -> Option<PolicyText> {
        if !fields.table.contains_key(key) {
            self.lose_with_hint(
                fields.at,
                format!("{} has no `{key}`", fields.what),
                format!("Write {key} = {{ file = \"policy.json\" }}, or the policy itself."),
            );
            return None;
        }
        self.policy(fields, key)
    }

    /// The policies behind names.
    pub(super) fn policies(&mut self, fields: &Fields<'t>, key: &str) -> Vec<(Told, PolicyText)> {
        let named = self.named(fields, key);
        named
            .into_iter()
            .filter_map(|(name, value)| {
                let policy = self.policy_of(value, &format!("policy `{name}` of {}", fields.what))?;
                Some((name, policy))
            })
            .collect()
    }

    /// A list of policies, one for each version.
    pub(super) fn versions(&mut self, fields: &Fields<'t>, key: &str) -> Vec<PolicyText> {
        let Some(value) = fields.table.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(list) = value.get_ref() else {
            let at = self.place_of(value);
            self.lose(
                at,
                format!("`{key}` of {} is not a list of policies", fields.what),
            );
            return Vec::new();
        };
        list.iter()
            .filter_map(|item| self.policy_of(item, &format!("`{key}` of {}", fields.what)))
            .collect()
    }

    fn policy_of(&mut self, value: &'t Value<'t>, what: &str) -> Option<PolicyText> {
        let at = self.place_of(value);
        match value.get_ref() {
            DeValue::String(json) => Some(PolicyText {
                json: json.to_string(),
                // The text of ''' begins on the next line, where the line ends behind the quotes.
                at: at.down(usize::from(self.begins_below(value))),
                written: Written::Json,
            }),
            DeValue::Table(table) if table.contains_key("file") => self.policy_file(table, at, what),
            DeValue::Table(_) => self.policy_of_toml(value, value, at, what),
            // A list is the statements of a policy in the newer version of the language.
            DeValue::Array(_) => {
                let policy = self.policy_of_toml(value, value, at, what)?;
                Some(PolicyText {
                    json: format!(r#"{{"Version":"2012-10-17","Statement":{}}}"#, policy.json),
                    ..policy
                })
            }
            _ => {
                self.lose_with_hint(
                    at,
                    format!("{what} is not a policy"),
                    "A policy is JSON in quotes, a table with the same structure, a list of statements, or { file = \
                     \"policy.json\" }.",
                );
                None
            }
        }
    }

    fn begins_below(&self, value: &Value<'t>) -> bool {
        let text = self.text.get(value.span()).unwrap_or_default();
        let inside = text
            .strip_prefix("'''")
            .or_else(|| text.strip_prefix("\"\"\""))
            .unwrap_or_default();
        inside.starts_with('\n') || inside.starts_with("\r\n")
    }

    fn policy_file(&mut self, table: &'t DeTable<'t>, at: Place, what: &str) -> Option<PolicyText> {
        let fields = Fields {
            what: "the file of a policy",
            at,
            table,
        };
        self.known(&fields, &["file"]);
        let name = self.text(&fields, "file")?;
        let Some(folder) = self.folder else {
            self.lose(
                name.at,
                format!("{what} is in a file, and this world was not read from a file itself"),
            );
            return None;
        };
        let path = folder.join(name.text.as_str());
        match file::read(&path) {
            Ok(json) => Some(PolicyText {
                json,
                at: Place::of_line(1),
                written: Written::File(path.display().to_string().into()),
            }),
            Err(why) => {
                self.lose_with_hint(
                    name.at,
                    format!("{what}: {}: {why}", path.display()),
                    "The name is relative to the folder of the world's file.",
                );
                None
            }
        }
    }

    /// TOML as the JSON of the same structure, with the lines that it had.
    fn policy_of_toml(
        &mut self,
        value: &'t Value<'t>,
        root: &'t Value<'t>,
        at: Place,
        what: &str,
    ) -> Option<PolicyText> {
        let statements = match root.get_ref() {
            DeValue::Table(table) => table.get("Statement"),
            _ => Some(root),
        };
        let statements = match statements.map(|value| (value, value.get_ref())) {
            Some((_, DeValue::Array(list))) => list.iter().map(|item| self.place_of(item)).collect(),
            Some((value, _)) => vec![self.place_of(value)],
            None => Vec::new(),
        };
        let mut texts = Vec::new();
        let json = self.json_of(value, &mut texts, what)?;
        Some(PolicyText {
            json: json.to_string(),
            at,
            written: Written::Toml { statements, texts },
        })
    }

    fn json_of(
        &mut self,
        value: &'t Value<'t>,
        texts: &mut Vec<(String, Place)>,
        what: &str,
    ) -> Option<serde_json::Value> {
        Some(match value.get_ref() {
            DeValue::String(text) => {
                texts.push((text.to_string(), self.place_of(value)));
                text.as_ref().into()
            }
            DeValue::Boolean(flag) => (*flag).into(),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => number.into(),
                Err(_) => return self.no_json(value, what, "a number that is too large"),
            },
            DeValue::Float(number) => match number.as_str().parse::<f64>() {
                Ok(number) if number.is_finite() => number.into(),
                _ => return self.no_json(value, what, "a number that JSON does not have"),
            },
            DeValue::Datetime(_) => return self.no_json(value, what, "a date without quotes"),
            DeValue::Array(list) => {
                let list: Option<Vec<_>> = list.iter().map(|item| self.json_of(item, texts, what)).collect();
                list?.into()
            }
            DeValue::Table(table) => {
                let mut object = serde_json::Map::new();
                for (name, value) in table {
                    object.insert(name.get_ref().to_string(), self.json_of(value, texts, what)?);
                }
                object.into()
            }
        })
    }

    fn no_json(&mut self, value: &'t Value<'t>, what: &str, has: &str) -> Option<serde_json::Value> {
        let at = self.place_of(value);
        self.lose_with_hint(
            at,
            format!("{what} has {has}"),
            "The values of conditions are texts: put it in quotes.",
        );
        None
    }
}

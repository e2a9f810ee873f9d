//! The parameter limits of the query services, in the words of their own validation.
//!
//! The limits are those of the service model the SDKs are generated from; the wording is what the service answers.

use crate::api::{Params, Refusal, lower_first};

/// Collects what is wrong, because STS reports everything at once.
pub(crate) struct Checks<'a> {
    params: &'a Params,
    wrong: Vec<String>,
}

/// A set of characters and how STS writes it.
pub(crate) type Pattern = (fn(char) -> bool, &'static str);

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// Letters, blanks and digits of any script, as the library knows them.
fn is_tag_character(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || " _.:/=+-@".contains(c)
        || (!c.is_ascii() && rolecall::Tag::new(c.encode_utf8(&mut [0; 4]), "").is_ok())
}

pub(crate) const NAME: Pattern = (|c| is_word(c) || "+=,.@-".contains(c), r"[\w+=,.@-]*");
pub(crate) const EXTERNAL_ID: Pattern = (|c| is_word(c) || "+=,.@:/-".contains(c), r"[\w+=,.@:\/-]*");
pub(crate) const SERIAL: Pattern = (|c| is_word(c) || "+=/:,.@-".contains(c), r"[\w+=/:,.@-]*");
pub(crate) const CODE: Pattern = (|c| c.is_ascii_digit(), r"[\d]*");
const TAG_KEY: Pattern = (is_tag_character, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+");
const TAG_VALUE: Pattern = (is_tag_character, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*");
pub(crate) const DOCUMENT: Pattern = (
    |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'),
    r"[\u0009\u000A\u000D\u0020-\u00FF]+",
);
pub(crate) const ANY: Pattern = (
    |c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}'),
    r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
);

impl<'a> Checks<'a> {
    pub(crate) fn new(params: &'a Params) -> Self {
        Self {
            params,
            wrong: Vec::new(),
        }
    }

    fn fail(&mut self, value: &str, member: &str, constraint: &str) {
        self.wrong.push(format!(
            "Value '{value}' at '{member}' failed to satisfy constraint: {constraint}"
        ));
    }

    /// An optional text.
    pub(crate) fn text(
        &mut self,
        name: &str,
        shortest: usize,
        longest: usize,
        pattern: Pattern,
    ) -> Option<&'a str> {
        let value = self.params.find(name)?;
        self.check(value, &lower_first(name), shortest, longest, pattern);
        Some(value)
    }

    /// Holds a value to its limits, whatever parameter it came from.
    pub(crate) fn check(
        &mut self,
        value: &str,
        member: &str,
        shortest: usize,
        longest: usize,
        pattern: Pattern,
    ) {
        let length = value.chars().count();
        if length < shortest {
            let constraint = format!("Member must have length greater than or equal to {shortest}");
            self.fail(value, member, &constraint);
        }
        if length > longest {
            let constraint = format!("Member must have length less than or equal to {longest}");
            self.fail(value, member, &constraint);
        }
        if !value.chars().all(pattern.0) {
            let constraint = format!("Member must satisfy regular expression pattern: {}", pattern.1);
            self.fail(value, member, &constraint);
        }
    }

    /// A text that must be there.
    pub(crate) fn required(
        &mut self,
        name: &str,
        shortest: usize,
        longest: usize,
        pattern: Pattern,
    ) -> &'a str {
        self.text(name, shortest, longest, pattern).unwrap_or_else(|| {
            self.missing(&lower_first(name));
            ""
        })
    }

    pub(crate) fn role_arn(&mut self) -> &'a str {
        self.required("RoleArn", 20, 2048, ANY)
    }

    pub(crate) fn policy(&mut self) -> Option<&'a str> {
        self.text("Policy", 1, 2048, DOCUMENT)
    }

    pub(crate) fn number(&mut self, name: &str, least: u32, most: u32) -> Option<u32> {
        let value = self.params.find(name)?;
        let member = lower_first(name);
        match value.parse::<i64>() {
            Ok(number) if number < i64::from(least) => {
                let constraint = format!("Member must have value greater than or equal to {least}");
                self.fail(value, &member, &constraint);
            }
            Ok(number) if number > i64::from(most) => {
                let constraint = format!("Member must have value less than or equal to {most}");
                self.fail(value, &member, &constraint);
            }
            Ok(number) => return u32::try_from(number).ok(),
            Err(_) => self.fail(value, &member, "Member must be a number"),
        }
        None
    }

    pub(crate) fn mfa(&mut self) {
        self.text("SerialNumber", 9, 256, SERIAL);
        self.text("TokenCode", 6, 6, CODE);
    }

    /// One of the values of an enumeration.
    pub(crate) fn choice(&mut self, name: &str, choices: &[&str]) -> Option<&'a str> {
        let value = self.params.find(name)?;
        self.choose(value, &lower_first(name), choices);
        Some(value)
    }

    /// Holds a value to an enumeration, whatever parameter it came from.
    pub(crate) fn choose(&mut self, value: &str, member: &str, choices: &[&str]) {
        if !choices.contains(&value) {
            let constraint = format!("Member must satisfy enum value set: [{}]", choices.join(", "));
            self.fail(value, member, &constraint);
        }
    }

    /// A parameter that must be there and is not.
    pub(crate) fn missing(&mut self, member: &str) {
        self.wrong.push(format!(
            "Value null at '{member}' failed to satisfy constraint: Member must not be null"
        ));
    }

    /// At most `most` members of a list.
    pub(crate) fn at_most<T>(&mut self, list: &[T], member: &str, most: usize) {
        if list.len() > most {
            self.wrong.push(format!(
                "Value at '{member}' failed to satisfy constraint: \
                 Member must have length less than or equal to {most}"
            ));
        }
    }

    /// The members of a list of tags, `PREFIX.member.N.Key` and `.Value`.
    pub(crate) fn tags(&mut self, prefix: &str) -> Vec<(&'a str, &'a str)> {
        let keys = self.params.members(prefix, "Key");
        let values = self.params.members(prefix, "Value");
        let list = lower_first(prefix);
        self.at_most(&keys, &list, 50);
        let mut tags = Vec::new();
        for (at, (key, value)) in keys.into_iter().zip(values).enumerate() {
            let member = format!("{list}.{}.member", at + 1);
            match key {
                Some(key) => self.check(key, &format!("{member}.key"), 1, 128, TAG_KEY),
                None => self.missing(&format!("{member}.key")),
            }
            match value {
                Some(value) => self.check(value, &format!("{member}.value"), 0, 256, TAG_VALUE),
                None => self.missing(&format!("{member}.value")),
            }
            tags.push((key.unwrap_or_default(), value.unwrap_or_default()));
        }
        tags
    }

    /// The members of a list of tag keys.
    pub(crate) fn tag_keys(&mut self, name: &str) -> Vec<&'a str> {
        let keys: Vec<&str> = self.params.members(name, "").into_iter().flatten().collect();
        let list = lower_first(name);
        self.at_most(&keys, &list, 50);
        for (at, key) in keys.iter().enumerate() {
            self.check(key, &format!("{list}.{}.member", at + 1), 1, 128, TAG_KEY);
        }
        keys
    }

    /// The members of a list of ARNs, `PREFIX.member.N.FIELD`.
    pub(crate) fn arns(&mut self, prefix: &str, field: &str, most: usize) -> Vec<&'a str> {
        let found = self.params.members(prefix, field);
        let list = lower_first(prefix);
        self.at_most(&found, &list, most);
        let mut arns = Vec::new();
        for (at, arn) in found.into_iter().enumerate() {
            let member = format!("{list}.{}.member.{}", at + 1, lower_first(field));
            match arn {
                Some(arn) => {
                    self.check(arn, &member, 20, 2048, ANY);
                    arns.push(arn);
                }
                None => self.missing(&member),
            }
        }
        arns
    }

    /// A text that must be there and that no message may repeat.
    pub(crate) fn secret(&mut self, name: &str, shortest: usize, longest: usize) -> &'a str {
        let member = lower_first(name);
        let Some(value) = self.params.find(name) else {
            self.missing(&member);
            return "";
        };
        let length = value.chars().count();
        if length < shortest {
            let constraint = format!("Member must have length greater than or equal to {shortest}");
            self.fail("***", &member, &constraint);
        } else if length > longest {
            let constraint = format!("Member must have length less than or equal to {longest}");
            self.fail("***", &member, &constraint);
        }
        value
    }

    pub(crate) fn finish(self) -> Result<(), Refusal> {
        if self.wrong.is_empty() {
            return Ok(());
        }
        let count = self.wrong.len();
        let plural = if count == 1 { "" } else { "s" };
        Err(Refusal::validation(format!(
            "{count} validation error{plural} detected: {}",
            self.wrong.join("; ")
        )))
    }
}

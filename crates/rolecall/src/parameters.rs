//! What `sts:AssumeRole` takes besides the role, each parsed with STS's own limits.
//!
//! The limits are those of the `AssumeRole` API page and of the service model the SDKs are generated from.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use sha2::{Digest, Sha256};
use unicode_general_category::{GeneralCategory, get_general_category};

use crate::arn::{QUOTES, is_name_character, shown};
use crate::error::Invalid;
use crate::hex::hex;

/// Text that STS checks by length and by a set of characters.
struct Rule {
    what: &'static str,
    shortest: usize,
    longest: usize,
    allowed: fn(char) -> bool,
    /// The allowed characters, as a person reads them.
    allowed_text: &'static str,
}

impl Rule {
    fn check(&self, text: &str) -> Result<(), Invalid> {
        let what = self.what;
        if let Some(bad) = text.chars().find(|c| !(self.allowed)(*c)) {
            return Err(Invalid::new(format!(
                "{what} `{text}` has {}, which STS does not allow ({} are)",
                shown(bad),
                self.allowed_text
            )));
        }
        let length = text.chars().count();
        if length < self.shortest || length > self.longest {
            return Err(Invalid::new(format!(
                "{what} `{text}` has {length} character{}, STS takes {} to {}",
                if length == 1 { "" } else { "s" },
                self.shortest,
                self.longest
            )));
        }
        Ok(())
    }
}

const SESSION_NAME: Rule = Rule {
    what: "session name",
    shortest: 2,
    longest: 64,
    allowed: is_name_character,
    allowed_text: "letters, digits and `_+=,.@-`",
};

/// The name a session carries into both accounts' CloudTrail: 2 to 64 of `[\w+=,.@-]`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SessionName(String);

impl SessionName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The nearest legal name to any text: apostrophes dropped, blanks and the rest turned into hyphens, at most 64
    /// characters; `rolecall` where nothing is left. A name that had to be cut ends in a digest of the whole, so that
    /// two long names stay apart.
    pub fn sanitized(text: &str) -> Self {
        let mut name = String::new();
        for c in text.trim().trim_matches(QUOTES).chars() {
            match c {
                '\'' | '’' | '‘' | '"' | '`' => {}
                c if is_name_character(c) => name.push(c),
                _ if name.ends_with('-') => {}
                _ => name.push('-'),
            }
        }
        let mut name = name.trim_matches('-').to_owned();
        if name.len() > 64 {
            let digest = Sha256::digest(text.as_bytes());
            let tail = hex(&digest[..4]);
            name.truncate(64 - 1 - tail.len());
            name = format!("{name}-{tail}");
        }
        match name.len() {
            0 => Self("rolecall".to_owned()),
            1 => Self(format!("rolecall-{name}")),
            _ => Self(name),
        }
    }
}

impl FromStr for SessionName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        SESSION_NAME.check(text).map_err(|invalid| {
            let better = Self::sanitized(text);
            if text.is_empty() {
                invalid
            } else {
                invalid.suggest(better.0)
            }
        })?;
        Ok(Self(text.to_owned()))
    }
}

const EXTERNAL_ID: Rule = Rule {
    what: "external id",
    shortest: 2,
    longest: 1224,
    allowed: |c| is_name_character(c) || c == ':' || c == '/',
    allowed_text: "letters, digits and `_+=,.@:/-`",
};

/// What a third party's role demands to know the caller by: 2 to 1224 of `[\w+=,.@:\/-]`. Not a secret to AWS.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct ExternalId(String);

impl ExternalId {
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ExternalId {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        EXTERNAL_ID.check(text).map_err(|invalid| {
            let tidy = text.trim().trim_matches(QUOTES);
            if tidy != text && EXTERNAL_ID.check(tidy).is_ok() {
                invalid.suggest(tidy)
            } else {
                invalid
            }
        })?;
        Ok(Self(text.to_owned()))
    }
}

const MFA_SERIAL: Rule = Rule {
    what: "MFA serial",
    shortest: 9,
    longest: 256,
    allowed: |c| is_name_character(c) || c == '/' || c == ':',
    allowed_text: "letters, digits and `_+=/:,.@-`",
};

/// The serial number of an MFA device, or the ARN of a virtual one: 9 to 256 of `[\w+=/:,.@-]`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct MfaSerial(String);

impl MfaSerial {
    /// The serial.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for MfaSerial {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        MFA_SERIAL.check(text).map_err(|invalid| {
            if text.parse::<u32>().is_ok_and(|_| text.len() == 6) {
                Invalid::new("an MFA code stands where the device's serial belongs")
                    .suggest("arn:aws:iam::<12 digits>:mfa/<NAME>")
            } else {
                invalid
            }
        })?;
        Ok(Self(text.to_owned()))
    }
}

const SOURCE_IDENTITY: Rule = Rule {
    what: "source identity",
    shortest: 2,
    longest: 64,
    allowed: is_name_character,
    allowed_text: "letters, digits and `_+=,.@-`",
};

/// Who the person behind a chain is, fixed for its whole length: 2 to 64 of `[\w+=,.@-]`, not beginning with `aws:`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct SourceIdentity(String);

impl SourceIdentity {
    /// The identity.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SourceIdentity {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.to_ascii_lowercase().starts_with("aws:") {
            return Err(Invalid::new(format!(
                "source identity `{text}` begins with `aws:`, which AWS keeps for itself"
            )));
        }
        SOURCE_IDENTITY.check(text).map_err(|invalid| {
            let better = SessionName::sanitized(text);
            if text.is_empty() {
                invalid
            } else {
                invalid.suggest(better.0)
            }
        })?;
        Ok(Self(text.to_owned()))
    }
}

/// How long a role's session is asked for: 900 to 43200 seconds (`AssumeRole`, `DurationSeconds`).
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// What is asked for unless told otherwise, and the most a chained role may have.
    pub const HOUR: Self = Self(3600);
    /// The most any role may have.
    pub const TWELVE_HOURS: Self = Self(Self::LONGEST);
    /// The shortest STS takes.
    pub const SHORTEST: u32 = 900;
    /// The longest STS takes for a role.
    pub const LONGEST: u32 = 43_200;

    /// A duration in seconds.
    ///
    /// # Errors
    /// [`Invalid`] outside of 900 to 43200.
    pub fn from_seconds(seconds: u64) -> Result<Self, Invalid> {
        match u32::try_from(seconds) {
            Ok(good @ Self::SHORTEST..=Self::LONGEST) => Ok(Self(good)),
            _ => {
                let nearest = if seconds < u64::from(Self::SHORTEST) {
                    Self::SHORTEST
                } else {
                    Self::LONGEST
                };
                Err(Invalid::new(format!(
                    "a duration of {seconds} seconds is outside of what STS takes (900 to 43200, 15 minutes to 12 hours)"
                ))
                .suggest(nearest.to_string()))
            }
        }
    }

    /// A number of seconds and nothing else, as `duration_seconds` in a config file has it.
    ///
    /// # Errors
    /// [`Invalid`] for anything that is not a plain number, or is out of bounds.
    pub fn parse_seconds(text: &str) -> Result<Self, Invalid> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return Self::from_seconds(text.parse().map_err(|_| Self::too_long(text))?);
        }
        let tidy = text.trim().trim_matches(QUOTES);
        let invalid = if tidy != text {
            Invalid::new(format!(
                "duration `{text}` is text in quotes, and STS takes a plain number of seconds"
            ))
        } else {
            Invalid::new(format!("duration `{text}` is not a plain number of seconds"))
        };
        Err(match tidy.parse::<Self>() {
            Ok(duration) => invalid.suggest(duration.0.to_string()),
            Err(_) => invalid,
        })
    }

    /// More than can be counted, and so quoted as it was written.
    fn too_long(text: &str) -> Invalid {
        Invalid::new(format!(
            "duration `{text}` is too long: STS takes 900 to 43200 seconds, 15 minutes to 12 hours"
        ))
        .suggest(Self::LONGEST.to_string())
    }

    /// In seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }

    /// As the standard library has it.
    pub fn to_std(self) -> Duration {
        Duration::from_secs(self.0.into())
    }
}

/// Seconds (`3600`), or hours, minutes and seconds (`1h`, `90m`, `1h30m`).
impl FromStr for SessionDuration {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit() || b"hms".contains(&b)) {
            let tidy = text.trim().trim_matches(QUOTES);
            if tidy != text {
                return Self::parse_seconds(text);
            }
            return Err(Invalid::new(format!(
                "`{text}` is not a duration: seconds (`3600`), or `1h`, `90m`, `1h30m`"
            )));
        }
        Self::from_seconds(spoken_seconds(text)?)
    }
}

/// Seconds (`3600`), or hours, minutes and seconds (`12h`, `1h30m`), as people and rival tools write a span.
pub(crate) fn spoken_seconds(text: &str) -> Result<u64, Invalid> {
    let mut seconds: u64 = 0;
    let mut number = String::new();
    for c in text.chars() {
        let unit = match c {
            'h' => 3600,
            'm' => 60,
            's' => 1,
            digit => {
                number.push(digit);
                continue;
            }
        };
        if number.is_empty() {
            return Err(Invalid::new(format!(
                "`{text}` is not a duration: `{c}` has no number before it"
            )));
        }
        let sum = |count: u64| count.checked_mul(unit)?.checked_add(seconds);
        seconds = number
            .parse()
            .ok()
            .and_then(sum)
            .ok_or_else(|| SessionDuration::too_long(text))?;
        number.clear();
    }
    if !number.is_empty() {
        if seconds != 0 {
            return Err(Invalid::new(format!(
                "`{text}` is not a duration: `{number}` has no unit"
            )));
        }
        seconds = number.parse().map_err(|_| SessionDuration::too_long(text))?;
    }
    Ok(seconds)
}

/// A session tag. Keys have 1 to 128, values up to 256 of `[\p{L}\p{Z}\p{N}_.:/=+\-@]`; keys beginning with `aws:` are AWS's.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Tag {
    key: String,
    value: String,
}

impl Tag {
    /// A tag by its two texts.
    ///
    /// # Errors
    /// [`Invalid`] when STS would refuse it.
    pub fn new(key: &str, value: &str) -> Result<Self, Invalid> {
        let rule = Rule {
            what: "tag key",
            shortest: 1,
            longest: 128,
            allowed: is_tag_character,
            allowed_text: "letters, digits and blanks of any script and `_.:/=+-@`",
        };
        rule.check(key)?;
        if key.to_ascii_lowercase().starts_with("aws:") {
            return Err(Invalid::new(format!(
                "tag key `{key}` begins with `aws:`, which AWS keeps for itself"
            )));
        }
        Rule {
            what: "tag value",
            shortest: 0,
            longest: 256,
            ..rule
        }
        .check(value)?;
        Ok(Self {
            key: key.to_owned(),
            value: value.to_owned(),
        })
    }

    /// The key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }
}

/// `KEY=VALUE`; the first `=` parts them.
impl FromStr for Tag {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('=') {
            Some((key, value)) => Self::new(key.trim(), value.trim()),
            None => Err(Invalid::new(format!(
                "`{text}` is not a tag: a tag is `KEY=VALUE`"
            ))),
        }
    }
}

fn is_tag_character(c: char) -> bool {
    use GeneralCategory as G;
    "_.:/=+-@".contains(c)
        || matches!(
            get_general_category(c),
            G::UppercaseLetter
                | G::LowercaseLetter
                | G::TitlecaseLetter
                | G::ModifierLetter
                | G::OtherLetter
                | G::SpaceSeparator
                | G::LineSeparator
                | G::ParagraphSeparator
                | G::DecimalNumber
                | G::LetterNumber
                | G::OtherNumber
        )
}

/// Up to 50 tags with keys that differ by more than case, and which of them are handed on along a chain.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Tags {
    tags: Vec<Tag>,
    transitive: Vec<String>,
}

impl Tags {
    /// A set of tags; `transitive` names the keys that later hops inherit.
    ///
    /// # Errors
    /// [`Invalid`] for more than 50 tags, for keys that are the same but for case, and for a transitive key that no tag has.
    pub fn new(mut tags: Vec<Tag>, mut transitive: Vec<String>) -> Result<Self, Invalid> {
        if tags.len() > 50 {
            return Err(Invalid::new(format!(
                "{} session tags are more than the 50 STS takes",
                tags.len()
            )));
        }
        // Order carries no meaning; a fixed one lets equal sets have equal session keys.
        tags.sort();
        transitive.sort();
        transitive.dedup();
        let mut seen = std::collections::BTreeMap::new();
        for tag in &tags {
            if let Some(other) = seen.insert(tag.key.to_lowercase(), &tag.key) {
                return Err(Invalid::new(format!(
                    "tag keys `{other}` and `{}` are the same to STS",
                    tag.key
                )));
            }
        }
        for key in &transitive {
            if !seen.contains_key(&key.to_lowercase()) {
                return Err(Invalid::new(format!(
                    "transitive tag key `{key}` is not among the session's tags"
                )));
            }
        }
        Ok(Self { tags, transitive })
    }

    /// The tags, by key.
    pub fn iter(&self) -> impl Iterator<Item = &Tag> {
        self.tags.iter()
    }

    /// The keys that later hops inherit.
    pub fn transitive(&self) -> &[String] {
        &self.transitive
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty()
    }
}

/// An inline policy that a session is held to: a JSON object of at most 2048 characters of `[\x09\x0A\x0D\x20-\xFF]`.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct SessionPolicy(String);

impl SessionPolicy {
    /// The document, with the blanks between its tokens taken out.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for SessionPolicy {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let value: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| Invalid::new(format!("the session policy is not JSON: {error}")))?;
        if !value
            .get("Statement")
            .is_some_and(|s| s.is_array() || s.is_object())
        {
            return Err(Invalid::new(
                "the session policy is not a policy document: it has no `Statement`",
            ));
        }
        let compact = value.to_string();
        let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}');
        if let Some(bad) = compact.chars().find(|c| !fits(*c)) {
            return Err(Invalid::new(format!(
                "the session policy has {}, which STS does not allow",
                shown(bad)
            )));
        }
        let length = compact.chars().count();
        if length > 2048 {
            return Err(Invalid::new(format!(
                "the session policy has {length} characters, STS takes at most 2048"
            )));
        }
        Ok(Self(compact))
    }
}

#[cfg(test)]
mod tests;

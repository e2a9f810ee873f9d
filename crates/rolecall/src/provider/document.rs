//! Credentials in JSON, as commands print them, servers answer with them, and the AWS CLI keeps them in files.

use std::borrow::Cow;
use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::source::Fetched;
use crate::arn::AccountId;
use crate::session::{Session, SessionParts};
use crate::time::rfc3339;

/// A session token whose end nobody says is asked for anew after so long: the shortest session that AWS gives.
const UNSAID: Duration = Duration::from_secs(15 * 60);

/// A JSON object: its members in their order. It borrows from the text, so that no secret is copied.
pub(super) struct Document<'a>(Vec<(Cow<'a, str>, Value<'a>)>);

enum Value<'a> {
    Null,
    Text(Cow<'a, str>),
    Whole(u64),
    Object(Document<'a>),
    Other,
}

/// What is wrong with a document, as what somebody printed or answered with. Nothing of the document is quoted but the
/// names of members.
pub(super) enum Problem {
    Nothing,
    /// Something before, after or instead of the document.
    Noise,
    CutOff,
    Syntax {
        line: usize,
        column: usize,
    },
    NoObject,
    Missing {
        key: &'static str,
        written: Option<String>,
    },
    NotText(&'static str),
    Version,
    Empty(&'static str),
    Unprintable(&'static str),
    NoTime(&'static str),
    Ended(SystemTime),
    /// The code that a server gave with its answer.
    NoSuccess(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Noise => f.write_str("something besides one JSON document"),
            Self::CutOff => f.write_str("JSON that is cut off"),
            Self::Syntax { line, column } => {
                write!(f, "JSON that is wrong in line {line}, column {column}")
            }
            Self::NoObject => f.write_str("JSON that is no object"),
            Self::Missing { key, written: None } => write!(f, "JSON without `{key}`"),
            Self::Missing {
                key,
                written: Some(written),
            } => write!(f, "JSON with `{written}` instead of `{key}`: case counts"),
            Self::NotText(key) => write!(f, "JSON in which `{key}` is no text"),
            Self::Version => f.write_str("JSON in which `Version` is not the number 1"),
            Self::Empty(key) => write!(f, "JSON in which `{key}` is empty"),
            Self::Unprintable(key) => {
                write!(
                    f,
                    "JSON in which `{key}` holds blanks or characters that no key is made of"
                )
            }
            Self::NoTime(key) => write!(f, "JSON in which `{key}` is no time like 2026-01-01T00:00:00Z"),
            Self::NoSuccess(code) => write!(f, "the code `{code}` and not `Success`"),
            Self::Ended(at) => write!(f, "credentials that ended at {}", rfc3339(*at)),
        }
    }
}

impl<'a> Document<'a> {
    /// One object, and nothing before or after it.
    pub(super) fn read(text: &'a str) -> Result<Self, Problem> {
        use serde_json::error::Category;
        match text.trim_start().chars().next() {
            None => return Err(Problem::Nothing),
            Some('{') => {}
            Some('[' | '"') => return Err(Problem::NoObject),
            Some(_) => return Err(Problem::Noise),
        }
        let mut reader = serde_json::Deserializer::from_str(text);
        let value = Value::deserialize(&mut reader).map_err(|error| match error.classify() {
            Category::Eof => Problem::CutOff,
            // serde's own words would quote the document.
            _ => Problem::Syntax {
                line: error.line(),
                column: error.column(),
            },
        })?;
        reader.end().map_err(|_| Problem::Noise)?;
        match value {
            Value::Object(document) => Ok(document),
            _ => Err(Problem::NoObject),
        }
    }

    fn get(&self, key: &str) -> Option<&Value<'a>> {
        let mut found = self.0.iter().filter(|(name, _)| name == key);
        found.next().map(|(_, value)| value)
    }

    /// The object that is a member of this one.
    pub(super) fn object(&self, key: &'static str) -> Result<&Self, Problem> {
        match self.get(key) {
            Some(Value::Object(object)) => Ok(object),
            Some(_) => Err(Problem::NoObject),
            None => Err(self.missing(key)),
        }
    }

    /// A text that may be missing.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<&str>, Problem> {
        match self.get(key) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text)),
            Some(_) => Err(Problem::NotText(key)),
        }
    }

    /// A text under one of these names, in whatever case: servers are not as exact as commands have to be.
    pub(super) fn text_of(&self, keys: &[&str]) -> Option<&str> {
        let named = |key: &&str| {
            let mut members = self.0.iter();
            members.find_map(|(name, value)| match value {
                Value::Text(text) if name.eq_ignore_ascii_case(key) => Some(&**text),
                _ => None,
            })
        };
        keys.iter().find_map(named)
    }

    /// The error for a member that is not there.
    fn missing(&self, key: &'static str) -> Problem {
        let written = self
            .0
            .iter()
            .map(|(name, _)| name)
            .find(|name| name.eq_ignore_ascii_case(key));
        Problem::Missing {
            key,
            written: written.map(|name| name.clone().into_owned()),
        }
    }

    fn needed(&self, key: &'static str) -> Result<&str, Problem> {
        self.text(key)?.ok_or_else(|| self.missing(key))
    }

    /// What a `credential_process` printed: version 1, members in exactly this case.
    pub(super) fn process(&self, now: SystemTime) -> Result<Printed<'_>, Problem> {
        match self.get("Version") {
            Some(Value::Whole(1)) => {}
            Some(_) => return Err(Problem::Version),
            None => return Err(self.missing("Version")),
        }
        let printed = Printed {
            id: key_part("AccessKeyId", self.needed("AccessKeyId")?)?,
            secret: key_part("SecretAccessKey", self.needed("SecretAccessKey")?)?,
            token: match self.text("SessionToken")? {
                Some("") | None => None,
                Some(token) => Some(key_part("SessionToken", token)?),
            },
            account: self.text("AccountId")?.and_then(|id| id.parse().ok()),
            end: match self.text("Expiration")? {
                Some(text) => Some(end("Expiration", text, now)?),
                None => None,
            },
        };
        // A member in the wrong case is a member that other tools do not see: without it a session would be a key.
        for key in ["SessionToken", "Expiration"] {
            if self.get(key).is_none()
                && let problem @ Problem::Missing { written: Some(_), .. } = self.missing(key)
            {
                return Err(problem);
            }
        }
        Ok(printed)
    }
}

/// What a command printed.
pub(super) struct Printed<'a> {
    id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
    account: Option<AccountId>,
    end: Option<SystemTime>,
}

impl Printed<'_> {
    /// With a token a session, which without an end is asked for anew after a quarter of an hour; else a key.
    pub(super) fn fetched(&self, account: Option<AccountId>, now: SystemTime) -> Fetched {
        match self.token {
            Some(token) => Fetched::Session(Session::new(SessionParts {
                access_key_id: self.id.to_owned(),
                secret_access_key: self.secret.to_owned(),
                session_token: token.to_owned(),
                account: self.account.or(account),
                principal: None,
                issued_at: now,
                expires_at: self.end.unwrap_or(now + UNSAID),
            })),
            None => Fetched::Key(Credentials::new(self.id, self.secret, None, None, "rolecall")),
        }
    }
}

/// The parts of a session that a server or a file holds, all of which it has to have.
pub(super) fn session(
    [id, secret, token, end_text]: [(&'static str, Option<&str>); 4],
    account: Option<&str>,
    now: SystemTime,
) -> Result<Session, Problem> {
    let part = |(key, value): (&'static str, Option<&str>)| {
        let value = value.ok_or(Problem::Missing { key, written: None })?;
        key_part(key, value).map(str::to_owned)
    };
    let (end_key, end_text) = (
        end_text.0,
        end_text.1.ok_or(Problem::Missing {
            key: end_text.0,
            written: None,
        })?,
    );
    Ok(Session::new(SessionParts {
        expires_at: end(end_key, end_text, now)?,
        access_key_id: part(id)?,
        secret_access_key: part(secret)?,
        session_token: part(token)?,
        account: account.and_then(|id| id.parse().ok()),
        principal: None,
        issued_at: now,
    }))
}

/// A part of a key: what is signed with it, and sent in a header.
fn key_part<'a>(key: &'static str, value: &'a str) -> Result<&'a str, Problem> {
    if value.is_empty() {
        Err(Problem::Empty(key))
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        Err(Problem::Unprintable(key))
    } else {
        Ok(value)
    }
}

fn end(key: &'static str, text: &str, now: SystemTime) -> Result<SystemTime, Problem> {
    let end = crate::time::parsed(text).ok_or(Problem::NoTime(key))?;
    if end <= now {
        Err(Problem::Ended(end))
    } else {
        Ok(end)
    }
}

impl<'de> Deserialize<'de> for Value<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        reader.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Whole(number))
    }

    fn visit_i64<E>(self, _: i64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Other)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Other)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value<'de>, A::Error> {
        let mut object: Vec<(Cow<'de, str>, Value<'de>)> = Vec::new();
        while let Some(Name(name)) = members.next_key()? {
            // Readers disagree about which of two counts.
            if object.iter().any(|(known, _)| *known == name) {
                return Err(A::Error::custom("a member stands twice"));
            }
            object.push((name, members.next_value()?));
        }
        Ok(Value::Object(Document(object)))
    }
}

/// A member's name, borrowed where it can be.
struct Name<'a>(Cow<'a, str>);

impl<'de> Deserialize<'de> for Name<'de> {
    fn deserialize<D: Deserializer<'de>>(reader: D) -> Result<Self, D::Error> {
        match Value::deserialize(reader)? {
            Value::Text(name) => Ok(Self(name)),
            _ => Err(D::Error::custom("a name is no text")),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_767_225_600)
    }

    fn process(text: &str) -> Result<(Option<String>, u64), String> {
        let document = Document::read(text).map_err(|problem| problem.to_string())?;
        let printed = document.process(now()).map_err(|problem| problem.to_string())?;
        Ok(match printed.fetched("111122223333".parse().ok(), now()) {
            Fetched::Session(session) => {
                let lifetime = session.expires_at().duration_since(now()).unwrap().as_secs();
                (session.account().map(|id| id.to_string()), lifetime)
            }
            Fetched::Key(_) => (None, 0),
        })
    }

    const KEY: &str = r#""Version":1,"AccessKeyId":"ASIACANARY","SecretAccessKey":"CANARY\u0053ECRET""#;

    #[test]
    fn what_a_command_prints_is_read_as_aws_describes_it() {
        let with = |rest: &str| process(&format!("\n {{{KEY}{rest}}} \n"));
        assert_eq!(with(""), Ok((None, 0)));
        assert_eq!(with(r#","SessionToken":null,"Expiration":null"#), Ok((None, 0)));
        let ours = Some("111122223333".to_owned());
        assert_eq!(with(r#","SessionToken":"T""#), Ok((ours.clone(), 900)));
        for (end, seconds) in [
            ("2026-01-01T01:00:00Z", 3600),
            ("2026-01-01T01:00:00.5Z", 3600),
            ("2026-01-01T02:00:00+01:00", 3600),
            ("2025-12-31T20:30:00-04:00", 1800),
        ] {
            let rest = format!(
                r#","SessionToken":"T","Expiration":"{end}","AccountId":"444455556666","More":[1,{{"a":-1.5}}]"#
            );
            assert_eq!(
                with(&rest),
                Ok((Some("444455556666".to_owned()), seconds)),
                "{end}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_not_quoted() {
        let whole = format!("{{{KEY}}}");
        for (text, said) in [
            (" \n".to_owned(), "nothing"),
            (format!("Password: {whole}"), "besides one JSON document"),
            (format!("{whole}\nbye"), "besides one JSON document"),
            (format!("{whole}{whole}"), "besides one JSON document"),
            (whole[..40].to_owned(), "cut off"),
            (format!("[{whole}]"), "no object"),
            (r#"{"Version":1,,}"#.to_owned(), "line 1, column 14"),
            (whole.replace('1', r#""1""#), "`Version` is not the number 1"),
            (whole.replace('1', "2"), "`Version` is not the number 1"),
            (whole.replace('1', "1.0"), "`Version` is not the number 1"),
            (whole.replace(r#""Version":1,"#, ""), "without `Version`"),
            (
                whole.replace("AccessKeyId", "accessKeyId"),
                "`accessKeyId` instead of `AccessKeyId`",
            ),
            (whole.replace("ASIACANARY", ""), "`AccessKeyId` is empty"),
            (
                whole.replace("ASIACANARY", "ASIA CANARY"),
                "`AccessKeyId` holds blanks",
            ),
            (
                whole.replace('}', r#","sessionToken":"T"}"#),
                "`sessionToken` instead of `SessionToken`",
            ),
            (
                whole.replace('}', r#","SessionToken":5}"#),
                "`SessionToken` is no text",
            ),
            (
                whole.replace('}', r#","Expiration":"tomorrow"}"#),
                "`Expiration` is no time",
            ),
            (
                whole.replace('}', r#","Expiration":"2026-01-01T00:00:00"}"#),
                "`Expiration` is no time",
            ),
            (
                whole.replace('}', r#","Expiration":"2026-01-01T00:00:00Z"}"#),
                "ended at 2026-01-01T00:00:00Z",
            ),
            (
                whole.replace('}', r#","AccessKeyId":"ASIAOTHER"}"#),
                "wrong in line 1",
            ),
        ] {
            let problem = process(&text).unwrap_err();
            assert!(problem.contains(said), "{text}: {problem}");
            assert!(!problem.contains("CANARY"), "{problem}");
        }
    }
}

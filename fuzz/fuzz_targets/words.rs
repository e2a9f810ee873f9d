//! What leads somewhere: operations with their parameters, values for them, and what earlier answers told.

use std::collections::HashMap;
use std::sync::LazyLock;

use arbitrary::{Result, Unstructured};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use crate::server::Answer;

/// `SERVICE OPERATION PARAMETER…` or `NAME=VALUE`; `[]` after a name is a list, `#` a number, `?` true or false.
const WORDS: &str = include_str!("../words.txt");
/// How much of what was told is kept.
const KEPT: usize = 300;

pub struct Operation {
    pub service: &'static str,
    pub name: &'static str,
    parameters: Vec<&'static str>,
}

struct Words {
    operations: Vec<Operation>,
    values: HashMap<String, Vec<&'static str>>,
    any: Vec<&'static str>,
}

static ALL: LazyLock<Words> = LazyLock::new(|| {
    let mut words = Words {
        operations: Vec::new(),
        values: HashMap::new(),
        any: Vec::new(),
    };
    for line in WORDS
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some((name, value)) = line.split_once('=')
            && !name.contains(' ')
        {
            words
                .values
                .entry(name.to_ascii_lowercase())
                .or_default()
                .push(value);
            words.any.push(value);
            continue;
        }
        let mut parts = line.split(' ');
        let (Some(service), Some(name)) = (parts.next(), parts.next()) else {
            continue;
        };
        words.operations.push(Operation {
            service,
            name,
            parameters: parts.collect(),
        });
    }
    words
});

/// What an operation is called with: a name, `Tags.member.2.Key`, and a value.
pub type Parameters = Vec<(String, String)>;

impl Operation {
    /// One of the operations of these services.
    pub fn choose(input: &mut Unstructured<'_>, services: &[&str]) -> Result<&'static Self> {
        let service = *input.choose(services)?;
        let of_service: Vec<_> = ALL
            .operations
            .iter()
            .filter(|operation| operation.service == service)
            .collect();
        input.choose(&of_service).copied()
    }

    /// Parameters as the query protocol has them; most of those that there are.
    pub fn parameters(&self, input: &mut Unstructured<'_>, told: &Told) -> Result<Parameters> {
        let mut found = Vec::new();
        for parameter in &self.parameters {
            if input.ratio(1, 4)? {
                continue;
            }
            let name = parameter.trim_end_matches(['#', '?']);
            let count = if name.contains("[]") {
                input.int_in_range(1..=3)?
            } else {
                1
            };
            for n in 1..=count {
                let path = name.replace("[]", &format!(".member.{n}"));
                found.push((path, value(input, last(name), told)?));
            }
        }
        if input.ratio(1, 16)? {
            found.push((input.arbitrary::<&str>()?.to_owned(), value(input, "", told)?));
        }
        Ok(found)
    }

    /// The same as the JSON of a body.
    pub fn json(&self, input: &mut Unstructured<'_>, told: &Told) -> Result<Value> {
        let mut body = Value::Object(Map::new());
        for parameter in &self.parameters {
            if input.ratio(1, 4)? {
                continue;
            }
            let name = parameter.trim_end_matches(['#', '?']);
            let count = if name.contains("[]") {
                input.int_in_range(1..=3)?
            } else {
                1
            };
            for n in 0..count {
                let text = value(input, last(name), told)?;
                let value = match parameter.as_bytes().last() {
                    _ if input.ratio(1, 32)? => json!([{"": null}, -1, 1e300]),
                    Some(b'#') => text.parse::<i64>().map_or(json!(text), |number| json!(number)),
                    Some(b'?') => json!(text == "true"),
                    _ => json!(text),
                };
                insert(&mut body, name, n, value);
            }
        }
        Ok(body)
    }
}

/// Puts a value where `Tags[].Key` says.
fn insert(body: &mut Value, path: &str, n: usize, value: Value) {
    let mut at = body;
    for part in path.split('.') {
        at = &mut at[part.trim_end_matches("[]")];
        if part.ends_with("[]") {
            if !at.is_array() {
                *at = json!([]);
            }
            let items = at.as_array_mut().expect("made one");
            while items.len() <= n {
                items.push(Value::Null);
            }
            at = &mut items[n];
        }
    }
    *at = value;
}

fn last(path: &str) -> &str {
    path.rsplit('.').next().unwrap_or(path).trim_end_matches("[]")
}

/// A value for a parameter of this name: mostly a fitting one.
pub fn value(input: &mut Unstructured<'_>, name: &str, told: &Told) -> Result<String> {
    let words = ALL.values.get(&name.to_ascii_lowercase()).unwrap_or(&ALL.any);
    let listed = |input: &mut Unstructured<'_>| input.choose(words).map(|word| (*word).to_owned());
    Ok(match input.int_in_range(0..=15)? {
        0..=5 => listed(input)?,
        6..=10 => match told.like(name).as_slice() {
            [] => listed(input)?,
            fitting => input.choose(fitting)?.to_string(),
        },
        11 => input.choose(&ALL.any)?.to_string(),
        12 if !told.0.is_empty() => input.choose(&told.0)?.1.clone(),
        13 => {
            let mut text = match told.like(name).as_slice() {
                [] => listed(input)?,
                fitting => input.choose(fitting)?.to_string(),
            };
            let at = input.int_in_range(0..=text.len())?;
            let at = (at..=text.len())
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or_default();
            match input.int_in_range(0..=3)? {
                0 => text.truncate(at),
                1 => text.insert(at, input.arbitrary()?),
                2 => text = text.repeat(1 << input.int_in_range(0..=8)?),
                _ => text = text.to_ascii_uppercase(),
            }
            text
        }
        14 => String::new(),
        _ => input.arbitrary::<&str>()?.to_owned(),
    })
}

/// What was told by earlier answers, by its name there.
#[derive(Clone, Default)]
pub struct Told(Vec<(String, String)>);

impl Told {
    pub fn tell(&mut self, name: &str, text: &str) {
        if self.0.len() < KEPT && !text.is_empty() && text.len() <= 4096 {
            self.0.push((name.to_ascii_lowercase(), text.to_owned()));
        }
    }

    /// Learns from an answer: the texts of XML, of JSON, and of where a browser is sent.
    pub fn learn(&mut self, answer: &Answer) {
        let (head, body) = (answer.head(), answer.body());
        if let Ok(json) = serde_json::from_str::<Value>(&body) {
            self.learn_json("", &json);
        } else {
            for part in body.split('<').skip(1) {
                if let Some((name, text)) = part.split_once('>') {
                    self.tell(name, &text.replace("&quot;", "\"").replace("&amp;", "&"));
                }
            }
        }
        for line in head.lines() {
            if let Some((_, query)) = line.strip_prefix("location: ").and_then(|to| to.split_once('?')) {
                for (name, text) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                    self.tell(name, &percent_decode_str(text).decode_utf8_lossy());
                }
            }
            if let Some(cookie) = line.strip_prefix("set-cookie: ") {
                self.tell("cookie", cookie.split(';').next().unwrap_or_default());
            }
            if let Some(id) = line.strip_prefix("x-amzn-requestid: ") {
                self.tell("request_id", id);
            }
        }
    }

    fn learn_json(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(text) => self.tell(name, text),
            Value::Array(items) => items.iter().for_each(|item| self.learn_json(name, item)),
            Value::Object(fields) => fields
                .iter()
                .for_each(|(name, value)| self.learn_json(name, value)),
            _ => {}
        }
    }

    /// What may stand for a parameter: `PolicyId` is an `Id`, `sourceParentId` too, `client_id` is a `clientId`.
    fn like(&self, name: &str) -> Vec<&str> {
        let wanted = name.replace('_', "").to_ascii_lowercase();
        let wanted = match wanted.as_str() {
            "sessionid" => "accesskeyid",
            "sessionkey" => "secretaccesskey",
            other => other,
        };
        let fits = |told: &str| told.len() > 1 && wanted.ends_with(&told.replace('_', ""));
        self.0
            .iter()
            .filter(|(told, _)| fits(told))
            .map(|(_, text)| text.as_str())
            .collect()
    }
}

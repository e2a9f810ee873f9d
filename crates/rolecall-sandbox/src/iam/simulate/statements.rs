//! A policy taken apart into its statements, so that each can be asked alone whether it matches, and shown where it stands.

use std::collections::BTreeSet;

use rolecall::policy::{Document, Version};
use serde_json::Value;

/// A policy of a simulation.
pub(super) struct Source {
    /// What answers call it.
    pub(super) id: String,
    /// `SourcePolicyType`.
    pub(super) kind: &'static str,
    pub(super) document: Document,
    pub(super) statements: Vec<Part>,
}

/// One statement, alone in a policy of its own.
pub(super) struct Part {
    pub(super) alone: Document,
    /// The same without conditions and with `*` for its variables: whether it is about a request at all.
    pub(super) bare: Document,
    /// The condition keys it needs, in conditions and in variables.
    pub(super) keys: BTreeSet<String>,
    pub(super) start: Position,
    pub(super) end: Position,
}

/// Where something stands, from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Source {
    pub(super) fn new(id: String, kind: &'static str, text: &str, document: Document) -> Self {
        Self {
            id,
            kind,
            statements: parts(text, &document),
            document,
        }
    }
}

fn parts(text: &str, document: &Document) -> Vec<Part> {
    let spans = spans(text);
    spans
        .into_iter()
        .filter_map(|(start, end)| {
            let value: Value = serde_json::from_str(text.get(start..end)?).ok()?;
            let alone = alone(document.version(), &value)?;
            let mut keys: BTreeSet<String> = alone
                .statements()
                .iter()
                .flat_map(|statement| statement.condition_keys().map(str::to_owned))
                .collect();
            if document.version() == Version::V2012 {
                keys.extend(variables(&value.to_string()));
            }
            Some(Part {
                // Where the more general words are none that IAM takes, the statement's own have to do.
                bare: bare(document.version(), value).unwrap_or_else(|| alone.clone()),
                alone,
                keys,
                start: position(text, start),
                end: position(text, end),
            })
        })
        .collect()
}

fn alone(version: Version, statement: &Value) -> Option<Document> {
    let version = match version {
        Version::V2008 => "2008-10-17",
        Version::V2012 => "2012-10-17",
    };
    serde_json::json!({"Version": version, "Statement": statement})
        .to_string()
        .parse()
        .ok()
}

fn bare(version: Version, mut statement: Value) -> Option<Document> {
    let object = statement.as_object_mut()?;
    object.remove("Condition");
    for element in ["Resource", "NotResource"] {
        match object.get_mut(element).filter(|_| version == Version::V2012) {
            Some(Value::Array(list)) => list.iter_mut().for_each(generalise),
            Some(single) => generalise(single),
            None => {}
        }
    }
    alone(version, &statement)
}

/// `arn:aws:s3:::bucket/${aws:username}` as `arn:aws:s3:::bucket/*`.
fn generalise(resource: &mut Value) {
    let Some(text) = resource.as_str() else { return };
    let mut general = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        general.push_str(before);
        let Some((_, after)) = after.split_once('}') else {
            rest = after;
            break;
        };
        general.push('*');
        rest = after;
    }
    general.push_str(rest);
    *resource = Value::String(general);
}

/// The keys of the variables in a text. One with a default value is not missed.
fn variables(text: &str) -> impl Iterator<Item = String> {
    text.split("${").skip(1).filter_map(|rest| {
        let name = rest.split_once('}')?.0.trim();
        let special = matches!(name, "*" | "?" | "$") || name.contains(',');
        (!special && !name.is_empty()).then(|| name.to_owned())
    })
}

/// From just behind what comes before each statement to just behind its own end. The text is JSON that was read before.
fn spans(text: &str) -> Vec<(usize, usize)> {
    let mut spans = Vec::new();
    let mut depth = 0_usize;
    let mut key = None;
    // Where the statements lie: in the policy's object, or in a list in it.
    let mut inside: Option<(usize, usize)> = None;
    let mut bytes = text.bytes().enumerate();
    while let Some((at, byte)) = bytes.next() {
        match byte {
            b'"' => {
                let mut escaped = false;
                let end = bytes.by_ref().find(|(_, byte)| {
                    let closes = *byte == b'"' && !escaped;
                    escaped = *byte == b'\\' && !escaped;
                    closes
                });
                if depth == 1 && inside.is_none() {
                    key = end.and_then(|(end, _)| text.get(at..=end));
                }
            }
            b':' if depth == 1 => {
                let name = key.and_then(|key| serde_json::from_str::<String>(key).ok());
                if name.as_deref() == Some("Statement") {
                    spans.clear();
                    inside = Some((1, at + 1));
                }
            }
            b'[' if depth == 1 && inside.is_some() => {
                depth = 2;
                inside = Some((2, at + 1));
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                match inside {
                    Some((level, start)) if byte == b'}' && depth == level => spans.push((start, at + 1)),
                    Some((2, _)) if depth == 1 => inside = None,
                    _ => {}
                }
            }
            b',' => match inside {
                Some((2, _)) if depth == 2 => inside = Some((2, at + 1)),
                Some((1, _)) if depth == 1 => inside = None,
                _ => {}
            },
            _ => {}
        }
    }
    spans
}

fn position(text: &str, at: usize) -> Position {
    let before = text.get(..at).unwrap_or_default();
    let line = before.rsplit('\n').next().unwrap_or_default();
    Position {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source::new("p".to_owned(), "none", text, text.parse().unwrap())
    }

    #[test]
    fn statements_stand_where_the_command_line_reference_shows_them() {
        // The example of `aws iam simulate-principal-policy`: lines 3 to 9, columns 19 and 10.
        let text = "{\n    \"Version\": \"2012-10-17\",\n    \"Statement\": [\n        {\n            \"Effect\": \"Allow\",\n            \
                    \"Action\": \"codecommit:ListRepositories\",\n            \"Resource\": \"*\",\n            \"Sid\": \"a\"\n        }\n    ]\n}";
        let source = source(text);
        let part = &source.statements[0];
        assert_eq!((part.start.line, part.start.column), (3, 19));
        assert_eq!((part.end.line, part.end.column), (9, 10));
    }

    #[test]
    fn every_statement_is_found_in_every_spelling() {
        let one = r#"{"Effect":"Allow","Action":"s3:*","Resource":["a:}","*"]}"#
            .replace("a:}", "arn:aws:s3:::}{][,");
        for (text, count) in [
            (format!(r#"{{"Statement":{one}}}"#), 1),
            (
                format!(r#"{{"Statement":{one},"Version":"2012-10-17","Id":"Statement"}}"#),
                1,
            ),
            (
                format!(r#"{{"Id":"a\"b","Statement":[{one},{one} , {one}],"Version":"2012-10-17"}}"#),
                3,
            ),
            (format!(r#"{{"St\u0061tement":[{one}]}}"#), 1),
            (r#"{"Statement":[],"Version":"2012-10-17"}"#.to_owned(), 0),
        ] {
            assert_eq!(source(&text).statements.len(), count, "{text}");
        }
    }

    #[test]
    fn keys_come_from_conditions_and_variables() {
        let text = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/${aws:username}/${*}",
            "Condition":{"StringEquals":{"aws:SourceIp":"${aws:userid, 'x'}"}}}}"#;
        let source = source(text);
        let part = &source.statements[0];
        assert_eq!(Vec::from_iter(&part.keys), ["aws:SourceIp", "aws:username"]);
        assert_eq!(
            part.bare.statements()[0].resources().unwrap(),
            ["arn:aws:s3:::b/*/*"]
        );
    }
}

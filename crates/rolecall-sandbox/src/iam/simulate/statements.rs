//! The policies of a simulation, and where their statements stand.

use rolecall::policy::Document;

/// A policy of a simulation.
pub(super) struct Source {
    /// What it is called between the evaluator and here, unlike any other.
    pub(super) key: String,
    /// What answers call it.
    pub(super) id: String,
    /// `SourcePolicyType`.
    pub(super) kind: &'static str,
    pub(super) document: Document,
    pub(super) characters: usize,
    /// Where each statement begins and ends.
    pub(super) spans: Vec<(Position, Position)>,
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
            key: String::new(),
            id,
            kind,
            characters: text.len(),
            spans: positions(text, &offsets(text)),
            document,
        }
    }
}

/// From just behind what comes before each statement to just behind its own end. The text is JSON that was read before.
fn offsets(text: &str) -> Vec<(usize, usize)> {
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

/// The positions of ascending offsets, as those of statements in JSON are. The text is gone through once, however many statements there are in it.
fn positions(text: &str, offsets: &[(usize, usize)]) -> Vec<(Position, Position)> {
    let mut here = Position { line: 1, column: 1 };
    let mut reached = 0;
    let mut go = |offset: usize| {
        for c in text.get(reached..offset).unwrap_or_default().chars() {
            here = match c {
                '\n' => Position {
                    line: here.line + 1,
                    column: 1,
                },
                _ => Position {
                    column: here.column + 1,
                    ..here
                },
            };
        }
        reached = reached.max(offset);
        here
    };
    offsets
        .iter()
        .map(|(start, end)| (go(*start), go(*end)))
        .collect()
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
        let place = |line, column| Position { line, column };
        assert_eq!(source.spans, [(place(3, 19), place(9, 10))]);
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
        ] {
            assert_eq!(source(&text).spans.len(), count, "{text}");
        }
    }

    /// What a position is: newlines before it, and characters since the last one.
    fn position(text: &str, at: usize) -> Position {
        let before = text.get(..at).unwrap_or_default();
        let line = before.rsplit('\n').next().unwrap_or_default();
        Position {
            line: before.matches('\n').count() + 1,
            column: line.chars().count() + 1,
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_does_harm(text in r#"[{}\[\]":,\\a-cä\n]{0,60}"#) {
            for text in [&text, &format!("{{\"Statement\":{text}")] {
                let offsets = offsets(text);
                let ascending = offsets.windows(2).all(|pair| pair[0].1 <= pair[1].0);
                for ((start, end), place) in offsets.iter().zip(positions(text, &offsets)) {
                    proptest::prop_assert!(start <= end && text.get(*start..*end).is_some());
                    let expected = (position(text, *start), position(text, *end));
                    proptest::prop_assert!(!ascending || place == expected);
                }
            }
        }
    }
}

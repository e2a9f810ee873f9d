//! A line as a shell reads it, up to where it is being typed.

/// The words before the current one, without the program's name, and what there is of the current one.
#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Line {
    pub(super) words: Vec<String>,
    /// Without its quotes.
    pub(super) current: String,
    /// How much of `current` stands before the part that bash puts another text in the place of.
    kept: usize,
    /// The quote that is open.
    quote: Option<char>,
    /// What stands behind ` -- `, as it was typed.
    rest: String,
}

impl Line {
    /// Words that the shell has parted itself; the last one is the current one.
    pub(super) fn of_words(words: impl Iterator<Item = String>) -> Self {
        let mut words: Vec<_> = words.skip(1).collect();
        Self {
            current: words.pop().unwrap_or_default(),
            words,
            ..Self::default()
        }
    }

    /// Reads a line up to the cursor. `breaks` are the characters that part words for readline, and for nobody else.
    pub(super) fn read(text: &str, breaks: &str) -> Self {
        let mut line = Self::default();
        let mut word: Option<String> = None;
        let mut chars = text.char_indices().peekable();
        let mut rest_at = None;
        while let Some((at, c)) = chars.next() {
            let next = chars.peek().map(|(_, next)| *next);
            match (line.quote, c) {
                (None, ' ' | '\t' | '\n') => {
                    if let Some(done) = word.take() {
                        if done == "--" && rest_at.is_none() {
                            rest_at = Some(at + 1);
                        }
                        line.words.push(done);
                    }
                    line.kept = 0;
                    continue;
                }
                (None, '\'' | '"') => {
                    line.quote = Some(c);
                    line.kept = word.as_ref().map_or(0, String::len);
                    word.get_or_insert_default();
                    continue;
                }
                (Some(quote), c) if c == quote => {
                    line.quote = None;
                    line.kept = word.as_ref().map_or(0, String::len);
                    continue;
                }
                (None, '\\') => {
                    chars.next();
                    word.get_or_insert_default().extend(next);
                    continue;
                }
                (Some('"'), '\\') if next.is_some_and(|next| "\"$`\\".contains(next)) => {
                    chars.next();
                    word.get_or_insert_default().extend(next);
                    continue;
                }
                _ => {}
            }
            let word = word.get_or_insert_default();
            word.push(c);
            if line.quote.is_none() && breaks.contains(c) {
                line.kept = word.len();
            }
        }
        line.current = word.unwrap_or_default();
        line.rest = rest_at
            .and_then(|at| text.get(at..))
            .unwrap_or_default()
            .to_owned();
        // Settings before a command, and its name.
        let settings = line.words.iter().take_while(|word| is_setting(word)).count();
        line.words.drain(..(settings + 1).min(line.words.len()));
        line
    }

    /// What stands behind ` -- `, on one line.
    pub(super) fn behind_dashes(&self) -> String {
        self.rest.trim_start().replace('\n', " ")
    }

    /// What bash is to put in the place of the part that it replaces, so that the whole word is `value`.
    pub(super) fn replacement(&self, value: &str) -> String {
        let rest = value.get(self.kept..).unwrap_or_default();
        match self.quote {
            Some('\'') => rest.replace('\'', r"'\''"),
            Some(_) => escaped(rest, |c| "\"$`\\".contains(c)),
            None => escaped(rest, |c| {
                c.is_ascii() && !c.is_ascii_alphanumeric() && !"_+,.%/:=@-".contains(c)
            }),
        }
    }
}

fn escaped(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_special(c) {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

/// `NAME=VALUE`.
fn is_setting(word: &str) -> bool {
    let name = word.split_once('=').map_or("", |(name, _)| name);
    !name.is_empty() && name.bytes().all(|b| b == b'_' || b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BREAKS: &str = " \t\n\"'@><=;|&(:";

    #[test]
    fn a_line_is_parted_as_shells_do() {
        for (text, words, current) in [
            ("rolecall ", &[][..], ""),
            ("rolecall ex", &[], "ex"),
            ("A=1 B=2 rolecall exec pr", &["exec"], "pr"),
            (r#"rolecall exec "my pr"#, &["exec"], "my pr"),
            (r"rolecall exec my\ pr", &["exec"], "my pr"),
            (
                r#"rolecall exec 'it'\''s' --x="a \"b\" $"#,
                &["exec", "it's"],
                "--x=a \"b\" $",
            ),
            (r"rolecall exec ''", &["exec"], ""),
            ("rolecall exec bücher/r\u{f6}", &["exec"], "bücher/rö"),
            (r"rolecall exec trailing\", &["exec"], "trailing"),
        ] {
            let line = Line::read(text, BREAKS);
            assert_eq!(
                (line.words.as_slice(), line.current.as_str()),
                (
                    &words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>()[..],
                    current
                ),
                "{text}"
            );
        }
        let line = Line::read("rolecall exec p -- git  com", BREAKS);
        assert_eq!(line.behind_dashes(), "git  com");
    }

    #[test]
    fn bash_gets_what_it_replaces_and_quoted_as_it_stands() {
        for (text, value, replacement) in [
            (
                "rolecall exec arn:aws:ia",
                "arn:aws:iam::1:role/A",
                "iam::1:role/A",
            ),
            ("rolecall exec --region=eu", "--region=eu-west-1", "eu-west-1"),
            ("rolecall exec My", "My \"A\" $x/R", r#"My\ \"A\"\ \$x/R"#),
            (r"rolecall exec My\ ", "My A/R", r"My\ A/R"),
            ("rolecall exec \"My ", "My \"A\" $x/R", r#"My \"A\" \$x/R"#),
            ("rolecall exec 'it", "it's $x", r"it'\''s $x"),
            (
                "rolecall exec \"arn:aws",
                "arn:aws:iam::1:role/A",
                "arn:aws:iam::1:role/A",
            ),
            ("rolecall exec b", "bücher", "bücher"),
            ("rolecall exec ", "~a#b", r"\~a\#b"),
        ] {
            assert_eq!(Line::read(text, BREAKS).replacement(value), replacement, "{text}");
        }
    }
}

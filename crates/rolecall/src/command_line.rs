//! A command that a profile names, in words: no shell ever reads it.

use std::fmt;
use std::str::FromStr;

use zeroize::Zeroizing;

use crate::error::Invalid;

/// The words of a command. Its arguments may hold a password, so nothing shows more than the program's name.
#[derive(Clone, Eq, PartialEq)]
pub struct CommandLine(Vec<Zeroizing<String>>);

impl CommandLine {
    /// The program, as it was written: a bare name or a path.
    pub fn program(&self) -> &str {
        self.0.first().map_or("", |word| word)
    }

    /// Every word, the program first.
    pub fn words(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().map(|word| word.as_str())
    }

    /// The words after the program.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.iter().skip(1).map(|word| word.as_str())
    }
}

/// Words as a POSIX shell parts them: blanks part, quotes and backslashes hold together. Nothing else of a shell means
/// anything, neither `$`, `|`, `;`, `~` nor `*`: they are characters of the words they stand in, as to botocore.
impl FromStr for CommandLine {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let words =
            shlex::split(text).ok_or_else(|| Invalid::new("the command has a quote that is not closed"))?;
        if words.first().is_none_or(String::is_empty) {
            return Err(Invalid::new("the command is empty"));
        }
        Ok(Self(words.into_iter().map(Zeroizing::new).collect()))
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.program())?;
        if self.0.len() > 1 {
            f.write_str(" …")?;
        }
        Ok(())
    }
}

impl fmt::Debug for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_parted_without_a_shell() {
        for (text, words) in [
            ("tool a b", vec!["tool", "a", "b"]),
            (
                r#""/opt/my tool" --x 'a b' c\ d"#,
                vec!["/opt/my tool", "--x", "a b", "c d"],
            ),
            ("tool; touch /tmp/x", vec!["tool;", "touch", "/tmp/x"]),
            ("tool $(touch x) ~ *", vec!["tool", "$(touch", "x)", "~", "*"]),
            ("tool ''", vec!["tool", ""]),
        ] {
            let command: CommandLine = text.parse().unwrap();
            assert_eq!(command.words().collect::<Vec<_>>(), words, "{text}");
        }
        for bad in ["", "  ", "tool 'open", "'' x"] {
            assert!(bad.parse::<CommandLine>().is_err(), "{bad}");
        }
    }

    #[test]
    fn arguments_are_not_shown() {
        let command: CommandLine = "/opt/tool --password CANARY".parse().unwrap();
        assert_eq!(format!("{command} {command:?}"), "/opt/tool … `/opt/tool …`");
    }
}

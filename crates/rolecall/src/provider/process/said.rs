//! What a command said when it failed, made fit to be shown: its last line, without what may be a secret.

use crate::command_line::CommandLine;

/// Longer is no line for a person.
const LONGEST: usize = 300;
/// Keys, tokens and their parts are longer; what is written in words is shorter.
const SECRET: usize = 16;

/// The last line with something in it, of bounded length. Runs of 16 and more characters that keys and tokens are made
/// of, and whatever the command was given as an argument, are left out.
pub(super) fn last_line(stderr: &[u8], command: &CommandLine) -> Option<String> {
    let text = String::from_utf8_lossy(stderr);
    let line = text
        .split(['\n', '\r'])
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    let mut line: String = line
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    for argument in command.arguments() {
        // An option's name is no secret; its value may be.
        let value = match argument.split_once('=') {
            Some((_, value)) if argument.starts_with('-') => value,
            _ => argument,
        };
        if value.len() >= 6 && !value.starts_with('-') {
            line = line.replace(value, "…");
        }
    }
    let line = masked(&line);
    Some(match line.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line,
    })
}

/// Without the runs of 16 and more characters that keys and tokens are made of.
pub(in crate::provider) fn masked(line: &str) -> String {
    let is_of_keys = |c: char| c.is_ascii_alphanumeric() || "+/=_-".contains(c);
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        let run = rest
            .find(|c| is_of_keys(c) != is_of_keys(first))
            .unwrap_or(rest.len());
        let (run, after) = rest.split_at(run);
        shown.push_str(if is_of_keys(first) && run.len() >= SECRET {
            "…"
        } else {
            run
        });
        rest = after;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(stderr: &str) -> Option<String> {
        last_line(
            stderr.as_bytes(),
            &"tool --password=hunter22 prod correct-horse".parse().unwrap(),
        )
    }

    #[test]
    fn the_last_line_is_shown_without_what_may_be_a_secret() {
        for (stderr, shown) in [
            ("first\nno such profile `prod`\n\n  \n", "no such profile `prod`"),
            ("key AKIAIOSFODNN7EXAMPLE is old", "key … is old"),
            ("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "…"),
            ("token=abcdefghijklmnopqrstuvwxyz== bad", "… bad"),
            ("hunter22 is wrong, correct-horse too", "… is wrong, … too"),
            ("progress\rdone \u{1b}[31mred", "done  [31mred"),
        ] {
            assert_eq!(said(stderr).as_deref(), Some(shown), "{stderr:?}");
        }
        assert_eq!(said("\n \n"), None);
        let long = said(&"word ".repeat(1000)).unwrap();
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}

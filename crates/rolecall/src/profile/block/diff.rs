//! What changes in a file, line by line, for a person to read: what is secret in it is masked.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt::Write as _;

use crate::error::printable;
use crate::profile::BLANKS;
use crate::profile::keys;
use crate::profile::mask::masked;

/// How many lines around a change are shown.
const AROUND: usize = 3;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::profile) enum Op {
    /// In both, the first at this line of the one before.
    Same(usize),
    /// This line of the one before goes.
    Gone(usize),
    /// This line of the one after comes.
    New(usize),
}

/// The steps from one to the other. Lines that are in each exactly once hold the two together; between them what is the same
/// at both ends stays, and the rest is replaced: in linear time, but for sorting.
pub(in crate::profile) fn steps(before: &[&str], after: &[&str]) -> Vec<Op> {
    let mut steps = Vec::with_capacity(before.len() + after.len());
    let (mut from, mut to) = (0, 0);
    for (one, other) in anchors(before, after)
        .into_iter()
        .chain([(before.len(), after.len())])
    {
        let (left, right) = (&before[from..one], &after[to..other]);
        let head = left.iter().zip(right).take_while(|(a, b)| a == b).count();
        let tail = left[head..]
            .iter()
            .rev()
            .zip(right[head..].iter().rev())
            .take_while(|(a, b)| a == b)
            .count();
        steps.extend((from..from + head).map(Op::Same));
        steps.extend((from + head..one - tail).map(Op::Gone));
        steps.extend((to + head..other - tail).map(Op::New));
        steps.extend((one - tail..one).map(Op::Same));
        if one < before.len() && other < after.len() {
            steps.push(Op::Same(one));
        }
        (from, to) = (one + 1, other + 1);
    }
    steps
}

/// Pairs of lines that stand in each text exactly once, in the order of both: the longest such row.
fn anchors(before: &[&str], after: &[&str]) -> Vec<(usize, usize)> {
    #[derive(Default)]
    struct Places {
        before: (usize, usize),
        after: (usize, usize),
    }
    let mut places: HashMap<&str, Places> = HashMap::new();
    for (at, line) in before.iter().enumerate() {
        let place = &mut places.entry(line).or_default().before;
        *place = (place.0 + 1, at);
    }
    for (at, line) in after.iter().enumerate() {
        let place = &mut places.entry(line).or_default().after;
        *place = (place.0 + 1, at);
    }
    let mut pairs: Vec<_> = places
        .values()
        .filter(|place| place.before.0 == 1 && place.after.0 == 1)
        .map(|place| (place.before.1, place.after.1))
        .collect();
    pairs.sort_unstable();
    // The longest row that rises in both: `ends[n]` is the pair that ends the best row of n + 1 pairs.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(pairs.len());
    for (index, pair) in pairs.iter().enumerate() {
        let at = ends.partition_point(|end| pairs[*end].1 < pair.1);
        previous.push(at.checked_sub(1).map(|at| ends[at]));
        if at == ends.len() {
            ends.push(index);
        } else {
            ends[at] = index;
        }
    }
    let mut row = Vec::with_capacity(ends.len());
    let mut at = ends.last().copied();
    while let Some(index) = at {
        row.push(pairs[index]);
        at = previous[index];
    }
    row.reverse();
    row
}

/// The change as a unified diff of the file `name`. It is for eyes: what may be secret in it is masked.
pub(in crate::profile) fn unified(name: &str, before: &str, after: &str) -> String {
    let before: Vec<_> = before.split_inclusive('\n').collect();
    let after: Vec<_> = after.split_inclusive('\n').collect();
    let steps = steps(&before, &after);
    let changes: Vec<_> = (0..steps.len())
        .filter(|at| !matches!(steps[*at], Op::Same(_)))
        .collect();
    let Some(first) = changes.first() else {
        return String::new();
    };
    // Changes that are close are one hunk.
    let mut hunks = vec![(*first, *first)];
    for at in &changes {
        match hunks.last_mut() {
            Some((_, last)) if at - *last <= 2 * AROUND + 1 => *last = *at,
            _ => hunks.push((*at, *at)),
        }
    }
    let mut out = printable(format!("--- {name}")) + "\n" + &printable(format!("+++ {name}")) + "\n";
    let (mut at, mut from, mut to) = (0, 0, 0);
    let mut pass = |upto: usize| {
        for step in &steps[at..upto] {
            from += usize::from(!matches!(step, Op::New(_)));
            to += usize::from(!matches!(step, Op::Gone(_)));
        }
        at = upto;
        (from, to)
    };
    for (begin, end) in hunks {
        let (begin, end) = (begin.saturating_sub(AROUND), (end + AROUND + 1).min(steps.len()));
        let (one, other) = pass(begin);
        let (one_end, other_end) = pass(end);
        let range = |from: usize, to: usize| match to - from {
            0 => format!("{from},0"),
            1 => format!("{}", from + 1),
            count => format!("{},{count}", from + 1),
        };
        // Writing into a string never fails.
        let _ = writeln!(out, "@@ -{} +{} @@", range(one, one_end), range(other, other_end));
        for step in &steps[begin..end] {
            let (sign, line) = match step {
                Op::Same(line) => (' ', before[*line]),
                Op::Gone(line) => ('-', before[*line]),
                Op::New(line) => ('+', after[*line]),
            };
            let _ = writeln!(out, "{sign}{}", shown(line.trim_end_matches(['\n', '\r'])));
            if !line.ends_with('\n') {
                out.push_str("\\ No newline at end of file\n");
            }
        }
    }
    out
}

/// A line of a config file as it may be shown. Only what is known to hold no secret is: keys may stand in the file, and what
/// goes on below a value, or was commented out, may be anything.
fn shown(line: &str) -> String {
    const HIDDEN: &str = "…";
    let line = line.trim_start_matches('\u{feff}');
    if line.trim().is_empty() || line.starts_with('[') {
        return printable(line);
    }
    if line.starts_with(['#', ';']) {
        return if line.contains('=') {
            format!("{}{HIDDEN}", &line[..1])
        } else {
            printable(line)
        };
    }
    let known = line
        .split_once('=')
        .map(|(key, value)| (key.trim_matches(BLANKS), value.trim_matches(BLANKS)))
        .filter(|_| !line.starts_with(BLANKS));
    match known {
        // Our own command holds no password, and is what the person is asked about.
        Some((key, value)) if key == "credential_process" && is_ours(value) => printable(line),
        Some((key, value)) if keys::known(&key.to_ascii_lowercase()).is_some() => {
            match masked(&key.to_ascii_lowercase(), value) {
                Cow::Borrowed(shown) if shown == value => printable(line),
                shown => printable(format!("{key} = {shown}")),
            }
        }
        Some((key, _)) if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') => {
            format!("{key} = {HIDDEN}")
        }
        _ => HIDDEN.to_owned(),
    }
}

/// `rolecall credential-process NAME`, and not a word more.
fn is_ours(command: &str) -> bool {
    let name = command.strip_prefix("rolecall credential-process ");
    name.is_some_and(|name| {
        !name.is_empty()
            && !name.starts_with('-')
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"_-/.%@:+".contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The one after, made of the one before by the steps.
    fn apply(steps: &[Op], before: &[&str], after: &[&str]) -> (Vec<String>, Vec<String>) {
        let (mut left, mut right) = (Vec::new(), Vec::new());
        for step in steps {
            match step {
                Op::Same(at) => {
                    left.push(before[*at].to_owned());
                    right.push(before[*at].to_owned());
                }
                Op::Gone(at) => left.push(before[*at].to_owned()),
                Op::New(at) => right.push(after[*at].to_owned()),
            }
        }
        (left, right)
    }

    proptest! {
        #[test]
        fn the_steps_lead_from_one_to_the_other(
            before in prop::collection::vec("[a-f]{0,2}", 0..30), after in prop::collection::vec("[a-f]{0,2}", 0..30)
        ) {
            let before: Vec<_> = before.iter().map(String::as_str).collect();
            let after: Vec<_> = after.iter().map(String::as_str).collect();
            let (left, right) = apply(&steps(&before, &after), &before, &after);
            prop_assert_eq!(left, before);
            prop_assert_eq!(right, after);
        }
    }

    #[test]
    fn a_change_is_shown_with_its_surroundings() {
        let before: String = (1..=20).map(|n| format!("[profile p{n}]\n")).collect();
        let after = before.replace("[profile p5]\n", "[profile p5]\n[new]\n") + "[last]";
        assert_eq!(
            unified("f", &before, &after),
            "--- f\n+++ f\n@@ -3,6 +3,7 @@\n [profile p3]\n [profile p4]\n [profile p5]\n+[new]\n [profile p6]\n \
             [profile p7]\n [profile p8]\n@@ -18,3 +19,4 @@\n [profile p18]\n [profile p19]\n [profile p20]\n+[last]\n\
             \\ No newline at end of file\n"
        );
        assert_eq!(unified("f", "", "[a]\n"), "--- f\n+++ f\n@@ -0,0 +1 @@\n+[a]\n");
        assert_eq!(unified("f", "[a]\n", ""), "--- f\n+++ f\n@@ -1 +0,0 @@\n-[a]\n");
        assert_eq!(unified("f", "[a]\n", "[a]\n"), "");
    }

    #[test]
    fn no_secret_is_shown() {
        for (line, seen) in [
            (
                "aws_secret_access_key = CANARY",
                "aws_secret_access_key = **********",
            ),
            (
                "AWS_SECRET_ACCESS_KEY=CANARY",
                "AWS_SECRET_ACCESS_KEY = **********",
            ),
            ("  CANARY", "…"),
            (
                "credential_process = rolecall credential-process joe",
                "credential_process = rolecall credential-process joe",
            ),
            (
                "credential_process = rolecall credential-process joe --x CANARY",
                "credential_process = **********",
            ),
            (
                "credential_process = theirs CANARY",
                "credential_process = **********",
            ),
            ("# aws_secret_access_key = CANARY", "#…"),
            ("# a word", "# a word"),
            ("CANARY/abc=def", "…"),
            ("my_own = CANARY", "my_own = …"),
            (
                "endpoint_url = https://joe:CANARY@h/",
                "endpoint_url = https://***@h/",
            ),
            (
                "role_arn = arn:aws:iam::111111111111:role/a",
                "role_arn = arn:aws:iam::111111111111:role/a",
            ),
            ("[a\u{1b}[2J]", r"[a\u{1b}[2J]"),
        ] {
            assert_eq!(shown(line), seen);
        }
    }
}

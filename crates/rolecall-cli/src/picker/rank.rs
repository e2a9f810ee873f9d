//! Which rows fit what was typed, and which of them fits best.

/// For each letter that is found.
const FOUND: i32 = 16;
/// For one right behind the one before.
const CONSECUTIVE: i32 = 14;
/// For one at the start of a word.
const AT_START: i32 = 12;
/// For one in what a row goes by, and not in what it is.
const IN_NAME: i32 = 4;
/// For a row that was picked lately.
const LATELY: i32 = 6;
/// Less than anything.
const NEVER: i32 = i32::MIN / 2;

/// Room for scores, used again for every row: memory that is freed is wiped, and that takes its time.
#[derive(Debug, Default)]
struct Scratch {
    ends: Vec<i32>,
    next: Vec<i32>,
}

/// A row, prepared once.
#[derive(Debug)]
pub(super) struct Entry {
    letters: Vec<char>,
    /// What a letter is worth where it stands.
    worth: Vec<i32>,
    age: Option<usize>,
}

impl Entry {
    /// `age` says how many others were picked since it was.
    pub(super) fn new(name: &str, about: &str, age: Option<usize>) -> Self {
        let mut letters = Vec::with_capacity(name.len() + 1 + about.len());
        let mut worth = Vec::with_capacity(letters.capacity());
        let mut before = ' ';
        for (text, more) in [(name, IN_NAME), (" ", 0), (about, 0)] {
            for c in text.chars() {
                let starts = c.is_alphanumeric()
                    && (!before.is_alphanumeric()
                        || (before.is_lowercase() && c.is_uppercase())
                        || (before.is_ascii_digit() != c.is_ascii_digit()));
                worth.push(FOUND + more + if starts { AT_START } else { 0 });
                letters.push(lower(c));
                before = c;
            }
        }
        Self { letters, worth, age }
    }

    /// How well all the words fit, each with its letters in order; none where one does not.
    fn score(&self, words: &[Vec<char>], scratch: &mut Scratch) -> Option<i32> {
        let bonus = if self.age.is_some() { LATELY } else { 0 };
        words
            .iter()
            .try_fold(bonus, |sum, word| Some(sum + self.score_of(word, scratch)?))
    }

    /// The best way to find the letters of a word in order: the more of them stand together and at the start of words the
    /// better, and every letter between costs.
    fn score_of(&self, word: &[char], scratch: &mut Scratch) -> Option<i32> {
        let mut rest = word.iter();
        let mut wanted = rest.next();
        for letter in &self.letters {
            if wanted == Some(letter) {
                wanted = rest.next();
            }
        }
        if wanted.is_some() {
            return None;
        }
        // The best score that ends at each letter, for as much of the word as was looked at.
        let Scratch { ends, next } = scratch;
        ends.clear();
        ends.resize(self.letters.len(), NEVER);
        for (nth, c) in word.iter().enumerate() {
            next.clear();
            next.resize(self.letters.len(), NEVER);
            // The best one that ended further before, less what stands between.
            let mut apart = NEVER;
            for at in 0..self.letters.len() {
                if at >= 2 {
                    apart = (apart - 1).max(ends[at - 2] - 3);
                }
                if self.letters[at] != *c {
                    continue;
                }
                let before = match nth {
                    // The further from the start the worse, but not by much.
                    0 => -i32::try_from(at.min(10)).unwrap_or_default(),
                    _ if at == 0 => NEVER,
                    _ => (ends[at - 1] + CONSECUTIVE).max(apart),
                };
                if before > NEVER / 2 {
                    next[at] = before + self.worth[at];
                }
            }
            std::mem::swap(ends, next);
        }
        ends.iter().copied().max().filter(|best| *best > NEVER / 2)
    }
}

/// The rows that fit, best first; without a word all of them, those that were picked lately first.
pub(super) fn ranked(entries: &[Entry], query: &str) -> Vec<usize> {
    let words: Vec<Vec<char>> = query
        .split_whitespace()
        .map(|word| word.chars().map(lower).collect())
        .collect();
    let mut scratch = Scratch::default();
    let scored = entries
        .iter()
        .enumerate()
        .filter_map(|(at, entry)| Some((at, entry.score(&words, &mut scratch)?)));
    let mut scored: Vec<_> = scored.collect();
    scored.sort_by_key(|(at, score)| {
        let entry = &entries[*at];
        // Without a word there is nothing to be short for.
        let length = if words.is_empty() { 0 } else { entry.letters.len() };
        (
            std::cmp::Reverse(*score),
            entry.age.unwrap_or(usize::MAX),
            length,
            *at,
        )
    });
    scored.into_iter().map(|(at, _)| at).collect()
}

fn lower(c: char) -> char {
    c.to_lowercase().next().unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(rows: &[(&str, Option<usize>)], query: &str) -> Vec<String> {
        let entries: Vec<_> = rows
            .iter()
            .map(|(name, age)| Entry::new(name, "allowed", *age))
            .collect();
        ranked(&entries, query)
            .into_iter()
            .map(|at| rows[at].0.to_owned())
            .collect()
    }

    #[test]
    fn what_fits_better_comes_first() {
        for (rows, query, expected) in [
            // Together before apart, and the start of a word before its middle.
            (&["p-r-o-d", "prod"][..], "prod", &["prod", "p-r-o-d"][..]),
            (&["reprod", "acme/prod"], "prod", &["acme/prod", "reprod"]),
            (
                &["blue-app", "big-apple-admin"],
                "baa",
                &["big-apple-admin", "blue-app"],
            ),
            // Words as people join them.
            (&["xadeployx", "AcmeDeploy"], "ad", &["AcmeDeploy", "xadeployx"]),
            // The shorter of two.
            (
                &["production-eu", "production"],
                "production",
                &["production", "production-eu"],
            ),
            // In any case; every word has to fit, in any order.
            (&["Acme/Admin", "Acme/Reader"], "admin ACME", &["Acme/Admin"]),
            (&["a/b"], "b/a", &[]),
            (&["Bücher/Öl"], "öl", &["Bücher/Öl"]),
            // What a row is counts too.
            (&["x"], "allowed", &["x"]),
        ] {
            let rows: Vec<_> = rows.iter().map(|name| (*name, None)).collect();
            assert_eq!(order(&rows, query), expected, "{query}");
        }
        let rows = [("a", None), ("b", Some(1)), ("c", Some(0))];
        assert_eq!(order(&rows, ""), ["c", "b", "a"]);
        let rows = [("prod-a", None), ("prod-b", Some(3))];
        assert_eq!(order(&rows, "prod"), ["prod-b", "prod-a"]);
    }

    #[test]
    fn of_ten_thousand_rows_those_that_fit_are_found_and_the_likest_is_first() {
        let entries: Vec<_> = (0..10_000)
            .map(|n| {
                Entry::new(
                    &format!("Account {}/team/Role{n}", n / 10),
                    "conditional: sts:ExternalId",
                    None,
                )
            })
            .collect();
        let found = ranked(&entries, "acc role99");
        assert!(found.len() > 100 && found.len() < 10_000, "{}", found.len());
        // The number of a row is that of its role.
        assert!(found[0].to_string().starts_with("99"), "{}", found[0]);
    }
}
